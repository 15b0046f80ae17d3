//! The loops of a network of one hidden layer of rectifiers, f(x) = Σ_n β_n max(0, w_n·x + b_n) + c.
//!
//! Outputs: samples in lanes. They lie in tiles of two vectors, coordinate by coordinate; five neurons at a time pass over
//! a tile, so that their ten pre-activations stay in registers and every load serves several products.
//!
//! Gradients: neurons in lanes, two vectors at a time, so that no sum runs across lanes. Over a batch of the samples that
//! pull, pre-activations are computed again, six samples at a time, and leave their gated coefficients behind; sums over
//! the batch are then taken for five coordinates at a time. Both are products of small matrices with all sums in registers.
//! The derivative by β_n is Σ c z = w_n·(Σ c x) + b_n Σ c over the samples on which the neuron is open, which the sums for
//! w_n and b_n hold already.
//!
//! Invariants: an output depends on its sample alone and a neuron's derivatives on all samples in their order, whichever
//! tiles and neurons are asked for together: cutting the work among threads changes no bit.

use phasesweep_passes::Lanes;
use phasesweep_passes::{Job, Real};

/// Vectors of samples of a tile of the outputs.
pub(super) const TILE: usize = 2;
/// Neurons that pass over a tile together.
pub(super) const TOGETHER: usize = 5;
/// Vectors of neurons of a block of the gradient.
pub(super) const BLOCK: usize = 2;
/// Samples of the gradient whose pre-activations are computed together.
pub(super) const ROWS: usize = 6;
/// Samples whose sums are taken in registers before they are added to those of the samples before.
const BATCH: usize = 16 * ROWS;
/// Coordinates summed together.
const COORDINATES: usize = 5;

/// Outputs of the samples of some tiles.
pub(super) struct Outputs<'a, T> {
    /// Inputs d.
    pub(super) inputs: usize,
    /// `[neuron, input]`, a multiple of [`TOGETHER`] neurons.
    pub(super) weight: &'a [T],
    /// `[neuron]`
    pub(super) bias: &'a [T],
    /// `[neuron]`
    pub(super) output: &'a [T],
    /// Added to every output.
    pub(super) offset: T,
    /// `[tile, input, sample]`
    pub(super) tiles: &'a [T],
    /// `[tile, sample]`
    pub(super) out: &'a mut [T],
}

impl<T: Real> Job<T> for Outputs<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes<T = T>>(self) {
        let (inputs, tile) = (self.inputs, TILE * V::N);
        for (x, out) in self.tiles.chunks_exact(inputs * tile).zip(self.out.chunks_exact_mut(tile)) {
            let mut sum = [V::splat(self.offset); TILE];
            let numbers = self.bias.as_chunks().0.iter().zip(self.output.as_chunks().0);
            for (weight, (bias, output)) in self.weight.chunks_exact(TOGETHER * inputs).zip(numbers) {
                together::<V>(weight, bias, output, x, &mut sum);
            }
            sum[0].store(out);
            sum[1].store(&mut out[V::N..]);
        }
    }
}

/// Adds the part of some neurons to the outputs of a tile.
#[inline(always)]
fn together<V: Lanes>(
    weight: &[V::T],
    bias: &[V::T; TOGETHER],
    output: &[V::T; TOGETHER],
    x: &[V::T],
    sum: &mut [V; TILE],
) {
    let inputs = weight.len() / TOGETHER;
    let rows: [&[V::T]; TOGETHER] = std::array::from_fn(|k| &weight[k * inputs..(k + 1) * inputs]);
    let mut z = bias.map(|bias| [V::splat(bias); TILE]);
    for (j, x) in x.chunks_exact(TILE * V::N).enumerate().take(inputs) {
        let (low, high) = (V::load(x), V::load(&x[V::N..]));
        for (z, row) in z.iter_mut().zip(rows) {
            let w = V::splat(row[j]);
            z[0] = w.fma(low, z[0]);
            z[1] = w.fma(high, z[1]);
        }
    }
    for (z, &beta) in z.iter().zip(output) {
        let beta = V::splat(beta);
        sum[0] = beta.fma(z[0].positive(), sum[0]);
        sum[1] = beta.fma(z[1].positive(), sum[1]);
    }
}

/// Σ_i c_i x_i and Σ_i c_i over the samples on which each neuron of some blocks is open.
pub(super) struct Sums<'a, T> {
    /// Inputs d.
    pub(super) inputs: usize,
    /// `[block, input then bias, neuron]`
    pub(super) weight: &'a [T],
    /// `[sample, input]`, a multiple of [`ROWS`] samples.
    pub(super) rows: &'a [T],
    /// `[sample]`; 0 of samples that fill up the rows.
    pub(super) c: &'a [T],
    /// `[block, input then bias, neuron]`
    pub(super) out: &'a mut [T],
}

impl<T: Real> Job<T> for Sums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes<T = T>>(self) {
        let inputs = self.inputs;
        let size = (inputs + 1) * BLOCK * V::N;
        let mut open = [[V::splat(T::default()); BLOCK]; BATCH];
        for (weight, out) in self.weight.chunks_exact(size).zip(self.out.chunks_exact_mut(size)) {
            out.fill(T::default());
            for (rows, c) in self.rows.chunks(BATCH * inputs).zip(self.c.chunks(BATCH)) {
                let groups = rows.chunks_exact(ROWS * inputs).zip(c.as_chunks().0).zip(open.as_chunks_mut().0);
                for ((rows, c), open) in groups {
                    gates(weight, rows, c, open);
                }
                let open = &open[..c.len()];
                let (of_weights, of_bias) = out.split_at_mut(inputs * BLOCK * V::N);
                bias_sums(open, of_bias);
                let mut first = 0;
                while first < inputs {
                    let out = &mut of_weights[first * BLOCK * V::N..];
                    let rows = &rows[first..];
                    match inputs - first {
                        1 => coordinate_sums::<V, 1>(inputs, rows, open, out),
                        2 => coordinate_sums::<V, 2>(inputs, rows, open, out),
                        3 => coordinate_sums::<V, 3>(inputs, rows, open, out),
                        4 => coordinate_sums::<V, 4>(inputs, rows, open, out),
                        _ => coordinate_sums::<V, COORDINATES>(inputs, rows, open, out),
                    }
                    first += COORDINATES;
                }
            }
        }
    }
}

/// c where a neuron is open, else 0.
#[inline(always)]
fn gates<V: Lanes>(weight: &[V::T], rows: &[V::T], c: &[V::T; ROWS], open: &mut [[V; BLOCK]; ROWS]) {
    let inputs = rows.len() / ROWS;
    let rows: [&[V::T]; ROWS] = std::array::from_fn(|k| &rows[k * inputs..(k + 1) * inputs]);
    let (weight, bias) = weight.split_at(inputs * BLOCK * V::N);
    let bias = [V::load(bias), V::load(&bias[V::N..])];
    let mut z = [bias; ROWS];
    for (j, weight) in weight.chunks_exact(BLOCK * V::N).enumerate() {
        let (low, high) = (V::load(weight), V::load(&weight[V::N..]));
        for (z, row) in z.iter_mut().zip(rows) {
            let x = V::splat(row[j]);
            z[0] = x.fma(low, z[0]);
            z[1] = x.fma(high, z[1]);
        }
    }
    for ((open, z), &c) in open.iter_mut().zip(z).zip(c) {
        let c = V::splat(c);
        *open = z.map(|z| z.gate(c));
    }
}

#[inline(always)]
fn bias_sums<V: Lanes>(open: &[[V; BLOCK]], out: &mut [V::T]) {
    let mut total = [[V::splat(V::T::default()); BLOCK]; 2];
    for pair in open.chunks_exact(2) {
        for (total, open) in total.iter_mut().zip(pair) {
            *total = [total[0].add(open[0]), total[1].add(open[1])];
        }
    }
    for (k, out) in out.chunks_exact_mut(V::N).take(BLOCK).enumerate() {
        V::load(out).add(total[0][k].add(total[1][k])).store(out);
    }
}

/// Adds Σ c x of K coordinates, the first ones of each row.
#[inline(always)]
fn coordinate_sums<V: Lanes, const K: usize>(inputs: usize, rows: &[V::T], open: &[[V; BLOCK]], out: &mut [V::T]) {
    let mut total = [[V::splat(V::T::default()); BLOCK]; K];
    for (row, open) in rows.chunks(inputs).zip(open) {
        let row = &row[..K];
        for (total, &x) in total.iter_mut().zip(row) {
            let x = V::splat(x);
            total[0] = x.fma(open[0], total[0]);
            total[1] = x.fma(open[1], total[1]);
        }
    }
    for (total, out) in total.iter().zip(out.chunks_exact_mut(BLOCK * V::N)) {
        for (total, out) in total.iter().zip(out.chunks_exact_mut(V::N)) {
            V::load(out).add(*total).store(out);
        }
    }
}

/// How far two networks of one shape are apart: Σ_n |β_n − β'_n| ‖v'_n‖ + |β_n| ‖v_n − v'_n‖, v a neuron's weights and
/// bias, which times ‖(x, 1)‖ is no less than |f(x) − f'(x)|; and Σ_n |β_n| ‖v_n‖, the like bound on |f| itself.
pub(super) struct Apart<'a, T> {
    /// Inputs d.
    pub(super) inputs: usize,
    /// `[block, input then bias, neuron]`, and `[block, neuron]` of the outputs' weights.
    pub(super) here: (&'a [T], &'a [T]),
    /// The other network.
    pub(super) there: (&'a [T], &'a [T]),
}

impl<T: Real> Job<T> for Apart<'_, T> {
    type Output = [f64; 2];

    #[inline(always)]
    fn run<V: Lanes<T = T>>(self) -> [f64; 2] {
        let width = BLOCK * V::N;
        let size = (self.inputs + 1) * width;
        let zero = V::splat(T::default());
        let (mut apart, mut own) = (zero, zero);
        let weights = self.here.0.chunks_exact(size).zip(self.there.0.chunks_exact(size));
        let outputs = self.here.1.chunks_exact(width).zip(self.there.1.chunks_exact(width));
        for ((v, other), (output, other_output)) in weights.zip(outputs) {
            for lane in [0, V::N] {
                let mut squares = [zero; 3];
                for (v, other) in v.chunks_exact(width).zip(other.chunks_exact(width)) {
                    let (v, other) = (V::load(&v[lane..]), V::load(&other[lane..]));
                    let difference = v.sub(other);
                    squares[0] = difference.fma(difference, squares[0]);
                    squares[1] = v.fma(v, squares[1]);
                    squares[2] = other.fma(other, squares[2]);
                }
                let [moved, length, other_length] = squares.map(V::sqrt);
                let (beta, other) = (V::load(&output[lane..]), V::load(&other_output[lane..]));
                apart = beta.abs().fma(moved, beta.sub(other).abs().fma(other_length, apart));
                own = beta.abs().fma(length, own);
            }
        }
        [apart.sum().wide(), own.sum().wide()]
    }
}
