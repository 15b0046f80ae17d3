//! A graph as the kernel walks it: which values share a buffer, and where gradients go.
//!
//! An elementwise step works in place where nobody else wants what it overwrites; a value that is a hidden layer, or from
//! which a derivative follows, is never overwritten. Gradients of a buffer are written by the last step that reads it and
//! added to by the others.
//!
//! Invariants: steps are in the order of the graph's nodes; every graph that a [`Walk`] is made of can be trained.

use phasesweep_networks as networks;
use phasesweep_networks::{Extent, Graph, Normalisation, Pooling};

use phasesweep_networks::Activation;

use crate::elementwise::keeps_slope;

/// A graph that the kernel can train.
#[derive(Debug, Clone, PartialEq)]
pub struct Walk {
    pub(crate) steps: Vec<Step>,
    /// Numbers of a sample and replica in each buffer.
    pub(crate) slots: Vec<usize>,
    /// The layers with parameters, in the order of the nodes; of a convolution in groups one for each group.
    pub(crate) layers: Vec<LayerForm>,
    /// The buffer of each hidden layer.
    pub(crate) hidden: Vec<usize>,
    /// The buffer of the outputs.
    pub(crate) output: usize,
    /// Whether dense layers alone read the samples, which replicas then share. Otherwise samples are laid side by side for
    /// all replicas.
    pub(crate) shared: bool,
}

/// What is done for one node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) kind: Kind,
    /// The buffer of its value.
    pub(crate) slot: usize,
    /// What it reads.
    pub(crate) inputs: Vec<Edge>,
    /// Its layer with parameters, or the first of those of its groups.
    pub(crate) layer: Option<usize>,
    /// Whether gradients go through it.
    pub(crate) back: bool,
}

/// A value that a step reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) slot: usize,
    /// Whether the step works in this buffer.
    pub(crate) in_place: bool,
    /// Whether a gradient is carried back to it.
    pub(crate) carried: bool,
    /// Whether that gradient is added to one that is there.
    pub(crate) onto: bool,
}

/// What a step computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Lays the samples side by side.
    Input {
        channels: usize,
    },
    /// A dense layer of the samples that replicas share.
    First,
    /// A dense layer.
    Dense,
    /// A convolution in groups of channels, each with a layer of its own: those that follow the step's. The geometry is that of
    /// a group.
    Convolution {
        geometry: Geometry,
        groups: usize,
    },
    /// A convolution of each channel by itself.
    Depthwise(Geometry),
    Activation(Activation),
    MaxPool(Geometry),
    MeanPool(Geometry),
    /// Layer normalisation; `channels` have a factor and an offset each.
    Normalise {
        channels: usize,
    },
    /// Batch normalisation; the same.
    NormaliseBatch {
        channels: usize,
    },
    Scale(f32),
    /// An image of `channels` and so many places as a vector, channel by channel.
    Flatten {
        channels: usize,
        places: usize,
    },
    /// A vector that stays as it is.
    Pass,
    Add,
}

/// Windows over an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Channels of the image.
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Height and width of the image.
    pub(crate) image: [usize; 2],
    /// Windows down and across.
    pub(crate) places: [usize; 2],
    /// Height and width of a window.
    pub(crate) window: [usize; 2],
    /// Places from a window to the next, down and across.
    pub(crate) stride: [usize; 2],
    /// Zeros around the image.
    pub(crate) padding: usize,
}

/// The shape of a layer's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LayerForm {
    /// Numbers that an output sums over.
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) bias: bool,
    /// Where its weights and its biases begin among a replica's parameters.
    pub(crate) start: [usize; 2],
    pub(crate) rows: RowOrder,
    /// Whether gradients are carried on by the transposed weights.
    pub(crate) back: bool,
    /// Whether it has running averages, a mean and a variance for each output.
    pub(crate) averaged: bool,
}

impl LayerForm {
    /// Number of weights and biases.
    pub(crate) fn parameters(&self) -> usize {
        self.inputs * self.outputs + if self.bias { self.outputs } else { 0 }
    }
}

/// How the rows of a layer's weights lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowOrder {
    /// As the replica's state counts them.
    Own,
    /// As the prepared samples do.
    Samples,
    /// As images are unfolded: `[column of the kernel, line of the kernel, channel]`.
    Unfolded {
        /// Side of the kernel.
        kernel: usize,
        /// Channels of the image.
        channels: usize,
    },
    /// As the state counts them, and met elementwise: the layer multiplies, it does not sum over channels.
    Elementwise,
}

impl Walk {
    /// The walk over a graph.
    ///
    /// # Errors
    /// What of it the kernel does not train, as half a sentence.
    pub fn of(graph: &Graph) -> Result<Walk, String> {
        Planner::new(graph).plan()
    }

    /// Number of parameters.
    pub(crate) fn parameters(&self) -> usize {
        self.layers.iter().map(LayerForm::parameters).sum()
    }

    /// Number of running averages; 0 without batch normalisation.
    pub(crate) fn averaged(&self) -> usize {
        self.layers.iter().filter(|layer| layer.averaged).map(|layer| 2 * layer.outputs).sum()
    }
}

struct Planner<'a> {
    graph: &'a Graph,
    consumers: Vec<usize>,
    walk: Walk,
    /// The buffer of each node; `None`: samples that replicas share.
    slot: Vec<Option<usize>>,
    /// Whether each buffer's value must stay.
    kept: Vec<bool>,
    /// Whether a parameter lies at a node or beneath it.
    trained: Vec<bool>,
}

impl<'a> Planner<'a> {
    fn new(graph: &'a Graph) -> Planner<'a> {
        let reads = |node: &&networks::Node| graph.reads_samples(node);
        let shared = graph.nodes().iter().filter(reads).all(|node| node.op == networks::Op::Dense);
        let walk =
            Walk { steps: Vec::new(), slots: Vec::new(), layers: Vec::new(), hidden: Vec::new(), output: 0, shared };
        let (slot, kept, trained) = (Vec::new(), Vec::new(), Vec::new());
        Planner { graph, consumers: graph.consumers(), walk, slot, kept, trained }
    }

    fn plan(mut self) -> Result<Walk, String> {
        for place in 0..self.graph.nodes().len() {
            self.step(place);
        }
        let slot = |node: usize| self.slot[node].ok_or("it answers the samples themselves");
        self.walk.hidden = self.graph.hidden().iter().map(|&node| slot(node)).collect::<Result<_, _>>()?;
        self.walk.output = slot(self.graph.nodes().len() - 1)?;
        self.gradients();
        Ok(self.walk)
    }

    fn new_slot(&mut self, extent: Extent) -> usize {
        self.walk.slots.push(extent.size());
        self.kept.push(false);
        self.walk.slots.len() - 1
    }

    /// The buffer of an input that a step may overwrite.
    fn in_place(&self, node: usize) -> Option<usize> {
        let slot = self.slot[node]?;
        (self.consumers[node] == 1 && !self.kept[slot]).then_some(slot)
    }

    fn step(&mut self, place: usize) {
        let graph = self.graph;
        let node = &graph.nodes()[place];
        let below = node.inputs.first().map(|&from| &graph.nodes()[from]);
        let beneath = node.inputs.iter().any(|&from| self.trained[from]);
        self.trained.push(beneath || node.layer.is_some());
        let kind = self.kind(node, below);
        let alone = |planner: &Planner<'_>| planner.in_place(*node.inputs.first()?);
        let (slot, inputs) = match kind {
            Kind::Input { .. } if self.walk.shared => {
                self.slot.push(None);
                return;
            }
            Kind::Input { .. } => (self.new_slot(node.extent), vec![]),
            Kind::First => (self.new_slot(node.extent), vec![]),
            // Nothing changes, so that what is kept may be shared.
            Kind::Pass if self.consumers[node.inputs[0]] == 1 && self.slot[node.inputs[0]].is_some() => {
                let slot = self.slot[node.inputs[0]].unwrap_or_default();
                (slot, vec![self.edge(node.inputs[0], true)])
            }
            Kind::Activation(_) | Kind::Scale(_) | Kind::Normalise { .. } | Kind::NormaliseBatch { .. } => {
                match alone(self) {
                    Some(slot) => (slot, vec![self.edge(node.inputs[0], true)]),
                    None => (self.new_slot(node.extent), vec![self.edge(node.inputs[0], false)]),
                }
            }
            Kind::Add => {
                let (a, b) = (node.inputs[0], node.inputs[1]);
                // What is worked in comes first.
                let [first, second] = if self.in_place(b).is_some() { [b, a] } else { [a, b] };
                match self.in_place(first) {
                    Some(slot) => (slot, vec![self.edge(first, true), self.edge(second, false)]),
                    None => (self.new_slot(node.extent), vec![self.edge(first, false), self.edge(second, false)]),
                }
            }
            _ => (self.new_slot(node.extent), vec![self.edge(node.inputs[0], false)]),
        };
        self.kept[slot] |= graph.hidden().contains(&place);
        self.kept[slot] |= matches!(kind, Kind::Input { .. });
        if let Kind::Activation(activation) = kind {
            self.kept[slot] |= !keeps_slope(activation);
        }
        let layer = node.layer.as_ref().map(|layer| {
            let groups = match kind {
                Kind::Convolution { groups, .. } => groups,
                _ => 1,
            };
            let (outputs, bias) = (layer.outputs() / groups, layer.bias);
            let (inputs, rows) = match kind {
                Kind::First => (layer.fan_in(), RowOrder::Samples),
                Kind::Convolution { geometry, .. } => {
                    let rows = RowOrder::Unfolded { kernel: geometry.window[0], channels: geometry.inputs };
                    (layer.fan_in(), rows)
                }
                Kind::Depthwise(_) | Kind::Normalise { .. } | Kind::NormaliseBatch { .. } => {
                    (layer.fan_in(), RowOrder::Elementwise)
                }
                _ => (layer.fan_in(), RowOrder::Own),
            };
            let back = beneath && matches!(kind, Kind::Dense | Kind::Convolution { .. });
            let averaged = matches!(kind, Kind::NormaliseBatch { .. });
            let first = self.walk.layers.len();
            self.walk.layers.extend((0..groups).map(|group| {
                let start =
                    [layer.weight_range().start + group * outputs * inputs, layer.bias_range().start + group * outputs];
                LayerForm { inputs, outputs, bias, start, rows, back, averaged }
            }));
            first
        });
        self.slot.push(Some(slot));
        self.walk.steps.push(Step { kind, slot, inputs, layer, back: self.trained[place] });
    }

    fn edge(&self, from: usize, in_place: bool) -> Edge {
        Edge { slot: self.slot[from].unwrap_or_default(), in_place, carried: self.trained[from], onto: false }
    }

    fn kind(&self, node: &networks::Node, below: Option<&networks::Node>) -> Kind {
        let image = |node: Option<&networks::Node>| match node.map(|node| node.extent) {
            Some(Extent::Image(image)) => image,
            Some(Extent::Units(units)) => [units, 1, 1],
            None => [0; 3],
        };
        let geometry = |window: [usize; 2], stride: [usize; 2], padding: usize| {
            let ([inputs, height, width], [outputs, down, across]) = (image(below), image(Some(node)));
            Geometry { inputs, outputs, image: [height, width], places: [down, across], window, stride, padding }
        };
        match node.op {
            networks::Op::Input => Kind::Input { channels: image(Some(node))[0] },
            networks::Op::Dense if self.walk.shared && self.graph.reads_samples(node) => Kind::First,
            networks::Op::Dense => Kind::Dense,
            networks::Op::Convolution(window) => {
                let own = geometry([window.kernel; 2], [window.stride; 2], window.padding);
                match window.groups {
                    groups if groups > 1 && groups == own.inputs && own.inputs == own.outputs => Kind::Depthwise(own),
                    groups => {
                        let (inputs, outputs) = (own.inputs / groups, own.outputs / groups);
                        Kind::Convolution { geometry: Geometry { inputs, outputs, ..own }, groups }
                    }
                }
            }
            networks::Op::Activation(activation) => Kind::Activation(activation),
            networks::Op::Pool(pool) => {
                let own = geometry(pool.window, pool.stride, 0);
                match pool.kind {
                    Pooling::Max => Kind::MaxPool(own),
                    Pooling::Mean => Kind::MeanPool(own),
                }
            }
            networks::Op::Normalise(Normalisation::Layer) => Kind::Normalise { channels: image(Some(node))[0] },
            networks::Op::Normalise(Normalisation::Batch) => Kind::NormaliseBatch { channels: image(Some(node))[0] },
            networks::Op::Scale(factor) => Kind::Scale(factor.0 as f32),
            networks::Op::Flatten => {
                let [channels, height, width] = image(below);
                if height * width == 1 { Kind::Pass } else { Kind::Flatten { channels, places: height * width } }
            }
            networks::Op::Add => Kind::Add,
        }
    }

    /// Says of every edge whether its gradient is the first to be written to its buffer.
    fn gradients(&mut self) {
        let mut written = vec![false; self.walk.slots.len()];
        written[self.walk.output] = true;
        for step in self.walk.steps.iter_mut().rev() {
            // Whose value nobody takes has no gradient.
            step.back &= written[step.slot];
            if !step.back {
                continue;
            }
            for edge in step.inputs.iter_mut().filter(|edge| edge.carried && !edge.in_place) {
                edge.onto = std::mem::replace(&mut written[edge.slot], true);
            }
        }
    }
}
