//! Tangent kernels on the device are those of the host.

use super::super::gram::DeviceKernels;
use super::*;
use crate::sweep::MeanField;
use crate::train::flow::network::Network;
use crate::train::flow::tangent::{Parameters, Signals, kernel};
use crate::train::flow::tests::case::{MEAN_FIELD, cnn, mlp, problem, separable};
use phasesweep_networks::ArchitectureKind;

fn on_device() -> Option<DeviceKernels> {
    let device = device_under_test();
    DeviceKernels::on(&device, Doubles::of(&device), 0.0)
}

#[test]
fn a_kernel_is_that_of_the_host_in_whatever_parts() {
    // Single precision alone: nothing to be asked, and nothing is.
    let Some(_) = on_device() else { return };
    let cases: [(ArchitectureKind, Option<MeanField>); 4] =
        [(mlp(&[9, 7]), MEAN_FIELD), (mlp(&[5]), None), (cnn(), MEAN_FIELD), (separable(), None)];
    for (kind, mean_field) in cases {
        let problem = problem(kind, mean_field, 23, 1);
        let network = Network::new(&problem.architecture, problem.activation, mean_field, &problem.block).unwrap();
        let parameters = network.initial(3, &problem.architecture, mean_field, 1.0, &problem.block);
        let train = Signals::of(&network, &parameters, &problem.block.train.x);
        let test = Signals::of(&network, &parameters, &problem.block.test.x);
        for (by, other) in [Parameters::All, Parameters::Last, Parameters::Headless]
            .into_iter()
            .flat_map(|by| [(by, &train), (by, &test)])
        {
            let expected = kernel(&network, None, by, &train, other);
            let scale = expected.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
            // Fewer numbers than a row, some rows, and all at once.
            for part in [1, 5 * 23, 1 << 20] {
                let kernels = on_device().unwrap().in_parts_of(part);
                let found = kernel(&network, Some(&kernels), by, &train, other);
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(&expected) {
                    // Sums of at most a few hundred products in another order.
                    assert!((found - expected).abs() <= 1e-13 * scale, "{by:?} {part}: {found} {expected}");
                }
            }
        }
        let small = DeviceKernels::on(&device_under_test(), Doubles::Images, 1e9).unwrap();
        let of_host = kernel(&network, None, Parameters::All, &train, &test);
        assert_eq!(kernel(&network, Some(&small), Parameters::All, &train, &test), of_host, "too small for a device");
    }
    assert!(DeviceKernels::on(&device_under_test(), Doubles::Nothing, 0.0).is_none());
}
