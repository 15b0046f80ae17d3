//! Parts with known content: every value says which cell, variable and labels it belongs to.

use phasesweep::plan::{CellId, CohortId};
use phasesweep::store::Values;
use phasesweep::store::schema;
use phasesweep::store::{Axes, CellStatus, Column, Labels, Origin, Part, PartCell};
use phasesweep_results::{Dim, Dtype, dimension};

/// The cell with that number.
pub(crate) fn cell_id(number: u32) -> CellId {
    let mut bytes = [0xab; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    CellId(bytes)
}

/// Axes of `classes` classes with these epochs, layers and snapshots, and `bytes` bytes for each snapshot.
pub(crate) fn axes(epochs: &[usize], layers: &[usize], classes: usize, snapshots: &[usize], bytes: usize) -> Axes {
    let mut axes = Axes::default();
    axes.set(dimension::EPOCH, Labels::integers(epochs.iter().copied()));
    axes.set(dimension::LAYER, Labels::integers(layers.iter().copied()));
    axes.set(dimension::CLASS, Labels::integers(0..classes));
    let pairs = (0..classes).flat_map(|a| (a + 1..classes).map(move |b| format!("{a}-{b}")));
    axes.set(dimension::PAIR, Labels::Texts(pairs.collect()));
    axes.set(dimension::SNAPSHOT, Labels::integers(snapshots.iter().copied()));
    axes.set(dimension::BYTE, Labels::Positions(if snapshots.is_empty() { 0 } else { bytes }));
    axes
}

/// The value of a float variable of cell `number` at labels, as one number: exact in f32 below 2^24.
pub(crate) fn value(number: u32, variable: usize, labels: &[usize]) -> f32 {
    labels.iter().fold((number * 8 + variable as u32) as f32, |value, &label| value * 8.0 + label as f32)
}

/// A part of complete cells with the values of [`value`] for every variable that the axes have room for.
pub(crate) fn part(cohort: u64, numbers: &[u32], axes: Axes) -> Part {
    let columns = schema::VARIABLES.iter().enumerate().filter(|(_, variable)| axes.size(variable) > 0);
    let columns = columns.map(|(k, variable)| {
        let labels = |dim: Dim| match axes.get(dim) {
            Some(Labels::Integers(labels)) => labels.iter().map(|&label| label as usize).collect::<Vec<_>>(),
            Some(labels) => (0..labels.len()).collect(),
            None => vec![],
        };
        let grid = variable.dims[1..].iter().fold(vec![vec![]], |grid: Vec<Vec<usize>>, &dim| {
            grid.iter().flat_map(|at| labels(dim).into_iter().map(move |l| [at.as_slice(), &[l]].concat())).collect()
        });
        let each = numbers.iter().flat_map(|&number| grid.iter().map(move |at| value(number, k, at)));
        let values = match variable.dtype {
            Dtype::F32 => Values::F32(each.collect()),
            Dtype::F64 => Values::F64(each.map(f64::from).collect()),
            Dtype::U8 => Values::U8(each.map(|value| value as u32 as u8).collect()),
        };
        Column { name: variable.name, values }
    });
    let columns = columns.collect();
    let cells = numbers.iter().map(|&number| PartCell {
        id: cell_id(number),
        seed: u64::from(number) << 40,
        variant: 0,
        status: CellStatus::Complete,
        diverged_epoch: None,
        wall_seconds: 0.25,
        failure: String::new(),
    });
    let origin = Origin {
        host: "n1".into(),
        rank: 3,
        device: "flex".into(),
        engine: "kernel".into(),
        version: "0.1.0".into(),
        git_commit: String::new(),
        peak_memory: Some(1 << 30),
    };
    Part {
        cohort: CohortId(cohort),
        cells: cells.collect(),
        variants: vec!["{\"a\":\"ü\"}".into()],
        origin,
        axes,
        columns,
    }
}

/// A cell that failed, in a part without columns.
pub(crate) fn failed(cohort: u64, number: u32) -> Part {
    let mut part = part(cohort, &[number], Axes::default());
    part.cells[0].status = CellStatus::Failed;
    part.cells[0].failure = "it took its rank down twice".into();
    part
}
