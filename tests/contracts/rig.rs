//! Runs the binary and reads what it wrote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use phasesweep_results::Dtype;

pub(crate) use crate::exit_code::expect_code;

/// Two cells that train in a moment.
pub(crate) const BASE: &str = r#"[sweep]
name = "base"
seeds = 2
[[data]]
source = "digits"
labels = "parity"
[[subsample]]
size = 200
[[architecture]]
kind = "mlp"
hidden = [5]
[[optimiser]]
kind = "sgd"
lr = 0.2
[train]
epochs = 30
"#;

/// A sweep that trains in about a second: digits, two learning rates, six seeds.
pub(crate) const SMALL: &str = r#"
[sweep]
name = "small"
seeds = { count = 6 }

[[data]]
source = "digits"
labels = "parity"

[[subsample]]
size = 700
block = 0

[[architecture]]
kind = "mlp"
hidden = [12]
activation = "tanh"

[[optimiser]]
kind = "sgd"
lr = [0.2, 0.4]

[train]
epochs = 120
loss = "cross-entropy"
batch = "full"

[observe]
misclassified = { at = "log" }
"#;

/// The binary under test, with threads pinned and no inherited settings.
pub(crate) fn phasesweep() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phasesweep"));
    isolate(&mut command);
    command
}

/// The binary under mpirun on so many ranks; `PHASESWEEP_MPIRUN` names another library's. What only Open MPI must be told
/// is told by its variables, which others ignore.
pub(crate) fn mpirun(ranks: usize) -> Command {
    let mut command = Command::new(std::env::var_os("PHASESWEEP_MPIRUN").unwrap_or_else(|| "mpirun".into()));
    command.env("OMPI_MCA_rmaps_base_oversubscribe", "1").args([
        "-n",
        &ranks.to_string(),
        env!("CARGO_BIN_EXE_phasesweep"),
    ]);
    isolate(&mut command);
    // Continuous integration runs as root in a container; Open MPI wants to be told.
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command
}

fn isolate(command: &mut Command) {
    command.env("XDG_CACHE_HOME", std::env::temp_dir().join("phasesweep-test-cache")).env_remove("PHASESWEEP_LOG");
}

/// Writes a sweep file into a directory.
pub(crate) fn sweep_file(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("sweep.toml");
    std::fs::write(&path, text).expect("a scratch directory is writable");
    path
}

/// Everything measured of each cell but for 64-bit numbers, as bits, by cell id: variable name → values.
pub(crate) type Results = BTreeMap<String, BTreeMap<String, Vec<u32>>>;

/// Reads the measurements of every cell from a results file.
pub(crate) fn results(path: &Path) -> Results {
    let file = hdf5::File::open(path).expect("results.h5 opens");
    let ids: Vec<hdf5::types::VarLenUnicode> = file.dataset("cell_id").unwrap().read_raw().unwrap();
    let mut out: Results = ids.iter().map(|id| (id.as_str().to_string(), BTreeMap::new())).collect();
    assert_eq!(out.len(), ids.len(), "no cell is counted twice");
    for variable in phasesweep::observables::VARIABLES.iter().filter(|variable| variable.dtype != Dtype::F64) {
        let name = variable.name;
        let Ok(dataset) = file.dataset(name) else { continue };
        let shape = dataset.shape();
        let per_cell: usize = shape[1..].iter().product();
        let bits: Vec<u32> = if variable.dtype == Dtype::U8 {
            dataset.read_raw::<u8>().unwrap().into_iter().map(u32::from).collect()
        } else {
            dataset.read_raw::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
        };
        for (cell, id) in ids.iter().enumerate() {
            let values = bits[cell * per_cell..(cell + 1) * per_cell].to_vec();
            out.get_mut(id.as_str()).unwrap().insert(name.to_string(), values);
        }
    }
    out
}

/// Trains a sweep in a directory of its own with a command, and reads the results.
pub(crate) fn train(command: &mut Command, sweep: &Path, out: &Path) -> Results {
    expect_code(command.arg("run").arg(sweep).arg("--out").arg(out), 0);
    results(&out.join("results.h5"))
}

/// Waits until there is something in a folder, as in `running` while a cohort is at work, or the child that fills it has ended.
pub(crate) fn wait_for(folder: &Path, child: &mut Child) {
    let deadline = Instant::now() + Duration::from_secs(120);
    let there = || std::fs::read_dir(folder).map_or(0, Iterator::count) > 0;
    while !there() && Instant::now() < deadline && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(10));
    }
}
