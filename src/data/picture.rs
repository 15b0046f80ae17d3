//! A picture of a source's samples, for `phasesweep data check --picture`: a row for each class, a column for each of its first
//! training samples. Pure: what is written where is the command line's business.
//!
//! The least value of all samples that are used is black, the greatest white, in every channel alike; what is no number is
//! drawn as the least. PNG (third edition of its specification) needs no more than a zlib stream and checksums, which flate2 has.

use std::io::Write;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

/// Samples of a class that are drawn, at most.
pub(super) const COLUMNS: usize = 16;
/// Classes that are drawn, at most: the first ones.
pub(super) const ROWS: usize = 64;
/// Pixels between samples.
const GAP: usize = 2;
/// Grey of what lies between samples.
const BACK: u8 = 96;
/// Side of a small image in the picture, about, in pixels: those of 8×8 are drawn five times as large.
const SIDE: usize = 40;

/// Samples in rows by class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Channels: 1 of grey, or 3 of red, green and blue.
    channels: usize,
    /// Pixels across and down.
    pub size: [usize; 2],
    /// Values `[row, column, channel]`.
    pixels: Vec<u8>,
    /// What each row shows, from the top.
    pub rows: Vec<String>,
    /// Classes that are not drawn.
    pub left_out: usize,
}

/// What a picture is made of.
pub(super) struct Samples<'a> {
    /// `[channels, height, width]` of a sample.
    pub(super) image: [usize; 3],
    /// Least and greatest value.
    pub(super) range: [f64; 2],
    /// Each class's name and the rows of its first samples.
    pub(super) classes: Vec<(String, Vec<usize>)>,
    /// Reads a sample, as stored.
    pub(super) read: &'a dyn Fn(usize, &mut [f64]),
}

impl Picture {
    /// Draws it. Channels other than one and three are drawn beside each other, each in grey.
    pub(super) fn of(samples: &Samples<'_>) -> Picture {
        let [channels, height, width] = samples.image;
        let (colours, beside) = if channels == 3 { (3, 1) } else { (1, channels) };
        let scale = (SIDE / height.max(width).max(1)).max(1);
        let across = samples.classes.iter().map(|(_, rows)| rows.len()).max().unwrap_or(0).min(COLUMNS);
        let shown = &samples.classes[..samples.classes.len().min(ROWS)];
        let [cell_width, cell_height] = [width * beside * scale + GAP, height * scale + GAP];
        let size = [across * cell_width + GAP, shown.len() * cell_height + GAP];
        let mut pixels = vec![BACK; size[0] * size[1] * colours];
        let mut values = vec![0.0; channels * height * width];
        let [least, greatest] = samples.range;
        let level = |value: f64| match greatest > least && value.is_finite() {
            true => (255.0 * ((value - least) / (greatest - least)).clamp(0.0, 1.0)).round() as u8,
            false => 0,
        };
        for (row, (_, places)) in shown.iter().enumerate() {
            for (column, &place) in places.iter().take(across).enumerate() {
                (samples.read)(place, &mut values);
                let corner = [GAP + column * cell_width, GAP + row * cell_height];
                for (at, &value) in values.iter().enumerate() {
                    let (channel, y, x) = (at / (height * width), at / width % height, at % width);
                    let (x, colour) = if colours == 3 { (x, channel) } else { (channel * width + x, 0) };
                    for dot in 0..scale * scale {
                        let down = corner[1] + y * scale + dot / scale;
                        let right = corner[0] + x * scale + dot % scale;
                        pixels[(down * size[0] + right) * colours + colour] = level(value);
                    }
                }
            }
        }
        let rows = shown.iter().map(|(name, _)| name.clone()).collect();
        Picture { channels: colours, size, pixels, rows, left_out: samples.classes.len() - shown.len() }
    }

    /// The picture as a PNG file of 8 bits.
    ///
    /// # Errors
    /// The encoder fails; into memory it never does.
    pub fn png(&self) -> std::io::Result<Vec<u8>> {
        let [width, height] = self.size;
        let mut rows = ZlibEncoder::new(Vec::new(), Compression::default());
        for row in self.pixels.chunks((width * self.channels).max(1)) {
            rows.write_all(&[0])?; // No filter.
            rows.write_all(row)?;
        }
        let colour = if self.channels == 3 { 2 } else { 0 };
        let sizes = [width as u32, height as u32].map(u32::to_be_bytes).concat();
        let header = [&sizes[..], &[8, colour, 0, 0, 0]].concat();
        let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
        for (kind, data) in [(b"IHDR", header), (b"IDAT", rows.finish()?), (b"IEND", Vec::new())] {
            let mut sum = Crc::new();
            sum.update(kind);
            sum.update(&data);
            out.extend((data.len() as u32).to_be_bytes());
            out.extend(kind);
            out.extend(data);
            out.extend(sum.sum().to_be_bytes());
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(image: [usize; 3], classes: &[usize]) -> Picture {
        let size = image.iter().product::<usize>();
        let read = |row: usize, out: &mut [f64]| {
            out.iter_mut().enumerate().for_each(|(at, x)| *x = (row * size + at) as f64);
        };
        let mut next = 0;
        let class = |(class, &count): (usize, &usize)| {
            next += count;
            (class.to_string(), (next - count..next).collect())
        };
        let classes: Vec<(String, Vec<usize>)> = classes.iter().enumerate().map(class).collect();
        Picture::of(&Samples { image, range: [0.0, 10.0], classes, read: &read })
    }

    #[test]
    fn samples_stand_in_rows_by_class() {
        // One pixel of 40 × 40 for each sample: values 0 and 1 of class 0, 2 of class 1.
        let found = picture([1, 1, 1], &[2, 1]);
        assert_eq!((found.size, found.channels, found.left_out), ([86, 86], 1, 0));
        let at = |x: usize, y: usize| found.pixels[y * 86 + x];
        assert_eq!([at(2, 2), at(41, 41), at(44, 2), at(83, 41), at(2, 44)], [0, 0, 26, 26, 51]);
        assert_eq!([at(0, 0), at(42, 2), at(1, 44), at(44, 44)], [BACK; 4], "between samples, and where there is none");
        assert_eq!(found.rows, ["0", "1"]);
    }

    #[test]
    fn three_channels_are_colours_and_others_lie_beside_each_other() {
        // Large images are not enlarged.
        let colours = picture([3, 1, 40], &[1]);
        assert_eq!((colours.size, colours.channels, colours.pixels.len()), ([44, 5], 3, 44 * 5 * 3));
        // Pixel 1 of the row: values 1, 41 and 81 of a range to 10.
        assert_eq!(colours.pixels[(2 * 44 + 3) * 3..][..3], [26, 255, 255]);
        let grey = picture([2, 1, 40], &[1]);
        assert_eq!((grey.size, grey.channels), ([84, 5], 1));
        assert_eq!([grey.pixels[2 * 84 + 3], grey.pixels[2 * 84 + 42]], [26, 255]);
    }

    /// Read back by the format's description: chunks with their checksums, a zlib stream of unfiltered rows.
    #[test]
    fn the_file_is_a_png() {
        let found = picture([3, 2, 2], &[3, 2]);
        let bytes = found.png().unwrap();
        let mut rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n").expect("the signature");
        let mut chunks = Vec::new();
        while !rest.is_empty() {
            let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let (kind, data) = (&rest[4..8], &rest[8..8 + length]);
            // The cyclic redundancy check of ISO 3309, bit by bit.
            let step = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
            let of = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
            let sum = !rest[4..8 + length].iter().fold(u32::MAX, of);
            assert_eq!(rest[8 + length..12 + length], sum.to_be_bytes());
            chunks.push((kind, data));
            rest = &rest[12 + length..];
        }
        assert_eq!(chunks.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [b"IHDR", b"IDAT", b"IEND"]);
        let [width, height] = found.size.map(|side| side as u32);
        assert_eq!(chunks[0].1, [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat());
        let mut rows = Vec::new();
        std::io::copy(&mut flate2::read::ZlibDecoder::new(chunks[1].1), &mut rows).unwrap();
        let row = 1 + 3 * found.size[0];
        assert_eq!(rows.len(), row * found.size[1]);
        let pixels: Vec<u8> = rows.chunks(row).flat_map(|row| row[1..].to_vec()).collect();
        assert!(rows.chunks(row).all(|row| row[0] == 0) && pixels == found.pixels);
    }
}
