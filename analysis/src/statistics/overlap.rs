//! Do independent runs misclassify the same samples? The overlap of sets against chance.
//!
//! For two sets of |A| and |B| samples out of P, drawn independently, the overlap is hypergeometric: mean |A||B|/P and
//! variance |A||B|(P − |A|)(P − |B|)/(P²(P − 1)). Over all pairs of runs, as the authors' notebook takes it (Ciceri et
//! al. 2024, Fig. 2d): z = (mean overlap − mean expectation)/sd of the overlap. Beside it `z_hypergeometric`, with the
//! root of the mean hypergeometric variance below the line: how far above chance in units of chance.

use rand::Rng;
use rayon::prelude::*;

use super::bootstrap::{Interval, generator, percentile};

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
    /// 95% percentile bootstrap interval of z, runs resampled (pairs of a run with itself left out).
    pub interval: Interval,
    /// (mean − expectation)/chance_deviation.
    pub z_hypergeometric: f64,
}

/// Expected overlap of two random sets of `a` and `b` among `samples`.
pub fn expectation(a: f64, b: f64, samples: f64) -> f64 {
    a * b / samples
}

/// Variance of that overlap.
pub fn variance(a: f64, b: f64, samples: f64) -> f64 {
    a * b * (samples - a) * (samples - b) / (samples.powi(2) * (samples - 1.0))
}

/// Sums over pairs from which z follows.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    weight: f64,
    overlap: f64,
    square: f64,
    expectation: f64,
}

impl Sums {
    fn deviation(&self) -> f64 {
        let mean = self.overlap / self.weight;
        ((self.square / self.weight - mean * mean).max(0.0) * self.weight / (self.weight - 1.0)).sqrt()
    }

    fn z(&self) -> f64 {
        let deviation = self.deviation();
        let above = (self.overlap - self.expectation) / self.weight;
        if deviation > 0.0 { above / deviation } else { f64::NAN }
    }
}

/// Overlap of the sets of all pairs of runs. `None` for fewer than three runs or no sample.
pub fn all_pairs(sets: &[&[u64]], samples: f64, resamples: usize, stream: u64) -> Option<Overlap> {
    let runs = sets.len();
    if runs < 3 || samples < 2.0 {
        return None;
    }
    let size: Vec<f64> = sets.iter().map(|set| set.iter().map(|word| f64::from(word.count_ones())).sum()).collect();
    // Row i holds the overlaps with runs before it.
    let overlaps: Vec<Vec<f32>> = (0..runs)
        .into_par_iter()
        .map(|i| {
            let with = |j: usize| sets[i].iter().zip(sets[j]).map(|(a, b)| (a & b).count_ones()).sum::<u32>();
            (0..i).map(|j| with(j) as f32).collect()
        })
        .collect();
    let weighted = |weights: &[f64]| {
        let mut sums = Sums::default();
        for (i, row) in overlaps.iter().enumerate().filter(|(i, _)| weights[*i] > 0.0) {
            let (mut weight, mut overlap, mut square, mut sizes) = (0.0, 0.0, 0.0, 0.0);
            for ((&value, &w), &other) in row.iter().zip(weights).zip(&size) {
                let value = f64::from(value);
                weight += w;
                overlap += w * value;
                square += w * value * value;
                sizes += w * other;
            }
            sums.weight += weights[i] * weight;
            sums.overlap += weights[i] * overlap;
            sums.square += weights[i] * square;
            sums.expectation += weights[i] * size[i] * sizes / samples;
        }
        sums
    };
    let sums = weighted(&vec![1.0; runs]);
    let mut random = generator(stream);
    let draws: Vec<Vec<f64>> = (0..resamples)
        .map(|_| {
            let mut weights = vec![0.0; runs];
            for _ in 0..runs {
                weights[random.random_range(0..runs)] += 1.0;
            }
            weights
        })
        .collect();
    let resampled: Vec<f64> = draws.par_iter().map(|weights| weighted(weights).z()).collect();
    let chance = (0..runs).flat_map(|i| (0..i).map(move |j| (i, j)));
    let chance_variance: f64 = chance.map(|(i, j)| variance(size[i], size[j], samples)).sum::<f64>() / sums.weight;
    let above = (sums.overlap - sums.expectation) / sums.weight;
    Some(Overlap {
        runs,
        pairs: runs * (runs - 1) / 2,
        size: size.iter().sum::<f64>() / runs as f64,
        mean: sums.overlap / sums.weight,
        expectation: sums.expectation / sums.weight,
        deviation: sums.deviation(),
        chance_deviation: chance_variance.sqrt(),
        z: sums.z(),
        interval: percentile(resampled),
        z_hypergeometric: if chance_variance > 0.0 { above / chance_variance.sqrt() } else { f64::NAN },
    })
}
