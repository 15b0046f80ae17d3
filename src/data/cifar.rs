//! CIFAR-10's binary batches: records of 3073 bytes, the label, then 32×32 red, green and blue values.
//!
//! The format has no header, so a file cut between two records cannot be told by itself: all six batches must hold
//! equally many.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::DataError;
use super::idx::open;

/// Bytes of an image: three planes of 32×32.
pub(super) const PIXELS: usize = 3 * 32 * 32;
/// Bytes of a record.
const RECORD: usize = 1 + PIXELS;
/// Labels run from 0 to 9.
const CLASSES: usize = 10;

/// The files: five batches to train on, then one to test on.
pub(super) const NAMES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// Images and labels as they stand in the files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Pixels `[image, colour, row, column]`.
    pub(super) pixels: Vec<u8>,
    /// Label of each image.
    pub(super) labels: Vec<u8>,
}

/// The six files of a directory.
///
/// # Errors
/// Any is missing: all missing ones are named.
pub(super) fn files(dir: &Path, advice: &str) -> Result<Vec<PathBuf>, DataError> {
    let (found, missing): (Vec<_>, Vec<_>) = NAMES.iter().map(|name| dir.join(name)).partition(|path| path.is_file());
    if missing.is_empty() {
        return Ok(found);
    }
    let missing =
        NAMES.iter().filter(|name| missing.contains(&dir.join(name))).map(|name| (*name).to_owned()).collect();
    Err(DataError::Incomplete { dir: dir.to_owned(), missing, advice: advice.to_owned() })
}

/// Training and test images of a directory of batches.
///
/// # Errors
/// A file is unreadable, no whole number of records, of another length than its siblings, or has a label above 9.
pub(super) fn read(files: &[PathBuf]) -> Result<(Part, Part), DataError> {
    let (mut train, mut test) = (Part::default(), Part::default());
    let mut first: Option<(&PathBuf, usize)> = None;
    for (index, path) in files.iter().enumerate() {
        let part = if index + 1 == files.len() { &mut test } else { &mut train };
        let before = part.labels.len();
        read_batch(path, part)?;
        let records = part.labels.len() - before;
        let (sibling, expected) = *first.get_or_insert((path, records));
        if records != expected {
            return Err(DataError::Mismatch {
                path: path.clone(),
                what: format!("{records} records ({} bytes), truncated or of another set", records * RECORD),
                other: sibling.clone(),
                other_what: format!("{expected} records ({} bytes)", expected * RECORD),
            });
        }
    }
    Ok((train, test))
}

/// Appends one file's records.
fn read_batch(path: &Path, part: &mut Part) -> Result<(), DataError> {
    let (mut reader, _) = open(path)?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|source| DataError::io(path, source))?;
    if bytes.is_empty() || bytes.len() % RECORD != 0 {
        return Err(DataError::Length {
            path: path.to_owned(),
            expected: (bytes.len().div_ceil(RECORD).max(1) * RECORD) as u64,
            found: bytes.len() as u64,
            reason: format!("records of {RECORD} bytes; the published file has 30730000"),
        });
    }
    part.pixels.reserve_exact(bytes.len() / RECORD * PIXELS);
    for (index, record) in bytes.chunks_exact(RECORD).enumerate() {
        let label = record[0];
        if usize::from(label) >= CLASSES {
            return Err(DataError::Label {
                path: path.to_owned(),
                index,
                label: u32::from(label),
                name: "cifar10".to_owned(),
                classes: CLASSES,
            });
        }
        part.labels.push(label);
        part.pixels.extend_from_slice(&record[1..]);
    }
    Ok(())
}

/// Number of records of a file, by its length.
pub(super) fn records(path: &Path) -> Result<usize, DataError> {
    let length = std::fs::metadata(path).map_err(|source| DataError::io(path, source))?.len();
    Ok((length / RECORD as u64) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six batches with `records` records each; the pixel at (record r, byte b) of file f is (f + r + b) mod 256.
    fn directory(records: usize) -> (tempfile::TempDir, Vec<PathBuf>) {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for (f, name) in NAMES.iter().enumerate() {
            let mut bytes = Vec::new();
            for r in 0..records {
                bytes.push(((f + r) % 10) as u8);
                bytes.extend((0..PIXELS).map(|b| (f + r + b) as u8));
            }
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            files.push(path);
        }
        (dir, files)
    }

    #[test]
    fn batches_follow_one_another_and_the_last_is_the_test_set() {
        let (dir, files_there) = directory(3);
        assert_eq!(files(dir.path(), "").unwrap(), files_there);
        let (train, test) = read(&files_there).unwrap();
        assert_eq!((train.labels.len(), test.labels.len()), (15, 3));
        // Sample 7 is record 1 of the third file: its label is (2 + 1) mod 10, its pixel b is 2 + 1 + b.
        assert_eq!(train.labels[7], 3);
        assert_eq!(train.pixels[7 * PIXELS + 1000], ((3 + 1000) % 256) as u8);
        assert_eq!(test.labels, [5, 6, 7]);
        assert_eq!(records(&files_there[0]).unwrap(), 3);
    }

    #[test]
    fn damaged_batches_are_told_by_name_and_numbers() {
        let error = |damage: &dyn Fn(&[PathBuf])| {
            let (_dir, files) = directory(4);
            damage(&files);
            read(&files).unwrap_err().to_string()
        };
        let cut = |path: &PathBuf, length: usize| {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..length]).unwrap();
        };
        let text = error(&|files| cut(&files[2], 4 * RECORD - 1));
        assert!(text.contains("data_batch_3.bin") && text.contains("12291") && text.contains("12292"), "{text}");
        // Cut between two records: only the siblings tell.
        for (index, name) in [(1, "data_batch_2.bin"), (5, "test_batch.bin")] {
            let text = error(&|files| cut(&files[index], 2 * RECORD));
            assert!(text.contains(name) && text.contains("2 records") && text.contains("4 records"), "{text}");
        }
        let text = error(&|files| cut(&files[0], 0));
        assert!(text.contains("data_batch_1.bin"), "{text}");
        let text = error(&|files| {
            let mut bytes = std::fs::read(&files[4]).unwrap();
            bytes[2 * RECORD] = 10;
            std::fs::write(&files[4], bytes).unwrap();
        });
        assert!(text.contains("data_batch_5.bin") && text.contains("sample 2") && text.contains("label 10"), "{text}");
        let (dir, paths) = directory(1);
        std::fs::remove_file(&paths[3]).unwrap();
        let text = files(dir.path(), "Fetch it").unwrap_err().to_string();
        assert!(text.contains("missing data_batch_4.bin") && text.contains("Fetch it"), "{text}");
    }
}
