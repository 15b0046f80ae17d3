//! Layers with weights over a batch: W x + b, and back to W, b and x.
//!
//! A convolution is a product with the columns of its input: for each pixel of an output, what the kernel covers there;
//! of grouped channels a product for each group. A depthwise convolution has so little to sum that it is written out. Its
//! way back adds each column to where it was taken from. Invariant: what lies beyond an image's border is 0 in its columns.

use std::ops::Range;

use faer::{Accum, MatMut, MatRef};
use phasesweep_networks::{Extent, Graph, Layer, Node, Op, Window};

use super::Real;

/// A dense layer or a convolution. `parameters` are always those of the whole network, or a direction among them;
/// `columns` is a buffer that calls may share.
#[derive(Debug, Clone, Copy)]
pub(in crate::observe) struct Linear<'a> {
    layer: &'a Layer,
    plane: Option<Plane>,
}

/// The shapes of a convolution.
#[derive(Debug, Clone, Copy)]
struct Plane {
    window: Window,
    inputs: usize,
    height: usize,
    width: usize,
    outputs: usize,
    down: usize,
    across: usize,
}

impl<'a> Linear<'a> {
    /// The layer of a node; `None` if it is no dense layer and no convolution.
    pub(in crate::observe) fn of(graph: &Graph, node: &'a Node) -> Option<Linear<'a>> {
        let layer = node.layer.as_ref()?;
        let plane = match (node.op, graph.nodes()[node.inputs[0]].extent, node.extent) {
            (Op::Dense, ..) => None,
            (
                Op::Convolution(window),
                Extent::Image([inputs, height, width]),
                Extent::Image([outputs, down, across]),
            ) => Some(Plane { window, inputs, height, width, outputs, down, across }),
            _ => return None,
        };
        Some(Linear { layer, plane })
    }

    /// W x, added to `out` `[row, unit]` or in its place.
    pub(in crate::observe) fn forward<T: Real>(
        &self,
        parameters: &[T],
        x: &[T],
        rows: usize,
        accum: Accum,
        out: &mut [T],
        columns: &mut Vec<T>,
    ) {
        let weight = &parameters[self.layer.weight_range()];
        let Some(plane) = self.plane else {
            let (outputs, inputs) = (self.layer.outputs(), self.layer.fan_in());
            let weight = MatRef::from_row_major_slice(weight, outputs, inputs);
            let out = MatMut::from_row_major_slice_mut(out, rows, outputs);
            T::product(out, accum, MatRef::from_row_major_slice(x, rows, inputs), weight.transpose());
            return;
        };
        let images = x.chunks_exact(plane.fed()).zip(out.chunks_exact_mut(plane.answered()));
        if plane.is_depthwise() {
            for (image, out) in images {
                if matches!(accum, Accum::Replace) {
                    out.fill(T::ZERO);
                }
                plane.for_each_tap(|tap, from, to, count| {
                    let (w, stride) = (weight[tap], plane.window.stride);
                    let from = image[from..].iter().step_by(stride);
                    out[to..to + count].iter_mut().zip(from).for_each(|(z, &x)| *z += w * x);
                });
            }
            return;
        }
        plane.clear(columns);
        for (image, out) in images {
            let columns = plane.gather(image, columns);
            for group in 0..plane.window.groups {
                let (weight, columns) = (plane.weight_of(weight, group), plane.columns_of(columns, group));
                T::product(plane.answer_mut(out, group), accum, weight, columns);
            }
        }
    }

    /// Adds the bias, if there is one, to `out` `[row, unit]`.
    pub(in crate::observe) fn add_bias<T: Real>(&self, parameters: &[T], out: &mut [T]) {
        let bias = &parameters[self.layer.bias_range()];
        match self.pixels() {
            _ if bias.is_empty() => {}
            1 => out.chunks_exact_mut(bias.len()).for_each(|row| super::add(row, bias)),
            pixels => {
                for (units, &b) in out.chunks_exact_mut(pixels).zip(bias.iter().cycle()) {
                    units.iter_mut().for_each(|z| *z += b);
                }
            }
        }
    }

    /// Adds δ xᵀ, summed over the rows, to the layer's weights within `gradient`.
    pub(in crate::observe) fn gradient<T: Real>(
        &self,
        delta: &[T],
        x: &[T],
        rows: usize,
        gradient: &mut [T],
        columns: &mut Vec<T>,
    ) {
        let own = &mut gradient[self.layer.weight_range()];
        let Some(plane) = self.plane else {
            let (outputs, inputs) = (self.layer.outputs(), self.layer.fan_in());
            let delta = MatRef::from_row_major_slice(delta, rows, outputs);
            let x = MatRef::from_row_major_slice(x, rows, inputs);
            T::product(MatMut::from_row_major_slice_mut(own, outputs, inputs), Accum::Add, delta.transpose(), x);
            return;
        };
        let images = x.chunks_exact(plane.fed()).zip(delta.chunks_exact(plane.answered()));
        if plane.is_depthwise() {
            for (image, delta) in images {
                plane.for_each_tap(|tap, from, to, count| {
                    let from = image[from..].iter().step_by(plane.window.stride);
                    delta[to..to + count].iter().zip(from).for_each(|(&d, &x)| own[tap] += d * x);
                });
            }
            return;
        }
        plane.clear(columns);
        let (outputs, taps) = (plane.own_outputs(), plane.taps());
        for (image, delta) in images {
            let columns = plane.gather(image, columns);
            for group in 0..plane.window.groups {
                let out = &mut own[group * outputs * taps..][..outputs * taps];
                let out = MatMut::from_row_major_slice_mut(out, outputs, taps);
                let columns = plane.columns_of(columns, group).transpose();
                T::product(out, Accum::Add, plane.answer_of(delta, group), columns);
            }
        }
    }

    /// Adds δ, summed over rows and pixels, to the layer's biases, if it has any, within `gradient`.
    pub(in crate::observe) fn bias_gradient<T: Real>(&self, delta: &[T], gradient: &mut [T]) {
        let own = &mut gradient[self.layer.bias_range()];
        match self.pixels() {
            _ if own.is_empty() => {}
            1 => delta.chunks_exact(own.len()).for_each(|row| super::add(own, row)),
            pixels => {
                for row in delta.chunks_exact(own.len() * pixels) {
                    for (sum, units) in own.iter_mut().zip(row.chunks_exact(pixels)) {
                        *sum += units.iter().fold(T::ZERO, |sum, &d| sum + d);
                    }
                }
            }
        }
    }

    /// Wᵀ δ, added to `out` `[row, input]` or in its place.
    pub(in crate::observe) fn backward<T: Real>(
        &self,
        parameters: &[T],
        delta: &[T],
        rows: usize,
        accum: Accum,
        out: &mut [T],
        columns: &mut Vec<T>,
    ) {
        let weight = &parameters[self.layer.weight_range()];
        let Some(plane) = self.plane else {
            let (outputs, inputs) = (self.layer.outputs(), self.layer.fan_in());
            let delta = MatRef::from_row_major_slice(delta, rows, outputs);
            let weight = MatRef::from_row_major_slice(weight, outputs, inputs);
            T::product(MatMut::from_row_major_slice_mut(out, rows, inputs), accum, delta, weight);
            return;
        };
        let images = delta.chunks_exact(plane.answered()).zip(out.chunks_exact_mut(plane.fed()));
        plane.clear(columns);
        for (delta, image) in images {
            if matches!(accum, Accum::Replace) {
                image.fill(T::ZERO);
            }
            if plane.is_depthwise() {
                plane.for_each_tap(|tap, from, to, count| {
                    let (w, stride) = (weight[tap], plane.window.stride);
                    let image = image[from..].iter_mut().step_by(stride);
                    image.zip(&delta[to..to + count]).for_each(|(x, &d)| *x += w * d);
                });
                continue;
            }
            let (taps, pixels) = (plane.taps(), plane.pixels());
            for group in 0..plane.window.groups {
                let own = &mut columns[group * taps * pixels..][..taps * pixels];
                let own = MatMut::from_row_major_slice_mut(own, taps, pixels);
                let weight = plane.weight_of(weight, group).transpose();
                T::product(own, Accum::Replace, weight, plane.answer_of(delta, group));
            }
            plane.scatter(columns, image);
        }
    }

    /// What the kernels of a convolution without groups cover at each pixel of its outputs, of one sample: `[pixel, tap]`. Of a
    /// dense layer, the sample.
    pub(in crate::observe) fn patches(&self, sample: &[f64]) -> Vec<f64> {
        let Some(plane) = self.plane else { return sample.to_vec() };
        let mut columns = Vec::new();
        plane.clear(&mut columns);
        let columns = plane.gather(sample, &mut columns);
        let (taps, pixels) = (plane.taps(), plane.pixels());
        (0..pixels * taps).map(|place| columns[place % taps * pixels + place / taps]).collect()
    }

    /// Groups, pixels of an output, taps of a unit and units of a group.
    pub(in crate::observe) fn shape(&self) -> [usize; 4] {
        match self.plane {
            None => [1, 1, self.layer.fan_in(), self.layer.outputs()],
            Some(plane) => [plane.window.groups, plane.pixels(), plane.taps(), plane.own_outputs()],
        }
    }

    /// Values of a row that share a bias.
    fn pixels(&self) -> usize {
        self.plane.map_or(1, |plane| plane.pixels())
    }
}

impl Plane {
    /// Pixels of an output channel.
    fn pixels(&self) -> usize {
        self.down * self.across
    }

    /// Values of a sample that it is fed.
    fn fed(&self) -> usize {
        self.inputs * self.height * self.width
    }

    /// Values of a sample that it answers.
    fn answered(&self) -> usize {
        self.outputs * self.pixels()
    }

    /// Inputs that a unit sums over.
    fn taps(&self) -> usize {
        self.inputs / self.window.groups * self.window.kernel.pow(2)
    }

    /// Output channels of a group.
    fn own_outputs(&self) -> usize {
        self.outputs / self.window.groups
    }

    /// Whether every output channel sees one input channel of several.
    fn is_depthwise(&self) -> bool {
        self.window.groups == self.inputs && self.inputs > 1
    }

    /// Whether the columns are the image itself.
    fn is_pointwise(&self) -> bool {
        let Window { kernel, stride, padding, .. } = self.window;
        (kernel, stride, padding) == (1, 1, 0)
    }

    fn weight_of<'w, T>(&self, weight: &'w [T], group: usize) -> MatRef<'w, T> {
        let size = self.own_outputs() * self.taps();
        MatRef::from_row_major_slice(&weight[group * size..][..size], self.own_outputs(), self.taps())
    }

    fn columns_of<'c, T>(&self, columns: &'c [T], group: usize) -> MatRef<'c, T> {
        let size = self.taps() * self.pixels();
        MatRef::from_row_major_slice(&columns[group * size..][..size], self.taps(), self.pixels())
    }

    fn answer_of<'o, T>(&self, out: &'o [T], group: usize) -> MatRef<'o, T> {
        let size = self.own_outputs() * self.pixels();
        MatRef::from_row_major_slice(&out[group * size..][..size], self.own_outputs(), self.pixels())
    }

    fn answer_mut<'o, T>(&self, out: &'o mut [T], group: usize) -> MatMut<'o, T> {
        let size = self.own_outputs() * self.pixels();
        MatMut::from_row_major_slice_mut(&mut out[group * size..][..size], self.own_outputs(), self.pixels())
    }

    /// Columns of nothing but zeros.
    fn clear<T: Real>(&self, columns: &mut Vec<T>) {
        columns.clear();
        columns.resize(self.inputs * self.window.kernel.pow(2) * self.pixels(), T::ZERO);
    }

    /// The windows along a side of so many pixels whose tap in this place lies inside of it.
    fn inside(&self, tap: usize, side: usize, windows: usize) -> Range<usize> {
        let Window { stride, padding, .. } = self.window;
        let first = padding.saturating_sub(tap).div_ceil(stride);
        first..(side + padding).saturating_sub(tap).div_ceil(stride).min(windows).max(first)
    }

    /// Calls `visit` for every line of windows whose tap (i, j) lies inside the image: with the first pixel in the image,
    /// the first window, and the number of windows. From one to the next the image's pixels go on by the stride.
    fn lines(&self, i: usize, j: usize, mut visit: impl FnMut(usize, usize, usize)) {
        let Window { stride, padding, .. } = self.window;
        let (rows, columns) = (self.inside(i, self.height, self.down), self.inside(j, self.width, self.across));
        if columns.is_empty() {
            return;
        }
        for y in rows {
            let (row, column) = (y * stride + i - padding, columns.start * stride + j - padding);
            visit(row * self.width + column, y * self.across + columns.start, columns.len());
        }
    }

    /// Of a depthwise convolution: calls `visit` with the place of each weight, and with lines as [`Plane::lines`] has them,
    /// within the sample's values.
    fn for_each_tap(&self, mut visit: impl FnMut(usize, usize, usize, usize)) {
        let kernel = self.window.kernel;
        for output in 0..self.outputs {
            let image = output / self.own_outputs() * self.height * self.width;
            for (i, j) in (0..kernel).flat_map(|i| (0..kernel).map(move |j| (i, j))) {
                let tap = (output * kernel + i) * kernel + j;
                self.lines(i, j, |from, to, count| visit(tap, image + from, output * self.pixels() + to, count));
            }
        }
    }

    /// Calls `visit` with lines of the image, and with where they are in the columns.
    fn for_each_line(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let kernel = self.window.kernel;
        for input in 0..self.inputs {
            for (i, j) in (0..kernel).flat_map(|i| (0..kernel).map(move |j| (i, j))) {
                let row = ((input * kernel + i) * kernel + j) * self.pixels();
                let image = input * self.height * self.width;
                self.lines(i, j, |from, to, count| visit(image + from, row + to, count));
            }
        }
    }

    /// The columns of an image, for which `columns` holds zeros beyond its border.
    fn gather<'c, T: Real>(&self, image: &'c [T], columns: &'c mut [T]) -> &'c [T] {
        if self.is_pointwise() {
            return image;
        }
        self.for_each_line(|from, to, count| match self.window.stride {
            1 => columns[to..to + count].copy_from_slice(&image[from..from + count]),
            stride => {
                let from = image[from..].iter().step_by(stride);
                columns[to..to + count].iter_mut().zip(from).for_each(|(column, &x)| *column = x);
            }
        });
        columns
    }

    /// Adds columns to the image that they are of.
    fn scatter<T: Real>(&self, columns: &[T], image: &mut [T]) {
        self.for_each_line(|to, from, count| match self.window.stride {
            1 => super::add(&mut image[to..to + count], &columns[from..from + count]),
            stride => {
                let to = image[to..].iter_mut().step_by(stride);
                to.zip(&columns[from..from + count]).for_each(|(x, &column)| *x += column);
            }
        });
    }
}
