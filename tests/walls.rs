//! The walls between the rooms of `src`, read off the `use` lines and paths of the sources: what a room must never know.
//! DESIGN.md says why. A wall that is broken today is named below with a reason; no other may break, and one that is
//! mended must leave the list.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A room, and the rooms that it must never import.
const NEVER: [(&str, &[&str]); 13] = [
    // A question knows no tensors, ranks or disks.
    ("sweep", &["plan", "train", "observe", "dispatch", "store", "run_directory", "session", "cli"]),
    ("plan", &["train", "observe", "dispatch", "store", "run_directory", "session", "cli"]),
    // Samples know no networks.
    ("data", &["plan", "train", "observe", "dispatch", "store", "run_directory", "session", "slurm", "cli"]),
    // What is measured stands under who trains it.
    ("observe", &["plan", "train", "dispatch", "store", "run_directory", "session", "slurm", "cli"]),
    // A trainer knows no MPI, no files, no jobs.
    ("train", &["plan", "dispatch", "store", "run_directory", "session", "slurm", "cli"]),
    // Names and bytes, not engines.
    ("store", &["train", "dispatch", "run_directory", "session", "slurm", "cli"]),
    // A cell is a number there.
    ("dispatch", &["plan", "sweep", "train", "observe", "store", "run_directory", "session", "slurm", "cli"]),
    ("run_directory", &["train", "session", "cli"]),
    // Geometry of kept networks.
    ("linear_regions", &["plan", "train", "dispatch", "store", "run_directory", "session", "slurm", "cli"]),
    ("slurm", &["train", "observe", "dispatch", "run_directory", "session", "cli"]),
    ("host", &["plan", "sweep", "train", "observe", "dispatch", "store", "run_directory", "session", "cli"]),
    // Everything else stands on the session and the command line: nothing above them but `main`.
    ("session", &["cli"]),
    // No science in the command line.
    ("cli", &["train", "observe"]),
];

/// Walls that are broken today, each with what has to move before it stands.
const BROKEN: [(&str, &str); 2] = [
    // The columns of a part are made from the trainer's record: one registry of observables will make them.
    ("store", "train"),
    // The choice of a device and of an engine is parsed by the types that hold it.
    ("cli", "train"),
];

/// The sources under a folder, tests apart.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            // The kernel and the optimisers are crates: the compiler keeps their walls.
            if name != "tests" && !path.join("Cargo.toml").exists() {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_room_knows_what_it_must_not() {
    let root = Path::new("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 100, "the sources were not found under {}", root.display());
    let mut broken = BTreeSet::new();
    let mut new = Vec::new();
    for path in files {
        let inside = path.strip_prefix(&root).expect("a path under src");
        let room = inside.iter().next().unwrap_or_default().to_string_lossy().trim_end_matches(".rs").to_owned();
        let Some((_, forbidden)) = NEVER.iter().find(|(name, _)| *name == room) else { continue };
        let text = fs::read_to_string(&path).expect("a source file");
        // A file's own tests may bring rooms together.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        for (line, other) in lines.flat_map(|line| forbidden.iter().map(move |other| (line, *other))) {
            let named = |pattern: String| {
                line.match_indices(&pattern).any(|(at, _)| {
                    let after = line[at + pattern.len()..].chars().next();
                    after.is_none_or(|next| !(next.is_alphanumeric() || next == '_'))
                })
            };
            if !named(format!("crate::{other}")) {
                continue;
            }
            broken.insert((room.clone(), other));
            if !BROKEN.contains(&(room.as_str(), other)) {
                new.push(format!("{}: {}", inside.display(), line.trim()));
            }
        }
    }
    assert!(new.is_empty(), "these lines break a wall of DESIGN.md:\n{}", new.join("\n"));
    for (room, other) in BROKEN {
        assert!(broken.contains(&(room.to_owned(), other)), "{room} → {other} stands again: take it off the list");
    }
}
