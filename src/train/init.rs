//! Where a replica starts and in which order it sees its samples: random numbers made on the host.
//!
//! Invariants: the numbers come from ChaCha8 streams whose key is a hash of what they depend on, so that they are the
//! same on every device, rank and day, and do not depend on what was drawn before. Initial weights depend on the seed
//! and the network's shape alone: every optimiser, activation, subsample and schedule starts from the same point. An
//! input that a block drops (constant over its samples) leaves the weights of the other inputs as they are, up to the
//! common scale 1/√fan_in.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::data::Block;
use crate::sweep::ArchitectureKind;
use crate::train::shape::{self, LayerShape};

/// Initial weights and biases, laid out as [`ReplicaState::parameters`](crate::train::ReplicaState): each uniform on
/// ±`init_scale`/√fan_in, which is PyTorch's default for linear and convolutional layers (He et al. 2015 with
/// a = √5 for the weights).
///
/// LayerShape ℓ (from 0) takes its weights from stream 2ℓ and its biases from stream 2ℓ + 1 of a generator keyed by the
/// seed and the shape. A dense first layer draws `[unit, feature]` for all inputs of the source and keeps the live
/// ones. Empty where the network cannot be built on the block (see [`shape::layers`]), which engines refuse.
pub fn initial_parameters(seed: u64, architecture: &ArchitectureKind, block: &Block, init_scale: f64) -> Vec<f32> {
    let Some(layers) = shape::layers(architecture, block) else {
        return Vec::new();
    };
    let mut hasher = blake3::Hasher::new_derive_key("phasesweep 1 initial parameters");
    hasher.update(&seed.to_le_bytes());
    // The serialisation of a plain enum of integers cannot fail; an empty key part would still be a valid key.
    hasher.update(&serde_json::to_vec(architecture).unwrap_or_default());
    let key = *hasher.finalize().as_bytes();

    let mut parameters = Vec::with_capacity(layers.iter().map(LayerShape::parameters).sum());
    for (index, layer) in layers.iter().enumerate() {
        let bound = init_scale / (layer.fan_in() as f64).sqrt();
        let mut weights = stream(key, 2 * index as u64);
        match *layer {
            LayerShape::Dense { outputs, .. } if index == 0 => {
                let mut row = vec![0.0; block.features];
                for _ in 0..outputs {
                    row.fill_with(|| uniform(&mut weights, bound));
                    parameters.extend(block.live.iter().map(|&feature| row[feature as usize]));
                }
            }
            _ => parameters.extend((0..layer.weights()).map(|_| uniform(&mut weights, bound))),
        }
        let mut biases = stream(key, 2 * index as u64 + 1);
        parameters.extend((0..layer.outputs()).map(|_| uniform(&mut biases, bound)));
    }
    parameters
}

/// The order in which pass `epoch` (from 0: the pass after the epoch-0 measurement) visits `n` samples: a uniform
/// permutation (Fisher–Yates), from stream `epoch` of a generator keyed by the seed. A replica that trains on a subset
/// takes the kept samples in this order.
pub fn epoch_order(seed: u64, epoch: usize, n: usize) -> Vec<u32> {
    let mut hasher = blake3::Hasher::new_derive_key("phasesweep 1 sample order");
    hasher.update(&seed.to_le_bytes());
    let mut rng = stream(*hasher.finalize().as_bytes(), epoch as u64);
    let mut order: Vec<u32> = (0..n as u32).collect();
    for i in (1..n).rev() {
        order.swap(i, below(&mut rng, i as u32 + 1) as usize);
    }
    order
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

/// Uniform on `0..n` without bias, n > 0 (Lemire 2019, ACM TOMACS 29, algorithm 5).
fn below(rng: &mut ChaCha8Rng, n: u32) -> u32 {
    let reject_under = n.wrapping_neg() % n;
    loop {
        let product = u64::from(rng.next_u32()) * u64::from(n);
        if product as u32 >= reject_under {
            return (product >> 32) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(live: Vec<u32>, features: usize) -> Block {
        Block {
            features,
            live,
            image: None,
            classes: 2,
            train: Default::default(),
            test: Default::default(),
            source_index: vec![],
        }
    }

    fn mlp(hidden: &[usize]) -> ArchitectureKind {
        ArchitectureKind::Mlp { hidden: hidden.to_vec() }
    }

    #[test]
    fn dropped_inputs_leave_the_other_weights_in_place() {
        let all = initial_parameters(7, &mlp(&[3]), &block((0..16).collect(), 16), 1.0);
        let some = initial_parameters(7, &mlp(&[3]), &block(vec![1, 4, 9, 15], 16), 1.0);
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
        let block = block((0..50).collect(), 50);
        let one = initial_parameters(1, &mlp(&[20]), &block, 1.0);
        assert_eq!(one, initial_parameters(1, &mlp(&[20]), &block, 1.0));
        assert_ne!(one, initial_parameters(2, &mlp(&[20]), &block, 1.0));
        assert_ne!(one[..50], initial_parameters(1, &mlp(&[21]), &block, 1.0)[..50]);
        let eight = initial_parameters(1, &mlp(&[20]), &block, 8.0);
        assert!(one.iter().zip(&eight).all(|(a, b)| 8.0 * a == *b));
    }

    #[test]
    fn weights_are_uniform_up_to_the_bound() {
        let parameters = initial_parameters(3, &mlp(&[1000]), &block((0..100).collect(), 100), 1.0);
        let weights = &parameters[..100_000];
        let n = weights.len() as f64;
        let mean = weights.iter().map(|&w| f64::from(w)).sum::<f64>() / n;
        let square = weights.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>() / n;
        assert!(weights.iter().all(|w| w.abs() < 0.1));
        // Five standard errors of the mean, bound/√(3n), and of the variance, bound²·√(4/45/n).
        assert!(mean.abs() < 5.0 * 0.1 / (3.0 * n).sqrt(), "{mean}");
        assert!((square - 0.01 / 3.0).abs() < 5.0 * 0.01 * (4.0 / 45.0 / n).sqrt(), "{square}");
    }

    #[test]
    fn orders_are_permutations_and_all_of_them_occur() {
        let mut seen = std::collections::HashMap::new();
        for epoch in 0..6000 {
            *seen.entry(epoch_order(5, epoch, 4)).or_insert(0u32) += 1;
        }
        assert_eq!(seen.len(), 24);
        // Expected 250 each; chi-squared with 23 degrees of freedom exceeds 60 with probability 4e-5 (fixed streams).
        let chi2: f64 = seen.values().map(|&k| (f64::from(k) - 250.0).powi(2) / 250.0).sum();
        assert!(chi2 < 60.0, "{chi2}");
        let mut sorted = epoch_order(1, 3, 1000);
        assert_ne!(sorted, epoch_order(1, 4, 1000));
        assert_ne!(sorted, epoch_order(2, 3, 1000));
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
        assert!(epoch_order(1, 0, 0).is_empty());
    }
}
