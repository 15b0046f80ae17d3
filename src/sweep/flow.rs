//! The numbers of a gradient flow, once they have been checked.
//!
//! They take part in cells' identities: field order and names may not change.

use serde::Serialize;

/// Mean-field parametrisation (Mei, Montanari and Nguyen 2018): all parameters N(0, 1) at the start, hidden layers
/// W a/√fan-in + b, the output (1/h) Σ β a without a bias, the activation scaled to unit second moment under N(0, 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanField {
    /// Variance of the initial biases.
    pub bias_variance: f64,
}

/// A gradient flow's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Flow {
    /// Output scale α: small is the feature regime, large the lazy one.
    pub alpha: f64,
    /// Greatest ‖g' − g‖²/(‖g‖ ‖g'‖) of a step.
    pub gradient_change: f64,
    /// Greatest change of an output α (f − f₀) in a step.
    pub output_change: f64,
    /// A step that changes no output by more than this is taken whatever the gradient does.
    pub kink_change: f64,
    /// A sample fits if y α (f − f₀) is no less.
    pub margin: f64,
    /// Share of the samples that fit at which the flow ends.
    pub fitted: f64,
    /// Longest time t.
    pub time: Option<f64>,
    /// Arithmetic.
    pub precision: Precision,
    /// Training samples whose outputs bound a step.
    #[serde(skip_serializing_if = "Watched::all")]
    pub watched: Watched,
}

/// Training samples whose outputs bound a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Watched {
    /// All of them.
    All,
    /// Those that pull, before the step or after it.
    Pulling,
}

impl Watched {
    /// Not written into identities: they are older than the choice.
    fn all(&self) -> bool {
        *self == Watched::All
    }
}

/// Arithmetic of a gradient flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32-bit.
    F32,
    /// 64-bit.
    F64,
}

/// What is measured of gradient flows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FlowObserve {
    /// Shares of fitted samples at which the stage variables are kept, ascending, from 0 (the start) to 1 (the end).
    pub stages: Vec<f64>,
    /// Those of `stages` at which the tangent kernel is measured, ascending.
    pub kernel: Vec<f64>,
    /// Training samples whose Gram matrix's spectrum is taken.
    pub kernel_points: usize,
    /// Test samples of the machine on the frozen kernel; 0: no machine.
    pub kernel_test: usize,
    /// Eigenvalues and projections kept.
    pub components: usize,
}

impl FlowObserve {
    /// Training points of the tangent kernel, of `samples` training samples; 0 where it is not measured.
    pub fn points(&self, samples: usize) -> usize {
        if self.kernel.is_empty() { 0 } else { self.kernel_points.min(samples) }
    }
}
