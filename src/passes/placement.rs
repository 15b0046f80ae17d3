//! Where the values of a graph's nodes lie: which share a buffer because one overwrites the other, or comes after it.

use phasesweep_networks::{Extent, Graph, Op};

/// Channels, pixels, and vectors from one channel to the next.
///
/// Of images the last is odd, so that the channels of one pixel do not crowd one set of a cache.
pub(crate) fn shape(extent: Extent) -> [usize; 3] {
    match extent {
        Extent::Units(units) => [units, 1, 1],
        Extent::Image([channels, height, width]) => [channels, height * width, (height * width) | 1],
    }
}

/// Vectors of a node's value.
pub(crate) fn vectors(extent: Extent) -> usize {
    let [channels, _, plane] = shape(extent);
    channels * plane
}

/// Buffers, by their sizes in vectors, and which are free.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pool {
    pub(crate) sizes: Vec<usize>,
    free: Vec<usize>,
}

impl Pool {
    fn take(&mut self, size: usize) -> usize {
        // The least that suffices, else the greatest, which grows.
        let fits = self.free.iter().enumerate().filter(|(_, id)| self.sizes[**id] >= size);
        let best = fits.min_by_key(|(_, id)| self.sizes[**id]).map(|(at, _)| at);
        let best =
            best.or_else(|| self.free.iter().enumerate().max_by_key(|(_, id)| self.sizes[**id]).map(|(at, _)| at));
        let id = match best {
            Some(at) => self.free.swap_remove(at),
            None => {
                self.sizes.push(0);
                self.sizes.len() - 1
            }
        };
        self.sizes[id] = self.sizes[id].max(size);
        id
    }
}

/// The buffers of the way forwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forwards {
    /// The buffer of each node's value.
    pub(crate) value: Vec<usize>,
    pub(crate) pool: Pool,
}

/// Whether a node's value is read by one node alone, and nothing else lies in its buffer.
pub(crate) fn exclusive(graph: &Graph, consumers: &[usize], node: usize) -> bool {
    consumers[node] == 1
        && (graph.nodes()[node].op != Op::Flatten || exclusive(graph, consumers, graph.nodes()[node].inputs[0]))
}

/// Whether a flattening leaves everything where it is.
pub(crate) fn stays(graph: &Graph, node: usize) -> bool {
    let [_, pixels, plane] = shape(graph.nodes()[graph.nodes()[node].inputs[0]].extent);
    pixels == plane
}

/// The input, of those that a node may overwrite with its value, which it does overwrite.
fn overwritten(graph: &Graph, consumers: &[usize], node: usize, kept: bool) -> Option<usize> {
    let own = &graph.nodes()[node];
    let may = |&&input: &&usize| exclusive(graph, consumers, input);
    match own.op {
        Op::Flatten if stays(graph, node) => Some(own.inputs[0]),
        Op::Add | Op::Scale(_) => own.inputs.iter().find(may).copied(),
        Op::Activation(_) if !kept => own.inputs.iter().find(may).copied(),
        _ => None,
    }
}

/// Places the values. `kept`: all that the way back reads stays until then.
pub(crate) fn forwards(graph: &Graph, kept: bool) -> Forwards {
    let consumers = graph.consumers();
    let (mut pool, mut value) = (Pool::default(), Vec::new());
    // Nodes that still read each buffer.
    let mut readers: Vec<usize> = Vec::new();
    for (place, node) in graph.nodes().iter().enumerate() {
        let own = match overwritten(graph, &consumers, place, kept) {
            Some(input) => value[input],
            None => pool.take(vectors(node.extent)),
        };
        value.push(own);
        readers.resize(pool.sizes.len(), 0);
        readers[own] += consumers[place];
        for &input in &node.inputs {
            let buffer: usize = value[input];
            readers[buffer] -= 1;
            if !kept && readers[buffer] == 0 && buffer != own {
                pool.free.push(buffer);
            }
        }
    }
    Forwards { value, pool }
}

/// How a gradient comes to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Nothing beneath has parameters.
    None,
    /// In the buffer of what it comes from.
    Stays,
    /// As the first.
    Written,
    /// Onto another.
    Added,
}

/// The buffers of the way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Backwards {
    /// The buffer of the gradient at each node.
    pub(crate) delta: Vec<usize>,
    /// How each input of each node gets its share, in the order of the inputs, which is opposite to that of the work.
    pub(crate) arrivals: Vec<Vec<Arrival>>,
    pub(crate) pool: Pool,
}

/// Places the gradients.
pub(crate) fn backwards(graph: &Graph) -> Backwards {
    let nodes = graph.nodes();
    let mut wanted: Vec<bool> = Vec::new();
    for node in nodes {
        wanted.push(node.layer.is_some() || node.inputs.iter().any(|&input| wanted[input]));
    }
    let (mut pool, mut delta) = (Pool::default(), vec![usize::MAX; nodes.len()]);
    let mut arrivals = vec![Vec::new(); nodes.len()];
    if let (Some(last), Some(node)) = (delta.last_mut(), nodes.last()) {
        *last = pool.take(vectors(node.extent));
    }
    for (place, node) in nodes.iter().enumerate().rev() {
        let mut own = vec![Arrival::None; node.inputs.len()];
        // What no gradient comes to has no share to give.
        if delta[place] == usize::MAX {
            arrivals[place] = own;
            continue;
        }
        let mut given = false;
        for (k, &input) in node.inputs.iter().enumerate().rev().filter(|(_, input)| wanted[**input]) {
            let may_stay = match node.op {
                Op::Activation(_) | Op::Scale(_) | Op::Add => k == 0,
                Op::Flatten => stays(graph, place),
                _ => false,
            };
            own[k] = if delta[input] != usize::MAX {
                Arrival::Added
            } else if may_stay {
                given = true;
                delta[input] = delta[place];
                Arrival::Stays
            } else {
                delta[input] = pool.take(vectors(nodes[input].extent));
                Arrival::Written
            };
        }
        arrivals[place] = own;
        if !given {
            pool.free.push(delta[place]);
        }
    }
    Backwards { delta, arrivals, pool }
}
