//! From images to planes, and from planes to unfolded lines.

use crate::simd::{Lane, Task};

/// A tile's images, `[sample, channel, line, column]`.
#[derive(Clone, Copy)]
pub(crate) struct Images<'a> {
    /// The set's inputs.
    pub(crate) x: &'a [f32],
    pub(crate) which: Which<'a>,
}

/// Which of a set's images are in a tile.
#[derive(Clone, Copy)]
pub(crate) enum Which<'a> {
    /// Those from a number on, the same for all replicas.
    From(usize),
    /// Each replica's own: numbers `[sample of the tile, replica]`.
    Own(&'a [u32]),
}

/// Lays an image of each replica side by side in a plane.
pub(crate) struct Spread<'a> {
    pub(crate) images: Images<'a>,
    /// Sample of the tile.
    pub(crate) sample: usize,
    pub(crate) channels: usize,
    pub(crate) image: &'a mut [f32],
}

impl Task for Spread<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Spread { images, sample, channels, image } = self;
        let inputs = image.len() / R;
        let places = inputs / channels;
        let x = |number: usize| &images.x[number * inputs..][..inputs];
        match images.which {
            Which::From(first) => {
                for (channel, x) in x(first + sample).chunks_exact(places).enumerate() {
                    for (to, &x) in image[channel * R..].chunks_mut(channels * R).zip(x) {
                        to[..R].fill(x);
                    }
                }
            }
            Which::Own(samples) => {
                let images: [&[f32]; R] = std::array::from_fn(|replica| x(samples[sample * R + replica] as usize));
                for channel in 0..channels {
                    let images = images.map(|x| &x[channel * places..][..places]);
                    let to = image[channel * R..].chunks_mut(channels * R);
                    for (place, to) in to.enumerate().take(places) {
                        for (to, x) in to[..R].iter_mut().zip(images) {
                            *to = x[place];
                        }
                    }
                }
            }
        }
    }
}

/// Where a plane's numbers lie.
#[derive(Clone, Copy)]
pub(crate) struct Plane<'a> {
    pub(crate) data: &'a [f32],
    /// Distance between places.
    pub(crate) place: usize,
    /// Distance between lines.
    pub(crate) line: usize,
    /// Numbers of a place.
    pub(crate) numbers: usize,
}

/// Unfolds lines of a plane. What lies beyond the plane is zero; the zeros between lines are there from the beginning.
pub(crate) struct Unfold<'a> {
    pub(crate) plane: Plane<'a>,
    pub(crate) kernel: usize,
    /// Lines of the plane from an unfolded line to the next.
    pub(crate) step: usize,
    /// Zeros around the plane.
    pub(crate) padding: usize,
    /// Unfolded places from a line to the next.
    pub(crate) pitch: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// The first unfolded line.
    pub(crate) line: usize,
    /// Number of lines.
    pub(crate) count: usize,
    pub(crate) to: &'a mut [f32],
}

impl Task for Unfold<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Unfold { plane, kernel, step, padding, pitch, width, height, line, count, to } = self;
        let numbers = plane.numbers;
        let column = kernel * numbers;
        for (within, at) in (0..count).flat_map(|within| (0..kernel).map(move |at| (within, at))) {
            let to = &mut to[(within * pitch + padding) * column + at * numbers..];
            let from = ((line + within) * step + at).checked_sub(padding).filter(|&from| from < height);
            let Some(from) = from else {
                for to in to.chunks_exact_mut(column).take(width) {
                    to[..numbers].fill(0.0);
                }
                continue;
            };
            let from = &plane.data[from * plane.line..];
            let places = to.chunks_exact_mut(column).zip(from.chunks(plane.place)).take(width);
            if numbers == R {
                places.for_each(|(to, from)| to[..R].copy_from_slice(&from[..R]));
            } else if numbers % V::LEN == 0 {
                for (to, from) in places {
                    for (to, from) in to[..numbers].chunks_exact_mut(V::LEN).zip(from.chunks_exact(V::LEN)) {
                        V::load(from).store(to);
                    }
                }
            } else {
                for (to, from) in places {
                    for (to, from) in to[..numbers].chunks_exact_mut(R).zip(from.chunks_exact(R)) {
                        to.copy_from_slice(from);
                    }
                }
            }
        }
    }
}
