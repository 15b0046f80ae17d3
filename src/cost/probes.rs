//! What measuring copies of the weights takes: floating-point operations of local complexity and of attacks.

use crate::observe::local_complexity::Neighbourhood;
use crate::sweep::{PointSet, Sweep};

/// Operations of one replica's measurements over a whole run. `products` are the multiplications of each layer for one
/// sample, from input to output; `test` the number of test samples.
pub(super) fn probe_flops(sweep: &Sweep, products: &[f64], samples: usize, test: usize) -> f64 {
    let probes = &sweep.observe.probes;
    let hidden = &products[..products.len().saturating_sub(1)];
    let last = sweep.train.epochs;
    let complexity = probes.local_complexity.as_ref().map_or(0.0, |lc| {
        let around = Neighbourhood { radii: lc.radii.clone(), directions: lc.directions, centroid: lc.centroid };
        let points = lc.sets.iter().map(|set| match set {
            PointSet::Random => lc.points,
            PointSet::Test => lc.points.min(test),
            PointSet::Train => lc.points.min(samples),
        });
        lc.at.epochs(last).len() as f64 * points.sum::<usize>() as f64 * around.flops_per_point(hidden)
    });
    let robustness = probes.robustness.as_ref().map_or(0.0, |robust| {
        let attacks = robust.norms.len() * robust.epsilons.len() * robust.points.min(test);
        // A step goes back to the inputs and forward again.
        let passes = 2.0 * robust.steps as f64 + 1.0;
        robust.at.epochs(last).len() as f64 * attacks as f64 * passes * 2.0 * products.iter().sum::<f64>()
    });
    complexity + robustness
}
