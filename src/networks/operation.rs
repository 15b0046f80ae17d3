//! What a node of a network computes.
//!
//! Invariant: operations are values that can be compared and hashed; their real numbers are compared by their bits.

use std::hash::{Hash, Hasher};

use serde::{Serialize, Serializer};

use super::activation::Activation;

/// A finite real number that belongs to a network, compared and hashed by its bits.
#[derive(Debug, Clone, Copy)]
pub struct Number(pub f64);

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

/// The window of a convolution. Kernels are square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Side of the kernel.
    pub kernel: usize,
    /// Pixels from one window to the next, along both sides.
    pub stride: usize,
    /// Pixels of zeros around the image.
    pub padding: usize,
    /// Groups of channels that do not see each other; as many as channels is a depthwise convolution. They divide the
    /// input and the output channels.
    pub groups: usize,
}

impl Window {
    /// Stride 1 and padding of half the kernel, which is odd: the image keeps its sides.
    pub fn same(kernel: usize) -> Window {
        Window { kernel, stride: 1, padding: kernel / 2, groups: 1 }
    }

    /// Windows along a side of so many pixels: ⌊(side + 2 padding − kernel)/stride⌋ + 1; 0 where none fits.
    pub fn places(&self, side: usize) -> usize {
        places(side + 2 * self.padding, self.kernel, self.stride)
    }
}

/// Windows of so many pixels along a side.
fn places(side: usize, window: usize, stride: usize) -> usize {
    side.checked_sub(window).map_or(0, |free| free / stride.max(1) + 1)
}

/// What a pooling takes of its windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// The greatest value; of equal ones the gradient goes to the first.
    Max,
    /// The mean.
    Mean,
}

/// A pooling over windows of a channel; rows and columns that do not fill a window are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pool {
    /// What is taken of a window.
    pub kind: Pooling,
    /// Height and width of the windows.
    pub window: [usize; 2],
    /// Pixels from one window to the next, down and across.
    pub stride: [usize; 2],
}

impl Pool {
    /// Of square windows side by side.
    pub fn square(kind: Pooling, side: usize) -> Pool {
        Pool { kind, window: [side; 2], stride: [side; 2] }
    }

    /// Windows down and across an image of this height and width.
    pub fn places(&self, [height, width]: [usize; 2]) -> [usize; 2] {
        [places(height, self.window[0], self.stride[0]), places(width, self.window[1], self.stride[1])]
    }
}

/// Over what values are normalised: y = γ (x − mean)/√(variance + ε) + β with a γ and a β for each unit or channel, and
/// the variance that divides by the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// Batch normalisation (Ioffe and Szegedy 2015), PyTorch's `BatchNorm1d` and `BatchNorm2d`: each unit or channel over
    /// the samples of a step and, of images, over the pixels. In evaluation running averages stand for the moments: after
    /// each step, r ← (1 − 0.1) r + 0.1 m, where the variance is the one that divides by the count less one.
    Batch,
    /// Layer normalisation (Ba, Kiros and Hinton 2016): each sample over its units; of images over all channels and pixels,
    /// with a γ and a β for each channel, which is PyTorch's `GroupNorm(1, channels)`.
    Layer,
}

impl Normalisation {
    /// ε, added to the variance: PyTorch's default.
    pub const EPSILON: f64 = 1e-5;
    /// Weight of a step's moments in the running averages of [`Normalisation::Batch`]: PyTorch's default.
    pub const MOMENTUM: f64 = 0.1;

    /// γ' = γ/√(variance + ε) and β' = β − mean γ', with which γ' x + β' is a batch normalisation in evaluation: of γ and β,
    /// and of the running mean and variance.
    pub fn folded([gamma, beta]: [f64; 2], [mean, variance]: [f64; 2]) -> [f64; 2] {
        let gamma = gamma / (variance + Normalisation::EPSILON).sqrt();
        [gamma, beta - mean * gamma]
    }

    /// Name in sweep files, labels and identities.
    pub fn name(self) -> &'static str {
        match self {
            Normalisation::Batch => "batch",
            Normalisation::Layer => "layer",
        }
    }
}

/// What a node computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// The sample.
    Input,
    /// W x + b; W is `[units, inputs]`.
    Dense,
    /// Convolution, with a bias for each output channel; the weight is `[outputs, inputs/groups, kernel, kernel]`.
    Convolution(Window),
    /// Elementwise.
    Activation(Activation),
    /// Pooling of each channel.
    Pool(Pool),
    /// Normalisation; the weight is γ, the bias β.
    Normalise(Normalisation),
    /// Multiplication by a constant.
    Scale(Number),
    /// An image as a vector, channel by channel, row by row.
    Flatten,
    /// The sum of two values of one shape.
    Add,
}
