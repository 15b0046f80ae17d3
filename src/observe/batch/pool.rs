//! The windows of a pooling over a batch.

use phasesweep_networks::{Extent, Graph, Node, Op, Pool};

/// Calls `visit` for every value of a pooling over the batch `values` of its input, in order, with the place of the value
/// and the place in the input of the greatest of its window; of equal ones, the first.
pub(super) fn for_each_window(graph: &Graph, node: &Node, values: &[f64], mut visit: impl FnMut(usize, usize)) {
    let below = graph.nodes()[node.inputs[0]].extent;
    let (
        Op::Pool(Pool { window: [side, _], .. }),
        Extent::Image([channels, height, width]),
        Extent::Image([_, full, across]),
    ) = (node.op, node.extent, below)
    else {
        return;
    };
    let mut at = 0;
    for image in 0..values.len() / below.size().max(1) {
        for channel in 0..channels {
            let plane = image * below.size() + channel * full * across;
            for row in 0..height {
                for column in 0..width {
                    let corner = plane + row * side * across + column * side;
                    let mut best = corner;
                    for i in 0..side {
                        for place in corner + i * across..corner + i * across + side {
                            if values[place] > values[best] {
                                best = place;
                            }
                        }
                    }
                    visit(at, best);
                    at += 1;
                }
            }
        }
    }
}
