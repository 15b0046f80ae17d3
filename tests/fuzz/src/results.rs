//! The report's reader of `results.h5`: everything that a report reads of a file, without what it draws.
//!
//! The first byte of an input says what follows: an odd one edits (see `edits`) of a sound results file, an even one the
//! bytes of a whole file.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use phasesweep_analysis::groups::Groups;
use phasesweep_analysis::results::Results;
use phasesweep_analysis::sections::{gradient_flows, local_complexity};
use phasesweep_analysis::stragglers;
use phasesweep_analysis::{Options, turning};

use crate::{edits, fixture};

/// Variables and attributes that edits pick from.
const NAMES: [&str; 46] = [
    "cell_id",
    "seed",
    "status",
    "data",
    "subsample",
    "architecture",
    "optimiser",
    "prune",
    "samples",
    "wall_seconds",
    "lr",
    "epoch",
    "layer",
    "class",
    "pair",
    "noise",
    "snapshot_epoch",
    "train_loss",
    "train_error",
    "test_error",
    "noisy_error",
    "radius",
    "distance",
    "misclassified",
    "misclassified_count",
    "block_images",
    "block_labels",
    "format",
    "format_version",
    "title",
    "sweep_file",
    "variant",
    "lc_points",
    "lc_radius",
    "lc_layer",
    "lc_epoch",
    "local_complexity",
    "pgd_norm",
    "pgd_epsilon",
    "pgd_epoch",
    "robust_error",
    "stage",
    "flow_stop",
    "flow_time",
    "stage_test_error",
    "compression",
];

/// A sound file.
fn sound() -> &'static [u8] {
    static SOUND: OnceLock<Vec<u8>> = OnceLock::new();
    SOUND.get_or_init(|| {
        let path = file("sound.h5");
        let cell = |seed, turns_at| {
            fixture::Cell::new(if seed % 2 == 0 { "mlp 10 tanh" } else { "mlp 20 tanh" }, seed, turns_at)
        };
        let cells: Vec<fixture::Cell> = (0..6).map(|seed| cell(seed, 30 + 5 * seed as usize)).collect();
        fixture::write(&path, &cells, fixture::Holds::default()).expect("the fixture can be written");
        std::fs::read(&path).expect("the fixture can be read")
    })
}

/// A file of this process in memory.
fn file(name: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = folder.join(format!("phasesweep-results-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("there is room for scratch files");
    folder.join(name)
}

/// Memory that reading may take: 64 MiB, and what the deflate filter may make of every byte, a factor of 1032, in double
/// precision and twice while it is taken apart.
pub fn most_memory(bytes: &[u8]) -> usize {
    (64 << 20) + 4 * 1032 * (bytes.len() + sound().len())
}

/// Reads all of the file that the bytes spell.
pub fn read(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let path = file("results.h5");
    if kind % 2 == 1 {
        std::fs::write(&path, sound()).expect("there is room for scratch files");
        edits::apply(&path, &NAMES, rest);
    } else {
        std::fs::write(&path, rest).expect("there is room for scratch files");
    }
    let outcome = whole(&path);
    // A sound file that is refused would mean that nothing behind its coordinates is tried.
    assert!(bytes != [1] || outcome.is_ok(), "{outcome:?}");
}

fn whole(path: &Path) -> phasesweep_analysis::Result<()> {
    let options = Options { bootstrap: 100, ..Options::default() };
    let results = Results::open(path)?;
    let _ = Groups::by(&results.cells, &[], path)?;
    let points = turning::inversion::search(&results, &options)?;
    let _ = turning::series::search(&results, &options)?;
    let _ = phasesweep_analysis::tables::frames::turning_points(&results, &points)?;
    let _ = stragglers::read(&results, &points)?;
    let _ = local_complexity::search::search(&results, &options)?;
    let _ = gradient_flows::flows::read(&results)?;
    let _ = (results.block_images()?, results.block_labels()?);
    Ok(())
}

/// Removes this process's scratch files.
pub fn clean() {
    if let Some(folder) = file("").parent() {
        let _ = std::fs::remove_dir_all(folder);
    }
}
