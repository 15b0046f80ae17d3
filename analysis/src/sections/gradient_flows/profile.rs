//! The output F along the informative axis at the stages: where it crosses 0, and how sharply.
//!
//! At an interface the nearest crossing of the mean of F counts. Its *width* is the standard deviation of F over the uninformative
//! coordinates, over the slope of its mean: how far the boundary moves along x_∥ from one x_⊥ to another.

use ndarray::{Ix3, s};
use phasesweep_results::neurons::{AXIS_POSITION, PROFILE_DEVIATION, PROFILE_MEAN};

use super::flows::Flow;
use crate::error::Result;
use crate::results::Results;

/// F along the axis, of one flow at one stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Positions, ascending.
    pub positions: Vec<f64>,
    /// Mean of F there.
    pub mean: Vec<f64>,
    /// Standard deviation of F there.
    pub deviation: Vec<f64>,
}

/// A crossing of 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossing {
    /// Where the mean of F is 0.
    pub at: f64,
    /// Standard deviation over slope there.
    pub width: f64,
}

impl Profile {
    /// Reads that of a flow at a stage; `None` where the file has none.
    pub fn read(results: &Results, flow: &Flow, stage: usize) -> Result<Option<Profile>> {
        let Some(positions) = results.numbers(AXIS_POSITION.coordinate)? else { return Ok(None) };
        let row = |name: &str| -> Result<Option<Vec<f64>>> {
            let slab = results.slab(name, flow.cell..flow.cell + 1)?.and_then(|a| a.into_dimensionality::<Ix3>().ok());
            let slab = slab.filter(|slab| slab.dim().1 > stage && slab.dim().2 == positions.len());
            let row = slab.map(|slab| slab.slice(s![0, stage, ..]).iter().map(|value| f64::from(*value)).collect());
            Ok(row.filter(|row: &Vec<f64>| row.iter().all(|value| value.is_finite())))
        };
        let (mean, deviation) = (row(PROFILE_MEAN.name)?, row(PROFILE_DEVIATION.name)?);
        Ok(mean.zip(deviation).map(|(mean, deviation)| Profile { positions, mean, deviation }))
    }

    /// Where the mean of F changes its sign, by linear interpolation.
    pub fn crossings(&self) -> Vec<Crossing> {
        let mut out = Vec::new();
        for left in 0..self.positions.len().saturating_sub(1) {
            let ([from, to], [x, next]) =
                ([self.mean[left], self.mean[left + 1]], [self.positions[left], self.positions[left + 1]]);
            if (from < 0.0) == (to < 0.0) || from == to {
                continue;
            }
            let part = from / (from - to);
            let deviation = self.deviation[left] + part * (self.deviation[left + 1] - self.deviation[left]);
            let slope = (to - from) / (next - x);
            out.push(Crossing { at: x + part * (next - x), width: deviation / slope.abs() });
        }
        out
    }

    /// The crossing nearest to a position.
    pub fn nearest(&self, position: f64) -> Option<Crossing> {
        let far = |crossing: &Crossing| (crossing.at - position).abs();
        self.crossings().into_iter().min_by(|a, b| far(a).total_cmp(&far(b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossings_are_interpolated_and_as_wide_as_the_deviation_over_the_slope() {
        let profile = Profile {
            positions: vec![-1.0, 0.0, 1.0, 2.0],
            mean: vec![-1.0, 3.0, 0.5, -1.5],
            deviation: vec![0.4, 0.8, 0.2, 0.6],
        };
        let found = profile.crossings();
        let expected = [Crossing { at: -0.75, width: 0.5 / 4.0 }, Crossing { at: 1.25, width: 0.3 / 2.0 }];
        assert_eq!(found.len(), 2);
        for (found, expected) in found.iter().zip(expected) {
            assert!((found.at - expected.at).abs() < 1e-12 && (found.width - expected.width).abs() < 1e-12);
        }
        assert_eq!(profile.nearest(0.9), Some(found[1]));
        let flat = Profile { mean: vec![0.0; 4], ..profile };
        assert_eq!(flat.nearest(0.0), None, "F is 0 throughout at the start, and crosses nowhere");
    }
}
