//! Max and mean pooling of a tile's images, and the way back.
//!
//! Of equals the first in a window has the gradient, line by line, and a NaN wins over all.

use super::rows::{add, clear};
use super::walk::Geometry;
use crate::simd::{Lane, Task, get, put};

/// Calls a loop for every window: its number, and where its first place begins among a row's numbers.
macro_rules! windows {
    ($geometry:expr, $numbers:expr, |$window:ident, $first:ident| $body:block) => {
        for down in 0..$geometry.places[0] {
            for across in 0..$geometry.places[1] {
                let $window = (down * $geometry.places[1] + across) * $numbers;
                let line = down * $geometry.stride[0] * $geometry.image[1];
                let $first = (line + across * $geometry.stride[1]) * $numbers;
                $body
            }
        }
    };
}

/// Numbers from a window's first place to a place of it.
#[inline(always)]
fn within(geometry: &Geometry, numbers: usize, place: usize) -> usize {
    (place / geometry.window[1] * geometry.image[1] + place % geometry.window[1]) * numbers
}

/// The greatest of every window.
pub(super) struct MaxPool<'a> {
    pub(super) geometry: Geometry,
    /// Numbers of a place.
    pub(super) numbers: usize,
    pub(super) input: &'a [f32],
    /// Distance between the rows of the input.
    pub(super) from: usize,
    pub(super) out: &'a mut [f32],
    /// The place in its window that each came from, laid out as `out`.
    pub(super) choice: &'a mut [f32],
    /// Distance between the rows of the output.
    pub(super) stride: usize,
    pub(super) valid: usize,
}

impl Task for MaxPool<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let MaxPool { geometry, numbers, input, from, out, choice, stride, valid } = self;
        let places = geometry.window[0] * geometry.window[1];
        for sample in 0..valid {
            let input = &input[sample * from..][..from];
            let (out, choice) = (&mut out[sample * stride..][..stride], &mut choice[sample * stride..][..stride]);
            windows!(geometry, numbers, |window, first| {
                for at in (0..numbers).step_by(V::LEN) {
                    let end = numbers.min(at + V::LEN);
                    let mut best = get::<V>(&input[first + at..first + end]);
                    let mut best_at = V::splat(0.0);
                    for place in 1..places {
                        let to = first + within(&geometry, numbers, place);
                        let value = get::<V>(&input[to + at..to + end]);
                        let more = value.gt(best);
                        best_at = V::select(more, V::splat(place as f32), best_at);
                        best = V::select(more, value, best);
                        best = V::select(value.is_nan(), value, best);
                    }
                    put(best, &mut out[window + at..window + end]);
                    put(best_at, &mut choice[window + at..window + end]);
                }
            });
        }
    }
}

/// The way back through [`MaxPool`].
pub(super) struct MaxPoolBack<'a> {
    pub(super) geometry: Geometry,
    /// Numbers of a place.
    pub(super) numbers: usize,
    pub(super) here: &'a [f32],
    pub(super) choice: &'a [f32],
    pub(super) stride: usize,
    /// Gradients with respect to the input.
    pub(super) to: &'a mut [f32],
    pub(super) from: usize,
    /// Whether they are added to those that are there.
    pub(super) onto: bool,
    pub(super) valid: usize,
}

impl Task for MaxPoolBack<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let MaxPoolBack { geometry, numbers, here, choice, stride, to, from, onto, valid } = self;
        let places = geometry.window[0] * geometry.window[1];
        if !onto {
            clear(to, from, geometry.image[0] * geometry.image[1] * numbers, valid);
        }
        for sample in 0..valid {
            let to = &mut to[sample * from..][..from];
            let (here, choice) = (&here[sample * stride..][..stride], &choice[sample * stride..][..stride]);
            windows!(geometry, numbers, |window, first| {
                for at in (0..numbers).step_by(V::LEN) {
                    let end = numbers.min(at + V::LEN);
                    let gradient = get::<V>(&here[window + at..window + end]);
                    let chosen = get::<V>(&choice[window + at..window + end]);
                    for place in 0..places {
                        let other = chosen.sub(V::splat(place as f32)).abs().gt(V::splat(0.0));
                        let place = first + within(&geometry, numbers, place);
                        add(&mut to[place + at..place + end], V::select(other, V::splat(0.0), gradient));
                    }
                }
            });
        }
    }
}

/// The mean of every window.
pub(super) struct MeanPool<'a> {
    pub(super) geometry: Geometry,
    /// Numbers of a place.
    pub(super) numbers: usize,
    pub(super) input: &'a [f32],
    pub(super) from: usize,
    pub(super) out: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) valid: usize,
}

impl Task for MeanPool<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let MeanPool { geometry, numbers, input, from, out, stride, valid } = self;
        let places = geometry.window[0] * geometry.window[1];
        let share = V::splat(1.0 / places as f32);
        for sample in 0..valid {
            let (input, out) = (&input[sample * from..][..from], &mut out[sample * stride..][..stride]);
            windows!(geometry, numbers, |window, first| {
                for at in (0..numbers).step_by(V::LEN) {
                    let end = numbers.min(at + V::LEN);
                    let mut sum = V::splat(0.0);
                    for place in 0..places {
                        let place = first + within(&geometry, numbers, place);
                        sum = sum.add(get::<V>(&input[place + at..place + end]));
                    }
                    put(sum.mul(share), &mut out[window + at..window + end]);
                }
            });
        }
    }
}

/// The way back through [`MeanPool`].
pub(super) struct MeanPoolBack<'a> {
    pub(super) geometry: Geometry,
    /// Numbers of a place.
    pub(super) numbers: usize,
    pub(super) here: &'a [f32],
    pub(super) stride: usize,
    pub(super) to: &'a mut [f32],
    pub(super) from: usize,
    pub(super) onto: bool,
    pub(super) valid: usize,
}

impl Task for MeanPoolBack<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let MeanPoolBack { geometry, numbers, here, stride, to, from, onto, valid } = self;
        let places = geometry.window[0] * geometry.window[1];
        let share = V::splat(1.0 / places as f32);
        if !onto {
            clear(to, from, geometry.image[0] * geometry.image[1] * numbers, valid);
        }
        for sample in 0..valid {
            let (here, to) = (&here[sample * stride..][..stride], &mut to[sample * from..][..from]);
            windows!(geometry, numbers, |window, first| {
                for at in (0..numbers).step_by(V::LEN) {
                    let end = numbers.min(at + V::LEN);
                    let gradient = get::<V>(&here[window + at..window + end]).mul(share);
                    for place in 0..places {
                        let place = first + within(&geometry, numbers, place);
                        add(&mut to[place + at..place + end], gradient);
                    }
                }
            });
        }
    }
}
