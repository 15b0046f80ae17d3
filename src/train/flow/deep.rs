//! Forward and backward through a chain of layers of any depth, convolutions included, one tile of samples at a time.
//!
//! Values lie column by column: `[unit, sample]` behind a dense layer, `[channel, (sample, row, column)]` behind a
//! convolution, whose inputs are spread out into patches so that both are one matrix product. What lies between a
//! convolution and a dense layer is put into the dense layer's order, `(channel, row, column)`.

use super::network::{Level, Network};
use super::patches::{patches, unpatch};
use phasesweep_networks::LayerShape;
use phasesweep_passes::{Real, View};

/// What a layer leaves for the way back.
#[derive(Debug, Default)]
pub(super) struct Stage<T> {
    /// Its inputs (a convolution's patches), `[fan-in, column]`.
    pub(super) input: Vec<T>,
    /// Slopes of its units, `[out, column]`; empty for the output layer.
    slope: Vec<T>,
    /// After max pooling, where each value came from in `[out, column]`; empty without pooling.
    winner: Vec<u32>,
    /// Columns: samples, times pixels of a convolution.
    pub(super) columns: usize,
}

/// A pass of some samples.
pub(super) struct Tape<T> {
    /// One for each layer.
    pub(super) stages: Vec<Stage<T>>,
    /// f of each sample.
    pub(super) outputs: Vec<T>,
}

fn weight<'a, T: Real>(level: &Level, parameters: &'a [T]) -> View<'a, T> {
    let weights = &parameters[level.weight..level.weight + level.layer.weights()];
    View::rows(weights, level.layer.outputs(), level.layer.fan_in())
}

/// Forward: `x` is `[sample, input]` row by row.
pub(super) fn forward<T: Real>(network: &Network, parameters: &[T], x: &[T]) -> Tape<T> {
    let samples = x.len() / network.inputs.max(1);
    let mut stages = Vec::with_capacity(network.levels.len());
    let mut values = x.to_vec();
    for (place, level) in network.levels.iter().enumerate() {
        let mut stage = Stage { columns: samples, ..Stage::default() };
        match level.layer {
            LayerShape::Convolution { height, width, .. } => {
                stage.columns = samples * height * width;
                stage.input = patches(&network.sources[place], &values);
            }
            LayerShape::Dense { inputs, .. } => {
                stage.input = match network.levels.get(place.wrapping_sub(1)).map(|below| below.layer) {
                    Some(LayerShape::Convolution { outputs, .. }) => reorder(&values, inputs, outputs, true),
                    _ => values,
                };
            }
        }
        let out = level.layer.outputs();
        let mut z = vec![T::default(); out * stage.columns];
        let input = View::columns(&stage.input, level.layer.fan_in(), stage.columns);
        T::product(&mut z, weight(level, parameters), input, false);
        let scale = T::of(level.scale);
        for column in z.chunks_exact_mut(out) {
            match level.bias {
                Some(at) => column.iter_mut().zip(&parameters[at..]).for_each(|(z, &b)| *z = *z * scale + b),
                None => column.iter_mut().for_each(|z| *z = *z * scale),
            }
        }
        if place + 1 < network.levels.len() {
            stage.slope = network.unit.apply(&mut z);
            if let LayerShape::Convolution { pool, .. } = level.layer
                && pool > 1
            {
                (z, stage.winner) = pooled(level.layer, &z, samples);
            }
        }
        stages.push(stage);
        values = z;
    }
    Tape { stages, outputs: values }
}

/// Backward from ∂/∂f of each sample (`seed`): calls `each` with every layer's place, its stage and the gradient at its
/// pre-activations, `[out, column]`, from the last to the first.
pub(super) fn backward<T: Real>(
    network: &Network,
    parameters: &[T],
    tape: &Tape<T>,
    seed: &[T],
    mut each: impl FnMut(usize, &Stage<T>, &[T]),
) {
    let samples = tape.outputs.len();
    let mut delta = seed.to_vec();
    for (place, level) in network.levels.iter().enumerate().rev() {
        let stage = &tape.stages[place];
        each(place, stage, &delta);
        let Some(below) = place.checked_sub(1) else { return };
        let mut back = vec![T::default(); stage.input.len()];
        let out = View::columns(&delta, level.layer.outputs(), stage.columns);
        T::product(&mut back, weight(level, parameters).t(), out, false);
        let scale = T::of(level.scale);
        back.iter_mut().for_each(|value| *value = *value * scale);
        let (under, of_under) = (&network.levels[below].layer, &tape.stages[below]);
        let mut values = match (level.layer, *under) {
            (LayerShape::Convolution { .. }, _) => unpatch(&network.sources[place], &back, samples),
            (LayerShape::Dense { inputs, .. }, LayerShape::Convolution { outputs, .. }) => {
                reorder(&back, inputs, outputs, false)
            }
            _ => back,
        };
        if !of_under.winner.is_empty() {
            let mut spread = vec![T::default(); of_under.slope.len()];
            for (&value, &winner) in values.iter().zip(&of_under.winner) {
                spread[winner as usize] += value;
            }
            values = spread;
        }
        values.iter_mut().zip(&of_under.slope).for_each(|(value, &slope)| *value = *value * slope);
        delta = values;
    }
}

/// Adds Σ_i c_i ∂f(x_i) to `gradient`.
pub(super) fn add_gradient<T: Real>(network: &Network, parameters: &[T], x: &[T], c: &[T], gradient: &mut [T]) {
    let tape = forward(network, parameters, x);
    backward(network, parameters, &tape, c, |place, stage, delta| {
        let level = &network.levels[place];
        let (out, fan_in) = (level.layer.outputs(), level.layer.fan_in());
        let scale = T::of(level.scale);
        let scaled: Vec<T> = delta.iter().map(|&delta| delta * scale).collect();
        // [fan-in, out] column by column is [out, fan-in] row by row.
        let target = &mut gradient[level.weight..level.weight + level.layer.weights()];
        let input = View::columns(&stage.input, fan_in, stage.columns);
        T::product(target, input, View::columns(&scaled, out, stage.columns).t(), true);
        if let Some(at) = level.bias {
            for column in delta.chunks_exact(out) {
                gradient[at..at + out].iter_mut().zip(column).for_each(|(g, &d)| *g += d);
            }
        }
    });
}

/// Max pooling: `[sample, row, column, channel]`, and where each value came from. Ties go to the first.
fn pooled<T: Real>(layer: LayerShape, values: &[T], samples: usize) -> (Vec<T>, Vec<u32>) {
    let LayerShape::Convolution { outputs, pool, height, width, .. } = layer else {
        return (values.to_vec(), Vec::new());
    };
    let (rows, columns) = (height / pool, width / pool);
    let mut out = vec![T::default(); samples * rows * columns * outputs];
    let mut winners = vec![0; out.len()];
    let windows = out.chunks_exact_mut(outputs).zip(winners.chunks_exact_mut(outputs));
    let places = (0..samples).flat_map(|sample| {
        (0..rows).flat_map(move |row| (0..columns).map(move |column| (sample * height + row * pool, column * pool)))
    });
    for ((out, winners), (row, column)) in windows.zip(places) {
        for (i, j) in (0..pool).flat_map(|i| (0..pool).map(move |j| (i, j))) {
            let at = ((row + i) * width + column + j) * outputs;
            let first = i == 0 && j == 0;
            // All channels side by side, without a branch on what they are.
            for (channel, ((best, winner), &value)) in
                out.iter_mut().zip(winners.iter_mut()).zip(&values[at..at + outputs]).enumerate()
            {
                let better = first || value > *best;
                *best = if better { value } else { *best };
                *winner = if better { (at + channel) as u32 } else { *winner };
            }
        }
    }
    (out, winners)
}

/// Samples of `size` values from `(pixel, channel)` to `(channel, pixel)`, or back.
fn reorder<T: Real>(values: &[T], size: usize, channels: usize, channels_first: bool) -> Vec<T> {
    let pixels = size / channels.max(1);
    let mut out = vec![T::default(); values.len()];
    for (from, to) in values.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
        for pixel in 0..pixels {
            for channel in 0..channels {
                let (first, last) = (channel * pixels + pixel, pixel * channels + channel);
                if channels_first {
                    to[first] = from[last];
                } else {
                    to[last] = from[first];
                }
            }
        }
    }
    out
}
