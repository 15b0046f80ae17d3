//! Judges the values of one table: ranges, choices, keys that are missing or do not apply, lists that repeat.
//!
//! Invariants: every method pushes what is wrong and answers `None` then; a value that was already reported as
//! being of the wrong type ([`Field::Broken`]) is `None` without another word.

use crate::sweep::diagnostics::Diagnostics;
use crate::sweep::place::{Located, Place};
use crate::sweep::raw::RawTable;
use crate::sweep::reader::{Field, Integers, List};
use crate::sweep::suggestion::nearest;
use std::collections::{HashMap, HashSet};
use std::fmt::{Debug, Display};
use std::ops::RangeInclusive;

/// Entries of one axis, of all its tables together, may not be more: a file of some lines could else ask for more memory
/// than there is, by lists that multiply and by ranges.
pub(crate) const AXIS_LIMIT: usize = 1_000_000;

/// Seeds may not be more.
pub(crate) const SEED_LIMIT: usize = 10_000_000;

/// What stands for a key that is not there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Otherwise<T> {
    /// This value.
    Is(T),
    /// Nothing: the key is required, and this is how it may look.
    Required(&'static str),
}

/// Where a real number must lie. Checked in single precision as well, in which training computes: a momentum of
/// 1 − 1e-12 is 1 there, and a learning rate of 1e-60 is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bound {
    /// Greater than 0.
    Positive,
    /// 0 or greater.
    NotNegative,
    /// 0 ≤ x < 1.
    BelowOne,
    /// 0 < x < 1.
    InsideUnit,
    /// 0 ≤ x ≤ 1.
    Share,
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        let single = f64::from(value as f32);
        let inside = |x: f64| match self {
            Bound::Positive => x > 0.0,
            Bound::NotNegative => x >= 0.0,
            Bound::BelowOne => (0.0..1.0).contains(&x),
            Bound::InsideUnit => x > 0.0 && x < 1.0,
            Bound::Share => (0.0..=1.0).contains(&x),
        };
        value.is_finite() && single.is_finite() && inside(value) && inside(single)
    }

    fn sentence(self) -> &'static str {
        match self {
            Bound::Positive => "a finite number greater than 0",
            Bound::NotNegative => "a finite number not less than 0",
            Bound::BelowOne => "at least 0 and less than 1",
            Bound::InsideUnit => "greater than 0 and less than 1",
            Bound::Share => "a share between 0 and 1",
        }
    }
}

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

    /// An integer of a range, if it is given.
    pub(crate) fn whole_if_given(
        &mut self,
        key: &str,
        field: &Field<i128>,
        range: RangeInclusive<i128>,
    ) -> Option<usize> {
        self.whole_value(key, field.given()?, range).map(|whole| whole.value)
    }

    /// An axis of integers.
    pub(crate) fn wholes(
        &mut self,
        key: &str,
        field: &Field<List<i128>>,
        range: RangeInclusive<i128>,
        otherwise: Otherwise<usize>,
    ) -> Option<List<usize>> {
        self.axis(key, field, otherwise, |judge, value| judge.whole_value(key, value, range.clone()))
    }

    /// An axis of real numbers.
    pub(crate) fn reals(
        &mut self,
        key: &str,
        field: &Field<List<f64>>,
        bound: Bound,
        otherwise: Otherwise<f64>,
    ) -> Option<List<f64>> {
        self.axis(key, field, otherwise, |judge, value| judge.real(key, value, bound))
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
        key: &str,
        field: &Field<List<String>>,
        allowed: &[(&str, T)],
        otherwise: Otherwise<T>,
    ) -> Option<List<T>> {
        self.axis(key, field, otherwise, |judge, word| Some(word.with(judge.word(key, word, allowed)?)))
    }

    /// One word.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &str,
        field: &Field<String>,
        allowed: &[(&str, T)],
        otherwise: Otherwise<T>,
    ) -> Option<T> {
        match (field, otherwise) {
            (Field::Broken, _) => None,
            (Field::Given(word), _) => self.word(key, word, allowed),
            (Field::Absent, Otherwise::Is(value)) => Some(value),
            (Field::Absent, Otherwise::Required(example)) => self.missing(key, example),
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
        key: &str,
        field: &Field<List<T>>,
        otherwise: Otherwise<U>,
        convert: impl Fn(&mut Self, &Located<T>) -> Option<Located<U>>,
    ) -> Option<List<U>> {
        let given = match (field, otherwise) {
            (Field::Broken, _) => return None,
            (Field::Given(given), _) => given,
            (Field::Absent, Otherwise::Is(value)) => return Some(vec![Located::new(value, self.place.clone())]),
            (Field::Absent, Otherwise::Required(example)) => return self.missing(key, example),
        };
        let read: Vec<Option<Located<U>>> = given.value.iter().map(|item| convert(self, item)).collect();
        self.distinct(key, read.iter().flatten().map(|item| (format!("{:?}", item.value), &item.place)));
        read.into_iter().collect()
    }

    /// Reports every item of a list that was listed before.
    pub(crate) fn distinct<'i, V: Display + Eq + std::hash::Hash>(
        &mut self,
        key: &str,
        items: impl Iterator<Item = (V, &'i Place)>,
    ) {
        let mut seen = HashSet::new();
        let mut twice = Vec::new();
        for (value, place) in items {
            if seen.contains(&value) {
                twice.push((value, place.clone()));
            } else {
                seen.insert(value);
            }
        }
        for (value, place) in twice {
            self.diagnostics.error(&place, format!("`{key}` lists {value} twice")).label("already listed");
        }
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
                    field => self.whole_if_given("start", field, 0..=largest - limit),
                };
                let count = match count {
                    Field::Absent => {
                        let error = self.diagnostics.error(place, format!("`{key}` lacks `count`"));
                        error.help(format!("write {key} = {{ start = 0, count = 64 }}"));
                        None
                    }
                    field => self.whole_if_given("count", field, 1..=limit),
                };
                range(first?, count?)
            }
        }
    }

    /// The places of a product of lists, if it is not too large for one table.
    pub(crate) fn combinations<const N: usize>(
        &mut self,
        lengths: [usize; N],
    ) -> Option<impl Iterator<Item = [usize; N]> + use<N>> {
        let product = lengths.iter().try_fold(1_usize, |product, &length| product.checked_mul(length));
        let Some(count) = product.filter(|&count| count <= AXIS_LIMIT) else {
            let message = format!("the lists of this {} multiply to more than {AXIS_LIMIT} entries", self.header);
            self.diagnostics.error(self.place, message).help("shorten a list");
            return None;
        };
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
