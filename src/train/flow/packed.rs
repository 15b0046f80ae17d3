//! The weights of a network of one hidden layer, scales multiplied in, in the two orders of its loops.

use super::network::Network;
use super::shallow::{Derivatives, TOGETHER, width};
use phasesweep_passes::{Real, Vectors};

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
    /// Room for the derivatives by the outputs' weights, `[block, neuron]`.
    by_output: Vec<T>,
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

        let width = width::<T>();
        let blocks = neurons.div_ceil(width);
        self.blocks.resize(blocks * width * (d + 1), T::default());
        self.block_output.resize(blocks * width, T::default());
        self.block_output[..neurons].copy_from_slice(&self.output[..neurons]);
        for (b, block) in self.blocks.chunks_exact_mut(width * (d + 1)).enumerate() {
            let own = b * width..neurons.min((b + 1) * width);
            block[d * width..][..own.len()].copy_from_slice(&self.bias[own.clone()]);
            for (j, block) in block.chunks_exact_mut(width).enumerate().take(d) {
                let weights = self.weight[own.start * d + j..].iter().step_by(d);
                block[..own.len()].iter_mut().zip(weights).for_each(|(to, &w)| *to = w);
            }
        }
    }

    /// From Σ c x and Σ c of each neuron (`sums`, in blocks, which are overwritten) to the gradient by the parameters; `total`
    /// is Σ c of all samples.
    pub(super) fn gradient(&mut self, network: &Network, vectors: Vectors, sums: &mut [T], total: T, out: &mut [T]) {
        let [first, last] = [&network.levels[0], &network.levels[1]];
        let (d, neurons, width) = (network.inputs, first.layer.outputs(), width::<T>());
        let (scale, output_scale) = (T::of(first.scale), T::of(last.scale * network.unit.scale));
        self.by_output.resize(self.block_output.len(), T::default());
        let Packed { blocks: weight, block_output: output, by_output, .. } = self;
        T::with(vectors, Derivatives { inputs: d, weight, output, scale, output_scale, sums, by_output });
        let bias = first.bias.unwrap_or(first.weight);
        for (b, block) in sums.chunks_exact(width * (d + 1)).enumerate() {
            let own = b * width..neurons.min((b + 1) * width);
            let of_bias = &block[d * width..][..own.len()];
            out[bias + own.start..][..own.len()].copy_from_slice(of_bias);
            let of_weights = &mut out[first.weight + own.start * d..first.weight + own.end * d];
            for (j, block) in block.chunks_exact(width).enumerate().take(d) {
                of_weights[j..].iter_mut().step_by(d).zip(block).for_each(|(to, &from)| *to = from);
            }
        }
        out[last.weight..][..neurons].copy_from_slice(&self.by_output[..neurons]);
        if let Some(at) = last.bias {
            out[at] = total;
        }
    }
}
