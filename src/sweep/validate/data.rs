//! `[[data]]`: the source, its labels, its scaling.

use super::judge::{Bound, Judge, Otherwise};
use crate::sweep::diagnostics::Diagnostics;
use crate::sweep::place::{Located, Place};
use crate::sweep::raw::{RawData, RawTable};
use crate::sweep::reader::{Field, List};
use crate::sweep::resolved::{Channels, Data, Labels, Normalise, Source};

/// UCI's optical digits; at least one is kept for the test set.
const DIGITS: usize = 1797;
/// Points and dimensions of the artificial sources may not be more.
const MANY: i128 = 1_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Digits,
    Mnist,
    FashionMnist,
    Kmnist,
    Cifar10,
    Idx,
    Stripe,
    Cylinder,
}

const KINDS: [(&str, Kind); 8] = [
    ("digits", Kind::Digits),
    ("mnist", Kind::Mnist),
    ("fashion-mnist", Kind::FashionMnist),
    ("kmnist", Kind::Kmnist),
    ("cifar10", Kind::Cifar10),
    ("idx", Kind::Idx),
    ("stripe", Kind::Stripe),
    ("cylinder", Kind::Cylinder),
];

impl Kind {
    fn artificial(self) -> bool {
        matches!(self, Kind::Stripe | Kind::Cylinder)
    }

    fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// The source's name in a sweep file.
pub(crate) fn name_of(source: &Source) -> &'static str {
    match source {
        Source::Digits { .. } => "digits",
        Source::Mnist => "mnist",
        Source::FashionMnist => "fashion-mnist",
        Source::Kmnist => "kmnist",
        Source::Cifar10 { .. } => "cifar10",
        Source::Idx => "idx",
        Source::Stripe { .. } => "stripe",
        Source::Cylinder { .. } => "cylinder",
    }
}

/// Training samples of each source whose number is known without reading it.
pub(crate) fn pools(entries: &[Located<Data>]) -> Vec<(&'static str, usize)> {
    let pool = |entry: &Located<Data>| {
        let count = match entry.value.source {
            Source::Digits { train } | Source::Stripe { train, .. } | Source::Cylinder { train, .. } => train,
            Source::Mnist | Source::FashionMnist | Source::Kmnist => 60_000,
            Source::Cifar10 { .. } => 50_000,
            Source::Idx => return None,
        };
        Some((name_of(&entry.value.source), count))
    };
    entries.iter().filter_map(pool).collect()
}

/// The entries of one `[[data]]`.
pub(crate) fn resolve(table: &RawTable<RawData>, diagnostics: &mut Diagnostics) -> Option<Vec<Data>> {
    let (raw, mut judge) = (&table.keys, Judge::of("[[data]]", table, diagnostics));
    let Some(kind) = judge.choice("source", &raw.source, &KINDS, Otherwise::Required("\"digits\"")) else {
        // What the other keys should be depends on the source; only what never does is judged.
        return none(&mut judge, raw);
    };
    keys_that_do_not_apply(&mut judge, raw, kind);
    let sources = sources(&mut judge, raw, kind);
    let labels = labels(&mut judge, raw, kind);
    let normalise = judge.choice(
        "normalise",
        &raw.normalise,
        &[("standardise", Normalise::Standardise), ("sphere", Normalise::Sphere), ("none", Normalise::None)],
        Otherwise::Is(if kind.artificial() { Normalise::None } else { Normalise::Standardise }),
    );
    let noise = judge.reals("label_noise", &raw.label_noise, Bound::Share, Otherwise::Is(0.0));
    let draws = judge.wholes("label_draw", &raw.label_draw, 0..=i128::from(i64::MAX), Otherwise::Is(0));
    let path = path(&mut judge, raw, kind);
    let (sources, labels, normalise, noise, draws, path) = (sources?, labels?, normalise?, noise?, draws?, path?);
    let random = |labels: &Labels, noise: f64| noise > 0.0 || *labels == Labels::Random;
    if let (Field::Given(given), false) =
        (&raw.label_draw, labels.iter().any(|l| noise.iter().any(|n| random(l, n.value))))
    {
        let error = judge.diagnostics.error(&given.place, "`label_draw` numbers random labels, and none are random");
        error.help("it goes with label_noise > 0 and with labels = \"random\"");
        return None;
    }
    let lengths = [sources.len(), labels.len(), noise.len(), draws.len()];
    let combinations = judge.combinations(lengths)?;
    let entry = |[s, l, n, d]: [usize; 4]| {
        let (labels, label_noise) = (labels[l], noise[n].value);
        // Without noise every draw is the same cell: one of them stands for all.
        let kept = d == 0 || random(&labels, label_noise);
        let label_draw = if random(&labels, label_noise) { draws[d].value as u64 } else { 0 };
        let source = sources[s].clone();
        kept.then(|| Data { source, labels, label_noise, label_draw, normalise, path: path.clone() })
    };
    Some(combinations.filter_map(entry).collect())
}

fn none(judge: &mut Judge<'_>, raw: &RawData) -> Option<Vec<Data>> {
    judge.reals("label_noise", &raw.label_noise, Bound::Share, Otherwise::Is(0.0));
    judge.reals("stretch", &raw.stretch, Bound::Positive, Otherwise::Is(1.0));
    None
}

fn at<T>(field: &Field<T>) -> Option<Place> {
    field.given().map(|given| given.place.clone())
}

fn keys_that_do_not_apply(judge: &mut Judge<'_>, raw: &RawData, kind: Kind) {
    let points = "stripe and cylinder";
    let when = |sensible: bool, place: Option<Place>| if sensible { None } else { place };
    let generated = kind.artificial() || kind == Kind::Digits;
    let keys = [
        ("path", when(!generated, at(&raw.path)), "mnist, fashion-mnist, kmnist, cifar10 and idx"),
        ("channels", when(kind == Kind::Cifar10, at(&raw.channels)), "cifar10"),
        ("dimension", when(kind.artificial(), at(&raw.dimension)), points),
        ("test", when(kind.artificial(), at(&raw.test)), points),
        ("stretch", when(kind.artificial(), at(&raw.stretch)), points),
        ("train", when(generated, at(&raw.train)), "digits, stripe and cylinder; elsewhere [[subsample]] size"),
        ("parallel", when(kind == Kind::Cylinder, at(&raw.parallel)), "cylinder"),
    ];
    judge.not_applicable(&format!("source = \"{}\"", kind.name()), &keys);
}

fn sources(judge: &mut Judge<'_>, raw: &RawData, kind: Kind) -> Option<Vec<Source>> {
    match kind {
        Kind::Mnist => Some(vec![Source::Mnist]),
        Kind::FashionMnist => Some(vec![Source::FashionMnist]),
        Kind::Kmnist => Some(vec![Source::Kmnist]),
        Kind::Idx => Some(vec![Source::Idx]),
        Kind::Digits => {
            let train = judge.wholes("train", &raw.train, 1..=(DIGITS - 1) as i128, Otherwise::Is(1500))?;
            Some(train.iter().map(|train| Source::Digits { train: train.value }).collect())
        }
        Kind::Cifar10 => {
            let allowed = [("sum", Channels::Sum), ("flat", Channels::Flat)];
            let channels = judge.choice("channels", &raw.channels, &allowed, Otherwise::Is(Channels::Sum))?;
            Some(vec![Source::Cifar10 { channels }])
        }
        Kind::Stripe | Kind::Cylinder => points(judge, raw, kind),
    }
}

fn points(judge: &mut Judge<'_>, raw: &RawData, kind: Kind) -> Option<Vec<Source>> {
    let dimension = judge.wholes("dimension", &raw.dimension, 1..=MANY, Otherwise::Required("10"));
    let train = judge.wholes("train", &raw.train, 1..=MANY, Otherwise::Is(10_000));
    let test = judge.wholes("test", &raw.test, 1..=MANY, Otherwise::Is(10_000));
    let stretch = judge.reals("stretch", &raw.stretch, Bound::Positive, Otherwise::Is(1.0));
    let parallel = match kind {
        Kind::Cylinder => {
            // Informative dimensions are dimensions: no more of them than the smallest space has.
            let smallest = dimension.iter().flatten().map(|d| d.value as i128).min().unwrap_or(MANY);
            judge.wholes("parallel", &raw.parallel, 1..=smallest, Otherwise::Required("2"))
        }
        _ => judge.wholes("parallel", &Field::Absent, 0..=0, Otherwise::Is(0)),
    };
    let (dimension, train, test, stretch, parallel) = (dimension?, train?, test?, stretch?, parallel?);
    let lengths = [dimension.len(), parallel.len(), train.len(), test.len(), stretch.len()];
    let source = |[d, p, r, e, s]: [usize; 5]| {
        let (dimension, train, test) = (dimension[d].value, train[r].value, test[e].value);
        let (parallel, stretch) = (parallel[p].value, stretch[s].value);
        match kind {
            Kind::Cylinder => Source::Cylinder { dimension, parallel, train, test, stretch },
            _ => Source::Stripe { dimension, train, test, stretch },
        }
    };
    Some(judge.combinations(lengths)?.map(source).collect())
}

#[derive(Clone, Copy, PartialEq)]
enum LabelRule {
    Is(Labels),
    OneVsRest,
}

fn labels(judge: &mut Judge<'_>, raw: &RawData, kind: Kind) -> Option<Vec<Labels>> {
    let own = [("classes", LabelRule::Is(Labels::Classes)), ("random", LabelRule::Is(Labels::Random))];
    let all = [
        own[0],
        ("parity", LabelRule::Is(Labels::Parity)),
        ("halves", LabelRule::Is(Labels::Halves)),
        ("one-vs-rest", LabelRule::OneVsRest),
        own[1],
    ];
    // Stripe and cylinder have two classes of their own: parity and the rest would be other names for them.
    let allowed: &[(&str, LabelRule)] = if kind.artificial() { &own } else { &all };
    let rule = judge.choice("labels", &raw.labels, allowed, Otherwise::Is(LabelRule::Is(Labels::Classes)))?;
    match rule {
        LabelRule::Is(labels) => {
            judge.not_applicable("these labels", &[("label", at(&raw.label), "labels = \"one-vs-rest\"")]);
            Some(vec![labels])
        }
        LabelRule::OneVsRest => {
            // Every source has ten classes but idx, which may have as many as its bytes can say.
            let largest = if kind == Kind::Idx { 255 } else { 9 };
            let chosen: List<usize> = judge.wholes("label", &raw.label, 0..=largest, Otherwise::Required("3"))?;
            Some(chosen.iter().map(|label| Labels::OneVsRest { label: label.value as u16 }).collect())
        }
    }
}

/// The directory; the outer `None` is an error.
fn path(judge: &mut Judge<'_>, raw: &RawData, kind: Kind) -> Option<Option<std::path::PathBuf>> {
    match &raw.path {
        Field::Broken => None,
        Field::Absent if kind == Kind::Idx => judge.missing("path", "\"/data/my-images\""),
        Field::Absent => Some(None),
        Field::Given(path) if path.value.is_empty() => {
            judge.diagnostics.error(&path.place, "`path` is empty").help("name the directory that holds the files");
            None
        }
        Field::Given(path) => Some(Some(path.value.clone().into())),
    }
}
