//! Files against their published sha256 sums.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::DataError;
use super::catalogue::File;
use super::idx::open;

/// What a file's sum says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The file, or what is within it, is what was published.
    Published,
    /// It is something else; the sum of its content is this.
    Altered(String),
    /// No sum of a file of this kind was published.
    NoSum,
}

/// Compares a file with what was published: first as it is, then, where that is known, what is within it (the same
/// data packed by another program has another sum).
pub(super) fn verify(path: &Path, file: &File) -> Result<Verdict, DataError> {
    let as_it_is = sha256(path, std::fs::File::open(path).map_err(|source| DataError::io(path, source))?)?;
    if file.packed == Some(as_it_is.as_str()) || file.plain == Some(as_it_is.as_str()) {
        return Ok(Verdict::Published);
    }
    let (within, plain_length) = open(path)?;
    let plain = plain_length.is_some();
    match (plain, file.plain) {
        (true, Some(_)) => Ok(Verdict::Altered(as_it_is)),
        // A plain file where only the packed one has a sum.
        (true, None) if path.file_name() != Some(file.name.as_ref()) => Ok(Verdict::NoSum),
        (_, None) => Ok(Verdict::Altered(as_it_is)),
        (false, Some(expected)) => {
            let content = sha256(path, within)?;
            Ok(if content == expected { Verdict::Published } else { Verdict::Altered(content) })
        }
    }
}

/// The sum of what a reader gives, in hexadecimal.
pub(super) fn sha256(path: &Path, mut reader: impl Read) -> Result<String, DataError> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => hasher.update(&buffer[..n]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(DataError::io(path, error)),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_sha256() {
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(Path::new("-"), &b"abc"[..]).unwrap(), abc);
    }

    #[test]
    fn repacked_files_are_still_the_published_ones() {
        use std::io::Write;
        let dir = tempfile::tempdir().unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let file = File { name: "abc.gz", bytes: 3, packed: Some("00"), plain: Some(abc) };
        let write = |name: &str, content: &[u8], zip: bool| {
            let path = dir.path().join(name);
            if zip {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(content).unwrap();
                std::fs::write(&path, encoder.finish().unwrap()).unwrap();
            } else {
                std::fs::write(&path, content).unwrap();
            }
            path
        };
        assert_eq!(verify(&write("abc.gz", b"abc", true), &file).unwrap(), Verdict::Published);
        assert_eq!(verify(&write("abc", b"abc", false), &file).unwrap(), Verdict::Published);
        assert!(matches!(verify(&write("abc.gz", b"abd", true), &file).unwrap(), Verdict::Altered(_)));
        assert!(matches!(verify(&write("abc", b"abd", false), &file).unwrap(), Verdict::Altered(_)));
        let packed_only = File { plain: None, ..file };
        assert_eq!(verify(&write("abc", b"abc", false), &packed_only).unwrap(), Verdict::NoSum);
        assert!(matches!(verify(&write("abc.gz", b"abc", true), &packed_only).unwrap(), Verdict::Altered(_)));
        assert!(matches!(verify(&write("abc.gz", b"<html>", false), &packed_only).unwrap(), Verdict::Altered(_)));
    }
}
