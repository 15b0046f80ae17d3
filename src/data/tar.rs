//! Just enough of the tar format (POSIX ustar) to take regular files out of a published archive.

use std::io::{self, Read};

/// Bytes of a block; headers are one, contents are padded to whole ones.
const BLOCK: usize = 512;

/// Calls `file` for every regular file with the last part of its name, its size and its content; what the callback
/// leaves unread is skipped. Names are never used as paths here, so that an archive cannot write outside.
///
/// # Errors
/// The archive is damaged or ends early, or the callback fails.
pub(super) fn each_file(
    mut archive: impl Read,
    mut file: impl FnMut(&str, u64, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        let mut header = [0u8; BLOCK];
        archive.read_exact(&mut header)?;
        if header.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("tar header with {what}"));
        // The sum of the header's bytes with its own field taken as spaces.
        let sum: u64 = (header.iter().enumerate())
            .map(|(at, &byte)| if (148..156).contains(&at) { u64::from(b' ') } else { u64::from(byte) })
            .sum();
        if octal(&header[148..156]) != Some(sum) {
            return Err(damaged("a wrong checksum"));
        }
        let size = octal(&header[124..136]).ok_or_else(|| damaged("an unreadable size"))?;
        let mut content = (&mut archive).take(size);
        if matches!(header[156], b'0' | 0) {
            let name: Vec<u8> = header[..100].iter().copied().take_while(|&byte| byte != 0).collect();
            let name = String::from_utf8_lossy(&name).into_owned();
            file(name.rsplit('/').next().unwrap_or_default(), size, &mut content)?;
        }
        let rest = content.limit();
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        let skipped = io::copy(&mut (&mut archive).take(rest + padding), &mut io::sink())?;
        if skipped != rest + padding {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// A number in octal digits, surrounded by spaces and zero bytes.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches([' ', '\0']), 8).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A header as the standard describes it.
    pub(in super::super) fn entry(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
        let mut header = [0u8; BLOCK];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[148..156].fill(b' ');
        header[156] = kind;
        let sum: u64 = header.iter().map(|&byte| u64::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let mut bytes = header.to_vec();
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    fn names(archive: &[u8]) -> io::Result<Vec<(String, Vec<u8>)>> {
        let mut found = Vec::new();
        each_file(archive, |name, size, content| {
            let mut bytes = Vec::new();
            // Leaves the end of long files unread, for the walk to skip.
            content.take(size.min(600)).read_to_end(&mut bytes)?;
            found.push((name.to_owned(), bytes));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn regular_files_are_found_with_their_contents() {
        let long: Vec<u8> = (0..2000u32).map(|i| i as u8).collect();
        let archive = [
            entry("set/", b'5', b""),
            entry("set/a.bin", b'0', b"hello"),
            entry("../../b.bin", b'0', &long),
            entry("c", 0, &[7; 512]),
            vec![0; 2 * BLOCK],
        ]
        .concat();
        let found = names(&archive).unwrap();
        let expected = [("a.bin", b"hello".to_vec()), ("b.bin", long[..600].to_vec()), ("c", vec![7; 512])]
            .map(|(n, c)| (n.to_owned(), c));
        assert_eq!(found, expected);
        let mut damaged = archive.clone();
        damaged[BLOCK + 1] ^= 1;
        assert!(names(&damaged).unwrap_err().to_string().contains("checksum"));
        for length in [archive.len() - 2 * BLOCK, 3 * BLOCK + 700, BLOCK / 2] {
            assert_eq!(names(&archive[..length]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{length}");
        }
    }
}
