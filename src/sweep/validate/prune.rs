//! `[[prune]]`: samples left out of training.

use super::judge::{Judge, Otherwise};
use super::schedule;
use crate::sweep::diagnostics::Diagnostics;
use crate::sweep::raw::{RawPrune, RawTable};
use crate::sweep::reader::{Epochs, Field};
use crate::sweep::resolved::{InversionOf, Prune, PruneSize, Schedule};

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
    let (raw, mut judge) = (&table.keys, Judge::of("[[prune]]", table, diagnostics));
    let remove = judge.choice("remove", &raw.remove, &REMOVE, Otherwise::Required("\"stragglers\""))?;
    let like = match remove {
        Remove::Random => {
            judge.choice("like", &raw.like, &REMOVE[1..3], Otherwise::Required("\"stragglers\"")).map(Some)
        }
        _ => Some(None),
    }?;
    keys_that_do_not_apply(&mut judge, raw, remove, like);
    match like.unwrap_or(remove) {
        Remove::Stragglers => {
            let at = judge.choices("at", &raw.at, &INVERSIONS, Otherwise::Is(InversionOf::Distance))?;
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
    let written = match &raw.epoch {
        Field::Broken => return None,
        Field::Absent => return judge.missing("epoch", "[10, 30, 100] or \"log\""),
        Field::Given(written) => written,
    };
    if let Epochs::Never | Epochs::Always = written.value {
        let error = judge.diagnostics.error(&written.place, "`epoch` must say which epochs");
        error.help("write an epoch, a list of them, \"log\", { log = 10 } or { every = 10 }");
        return None;
    }
    let schedule = schedule::resolve(judge, "epoch", written, last)?;
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
    let keys = [
        ("at", raw.at.given().filter(|_| sized_by != Remove::Stragglers).map(|at| at.place.clone()), "stragglers"),
        (
            "epoch",
            raw.epoch.given().filter(|_| sized_by != Remove::Misclassified).map(|epoch| epoch.place.clone()),
            "misclassified",
        ),
        (
            "like",
            raw.like.given().filter(|_| remove != Remove::Random).map(|like| like.place.clone()),
            "remove = \"random\"",
        ),
    ];
    judge.not_applicable(&what, &keys);
}
