//! The first layer, which meets the inputs: in prepared groups, gathered row by row, or sparse sample by sample.

use super::batch::SampleRows;
use super::convolution::Images;
use super::gathered::Gathered;
use super::inputs::{Columns, Set};
use super::layer::Layer;
use super::layout::{Layout, Panel};
use super::simd::{ADD, FROM, Lane, ONTO, Operand, Rows, STORE, Side, Strip, Task, gather, prefetch, product, scatter};

/// Samples between the one that is computed and the one whose lists are prefetched: sparse rows are not contiguous in memory.
const PREFETCH_DISTANCE: usize = 6;

/// Where a tile's samples come from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// A prepared set, the memory it was made from, and the tile's number.
    Set { set: &'a Set, x: &'a [f32], tile: usize },
    /// Gathered rows.
    Gathered(Gathered<'a>),
    /// Sparse rows, and the tile's samples among them.
    Sparse(&'a SampleRows, &'a [u32]),
    /// Images, for a convolution.
    Images(Images<'a>),
}

/// How the gradient of the first layer reaches the inputs.
#[derive(Clone, Copy)]
pub(super) enum Gradient<'a> {
    /// The prepared columns and the tile's number.
    Columns(&'a Columns, usize),
    /// Rows gathered for a minibatch.
    Gathered(&'a [f32]),
    /// Sparse rows, and a minibatch's samples among them.
    Sparse(&'a SampleRows, &'a [u32]),
    /// The tile's images, for a convolution.
    Images(Images<'a>),
}

/// The sums of the first layer of a tile.
pub(super) struct FirstLayer<'a> {
    pub(super) layer: &'a mut Layer,
    pub(super) source: Source<'a>,
    /// Samples of the tile.
    pub(super) valid: usize,
}

impl Task for FirstLayer<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let FirstLayer { layer, source, valid } = self;
        let inputs = layer.inputs;
        if let Source::Sparse(rows, tile) = source {
            sparse_forward::<V, NV>(layer, rows, tile);
            return;
        }
        let blocks = match source {
            Source::Set { set, .. } => set.blocks(inputs),
            Source::Gathered(rows) => inputs.div_ceil(rows.block),
            Source::Sparse(..) | Source::Images(_) => 1,
        };
        // Every panel reads a block of the tile's inputs while it is in the second cache.
        for block in 0..blocks {
            for panel in &layer.layout.panels {
                let (first, width, vectors) = (panel.first * V::LEN, panel.vectors * V::LEN, panel.vectors);
                let bias = &layer.folded[first..];
                for group in 0..valid.div_ceil(MR) {
                    let (a, rows, skipped) = match source {
                        Source::Set { set, x, tile } => set.piece::<MR>(x, inputs, [tile, block, group]),
                        Source::Gathered(rows) => rows.piece::<MR>(inputs, block, group),
                        Source::Sparse(..) | Source::Images(_) => return,
                    };
                    let b = &layer.weight.value[panel.offset + skipped * width..];
                    let b = Operand { data: b, row: width, step: 0 };
                    let (c, c_row) = (&mut layer.out[group * MR * layer.stride + first..], layer.stride);
                    match (block, a.row) {
                        (0, 1) => product::<V, MR, NV, 1, FROM, true>(vectors, a, b, rows, c, c_row, bias),
                        (0, _) => product::<V, MR, NV, 1, FROM, false>(vectors, a, b, rows, c, c_row, bias),
                        (_, 1) => product::<V, MR, NV, 1, ONTO, true>(vectors, a, b, rows, c, c_row, &[]),
                        (_, _) => product::<V, MR, NV, 1, ONTO, false>(vectors, a, b, rows, c, c_row, &[]),
                    }
                }
            }
        }
    }
}

/// Panels that a sparse product takes at once, and where the first of them begins among the columns and among the weights.
struct Share {
    column: usize,
    weight: usize,
    strip: Strip,
}

/// Cuts a layout's panels into shares as large as registers allow. B is the weights or their gradient, and C a row of
/// outputs or of gradients with respect to them.
#[inline(always)]
fn shares<V: Lane, const NV: usize>(layout: &Layout) -> Vec<Share> {
    let side = |vectors: usize, panels: usize, distance: usize| {
        let width = vectors * V::LEN;
        Side { panels, b_row: width, b_panel: distance, c_panel: width }
    };
    let runs: Vec<(Panel, usize, usize)> = layout.runs().collect();
    if let [(wide, many, distance), (narrow, few, shorter)] = runs[..]
        && Strip::mixes::<V, NV>(wide.vectors, many, few)
    {
        let (column, weight) = (wide.first * V::LEN, wide.offset);
        let (b_narrow, c_narrow) = (narrow.offset - weight, narrow.first * V::LEN - column);
        let (wide, vectors) = (side(wide.vectors, many, distance), wide.vectors);
        let narrow = side(narrow.vectors, few, shorter);
        return vec![Share { column, weight, strip: Strip { vectors, wide, narrow, b_narrow, c_narrow } }];
    }
    let mut shares = Vec::new();
    for (panel, count, distance) in runs {
        let (vectors, at_once) = (panel.vectors, Strip::share::<V>(panel.vectors, count));
        for done in (0..count).step_by(at_once) {
            let wide = side(vectors, at_once.min(count - done), distance);
            let (column, weight) = ((panel.first + done * vectors) * V::LEN, panel.offset + done * distance);
            let strip = Strip { vectors, wide, narrow: Side::default(), b_narrow: 0, c_narrow: 0 };
            shares.push(Share { column, weight, strip });
        }
    }
    shares
}

#[inline(always)]
fn sparse_forward<V: Lane, const NV: usize>(layer: &mut Layer, rows: &SampleRows, tile: &[u32]) {
    for (number, Share { column, weight, strip }) in shares::<V, NV>(&layer.layout).into_iter().enumerate() {
        let (b, start) = (&layer.weight.value[weight..], &layer.folded[column..]);
        for block in 0..rows.blocks() {
            for (at, (row, &sample)) in layer.out.chunks_exact_mut(layer.stride).zip(tile).enumerate() {
                prefetch_part(rows, tile, [number, at, block]);
                let (inputs, values) = rows.part(sample, block);
                match block {
                    0 => gather::<V, NV, FROM>(strip, values, inputs, b, &mut row[column..], start),
                    _ => gather::<V, NV, ONTO>(strip, values, inputs, b, &mut row[column..], &[]),
                }
            }
        }
    }
}

/// Adds a tile's gradient of the first layer's weights, or writes it if the tile is the first one.
pub(super) struct FirstGradient<'a> {
    pub(super) layer: &'a mut Layer,
    pub(super) gradient: Gradient<'a>,
    pub(super) valid: usize,
    pub(super) first: bool,
    /// Room for a panel of the layer's gradient.
    pub(super) scratch: &'a mut [f32],
}

impl Task for FirstGradient<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let FirstGradient { layer, gradient, valid, first, scratch } = self;
        let inputs = layer.inputs;
        if let Gradient::Sparse(rows, tile) = gradient {
            if first {
                layer.weight.gradient.fill(0.0);
            }
            sparse_gradient::<V, NV>(layer, rows, tile);
            return;
        }
        for panel in &layer.layout.panels {
            let (start, width) = (panel.first * V::LEN, panel.vectors * V::LEN);
            // Close together, the panel's gradients stay in the first cache while every group of inputs reads them.
            for (row, from) in scratch.chunks_exact_mut(width).zip(layer.out.chunks_exact(layer.stride)).take(valid) {
                row.copy_from_slice(&from[start..start + width]);
            }
            let b = Operand { data: scratch, row: width, step: 0 };
            for group in 0..inputs.div_ceil(MR) {
                let (a, rows) = match gradient {
                    Gradient::Columns(columns, tile) => columns.group::<MR>(tile, group),
                    Gradient::Gathered(x) => {
                        (Operand { data: &x[group * MR..], row: 1, step: inputs }, Rows::All(valid))
                    }
                    Gradient::Sparse(..) | Gradient::Images(_) => return,
                };
                let c = &mut layer.weight.gradient[panel.offset + group * MR * width..];
                match first {
                    true => product::<V, MR, NV, 1, STORE, true>(panel.vectors, a, b, rows, c, width, &[]),
                    false => product::<V, MR, NV, 1, ADD, true>(panel.vectors, a, b, rows, c, width, &[]),
                }
            }
        }
    }
}

#[inline(always)]
fn sparse_gradient<V: Lane, const NV: usize>(layer: &mut Layer, rows: &SampleRows, tile: &[u32]) {
    for (number, Share { column, weight, strip }) in shares::<V, NV>(&layer.layout).into_iter().enumerate() {
        let gradient = &mut layer.weight.gradient[weight..];
        for block in 0..rows.blocks() {
            for (at, (delta, &sample)) in layer.out.chunks_exact(layer.stride).zip(tile).enumerate() {
                prefetch_part(rows, tile, [number, at, block]);
                let (inputs, values) = rows.part(sample, block);
                scatter::<V, NV>(strip, values, inputs, &delta[column..], gradient);
            }
        }
    }
}

/// Asks for what a sample later in the tile has of a block, in the first share, which reads it first.
#[inline(always)]
fn prefetch_part(rows: &SampleRows, tile: &[u32], [share, at, block]: [usize; 3]) {
    if let (0, Some(&later)) = (share, tile.get(at + PREFETCH_DISTANCE)) {
        let (inputs, values) = rows.part(later, block);
        prefetch(inputs.parts().0);
        prefetch(values);
    }
}
