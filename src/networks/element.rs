//! The elements of a network that is a list of them.
//!
//! Invariant: the JSON of an element is what a sweep file writes for it with every default written out, except for a bias
//! that is there; it is part of cells' identities.

use serde::{Serialize, Serializer};

use super::activation::Activation;
use super::operation::{Normalisation, Number, Pooling};

/// How many units or channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Count {
    /// So many.
    Of(usize),
    /// One for each class of the data: `"classes"`.
    Classes,
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Count::Of(number) => number.serialize(serializer),
            Count::Classes => "classes".serialize(serializer),
        }
    }
}

/// An element of a network.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Element {
    /// A dense layer; an image is flattened for it.
    Dense {
        /// Units.
        dense: Count,
        /// Whether it has a bias.
        #[serde(skip_serializing_if = "is_true")]
        bias: bool,
    },
    /// A convolution.
    Convolution {
        /// Output channels.
        conv: Count,
        /// Side of the kernel.
        kernel: usize,
        /// Pixels from one window to the next.
        stride: usize,
        /// Pixels of zeros around the image.
        padding: usize,
        /// Groups of channels.
        groups: usize,
        /// Whether it has a bias.
        #[serde(skip_serializing_if = "is_true")]
        bias: bool,
    },
    /// A convolution of each channel by itself.
    Depthwise {
        /// Side of the kernel.
        depthwise: usize,
        /// Pixels from one window to the next.
        stride: usize,
        /// Pixels of zeros around the image.
        padding: usize,
        /// Whether it has a bias.
        #[serde(skip_serializing_if = "is_true")]
        bias: bool,
    },
    /// A pooling over square windows.
    Pool {
        /// What is taken of a window.
        pool: PoolKind,
        /// Side of the windows.
        side: usize,
        /// Pixels from one window to the next.
        stride: usize,
    },
    /// A pooling over all pixels.
    PoolAll {
        /// What is taken of a channel.
        pool_all: PoolKind,
    },
    /// A normalisation.
    Normalise {
        /// Over what.
        normalise: Normalisation,
    },
    /// A multiplication by a constant.
    Scale {
        /// The constant.
        scale: Number,
    },
    /// The sum of a branch and of a shortcut.
    Residual {
        /// The branch.
        residual: Vec<Element>,
        /// The shortcut; empty: what comes in, or a projection of it where the shapes differ.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        shortcut: Vec<Element>,
    },
    /// Several elements over and over.
    Repeat {
        /// How often.
        repeat: usize,
        /// The elements.
        layers: Vec<Element>,
    },
    /// An elementwise function, or a flattening.
    Word(Word),
}

/// An element without numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Word {
    /// The `activation` of the `[[architecture]]`.
    Activation,
    /// This one.
    Apply(Activation),
    /// An image as a vector.
    Flatten,
}

impl Word {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Word> {
        [Word::Activation, Word::Flatten].into_iter().chain(Activation::ALL.map(Word::Apply))
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Word::Activation => "activation",
            Word::Apply(activation) => activation.name(),
            Word::Flatten => "flatten",
        }
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What a pooling takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolKind {
    /// The greatest value.
    Max,
    /// The mean.
    Mean,
}

impl PoolKind {
    /// As operations have it.
    pub(super) fn pooling(self) -> Pooling {
        match self {
            PoolKind::Max => Pooling::Max,
            PoolKind::Mean => Pooling::Mean,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
fn is_true(flag: &bool) -> bool {
    *flag
}
