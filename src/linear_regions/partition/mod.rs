//! The exact partition of a two-dimensional slice of input space into the linear regions of a network.
//!
//! On a slice a piecewise linear network is affine on convex polygons. They are found layer by layer: the zero set of a
//! neuron is a straight line inside each polygon of the layers before, and cuts those that it crosses (Humayun et al.
//! 2023, arXiv 2302.12828; the edges-and-signs form is Berzins 2023, arXiv 2306.07212). Here the polygons are one mesh
//! whose vertices carry the pre-activations of the current layer: a network is continuous, so a vertex has one value
//! whichever polygon asks, and since a neuron is affine along every edge, a new vertex has the interpolated ones. No
//! polygon needs its own affine map, neighbours share their vertices, and areas tile the window by construction.
//!
//! Invariants: everything is f64; the result does not depend on the number of threads; a value within
//! [`RESOLUTION`] of zero, relative to what its sum is made of, is zero, so that lines that coincide, or meet in a
//! point, leave no slivers; a neuron that is zero on a whole region counts as off there.

mod decision;
mod mesh;
mod nearness;
mod network;
mod plane;
mod subdivide;
mod summary;

pub use decision::{Boundary, Decision};
pub use mesh::Origin;
pub use nearness::{Nearest, Nearness, SHARES};
pub use network::{Dense, PiecewiseLinear};
pub use plane::{Plane, Point, Window, area};
pub use subdivide::partition;
pub use summary::Summary;

use mesh::{Mesh, OUTSIDE};

/// Where a pre-activation counts as zero: relative to |bias| + Σ |weight| · (greatest |input|). Rounding stays a
/// hundred times below it; a region is lost only if it is thinner than about so large a part of the window.
pub const RESOLUTION: f64 = 1e-13;

/// Why there is no partition.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum PartitionError {
    /// The layers make no network.
    #[error("the network cannot be cut up: {0}")]
    Network(String),
    /// The plane is none, or lies in another space.
    #[error("the plane of the slice cannot be used: {0}")]
    Plane(String),
    /// The window is none.
    #[error("the window of the slice cannot be used: {0}")]
    Window(String),
    /// Memory is bounded.
    #[error(
        "the slice has more than {most} linear regions (at layer {layer}); cut a smaller window, or allow more regions"
    )]
    TooMany {
        /// Most regions that were allowed.
        most: usize,
        /// Hidden layer, 1-based, at which there were more.
        layer: usize,
    },
}

/// The linear regions of a network on a window of a slice.
#[derive(Debug, Clone)]
pub struct Partition {
    mesh: Mesh,
    /// Words of a region's pattern.
    words: usize,
    /// Signs of all neurons of each region `[region, word]`.
    patterns: Vec<u64>,
    /// Units of each hidden layer.
    hidden: Vec<usize>,
    /// Regions after each hidden layer.
    growth: Vec<usize>,
    /// Number of outputs.
    classes: usize,
    /// Outputs at the vertices `[vertex, output]`.
    outputs: Vec<f64>,
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

    fn corners(&self, region: usize) -> impl Iterator<Item = usize> + '_ {
        self.mesh.around(region as u32).map(|half| self.mesh.start[half as usize] as usize)
    }

    /// The polygon with its first corner repeated at the end.
    fn closed(&self, region: usize) -> Vec<Point> {
        let mut corners = self.polygon(region);
        corners.extend(corners.first().copied());
        corners
    }

    /// Outputs at a vertex.
    fn outputs(&self, vertex: usize) -> &[f64] {
        &self.outputs[vertex * self.classes..(vertex + 1) * self.classes]
    }
}

#[cfg(test)]
mod tests;
