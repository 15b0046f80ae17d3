//! The tables inside `[observe]`: one for each observable that is measured on copies of the weights, and the kept weights.
//!
//! Which keys a table has, with their bounds and defaults, the observable says ([`Keys`]); here they are read and judged.

use std::ops::RangeInclusive;

use super::judge::{Bound, Judge, Otherwise};
use super::schedule;
use crate::observables::{Keys, Schedule, Scheduled};
use crate::sweep::diagnostics::Diagnostics;
use crate::sweep::document::{Node, Value};
use crate::sweep::place::{Located, Place};
use crate::sweep::raw::{RawObserve, RawSweep};
use crate::sweep::reader::{Epochs, Field, List, TableReader};

/// What is measured on copies of the weights; `last` is the last epoch where it is known.
pub(crate) fn resolve(judge: &mut Judge<'_>, raw: &RawObserve, last: Option<usize>) -> Option<Scheduled> {
    let mut scheduled = Some(Scheduled::default());
    for (name, field) in &raw.observables {
        let read = match field {
            Field::Absent => Some(()),
            Field::Broken => None,
            Field::Given(node) => {
                let mut sound = Scheduled::default();
                let scheduled = scheduled.as_mut().unwrap_or(&mut sound);
                table(scheduled, name, &node.value, &node.place, last, judge.diagnostics)
            }
        };
        if read.is_none() {
            scheduled = None;
        }
    }
    let weights = match &raw.weights {
        Field::Broken => None,
        Field::Absent => Some(None),
        Field::Given(Located { value: Epochs::Never, .. }) => Some(None),
        field => epochs(judge, "weights", field, last).map(Some),
    };
    Some(Scheduled { weights: weights?, ..scheduled? })
}

/// Reads the table of one observable; what is wrong is pushed.
fn table(
    scheduled: &mut Scheduled,
    name: &'static str,
    node: &Node,
    place: &Place,
    last: Option<usize>,
    diagnostics: &mut Diagnostics,
) -> Option<()> {
    let Value::Table(table) = &node.value else { return None };
    let before = diagnostics.len();
    let header = format!("`{name}`");
    let mut keys = Answers { table: TableReader::new(header.clone(), table, diagnostics), header, place, last };
    let read = scheduled.read(name, &mut keys);
    keys.table.finish();
    read.filter(|()| diagnostics.len() == before)
}

/// Reports what the rest of the file leaves no room for.
pub(crate) fn fit_the_rest(raw: &RawSweep, flows: bool, diagnostics: &mut Diagnostics) {
    let Some(observe) = raw.observe.as_ref().map(|table| &table.keys) else { return };
    let weights = observe.weights.given().filter(|written| !matches!(written.value, Epochs::Never));
    let tables = observe.observables.iter().map(|(name, field)| (*name, field.given().map(|written| &written.place)));
    for (key, place) in [("weights", weights.map(|written| &written.place))].into_iter().chain(tables) {
        if let (true, Some(place)) = (flows, place) {
            let error = diagnostics.error(place, format!("`{key}` is not measured of a gradient flow"));
            error.help("give the other optimisers a sweep of their own");
        }
    }
    let leaves = raw.stop.as_ref().is_some_and(|stop| stop.keys.after_inversion.given().is_some());
    if let (true, Some(written)) = (leaves, weights) {
        let error = diagnostics.error(&written.place, "`weights` are kept of cells that train to their end");
        error.help("leave out after_inversion in [stop], or weights");
    }
}

/// Answers an observable's questions from its table.
struct Answers<'t, 'd> {
    table: TableReader<'t, 'd>,
    /// As errors call the table.
    header: String,
    place: &'t Place,
    last: Option<usize>,
}

impl Answers<'_, '_> {
    fn judge(&mut self) -> Judge<'_> {
        Judge { header: &self.header, place: self.place, diagnostics: self.table.diagnostics() }
    }
}

impl Keys for Answers<'_, '_> {
    fn schedule(&mut self, key: &'static str, _meaning: &'static str) -> Option<Schedule> {
        let (field, last) = (self.table.epochs(key), self.last);
        epochs(&mut self.judge(), key, &field, last)
    }

    fn positive_numbers(
        &mut self,
        key: &'static str,
        example: &'static str,
        _meaning: &'static str,
    ) -> Option<Vec<f64>> {
        let field = self.table.numbers(key);
        let mut numbers = values(self.judge().reals(key, &field, Bound::Positive, Otherwise::Required(example))?);
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
            field => self.judge().whole_if_given(key, &field, range),
        }
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
        let mut words = values(self.judge().choices(key, &field, &places, Otherwise::Is(0))?);
        words.sort_unstable();
        Some(words)
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
fn epochs(judge: &mut Judge<'_>, key: &str, field: &Field<Epochs>, last: Option<usize>) -> Option<Schedule> {
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
        _ => schedule::resolve(judge, key, written, last),
    }
}

fn values<T>(list: List<T>) -> Vec<T> {
    list.into_iter().map(|item| item.value).collect()
}
