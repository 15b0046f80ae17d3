//! What a file that is not of the expected format seems to be, by its first bytes.

/// First bytes that are looked at.
pub(super) const HEAD: usize = 16;

/// First bytes of formats that data come in, with what they are called.
const FORMATS: [(&[u8], &str); 14] = [
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"PK\x03\x04", "a zip archive (such as .npz)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"CDF", "a NetCDF file"),
    (b"PAR1", "a Parquet file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x1f\x8b", "gzip data within gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"\x80", "a Python pickle"),
    (b"<", "a web page or XML: perhaps what a server sent instead of the file"),
    (b"version https://git-lfs", "a Git LFS pointer: the file itself was not downloaded"),
];

/// What the file seems to be, and its first bytes: "a NumPy array (.npy); its first bytes are 93 4e 55 4d".
pub(super) fn described(head: &[u8]) -> String {
    let bytes: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let bytes = format!("its first bytes are {}", bytes.join(" "));
    let known = FORMATS.iter().find(|(magic, _)| head.starts_with(&magic[..magic.len().min(HEAD)]));
    match known {
        Some((_, what)) => format!("{what}; {bytes}"),
        None if !head.is_empty() && head.iter().all(|byte| byte.is_ascii_graphic() || b" \t\r\n".contains(byte)) => {
            format!("text; {bytes}")
        }
        None => format!("of a format that phasesweep does not know; {bytes}"),
    }
}

/// The type of an idx file's elements by its third byte, and how the sizes that follow are read (the format's own
/// description, at MNIST's page); `None` for other numbers.
pub(super) fn element(code: u8) -> Option<&'static str> {
    Some(match code {
        0x08 => "unsigned bytes",
        0x09 => "signed bytes",
        0x0b => "16-bit integers",
        0x0c => "32-bit integers",
        0x0d => "32-bit floats",
        0x0e => "64-bit floats",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognised_by_their_first_bytes() {
        for (head, part) in [
            (&b"\x93NUMPY\x01\x00v\x00"[..], "NumPy"),
            (b"PK\x03\x04\x14\x00", "zip"),
            (b"<!DOCTYPE html>", "web page"),
            (b"label,pixel0,pix", "text"),
            (b"\x07\x11\x00\xff", "does not know; its first bytes are 07 11 00 ff"),
            (b"version https://git-lfs.github.com"[..HEAD].as_ref(), "LFS"),
        ] {
            assert!(described(head).contains(part), "{}", described(head));
        }
        assert_eq!(
            described(b"<!DOCTYPE html>"),
            format!("{}; its first bytes are 3c 21 44 4f 43 54 59 50", FORMATS[12].1)
        );
    }
}
