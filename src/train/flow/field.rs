//! f and Σ c ∂f on a set of samples: by the shallow loops where the network is one hidden layer of rectifiers, by tiles
//! through the deep passes otherwise.
//!
//! Invariant: both are functions of the parameters and the samples alone, whoever shares the work, so that a flow that is
//! resumed goes on to the same bits.

use rayon::prelude::*;

use super::deep;
use super::network::Network;
use super::packed::{Packed, block};
use super::real::{Real, fast};
use super::shallow::{Apart, Outputs, ROWS, Sums, TILE};
use crate::sweep::Activation;
use phasesweep_networks::LayerShape;

/// Numbers of a tile of the deep passes, in every layer's inputs, and the most samples: they are to stay in cache.
const DEEP_TILE: (usize, usize) = (1 << 17, 128);
/// Products below which handing work to another thread costs more than it saves.
const WORTH_SHARING: usize = 200_000;

/// Samples as a network wants them.
#[derive(Debug, Clone)]
pub(super) struct Points<T> {
    len: usize,
    /// `[sample, input]`
    rows: Vec<T>,
    /// `[tile, input, sample]`; empty where the network is not shallow.
    tiles: Vec<T>,
}

impl<T: Real> Points<T> {
    /// How many.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// A sample's inputs.
    pub(super) fn row(&self, sample: usize) -> &[T] {
        let d = self.rows.len() / self.len.max(1);
        &self.rows[sample * d..(sample + 1) * d]
    }

    /// Some of them, in that order.
    pub(super) fn select(&self, order: &[usize]) -> Points<T> {
        let rows = order.iter().flat_map(|&sample| self.row(sample)).copied().collect();
        Points::new(rows, order.len(), !self.tiles.is_empty())
    }

    fn new(rows: Vec<T>, len: usize, tiled: bool) -> Points<T> {
        let (d, tile) = (rows.len() / len.max(1), tile::<T>());
        let mut tiles = Vec::new();
        if tiled {
            tiles.resize(len.div_ceil(tile) * d * tile, T::default());
            for (sample, row) in rows.chunks_exact(d.max(1)).enumerate() {
                let to = &mut tiles[sample / tile * d * tile + sample % tile..];
                row.iter().zip(to.iter_mut().step_by(tile)).for_each(|(&x, to)| *to = x);
            }
        }
        Points { len, rows, tiles }
    }
}

/// Samples of a tile of the shallow loops.
const fn tile<T>() -> usize {
    TILE * 32 / size_of::<T>()
}

/// A network in a precision at the parameters that were loaded last, with room to work.
pub(super) struct Field<T> {
    network: Network,
    shallow: bool,
    fast: bool,
    /// Products of one sample's output.
    products: usize,
    /// Samples of a tile of the deep passes.
    deep_tile: usize,
    /// Whether all threads around are this field's.
    pub(super) shared: bool,
    parameters: Vec<T>,
    packed: Packed<T>,
    rows: Vec<T>,
    coefficients: Vec<T>,
    sums: Vec<T>,
}

impl<T: Real> Field<T> {
    /// The field of a network.
    pub(super) fn new(network: Network) -> Field<T> {
        let dense = network.levels.iter().all(|level| matches!(level.layer, LayerShape::Dense { .. }));
        let shallow = dense && network.levels.len() == 2 && network.unit.kind == Activation::Relu;
        let inputs = |layer: LayerShape| match layer {
            LayerShape::Convolution { height, width, .. } => layer.fan_in() * height * width,
            LayerShape::Dense { inputs, .. } => inputs,
        };
        let each: usize = network.levels.iter().map(|level| inputs(level.layer)).sum();
        let products = network.levels.iter().map(|level| inputs(level.layer) * level.layer.outputs()).sum();
        Field {
            network,
            shallow,
            fast: fast(),
            products,
            deep_tile: (DEEP_TILE.0 / each.max(1)).clamp(4, DEEP_TILE.1),
            shared: false,
            parameters: Vec::new(),
            packed: Packed::default(),
            rows: Vec::new(),
            coefficients: Vec::new(),
            sums: Vec::new(),
        }
    }

    /// What computes, for the log.
    pub(super) fn describe(&self) -> &'static str {
        match (self.shallow, self.fast) {
            (true, true) => "one hidden layer of rectifiers, avx2",
            (true, false) => "one hidden layer of rectifiers, portable",
            (false, _) => "layer by layer",
        }
    }

    /// Samples from rows `[sample, input]`.
    pub(super) fn points(&self, rows: &[f32]) -> Points<T> {
        let len = rows.len() / self.network.inputs.max(1);
        Points::new(rows.iter().map(|&x| T::of(f64::from(x))).collect(), len, self.shallow)
    }

    /// Takes over parameters.
    pub(super) fn load(&mut self, parameters: &[T]) {
        if self.shallow {
            self.packed.load(&self.network, parameters);
        } else {
            self.parameters.clear();
            self.parameters.extend_from_slice(parameters);
        }
    }

    /// The network's weights where bounds can be had from them; see [`Field::apart`].
    pub(super) fn packed(&self) -> Option<&Packed<T>> {
        self.shallow.then_some(&self.packed)
    }

    /// B and S with |f(x) − f'(x)| ≤ B ‖(x, 1)‖, f' the network with the other weights, and |f(x)| ≤ S ‖(x, 1)‖, both but
    /// for rounding.
    pub(super) fn apart(&self, other: &Packed<T>) -> [f64; 2] {
        let here = (&self.packed.blocks[..], &self.packed.block_output[..]);
        let there = (&other.blocks[..], &other.block_output[..]);
        T::vectorised(self.fast, Apart { inputs: self.network.inputs, here, there })
    }

    /// Relative rounding error that an output may have: that of a sum as long as the network is wide, term after term.
    pub(super) fn rounding(&self) -> f64 {
        let terms = self.packed.bias.len() + self.network.inputs + 8;
        terms as f64 * if size_of::<T>() == 4 { f64::from(f32::EPSILON) } else { f64::EPSILON }
    }

    /// Into how many parts work is cut.
    fn parts(&self, products: usize, most: usize) -> usize {
        if self.shared { rayon::current_num_threads().min(products / WORTH_SHARING).clamp(1, most.max(1)) } else { 1 }
    }

    /// f at the first `count` points.
    pub(super) fn outputs(&mut self, points: &Points<T>, count: usize, out: &mut Vec<T>) {
        let d = self.network.inputs;
        out.clear();
        if !self.shallow {
            let tiles: Vec<&[T]> = points.rows[..count * d].chunks(self.deep_tile * d.max(1)).collect();
            let one = |tile: &[T]| deep::forward(&self.network, &self.parameters, tile).outputs;
            if self.parts(count * self.products, tiles.len()) > 1 {
                let each: Vec<Vec<T>> = tiles.into_par_iter().map(one).collect();
                out.extend(each.into_iter().flatten());
            } else {
                out.extend(tiles.into_iter().flat_map(one));
            }
            return;
        }
        let tiles = count.div_ceil(tile::<T>());
        out.resize(tiles * tile::<T>(), T::default());
        let net = &self.packed;
        let run = |tiles: &[T], out: &mut [T]| {
            let (weight, bias, output) = (&net.weight[..], &net.bias[..], &net.output[..]);
            T::vectorised(self.fast, Outputs { inputs: d, weight, bias, output, offset: net.offset, tiles, out });
        };
        let values = &points.tiles[..tiles * d * tile::<T>()];
        let parts = self.parts(count * self.products, tiles);
        if parts > 1 {
            let each = tiles.div_ceil(parts);
            let pieces = values.par_chunks(each * d * tile::<T>()).zip(out.par_chunks_mut(each * tile::<T>()));
            pieces.with_max_len(1).for_each(|(tiles, out)| run(tiles, out));
        } else {
            run(values, out);
        }
        out.truncate(count);
    }

    /// Σ c ∂f over some of the points, each with its c.
    pub(super) fn gradient(&mut self, points: &Points<T>, terms: &[(usize, T)], out: &mut [T]) {
        if self.shallow {
            return self.shallow_gradient(points, terms, out);
        }
        out.fill(T::default());
        let one = |terms: &[(usize, T)], out: &mut [T]| {
            let x: Vec<T> = terms.iter().flat_map(|&(sample, _)| points.row(sample)).copied().collect();
            let c: Vec<T> = terms.iter().map(|&(_, c)| c).collect();
            deep::add_gradient(&self.network, &self.parameters, &x, &c, out);
        };
        let tiles = terms.len().div_ceil(self.deep_tile);
        let add = |out: &mut [T], part: &[T]| out.iter_mut().zip(part).for_each(|(sum, &part)| *sum += part);
        // A tile's sum is a sum of its own either way, so that threads change no bit.
        let alone = |terms: &[(usize, T)]| {
            let mut part = vec![T::default(); self.network.parameters];
            one(terms, &mut part);
            part
        };
        if self.parts(2 * terms.len() * self.products, tiles) > 1 {
            let each: Vec<Vec<T>> = terms.par_chunks(self.deep_tile).map(alone).collect();
            each.iter().for_each(|part| add(out, part));
        } else {
            terms.chunks(self.deep_tile).for_each(|terms| add(out, &alone(terms)));
        }
    }

    fn shallow_gradient(&mut self, points: &Points<T>, terms: &[(usize, T)], out: &mut [T]) {
        let d = self.network.inputs;
        self.rows.clear();
        self.coefficients.clear();
        for &(sample, c) in terms {
            self.rows.extend_from_slice(points.row(sample));
            self.coefficients.push(c);
        }
        let padded = terms.len().next_multiple_of(ROWS);
        self.rows.resize(padded * d, T::default());
        self.coefficients.resize(padded, T::default());
        self.sums.resize(self.packed.blocks.len(), T::default());
        let (rows, c, size) = (&self.rows[..], &self.coefficients[..], block::<T>() * (d + 1));
        let run = |weight: &[T], out: &mut [T]| T::vectorised(self.fast, Sums { inputs: d, weight, rows, c, out });
        let mut sums = std::mem::take(&mut self.sums);
        let blocks = sums.len() / size;
        let parts = self.parts(2 * padded * self.products, blocks);
        if parts > 1 {
            let each = blocks.div_ceil(parts) * size;
            let pieces = self.packed.blocks.par_chunks(each).zip(sums.par_chunks_mut(each));
            pieces.with_max_len(1).for_each(|(weight, out)| run(weight, out));
        } else {
            run(&self.packed.blocks, &mut sums);
        }
        let total = c.iter().copied().sum();
        self.packed.gradient(&self.network, &sums, total, out);
        self.sums = sums;
    }
}
