//! Local complexity: how many units' hyperplanes cut the neighbourhood of a point (Humayun et al., arXiv 2310.12977).
//!
//! The neighbourhood of x is a cross-polytope: its vertices are x ± r v_p for P orthonormal directions v_p. A unit cuts
//! it if the sign of its pre-activation is not the same at all vertices (and at x itself, where the centroid counts);
//! a pre-activation of 0 counts as negative, as it does for a rectified unit. LC is the number of units cut, for each
//! hidden layer and in all. Any activation has such hyperplanes: the sign of z = W h + b is what counts.
//!
//! The first layer is linear in the input, z(x ± r v) = z(x) ± r W v: W x and W v are taken once for all radii, and no
//! vertex is ever formed. The deeper layers see every vertex. Invariants: counts of a point do not depend on which other
//! points are measured beyond its group of [`GROUP`]; memory is bounded by the group, whatever the number of points.

mod frame;
mod histogram;

#[cfg(test)]
mod tests;

pub use frame::{GROUP, frame, random_points};
pub use histogram::{Histograms, QUANTILES};

use super::network::{Network, Scratch};

/// Numbers of pre-activations of a block of vertices that are held at once, about: they are to stay in cache.
const BLOCK: usize = 1 << 16;

/// The neighbourhoods that are looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbourhood {
    /// Radii r.
    pub radii: Vec<f64>,
    /// Directions P.
    pub directions: usize,
    /// Whether the point itself counts as a vertex.
    pub centroid: bool,
}

impl Neighbourhood {
    /// Vertices of one point at one radius.
    fn vertices(&self) -> usize {
        2 * self.directions + usize::from(self.centroid)
    }

    /// Multiplications and additions that measuring one point takes, for the cost model: `products` are those of each
    /// layer for one sample, the output layer's left out.
    pub fn flops_per_point(&self, products: &[f64]) -> f64 {
        let shared = (self.directions as f64 / GROUP as f64 + 1.0) * products.first().copied().unwrap_or(0.0);
        let vertices = (self.vertices() * self.radii.len()) as f64;
        2.0 * (shared + vertices * products.iter().skip(1).sum::<f64>())
    }
}

/// Buffers that calls reuse.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    scratch: Scratch,
    centre: Vec<f32>,
    spread: Vec<f32>,
    sums: Vec<f32>,
    fed: Vec<f32>,
}

/// Units cut around each of a group's points: `[point, radius, hidden layer]`.
///
/// `points` are `[point, input]`, `frame` the directions `[direction, input]` that they share (see [`frame()`]).
pub fn count(
    network: &Network<'_>,
    points: &[f32],
    frame: &[f32],
    around: &Neighbourhood,
    room: &mut Workspace,
) -> Vec<u32> {
    let hidden = network.depth() - 1;
    let number = points.len() / network.inputs().max(1);
    let mut counts = vec![0; number * around.radii.len() * hidden];
    if hidden == 0 {
        return counts;
    }
    let mut centre = std::mem::take(&mut room.centre);
    let mut spread = std::mem::take(&mut room.spread);
    network.sums(0, points, number, &mut centre, &mut room.scratch);
    network.linear(0, frame, around.directions, &mut spread, &mut room.scratch);
    let widest = (0..hidden).map(|layer| network.units(layer)).max().unwrap_or(1);
    let block = (BLOCK / (around.vertices() * widest).max(1)).clamp(1, GROUP);
    let units = network.units(0);
    for (nth, centres) in centre.chunks(block * units).enumerate() {
        for (at, &radius) in around.radii.iter().enumerate() {
            let points = centres.len() / units;
            vertices(centres, &spread, units, radius as f32, around.centroid, &mut room.sums);
            for layer in 0..hidden {
                let rows = points * around.vertices();
                if layer > 0 {
                    network.sums(layer, &room.fed, rows, &mut room.sums, &mut room.scratch);
                }
                let units = network.units(layer);
                let polytopes = room.sums[..rows * units].chunks_exact(around.vertices() * units);
                for (point, polytope) in polytopes.enumerate() {
                    let place = ((nth * block + point) * around.radii.len() + at) * hidden + layer;
                    counts[place] = cut(polytope, units);
                }
                if layer + 1 < hidden {
                    room.sums.truncate(rows * units);
                    network.activate(layer, &mut room.sums, &mut room.fed);
                }
            }
        }
    }
    (room.centre, room.spread) = (centre, spread);
    counts
}

/// Pre-activations of the first layer at all vertices: `out` becomes `[point, vertex, unit]`.
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

/// Units whose sign is not the same in all rows `[vertex, unit]`.
fn cut(polytope: &[f32], units: usize) -> u32 {
    /// Units looked at together: least and greatest of each stay in registers.
    const LANES: usize = 16;
    let mut count = 0;
    for first in (0..units).step_by(LANES) {
        let width = LANES.min(units - first);
        let (mut least, mut greatest) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
        for row in polytope.chunks_exact(units) {
            let row = &row[first..first + width];
            for ((least, greatest), &z) in least.iter_mut().zip(&mut greatest).zip(row) {
                *least = if z < *least { z } else { *least };
                *greatest = if z > *greatest { z } else { *greatest };
            }
        }
        let crosses =
            least.iter().zip(&greatest).take(width).filter(|(least, greatest)| **greatest > 0.0 && **least <= 0.0);
        count += crosses.count() as u32;
    }
    count
}
