//! Judges the values of one table: ranges, choices, keys that are missing or do not apply, lists that repeat.
//!
//! Invariants: every method pushes what is wrong and answers `None` then; a value that was already reported as
//! being of the wrong type ([`Field::Broken`]) is `None` without another word.

use super::diagnostics::Diagnostics;
use super::place::{Located, Place};
use super::reader::{Field, Integers, List};
use super::suggestion::nearest;
use super::table::{Keyed, KindField, KindKeys, RawTable};
use crate::key::{Absent, Bound, Form, Key, Literal, Value, Values, Variant};
use std::collections::{HashMap, HashSet};
use std::fmt::{Debug, Display};
use std::ops::RangeInclusive;

/// Entries of one axis, of all its tables together, may not be more: a file of some lines could else ask for more memory
/// than there is, by lists that multiply and by ranges.
pub(crate) const AXIS_LIMIT: usize = 1_000_000;

/// Seeds may not be more.
pub(crate) const SEED_LIMIT: usize = 10_000_000;

/// Judges one table.
pub(crate) struct Judge<'a> {
    /// As written in the file: `[train]`, `[[optimiser]]`.
    pub(crate) header: &'a str,
    /// The table's header.
    pub(crate) place: &'a Place,
    /// Where errors go.
    pub(crate) diagnostics: &'a mut Diagnostics,
}

impl<'a> Judge<'a> {
    /// The judge of a table.
    pub(crate) fn of<T>(header: &'a str, table: &'a RawTable<T>, diagnostics: &'a mut Diagnostics) -> Self {
        Judge { header, place: &table.place, diagnostics }
    }

    /// Reports that a required key is not there.
    pub(crate) fn missing<T>(&mut self, key: &str, example: &str) -> Option<T> {
        let error = self.diagnostics.error(self.place, format!("`{key}` is missing in {}", self.header));
        error.help(format!("write, say, {key} = {example}"));
        None
    }

    /// What a key was given; that it is missing is reported if it is required.
    pub(crate) fn required<'k, T>(&mut self, key: &'k Keyed<T>) -> Option<&'k Located<T>> {
        match (&key.field, key.key.absent) {
            (Field::Given(given), _) => Some(given),
            (Field::Absent, Absent::Required(example)) => self.missing(key.key.name, example),
            _ => None,
        }
    }

    /// Reports a key that is given, but says nothing about `what`: its descriptor says what it applies to.
    pub(crate) fn does_not_apply<T>(&mut self, what: &str, key: &Keyed<T>) {
        let Key { name, applies_to, instead, .. } = key.key;
        let goes_with = format!("{}{instead}", applies_to.replace('`', ""));
        self.not_applicable(what, &[(name, key.given().map(|given| given.place.clone()), &goes_with)]);
    }

    /// Reports keys that are given, but say nothing about `what`.
    pub(crate) fn not_applicable(&mut self, what: &str, keys: &[(&str, Option<Place>, &str)]) {
        for (key, place, goes_with) in keys {
            if let Some(place) = place {
                self.diagnostics
                    .error(place, format!("`{key}` does not apply to {what}"))
                    .help(format!("`{key}` goes with {goes_with}"));
            }
        }
    }

    /// One integer in a range.
    pub(crate) fn whole_value(
        &mut self,
        key: &str,
        value: &Located<i128>,
        range: RangeInclusive<i128>,
    ) -> Option<Located<usize>> {
        if let (true, Ok(whole)) = (range.contains(&value.value), usize::try_from(value.value)) {
            return Some(value.with(whole));
        }
        let (low, high) = (range.start(), range.end());
        let message = if value.value < *low {
            format!("`{key}` must be at least {low}")
        } else if high < low {
            format!("`{key}` has no possible value here")
        } else {
            format!("`{key}` must be at most {high}")
        };
        self.diagnostics.error(&value.place, message).label(format!("found {}", value.value));
        None
    }

    /// An integer that is given, within its key's bound; the default, where there is one. `None` too where the key is
    /// absent and has no value then, which is not reported.
    pub(crate) fn whole(&mut self, key: &Keyed<i128>) -> Option<usize> {
        match &key.field {
            Field::Broken => None,
            Field::Given(given) => {
                self.whole_value(key.key.name, given, key.key.bound.range()).map(|whole| whole.value)
            }
            Field::Absent => self.default(&key.key, |literal| match literal {
                Literal::Integer(value) => usize::try_from(value).ok(),
                _ => None,
            }),
        }
    }

    /// A real number, as [`Judge::whole`] an integer.
    pub(crate) fn number(&mut self, key: &Keyed<f64>) -> Option<f64> {
        match &key.field {
            Field::Broken => None,
            Field::Given(given) => self.real(key.key.name, given, key.key.bound).map(|real| real.value),
            Field::Absent => self.default(&key.key, number),
        }
    }

    /// True or false, as [`Judge::whole`] an integer.
    pub(crate) fn flag(&mut self, key: &Keyed<bool>) -> Option<bool> {
        match &key.field {
            Field::Broken => None,
            Field::Given(given) => Some(given.value),
            Field::Absent => self.default(&key.key, |literal| match literal {
                Literal::Flag(flag) => Some(flag),
                _ => None,
            }),
        }
    }

    /// An axis of integers.
    pub(crate) fn wholes(&mut self, key: &Keyed<List<i128>>) -> Option<List<usize>> {
        self.wholes_within(&key.key, &key.field, key.key.bound.range())
    }

    /// An axis of integers of a range that the rest of the table decides.
    pub(crate) fn wholes_within(
        &mut self,
        key: &Key,
        field: &Field<List<i128>>,
        range: RangeInclusive<i128>,
    ) -> Option<List<usize>> {
        let default = |literal| match literal {
            Literal::Integer(value) => usize::try_from(value).ok(),
            _ => None,
        };
        self.axis(key, field, default, |judge, value| judge.whole_value(key.name, value, range.clone()))
    }

    /// An axis of real numbers.
    pub(crate) fn reals(&mut self, key: &Keyed<List<f64>>) -> Option<List<f64>> {
        self.reals_of(&key.key, &key.field)
    }

    fn reals_of(&mut self, key: &Key, field: &Field<List<f64>>) -> Option<List<f64>> {
        self.axis(key, field, number, |judge, value| judge.real(key.name, value, key.bound))
    }

    /// One real number within a bound.
    pub(crate) fn real(&mut self, key: &str, value: &Located<f64>, bound: Bound) -> Option<Located<f64>> {
        if bound.holds(value.value) {
            // −0 is 0, in identities too.
            return Some(value.with(value.value + 0.0));
        }
        let error = self.diagnostics.error(&value.place, format!("`{key}` must be {}", bound.sentence()));
        error.label(format!("found {}", value.value));
        if value.value.is_finite() && bound.holds(value.value.clamp(1e-30, 0.999_999)) && value.value > 0.0 {
            let single = value.value as f32;
            if f64::from(single) != value.value && (single == 0.0 || single == 1.0) {
                error.help(format!("training computes in single precision, where this is {single}"));
            }
        }
        None
    }

    /// An axis of words.
    pub(crate) fn choices<T: Copy + PartialEq + Debug>(
        &mut self,
        key: &Keyed<List<String>>,
        allowed: &[(&str, T)],
    ) -> Option<List<T>> {
        let default = |literal| match literal {
            Literal::Word(word) => allowed.iter().find(|(name, _)| *name == word).map(|(_, value)| *value),
            _ => None,
        };
        let name = key.key.name;
        self.axis(&key.key, &key.field, default, |judge, word| Some(word.with(judge.word(name, word, allowed)?)))
    }

    /// One word.
    pub(crate) fn choice<T: Copy>(&mut self, key: &Keyed<String>, allowed: &[(&str, T)]) -> Option<T> {
        match &key.field {
            Field::Broken => None,
            Field::Given(word) => self.word(key.key.name, word, allowed),
            Field::Absent => self.default(&key.key, |literal| match literal {
                Literal::Word(word) => allowed.iter().find(|(name, _)| *name == word).map(|(_, value)| *value),
                _ => None,
            }),
        }
    }

    /// What stands for an absent key: its default; nothing, which is reported if the key is required.
    fn default<T>(&mut self, key: &Key, read: impl FnOnce(Literal) -> Option<T>) -> Option<T> {
        match key.absent {
            Absent::Required(example) => self.missing(key.name, example),
            Absent::Is(literal) => read(literal),
            Absent::Means(_) => None,
        }
    }

    /// Every combination of the values of the keys that a kind brings, those of the last key changing first.
    pub(crate) fn kind(&mut self, kinds: &KindKeys, kind: &Variant) -> Option<Vec<Values>> {
        let mut lists: Vec<(&'static str, Vec<Value>)> = Vec::new();
        let mut sound = true;
        let mut later = Vec::new();
        for key in &kind.keys {
            // What is bounded by another key is judged once that one is known.
            match key.bound {
                Bound::UpTo(..) => later.push(*key),
                _ => {
                    let read = self.kind_key(kinds, key, key.bound.range());
                    sound &= read.is_some();
                    lists.push((key.name, read.unwrap_or_default()));
                    continue;
                }
            }
            lists.push((key.name, Vec::new()));
        }
        for key in later {
            let Bound::UpTo(least, other) = key.bound else { continue };
            let values = lists.iter().find(|(name, _)| *name == other).map(|(_, values)| values.as_slice());
            let wholes = values.unwrap_or_default().iter().filter_map(|value| match value {
                Value::Whole(whole) => i128::try_from(*whole).ok(),
                _ => None,
            });
            let most = wholes.min().unwrap_or(*key.bound.range().end());
            let read = self.kind_key(kinds, &key, least..=most);
            sound &= read.is_some();
            for (_, values) in lists.iter_mut().filter(|(name, _)| *name == key.name) {
                *values = read.clone().unwrap_or_default();
            }
        }
        if !sound {
            return None;
        }
        let count = self.product(lists.iter().map(|(_, values)| values.len()))?;
        Some(
            (0..count)
                .map(|mut rest| {
                    let mut at: Vec<(&'static str, Value)> = Vec::with_capacity(lists.len());
                    for (name, values) in lists.iter().rev() {
                        at.push((name, values[rest % values.len()].clone()));
                        rest /= values.len();
                    }
                    Values::new(at.into_iter().rev())
                })
                .collect(),
        )
    }

    /// The values of one key of a kind.
    fn kind_key(&mut self, kinds: &KindKeys, key: &Key, range: RangeInclusive<i128>) -> Option<Vec<Value>> {
        let field = kinds.get(key.name);
        if matches!(key.absent, Absent::Means(_)) && field.is_none_or(KindField::is_absent) {
            return Some(vec![Value::Absent]);
        }
        fn values<T: Copy>(list: List<T>, value: fn(T) -> Value) -> Vec<Value> {
            list.into_iter().map(|item| value(item.value)).collect()
        }
        match field? {
            KindField::Integers(field) => Some(values(self.wholes_within(key, field, range)?, Value::Whole)),
            KindField::Numbers(field) => Some(values(self.reals_of(key, field)?, Value::Real)),
            KindField::Strings(field) => {
                let words: Vec<_> = key.choices().unwrap_or_default().iter().map(|w| (*w, *w)).collect();
                let keyed = Keyed { key: *key, field: field.clone() };
                Some(values(self.choices(&keyed, &words)?, Value::Word))
            }
            KindField::Flag(field) => {
                let keyed = Keyed { key: *key, field: field.clone() };
                Some(vec![Value::Flag(self.flag(&keyed)?)])
            }
            KindField::Names(field) => {
                let keyed = Keyed { key: *key, field: field.clone() };
                let names = &self.required(&keyed)?.value;
                self.distinct(key.name, names.iter().map(|name| (name.value.clone(), &name.place)));
                Some(vec![Value::Names(names.iter().map(|name| name.value.clone()).collect())])
            }
            // The elements of a network are read by the table whose key they are.
            KindField::Node(_) => Some(vec![Value::Absent]),
            KindField::Lists(field) => {
                Some(self.whole_lists(key, field, range)?.into_iter().map(Value::Wholes).collect())
            }
        }
    }

    /// An axis of lists of whole numbers. Where the key is required no list may be empty; its default is the empty one.
    fn whole_lists(
        &mut self,
        key: &Key,
        field: &Field<List<List<i128>>>,
        range: RangeInclusive<i128>,
    ) -> Option<Vec<Vec<usize>>> {
        let required = match key.absent {
            Absent::Required(example) => Some(example),
            _ => None,
        };
        let lists = match field {
            Field::Broken => return None,
            Field::Absent => return required.map_or(Some(vec![Vec::new()]), |example| self.missing(key.name, example)),
            Field::Given(lists) => lists,
        };
        let mut out = Vec::new();
        let mut sound = true;
        for list in &lists.value {
            if let (true, Some(example)) = (list.value.is_empty(), required) {
                let error = self.diagnostics.error(&list.place, format!("`{}` has no layer", key.name));
                error.help(format!("write, say, {} = {example}", key.name));
                sound = false;
            }
            let read: Vec<_> =
                list.value.iter().map(|width| self.whole_value(key.name, width, range.clone())).collect();
            sound &= read.iter().all(Option::is_some);
            out.push(read.into_iter().flatten().map(|width| width.value).collect::<Vec<usize>>());
        }
        let spelt = out.iter().zip(&lists.value).map(|(list, written)| (format!("{list:?}"), &written.place));
        self.distinct(key.name, spelt);
        sound.then_some(out)
    }

    /// Reports what the keys of a kind say against each other: the first of the combinations that does.
    pub(crate) fn conflicting(
        &mut self,
        kinds: &KindKeys,
        all: &[Values],
        conflict: fn(&Values) -> Option<(&'static str, &'static str, &'static str)>,
    ) -> Option<()> {
        let Some((key, what, advice)) = all.iter().find_map(conflict) else { return Some(()) };
        let place = kinds.place(key).unwrap_or_else(|| self.place.clone());
        self.diagnostics.error(&place, format!("`{key}` {what}")).help(advice);
        None
    }

    /// Reports the even values of a key that must be odd.
    pub(crate) fn odd(&mut self, kinds: &KindKeys, key: &str) {
        let Some(KindField::Integers(Field::Given(given))) = kinds.get(key) else { return };
        for even in given.value.iter().filter(|number| number.value % 2 == 0) {
            let error = self.diagnostics.error(&even.place, format!("`{key}` must be odd"));
            error.label(format!("{} or {} would do", even.value - 1, even.value + 1));
        }
    }

    /// Judges what is given of the keys that kinds bring where it is not known which kind is meant: those of which every
    /// kind says the same.
    pub(crate) fn any_kind(&mut self, kinds: &KindKeys, all: &[Variant]) {
        for key in crate::key::union(all) {
            let mut namesakes = all.iter().flat_map(|kind| &kind.keys).filter(|other| other.name == key.name);
            let required = |key: &Key| matches!(key.absent, Absent::Required(_));
            // A list may be empty where its kind has a default for it.
            let alike = |other: &Key| {
                other.bound == key.bound && (key.form != Form::IntegerLists || required(other) == required(&key))
            };
            if kinds.place(key.name).is_some() && namesakes.all(alike) {
                self.kind_key(kinds, &key, key.bound.range());
            }
        }
    }

    /// Reports the keys that are given and that the kind does not have; `what` is the kind as it is written.
    pub(crate) fn of_other_kinds(&mut self, what: &str, kinds: &KindKeys, kind: &Variant, all: &[Variant]) {
        for key in crate::key::union(all) {
            let has = |variant: &Variant| variant.keys.iter().any(|other| other.name == key.name);
            if has(kind) {
                continue;
            }
            let with: Vec<&str> = all.iter().filter(|variant| has(variant)).map(|variant| variant.name).collect();
            let goes_with = format!("{}{}", listed(&with), key.instead);
            self.not_applicable(what, &[(key.name, kinds.place(key.name), &goes_with)]);
        }
    }

    fn word<T: Copy>(&mut self, key: &str, word: &Located<String>, allowed: &[(&str, T)]) -> Option<T> {
        if let Some((_, value)) = allowed.iter().find(|(name, _)| *name == word.value) {
            return Some(*value);
        }
        let names: Vec<&str> = allowed.iter().map(|(name, _)| *name).collect();
        let error = self.diagnostics.error(&word.place, format!("unknown {key} `{}`", word.value));
        if let Some(meant) = nearest(&word.value, &names) {
            error.label(format!("did you mean \"{meant}\"?"));
        }
        error.help(format!("allowed: {}", names.join(", ")));
        None
    }

    fn axis<T, U: Debug>(
        &mut self,
        key: &Key,
        field: &Field<List<T>>,
        default: impl FnOnce(Literal) -> Option<U>,
        convert: impl Fn(&mut Self, &Located<T>) -> Option<Located<U>>,
    ) -> Option<List<U>> {
        let given = match field {
            Field::Broken => return None,
            Field::Given(given) => given,
            Field::Absent => {
                let place = self.place.clone();
                return self.default(key, default).map(|value| vec![Located::new(value, place)]);
            }
        };
        let read: Vec<Option<Located<U>>> = given.value.iter().map(|item| convert(self, item)).collect();
        self.distinct(key.name, read.iter().flatten().map(|item| (format!("{:?}", item.value), &item.place)));
        read.into_iter().collect()
    }

    /// Reports every item of a list that was listed before; whether there is none.
    pub(crate) fn distinct<'i, V: Display + Eq + std::hash::Hash>(
        &mut self,
        key: &str,
        items: impl Iterator<Item = (V, &'i Place)>,
    ) -> bool {
        let mut seen = HashSet::new();
        let mut twice = Vec::new();
        for (value, place) in items {
            if seen.contains(&value) {
                twice.push((value, place.clone()));
            } else {
                seen.insert(value);
            }
        }
        let none = twice.is_empty();
        for (value, place) in twice {
            self.diagnostics.error(&place, format!("`{key}` lists {value} twice")).label("already listed");
        }
        none
    }

    /// Numbers of random streams: one, a list, or a range. `one_is_count`: a single `n` means 0 to n − 1, as seeds have it.
    pub(crate) fn streams(&mut self, key: &str, written: &Located<Integers>, one_is_count: bool) -> Option<Vec<u64>> {
        let largest = i128::from(i64::MAX);
        let limit = if one_is_count { SEED_LIMIT } else { AXIS_LIMIT } as i128;
        let range = |start: usize, count: usize| Some((start as u64..start as u64 + count as u64).collect());
        match &written.value {
            Integers::One(count) if one_is_count => {
                let count = self.whole_value(key, &written.with(*count), 1..=limit)?;
                range(0, count.value)
            }
            Integers::One(one) => Some(vec![self.whole_value(key, &written.with(*one), 0..=largest)?.value as u64]),
            Integers::List(items) => {
                let read: Vec<_> = items.iter().map(|item| self.whole_value(key, item, 0..=largest)).collect();
                self.distinct(key, read.iter().flatten().map(|item| (item.value, &item.place)));
                read.into_iter().map(|item| item.map(|item| item.value as u64)).collect()
            }
            Integers::Range { start, count, place } => {
                let first = match start {
                    Field::Absent => Some(0),
                    Field::Broken => None,
                    Field::Given(given) => {
                        self.whole_value("start", given, 0..=largest - limit).map(|whole| whole.value)
                    }
                };
                let count = match count {
                    Field::Absent => {
                        let error = self.diagnostics.error(place, format!("`{key}` lacks `count`"));
                        error.help(format!("write {key} = {{ start = 0, count = 64 }}"));
                        None
                    }
                    Field::Broken => None,
                    Field::Given(given) => self.whole_value("count", given, 1..=limit).map(|whole| whole.value),
                };
                range(first?, count?)
            }
        }
    }

    /// The number of entries that lists multiply to, if it is not too large for one table.
    fn product(&mut self, mut lengths: impl Iterator<Item = usize>) -> Option<usize> {
        let product = lengths.try_fold(1_usize, |product, length| product.checked_mul(length));
        let count = product.filter(|&count| count <= AXIS_LIMIT);
        if count.is_none() {
            let message = format!("the lists of this {} multiply to more than {AXIS_LIMIT} entries", self.header);
            self.diagnostics.error(self.place, message).help("shorten a list");
        }
        count
    }

    /// The places of a product of lists, if it is not too large for one table.
    pub(crate) fn combinations<const N: usize>(
        &mut self,
        lengths: [usize; N],
    ) -> Option<impl Iterator<Item = [usize; N]> + use<N>> {
        let count = self.product(lengths.into_iter())?;
        Some((0..count).map(move |mut rest| {
            let mut at = [0; N];
            for k in (0..N).rev() {
                at[k] = rest % lengths[k];
                rest /= lengths[k];
            }
            at
        }))
    }
}

/// The words of a choice.
pub(crate) fn words<T>(choice: &[(&'static str, T)]) -> Vec<&'static str> {
    choice.iter().map(|(word, _)| *word).collect()
}

/// The default of a key of real numbers.
fn number(literal: Literal) -> Option<f64> {
    match literal {
        Literal::Number(value) => Some(value),
        _ => None,
    }
}

/// `sgd, nesterov and rmsprop`.
pub(crate) fn listed(names: &[&str]) -> String {
    match names {
        [names @ .., last] if !names.is_empty() => format!("{} and {last}", names.join(", ")),
        names => names.concat(),
    }
}

/// Reports entries of an axis that several of its tables spell out: the grid would train the same cell twice.
pub(crate) fn repeated<T: Debug>(header: &str, entries: &[Located<T>], diagnostics: &mut Diagnostics) {
    let mut first: HashMap<String, &Place> = HashMap::new();
    let mut told: HashSet<(usize, usize)> = HashSet::new();
    if entries.iter().all(|entry| entry.place == entries[0].place) {
        return;
    }
    for entry in entries {
        let place = &entry.place;
        let earlier = *first.entry(format!("{:?}", entry.value)).or_insert(place);
        if earlier != place && told.insert((place.source, place.span.start)) {
            let message = format!("this {header} repeats an entry of another");
            let label = format!("the same as in the one of {}", diagnostics.name_of(earlier));
            diagnostics.error(place, message).label(label);
        }
    }
}
