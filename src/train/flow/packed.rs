//! The weights of a network of one hidden layer, scales multiplied in, in the two orders of its loops.

use super::network::Network;
use super::shallow::{BLOCK, TOGETHER};
use phasesweep_passes::Real;

/// A network's weights at some parameters. Neurons that fill up a group or a block have weights 0.
#[derive(Debug, Clone, Default)]
pub(super) struct Packed<T> {
    /// `[neuron, input]`
    pub(super) weight: Vec<T>,
    /// `[neuron]`
    pub(super) bias: Vec<T>,
    /// `[neuron]`
    pub(super) output: Vec<T>,
    /// Added to every output.
    pub(super) offset: T,
    /// `[block, input then bias, neuron]`
    pub(super) blocks: Vec<T>,
    /// `[block, neuron]`
    pub(super) block_output: Vec<T>,
}

/// Neurons of a block.
pub(super) const fn block<T>() -> usize {
    BLOCK * 32 / size_of::<T>()
}

impl<T: Real> Packed<T> {
    /// Takes over parameters.
    pub(super) fn load(&mut self, network: &Network, parameters: &[T]) {
        let [first, last] = [&network.levels[0], &network.levels[1]];
        let (d, neurons) = (network.inputs, first.layer.outputs());
        let scaled = |to: &mut Vec<T>, from: &[T], by: f64, length: usize| {
            let by = T::of(by);
            to.clear();
            to.extend(from.iter().map(|&w| w * by));
            to.resize(length, T::default());
        };
        let padded = neurons.next_multiple_of(TOGETHER);
        let weights = &parameters[first.weight..first.weight + neurons * d];
        scaled(&mut self.weight, weights, first.scale, padded * d);
        // A first layer always has its biases.
        let biases = first.bias.map_or(&[][..], |at| &parameters[at..at + neurons]);
        scaled(&mut self.bias, biases, 1.0, padded);
        let outputs = &parameters[last.weight..last.weight + neurons];
        scaled(&mut self.output, outputs, last.scale * network.unit.scale, padded);
        self.offset = last.bias.map_or_else(T::default, |at| parameters[at]);

        let width = block::<T>();
        let blocks = neurons.div_ceil(width);
        self.blocks.resize(blocks * width * (d + 1), T::default());
        self.block_output.resize(blocks * width, T::default());
        self.block_output[..neurons].copy_from_slice(&self.output[..neurons]);
        for (b, block) in self.blocks.chunks_exact_mut(width * (d + 1)).enumerate() {
            let (own, of_bias) = (b * width..neurons.min((b + 1) * width), &mut block[d * width..]);
            of_bias[..own.len()].copy_from_slice(&self.bias[own.clone()]);
            for (n, row) in self.weight[own.start * d..own.end * d].chunks_exact(d).enumerate() {
                row.iter().enumerate().for_each(|(j, &w)| block[j * width + n] = w);
            }
        }
    }

    /// From Σ c x and Σ c of each neuron (`sums`, in blocks) to the gradient by the parameters; `total` is Σ c of all samples.
    pub(super) fn gradient(&self, network: &Network, sums: &[T], total: T, out: &mut [T]) {
        let [first, last] = [&network.levels[0], &network.levels[1]];
        let (d, neurons, width) = (network.inputs, first.layer.outputs(), block::<T>());
        let (scale, output) = (T::of(first.scale), T::of(last.scale * network.unit.scale));
        let bias = first.bias.unwrap_or(first.weight);
        for (b, sums) in sums.chunks_exact(width * (d + 1)).enumerate() {
            for (lane, neuron) in (b * width..neurons.min((b + 1) * width)).enumerate() {
                let beta = self.output[neuron];
                let of_bias = sums[d * width + lane];
                let mut along = self.bias[neuron] * of_bias;
                let to = &mut out[first.weight + neuron * d..first.weight + (neuron + 1) * d];
                let factor = beta * scale;
                for ((j, to), &w) in to.iter_mut().enumerate().zip(&self.weight[neuron * d..]) {
                    let sum = sums[j * width + lane];
                    along += w * sum;
                    *to = factor * sum;
                }
                out[bias + neuron] = beta * of_bias;
                out[last.weight + neuron] = along * output;
            }
        }
        if let Some(at) = last.bias {
            out[at] = total;
        }
    }
}
