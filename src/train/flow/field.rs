//! f and Σ c ∂f on a set of samples: by the shallow loops where the network is one hidden layer of rectifiers, by tiles
//! through the deep passes where it is another chain of layers, and by the passes of its graph where it is none.
//!
//! Invariant: both are functions of the parameters and the samples alone, whoever shares the work, so that a flow that is
//! resumed goes on to the same bits.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::deep;
use super::network::Network;
use super::packed::Packed;
use super::shallow::{Apart, Outputs, ROWS, Sums, width};
use crate::sweep::Activation;
use phasesweep_networks::LayerShape;
use phasesweep_passes::{Passes, Room, Weights};
use phasesweep_passes::{Real, Vectors};

/// Numbers of a tile of the deep passes, in every layer's inputs, and the most samples: they are to stay in cache.
const DEEP_TILE: (usize, usize) = (1 << 17, 128);
/// Tiles of a graph's passes whose gradients are summed before they are added to the others'.
const PIECE: usize = 2;
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
        let (d, tile) = (rows.len() / len.max(1), width::<T>());
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

/// A network in a precision at the parameters that were loaded last, with room to work.
pub(super) struct Field<T> {
    network: Network,
    shallow: bool,
    /// Vectors of the shallow loops; tests vary them.
    pub(super) vectors: Vectors,
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
    /// The parameters as a graph's passes read them.
    weights: Weights<T>,
    /// Memory of the passes of a graph, as much as threads have asked for at once.
    rooms: Mutex<Vec<Room<T>>>,
}

impl<T: Real> Field<T> {
    /// The field of a network.
    pub(super) fn new(network: Network) -> Field<T> {
        let dense = network.levels.iter().all(|level| matches!(level.layer, LayerShape::Dense { .. }));
        let shallow =
            network.passes.is_none() && dense && network.levels.len() == 2 && network.unit.kind == Activation::Relu;
        let inputs = |layer: LayerShape| match layer {
            LayerShape::Convolution { height, width, .. } => layer.fan_in() * height * width,
            LayerShape::Dense { inputs, .. } => inputs,
        };
        let each: usize = network.levels.iter().map(|level| inputs(level.layer)).sum();
        let of_levels = network.levels.iter().map(|level| inputs(level.layer) * level.layer.outputs()).sum();
        let products = network.passes.as_ref().map_or(of_levels, |passes| passes.products());
        Field {
            network,
            shallow,
            vectors: Vectors::longest(),
            products,
            deep_tile: (DEEP_TILE.0 / each.max(1)).clamp(4, DEEP_TILE.1),
            shared: false,
            parameters: Vec::new(),
            packed: Packed::default(),
            rows: Vec::new(),
            coefficients: Vec::new(),
            sums: Vec::new(),
            weights: Weights::default(),
            rooms: Mutex::default(),
        }
    }

    /// What computes, for the log.
    pub(super) fn describe(&self) -> String {
        match (self.shallow, self.is_graph(), self.fast()) {
            (true, _, _) => format!("one hidden layer of rectifiers, {}", self.vectors.name()),
            (_, true, true) => "any graph, samples in lanes, avx2".to_owned(),
            (_, true, false) => "any graph, samples in lanes, portable".to_owned(),
            (_, false, _) => "layer by layer".to_owned(),
        }
    }

    /// Whether the passes of a graph have vectors of the processor's own.
    fn fast(&self) -> bool {
        self.vectors != Vectors::Arrays
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
        } else if let Some(passes) = &self.network.passes {
            passes.load(parameters, &mut self.weights);
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
        T::with(self.vectors, Apart { inputs: self.network.inputs, here, there })
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
        if let Some(passes) = &self.network.passes {
            out.resize(count, T::default());
            let tile = Passes::tile::<T>();
            let tiles = points.rows[..count * d].par_chunks(PIECE * tile * d).zip(out.par_chunks_mut(PIECE * tile));
            let one = |(rows, out): (&[T], &mut [T])| {
                let mut room = self.room();
                for (rows, out) in rows.chunks(tile * d).zip(out.chunks_mut(tile)) {
                    passes.outputs(&self.weights, self.fast(), rows, out, &mut room);
                }
                self.leave(room);
            };
            if self.parts(count * self.products, tiles.len()) > 1 {
                tiles.with_max_len(1).for_each(one);
            } else {
                let pieces = points.rows[..count * d].chunks(PIECE * tile * d);
                pieces.zip(out.chunks_mut(PIECE * tile)).for_each(one);
            }
            return;
        }
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
        let tiles = count.div_ceil(width::<T>());
        out.resize(tiles * width::<T>(), T::default());
        let net = &self.packed;
        let run = |tiles: &[T], out: &mut [T]| {
            let (weight, bias, output) = (&net.weight[..], &net.bias[..], &net.output[..]);
            T::with(self.vectors, Outputs { inputs: d, weight, bias, output, offset: net.offset, tiles, out });
        };
        let values = &points.tiles[..tiles * d * width::<T>()];
        let parts = self.parts(count * self.products, tiles);
        if parts > 1 {
            let each = tiles.div_ceil(parts);
            let pieces = values.par_chunks(each * d * width::<T>()).zip(out.par_chunks_mut(each * width::<T>()));
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
        if self.is_graph() {
            let rows: Vec<T> = terms.iter().flat_map(|&(sample, _)| points.row(sample)).copied().collect();
            return self.passed(&rows, terms.len(), |term, _| terms[term].1, &mut [], out);
        }
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

    /// Whether the network is a graph that is no chain, of which outputs and gradient are better had in one pass.
    pub(super) fn is_graph(&self) -> bool {
        self.network.passes.is_some()
    }

    /// f at all points of a graph, and Σ c ∂f over them in the same pass: `c` answers each sample's coefficient from its
    /// place and its output. Where the coefficients of a whole tile are 0, there is no way back.
    pub(super) fn outputs_and_gradient(
        &self,
        points: &Points<T>,
        c: impl Fn(usize, T) -> T + Sync,
        outputs: &mut Vec<T>,
        gradient: &mut [T],
    ) {
        outputs.resize(points.len, T::default());
        gradient.fill(T::default());
        self.passed(&points.rows, points.len, c, outputs, gradient);
    }

    /// Adds Σ c ∂f over rows of samples to `gradient`, and writes their outputs where there is room for them.
    fn passed(
        &self,
        rows: &[T],
        count: usize,
        c: impl Fn(usize, T) -> T + Sync,
        outputs: &mut [T],
        gradient: &mut [T],
    ) {
        let Some(passes) = &self.network.passes else { return };
        let (d, tile) = (self.network.inputs, Passes::tile::<T>());
        // Every piece has a sum of its own, whoever takes it, so that threads change no bit.
        let piece = |(number, rows): (usize, &[T])| {
            let (mut room, mut part) = (self.room(), vec![T::default(); self.network.parameters]);
            let mut own = Vec::with_capacity(rows.len() / d.max(1));
            for rows in rows.chunks(tile * d) {
                let first = number * PIECE * tile + own.len();
                let coefficient = |lane: usize, output: T| {
                    own.push(output);
                    c(first + lane, output)
                };
                passes.gradient(&self.weights, self.fast(), rows, coefficient, &mut part, &mut room);
            }
            self.leave(room);
            (own, part)
        };
        let size = PIECE * tile * d;
        let each: Vec<(Vec<T>, Vec<T>)> = if self.parts(3 * count * self.products, count.div_ceil(PIECE * tile)) > 1 {
            rows.par_chunks(size).enumerate().with_max_len(1).map(piece).collect()
        } else {
            rows.chunks(size).enumerate().map(piece).collect()
        };
        for (number, (own, part)) in each.iter().enumerate() {
            if !outputs.is_empty() {
                outputs[number * PIECE * tile..][..own.len()].copy_from_slice(own);
            }
            gradient.iter_mut().zip(part).for_each(|(sum, &part)| *sum += part);
        }
    }

    fn room(&self) -> Room<T> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn leave(&self, room: Room<T>) {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).push(room);
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
        let (rows, c, size) = (&self.rows[..], &self.coefficients[..], width::<T>() * (d + 1));
        let run = |weight: &[T], out: &mut [T]| T::with(self.vectors, Sums { inputs: d, weight, rows, c, out });
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
        self.packed.gradient(&self.network, self.vectors, &mut sums, total, out);
        self.sums = sums;
    }
}
