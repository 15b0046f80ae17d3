//! A block of the page: a JSON header and arrays of numbers, deflated (zlib, RFC 1950) and written as base64.
//!
//! Unpacked it is the header's length (32 bits, little endian), the header (UTF-8), zeros up to a multiple of 8, and the
//! arrays; the header says at which byte behind that each array begins. Numbers are little endian; of floats all first bytes
//! stand first, then all second bytes, and so on, which deflates to about half as much.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::pictures::base64;

/// Every array begins at a multiple of it.
const ALIGNMENT: usize = 8;

/// Arrays of a block that is being made.
#[derive(Debug, Default)]
pub struct Block {
    arrays: Vec<u8>,
}

impl Block {
    /// Adds bytes; where they begin.
    pub fn bytes(&mut self, bytes: &[u8]) -> usize {
        self.arrays.resize(self.arrays.len().next_multiple_of(ALIGNMENT), 0);
        let at = self.arrays.len();
        self.arrays.extend_from_slice(bytes);
        at
    }

    /// Adds floats of 32 bits, byte by byte; where they begin.
    pub fn floats(&mut self, values: &[f32]) -> usize {
        self.planes(&values.iter().map(|value| value.to_le_bytes()).collect::<Vec<_>>())
    }

    /// Adds floats of 64 bits, byte by byte; where they begin.
    pub fn doubles(&mut self, values: &[f64]) -> usize {
        self.planes(&values.iter().map(|value| value.to_le_bytes()).collect::<Vec<_>>())
    }

    fn planes<const BYTES: usize>(&mut self, values: &[[u8; BYTES]]) -> usize {
        let planes: Vec<u8> = (0..BYTES).flat_map(|byte| values.iter().map(move |value| value[byte])).collect();
        self.bytes(&planes)
    }

    /// Adds whole numbers of as many bytes as the greatest needs (1, 2 or 4); where they begin, and the bytes of each.
    pub fn whole(&mut self, values: &[u32]) -> (usize, usize) {
        let width = match values.iter().max() {
            Some(0..=0xff) | None => 1,
            Some(0x100..=0xffff) => 2,
            Some(_) => 4,
        };
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes().into_iter().take(width)).collect();
        (self.bytes(&bytes), width)
    }

    /// The block as text.
    ///
    /// # Errors
    /// [`Error::Embed`] if the header cannot be written as JSON.
    pub fn seal(self, header: &impl Serialize) -> Result<String> {
        let json = serde_json::to_vec(header).map_err(|source| Error::Embed(source.into()))?;
        let length = u32::try_from(json.len()).map_err(|source| Error::Embed(std::io::Error::other(source)))?;
        let mut out = ZlibEncoder::new(Vec::new(), Compression::default());
        let padding = vec![0; (4 + json.len()).next_multiple_of(ALIGNMENT) - 4 - json.len()];
        for piece in [&length.to_le_bytes()[..], &json, &padding, &self.arrays] {
            out.write_all(piece).map_err(Error::Embed)?;
        }
        Ok(base64(&out.finish().map_err(Error::Embed)?))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn arrays_begin_at_multiples_of_eight_and_are_as_narrow_as_their_numbers_allow() {
        let mut block = Block::default();
        assert_eq!(block.whole(&[1, 255]), (0, 1));
        assert_eq!(block.whole(&[1, 256]), (8, 2));
        assert_eq!(block.whole(&[70_000]), (16, 4));
        assert_eq!(block.floats(&[1.0, -2.0]), 24);
        // 1.0 is 0x3f800000 and -2.0 is 0xc0000000: least byte of both, next byte of both, and so on.
        assert_eq!(block.arrays[24..], [0, 0, 0, 0, 0x80, 0, 0x3f, 0xc0]);
    }

    #[test]
    fn what_is_sealed_is_base64_of_zlib_and_holds_header_and_arrays() {
        let mut block = Block::default();
        block.bytes(b"numbers");
        let text = block.seal(&"</script>").unwrap();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)));
        assert!(text.starts_with("eJ"), "zlib's first bytes 0x78 0x9c in base64: {text}");
    }
}
