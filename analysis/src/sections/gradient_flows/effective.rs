//! Where the neurons of an infinitely large training set would settle on the stripe, while the output is still small: fixed
//! points of the effective one-dimensional dynamics.
//!
//! As long as y F is small, every sample pulls with the same force, and a neuron (ω, b, β) of a rectifier network moves by
//! itself: (ω̇, ḃ) ∝ β ∂g and β̇ ∝ g, with g(ω, b) = E[y max(0, s ω·x + b)] over the data, s = 1/√d in the mean-field
//! parametrisation. Since g is homogeneous of degree one, directions of (ω, b) at which g is greatest on the unit sphere draw
//! the neurons with β > 0, and those at which it is least the neurons with β < 0. At ω_⊥ = 0 the direction is an angle, and the
//! neuron's place is its kink k = −b/(s ω_∥), where its hyperplane crosses the informative axis; g needs two moments there,
//! `E[y; x > k]` and `E[y x; x > k]`, which are sums of Φ and φ. A direction at ω_⊥ = 0 also draws neurons across the uninformative
//! coordinates if s² y(k) φ(k)/|s ω_∥| sign β is less than |g|, which is the curvature of g there: neurons whose kink lies
//! where the label is against them are pushed off the stripe's normal, all others turn into it.
//!
//! Pure. The derivation is this project's, from the equations of motion; it is tested against the flow of such a neuron.

use statrs::distribution::{Continuous, ContinuousCDF, Normal};

/// The ends of the interval of x_∥ in which y = +1 (Paccolat et al., J. Stat. Mech. 2021, section 3).
pub const STRIPE: [f64; 2] = [-0.3, 1.18549];

/// Angles at which extrema are looked for; they are refined afterwards.
const ANGLES: usize = 20_000;

/// Where g is smaller no data lie behind the kink, and its extrema are rounding.
const LEAST_RATE: f64 = 1e-6;

/// A direction that draws neurons.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FixedPoint {
    /// Whether it draws neurons with β > 0, rather than β < 0.
    pub positive: bool,
    /// Whether ω_∥ > 0 there: the neuron is open to the right of its kink.
    pub rightward: bool,
    /// Where the hyperplane crosses the informative axis.
    pub kink: f64,
    /// |g| there, on the unit sphere: the rate of growth.
    pub rate: f64,
}

/// The fixed points of the stripe that draw neurons, also across the uninformative coordinates; `scale` is s.
pub fn stripe(scale: f64) -> Vec<FixedPoint> {
    let step = std::f64::consts::TAU / ANGLES as f64;
    let height = |angle: f64| output(scale, angle);
    let mut out = Vec::new();
    for positive in [true, false] {
        let signed = |angle: f64| if positive { height(angle) } else { -height(angle) };
        for index in 0..ANGLES {
            let centre = index as f64 * step;
            let is_peak = signed(centre) > signed(centre - step) && signed(centre) >= signed(centre + step);
            if !is_peak || signed(centre) <= LEAST_RATE {
                continue;
            }
            let angle = greatest(&signed, centre - step, centre + step);
            let (along, across) = (angle.cos(), angle.sin());
            let kink = -across / (scale * along);
            let normal = Normal::standard();
            let label = if (STRIPE[0]..STRIPE[1]).contains(&kink) { 1.0 } else { -1.0 };
            let sideways = scale * label * normal.pdf(kink) / along.abs() * if positive { 1.0 } else { -1.0 };
            if kink.is_finite() && sideways < signed(angle) {
                out.push(FixedPoint { positive, rightward: along > 0.0, kink, rate: signed(angle) });
            }
        }
    }
    out
}

/// g of the direction (ω_∥, b) = (cos, sin).
fn output(scale: f64, angle: f64) -> f64 {
    let (along, bias) = (angle.cos(), angle.sin());
    let whole = moments(f64::NEG_INFINITY);
    if along.abs() < 1e-12 {
        return if bias > 0.0 { bias * whole[0] } else { 0.0 };
    }
    let right = moments(-bias / (scale * along));
    let open = if along > 0.0 { right } else { [whole[0] - right[0], whole[1] - right[1]] };
    scale * along * open[1] + bias * open[0]
}

/// `E[y; x > k]` and `E[y x; x > k]`.
fn moments(k: f64) -> [f64; 2] {
    let normal = Normal::standard();
    let above = |x: f64| [normal.sf(x), if x.is_finite() { normal.pdf(x) } else { 0.0 }];
    let [low, high] = STRIPE.map(|end| above(end.max(k)));
    let all = above(k);
    [0, 1].map(|moment| 2.0 * (low[moment] - high[moment]) - all[moment])
}

/// Where a function of one peak in an interval is greatest, by golden sections.
fn greatest(of: &impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    while high - low > 1e-9 {
        let [left, right] = [high - golden * (high - low), low + golden * (high - low)];
        if of(left) < of(right) { low = left } else { high = right }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums over a fine grid of x, instead of Φ and φ.
    fn by_sums(scale: f64, omega: f64, bias: f64) -> [f64; 2] {
        let (n, far) = (200_000, 8.0);
        let h = 2.0 * far / n as f64;
        let mut sums = [0.0; 2];
        for k in 0..n {
            let x = -far + (k as f64 + 0.5) * h;
            if scale * omega * x + bias > 0.0 {
                let y = if STRIPE[0] < x && x < STRIPE[1] { 1.0 } else { -1.0 };
                let weight = h * y * (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
                sums = [sums[0] + weight, sums[1] + weight * x];
            }
        }
        sums
    }

    #[test]
    fn moments_are_those_of_sums() {
        for k in [-2.0, -0.3, 0.4, 1.3, 2.5] {
            let (closed, sums) = (moments(k), by_sums(1.0, 1.0, -k));
            // The midpoint rule at jumps of height 0.8 and steps of 8e-5.
            assert!((closed[0] - sums[0]).abs() < 1e-4 && (closed[1] - sums[1]).abs() < 1e-4, "{k}");
        }
        assert!(moments(f64::NEG_INFINITY)[0].abs() < 1e-4, "the classes balance");
    }

    /// Neurons that follow the equations of motion come to the fixed points, and to each of them some.
    #[test]
    fn neurons_flow_to_the_fixed_points() {
        for d in [5.0_f64, 10.0] {
            let scale = 1.0 / d.sqrt();
            let points = stripe(scale);
            assert_eq!(points.len(), 3, "{points:?}");
            let mut visited = vec![false; points.len()];
            for index in 0..36 {
                let angle = index as f64 * std::f64::consts::TAU / 36.0 + 0.01;
                for sign in [1.0, -1.0] {
                    // |β| stays what it is: only the direction of (ω, b) matters.
                    let (mut omega, mut bias) = (angle.cos(), angle.sin());
                    let mut last = 0.0;
                    for _ in 0..4000 {
                        let k = -bias / (scale * omega);
                        let right = moments(k);
                        let whole = moments(f64::NEG_INFINITY);
                        let open = if omega > 0.0 { right } else { [whole[0] - right[0], whole[1] - right[1]] };
                        last = sign * (scale * omega * open[1] + bias * open[0]);
                        (omega, bias) = (omega + 0.05 * sign * scale * open[1], bias + 0.05 * sign * open[0]);
                        let norm = omega.hypot(bias);
                        (omega, bias) = (omega / norm, bias / norm);
                    }
                    let kink = -bias / (scale * omega);
                    let found = points.iter().position(|point| {
                        (point.positive, point.rightward) == (sign > 0.0, omega > 0.0)
                            && (point.kink - kink).abs() < 0.05
                    });
                    // Where g has the other sign, β would turn over before: those are no fixed points of a neuron with this β.
                    assert!(found.is_some() || last <= 1e-3, "{d} {sign} {kink} {last}");
                    if let Some(found) = found {
                        visited[found] = true;
                    }
                }
            }
            assert!(visited.iter().all(|visited| *visited), "{visited:?}");
        }
    }

    /// Numbers of an independent program (NumPy, a grid of 400,000 angles).
    #[test]
    fn kinks_are_the_known_ones() {
        let kinks = |d: f64| stripe(1.0 / d.sqrt()).iter().map(|point| point.kink).collect::<Vec<_>>();
        for (d, mut expected) in [(5.0, vec![-1.480, 0.685, 0.570]), (10.0, vec![-1.687, 0.701, 0.633])] {
            let mut found = kinks(d);
            found.sort_by(f64::total_cmp);
            expected.sort_by(f64::total_cmp);
            assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-3), "{found:?}");
        }
    }
}
