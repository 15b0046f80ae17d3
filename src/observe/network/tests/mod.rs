//! The host's network against a second one, written out by the definition in double precision.

#![allow(clippy::unwrap_used)]

pub(crate) mod reference;

use phasesweep_networks::reference as exact;
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::random;
use super::*;
use reference::{Reference, cases, graph};

#[test]
fn sums_are_those_of_the_definition() {
    for case in cases() {
        let (layers, parameters, x) = case.build(3, 5);
        let graph = graph(&layers, case.activation);
        let network = Network::new(&graph, &parameters).unwrap();
        let mut pass = Pass::default();
        network.forward(&x, 5, &mut pass);
        let nodes = sums(&graph);
        let reference = Reference::new(&layers, case.activation, &parameters);
        for (row, sample) in x.chunks(network.inputs()).enumerate() {
            for (layer, exact) in reference.sums(sample).iter().enumerate() {
                let own = &pass.values[nodes[layer]][row * exact.len()..(row + 1) * exact.len()];
                for (own, exact) in own.iter().zip(exact) {
                    // Sums of at most 75 products of numbers about 1 in f32, a few layers deep.
                    assert!((f64::from(*own) - exact).abs() < 2e-5, "{case:?} layer {layer}: {own} {exact}");
                }
            }
        }
    }
    let (layers, parameters, _) = cases()[0].build(1, 1);
    assert!(Network::new(&graph(&layers, cases()[0].activation), &parameters[1..]).is_none());
}

/// The nodes of the layers' pre-activations, the outputs last.
fn sums(graph: &Graph) -> Vec<usize> {
    graph.pre_activations().into_iter().chain([graph.nodes().len() - 1]).collect()
}

/// The gradient of Σ c·outputs at the inputs, against central differences of the double-precision network.
#[test]
fn the_way_back_to_the_inputs_is_the_derivative() {
    for case in cases() {
        let (layers, parameters, x) = case.build(7, 2);
        let graph = graph(&layers, case.activation);
        let network = Network::new(&graph, &parameters).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let classes = 3;
        let delta: Vec<f32> = (0..2 * classes).map(|_| rng.random_range(-1.0..1.0)).collect();
        let (mut pass, mut gradient) = (Pass::default(), Vec::new());
        network.forward(&x, 2, &mut pass);
        network.backward(&mut pass, &delta, 2, &mut gradient);
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
            let graph = graph(&layers, case.activation);
            let network = Network::new(&graph, &parameters).unwrap();
            let (mut pass, mut gradient) = (Pass::default(), Vec::new());
            network.forward(&x, rows, &mut pass);
            let delta: Vec<f32> = (0..rows * 3).map(|k| (k as f32 * 0.61).sin()).collect();
            network.backward(&mut pass, &delta, rows, &mut gradient);
            for numbers in sums(&graph).into_iter().map(|node| &pass.values[node]).chain([&gradient]) {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any graph of all operations against the reference: values, the way back to the inputs, and the values around points
    /// that the walk finds without forming them.
    #[test]
    fn any_graph_is_that_of_the_reference(steps in random::steps(), phase in 0.0..6.0f64) {
        let graph = random::graph(&steps);
        let parameters = random::parameters(&graph, phase);
        let narrow = |numbers: &[f64]| numbers.iter().map(|&x| x as f32).collect::<Vec<f32>>();
        let (samples, delta) = (random::numbers(2 * random::INPUTS, phase + 1.0), random::numbers(2 * 3, 2.0));
        let own = narrow(&parameters);
        let network = Network::new(&graph, &own).unwrap();
        let (mut pass, mut gradient) = (Pass::default(), Vec::new());
        network.forward(&narrow(&samples), 2, &mut pass);
        network.backward(&mut pass, &narrow(&delta), 2, &mut gradient);
        // f32 over a dozen nodes of sums of up to 60 products; a layer normalisation divides by what may be small.
        let close = |own: f32, exact: f64, scale: f64| (f64::from(own) - exact).abs() < 2e-4 * scale.max(1.0);
        let greatest = |values: &[f64]| values.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        for (row, sample) in samples.chunks(random::INPUTS).enumerate() {
            let values = exact::forward(&graph, &parameters, sample);
            prop_assume!(!random::bends(&graph, &values));
            let outputs = &pass.outputs(&network)[row * 3..(row + 1) * 3];
            for (own, exact) in outputs.iter().zip(values.last().unwrap()) {
                prop_assert!(close(*own, *exact, exact.abs()), "{} {}", own, exact);
            }
            let back = exact::backward(&graph, &parameters, &values, &delta[row * 3..(row + 1) * 3]).sample;
            for (own, exact) in gradient[row * random::INPUTS..].iter().zip(&back) {
                prop_assert!(close(*own, *exact, greatest(&back)), "{} {}", own, exact);
            }
        }
        let watched: Vec<usize> = graph.pre_activations().into_iter().chain([graph.nodes().len() - 1]).collect();
        let (walk, mut room) = (Walk::new(&network, &watched), Room::default());
        let directions = random::numbers(3 * random::INPUTS, phase + 5.0);
        let radius = 0.125;
        walk.prepare(&narrow(&samples), &narrow(&directions), &mut room);
        let mut seen: Vec<Vec<f32>> = vec![Vec::new(); watched.len()];
        walk.around(0..2, 3, radius, true, &mut room, |nth, values| seen[nth].extend_from_slice(values));
        let ends = directions.chunks(random::INPUTS).flat_map(|v| [(v, 1.0), (v, -1.0)]);
        let ends: Vec<Vec<f64>> = std::iter::once(vec![0.0; random::INPUTS])
            .chain(ends.map(|(v, sign)| v.iter().map(|v| sign * f64::from(radius) * v).collect()))
            .collect();
        for (row, sample) in samples.chunks(random::INPUTS).enumerate() {
            for (nth, end) in ends.iter().enumerate() {
                let vertex: Vec<f64> = sample.iter().zip(end).map(|(x, v)| x + v).collect();
                let values = exact::forward(&graph, &parameters, &vertex);
                for (&node, seen) in watched.iter().zip(&seen) {
                    let units = values[node].len();
                    let own = &seen[(row * ends.len() + nth) * units..][..units];
                    for (own, exact) in own.iter().zip(&values[node]) {
                        prop_assert!(close(*own, *exact, greatest(&values[node])), "node {}: {} {}", node, own, exact);
                    }
                }
            }
        }
    }
}
