//! What is measured at scheduled epochs on copies of the weights: local complexity, robustness, the weights themselves.
//!
//! Invariant: lists are distinct, radii and ε ascend; all of it is part of a cell's identity, and absent from the
//! canonical specification where nothing was asked for.

use super::schedule::Schedule;
use serde::Serialize;

/// What is measured on copies of the weights.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Probes {
    /// How many units cut the neighbourhoods of points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_complexity: Option<LocalComplexity>,
    /// The error under attack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub robustness: Option<Robustness>,
    /// Epochs whose weights are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<Schedule>,
}

impl Probes {
    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        *self == Probes::default()
    }
}

/// Local complexity (Humayun et al., arXiv 2310.12977).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LocalComplexity {
    /// Epochs at which it is measured.
    pub at: Schedule,
    /// Radii r of the cross-polytopes, in units of the inputs, ascending.
    pub radii: Vec<f64>,
    /// Random orthonormal directions P.
    pub directions: usize,
    /// Points of each set, the first ones; a set with fewer has all of its own.
    pub points: usize,
    /// Around which points.
    pub sets: Vec<PointSet>,
    /// Whether the point itself counts as a vertex.
    pub centroid: bool,
}

/// Points whose neighbourhoods are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PointSet {
    /// Each input uniform between its least and greatest value in the training block.
    Random,
    /// Test samples.
    Test,
    /// Training samples of the block, pruned or not.
    Train,
}

impl PointSet {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            PointSet::Random => "random",
            PointSet::Test => "test",
            PointSet::Train => "train",
        }
    }
}

/// Error of test samples under projected gradient descent (Madry et al. 2018).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Robustness {
    /// Epochs at which it is measured.
    pub at: Schedule,
    /// Norms of the ball.
    pub norms: Vec<Norm>,
    /// Radii ε of the ball, in units of the inputs, ascending.
    pub epsilons: Vec<f64>,
    /// Steps of an attack.
    pub steps: usize,
    /// Length of a step; `None`: 2.5 ε / steps.
    pub step_size: Option<f64>,
    /// From a random point of the ball instead of from the sample.
    pub random_start: bool,
    /// Test samples attacked, the first ones; all of them if there are fewer.
    pub points: usize,
    /// Least and greatest valid input; `None`: inputs are free.
    pub clip: Option<[f64; 2]>,
}

/// Norm of the ball that an attack stays in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// Euclidean.
    L2,
    /// Greatest change of any input.
    Linf,
}

impl Norm {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Norm::L2 => "l2",
            Norm::Linf => "linf",
        }
    }
}
