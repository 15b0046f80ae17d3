//! What cells are called in tables and figures: one short label per axis, one number per number of the specification.
//!
//! Labels and numbers become the coordinates of `results.h5`; they are for people and never part of an identity.

use phasesweep_optimisers::Slot;

use super::{Plan, Variant};
use crate::sweep::{
    Activation, Architecture, ArchitectureKind, Batch, Channels, Data, InversionOf, Labels, Normalise, Optimiser,
    Precision, Prune, PruneSize, Source, Subsample, Watched,
};

/// Labels of a variant, one per axis, in the order of [`Plan::AXES`].
pub type AxisLabels = [String; 5];

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

impl Plan {
    /// Names of the axes other than the seed: each a string coordinate of `results.h5`.
    pub const AXES: [&'static str; 5] = ["data", "subsample", "architecture", "optimiser", "prune"];

    /// Labels of a variant, one per axis.
    pub fn labels(&self, variant: Variant) -> AxisLabels {
        let sweep = self.sweep();
        [
            data_label(&sweep.data[variant.data]),
            subsample_label(&sweep.subsamples[variant.subsample]),
            architecture_label(&sweep.architectures[variant.architecture]),
            optimiser_label(&sweep.optimisers[variant.optimiser]),
            prune_label(&self.prunes()[variant.prune]),
        ]
    }

    /// Every number of the variants' specifications, as coordinates.
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
                match &architecture(p, v).kind {
                    ArchitectureKind::Mlp { hidden } => first(hidden),
                    ArchitectureKind::Cnn { channels, .. } => first(channels),
                }
            }),
            ("depth", "hidden layers", |p, v| architecture(p, v).kind.depth() as f64),
            ("init_scale", "factor on the initial weights", |p, v| architecture(p, v).init_scale),
            ("samples", "samples of the training block", |p, v| p.sweep().subsamples[v.subsample].size() as f64),
            ("block", "contiguous block of the source", |p, v| match p.sweep().subsamples[v.subsample] {
                Subsample::Block { block, .. } => block as f64,
                Subsample::Draw { .. } | Subsample::Balanced { .. } => f64::NAN,
            }),
            ("draw", "random draw from the source", |p, v| match p.sweep().subsamples[v.subsample] {
                Subsample::Draw { draw, .. } | Subsample::Balanced { draw, .. } => draw as f64,
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
}

fn optimiser<'a>(plan: &'a Plan, variant: &Variant) -> &'a Optimiser {
    &plan.sweep().optimisers[variant.optimiser]
}

fn architecture<'a>(plan: &'a Plan, variant: &Variant) -> &'a Architecture {
    &plan.sweep().architectures[variant.architecture]
}

/// Dimension, informative dimensions and stretch of stripe and cylinder; NaN for other sources.
fn artificial(plan: &Plan, variant: &Variant) -> (f64, f64, f64) {
    match plan.sweep().data[variant.data].source {
        Source::Stripe { dimension, stretch, .. } => (dimension as f64, 1.0, stretch),
        Source::Cylinder { dimension, parallel, stretch, .. } => (dimension as f64, parallel as f64, stretch),
        _ => (f64::NAN, f64::NAN, f64::NAN),
    }
}

fn first(widths: &[usize]) -> f64 {
    widths.first().map_or(f64::NAN, |&width| width as f64)
}

fn data_label(data: &Data) -> String {
    let source = match &data.source {
        Source::Digits { .. } => "digits".to_string(),
        Source::Mnist => "mnist".to_string(),
        Source::FashionMnist => "fashion-mnist".to_string(),
        Source::Kmnist => "kmnist".to_string(),
        Source::Cifar10 { channels: Channels::Sum } => "cifar10".to_string(),
        Source::Cifar10 { channels: Channels::Flat } => "cifar10 flat".to_string(),
        Source::Idx => match data.path.as_ref().and_then(|path| path.file_name()) {
            Some(name) => format!("idx {}", name.to_string_lossy()),
            None => "idx".to_string(),
        },
        Source::Stripe { dimension, .. } => format!("stripe d={dimension}"),
        Source::Cylinder { dimension, parallel, .. } => format!("cylinder d={dimension} d∥={parallel}"),
    };
    let labels = match data.labels {
        Labels::Parity => " parity".to_string(),
        Labels::Halves => " halves".to_string(),
        Labels::Classes => String::new(),
        Labels::OneVsRest { label } => format!(" {label}-vs-rest"),
        Labels::Random => format!(" random labels {}", data.label_draw),
    };
    let noise = if data.label_noise > 0.0 { format!(" noise={}", data.label_noise) } else { String::new() };
    let scale = if data.normalise == Normalise::Sphere { " sphere" } else { "" };
    format!("{source}{labels}{noise}{scale}")
}

fn subsample_label(subsample: &Subsample) -> String {
    match subsample {
        Subsample::Block { size, block } => format!("{size} block {block}"),
        Subsample::Draw { size, draw } => format!("{size} draw {draw}"),
        Subsample::Balanced { size, draw } => format!("{size} balanced draw {draw}"),
    }
}

fn architecture_label(architecture: &Architecture) -> String {
    let join = |widths: &[usize]| widths.iter().map(ToString::to_string).collect::<Vec<_>>().join("-");
    let shape = match &architecture.kind {
        ArchitectureKind::Mlp { hidden } => format!("mlp {}", join(hidden)),
        ArchitectureKind::Cnn { channels, kernel, pool, hidden } => {
            let dense = if hidden.is_empty() { String::new() } else { format!("+{}", join(hidden)) };
            format!("cnn {}{dense} k{kernel} p{pool}", join(channels))
        }
    };
    let activation = match architecture.activation {
        Activation::Tanh => "tanh",
        Activation::Relu => "relu",
        Activation::Gelu => "gelu",
        Activation::Sigmoid => "sigmoid",
        Activation::Softplus => "softplus",
    };
    let scale = if architecture.init_scale == 1.0 { String::new() } else { format!(" ×{}", architecture.init_scale) };
    let field = if architecture.mean_field.is_some() { " mean-field" } else { "" };
    format!("{shape} {activation}{field}{scale}")
}

fn optimiser_label(optimiser: &Optimiser) -> String {
    if let Some(flow) = &optimiser.flow {
        let until = if flow.fitted < 1.0 { format!(" until {}", flow.fitted) } else { String::new() };
        let precision = if flow.precision == Precision::F32 { " f32" } else { "" };
        let watched = if flow.watched == Watched::Pulling { " watched=pulling" } else { "" };
        return format!("gradient-flow alpha={}{until}{precision}{watched}", flow.alpha);
    }
    let mut label = format!("{} lr={}", optimiser.kind.name(), optimiser.lr);
    let Some(rule) = optimiser.kind.rule() else { return label };
    for key in rule.keys().iter().filter(|key| key.slot != Slot::Lr) {
        let value = optimiser.rates().get(key.slot);
        if Some(value) != key.default {
            let name = if key.slot == Slot::WeightDecay { "wd" } else { key.name };
            label.push_str(&format!(" {name}={value}"));
        }
    }
    label
}

fn prune_label(prune: &Prune) -> String {
    let inversion = |at: &InversionOf| match at {
        InversionOf::Distance => "distance",
        InversionOf::Radius0 => "radius_0",
        InversionOf::Radius1 => "radius_1",
    };
    match prune {
        Prune::None => "none".to_string(),
        Prune::Stragglers { at } => format!("stragglers at {}", inversion(at)),
        Prune::Misclassified { epoch } => format!("misclassified at {epoch}"),
        Prune::Random { like: PruneSize::Stragglers { at } } => format!("random like stragglers at {}", inversion(at)),
        Prune::Random { like: PruneSize::Misclassified { epoch } } => format!("random like misclassified at {epoch}"),
    }
}
