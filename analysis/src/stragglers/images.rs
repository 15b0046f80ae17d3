//! The stragglers themselves: grids of images, where the results file holds the block's images.
//!
//! PNG is written here, uncompressed (stored deflate blocks): a grid is some tens of kilobytes, and the page stays free
//! of another dependency. Format: PNG specification, third edition, and RFC 1950/1951.

use super::frequency::Frequency;
use crate::error::Result;
use crate::results::Results;

/// Images of a class shown at most.
const MOST: usize = 24;
/// Images side by side.
const COLUMNS: usize = 12;

/// The most stable stragglers of one class.
#[derive(Debug, Clone)]
pub struct Grid {
    /// Class.
    pub class: i64,
    /// What is seen.
    pub caption: String,
    /// `data:` address of the PNG.
    pub address: String,
    /// Width on the page in pixels.
    pub width: usize,
}

/// One grid per class. Empty where the file holds no images, or cells of more than one block (which of them the images
/// belong to would be a guess).
pub fn grids(results: &Results, frequencies: &[Frequency]) -> Result<Vec<Grid>> {
    let mut everywhere = frequencies.iter().filter(|frequency| frequency.axis == "all");
    let (Some(block), None) = (everywhere.next(), everywhere.next()) else { return Ok(Vec::new()) };
    let (Some(images), Some(labels)) = (results.block_images()?, results.block_labels()?) else {
        return Ok(Vec::new());
    };
    let [count, height, width] = images.shape()[..] else { return Ok(Vec::new()) };
    if labels.len() != count || height == 0 || width == 0 {
        return Ok(Vec::new());
    }
    let mut classes: Vec<i64> = labels.clone();
    classes.sort_unstable();
    classes.dedup();
    let mut out = Vec::new();
    for class in classes {
        let mut mine: Vec<(usize, usize)> =
            block.counts.iter().copied().filter(|(sample, _)| labels.get(*sample) == Some(&class)).collect();
        mine.sort_by_key(|&(sample, cells)| (std::cmp::Reverse(cells), sample));
        mine.truncate(MOST);
        let (Some(first), Some(last)) = (mine.first(), mine.last()) else { continue };
        let share = |cells: usize| 100.0 * cells as f64 / block.cells as f64;
        let caption = format!(
            "Class {class}: the {} samples that are stragglers most often, in {:.0}% to {:.0}% of {} cells.",
            mine.len(),
            share(first.1),
            share(last.1),
            block.cells
        );
        let (columns, rows) = (COLUMNS.min(mine.len()), mine.len().div_ceil(COLUMNS));
        let gap = width.div_ceil(14);
        let (across, down) = (columns * (width + gap) - gap, rows * (height + gap) - gap);
        let mut pixels = vec![128; across * down];
        for (place, (sample, _)) in mine.iter().enumerate() {
            let (left, top) = ((place % COLUMNS) * (width + gap), (place / COLUMNS) * (height + gap));
            for row in 0..height {
                for column in 0..width {
                    pixels[(top + row) * across + left + column] = images[[*sample, row, column]];
                }
            }
        }
        // Small digits are shown at a size that an eye can read.
        let zoom = (56 / width.max(height)).max(1);
        let address = format!("data:image/png;base64,{}", base64(&png(&pixels, across, down)));
        out.push(Grid { class, caption, address, width: across * zoom });
    }
    Ok(out)
}

/// A greyscale PNG of 8 bits.
pub fn png(pixels: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut raw = Vec::with_capacity((width + 1) * height);
    for row in pixels.chunks(width.max(1)).take(height) {
        raw.push(0); // no filter
        raw.extend_from_slice(row);
    }
    let mut stream = vec![0x78, 0x01];
    let blocks = raw.chunks(0xffff).count();
    for (index, block) in raw.chunks(0xffff).enumerate() {
        let length = block.len() as u16;
        stream.push(u8::from(index + 1 == blocks));
        stream.extend_from_slice(&length.to_le_bytes());
        stream.extend_from_slice(&(!length).to_le_bytes());
        stream.extend_from_slice(block);
    }
    stream.extend_from_slice(&adler32(&raw).to_be_bytes());
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::new();
    header.extend_from_slice(&(width as u32).to_be_bytes());
    header.extend_from_slice(&(height as u32).to_be_bytes());
    header.extend_from_slice(&[8, 0, 0, 0, 0]);
    for (kind, data) in [(b"IHDR", &header), (b"IDAT", &stream), (b"IEND", &Vec::new())] {
        out.extend_from_slice(&(data.len() as u32).to_be_bytes());
        let start = out.len();
        out.extend_from_slice(kind);
        out.extend_from_slice(data);
        let sum = crc32(&out[start..]);
        out.extend_from_slice(&sum.to_be_bytes());
    }
    out
}

fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1u32, 0u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    b << 16 | a
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)))
}

/// RFC 4648, with padding.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().chain([0, 0].iter()).take(3).fold(0u32, |word, &byte| word << 8 | u32::from(byte));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place) & 63) as usize] as char;
            out.push(if place <= chunk.len() { letter } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        // RFC 4648, section 10.
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        vectors.iter().for_each(|(plain, coded)| assert_eq!(base64(plain.as_bytes()), *coded));
    }

    #[test]
    fn sums_are_those_of_the_standards() {
        // Check values of CRC-32/ISO-HDLC and, for Adler-32, the example of its Wikipedia article.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }
}
