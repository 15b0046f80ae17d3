//! The trajectories of a stored cell that can turn: class radii and distances between class centres, and where they turn.
//!
//! Invariant: what was not measured has no trajectory. Of more than two classes the means over what was measured stand
//! beside the classes and pairs.

use phasesweep_results::{Dim, dimension};

use super::{Series, StoredCell};
use crate::observables::Moments;
use crate::observe::principal::mean_of_measured;
use crate::observe::turning_point::{
    DEFAULT_BURN_IN, DEFAULT_FRACTION, Extremum, Verdict, by_first_rise, by_prominence,
};
use crate::store::Labels;

/// A series of one observable at one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    /// `R_0`, `D_0-1`, `mean R`; with the layer where there are several.
    pub name: String,
    /// Values at the recorded epochs; NaN where nothing was measured.
    pub values: Vec<f32>,
    extremum: Extremum,
}

impl Trajectory {
    /// Where it turns, by prominence and by the paper's first rise; `epochs` are those of its values.
    pub fn turning_points(&self, epochs: &[usize]) -> [Verdict; 2] {
        [
            by_prominence(epochs, &self.values, self.extremum, DEFAULT_FRACTION),
            by_first_rise(epochs, &self.values, self.extremum, DEFAULT_BURN_IN),
        ]
    }
}

impl StoredCell<'_> {
    /// The cell's radii and distances as its engine recorded them, layer by layer.
    pub fn trajectories(&self) -> Vec<Trajectory> {
        self.of_variables(["radius", "distance"])
    }

    /// Those that were measured on copies of the weights, at epochs or steps of their own, with these.
    pub fn trajectories_on_weights(&self) -> (Moments, Vec<Trajectory>) {
        (self.moments(dimension::TRAJECTORY_EPOCH), self.of_variables(["trajectory_radius", "trajectory_distance"]))
    }

    fn of_variables(&self, [radius, distance]: [&str; 2]) -> Vec<Trajectory> {
        let layers = self.names(dimension::LAYER);
        let mut all = Vec::new();
        for (variable, dim, symbol, extremum) in
            [(radius, dimension::CLASS, "R", Extremum::Minimum), (distance, dimension::PAIR, "D", Extremum::Maximum)]
        {
            let names = self.names(dim);
            for (place, layer) in layers.iter().enumerate() {
                let layer = if layers.len() > 1 { format!(", layer {layer}") } else { String::new() };
                let each: Vec<Vec<f32>> = (0..names.len())
                    .map(|of| {
                        let series = self.series(variable).and_then(|series| series.at(&[place, of]));
                        series.as_ref().map_or_else(Vec::new, |series| Series::floats(series).to_vec())
                    })
                    .collect();
                let mut add = |name: String, values: Vec<f32>| {
                    if values.iter().any(|value| value.is_finite()) {
                        all.push(Trajectory { name, values, extremum });
                    }
                };
                // Of more than two classes the means stand for all; of two there is one pair, and no mean to take.
                let mean = (self.length(dimension::CLASS) > 2)
                    .then(|| mean_of_measured(&each.iter().map(Vec::as_slice).collect::<Vec<_>>()));
                for (name, values) in names.iter().zip(each) {
                    add(format!("{symbol}_{name}{layer}"), values);
                }
                if let Some(mean) = mean {
                    add(format!("mean {symbol}{layer}"), mean);
                }
            }
        }
        all
    }

    /// Labels along a dimension, as they are written.
    fn names(&self, dim: Dim) -> Vec<String> {
        match self.part.axes.get(dim) {
            Some(Labels::Integers(labels)) => labels.iter().map(i64::to_string).collect(),
            Some(Labels::Texts(labels)) => labels.clone(),
            _ => Vec::new(),
        }
    }
}
