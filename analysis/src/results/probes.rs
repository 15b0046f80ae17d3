//! Coordinates of what is measured by probing the network around points: local complexity and robustness.

use std::path::Path;

use super::coordinates::{integers, labels, numbers};
use crate::error::{Error, Result};

/// Dimensions of `local_complexity` after the cells: where, radius, hidden layer, epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ComplexityAxes {
    /// Around which points: `train`, `test`, `random`.
    pub points: Vec<String>,
    /// Radii of the neighbourhoods, in units of the inputs.
    pub radii: Vec<f64>,
    /// Hidden layers, 1-based, as text; `total` is their sum.
    pub layers: Vec<String>,
    /// Epochs.
    pub epochs: Vec<i64>,
}

/// Dimensions of `robust_error` after the cells: norm, ε, epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttackAxes {
    /// Norms: `l2`, `linf`.
    pub norms: Vec<String>,
    /// Sizes of the attack.
    pub epsilons: Vec<f64>,
    /// Epochs.
    pub epochs: Vec<i64>,
}

impl ComplexityAxes {
    /// Reads them; `None` where the file holds no local complexity.
    pub(super) fn read(file: &hdf5::File, path: &Path, cells: usize) -> Result<Option<Self>> {
        let Ok(dataset) = file.dataset("local_complexity") else { return Ok(None) };
        let axes = ComplexityAxes {
            points: labels(file, path, "lc_points")?.unwrap_or_default(),
            radii: numbers(file, path, "lc_radius")?.unwrap_or_default(),
            layers: labels(file, path, "lc_layer")?.unwrap_or_default(),
            epochs: integers(file, path, "lc_epoch")?.unwrap_or_default(),
        };
        let sizes = [axes.points.len(), axes.radii.len(), axes.layers.len(), axes.epochs.len()];
        check(path, "local_complexity", dataset.shape(), cells, &sizes)?;
        Ok(Some(axes))
    }
}

impl AttackAxes {
    /// Reads them; `None` where the file holds no robust errors.
    pub(super) fn read(file: &hdf5::File, path: &Path, cells: usize) -> Result<Option<Self>> {
        let Ok(dataset) = file.dataset("robust_error") else { return Ok(None) };
        let axes = AttackAxes {
            norms: labels(file, path, "pgd_norm")?.unwrap_or_default(),
            epsilons: numbers(file, path, "pgd_epsilon")?.unwrap_or_default(),
            epochs: integers(file, path, "pgd_epoch")?.unwrap_or_default(),
        };
        let sizes = [axes.norms.len(), axes.epsilons.len(), axes.epochs.len()];
        check(path, "robust_error", dataset.shape(), cells, &sizes)?;
        Ok(Some(axes))
    }
}

fn check(path: &Path, variable: &str, found: Vec<usize>, cells: usize, sizes: &[usize]) -> Result<()> {
    let expected = [&[cells], sizes].concat();
    if found == expected {
        return Ok(());
    }
    Err(Error::Shape { path: path.to_owned(), variable: variable.into(), found, expected })
}
