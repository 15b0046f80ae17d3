//! The patches of a convolution's inputs: what its kernel covers at each pixel, as a product reads them, and the way back.

use phasesweep_networks::LayerShape;
use phasesweep_passes::Real;

/// Where the patches of a convolution's inputs come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sources {
    /// Where every element of a sample's patches lies among its values; beyond the border lies one behind the last.
    places: Vec<u32>,
    /// Values of a sample.
    size: usize,
}

impl Sources {
    /// Those of a layer, whose values are [sample, channel, row, column], as inputs are, or, behind another convolution,
    /// [sample, row, column, channel]. None of a dense layer.
    pub(super) fn of(layer: LayerShape, channels_first: bool) -> Sources {
        let (places, size) = sources(layer, channels_first);
        Sources { places, size }
    }
}

/// Where every element of a sample's patches lies among its values, and how many values it has.
fn sources(layer: LayerShape, channels_first: bool) -> (Vec<u32>, usize) {
    let LayerShape::Convolution { inputs, kernel, height, width, .. } = layer else { return (Vec::new(), 0) };
    let (size, half) = (inputs * height * width, kernel / 2);
    let mut out = Vec::with_capacity(size * kernel * kernel);
    for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
        for channel in 0..inputs {
            for (i, j) in (0..kernel).flat_map(|i| (0..kernel).map(move |j| (i, j))) {
                let y = (row + i).checked_sub(half).filter(|&y| y < height);
                let x = (column + j).checked_sub(half).filter(|&x| x < width);
                let at = y.zip(x).map_or(size, |(y, x)| {
                    if channels_first { (channel * height + y) * width + x } else { (y * width + x) * inputs + channel }
                });
                out.push(at as u32);
            }
        }
    }
    (out, size)
}

/// A convolution's inputs spread out: `[(channel, i, j), (sample, row, column)]`, 0 beyond the border.
pub(super) fn patches<T: Real>(sources: &Sources, values: &[T]) -> Vec<T> {
    let (size, sources) = (sources.size, &sources.places);
    let mut out = Vec::with_capacity(values.len() / size.max(1) * sources.len());
    let mut sample = vec![T::default(); size + 1];
    for values in values.chunks_exact(size.max(1)) {
        sample[..size].copy_from_slice(values);
        out.extend(sources.iter().map(|&source| sample[source as usize]));
    }
    out
}

/// The way back: sums of the patches' gradients at each value, `[sample, row, column, channel]`.
pub(super) fn unpatch<T: Real>(sources: &Sources, patches: &[T], samples: usize) -> Vec<T> {
    let (size, sources) = (sources.size, &sources.places);
    let mut out = Vec::with_capacity(samples * size);
    let mut sample = vec![T::default(); size + 1];
    for patches in patches.chunks_exact(sources.len().max(1)) {
        sample.fill(T::default());
        sources.iter().zip(patches).for_each(|(&source, &value)| sample[source as usize] += value);
        out.extend_from_slice(&sample[..size]);
    }
    out
}
