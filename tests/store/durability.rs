//! Durable writes: kill -9 in the middle, full and read-only disks.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use phasesweep::plan::{CellId, CohortId};
use phasesweep::store::{Checkpoint, Part, RunDirectory, SavedState, StoreError, Values, collect, durable, scan};

use crate::collected::provenance;
use crate::samples::{axes, cell_id, part};

/// Starts one test of this binary as a process of its own, with a directory to work in.
pub(crate) fn child(test: &str, directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("PHASESWEEP_TEST_DIRECTORY", directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// The directory to work in, in such a process.
pub(crate) fn child_directory() -> Option<PathBuf> {
    std::env::var_os("PHASESWEEP_TEST_DIRECTORY").map(PathBuf::from)
}

/// Waits until the condition holds; fails after two minutes, which only a hung process takes.
pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(120), "waited in vain");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Not a test of its own: writes one file again and again, slowly, until it is killed.
#[test]
fn writer() {
    let Some(directory) = child_directory() else { return };
    for round in 0..=255u8 {
        durable::write_with(&directory.join("file"), |file| {
            for _ in 0..64 {
                file.write_all(&[round; 4096])?;
            }
            Ok(())
        })
        .unwrap();
    }
}

#[test]
fn killed_in_the_middle_the_old_content_stays_whole() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    let mut partials = 0;
    for round in 0..12 {
        durable::write(&file, &[0xee; 4096 * 64]).unwrap();
        let mut writer = child("durability::writer", directory.path());
        wait_until(|| fs::read(&file).unwrap()[0] != 0xee);
        // Different moments of the cycle of writing, syncing and renaming.
        std::thread::sleep(Duration::from_micros(700 * round));
        writer.kill().unwrap();
        writer.wait().unwrap();
        let content = fs::read(&file).unwrap();
        assert_eq!(content.len(), 4096 * 64);
        assert!(content.iter().all(|&byte| byte == content[0]), "a mixture");
        partials += durable::remove_partials(directory.path()).unwrap();
    }
    println!("{partials} temporary files were left by 12 kills, and removed");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

/// A small file system of its own; `None`, with a word, where mounting is not permitted.
struct Disk(PathBuf);

impl Disk {
    fn mount(directory: &Path, options: &str) -> Option<Disk> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(directory).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Disk(directory.to_owned())),
            _ => {
                println!("skipped: mounting a tmpfs is not permitted here");
                None
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_full_disk_is_told_and_leaves_what_was_there() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(_disk) = Disk::mount(scratch.path(), "size=192k") else { return };
    let path = scratch.path().join("1.h5");
    let small = part(1, &[1, 2], axes(&[0, 1], &[1], 2, &[0], 1));
    small.write(&path).unwrap();
    let large = part(1, &[1, 2], axes(&(0..20_000).collect::<Vec<_>>(), &[1], 2, &[0], 1));
    let told = |result: Result<(), StoreError>| {
        let error = result.unwrap_err();
        assert!(error.is_disk_full(), "{error}");
        assert!(error.to_string().contains("free some space"), "{error}");
        assert_eq!(names(scratch.path()), ["1.h5"]);
    };
    told(large.write(&path));
    assert_eq!(Part::read(&path).unwrap(), small);
    let checkpoint = Checkpoint {
        cohort: CohortId(1),
        cells: vec![CellId([0; 16])],
        wall_seconds: 0.0,
        states: vec![SavedState {
            epoch: 0,
            diverged: None,
            arrays: vec![("parameters".to_owned(), Values::F32(vec![0.5; 100_000]))],
        }],
    };
    told(checkpoint.write(&scratch.path().join("1.ckpt")));

    // Results go through HDF5's own writing.
    let parts = tempfile::tempdir().unwrap();
    let epochs: Vec<_> = (0..20_000).collect();
    let mut noisy = part(1, &[1, 2], axes(&epochs, &[1], 2, &[0], 1));
    for column in &mut noisy.columns {
        if let phasesweep::store::Values::F32(values) = &mut column.values {
            // What does not compress.
            values
                .iter_mut()
                .enumerate()
                .for_each(|(k, v)| *v = f32::from_bits((k as u32).wrapping_mul(0x9e37_79b1) >> 1));
        }
    }
    noisy.write(&parts.path().join("1.h5")).unwrap();
    let cells = [cell_id(1), cell_id(2)];
    let out = scratch.path().join("results.h5");
    told(collect(scan(parts.path()).unwrap(), Vec::new(), &cells, &[], &provenance(), &out).map(drop));
    // The process is still able to work: elsewhere, and here once there is room.
    collect(scan(parts.path()).unwrap(), Vec::new(), &cells, &[], &provenance(), &parts.path().join("results.h5"))
        .unwrap();
    small.write(&path).unwrap();
}

#[test]
fn a_read_only_disk_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(_disk) = Disk::mount(scratch.path(), "ro") else { return };
    let run = RunDirectory::at(scratch.path().join("run"));
    let error = run.create().unwrap_err().to_string();
    assert!(error.contains("read-only") && error.contains("--out"), "{error}");
    let error = durable::write(&scratch.path().join("file"), b"").unwrap_err().to_string();
    assert!(error.contains("read-only"), "{error}");
}

#[test]
fn a_failed_fill_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    durable::write(&path, b"old").unwrap();
    let failed = durable::write_with(&path, |file| {
        file.write_all(b"new")?;
        Err(std::io::Error::other("the writer changed its mind"))
    });
    assert!(failed.unwrap_err().to_string().contains("changed its mind"));
    assert_eq!(names(directory.path()), ["file"]);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    let nowhere = durable::write(&directory.path().join("no/such"), b"").unwrap_err();
    assert!(nowhere.to_string().contains("no/such"), "{nowhere}");
}
