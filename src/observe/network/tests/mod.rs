//! The host's network against a second one, written out by the definition in double precision.

#![allow(clippy::unwrap_used)]

pub(crate) mod reference;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use reference::{Reference, cases};

#[test]
fn sums_are_those_of_the_definition() {
    for case in cases() {
        let (layers, parameters, x) = case.build(3, 5);
        let network = Network::new(&layers, case.activation, &parameters).unwrap();
        let mut pass = Forward::default();
        network.forward(&x, 5, &mut pass, &mut Scratch::default());
        let reference = Reference::new(&layers, case.activation, &parameters);
        for (row, sample) in x.chunks(network.inputs()).enumerate() {
            for (layer, exact) in reference.sums(sample).iter().enumerate() {
                let own = &pass.sums[layer][row * exact.len()..(row + 1) * exact.len()];
                for (own, exact) in own.iter().zip(exact) {
                    // Sums of at most 75 products of numbers about 1 in f32, a few layers deep.
                    assert!((f64::from(*own) - exact).abs() < 2e-5, "{case:?} layer {layer}: {own} {exact}");
                }
            }
        }
    }
    let (layers, parameters, _) = cases()[0].build(1, 1);
    assert!(Network::new(&layers, cases()[0].activation, &parameters[1..]).is_none());
}

/// The gradient of Σ c·outputs at the inputs, against central differences of the double-precision network.
#[test]
fn the_way_back_to_the_inputs_is_the_derivative() {
    for case in cases() {
        let (layers, parameters, x) = case.build(7, 2);
        let network = Network::new(&layers, case.activation, &parameters).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let classes = network.units(network.depth() - 1);
        let delta: Vec<f32> = (0..2 * classes).map(|_| rng.random_range(-1.0..1.0)).collect();
        let (mut pass, mut scratch, mut gradient) = (Forward::default(), Scratch::default(), Vec::new());
        network.forward(&x, 2, &mut pass, &mut scratch);
        network.backward(&pass, &delta, 2, &mut gradient, &mut scratch);
        let reference = Reference::new(&layers, case.activation, &parameters);
        let value = |sample: &[f64], delta: &[f32]| {
            let sums = reference.sums_of(sample);
            sums.last().unwrap().iter().zip(delta).map(|(f, &d)| f * f64::from(d)).sum::<f64>()
        };
        let d = network.inputs();
        for (row, sample) in x.chunks(d).enumerate() {
            let sample: Vec<f64> = sample.iter().map(|&x| f64::from(x)).collect();
            let delta = &delta[row * classes..(row + 1) * classes];
            for input in 0..d {
                // Narrow, so that hardly any rectified unit or pooling window changes its mind within it.
                let at = |shift: f64| {
                    let mut moved = sample.clone();
                    moved[input] += shift;
                    value(&moved, delta)
                };
                let slope = (at(1e-6) - at(-1e-6)) / 2e-6;
                let own = f64::from(gradient[row * d + input]);
                assert!((own - slope).abs() < 1e-4, "{case:?} input {input}: {own} {slope}");
            }
        }
    }
}

/// The bits of pre-activations and of gradients at the inputs, of all cases together, as they were when networks on the
/// host were chains alone. They depend on the vector instructions of the products; those of a processor that is not listed
/// are not held.
#[test]
fn bits_of_chains_are_what_they_were() {
    let mut hasher = blake3::Hasher::new();
    for case in cases() {
        for rows in [1, 5, 64] {
            let (layers, parameters, x) = case.build(29, rows);
            let network = Network::new(&layers, case.activation, &parameters).unwrap();
            let (mut pass, mut scratch, mut gradient) = (Forward::default(), Scratch::default(), Vec::new());
            network.forward(&x, rows, &mut pass, &mut scratch);
            let delta: Vec<f32> = (0..rows * 3).map(|k| (k as f32 * 0.61).sin()).collect();
            network.backward(&pass, &delta, rows, &mut gradient, &mut scratch);
            for numbers in pass.sums.iter().chain([&gradient]) {
                for x in numbers {
                    hasher.update(&x.to_bits().to_le_bytes());
                }
            }
        }
    }
    let found = hasher.finalize().to_hex()[..16].to_owned();
    let known = known();
    assert!(known.is_none_or(|known| known == found), "{found} instead of {known:?}");
}

/// The digest for the vector instructions that products are built for.
fn known() -> Option<&'static str> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        return Some("d6592ab784396c1d");
    }
    None
}
