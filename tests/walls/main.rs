//! The walls between the rooms of `src`, read off the `use` lines and paths of the sources: what a room must never know.
//! DESIGN.md says why. No two files import each other in a circle: whoever reads one can stop there.

mod imports;
mod sources;

use std::collections::BTreeSet;
use std::path::Path;

/// A room, and the rooms that it must never import.
const NEVER: [(&str, &[&str]); 15] = [
    // What a key is knows nothing of who declares it.
    (
        "key",
        &["data", "plan", "sweep", "train", "observe", "dispatch", "store", "run_directory", "session", "slurm", "cli"],
    ),
    // A question knows no tensors, ranks or disks.
    ("sweep", &["plan", "train", "observe", "dispatch", "store", "run_directory", "session", "cli"]),
    ("plan", &["train", "observe", "dispatch", "store", "run_directory", "session", "cli"]),
    // Samples know no networks.
    (
        "data",
        &["plan", "train", "observe", "observables", "dispatch", "store", "run_directory", "session", "slurm", "cli"],
    ),
    // What is measured stands under who trains it, and under the sweep: an observable says what its table in `[observe]`
    // may hold, and the reader of sweep files asks it. Settings and keys are plain data; to measure takes a network and
    // samples, which a question never has.
    ("observables", &["plan", "sweep", "train", "dispatch", "store", "run_directory", "session", "slurm", "cli"]),
    // A network on the host.
    ("observe", &["plan", "observables", "train", "dispatch", "store", "run_directory", "session", "slurm", "cli"]),
    // A trainer knows no MPI, no files, no jobs.
    ("train", &["plan", "dispatch", "store", "run_directory", "session", "slurm", "cli"]),
    // Names and bytes, not engines.
    ("store", &["train", "dispatch", "run_directory", "session", "slurm", "cli"]),
    // A cell is a number there.
    (
        "dispatch",
        &["plan", "sweep", "train", "observe", "observables", "store", "run_directory", "session", "slurm", "cli"],
    ),
    ("run_directory", &["train", "session", "cli"]),
    // Geometry of kept networks.
    ("linear_regions", &["plan", "train", "dispatch", "store", "run_directory", "session", "slurm", "cli"]),
    ("slurm", &["train", "observe", "observables", "dispatch", "run_directory", "session", "cli"]),
    (
        "host",
        &["plan", "sweep", "train", "observe", "observables", "dispatch", "store", "run_directory", "session", "cli"],
    ),
    // Everything else stands on the session and the command line: nothing above them but `main`.
    ("session", &["cli"]),
    // No science in the command line.
    ("cli", &["train", "observe", "observables"]),
];

/// Files within a room that stand lower than the rest of it, and what they must never import: the sources of data declare
/// their keys and decode samples, and the sweep file's tables read those keys from them (`sweep` → `data/sources`). What is
/// made of the samples of a sweep (blocks, classes, scaling) is above both.
const LOWER: [&str; 11] = [
    "data/sources",
    "data/arrays",
    "data/catalogue.rs",
    "data/cifar.rs",
    "data/error.rs",
    "data/idx.rs",
    "data/idx_files.rs",
    "data/locate.rs",
    "data/matrix.rs",
    "data/recognise.rs",
    "data/stream.rs",
];
const ABOVE_SOURCES: [&str; 4] = ["sweep", "data::Pool", "data::Block", "data::Census"];

/// What `sweep` may name of `data`.
const SWEEP_TAKES: &str = "crate::data::sources";

#[test]
fn no_room_knows_what_it_must_not() {
    let sources = sources::read(Path::new("src"));
    assert!(sources.len() > 100, "the sources were not found");
    let mut broken = Vec::new();
    for source in &sources {
        let room = source.module.first().map_or("", String::as_str);
        let of_room = NEVER.iter().filter(|(name, _)| *name == room).flat_map(|(_, forbidden)| forbidden.iter());
        let lower = LOWER.iter().any(|path| source.path.starts_with(path)).then_some(&ABOVE_SOURCES);
        let forbidden: Vec<&str> = of_room.chain(lower.into_iter().flatten()).copied().collect();
        if room == "sweep" {
            let strange =
                source.code.lines().filter(|line| line.contains("crate::data") && !line.contains(SWEEP_TAKES));
            broken.extend(strange.map(|line| format!("{}: {}", source.path.display(), line.trim())));
        }
        for (line, other) in source.code.lines().flat_map(|line| forbidden.iter().map(move |other| (line, *other))) {
            // The command line is the binary's, and sees the library from outside.
            let named = [format!("crate::{other}"), format!("phasesweep::{other}")].iter().any(|pattern| {
                line.match_indices(pattern).any(|(at, _)| {
                    let after = line[at + pattern.len()..].chars().next();
                    after.is_none_or(|next| !(next.is_alphanumeric() || next == '_'))
                })
            });
            if named {
                broken.push(format!("{}: {}", source.path.display(), line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "these lines break a wall of DESIGN.md:\n{}", broken.join("\n"));
}

#[test]
fn no_two_files_import_each_other_in_a_circle() {
    let mut found = 0;
    for root in ["src", "src/kernel", "src/networks", "src/optimisers", "analysis/contract/src", "analysis/src"] {
        let sources = sources::read(Path::new(root));
        let arrows = imports::arrows(&sources);
        found += arrows.iter().map(BTreeSet::len).sum::<usize>();
        let reach: Vec<BTreeSet<usize>> = (0..sources.len()).map(|place| reachable(&arrows, place)).collect();
        let circles: Vec<String> = (0..sources.len())
            .filter(|&place| reach[place].contains(&place))
            .map(|place| {
                let back = arrows[place].iter().filter(|&&to| reach[to].contains(&place));
                let back: Vec<String> = back.map(|&to| sources[to].path.display().to_string()).collect();
                format!("{root}/{} → {}", sources[place].path.display(), back.join(", "))
            })
            .collect();
        assert!(circles.is_empty(), "these files import each other in a circle:\n{}", circles.join("\n"));
    }
    // Were hardly any found, the search would be at fault.
    assert!(found > 500, "only {found} imports were found");
}

#[test]
fn no_section_of_the_report_knows_another_one() {
    let sources = sources::read(Path::new("analysis/src"));
    let section = |source: &sources::Source| match source.module.as_slice() {
        [first, section, ..] if first == "sections" && section != "section" => Some(section.clone()),
        _ => None,
    };
    let sections: BTreeSet<String> = sources.iter().filter_map(section).collect();
    assert!(sections.len() > 5, "the sections were not found: {sections:?}");
    for source in &sources {
        let Some(mine) = section(source) else { continue };
        for other in sections.iter().filter(|other| **other != mine) {
            let named = source.code.contains(&format!("sections::{other}::"));
            assert!(!named, "{}: {mine} imports {other}", source.path.display());
        }
    }
}

/// All that can be reached from a place by one arrow or more.
fn reachable(arrows: &[BTreeSet<usize>], from: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut next: Vec<usize> = arrows[from].iter().copied().collect();
    while let Some(place) = next.pop() {
        if found.insert(place) {
            next.extend(arrows[place].iter().copied());
        }
    }
    found
}

#[test]
fn what_is_read_is_code() {
    let text = "use a::b; // use c::d;\nlet s = \"use e::f;\"; let q = '\"'; fn f<'a>() {}\n#[cfg(test)]\nmod tests { use g::h; }\nuse i::j;";
    let sources = sources::blanked(text);
    assert_eq!(sources.lines().count(), text.lines().count());
    for (path, stays) in [("a::b", true), ("c::d", false), ("e::f", false), ("fn f<'a>", true), ("i::j", true)] {
        assert_eq!(sources.contains(path), stays, "{path} in {sources:?}");
    }
}
