//! A network at many points near each other: x ± r v for directions v that points share.
//!
//! What is affine in the inputs is computed once: at the points with its constants, along the directions without them; its
//! values at x ± r v are the one plus or minus r times the other, for every radius. What lies beyond is computed at every
//! such point. Invariant: the buffer of a node goes on to others once its last reader is done, so that few are held at once and
//! they stay in cache.

use std::ops::Range;

use super::{Constants, Keep, Network, Reach};

/// The way through a network to the nodes whose values are looked at.
#[derive(Debug)]
pub struct Walk<'n, 'a> {
    network: &'n Network<'a>,
    /// The nodes looked at, ascending.
    watched: Vec<usize>,
    reach: Reach,
    /// The last node that reads a node's values.
    last: Vec<usize>,
}

/// Buffers that calls reuse.
#[derive(Debug, Clone, Default)]
pub struct Room {
    centres: Vec<Vec<f32>>,
    spread: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
    /// Buffers that no node holds; the one that was used last lies last.
    spare: Vec<Vec<f32>>,
    columns: Vec<f32>,
}

impl<'n, 'a> Walk<'n, 'a> {
    /// To these nodes, which ascend.
    pub fn new(network: &'n Network<'a>, nodes: &[usize]) -> Walk<'n, 'a> {
        let graph = network.graph.nodes();
        let watched: Vec<usize> = nodes.iter().map(|&node| network.holders[node]).collect();
        let reach = Reach::of(network.graph, &network.holders, &watched);
        let mut last = vec![0; graph.len()];
        for place in (0..graph.len()).filter(|&place| reach.needed[place]) {
            graph[place].inputs.iter().for_each(|&input| last[network.holders[input]] = place);
        }
        Walk { network, watched, reach, last }
    }

    /// Values of a sample at each of the nodes looked at.
    pub fn units(&self) -> Vec<usize> {
        self.watched.iter().map(|&node| self.size(node)).collect()
    }

    fn size(&self, node: usize) -> usize {
        self.network.graph.nodes()[node].extent.size()
    }

    /// Computes what is affine at `points` `[point, input]`, and along `directions` `[direction, input]`.
    pub fn prepare(&self, points: &[f32], directions: &[f32], room: &mut Room) {
        let inputs = self.network.inputs().max(1);
        for (x, values, constants) in
            [(points, &mut room.centres, Constants::In), (directions, &mut room.spread, Constants::Out)]
        {
            let Reach { needed, affine, .. } = &self.reach;
            values.resize(needed.len(), Vec::new());
            values[0].clear();
            values[0].extend_from_slice(x);
            for place in (1..needed.len()).filter(|&place| needed[place] && affine[place]) {
                self.network.compute(place, x.len() / inputs, Keep::Inputs, constants, values, &mut room.columns);
            }
        }
    }

    /// Computes the values at x ± `radius` v for all directions v, of which there are `directions`, around these of the
    /// prepared points, and at x itself where `centre` says so. Calls `visit` with each of the nodes looked at,
    /// by its place among them, and its values `[point, (x), x + r v, x − r v, …, unit]`.
    pub fn around(
        &self,
        points: Range<usize>,
        directions: usize,
        radius: f32,
        centre: bool,
        room: &mut Room,
        mut visit: impl FnMut(usize, &[f32]),
    ) {
        let rows = points.len() * (2 * directions + usize::from(centre));
        let Room { centres, spread, values, spare, columns } = room;
        let nodes = self.network.graph.nodes().len();
        values.resize(nodes, Vec::new());
        for place in (0..nodes).filter(|&place| self.reach.is_everywhere(place)) {
            values[place] = spare.pop().unwrap_or_default();
            if self.reach.border[place] {
                let units = self.size(place);
                let centres = &centres[place][points.start * units..points.end * units];
                vertices(centres, &spread[place], units, radius, centre, &mut values[place]);
            } else {
                let from = self.network.holders[self.network.graph.nodes()[place].inputs[0]];
                let keep = if self.last[from] == place { Keep::Nothing } else { Keep::Inputs };
                self.network.compute(place, rows, keep, Constants::In, values, columns);
            }
            if let Ok(watched) = self.watched.binary_search(&place) {
                visit(watched, &values[place]);
            }
            for &input in &self.network.graph.nodes()[place].inputs {
                let from = self.network.holders[input];
                if self.last[from] == place {
                    release(&mut values[from], spare);
                }
            }
        }
        values.iter_mut().for_each(|value| release(value, spare));
    }
}

/// Takes a buffer from a node, if it has one.
fn release(value: &mut Vec<f32>, spare: &mut Vec<Vec<f32>>) {
    if value.capacity() > 0 {
        spare.push(std::mem::take(value));
    }
}

/// Values that are affine in the inputs at all vertices: `out` becomes `[point, vertex, unit]`.
fn vertices(centres: &[f32], spread: &[f32], units: usize, radius: f32, centroid: bool, out: &mut Vec<f32>) {
    out.clear();
    for centre in centres.chunks_exact(units) {
        if centroid {
            out.extend_from_slice(centre);
        }
        for direction in spread.chunks_exact(units) {
            out.extend(centre.iter().zip(direction).map(|(z, along)| z + radius * along));
            out.extend(centre.iter().zip(direction).map(|(z, along)| z - radius * along));
        }
    }
}
