//! Neurons as points along training, read from the file, and what became of them at the stages.
//!
//! A track is one cell's neurons at the recorded steps. Invariant: what a stage says of neurons is read at the last recorded step
//! that is no later than the stage; a cell without such records has no tracks.

use ndarray::{Array2, Ix2, Ix3, s};
use phasesweep_results::neurons::{NEURON, NEURON_VARIABLES};
use phasesweep_results::variables::FLOW_TIME;

use super::effective::{self, FixedPoint};
use super::flows::{Curve, Family, Flow, Flows, Measure};
use crate::error::Result;
use crate::results::{Results, Status};

/// One neuron at one recorded step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// ω_∥: signed for one informative coordinate, the norm for several.
    pub parallel: f64,
    /// ‖ω_⊥‖
    pub perpendicular: f64,
    /// Bias b.
    pub bias: f64,
    /// Output weight β.
    pub output: f64,
    /// Where its hyperplane crosses the informative axis.
    pub kink: f64,
}

/// The neurons of one cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracks {
    /// Recorded steps at which they are known, ascending.
    pub steps: Vec<f64>,
    /// Time t of these.
    pub times: Vec<f64>,
    /// `[step, neuron]`
    pub points: Array2<Point>,
}

impl Tracks {
    /// Reads those of a cell; `None` where the file has none of it.
    pub fn read(results: &Results, flow: &Flow) -> Result<Option<Tracks>> {
        let cell = flow.cell..flow.cell + 1;
        let mut arrays = Vec::new();
        for variable in NEURON_VARIABLES {
            let slab = results.slab(variable.name, cell.clone())?.and_then(|a| a.into_dimensionality::<Ix3>().ok());
            let Some(slab) = slab.filter(|slab| slab.dim().1 == results.epochs.len()) else { return Ok(None) };
            arrays.push(slab);
        }
        let times = results.slab(FLOW_TIME.name, cell)?.and_then(|a| a.into_dimensionality::<Ix2>().ok());
        let Some(times) = times.filter(|times| times.ncols() == results.epochs.len()) else { return Ok(None) };
        let neurons = arrays[0].dim().2;
        if arrays.iter().any(|array| array.dim().2 != neurons) {
            return Ok(None);
        }
        // Neurons that the network has not are missing throughout; so is a step behind the flow's end.
        let has = |step: &usize| times[[0, *step]].is_finite() && arrays[0][[0, *step, 0]].is_finite();
        let known: Vec<usize> = (0..results.epochs.len()).filter(has).collect();
        let Some(&first) = known.first() else { return Ok(None) };
        let there = arrays[0].slice(s![0, first, ..]).iter().take_while(|value| value.is_finite()).count();
        let at = |array: usize, step: usize, neuron: usize| f64::from(arrays[array][[0, step, neuron]]);
        let points = Array2::from_shape_fn((known.len(), there), |(row, neuron)| {
            let value = |array| at(array, known[row], neuron);
            let (parallel, perpendicular, bias) = (value(0), value(1), value(2));
            Point { parallel, perpendicular, bias, output: value(3), kink: value(4) }
        });
        Ok(Some(Tracks {
            steps: known.iter().map(|&step| results.epochs[step] as f64).collect(),
            times: known.iter().map(|&step| f64::from(times[[0, step]])).collect(),
            points,
        }))
    }

    /// Place of the last recorded step that is no later than `step`.
    pub fn until(&self, step: f64) -> Option<usize> {
        self.steps.iter().rposition(|&recorded| recorded <= step)
    }
}

/// The labels of neurons in the file, as numbers counted from 1; empty where it has none.
pub fn labels(results: &Results) -> Result<Vec<i64>> {
    Ok(results.integers(NEURON.coordinate)?.unwrap_or_default())
}

/// What draws the neurons of a family while the output is small, and where the label changes along the informative axis.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Axis {
    /// Fixed points; none where they are not known.
    pub fixed: Vec<FixedPoint>,
    /// Positions at which the label changes.
    pub interfaces: Vec<f64>,
}

/// The informative axis of a family's data, for a network of rectifiers with one hidden layer on the stripe; the interfaces alone of
/// other networks and of the cylinder.
pub fn axis(family: &Family) -> Axis {
    let of = |source: &str| family.data.split_whitespace().any(|word| word == source);
    if of("stripe") {
        let mean_field = family.architecture.contains("mean-field");
        let scale = if mean_field { 1.0 / family.dimension.sqrt() } else { 1.0 };
        let known = family.architecture.contains("relu") && scale.is_finite();
        let fixed = if known { effective::stripe(scale) } else { Vec::new() };
        Axis { fixed, interfaces: effective::STRIPE.to_vec() }
    } else if of("cylinder") {
        // y = sign(‖x_∥‖² − (d∥ − 2/3)).
        let radius = (family.parallel - 2.0 / 3.0).sqrt();
        Axis { fixed: Vec::new(), interfaces: vec![-radius, radius] }
    } else {
        Axis::default()
    }
}

/// The curves of a family that stand for the regimes: both where there are both, else the first.
pub fn shown<'a>(flows: &'a Flows, family: &Family) -> Vec<&'a Curve> {
    let both = flows.pair(family).map(|(feature, lazy)| vec![feature, lazy]);
    both.unwrap_or_else(|| family.curves.iter().take(1).map(|&index| &flows.curves[index]).collect())
}

/// The first flow of a curve, at the greatest p, that was trained to an end, with its p.
pub fn subject<'a>(flows: &'a Flows, curve: &Curve) -> Option<(f64, &'a Flow)> {
    curve.sizes.iter().rev().find_map(|size| {
        let mut members = size.flows.iter().map(|&flow| &flows.flows[flow]);
        members.find(|flow| flow.status == Status::Complete).map(|flow| (size.p, flow))
    })
}

/// The neurons of a flow at a stage, with the step at which they were recorded.
pub fn at_stage(tracks: &Tracks, flow: &Flow, stage: usize) -> Option<(f64, Vec<Point>)> {
    let step = flow.at(stage, Measure::Step);
    let place = tracks.until(step).filter(|_| step.is_finite())?;
    Some((tracks.steps[place], tracks.points.row(place).to_vec()))
}
