//! What a results file says of its cells, read without phasesweep's own reader.

use std::path::Path;

/// One cell: its seed and its training losses as bits, so that a missing one (NaN) equals itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    pub(crate) seed: u64,
    pub(crate) losses: Vec<u32>,
}

/// The cells of `results.h5`, in the order of their seeds.
///
/// # Panics
/// If the file is not there or lacks `seed(cell)` or `train_loss(cell, epoch)`.
pub(crate) fn cells(path: &Path) -> Vec<Cell> {
    let file = hdf5::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let seeds = file.dataset("seed").and_then(|seeds| seeds.read_raw::<u64>()).expect("seed(cell)");
    let losses = file.dataset("train_loss").expect("train_loss(cell, epoch)");
    let epochs = losses.shape()[1];
    let losses = losses.read_raw::<f32>().expect("train_loss(cell, epoch)");
    let losses = losses.chunks(epochs.max(1)).map(|cell| cell.iter().map(|loss| loss.to_bits()).collect());
    let mut cells: Vec<Cell> = seeds.into_iter().zip(losses).map(|(seed, losses)| Cell { seed, losses }).collect();
    cells.sort_unstable();
    cells
}
