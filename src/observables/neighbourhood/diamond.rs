//! The exact numbers of linear regions and of units in the diamond x + s v₁ + t v₂, |s| + |t| ≤ r: the cross-polytope of two
//! directions.

use crate::linear_regions::partition::{Limits, PiecewiseLinear, Plane, Window, partition};

/// Bytes that the partition of one diamond may take.
const MOST_BYTES: usize = 2 << 30;

/// Regions that meet the diamond's interior, and units that change their sign in it; NaN where there are more than
/// `most_regions`, they take more memory than 2 GiB, or there is no such plane. `along` are v₁ and v₂, orthonormal.
pub(super) fn count(
    network: &PiecewiseLinear,
    x: &[f64],
    along: &[Vec<f64>; 2],
    radius: f64,
    most_regions: usize,
) -> [f64; 2] {
    let [one, two] = along;
    let limits = Limits { regions: most_regions, bytes: MOST_BYTES };
    let cut = Plane::along(x.to_vec(), one, two).and_then(|plane| {
        let window = Window::diamond([0.0, 0.0], radius)?;
        partition(network, &plane, &window, limits)
    });
    cut.map_or([f64::NAN; 2], |cut| [cut.regions() as f64, cut.bending_units() as f64])
}
