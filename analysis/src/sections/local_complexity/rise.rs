//! When an accuracy rises: with the training accuracy, or long after it (grokking; Power et al. 2022, arXiv 2201.02177).
//!
//! Invariants: steps ascend; values that are not finite are passed over; what did not happen is `None`.

/// Share of the greatest training accuracy at which the training set counts as fitted.
pub const FITTED: f64 = 0.99;
/// Gain of an accuracy after fitting from which on it is said to rise.
pub const LEAST_GAIN: f64 = 0.05;
/// How many times as many steps as fitting took a delayed rise takes.
pub const DELAY: f64 = 10.0;

/// A rise of an accuracy after the training set was fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rise {
    /// Greatest accuracy from fitting on, less that at fitting.
    pub gain: f64,
    /// First step at which half of the gain is made.
    pub step: f64,
}

impl Rise {
    /// Whether it comes so late that the run groks: a gain of at least [`LEAST_GAIN`], half of it made only after
    /// [`DELAY`] times the steps of fitting.
    pub fn is_delayed(&self, fitted: f64) -> bool {
        self.gain >= LEAST_GAIN && self.step >= DELAY * fitted.max(1.0)
    }
}

/// First step at which the training accuracy is at least [`FITTED`] of its greatest value.
pub fn fitted(steps: &[f64], accuracy: &[f64]) -> Option<f64> {
    let greatest = accuracy.iter().copied().filter(|value| value.is_finite()).reduce(f64::max)?;
    steps.iter().zip(accuracy).find(|(_, value)| **value >= FITTED * greatest).map(|(step, _)| *step)
}

/// The rise of an accuracy from a step on; `None` if nothing was measured from there on, or nothing was gained.
pub fn rise(steps: &[f64], accuracy: &[f64], from: f64) -> Option<Rise> {
    let later = || {
        steps
            .iter()
            .copied()
            .zip(accuracy.iter().copied())
            .filter(move |(step, value)| *step >= from && value.is_finite())
    };
    let (_, at_fitting) = later().next()?;
    let greatest = later().map(|(_, value)| value).reduce(f64::max)?;
    let gain = greatest - at_fitting;
    let (step, _) = later().find(|(_, value)| *value >= at_fitting + gain / 2.0)?;
    (gain > 0.0).then_some(Rise { gain, step })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [f64; 6] = [0.0, 1.0, 10.0, 100.0, 1000.0, 10_000.0];

    #[test]
    fn a_late_rise_is_delayed_and_an_early_one_is_not() {
        let train = [0.1, 0.5, 0.995, 1.0, 1.0, 1.0];
        assert_eq!(fitted(&STEPS, &train), Some(10.0));
        let late = rise(&STEPS, &[0.1, 0.2, 0.3, 0.35, 0.75, 0.9], 10.0).unwrap();
        assert!((late.gain - 0.6).abs() < 1e-12 && late.step == 1000.0 && late.is_delayed(10.0));
        let early = rise(&STEPS, &[0.1, 0.7, 0.85, 0.9, 0.9, 0.91], 10.0).unwrap();
        assert!(
            early.step == 100.0 && early.gain < 0.07 && early.is_delayed(10.0),
            "six points at ten times the steps"
        );
        assert!(!Rise { gain: 0.04, step: 1e4 }.is_delayed(10.0));
        assert!(!Rise { gain: 0.5, step: 99.0 }.is_delayed(10.0));
    }

    #[test]
    fn what_was_not_measured_or_gained_is_none() {
        assert_eq!(fitted(&STEPS, &[f64::NAN; 6]), None);
        assert_eq!(rise(&STEPS, &[0.9, 0.8, 0.7, 0.6, 0.5, 0.4], 1.0), None);
        assert_eq!(rise(&STEPS, &[0.9, 0.8, 0.7, f64::NAN, f64::NAN, f64::NAN], 100.0), None);
    }
}
