//! What a person may set.

use crate::error::{Error, Result};
use crate::turning_point;

/// Least prominence of a turning point of local complexity, unless the user says otherwise: a mean over some hundred points
/// wavers by some hundredths of its range.
pub const LC_PROMINENCE: f64 = 0.1;

/// Share of ε* by which an axis may shift it without being said to move it, unless the user says otherwise.
pub const TOLERANCE: f64 = 0.05;

/// Settings of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Coordinates that make a group; empty: the variant, everything but the seed.
    pub group_by: Vec<String>,
    /// Least two-sided prominence of a turning point, as a fraction of the observable's range.
    pub prominence: f64,
    /// First epoch at which the first-rise rule looks.
    pub burn_in: usize,
    /// Least two-sided prominence of a turning point of local complexity, as a fraction of its range.
    pub lc_prominence: f64,
    /// Share of ε* by which an axis may shift it without being said to move it.
    pub tolerance: f64,
    /// Bootstrap resamples of an interval of a power law.
    pub bootstrap: usize,
}

impl Default for Options {
    fn default() -> Self {
        let (prominence, burn_in) = (turning_point::DEFAULT_FRACTION, turning_point::DEFAULT_BURN_IN);
        Options {
            group_by: Vec::new(),
            prominence,
            burn_in,
            lc_prominence: LC_PROMINENCE,
            tolerance: TOLERANCE,
            bootstrap: 2000,
        }
    }
}

impl Options {
    /// Refuses numbers that mean nothing.
    pub fn check(&self) -> Result<()> {
        for (name, prominence) in [("--prominence", self.prominence), ("--lc-prominence", self.lc_prominence)] {
            if !(prominence > 0.0 && prominence < 1.0) {
                let sentence = "must lie between 0 and 1: it is a fraction of the observable's range";
                return Err(Error::Setting(format!("{name} {prominence} {sentence}")));
            }
        }
        if !(self.tolerance > 0.0 && self.tolerance < 1.0) {
            let sentence = "must lie between 0 and 1: it is a share of ε*, the training error at the inversion";
            return Err(Error::Setting(format!("--tolerance {} {sentence}", self.tolerance)));
        }
        if !(100..=1_000_000).contains(&self.bootstrap) {
            let sentence = "must lie between 100 and 1000000: fewer resamples give no interval";
            return Err(Error::Setting(format!("--bootstrap {} {sentence}", self.bootstrap)));
        }
        Ok(())
    }
}
