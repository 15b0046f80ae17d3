//! Losses as functions of a sample's margin m = y F.

use crate::sweep::Loss;

/// A loss of the margin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MarginLoss {
    pub(super) kind: Loss,
    /// β of the soft hinge.
    pub(super) beta: f64,
}

impl MarginLoss {
    /// The loss of that kind; `beta` is the soft hinge's.
    pub(super) fn new(kind: Loss, beta: Option<f64>) -> MarginLoss {
        MarginLoss { kind, beta: beta.unwrap_or(1.0) }
    }

    /// ℓ(m).
    pub(super) fn value(self, m: f64) -> f64 {
        match self.kind {
            Loss::Hinge => (1.0 - m).max(0.0),
            Loss::SoftHinge => softplus(self.beta * (1.0 - m)) / self.beta,
            Loss::QuadraticHinge => 0.5 * (1.0 - m).max(0.0).powi(2),
            Loss::MeanSquared => (1.0 - m).powi(2),
            // Sweeps refuse smoothed labels for flows.
            Loss::CrossEntropy | Loss::SmoothedCrossEntropy { .. } => softplus(-m),
        }
    }

    /// −ℓ'(m): the force with which a sample pulls.
    pub(super) fn pull(self, m: f64) -> f64 {
        match self.kind {
            Loss::Hinge => f64::from(u8::from(m < 1.0)),
            Loss::SoftHinge => logistic(self.beta * (1.0 - m)),
            Loss::QuadraticHinge => (1.0 - m).max(0.0),
            Loss::MeanSquared => 2.0 * (1.0 - m),
            Loss::CrossEntropy | Loss::SmoothedCrossEntropy { .. } => logistic(-m),
        }
    }

    /// ℓ''(m): how fast the pull falls as the margin grows; at a kink that of the side of larger margins.
    pub(super) fn bend(self, m: f64) -> f64 {
        match self.kind {
            Loss::Hinge => 0.0,
            Loss::SoftHinge => {
                let share = logistic(self.beta * (1.0 - m));
                self.beta * share * (1.0 - share)
            }
            Loss::QuadraticHinge => f64::from(u8::from(m < 1.0)),
            Loss::MeanSquared => 2.0,
            Loss::CrossEntropy | Loss::SmoothedCrossEntropy { .. } => logistic(-m) * logistic(m),
        }
    }

    /// Whether the pull changes with the margin but for jumps.
    pub(super) fn is_bent(self) -> bool {
        self.kind != Loss::Hinge
    }

    /// Whether no sample pulls more than one of smaller margin.
    pub(super) fn falls(self) -> bool {
        !matches!(self.kind, Loss::MeanSquared)
    }

    /// A margin beyond which no sample pulls as much as `least`; `None` where there is none.
    pub(super) fn quiet(self, least: f64) -> Option<f64> {
        // 1/(1 + e^x) < e^−x; a billionth more for the rounding of either.
        let beyond = -least.ln() * (1.0 + 1e-9);
        match self.kind {
            Loss::Hinge | Loss::QuadraticHinge => Some(1.0),
            Loss::SoftHinge => Some(1.0 + beyond / self.beta),
            Loss::MeanSquared => None,
            Loss::CrossEntropy | Loss::SmoothedCrossEntropy { .. } => Some(beyond),
        }
    }
}

/// ln(1 + e^x), without overflow.
pub(super) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// 1/(1 + e^−x)
pub(super) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pull_is_minus_the_slope() {
        for kind in [Loss::Hinge, Loss::SoftHinge, Loss::QuadraticHinge, Loss::MeanSquared, Loss::CrossEntropy] {
            let loss = MarginLoss::new(kind, Some(20.0));
            for m in [-3.0, -0.2, 0.5, 0.97, 1.2, 4.0] {
                // Central differences at h = 1e-6: errors of h² times the third derivative (8000 at most) and 1e-10.
                let slope = (loss.value(m + 1e-6) - loss.value(m - 1e-6)) / 2e-6;
                assert!((loss.pull(m) + slope).abs() < 1e-7, "{kind:?} at {m}");
                // The same of the pull, whose third derivative is β³/8 = 1000 at most.
                let bend = (loss.pull(m - 1e-6) - loss.pull(m + 1e-6)) / 2e-6;
                assert!((loss.bend(m) - bend).abs() < 1e-7, "{kind:?} at {m}");
                assert!(loss.is_bent() || loss.bend(m) == 0.0);
            }
        }
        assert!(MarginLoss::new(Loss::SoftHinge, Some(20.0)).value(-1e6).is_finite());
    }

    #[test]
    fn beyond_the_quiet_margin_nothing_pulls_as_much() {
        for kind in [Loss::Hinge, Loss::SoftHinge, Loss::QuadraticHinge, Loss::CrossEntropy] {
            let loss = MarginLoss::new(kind, Some(20.0));
            for least in [1e-3, 1e-8, 1e-14] {
                let quiet = loss.quiet(least).unwrap();
                assert!(loss.falls() && loss.pull(quiet * 1.000_001) < least, "{kind:?} {least}");
                // And not much sooner, or samples would be looked at for nothing.
                assert!(loss.pull(0.98 * quiet) > least, "{kind:?} {least}");
            }
        }
        let squared = MarginLoss::new(Loss::MeanSquared, None);
        assert!(squared.quiet(1e-8).is_none() && !squared.falls());
    }
}
