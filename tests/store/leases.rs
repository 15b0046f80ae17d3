//! Leases: real processes on one directory.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use phasesweep::store::StoreError;
use phasesweep::store::lease::{Lease, Timing, holder};
use serde_json::Value;

use crate::durability::{child, child_directory, wait_until};

/// Fast, so that the tests are.
const TIMING: Timing = Timing { renew: Duration::from_millis(40), patience: Duration::from_millis(600) };

/// Not a test of its own: takes the lease and holds it until it is killed, or for ten seconds.
#[test]
fn keeper() {
    let Some(directory) = child_directory() else { return };
    let _lease = Lease::acquire(&directory.join("lease"), TIMING).unwrap();
    fs::write(directory.join("taken"), "").unwrap();
    std::thread::sleep(Duration::from_secs(10));
}

/// Makes the lease look as if its holder ran on another host.
fn move_elsewhere(path: &Path) -> Value {
    let mut lease: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    lease["place"]["boot"] = "another boot".into();
    fs::write(path, serde_json::to_vec(&lease).unwrap()).unwrap();
    lease
}

#[test]
fn a_second_run_is_refused_until_the_first_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lease");
    let mut keeper = child("leases::keeper", directory.path());
    wait_until(|| directory.path().join("taken").exists());
    let refused = Lease::acquire(&path, TIMING).unwrap_err();
    assert!(matches!(refused, StoreError::Held { .. }));
    assert!(refused.to_string().contains(&format!("process {}", keeper.id())), "{refused}");
    assert!(refused.to_string().contains("--out"), "{refused}");
    // Killed, it leaves its lease, and even unreaped it counts as gone: no waiting on the same host.
    keeper.kill().unwrap();
    let begun = Instant::now();
    let lease = loop {
        // The kill may need a moment to reach it.
        match Lease::acquire(&path, TIMING) {
            Ok(lease) => break lease,
            Err(StoreError::Held { .. }) => assert!(begun.elapsed() < Duration::from_secs(5)),
            Err(other) => panic!("{other}"),
        }
    };
    keeper.wait().unwrap();
    assert_eq!(holder(&path).unwrap().unwrap().0.pid, std::process::id());
    lease.check().unwrap();
    drop(lease);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "only `taken` is left");
}

#[test]
fn a_silent_holder_elsewhere_is_taken_over_after_the_patience() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lease");
    let first = Lease::acquire(&path, Timing { renew: Duration::from_secs(60), ..TIMING }).unwrap();
    move_elsewhere(&path);
    let begun = Instant::now();
    let second = Lease::acquire(&path, TIMING).unwrap();
    assert!(begun.elapsed() >= TIMING.patience);
    drop(first);
    assert!(path.exists(), "who lost the lease does not remove the other's");
    drop(second);
    assert!(!path.exists());
}

#[test]
fn a_beating_holder_elsewhere_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lease");
    let first = Lease::acquire(&path, Timing { renew: Duration::from_secs(60), ..TIMING }).unwrap();
    let mut lease = move_elsewhere(&path);
    let beating = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| Lease::acquire(&path, TIMING));
        // Beats slowly, yet within the patience.
        std::thread::sleep(Duration::from_millis(300));
        lease["beat"] = 41.into();
        fs::write(&path, serde_json::to_vec(&lease).unwrap()).unwrap();
        watcher.join().unwrap()
    });
    assert!(matches!(beating, Err(StoreError::Held { .. })), "{beating:?}");
    drop(first);
}

#[test]
fn who_was_taken_over_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lease");
    let lease = Lease::acquire(&path, TIMING).unwrap();
    lease.check().unwrap();
    let mut other: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    other["nonce"] = 1.into();
    other["place"]["host"] = "usurper".into();
    fs::remove_file(&path).unwrap();
    fs::write(&path, serde_json::to_vec(&other).unwrap()).unwrap();
    wait_until(|| lease.check().is_err());
    let told = lease.check().unwrap_err().to_string();
    assert!(told.contains("usurper"), "{told}");
    drop(lease);
    assert!(path.exists());
}

#[test]
fn of_many_that_start_at_once_exactly_one_gets_it() {
    for stale in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lease");
        if stale {
            fs::write(&path, "{ torn").unwrap();
        }
        let taken = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| Lease::acquire(&path, TIMING))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
        });
        let held: Vec<_> = taken.iter().flatten().collect();
        assert_eq!(held.len(), 1, "stale: {stale}");
        std::thread::sleep(3 * TIMING.renew);
        held[0].check().unwrap();
        for refused in taken.iter().filter_map(|one| one.as_ref().err()) {
            assert!(matches!(refused, StoreError::Held { .. }), "{refused}");
        }
        drop(taken);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "stale: {stale}");
    }
}
