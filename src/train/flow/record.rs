//! What is recorded of a flow besides losses and errors: one table of quantities, each an array over epochs or stages.
//!
//! Invariant: an array has the length that the problem gives it, NaN where nothing was measured; a quantity that is not
//! measured at all has an empty one.

use crate::sweep::{FlowObserve, MeanField};
use crate::train::Problem;

/// Shares of a distribution at which its quantiles are kept.
pub const QUANTILES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// Components whose kernel-PCA coordinates are kept.
pub(super) const COORDINATES: usize = 2;

/// What a flow needs besides the problem that every optimiser has.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowProblem {
    /// Mean-field parametrisation; `None`: the standard one.
    pub mean_field: Option<MeanField>,
    /// β of the soft hinge.
    pub hinge_beta: Option<f64>,
    /// The first so many inputs are the informative ones; `None` where that is not known.
    pub parallel: Option<usize>,
    /// What is measured.
    pub observe: FlowObserve,
}

/// What a quantity is an array of, for each cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Cell,
    Epoch,
    EpochQuantile,
    Stage,
    StageComponent,
    Kernel,
    KernelComponent,
    KernelCoordinate,
    KernelPoint,
    Machine,
    Compression,
    StageCompression,
}

macro_rules! quantities {
    ($($(#[$doc:meta])* $name:ident = $text:literal over $over:ident,)*) => {
        /// A quantity recorded of a flow. Its name is that of its variable in the store, where its meaning is told.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Quantity {
            $($(#[$doc])* $name,)*
        }

        impl Quantity {
            /// All of them, in the order in which they are stored.
            pub const ALL: &[Quantity] = &[$(Quantity::$name,)*];

            /// Name of its variable.
            pub const fn name(self) -> &'static str {
                match self { $(Quantity::$name => $text,)* }
            }

            const fn over(self) -> Over {
                match self { $(Quantity::$name => Over::$over,)* }
            }
        }
    };
}

quantities! {
    /// Time.
    FlowTime = "flow_time" over Epoch,
    /// Share that does not fit.
    Unfitted = "unfitted" over Epoch,
    /// λ.
    Compression = "compression" over Compression,
    /// Distance from the start.
    DistanceFromStart = "distance_from_start" over Epoch,
    /// Margins.
    Margin = "margin" over EpochQuantile,
    /// Norms of neurons.
    NeuronNorm = "neuron_norm" over EpochQuantile,
    /// Why it ended.
    FlowStop = "flow_stop" over Cell,
    /// Steps in vain.
    RejectedSteps = "rejected_steps" over Cell,
    /// Intrinsic dimension of the inputs.
    InputDimension = "input_dimension" over Cell,
    /// Steps.
    StageEpoch = "stage_epoch" over Stage,
    /// Time.
    StageTime = "stage_time" over Stage,
    /// Share that does not fit.
    StageUnfitted = "stage_unfitted" over Stage,
    /// Training error.
    StageTrainError = "stage_train_error" over Stage,
    /// Test error.
    StageTestError = "stage_test_error" over Stage,
    /// λ.
    StageCompression = "stage_compression" over StageCompression,
    /// Covariance of the first layer's weights.
    WeightSpectrum = "weight_spectrum" over StageComponent,
    /// Intrinsic dimension of the last hidden layer.
    HiddenDimension = "hidden_dimension" over Stage,
    /// Eigenvalues.
    KernelEigenvalue = "kernel_eigenvalue" over KernelComponent,
    /// Projections of the labels.
    KernelProjection = "kernel_projection" over KernelComponent,
    /// Kernel PCA.
    KernelCoordinate = "kernel_coordinate" over KernelCoordinate,
    /// Labels of its points.
    KernelLabel = "kernel_label" over KernelPoint,
    /// Alignment.
    KernelAlignment = "kernel_alignment" over Kernel,
    /// Norm.
    KernelNorm = "kernel_norm" over Kernel,
    /// Change.
    KernelChange = "kernel_change" over Kernel,
    /// Error of the machine on the frozen kernel.
    KernelTestError = "kernel_test_error" over Machine,
    /// Error of the network on the same points.
    NetworkTestError = "network_test_error" over Machine,
    /// How far the machine is from its optimum.
    KernelViolation = "kernel_violation" over Machine,
}

/// The arrays, in the order of [`Quantity::ALL`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FlowRecord {
    pub(crate) arrays: Vec<Vec<f64>>,
}

impl FlowRecord {
    /// A record with nothing measured yet.
    pub fn empty(problem: &Problem, flow: &FlowProblem) -> FlowRecord {
        let size = |quantity: &Quantity| vec![f64::NAN; length(*quantity, problem, flow)];
        FlowRecord { arrays: Quantity::ALL.iter().map(size).collect() }
    }

    /// A quantity's array; empty if it is not measured.
    pub fn get(&self, quantity: Quantity) -> &[f64] {
        self.arrays.get(quantity as usize).map_or(&[], Vec::as_slice)
    }

    /// Sets values from a place on; a quantity that is not measured takes none.
    pub(super) fn set(&mut self, quantity: Quantity, from: usize, values: &[f64]) {
        if let Some(array) = self.arrays.get_mut(quantity as usize) {
            array.iter_mut().skip(from).zip(values).for_each(|(place, &value)| *place = value);
        }
    }
}

/// Training points of the kernel.
pub fn kernel_points(problem: &Problem, flow: &FlowProblem) -> usize {
    if flow.observe.kernel.is_empty() { 0 } else { flow.observe.kernel_points.min(problem.train().len()) }
}

fn length(quantity: Quantity, problem: &Problem, flow: &FlowProblem) -> usize {
    let (epochs, stages, components) = (problem.recorded.len(), flow.observe.stages.len(), flow.observe.components);
    let points = kernel_points(problem, flow);
    let when = |measured: bool, length: usize| if measured { length } else { 0 };
    match quantity.over() {
        Over::Cell => 1,
        Over::Epoch => epochs,
        Over::EpochQuantile => epochs * QUANTILES.len(),
        Over::Stage => stages,
        Over::StageComponent => stages * components,
        Over::Compression => when(flow.parallel.is_some(), epochs),
        Over::StageCompression => when(flow.parallel.is_some(), stages),
        Over::Kernel => when(points > 0, stages),
        Over::KernelComponent => when(points > 0, stages * components),
        Over::KernelCoordinate => stages * components * points,
        Over::KernelPoint => points,
        Over::Machine => when(points > 0 && flow.observe.kernel_test > 0, stages),
    }
}
