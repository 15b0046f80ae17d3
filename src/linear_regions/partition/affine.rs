//! The operations of a network that are affine: dense layers, convolutions, a factor and a shift for each unit, means over
//! windows. Of each, its value at a vector, its linear part alone, and up to what its terms add up.
//!
//! Invariant: the order in which the terms of a sum are added depends on nothing but the operation.

use phasesweep_networks::Window;

use super::plane::dot;

/// One dense layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Weight `[output, input]`, row-major.
    pub weight: Vec<f64>,
    /// Bias `[output]`.
    pub bias: Vec<f64>,
}

impl Dense {
    /// Units.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Inputs of a unit; 0 if there are no units.
    pub fn inputs(&self) -> usize {
        self.weight.len().checked_div(self.bias.len()).unwrap_or(0)
    }

    fn linear(&self, x: &[f64]) -> Vec<f64> {
        self.weight.chunks_exact(self.inputs().max(1)).map(|row| dot(row, x)).collect()
    }
}

/// A convolution over an image, channel by channel, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Convolution {
    /// `[outputs, inputs/groups, kernel, kernel]`.
    pub(super) weight: Vec<f64>,
    /// `[outputs]`.
    pub(super) bias: Vec<f64>,
    /// `[channels, height, width]` of what it reads.
    pub(super) input: [usize; 3],
    /// The same of what it answers.
    pub(super) output: [usize; 3],
    pub(super) window: Window,
}

impl Convolution {
    fn pixels(&self) -> usize {
        self.output[1] * self.output[2]
    }

    /// Adds the products of the weights, each as `part` has it, with `x`.
    fn add_products(&self, x: &[f64], part: impl Fn(f64) -> f64, sums: &mut [f64]) {
        let ([inputs, height, width], [outputs, down, across]) = (self.input, self.output);
        let Window { kernel, stride, padding, groups } = self.window;
        let own = inputs / groups;
        // Windows at which this offset lies on the image: stride · place + offset − padding is one of its pixels.
        let inside = |offset: usize, side: usize, places: usize| {
            let from = padding.saturating_sub(offset).div_ceil(stride);
            let to = (side + padding).saturating_sub(offset).div_ceil(stride);
            from..to.min(places)
        };
        for (output, sums) in sums.chunks_exact_mut(down * across).enumerate().take(outputs) {
            let first = output / (outputs / groups) * own;
            for input in 0..own {
                let image = &x[(first + input) * height * width..][..height * width];
                for (i, j) in (0..kernel).flat_map(|i| (0..kernel).map(move |j| (i, j))) {
                    let weight = part(self.weight[((output * own + input) * kernel + i) * kernel + j]);
                    let columns = inside(j, width, across);
                    if columns.is_empty() {
                        continue;
                    }
                    for row in inside(i, height, down) {
                        let line = &image[(row * stride + i - padding) * width..][..width];
                        let sums = &mut sums[row * across..][..across][columns.clone()];
                        let begin = columns.start * stride + j - padding;
                        if stride == 1 {
                            let line = &line[begin..][..sums.len()];
                            sums.iter_mut().zip(line).for_each(|(sum, x)| *sum += weight * x);
                        } else {
                            let line = line[begin..].iter().step_by(stride);
                            sums.iter_mut().zip(line).for_each(|(sum, x)| *sum += weight * x);
                        }
                    }
                }
            }
        }
    }
}

/// The windows of a pooling: each the places of its values, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Windows {
    /// `[window, place]`.
    pub(super) places: Vec<u32>,
    /// Values of a window.
    pub(super) of: usize,
}

impl Windows {
    pub(super) fn count(&self) -> usize {
        self.places.len() / self.of
    }

    /// The place of the nth value of each window.
    pub(super) fn nth(&self, n: usize) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.places.chunks_exact(self.of).map(move |window| window[n] as usize)
    }
}

/// An affine operation.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Affine {
    Dense(Dense),
    Convolution(Convolution),
    /// Each unit by itself.
    Units {
        factor: Vec<f64>,
        shift: Vec<f64>,
    },
    Mean(Windows),
}

impl Affine {
    pub(super) fn outputs(&self) -> usize {
        match self {
            Affine::Dense(dense) => dense.outputs(),
            Affine::Convolution(convolution) => convolution.output.iter().product(),
            Affine::Units { factor, .. } => factor.len(),
            Affine::Mean(windows) => windows.count(),
        }
    }

    /// The linear part at `x`, without biases and shifts.
    pub(super) fn linear(&self, x: &[f64]) -> Vec<f64> {
        match self {
            Affine::Dense(dense) => dense.linear(x),
            Affine::Convolution(convolution) => {
                let mut sums = vec![0.0; self.outputs()];
                convolution.add_products(x, |weight| weight, &mut sums);
                sums
            }
            Affine::Units { factor, .. } => factor.iter().zip(x).map(|(factor, x)| factor * x).collect(),
            Affine::Mean(_) => self.apply(x),
        }
    }

    /// The value at `x`.
    pub(super) fn apply(&self, x: &[f64]) -> Vec<f64> {
        let mut values = vec![0.0; self.outputs()];
        self.apply_into(x, &mut values);
        values
    }

    /// The value at `x`, into a place of its size.
    pub(super) fn apply_into(&self, x: &[f64], values: &mut [f64]) {
        match self {
            Affine::Dense(dense) => {
                let rows = dense.weight.chunks_exact(dense.inputs().max(1)).zip(&dense.bias);
                values.iter_mut().zip(rows).for_each(|(value, (row, bias))| *value = dot(row, x) + bias);
            }
            Affine::Convolution(convolution) => {
                let channels = values.chunks_exact_mut(convolution.pixels()).zip(&convolution.bias);
                channels.for_each(|(channel, bias)| channel.fill(*bias));
                convolution.add_products(x, |weight| weight, values);
            }
            Affine::Units { factor, shift } => {
                let units = factor.iter().zip(shift).zip(x);
                values.iter_mut().zip(units).for_each(|(value, ((factor, shift), x))| *value = factor * x + shift);
            }
            Affine::Mean(windows) => {
                let each = windows.places.chunks_exact(windows.of);
                let mean =
                    |window: &[u32]| window.iter().map(|&place| x[place as usize]).sum::<f64>() / windows.of as f64;
                values.iter_mut().zip(each).for_each(|(value, window)| *value = mean(window));
            }
        }
    }

    /// What the terms of each unit's sum add up to at most, where the inputs are up to `most` in size: rounding is in
    /// proportion to it.
    pub(super) fn made_of(&self, most: &[f64]) -> Vec<f64> {
        match self {
            Affine::Dense(dense) => {
                let rows = dense.weight.chunks_exact(dense.inputs().max(1)).zip(&dense.bias);
                let terms = |row: &[f64]| row.iter().zip(most).map(|(weight, most)| weight.abs() * most).sum::<f64>();
                rows.map(|(row, bias)| bias.abs() + terms(row)).collect()
            }
            Affine::Convolution(convolution) => {
                let pixels = convolution.pixels();
                let mut sums: Vec<f64> =
                    convolution.bias.iter().flat_map(|bias| std::iter::repeat_n(bias.abs(), pixels)).collect();
                convolution.add_products(most, f64::abs, &mut sums);
                sums
            }
            Affine::Units { factor, shift } => {
                let units = factor.iter().zip(shift).zip(most);
                units.map(|((factor, shift), most)| factor.abs() * most + shift.abs()).collect()
            }
            Affine::Mean(_) => self.apply(most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strided_padded_grouped_convolution_is_its_sum() {
        // Two groups of one channel of 3 × 4 each, kernel 3, stride 2, padding 1: images of 2 × 2.
        let window = Window { kernel: 3, stride: 2, padding: 1, groups: 2 };
        let weight: Vec<f64> = (0..18).map(|at| f64::from(at) - 4.0).collect();
        let convolution =
            Convolution { weight: weight.clone(), bias: vec![0.5, -1.0], input: [2, 3, 4], output: [2, 2, 2], window };
        let x: Vec<f64> = (0..24).map(|at| f64::from(at * at % 7)).collect();
        let mut expected = Vec::new();
        for (channel, bias) in [(0, 0.5), (1, -1.0)] {
            for (row, column) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let mut sum = bias;
                for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
                    let (y, z) = (2 * row + i - 1, 2 * column + j - 1);
                    if (0..3).contains(&y) && (0..4).contains(&z) {
                        sum += weight[(channel * 9 + i * 3 + j) as usize] * x[(channel * 12 + y * 4 + z) as usize];
                    }
                }
                expected.push(sum);
            }
        }
        // Sums of small integers and halves are exact.
        assert_eq!(Affine::Convolution(convolution).apply(&x), expected);
    }
}
