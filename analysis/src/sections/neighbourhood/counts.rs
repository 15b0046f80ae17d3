//! What a file holds of neighbourhoods: exact numbers of regions and units, units cut, and how layers deform them.

use ndarray::{Array4, Array5, Ix4, Ix5};
use phasesweep_results::dimension::{
    NEIGHBOURHOOD_DIRECTIONS, NEIGHBOURHOOD_LAYER, NEIGHBOURHOOD_POINTS, NEIGHBOURHOOD_RADIUS,
};
use phasesweep_results::variables::{
    NEIGHBOURHOOD_BEND, NEIGHBOURHOOD_CORRELATION, NEIGHBOURHOOD_CUT, NEIGHBOURHOOD_REGIONS, NEIGHBOURHOOD_STRETCH,
    NEIGHBOURHOOD_UNITS,
};

use crate::error::Result;
use crate::results::{Results, Status};

/// Everything that the section reads; the last dimension of each array is the moment.
#[derive(Debug, Clone)]
pub struct Counts {
    /// Sets of points: `random`, `test`, `train`.
    pub points: Vec<String>,
    /// Radii, in units of the inputs.
    pub radii: Vec<f64>,
    /// Numbers of directions.
    pub directions: Vec<i64>,
    /// Layers of the deformation; `output` is the last.
    pub layers: Vec<String>,
    /// Number of moments.
    pub moments: usize,
    /// `epoch` or `step`.
    pub unit: &'static str,
    /// Whether a cell was trained to its end.
    pub complete: Vec<bool>,
    /// Linear regions `[cell, points, radius, moment]`, means over points.
    pub regions: Array4<f32>,
    /// Units that change their sign, likewise.
    pub units: Array4<f32>,
    /// Units that separate vertices `[cell, points, radius, directions, moment]`, means over points.
    pub cut: Array5<f32>,
    /// Rank correlation of these with the regions over points, likewise.
    pub correlation: Array5<f32>,
    /// Stretch `[cell, points, radius, layer, moment]`, medians over points.
    pub stretch: Array5<f32>,
    /// Bend, likewise.
    pub bend: Array5<f32>,
}

impl Counts {
    /// Reads them; `None` where the file holds none.
    ///
    /// # Errors
    /// What keeps the file from being read.
    pub fn read(results: &Results) -> Result<Option<Counts>> {
        let Some(along) = results.along_training()?.into_iter().find(|one| one.name == NEIGHBOURHOOD_REGIONS.name)
        else {
            return Ok(None);
        };
        let cells = 0..results.cells.len();
        let four = |name: &str| -> Result<Option<Array4<f32>>> {
            let slab = results.slab(name, cells.clone())?;
            Ok(slab.and_then(|slab| slab.into_dimensionality::<Ix4>().ok()))
        };
        let five = |name: &str| -> Result<Option<Array5<f32>>> {
            let slab = results.slab(name, cells.clone())?;
            Ok(slab.and_then(|slab| slab.into_dimensionality::<Ix5>().ok()))
        };
        let (Some(regions), Some(units)) = (four(NEIGHBOURHOOD_REGIONS.name)?, four(NEIGHBOURHOOD_UNITS.name)?) else {
            return Ok(None);
        };
        let (Some(cut), Some(correlation)) = (five(NEIGHBOURHOOD_CUT.name)?, five(NEIGHBOURHOOD_CORRELATION.name)?)
        else {
            return Ok(None);
        };
        let (Some(stretch), Some(bend)) = (five(NEIGHBOURHOOD_STRETCH.name)?, five(NEIGHBOURHOOD_BEND.name)?) else {
            return Ok(None);
        };
        Ok(Some(Counts {
            points: results.texts(NEIGHBOURHOOD_POINTS.coordinate)?.unwrap_or_default(),
            radii: results.numbers(NEIGHBOURHOOD_RADIUS.coordinate)?.unwrap_or_default(),
            directions: results.integers(NEIGHBOURHOOD_DIRECTIONS.coordinate)?.unwrap_or_default(),
            layers: results.texts(NEIGHBOURHOOD_LAYER.coordinate)?.unwrap_or_default(),
            moments: along.epochs.len(),
            unit: along.unit.name(),
            complete: results.cells.status.iter().map(|status| *status == Status::Complete).collect(),
            regions,
            units,
            cut,
            correlation,
            stretch,
            bend,
        }))
    }

    /// A set of points, as prose says it.
    pub fn called(&self, points: usize) -> &str {
        match self.points[points].as_str() {
            "train" => "training",
            other => other,
        }
    }

    /// The set of points that stands for all where one must: training points, or else the first set.
    pub fn principal(&self) -> usize {
        self.points.iter().position(|points| points == "train").unwrap_or(0)
    }
}
