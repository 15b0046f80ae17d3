//! The tangent kernel by the layers' identity against gradients taken one sample at a time.

use super::autodiff::value_and_gradient;
use super::case::{MEAN_FIELD, cnn, mlp, problem};
use crate::sweep::{Activation, ArchitectureKind, MeanField};
use crate::train::flow::network::Network;
use crate::train::flow::tangent::{Parameters, Signals, kernel};

/// The largest difference between the two Gram matrices, each entry in units of √(Θ_ii Θ_jj).
fn difference(kind: ArchitectureKind, activation: Activation, mean_field: Option<MeanField>) -> f64 {
    let problem = problem(kind.clone(), mean_field, 17, 1);
    let network = Network::new(&kind, activation, mean_field, &problem.block).unwrap();
    let parameters = network.initial(3, &kind, mean_field, 1.0, &problem.block);
    let parameters: Vec<f64> = parameters.iter().map(|&v| f64::from(v as f32)).collect();
    let (train, test) = (&problem.block.train.x, &problem.block.test.x[..5 * network.inputs]);
    let gradients = |x: &[f32]| -> Vec<Vec<f64>> {
        x.chunks(network.inputs).map(|x| value_and_gradient(&network, &parameters, x).1).collect()
    };
    let (a, b) = (gradients(train), gradients(test));
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let (of_train, of_test) = (Signals::of(&network, &parameters, train), Signals::of(&network, &parameters, test));
    let mut worst = 0.0;
    let theta = |other: &Signals| kernel(&network, None, Parameters::All, &of_train, other);
    for (rows, gram) in [(&a, theta(&of_train)), (&b, theta(&of_test))] {
        assert_eq!(gram.len(), rows.len() * a.len());
        for (row, of_row) in rows.iter().zip(gram.chunks(a.len())) {
            for (column, value) in a.iter().zip(of_row) {
                let scale = (dot(row, row) * dot(column, column)).sqrt();
                worst = f64::max(worst, (dot(row, column) - value).abs() / scale);
            }
        }
    }
    worst
}

#[test]
fn the_identity_agrees_with_per_sample_gradients() {
    for mean_field in [None, MEAN_FIELD] {
        for kind in [mlp(&[9]), mlp(&[7, 6, 5]), cnn()] {
            for activation in [Activation::Relu, Activation::Softplus, Activation::Tanh] {
                let worst = difference(kind.clone(), activation, mean_field);
                // Autodiff computes in single precision.
                assert!(worst < 1e-5, "{kind:?} {activation:?} {mean_field:?}: {worst:e}");
            }
        }
    }
}
