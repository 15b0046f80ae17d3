//! Convolutions of each channel by itself: elementwise products, a vector of channels and replicas at a time.

use super::rows::{add, clear, widen};
use super::slot::Slot;
use super::walk::{Edge, Geometry};
use crate::layer::Layer;
use crate::simd::{Lane, Task, get, put};

/// The place of the image that a place of the kernel meets, if it is inside.
#[inline(always)]
fn meets(geometry: &Geometry, [down, across]: [usize; 2], tap: usize) -> Option<usize> {
    let side = geometry.window[1];
    let line = (down * geometry.stride[0] + tap / side).checked_sub(geometry.padding)?;
    let column = (across * geometry.stride[1] + tap % side).checked_sub(geometry.padding)?;
    (line < geometry.image[0] && column < geometry.image[1]).then(|| line * geometry.image[1] + column)
}

/// Places down and across.
#[inline(always)]
fn places(geometry: &Geometry) -> impl Iterator<Item = [usize; 2]> + use<> {
    let [down, across] = geometry.places;
    (0..down).flat_map(move |y| (0..across).map(move |x| [y, x]))
}

/// Sums of a tile's first `valid` samples.
#[inline(always)]
pub(super) fn forward<V: Lane, const R: usize>(
    geometry: Geometry,
    layer: &Layer,
    below: &Slot,
    out: &mut [f32],
    stride: usize,
    valid: usize,
) {
    V::enter::<_, 1>(Depthwise {
        geometry,
        numbers: geometry.outputs * R,
        layer,
        input: &below.value,
        from: below.stride,
        out,
        stride,
        valid,
    });
}

struct Depthwise<'a> {
    geometry: Geometry,
    /// Numbers of a place.
    numbers: usize,
    layer: &'a Layer,
    input: &'a [f32],
    from: usize,
    out: &'a mut [f32],
    stride: usize,
    valid: usize,
}

impl Task for Depthwise<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Depthwise { geometry, numbers, layer, input, from, out, stride, valid } = self;
        let Some(elements) = &layer.elements else { return };
        let padded = layer.layout.padded_columns();
        let taps = geometry.window[0] * geometry.window[1];
        for sample in 0..valid {
            let (input, out) = (&input[sample * from..][..from], &mut out[sample * stride..][..stride]);
            for (number, place) in places(&geometry).enumerate() {
                for at in (0..numbers).step_by(V::LEN) {
                    let end = numbers.min(at + V::LEN);
                    let mut sum = V::load(&layer.bias.value[at..]);
                    for tap in 0..taps {
                        let Some(place) = meets(&geometry, place, tap) else { continue };
                        let weight = V::load(&elements.values[tap * padded + at..]);
                        sum = get::<V>(&input[place * numbers + at..place * numbers + end]).fma(weight, sum);
                    }
                    put(sum, &mut out[number * numbers + at..number * numbers + end]);
                }
            }
        }
    }
}

/// Adds a tile's gradients and carries them on.
#[inline(always)]
pub(super) fn backward<V: Lane, const R: usize>(
    geometry: Geometry,
    layer: &mut Layer,
    below: &mut Slot,
    here: &[f32],
    stride: usize,
    edge: Edge,
    valid: usize,
) {
    V::enter::<_, 1>(DepthwiseBack {
        geometry,
        numbers: geometry.outputs * R,
        layer,
        below,
        here,
        stride,
        edge,
        valid,
    });
}

struct DepthwiseBack<'a> {
    geometry: Geometry,
    /// Numbers of a place.
    numbers: usize,
    layer: &'a mut Layer,
    below: &'a mut Slot,
    here: &'a [f32],
    stride: usize,
    edge: Edge,
    valid: usize,
}

impl Task for DepthwiseBack<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let DepthwiseBack { geometry, numbers, layer, below, here, stride, edge, valid } = self;
        let Some(elements) = &mut layer.elements else { return };
        let padded = layer.layout.padded_columns();
        let taps = geometry.window[0] * geometry.window[1];
        let from = below.stride;
        if edge.carried && !edge.onto {
            clear(&mut below.gradient, from, geometry.image[0] * geometry.image[1] * numbers, valid);
        }
        for sample in 0..valid {
            let here = &here[sample * stride..][..stride];
            let input = &below.value[sample * from..][..from];
            for at in (0..numbers).step_by(V::LEN) {
                let end = numbers.min(at + V::LEN);
                let mut all = V::splat(0.0);
                for number in 0..geometry.places[0] * geometry.places[1] {
                    all = all.add(get::<V>(&here[number * numbers + at..number * numbers + end]));
                }
                widen(&mut layer.bias_sum[at..], all);
                for tap in 0..taps {
                    let weight = V::load(&elements.values[tap * padded + at..]);
                    let mut sum = V::splat(0.0);
                    for (number, place) in places(&geometry).enumerate() {
                        let Some(place) = meets(&geometry, place, tap) else { continue };
                        let gradient = get::<V>(&here[number * numbers + at..number * numbers + end]);
                        let place = place * numbers + at..place * numbers + end;
                        sum = gradient.fma(get::<V>(&input[place.clone()]), sum);
                        if edge.carried {
                            add(&mut below.gradient[sample * from..][place], gradient.mul(weight));
                        }
                    }
                    widen(&mut elements.sums[tap * padded + at..], sum);
                }
            }
        }
    }
}
