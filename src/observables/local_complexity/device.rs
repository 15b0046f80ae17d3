//! Local complexity on a device: many groups of points of all replicas in one program.
//!
//! As on the host, what is affine in the inputs is computed at the points and along the directions alone; a direction's part
//! is the difference from the values at the origin. Counts are those of the host but for units whose sign hangs on rounding.
//! Invariant: nothing is fetched before all of it is computed.

use burn::tensor::{Tensor, TensorData};
use phasesweep_networks::Graph;
use rayon::prelude::*;

use super::super::registry::OnDevice;
use super::super::setup::View;
use super::{GROUP, LocalComplexity, Neighbourhood};
use crate::observe::device::{DeviceFailure, DeviceNetworks, Points, widest};
use crate::observe::network::Reach;

impl OnDevice for LocalComplexity {
    fn measure(&self, networks: &dyn DeviceNetworks, views: &[&View<'_>]) -> Result<Vec<Vec<Vec<f64>>>, DeviceFailure> {
        let subject = views[0].subject;
        let (points, around) = (self.points(), self.around());
        let ways = Ways::new(&subject.graph, &around);
        let (groups, inputs) = (points.groups(subject), subject.block.inputs());
        let of_point = (around.vertices() * ways.widest).max(inputs);
        let at_once = networks.most_numbers() / (views.len() * GROUP * of_point);
        // Groups of a block have as many points each: the last of a set may have fewer.
        let size = |&(set, group): &(usize, usize)| points.size(subject, (set, group));
        let blocks: Vec<&[(usize, usize)]> =
            groups.chunk_by(|a, b| size(a) == size(b)).flat_map(|alike| alike.chunks(at_once.max(1))).collect();
        let upload = |rows: Vec<Vec<f32>>| {
            let rows = rows.concat();
            let shape = [views.len(), rows.len() / (views.len() * inputs), inputs];
            Tensor::<3>::from_data(TensorData::new(rows, shape), networks.device())
        };
        let counts = blocks.iter().map(|block| {
            let of_all = |own: &Rows<'_>, groups: &[(usize, usize)]| {
                let all: Vec<(&View<'_>, (usize, usize))> =
                    views.iter().flat_map(|&view| groups.iter().map(move |&group| (view, group))).collect();
                upload(all.into_par_iter().map(|(view, group)| own(view, group)).collect())
            };
            let centres = of_all(&|view, group| points.group(view, group), block);
            let framed = if points.shared_frame { &block[..1] } else { block };
            let frames = of_all(&|view, group| points.frame(view, group, self.directions, inputs), framed);
            ways.count(networks, centres, frames, block.len(), &around)
        });
        let fetched = networks.fetch(counts.collect())?;
        let mut pieces = vec![Vec::with_capacity(groups.len()); views.len()];
        for (block, counts) in blocks.iter().zip(fetched) {
            let of_view = counts.len() / views.len();
            for (pieces, counts) in pieces.iter_mut().zip(counts.chunks_exact(of_view)) {
                let of_group = counts.chunks_exact(of_view / block.len());
                pieces.extend(of_group.map(|counts| counts.iter().map(|&count| f64::from(count)).collect()));
            }
        }
        Ok(pieces)
    }
}

/// Rows of inputs that belong to a group of points: a set's place, and a number in the set.
type Rows<'a> = dyn Fn(&View<'_>, (usize, usize)) -> Vec<f32> + Sync + 'a;

/// The nodes that are counted, and those that they are computed from.
struct Ways {
    counted: Vec<usize>,
    /// What is affine in the inputs and read by what is not, or counted.
    border: Vec<usize>,
    /// Greatest number of units of a node that is computed at every vertex.
    widest: usize,
}

impl Ways {
    fn new(graph: &Graph, around: &Neighbourhood) -> Ways {
        let counted = around.counted(graph);
        let each: Vec<usize> = (0..graph.nodes().len()).collect();
        let reach = Reach::of(graph, &each, &counted);
        let border = each.iter().copied().filter(|&node| reach.border[node]).collect();
        Ways { counted, border, widest: widest(graph, each.into_iter().filter(|&node| reach.is_everywhere(node))) }
    }

    /// Units cut around the points of groups, `[replica, group · point · radius · node]`. `centres` are
    /// `[replica, group · point, input]`, `frames` `[replica, frame · direction, input]`, one frame for each group or one for all.
    fn count(
        &self,
        networks: &dyn DeviceNetworks,
        centres: Tensor<3>,
        frames: Tensor<3>,
        groups: usize,
        around: &Neighbourhood,
    ) -> Tensor<2> {
        let [replicas, points, inputs] = centres.dims();
        let origin = Tensor::zeros([1, inputs], networks.device());
        let directions = around.directions;
        let each = frames.dims()[1] / directions;
        let [at, along, origin] = [Points::Own(centres), Points::Own(frames), Points::Shared(origin)]
            .map(|points| networks.values(points, &self.border));
        let affine: Vec<(Tensor<5>, Tensor<5>)> = at
            .into_iter()
            .zip(along)
            .zip(origin)
            .map(|((at, along), origin)| {
                let units = at.dims()[1];
                let along = (along - origin).reshape([replicas, units, each, 1, directions]);
                (at.reshape([replicas, units, groups, points / groups, 1]), along)
            })
            .collect();
        let of_radius = |radius: f64| {
            let vertices = affine.iter().zip(&self.border).map(|((at, along), &node)| {
                let units = at.dims()[1];
                let along = along.clone().mul_scalar(radius);
                let mut parts = vec![at.clone() + along.clone(), at.clone() - along];
                if around.centroid {
                    parts.push(at.clone());
                }
                (node, Tensor::cat(parts, 4).reshape([replicas, units, points * around.vertices()]))
            });
            let values = networks.values_beyond(vertices.collect(), &self.counted);
            let cut = values.into_iter().map(|values| cut(values, points));
            Tensor::cat(cut.collect(), 2).reshape([replicas, points, 1, self.counted.len()])
        };
        let counts: Vec<Tensor<4>> = around.radii.iter().map(|&radius| of_radius(radius)).collect();
        let columns = points * counts.len() * self.counted.len();
        Tensor::cat(counts, 2).reshape([replicas, columns])
    }
}

/// Units whose sign is not the same at all vertices of each of so many points, `[replica, point, 1]`, from
/// `[replica, unit, point · vertex]`.
fn cut(values: Tensor<3>, points: usize) -> Tensor<3> {
    let [replicas, units, rows] = values.dims();
    let values = values.reshape([replicas, units, points, rows / points]);
    let crosses = |values: Tensor<4>| {
        let above = values.clone().max_dim(3).greater_elem(0.0).float();
        above * values.min_dim(3).lower_equal_elem(0.0).float()
    };
    crosses(values).sum_dim(1).reshape([replicas, points, 1])
}
