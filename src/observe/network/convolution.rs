//! Convolutions (stride 1, same padding) and max pooling of samples that are rows `[channel, height, width]`.
//!
//! A convolution is a product with the sample's patches laid out as columns `[channel·kernel·kernel, pixel]`; its way
//! back is the transposed product, each patch added to where it was taken from.

use super::product::{Side, product};
use phasesweep_networks::LayerShape;

/// What of a convolution matters here.
struct Plane {
    channels: usize,
    outputs: usize,
    kernel: usize,
    pool: usize,
    height: usize,
    width: usize,
}

impl Plane {
    /// Of a layer that is a convolution; anything else is an image of nothing.
    fn of(layer: &LayerShape) -> Plane {
        match *layer {
            LayerShape::Convolution { inputs, outputs, kernel, pool, height, width } => {
                Plane { channels: inputs, outputs, kernel, pool, height, width }
            }
            LayerShape::Dense { .. } => Plane { channels: 0, outputs: 0, kernel: 1, pool: 1, height: 1, width: 1 },
        }
    }

    fn pixels(&self) -> usize {
        self.height * self.width
    }

    fn taps(&self) -> usize {
        self.channels * self.kernel * self.kernel
    }

    /// Calls `visit` with (place among the columns, place in the image) of every pair that is inside the image.
    fn patches(&self, mut visit: impl FnMut(usize, usize)) {
        let half = self.kernel / 2;
        for channel in 0..self.channels {
            for (dy, dx) in (0..self.kernel).flat_map(|dy| (0..self.kernel).map(move |dx| (dy, dx))) {
                let row = ((channel * self.kernel + dy) * self.kernel + dx) * self.pixels();
                for y in half.saturating_sub(dy)..(self.height + half).saturating_sub(dy).min(self.height) {
                    for x in half.saturating_sub(dx)..(self.width + half).saturating_sub(dx).min(self.width) {
                        let from = (channel * self.height + y + dy - half) * self.width + x + dx - half;
                        visit(row + y * self.width + x, from);
                    }
                }
            }
        }
    }
}

/// Convolves rows of images: `out` is `[row, output channel, pixel]`.
pub(super) fn linear(layer: &LayerShape, weight: &[f32], x: &[f32], out: &mut [f32], columns: &mut Vec<f32>) {
    let plane = Plane::of(layer);
    let (pixels, taps) = (plane.pixels(), plane.taps());
    columns.clear();
    columns.resize(taps * pixels, 0.0);
    for (image, out) in x.chunks_exact(plane.channels * pixels).zip(out.chunks_exact_mut(plane.outputs * pixels)) {
        // Places outside the image stay zero from one sample to the next.
        plane.patches(|to, from| columns[to] = image[from]);
        product(Side::plain(weight, plane.outputs, taps), Side::plain(columns, taps, pixels), out);
    }
}

/// The gradient at the inputs `[row, channel, pixel]` from that at the outputs.
pub(super) fn back(layer: &LayerShape, weight: &[f32], delta: &[f32], out: &mut [f32], columns: &mut Vec<f32>) {
    let plane = Plane::of(layer);
    let (pixels, taps) = (plane.pixels(), plane.taps());
    columns.clear();
    columns.resize(taps * pixels, 0.0);
    for (delta, image) in delta.chunks_exact(plane.outputs * pixels).zip(out.chunks_exact_mut(plane.channels * pixels))
    {
        product(Side::transposed(weight, plane.outputs, taps), Side::plain(delta, plane.outputs, pixels), columns);
        image.fill(0.0);
        plane.patches(|from, to| image[to] += columns[from]);
    }
}

/// Max pooling `[row, channel, pixel]`; rows and columns that do not fill a window are dropped.
pub(super) fn pool(layer: &LayerShape, h: &[f32], out: &mut Vec<f32>) {
    let plane = Plane::of(layer);
    out.clear();
    for image in h.chunks_exact(plane.pixels()) {
        windows(&plane, |window| out.push(image[greatest(&plane, image, window)]));
    }
}

/// Carries a gradient at the pooled values back: `slopes` holds σ' on entry, the gradient at the sums on return; `h` are
/// the values that were pooled. The first among equals takes the gradient.
pub(super) fn pool_back(layer: &LayerShape, h: &[f32], pooled: &[f32], slopes: &mut [f32]) {
    let plane = Plane::of(layer);
    let mut pooled = pooled.iter();
    for (image, slopes) in h.chunks_exact(plane.pixels()).zip(slopes.chunks_exact_mut(plane.pixels())) {
        let mut taken = vec![0.0; slopes.len()];
        windows(&plane, |window| {
            if let Some(&gradient) = pooled.next() {
                taken[greatest(&plane, image, window)] = gradient;
            }
        });
        slopes.iter_mut().zip(&taken).for_each(|(slope, gradient)| *slope *= gradient);
    }
}

/// Calls `visit` with the first pixel of each whole window.
fn windows(plane: &Plane, mut visit: impl FnMut(usize)) {
    for y in 0..plane.height / plane.pool {
        for x in 0..plane.width / plane.pool {
            visit(y * plane.pool * plane.width + x * plane.pool);
        }
    }
}

/// Place of the greatest value of a window.
fn greatest(plane: &Plane, image: &[f32], window: usize) -> usize {
    let mut best = window;
    for (dy, dx) in (0..plane.pool).flat_map(|dy| (0..plane.pool).map(move |dx| (dy, dx))) {
        let place = window + dy * plane.width + dx;
        if image[place] > image[best] {
            best = place;
        }
    }
    best
}
