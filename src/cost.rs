//! What a cohort costs: floating-point operations, bytes, and, by measured rates, time.
//!
//! Counts are of the arithmetic that the definition of the work needs (one forward and one backward pass per epoch and
//! sample, one forward pass per test sample, and what is measured on copies of the weights), not of what an engine
//! happens to do; an engine that skips zero inputs shows as a higher rate. Times follow from rates that earlier cohorts on this host measured.

mod rates;

pub use rates::{Rate, Rates};

use crate::observables::{FlowSetup, Scheduled, Setup, Sizes, Times, layout, layout_on_weights};
use crate::plan::{Plan, Variant};
use crate::sweep::{Architecture, Batch, OptimiserKind, Precision, Sweep};
use phasesweep_networks::{Graph, Node, Op, Ports};

/// Sizes of a data source, as far as costs depend on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataShape {
    /// Inputs of a sample.
    pub features: usize,
    /// `[channels, height, width]` for images.
    pub image: Option<[usize; 3]>,
    /// Classes under the sweep's labels.
    pub classes: usize,
    /// Test samples.
    pub test: usize,
}

impl DataShape {
    /// The graph of a network on such data. One that cannot be built on them costs nothing: it is refused before
    /// anything is trained.
    pub fn graph(&self, architecture: &Architecture) -> Graph {
        let ports = Ports { inputs: self.features, image: self.image, classes: self.classes };
        architecture.kind.graph(ports, architecture.activation).unwrap_or_default()
    }
}

/// Values of a sample at which there is elementwise work: those of all layers with parameters, each with what follows it, of
/// sums of branches, of multiplications by constants, and of activations of anything else.
fn units(graph: &Graph) -> f64 {
    let counts = |node: &Node| match node.op {
        Op::Add | Op::Scale(_) => true,
        Op::Activation(_) => node.inputs.iter().any(|&from| graph.nodes()[from].layer.is_none()),
        _ => node.layer.is_some(),
    };
    graph.nodes().iter().filter(|node| counts(node)).map(|node| node.extent.size() as f64).sum()
}

/// Cost of one replica, and what its cohort costs besides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplicaCost {
    /// Floating-point operations of the whole run (a multiply and an add are two).
    pub flops: f64,
    /// Trainable numbers.
    pub parameters: u64,
    /// Bytes of one replica while it trains: its state in as many copies as there are at once, and what an engine holds.
    pub bytes: u64,
    /// Bytes of what a cohort's replicas share: the block and the test sets.
    pub shared_bytes: u64,
}

/// Samples whose activations an engine holds at once for one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activations {
    /// A tile that stays in cache: the CPU kernel.
    Tile,
    /// Those of a step: the CPU kernel with batch normalisation, which takes their moments.
    Step,
    /// All training and test samples: tensor engines.
    All,
}

/// Values and gradients that an engine keeps of each hidden unit and sample, where it holds many of these at once.
const TENSORS_PER_UNIT: u64 = 4;
/// States of a replica in memory at most: the loop's, the engine's, and the one that is handed over or saved.
const STATES: u64 = 3;
/// Bytes that the CPU kernel keeps of each test sample: its verdict, and the lead by which it holds.
const BYTES_PER_VERDICT: u64 = 5;
/// Single-precision vectors of parameters in a gradient flow's state.
const FLOW_VECTORS: u64 = 5;
/// Operations of an activation, its derivative, and a unit's part in the observables.
const FLOPS_PER_UNIT: f64 = 30.0;

/// Cost of one replica of a variant.
pub fn replica_cost(plan: &Plan, variant: &Variant, data: &DataShape, activations: Activations) -> ReplicaCost {
    let sweep = plan.sweep();
    let samples = sweep.subsamples[variant.subsample].size() as f64;
    let tests = (data.test * (1 + sweep.observe.noise.len())) as f64;
    let epochs = sweep.train.epochs as f64;
    let graph = data.graph(&sweep.architectures[variant.architecture]);
    let products = |nodes: &mut dyn Iterator<Item = &Node>| nodes.map(|node| 2.0 * node.products() as f64).sum::<f64>();
    let forward = products(&mut graph.layers().map(|(node, _)| node));
    let behind_first = products(&mut graph.layers().map(|(node, _)| node).filter(|node| !graph.reads_samples(node)));
    let units = units(&graph);
    let passes = match sweep.train.batch {
        Batch::Full => 1.0,
        // Weights move within an epoch: what is recorded needs a pass of its own.
        Batch::Mini { .. } => 2.0,
    };
    let recorded = sweep.observe.epochs.epochs(sweep.train.epochs).len() as f64;
    let optimiser = &sweep.optimisers[variant.optimiser];
    // A step of SAM takes a gradient more: once forward and back.
    let further = (optimiser.recipe.gradients_per_step() - 1) as f64;
    let gradients = further * (2.0 * forward + behind_first + FLOPS_PER_UNIT * units);
    let per_epoch = samples * (forward * passes + forward + behind_first + FLOPS_PER_UNIT * units + gradients);
    let products: Vec<f64> = graph.layers().map(|(node, _)| node.products() as f64).collect();
    let parameters = graph.parameters() as u64;
    let sizes = Sizes {
        products: &products,
        hidden: graph.hidden().len(),
        parameters: parameters as f64,
        samples: samples as usize,
        tests: data.test,
        classes: data.classes,
    };
    let probed = sweep.observe.probes.flops(sweep.train.epochs, &sizes);
    // With full batches the training pass measures as well, but for batch normalisation, which is another function then.
    let apart = matches!(sweep.train.batch, Batch::Full) && graph.averaged() > 0;
    let measured = if apart { recorded * samples * (forward + FLOPS_PER_UNIT * units / 2.0) } else { 0.0 };
    let flops = epochs * per_epoch + measured + recorded * tests * (forward + FLOPS_PER_UNIT * units / 2.0) + probed;

    let moments = match optimiser.kind {
        OptimiserKind::GradientFlow => FLOW_VECTORS,
        _ => optimiser.moments().map(u64::from).iter().sum(),
    };
    let averaged = graph.averaged() as u64;
    let state =
        4 * (parameters * (1 + moments) + averaged) + record_bytes(sweep, variant, data, samples as usize, &graph);
    let dense = graph.layers().all(|(node, _)| node.op == Op::Dense);
    let held = match activations {
        // Weights and gradients lie side by side for the few replicas under way only.
        Activations::Tile if dense && matches!(sweep.train.batch, Batch::Full) => tests as u64 * BYTES_PER_VERDICT,
        Activations::Tile => 0,
        Activations::Step => {
            let step = match sweep.train.batch {
                Batch::Full => samples,
                Batch::Mini { size } => samples.min(size as f64),
            };
            (step * units * 4.0) as u64 * TENSORS_PER_UNIT
        }
        Activations::All => {
            // Of a gradient flow in double precision every number takes twice as much.
            let doubles = optimiser.flow.is_some_and(|numbers| numbers.precision == Precision::F64);
            // Weights, gradients and moments; of SAM the weights uphill and a second gradient.
            let single = 4 * parameters * (2 * optimiser.recipe.gradients_per_step() as u64 + moments)
                + ((samples + tests) * units * 4.0) as u64 * TENSORS_PER_UNIT;
            single * if doubles { 2 } else { 1 }
        }
    };
    ReplicaCost {
        flops,
        parameters,
        bytes: STATES * state + held,
        shared_bytes: ((samples + tests) * data.features as f64 * 4.0) as u64 + gram_bytes(sweep, samples, units),
    }
}

/// Cost of measuring one replica of a variant after the run, on the weights that it kept: what `scheduled` asks for. Bytes
/// are those of the weights, the initial weights and the record; an observable may hold more while it is at work.
pub fn measurement_cost(plan: &Plan, variant: &Variant, data: &DataShape, scheduled: &Scheduled) -> ReplicaCost {
    let sweep = plan.sweep();
    let samples = sweep.subsamples[variant.subsample].size();
    let graph = data.graph(&sweep.architectures[variant.architecture]);
    let products: Vec<f64> = graph.layers().map(|(node, _)| node.products() as f64).collect();
    let parameters = graph.parameters() as u64;
    let (tests, classes) = (data.test, data.classes);
    let hidden = graph.hidden().len();
    let sizes = Sizes { products: &products, hidden, parameters: parameters as f64, samples, tests, classes };
    let setup = Setup {
        epochs: sweep.train.epochs,
        classes: data.classes,
        samples,
        layers: graph.layers().count(),
        hidden: sweep.architectures[variant.architecture].kind.depth(),
        pre_activations: graph.pre_activations().len(),
        parameters: graph.parameters(),
        observed: &[],
        recorded: &[],
        manifold: &[],
        snapshots: &[],
        noise: &[],
        steps: false,
        flow: None,
    };
    ReplicaCost {
        flops: scheduled.flops(sweep.train.epochs, &sizes),
        parameters,
        bytes: 2 * 4 * parameters + STATES * layout_on_weights(&setup, scheduled).bytes(),
        shared_bytes: ((samples + data.test) * data.features * 4) as u64,
    }
}

/// Bytes of the weights that one cell of a variant keeps, about, and at how many epochs, or stages of a gradient flow.
pub fn kept_weights(plan: &Plan, variant: usize, data: &DataShape) -> (u64, usize) {
    let sweep = plan.sweep();
    let of = plan.variants()[variant];
    let architecture = &sweep.architectures[of.architecture];
    let (numbers, times) = match &sweep.observe.flow {
        // In double precision, of a network of one output.
        Some(flow) => {
            (8 * DataShape { classes: 1, ..*data }.graph(architecture).parameters() as u64, flow.weights_at.len())
        }
        None => {
            let epochs = sweep.observe.probes.weights.as_ref().map_or(0, |at| at.moments(sweep.train.epochs).len());
            let graph = data.graph(architecture);
            // A batch normalisation has a number of eight bytes besides its running averages.
            let numbers = graph.parameters() + graph.averaged() + 2 * graph.averages().count();
            (4 * numbers as u64, epochs)
        }
    };
    let file = weights_file_bytes(numbers, data.features, plan.specification(variant).len());
    (file * times as u64, times)
}

/// Bytes of a file of kept weights, about: those of its numbers, and a header that lists the block's inputs and holds the
/// specification.
fn weights_file_bytes(numbers: u64, inputs: usize, specification: usize) -> u64 {
    // Names and shapes of the tensors, the digest and the like: about a thousand bytes. An input's number takes up to five.
    numbers + 1000 + (4 * inputs + specification) as u64
}

/// Bytes of what is recorded of one replica.
fn record_bytes(sweep: &Sweep, variant: &Variant, data: &DataShape, samples: usize, graph: &Graph) -> u64 {
    let (observe, epochs) = (&sweep.observe, sweep.train.epochs);
    let misclassified = observe.misclassified.as_ref();
    let times =
        Times::of(&observe.epochs, observe.manifold_every, misclassified, &observe.probes.epochs(epochs), epochs);
    let flow = observe.flow.as_ref().filter(|_| sweep.optimisers[variant.optimiser].flow.is_some());
    let setup = Setup {
        epochs,
        classes: data.classes,
        samples,
        layers: graph.layers().count(),
        hidden: sweep.architectures[variant.architecture].kind.depth(),
        pre_activations: graph.pre_activations().len(),
        parameters: graph.parameters(),
        observed: &sweep.architectures[variant.architecture].observe,
        recorded: &times.recorded,
        manifold: &times.manifold,
        snapshots: &times.snapshots,
        noise: &observe.noise,
        steps: !observe.probes.is_empty(),
        flow: flow.map(|flow| FlowSetup {
            stages: &flow.stages,
            components: flow.components,
            kernel_points: flow.points(samples),
            machine: flow.kernel_test > 0,
            kernel_flow: flow.kernel_flow > 0,
            parts: flow.kernel_parts,
            compressed: flow.kernel_compressed.is_some(),
            information: flow.kernel_information > 0,
            losses: &flow.kernel_losses,
            informative: true,
            neurons: flow.neurons,
            profile: flow.profile,
        }),
    };
    layout(&setup, &observe.probes).bytes()
}

/// Bytes that measuring the tangent kernel of one replica takes: Gram matrices of all training samples with themselves
/// and with the test samples, three at a time (the flow on the frozen kernel has two more, of the samples near their
/// margins), and every layer's signals. 0 where it is not measured.
fn gram_bytes(sweep: &Sweep, samples: f64, units: f64) -> u64 {
    let Some(observe) = sweep.observe.flow.as_ref().filter(|observe| observe.measures_kernels()) else { return 0 };
    let tests = observe.kernel_test as f64;
    let machine = if observe.kernel_test > 0 { samples * samples.max(tests) } else { 0.0 };
    let spectrum = (observe.kernel_points as f64).min(samples).powi(2);
    let grams = if observe.kernel_flow > 0 { 5.0 } else { 3.0 };
    (8.0 * (grams * machine.max(spectrum) + 2.0 * (samples + tests) * units)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::parse;

    #[test]
    fn what_a_step_holds_goes_by_its_samples() {
        let bytes = |batch: &str, activations: Activations| {
            let text = format!(
                "[sweep]\nname = \"cost\"\nseeds = 1\n[[data]]\nsource = \"digits\"\n[[subsample]]\nsize = 100\n\
                 [[architecture]]\nkind = \"layers\"\nlayers = [{{ dense = 20 }}, {{ normalise = \"batch\" }}, \"relu\", \
                 {{ dense = \"classes\" }}]\n[[optimiser]]\nkind = \"sgd\"\nlr = 0.1\n\
                 [train]\nepochs = 7\nbatch = {batch}\n[observe]\nmanifold = false\n"
            );
            let sweep = parse(&text, "cost.toml", &[]).unwrap_or_else(|errors| panic!("{errors}"));
            let plan = Plan::new(sweep, &["d".to_owned()]);
            let shape = DataShape { features: 64, image: None, classes: 10, test: 1000 };
            replica_cost(&plan, &plan.variants()[0], &shape, activations).bytes
        };
        // Sums of 20 units, their normalised values, and ten outputs.
        for (batch, samples) in [("\"full\"", 100), ("10", 10), ("100", 100)] {
            let held = bytes(batch, Activations::Step) - bytes("10", Activations::Tile);
            assert_eq!(held, 4 * TENSORS_PER_UNIT * samples * 50, "{batch}");
        }
    }

    #[test]
    fn a_step_of_sam_goes_through_the_network_once_more_and_back() {
        let cost = |batch: &str, radius: &str| {
            let text = format!(
                "[sweep]\nname = \"cost\"\nseeds = 1\n[[data]]\nsource = \"digits\"\n[[subsample]]\nsize = 100\n\
                 [[architecture]]\nkind = \"mlp\"\nhidden = [20]\n[[optimiser]]\nkind = \"sgd\"\nlr = 0.1\n{radius}\n\
                 [train]\nepochs = 7\nbatch = {batch}\n[observe]\nrecord = {{ every = 7 }}\nmanifold = false\n"
            );
            let sweep = parse(&text, "cost.toml", &[]).unwrap_or_else(|errors| panic!("{errors}"));
            let plan = Plan::new(sweep, &["d".to_owned()]);
            let shape = DataShape { features: 64, image: None, classes: 10, test: 0 };
            replica_cost(&plan, &plan.variants()[0], &shape, Activations::Tile)
        };
        for batch in ["\"full\"", "10"] {
            let (plain, sam) = (cost(batch, ""), cost(batch, "sam_radius = 0.1"));
            // Products of a sample forward; back those of the weights' gradients, and of the second layer's inputs.
            let (forward, back) = (2.0 * (64.0 * 20.0 + 20.0 * 10.0), 2.0 * (64.0 * 20.0 + 2.0 * 20.0 * 10.0));
            let further = 7.0 * 100.0 * (forward + back + FLOPS_PER_UNIT * 30.0);
            // Sums of whole numbers in double precision.
            assert_eq!(sam.flops - plain.flops, further);
            assert_eq!((sam.parameters, sam.bytes), (plain.parameters, plain.bytes));
        }
    }
}
