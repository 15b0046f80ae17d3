//! The tables inside `[observe]`: one for each observable that is measured on copies of the weights, and the kept weights.
//!
//! Which keys a table has, with their bounds and defaults, the observable says ([`Keys`]); here they are read and judged.

use std::ops::RangeInclusive;

use super::diagnostics::Diagnostics;
use super::document::{Node, Value};
use super::judge::Judge;
use super::place::{Located, Place};
use super::reader::{Epochs, Field, List, TableReader};
use super::schedule::{self, Length};
use super::table::{Keyed, Table, no_kinds};
use crate::key::{Absent, Bound, Form, Key, Label, Literal};
use crate::observables::{Keys, Moments, Schedule, Scheduled, Unit, documentation};

/// The tables of the observables, with the keys that each asks for.
pub(super) fn tables() -> Vec<Table> {
    let table = |(name, meaning, _): (&'static str, &'static str, _)| {
        let mut asked = Descriptors::default();
        // What is answered here is no sweep; an observable asks for every key whatever the answers are.
        let _ = Scheduled::default().read(name, &mut asked);
        Table {
            name: format!("observe.{name}").leak(),
            header: format!("{name} = {{ … }}").leak(),
            about: meaning,
            keys: asked.0.leak(),
            kinds: no_kinds,
        }
    };
    documentation().into_iter().map(table).collect()
}

/// Lists the keys that an observable asks for, as descriptors.
#[derive(Default)]
struct Descriptors(Vec<Key>);

impl Descriptors {
    fn add(&mut self, name: &'static str, form: Form, absent: Absent, doc: &'static str) -> &mut Key {
        let at = self.0.len();
        // Whatever an observable takes a list of, nothing of it is an axis.
        self.0.push(Key { name, form, absent, doc, label: Label::Never, ..Key::BLANK });
        &mut self.0[at]
    }
}

impl Keys for Descriptors {
    fn schedule(&mut self, key: &'static str, meaning: &'static str) -> Option<Schedule> {
        self.add(key, Form::Epochs, Absent::Is(Literal::Word("log")), meaning);
        Some(Schedule::Every { every: 1 })
    }

    fn positive_numbers(
        &mut self,
        key: &'static str,
        example: &'static str,
        meaning: &'static str,
    ) -> Option<Vec<f64>> {
        self.add(key, Form::Numbers, Absent::Required(example), meaning).bound = Bound::Positive;
        Some(vec![1.0])
    }

    fn positive_number(
        &mut self,
        key: &'static str,
        default: &'static str,
        meaning: &'static str,
    ) -> Option<Option<f64>> {
        self.add(key, Form::Number, Absent::Means(default), meaning).bound = Bound::Positive;
        Some(None)
    }

    fn whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i128>,
        default: usize,
        meaning: &'static str,
    ) -> Option<usize> {
        let absent = Absent::Is(Literal::Integer(default as i64));
        self.add(key, Form::Integer, absent, meaning).bound = Bound::Whole(*range.start(), *range.end());
        Some(default)
    }

    fn optional_whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i128>,
        default: &'static str,
        meaning: &'static str,
    ) -> Option<Option<usize>> {
        self.add(key, Form::Integer, Absent::Means(default), meaning).bound =
            Bound::Whole(*range.start(), *range.end());
        Some(None)
    }

    fn whole_numbers(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i128>,
        default: &'static [usize],
        meaning: &'static str,
    ) -> Option<Vec<usize>> {
        let absent = Absent::Is(Literal::Toml(format!("{default:?}").leak()));
        self.add(key, Form::Integers, absent, meaning).bound = Bound::Whole(*range.start(), *range.end());
        Some(default.to_vec())
    }

    fn flag(&mut self, key: &'static str, default: bool, meaning: &'static str) -> Option<bool> {
        self.add(key, Form::Boolean, Absent::Is(Literal::Flag(default)), meaning);
        Some(default)
    }

    fn words(
        &mut self,
        key: &'static str,
        allowed: &'static [&'static str],
        default: &'static [usize],
        meaning: &'static str,
    ) -> Option<Vec<usize>> {
        let absent = match default {
            [one] => Absent::Is(Literal::Word(allowed[*one])),
            all if all.len() == allowed.len() => Absent::Means("all of them"),
            _ => Absent::Means("some of them"),
        };
        self.add(key, Form::Strings, absent, meaning).listed = allowed;
        Some(default.to_vec())
    }

    fn word(
        &mut self,
        key: &'static str,
        allowed: &'static [&'static str],
        default: usize,
        meaning: &'static str,
    ) -> Option<usize> {
        self.add(key, Form::String, Absent::Is(Literal::Word(allowed[default])), meaning).listed = allowed;
        Some(default)
    }

    fn interval(
        &mut self,
        key: &'static str,
        default: &'static str,
        meaning: &'static str,
    ) -> Option<Option<[f64; 2]>> {
        self.add(key, Form::Numbers, Absent::Means(default), meaning);
        Some(None)
    }
}

/// What is measured on copies of the weights; `length` is that of training.
pub(crate) fn resolve(
    judge: &mut Judge<'_>,
    tables: &[(&'static str, Field<Node>)],
    weights: &Field<Epochs>,
    length: Length,
) -> Option<Scheduled> {
    let mut scheduled = Some(Scheduled::default());
    for (name, field) in tables {
        let read = match field {
            Field::Absent => Some(()),
            Field::Broken => None,
            Field::Given(node) => {
                let mut sound = Scheduled::default();
                let scheduled = scheduled.as_mut().unwrap_or(&mut sound);
                table(scheduled, name, (&node.value, &node.place), length, Times::Written, judge.diagnostics)
            }
        };
        if read.is_none() {
            scheduled = None;
        }
    }
    let weights = match weights {
        Field::Broken => None,
        Field::Absent => Some(None),
        Field::Given(Located { value: Epochs::Never, .. }) => Some(None),
        field => epochs(judge, "weights", field, length).map(Some),
    };
    Some(Scheduled { weights: weights?, ..scheduled? })
}

/// Which moments a table's schedule lists.
#[derive(Debug, Clone, Copy)]
pub(super) enum Times<'a> {
    /// Those that are written; ten for each factor of ten where none are.
    Written,
    /// Those that are written; these where none are.
    WrittenOr(&'a Moments),
    /// These, whatever is written.
    Only(&'a Moments),
}

/// Reads the table of one observable; what is wrong is pushed.
pub(super) fn table(
    scheduled: &mut Scheduled,
    name: &'static str,
    (node, place): (&Node, &Place),
    length: Length,
    times: Times<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<()> {
    let Value::Table(table) = &node.value else { return None };
    let before = diagnostics.len();
    let header = format!("`{name}`");
    let table = TableReader::new(header.clone(), table, diagnostics);
    let mut keys = Answers { table, header, place, length, times };
    let mut own = Scheduled::default();
    let read = own.read(name, &mut keys);
    keys.table.finish();
    for (_, observable) in own.asked() {
        if let (Unit::Step, Err(reason)) = (observable.schedule().unit(), observable.at_steps()) {
            diagnostics.error(place, format!("`{name}` is not measured at steps so")).help(reason);
        }
    }
    *scheduled = std::mem::take(scheduled).with(own);
    read.filter(|()| diagnostics.len() == before)
}

/// Answers an observable's questions from its table.
struct Answers<'t, 'd> {
    table: TableReader<'t, 'd>,
    /// As errors call the table.
    header: String,
    place: &'t Place,
    length: Length,
    times: Times<'t>,
}

impl Answers<'_, '_> {
    fn judge(&mut self) -> Judge<'_> {
        Judge { header: &self.header, place: self.place, diagnostics: self.table.diagnostics() }
    }
}

impl Keys for Answers<'_, '_> {
    fn schedule(&mut self, key: &'static str, _meaning: &'static str) -> Option<Schedule> {
        let (field, length) = (self.table.epochs(key), self.length);
        match (self.times, &field) {
            (Times::Only(these), _) => Some(Schedule::of(these)),
            (Times::WrittenOr(these), Field::Absent) => Some(Schedule::of(these)),
            _ => epochs(&mut self.judge(), key, &field, length),
        }
    }

    fn positive_numbers(
        &mut self,
        key: &'static str,
        example: &'static str,
        _meaning: &'static str,
    ) -> Option<Vec<f64>> {
        let absent = Absent::Required(example);
        let key = Key { name: key, form: Form::Numbers, bound: Bound::Positive, absent, ..Key::BLANK };
        let written = Keyed { field: self.table.numbers(key.name), key };
        let mut numbers = values(self.judge().reals(&written)?);
        numbers.sort_by(f64::total_cmp);
        Some(numbers)
    }

    fn positive_number(
        &mut self,
        key: &'static str,
        _default: &'static str,
        _meaning: &'static str,
    ) -> Option<Option<f64>> {
        match self.table.number(key) {
            Field::Broken => None,
            Field::Absent => Some(None),
            Field::Given(number) => self.judge().real(key, &number, Bound::Positive).map(|number| Some(number.value)),
        }
    }

    fn whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i128>,
        default: usize,
        _meaning: &'static str,
    ) -> Option<usize> {
        match self.table.integer(key) {
            Field::Absent => Some(default),
            Field::Broken => None,
            Field::Given(given) => self.judge().whole_value(key, &given, range).map(|whole| whole.value),
        }
    }

    fn optional_whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i128>,
        _default: &'static str,
        _meaning: &'static str,
    ) -> Option<Option<usize>> {
        match self.table.integer(key) {
            Field::Absent => Some(None),
            Field::Broken => None,
            Field::Given(given) => self.judge().whole_value(key, &given, range).map(|whole| Some(whole.value)),
        }
    }

    fn whole_numbers(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i128>,
        default: &'static [usize],
        _meaning: &'static str,
    ) -> Option<Vec<usize>> {
        let field = self.table.integers(key);
        if field.is_absent() {
            return Some(default.to_vec());
        }
        let bound = Bound::Whole(*range.start(), *range.end());
        let written = Keyed { field, key: Key { name: key, form: Form::Integers, bound, ..Key::BLANK } };
        let mut numbers = values(self.judge().wholes(&written)?);
        numbers.sort_unstable();
        Some(numbers)
    }

    fn flag(&mut self, key: &'static str, default: bool, _meaning: &'static str) -> Option<bool> {
        match self.table.boolean(key) {
            Field::Broken => None,
            Field::Absent => Some(default),
            Field::Given(flag) => Some(flag.value),
        }
    }

    fn words(
        &mut self,
        key: &'static str,
        allowed: &'static [&'static str],
        default: &'static [usize],
        _meaning: &'static str,
    ) -> Option<Vec<usize>> {
        let field = self.table.strings(key);
        if field.is_absent() {
            return Some(default.to_vec());
        }
        let places: Vec<(&str, usize)> = allowed.iter().enumerate().map(|(place, word)| (*word, place)).collect();
        let key = Key { name: key, form: Form::Strings, listed: allowed, ..Key::BLANK };
        let mut words = values(self.judge().choices(&Keyed { key, field }, &places)?);
        words.sort_unstable();
        Some(words)
    }

    fn word(
        &mut self,
        key: &'static str,
        allowed: &'static [&'static str],
        default: usize,
        _meaning: &'static str,
    ) -> Option<usize> {
        let places: Vec<(&str, usize)> = allowed.iter().enumerate().map(|(place, word)| (*word, place)).collect();
        let absent = Absent::Is(Literal::Word(allowed[default]));
        let written = Keyed {
            field: self.table.string(key),
            key: Key { name: key, form: Form::String, listed: allowed, absent, ..Key::BLANK },
        };
        self.judge().choice(&written, &places)
    }

    fn interval(
        &mut self,
        key: &'static str,
        _default: &'static str,
        meaning: &'static str,
    ) -> Option<Option<[f64; 2]>> {
        let written = match self.table.numbers(key) {
            Field::Broken => return None,
            Field::Absent => return Some(None),
            Field::Given(written) => written,
        };
        match written.value.as_slice() {
            [low, high] if low.value.is_finite() && high.value.is_finite() && low.value < high.value => {
                Some(Some([low.value + 0.0, high.value + 0.0]))
            }
            _ => {
                let error = self.judge().diagnostics.error(&written.place, format!("`{key}` is {meaning}"));
                error.help(format!("write, say, {key} = [0, 1]"));
                None
            }
        }
    }
}

/// A schedule; ten epochs per factor of ten where nothing is said.
fn epochs(judge: &mut Judge<'_>, key: &str, field: &Field<Epochs>, length: Length) -> Option<Schedule> {
    let written = match field {
        Field::Broken => return None,
        Field::Absent => return Some(Schedule::Log { per_decade: schedule::PER_DECADE }),
        Field::Given(written) => written,
    };
    match &written.value {
        Epochs::Always => Some(Schedule::Every { every: 1 }),
        Epochs::Never => {
            let error = judge.diagnostics.error(&written.place, format!("`{key}` must name epochs"));
            error.help(format!("leave {} out to measure nothing", judge.header));
            None
        }
        _ => schedule::resolve(judge, key, written, length),
    }
}

fn values<T>(list: List<T>) -> Vec<T> {
    list.into_iter().map(|item| item.value).collect()
}
