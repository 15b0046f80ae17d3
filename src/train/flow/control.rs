//! How long a step may be. Pure.
//!
//! An explicit Euler step from gradient g to gradient g' that changes the outputs by at most ΔF is taken if ΔF is within
//! its bound and ‖g' − g‖²/(‖g‖ ‖g'‖) is within its own (Geiger et al., J. Stat. Mech. 2020, appendix on the dynamics; so
//! do the programs of the paper). Where a rectifier turns over on a sample, or a sample comes to fit, the gradient of the
//! exact flow jumps, and of no step, however short, is its change small; the flow then slides along the kink, and steps
//! would shrink for ever. So a step that changes no output by more than a third, smaller bound is taken whatever the
//! gradient does: the error that this leaves is of the order of that bound, in units of the margin.

use crate::sweep::Flow;

/// The bounds of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    /// On ‖g' − g‖²/(‖g‖ ‖g'‖).
    pub(super) gradient: f64,
    /// On ΔF.
    pub(super) output: f64,
    /// On ΔF, where the gradient jumps.
    pub(super) kink: f64,
}

impl Bounds {
    /// Those of a flow.
    pub(super) fn of(flow: &Flow) -> Bounds {
        Bounds { gradient: flow.gradient_change, output: flow.output_change, kink: flow.kink_change }
    }
}

/// Aim for this share of a bound, so that few steps are tried and not taken.
pub(super) const AIM: f64 = 0.8;
/// A step is at most so much longer than the one before.
pub(super) const GROWTH: f64 = 1.2;

/// What becomes of a step that was tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    /// Whether it is taken.
    pub(super) taken: bool,
    /// What the next step's length is of this one's.
    pub(super) factor: f64,
}

/// Judges a step by the change of the gradient, ‖g' − g‖²/(‖g‖ ‖g'‖), and by that of the outputs. A change that is not a
/// number is no step.
pub(super) fn judge(bounds: &Bounds, gradient: f64, output: f64) -> Verdict {
    if !(gradient.is_finite() && output.is_finite()) {
        return Verdict { taken: false, factor: 0.1 };
    }
    // The gradient's change is first order in the step, its square second; a change of 0 allows any length.
    let by_gradient = (bounds.gradient / gradient).sqrt();
    let by_kink = bounds.kink / output;
    let by_output = bounds.output / output;
    let allowed = AIM * nan_to_infinity(by_gradient).max(by_kink).min(nan_to_infinity(by_output));
    let taken = output <= bounds.output && (gradient <= bounds.gradient || output <= bounds.kink);
    let factor = if taken { allowed.clamp(0.5, GROWTH) } else { allowed.clamp(0.1, AIM) };
    Verdict { taken, factor }
}

fn nan_to_infinity(x: f64) -> f64 {
    if x.is_nan() { f64::INFINITY } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { gradient: 1e-4, output: 0.1, kink: 0.01 };

    #[test]
    fn steps_within_both_bounds_are_taken_and_grow() {
        assert_eq!(judge(&BOUNDS, 1e-6, 0.02), Verdict { taken: true, factor: GROWTH });
        assert_eq!(judge(&BOUNDS, 0.0, 0.0), Verdict { taken: true, factor: GROWTH });
        // At the bound itself the next is shorter.
        assert_eq!(judge(&BOUNDS, 1e-4, 0.05), Verdict { taken: true, factor: AIM });
    }

    #[test]
    fn steps_beyond_a_bound_are_tried_again_shorter() {
        assert_eq!(judge(&BOUNDS, 4e-4, 0.02), Verdict { taken: false, factor: 0.4 });
        assert_eq!(judge(&BOUNDS, 1e-6, 0.4), Verdict { taken: false, factor: 0.2 });
        assert!(!judge(&BOUNDS, f64::NAN, 0.0).taken && !judge(&BOUNDS, 0.0, f64::INFINITY).taken);
    }

    #[test]
    fn a_kink_is_crossed_by_a_step_that_hardly_moves_the_outputs() {
        let across = judge(&BOUNDS, 0.5, 0.009);
        assert!(across.taken && across.factor > 0.8);
        // The bound on kinks does not allow what the bound on outputs forbids.
        assert!(!judge(&Bounds { kink: 1.0, ..BOUNDS }, 0.5, 0.2).taken);
    }
}
