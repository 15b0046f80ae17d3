//! The training block: what every replica of a cohort is trained and tested on, standardised once and shared.
//!
//! Invariants: `x.len() == y.len() * inputs`; every label is below `classes`; every number is finite.

/// Samples with their classes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Samples {
    /// Inputs, row-major `[sample, input]`.
    pub x: Vec<f32>,
    /// Class of each sample.
    pub y: Vec<u16>,
}

impl Samples {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }
}

/// One block of training samples and the test set, scaled by the block's own numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Inputs of the source, constant ones included.
    pub features: usize,
    /// Which of the source's inputs were kept, ascending; their number is the network's fan-in.
    pub live: Vec<u32>,
    /// `[channels, height, width]` of a sample, where the source is images and no input was dropped.
    pub image: Option<[usize; 3]>,
    /// Number of classes.
    pub classes: usize,
    /// Training samples, in the order of `source_index`.
    pub train: Samples,
    /// Test samples.
    pub test: Samples,
    /// Index of each training sample in its source.
    pub source_index: Vec<u32>,
}

impl Block {
    /// Inputs of the network.
    pub fn inputs(&self) -> usize {
        self.live.len()
    }
}
