//! Shares of variance by axis: an additive model of categorical terms, fitted by least squares, with type II sums of
//! squares (Langsrud 2003; `anova_lm(typ=2)` of statsmodels and `Anova` of R's car), right for unbalanced grids too.
//!
//! SS(A) = RSS(all terms that neither are A nor contain A) − RSS(the same and A), where a term *contains* A if it is
//! nested in it. df(A) is the difference of ranks.
//!
//! A term is tested against the mean square that holds all that varies it but itself, MSᴱ(A): that of the term nested in
//! it (a data source's subsamples, an architecture's seeds: Snedecor & Cochran 1989, section 13.7), or else the residual
//! mean square MSE = RSS/df of the full model. With one value for each seed of k architectures nothing is left over
//! beside the seeds, and that is the one-way analysis of variance, balanced or not. With SST the total sum of squares:
//! η² = SS(A)/SST, F = MS(A)/MSᴱ(A), ω² = (SS(A) − df(A)·MSᴱ(A))/(SST + MSE) (Olejnik & Algina 2003, eq. 5: the
//! bias-corrected share; MSᴱ(A) stands for MSE where there is no residual), and the root mean square shift
//! √(max(0, SS(A) − df(A)·MSᴱ(A))/n): how far the axis moves a value. In unbalanced grids of several crossed terms the
//! expectation of MSᴱ(A) is that of the error of A up to the imbalance.
//!
//! The term with most levels (seeds, as a rule) is eliminated exactly: its normal equations are diagonal. What is left
//! is a system as large as all other levels together, so hundreds of seeds cost no more than their number.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;
use statrs::distribution::{ContinuousCDF, FisherSnedecor};

use super::interval::Interval;
use super::jackknife::jackknife;

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
    /// Bias-corrected share; NaN where there is nothing to test the term against.
    pub omega_squared: f64,
    /// Square of the root mean square shift, before it is cut off at 0; NaN as ω².
    pub squared_shift: f64,
    /// F statistic; NaN as ω².
    pub f: f64,
    /// Probability of so great an F by chance; NaN as ω².
    pub p: f64,
    /// What the term is tested against.
    pub against: Against,
}

impl Share {
    /// Root mean square shift, in the units of the values; NaN as ω².
    pub fn shift(&self) -> f64 {
        positive_root(self.squared_shift)
    }
}

/// √max(0, x), but NaN of NaN, which `max` would turn into 0.
fn positive_root(square: f64) -> f64 {
    if square.is_nan() { square } else { square.max(0.0).sqrt() }
}

/// The mean square that a term is tested against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Against {
    /// Index of the term whose mean square it is; `None` for the residual.
    pub term: Option<usize>,
    /// The mean square; NaN where there is none.
    pub mean_square: f64,
    /// Its degrees of freedom.
    pub degrees: usize,
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

/// The models that a decomposition fits, as lists of terms: all of them, and for each term those that neither are it nor are
/// nested in it, without it and with it.
fn models(terms: &[Term]) -> Vec<Vec<usize>> {
    let everything: Vec<usize> = (0..terms.len()).collect();
    let of_term = |term: usize| {
        let is_other = |other: &usize| *other != term && !terms[*other].nested_in.contains(&term);
        let others: Vec<usize> = everything.iter().copied().filter(is_other).collect();
        let with = others.iter().copied().chain([term]).collect();
        [others, with]
    };
    [everything.clone()].into_iter().chain((0..terms.len()).flat_map(of_term)).collect()
}

/// Values about their mean, and what a decomposition of them or of a part of them needs.
struct Centred {
    /// The mean.
    centre: f64,
    /// Values less the mean.
    values: Vec<f64>,
    /// Their squares' sum.
    squares: f64,
    /// [`models`], fitted.
    fits: Vec<Fit>,
}

impl Centred {
    fn new(values: &[f64], terms: &[Term]) -> Centred {
        let centre = super::moments::mean(values);
        let values: Vec<f64> = values.iter().map(|value| value - centre).collect();
        let squares = values.iter().map(|value| value * value).sum();
        let levels = |chosen: &Vec<usize>| chosen.iter().map(|&term| &terms[term].level[..]).collect::<Vec<_>>();
        let fits = models(terms).par_iter().map(|chosen| Fit::of(&values, &levels(chosen))).collect();
        Centred { centre, values, squares, fits }
    }

    /// Whether so many values of that mean, of squares that sum to `total` about it, have no spread at all.
    fn is_constant(observations: usize, mean: f64, total: f64) -> bool {
        observations < 2 || total <= observations as f64 * (1e-13 * mean).powi(2)
    }

    fn whole(&self, terms: &[Term]) -> Option<Decomposition> {
        let observations = self.values.len();
        if Self::is_constant(observations, self.centre, self.squares) {
            return None;
        }
        let explained: Vec<(f64, usize)> = self.fits.iter().map(Fit::explained).collect();
        Some(decomposition(terms, observations, self.squares, self.squares, &explained))
    }

    /// The decomposition of all values but those of some rows.
    fn without(&self, terms: &[Term], rows: &[usize]) -> Option<Decomposition> {
        let observations = self.values.len() - rows.len();
        let sum: f64 = -rows.iter().map(|&row| self.values[row]).sum::<f64>();
        let squares = self.squares - rows.iter().map(|&row| self.values[row].powi(2)).sum::<f64>();
        let shift = sum / observations.max(1) as f64;
        let total = squares - sum * shift;
        // What is left of a difference of sums is no spread if it is their rounding.
        let is_rounding = total <= 1e-12 * self.squares;
        if is_rounding || Self::is_constant(observations, self.centre + shift, total) {
            return None;
        }
        let explained: Vec<(f64, usize)> = self.fits.iter().map(|fit| fit.without(&self.values, rows)).collect();
        Some(decomposition(terms, observations, total, squares, &explained))
    }
}

/// Decomposes the variance of `values`. `None` for fewer than two values or no spread at all.
pub fn decompose(values: &[f64], terms: &[Term]) -> Option<Decomposition> {
    Centred::new(values, terms).whole(terms)
}

/// The decomposition that follows from what the [`models`] explain. `total` is the sum of squares about the mean, `squares` that
/// about the point from which values were counted when the models were fitted: all of them hold an intercept.
fn decomposition(
    terms: &[Term],
    observations: usize,
    total: f64,
    squares: f64,
    explained: &[(f64, usize)],
) -> Decomposition {
    let (full, rank) = explained[0];
    let (residual, residual_degrees) = ((squares - full).max(0.0), observations - rank);
    let left = if residual_degrees > 0 { residual / residual_degrees as f64 } else { f64::NAN };
    let sums: Vec<(f64, usize)> = (0..terms.len())
        .map(|term| {
            let ((less, less_rank), (more, more_rank)) = (explained[1 + 2 * term], explained[2 + 2 * term]);
            ((more - less).max(0.0), more_rank - less_rank)
        })
        .collect();
    let shares = (0..terms.len())
        .map(|term| {
            let (sum_of_squares, degrees) = sums[term];
            let nested = (0..terms.len()).find(|&o| terms[o].nested_in.contains(&term) && sums[o].1 > 0);
            let against = match nested {
                Some(o) => Against { term: nested, mean_square: sums[o].0 / sums[o].1 as f64, degrees: sums[o].1 },
                None => Against { term: None, mean_square: left, degrees: residual_degrees },
            };
            // A term without degrees of freedom is confounded with others: it has no share, not a share of 0.
            let error = if degrees == 0 { f64::NAN } else { against.mean_square };
            let above_error = sum_of_squares - degrees as f64 * error;
            let f = sum_of_squares / degrees.max(1) as f64 / error;
            Share {
                name: terms[term].name.clone(),
                sum_of_squares,
                degrees,
                eta_squared: sum_of_squares / total,
                omega_squared: above_error / (total + if left.is_nan() { error } else { left }),
                squared_shift: above_error / observations as f64,
                f,
                p: chance_of(f, degrees, against.degrees),
                against,
            }
        })
        .collect();
    Decomposition { shares, residual, residual_degrees, total, observations }
}

/// P(F' ≥ f) of Fisher's distribution; NaN where it is not defined.
fn chance_of(f: f64, degrees: usize, against: usize) -> f64 {
    match FisherSnedecor::new(degrees as f64, against as f64) {
        Ok(law) if f.is_finite() => law.sf(f),
        _ => f64::NAN,
    }
}

/// Intervals of one term's share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShareIntervals {
    /// Of ω².
    pub omega_squared: Interval,
    /// Of the root mean square shift.
    pub shift: Interval,
}

impl ShareIntervals {
    /// Of what is not known.
    const UNKNOWN: ShareIntervals = ShareIntervals { omega_squared: Interval::UNKNOWN, shift: Interval::UNKNOWN };
}

/// Units that are left out one at a time, at most; beyond this they are left out in as many groups of them.
const MOST_DELETED: usize = 200;

/// 95% jackknife intervals of every term's share, a cluster left out at a time: seeds, for cells of one seed share what the
/// seed decides. The shift's is that of its square, cut off at 0. Unknown for fewer than three clusters.
pub fn share_intervals(values: &[f64], terms: &[Term], cluster: &[i64]) -> Vec<ShareIntervals> {
    match decompose_with_intervals(values, terms, cluster) {
        Some((_, intervals)) => intervals,
        None => vec![ShareIntervals::UNKNOWN; terms.len()],
    }
}

/// [`decompose`] and [`share_intervals`] at the cost of one fit.
pub fn decompose_with_intervals(
    values: &[f64],
    terms: &[Term],
    cluster: &[i64],
) -> Option<(Decomposition, Vec<ShareIntervals>)> {
    let clusters: BTreeMap<i64, usize> = {
        let distinct: BTreeSet<i64> = cluster.iter().copied().collect();
        let groups = distinct.len().min(MOST_DELETED);
        distinct.into_iter().enumerate().map(|(place, name)| (name, place % groups)).collect()
    };
    let groups = clusters.values().max().map_or(0, |most| most + 1);
    let centred = Centred::new(values, terms);
    let whole = centred.whole(terms)?;
    if groups < 3 {
        return Some((whole, vec![ShareIntervals::UNKNOWN; terms.len()]));
    }
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); groups];
    cluster.iter().enumerate().for_each(|(row, name)| rows[clusters[name]].push(row));
    let without: Vec<Option<Decomposition>> = rows.par_iter().map(|rows| centred.without(terms, rows)).collect();
    let interval = |of: &dyn Fn(&Share) -> f64, term: usize| {
        let each = without.iter().map(|fit| fit.as_ref().map_or(f64::NAN, |fit| of(&fit.shares[term])));
        jackknife(of(&whole.shares[term]), &each.collect::<Vec<_>>()).interval
    };
    let intervals = (0..terms.len())
        .map(|term| ShareIntervals {
            // A share is no more than all.
            omega_squared: interval(&|share| share.omega_squared, term).map(|bound| bound.min(1.0)),
            shift: interval(&|share| share.squared_shift, term).map(positive_root),
        })
        .collect();
    Some((whole, intervals))
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

/// An additive model with intercept, fitted to centred values: its normal equations once the term with most levels (the block) is
/// eliminated, and what of each block they were made of, so that rows can be taken out of it at the cost of those rows.
struct Fit {
    /// Block of each row.
    block: Vec<usize>,
    /// Columns of each row, one of each other term, `[row, term]`.
    columns: Vec<usize>,
    /// Other terms.
    terms: usize,
    /// Rows of each block.
    size: Vec<f64>,
    /// Sum of the values of each block.
    sum: Vec<f64>,
    /// How often each column meets a block, `[block, column]`.
    meets: Vec<f64>,
    /// The equations.
    reduced: Equations,
}

/// Normal equations of the columns, and what the blocks explain by themselves.
#[derive(Clone)]
struct Equations {
    normal: Vec<f64>,
    right: Vec<f64>,
    explained: f64,
    rank: usize,
}

impl Equations {
    /// Eliminates a block of so many rows and such a sum that meets the columns so often.
    fn eliminate(&mut self, size: f64, sum: f64, meets: &[f64]) {
        self.rank += 1;
        self.explained += sum * sum / size;
        self.shift(size, sum, meets, 1.0);
    }

    /// Takes back that a block was eliminated.
    fn restore(&mut self, size: f64, sum: f64, meets: &[f64]) {
        self.rank -= 1;
        self.explained -= sum * sum / size;
        self.shift(size, sum, meets, -1.0);
    }

    fn shift(&mut self, size: f64, sum: f64, meets: &[f64], way: f64) {
        let columns = self.right.len();
        let met: Vec<usize> = (0..columns).filter(|&j| meets[j] > 0.0).collect();
        for &i in &met {
            let part = way * meets[i] / size;
            self.right[i] -= part * sum;
            for &j in &met {
                self.normal[i * columns + j] -= part * meets[j];
            }
        }
    }

    /// Adds a row (or takes it away: `weight` −1) of such columns and value.
    fn add(&mut self, places: &[usize], value: f64, weight: f64) {
        let columns = self.right.len();
        for &i in places {
            self.right[i] += weight * value;
            for &j in places {
                self.normal[i * columns + j] += weight;
            }
        }
    }

    /// Sum of squares that the model explains, and its rank.
    fn solve(mut self) -> (f64, usize) {
        let (gained, further) = solve_semidefinite(&mut self.normal, &mut self.right);
        (self.explained + gained, self.rank + further)
    }
}

impl Fit {
    fn of(centred: &[f64], terms: &[&[usize]]) -> Fit {
        let levels = |term: &[usize]| term.iter().max().map_or(0, |most| most + 1);
        let largest = (0..terms.len()).max_by_key(|&term| levels(terms[term]));
        let block: Vec<usize> = largest.map_or_else(|| vec![0; centred.len()], |term| terms[term].to_vec());
        let rest: Vec<&[usize]> = (0..terms.len()).filter(|&t| Some(t) != largest).map(|t| terms[t]).collect();
        let mut offsets = vec![0];
        for term in &rest {
            offsets.push(offsets[offsets.len() - 1] + levels(term));
        }
        let (blocks, width) = (levels(&block), offsets[rest.len()]);
        let columns: Vec<usize> = (0..centred.len())
            .flat_map(|row| rest.iter().zip(&offsets).map(move |(level, offset)| offset + level[row]))
            .collect();
        let (mut size, mut sum, mut meets) = (vec![0.0; blocks], vec![0.0; blocks], vec![0.0; blocks * width]);
        let mut reduced =
            Equations { normal: vec![0.0; width * width], right: vec![0.0; width], explained: 0.0, rank: 0 };
        for (row, value) in centred.iter().enumerate() {
            let places = &columns[row * rest.len()..(row + 1) * rest.len()];
            size[block[row]] += 1.0;
            sum[block[row]] += value;
            places.iter().for_each(|place| meets[block[row] * width + place] += 1.0);
            reduced.add(places, *value, 1.0);
        }
        for b in (0..blocks).filter(|&b| size[b] > 0.0) {
            reduced.eliminate(size[b], sum[b], &meets[b * width..(b + 1) * width]);
        }
        Fit { block, columns, terms: rest.len(), size, sum, meets, reduced }
    }

    /// What the model explains of all values, and its rank.
    fn explained(&self) -> (f64, usize) {
        self.reduced.clone().solve()
    }

    /// The same of all values but those of some rows.
    fn without(&self, centred: &[f64], rows: &[usize]) -> (f64, usize) {
        let mut equations = self.reduced.clone();
        let width = equations.right.len();
        let of = |b: usize| &self.meets[b * width..(b + 1) * width];
        // What each block that loses rows then consists of.
        let mut left: BTreeMap<usize, (f64, f64, Vec<f64>)> = BTreeMap::new();
        for &row in rows {
            let b = self.block[row];
            let (size, sum, meets) = left.entry(b).or_insert_with(|| {
                equations.restore(self.size[b], self.sum[b], of(b));
                (self.size[b], self.sum[b], of(b).to_vec())
            });
            let places = &self.columns[row * self.terms..(row + 1) * self.terms];
            *size -= 1.0;
            *sum -= centred[row];
            places.iter().for_each(|&place| meets[place] -= 1.0);
            equations.add(places, centred[row], -1.0);
        }
        for (size, sum, meets) in left.values().filter(|(size, ..)| *size > 0.0) {
            equations.eliminate(*size, *sum, meets);
        }
        equations.solve()
    }
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
