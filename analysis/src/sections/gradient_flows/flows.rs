//! Gradient flows: learning curves, compression and tangent kernels in the feature and in the lazy regime.
//!
//! [`read`] takes everything that is measured at stages out of the file and sorts the cells: a *family* shares data and
//! architecture, a *curve* of it also the optimiser (and so α), a *size* of that the number p of training samples. The
//! cells of a size differ in seeds and draws, and are what is averaged over. [`theory`](super::theory) has the expected
//! exponents, [`fits`](super::fits) the measured ones; [`table`](super::table) and [`sentences`](super::sentences) say what
//! came out. Invariant: a flow that ended before the stated share of its samples fit never enters a mean that is said to be
//! over flows that fit.

use std::collections::HashMap;

use ndarray::{Ix2, Ix3};
use phasesweep_results::frozen_kernels::KERNEL_FLOW_TEST_ERROR;
use phasesweep_results::variables::{
    HIDDEN_DIMENSION, KERNEL_ALIGNMENT, KERNEL_CHANGE, KERNEL_PROJECTION, KERNEL_TEST_ERROR, NETWORK_TEST_ERROR,
    STAGE_COMPRESSION, STAGE_COMPRESSION_NORM, STAGE_EPOCH, STAGE_TEST_ERROR, STAGE_TIME, STAGE_TRAIN_ERROR,
    STAGE_UNFITTED,
};

use super::axes::FlowAxes;
use super::theory::Regime;
use crate::error::Result;
use crate::results::{Cells, FlowStop, Results, Status};
use crate::statistics::moments::mean;
use crate::statistics::power_law::Observation;

/// Largest violation of the optimality conditions, in units of the margin, with which a machine of maximal margin counts as one.
/// It is trained to a tenth of this; where its steps ran out before, its test error is that of something else.
pub const SOLVED: f32 = 0.01;
/// The variable that tells it.
pub const VIOLATION: &str = "kernel_violation";

/// A number that is measured at each stage of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Steps taken.
    Step,
    /// Time t.
    Time,
    /// Share of training samples that do not fit.
    Unfitted,
    /// Share of training samples misclassified.
    TrainError,
    /// Share of test samples misclassified.
    TestError,
    /// λ.
    Compression,
    /// λ by norms, as the paper's programs have it: √(d∥/d⊥) times λ.
    CompressionByNorm,
    /// Test error of the machine of maximal margin on the frozen tangent kernel; missing where it is not [`SOLVED`].
    KernelTestError,
    /// Test error of the gradient flow of the loss on it; missing where that flow did not come to its end.
    KernelFlowTestError,
    /// The network's on the same test samples.
    NetworkTestError,
    /// Alignment of the tangent kernel with the labels.
    Alignment,
    /// Change of the tangent kernel from the start.
    KernelChange,
    /// Intrinsic dimension of the last hidden layer.
    HiddenDimension,
}

impl Measure {
    /// All, in the order of the tables.
    pub const ALL: [Measure; 13] = [
        Measure::Step,
        Measure::Time,
        Measure::Unfitted,
        Measure::TrainError,
        Measure::TestError,
        Measure::Compression,
        Measure::CompressionByNorm,
        Measure::KernelTestError,
        Measure::KernelFlowTestError,
        Measure::NetworkTestError,
        Measure::Alignment,
        Measure::KernelChange,
        Measure::HiddenDimension,
    ];

    /// Its variable in the file.
    pub fn variable(self) -> &'static str {
        match self {
            Measure::Step => STAGE_EPOCH.name,
            Measure::Time => STAGE_TIME.name,
            Measure::Unfitted => STAGE_UNFITTED.name,
            Measure::TrainError => STAGE_TRAIN_ERROR.name,
            Measure::TestError => STAGE_TEST_ERROR.name,
            Measure::Compression => STAGE_COMPRESSION.name,
            Measure::CompressionByNorm => STAGE_COMPRESSION_NORM.name,
            Measure::KernelTestError => KERNEL_TEST_ERROR.name,
            Measure::KernelFlowTestError => KERNEL_FLOW_TEST_ERROR.name,
            Measure::NetworkTestError => NETWORK_TEST_ERROR.name,
            Measure::Alignment => KERNEL_ALIGNMENT.name,
            Measure::KernelChange => KERNEL_CHANGE.name,
            Measure::HiddenDimension => HIDDEN_DIMENSION.name,
        }
    }

    /// Whether it is λ, by either definition.
    pub fn is_compression(self) -> bool {
        matches!(self, Measure::Compression | Measure::CompressionByNorm)
    }

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Step => "step",
            Measure::Time => "time",
            other => other.variable().trim_start_matches("stage_"),
        }
    }
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// Index of the cell.
    pub cell: usize,
    /// What is resampled as a whole: seed and draws, the same number at every p.
    pub unit: usize,
    /// Block, draw of the samples and draw of their labels, as bits; flows that agree in them trained on the same samples.
    pub draw: [u64; 3],
    /// How the cell ended.
    pub status: Status,
    /// Why the flow ended.
    pub stop: Option<FlowStop>,
    /// By stage and [`Measure::ALL`]; NaN where not measured.
    measured: Vec<[f64; Measure::ALL.len()]>,
    /// By stage: share of the labels' square on the kernel's leading eigenvectors, all that the file holds.
    pub projected: Vec<f64>,
}

impl Flow {
    /// A measured number; NaN where there is none.
    pub fn at(&self, stage: usize, measure: Measure) -> f64 {
        self.measured[stage][measure as usize]
    }

    /// Whether the flow came to the stage: to its end only if it fits the share that it was asked to fit.
    pub fn reached(&self, stage: usize) -> bool {
        let ended = stage + 1 == self.measured.len();
        self.status == Status::Complete
            && if ended { self.stop == Some(FlowStop::Fitted) } else { self.at(stage, Measure::Step).is_finite() }
    }
}

/// Cells of a curve with the same number of training samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Size {
    /// Training samples p.
    pub p: f64,
    /// Indices of its flows.
    pub flows: Vec<usize>,
}

/// Cells that agree in data, architecture and optimiser.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Index of its family.
    pub family: usize,
    /// Label of the optimiser.
    pub optimiser: String,
    /// Output scale α.
    pub alpha: f64,
    /// Regime.
    pub regime: Regime,
    /// Regime and α in words; the whole optimiser where these do not tell it from another curve of its family.
    pub name: String,
    /// Sizes, p ascending.
    pub sizes: Vec<Size>,
}

/// Curves on the same data with the same architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// What tells it from the other families.
    pub name: String,
    /// Number of its data: those of all draws of their labels.
    source: usize,
    /// Label of the data; of several draws of their labels, what these have in common.
    pub data: String,
    /// Label of the architecture.
    pub architecture: String,
    /// Dimension d of artificial data; NaN for others.
    pub dimension: f64,
    /// Informative dimensions d∥; NaN where the data do not say.
    pub parallel: f64,
    /// Indices of its curves, α ascending.
    pub curves: Vec<usize>,
}

/// Everything that is known of the file's flows.
#[derive(Debug, Clone, PartialEq)]
pub struct Flows {
    /// Stages and stops.
    pub axes: FlowAxes,
    /// One per cell.
    pub flows: Vec<Flow>,
    /// Curves.
    pub curves: Vec<Curve>,
    /// Families, in the order of the file.
    pub families: Vec<Family>,
}

impl Flows {
    /// Values of a measure at a stage over flows of a size that are finite and that a condition lets in.
    pub fn values(&self, size: &Size, stage: usize, measure: Measure, keep: impl Fn(&Flow) -> bool) -> Vec<f64> {
        let flows = size.flows.iter().map(|&flow| &self.flows[flow]).filter(|flow| flow.status == Status::Complete);
        flows.filter(|flow| keep(flow)).map(|flow| flow.at(stage, measure)).filter(|v| v.is_finite()).collect()
    }

    /// Mean over the flows of a size that came to the stage; NaN if fewer than half of the trained ones did: the mean of
    /// those would be one of the easy cases.
    pub fn reached_mean(&self, size: &Size, stage: usize, measure: Measure) -> f64 {
        if self.is_reached(size, stage) {
            mean(&self.values(size, stage, measure, |flow| flow.reached(stage)))
        } else {
            f64::NAN
        }
    }

    /// Whether at least half of a size's trained flows came to a stage.
    pub fn is_reached(&self, size: &Size, stage: usize) -> bool {
        let trained = size.flows.iter().filter(|&&flow| self.flows[flow].status == Status::Complete).count();
        let reached = size.flows.iter().filter(|&&flow| self.flows[flow].reached(stage)).count();
        reached > 0 && 2 * reached >= trained
    }

    /// Observations of a measure at a stage along a curve: of the flows that came to the stage, at sizes where at least
    /// half did; or, `as_ended`, of all trained flows.
    pub fn observations(&self, curve: &Curve, stage: usize, measure: Measure, as_ended: bool) -> Vec<Observation> {
        let sizes = curve.sizes.iter().filter(|size| as_ended || self.is_reached(size, stage));
        sizes
            .flat_map(|size| size.flows.iter().map(move |&flow| (size.p, &self.flows[flow])))
            .filter(|(_, flow)| if as_ended { flow.status == Status::Complete } else { flow.reached(stage) })
            .map(|(p, flow)| Observation { unit: flow.unit, x: p, y: flow.at(stage, measure) })
            .filter(|one| one.y.is_finite())
            .collect()
    }

    /// The curves of a family that stand for the two regimes: the least α under 1 and the greatest over 1.
    pub fn pair(&self, family: &Family) -> Option<(&Curve, &Curve)> {
        let first = &self.curves[*family.curves.first()?];
        let last = &self.curves[*family.curves.last()?];
        (first.regime == Regime::Feature && last.regime == Regime::Lazy).then_some((first, last))
    }
}

/// Reads the flows; `None` where the file holds none.
pub fn read(results: &Results) -> Result<Option<Flows>> {
    let cells = &results.cells;
    let Some(axes) = FlowAxes::read(results)?.filter(|_| !cells.is_empty()) else { return Ok(None) };
    let mut flows = flows(results, &axes)?;
    let number = |name: &str| cells.numbers.iter().find(|(known, _)| known == name).map(|(_, values)| values);
    let numbers = |name: &str| number(name).cloned().unwrap_or_else(|| vec![f64::NAN; cells.len()]);
    let label = |name: &str| cells.column(name).unwrap_or_else(|| vec![String::new(); cells.len()]);
    let (data, architecture, optimiser) = (label("data"), label("architecture"), label("optimiser"));
    let source = sources(cells);
    let (alpha, dimension, parallel) = (numbers("alpha"), numbers("dimension"), numbers("parallel"));
    let samples = cells.samples.clone().unwrap_or_else(|| vec![f64::NAN; cells.len()]);

    let draws = ["block", "draw", "label_draw"].map(&numbers);
    let mut units: Vec<(i64, [u64; 3])> = Vec::new();
    let (mut families, mut curves): (Vec<Family>, Vec<Curve>) = (Vec::new(), Vec::new());
    for cell in 0..cells.len() {
        let draw = [&draws[0], &draws[1], &draws[2]].map(|values| values[cell].to_bits());
        let unit = (cells.seed[cell], draw);
        flows[cell].draw = draw;
        flows[cell].unit = place(&mut units, |known| *known == unit, || unit);
        let family = place(
            &mut families,
            |known| (known.source, &known.architecture) == (source[cell], &architecture[cell]),
            || Family {
                name: String::new(),
                source: source[cell],
                data: data[cell].clone(),
                architecture: architecture[cell].clone(),
                dimension: dimension[cell],
                parallel: parallel[cell],
                curves: Vec::new(),
            },
        );
        families[family].data = common_words(&families[family].data, &data[cell]);
        let curve = place(
            &mut curves,
            |known| (known.family, &known.optimiser) == (family, &optimiser[cell]),
            || Curve {
                family,
                optimiser: optimiser[cell].clone(),
                alpha: alpha[cell],
                regime: Regime::of(alpha[cell]),
                name: String::new(),
                sizes: Vec::new(),
            },
        );
        let sizes = &mut curves[curve].sizes;
        let p = samples[cell];
        let size = place(sizes, |known| known.p == p, || Size { p, flows: Vec::new() });
        sizes[size].flows.push(cell);
    }
    curves.iter_mut().for_each(|curve| curve.sizes.sort_by(|a, b| a.p.total_cmp(&b.p)));
    name(&mut families, &mut curves);
    Ok(Some(Flows { axes, flows, curves, families }))
}

/// Numbers the cells' data in the order of the file: cells agree in it whose data differ at most in the draw of random
/// labels or label noise, which is one more thing to average over. Files that do not say which variant a cell is of have
/// labels alone.
fn sources(cells: &Cells) -> Vec<usize> {
    const OF_DATA: [&str; 4] = ["label_noise", "dimension", "parallel", "stretch"];
    let texts: Vec<&Vec<String>> = match cells.variant_id {
        Some(_) => cells.labels.iter().filter(|(name, _)| name.starts_with("data_")).map(|(_, texts)| texts).collect(),
        None => cells.axes.iter().filter(|(name, _)| name == "data").map(|(_, texts)| texts).collect(),
    };
    let of_data = |name: &String| name.starts_with("data_") || OF_DATA.contains(&name.as_str());
    let numbers: Vec<&Vec<f64>> = match cells.variant_id {
        Some(_) => cells.numbers.iter().filter(|(name, _)| of_data(name)).map(|(_, numbers)| numbers).collect(),
        None => Vec::new(),
    };
    let mut places: HashMap<(Vec<&str>, Vec<u64>), usize> = HashMap::new();
    let number = |cell: usize| {
        let key =
            (texts.iter().map(|t| t[cell].as_str()).collect(), numbers.iter().map(|n| n[cell].to_bits()).collect());
        let next = places.len();
        *places.entry(key).or_insert(next)
    };
    (0..cells.len()).map(number).collect()
}

/// The words that stand in both labels, in their order.
fn common_words(one: &str, other: &str) -> String {
    if one == other {
        return one.to_owned();
    }
    let others: Vec<&str> = other.split(' ').collect();
    one.split(' ').filter(|word| others.contains(word)).collect::<Vec<_>>().join(" ")
}

/// Index of the entry that answers, which is made where none does.
fn place<T>(all: &mut Vec<T>, answers: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> usize {
    all.iter().position(answers).unwrap_or_else(|| {
        all.push(make());
        all.len() - 1
    })
}

/// Names families and curves, and gives each family its curves in the order of α.
fn name(families: &mut [Family], curves: &mut [Curve]) {
    let same = |of: fn(&Family) -> &String| families.iter().all(|family| of(family) == of(&families[0]));
    let (one_data, one_architecture) = (same(|family| &family.data), same(|family| &family.architecture));
    for (index, family) in families.iter_mut().enumerate() {
        family.name = match (one_data, one_architecture) {
            (_, true) => family.data.clone(),
            (true, false) => family.architecture.clone(),
            (false, false) => format!("{} · {}", family.data, family.architecture),
        };
        family.curves = (0..curves.len()).filter(|&curve| curves[curve].family == index).collect();
        family.curves.sort_by(|&a, &b| curves[a].alpha.total_cmp(&curves[b].alpha));
        let alphas: Vec<f64> = family.curves.iter().map(|&curve| curves[curve].alpha).collect();
        for &curve in &family.curves {
            let curve = &mut curves[curve];
            let alone = alphas.iter().filter(|alpha| **alpha == curve.alpha).count() == 1;
            let what = if alone { format!("α = {}", short(curve.alpha)) } else { curve.optimiser.clone() };
            curve.name = format!("{}, {what}", curve.regime.name());
        }
    }
}

/// A setting as a person types it.
pub fn short(value: f64) -> String {
    if value == 0.0 || (1e-3..1e6).contains(&value.abs()) { value.to_string() } else { format!("{value:e}") }
}

/// Every cell with what was measured of it; units are not known yet.
fn flows(results: &Results, axes: &FlowAxes) -> Result<Vec<Flow>> {
    let (cells, stages) = (results.cells.len(), axes.stages.len());
    let mut flows: Vec<Flow> = (0..cells)
        .map(|cell| Flow {
            cell,
            unit: 0,
            draw: [0; 3],
            status: results.cells.status[cell],
            stop: axes.stops[cell],
            measured: vec![[f64::NAN; Measure::ALL.len()]; stages],
            projected: vec![f64::NAN; stages],
        })
        .collect();
    for measure in Measure::ALL {
        let slab = results.slab(measure.variable(), 0..cells)?.and_then(|a| a.into_dimensionality::<Ix2>().ok());
        let Some(slab) = slab.filter(|slab| slab.dim() == (cells, stages)) else { continue };
        for ((cell, stage), value) in slab.indexed_iter() {
            flows[cell].measured[stage][measure as usize] = f64::from(*value);
        }
    }
    let slab = results.slab(VIOLATION, 0..cells)?.and_then(|a| a.into_dimensionality::<Ix2>().ok());
    for ((cell, stage), _) in slab.iter().flat_map(|slab| slab.indexed_iter()).filter(|(_, value)| **value > SOLVED) {
        if let Some(measured) = flows[cell].measured.get_mut(stage) {
            measured[Measure::KernelTestError as usize] = f64::NAN;
        }
    }
    let slab = results.slab(KERNEL_PROJECTION.name, 0..cells)?.and_then(|a| a.into_dimensionality::<Ix3>().ok());
    for flow in flows.iter_mut().filter(|_| slab.is_some()) {
        for stage in 0..stages {
            let shares = slab.iter().flat_map(|slab| slab.slice(ndarray::s![flow.cell, stage, ..]).to_vec());
            let known: Vec<f64> = shares.map(f64::from).filter(|share| share.is_finite()).collect();
            flow.projected[stage] = if known.is_empty() { f64::NAN } else { known.iter().sum() };
        }
    }
    Ok(flows)
}
