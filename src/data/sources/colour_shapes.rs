//! Generated images of three colours: one of ten shapes on a gradient, with noise. They stand in for photographs where none can be
//! fetched: a network that reads pixels needs convolutions for them, and small ones neither fit them at once nor fail.
//!
//! The classes: 0 disc, 1 square, 2 triangle, 3 ring, 4 cross, 5 star, 6 half disc, 7 crescent, 8 ellipse, 9 angle. Of each image
//! class, place, size, angle of rotation, the two colours of the background and its direction, and the shape's colour are drawn
//! uniformly; the shape's colour is at least [`CONTRAST`] from the background's mean, so that it can be seen. A pixel is covered
//! as far as its 3 × 3 points are; independent Gaussian noise is added to every value, which is then rounded to a byte.
//!
//! Invariant: an image is the same whatever the number of images or the thread; with another `noise` it is the same image under the
//! same noise of another size.

use std::f64::consts::TAU;

use rayon::prelude::*;
use serde::Serialize;

use super::definition::{Decoded, Definition, Files, Half, Listed, Sizes, digest_of_numbers, plain_labels};
use super::points::{NOISE, TEST, TRAIN};
use crate::data::DataError;
use crate::data::matrix::Matrix;
use crate::data::stream::{Key as StreamKey, Stream};
use crate::key::{Absent, Bound, Form, Key, Label, Literal, Values};

/// Shapes.
const CLASSES: usize = 10;
/// Least distance of the shape's colour from the mean colour of the background, where each colour is from 0 to 1.
const CONTRAST: f64 = 0.4;
/// Least and greatest size of a shape: the radius of the circle around it, in sides of the image.
const SIZES: [f64; 2] = [0.2, 0.42];
/// Points of a pixel along each of its sides.
const FINE: usize = 3;

const SIDE: Key = Key {
    name: "side",
    form: Form::Integers,
    bound: Bound::Whole(8, 512),
    absent: Absent::Is(Literal::Integer(32)),
    label: Label::IfUnusual,
    doc: "pixels of an image along each side; it has three channels",
    ..Key::BLANK
};

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColourShapes {
    /// Pixels of an image along each side.
    pub side: usize,
    /// Standard deviation of the noise, where white is 1.
    pub noise: f64,
    /// Images available for training.
    pub train: usize,
    /// Images of the test set.
    pub test: usize,
}

/// Whether a shape that fits the unit circle covers a point.
fn covers(class: usize, [u, v]: [f64; 2]) -> bool {
    let radius = |u: f64, v: f64| u.hypot(v);
    match class {
        0 => radius(u, v) < 1.0,
        1 => u.abs().max(v.abs()) < 0.7,
        2 => (0..3).all(|k| along(k, 3, [u, v]) < 0.5),
        3 => (0.55..1.0).contains(&radius(u, v)),
        4 => u.abs().min(v.abs()) < 0.3 && u.abs().max(v.abs()) < 0.95,
        // Five points: within all but one of the lines that the star is drawn by.
        5 => (0..5).filter(|&k| along(k, 5, [u, v]) >= (TAU / 5.0).cos()).count() <= 1 && radius(u, v) < 1.0,
        6 => radius(u, v + 0.4) < 0.9 && v > -0.4,
        7 => radius(u, v) < 1.0 && radius(u - 0.5, v) > 0.7,
        8 => radius(u, v / 0.5) < 1.0,
        _ => u.abs().max(v.abs()) < 0.7 && u.min(v) < -0.2,
    }
}

/// The part of a point along the kth of so many directions around the origin.
fn along(k: usize, of: usize, [u, v]: [f64; 2]) -> f64 {
    let (sine, cosine) = (TAU * k as f64 / of as f64).sin_cos();
    cosine * u + sine * v
}

fn colour(stream: &mut Stream) -> [f64; 3] {
    [stream.uniform(), stream.uniform(), stream.uniform()]
}

impl ColourShapes {
    /// Everything that decides the images.
    fn numbers(&self) -> [u64; 4] {
        let &ColourShapes { side, noise, train, test } = self;
        [side as u64, noise.to_bits(), train as u64, test as u64]
    }

    fn pixels(&self) -> usize {
        3 * self.side * self.side
    }

    /// Draws an image `[channel, row, column]`; answers its class.
    fn draw(&self, stream: &mut Stream, image: &mut [u8]) -> u32 {
        let side = self.side as f64;
        let class = stream.below(CLASSES as u64) as usize;
        let size = SIZES[0] + (SIZES[1] - SIZES[0]) * stream.uniform();
        // The whole shape lies within the image, whose sides are from 0 to 1.
        let centre = [stream.uniform(), stream.uniform()].map(|place| size + (1.0 - 2.0 * size) * place);
        let (sine, cosine) = (TAU * stream.uniform()).sin_cos();
        let ends = [colour(stream), colour(stream)];
        let (down, right) = (TAU * stream.uniform()).sin_cos();
        let apart = |shape: [f64; 3]| {
            let difference = |k: usize| shape[k] - 0.5 * (ends[0][k] + ends[1][k]);
            (0..3).map(|k| difference(k).powi(2)).sum::<f64>().sqrt()
        };
        let mut shape = colour(stream);
        // Of the unit cube at least 0.73 is so far from any point of it.
        while apart(shape) < CONTRAST {
            shape = colour(stream);
        }
        let pixels = self.side * self.side;
        for place in 0..pixels {
            let (row, column) = ((place / self.side) as f64, (place % self.side) as f64);
            let mut covered = 0.0;
            for point in 0..FINE * FINE {
                let within = |at: usize| (at as f64 + 0.5) / FINE as f64;
                let x = ((column + within(point % FINE)) / side - centre[0]) / size;
                let y = ((row + within(point / FINE)) / side - centre[1]) / size;
                covered += f64::from(u8::from(covers(class, [cosine * x + sine * y, cosine * y - sine * x])));
            }
            let covered = covered / (FINE * FINE) as f64;
            // From one end at the image's border to the other, through its middle.
            let part =
                0.5 + (down * ((row + 0.5) / side - 0.5) + right * ((column + 0.5) / side - 0.5)) / 2.0_f64.sqrt();
            for channel in 0..3 {
                let behind = ends[0][channel] + part * (ends[1][channel] - ends[0][channel]);
                let clean = behind + covered * (shape[channel] - behind);
                let value = clean + self.noise * stream.normal();
                image[channel * pixels + place] = (255.0 * value.clamp(0.0, 1.0)).round() as u8;
            }
        }
        class as u32
    }

    fn half(&self, test: bool) -> Half {
        let images = if test { self.test } else { self.train };
        let key = StreamKey::new(Self::NAME, &[u64::from(test)]);
        let mut bytes = vec![0; images * self.pixels()];
        let labels = (bytes.par_chunks_mut(self.pixels()).enumerate())
            .map(|(index, image)| self.draw(&mut key.at(index as u64), image))
            .collect();
        Half { inputs: Matrix::bytes(bytes, self.pixels(), 1, 255.0), labels }
    }
}

impl Definition for ColourShapes {
    const NAME: &'static str = "colour-shapes";
    const ABOUT: &'static str = "generated images of three colours: one of ten shapes of any place, size, angle and colour on a gradient, with noise";
    const KEYS: &'static [Key] = &[
        SIDE,
        Key { doc: "standard deviation of the Gaussian noise on every value, where white is 1", ..NOISE },
        Key { doc: "images that subsamples are taken from", ..TRAIN },
        Key { doc: "test images", ..TEST },
    ];
    const LISTED: Listed = Listed { labels: Some(CLASSES), ..Listed::NOTHING };

    fn new(values: &Values) -> ColourShapes {
        ColourShapes {
            side: values.whole("side"),
            noise: values.real("noise"),
            train: values.whole("train"),
            test: values.whole("test"),
        }
    }

    fn plain() -> ColourShapes {
        ColourShapes { side: 32, noise: 0.1, train: 160, test: 100 }
    }

    fn classes(&self) -> Option<usize> {
        Some(CLASSES)
    }

    fn known(&self) -> Option<Sizes> {
        let &ColourShapes { side, train, test, .. } = self;
        Some(Sizes { features: self.pixels(), labels: CLASSES, train, test, image: Some([3, side, side]) })
    }

    fn generated_digest(&self) -> Option<blake3::Hash> {
        Some(digest_of_numbers(Self::NAME, &self.numbers()))
    }

    fn decode(&self, files: &Files<'_>) -> Result<Decoded, DataError> {
        let &ColourShapes { side, train, test, .. } = self;
        if side == 0 || train == 0 || test == 0 {
            return Err(DataError::Request {
                name: files.name.to_owned(),
                what: format!("{train} training and {test} test images of {side} pixels a side"),
                advice: "All three must be at least 1".to_owned(),
            });
        }
        let digest = digest_of_numbers(Self::NAME, &self.numbers());
        Ok(Decoded {
            image: Some([3, side, side]),
            ..Decoded::new(self.half(false), self.half(true), plain_labels(CLASSES), digest)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    fn shapes(noise: f64) -> ColourShapes {
        ColourShapes { side: 24, noise, train: 300, test: 40 }
    }

    fn image(of: &ColourShapes, index: u64) -> (Vec<u8>, u32) {
        let mut image = vec![0; of.pixels()];
        let class = of.draw(&mut StreamKey::new(ColourShapes::NAME, &[0]).at(index), &mut image);
        (image, class)
    }

    /// Areas by counting points of a grid, against geometry.
    #[test]
    fn shapes_have_the_areas_of_geometry_and_fit_the_unit_circle() {
        // Two circles of radii 1 and 0.7, 0.5 apart: the lens that both cover.
        let (r, d) = (0.7_f64, 0.5_f64);
        let (a, b) = ((d * d + 1.0 - r * r) / (2.0 * d), (d * d + r * r - 1.0) / (2.0 * d * r));
        let lens = a.acos() + r * r * b.acos() - d * (1.0 - a * a).sqrt();
        // A five-pointed star of circumradius 1: ten triangles between an outer and an inner corner.
        let inner = (2.0 * PI / 5.0).cos() / (PI / 5.0).cos();
        let star = 5.0 * inner * (PI / 5.0).sin();
        let expected = [
            PI,
            1.4 * 1.4,
            3.0 * 3.0_f64.sqrt() / 4.0,
            PI * (1.0 - 0.55_f64.powi(2)),
            2.0 * 1.9 * 0.6 - 0.36,
            star,
            PI * 0.9 * 0.9 / 2.0,
            PI - lens,
            PI / 2.0,
            1.4 * 1.4 - 0.9 * 0.9,
        ];
        const GRID: usize = 1200;
        for (class, expected) in expected.into_iter().enumerate() {
            let mut count = 0;
            for place in 0..GRID * GRID {
                let at = [place / GRID, place % GRID].map(|k| 2.4 * (k as f64 + 0.5) / GRID as f64 - 1.2);
                let inside = covers(class, at);
                count += usize::from(inside);
                assert!(!inside || at[0].hypot(at[1]) < 1.0, "{class} {at:?}");
            }
            let area = count as f64 * (2.4 / GRID as f64).powi(2);
            // A grid of spacing 0.002 misses at most about so much along a border of length 10.
            assert!((area - expected).abs() < 0.01, "class {class}: {area} for {expected}");
        }
    }

    #[test]
    fn an_image_is_its_own_whatever_the_others_and_noise_is_added_to_it() {
        let (many, few) = (shapes(0.1), ColourShapes { train: 5, ..shapes(0.1) });
        let half = many.half(false);
        let mut row = vec![0.0; many.pixels()];
        for index in 0..5 {
            let (alone, class) = image(&few, index);
            half.inputs.read(index as usize, &mut row);
            assert!(row.iter().zip(&alone).all(|(a, b)| *a == f64::from(*b)));
            assert_eq!(half.labels[index as usize], class);
        }
        assert_ne!(few.generated_digest(), many.generated_digest());
        // The noise's size is what is asked for, where values are not cut off at black and white.
        let (mut squares, mut count) = (0.0, 0.0);
        for index in 0..200 {
            let ((clean, class), (noisy, same)) = (image(&shapes(0.0), index), image(&shapes(0.05), index));
            assert_eq!(class, same);
            for (clean, noisy) in clean.iter().zip(&noisy).filter(|(clean, _)| (80..176).contains(*clean)) {
                squares += ((f64::from(*noisy) - f64::from(*clean)) / 255.0).powi(2);
                count += 1.0;
            }
        }
        let deviation = f64::sqrt(squares / count);
        // Some 200,000 draws: a standard error of 0.2%; rounding to bytes adds 0.2% to 0.05.
        assert!((deviation / 0.05 - 1.0).abs() < 0.015, "{deviation}");
    }

    /// Every class as often as any other, every shape seen against what is behind it.
    #[test]
    fn classes_are_even_and_shapes_can_be_seen() {
        let of = shapes(0.0);
        let mut counts = [0_usize; CLASSES];
        for index in 0..1000 {
            let (image, class) = image(&of, index);
            counts[class as usize] += 1;
            let (least, most) = (0..3).fold((255, 0), |(least, most), channel| {
                let values = &image[channel * 576..][..576];
                let spread = values.iter().max().unwrap_or(&0) - values.iter().min().unwrap_or(&0);
                (spread.min(least), spread.max(most))
            });
            // At least 0.4 apart in all, so 0.23 in some channel; the background varies around its mean.
            assert!(most >= 30, "image {index}: {least} to {most}");
        }
        // Five standard errors of a binomial count of 100.
        assert!(counts.iter().all(|&count| count.abs_diff(100) < 48), "{counts:?}");
    }
}
