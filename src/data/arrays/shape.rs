//! What the dimensions of an array of samples mean: n×d are points, n×h×w images of one channel, n×c×h×w (or n×h×w×c)
//! images of several.

use super::container::{Inputs, Refusal, sizes_of};

/// Samples of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Number of samples.
    pub(super) rows: usize,
    /// Inputs of a sample.
    pub(super) features: usize,
    /// `[channels, height, width]` where they are images.
    pub(super) image: Option<[usize; 3]>,
    /// Whether the channels come last in the file.
    channels_last: bool,
}

/// The samples of the array `name` of a shape.
pub(super) fn layout(name: &str, shape: &[usize], channels_last: bool) -> Result<Layout, Refusal> {
    let refuse = |what: &str, advice: &str| Err(Refusal::new(format!("`{name}` ({}) {what}", sizes_of(shape)), advice));
    let (rows, image, features) = match *shape {
        _ if channels_last && shape.len() != 4 => {
            return refuse("has no channels that could come last", "Leave channels_last out: it is for n×h×w×c");
        }
        [rows] => (rows, None, Some(1)),
        [rows, features] => (rows, None, Some(features)),
        [rows, height, width] => (rows, Some([1, height, width]), height.checked_mul(width)),
        [rows, a, b, c] => {
            let image = if channels_last { [c, a, b] } else { [a, b, c] };
            (rows, Some(image), a.checked_mul(b).and_then(|product| product.checked_mul(c)))
        }
        _ => {
            return refuse(
                "is no array of samples",
                "Inputs are n×d (points), n×h×w or n×c×h×w (images), or n×h×w×c with channels_last = true",
            );
        }
    };
    let Some(features) = features.filter(|&features| features > 0 && rows > 0) else {
        return refuse("holds nothing", "Name an array that holds samples");
    };
    if u32::try_from(rows).is_err() || u32::try_from(features).is_err() {
        return refuse("has more samples or inputs than 32 bits can count", "Store fewer");
    }
    Ok(Layout { rows, features, image, channels_last })
}

impl Layout {
    /// The inputs with channels first.
    pub(super) fn channels_first(&self, inputs: &mut Inputs) {
        match inputs {
            Inputs::Bytes(bytes) => self.turned(bytes),
            Inputs::Floats(floats) => self.turned(floats),
        }
    }

    fn turned<T: Copy>(&self, values: &mut [T]) {
        let Some([channels, height, width]) = self.image.filter(|[channels, ..]| self.channels_last && *channels > 1)
        else {
            return;
        };
        let mut last = Vec::with_capacity(self.features);
        for sample in values.chunks_exact_mut(self.features) {
            last.clear();
            last.extend_from_slice(sample);
            for (pixel, of_pixel) in last.chunks_exact(channels).enumerate() {
                for (channel, &value) in of_pixel.iter().enumerate() {
                    sample[channel * height * width + pixel] = value;
                }
            }
        }
    }

    /// Refuses inputs of the array `name` that are NaN or infinite: where the first is.
    pub(super) fn finite(&self, name: &str, inputs: &Inputs) -> Result<(), Refusal> {
        let Inputs::Floats(floats) = inputs else { return Ok(()) };
        let Some(first) = floats.iter().position(|value| !value.is_finite()) else { return Ok(()) };
        let (sample, input) = (first / self.features, first % self.features);
        let place = match self.image {
            Some([_, height, width]) => {
                let (channel, pixel) = (input / (height * width), input % (height * width));
                format!(" (channel {channel}, row {}, column {})", pixel / width, pixel % width)
            }
            None => String::new(),
        };
        let what = if floats[first].is_nan() { "NaN" } else { "infinite, or beyond single precision (3.4e38)" };
        let others = floats[first..].iter().filter(|value| !value.is_finite()).count() - 1;
        let more = if others > 0 { format!("; {others} more are not finite") } else { String::new() };
        Err(Refusal::new(
            format!("input {input}{place} of sample {sample} of `{name}` (counted from 0) is {what}{more}"),
            "Leave such samples out, or write numbers in their place: nobody can train on them",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_are_points_or_images() {
        let of = |shape: &[usize], last| layout("x", shape, last).map(|layout| (layout.features, layout.image));
        assert_eq!(of(&[5], false), Ok((1, None)));
        assert_eq!(of(&[5, 7], false), Ok((7, None)));
        assert_eq!(of(&[5, 2, 3], false), Ok((6, Some([1, 2, 3]))));
        assert_eq!(of(&[5, 4, 2, 3], false), Ok((24, Some([4, 2, 3]))));
        assert_eq!(of(&[5, 2, 3, 4], true), Ok((24, Some([4, 2, 3]))));
        for (shape, last, word) in [
            (&[][..], false, "single value"),
            (&[5, 1, 2, 3, 4], false, "no array of samples"),
            (&[5, 2, 3], true, "channels"),
            (&[0, 3], false, "nothing"),
            (&[3, 0], false, "nothing"),
            (&[1, usize::MAX, 2], false, "nothing"),
            (&[1 << 33, 1], false, "32 bits"),
        ] {
            let told = layout("x", shape, last).unwrap_err();
            assert!(told.what.contains(word) && told.what.contains("`x`"), "{told:?}");
        }
    }

    #[test]
    fn channels_come_first() {
        let layout = layout("x", &[2, 1, 2, 3], true).expect("images");
        let mut inputs = Inputs::Bytes((0..12).collect());
        layout.channels_first(&mut inputs);
        assert_eq!(inputs, Inputs::Bytes(vec![0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]));
    }

    #[test]
    fn the_first_input_that_is_not_finite_is_named() {
        let images = layout("x", &[2, 2, 3], false).expect("images");
        let mut values = vec![0.0; 12];
        assert_eq!(images.finite("x", &Inputs::Floats(values.clone())), Ok(()));
        values[10] = f32::NAN;
        values[11] = f32::INFINITY;
        let told = images.finite("x", &Inputs::Floats(values)).unwrap_err().what;
        assert!(told.contains("input 4 (channel 0, row 1, column 1) of sample 1 of `x`"), "{told}");
        assert!(told.contains("is NaN; 1 more"), "{told}");
    }
}
