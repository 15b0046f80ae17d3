//! The machine of maximal margin on a frozen kernel: the support vector machine without a bias, in its dual.
//!
//! min over 0 ≤ a ≤ C of ½ Σ a_i a_j y_i y_j K_ij − Σ a_i, one coordinate at a time, always the one whose exact step
//! lowers the objective most. A tangent kernel has the network's biases in it already, so the machine has none, and
//! single coordinates suffice (no constraint ties them together). With a large C it is the machine of maximal margin. The
//! gradient flow of the loss on the frozen kernel that stops once all margins fit is another machine
//! ([`kernel_flow`](super::kernel_flow)).

/// Bound C of the coefficients, for a kernel of unit mean diagonal: so large that it binds only where the classes cannot
/// be told apart.
const BOUND: f64 = 1e5;
/// Optimality conditions hold to this share of the margin when the machine is done.
const TOLERANCE: f64 = 1e-3;
/// Steps for each sample that are never exceeded.
const STEPS: usize = 400;

/// A trained machine.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Machine {
    /// a_i y_i, for the kernel as it was given.
    pub(super) coefficients: Vec<f64>,
    /// Largest violation of the optimality conditions, in units of the margin.
    pub(super) violation: f64,
}

/// Trains a machine on a symmetric kernel `[sample, sample]` and labels ±1.
pub(super) fn train(kernel: &[f64], labels: &[f64]) -> Machine {
    let n = labels.len();
    let scale = (0..n).map(|i| kernel[i * n + i]).sum::<f64>() / n as f64;
    let mut a: Vec<f64> = vec![0.0; n];
    // 1 − y F: the negative gradient of the objective.
    let mut room: Vec<f64> = vec![1.0; n];
    let mut violation = f64::INFINITY;
    for _ in 0..STEPS * n {
        let mut best = (0.0, usize::MAX, 0.0);
        violation = 0.0;
        for i in 0..n {
            let diagonal = kernel[i * n + i] / scale;
            let wanted: f64 =
                if (a[i] > 0.0 || room[i] > 0.0) && (a[i] < BOUND || room[i] < 0.0) { room[i] } else { 0.0 };
            violation = f64::max(violation, wanted.abs());
            if diagonal > 0.0 {
                let step = (a[i] + room[i] / diagonal).clamp(0.0, BOUND) - a[i];
                let gain = step * (room[i] - 0.5 * diagonal * step);
                if gain > best.0 {
                    best = (gain, i, step);
                }
            }
        }
        let (_, i, step) = best;
        if violation <= TOLERANCE || i == usize::MAX {
            break;
        }
        a[i] += step;
        let pull = step * labels[i] / scale;
        let row = &kernel[i * n..(i + 1) * n];
        room.iter_mut().zip(row).zip(labels).for_each(|((room, &k), &y)| *room -= pull * k * y);
    }
    let coefficients = a.iter().zip(labels).map(|(a, y)| a * y / scale).collect();
    Machine { coefficients, violation }
}

/// F = Σ a_i Θ(x, x_i) at points whose kernel with the training samples is `[point, sample]`, row by row.
pub(super) fn outputs(coefficients: &[f64], kernel: &[f64]) -> Vec<f64> {
    let n = coefficients.len().max(1);
    kernel.chunks_exact(n).map(|row| row.iter().zip(coefficients).map(|(k, c)| k * c).sum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gram(points: &[[f64; 2]]) -> Vec<f64> {
        points.iter().flat_map(|a| points.iter().map(move |b| a[0] * b[0] + a[1] * b[1])).collect()
    }

    #[test]
    fn two_points_have_the_maximal_margin_through_the_origin() {
        // Linear kernel, no bias: w of least norm with w·(2, 0) ≥ 1 and −w·(0, 4) ≥ 1 is (½, −¼).
        let points = [[2.0, 0.0], [0.0, 4.0]];
        let machine = train(&gram(&points), &[1.0, -1.0]);
        let w = [2.0 * machine.coefficients[0], 4.0 * machine.coefficients[1]];
        assert!((w[0] - 0.5).abs() < 1e-3 && (w[1] + 0.25).abs() < 1e-3, "{w:?}");
        assert!(machine.violation <= TOLERANCE);
        let of_new: Vec<f64> = points.iter().map(|p| 6.0 * p[0] + 1.0 * p[1]).collect();
        assert!((outputs(&machine.coefficients, &of_new)[0] - (0.5 * 6.0 - 0.25)).abs() < 1e-2);
    }

    #[test]
    fn separable_samples_all_get_their_margin_and_slack_ones_no_weight() {
        // A third point well inside its side of the machine above.
        let points = [[2.0, 0.0], [0.0, 4.0], [9.0, -9.0]];
        let labels = [1.0, -1.0, 1.0];
        let kernel = gram(&points);
        let machine = train(&kernel, &labels);
        for (f, y) in outputs(&machine.coefficients, &kernel).iter().zip(labels) {
            assert!(f * y > 1.0 - 2.0 * TOLERANCE);
        }
        assert_eq!(machine.coefficients[2], 0.0);
    }

    #[test]
    fn the_optimum_satisfies_the_conditions_of_karush_kuhn_and_tucker() {
        // A Gaussian kernel on random points with random labels: always separable.
        let mut state = 1u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let points: Vec<[f64; 2]> = (0..60).map(|_| [4.0 * uniform(), 4.0 * uniform()]).collect();
        let labels: Vec<f64> = (0..60).map(|_| if uniform() < 0.5 { -1.0 } else { 1.0 }).collect();
        let square = |a: &[f64; 2], b: &[f64; 2]| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
        let kernel: Vec<f64> =
            points.iter().flat_map(|a| points.iter().map(move |b| (-4.0 * square(a, b)).exp())).collect();
        let machine = train(&kernel, &labels);
        for ((f, y), c) in outputs(&machine.coefficients, &kernel).iter().zip(&labels).zip(&machine.coefficients) {
            // Complementary slackness: within the margin by the tolerance, at it where the coefficient is positive.
            assert!(f * y >= 1.0 - 2.0 * TOLERANCE && c * y >= 0.0);
            assert!(*c == 0.0 || (f * y - 1.0).abs() < 2.0 * TOLERANCE);
        }
    }
}
