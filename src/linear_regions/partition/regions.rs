//! The linear regions that came out of a partition, with their areas, patterns and borders.

use super::mesh::{Mesh, OUTSIDE, Origin};
use super::plane::{Point, area};

/// The linear regions of a network on a window of a slice.
#[derive(Debug, Clone)]
pub struct Partition {
    pub(super) mesh: Mesh,
    /// Words of a region's pattern.
    pub(super) words: usize,
    /// Signs of all neurons of each region `[region, word]`.
    pub(super) patterns: Vec<u64>,
    /// Units of each hidden layer.
    pub(super) hidden: Vec<usize>,
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
    /// The neuron whose zero set it is a piece of.
    pub origin: Origin,
}

impl Partition {
    /// Number of regions.
    pub fn regions(&self) -> usize {
        self.mesh.faces()
    }

    /// Number of regions of the network up to each hidden layer; the last one is [`Partition::regions`].
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

    /// Signs of all neurons in a region as bits: layer by layer, each from a word of its own, the first neuron in the
    /// lowest bit; 1 is positive.
    pub fn pattern(&self, region: usize) -> &[u64] {
        &self.patterns[region * self.words..(region + 1) * self.words]
    }

    /// Whether a neuron (layer and neuron from 0) is positive in a region.
    pub fn is_active(&self, region: usize, layer: usize, neuron: usize) -> bool {
        let before: usize = self.hidden[..layer].iter().map(|units| units.div_ceil(64)).sum();
        self.pattern(region)[before + neuron / 64] >> (neuron % 64) & 1 == 1
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
