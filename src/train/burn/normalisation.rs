//! Batch and layer normalisation of a stack's values, vectors and images alike, with their way back.
//!
//! Values are brought into three dimensions, so that moments and the gradients of γ and β are sums along some of them.
//! Invariants: moments of a batch are each replica's own, over the samples that count for it; rows that only fill up and
//! pruned samples are normalised by them, and move nothing.

use ::burn::tensor::Tensor;
use phasesweep_networks::Normalisation;

use super::parameters::{LayerParameters, Parameters};

/// How values lie.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// `[replica, unit, sample]`
    Vector,
    /// `[sample, replica·channel, pixel]`, of so many replicas.
    Image(usize),
}

/// What the way back needs of a normalisation.
#[derive(Debug, Clone)]
pub(super) struct Normalised {
    /// (x − mean)/√(variance + ε).
    standard: Tensor<3>,
    /// 1/√(variance + ε).
    inverse: Tensor<3>,
    /// 1 over the number of values that the moments are taken of.
    share: Share,
    /// 1 for samples that count, else 0; absent where all do.
    counted: Option<Tensor<3>>,
}

/// 1 over a number of values.
#[expect(clippy::large_enum_variant, reason = "there is one for a normalisation")]
#[derive(Debug, Clone)]
enum Share {
    /// The same for all replicas.
    All(f64),
    /// Each replica its own.
    Each(Tensor<3>),
}

impl Share {
    fn of(&self, sums: Tensor<3>) -> Tensor<3> {
        match self {
            Share::All(share) => sums.mul_scalar(*share),
            Share::Each(share) => sums * share.clone(),
        }
    }
}

fn sums(values: Tensor<3>, along: &[usize]) -> Tensor<3> {
    along.iter().fold(values, |values, &dimension| values.sum_dim(dimension))
}

impl Shape {
    /// Along which dimensions a batch's moments are taken.
    fn of_batch(self) -> &'static [usize] {
        match self {
            Shape::Vector => &[2],
            Shape::Image(_) => &[2, 0],
        }
    }

    /// γ or β, `[replica, channel, 1]`, as it is multiplied with values.
    fn spread(self, parameter: &Tensor<3>) -> Tensor<3> {
        let [replicas, channels, _] = parameter.dims();
        match self {
            Shape::Vector => parameter.clone(),
            Shape::Image(_) => parameter.clone().reshape([1, replicas * channels, 1]),
        }
    }

    /// What [`Shape::spread`] made, as parameters lie.
    fn gathered(self, own: Tensor<3>) -> Tensor<3> {
        match self {
            Shape::Vector => own,
            Shape::Image(replicas) => {
                let channels = own.dims()[1] / replicas;
                own.reshape([replicas, channels, 1])
            }
        }
    }

    /// Flags of samples, `[replica, 1, sample]`, as they are multiplied with values.
    fn flags(self, counted: Tensor<3>, channels: usize) -> Tensor<3> {
        match self {
            Shape::Vector => counted,
            Shape::Image(replicas) => {
                let samples = counted.dims()[2];
                let flags = counted.permute([2, 0, 1]).expand([samples, replicas, channels / replicas]);
                flags.reshape([samples, channels, 1])
            }
        }
    }
}

/// γ x + β: batch normalisation in evaluation, of parameters into which the running averages are folded.
pub(super) fn affine(values: Tensor<3>, own: &LayerParameters, shape: Shape) -> Tensor<3> {
    let scaled = values * shape.spread(&own.weight);
    match &own.bias {
        Some(bias) => scaled + shape.spread(bias),
        None => scaled,
    }
}

/// Back through [`affine`], to the gradient at the values.
pub(super) fn back_of_affine(delta: Tensor<3>, own: &LayerParameters, shape: Shape) -> Tensor<3> {
    delta * shape.spread(&own.weight)
}

/// Batch normalisation in evaluation: by the running averages, whose weight is the mean and whose bias is the variance.
pub(super) fn evaluated(x: Tensor<3>, own: &LayerParameters, averages: &LayerParameters, shape: Shape) -> Tensor<3> {
    let variance = averages.bias.clone().unwrap_or_else(|| averages.weight.ones_like());
    let weight = own.weight.clone() / variance.add_scalar(Normalisation::EPSILON).sqrt();
    let shift = averages.weight.clone() * weight.clone();
    let bias = own.bias.clone().map_or_else(|| shift.clone().neg(), |bias| bias - shift.clone());
    affine(x, &LayerParameters { weight, bias: Some(bias) }, shape)
}

/// Batch normalisation in training: values by the step's own moments, what the way back needs, and the moments as running
/// averages take them: means, and variances that divide by the count less one (of a single value: 0, of which PyTorch would
/// refuse to take one). `counted` is `[replica, 1, sample]`.
pub(super) fn of_batch(
    x: Tensor<3>,
    own: &LayerParameters,
    counted: Option<Tensor<3>>,
    shape: Shape,
) -> (Tensor<3>, Normalised, LayerParameters) {
    let [_, channels, last] = x.dims();
    let along = shape.of_batch();
    let counted = counted.map(|counted| shape.flags(counted, channels));
    let weigh = |values: Tensor<3>| match &counted {
        Some(counted) => values * counted.clone(),
        None => values,
    };
    let pixels = match shape {
        Shape::Vector => 1,
        Shape::Image(_) => last,
    };
    // n and n − 1, at least 1.
    let (share, unbiased) = match &counted {
        None => {
            let count = along.iter().map(|&dimension| x.dims()[dimension]).product::<usize>() as f64;
            (Share::All(1.0 / count), Share::All(count / (count - 1.0).max(1.0)))
        }
        Some(flags) => {
            let samples = match shape {
                Shape::Vector => flags.clone().sum_dim(2),
                Shape::Image(_) => flags.clone().sum_dim(0),
            };
            let count = samples.mul_scalar(pixels as f64).clamp_min(1.0);
            let less = count.clone().sub_scalar(1.0).clamp_min(1.0);
            (Share::Each(count.clone().recip()), Share::Each(count / less))
        }
    };
    let mean = share.of(sums(weigh(x.clone()), along));
    let centred = x - mean.clone();
    let variance = share.of(sums(weigh(centred.clone() * centred.clone()), along));
    let inverse = variance.clone().add_scalar(Normalisation::EPSILON).sqrt().recip();
    let standard = centred * inverse.clone();
    let moments = LayerParameters { weight: shape.gathered(mean), bias: Some(shape.gathered(unbiased.of(variance))) };
    (affine(standard.clone(), own, shape), Normalised { standard, inverse, share, counted }, moments)
}

/// Back through [`of_batch`]: the gradients at the values and of the layer's parameters.
pub(super) fn back_of_batch(
    delta: Tensor<3>,
    own: &LayerParameters,
    normalised: Normalised,
    shape: Shape,
) -> (Tensor<3>, LayerParameters) {
    let Normalised { standard, inverse, share, counted } = normalised;
    let along = shape.of_batch();
    let of_weight = sums(delta.clone() * standard.clone(), along);
    let of_bias = sums(delta.clone(), along);
    // The mean and the variance move with the values that count.
    let mut moved = standard * share.of(of_weight.clone()) + share.of(of_bias.clone());
    if let Some(counted) = counted {
        moved = moved * counted;
    }
    let below = (delta - moved) * (shape.spread(&own.weight) * inverse);
    let gradient = LayerParameters {
        weight: shape.gathered(of_weight),
        bias: own.bias.is_some().then(|| shape.gathered(of_bias)),
    };
    (below, gradient)
}

/// Layer normalisation's own shape: a vector as it lies; an image `[sample, replica, channel·pixel]`.
fn by_sample(x: Tensor<3>, shape: Shape) -> (Tensor<3>, usize) {
    match shape {
        Shape::Vector => (x, 1),
        Shape::Image(replicas) => {
            let [samples, channels, pixels] = x.dims();
            (x.reshape([samples, replicas, channels / replicas * pixels]), 2)
        }
    }
}

/// γ or β, `[replica, channel, 1]`, as it is multiplied with values of [`by_sample`].
fn spread_by_sample(parameter: &Tensor<3>, shape: Shape, pixels: usize) -> Tensor<3> {
    let [replicas, channels, _] = parameter.dims();
    match shape {
        Shape::Vector => parameter.clone(),
        Shape::Image(_) => {
            parameter.clone().expand([replicas, channels, pixels]).reshape([1, replicas, channels * pixels])
        }
    }
}

/// Layer normalisation: the values, and what the way back needs.
pub(super) fn of_layer(x: Tensor<3>, own: &LayerParameters, shape: Shape) -> (Tensor<3>, Normalised) {
    let dims = x.dims();
    let (x, along) = by_sample(x, shape);
    let share = Share::All(1.0 / x.dims()[along] as f64);
    let mean = share.of(x.clone().sum_dim(along));
    let centred = x - mean;
    let variance = share.of((centred.clone() * centred.clone()).sum_dim(along));
    let inverse = variance.add_scalar(Normalisation::EPSILON).sqrt().recip();
    let standard = centred * inverse.clone();
    let mut out = standard.clone() * spread_by_sample(&own.weight, shape, dims[2]);
    if let Some(bias) = &own.bias {
        out = out + spread_by_sample(bias, shape, dims[2]);
    }
    (out.reshape(dims), Normalised { standard, inverse, share, counted: None })
}

/// Back through [`of_layer`]: the gradients at the values and of the layer's parameters.
pub(super) fn back_of_layer(
    delta: Tensor<3>,
    own: &LayerParameters,
    normalised: Normalised,
    shape: Shape,
) -> (Tensor<3>, LayerParameters) {
    let Normalised { standard, inverse, share, .. } = normalised;
    let (dims, own_dims) = (delta.dims(), own.weight.dims());
    let (delta, along) = by_sample(delta, shape);
    let over_samples = |values: Tensor<3>| match shape {
        Shape::Vector => values.sum_dim(2),
        Shape::Image(_) => values.sum_dim(0).reshape([own_dims[0], own_dims[1], dims[2]]).sum_dim(2),
    };
    let gradient = LayerParameters {
        weight: over_samples(delta.clone() * standard.clone()),
        bias: own.bias.is_some().then(|| over_samples(delta.clone())),
    };
    let inner = delta * spread_by_sample(&own.weight, shape, dims[2]);
    let mean = share.of(inner.clone().sum_dim(along));
    let product = share.of((inner.clone() * standard.clone()).sum_dim(along));
    (((inner - mean - standard * product) * inverse).reshape(dims), gradient)
}

/// The squares of each sample's own gradient of γ and β of [`of_layer`], `[replica, 1, sample]`.
pub(super) fn squares_of_layer(
    delta: Tensor<3>,
    own: &LayerParameters,
    normalised: &Normalised,
    shape: Shape,
) -> Tensor<3> {
    let dims = delta.dims();
    let (delta, _) = by_sample(delta, shape);
    let square = |values: Tensor<3>| match shape {
        Shape::Vector => (values.clone() * values).sum_dim(1),
        Shape::Image(replicas) => {
            let [samples, channels, _] = dims;
            let of_channels = values.reshape(dims).sum_dim(2).reshape([samples, replicas, channels / replicas]);
            (of_channels.clone() * of_channels).sum_dim(2).permute([1, 2, 0])
        }
    };
    let of_weight = square(delta.clone() * normalised.standard.clone());
    if own.bias.is_some() { of_weight + square(delta) } else { of_weight }
}

/// Running averages after a step with these moments: r ← (1 − 0.1) r + 0.1 m.
pub(super) fn moved(averages: Parameters, moments: Vec<LayerParameters>) -> Parameters {
    let (old, new) = (1.0 - Normalisation::MOMENTUM, Normalisation::MOMENTUM);
    averages.zip(Parameters(moments), |average, moment| average.mul_scalar(old) + moment.mul_scalar(new))
}
