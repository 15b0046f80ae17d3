//! What a cohort costs the file server: operations on the metadata of a shared file system, counted by strace.

use std::path::Path;
use std::process::Command;

use crate::rig::{BASE, sweep_file};

/// Operations of one cohort: the note that it is at work (create, rename, and unlink at its end), a look for a checkpoint, a
/// look for a part of its name, and the part (create, sync, rename; open and sync of the directory).
const OF_A_COHORT: usize = 10;

/// Calls on files in the run directory, and listings among them, while so many cohorts of one cell are trained.
fn calls(dir: &Path, cohorts: usize) -> (usize, usize) {
    let text = BASE.replace("seeds = 2", &format!("seeds = {cohorts}")).replace("epochs = 30", "epochs = 2");
    let (sweep, out, log) = (sweep_file(dir, &text), dir.join(format!("out-{cohorts}")), dir.join("calls"));
    let status = Command::new("strace")
        .args(["-f", "-qq", "-y", "-e", "trace=%file,fsync,fdatasync,getdents64", "-o"])
        .arg(&log)
        .arg(env!("CARGO_BIN_EXE_phasesweep"))
        .arg("run")
        .arg(sweep)
        .arg("--out")
        .arg(&out)
        .args(["--replicas", "1", "--threads", "1", "--no-collect", "--quiet"])
        .env("XDG_CACHE_HOME", dir.join("cache"))
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(std::fs::read_dir(out.join("parts")).unwrap().count(), cohorts);
    let log = std::fs::read_to_string(log).unwrap();
    let inside = out.display().to_string();
    // What is written every few seconds depends on the machine, not on the cohorts; a call during which another thread
    // called has a second line, of its end.
    let of_run = |line: &&str| {
        line.contains(&inside)
            && !line.contains("status.json")
            && !line.contains("/lease")
            && !line.contains(" resumed>")
    };
    let lines: Vec<&str> = log.lines().filter(of_run).collect();
    (lines.len(), lines.iter().filter(|line| line.contains("getdents64(")).count())
}

#[test]
fn a_cohort_takes_ten_operations_on_metadata_and_no_listing() {
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!("not tested: strace is not installed");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (few, many) = (calls(dir.path(), 10), calls(dir.path(), 30));
    assert_eq!(many.0 - few.0, 20 * OF_A_COHORT);
    assert_eq!(many.1, few.1, "listings grow with the cohorts");
}
