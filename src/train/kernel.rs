//! The CPU kernel as an engine: translates a cohort into the kernel's terms, and what it trained back.
//!
//! Invariant: whatever the kernel cannot train is refused here by name, before it is built; the kernel's own types have no
//! room for it.

use std::sync::Arc;

use phasesweep_kernel as kernel;
use phasesweep_results::variables::MISCLASSIFIED;

use super::{Engine, Problem, Replica, ReplicaState, TrainError};
use crate::device::KernelChoice;
use crate::observables::{Position, Record, Values};
use crate::sweep::{Activation, Batch, Loss};
use crate::train::order::epoch_order;
use phasesweep_networks::{Chain, Graph};

// What the kernel leaves where nothing was measured is what the results file says of it.
const _: () = assert!(kernel::UNMEASURED_BYTE == phasesweep_results::MISSING_BYTE);

/// The CPU kernel for one cohort.
pub struct KernelEngine {
    kernel: kernel::Kernel,
    /// What else is recorded of each replica: not the kernel's, handed back as it came.
    rest: Vec<Record>,
}

impl KernelEngine {
    /// Whether the kernel can train the problem.
    ///
    /// # Errors
    /// The reason why it cannot, as half a sentence for the log.
    pub fn supports(problem: &Problem) -> Result<(), String> {
        translate(problem).map(|_| ())
    }

    /// Takes over a cohort, to be trained by up to `threads` threads; `choice` says with which
    /// products.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the problem is not supported, or a state does not fit it.
    pub fn new(
        problem: &Problem,
        replicas: &[Replica],
        states: Vec<ReplicaState>,
        threads: usize,
        choice: KernelChoice,
    ) -> Result<KernelEngine, TrainError> {
        let problem = translate(problem).map_err(TrainError::Device)?;
        let replicas = replicas.iter().map(replica).collect();
        let (states, rest) = states.into_iter().map(into_kernel).unzip();
        let build = match choice {
            KernelChoice::Auto | KernelChoice::Burn => kernel::Kernel::new,
            KernelChoice::Dense => kernel::Kernel::dense,
            KernelChoice::Unfused => kernel::Kernel::unfused,
        };
        let kernel = build(problem, replicas, states, threads);
        let kernel = kernel.map_err(|misfit| TrainError::Device(misfit.to_string()))?;
        Ok(KernelEngine { kernel, rest })
    }
}

impl Engine for KernelEngine {
    fn advance_to(&mut self, until: Position) -> Result<(), TrainError> {
        self.kernel.advance_to(kernel::Position { epoch: until.epoch, step: until.step });
        Ok(())
    }

    fn states(&mut self) -> Result<Vec<ReplicaState>, TrainError> {
        Ok(self.kernel.states().iter().zip(&self.rest).map(|(state, rest)| from_kernel(state, rest)).collect())
    }

    fn describe(&self) -> String {
        self.kernel.describe()
    }
}

/// A network as the kernel trains it; `activation` is that of a chain that says none.
///
/// # Errors
/// What of it the kernel does not train, as half a sentence for the log.
pub fn network(graph: &Graph, activation: Activation) -> Result<kernel::Network, String> {
    match graph.as_chain() {
        Some(Chain { layers, activation: own }) => {
            Ok(kernel::Network::Chain { layers, activation: own.unwrap_or(activation) })
        }
        None => match kernel::Walk::of(graph) {
            Ok(walk) => Ok(kernel::Network::Graph(Arc::new(walk))),
            Err(what) => Err(format!("the CPU kernel does not train {what}")),
        },
    }
}

/// The problem in the kernel's terms.
fn translate(problem: &Problem) -> Result<kernel::Problem, String> {
    if problem.flow.is_some() {
        return Err("gradient flows have an engine of their own".to_owned());
    }
    let graph = problem.graph().map_err(|misfit| misfit.to_string())?;
    if problem.block.inputs() == 0 || graph.nodes().iter().any(|node| node.extent.size() == 0) {
        return Err("a layer has no units".to_owned());
    }
    let network =
        network(&graph, problem.activation).map_err(|reason| format!("{}: {reason}", problem.architecture.label()))?;
    Ok(kernel::Problem {
        block: problem.block.clone(),
        noisy: problem.noisy.clone(),
        network,
        observed: problem.layers.clone(),
        loss: match problem.loss {
            Loss::CrossEntropy => kernel::Loss::CrossEntropy,
            Loss::SmoothedCrossEntropy { smoothing } => kernel::Loss::SmoothedCrossEntropy { smoothing },
            Loss::MeanSquared => kernel::Loss::MeanSquared,
            Loss::Hinge | Loss::SoftHinge | Loss::QuadraticHinge => {
                return Err("losses of the margin are for gradient flows alone".to_owned());
            }
        },
        rule: problem.optimiser.rule().ok_or("gradient flows have an engine of their own")?,
        batch: match problem.batch {
            Batch::Full => kernel::Batch::Full,
            Batch::Mini { size } => kernel::Batch::Mini { size },
        },
        order: epoch_order,
        epochs: problem.epochs,
        recorded: problem.recorded.clone(),
        manifold: problem.manifold.clone(),
        snapshots: problem.snapshots.clone(),
    })
}

fn replica(replica: &Replica) -> kernel::Replica {
    let Replica { seed, optimiser, init_scale: _, kept } = replica;
    kernel::Replica { seed: *seed, rates: optimiser.rates(), recipe: optimiser.recipe.clone(), kept: kept.clone() }
}

/// A state in the kernel's terms, and the record without what the kernel writes.
fn into_kernel(state: ReplicaState) -> (kernel::State, Record) {
    let ReplicaState { epoch, step, parameters, first_moment, second_moment, averages, diverged, mut record, flow: _ } =
        state;
    let mut curves = kernel::Curves::default();
    for (name, values) in curves.floats_mut() {
        *values = record.take_floats(name);
    }
    curves.misclassified = record.take_bytes(MISCLASSIFIED.name);
    (kernel::State { epoch, step, parameters, first_moment, second_moment, averages, diverged, record: curves }, record)
}

fn from_kernel(state: &kernel::State, rest: &Record) -> ReplicaState {
    let kernel::State { epoch, step, parameters, first_moment, second_moment, averages, diverged, record: mut curves } =
        state.clone();
    let mut record = rest.clone();
    for (name, values) in curves.floats_mut() {
        record.put(name, Values::F32(std::mem::take(values)));
    }
    record.put(MISCLASSIFIED.name, Values::U8(curves.misclassified));
    ReplicaState { epoch, step, parameters, first_moment, second_moment, averages, diverged, record, flow: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Block, Samples};
    use crate::sweep::{ArchitectureKind, OptimiserKind, Rule};
    use phasesweep_networks::{Cnn, Count, Element, Layers, Mlp, Normalisation, ResidualMlp, Word};

    fn problem(architecture: ArchitectureKind, image: Option<[usize; 3]>) -> Problem {
        let samples = Samples { x: vec![0.5; 2 * 16], y: vec![0, 1] };
        Problem {
            block: Arc::new(Block {
                features: 16,
                live: (0..16).collect(),
                image,
                classes: 2,
                train: samples.clone(),
                test: samples,
                source_index: vec![0, 1],
            }),
            noisy: Arc::default(),
            architecture,
            activation: Activation::Tanh,
            layers: vec![1],
            loss: Loss::CrossEntropy,
            optimiser: OptimiserKind::Rule(Rule::Sgd),
            batch: Batch::Full,
            epochs: 1,
            recorded: vec![0, 1],
            manifold: vec![0, 1],
            snapshots: vec![],
            noise: vec![],
            scheduled: Default::default(),
            flow: None,
        }
    }

    #[test]
    fn every_curve_of_the_kernel_is_a_variable() {
        for (name, _) in kernel::Curves::default().floats_mut() {
            let variable = crate::observables::variable(name).expect(name);
            assert_eq!(variable.dtype, phasesweep_results::Dtype::F32, "{name}");
        }
    }

    #[test]
    fn what_the_kernel_cannot_train_is_refused_by_name() {
        let mlp = |hidden: usize| ArchitectureKind::Mlp(Mlp { hidden: vec![hidden] });
        let cnn = ArchitectureKind::Cnn(Cnn { channels: vec![3], kernel: 3, pool: 2, hidden: vec![] });
        let residual = ArchitectureKind::ResidualMlp(ResidualMlp { width: 4, blocks: 1 });
        let of = |layers: Vec<Element>| ArchitectureKind::Layers(Layers { layers });
        let dense = |dense: Count| Element::Dense { dense, bias: true };
        let normalise = Element::Normalise { normalise: Normalisation::Batch };
        let relu = Element::Word(Word::Apply(Activation::Relu));
        let normalised = of(vec![dense(Count::Of(5)), normalise, relu, dense(Count::Classes)]);
        let conv = Element::Convolution { conv: Count::Of(6), kernel: 1, stride: 1, padding: 0, groups: 2, bias: true };
        let grouped = of(vec![conv, dense(Count::Classes)]);
        let good = problem(mlp(5), None);
        assert_eq!(KernelEngine::supports(&good), Ok(()));
        assert_eq!(KernelEngine::supports(&problem(cnn.clone(), Some([1, 4, 4]))), Ok(()));
        assert_eq!(KernelEngine::supports(&problem(residual, None)), Ok(()));
        assert_eq!(KernelEngine::supports(&problem(normalised, None)), Ok(()));
        assert_eq!(KernelEngine::supports(&problem(grouped, Some([4, 2, 2]))), Ok(()));
        for activation in Activation::ALL {
            assert_eq!(KernelEngine::supports(&Problem { activation, ..good.clone() }), Ok(()));
        }
        let refused = [
            (problem(cnn, None), "no images"),
            (problem(mlp(0), None), "no units"),
            (Problem { loss: Loss::Hinge, ..good.clone() }, "margin"),
            (Problem { optimiser: OptimiserKind::GradientFlow, ..good }, "flows"),
        ];
        for (problem, word) in refused {
            let reason = KernelEngine::supports(&problem).expect_err(word);
            assert!(reason.contains(word), "{reason} should name {word}");
        }
    }
}
