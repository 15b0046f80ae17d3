//! `[[data]]`: the source, its labels, its scaling. Everything about a source is in its own file (`data::sources`): its keys
//! are read from its descriptors, and no data set is known here by name.

use serde::Serialize;

use super::diagnostics::Diagnostics;
use super::judge::{Judge, words};
use super::place::Located;
use super::reader::{Field, List};
use super::selection::{self, Beside, Selection};
use super::table::{RawTable, Table, keys};
use crate::data::sources::{self, Kind, PathKey, Source};
use crate::key::{Absent, Bound, Key, Literal, Variant};

keys! {
    /// Keys of `[[data]]`; those of the sources come with the sources.
    RawData {
        /// Where samples come from.
        source: String = string {
            words: Some(|| sources::kinds().iter().map(|kind| kind.variant.name).collect()),
            absent: Absent::Required("\"digits\""),
        },
        /// Directory of the files, or the file of arrays; relative paths start from the sweep file's directory, and `~` is
        /// home.
        path: String = string {
            absent: Absent::Means("found; idx and arrays: *required*"),
            applies_to: "sources with files",
        },
        /// How a class follows from the source's label: the labels that occur, whatever numbers they are; odd ones against
        /// even ones; the upper half against the lower; one against the rest; or random classes, as many as the source has.
        /// Stripe, cylinder, power-law, sparse-parity and moons: classes or random.
        labels: String = string { words: Some(|| words(&LABELS)), absent: Absent::Is(Literal::Word("classes")) },
        /// The class that one-vs-rest sets apart, 0 to 9 (idx and arrays: to 65535; sources of any number of
        /// classes: to the last).
        label: List<i128> = integers { absent: Absent::Required("3"), applies_to: "`labels = \"one-vs-rest\"`" },
        /// The labels of the source that are used, two or more: all other samples leave the pool, in training and in the test set,
        /// before blocks, draws and the rule of `labels`. Classes keep the source's numbers. A list of such lists is an axis.
        only: List<List<i128>> = integer_lists {
            bound: Bound::Whole(0, u16::MAX as i128),
            absent: Absent::Means("all labels"),
        },
        /// Classes made of several labels: `[[0, 2, 4], [1, 3]]` makes class 0 of the labels 0, 2 and 4, and class 1 of 1 and 3. Samples
        /// of labels that are in no group leave the pool, in training and in the test set. Goes with `labels` classes and random.
        groups: List<List<i128>> = groups {
            bound: Bound::Whole(0, u16::MAX as i128),
            absent: Absent::Means("none"),
        },
        /// Share of training labels that are replaced by another class.
        label_noise: List<f64> = numbers { bound: Bound::Share, absent: Absent::Is(Literal::Number(0.0)) },
        /// Number of the random labels or noise, the same for all seeds.
        label_draw: List<i128> = integers {
            bound: Bound::Whole(0, i64::MAX as i128),
            absent: Absent::Is(Literal::Integer(0)),
            applies_to: "random labels and `label_noise`",
        },
        /// How inputs are scaled, with numbers of the training block: each input by its mean and standard deviation; centred,
        /// then each sample to norm √dimension; or as the source gives them.
        normalise: String = string {
            words: Some(|| words(&SCALINGS)),
            absent: Absent::Means("`\"standardise\"`; sources of points: `\"none\"`"),
        },
    }
    kinds: variants
}

/// `[[data]]`
pub(crate) const TABLE: Table = Table {
    name: "data",
    header: "[[data]]",
    about: "Where samples come from, what their classes are, and how inputs are scaled.",
    keys: RawData::KEYS,
    kinds: variants,
};

/// Every source with its keys.
pub(crate) fn variants() -> Vec<Variant> {
    sources::kinds().into_iter().map(|kind| kind.variant).collect()
}

/// Where the images (or points) come from and what their labels are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Data {
    /// The source.
    pub source: Source,
    /// How a sample's class follows from its original label.
    pub labels: Labels,
    /// Share of training labels replaced by a uniformly drawn other class, in [0, 1].
    pub label_noise: f64,
    /// Number of the random stream behind `label_noise` and random labels: the same for every seed of the sweep, so
    /// that replicas share their labels.
    pub label_draw: u64,
    /// How inputs are scaled.
    pub normalise: Normalise,
    /// Which labels of the source are used, and which of them are one class.
    #[serde(flatten, skip_serializing_if = "Selection::is_all")]
    pub selection: Selection,
    /// Directory named in the file; not part of a cell's identity (the digest of the data is).
    #[serde(skip)]
    pub path: Option<std::path::PathBuf>,
}

/// How a class follows from the source's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Labels {
    /// Two classes: label mod 2.
    Parity,
    /// Two classes: 0 below half of the number of labels, else 1.
    Halves,
    /// The source's own classes.
    Classes,
    /// Class 1 is the stated label, class 0 all others.
    OneVsRest {
        /// The label that is class 1.
        label: u16,
    },
    /// As many classes as the source has, drawn uniformly for each training and test sample (stream `label_draw`).
    Random,
}

/// How inputs are scaled, with numbers taken from the training block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalise {
    /// Each input by its mean and sample standard deviation over the block; constant inputs dropped.
    Standardise,
    /// Centred by the block's mean, then each sample scaled to norm √dimension (Paccolat et al. 2021, images).
    Sphere,
    /// As the source gives them (the default of points).
    None,
}

const LABELS: [(&str, LabelRule); 5] = [
    ("classes", LabelRule::Is(Labels::Classes)),
    ("parity", LabelRule::Is(Labels::Parity)),
    ("halves", LabelRule::Is(Labels::Halves)),
    ("one-vs-rest", LabelRule::OneVsRest),
    ("random", LabelRule::Is(Labels::Random)),
];

const SCALINGS: [(&str, Normalise); 3] =
    [("standardise", Normalise::Standardise), ("sphere", Normalise::Sphere), ("none", Normalise::None)];

/// Sources of the sweep whose number of training samples is known without reading them.
pub(crate) fn pools(entries: &[Located<Data>]) -> Vec<Source> {
    entries.iter().map(|entry| entry.value.source.clone()).filter(|source| source.known().is_some()).collect()
}

/// The entries of one `[[data]]`.
pub(crate) fn resolve(table: &RawTable<RawData>, diagnostics: &mut Diagnostics) -> Option<Vec<Data>> {
    let (raw, mut judge) = (&table.keys, Judge::of(TABLE.header, table, diagnostics));
    let kinds = sources::kinds();
    let named: Vec<(&str, &Kind)> = kinds.iter().map(|kind| (kind.variant.name, kind)).collect();
    let all = variants();
    let Some(kind) = judge.choice(&raw.source, &named) else {
        // What the other keys should be depends on the source; only what never does is judged.
        judge.reals(&raw.label_noise);
        judge.any_kind(&raw.kinds, &all);
        return None;
    };
    keys_that_do_not_apply(&mut judge, raw, kind, &kinds, &all);
    let sources = judge.kind(&raw.kinds, &kind.variant);
    let labels = labels(&mut judge, raw, kind);
    let normalise = match raw.normalise.field {
        Field::Absent => Some(if kind.points { Normalise::None } else { Normalise::Standardise }),
        _ => judge.choice(&raw.normalise, &SCALINGS),
    };
    let noise = judge.reals(&raw.label_noise);
    let draws = judge.wholes(&raw.label_draw);
    let path = path(&mut judge, &raw.path, kind);
    let sources = sources.filter(|values| judge.conflicting(&raw.kinds, values, kind.conflict).is_some());
    let sources: Option<Vec<Source>> = sources.map(|sources| sources.iter().map(|values| (kind.new)(values)).collect());
    let beside = Beside {
        sources: sources.as_deref().unwrap_or_default(),
        largest_label: kind.largest_label,
        makes_classes: labels.iter().flatten().any(|labels| !matches!(labels, Labels::Classes | Labels::Random)),
        parity: labels.iter().flatten().any(|labels| *labels == Labels::Parity),
        label: &raw.label.field,
    };
    let selections = selection::resolve(&mut judge, &raw.only, &raw.groups, &beside);
    let (sources, labels, normalise, noise, draws, path) = (sources?, labels?, normalise?, noise?, draws?, path?);
    let selections = selections?;
    let random = |labels: &Labels, noise: f64| noise > 0.0 || *labels == Labels::Random;
    if let (Field::Given(given), false) =
        (&raw.label_draw.field, labels.iter().any(|l| noise.iter().any(|n| random(l, n.value))))
    {
        let error = judge.diagnostics.error(&given.place, "`label_draw` numbers random labels, and none are random");
        error.help("it goes with label_noise > 0 and with labels = \"random\"");
        return None;
    }
    let lengths = [sources.len(), selections.len(), labels.len(), noise.len(), draws.len()];
    let combinations = judge.combinations(lengths)?;
    let entry = |[s, c, l, n, d]: [usize; 5]| {
        let (labels, label_noise) = (labels[l], noise[n].value);
        // Without noise every draw is the same cell: one of them stands for all.
        let kept = d == 0 || random(&labels, label_noise);
        let label_draw = if random(&labels, label_noise) { draws[d].value as u64 } else { 0 };
        let (source, selection) = (sources[s].clone(), selections[c].clone());
        kept.then(|| Data { source, labels, label_noise, label_draw, normalise, selection, path: path.clone() })
    };
    Some(combinations.filter_map(entry).collect())
}

fn keys_that_do_not_apply(judge: &mut Judge<'_>, raw: &RawData, kind: &Kind, kinds: &[Kind], all: &[Variant]) {
    let what = format!("source = \"{}\"", kind.variant.name);
    if kind.path == PathKey::None {
        let with: Vec<&str> =
            kinds.iter().filter(|kind| kind.path != PathKey::None).map(|kind| kind.variant.name).collect();
        let place = raw.path.given().map(|path| path.place.clone());
        judge.not_applicable(&what, &[("path", place, &super::judge::listed(&with))]);
    }
    judge.of_other_kinds(&what, &raw.kinds, &kind.variant, all);
}

#[derive(Clone, Copy, PartialEq)]
enum LabelRule {
    Is(Labels),
    OneVsRest,
}

fn labels(judge: &mut Judge<'_>, raw: &RawData, kind: &Kind) -> Option<Vec<Labels>> {
    let own = [LABELS[0], LABELS[4]];
    let rule = judge.choice(&raw.labels, if kind.own_classes { &own } else { &LABELS })?;
    match rule {
        LabelRule::Is(labels) => {
            judge.does_not_apply("these labels", &raw.label);
            Some(vec![labels])
        }
        LabelRule::OneVsRest => {
            let key = Key { bound: Bound::Whole(0, kind.largest_label as i128), ..raw.label.key };
            let chosen = judge.wholes_within(&key, &raw.label.field, key.bound.range())?;
            Some(chosen.iter().map(|label| Labels::OneVsRest { label: label.value as u16 }).collect())
        }
    }
}

/// The directory; the outer `None` is an error.
fn path(judge: &mut Judge<'_>, path: &Field<String>, kind: &Kind) -> Option<Option<std::path::PathBuf>> {
    match path {
        Field::Broken => None,
        Field::Absent if kind.path == PathKey::Required => judge.missing("path", "\"/data/my-images\""),
        Field::Absent => Some(None),
        Field::Given(path) if path.value.is_empty() => {
            judge.diagnostics.error(&path.place, "`path` is empty").help("name the directory that holds the files");
            None
        }
        Field::Given(path) => Some(Some(path.value.clone().into())),
    }
}
