//! Do independent runs misclassify the same samples? The overlap of sets against chance.
//!
//! For two sets of |A| and |B| samples out of P, drawn independently, the overlap is hypergeometric: mean |A||B|/P and
//! variance |A||B|(P − |A|)(P − |B|)/(P²(P − 1)). Over all pairs of runs, as the authors' notebook takes it (Ciceri et
//! al. 2024, Fig. 2d): z = (mean overlap − mean expectation)/sd of the overlap. Beside it `z_hypergeometric`, with the
//! root of the mean hypergeometric variance below the line: how far above chance in units of chance.
//!
//! z is a function of means over pairs (U-statistics), and of few runs it is too great: pairs that share a run are
//! alike, so that the sd over pairs comes out too small. Its interval is the jackknife's, a run left out at a time
//! (Arvesen 1969), about the value corrected for that. The bootstrap is of no use here: it draws pairs of a run with its
//! own copy, and copies of one pair. Coverage is in docs/stability.md.

use rayon::prelude::*;

use super::intersections::{Bundles, TOGETHER};
use super::interval::Interval;
use super::jackknife::jackknife;

/// What all pairs of runs say at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overlap {
    /// Runs.
    pub runs: usize,
    /// Pairs of runs.
    pub pairs: usize,
    /// Mean size of a set.
    pub size: f64,
    /// Mean overlap of a pair.
    pub mean: f64,
    /// Mean of the hypergeometric expectations.
    pub expectation: f64,
    /// Standard deviation of the overlap over pairs.
    pub deviation: f64,
    /// Root of the mean hypergeometric variance.
    pub chance_deviation: f64,
    /// (mean − expectation)/deviation; NaN where all overlaps are equal.
    pub z: f64,
    /// z corrected for its bias of order 1/runs (jackknife).
    pub corrected: f64,
    /// 95% jackknife interval of z over runs, about the corrected value.
    pub interval: Interval,
    /// (mean − expectation)/chance_deviation.
    pub z_hypergeometric: f64,
}

/// Expected overlap of two random sets of `a` and `b` among `samples`.
pub fn expectation(a: f64, b: f64, samples: f64) -> f64 {
    a * b / samples
}

/// Sums over pairs from which z follows.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    pairs: f64,
    overlap: f64,
    square: f64,
    expectation: f64,
}

impl Sums {
    fn less(self, other: Sums) -> Sums {
        Sums {
            pairs: self.pairs - other.pairs,
            overlap: self.overlap - other.overlap,
            square: self.square - other.square,
            expectation: self.expectation - other.expectation,
        }
    }

    fn deviation(&self) -> f64 {
        let mean = self.overlap / self.pairs;
        ((self.square / self.pairs - mean * mean).max(0.0) * self.pairs / (self.pairs - 1.0)).sqrt()
    }

    fn z(&self) -> f64 {
        let deviation = self.deviation();
        let above = (self.overlap - self.expectation) / self.pairs;
        if deviation > 0.0 { above / deviation } else { f64::NAN }
    }
}

/// Overlap of the sets of all pairs of runs. `None` for fewer than three runs or no sample. The interval is unknown for
/// three runs: without one of them a single pair is left, which has no deviation.
pub fn all_pairs(sets: &[&[u64]], samples: f64) -> Option<Overlap> {
    let runs = sets.len();
    if runs < 3 || samples < 2.0 {
        return None;
    }
    let size: Vec<u64> = sets.iter().map(|set| set.iter().map(|word| u64::from(word.count_ones())).sum()).collect();
    let bundles = Bundles::new(sets);
    // What the pairs of each run add to the sums; every pair counts for both its runs. Overlaps are whole numbers, and the sums of
    // products of sizes are taken as such too: they and their differences are exact.
    let nothing = || [vec![0_u64; runs], vec![0_u64; runs]];
    let starts: Vec<usize> = (0..runs).step_by(TOGETHER).collect();
    let [overlap, square] = starts
        .into_par_iter()
        .with_min_len(16)
        .fold(nothing, |[mut overlap, mut square], first| {
            let together: [&[u64]; TOGETHER] =
                std::array::from_fn(|place| sets.get(first + place).copied().unwrap_or_default());
            for (i, common) in (first..runs).zip(bundles.with(together, first + TOGETHER - 1)) {
                let (mut mine, mut mine_squared) = (0, 0);
                for (j, common) in common.into_iter().map(u64::from).enumerate().take(i) {
                    overlap[j] += common;
                    square[j] += common * common;
                    mine += common;
                    mine_squared += common * common;
                }
                overlap[i] += mine;
                square[i] += mine_squared;
            }
            [overlap, square]
        })
        .reduce(nothing, |mut sums, others| {
            let each = sums.iter_mut().flatten().zip(others.iter().flatten());
            each.for_each(|(sum, other)| *sum += other);
            sums
        });
    let all: u64 = size.iter().sum();
    let of_run: Vec<Sums> = (0..runs)
        .map(|run| Sums {
            pairs: (runs - 1) as f64,
            overlap: overlap[run] as f64,
            square: square[run] as f64,
            expectation: expectation(size[run] as f64, (all - size[run]) as f64, samples),
        })
        .collect();
    let pairs_of = |weight: &dyn Fn(u64) -> f64| {
        // Σ_{i<j} w_i w_j = ((Σ w)² − Σ w²)/2, in whole numbers where the weights are: they are at most samples².
        let weights: Vec<u128> = size.iter().map(|&size| weight(size) as u128).collect();
        let sum: u128 = weights.iter().sum();
        ((sum * sum - weights.iter().map(|weight| weight * weight).sum::<u128>()) / 2) as f64
    };
    let sums = Sums {
        pairs: (runs * (runs - 1) / 2) as f64,
        overlap: (overlap.iter().sum::<u64>() / 2) as f64,
        square: (square.iter().sum::<u64>() / 2) as f64,
        expectation: pairs_of(&|size| size as f64) / samples,
    };
    let without: Vec<f64> = of_run.iter().map(|&of| sums.less(of).z()).collect();
    let jackknifed = jackknife(sums.z(), &without);
    // The mean of `variance` over the pairs.
    let products = pairs_of(&|size| size as f64 * (samples - size as f64));
    let chance_variance = products / (samples.powi(2) * (samples - 1.0)) / sums.pairs;
    let above = (sums.overlap - sums.expectation) / sums.pairs;
    Some(Overlap {
        runs,
        pairs: runs * (runs - 1) / 2,
        size: all as f64 / runs as f64,
        mean: sums.overlap / sums.pairs,
        expectation: sums.expectation / sums.pairs,
        deviation: sums.deviation(),
        chance_deviation: chance_variance.sqrt(),
        z: sums.z(),
        corrected: jackknifed.corrected,
        interval: jackknifed.interval,
        z_hypergeometric: if chance_variance > 0.0 { above / chance_variance.sqrt() } else { f64::NAN },
    })
}
