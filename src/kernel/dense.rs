//! Products of rows with a layer's weights, forward and back, and the gradients of weights and biases.

use super::layer::Layer;
use super::layout::Layout;
use super::shape::AT_ONCE;
use super::simd::{ADD, FROM, Lane, ONTO, Operand, Rows, STORE, Task, product};

/// What sums start from.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    /// A row of numbers, the same for all.
    From(&'a [f32]),
    Zero,
    /// What is there already.
    There,
}

/// Rows times a matrix: `out` = start + `input` · `weights`.
pub(super) struct Sums<'a> {
    /// The matrix.
    pub(super) layout: &'a Layout,
    pub(super) weights: &'a [f32],
    pub(super) start: Start<'a>,
    /// Rows of the left operand, as many numbers of each replica as the matrix has rows.
    pub(super) input: &'a [f32],
    /// Distance between them.
    pub(super) stride: usize,
    /// Number of rows; up to the next multiple of the product's are read and written.
    pub(super) rows: usize,
    pub(super) out: &'a mut [f32],
    /// Distance between the rows of `out`.
    pub(super) out_stride: usize,
}

impl Task for Sums<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Sums { layout, weights, start, input, stride, rows, out, out_stride } = self;
        for panel in &layout.panels {
            let (first, width, vectors) = (panel.first * V::LEN, panel.vectors * V::LEN, panel.vectors);
            for (from, count) in blocks(layout.rows, AT_ONCE) {
                let (data, all) = (&weights[panel.offset + from * width..], Rows::All(count));
                let b = Operand { data, row: width, step: 0 };
                for group in 0..rows.div_ceil(MR) {
                    let data = &input[group * MR * stride + from * R..];
                    let a = Operand { data, row: stride, step: R };
                    let c = &mut out[group * MR * out_stride + first..];
                    match (from, start) {
                        (0, Start::From(start)) => {
                            product::<V, MR, NV, R, FROM, false>(vectors, a, b, all, c, out_stride, &start[first..]);
                        }
                        (0, Start::Zero) => {
                            product::<V, MR, NV, R, STORE, false>(vectors, a, b, all, c, out_stride, &[])
                        }
                        _ => product::<V, MR, NV, R, ONTO, false>(vectors, a, b, all, c, out_stride, &[]),
                    }
                }
            }
        }
    }
}

/// Where blocks of `count` rows begin, and how many are in each: at most `most`, and as equal as may be.
#[inline(always)]
fn blocks(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let share = count.div_ceil(count.div_ceil(most.max(1)).max(1)).max(1);
    (0..count.max(1)).step_by(share).map(move |from| (from, share.min(count - from)))
}

/// Adds the gradient of a layer's biases: the sum of a tile's rows.
pub(super) struct BiasGradient<'a> {
    pub(super) layer: &'a mut Layer,
    /// Samples of the tile.
    pub(super) valid: usize,
}

impl Task for BiasGradient<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let BiasGradient { layer, valid } = self;
        let columns = layer.columns;
        let mut total = [0f32; 16];
        for first in (0..columns).step_by(V::LEN) {
            let mut sum = V::splat(0.0);
            for row in layer.out.chunks_exact(layer.stride).take(valid) {
                sum = sum.add(V::load(&row[first..]));
            }
            sum.store(&mut total);
            for (to, &sum) in layer.bias_sum[first..first + V::LEN].iter_mut().zip(&total) {
                *to += f64::from(sum);
            }
        }
    }
}

/// Adds the gradient of a matrix: Σ over rows of input × `delta`. The `first` one of a pass overwrites those of an earlier.
pub(super) struct WeightGradient<'a> {
    /// The matrix.
    pub(super) layout: &'a Layout,
    pub(super) gradient: &'a mut [f32],
    /// Rows that met the matrix.
    pub(super) input: &'a [f32],
    /// Distance between them.
    pub(super) stride: usize,
    /// Gradients with respect to the sums, row by row.
    pub(super) delta: &'a [f32],
    /// Distance between these.
    pub(super) delta_stride: usize,
    /// Number of rows.
    pub(super) rows: usize,
    pub(super) first: bool,
    /// Room for a panel of `delta`.
    pub(super) scratch: &'a mut [f32],
}

impl Task for WeightGradient<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let WeightGradient { layout, gradient, input, stride, delta, delta_stride, rows, first, scratch } = self;
        for panel in &layout.panels {
            let (start, width, vectors) = (panel.first * V::LEN, panel.vectors * V::LEN, panel.vectors);
            // Close together, the panel's gradients stay in the first cache while every group of inputs reads them.
            for (row, from) in scratch.chunks_exact_mut(width).zip(delta.chunks_exact(delta_stride)).take(rows) {
                for (to, from) in row.chunks_exact_mut(V::LEN).zip(from[start..].chunks_exact(V::LEN)) {
                    V::load(from).store(to);
                }
            }
            // A later sum starts from zero before it is added, so it is taken whole.
            for (from, count) in blocks(rows, if first { AT_ONCE } else { rows }) {
                let b = Operand { data: &scratch[from * width..], row: width, step: 0 };
                let all = Rows::All(count);
                for group in 0..layout.rows.div_ceil(MR) {
                    let a = Operand { data: &input[from * stride + group * MR * R..], row: R, step: stride };
                    let c = &mut gradient[panel.offset + group * MR * width..];
                    match (first, from) {
                        (true, 0) => product::<V, MR, NV, R, STORE, true>(vectors, a, b, all, c, width, &[]),
                        (true, _) => product::<V, MR, NV, R, ONTO, true>(vectors, a, b, all, c, width, &[]),
                        (false, _) => product::<V, MR, NV, R, ADD, true>(vectors, a, b, all, c, width, &[]),
                    }
                }
            }
        }
    }
}
