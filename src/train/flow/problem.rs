//! What a gradient flow needs besides the problem that every optimiser has.

use crate::observables::FlowSetup;
use crate::sweep::{FlowObserve, MeanField};

/// Components whose kernel-PCA coordinates are kept.
pub(super) const COORDINATES: usize = 2;

/// What a flow needs besides the problem that every optimiser has.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowProblem {
    /// Mean-field parametrisation; `None`: the standard one.
    pub mean_field: Option<MeanField>,
    /// β of the soft hinge.
    pub hinge_beta: Option<f64>,
    /// The first of the inputs, in this number, are the informative ones; `None` where that is not known.
    pub parallel: Option<usize>,
    /// What is measured.
    pub observe: FlowObserve,
}

impl FlowProblem {
    /// What is measured, of a block of `samples` training samples.
    pub fn setup(&self, samples: usize) -> FlowSetup<'_> {
        let observe = &self.observe;
        FlowSetup {
            stages: &observe.stages,
            components: observe.components,
            kernel_points: observe.points(samples),
            machine: observe.kernel_test > 0,
            kernel_flow: observe.kernel_flow > 0,
            parts: observe.kernel_parts,
            compressed: observe.kernel_compressed.is_some(),
            information: observe.kernel_information > 0,
            losses: &observe.kernel_losses,
            informative: self.parallel.is_some(),
            neurons: observe.neurons,
            profile: observe.profile,
        }
    }
}
