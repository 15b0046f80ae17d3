//! `[[architecture]]`: the network with the numbers that it declares, activation, initial scale, and the layers observed,
//! which must exist.
//!
//! Everything about a network is in its own file (`src/networks`): its keys are read from its declarations, and none is known
//! here by name.

use phasesweep_networks::{self as networks, Activation, ArchitectureKind, Misfit, Ports, Registered};
use serde::Serialize;

use super::data::Data;
use super::diagnostics::Diagnostics;
use super::flow::MeanField;
use super::judge::{Judge, words};
use super::layers;
use super::place::Located;
use super::reader::{Field, List};
use super::table::{RawTable, Table, keys};
use crate::key::{Absent, Bound, Form, Key, Label, Literal, Values, Variant};

/// Whether the parametrisation is the mean-field one.
pub(super) const PARAMETRISATIONS: [(&str, bool); 2] = [("standard", false), ("mean-field", true)];

keys! {
    /// Keys of `[[architecture]]`; those of the networks come with the networks.
    RawArchitecture {
        /// The network.
        kind: String = string {
            words: Some(|| networks::ALL.iter().map(|network| network.name).collect()),
            absent: Absent::Required("\"mlp\""),
        },
        /// Elementwise function of the hidden layers.
        activation: List<String> = strings {
            words: Some(|| words(&activations())),
            absent: Absent::Is(Literal::Word("tanh")),
        },
        /// PyTorch's initial weights, or, with gradient flow, the mean-field ones: all parameters N(0, 1), hidden layers
        /// W a/√fan-in + b, output (1/h) β·a, activation of unit second moment.
        parametrisation: String = string {
            words: Some(|| words(&PARAMETRISATIONS)),
            absent: Absent::Is(Literal::Word("standard")),
        },
        /// Variance of the initial biases.
        bias_variance: List<f64> = numbers {
            bound: Bound::NotNegative,
            absent: Absent::Is(Literal::Number(1.0)),
            applies_to: "`parametrisation = \"mean-field\"`",
        },
        /// Factor on the initial weights and biases.
        init_scale: List<f64> = numbers { bound: Bound::Positive, absent: Absent::Is(Literal::Number(1.0)) },
        /// Hidden layers that are measured, counted from 1; docs/networks.md says which these are.
        observe: List<i128> = integers { label: Label::Never, absent: Absent::Means("the last hidden layer") },
    }
    kinds: variants
}

/// `[[architecture]]`
pub(crate) const TABLE: Table = Table {
    name: "architecture",
    header: "[[architecture]]",
    about: "The network. Its inputs and outputs follow from the data.",
    keys: RawArchitecture::KEYS,
    kinds: variants,
};

/// Every network with its keys.
pub(crate) fn variants() -> Vec<Variant> {
    networks::ALL.iter().map(variant).collect()
}

fn variant(network: &Registered) -> Variant {
    let keys = network.keys.iter().map(|key| {
        let (form, bound, absent) = match key.form {
            networks::Form::Integer { least, most, default, .. } => {
                let absent = default.map(|default| Absent::Is(Literal::Integer(default as i64)));
                (Form::Integers, Bound::Whole(least as i128, most as i128), absent)
            }
            networks::Form::Widths { default } => {
                // The only default that a list of widths has is the empty one.
                let absent = default.map(|_| Absent::Is(Literal::Toml("[]")));
                (Form::IntegerLists, Bound::Whole(1, networks::WIDEST as i128), absent)
            }
            networks::Form::Word { default, .. } => {
                (Form::Strings, Bound::Free, Some(Absent::Is(Literal::Word(default))))
            }
            networks::Form::Layers => (Form::Layers, Bound::Free, None),
            networks::Form::NamedNumbers => (Form::NamedNumbers, Bound::Free, Some(Absent::Means("no names"))),
        };
        let absent = absent.unwrap_or(Absent::Required(key.example));
        let listed = if let networks::Form::Word { words, .. } = key.form { words } else { &[] };
        Key { name: key.name, form, bound, absent, listed, doc: key.meaning, ..Key::BLANK }
    });
    Variant { name: network.name, about: network.summary, keys: keys.collect() }
}

fn activations() -> Vec<(&'static str, Activation)> {
    Activation::ALL.iter().map(|activation| (activation.name(), *activation)).collect()
}

/// A network, and which of its hidden layers are observed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Architecture {
    /// Shape of the network.
    pub kind: ArchitectureKind,
    /// Elementwise function of every hidden layer.
    pub activation: Activation,
    /// Mean-field parametrisation; `None`: PyTorch's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_field: Option<MeanField>,
    /// Factor on the initial weights and biases.
    pub init_scale: f64,
    /// Hidden layers measured, 1-based, ascending and distinct. Not part of the initial weights' key.
    pub observe: Vec<usize>,
    /// The named numbers that a network of elements was made with.
    #[serde(skip)]
    pub numbers: NamedNumbers,
}

/// Named numbers that a network of elements was made with, by which its results are selected and drawn. Part of no
/// identity, and not of what tells entries of an axis apart: the elements are.
#[derive(Clone, Default)]
pub struct NamedNumbers(pub Vec<(String, f64)>);

impl PartialEq for NamedNumbers {
    fn eq(&self, _: &NamedNumbers) -> bool {
        true
    }
}

impl std::fmt::Debug for NamedNumbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NamedNumbers")
    }
}

/// The entries of one `[[architecture]]`; networks of images are held against those of `data`.
pub(crate) fn resolve(
    table: &RawTable<RawArchitecture>,
    data: &[Located<Data>],
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Architecture>> {
    let (raw, mut judge) = (&table.keys, Judge::of(TABLE.header, table, diagnostics));
    let activations = judge.choices(&raw.activation, &activations());
    let scales = judge.reals(&raw.init_scale);
    let kinds: Vec<(&str, &'static Registered)> = networks::ALL.iter().map(|network| (network.name, network)).collect();
    let shapes = match judge.choice(&raw.kind, &kinds) {
        Some(network) => shapes(&mut judge, raw, network),
        None => {
            judge.any_kind(&raw.kinds, &variants());
            None
        }
    };
    if let Some(shapes) = &shapes {
        fit(&mut judge, raw, shapes, data);
    }
    if let (Some(shapes), Some(written)) = (&shapes, raw.activation.given())
        && shapes.iter().all(|shape| !shape.kind.uses_activation())
    {
        let error = judge.diagnostics.error(&written.place, "`activation` does not apply to these `layers`");
        error.help("it stands for the element \"activation\", and none of them is that one");
    }
    let observe = observed(&mut judge, raw, shapes.as_deref());
    let fields = mean_fields(&mut judge, raw);
    let (activations, scales, shapes, observe, fields) = (activations?, scales?, shapes?, observe?, fields?);
    let combinations = judge.combinations([shapes.len(), activations.len(), scales.len(), fields.len()])?;
    let entry = |[k, a, s, m]: [usize; 4]| {
        let (Shape { kind, numbers }, mean_field) = (&shapes[k], fields[m]);
        let observe = observe.clone().unwrap_or_else(|| vec![kind.depth()]);
        let (activation, init_scale) = (activations[a].value, scales[s].value);
        Architecture { kind: kind.clone(), activation, mean_field, init_scale, observe, numbers: numbers.clone() }
    };
    Some(combinations.map(entry).collect())
}

/// The networks of a kind whose keys have the values that are written: the product of its keys, the last fastest.
fn shapes(judge: &mut Judge<'_>, raw: &RawArchitecture, network: &'static Registered) -> Option<Vec<Shape>> {
    let own = variant(network);
    judge.of_other_kinds(&format!("kind = \"{}\"", network.name), &raw.kinds, &own, &variants());
    for key in network.keys.iter().filter(|key| matches!(key.form, networks::Form::Integer { odd: true, .. })) {
        judge.odd(&raw.kinds, key.name);
    }
    let value = |key: &networks::Key, values: &Values| match key.form {
        networks::Form::Integer { .. } => networks::Value::Integer(values.whole(key.name)),
        networks::Form::Widths { .. } => networks::Value::Widths(values.wholes(key.name)),
        networks::Form::Word { .. } => networks::Value::Word(values.word(key.name)),
        networks::Form::Layers | networks::Form::NamedNumbers => {
            unreachable!("a network of elements has no key beside them")
        }
    };
    if let Some(key) = network.keys.iter().find(|key| key.form == networks::Form::Layers) {
        let of = |own: layers::Network| {
            let values = networks::Values::new(vec![(key.name, networks::Value::Layers(own.elements))]);
            Shape { kind: (network.of)(&values), numbers: NamedNumbers(own.numbers) }
        };
        return Some(layers::networks(judge, &raw.kinds)?.into_iter().map(of).collect());
    }
    let of = |values: Values| {
        let own = network.keys.iter().map(|key| (key.name, value(key, &values))).collect();
        Shape { kind: (network.of)(&networks::Values::new(own)), numbers: NamedNumbers::default() }
    };
    Some(judge.kind(&raw.kinds, &own)?.into_iter().map(of).collect())
}

/// A network, and the numbers of `numbers` that it was made with.
struct Shape {
    kind: ArchitectureKind,
    numbers: NamedNumbers,
}

/// Mean-field numbers of an `[[architecture]]`, `None` for the standard parametrisation.
fn mean_fields(judge: &mut Judge<'_>, raw: &RawArchitecture) -> Option<Vec<Option<MeanField>>> {
    let mean_field = judge.choice(&raw.parametrisation, &PARAMETRISATIONS)?;
    if mean_field {
        let variances = judge.reals(&raw.bias_variance)?;
        return Some(variances.iter().map(|variance| Some(MeanField { bias_variance: variance.value })).collect());
    }
    judge.does_not_apply("the standard parametrisation", &raw.bias_variance);
    Some(vec![None])
}

/// Layers to be observed; `Some(None)` is the default, the last hidden layer of each shape.
fn observed(judge: &mut Judge<'_>, raw: &RawArchitecture, shapes: Option<&[Shape]>) -> Option<Option<Vec<usize>>> {
    let shallowest = shapes.and_then(|shapes| shapes.iter().map(|shape| shape.kind.depth()).min());
    if let (Some(0), Some(kind)) = (shallowest, raw.kind.given()) {
        let error =
            judge.diagnostics.error(&kind.place, "the network has no hidden layer, and nothing could be observed");
        error.help("a dense layer, a convolution or a residual before the last one makes a hidden layer");
        return None;
    }
    let Field::Given(given) = &raw.observe.field else {
        return raw.observe.is_absent().then_some(None);
    };
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

/// Networks must be possible, and networks of images need images that are large enough; of sources whose images are not
/// known without their files, this is seen once the data are looked at.
fn fit(judge: &mut Judge<'_>, raw: &RawArchitecture, shapes: &[Shape], data: &[Located<Data>]) {
    let Some(kind) = raw.kind.given() else { return };
    let misfit = |shape: &Shape, image: Option<[usize; 3]>| {
        let inputs = image.map_or(1, |image| image.iter().product());
        let ports = Ports { inputs, image, classes: 2 };
        Some((shape.kind.label(), shape.kind.graph(ports, Activation::Tanh).err()?))
    };
    // What reads vectors is possible or not whatever the data are.
    let vectors = shapes.iter().filter(|shape| !shape.kind.needs_images());
    if let Some((label, misfit)) = vectors.clone().find_map(|shape| misfit(shape, None)) {
        judge.diagnostics.error(&kind.place, format!("`{label}` cannot be built: {misfit}"));
        return;
    }
    let known = data.iter().filter_map(|entry| Some((entry.value.source.name(), entry.value.source.known()?.image)));
    for (source, image) in known {
        let of_images = shapes.iter().filter(|shape| shape.kind.needs_images());
        let Some((label, misfit)) = of_images.clone().find_map(|shape| misfit(shape, image)) else { continue };
        match (misfit, image) {
            (Misfit::PooledAway, Some([_, height, width])) => {
                let error = judge
                    .diagnostics
                    .error(&kind.place, format!("the pooling of `{label}` leaves nothing of an image"));
                error.label(format!("{source} has images of {height}×{width}"));
                error.help("take fewer convolutions, or less pooling")
            }
            (Misfit::NoImages, _) | (_, None) => {
                let error = judge.diagnostics.error(&kind.place, "convolutions need images");
                error.label(format!("{source} has points, not images"));
                error.help("give the points a sweep of their own, with kind = \"mlp\"")
            }
            (misfit, Some([channels, height, width])) => {
                let error = judge.diagnostics.error(&kind.place, format!("`{label}` cannot be built: {misfit}"));
                error.label(format!("{source} has images of {channels}×{height}×{width}"))
            }
        };
        return;
    }
}
