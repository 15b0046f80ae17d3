//! Shares of variance by axis: an additive model of categorical terms, fitted by least squares, with type II sums of
//! squares (Langsrud 2003; `anova_lm(typ=2)` of statsmodels and `Anova` of R's car), right for unbalanced grids too.
//!
//! SS(A) = RSS(all terms that neither are A nor contain A) − RSS(the same and A), where a term *contains* A if it is
//! nested in it. df(A) is the difference of ranks. With MSE = RSS/df of the full model and SST the total sum of
//! squares: η² = SS(A)/SST and ω² = (SS(A) − df(A)·MSE)/(SST + MSE) (Olejnik & Algina 2003, eq. 5: the bias-corrected
//! share), and the root mean square shift √(max(0, SS(A) − df(A)·MSE)/n): by how much the axis moves a value.
//!
//! The term with most levels (seeds, as a rule) is eliminated exactly: its normal equations are diagonal. What is left
//! is a system as large as all other levels together, so hundreds of seeds cost no more than their number.

use std::collections::{BTreeMap, HashMap};

use rand::Rng;
use rayon::prelude::*;

use super::bootstrap::{Interval, generator, percentile};

/// A categorical term of the model.
#[derive(Debug, Clone)]
pub struct Term {
    /// What it is called.
    pub name: String,
    /// Level of each observation, counted from 0 (gaps allowed).
    pub level: Vec<usize>,
    /// Indices of the terms in which it is nested.
    pub nested_in: Vec<usize>,
}

/// What the model says of one term.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Name of the term.
    pub name: String,
    /// Type II sum of squares.
    pub sum_of_squares: f64,
    /// Its degrees of freedom.
    pub degrees: usize,
    /// SS/SST.
    pub eta_squared: f64,
    /// Bias-corrected share; NaN where nothing is left over to estimate the error.
    pub omega_squared: f64,
    /// Root mean square shift, in the units of the values; NaN as ω².
    pub shift: f64,
    /// F statistic, MS/MSE; NaN as ω².
    pub f: f64,
}

/// A fitted decomposition.
#[derive(Debug, Clone, PartialEq)]
pub struct Decomposition {
    /// One per term, in the order given.
    pub shares: Vec<Share>,
    /// Residual sum of squares of the full model: interactions and noise.
    pub residual: f64,
    /// Its degrees of freedom.
    pub residual_degrees: usize,
    /// Total sum of squares about the mean.
    pub total: f64,
    /// Observations.
    pub observations: usize,
}

/// Decomposes the variance of `values`. `None` for fewer than two values or no spread at all.
pub fn decompose(values: &[f64], terms: &[Term]) -> Option<Decomposition> {
    let observations = values.len();
    let centre = super::moments::mean(values);
    let centred: Vec<f64> = values.iter().map(|value| value - centre).collect();
    let total: f64 = centred.iter().map(|value| value * value).sum();
    if observations < 2 || total <= observations as f64 * (1e-13 * centre).powi(2) {
        return None;
    }
    let fit = |chosen: &[usize]| explained(&centred, &chosen.iter().map(|&t| &terms[t].level[..]).collect::<Vec<_>>());
    let everything: Vec<usize> = (0..terms.len()).collect();
    let (full, rank) = fit(&everything);
    let (residual, residual_degrees) = ((total - full).max(0.0), observations - rank);
    let error = if residual_degrees > 0 { residual / residual_degrees as f64 } else { f64::NAN };
    let shares = (0..terms.len())
        .map(|term| {
            let others: Vec<usize> =
                everything.iter().copied().filter(|&o| o != term && !terms[o].nested_in.contains(&term)).collect();
            let with: Vec<usize> = others.iter().copied().chain([term]).collect();
            let ((less, less_rank), (more, more_rank)) = (fit(&others), fit(&with));
            let sum_of_squares = (more - less).max(0.0);
            let degrees = more_rank - less_rank;
            // A term without degrees of freedom is confounded with others: it has no share, not a share of 0.
            let error = if degrees == 0 { f64::NAN } else { error };
            let above_error = sum_of_squares - degrees as f64 * error;
            Share {
                name: terms[term].name.clone(),
                sum_of_squares,
                degrees,
                eta_squared: sum_of_squares / total,
                omega_squared: above_error / (total + error),
                // `max` would turn the NaN of a saturated model into 0.
                shift: if above_error.is_nan() {
                    f64::NAN
                } else {
                    (above_error / observations as f64).max(0.0).sqrt()
                },
                f: sum_of_squares / degrees.max(1) as f64 / error,
            }
        })
        .collect();
    Some(Decomposition { shares, residual, residual_degrees, total, observations })
}

/// Bootstrap intervals of one term's share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShareIntervals {
    /// Of ω².
    pub omega_squared: Interval,
    /// Of the root mean square shift.
    pub shift: Interval,
}

/// Percentile intervals of every term's share, by resampling whole clusters (seeds: the independent unit, for cells of
/// one seed share what the seed decides). A cluster drawn twice is two clusters: in the terms named by `of_cluster`
/// its copies are levels of their own. Unknown for fewer than three clusters.
pub fn share_intervals(
    values: &[f64],
    terms: &[Term],
    cluster: &[i64],
    of_cluster: &[bool],
    resamples: usize,
    stream: u64,
) -> Vec<ShareIntervals> {
    let mut members: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (row, name) in cluster.iter().enumerate() {
        members.entry(*name).or_default().push(row);
    }
    let members: Vec<Vec<usize>> = members.into_values().collect();
    let unknown = ShareIntervals { omega_squared: Interval::UNKNOWN, shift: Interval::UNKNOWN };
    if members.len() < 3 {
        return vec![unknown; terms.len()];
    }
    // Levels of a cluster's term, numbered within the cluster: its copies are then told apart without looking them up.
    let within: Vec<Option<Local>> =
        (0..terms.len()).map(|t| of_cluster[t].then(|| Local::of(&terms[t].level, &members))).collect();
    let mut random = generator(stream);
    let draws: Vec<Vec<usize>> =
        (0..resamples).map(|_| (0..members.len()).map(|_| random.random_range(0..members.len())).collect()).collect();
    let resampled: Vec<Decomposition> = draws
        .par_iter()
        .filter_map(|draw| {
            let rows: Vec<(usize, usize)> = (draw.iter().enumerate())
                .flat_map(|(copy, &which)| members[which].iter().map(move |&row| (copy, row)))
                .collect();
            let level = |t: usize| -> Vec<usize> {
                match &within[t] {
                    Some(local) => rows.iter().map(|&(copy, row)| copy * local.width + local.level[row]).collect(),
                    None => rows.iter().map(|&(_, row)| terms[t].level[row]).collect(),
                }
            };
            let copied: Vec<Term> = (0..terms.len())
                .map(|t| Term { name: terms[t].name.clone(), level: level(t), nested_in: terms[t].nested_in.clone() })
                .collect();
            decompose(&rows.iter().map(|&(_, row)| values[row]).collect::<Vec<_>>(), &copied)
        })
        .collect();
    let interval =
        |of: &dyn Fn(&Share) -> f64, term: usize| percentile(resampled.iter().map(|d| of(&d.shares[term])).collect());
    (0..terms.len())
        .map(|term| ShareIntervals {
            omega_squared: interval(&|share| share.omega_squared, term),
            shift: interval(&|share| share.shift, term),
        })
        .collect()
}

/// A term's levels, numbered within each cluster.
struct Local {
    /// Of each observation, from 0 in every cluster.
    level: Vec<usize>,
    /// Most levels of a cluster.
    width: usize,
}

impl Local {
    fn of(level: &[usize], members: &[Vec<usize>]) -> Self {
        let mut local = vec![0; level.len()];
        let mut width = 1;
        for rows in members {
            for (row, number) in rows.iter().zip(compress(rows.iter().map(|&row| level[row]))) {
                local[*row] = number;
                width = width.max(number + 1);
            }
        }
        Local { level: local, width }
    }
}

/// Renumbers levels in the order in which they first occur.
pub fn compress<T: std::hash::Hash + Eq>(levels: impl Iterator<Item = T>) -> Vec<usize> {
    let mut number: HashMap<T, usize> = HashMap::new();
    levels
        .map(|level| {
            let next = number.len();
            *number.entry(level).or_insert(next)
        })
        .collect()
}

/// Sum of squares that an additive model with intercept explains of centred values, and the model's rank.
fn explained(centred: &[f64], terms: &[&[usize]]) -> (f64, usize) {
    let constant = vec![0; centred.len()];
    let levels = |term: &[usize]| term.iter().max().map_or(0, |most| most + 1);
    let largest = (0..terms.len()).max_by_key(|&term| levels(terms[term]));
    let block: &[usize] = largest.map_or(&constant, |term| terms[term]);
    let rest: Vec<&[usize]> = (0..terms.len()).filter(|&t| Some(t) != largest).map(|t| terms[t]).collect();
    let mut offsets = vec![0];
    for term in &rest {
        offsets.push(offsets[offsets.len() - 1] + levels(term));
    }
    let (blocks, columns) = (levels(block), offsets[rest.len()]);

    // Sums and counts of each block, and how often each column meets it.
    let (mut size, mut sum) = (vec![0.0; blocks], vec![0.0; blocks]);
    let mut meets = vec![0.0; blocks * columns];
    let (mut normal, mut right) = (vec![0.0; columns * columns], vec![0.0; columns]);
    let mut place = vec![0; rest.len()];
    for (row, value) in centred.iter().enumerate() {
        size[block[row]] += 1.0;
        sum[block[row]] += value;
        for (term, level) in rest.iter().enumerate() {
            place[term] = offsets[term] + level[row];
            meets[block[row] * columns + place[term]] += 1.0;
            right[place[term]] += value;
        }
        for &i in &place {
            for &j in &place {
                normal[i * columns + j] += 1.0;
            }
        }
    }
    let (mut explained, mut rank) = (0.0, 0);
    for b in (0..blocks).filter(|&b| size[b] > 0.0) {
        rank += 1;
        explained += sum[b] * sum[b] / size[b];
        let met: Vec<usize> = (0..columns).filter(|j| meets[b * columns + j] > 0.0).collect();
        for &i in &met {
            let part = meets[b * columns + i] / size[b];
            right[i] -= part * sum[b];
            for &j in &met {
                normal[i * columns + j] -= part * meets[b * columns + j];
            }
        }
    }
    let (gained, further) = solve_semidefinite(&mut normal, &mut right);
    (explained + gained, rank + further)
}

/// rᵀ N⁺ r and the rank of N, for a positive semidefinite N and r in its range: Cholesky with diagonal pivoting.
fn solve_semidefinite(normal: &mut [f64], right: &mut [f64]) -> (f64, usize) {
    let n = right.len();
    let mut done = vec![false; n];
    let (mut gained, mut rank) = (0.0, 0);
    loop {
        let pivot = (0..n).filter(|&i| !done[i]).max_by(|&i, &j| normal[i * n + i].total_cmp(&normal[j * n + j]));
        // Pivots are counts less parts of counts: one this small is the rounding of a dependent column.
        let Some(p) = pivot.filter(|&p| normal[p * n + p] > 1e-7) else { break };
        done[p] = true;
        rank += 1;
        let diagonal = normal[p * n + p];
        gained += right[p] * right[p] / diagonal;
        for i in (0..n).filter(|&i| !done[i]).collect::<Vec<_>>() {
            let factor = normal[i * n + p] / diagonal;
            if factor != 0.0 {
                right[i] -= factor * right[p];
                for j in 0..n {
                    normal[i * n + j] -= factor * normal[p * n + j];
                }
            }
        }
    }
    (gained, rank)
}
