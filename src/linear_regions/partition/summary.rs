//! A partition in numbers.

use rayon::prelude::*;

use super::decision::{Decision, length};
use super::nearness::{Nearness, SHARES, quantiles};
use super::plane::Window;
use super::regions::Partition;

/// What is told of the linear regions of one network on one window.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Linear regions.
    pub regions: usize,
    /// Regions of the network up to each hidden layer; the last number is that of all regions, unless something bends
    /// between the last hidden layer and the output.
    pub growth: Vec<usize>,
    /// Area of the region that an evenly drawn point lies in, at [`SHARES`].
    pub areas: [f64; SHARES.len()],
    /// Total length of the borders between regions.
    pub border: f64,
    /// Total length of the decision boundary.
    pub boundary: f64,
    /// Area of each class.
    pub classes: Vec<f64>,
    /// Distances of the borders to the decision boundary.
    pub nearness: Nearness,
}

impl Partition {
    /// Counts, areas, lengths and distances. `decision` is [`Partition::decision`], `window` what was cut.
    pub fn summary(&self, decision: &Decision, window: &Window) -> Summary {
        let areas: Vec<f64> = (0..self.regions()).into_par_iter().map(|region| self.area(region)).collect();
        Summary {
            regions: self.regions(),
            growth: self.growth.clone(),
            areas: quantiles(areas.into_iter().map(|area| (area, area)).collect()),
            border: self.edges().map(|edge| length(edge.ends)).sum(),
            boundary: decision.length(),
            classes: decision.areas.clone(),
            nearness: self.nearness(decision, window),
        }
    }
}
