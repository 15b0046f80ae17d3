//! UCI's optical digits: 1797 images of 8×8 pixels with values 0 to 16, in the binary. See `DIGITS.md` for the
//! attribution (E. Alpaydin and C. Kaynak 1998, CC BY 4.0) and for how the file was made.

use std::io::Read;

/// Images.
pub(super) const SAMPLES: usize = 1797;
/// Pixels of an image.
pub(super) const PIXELS: usize = 64;
/// Classes: the digits.
pub(super) const CLASSES: usize = 10;
/// The greatest pixel value.
pub(super) const WHITE: f32 = 16.0;

/// Records of the digit, then the pixels; gzip.
static PACKED: &[u8] = include_bytes!("digits.bin.gz");

/// Pixels `[image, row, column]` and the digits.
///
/// # Panics
/// The file in the binary is damaged: a bug of the build, which the tests would have met.
pub(super) fn digits() -> (Vec<u8>, Vec<u8>) {
    let mut records = Vec::with_capacity(SAMPLES * (1 + PIXELS));
    let read = flate2::read::GzDecoder::new(PACKED).read_to_end(&mut records);
    assert!(
        read.is_ok() && records.len() == SAMPLES * (1 + PIXELS),
        "the digits in this binary are damaged ({} bytes, {read:?}): build it anew",
        records.len()
    );
    let mut pixels = Vec::with_capacity(SAMPLES * PIXELS);
    let mut labels = Vec::with_capacity(SAMPLES);
    for record in records.chunks_exact(1 + PIXELS) {
        labels.push(record[0]);
        pixels.extend_from_slice(&record[1..]);
    }
    (pixels, labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_the_digits_of_scikit_learn() {
        let (pixels, labels) = digits();
        // np.bincount(load_digits().target)
        let mut counts = [0; CLASSES];
        labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert_eq!(pixels.iter().max(), Some(&16));
        // load_digits().images[0], its first three rows.
        assert_eq!(pixels[..24], [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0, 0, 3, 15, 2, 0, 11, 8, 0]);
    }
}
