//! Dimensions of what is measured by probing the network around points: local complexity and robustness.

use phasesweep_results::dimension::{LC_EPOCH, LC_LAYER, LC_POINTS, LC_RADIUS, PGD_EPOCH, PGD_EPSILON, PGD_NORM};
use phasesweep_results::variables::{LOCAL_COMPLEXITY, ROBUST_ERROR};

use phasesweep_results::Dim;

use crate::error::Result;
use crate::results::{Results, Unit};

/// The labels of a dimension that counts epochs or steps, and which.
fn moments(results: &Results, dim: Dim) -> Result<(Vec<i64>, Unit)> {
    if let Some(epochs) = results.integers(dim.coordinate)? {
        return Ok((epochs, Unit::Epoch));
    }
    let steps = match dim.name_in_steps() {
        Some(name) => results.integers(&name)?,
        None => None,
    };
    Ok((steps.unwrap_or_default(), Unit::Step))
}

/// Dimensions of `local_complexity` after the cells: where, radius, hidden layer, epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ComplexityAxes {
    /// Around which points: `train`, `test`, `random`.
    pub points: Vec<String>,
    /// Radii of the neighbourhoods, in units of the inputs.
    pub radii: Vec<f64>,
    /// Hidden layers, 1-based, as text; `total` is their sum.
    pub layers: Vec<String>,
    /// Epochs, or steps.
    pub epochs: Vec<i64>,
    /// Which.
    pub unit: Unit,
}

/// Dimensions of `robust_error` after the cells: norm, ε, epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttackAxes {
    /// Norms: `l2`, `linf`.
    pub norms: Vec<String>,
    /// Sizes of the attack.
    pub epsilons: Vec<f64>,
    /// Epochs, or steps.
    pub epochs: Vec<i64>,
    /// Which.
    pub unit: Unit,
}

impl ComplexityAxes {
    /// Reads them; `None` where the file holds no local complexity.
    pub fn read(results: &Results) -> Result<Option<Self>> {
        if !results.has(LOCAL_COMPLEXITY.name) {
            return Ok(None);
        }
        let (epochs, unit) = moments(results, LC_EPOCH)?;
        Ok(Some(ComplexityAxes {
            points: results.texts(LC_POINTS.coordinate)?.unwrap_or_default(),
            radii: results.numbers(LC_RADIUS.coordinate)?.unwrap_or_default(),
            layers: results.texts(LC_LAYER.coordinate)?.unwrap_or_default(),
            epochs,
            unit,
        }))
    }
}

impl AttackAxes {
    /// Reads them; `None` where the file holds no robust errors.
    pub fn read(results: &Results) -> Result<Option<Self>> {
        if !results.has(ROBUST_ERROR.name) {
            return Ok(None);
        }
        let (epochs, unit) = moments(results, PGD_EPOCH)?;
        Ok(Some(AttackAxes {
            norms: results.texts(PGD_NORM.coordinate)?.unwrap_or_default(),
            epsilons: results.numbers(PGD_EPSILON.coordinate)?.unwrap_or_default(),
            epochs,
            unit,
        }))
    }
}
