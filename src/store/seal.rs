//! The sealed head of a binary file: what it is, and whether it is whole, without reading its body.
//!
//! Parts and checkpoints begin with it. All numbers are little-endian:
//!
//! | bytes | |
//! | --- | --- |
//! | 0..8 | magic, one for each [`Format`] |
//! | 8..12 | format version |
//! | 12..16 | length n of the summary |
//! | 16..24 | where the body begins |
//! | 24..32 | length of the whole file |
//! | 32..64 | BLAKE3 of the body |
//! | 64..96 | BLAKE3 of bytes 0..64 and of 96.. up to the body |
//! | 96..96+n | the summary, whatever the format puts there; then zeros up to the body |
//!
//! Magic and version stay where they are in every later version, so that a newer file is always told from a torn one.
//! Invariant: of a file that [`read_body`] accepts, every byte is the one that was written.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use phasesweep_results::FormatError;

use super::durable;
use super::error::StoreError;
use super::schema::Format;

const FIXED: usize = 96;
/// What is read at once: the heads of most parts fit.
const FIRST_READ: usize = 4096;
/// No summary comes near it; a greater length is a torn file.
const LONGEST: usize = 1 << 30;

/// The head of a file that was found whole as far as a look at head and length can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The summary.
    pub(crate) summary: Vec<u8>,
    body_start: usize,
    total: u64,
    body_hash: [u8; 32],
}

fn magic(format: Format) -> &'static [u8; 8] {
    // As in PNG: a high bit, a name, and a line end, which show a transfer that was not binary.
    match format {
        Format::Part => b"\x89PSPART\n",
        Format::Checkpoint => b"\x89PSCKPT\n",
    }
}

/// Writes head and body to `path`, durably. `align` is 1, or 512 for a body that must begin at a power of two from 512.
pub(crate) fn write(path: &Path, format: Format, summary: &[u8], body: &[u8], align: usize) -> Result<(), StoreError> {
    let head = encode(format, summary, body, align);
    durable::write_with(path, |file| {
        use std::io::Write;
        file.write_all(&head)?;
        file.write_all(body)
    })
}

/// The head of a file with this summary and body, which follows it.
pub(crate) fn encode(format: Format, summary: &[u8], body: &[u8], align: usize) -> Vec<u8> {
    let end = FIXED + summary.len();
    let start = if align > 1 { end.max(align).next_power_of_two() } else { end };
    let mut head = Vec::with_capacity(start);
    head.extend_from_slice(magic(format));
    head.extend_from_slice(&format.current().to_le_bytes());
    head.extend_from_slice(&(summary.len() as u32).to_le_bytes());
    head.extend_from_slice(&(start as u64).to_le_bytes());
    head.extend_from_slice(&((start + body.len()) as u64).to_le_bytes());
    head.extend_from_slice(blake3::hash(body).as_bytes());
    head.extend_from_slice(&[0; 32]);
    head.extend_from_slice(summary);
    head.resize(start, 0);
    let hash = head_hash(&head);
    head[64..96].copy_from_slice(hash.as_bytes());
    head
}

fn head_hash(head: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&head[..64]).update(&head[96..]);
    hasher.finalize()
}

/// Reads the head and compares the file's length with what the head says.
///
/// # Errors
/// [`StoreError::Torn`], [`StoreError::Format`], or [`StoreError::Io`].
pub(crate) fn read_head(path: &Path, format: Format) -> Result<Head, StoreError> {
    let mut file = File::open(path).map_err(StoreError::io("open", path))?;
    let length = file.metadata().map_err(StoreError::io("read", path))?.len();
    let mut bytes = Vec::with_capacity(FIRST_READ);
    let mut read_to = |bytes: &mut Vec<u8>, end: usize| {
        let more = end.saturating_sub(bytes.len()) as u64;
        file.by_ref().take(more).read_to_end(bytes).map_err(StoreError::io("read", path))
    };
    read_to(&mut bytes, FIRST_READ)?;
    let start = body_start(path, format, &bytes)?;
    read_to(&mut bytes, start)?;
    decode(path, &bytes, start, length)
}

/// Reads the whole file and checks every byte of it; the body is what follows [`Head::body_start`].
///
/// # Errors
/// As [`read_head`].
pub(crate) fn read_body(path: &Path, format: Format) -> Result<(Head, Vec<u8>), StoreError> {
    let mut bytes = fs::read(path).map_err(StoreError::io("read", path))?;
    let start = body_start(path, format, &bytes)?;
    let head = decode(path, &bytes, start, bytes.len() as u64)?;
    let body = bytes.split_off(head.body_start);
    if *blake3::hash(&body).as_bytes() != head.body_hash {
        return Err(StoreError::torn(path, "its body does not match its checksum"));
    }
    Ok((head, body))
}

/// Where the body begins, after magic and version have been judged.
fn body_start(path: &Path, format: Format, bytes: &[u8]) -> Result<usize, StoreError> {
    let known = bytes.len().min(8);
    if bytes[..known] != magic(format)[..known] {
        // A file whose blocks never reached the disk before a power failure reads as zeros.
        return Err(if bytes.iter().all(|&byte| byte == 0) {
            StoreError::torn(path, "it begins with zeros")
        } else {
            StoreError::format(path)(FormatError::Foreign { noun: format.noun() })
        });
    }
    let short = || StoreError::torn(path, format!("it ends after {} bytes, inside its head", bytes.len()));
    let version = number(bytes, 8).ok_or_else(short)?;
    format.check(version).map_err(StoreError::format(path))?;
    let summary = number(bytes, 12).ok_or_else(short)? as usize;
    let start = number64(bytes, 16).ok_or_else(short)?;
    usize::try_from(start)
        .ok()
        .filter(|&start| (FIXED + summary..LONGEST).contains(&start))
        .ok_or_else(|| StoreError::torn(path, "its head does not match its checksum"))
}

fn decode(path: &Path, bytes: &[u8], start: usize, length: u64) -> Result<Head, StoreError> {
    let torn = |reason: String| StoreError::torn(path, reason);
    let head = bytes.get(..start).ok_or_else(|| torn(format!("it ends after {length} bytes, inside its head")))?;
    if head[64..96] != *head_hash(head).as_bytes() {
        return Err(torn("its head does not match its checksum".to_owned()));
    }
    let summary = number(head, 12).unwrap_or_default() as usize;
    let total = number64(head, 24).unwrap_or_default();
    if total != length {
        return Err(torn(format!("it has {length} bytes, and was written with {total}")));
    }
    let mut body_hash = [0; 32];
    body_hash.copy_from_slice(&head[32..64]);
    Ok(Head { summary: head[FIXED..FIXED + summary].to_vec(), body_start: start, total, body_hash })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn number64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sealed(directory: &Path, summary: &[u8], body: &[u8], align: usize) -> std::path::PathBuf {
        let path = directory.join("file");
        write(&path, Format::Checkpoint, summary, body, align).unwrap();
        path
    }

    #[test]
    fn every_truncation_and_every_flipped_byte_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = sealed(directory.path(), b"summary", b"the body of the file", 1);
        let whole = fs::read(&path).unwrap();
        assert_eq!(read_body(&path, Format::Checkpoint).unwrap().1, b"the body of the file");
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let head = read_head(&path, Format::Checkpoint);
            assert!(matches!(head, Err(StoreError::Torn { .. })), "{length}: {head:?}");
            assert!(matches!(read_body(&path, Format::Checkpoint), Err(StoreError::Torn { .. })), "{length}");
        }
        for place in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[place] ^= 0x10;
            fs::write(&path, &flipped).unwrap();
            // In magic or version, a flipped byte makes a foreign or a newer file: refused as well.
            assert!(read_body(&path, Format::Checkpoint).is_err(), "{place}");
        }
        fs::write(&path, [whole.as_slice(), b"more"].concat()).unwrap();
        assert!(matches!(read_head(&path, Format::Checkpoint), Err(StoreError::Torn { .. })));
        fs::write(&path, vec![0; whole.len()]).unwrap();
        assert!(matches!(read_head(&path, Format::Checkpoint), Err(StoreError::Torn { .. })));
    }

    #[test]
    fn long_summaries_and_alignment() {
        let directory = tempfile::tempdir().unwrap();
        for (length, start) in [(0, 512), (416, 512), (417, 1024), (10_000, 16_384)] {
            let summary = vec![7; length];
            let path = sealed(directory.path(), &summary, b"body", 512);
            let head = read_head(&path, Format::Checkpoint).unwrap();
            assert_eq!((head.summary, head.body_start), (summary, start));
        }
    }

    #[test]
    fn other_files_and_other_versions_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let path = sealed(directory.path(), b"", b"", 1);
        let format = |path: &Path, expected| match read_head(path, expected) {
            Err(StoreError::Format { source, .. }) => source,
            other => panic!("{other:?}"),
        };
        assert!(matches!(format(&path, Format::Part), FormatError::Foreign { .. }));
        let mut newer = fs::read(&path).unwrap();
        newer[8] += 1;
        fs::write(&path, &newer[..12]).unwrap();
        assert!(matches!(format(&path, Format::Checkpoint), FormatError::TooNew { .. }));
        newer[8] = 0;
        fs::write(&path, &newer).unwrap();
        assert!(matches!(format(&path, Format::Checkpoint), FormatError::TooOld { .. }));
        fs::write(&path, "\x7fELF and so on").unwrap();
        assert!(matches!(format(&path, Format::Checkpoint), FormatError::Foreign { .. }));
    }
}
