//! The nodes on the way to others, and which of them are affine in the inputs.
//!
//! Invariant: the values of the nodes of the border, and nothing else of what is affine, are what the nodes beyond are
//! computed from.

use phasesweep_networks::{Activation, Graph, Normalisation, Op, Pooling};

/// The way to the nodes that are looked at.
#[derive(Debug)]
pub struct Reach {
    /// Whether a node is one of these or on the way to one, and holds its values itself.
    pub needed: Vec<bool>,
    /// Whether a node is affine in the inputs.
    pub affine: Vec<bool>,
    /// Whether a node that is affine in the inputs is looked at, or read by a needed one that is not affine.
    pub border: Vec<bool>,
}

impl Reach {
    /// The way to the `watched` nodes. `holders` says of each node which one holds its values: itself, or an earlier one.
    pub fn of(graph: &Graph, holders: &[usize], watched: &[usize]) -> Reach {
        let nodes = graph.nodes();
        let read_by = |place: usize| nodes[place].inputs.iter().map(|&input| holders[input]);
        let mut needed = vec![false; nodes.len()];
        watched.iter().for_each(|&node| needed[holders[node]] = true);
        for place in (0..nodes.len()).rev().filter(|&place| holders[place] == place) {
            if needed[place] {
                read_by(place).for_each(|from| needed[from] = true);
            }
        }
        let mut affine: Vec<bool> = Vec::new();
        for node in nodes {
            affine.push(is_affine(node.op) && node.inputs.iter().all(|&input| affine[input]));
        }
        let mut border = vec![false; nodes.len()];
        watched.iter().for_each(|&node| border[holders[node]] = affine[holders[node]]);
        for place in (0..nodes.len()).filter(|&place| needed[place] && !affine[place]) {
            read_by(place).for_each(|from| border[from] |= affine[from]);
        }
        Reach { needed, affine, border }
    }

    /// Whether a node's values are needed at every point around a centre, and not at the centre and along directions alone.
    pub fn is_everywhere(&self, node: usize) -> bool {
        self.needed[node] && (self.border[node] || !self.affine[node])
    }
}

/// Whether a node is affine in its inputs, whatever these are.
fn is_affine(op: Op) -> bool {
    match op {
        Op::Input | Op::Flatten | Op::Add | Op::Scale(_) | Op::Dense | Op::Convolution(_) => true,
        Op::Activation(activation) => activation == Activation::Identity,
        Op::Pool(pool) => pool.kind == Pooling::Mean,
        Op::Normalise(over) => over == Normalisation::Batch,
    }
}
