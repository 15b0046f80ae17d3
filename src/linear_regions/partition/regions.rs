//! The linear regions that came out of a partition, with their areas, patterns and borders.

use super::mesh::{Mesh, OUTSIDE, Origin};
use super::patterns::{Nonlinearity, Patterns};
use super::plane::{Point, area};

/// The linear regions of a network on a window of a slice.
#[derive(Debug, Clone)]
pub struct Partition {
    pub(super) mesh: Mesh,
    /// Signs of all neurons and winners of all windows of each region.
    pub(super) patterns: Patterns,
    /// Regions after each hidden layer.
    pub(super) growth: Vec<usize>,
    /// Number of outputs.
    pub(super) classes: usize,
    /// Outputs at the vertices `[vertex, output]`.
    pub(super) outputs: Vec<f64>,
}

/// A piece of the border between two regions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// Where it ends, both ways.
    pub ends: [Point; 2],
    /// The regions on its sides.
    pub regions: [usize; 2],
    /// What it is a piece of.
    pub origin: Origin,
}

impl Partition {
    /// Number of regions.
    pub fn regions(&self) -> usize {
        self.mesh.faces()
    }

    /// Number of regions of the network up to each hidden layer. The last one is [`Partition::regions`], unless something
    /// bends between the last hidden layer and the output.
    pub fn growth(&self) -> &[usize] {
        &self.growth
    }

    /// Number of vertices.
    pub fn vertices(&self) -> usize {
        self.mesh.points.len()
    }

    /// Corners of a region, counter-clockwise; corners of neighbours on its sides are among them.
    pub fn polygon(&self, region: usize) -> Vec<Point> {
        self.corners(region).map(|vertex| self.mesh.points[vertex]).collect()
    }

    /// Area of a region.
    pub fn area(&self, region: usize) -> f64 {
        area(&self.closed(region))
    }

    /// What tells a region from all others: nonlinearity by nonlinearity, each from a word of its own. Of an activation the
    /// signs of its units as bits, the first in the lowest; 1 is positive. Of a maximum the winners of its windows, each in as
    /// few bits as tell them apart.
    pub fn pattern(&self, region: usize) -> &[u64] {
        self.patterns.of(region)
    }

    /// The activations and maxima of the network, in the order of its nodes: of a perceptron, its hidden layers.
    pub fn nonlinearities(&self) -> &[Nonlinearity] {
        &self.patterns.nonlinearities
    }

    /// Whether a unit of an activation is positive in a region. Both count from 0; `layer` is the place among
    /// [`Partition::nonlinearities`].
    pub fn is_active(&self, region: usize, layer: usize, neuron: usize) -> bool {
        self.state(region, layer, neuron) == 1
    }

    /// The place of the greatest value of a window of a maximum in a region, from 0; the first of equal ones.
    pub fn winner(&self, region: usize, layer: usize, window: usize) -> usize {
        self.state(region, layer, window)
    }

    fn state(&self, region: usize, layer: usize, place: usize) -> usize {
        self.nonlinearities()[layer].get(self.patterns.of_nonlinearity(region, layer), place)
    }

    /// Units of all activations that are positive in some region and not in another: those that change their sign within the
    /// window.
    pub fn bending_units(&self) -> usize {
        let words = self.patterns.words;
        let (mut all, mut any) = (vec![u64::MAX; words], vec![0; words]);
        for region in 0..self.regions() {
            for ((all, any), word) in all.iter_mut().zip(&mut any).zip(self.pattern(region)) {
                (*all, *any) = (*all & word, *any | word);
            }
        }
        let (mut count, mut from) = (0, 0);
        for nonlinearity in self.nonlinearities() {
            let own = from..from + nonlinearity.words();
            if let Nonlinearity::Signs { .. } = nonlinearity {
                count += all[own.clone()]
                    .iter()
                    .zip(&any[own.clone()])
                    .map(|(all, any)| (any & !all).count_ones())
                    .sum::<u32>();
            }
            from = own.end;
        }
        count as usize
    }

    /// Borders between regions, each piece once, in the order in which they were cut.
    pub fn edges(&self) -> impl Iterator<Item = Edge> + '_ {
        let mesh = &self.mesh;
        (0..mesh.origin.len()).filter_map(move |edge| {
            let half = 2 * edge;
            let regions = [mesh.face[half], mesh.face[half + 1]];
            let ends = [mesh.start[half], mesh.start[half + 1]].map(|vertex| mesh.points[vertex as usize]);
            (!regions.contains(&OUTSIDE)).then(|| Edge {
                ends,
                regions: regions.map(|region| region as usize),
                origin: mesh.origin[edge],
            })
        })
    }

    /// Number of vertices, edges (the window's border included) and regions: V − E + F = 1.
    pub fn euler(&self) -> [usize; 3] {
        [self.mesh.points.len(), self.mesh.origin.len(), self.mesh.faces()]
    }

    pub(super) fn corners(&self, region: usize) -> impl Iterator<Item = usize> + '_ {
        self.mesh.around(region as u32).map(|half| self.mesh.start[half as usize] as usize)
    }

    /// The polygon with its first corner repeated at the end.
    pub(super) fn closed(&self, region: usize) -> Vec<Point> {
        let mut corners = self.polygon(region);
        corners.extend(corners.first().copied());
        corners
    }

    /// Outputs at a vertex.
    pub(super) fn outputs(&self, vertex: usize) -> &[f64] {
        &self.outputs[vertex * self.classes..(vertex + 1) * self.classes]
    }
}
