//! Convolutions of any stride and padding: every place is a row of a product, as in the [`convolution`] of chains.
//!
//! Lines of the image are unfolded column by column, so that the columns that a kernel covers lie side by side; a place's row
//! starts where its first column does, `stride` columns behind the one before it. What lies between the last place of a
//! line and the first of the next is computed and left alone, and has no gradient. Backward, the products with the
//! transposed weights are added to all places that a kernel covers.
//!
//! [`convolution`]: crate::convolution

use super::rows::{add, clear, widen};
use super::slot::Slot;
use super::walk::{Edge, Geometry};
use crate::convolution::unfold::{Plane, Unfold};
use crate::dense::{Start, Sums, WeightGradient};
use crate::layer::Layer;
use crate::shape::{AT_ONCE, Shape};
use crate::simd::{Buffer, Lane, Task, get, put};

/// Room for the lines under way.
pub(super) struct Unfolded {
    /// Unfolded columns from a line to the next.
    pitch: usize,
    /// Places of a line, those that are left alone included.
    line: usize,
    /// Lines that go through at a time.
    lines: usize,
    unfolded: Buffer,
    /// Their sums; on the way back the gradient with respect to what was unfolded.
    sums: Buffer,
    /// The gradient with respect to all sums of a sample: zero between the lines.
    delta: Buffer,
}

impl Unfolded {
    /// Room for a layer.
    pub(super) fn zeros(shape: &Shape<'_>, geometry: Geometry, layer: &Layer) -> Unfolded {
        let Geometry { inputs, image, places, window: [kernel, _], stride: [step, _], padding, .. } = geometry;
        let [_, mr, _] = shape.product;
        let r = shape.replicas;
        // The zeros behind a line are those before the next; every line begins at a whole number of places.
        let pitch = (image[1] + padding).max(places[1] * step).next_multiple_of(step);
        let line = pitch / step;
        let lines = (AT_ONCE / line).clamp(1, places[0]);
        let rows = (lines * line).next_multiple_of(mr);
        let columns = rows * step + kernel + padding;
        let carried = layer.back.as_ref().map_or(0, |(layout, _)| layout.padded_columns());
        let padded = layer.layout.padded_columns();
        Unfolded {
            pitch,
            line,
            lines,
            // Groups of rows and of inputs read beyond the last.
            unfolded: Buffer::zeros((columns.max(lines * pitch + padding + image[1])) * kernel * inputs * r + mr * r),
            sums: Buffer::zeros(rows * padded.max(carried)),
            delta: Buffer::zeros((places[0] * line).next_multiple_of(mr).max(places[0] * line + mr) * padded),
        }
    }

    /// Rows that a product takes at a time.
    pub(super) fn places_at_once(&self) -> usize {
        self.lines * self.line
    }

    /// Lines at a time: the first and their number.
    fn stripes(&self, down: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let lines = self.lines;
        (0..down).step_by(lines).map(move |line| (line, lines.min(down - line)))
    }

    fn unfold<'a>(
        &'a mut self,
        geometry: Geometry,
        data: &'a [f32],
        [place, numbers]: [usize; 2],
        line: usize,
        count: usize,
    ) -> Unfold<'a> {
        let [height, width] = geometry.image;
        Unfold {
            plane: Plane { data, place, line: width * place, numbers },
            kernel: geometry.window[0],
            step: geometry.stride[0],
            padding: geometry.padding,
            pitch: self.pitch,
            width,
            height,
            line,
            count,
            to: &mut self.unfolded,
        }
    }
}

/// A group's part of a convolution: its channels lie between those of the others, place by place.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// That of one group.
    pub(super) geometry: Geometry,
    /// The group's number.
    pub(super) group: usize,
    /// Number of groups.
    pub(super) groups: usize,
}

impl Part {
    /// Numbers of a place, of inputs and of outputs: the group's, those of all groups, and where the group's begin.
    fn numbers<const R: usize>(self) -> [[usize; 2]; 3] {
        let own = [self.geometry.inputs * R, self.geometry.outputs * R];
        [own, own.map(|numbers| numbers * self.groups), own.map(|numbers| numbers * self.group)]
    }
}

/// Sums of a tile's first `valid` samples, of one group.
#[inline(always)]
pub(super) fn forward<V: Lane, const R: usize>(
    part: Part,
    layer: &Layer,
    own: &mut Unfolded,
    below: &Slot,
    out: &mut [f32],
    stride: usize,
    valid: usize,
) {
    let geometry = part.geometry;
    let [[inputs, outputs], place, first] = part.numbers::<R>();
    let padded = layer.layout.padded_columns();
    let [down, across] = geometry.places;
    for sample in 0..valid {
        for (line, count) in own.stripes(down) {
            let data = &below.value[sample * below.stride + first[0]..];
            V::enter::<_, R>(own.unfold(geometry, data, [place[0], inputs], line, count));
            let Unfolded { unfolded, sums, line: places, .. } = &mut *own;
            V::enter::<_, R>(Sums {
                layout: &layer.layout,
                weights: &layer.weight.value,
                start: Start::From(&layer.bias.value),
                input: unfolded,
                stride: geometry.stride[1] * geometry.window[0] * inputs,
                rows: count * *places,
                out: sums,
                out_stride: padded,
            });
            let to = &mut out[sample * stride + line * across * place[1] + first[1]..];
            let (from, to_line, from_line) = (&sums[..], across * place[1], *places * padded);
            let lines = Lines { from, to, place: [padded, place[1]], line: [from_line, to_line], numbers: outputs };
            V::enter::<_, 1>(CopyLines { lines, counts: [count, across] });
        }
    }
}

/// The gradients with respect to a tile's sums.
#[derive(Clone, Copy)]
pub(super) struct Gradients<'a> {
    pub(super) here: &'a [f32],
    pub(super) stride: usize,
    /// Where they are carried.
    pub(super) edge: Edge,
    pub(super) valid: usize,
    pub(super) first: bool,
}

/// Adds a tile's gradients of one group and carries them on; the first group comes first.
#[inline(always)]
pub(super) fn backward<V: Lane, const R: usize>(
    part: Part,
    layer: &mut Layer,
    own: &mut Unfolded,
    below: &mut Slot,
    gradients: Gradients<'_>,
    scratch: &mut [f32],
) {
    let Gradients { here, stride, edge, valid, first } = gradients;
    let Layer { layout, weight, bias_sum, back, .. } = layer;
    let geometry = part.geometry;
    let [[inputs, outputs], place, of_group] = part.numbers::<R>();
    let padded = layout.padded_columns();
    let [down, across] = geometry.places;
    if edge.carried && !edge.onto && part.group == 0 {
        clear(&mut below.gradient, below.stride, geometry.image[0] * geometry.image[1] * place[0], valid);
    }
    for sample in 0..valid {
        let here = &here[sample * stride..][of_group[1]..down * across * place[1]];
        V::enter::<_, 1>(OverPlaces { here, place: place[1], numbers: outputs, sums: bias_sum });
        {
            let Unfolded { delta, line, .. } = &mut *own;
            let line = [across * place[1], *line * padded];
            let lines = Lines { from: here, to: delta, place: [place[1], padded], line, numbers: outputs };
            V::enter::<_, 1>(CopyLines { lines, counts: [down, across] });
        }
        for (line, count) in own.stripes(down) {
            let data = &below.value[sample * below.stride + of_group[0]..];
            V::enter::<_, R>(own.unfold(geometry, data, [place[0], inputs], line, count));
            let Unfolded { unfolded, sums, delta, line: places, .. } = &mut *own;
            let delta = &delta[line * *places * padded..];
            V::enter::<_, R>(WeightGradient {
                layout,
                gradient: &mut weight.gradient,
                input: unfolded,
                stride: geometry.stride[1] * geometry.window[0] * inputs,
                delta,
                delta_stride: padded,
                rows: count * *places,
                first: first && sample == 0 && line == 0,
                scratch,
            });
            let Some((turned, back)) = &*back else { continue };
            V::enter::<_, R>(Sums {
                layout: turned,
                weights: back,
                start: Start::Zero,
                input: delta,
                stride: padded,
                rows: count * *places,
                out: sums,
                out_stride: turned.padded_columns(),
            });
            let to = &mut below.gradient[sample * below.stride..][of_group[0]..below.stride];
            V::enter::<_, 1>(Fold {
                geometry,
                sums,
                place: [turned.padded_columns(), place[0]],
                pitch: *places,
                line,
                count,
                numbers: inputs,
                to,
            });
        }
    }
}

/// Lines of places here and there.
struct Lines<'a> {
    from: &'a [f32],
    to: &'a mut [f32],
    /// Distances between places.
    place: [usize; 2],
    /// Distances between lines.
    line: [usize; 2],
    /// Numbers of a place.
    numbers: usize,
}

/// Copies so many lines of so many places.
struct CopyLines<'a> {
    lines: Lines<'a>,
    counts: [usize; 2],
}

impl Task for CopyLines<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let CopyLines { lines: Lines { from, to, place, line, numbers }, counts: [lines, places] } = self;
        for number in 0..lines {
            let from = from[number * line[0]..].chunks(place[0]);
            let to = to[number * line[1]..].chunks_mut(place[1]);
            for (from, to) in from.zip(to).take(places) {
                for at in (0..numbers).step_by(V::LEN) {
                    let end = numbers.min(at + V::LEN);
                    put(get::<V>(&from[at..end]), &mut to[at..end]);
                }
            }
        }
    }
}

/// Adds the sums over all places to sums in f64.
struct OverPlaces<'a> {
    here: &'a [f32],
    /// Distance between places.
    place: usize,
    /// Numbers of a place.
    numbers: usize,
    sums: &'a mut [f64],
}

impl Task for OverPlaces<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let OverPlaces { here, place, numbers, sums } = self;
        for at in (0..numbers).step_by(V::LEN) {
            let end = numbers.min(at + V::LEN);
            let mut sum = V::splat(0.0);
            for place in here.chunks(place) {
                sum = sum.add(get::<V>(&place[at..end]));
            }
            widen(&mut sums[at..], sum);
        }
    }
}

/// Adds gradients with respect to unfolded lines, `[column of the kernel, line of the kernel, channel, replica]` of every
/// place, to those of the image.
struct Fold<'a> {
    geometry: Geometry,
    sums: &'a [f32],
    /// Distances between places, of the sums and of the image.
    place: [usize; 2],
    /// Places of a line.
    pitch: usize,
    /// The first line.
    line: usize,
    count: usize,
    /// Numbers of a place of the image that belong to the group.
    numbers: usize,
    to: &'a mut [f32],
}

impl Task for Fold<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Fold { geometry, sums, place, pitch, line, count, numbers, to } = self;
        let (kernel, step, [height, width]) = (geometry.window[0], geometry.stride[0], geometry.image);
        for within in 0..count {
            for across in 0..geometry.places[1] {
                let from = &sums[(within * pitch + across) * place[0]..][..kernel * kernel * numbers];
                for (tap, from) in from.chunks_exact(numbers).enumerate() {
                    let column = (across * step + tap / kernel).wrapping_sub(geometry.padding);
                    let row = ((line + within) * step + tap % kernel).wrapping_sub(geometry.padding);
                    if row >= height || column >= width {
                        continue;
                    }
                    let to = &mut to[(row * width + column) * place[1]..][..numbers];
                    for at in (0..numbers).step_by(V::LEN) {
                        let end = numbers.min(at + V::LEN);
                        add::<V>(&mut to[at..end], get(&from[at..end]));
                    }
                }
            }
        }
    }
}
