//! `[[prune]]`: samples left out of training.

use serde::Serialize;

use super::diagnostics::Diagnostics;
use super::judge::{Judge, words};
use super::reader::{Epochs, List};
use super::schedule::{self, Length};
use super::table::{RawTable, Table, keys, no_kinds};
use crate::key::{Absent, Literal};
use crate::observables::Schedule;

keys! {
    /// Keys of `[[prune]]`.
    RawPrune {
        /// Samples that are left out of training: those that a run in full misclassifies at its inversion (the stragglers) or
        /// at an epoch, or as many random ones.
        remove: String = string { words: Some(|| words(&REMOVE)), absent: Absent::Required("\"stragglers\"") },
        /// What the random samples are the control of: as many are left out.
        like: String = string {
            words: Some(|| words(&REMOVE[1..3])),
            absent: Absent::Required("\"stragglers\""),
            applies_to: "`remove = \"random\"`",
        },
        /// The inversion that is meant: that of the distance (with more than two classes, of its mean over all pairs), or of
        /// the radius of class 0 or 1.
        at: List<String> = strings {
            words: Some(|| words(&INVERSIONS)),
            absent: Absent::Is(Literal::Word("distance")),
            applies_to: "stragglers",
        },
        /// Epochs: one, a list, or a schedule.
        epoch: Epochs = epochs { absent: Absent::Required("[10, 30, 100] or \"log\""), applies_to: "misclassified" },
    }
}

/// `[[prune]]`
pub(crate) const TABLE: Table = Table {
    name: "prune",
    header: "[[prune]]",
    about: "Samples that are left out of training. Without this table, nothing is left out.",
    keys: RawPrune::KEYS,
    kinds: no_kinds,
};

/// Samples left out of training. Standardisation, and the block itself, stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Prune {
    /// Nothing is left out.
    None,
    /// The stragglers of the same cell trained in full: misclassified at the inversion of the named observable.
    Stragglers {
        /// Observable whose inversion is meant.
        at: InversionOf,
    },
    /// The samples misclassified at the stated epoch by the same cell trained in full.
    Misclassified {
        /// The epoch.
        epoch: usize,
    },
    /// As many random samples as another prune leaves out: its control.
    Random {
        /// What it is the control of.
        like: PruneSize,
    },
}

/// The observable whose turning point is the inversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InversionOf {
    /// Greatest distance between the class centres.
    Distance,
    /// Least radius of class 0.
    Radius0,
    /// Least radius of class 1.
    Radius1,
}

/// What a random prune takes its size from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum PruneSize {
    /// The number of stragglers.
    Stragglers {
        /// Observable whose inversion is meant.
        at: InversionOf,
    },
    /// The number misclassified at an epoch.
    Misclassified {
        /// The epoch.
        epoch: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Remove {
    Nothing,
    Stragglers,
    Misclassified,
    Random,
}

const REMOVE: [(&str, Remove); 4] = [
    ("none", Remove::Nothing),
    ("stragglers", Remove::Stragglers),
    ("misclassified", Remove::Misclassified),
    ("random", Remove::Random),
];

const INVERSIONS: [(&str, InversionOf); 3] =
    [("distance", InversionOf::Distance), ("radius_0", InversionOf::Radius0), ("radius_1", InversionOf::Radius1)];

/// The entries of one `[[prune]]`; `last` is the last epoch where it is known.
pub(crate) fn resolve(
    table: &RawTable<RawPrune>,
    last: Option<usize>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Prune>> {
    let (raw, mut judge) = (&table.keys, Judge::of(TABLE.header, table, diagnostics));
    let remove = judge.choice(&raw.remove, &REMOVE)?;
    let like = match remove {
        Remove::Random => judge.choice(&raw.like, &REMOVE[1..3]).map(Some),
        _ => Some(None),
    }?;
    keys_that_do_not_apply(&mut judge, raw, remove, like);
    match like.unwrap_or(remove) {
        Remove::Stragglers => {
            let at = judge.choices(&raw.at, &INVERSIONS)?;
            let entry = |at: InversionOf| match like {
                None => Prune::Stragglers { at },
                Some(_) => Prune::Random { like: PruneSize::Stragglers { at } },
            };
            Some(at.iter().map(|at| entry(at.value)).collect())
        }
        Remove::Misclassified => {
            let epochs = epochs(&mut judge, raw, last)?;
            let entry = |epoch: usize| match like {
                None => Prune::Misclassified { epoch },
                Some(_) => Prune::Random { like: PruneSize::Misclassified { epoch } },
            };
            Some(epochs.into_iter().map(entry).collect())
        }
        Remove::Nothing | Remove::Random => Some(vec![Prune::None]),
    }
}

fn epochs(judge: &mut Judge<'_>, raw: &RawPrune, last: Option<usize>) -> Option<Vec<usize>> {
    let written = judge.required(&raw.epoch)?;
    if let Epochs::Never | Epochs::Always = written.value {
        let error = judge.diagnostics.error(&written.place, "`epoch` must say which epochs");
        error.help("write an epoch, a list of them, \"log\", { log = 10 } or { every = 10 }");
        return None;
    }
    if schedule::refuse_steps(judge, "epoch", written, "the misclassified samples are kept at whole epochs") {
        return None;
    }
    let schedule = schedule::resolve(judge, "epoch", written, Length { epochs: last, steps: None })?;
    let mut epochs = schedule.epochs(last?);
    if !matches!(schedule, Schedule::At { .. }) {
        // What the untrained network gets wrong is half of everything: no rule is meant to start there.
        epochs.retain(|&epoch| epoch > 0);
    }
    Some(epochs)
}

fn keys_that_do_not_apply(judge: &mut Judge<'_>, raw: &RawPrune, remove: Remove, like: Option<Remove>) {
    let sized_by = like.unwrap_or(remove);
    let name = |remove: Remove| REMOVE.iter().find(|(_, other)| *other == remove).map_or("", |(name, _)| name);
    let what = match like {
        Some(like) => format!("like = \"{}\"", name(like)),
        None => format!("remove = \"{}\"", name(remove)),
    };
    if sized_by != Remove::Stragglers {
        judge.does_not_apply(&what, &raw.at);
    }
    if sized_by != Remove::Misclassified {
        judge.does_not_apply(&what, &raw.epoch);
    }
    if remove != Remove::Random {
        judge.does_not_apply(&what, &raw.like);
    }
}
