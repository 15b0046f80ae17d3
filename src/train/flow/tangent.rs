//! The tangent kernel Θ(x, x') = ∂f(x)·∂f(x') by the identity of each layer, without a gradient for each sample.
//!
//! A dense layer z = s W a + b contributes (s² a·a' + 1) (δ·δ'), with a its inputs and δ the gradient of f at z: two
//! products of matrices as wide as the layer. A convolution shares its weights among pixels, and the identity becomes a
//! sum over pairs of pixels, Σ (s² a_p·a'_q + 1) (δ_p·δ'_q); summing over p first, into the small matrix Σ_p δ_p a_pᵀ of
//! each sample, is the same number for much less work, since a kernel has fewer weights than an image has pairs of pixels.
//! Grouped and strided convolutions and the γ and β of normalisations are such sums as well. Residual sums, poolings and
//! activations have no parameters: they take part in the a and the δ alone.
//! Always in double precision, whatever the flow's; the products of signals by whoever the flow has for them ([`Kernels`]), else here.

use super::deep;
use super::network::Network;
use phasesweep_networks::LayerShape;
use phasesweep_passes::{Passes, Room, Signal as Left, Weights, fast};
use phasesweep_passes::{Real, View};

/// Samples that pass through the network at a time.
const TILE: usize = 128;

/// One layer's signals at some samples.
#[derive(Debug, Clone)]
enum Signal {
    /// Inputs `[fan-in, sample]` and gradients `[out, sample]`.
    Dense { input: Vec<f64>, delta: Vec<f64> },
    /// Sums over pixels: `[weights then biases, sample]`.
    Shared { sums: Vec<f64> },
}

/// All layers' signals at some samples.
#[derive(Debug, Clone)]
pub(super) struct Signals {
    layers: Vec<Signal>,
    samples: usize,
}

impl Signals {
    /// Passes samples `[sample, input]` through the network and back.
    pub(super) fn of(network: &Network, parameters: &[f64], x: &[f32]) -> Signals {
        if let Some(passes) = &network.passes {
            return Signals::of_graph(passes, parameters, x);
        }
        let dense = |level: &super::network::Level| match level.layer {
            LayerShape::Dense { .. } => Signal::Dense { input: Vec::new(), delta: Vec::new() },
            LayerShape::Convolution { .. } => Signal::Shared { sums: Vec::new() },
        };
        let mut layers: Vec<Signal> = network.levels.iter().map(dense).collect();
        let inputs = network.inputs.max(1);
        for tile in x.chunks(TILE * inputs) {
            let rows: Vec<f64> = tile.iter().map(|&x| f64::from(x)).collect();
            let tape = deep::forward(network, parameters, &rows);
            let ones = vec![1.0; tape.outputs.len()];
            deep::backward(network, parameters, &tape, &ones, |place, stage, gradient| match &mut layers[place] {
                Signal::Dense { input, delta } => {
                    input.extend_from_slice(&stage.input);
                    delta.extend_from_slice(gradient);
                }
                Signal::Shared { sums } => {
                    let level = &network.levels[place];
                    let (out, fan_in) = (level.layer.outputs(), level.layer.fan_in());
                    let pixels = stage.columns / ones.len();
                    for (input, delta) in
                        stage.input.chunks_exact(fan_in * pixels).zip(gradient.chunks_exact(out * pixels))
                    {
                        let mut weights = vec![0.0; fan_in * out];
                        let delta_by_pixel = View::columns(delta, out, pixels);
                        f64::product(&mut weights, View::columns(input, fan_in, pixels), delta_by_pixel.t(), false);
                        sums.extend(weights.iter().map(|value| level.scale * value));
                        let mut biases = vec![0.0; out];
                        for column in delta.chunks_exact(out) {
                            biases.iter_mut().zip(column).for_each(|(sum, d)| *sum += d);
                        }
                        sums.extend(biases);
                    }
                }
            });
        }
        Signals { layers, samples: x.len() / inputs }
    }

    fn of_graph(passes: &Passes, parameters: &[f64], x: &[f32]) -> Signals {
        let (mut weights, mut room) = (Weights::default(), Room::default());
        passes.load(parameters, &mut weights);
        let (tile, inputs, fast) = (Passes::tile::<f64>(), passes.inputs().max(1), fast());
        let dense = |layer: bool| match layer {
            true => Signal::Dense { input: Vec::new(), delta: Vec::new() },
            false => Signal::Shared { sums: Vec::new() },
        };
        let nodes = passes.graph().nodes();
        let mut layers: Vec<Signal> =
            passes.graph().layers().map(|(node, _)| dense(node.op == phasesweep_networks::Op::Dense)).collect();
        for rows in x.chunks(tile * inputs) {
            let samples = rows.len() / inputs;
            let rows: Vec<f64> = rows.iter().map(|&x| f64::from(x)).collect();
            // From [number, lane] to [sample, number].
            let turn = |to: &mut Vec<f64>, from: &[f64]| {
                (0..samples).for_each(|lane| to.extend(from.iter().skip(lane).step_by(tile)));
            };
            passes.signals(
                &weights,
                fast,
                &rows,
                |_, _| 1.0,
                &mut room,
                |place, left| {
                    let Some(layer) = &nodes[place].layer else { return };
                    match (&mut layers[layer.index], left) {
                        (Signal::Dense { input, delta }, Left::Dense { input: a, delta: d }) => {
                            turn(input, a);
                            turn(delta, d);
                        }
                        (Signal::Shared { sums }, Left::Sums(own)) => turn(sums, own),
                        _ => unreachable!("a dense layer leaves what dense layers leave"),
                    }
                },
            );
        }
        Signals { layers, samples: x.len() / inputs }
    }

    /// What the last hidden layer gives to the output, `[sample, unit]`.
    pub(super) fn last_hidden(&self) -> (&[f64], usize) {
        match self.layers.last() {
            Some(Signal::Dense { input, .. }) => (input, input.len() / self.samples.max(1)),
            _ => (&[], 0),
        }
    }

    /// The first so many samples.
    pub(super) fn head(&self, samples: usize) -> Signals {
        let samples = samples.min(self.samples);
        let cut = |values: &Vec<f64>| values[..values.len() / self.samples.max(1) * samples].to_vec();
        let layers = self.layers.iter().map(|signal| match signal {
            Signal::Dense { input, delta } => Signal::Dense { input: cut(input), delta: cut(delta) },
            Signal::Shared { sums } => Signal::Shared { sums: cut(sums) },
        });
        Signals { layers: layers.collect(), samples }
    }
}

/// Parameters by which f is differentiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameters {
    /// All of them.
    All,
    /// Those of the output layer, the last one.
    Last,
    /// All but those.
    Headless,
}

/// What a layer adds to the kernel of two sets of samples, of which each pair is the signals at the first and at the second.
#[derive(Debug, Clone, Copy)]
pub(super) enum Terms<'a> {
    /// (square · a·a' + bias) δ·δ', of inputs a `[sample, fan-in]` and gradients δ `[sample, out]`.
    Dense { input: [&'a [f64]; 2], delta: [&'a [f64]; 2], factors: [f64; 2] },
    /// s·s', of sums s `[sample, parameter]`.
    Shared { sums: [&'a [f64]; 2] },
}

impl<'a> Terms<'a> {
    fn of(factors: [f64; 2], a: &'a Signal, b: &'a Signal) -> Terms<'a> {
        match (a, b) {
            (Signal::Dense { input, delta }, Signal::Dense { input: other, delta: other_delta }) => {
                Terms::Dense { input: [input, other], delta: [delta, other_delta], factors }
            }
            (Signal::Shared { sums }, Signal::Shared { sums: other }) => Terms::Shared { sums: [sums, other] },
            _ => unreachable!("the same network has the same layers"),
        }
    }

    /// Multiplications of a pair of samples; the first set has so many.
    pub(super) fn width(&self, samples: usize) -> usize {
        let numbers = match self {
            Terms::Dense { input, delta, .. } => input[0].len() + delta[0].len(),
            Terms::Shared { sums } => sums[0].len(),
        };
        numbers / samples.max(1)
    }
}

/// Whoever computes kernels in place of the host.
pub(super) trait Kernels: std::fmt::Debug + Send + Sync {
    /// The kernel `[second, first]` of two sets of so many samples; `None` where the host is to compute it.
    fn kernel(&self, layers: &[Terms<'_>], samples: [usize; 2]) -> Option<Vec<f64>>;
}

/// Θ of a network by some of its parameters between two sets of samples: `[b, a]` row by row, so that a row holds one sample of
/// `b` against all of `a`. Θ is a sum over layers.
pub(super) fn kernel(
    network: &Network,
    by: Option<&dyn Kernels>,
    parameters: Parameters,
    a: &Signals,
    b: &Signals,
) -> Vec<f64> {
    let last = a.layers.len().saturating_sub(1);
    let layers = match parameters {
        Parameters::All => 0..last + 1,
        Parameters::Last => last..last + 1,
        Parameters::Headless => 0..last,
    };
    let each = network.dense_factors().into_iter().zip(&a.layers).zip(&b.layers);
    let layers: Vec<Terms<'_>> =
        each.map(|((factors, a), b)| Terms::of(factors, a, b)).take(layers.end).skip(layers.start).collect();
    let samples = [a.samples, b.samples];
    by.and_then(|by| by.kernel(&layers, samples)).unwrap_or_else(|| on_host(&layers, samples))
}

fn on_host(layers: &[Terms<'_>], [columns, rows]: [usize; 2]) -> Vec<f64> {
    let mut total = vec![0.0; columns * rows];
    let mut one = vec![0.0; total.len()];
    let product = |out: &mut [f64], [x, y]: [&[f64]; 2], add: bool| {
        let (of_x, of_y) = (x.len() / columns.max(1), y.len() / rows.max(1));
        f64::product(out, View::columns(x, of_x, columns).t(), View::columns(y, of_y, rows), add);
    };
    for terms in layers {
        match *terms {
            Terms::Dense { input, delta, factors: [square, bias] } => {
                product(&mut one, input, false);
                one.iter_mut().for_each(|value| *value = square * *value + bias);
                let mut signals = vec![0.0; total.len()];
                product(&mut signals, delta, false);
                total.iter_mut().zip(&one).zip(&signals).for_each(|((sum, x), y)| *sum += x * y);
            }
            Terms::Shared { sums } => product(&mut total, sums, true),
        }
    }
    total
}
