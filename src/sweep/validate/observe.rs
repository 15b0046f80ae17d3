//! `[observe]`: what is measured, and when.

use super::judge::{Bound, Judge, Otherwise};
use super::{observables, schedule};
use crate::observables::{Schedule, Scheduled};
use crate::sweep::diagnostics::Diagnostics;
use crate::sweep::place::Located;
use crate::sweep::raw::{RawObserve, RawSweep, RawTable};
use crate::sweep::reader::{Epochs, Field};
use crate::sweep::resolved::Observe;

/// The table, or what holds without it; `last` is the last epoch where it is known.
pub(crate) fn resolve(
    table: Option<&RawTable<RawObserve>>,
    last: Option<usize>,
    diagnostics: &mut Diagnostics,
) -> Option<Observe> {
    let Some(table) = table else {
        let epochs = Schedule::Every { every: 1 };
        let noise = Vec::new();
        return Some(Observe {
            epochs,
            manifold_every: Some(1),
            misclassified: None,
            noise,
            probes: Scheduled::default(),
            flow: None,
        });
    };
    let (raw, mut judge) = (&table.keys, Judge::of("[observe]", table, diagnostics));
    let epochs = record(&mut judge, &raw.record, last);
    let manifold_every = manifold(&mut judge, &raw.manifold);
    let misclassified = misclassified(&mut judge, &raw.misclassified, last);
    let noise = match &raw.noise {
        Field::Absent => Some(Vec::new()),
        field => judge.reals("noise", field, Bound::Positive, Otherwise::Required("1.0")),
    };
    let probes = observables::resolve(&mut judge, raw, last);
    Some(Observe {
        epochs: epochs?,
        manifold_every: manifold_every?,
        misclassified: misclassified?,
        noise: noise?.iter().map(|sd| sd.value).collect(),
        probes: probes?,
        flow: None,
    })
}

fn record(judge: &mut Judge<'_>, field: &Field<Epochs>, last: Option<usize>) -> Option<Schedule> {
    let written = match field {
        Field::Broken => return None,
        Field::Absent => return Some(Schedule::Every { every: 1 }),
        Field::Given(written) => written,
    };
    match &written.value {
        Epochs::Always => Some(Schedule::Every { every: 1 }),
        Epochs::Never => {
            judge.diagnostics.error(&written.place, "`record` is what the results are made of").help(RULES);
            None
        }
        Epochs::One(epoch) => one_epoch(judge, "record", written, *epoch),
        _ => match schedule::resolve(judge, "record", written, last)? {
            // The first and the last epoch are always recorded, whatever the rule.
            Schedule::At { mut epochs } => {
                epochs.extend([0].into_iter().chain(last));
                epochs.sort_unstable();
                epochs.dedup();
                Some(Schedule::At { epochs })
            }
            schedule => Some(schedule),
        },
    }
}

const RULES: &str = "write { every = 1 }, \"log\", { log = 10 } (so many per factor of ten) or a list of epochs";

fn one_epoch<T>(judge: &mut Judge<'_>, key: &str, written: &Located<Epochs>, epoch: i128) -> Option<T> {
    let error = judge.diagnostics.error(&written.place, format!("`{key}` takes a rule or a list of epochs"));
    error.label(format!("{{ every = {epoch} }}, or [{epoch}]?"));
    None
}

fn manifold(judge: &mut Judge<'_>, field: &Field<Epochs>) -> Option<Option<usize>> {
    let written = match field {
        Field::Broken => return None,
        Field::Absent => return Some(Some(1)),
        Field::Given(written) => written,
    };
    match &written.value {
        Epochs::Always => Some(Some(1)),
        Epochs::Never => Some(None),
        Epochs::Every(every) => Some(Some(judge.whole_value("every", every, 1..=schedule::LONGEST)?.value)),
        _ => {
            let error = judge.diagnostics.error(&written.place, "`manifold` is { every = k } or false");
            error.help("it is measured at the recorded epochs that k divides; `record` chooses those");
            None
        }
    }
}

fn misclassified(judge: &mut Judge<'_>, field: &Field<Epochs>, last: Option<usize>) -> Option<Option<Schedule>> {
    let written = match field {
        Field::Broken => return None,
        Field::Absent => return Some(None),
        Field::Given(written) => written,
    };
    match &written.value {
        Epochs::Never => Some(None),
        Epochs::Always => Some(Some(Schedule::Every { every: 1 })),
        Epochs::One(epoch) => one_epoch(judge, "misclassified", written, *epoch),
        _ => schedule::resolve(judge, "misclassified", written, last).map(Some),
    }
}

/// Reports what asks for an inversion where radii and distances are not measured.
pub(crate) fn manifold_needed(raw: &RawSweep, diagnostics: &mut Diagnostics) {
    let off = raw.observe.as_ref().and_then(|table| table.keys.manifold.given());
    let Some(off) = off.filter(|written| matches!(written.value, Epochs::Never)) else { return };
    let mut needs = Vec::new();
    for prune in &raw.prunes {
        let words = [&prune.keys.remove, &prune.keys.like].map(|field| field.given());
        if words.into_iter().flatten().any(|word| word.value == "stragglers") {
            needs.push(("the stragglers of [[prune]]", &prune.place));
        }
    }
    if let Some(stop) = &raw.stop {
        if let Some(after) = stop.keys.after_inversion.given() {
            needs.push(("`after_inversion`", &after.place));
        }
        if let Some(half_width) = stop.keys.half_width.given() {
            needs.push(("`half_width` of ε*", &half_width.place));
        }
    }
    for (what, place) in needs {
        let label = format!("manifold = false ({})", diagnostics.name_of(&off.place));
        let error = diagnostics.error(place, format!("{what} needs the inversion, which is not measured"));
        error.label(label).help("write manifold = { every = 1 } in [observe]");
    }
}
