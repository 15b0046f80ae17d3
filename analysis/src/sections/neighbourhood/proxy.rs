//! How well the units cut by P directions rank what they stand for, the number of linear regions: over points, along training,
//! and among everything that was measured.
//!
//! Pure. Invariant: what was not measured, as after divergence, takes no part; a rank correlation of fewer than three pairs is none.

use phasesweep_results::rank::spearman;

use super::counts::Counts;
use crate::statistics::moments::{median, quantile};

/// One set of points, radius and number of directions, in some cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Place of the set of points.
    pub points: usize,
    /// Place of the radius.
    pub radius: usize,
    /// Place of the number of directions.
    pub directions: usize,
    /// Cells that were trained to their end.
    pub cells: usize,
    /// Least and greatest mean number of regions over cells and moments.
    pub regions: [f64; 2],
    /// Median over cells and moments of the units cut over the units that change their sign in the diamond.
    pub share: f64,
    /// Rank correlation over points: median, lower and upper quartile over cells and moments.
    pub over_points: [f64; 3],
    /// Rank correlation along training of the means over points: median, least and greatest over cells.
    pub along_training: [f64; 3],
    /// Rank correlation of the means over points among all cells and moments.
    pub among_all: f64,
    /// Rank correlation of the means over points among the cells at the last moment.
    pub among_cells: f64,
}

/// A row for each set of points, radius and number of directions.
pub fn rows(counts: &Counts, cells: &[usize]) -> Vec<Row> {
    let mut rows = Vec::new();
    for points in 0..counts.points.len() {
        for radius in 0..counts.radii.len() {
            rows.extend(
                (0..counts.directions.len()).map(|directions| row(counts, cells, [points, radius, directions])),
            );
        }
    }
    rows
}

/// Pairs of units cut and regions, both known, of a cell along training.
pub fn pairs(counts: &Counts, cell: usize, [points, radius, directions]: [usize; 3]) -> Vec<(f64, f64)> {
    let pair = |moment: usize| {
        let cut = f64::from(counts.cut[[cell, points, radius, directions, moment]]);
        let regions = f64::from(counts.regions[[cell, points, radius, moment]]);
        (cut, regions)
    };
    (0..counts.moments).map(pair).filter(|(cut, regions)| cut.is_finite() && regions.is_finite()).collect()
}

fn row(counts: &Counts, cells: &[usize], place @ [points, radius, directions]: [usize; 3]) -> Row {
    let complete: Vec<usize> = cells.iter().copied().filter(|&cell| counts.complete[cell]).collect();
    let (mut shares, mut over_points, mut along, mut all, mut last) = (vec![], vec![], vec![], vec![], vec![]);
    for &cell in &complete {
        let of_cell = pairs(counts, cell, place);
        along.push(of_pairs(&of_cell));
        last.extend(of_cell.last());
        all.extend(of_cell);
        for moment in 0..counts.moments {
            let cut = f64::from(counts.cut[[cell, points, radius, directions, moment]]);
            shares.push(cut / f64::from(counts.units[[cell, points, radius, moment]]));
            over_points.push(f64::from(counts.correlation[[cell, points, radius, directions, moment]]));
        }
    }
    let known = |mut values: Vec<f64>| {
        values.retain(|value| value.is_finite());
        values.sort_by(f64::total_cmp);
        values
    };
    let (over_points, along) = (known(over_points), known(along));
    let regions = known(all.iter().map(|(_, regions)| *regions).collect());
    Row {
        points,
        radius,
        directions,
        cells: complete.len(),
        regions: [0.0, 1.0].map(|share| quantile(&regions, share)),
        share: median(&shares),
        over_points: [0.5, 0.25, 0.75].map(|share| quantile(&over_points, share)),
        along_training: [0.5, 0.0, 1.0].map(|share| quantile(&along, share)),
        among_all: of_pairs(&all),
        among_cells: of_pairs(&last),
    }
}

fn of_pairs(pairs: &[(f64, f64)]) -> f64 {
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    spearman(&x, &y)
}
