//! A cohort's values of one variable, and how a training [`Record`] becomes such columns.
//!
//! Invariant: a column holds `cells × size` values, cell by cell, where `size` follows from the variable's dimensions
//! and the part's [`Axes`].

use phasesweep_results::{Dtype, MISSING_BYTE, dimension};

use crate::train::flow::{FlowRecord, QUANTILES, Quantity, kernel_points};
use crate::train::{Problem, Record, ReplicaState};

use super::axes::{Axes, Labels};
use super::probe_columns;
use super::schema;

/// Numbers of one type.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats.
    F64(Vec<f64>),
    /// Bytes.
    U8(Vec<u8>),
}

impl Values {
    /// So many missing values.
    pub fn missing(dtype: Dtype, count: usize) -> Values {
        match dtype {
            Dtype::F32 => Values::F32(vec![f32::NAN; count]),
            Dtype::F64 => Values::F64(vec![f64::NAN; count]),
            Dtype::U8 => Values::U8(vec![MISSING_BYTE; count]),
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Values::F32(values) => values.len(),
            Values::F64(values) => values.len(),
            Values::U8(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their type.
    pub fn dtype(&self) -> Dtype {
        match self {
            Values::F32(_) => Dtype::F32,
            Values::F64(_) => Dtype::F64,
            Values::U8(_) => Dtype::U8,
        }
    }

    /// Copies `source`'s row `from` (of as many values as there are places) into row `to` (of `width` values) here, each
    /// value to its place.
    /// Rows of another type are left alone; [`super::part::Part`] has seen to it that there are none.
    pub(crate) fn place_row(&mut self, to: usize, width: usize, source: &Values, from: usize, places: &[usize]) {
        fn place<T: Copy>(target: &mut [T], source: &[T], places: &[usize]) {
            places.iter().zip(source).for_each(|(&place, &value)| target[place] = value);
        }
        let (target, rows) = (to * width..(to + 1) * width, from * places.len()..(from + 1) * places.len());
        match (self, source) {
            (Values::F32(mine), Values::F32(theirs)) => place(&mut mine[target], &theirs[rows], places),
            (Values::F64(mine), Values::F64(theirs)) => place(&mut mine[target], &theirs[rows], places),
            (Values::U8(mine), Values::U8(theirs)) => place(&mut mine[target], &theirs[rows], places),
            _ => debug_assert!(false, "a part's column has its variable's type"),
        }
    }
}

/// A cohort's values of one variable.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Name of the variable, as in [`schema::VARIABLES`].
    pub name: &'static str,
    /// Values `[cell, ...]`.
    pub values: Values,
}

/// Axes and columns of a cohort of the problem: one row for each state, missing throughout where there is none (a
/// cell that failed). `noise` are the standard deviations of `problem.noisy`, in its order.
///
/// Snapshots at or after the epoch at which a replica diverged, or beyond what it has measured, are missing.
pub fn columns(problem: &Problem, noise: &[f64], states: &[Option<&ReplicaState>]) -> (Axes, Vec<Column>) {
    let axes = axes(problem, noise);
    let mut columns: Vec<Column> = FIELDS
        .iter()
        .map(|&(name, field)| Column {
            name,
            values: Values::F32(rows(name, &axes, states, |state| field(&state.record).clone())),
        })
        .collect();
    columns.push(Column {
        name: "misclassified",
        values: Values::U8(states.iter().flat_map(|state| snapshots(problem, *state)).collect()),
    });
    columns.push(Column {
        name: "misclassified_count",
        values: Values::F32(rows("misclassified_count", &axes, states, |state| counts(problem, state))),
    });
    columns.extend(probe_columns::columns(problem, &axes, states));
    columns.extend(flow_columns(problem, states));
    columns.retain(|column| !column.values.is_empty());
    (axes, columns)
}

/// What was recorded of gradient flows; nothing for other problems.
fn flow_columns(problem: &Problem, states: &[Option<&ReplicaState>]) -> Vec<Column> {
    let Some(flow) = &problem.flow else { return Vec::new() };
    let missing = FlowRecord::empty(problem, flow);
    let column = |quantity: &Quantity| {
        let variable = schema::variable(quantity.name())?;
        let rows = states.iter().map(|state| state.and_then(|state| state.flow.as_deref()));
        let values = rows.flat_map(|flow| flow.map_or(&missing, |flow| &flow.record).get(*quantity).iter().copied());
        let values = match variable.dtype {
            Dtype::F32 => Values::F32(values.map(|value| value as f32).collect()),
            Dtype::F64 => Values::F64(values.collect()),
            Dtype::U8 => {
                Values::U8(values.map(|value| if value.is_nan() { MISSING_BYTE } else { value as u8 }).collect())
            }
        };
        Some(Column { name: variable.name, values })
    };
    Quantity::ALL.iter().filter_map(column).collect()
}

/// A field of a record that holds floats.
type Field = fn(&Record) -> &Vec<f32>;

/// Those fields, by the names of their variables.
const FIELDS: [(&str, Field); 6] = [
    ("train_loss", |record| &record.train_loss),
    ("train_error", |record| &record.train_error),
    ("test_error", |record| &record.test_error),
    ("noisy_error", |record| &record.noisy_error),
    ("radius", |record| &record.radius),
    ("distance", |record| &record.distance),
];

fn axes(problem: &Problem, noise: &[f64]) -> Axes {
    let mut axes = Axes::default();
    axes.set(dimension::EPOCH, Labels::integers(problem.recorded.iter().copied()));
    if !problem.manifold.is_empty() {
        axes.set(dimension::LAYER, Labels::integers(problem.layers.iter().copied()));
    }
    axes.set(dimension::CLASS, Labels::integers(0..problem.block.classes));
    axes.set(dimension::PAIR, Labels::Texts(problem.pairs().iter().map(|(a, b)| format!("{a}-{b}")).collect()));
    axes.set(dimension::NOISE, Labels::Numbers(noise.iter().copied().take(problem.noisy.len()).collect()));
    axes.set(dimension::SNAPSHOT, Labels::integers(problem.snapshots.iter().copied()));
    if !problem.snapshots.is_empty() {
        axes.set(dimension::BYTE, Labels::Positions(problem.snapshot_bytes()));
    }
    probe_columns::label(problem, &mut axes);
    if let Some(flow) = &problem.flow {
        axes.set(dimension::STAGE, Labels::Numbers(flow.observe.stages.clone()));
        axes.set(dimension::QUANTILE, Labels::Numbers(QUANTILES.to_vec()));
        axes.set(dimension::COMPONENT, Labels::integers(1..=flow.observe.components));
        axes.set(dimension::POINT, Labels::Positions(kernel_points(problem, flow)));
    }
    axes
}

/// One row for each state. A record that is not of this problem gives rows of another length, and the part that is made
/// of them is refused.
pub(super) fn rows(
    name: &str,
    axes: &Axes,
    states: &[Option<&ReplicaState>],
    row: impl Fn(&ReplicaState) -> Vec<f32>,
) -> Vec<f32> {
    let size = schema::variable(name).map_or(0, |variable| axes.size(variable));
    states.iter().flat_map(|state| state.map_or_else(|| vec![f32::NAN; size], &row)).collect()
}

/// Whether each snapshot was taken.
fn taken<'a>(problem: &'a Problem, state: &'a ReplicaState) -> impl Iterator<Item = bool> + 'a {
    let end = state.diverged.map_or(state.epoch, |diverged| diverged.min(state.epoch));
    problem.snapshots.iter().map(move |&epoch| epoch < end)
}

fn snapshots(problem: &Problem, state: Option<&ReplicaState>) -> Vec<u8> {
    let bytes = problem.snapshot_bytes();
    let Some(state) = state else { return vec![MISSING_BYTE; problem.snapshots.len() * bytes] };
    let mut all = state.record.misclassified.clone();
    for (row, taken) in all.chunks_mut(bytes.max(1)).zip(taken(problem, state)) {
        if !taken {
            row.fill(MISSING_BYTE);
        }
    }
    all
}

fn counts(problem: &Problem, state: &ReplicaState) -> Vec<f32> {
    let rows = state.record.misclassified.chunks(problem.snapshot_bytes().max(1));
    taken(problem, state)
        .zip(rows)
        .map(|(taken, row)| if taken { row.iter().map(|byte| byte.count_ones()).sum::<u32>() as f32 } else { f32::NAN })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::{Block, Samples};
    use crate::sweep::{Activation, ArchitectureKind, Batch, Loss, OptimiserKind, Rule};

    /// Ten samples of three classes, one layer, epochs 0..=3, snapshots at 0, 1 and 3.
    fn problem() -> Problem {
        let samples = |count| Samples { x: vec![0.0; count], y: vec![0; count] };
        let block = Block {
            features: 1,
            live: vec![0],
            image: None,
            classes: 3,
            train: samples(10),
            test: samples(2),
            source_index: (0..10).collect(),
        };
        Problem {
            block: Arc::new(block),
            noisy: Arc::new(vec![vec![0.0; 2]]),
            architecture: ArchitectureKind::Mlp { hidden: vec![4] },
            activation: Activation::Tanh,
            layers: vec![1],
            loss: Loss::CrossEntropy,
            optimiser: OptimiserKind::Rule(Rule::Sgd),
            batch: Batch::Full,
            epochs: 3,
            recorded: vec![0, 1, 2, 3],
            manifold: vec![0, 1, 2, 3],
            snapshots: vec![0, 1, 3],
            probing: crate::train::Probing::default(),
            flow: None,
        }
    }

    fn state(problem: &Problem, epoch: usize, diverged: Option<usize>) -> ReplicaState {
        let mut record = Record::empty(problem);
        record.train_loss = vec![0.5; 4];
        record.misclassified = vec![0b1000_0000, 0b0100_0000, 0b0000_0001, 0, 0xff, 0b1100_0000];
        ReplicaState {
            epoch,
            parameters: vec![],
            first_moment: vec![],
            second_moment: vec![],
            diverged,
            record,
            flow: None,
        }
    }

    #[test]
    fn failed_cells_and_untaken_snapshots_are_missing() {
        let problem = problem();
        let (whole, diverged) = (state(&problem, 4, None), state(&problem, 3, Some(1)));
        let (axes, columns) = columns(&problem, &[0.1], &[Some(&whole), None, Some(&diverged)]);
        let f32s = |name: &str| match &columns.iter().find(|column| column.name == name).unwrap().values {
            Values::F32(values) => values.iter().map(|value| value.to_string()).collect::<Vec<_>>().join(" "),
            other => panic!("{other:?}"),
        };
        assert_eq!(f32s("misclassified_count"), "2 1 10 NaN NaN NaN 2 NaN NaN");
        assert_eq!(f32s("train_loss"), "0.5 0.5 0.5 0.5 NaN NaN NaN NaN 0.5 0.5 0.5 0.5");
        let bits = columns.iter().find(|column| column.name == "misclassified").unwrap();
        let Values::U8(bits) = &bits.values else { panic!() };
        assert_eq!(bits[..6], whole.record.misclassified);
        assert_eq!(bits[6..], [&[255; 6][..], &[0b1000_0000, 0b0100_0000, 255, 255, 255, 255]].concat());
        assert_eq!(axes.get(dimension::PAIR), Some(&Labels::Texts(vec!["0-1".into(), "0-2".into(), "1-2".into()])));
        let names: Vec<_> = columns.iter().map(|column| column.name).collect();
        let measured = ["train_loss", "train_error", "test_error", "noisy_error", "radius", "distance"];
        assert_eq!(names[..6], measured);
        assert_eq!(names[6..], ["misclassified", "misclassified_count"]);
    }

    #[test]
    fn what_is_not_measured_is_left_out() {
        let problem = Problem { manifold: vec![], snapshots: vec![], noisy: Arc::default(), ..problem() };
        let whole = ReplicaState { record: Record::empty(&problem), ..state(&problem, 4, None) };
        let (axes, columns) = columns(&problem, &[], &[Some(&whole)]);
        let names: Vec<_> = columns.iter().map(|column| column.name).collect();
        assert_eq!(names, ["train_loss", "train_error", "test_error"]);
        assert_eq!(
            (axes.get(dimension::LAYER), axes.get(dimension::BYTE), axes.get(dimension::NOISE)),
            (None, None, None)
        );
    }
}
