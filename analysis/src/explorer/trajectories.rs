//! Trajectories for drawing: few moments of each series, and a byte a value.
//!
//! Moments are those of a grid that is dense at the start and even at the end, so that both an axis of epochs and one of their
//! logarithm are drawn well. A value is one of 255 steps between the least and the greatest of its own trajectory, even in the
//! value, its root or its logarithm; code 255 is missing. Codes are written as differences from the one before, modulo 256.
//! Statistics are computed from the file, never from these.

use ndarray::{Array2, Ix2};
use phasesweep_results::variables::{TEST_ERROR, TRAIN_ERROR, TRAIN_LOSS};
use rayon::prelude::*;
use serde::Serialize;

use super::along::{Ends, Line, Source};
use super::block::Block;
use super::columns::Turn;
use crate::error::Result;
use crate::results::Results;
use crate::turning::SLAB_BYTES;
use crate::turning::manifold::Manifolds;
use crate::turning::series::{AllSeries, Slab};

/// Bytes of all codes together, or so many a cell if that is more; but never more than a page carries.
const MOST_BYTES: usize = 4_000_000;
const BYTES_OF_CELL: usize = 160;
const MOST_OF_PAGE: usize = 8_000_000;
/// Moments of a line, at most and at least.
const MOST_MOMENTS: usize = 96;
const FEWEST_MOMENTS: usize = 24;
/// The code of what is missing, and how many steps there are below it.
const MISSING: u8 = 255;
const STEPS: f32 = 254.0;

/// How codes lie between a trajectory's least and greatest value.
const LINEAR: u8 = 0;
const ROOT: u8 = 1;
const LOGARITHM: u8 = 2;

/// Trajectories of the cells that are drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drawn {
    /// The cells, ascending.
    cells: Vec<u32>,
    /// For each line, the places of its moments that are kept.
    moments: Vec<Vec<usize>>,
    /// For each line, codes `[cell, moment]`.
    codes: Vec<Vec<u8>>,
    /// For each line, least and greatest value of each cell.
    ranges: [Vec<Vec<f32>>; 2],
    /// For each line, how codes lie between them.
    scales: Vec<Vec<u8>>,
    /// What is not drawn, in sentences.
    pub notes: Vec<String>,
}

#[derive(Serialize)]
struct OnPage<'a> {
    chart: &'a str,
    label: &'a str,
    unit: &'static str,
    /// Whether it is the training error of its cell.
    is_error: bool,
    /// Place of its turning point among all.
    #[serde(skip_serializing_if = "Option::is_none")]
    turn: Option<usize>,
    moments: Vec<i64>,
    codes: usize,
    low: usize,
    high: usize,
    scale: usize,
}

#[derive(Serialize)]
struct Header<'a> {
    cells: (usize, usize),
    count: usize,
    lines: Vec<OnPage<'a>>,
}

/// Reads the lines of all cells, and where training came to.
///
/// # Errors
/// What keeps the file from being read.
pub fn read(results: &Results, series: &AllSeries, lines: &[Line]) -> Result<(Drawn, Ends)> {
    let all = results.cells.len();
    let most = MOST_BYTES.max(BYTES_OF_CELL * all).min(MOST_OF_PAGE);
    let fit = most / (all * lines.len()).max(1);
    let each = fit.clamp(FEWEST_MOMENTS, MOST_MOMENTS);
    // Where even the fewest moments are too much, some cells are drawn, taken evenly.
    let every = FEWEST_MOMENTS.div_ceil(fit.max(1)).max(1);
    let cells: Vec<u32> = (0..all as u32).step_by(every).collect();
    let moments: Vec<Vec<usize>> = lines.iter().map(|line| thinned(&line.moments, each)).collect();
    let empty = |value: f32| lines.iter().map(|_| vec![value; cells.len()]).collect::<Vec<_>>();
    let mut out = Drawn {
        codes: moments.iter().map(|moments| vec![MISSING; moments.len() * cells.len()]).collect(),
        ranges: [empty(f32::NAN), empty(f32::NAN)],
        scales: lines.iter().map(|_| vec![LINEAR; cells.len()]).collect(),
        cells,
        moments,
        notes: Vec::new(),
    };
    if lines.iter().zip(&out.moments).any(|(line, kept)| kept.len() < line.moments.len()) {
        out.notes.push(format!(
            "Trajectories are drawn at {each} moments at most, every value to one part in 254 of its \
            own range; statistics are of all that was measured."
        ));
    }
    if every > 1 {
        out.notes.push(format!(
            "Trajectories of {} of {all} cells are on the page, taken evenly; “phasesweep show” has those of every cell.",
            out.cells.len()
        ));
    }
    let missing = || vec![f64::NAN; all];
    let mut ends = Ends {
        train_error: missing(),
        test_error: missing(),
        train_loss: missing(),
        least_test_error: missing(),
        least_test_epoch: missing(),
    };
    for range in results.slabs(SLAB_BYTES / 2) {
        let drawn = range.start.div_ceil(every)..range.end.div_ceil(every);
        let has_manifolds = lines.iter().any(|line| matches!(line.source, Source::Manifold(..)));
        let manifolds = if has_manifolds { Some(Manifolds::read(results, range.clone())?) } else { None };
        let mut slab: Option<(&str, Option<Slab>)> = None;
        for (place, line) in lines.iter().enumerate() {
            // One variable in memory at a time: its series stand together.
            let mut recorded: Option<Array2<f32>> = None;
            match line.source {
                Source::Recorded(name) => {
                    recorded =
                        results.slab(name, range.clone())?.and_then(|values| values.into_dimensionality::<Ix2>().ok());
                    if let Some(values) = &recorded {
                        note_ends(results, name, values, range.start, &mut ends);
                    }
                }
                Source::Series(of) => {
                    if let Some(variable) = series
                        .variable(of)
                        .filter(|variable| slab.as_ref().is_none_or(|(name, _)| *name != variable.name))
                    {
                        slab = Some((&variable.name, Slab::read(results, variable, range.clone())?));
                    }
                }
                Source::Manifold(..) => {}
            }
            let values = |cell: usize| -> Option<Vec<f32>> {
                let at = cell - range.start;
                match line.source {
                    Source::Recorded(_) => recorded.as_ref().map(|values| values.row(at).to_vec()),
                    Source::Manifold(manifold, layer) => manifold.values(manifolds.as_ref()?, at, layer),
                    Source::Series(of) => slab.as_ref()?.1.as_ref().map(|slab| slab.values(at, &series.all[of])),
                }
            };
            let kept = &out.moments[place];
            let width = kept.len();
            let [low, high] = &mut out.ranges;
            let codes = &mut out.codes[place][drawn.start * width..drawn.end * width];
            codes
                .par_chunks_mut(width.max(1))
                .zip(&mut low[place][drawn.clone()])
                .zip(&mut high[place][drawn.clone()])
                .zip(&mut out.scales[place][drawn.clone()])
                .zip(drawn.clone().into_par_iter())
                .for_each(|((((codes, low), high), scale), cell)| {
                    let Some(values) = values(cell * every) else { return };
                    let kept: Vec<f32> = kept.iter().map(|&at| values.get(at).copied().unwrap_or(f32::NAN)).collect();
                    (*low, *high, *scale) = coded(&kept, codes);
                });
        }
    }
    Ok((out, ends))
}

/// Takes the ends of a variable of some cells.
fn note_ends(results: &Results, name: &str, values: &Array2<f32>, first: usize, ends: &mut Ends) {
    for (place, row) in values.rows().into_iter().enumerate() {
        let last = row.iter().rev().find(|value| value.is_finite()).map_or(f64::NAN, |value| f64::from(*value));
        let cell = first + place;
        match name {
            _ if name == TRAIN_ERROR.name => ends.train_error[cell] = last,
            _ if name == TRAIN_LOSS.name => ends.train_loss[cell] = last,
            _ if name == TEST_ERROR.name => {
                ends.test_error[cell] = last;
                let measured = row.iter().enumerate().filter(|(_, value)| value.is_finite());
                if let Some((at, least)) = measured.min_by(|a, b| a.1.total_cmp(b.1)) {
                    ends.least_test_error[cell] = f64::from(*least);
                    ends.least_test_epoch[cell] = results.epochs[at] as f64;
                }
            }
            _ => {}
        }
    }
}

/// Places of at most so many moments: the first, the last, half of the others evenly, half of them evenly in the logarithm.
fn thinned(moments: &[i64], most: usize) -> Vec<usize> {
    let count = moments.len();
    if count <= most {
        return (0..count).collect();
    }
    let (first, last) = (moments[0] as f64, moments[count - 1] as f64);
    let half = (most / 2).max(2);
    let nearest = |wanted: f64| {
        let after = moments.partition_point(|moment| (*moment as f64) < wanted).min(count - 1);
        let closer = after > 0 && wanted - moments[after - 1] as f64 <= moments[after] as f64 - wanted;
        if closer { after - 1 } else { after }
    };
    let even = (0..half).map(|part| part as f64 / (half - 1) as f64);
    let mut out: Vec<usize> = even
        .flat_map(|part| [first + part * (last - first), first + ((1.0 + last - first).ln() * part).exp_m1()])
        .map(nearest)
        .collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// Codes of a trajectory; its least and greatest value, and how codes lie between them.
fn coded(values: &[f32], codes: &mut [u8]) -> (f32, f32, u8) {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = finite().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    // Over a decade and a half, equal steps would leave nothing of the small values.
    let scale = match () {
        () if low > 0.0 && high / low > 30.0 => LOGARITHM,
        () if low >= 0.0 && high > 30.0 * low => ROOT,
        () => LINEAR,
    };
    let place = |value: f32| match scale {
        LOGARITHM => value.ln(),
        ROOT => value.sqrt(),
        _ => value,
    };
    let (from, to) = (place(low), place(high));
    let mut before = 0_u8;
    for (value, code) in values.iter().zip(codes.iter_mut()) {
        let own = match value.is_finite() {
            true if to > from => ((place(*value) - from) / (to - from) * STEPS).round().clamp(0.0, STEPS) as u8,
            true => 0,
            false => MISSING,
        };
        *code = own.wrapping_sub(before);
        before = own;
    }
    if low > high { (f32::NAN, f32::NAN, LINEAR) } else { (low, high, scale) }
}

impl Drawn {
    /// The block.
    ///
    /// # Errors
    /// As [`Block::seal`].
    pub fn seal(&self, lines: &[Line], turns: &[Turn]) -> Result<String> {
        let mut block = Block::default();
        let cells = block.whole(&self.cells);
        let [low, high] = &self.ranges;
        let on_page = lines.iter().enumerate().map(|(place, line)| OnPage {
            chart: &line.chart,
            label: &line.label,
            unit: line.unit.name(),
            is_error: line.source == Source::Recorded(TRAIN_ERROR.name),
            turn: line.observable.as_ref().and_then(|name| {
                let layer = if let Source::Manifold(_, layer) = line.source { Some(layer) } else { None };
                turns.iter().position(|turn| turn.name == *name && turn.layer == layer)
            }),
            moments: self.moments[place].iter().map(|&at| line.moments[at]).collect(),
            codes: block.bytes(&self.codes[place]),
            low: block.floats(&low[place]),
            high: block.floats(&high[place]),
            scale: block.bytes(&self.scales[place]),
        });
        let header = Header { cells, count: self.cells.len(), lines: on_page.collect() };
        block.seal(&header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scale, or the way back from it.
    type Function = fn(f32) -> f32;

    /// As the page reads them.
    fn decoded(codes: &[u8], low: f32, high: f32, scale: u8) -> Vec<f32> {
        let (forth, back): (Function, Function) = match scale {
            LOGARITHM => (f32::ln, f32::exp),
            ROOT => (f32::sqrt, |root| root * root),
            _ => (|value| value, |value| value),
        };
        let mut code = 0_u8;
        codes
            .iter()
            .map(|step| {
                code = code.wrapping_add(*step);
                let (from, to) = (forth(low), forth(high));
                if code == MISSING { f32::NAN } else { back(from + f32::from(code) / STEPS * (to - from)) }
            })
            .collect()
    }

    #[test]
    fn values_come_back_to_half_a_step_of_their_own_range() {
        for (values, scale) in [
            (vec![0.7_f32, 0.9, f32::NAN, 0.71, 0.75], LINEAR),
            (vec![0.5_f32, 0.0, 0.0625, 0.001], ROOT),
            (vec![2.0_f32, 1e-3, 0.5, 1e-2], LOGARITHM),
            (vec![-1.0_f32, 3.0, 0.0], LINEAR),
        ] {
            let mut codes = vec![0; values.len()];
            let (low, high, found) = coded(&values, &mut codes);
            assert_eq!(found, scale, "{values:?}");
            for (value, back) in values.iter().zip(decoded(&codes, low, high, found)) {
                // Half of a 254th of the range, in the scale that was chosen; of a root and a logarithm the slope at the value.
                let slope = match scale {
                    LOGARITHM => value * (high / low).ln(),
                    ROOT => 2.0 * (value * high).sqrt() + high / 508.0,
                    _ => high - low,
                };
                let is_near = (value - back).abs() <= 1.01 * slope / 508.0;
                assert!(is_near || (value.is_nan() && back.is_nan()), "{value} came back as {back}");
            }
        }
        let mut codes = vec![0; 3];
        let (low, high, scale) = coded(&[f32::NAN; 3], &mut codes);
        assert!(low.is_nan() && high.is_nan() && decoded(&codes, low, high, scale).iter().all(|value| value.is_nan()));
        let (low, high, scale) = coded(&[0.25; 3], &mut codes);
        assert_eq!(decoded(&codes, low, high, scale), [0.25; 3]);
    }

    #[test]
    fn moments_are_dense_at_the_start_and_keep_both_ends() {
        let all: Vec<i64> = (0..=600).collect();
        let kept = thinned(&all, 64);
        assert!(kept.len() <= 64 && kept.len() > 48, "{}", kept.len());
        assert_eq!((kept[0], kept[kept.len() - 1]), (0, 600));
        assert_eq!(kept[..5], [0, 1, 2, 3, 4]);
        assert!(kept.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] <= 20));
        assert_eq!(thinned(&all[..50], 64), (0..50).collect::<Vec<_>>());
    }
}
