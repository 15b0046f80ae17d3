//! Initial weights and biases: random numbers made on the host.
//!
//! Invariants: the numbers come from ChaCha8 streams whose key is a hash of what they depend on, so that they are the
//! same on every device, rank and day, and do not depend on what was drawn before. They depend on the seed and the
//! network's shape alone: every optimiser, activation, subsample and schedule starts from the same point. An input that a
//! block drops (constant over its samples) leaves the weights of the other inputs as they are, up to the common scale
//! 1/√fan_in.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::graph::{Graph, Layer};
use super::operation::Op;

/// Initial weights and biases in the graph's layout: each uniform on ±`scale`/√fan_in, which is PyTorch's default for
/// linear and convolutional layers (He et al. 2015 with a = √5 for the weights).
///
/// A normalisation starts with γ = 1 and β = 0, whatever the scale. Of the other layers, layer ℓ (from 0) takes its weights
/// from stream 2ℓ and its biases from stream 2ℓ + 1 of a generator keyed by the seed and the `shape`. A dense layer of the samples draws `[unit, feature]` for all `features` inputs of
/// the source and keeps the `live` ones.
pub(super) fn parameters(
    graph: &Graph,
    shape: &[u8],
    seed: u64,
    features: usize,
    live: &[u32],
    scale: f64,
) -> Vec<f32> {
    let mut hasher = blake3::Hasher::new_derive_key("phasesweep 1 initial parameters");
    hasher.update(&seed.to_le_bytes());
    hasher.update(shape);
    let key = *hasher.finalize().as_bytes();
    let mut parameters = Vec::with_capacity(graph.parameters());
    let mut drawn = 0;
    for (node, layer) in graph.layers() {
        if let Op::Normalise(_) = node.op {
            parameters.extend(std::iter::repeat_n(1.0, layer.weights()));
            parameters.extend(std::iter::repeat_n(0.0, layer.biases()));
            continue;
        }
        let bound = bound(layer, scale);
        let mut weights = stream(key, 2 * drawn);
        if node.op == Op::Dense && graph.reads_samples(node) {
            let mut row = vec![0.0; features];
            for _ in 0..layer.outputs() {
                row.fill_with(|| uniform(&mut weights, bound));
                parameters.extend(live.iter().map(|&feature| row[feature as usize]));
            }
        } else {
            parameters.extend((0..layer.weights()).map(|_| uniform(&mut weights, bound)));
        }
        let mut biases = stream(key, 2 * drawn + 1);
        parameters.extend((0..layer.biases()).map(|_| uniform(&mut biases, bound)));
        drawn += 1;
    }
    parameters
}

/// The shapes of the weights that are drawn, without how many inputs the samples have: a block may drop some.
pub(super) fn shapes(graph: &Graph) -> Vec<&[usize]> {
    let drawn = graph.layers().filter(|(node, _)| !matches!(node.op, Op::Normalise(_)));
    drawn.map(|(node, layer)| &layer.shape[..if graph.reads_samples(node) { 1 } else { layer.shape.len() }]).collect()
}

fn bound(layer: &Layer, scale: f64) -> f64 {
    scale / (layer.fan_in() as f64).sqrt()
}

/// One of the generator's 2⁶⁴ independent streams, from its start.
fn stream(key: [u8; 32], number: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(number);
    rng
}

/// Uniform on the 2²⁴ midpoints of equal parts of (−bound, bound): symmetric, never 0, exact before the scaling.
fn uniform(rng: &mut ChaCha8Rng, bound: f64) -> f32 {
    let part = f64::from(rng.next_u32() >> 8) + 0.5;
    ((part / f64::from(1u32 << 23) - 1.0) * bound) as f32
}

#[cfg(test)]
mod tests {
    use crate::{Activation, ArchitectureKind, Mlp, Op, Ports};

    fn mlp(seed: u64, hidden: &[usize], features: usize, live: Vec<u32>, scale: f64) -> Vec<f32> {
        let kind = ArchitectureKind::Mlp(Mlp { hidden: hidden.to_vec() });
        let ports = Ports { inputs: live.len(), image: None, classes: 2 };
        let graph = kind.graph(ports, Activation::Tanh).expect("a network of vectors");
        kind.initial_parameters(&graph, seed, features, &live, scale)
    }

    #[test]
    fn dropped_inputs_leave_the_other_weights_in_place() {
        let all = mlp(7, &[3], 16, (0..16).collect(), 1.0);
        let some = mlp(7, &[3], 16, vec![1, 4, 9, 15], 1.0);
        assert_eq!(all.len(), 3 * 16 + 3 + 3 * 2 + 2);
        assert_eq!(some.len(), 3 * 4 + 3 + 3 * 2 + 2);
        for unit in 0..3 {
            for (place, feature) in [1, 4, 9, 15].into_iter().enumerate() {
                // Fan-in 4 instead of 16: twice the bound, a power of two, so exact.
                assert_eq!(some[unit * 4 + place], 2.0 * all[unit * 16 + feature]);
            }
        }
        assert_eq!(some[15..], all[51..]);
    }

    #[test]
    fn seeds_and_shapes_differ_and_scale_scales() {
        let of = |seed, width, scale| mlp(seed, &[width], 50, (0..50).collect(), scale);
        let one = of(1, 20, 1.0);
        assert_eq!(one, of(1, 20, 1.0));
        assert_ne!(one, of(2, 20, 1.0));
        assert_ne!(one[..50], of(1, 21, 1.0)[..50]);
        assert!(one.iter().zip(&of(1, 20, 8.0)).all(|(a, b)| 8.0 * a == *b));
    }

    /// The weights of every layer of every network, and its biases: uniform on ±1/√fan_in, as PyTorch's layers start.
    #[test]
    fn every_layer_of_every_network_is_uniform_up_to_its_bound() {
        for kind in crate::tests::large() {
            let graph = crate::tests::built(&kind);
            let inputs = graph.nodes()[0].extent.size();
            let live: Vec<u32> = (0..inputs as u32).collect();
            let parameters = kind.initial_parameters(&graph, 3, inputs, &live, 1.0);
            assert_eq!(parameters.len(), graph.parameters());
            for (_, layer) in graph.layers().filter(|(node, _)| !matches!(node.op, Op::Normalise(_))) {
                let bound = 1.0 / (layer.fan_in() as f64).sqrt();
                for range in [layer.weight_range(), layer.bias_range()].into_iter().filter(|range| !range.is_empty()) {
                    let values = &parameters[range];
                    let n = values.len() as f64;
                    let mean = values.iter().map(|&w| f64::from(w)).sum::<f64>() / n;
                    let square = values.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>() / n;
                    assert!(values.iter().all(|w| f64::from(w.abs()) < bound));
                    // Five standard errors of the mean, bound/√(3n), and of the variance, bound²·√(4/45/n).
                    assert!(mean.abs() < 5.0 * bound / (3.0 * n).sqrt(), "{kind:?} {}: {mean}", layer.name);
                    let off = (square - bound * bound / 3.0).abs();
                    assert!(off < 5.0 * bound * bound * (4.0 / 45.0 / n).sqrt(), "{kind:?} {}: {square}", layer.name);
                }
            }
        }
    }
}
