//! The decision boundary on a slice: where the greatest output changes.
//!
//! Inside a linear region all outputs are affine, so the points of one class are a convex polygon: the region clipped by
//! o_c − o_j ≥ 0 for every other class j (Sutherland and Hodgman 1974). Invariants: the classes' areas add up to the
//! window's; equal outputs go to the lower class; a network of one output has two classes, told apart by its sign.

use rayon::prelude::*;

use super::plane::{Point, area};
use super::regions::{Edge, Partition};

/// A straight piece of the decision boundary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Boundary {
    /// Where it ends.
    pub ends: [Point; 2],
    /// The two classes, the lower one first, whose outputs are equal and greatest along it.
    pub classes: [usize; 2],
}

/// Classes on a slice.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Area on which each class has the greatest output.
    pub areas: Vec<f64>,
    /// The boundary, region by region.
    pub boundary: Vec<Boundary>,
}

/// A corner while a region is clipped.
#[derive(Clone)]
struct Corner {
    at: Point,
    outputs: Vec<f64>,
    /// The class on the other side of the edge that starts here, if it is a piece of the boundary.
    beyond: Option<usize>,
}

/// What one region contributes.
struct Share {
    areas: Vec<(usize, f64)>,
    boundary: Vec<Boundary>,
    /// The class of the whole region, where it has one.
    class: Option<usize>,
}

impl Decision {
    /// Total length of the boundary.
    pub fn length(&self) -> f64 {
        self.boundary.iter().map(|piece| length(piece.ends)).sum()
    }
}

/// Distance between two points.
pub(super) fn length([[x, y], [z, w]]: [Point; 2]) -> f64 {
    (z - x).hypot(w - y)
}

impl Partition {
    /// Cuts the regions by the classes.
    pub fn decision(&self) -> Decision {
        let shares: Vec<Share> = (0..self.regions()).into_par_iter().map(|region| self.share(region)).collect();
        let mut decision = Decision { areas: vec![0.0; self.classes.max(2)], boundary: Vec::new() };
        for share in &shares {
            share.areas.iter().for_each(|(class, area)| decision.areas[*class] += area);
            decision.boundary.extend_from_slice(&share.boundary);
        }
        // Outputs may also be equal all along an edge: then no region has the boundary inside.
        for Edge { ends, regions: [a, b], .. } in self.edges() {
            if let (Some(a), Some(b)) = (shares[a].class, shares[b].class)
                && a != b
            {
                decision.boundary.push(Boundary { ends, classes: [a.min(b), a.max(b)] });
            }
        }
        decision
    }

    fn share(&self, region: usize) -> Share {
        let corners: Vec<Corner> = self
            .corners(region)
            .map(|vertex| {
                let outputs = match self.outputs(vertex) {
                    &[only] => vec![0.0, only],
                    several => several.to_vec(),
                };
                Corner { at: self.mesh.points[vertex], outputs, beyond: None }
            })
            .collect();
        let classes = self.classes.max(2);
        let holds = |class: usize| corners.iter().all(|c| c.outputs.iter().all(|output| c.outputs[class] >= *output));
        if let Some(class) = (0..classes).find(|&class| holds(class)) {
            return Share { areas: vec![(class, self.area(region))], boundary: Vec::new(), class: Some(class) };
        }
        let (mut areas, mut boundary) = (Vec::new(), Vec::new());
        for class in 0..classes {
            let cell = (0..classes)
                .filter(|&other| other != class)
                .fold(corners.clone(), |cell, other| clip(cell, class, other));
            if cell.len() < 3 {
                continue;
            }
            let ring: Vec<Point> = cell.iter().chain(cell.first()).map(|corner| corner.at).collect();
            areas.push((class, area(&ring)));
            for (corner, ends) in cell.iter().zip(ring.windows(2)) {
                if let Some(other) = corner.beyond.filter(|&other| other > class && ends[0] != ends[1]) {
                    boundary.push(Boundary { ends: [ends[0], ends[1]], classes: [class, other] });
                }
            }
        }
        Share { areas, boundary, class: None }
    }
}

/// What of a convex polygon has o_class ≥ o_other.
fn clip(polygon: Vec<Corner>, class: usize, other: usize) -> Vec<Corner> {
    let ahead = |corner: &Corner| corner.outputs[class] - corner.outputs[other];
    if other < class && polygon.iter().all(|corner| ahead(corner) <= 0.0) {
        return Vec::new();
    }
    let mut kept = Vec::with_capacity(polygon.len() + 1);
    for (place, from) in polygon.iter().enumerate() {
        let to = &polygon[(place + 1) % polygon.len()];
        let (a, b) = (ahead(from), ahead(to));
        if a >= 0.0 {
            let beyond = if a == 0.0 && b < 0.0 { Some(other) } else { from.beyond };
            kept.push(Corner { beyond, ..from.clone() });
        }
        if (a > 0.0 && b < 0.0) || (a < 0.0 && b > 0.0) {
            let (of_from, of_to) = (b / (b - a), a / (a - b));
            let mix = |p: f64, q: f64| of_from * p + of_to * q;
            let mut outputs: Vec<f64> = from.outputs.iter().zip(&to.outputs).map(|(p, q)| mix(*p, *q)).collect();
            outputs[other] = outputs[class];
            let at = [mix(from.at[0], to.at[0]), mix(from.at[1], to.at[1])];
            kept.push(Corner { at, outputs, beyond: if a > 0.0 { Some(other) } else { from.beyond } });
        }
    }
    kept
}
