//! The loops of a network of one hidden layer of rectifiers, f(x) = Σ_n β_n max(0, w_n·x + b_n) + c.
//!
//! Outputs: samples in lanes. They lie in tiles of [`width`], coordinate by coordinate; five neurons at a time pass over
//! two vectors of samples, so that their ten pre-activations stay in registers and every load serves several products.
//!
//! Gradients: neurons in lanes, two vectors at a time, so that no sum runs across lanes. They lie in blocks of [`width`].
//! Over a batch of the samples that pull, pre-activations are computed again, six samples at a time, and leave their gated
//! coefficients behind; sums over the batch are then taken for five coordinates at a time. Both are products of small
//! matrices with all sums in registers. The derivative by β_n is Σ c z = w_n·(Σ c x) + b_n Σ c over the samples on which
//! the neuron is open, which the sums for w_n and b_n hold already.
//!
//! The two vectors are the halves of one tile or block where a vector has 32 bytes, and two neighbouring tiles or blocks
//! where it has 64 ([`each_pair`]).
//!
//! Invariants: an output depends on its sample alone and a neuron's derivatives on all samples in their order, whichever
//! tiles and neurons are asked for together, and however long a vector is: cutting the work among threads changes no bit.

use phasesweep_passes::{Job, Lanes, Real};

/// Neurons that pass over a tile together.
pub(super) const TOGETHER: usize = 5;
/// Samples of the gradient whose pre-activations are computed together.
pub(super) const ROWS: usize = 6;
/// Samples whose sums are taken in registers before they are added to those of the samples before.
const BATCH: usize = 16 * ROWS;
/// Coordinates summed together.
const COORDINATES: usize = 5;

/// Samples of a tile of the outputs, and neurons of a block of the gradient: 64 bytes of them.
pub(super) const fn width<T>() -> usize {
    64 / size_of::<T>()
}

/// What is done by two vectors at a time.
trait Pairs<T> {
    /// Takes the tile or block `place`: as `P` vectors that begin `apart` from each other, or, where one vector is a whole tile
    /// or block, that one and the next `P` − 1.
    fn take<V: Lanes<T = T>, const P: usize>(&mut self, place: usize, apart: usize);
}

/// Has all of so many tiles or blocks taken, each of `size` numbers, by two vectors at a time.
#[inline(always)]
fn each_pair<V: Lanes>(count: usize, size: usize, pairs: &mut impl Pairs<V::T>) {
    if V::N < width::<V::T>() {
        for place in 0..count {
            pairs.take::<V, 2>(place, V::N);
        }
        return;
    }
    for place in (0..count - count % 2).step_by(2) {
        pairs.take::<V, 2>(place, size);
    }
    if count % 2 == 1 {
        pairs.take::<V, 1>(count - 1, size);
    }
}

/// Vectors from places `apart` from each other.
#[inline(always)]
fn load<V: Lanes, const P: usize>(from: &[V::T], apart: usize) -> [V; P] {
    let mut all = [V::load(from); P];
    for (k, one) in all.iter_mut().enumerate().skip(1) {
        *one = V::load(&from[k * apart..]);
    }
    all
}

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
    fn run<V: Lanes<T = T>>(mut self) {
        let tiles = self.out.len() / width::<T>();
        each_pair::<V>(tiles, self.inputs * width::<T>(), &mut self);
    }
}

impl<T: Real> Pairs<T> for Outputs<'_, T> {
    #[inline(always)]
    fn take<V: Lanes<T = T>, const P: usize>(&mut self, tile: usize, apart: usize) {
        let (inputs, width) = (self.inputs, width::<T>());
        let x = &self.tiles[tile * inputs * width..];
        let mut sum = [V::splat(self.offset); P];
        let numbers = self.bias.as_chunks().0.iter().zip(self.output.as_chunks().0);
        for (weight, (bias, output)) in self.weight.chunks_exact(TOGETHER * inputs).zip(numbers) {
            together::<V, P>(weight, bias, output, x, apart, &mut sum);
        }
        for (sum, out) in sum.iter().zip(self.out[tile * width..].chunks_exact_mut(V::N)) {
            sum.store(out);
        }
    }
}

/// Adds the part of some neurons to the outputs of a tile.
#[inline(always)]
fn together<V: Lanes, const P: usize>(
    weight: &[V::T],
    bias: &[V::T; TOGETHER],
    output: &[V::T; TOGETHER],
    x: &[V::T],
    apart: usize,
    sum: &mut [V; P],
) {
    let (inputs, width) = (weight.len() / TOGETHER, width::<V::T>());
    let rows: [&[V::T]; TOGETHER] = std::array::from_fn(|k| &weight[k * inputs..(k + 1) * inputs]);
    let mut z = bias.map(|bias| [V::splat(bias); P]);
    for j in 0..inputs {
        let x = load::<V, P>(&x[j * width..], apart);
        for (z, row) in z.iter_mut().zip(rows) {
            let w = V::splat(row[j]);
            for (z, &x) in z.iter_mut().zip(&x) {
                *z = w.fma(x, *z);
            }
        }
    }
    for (z, &beta) in z.iter().zip(output) {
        let beta = V::splat(beta);
        for (sum, z) in sum.iter_mut().zip(z) {
            *sum = beta.fma(z.positive(), *sum);
        }
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
    fn run<V: Lanes<T = T>>(mut self) {
        let size = (self.inputs + 1) * width::<T>();
        self.out.fill(T::default());
        each_pair::<V>(self.out.len() / size, size, &mut self);
    }
}

impl<T: Real> Pairs<T> for Sums<'_, T> {
    #[inline(always)]
    fn take<V: Lanes<T = T>, const P: usize>(&mut self, block: usize, apart: usize) {
        let (inputs, width) = (self.inputs, width::<T>());
        let at = block * (inputs + 1) * width;
        let (weight, out) = (&self.weight[at..], &mut self.out[at..]);
        let mut open = [[V::splat(T::default()); P]; BATCH];
        for (rows, c) in self.rows.chunks(BATCH * inputs).zip(self.c.chunks(BATCH)) {
            let groups = rows.chunks_exact(ROWS * inputs).zip(c.as_chunks().0).zip(open.as_chunks_mut().0);
            for ((rows, c), open) in groups {
                gates::<V, P>(weight, rows, c, apart, open);
            }
            let open = &open[..c.len()];
            bias_sums::<V, P>(open, apart, &mut out[inputs * width..]);
            let mut first = 0;
            while first < inputs {
                let (out, rows) = (&mut out[first * width..], &rows[first..]);
                match inputs - first {
                    1 => coordinate_sums::<V, P, 1>(inputs, rows, open, apart, out),
                    2 => coordinate_sums::<V, P, 2>(inputs, rows, open, apart, out),
                    3 => coordinate_sums::<V, P, 3>(inputs, rows, open, apart, out),
                    4 => coordinate_sums::<V, P, 4>(inputs, rows, open, apart, out),
                    _ => coordinate_sums::<V, P, COORDINATES>(inputs, rows, open, apart, out),
                }
                first += COORDINATES;
            }
        }
    }
}

/// c where a neuron is open, else 0.
#[inline(always)]
fn gates<V: Lanes, const P: usize>(
    weight: &[V::T],
    rows: &[V::T],
    c: &[V::T; ROWS],
    apart: usize,
    open: &mut [[V; P]; ROWS],
) {
    let (inputs, width) = (rows.len() / ROWS, width::<V::T>());
    let rows: [&[V::T]; ROWS] = std::array::from_fn(|k| &rows[k * inputs..(k + 1) * inputs]);
    let mut z = [load::<V, P>(&weight[inputs * width..], apart); ROWS];
    for j in 0..inputs {
        let weight = load::<V, P>(&weight[j * width..], apart);
        for (z, row) in z.iter_mut().zip(rows) {
            let x = V::splat(row[j]);
            for (z, &weight) in z.iter_mut().zip(&weight) {
                *z = x.fma(weight, *z);
            }
        }
    }
    for ((open, z), &c) in open.iter_mut().zip(z).zip(c) {
        let c = V::splat(c);
        *open = z.map(|z| z.gate(c));
    }
}

#[inline(always)]
fn bias_sums<V: Lanes, const P: usize>(open: &[[V; P]], apart: usize, out: &mut [V::T]) {
    let mut total = [[V::splat(V::T::default()); P]; 2];
    for pair in open.chunks_exact(2) {
        for (total, open) in total.iter_mut().zip(pair) {
            for (total, &open) in total.iter_mut().zip(open) {
                *total = total.add(open);
            }
        }
    }
    for (k, (&even, &odd)) in total[0].iter().zip(&total[1]).enumerate() {
        let out = &mut out[k * apart..];
        V::load(out).add(even.add(odd)).store(out);
    }
}

/// Adds Σ c x of K coordinates, the first ones of each row.
#[inline(always)]
fn coordinate_sums<V: Lanes, const P: usize, const K: usize>(
    inputs: usize,
    rows: &[V::T],
    open: &[[V; P]],
    apart: usize,
    out: &mut [V::T],
) {
    let mut total = [[V::splat(V::T::default()); P]; K];
    for (row, open) in rows.chunks(inputs).zip(open) {
        let row = &row[..K];
        for (total, &x) in total.iter_mut().zip(row) {
            let x = V::splat(x);
            for (total, &open) in total.iter_mut().zip(open) {
                *total = x.fma(open, *total);
            }
        }
    }
    for (j, total) in total.iter().enumerate() {
        for (k, total) in total.iter().enumerate() {
            let out = &mut out[j * width::<V::T>() + k * apart..];
            V::load(out).add(*total).store(out);
        }
    }
}

/// The derivatives of Σ_i c_i f(x_i) by every parameter of some blocks of neurons.
pub(super) struct Derivatives<'a, T> {
    /// Inputs d.
    pub(super) inputs: usize,
    /// `[block, input then bias, neuron]`, and `[block, neuron]` of the outputs' weights.
    pub(super) weight: &'a [T],
    pub(super) output: &'a [T],
    /// What the weights, and those of the outputs, were multiplied by.
    pub(super) scale: T,
    pub(super) output_scale: T,
    /// [`Sums`], then the derivatives by weights and biases.
    pub(super) sums: &'a mut [T],
    /// The derivatives by the outputs' weights, `[block, neuron]`.
    pub(super) by_output: &'a mut [T],
}

impl<T: Real> Job<T> for Derivatives<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes<T = T>>(self) {
        let (width, of_bias) = (width::<T>(), self.inputs * width::<T>());
        let (scale, output_scale) = (V::splat(self.scale), V::splat(self.output_scale));
        let blocks = self.weight.chunks_exact(of_bias + width).zip(self.sums.chunks_exact_mut(of_bias + width));
        let outputs = self.output.chunks_exact(width).zip(self.by_output.chunks_exact_mut(width));
        for ((weight, sums), (output, by_output)) in blocks.zip(outputs) {
            for lane in (0..width).step_by(V::N) {
                let (beta, open) = (V::load(&output[lane..]), V::load(&sums[of_bias + lane..]));
                let by_weight = beta.mul(scale);
                let mut along = V::load(&weight[of_bias + lane..]).mul(open);
                for at in (lane..of_bias).step_by(width) {
                    let sum = V::load(&sums[at..]);
                    along = along.add(V::load(&weight[at..]).mul(sum));
                    by_weight.mul(sum).store(&mut sums[at..]);
                }
                beta.mul(open).store(&mut sums[of_bias + lane..]);
                along.mul(output_scale).store(&mut by_output[lane..]);
            }
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
        let width = width::<T>();
        let size = (self.inputs + 1) * width;
        let zero = V::splat(T::default());
        let (mut apart, mut own) = (zero, zero);
        let weights = self.here.0.chunks_exact(size).zip(self.there.0.chunks_exact(size));
        let outputs = self.here.1.chunks_exact(width).zip(self.there.1.chunks_exact(width));
        for ((v, other), (output, other_output)) in weights.zip(outputs) {
            for lane in (0..width).step_by(V::N) {
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
