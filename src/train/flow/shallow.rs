//! The loops of a network of one hidden layer of rectifiers, f(x) = Σ_n β_n max(0, w_n·x + b_n) + c.
//!
//! Samples lie in tiles of four vectors, coordinate by coordinate, so that a tile stays in the first cache while all
//! neurons pass over it. The gradient recomputes the pre-activations of the few samples that it is asked for: with a
//! hinge most samples fit and have none, and keeping signs would cost more memory traffic than it saves arithmetic.

use super::lanes::Lanes;

/// Neurons that a tile passes through at a time: their pre-activations fill half of the registers.
const NEURONS: usize = 4;

/// Weights with all scales multiplied in.
pub(super) struct Weights<'a, T> {
    /// Inputs d.
    pub(super) inputs: usize,
    /// `[neuron, input]`
    pub(super) weight: &'a [T],
    /// `[neuron]`
    pub(super) bias: &'a [T],
    /// `[neuron]`
    pub(super) output: &'a [T],
    /// Added to every output.
    pub(super) offset: T,
}

/// Outputs of all samples of the tiles (`[tile, input, sample]`) into `out` (`[tile, sample]`).
#[inline(always)]
pub(super) fn outputs<V: Lanes>(net: &Weights<'_, V::T>, tiles: &[V::T], out: &mut [V::T]) {
    let (d, tile) = (net.inputs, 4 * V::N);
    for (x, out) in tiles.chunks_exact(d * tile).zip(out.chunks_exact_mut(tile)) {
        for half in [0, 2 * V::N] {
            let mut sum = [V::splat(net.offset); 2];
            let mut neuron = 0;
            while neuron + NEURONS <= net.bias.len() {
                layer::<V, NEURONS>(net, x, neuron, half, &mut sum);
                neuron += NEURONS;
            }
            while neuron < net.bias.len() {
                layer::<V, 1>(net, x, neuron, half, &mut sum);
                neuron += 1;
            }
            sum[0].store(&mut out[half..]);
            sum[1].store(&mut out[half + V::N..]);
        }
    }
}

/// Adds the part of some neurons to the outputs of half a tile.
#[inline(always)]
fn layer<V: Lanes, const K: usize>(net: &Weights<'_, V::T>, x: &[V::T], neuron: usize, half: usize, sum: &mut [V; 2]) {
    let (d, tile) = (net.inputs, 4 * V::N);
    let bias = &net.bias[neuron..neuron + K];
    let weight = &net.weight[neuron * d..(neuron + K) * d];
    let mut z = [[V::splat(V::T::default()); 2]; K];
    for (z, &bias) in z.iter_mut().zip(bias) {
        *z = [V::splat(bias); 2];
    }
    for j in 0..d {
        let x = &x[j * tile + half..j * tile + half + 2 * V::N];
        let (low, high) = (V::load(x), V::load(&x[V::N..]));
        for (k, z) in z.iter_mut().enumerate() {
            let w = V::splat(weight[k * d + j]);
            z[0] = w.fma(low, z[0]);
            z[1] = w.fma(high, z[1]);
        }
    }
    for (z, &beta) in z.iter().zip(&net.output[neuron..neuron + K]) {
        let beta = V::splat(beta);
        sum[0] = beta.fma(z[0].positive(), sum[0]);
        sum[1] = beta.fma(z[1].positive(), sum[1]);
    }
}

/// Σ_i c_i ∂f(x_i) over the samples of the tiles, for each neuron `[weight (d), bias, output]`: `out` is
/// `[neuron, d + 2]`. Samples that fill up the last tile have c = 0.
#[inline(always)]
pub(super) fn gradient<V: Lanes>(net: &Weights<'_, V::T>, tiles: &[V::T], c: &[V::T], out: &mut [V::T]) {
    let (d, tile) = (net.inputs, 4 * V::N);
    let zero = V::splat(V::T::default());
    let mut sums = vec![zero; d];
    for (neuron, out) in out.chunks_exact_mut(d + 2).enumerate() {
        let weight = &net.weight[neuron * d..(neuron + 1) * d];
        let bias = V::splat(net.bias[neuron]);
        sums.fill(zero);
        let (mut of_bias, mut of_output) = (zero, zero);
        for (x, c) in tiles.chunks_exact(d * tile).zip(c.chunks_exact(tile)) {
            let mut z = [bias; 4];
            for (x, &w) in x.chunks_exact(tile).zip(weight) {
                let w = V::splat(w);
                for (v, z) in z.iter_mut().enumerate() {
                    *z = w.fma(V::load(&x[v * V::N..]), *z);
                }
            }
            let mut open = [zero; 4];
            for (v, open) in open.iter_mut().enumerate() {
                *open = z[v].gate(V::load(&c[v * V::N..]));
                of_bias = of_bias.add(*open);
                of_output = open.fma(z[v], of_output);
            }
            for (x, sum) in x.chunks_exact(tile).zip(&mut sums) {
                let mut total = *sum;
                for (v, open) in open.iter().enumerate() {
                    total = open.fma(V::load(&x[v * V::N..]), total);
                }
                *sum = total;
            }
        }
        let beta = net.output[neuron];
        for (out, sum) in out.iter_mut().zip(&sums) {
            *out = beta * sum.sum();
        }
        out[d] = beta * of_bias.sum();
        out[d + 1] = of_output.sum();
    }
}
