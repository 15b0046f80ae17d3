//! `[observe]`: what is measured, and when.

use serde::Serialize;

use super::diagnostics::Diagnostics;
use super::document::Node;
use super::flow::FlowObserve;
use super::judge::Judge;
use super::observables;
use super::place::Located;
use super::reader::{Epochs, Field, List, TableReader};
use super::schedule::{self, Length};
use super::table::{RawTable, Table, keys, no_kinds};
use crate::key::{Absent, Bound, Form, Key, Label, Literal};
use crate::observables::{Schedule, Scheduled, documentation};

keys! {
    /// Keys of `[observe]` but for the tables of the observables.
    OwnKeys {
        /// Epochs at which losses and errors are kept: a schedule. The first and the last are always kept.
        record: Epochs = epochs { absent: Absent::Is(Literal::Toml("{ every = 1 }")) },
        /// Class radii and distances, at the recorded epochs that k divides: `{ every = k }`, or `false` for none. Not of
        /// gradient flows.
        manifold: Epochs = epochs { absent: Absent::Is(Literal::Toml("{ every = 1 }")) },
        /// Epochs at which the misclassified samples are kept: a schedule, or `false`. Those that a prune needs are added
        /// (for stragglers, all at which radii and distances are measured). Not of gradient flows.
        misclassified: Epochs = epochs { absent: Absent::Is(Literal::Flag(false)) },
        /// Standard deviations of Gaussian noise on the test inputs, one more test error each. No axis of the grid. Not of
        /// gradient flows.
        noise: List<f64> = numbers { label: Label::Never, bound: Bound::Positive, absent: Absent::Means("no noise") },
        /// Epochs or steps whose weights are kept as safetensors, for `slice`, `observe` and other programs: a schedule, or `false`.
        /// Gradient flows keep theirs at stages: `weights_at` in `[flow]`.
        weights: Epochs = epochs { absent: Absent::Is(Literal::Flag(false)) },
    }
}

/// Keys of `[observe]`.
#[derive(Debug, Clone)]
pub(crate) struct RawObserve {
    own: OwnKeys,
    /// The tables of the observables on copies of the weights, by their names: each observable knows its own keys.
    pub(crate) observables: Vec<(&'static str, Field<Node>)>,
}

impl std::ops::Deref for RawObserve {
    type Target = OwnKeys;

    fn deref(&self) -> &OwnKeys {
        &self.own
    }
}

impl RawObserve {
    pub(crate) fn read(reader: &mut TableReader<'_, '_>) -> Self {
        let own = OwnKeys::read(reader);
        RawObserve {
            own,
            observables: Scheduled::NAMES.iter().map(|name| (*name, reader.unread_table(name))).collect(),
        }
    }
}

/// The keys of the table, the observables' names included.
pub(crate) fn all_keys() -> Vec<Key> {
    let of_observable = |(name, meaning, _)| Key {
        name,
        form: Form::Table,
        absent: Absent::Means("not measured"),
        doc: meaning,
        ..Key::BLANK
    };
    OwnKeys::KEYS.iter().copied().chain(documentation().into_iter().map(of_observable)).collect()
}

/// `[observe]`
pub(crate) const TABLE: Table = Table {
    name: "observe",
    header: "[observe]",
    about: "What is measured along training, and when.",
    keys: OwnKeys::KEYS,
    kinds: no_kinds,
};

/// What is measured, and when.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observe {
    /// Epochs at which losses and errors are recorded, ascending, from 0 to the last: the `epoch` coordinate.
    pub epochs: Schedule,
    /// R_c and D at every recorded epoch divisible by this; `None`: not measured.
    pub manifold_every: Option<usize>,
    /// Epochs at which the misclassified training samples are kept as bits; `None`: not kept.
    pub misclassified: Option<Schedule>,
    /// Standard deviations of Gaussian noise added to the standardised test inputs, one more test error each.
    pub noise: Vec<f64>,
    /// What is measured on copies of the weights.
    #[serde(skip_serializing_if = "Scheduled::is_empty")]
    pub probes: Scheduled,
    /// What is measured of gradient flows; `None` where nothing flows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<FlowObserve>,
}

/// The table, or what holds without it; `length` is that of training.
pub(crate) fn resolve(
    table: Option<&RawTable<RawObserve>>,
    length: Length,
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
    let (raw, mut judge) = (&table.keys, Judge::of(TABLE.header, table, diagnostics));
    let epochs = record(&mut judge, &raw.record, length);
    let manifold_every = manifold(&mut judge, &raw.manifold);
    let misclassified = misclassified(&mut judge, &raw.misclassified, length);
    let noise = match &raw.noise.field {
        Field::Absent => Some(Vec::new()),
        _ => judge.reals(&raw.noise),
    };
    let probes = observables::resolve(&mut judge, &raw.observables, &raw.weights, length);
    Some(Observe {
        epochs: epochs?,
        manifold_every: manifold_every?,
        misclassified: misclassified?,
        noise: noise?.iter().map(|sd| sd.value).collect(),
        probes: probes?,
        flow: None,
    })
}

fn record(judge: &mut Judge<'_>, field: &Field<Epochs>, length: Length) -> Option<Schedule> {
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
        _ if schedule::refuse_steps(judge, "record", written, AT_STEPS) => None,
        _ => match schedule::resolve(judge, "record", written, length)? {
            // The first and the last epoch are always recorded, whatever the rule.
            Schedule::At { mut epochs } => {
                epochs.extend([0].into_iter().chain(length.epochs));
                epochs.sort_unstable();
                epochs.dedup();
                Some(Schedule::At { epochs })
            }
            schedule => Some(schedule),
        },
    }
}

const AT_STEPS: &str =
    "losses, errors, radii and distances at steps are measured by trajectory = { at = { steps = … } }";
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
        _ if schedule::refuse_steps(judge, "manifold", written, AT_STEPS) => None,
        Epochs::Every(every) => Some(Some(judge.whole_value("every", every, 1..=schedule::LONGEST)?.value)),
        _ => {
            let error = judge.diagnostics.error(&written.place, "`manifold` is { every = k } or false");
            error.help("it is measured at the recorded epochs that k divides; `record` chooses those");
            None
        }
    }
}

fn misclassified(judge: &mut Judge<'_>, field: &Field<Epochs>, length: Length) -> Option<Option<Schedule>> {
    let written = match field {
        Field::Broken => return None,
        Field::Absent => return Some(None),
        Field::Given(written) => written,
    };
    match &written.value {
        Epochs::Never => Some(None),
        Epochs::Always => Some(Some(Schedule::Every { every: 1 })),
        Epochs::One(epoch) => one_epoch(judge, "misclassified", written, *epoch),
        _ if schedule::refuse_steps(judge, "misclassified", written, "the samples are kept at whole epochs") => None,
        _ => schedule::resolve(judge, "misclassified", written, length).map(Some),
    }
}
