//! What cells are along every key of the specification: the coordinates of `results.h5` by which results are selected,
//! grouped and drawn.
//!
//! Two kinds. The numbers of [`Plan::numbers`] are always there, under names that are promises. Every further key in which
//! the entries of an axis differ becomes a coordinate of its own, `table_key` (`data_normalise`, `optimiser_margin`); keys
//! are taken from the entries' JSON (`super::keys`), so that none can be forgotten. Invariants: names are distinct;
//! variants that agree in all coordinates are the same variant.

use std::collections::BTreeSet;

use serde_json::Value;

use super::keys::{Keys, file_name, keys_of, shown};
use super::{Plan, Variant, entries_of};
use crate::sweep::{Architecture, Batch, NamedNumbers, Optimiser, Prune, PruneSize, Subsample};

/// A numeric coordinate over cells.
#[derive(Debug, Clone, PartialEq)]
pub struct NumericCoordinate {
    /// Name of the variable in `results.h5`.
    pub name: &'static str,
    /// What it is.
    pub long_name: &'static str,
    /// One value per variant; NaN where the variant has no such number.
    pub values: Vec<f64>,
}

/// A key of the specification in which the variants of a sweep differ.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyCoordinate {
    /// Name of the variable in `results.h5`: the table and the key.
    pub name: String,
    /// What it is.
    pub long_name: String,
    /// One value per variant.
    pub values: KeyValues,
}

/// Values of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyValues {
    /// Numbers; NaN where a variant does not have the key.
    Numbers(Vec<f64>),
    /// Words, truth values and lists as texts; empty where a variant does not have the key.
    Texts(Vec<String>),
}

/// Keys that a coordinate of [`Plan::numbers`] holds already.
const NUMBERED: [(&str, &str); 19] = [
    ("data", "label_noise"),
    ("data", "label_draw"),
    ("data", "source.dimension"),
    ("data", "source.parallel"),
    ("data", "source.stretch"),
    ("subsample", "size"),
    ("subsample", "block"),
    ("subsample", "draw"),
    ("architecture", "init_scale"),
    ("architecture", "mean_field.bias_variance"),
    ("optimiser", "lr"),
    ("optimiser", "momentum"),
    ("optimiser", "beta1"),
    ("optimiser", "beta2"),
    ("optimiser", "epsilon"),
    ("optimiser", "weight_decay"),
    ("optimiser", "flow.alpha"),
    ("prune", "epoch"),
    ("prune", "like.epoch"),
];

impl Plan {
    /// The numbers of the variants' specifications whose names are promises, varying or not.
    pub fn numbers(&self) -> Vec<NumericCoordinate> {
        type Number = fn(&Plan, &Variant) -> f64;
        const NUMBERS: [(&str, &str, Number); 22] = [
            ("lr", "learning rate", |p, v| if optimiser(p, v).flow.is_some() { f64::NAN } else { optimiser(p, v).lr }),
            ("momentum", "momentum", |p, v| optimiser(p, v).momentum),
            ("beta1", "decay of the first moment", |p, v| optimiser(p, v).beta1),
            ("beta2", "decay of the second moment", |p, v| optimiser(p, v).beta2),
            ("epsilon", "term added to the denominator", |p, v| optimiser(p, v).epsilon),
            ("weight_decay", "weight decay", |p, v| optimiser(p, v).weight_decay),
            ("width", "width of the first hidden layer (channels, for a convolution)", |p, v| {
                architecture(p, v).kind.width().map_or(f64::NAN, |width| width as f64)
            }),
            ("depth", "hidden layers", |p, v| architecture(p, v).kind.depth() as f64),
            ("init_scale", "factor on the initial weights", |p, v| architecture(p, v).init_scale),
            ("samples", "samples of the training block", |p, v| p.sweep().subsamples[v.subsample].size() as f64),
            ("block", "contiguous block of the source", |p, v| match p.sweep().subsamples[v.subsample] {
                Subsample::Block { block, .. } => block as f64,
                Subsample::Draw { .. } | Subsample::WithReplacement { .. } | Subsample::Balanced { .. } => f64::NAN,
            }),
            ("draw", "random draw from the source", |p, v| match p.sweep().subsamples[v.subsample] {
                Subsample::Draw { draw, .. }
                | Subsample::WithReplacement { draw, .. }
                | Subsample::Balanced { draw, .. } => draw as f64,
                Subsample::Block { .. } => f64::NAN,
            }),
            ("label_noise", "share of labels replaced", |p, v| p.sweep().data[v.data].label_noise),
            ("label_draw", "random stream of the labels", |p, v| p.sweep().data[v.data].label_draw as f64),
            ("prune_epoch", "epoch whose misclassified samples were removed", |p, v| match p.prunes()[v.prune] {
                Prune::Misclassified { epoch } | Prune::Random { like: PruneSize::Misclassified { epoch } } => {
                    epoch as f64
                }
                _ => f64::NAN,
            }),
            ("batch", "samples per step; 0 is the whole block", |p, _| match p.sweep().train.batch {
                Batch::Full => 0.0,
                Batch::Mini { size } => size as f64,
            }),
            ("alpha", "output scale of a gradient flow", |p, v| {
                optimiser(p, v).flow.map_or(f64::NAN, |flow| flow.alpha)
            }),
            ("dimension", "dimension of artificial data", |p, v| artificial(p, v).0),
            ("parallel", "informative dimensions of artificial data", |p, v| artificial(p, v).1),
            ("stretch", "factor on the uninformative coordinates of artificial data", |p, v| artificial(p, v).2),
            ("bias_variance", "variance of the initial biases of a mean-field network", |p, v| {
                architecture(p, v).mean_field.map_or(f64::NAN, |field| field.bias_variance)
            }),
            ("epochs", "passes over the training set", |p, _| p.sweep().train.epochs as f64),
        ];
        NUMBERS
            .iter()
            .map(|&(name, long_name, number)| NumericCoordinate {
                name,
                long_name,
                values: self.variants().iter().map(|variant| number(self, variant)).collect(),
            })
            .collect()
    }

    /// Every key of the specification in which the variants differ and that is not among [`Plan::numbers`].
    pub fn varying_keys(&self) -> Vec<KeyCoordinate> {
        let mut out = Vec::new();
        for (axis, (table, entries)) in self.keys_of_entries().into_iter().enumerate() {
            let paths: BTreeSet<&String> = entries.iter().flat_map(Keys::keys).collect();
            for path in paths {
                if NUMBERED.contains(&(table, path)) {
                    continue;
                }
                let values: Vec<Option<&Value>> = entries.iter().map(|keys| keys.get(path)).collect();
                if values.iter().all(|value| *value == values[0]) {
                    continue;
                }
                let key = file_name(table, path);
                let of = |variant: &Variant| values[entries_of(variant)[axis]];
                out.push(KeyCoordinate {
                    name: format!("{table}_{key}"),
                    long_name: format!("`{key}` of the [[{table}]]"),
                    values: match values.iter().flatten().map(|value| exact(value)).collect::<Option<Vec<f64>>>() {
                        Some(_) => KeyValues::Numbers(
                            self.variants().iter().map(|v| of(v).and_then(exact).unwrap_or(f64::NAN)).collect(),
                        ),
                        None => KeyValues::Texts(
                            self.variants().iter().map(|v| of(v).map(shown).unwrap_or_default()).collect(),
                        ),
                    },
                });
            }
        }
        out
    }

    /// The keys of every axis's entries, in the order of [`Plan::AXES`]: those of their canonical JSON, for data the digest,
    /// which is part of the specification, and the directory, which is not, and for networks of elements their named
    /// numbers, which are not either.
    pub(super) fn keys_of_entries(&self) -> [(&'static str, Vec<Keys>); 5] {
        let sweep = self.sweep();
        let mut data: Vec<Keys> = sweep.data.iter().map(keys_of).collect();
        for ((keys, data), digest) in data.iter_mut().zip(&sweep.data).zip(&self.digests) {
            keys.insert("digest".to_owned(), digest.as_str().into());
            if let Some(path) = &data.path {
                keys.insert("path".to_owned(), path.to_string_lossy().into());
            }
        }
        let mut architectures: Vec<Keys> = sweep.architectures.iter().map(keys_of).collect();
        for (keys, architecture) in architectures.iter_mut().zip(&sweep.architectures) {
            let NamedNumbers(numbers) = &architecture.numbers;
            keys.extend(numbers.iter().map(|(name, value)| (format!("kind.{name}"), (*value).into())));
        }
        let [a, b, c, d, e] = Plan::AXES;
        [
            (a, data),
            (b, sweep.subsamples.iter().map(keys_of).collect()),
            (c, architectures),
            (d, sweep.optimisers.iter().map(keys_of).collect()),
            (e, self.prunes().iter().map(keys_of).collect()),
        ]
    }
}

/// A number that is one of the 64-bit floating-point numbers; `None` for others (a whole number beyond 2^53) and for
/// words.
fn exact(value: &Value) -> Option<f64> {
    const WHOLE: u64 = 1 << 53;
    let number = value.as_f64()?;
    let whole = value.as_u64().is_none_or(|whole| whole <= WHOLE);
    whole.then_some(number)
}

fn optimiser<'a>(plan: &'a Plan, variant: &Variant) -> &'a Optimiser {
    &plan.sweep().optimisers[variant.optimiser]
}

fn architecture<'a>(plan: &'a Plan, variant: &Variant) -> &'a Architecture {
    &plan.sweep().architectures[variant.architecture]
}

/// Dimension, informative dimensions and stretch of a source; NaN where it has no such number.
fn artificial(plan: &Plan, variant: &Variant) -> (f64, f64, f64) {
    let data = &plan.sweep().data[variant.data];
    let keys = keys_of(data);
    let number = |key: &str| keys.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let informative = data.source.informative().map_or(f64::NAN, |count| count as f64);
    (number("source.dimension"), informative, number("source.stretch"))
}
