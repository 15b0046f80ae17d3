//! What a person may set.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::turning_point;
use phasesweep_results::report::ReportSettings;

/// Least prominence of a turning point of local complexity, unless the user says otherwise: a mean over some hundred points
/// wavers by some hundredths of its range.
pub const LC_PROMINENCE: f64 = 0.1;

/// Share of ε* by which an axis may shift it without being said to move it, unless the user says otherwise.
pub const TOLERANCE: f64 = 0.05;

/// Which way a series may turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turning {
    /// Falls, then rises.
    Minimum,
    /// Rises, then falls.
    Maximum,
    /// Whichever of both is more prominent.
    Either,
}

impl Turning {
    /// Every one with its name.
    pub const ALL: [(&'static str, Turning); 3] =
        [("minimum", Turning::Minimum), ("maximum", Turning::Maximum), ("either", Turning::Either)];

    /// The one of that name.
    pub fn named(name: &str) -> Option<Turning> {
        Turning::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, turning)| turning)
    }
}

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
    /// The observable whose turning point the report is about; `None`: what the sweep's `[report]` says, and else the
    /// inversion of class manifolds.
    pub principal: Option<String>,
    /// Which way series turn, by the names of variables (`weight_norm`) or of series (`weight_norm[2]`); others either way,
    /// and what is not said here as the sweep's `[report]` says.
    pub turning: BTreeMap<String, Turning>,
    /// Training losses whose crossing is an event beside the inversion; empty: what the sweep's `[report]` says, and else the
    /// mean training loss at the inversion, half of it and twice it.
    pub loss_levels: Vec<f64>,
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
            principal: None,
            turning: BTreeMap::new(),
            loss_levels: Vec::new(),
        }
    }
}

impl Options {
    /// These settings, and where they say nothing, what the sweep says of its report.
    ///
    /// # Errors
    /// [`Error::Setting`] for a way of turning that there is not.
    pub fn with(&self, sweep: &ReportSettings) -> Result<Options> {
        let mut out = self.clone();
        out.principal = out.principal.or_else(|| sweep.principal.clone());
        for (name, way) in &sweep.turning {
            let turning = Turning::named(way).ok_or_else(|| unknown_way(name, way))?;
            out.turning.entry(name.clone()).or_insert(turning);
        }
        if out.loss_levels.is_empty() {
            out.loss_levels.clone_from(&sweep.loss_levels);
        }
        Ok(out)
    }

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
        if let Some(level) = self.loss_levels.iter().find(|level| !(**level > 0.0 && level.is_finite())) {
            let sentence = "must be positive: it is a training loss that training falls to";
            return Err(Error::Setting(format!("--loss-levels {level} {sentence}")));
        }
        if !(100..=1_000_000).contains(&self.bootstrap) {
            let sentence = "must lie between 100 and 1000000: fewer resamples give no interval";
            return Err(Error::Setting(format!("--bootstrap {} {sentence}", self.bootstrap)));
        }
        Ok(())
    }
}

/// What is said of a way of turning that there is not.
pub fn unknown_way(name: &str, way: &str) -> Error {
    let known = Turning::ALL.map(|(name, _)| name).join(", ");
    Error::Setting(format!("{name} cannot turn by `{way}`: a series turns by one of {known}"))
}

/// Reads `NAME=WAY` of a command line.
///
/// # Errors
/// A sentence for what is not so, or names no way.
pub fn way(text: &str) -> std::result::Result<(String, Turning), String> {
    let (name, way) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=WAY"))?;
    let turning = Turning::named(way).ok_or_else(|| unknown_way(name, way).to_string())?;
    Ok((name.to_owned(), turning))
}
