//! What is measured along a flow that needs nothing but parameters and outputs: λ, norms, quantiles, covariances.

use super::network::Network;
use crate::observables::flow::QUANTILES;
use crate::observe::spectrum::eigenvalues;
use phasesweep_passes::{Real, View};

/// Quantiles by linear interpolation between order statistics; NaN of nothing.
pub(super) fn quantiles(mut values: Vec<f64>) -> [f64; 5] {
    values.sort_by(f64::total_cmp);
    QUANTILES.map(|share| {
        let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
        let place = share * last as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        values[low] + (place - place.floor()) * (values[high] - values[low])
    })
}

/// λ: the rms over neurons and informative coordinates (the first `parallel`) of the first layer's weights over the same
/// of the others. NaN where the first layer is not a dense layer of the samples, or without other coordinates.
pub(super) fn compression(network: &Network, parameters: &[f64], parallel: usize) -> f64 {
    let [along, across] = square_norms(network, parameters, parallel);
    let others = network.first().map_or(0, |first| first.fan_in.saturating_sub(parallel));
    if others == 0 { f64::NAN } else { ((along / parallel as f64) / (across / others as f64)).sqrt() }
}

/// λ by norms, as the paper's programs have it: rms over neurons of ‖ω_∥‖ over rms of ‖ω_⊥‖, which is √(d∥/d⊥) times
/// [`compression`]. NaN where that is.
pub(super) fn compression_of_norms(network: &Network, parameters: &[f64], parallel: usize) -> f64 {
    let [along, across] = square_norms(network, parameters, parallel);
    if network.first().is_none_or(|first| first.fan_in <= parallel) { f64::NAN } else { (along / across).sqrt() }
}

/// Σ_n ‖ω_∥‖² and Σ_n ‖ω_⊥‖² of the first layer; NaN where it is not a dense layer of the samples.
fn square_norms(network: &Network, parameters: &[f64], parallel: usize) -> [f64; 2] {
    let Some(first) = network.first().filter(|first| first.of_coordinates) else { return [f64::NAN; 2] };
    let (inputs, weights) = (first.fan_in, &parameters[first.weights]);
    let (mut along, mut across) = (0.0, 0.0);
    for weight in weights.chunks_exact(inputs.max(1)) {
        along += weight.iter().take(parallel).map(|w| w * w).sum::<f64>();
        across += weight.iter().skip(parallel).map(|w| w * w).sum::<f64>();
    }
    [along, across]
}

/// ‖(w_n, b_n)‖ of the first layer's neurons (channels, of a convolution).
pub(super) fn neuron_norms(network: &Network, parameters: &[f64]) -> Vec<f64> {
    let Some(first) = network.first() else { return Vec::new() };
    let weights = &parameters[first.weights];
    let norm = |(neuron, weight): (usize, &[f64])| {
        let bias = first.bias.map_or(0.0, |at| parameters[at + neuron]);
        (weight.iter().map(|w| w * w).sum::<f64>() + bias * bias).sqrt()
    };
    weights.chunks_exact(first.fan_in.max(1)).enumerate().map(norm).collect()
}

/// Largest eigenvalues, descending, of (1/h) Σ_n w_n w_nᵀ over the first layer's neurons.
pub(super) fn weight_spectrum(network: &Network, parameters: &[f64], components: usize) -> Vec<f64> {
    let Some(first) = network.first() else { return Vec::new() };
    let (neurons, fan_in) = (first.neurons, first.fan_in);
    let weights = &parameters[first.weights];
    let mut moments = vec![0.0; fan_in * fan_in];
    let by_neuron = View::columns(weights, fan_in, neurons);
    f64::product(&mut moments, by_neuron, by_neuron.t(), false);
    moments.iter_mut().for_each(|value| *value /= neurons as f64);
    eigenvalues(&moments, fan_in, components)
}

/// ‖a − b‖/‖b‖.
pub(super) fn relative_distance(a: &[f64], b: &[f64]) -> f64 {
    let square = |difference: f64| difference * difference;
    let apart: f64 = a.iter().zip(b).map(|(a, b)| square(a - b)).sum();
    (apart / b.iter().map(|b| square(*b)).sum::<f64>()).sqrt()
}

/// Share of samples on the wrong side: y F < 0; F = 0 decides nothing and counts half.
pub(super) fn error(margins: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = margins.len() as f64;
    let wrong = |m: f64| {
        if m > 0.0 {
            0.0
        } else if m == 0.0 {
            0.5
        } else {
            1.0
        }
    };
    margins.map(wrong).sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Block;
    use crate::sweep::{Activation, ArchitectureKind, MeanField};
    use phasesweep_networks::Mlp;

    fn network(inputs: usize, neurons: usize) -> Network {
        let block = Block {
            features: inputs,
            live: (0..inputs as u32).collect(),
            image: None,
            classes: 2,
            train: Default::default(),
            test: Default::default(),
            source_index: vec![],
        };
        let kind = ArchitectureKind::Mlp(Mlp { hidden: vec![neurons] });
        Network::new(&kind, Activation::Relu, Some(MeanField { bias_variance: 1.0 }), &block).unwrap()
    }

    #[test]
    fn compression_compares_per_coordinate() {
        // Two neurons in three dimensions: (2, 1, 1), (2, −1, 1): rms along 2, across 1.
        let mut parameters = vec![2.0, 1.0, 1.0, 2.0, -1.0, 1.0];
        parameters.extend([3.0, 4.0, 1.0, 1.0]);
        let network = network(3, 2);
        assert_eq!(compression(&network, &parameters, 1), 2.0);
        assert!((compression(&network, &parameters, 2) - 2.5f64.sqrt()).abs() < 1e-12);
        assert!(compression(&network, &parameters, 3).is_nan());
        // Norms: √8 along, √4 across; of two coordinates (2, 1) and (2, −1) along, √10, and √2 across.
        assert!((compression_of_norms(&network, &parameters, 1) - 2f64.sqrt()).abs() < 1e-12);
        assert!((compression_of_norms(&network, &parameters, 2) - 5f64.sqrt()).abs() < 1e-12);
        assert!(compression_of_norms(&network, &parameters, 3).is_nan());
        assert_eq!(neuron_norms(&network, &parameters), [15f64.sqrt(), 22f64.sqrt()]);
        // The mean of ωωᵀ is [[4, 2], [2, 1]] on the first and third coordinates and 1 on the second.
        let spectrum = weight_spectrum(&network, &parameters, 3);
        for (found, expected) in spectrum.iter().zip([5.0, 1.0, 0.0]) {
            assert!((found - expected).abs() < 1e-12, "{spectrum:?}");
        }
    }

    #[test]
    fn quantiles_interpolate_and_errors_halve_ties() {
        assert_eq!(quantiles(vec![4.0, 0.0, 2.0, 1.0]), [0.0, 0.75, 1.5, 2.5, 4.0]);
        assert!(quantiles(vec![])[0].is_nan());
        assert_eq!(error([1.0, -1.0, 0.0, 2.0].into_iter()), 0.375);
        assert_eq!(relative_distance(&[3.0, 4.0], &[0.0, 4.0]), 0.75);
    }

    #[test]
    fn initial_weights_are_isotropic_normals() {
        let network = network(4, 20_000);
        let kind = ArchitectureKind::Mlp(Mlp { hidden: vec![20_000] });
        let field = Some(MeanField { bias_variance: 4.0 });
        let block = Block {
            features: 4,
            live: (0..4).collect(),
            image: None,
            classes: 2,
            train: Default::default(),
            test: Default::default(),
            source_index: vec![],
        };
        let parameters = network.initial(1, &kind, field, 1.0, &block);
        assert_eq!(parameters.len(), network.parameters);
        let mean_square = |slice: &[f64]| slice.iter().map(|w| w * w).sum::<f64>() / slice.len() as f64;
        // Five relative standard errors √(2/n) of a mean square.
        assert!((mean_square(&parameters[..80_000]) - 1.0).abs() < 5.0 * (2.0f64 / 80_000.0).sqrt());
        assert!((mean_square(&parameters[80_000..100_000]) / 4.0 - 1.0).abs() < 5.0 * (2.0f64 / 20_000.0).sqrt());
        // λ compares 20 000 with 60 000 squares: relative variance (2/20 000 + 2/60 000)/4.
        assert!((compression(&network, &parameters, 1) - 1.0).abs() < 5.0 * (1.0f64 / 30_000.0).sqrt());
    }
}
