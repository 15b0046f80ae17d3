//! Local complexity, robustness and kept weights of `[observe]`.

use super::judge::{Bound, Judge, Otherwise};
use super::schedule;
use crate::sweep::diagnostics::Diagnostics;
use crate::sweep::place::Located;
use crate::sweep::probes::{LocalComplexity, Norm, PointSet, Probes, Robustness};
use crate::sweep::raw::{RawObserve, RawSweep};
use crate::sweep::raw_probes::{RawLocalComplexity, RawRobustness};
use crate::sweep::reader::{Epochs, Field, List};
use crate::sweep::resolved::Schedule;

/// Points, directions and steps may not be more.
const MOST: i128 = 1_000_000;

const SETS: [(&str, PointSet); 3] =
    [("train", PointSet::Train), ("test", PointSet::Test), ("random", PointSet::Random)];
const NORMS: [(&str, Norm); 2] = [("linf", Norm::Linf), ("l2", Norm::L2)];

/// What is measured on copies of the weights; `last` is the last epoch where it is known.
pub(crate) fn resolve(judge: &mut Judge<'_>, raw: &RawObserve, last: Option<usize>) -> Option<Probes> {
    let local_complexity = optional(&raw.local_complexity, |table| complexity(judge, table, last));
    let robustness = optional(&raw.robustness, |table| robust(judge, table, last));
    let weights = match &raw.weights {
        Field::Broken => None,
        Field::Absent => Some(None),
        Field::Given(Located { value: Epochs::Never, .. }) => Some(None),
        field => epochs(judge, "weights", field, last).map(Some),
    };
    Some(Probes { local_complexity: local_complexity?, robustness: robustness?, weights: weights? })
}

/// Reports probes that the rest of the file leaves no room for.
pub(crate) fn fit_the_rest(raw: &RawSweep, flows: bool, diagnostics: &mut Diagnostics) {
    let Some(observe) = raw.observe.as_ref().map(|table| &table.keys) else { return };
    let weights = observe.weights.given().filter(|written| !matches!(written.value, Epochs::Never));
    let places = [
        ("weights", weights.map(|written| &written.place)),
        ("local_complexity", observe.local_complexity.given().map(|written| &written.place)),
        ("robustness", observe.robustness.given().map(|written| &written.place)),
    ];
    for (key, place) in places {
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

fn optional<R, T>(field: &Field<R>, resolve: impl FnOnce(&Located<R>) -> Option<T>) -> Option<Option<T>> {
    match field {
        Field::Broken => None,
        Field::Absent => Some(None),
        Field::Given(table) => resolve(table).map(Some),
    }
}

fn complexity(
    judge: &mut Judge<'_>,
    table: &Located<RawLocalComplexity>,
    last: Option<usize>,
) -> Option<LocalComplexity> {
    let mut judge = Judge { header: "`local_complexity`", place: &table.place, diagnostics: &mut *judge.diagnostics };
    let raw = &table.value;
    let at = epochs(&mut judge, "at", &raw.at, last);
    let radii = judge.reals("radii", &raw.radii, Bound::Positive, Otherwise::Required("[0.005, 0.05, 0.5]"));
    let directions = whole(&mut judge, "directions", &raw.directions, 25);
    let points = whole(&mut judge, "points", &raw.points, 500);
    let sets = match &raw.sets {
        Field::Absent => Some(SETS.map(|(_, set)| set).to_vec()),
        field => judge.choices("sets", field, &SETS, Otherwise::Required("[\"train\"]")).map(values),
    };
    let centroid = flag(&raw.centroid, true);
    let mut sets = sets?;
    sets.sort_unstable();
    Some(LocalComplexity {
        at: at?,
        radii: ascending(radii?),
        directions: directions?,
        points: points?,
        sets,
        centroid: centroid?,
    })
}

fn robust(judge: &mut Judge<'_>, table: &Located<RawRobustness>, last: Option<usize>) -> Option<Robustness> {
    let mut judge = Judge { header: "`robustness`", place: &table.place, diagnostics: &mut *judge.diagnostics };
    let raw = &table.value;
    let at = epochs(&mut judge, "at", &raw.at, last);
    let norms = judge.choices("norm", &raw.norm, &NORMS, Otherwise::Is(Norm::Linf)).map(values);
    let epsilons = judge.reals("epsilon", &raw.epsilon, Bound::Positive, Otherwise::Required("0.1"));
    let steps = whole(&mut judge, "steps", &raw.steps, 10);
    let step_size = match &raw.step_size {
        Field::Broken => None,
        Field::Absent => Some(None),
        Field::Given(size) => judge.real("step_size", size, Bound::Positive).map(|size| Some(size.value)),
    };
    let random_start = flag(&raw.random_start, false);
    let points = whole(&mut judge, "points", &raw.points, 500);
    let clip = clip(&mut judge, &raw.clip);
    let mut norms = norms?;
    norms.sort_unstable();
    Some(Robustness {
        at: at?,
        norms,
        epsilons: ascending(epsilons?),
        steps: steps?,
        step_size: step_size?,
        random_start: random_start?,
        points: points?,
        clip: clip?,
    })
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

fn whole(judge: &mut Judge<'_>, key: &str, field: &Field<i128>, otherwise: usize) -> Option<usize> {
    match field {
        Field::Absent => Some(otherwise),
        field => judge.whole_if_given(key, field, 1..=MOST),
    }
}

fn flag(field: &Field<bool>, otherwise: bool) -> Option<bool> {
    match field {
        Field::Broken => None,
        Field::Absent => Some(otherwise),
        Field::Given(flag) => Some(flag.value),
    }
}

/// `[least, greatest]`.
fn clip(judge: &mut Judge<'_>, field: &Field<List<f64>>) -> Option<Option<[f64; 2]>> {
    let written = match field {
        Field::Broken => return None,
        Field::Absent => return Some(None),
        Field::Given(written) => written,
    };
    match written.value.as_slice() {
        [low, high] if low.value.is_finite() && high.value.is_finite() && low.value < high.value => {
            Some(Some([low.value + 0.0, high.value + 0.0]))
        }
        _ => {
            let error = judge.diagnostics.error(&written.place, "`clip` is the least and the greatest valid input");
            error.help("write, say, clip = [0, 1]");
            None
        }
    }
}

fn values<T>(list: List<T>) -> Vec<T> {
    list.into_iter().map(|item| item.value).collect()
}

fn ascending(list: List<f64>) -> Vec<f64> {
    let mut list = values(list);
    list.sort_by(f64::total_cmp);
    list
}
