//! Runs the binary, and makes a small run for it to look at.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use crate::exit_code::expect_code;

/// Four cells that train in a moment.
pub(crate) const SMALL: &str = r#"[sweep]
name = "small"
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
lr = [0.2, 0.4]
[train]
epochs = 30
"#;

/// The binary under test, without inherited settings.
pub(crate) fn phasesweep() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phasesweep"));
    command.env("XDG_CACHE_HOME", std::env::temp_dir().join("phasesweep-test-cache"));
    command.env_remove("PHASESWEEP_LOG").env_remove("PHASESWEEP_TOKEN").env_remove("NO_COLOR");
    command
}

/// A finished run of [`SMALL`] in a directory.
pub(crate) fn small_run(directory: &Path) -> PathBuf {
    let sweep = directory.join("sweep.toml");
    std::fs::write(&sweep, SMALL).unwrap();
    let out = directory.join("small");
    expect_code(phasesweep().arg("run").arg(&sweep).arg("--out").arg(&out).arg("--quiet"), 0);
    out
}

/// Whether phasesweep-report was built beside the binary under test; says so where it was not.
pub(crate) fn has_report() -> bool {
    let there = Path::new(env!("CARGO_BIN_EXE_phasesweep")).with_file_name("phasesweep-report").is_file();
    if !there {
        println!("skipped what needs phasesweep-report: it was not built");
    }
    there
}
