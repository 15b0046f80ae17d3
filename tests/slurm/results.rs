//! What a results file says of its cells, read without phasesweep's own reader.

use std::path::Path;

/// One cell: its seed and its training losses as bits, so that a missing one (NaN) equals itself; none of a cell whose
/// training was pretended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    pub(crate) seed: u64,
    pub(crate) losses: Vec<u32>,
}

/// The cells of `results.h5`, in the order of their seeds.
///
/// # Panics
/// If the file is not there or lacks `seed(cell)`.
pub(crate) fn cells(path: &Path) -> Vec<Cell> {
    let file = hdf5::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let seeds = file.dataset("seed").and_then(|seeds| seeds.read_raw::<u64>()).expect("seed(cell)");
    let losses: Vec<Vec<u32>> = match file.dataset("train_loss") {
        Ok(losses) => {
            let epochs = losses.shape()[1];
            let losses = losses.read_raw::<f32>().expect("train_loss(cell, epoch)");
            losses.chunks(epochs.max(1)).map(|cell| cell.iter().map(|loss| loss.to_bits()).collect()).collect()
        }
        Err(_) => vec![Vec::new(); seeds.len()],
    };
    let mut cells: Vec<Cell> = seeds.into_iter().zip(losses).map(|(seed, losses)| Cell { seed, losses }).collect();
    cells.sort_unstable();
    cells
}
