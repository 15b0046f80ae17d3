//! Disks that are full or read-only, parts that are torn, foreign or from the future, two runs on one directory: told in
//! a sentence, with the right exit code, and mended by running again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::rig::{expect_code, finish, phasesweep, processes, results, run, said, signal, wait, write_sweep};

/// A tmpfs of so many KiB, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, with a word, where mounting is not permitted.
    fn mount(at: &Path, kib: usize) -> Option<SmallDisk> {
        fs::create_dir_all(at).expect("a directory");
        let options = format!("size={kib}k");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).stderr(Stdio::null()).status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!("not tested: a full disk (mounting a tmpfs is not permitted here)");
            return None;
        }
        Some(SmallDisk(at.to_owned()))
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status();
        assert!(status.is_ok_and(|status| status.success()), "remount {options}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn parts(out: &Path) -> Vec<PathBuf> {
    let mut parts: Vec<PathBuf> = fs::read_dir(out.join("parts"))
        .map(|entries| {
            entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|e| e == "h5"))
                .collect()
        })
        .unwrap_or_default();
    parts.sort();
    parts
}

#[test]
fn a_full_disk_ends_the_run_with_a_sentence_and_space_mends_it() {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let sweep = write_sweep(dir.path(), 40, 200);
    let unbroken = dir.path().join("unbroken");
    expect_code(&mut run(1, &sweep, &unbroken), 0);
    for ranks in [1, 2] {
        let Some(disk) = SmallDisk::mount(&dir.path().join(format!("disk-{ranks}")), 96) else { return };
        let out = disk.0.join("run");
        let output = finish(&mut run(ranks, &sweep, &out));
        let text = said(&output);
        assert_eq!(output.status.code(), Some(2), "{ranks} rank(s): {text}");
        assert!(text.contains("No space left") && text.contains("free some space"), "{ranks} rank(s): {text}");
        disk.remount("size=64m");
        expect_code(&mut run(ranks, &sweep, &out), 0);
        assert!(results(&out) == results(&unbroken), "{ranks} rank(s)");
    }
}

#[test]
fn a_read_only_disk_is_named() {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let sweep = write_sweep(dir.path(), 1, 5);
    let Some(disk) = SmallDisk::mount(&dir.path().join("disk"), 64) else { return };
    disk.remount("ro");
    for ranks in [1, 2] {
        let output = finish(&mut run(ranks, &sweep, &disk.0.join("run")));
        let text = said(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("read-only") && text.contains("--out"), "{text}");
    }
}

#[test]
fn torn_foreign_and_future_parts_are_told_apart() {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let sweep = write_sweep(dir.path(), 6, 60);
    let out = dir.path().join("run");
    expect_code(&mut run(1, &sweep, &out), 0);
    let unbroken = results(&out);

    // Torn: set aside, its cells trained again.
    let torn = parts(&out)[0].clone();
    let bytes = fs::read(&torn).expect("a part");
    fs::write(&torn, &bytes[..bytes.len() / 2]).expect("it is cut");
    fs::remove_file(out.join("results.h5")).expect("results");
    expect_code(&mut run(1, &sweep, &out), 0);
    assert!(results(&out) == unbroken, "a torn part costs its cells' time only");
    assert!(
        fs::read_dir(out.join("parts")).expect("parts").flatten().any(|e| e.path().to_string_lossy().contains(".torn"))
    );

    // Foreign and from the future: left alone, and said. The version follows the eight bytes that name the format.
    let foreign = out.join("parts/notes.h5");
    fs::write(&foreign, b"\x89HDF\r\n\x1a\nsomebody else's file").expect("a foreign file");
    let mut bytes = fs::read(&torn).expect("the part is there again");
    bytes[8..12].copy_from_slice(&99u32.to_le_bytes());
    let future = out.join("parts/00000000000000ff.h5");
    fs::write(&future, &bytes).expect("a part from the future");
    let output = expect_code(&mut run(1, &sweep, &out), 0);
    let text = said(&output);
    assert!(text.contains("notes.h5") && text.contains("00000000000000ff.h5"), "{text}");
    assert!(foreign.exists() && future.exists(), "what is not understood is left alone");
    let status = said(&expect_code(phasesweep(1).arg("status").arg(&out), 0));
    assert!(status.contains("12 done") && status.contains("not counted"), "{status}");
}

#[test]
fn the_second_of_two_runs_keeps_away_and_can_come_back() {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let sweep = write_sweep(dir.path(), 4, 5);
    let out = dir.path().join("run");
    let mut first = run(1, &sweep, &out)
        .args(["--simulate", "1.5"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let started = Instant::now();
    while !out.join("status.json").exists() && started.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(20));
    }
    for ranks in [1, 2] {
        let text = said(&expect_code(&mut run(ranks, &sweep, &out), 75));
        assert!(text.contains("is in use by process") && text.contains(&first.id().to_string()), "{text}");
    }
    let status = said(&expect_code(phasesweep(1).arg("status").arg(&out), 0));
    assert!(status.contains("running") && status.contains("rank 0"), "{status}");
    assert_eq!(finish(phasesweep(1).arg("collect").arg(&out)).status.code(), Some(75), "cells are missing");
    processes(&first).into_iter().for_each(|pid| signal(pid, "KILL"));
    wait(&mut first, "killed");
    let status = said(&expect_code(phasesweep(1).arg("status").arg(&out), 0));
    assert!(status.contains("NO RUN IS ALIVE"), "{status}");
    expect_code(&mut run(1, &sweep, &out), 0);
    expect_code(phasesweep(1).arg("collect").arg(&out), 0);
}
