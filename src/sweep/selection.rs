//! `only` and `groups` of `[[data]]`: which labels of a source are used, and which of them are one class.
//!
//! Invariants: a selection has at least two labels or groups; no group is empty; no label is named twice. Labels are in
//! ascending order within a list, so that a selection has one form; groups keep their order, which numbers the classes.

use serde::Serialize;

use super::judge::Judge;
use super::place::{Located, Place};
use super::reader::{Field, List};
use super::table::Keyed;
use crate::data::sources::Source;
use crate::key::{Bound, Key};

/// Which labels of a source are used. All other samples leave the pool, in training and in the test set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// All of them.
    #[default]
    All,
    /// These, ascending. Classes keep the source's numbers.
    Only(Vec<u32>),
    /// Those that are in a group. The groups are the classes 0, 1, 2 … in their order.
    Groups(Vec<Vec<u32>>),
}

impl Selection {
    /// Whether every sample is used as it is.
    pub fn is_all(&self) -> bool {
        *self == Selection::All
    }

    /// The labels that are used, ascending; `None` where all of them are.
    pub fn labels(&self) -> Option<Vec<u32>> {
        let mut labels = match self {
            Selection::All => return None,
            Selection::Only(labels) => labels.clone(),
            Selection::Groups(groups) => groups.concat(),
        };
        labels.sort_unstable();
        Some(labels)
    }

    /// Number of classes where labels are taken as they are; `None` where the source alone decides it.
    pub fn classes(&self) -> Option<usize> {
        match self {
            Selection::All => None,
            Selection::Only(labels) => Some(labels.len()),
            Selection::Groups(groups) => Some(groups.len()),
        }
    }

    /// As a sweep file writes it: "only = [3, 5]"; empty where all labels are used.
    pub fn written(&self) -> String {
        match self {
            Selection::All => String::new(),
            Selection::Only(labels) => format!("only = {labels:?}"),
            Selection::Groups(groups) => format!("groups = {groups:?}"),
        }
    }
}

/// What the keys of one `[[data]]` that a selection must agree with say.
pub(super) struct Beside<'a> {
    /// Its sources.
    pub(super) sources: &'a [Source],
    /// The largest label that the kind of source may have.
    pub(super) largest_label: usize,
    /// Whether its rule makes classes of labels: parity, halves, one against the rest.
    pub(super) makes_classes: bool,
    /// Whether that is by parity.
    pub(super) parity: bool,
    /// Its `label`.
    pub(super) label: &'a Field<List<i128>>,
}

type Lists = Keyed<List<List<i128>>>;

/// The selections of one `[[data]]`: those of `only`, which is an axis, or the one of `groups`.
pub(super) fn resolve(
    judge: &mut Judge<'_>,
    only: &Lists,
    groups: &Lists,
    beside: &Beside<'_>,
) -> Option<Vec<Selection>> {
    match (&only.field, &groups.field) {
        (Field::Broken, _) | (_, Field::Broken) => None,
        (Field::Absent, Field::Absent) => Some(vec![Selection::All]),
        (Field::Given(_), Field::Given(groups)) => {
            let error = judge.diagnostics.error(&groups.place, "`only` and `groups` exclude each other");
            error.help("labels that are in no group are not used: leave out `only`");
            None
        }
        (Field::Given(lists), Field::Absent) => {
            let read: Vec<Option<Selection>> =
                lists.value.iter().map(|list| one_of_only(judge, &only.key, list, beside)).collect();
            let spelt = read.iter().zip(&lists.value).filter_map(|(read, list)| {
                let labels = read.as_ref()?.labels()?;
                Some((format!("{labels:?}"), &list.place))
            });
            judge.distinct(only.key.name, spelt);
            read.into_iter().collect()
        }
        (Field::Absent, Field::Given(given)) => of_groups(judge, &groups.key, given, beside).map(|one| vec![one]),
    }
}

fn one_of_only(judge: &mut Judge<'_>, key: &Key, list: &Located<List<i128>>, beside: &Beside<'_>) -> Option<Selection> {
    let mut labels = checked(judge, key, list.value.iter(), beside)?;
    if labels.len() < 2 {
        return too_few(judge, &list.place, "`only` leaves fewer than two classes", "only = [3, 5]");
    }
    labels.sort_unstable();
    if beside.parity && labels.iter().all(|label| label % 2 == labels[0] % 2) {
        let what = if labels[0] % 2 == 0 { "even" } else { "odd" };
        let error = judge.diagnostics.error(&list.place, format!("`only` leaves one class: all labels are {what}"));
        error.help("leave out labels = \"parity\", which makes one class of them");
        return None;
    }
    if let Some(apart) = beside.label.given() {
        for label in apart.value.iter().filter(|label| !labels.iter().any(|&kept| i128::from(kept) == label.value)) {
            let error = judge.diagnostics.error(&label.place, "`label` is not among the labels of `only`");
            error.label(format!("only = {labels:?}"));
        }
    }
    Some(Selection::Only(labels))
}

fn of_groups(
    judge: &mut Judge<'_>,
    key: &Key,
    given: &Located<List<List<i128>>>,
    beside: &Beside<'_>,
) -> Option<Selection> {
    if beside.makes_classes {
        let error = judge.diagnostics.error(&given.place, "`groups` makes classes of labels, and so does `labels`");
        error.help(
            "leave out `labels` (or write labels = \"random\", for random classes of these samples), or `groups`",
        );
        return None;
    }
    if given.value.len() < 2 {
        return too_few(judge, &given.place, "`groups` makes fewer than two classes", "groups = [[0, 2, 4], [1, 3]]");
    }
    let empty: Vec<&Place> =
        given.value.iter().filter(|group| group.value.is_empty()).map(|group| &group.place).collect();
    for place in &empty {
        let error = judge.diagnostics.error(place, "a group of `groups` is empty: its class would have no sample");
        error.help("name its labels, or leave the group out");
    }
    checked(judge, key, given.value.iter().flat_map(|group| &group.value), beside).filter(|_| empty.is_empty())?;
    let sorted = |group: &Located<List<i128>>| {
        // Checked above: each is a label.
        let mut labels: Vec<u32> = group.value.iter().filter_map(|label| u32::try_from(label.value).ok()).collect();
        labels.sort_unstable();
        labels
    };
    Some(Selection::Groups(given.value.iter().map(sorted).collect()))
}

/// The labels that are named, in the order in which they are: each once, and one that every source may have.
fn checked<'l>(
    judge: &mut Judge<'_>,
    key: &Key,
    named: impl Iterator<Item = &'l Located<i128>>,
    beside: &Beside<'_>,
) -> Option<Vec<u32>> {
    let range = Bound::Whole(0, beside.largest_label as i128).range();
    let mut labels: Vec<Located<usize>> = Vec::new();
    let mut sound = true;
    for label in named {
        match judge.whole_value(key.name, label, range.clone()) {
            Some(label) => labels.push(label),
            None => sound = false,
        }
    }
    let before = judge.diagnostics.len();
    judge.distinct(key.name, labels.iter().map(|label| (label.value, &label.place)));
    for label in &labels {
        let beyond = beside.sources.iter().find_map(|source| {
            let classes = source.classes().filter(|&classes| label.value >= classes)?;
            Some((source.name(), classes))
        });
        if let Some((name, classes)) = beyond {
            let error = judge.diagnostics.error(&label.place, format!("there is no label {} in {name}", label.value));
            error.label(format!("its labels are 0 to {}", classes.saturating_sub(1)));
        }
    }
    sound &= judge.diagnostics.len() == before;
    sound.then(|| labels.iter().map(|label| label.value as u32).collect())
}

fn too_few<T>(judge: &mut Judge<'_>, place: &Place, what: &str, example: &str) -> Option<T> {
    judge.diagnostics.error(place, what).help(format!("write, say, {example}"));
    None
}
