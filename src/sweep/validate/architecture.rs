//! `[[architecture]]`: shape, activation, initial scale, and the layers observed, which must exist.

use super::data::name_of;
use super::flow;
use super::judge::{Bound, Judge, Otherwise};
use crate::sweep::diagnostics::Diagnostics;
use crate::sweep::place::Located;
use crate::sweep::raw::{RawArchitecture, RawTable};
use crate::sweep::reader::{Field, List};
use crate::sweep::resolved::{Activation, Architecture, ArchitectureKind, Data, Source};

/// Units of a layer may not be more.
const WIDEST: i128 = 10_000_000;

const ACTIVATIONS: [(&str, Activation); 5] = [
    ("tanh", Activation::Tanh),
    ("relu", Activation::Relu),
    ("gelu", Activation::Gelu),
    ("sigmoid", Activation::Sigmoid),
    ("softplus", Activation::Softplus),
];

/// The entries of one `[[architecture]]`; convolutions are held against the images of `data`.
pub(crate) fn resolve(
    table: &RawTable<RawArchitecture>,
    data: &[Located<Data>],
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Architecture>> {
    let (raw, mut judge) = (&table.keys, Judge::of("[[architecture]]", table, diagnostics));
    let activations = judge.choices("activation", &raw.activation, &ACTIVATIONS, Otherwise::Is(Activation::Tanh));
    let scales = judge.reals("init_scale", &raw.init_scale, Bound::Positive, Otherwise::Is(1.0));
    let cnn = judge.choice("kind", &raw.kind, &[("mlp", false), ("cnn", true)], Otherwise::Required("\"mlp\""));
    let shapes = match cnn {
        Some(true) => convolutional(&mut judge, raw, data),
        Some(false) => fully_connected(&mut judge, raw),
        None => None,
    };
    let observe = layers(&mut judge, raw, shapes.as_deref());
    let fields = flow::mean_fields(&mut judge, raw);
    let (activations, scales, shapes, observe, fields) = (activations?, scales?, shapes?, observe?, fields?);
    let combinations = judge.combinations([shapes.len(), activations.len(), scales.len(), fields.len()])?;
    let entry = |[k, a, s, m]: [usize; 4]| {
        let (kind, mean_field) = (shapes[k].clone(), fields[m]);
        let observe = observe.clone().unwrap_or_else(|| vec![kind.depth()]);
        Architecture { activation: activations[a].value, mean_field, init_scale: scales[s].value, observe, kind }
    };
    Some(combinations.map(entry).collect())
}

fn fully_connected(judge: &mut Judge<'_>, raw: &RawArchitecture) -> Option<Vec<ArchitectureKind>> {
    let place = |field: &Field<List<i128>>| field.given().map(|given| given.place.clone());
    let goes_with = "kind = \"cnn\"";
    let keys = [
        ("channels", raw.channels.given().map(|given| given.place.clone()), goes_with),
        ("kernel", place(&raw.kernel), goes_with),
        ("pool", place(&raw.pool), goes_with),
    ];
    judge.not_applicable("kind = \"mlp\"", &keys);
    let hidden = widths(judge, "hidden", &raw.hidden, Some("[20]"))?;
    Some(hidden.into_iter().map(|hidden| ArchitectureKind::Mlp { hidden }).collect())
}

fn convolutional(
    judge: &mut Judge<'_>,
    raw: &RawArchitecture,
    data: &[Located<Data>],
) -> Option<Vec<ArchitectureKind>> {
    let channels = widths(judge, "channels", &raw.channels, Some("[8, 16]"));
    let hidden = match &raw.hidden {
        Field::Absent => Some(vec![Vec::new()]),
        field => widths(judge, "hidden", field, None),
    };
    let kernels = judge.wholes("kernel", &raw.kernel, 1..=1023, Otherwise::Is(3));
    for kernel in kernels.iter().flatten().filter(|kernel| kernel.value % 2 == 0) {
        let error = judge.diagnostics.error(&kernel.place, "`kernel` must be odd: same padding has a middle");
        error.label(format!("{} or {} would do", kernel.value - 1, kernel.value + 1));
    }
    let pools = judge.wholes("pool", &raw.pool, 1..=1024, Otherwise::Is(2));
    let (channels, hidden, kernels, pools) = (channels?, hidden?, kernels?, pools?);
    images_fit(judge, raw, &channels, &pools, data);
    let combinations = judge.combinations([channels.len(), hidden.len(), kernels.len(), pools.len()])?;
    let kind = |[c, h, k, p]: [usize; 4]| ArchitectureKind::Cnn {
        channels: channels[c].clone(),
        kernel: kernels[k].value,
        pool: pools[p].value,
        hidden: hidden[h].clone(),
    };
    Some(combinations.map(kind).collect())
}

/// Lists of widths; `required` is an example where neither the key nor a width may be missing.
fn widths(
    judge: &mut Judge<'_>,
    key: &str,
    field: &Field<List<List<i128>>>,
    required: Option<&str>,
) -> Option<Vec<Vec<usize>>> {
    let lists = match field {
        Field::Broken => return None,
        Field::Absent => return judge.missing(key, required.unwrap_or("[20]")),
        Field::Given(lists) => lists,
    };
    let mut out = Vec::new();
    let mut sound = true;
    for list in &lists.value {
        if list.value.is_empty() && required.is_some() {
            let error = judge.diagnostics.error(&list.place, format!("`{key}` has no layer"));
            error.help(format!("write, say, {key} = {}", required.unwrap_or_default()));
            sound = false;
        }
        let read: Vec<_> = list.value.iter().map(|width| judge.whole_value(key, width, 1..=WIDEST)).collect();
        sound &= read.iter().all(Option::is_some);
        out.push(read.into_iter().flatten().map(|width| width.value).collect::<Vec<usize>>());
    }
    let spelt = out.iter().zip(&lists.value).map(|(list, written)| (format!("{list:?}"), &written.place));
    judge.distinct(key, spelt);
    sound.then_some(out)
}

/// Layers to be observed; `Some(None)` is the default, the last hidden layer of each shape.
fn layers(
    judge: &mut Judge<'_>,
    raw: &RawArchitecture,
    shapes: Option<&[ArchitectureKind]>,
) -> Option<Option<Vec<usize>>> {
    let Field::Given(given) = &raw.observe else {
        return raw.observe.is_absent().then_some(None);
    };
    let shallowest = shapes.and_then(|shapes| shapes.iter().map(ArchitectureKind::depth).min());
    let mut layers = Vec::new();
    let mut sound = true;
    for layer in &given.value {
        let exists = layer.value >= 1 && shallowest.is_none_or(|depth| layer.value <= depth as i128);
        if exists {
            layers.push(layer.with(layer.value as usize));
            continue;
        }
        sound = false;
        let error = judge.diagnostics.error(&layer.place, format!("there is no hidden layer {}", layer.value));
        match shallowest {
            Some(1) => error.label("the network has one hidden layer, number 1"),
            Some(depth) => error.label(format!("hidden layers are numbered 1 to {depth}")),
            None => error.label("hidden layers are numbered from 1"),
        };
    }
    judge.distinct("observe", layers.iter().map(|layer| (layer.value, &layer.place)));
    let mut layers: Vec<usize> = layers.iter().map(|layer| layer.value).collect();
    layers.sort_unstable();
    sound.then_some(Some(layers))
}

/// Convolutions need images, and pooling must leave a pixel of the smallest.
fn images_fit(
    judge: &mut Judge<'_>,
    raw: &RawArchitecture,
    channels: &[Vec<usize>],
    pools: &[Located<usize>],
    data: &[Located<Data>],
) {
    let points = |entry: &&Located<Data>| matches!(entry.value.source, Source::Stripe { .. } | Source::Cylinder { .. });
    if let (Some(entry), Some(kind)) = (data.iter().find(points), raw.kind.given()) {
        let error = judge.diagnostics.error(&kind.place, "convolutions need images");
        error.label(format!("{} has points, not images", name_of(&entry.value.source)));
        error.help("give the points a sweep of their own, with kind = \"mlp\"");
    }
    let side = |entry: &Located<Data>| match entry.value.source {
        Source::Digits { .. } => Some(("digits", 8_usize)),
        Source::Mnist | Source::FashionMnist | Source::Kmnist => Some((name_of(&entry.value.source), 28)),
        Source::Cifar10 { .. } => Some(("cifar10", 32)),
        _ => None,
    };
    let Some((source, side)) = data.iter().filter_map(side).min_by_key(|(_, side)| *side) else { return };
    let convolutions = channels.iter().map(Vec::len).max().unwrap_or(0);
    for pool in pools {
        let left = (0..convolutions).fold(side, |side, _| side / pool.value);
        if left == 0 {
            let message = format!("{convolutions} poolings by {} leave nothing of an image", pool.value);
            let error = judge.diagnostics.error(&pool.place, message);
            error.label(format!("{source} has images of {side}×{side}"));
            error.help("take fewer channels, or pool = 1 for none");
        }
    }
}
