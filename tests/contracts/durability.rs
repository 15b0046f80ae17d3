//! A killed run loses nothing that was finished, and ends in the same results.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::rig::{SMALL, expect_code, mpirun, phasesweep, results, sweep_file, train, wait_for};

/// SIGKILL of the whole process at several moments, then a rerun: bit for bit the unbroken results.
#[test]
fn killed_half_way_and_run_again_equals_an_unbroken_run() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), &SMALL.replace("epochs = 120", "epochs = 400"));
    let started = Instant::now();
    let unbroken = train(&mut phasesweep(), &sweep, &dir.path().join("unbroken"));
    let whole = started.elapsed();
    for (nth, share) in [0.3, 0.6, 0.9].into_iter().enumerate() {
        let out = dir.path().join(format!("killed-{nth}"));
        let mut run = phasesweep();
        run.arg("run").arg(&sweep).arg("--out").arg(&out).args(["--checkpoint-seconds", "0.05"]);
        let mut child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(share));
        let _ = child.kill();
        child.wait().unwrap();
        expect_code(phasesweep().arg("run").arg(&sweep).arg("--out").arg(&out).arg("--take-over"), 0);
        assert_eq!(results(&out.join("results.h5")), unbroken, "killed at {share} of the run");
    }
}

/// Starts a run of these settings, and waits until it trains.
fn at_work(sweep: &Path, out: &Path, settings: &[&str]) -> Child {
    let mut run = phasesweep();
    run.arg("run").arg(sweep).arg("--out").arg(out).args(settings);
    let mut child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(&out.join("running"), &mut child);
    child
}

fn interrupt(child: &Child) {
    expect_code(Command::new("kill").args(["-INT", &child.id().to_string()]), 0);
}

/// `timeout` and `mpirun` make two of one SIGINT. One that comes later is a person's who does not wait for the end of an epoch.
#[test]
fn interrupts_that_come_together_are_one_and_a_later_one_ends_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), SMALL);
    let mut child = at_work(&sweep, &dir.path().join("echoes"), &["--set", "train.epochs=1000000"]);
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(50));
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(75), "interrupted and resumable");

    // An epoch of some 150 billion operations, of a run alone and on one thread: many seconds.
    let long = [
        "--set",
        "architecture.hidden=[4000,4000]",
        "--set",
        "subsample.size=1500",
        "--set",
        "sweep.seeds=1",
        "--threads",
        "1",
        "--replicas",
        "1",
    ];
    let mut child = at_work(&sweep, &dir.path().join("meant"), &long);
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(1200));
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130), "ended at once");
}

/// SIGTERM checkpoints, ends with 75, and the same command goes on to the unbroken results.
#[test]
fn a_terminated_run_is_resumable_under_mpi() {
    let dir = tempfile::tempdir().unwrap();
    // Long enough that the signal finds it at work on a fast machine, too.
    let sweep = sweep_file(dir.path(), &SMALL.replace("epochs = 120", "epochs = 20000"));
    let unbroken = train(&mut phasesweep(), &sweep, &dir.path().join("unbroken"));
    let out = dir.path().join("broken");
    let mut run = mpirun(2);
    run.arg("run").arg(&sweep).arg("--out").arg(&out);
    let mut child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(&out.join("running"), &mut child);
    std::thread::sleep(Duration::from_millis(300));
    // mpirun passes SIGUSR1 on to every rank, as Slurm's --signal does.
    expect_code(Command::new("kill").args(["-USR1", &child.id().to_string()]), 0);
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(75), "interrupted and resumable");
    expect_code(mpirun(2).arg("run").arg(&sweep).arg("--out").arg(&out), 0);
    assert_eq!(results(&out.join("results.h5")), unbroken);
}
