//! Parts: round trips, truncation at every length, versions, foreign files, scans.

use std::fs;

use phasesweep::store::Values;
use phasesweep::store::scan::set_aside;
use phasesweep::store::{Axes, CellStatus, Part, PartSummary, StoreError, scan};
use phasesweep_results::FormatError;
use proptest::prelude::*;

use crate::samples::{axes, cell_id, failed, part};

/// A part as text: floats by their bits, so that NaNs compare.
fn bits(part: &Part) -> String {
    let columns = part.columns.iter().map(|column| match &column.values {
        Values::F32(values) => format!("{} {:?}", column.name, values.iter().map(|v| v.to_bits()).collect::<Vec<_>>()),
        Values::F64(values) => format!("{} {:?}", column.name, values.iter().map(|v| v.to_bits()).collect::<Vec<_>>()),
        Values::U8(values) => format!("{} {values:?}", column.name),
    });
    let columns: Vec<_> = columns.collect();
    format!("{:?} {:?} {:?} {:?} {:?} {columns:?}", part.cohort, part.cells, part.variants, part.origin, part.axes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn read_back_bit_for_bit(
        cells in 1..5u32,
        epochs in proptest::collection::btree_set(0..50usize, 0..5),
        layers in proptest::collection::btree_set(1..5usize, 0..3),
        classes in 0..4usize,
        snapshots in proptest::collection::btree_set(0..50usize, 0..3),
        bytes in 0..5usize,
        noise: Vec<u32>,
        diverged in proptest::option::of(0..1000u32),
    ) {
        let list = |set: std::collections::BTreeSet<usize>| set.into_iter().collect::<Vec<_>>();
        let axes = axes(&list(epochs), &list(layers), classes, &list(snapshots), bytes);
        let mut written = part(7, &(0..cells).collect::<Vec<_>>(), axes);
        written.cells[0].diverged_epoch = diverged;
        written.cells[0].failure = "a\nü".into();
        let floats = written.columns.iter_mut().filter_map(|c| match &mut c.values { Values::F32(v) => Some(v), _ => None });
        for (value, noise) in floats.flatten().zip(noise) {
            *value = f32::from_bits(noise);
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.h5");
        written.write(&path).unwrap();
        let mut read = Part::read(&path).unwrap();
        read.columns.sort_by_key(|column| written.columns.iter().position(|other| other.name == column.name));
        prop_assert_eq!(bits(&read), bits(&written));
        let summary = PartSummary::read(&path).unwrap();
        prop_assert_eq!((summary.host.as_str(), summary.device.as_str(), summary.wall_seconds), ("n1", "flex", 0.25 * f64::from(cells)));
        let ids: Vec<_> = summary.cells.into_iter().map(|(id, _)| id).collect();
        prop_assert_eq!(ids, (0..cells).map(cell_id).collect::<Vec<_>>());
    }
}

#[test]
fn torn_at_every_length_and_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.h5");
    part(7, &[1, 2], axes(&[0, 1], &[1], 2, &[0], 1)).write(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    for length in (0..whole.len()).rev() {
        file.set_len(length as u64).unwrap();
        let summary = PartSummary::read(&path);
        assert!(matches!(summary, Err(StoreError::Torn { .. })), "{length} of {}: {summary:?}", whole.len());
    }
    // Blocks that never reached the disk: the right length, zeros inside. The summary cannot know; the reader must.
    let mut zeros = whole.clone();
    zeros[whole.len() / 2..].fill(0);
    fs::write(&path, &zeros).unwrap();
    assert!(matches!(Part::read(&path), Err(StoreError::Torn { .. })));

    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let found = scan(directory.path()).unwrap();
    assert_eq!((found.done.len(), found.torn.len()), (0, 1));
    let aside = set_aside(&path).unwrap();
    assert_eq!(aside, directory.path().join("a.h5.torn"));
    assert!(scan(directory.path()).unwrap().torn.is_empty());
    part(7, &[1, 2], Axes::default()).write(&path).unwrap();
    fs::write(&path, &whole[..9]).unwrap();
    assert_eq!(set_aside(&path).unwrap(), directory.path().join("a.h5.torn-2"));
    assert_eq!(fs::read(&aside).unwrap().len(), whole.len() - 1);
}

#[test]
fn newer_older_and_foreign_files_are_left_alone_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for name in ["newer.h5", "older.h5", "whole.h5"] {
        part(7, &[1], axes(&[0], &[], 0, &[], 0)).write(&path(name)).unwrap();
    }
    let edit = |name: &str, version: u8| {
        let mut bytes = fs::read(path(name)).unwrap();
        bytes[8] = version;
        fs::write(path(name), bytes).unwrap();
    };
    edit("newer.h5", 200);
    edit("older.h5", 0);
    fs::write(path("foreign.h5"), b"\x89HDF\r\n\x1a\n and the rest").unwrap();
    fs::write(path("notes.txt"), "not looked at").unwrap();
    let found = scan(directory.path()).unwrap();
    let refused = |name: &str| {
        let (_, error) = found.refused.iter().find(|(at, _)| *at == path(name)).unwrap();
        match error {
            StoreError::Format { source, .. } => (source.clone(), error.to_string()),
            other => panic!("{other}"),
        }
    };
    assert!(matches!(refused("newer.h5").0, FormatError::TooNew { found: 200, .. }));
    assert!(refused("newer.h5").1.contains("written by a newer phasesweep"));
    assert!(matches!(refused("older.h5").0, FormatError::TooOld { found: 0, .. }));
    assert!(matches!(refused("foreign.h5").0, FormatError::Foreign { .. }));
    assert_eq!((found.refused.len(), found.parts.len(), found.torn.len()), (3, 1, 0));
    // Nor is a foreign file written over.
    let refusal = part(7, &[1], Axes::default()).write(&path("foreign.h5"));
    assert!(matches!(refusal, Err(StoreError::Format { .. })));
    assert!(fs::read(path("foreign.h5")).unwrap().ends_with(b"the rest"));
}

#[test]
fn a_measured_cell_counts_before_a_failed_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    failed(1, 5).write(&path("a.h5")).unwrap();
    part(2, &[4, 5], axes(&[0], &[], 0, &[], 0)).write(&path("b.h5")).unwrap();
    part(3, &[5, 4], axes(&[0], &[], 0, &[], 0)).write(&path("c.h5")).unwrap();
    failed(4, 6).write(&path("d.h5")).unwrap();
    let found = scan(directory.path()).unwrap();
    let place = |number: u32| {
        let found = found.done[&cell_id(number)];
        (found.part, found.row, found.status)
    };
    assert_eq!(place(4), (1, 0, CellStatus::Complete));
    assert_eq!(place(5), (1, 1, CellStatus::Complete));
    assert_eq!(place(6), (3, 0, CellStatus::Failed));
    assert_eq!(found.done.len(), 3);
}

#[test]
fn parts_that_contradict_themselves_are_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.h5");
    let whole = || part(7, &[1, 2], axes(&[0, 1], &[1], 2, &[0], 1));
    let mut short = whole();
    short.columns[0].values = Values::F32(vec![0.0; 3]);
    let mut mistyped = whole();
    mistyped.columns[0].values = Values::F64(vec![0.0; 4]);
    let mut lost = whole();
    lost.cells[1].variant = 1;
    let mut empty = whole();
    empty.cells.clear();
    for part in [short, mistyped, lost, empty] {
        assert!(matches!(part.write(&path), Err(StoreError::Contradiction { .. })));
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// A relaunch must know a million cells, in parts of 64, within seconds.
#[test]
#[ignore = "measures; run by hand with --release"]
fn a_million_cells_are_scanned_in_seconds() {
    let directory = tempfile::tempdir().unwrap();
    let first = directory.path().join("first");
    part(0, &(0..64).collect::<Vec<_>>(), axes(&[0], &[], 0, &[], 0)).write(&first).unwrap();
    let bytes = fs::read(&first).unwrap();
    for k in 0..15_625 {
        fs::write(directory.path().join(format!("{k:016x}.h5")), &bytes).unwrap();
    }
    let begun = std::time::Instant::now();
    let found = scan(directory.path()).unwrap();
    println!("{} parts of {} bytes in {:?}", found.parts.len(), bytes.len(), begun.elapsed());
    assert!(begun.elapsed().as_secs_f64() < 2.0);
}
