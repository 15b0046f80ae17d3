//! Neurons of the first hidden layer as points, and F along the informative axis.
//!
//! A neuron is (ω, b, β): its pre-activation is z = s ω·x + b, s the scale of its layer (1/√d in the mean-field
//! parametrisation, 1 in the standard one), and β its weight in the output. The *kink* is where z = 0 on the informative axis,
//! the uninformative coordinates being 0: −b/(s ω_∥). Of several informative coordinates ω_∥ is the norm, and the kink lies that
//! far along the direction of the neuron's informative weights.
//!
//! The profile of F is its mean and its standard deviation over the uninformative coordinates of the first test points, at
//! positions of the first informative coordinate; other informative coordinates are 0. Always in double precision, from the flow's own
//! parameters.

use super::field::Field;
use super::network::Network;
use super::stage::View;
use crate::observables::Record;
use crate::observables::neurons::{NEURON_VARIABLES, PROFILE_DEVIATION, PROFILE_MEAN, positions};

/// Test points whose uninformative coordinates the profile is averaged over: the standard error of its mean is a sixteenth of its
/// standard deviation.
const DRAWS: usize = 256;

/// ω_∥, ‖ω_⊥‖, b, β and the kink of the first `count` neurons; NaN where there are fewer, where the first layer is not a
/// dense layer of the samples, and, for β, where there is more than one hidden layer.
pub(super) fn points(network: &Network, parameters: &[f64], parallel: usize, count: usize) -> [Vec<f64>; 5] {
    let mut points: [Vec<f64>; 5] = std::array::from_fn(|_| vec![f64::NAN; count]);
    let Some(first) = network.first().filter(|first| first.of_coordinates) else { return points };
    let scale = network.levels.first().map_or(1.0, |level| level.scale);
    // A graph that is no chain has no levels.
    let output = network.levels.get(1).filter(|_| network.levels.len() == 2);
    let weights = parameters[first.weights].chunks_exact(first.fan_in.max(1));
    for (neuron, weight) in weights.enumerate().take(count) {
        let (along, across) = weight.split_at(parallel.min(weight.len()));
        let norm = |weights: &[f64]| weights.iter().map(|w| w * w).sum::<f64>().sqrt();
        let along = if let [alone] = along { *alone } else { norm(along) };
        let bias = first.bias.map_or(0.0, |at| parameters[at + neuron]);
        let beta = output.map_or(f64::NAN, |output| parameters[output.weight + neuron]);
        let point = [along, norm(across), bias, beta, -bias / (scale * along)];
        points.iter_mut().zip(point).for_each(|(values, value)| values[neuron] = value);
    }
    points
}

/// Records the first `count` neurons at the recorded place.
pub(super) fn record(
    network: &Network,
    parameters: &[f64],
    parallel: usize,
    count: usize,
    place: usize,
    record: &mut Record,
) {
    if count == 0 {
        return;
    }
    for (variable, values) in NEURON_VARIABLES.into_iter().zip(points(network, parameters, parallel, count)) {
        record.set(variable, place * count, &values);
    }
}

/// Records F along the informative axis at the stage at `place` of the stages, where it was asked for.
pub(super) fn record_profile(view: &View<'_>, place: usize, parallel: usize, record: &mut Record) {
    let at = positions(view.flow.observe.profile);
    let inputs = view.problem.block.inputs();
    let draws: Vec<&[f32]> = view.problem.block.test.x.chunks_exact(inputs.max(1)).take(DRAWS).collect();
    if at.is_empty() || draws.is_empty() || parallel == 0 {
        return;
    }
    let mut x = Vec::with_capacity(at.len() * draws.len() * inputs);
    for &position in &at {
        for draw in &draws {
            let informative = [position as f32].into_iter().chain(std::iter::repeat(0.0)).take(parallel);
            x.extend(informative.chain(draw[parallel.min(inputs)..].iter().copied()));
        }
    }
    let mut field = Field::<f64>::new(view.network.clone());
    let points = field.points(&x);
    let mut outputs = |parameters: &[f64]| {
        let mut out = Vec::new();
        field.load(parameters);
        field.outputs(&points, points.len(), &mut out);
        out
    };
    let (here, start) = (outputs(view.parameters), outputs(view.start));
    let f: Vec<f64> = here.iter().zip(&start).map(|(here, start)| view.numbers.alpha * (here - start)).collect();
    let moments = f.chunks_exact(draws.len()).map(|f| {
        let count = f.len() as f64;
        let mean = f.iter().sum::<f64>() / count;
        let square = f.iter().map(|f| (f - mean).powi(2)).sum::<f64>();
        // One draw alone has no standard deviation.
        (mean, if f.len() < 2 { f64::NAN } else { (square / (count - 1.0)).sqrt() })
    });
    let (mean, deviation): (Vec<f64>, Vec<f64>) = moments.unzip();
    record.set(&PROFILE_MEAN, place * at.len(), &mean);
    record.set(&PROFILE_DEVIATION, place * at.len(), &deviation);
}
