//! Power laws of the learning curves and of the compression against the number of training samples.

use super::axes::FlowAxes;
use super::flows::{Curve, Flows, Measure};
use super::theory::{Regime, beta, compression};
use crate::options::Options;
use crate::results::Status;
use crate::statistics::interval::Interval;
use crate::statistics::power_law::{self, LEAST_POINTS, Line, Observation, PowerLaw, power_law};

/// Which flows a fit is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Those that came to the stage.
    Reached,
    /// All that were trained, as they ended; asked only where some ended before all fit.
    AsEnded,
}

impl Over {
    /// As it is written in tables.
    pub fn name(self) -> &'static str {
        match self {
            Over::Reached => "flows that came to it",
            Over::AsEnded => "all, as they ended",
        }
    }
}

/// Which sizes a fit is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// All.
    Whole,
    /// The upper two thirds, at least [`LEAST_POINTS`]: nearer to the limit that the theory speaks of.
    Upper,
    /// Those of a sliding window ([`super::drift`]).
    Window,
}

impl Range {
    /// As it is written in tables.
    pub fn name(self) -> &'static str {
        match self {
            Range::Whole => "whole",
            Range::Upper => "upper",
            Range::Window => "window",
        }
    }
}

/// One fitted power law.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Index of the curve.
    pub curve: usize,
    /// Test error, of the network or of a machine on its frozen kernel, or λ.
    pub measure: Measure,
    /// Stage at which it was measured.
    pub stage: usize,
    /// Flows.
    pub over: Over,
    /// Sizes.
    pub range: Range,
    /// The law.
    pub law: PowerLaw,
    /// Expected exponent, where the theory has one.
    pub theory: Option<f64>,
    /// Flows that entered.
    pub used: usize,
    /// Trained flows of the curve within the range that did not come to the stage.
    pub short: usize,
}

impl Fit {
    /// The exponent as it is spoken of: β of ε ~ p^−β, a of λ ~ p^a.
    pub fn exponent(&self) -> f64 {
        self.sign() * self.law.line.exponent
    }

    /// Its bootstrap interval over seeds.
    pub fn over_seeds(&self) -> Interval {
        self.signed(self.law.over_units)
    }

    /// Its interval from the scatter of the points about the line.
    pub fn of_line(&self) -> Interval {
        self.signed(self.law.line.interval())
    }

    /// The middle of its range, in logarithms.
    pub fn middle(&self) -> f64 {
        (self.law.from * self.law.to).sqrt()
    }

    /// The line of the theory's slope through the centre of the fit, from one end of it to the other.
    pub fn theory_line(&self) -> Option<[(f64, f64); 2]> {
        let (from, to) = (self.law.from, self.law.to);
        let centre = self.middle();
        let slope = self.sign() * self.theory?;
        let height = self.law.line.at(centre);
        Some([from, to].map(|p| (p, height * (p / centre).powf(slope))))
    }

    fn sign(&self) -> f64 {
        if self.measure.is_compression() { 1.0 } else { -1.0 }
    }

    fn signed(&self, interval: Interval) -> Interval {
        match self.measure {
            Measure::Compression | Measure::CompressionByNorm => interval,
            _ => Interval { low: -interval.high, high: -interval.low },
        }
    }

    /// The line through the means.
    pub fn line(&self) -> &Line {
        &self.law.line
    }
}

/// The machines on frozen kernels whose learning curves are fitted.
pub const MACHINES: [Measure; 2] = [Measure::KernelTestError, Measure::KernelFlowTestError];

/// Fits every curve at every stage but the start, and the machines' at every stage where there is a kernel.
pub fn fits(flows: &Flows, options: &Options) -> Vec<Fit> {
    let mut out = Vec::new();
    for curve in 0..flows.curves.len() {
        for measure in [Measure::TestError, Measure::Compression] {
            for stage in 1..flows.axes.stages.len() {
                of_stage(flows, options, curve, measure, stage, &mut out);
            }
        }
    }
    // After all others, whose bootstrap has the numbers that it had before there were these.
    for curve in 0..flows.curves.len() {
        for measure in MACHINES {
            for stage in 0..flows.axes.stages.len() {
                of_stage(flows, options, curve, measure, stage, &mut out);
            }
        }
    }
    out
}

fn of_stage(flows: &Flows, options: &Options, index: usize, measure: Measure, stage: usize, out: &mut Vec<Fit>) {
    let curve = &flows.curves[index];
    let ended = stage == flows.axes.end();
    let trained = || curve.sizes.iter().flat_map(|size| &size.flows).map(|&flow| &flows.flows[flow]);
    let all_came = trained().filter(|flow| flow.status == Status::Complete).all(|flow| flow.reached(stage));
    for over in [Over::Reached, Over::AsEnded] {
        // A machine on the kernel of a flow that has not ended yet is none of its end.
        if over == Over::AsEnded && (all_came || !ended || MACHINES.contains(&measure)) {
            continue;
        }
        let observations = flows.observations(curve, stage, measure, over == Over::AsEnded);
        let mut sizes: Vec<f64> = observations.iter().map(|one| one.x).collect();
        sizes.dedup();
        for range in [Range::Whole, Range::Upper] {
            let keep =
                if range == Range::Whole { sizes.len() } else { (2 * sizes.len()).div_ceil(3).max(LEAST_POINTS) };
            if range == Range::Upper && keep >= sizes.len() {
                continue;
            }
            let from = sizes[sizes.len() - keep..].first().copied().unwrap_or(f64::NAN);
            let kept: Vec<Observation> = observations.iter().copied().filter(|one| one.x >= from).collect();
            let Some(law) = power_law(&kept, options.bootstrap, out.len() as u64) else { continue };
            let within = |p: f64| (law.from..=law.to).contains(&p);
            let short = curve.sizes.iter().filter(|size| within(size.p)).flat_map(|size| &size.flows);
            let short = short.map(|&flow| &flows.flows[flow]);
            let short = short.filter(|flow| flow.status == Status::Complete && !flow.reached(stage)).count();
            let theory = expected(flows, curve, measure, stage);
            let used = kept.len();
            out.push(Fit { curve: index, measure, stage, over, range, law, theory, used, short });
        }
    }
}

/// The theory speaks of the test error at the end, for which the last stage before it may stand, of λ when a tenth of
/// the samples fit, and of machines on the kernel of the start, which learn as the lazy regime does. It says nothing of the test
/// error of flows that were told to end while most samples do not fit.
pub fn expected(flows: &Flows, curve: &Curve, measure: Measure, stage: usize) -> Option<f64> {
    let family = &flows.families[curve.family];
    let axes = &flows.axes;
    match measure {
        Measure::Compression | Measure::CompressionByNorm if Some(stage) == axes.early() => compression(curve.regime),
        Measure::TestError
            if (stage == axes.end() || Some(stage) == axes.late()) && mostly_fit(flows, curve, stage) =>
        {
            beta(curve.regime, family.dimension, family.parallel)
        }
        Measure::KernelTestError | Measure::KernelFlowTestError if stage == FlowAxes::START => {
            beta(Regime::Lazy, family.dimension, family.parallel)
        }
        _ => None,
    }
}

/// Whether at most half of the samples are left unfitted at a stage, on the mean over its flows; so where it is not known.
fn mostly_fit(flows: &Flows, curve: &Curve, stage: usize) -> bool {
    let left = flows.observations(curve, stage, Measure::Unfitted, false);
    let mean = left.iter().map(|one| one.y).sum::<f64>() / left.len() as f64;
    mean.is_nan() || mean <= 0.5
}

/// β of the feature regime less that of the lazy one, with its interval over seeds, of all flows that came to a stage, over
/// the sizes that both curves have.
pub fn gain(flows: &Flows, family: usize, stage: usize, options: &Options) -> Option<(f64, Interval)> {
    let (feature, lazy) = flows.pair(&flows.families[family])?;
    let of = |curve| flows.observations(curve, stage, Measure::TestError, false);
    let (mut feature, mut lazy) = (of(feature), of(lazy));
    let both: Vec<f64> = feature.iter().map(|one| one.x).filter(|x| lazy.iter().any(|one| one.x == *x)).collect();
    feature.retain(|one| both.contains(&one.x));
    lazy.retain(|one| both.contains(&one.x));
    let stream = 0x6761_696e + family as u64;
    // ε falls as p^−β: the difference of the slopes is that of the β with its sign turned.
    let (slope, interval) = power_law::difference(&lazy, &feature, options.bootstrap, stream)?;
    Some((slope, interval))
}

/// The fit that stands for a curve: over all sizes, of the flows that came to the stage.
pub fn principal(fits: &[Fit], curve: usize, measure: Measure, stage: usize) -> Option<&Fit> {
    let wanted = (curve, measure, stage, Over::Reached, Range::Whole);
    fits.iter().find(|fit| (fit.curve, fit.measure, fit.stage, fit.over, fit.range) == wanted)
}
