//! A planar subdivision as half-edges: two kinds of cuts, an edge at a new vertex and a face along a new edge.
//!
//! Half-edge `h` and `h ^ 1` are the two sides of edge `h / 2`. A face lies to the left of its half-edges; around the
//! whole runs a cycle of half-edges whose face is [`OUTSIDE`]. Invariants: `next` and `previous` are inverse to each
//! other; following `next` leads round one face; an edge's [`Origin`] passes on to what it is cut into. All of this
//! holds whatever the coordinates are: nothing here compares numbers, so rounding cannot tear the mesh.

use super::plane::Point;

/// The face around the window.
pub(super) const OUTSIDE: u32 = u32::MAX;

/// What an edge is a piece of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// The border of the window.
    Border,
    /// The zero set of a neuron.
    Neuron {
        /// Place of its activation among the nonlinearities of the network, from 0: of a perceptron, the hidden layer.
        layer: u32,
        /// Neuron of the layer, from 0.
        neuron: u32,
    },
    /// Where another value of a window becomes the greatest.
    Winner {
        /// Place of the maximum among the nonlinearities of the network, from 0.
        layer: u32,
        /// Window, from 0.
        window: u32,
    },
}

/// A subdivision.
#[derive(Debug, Clone, Default)]
pub(super) struct Mesh {
    /// Vertices.
    pub(super) points: Vec<Point>,
    /// Where a half-edge starts.
    pub(super) start: Vec<u32>,
    pub(super) next: Vec<u32>,
    pub(super) previous: Vec<u32>,
    /// The face to the left of a half-edge.
    pub(super) face: Vec<u32>,
    /// Of each edge.
    pub(super) origin: Vec<Origin>,
    /// One half-edge of each face.
    pub(super) first: Vec<u32>,
}

impl Mesh {
    /// One face: a polygon, counter-clockwise.
    pub(super) fn polygon(corners: &[Point]) -> Mesh {
        let n = corners.len() as u32;
        let mut mesh = Mesh { points: corners.to_vec(), first: vec![0], ..Mesh::default() };
        for i in 0..n {
            mesh.start.extend([i, (i + 1) % n]);
            mesh.next.extend([2 * ((i + 1) % n), 2 * ((i + n - 1) % n) + 1]);
            mesh.previous.extend([2 * ((i + n - 1) % n), 2 * ((i + 1) % n) + 1]);
            mesh.face.extend([0, OUTSIDE]);
            mesh.origin.push(Origin::Border);
        }
        mesh
    }

    /// Number of faces.
    pub(super) fn faces(&self) -> usize {
        self.first.len()
    }

    /// Where a half-edge ends.
    pub(super) fn end(&self, half: u32) -> u32 {
        self.start[(half ^ 1) as usize]
    }

    /// Half-edges around a face.
    pub(super) fn around(&self, face: u32) -> impl Iterator<Item = u32> + '_ {
        let first = self.first[face as usize];
        let mut at = Some(first);
        std::iter::from_fn(move || {
            let half = at?;
            let next = self.next[half as usize];
            at = (next != first).then_some(next);
            Some(half)
        })
    }

    /// Cuts the edge of `half` at a new vertex, which is returned; `half` then ends there and its successor goes on.
    pub(super) fn cut_edge(&mut self, half: u32, at: Point) -> u32 {
        let twin = half ^ 1;
        let vertex = self.points.len() as u32;
        self.points.push(at);
        let (on, back) = (self.start.len() as u32, self.start.len() as u32 + 1);
        // half: a → vertex, on: vertex → b; back: b → vertex, twin: vertex → a.
        let end = self.start[twin as usize];
        let (after, before) = (self.next[half as usize], self.previous[twin as usize]);
        self.start.extend([vertex, end]);
        self.face.extend([self.face[half as usize], self.face[twin as usize]]);
        self.origin.push(self.origin[(half / 2) as usize]);
        self.next.extend([after, twin]);
        self.previous.extend([half, before]);
        self.start[twin as usize] = vertex;
        self.next[half as usize] = on;
        self.previous[after as usize] = on;
        self.previous[twin as usize] = back;
        self.next[before as usize] = back;
        vertex
    }

    /// Cuts a face along a new edge from where `a` starts to where `b` starts; both are half-edges around it. What lies
    /// from `a` on up to `b` becomes a new face, which is returned; the rest keeps its number.
    pub(super) fn cut_face(&mut self, a: u32, b: u32, origin: Origin) -> u32 {
        let (old, new) = (self.face[a as usize], self.first.len() as u32);
        let (closing, other) = (self.start.len() as u32, self.start.len() as u32 + 1);
        let (before_a, before_b) = (self.previous[a as usize], self.previous[b as usize]);
        // closing: b → a, ends the new face; other: a → b, ends the old one.
        self.start.extend([self.start[b as usize], self.start[a as usize]]);
        self.next.extend([a, b]);
        self.previous.extend([before_b, before_a]);
        self.face.extend([new, old]);
        self.origin.push(origin);
        self.next[before_b as usize] = closing;
        self.previous[a as usize] = closing;
        self.next[before_a as usize] = other;
        self.previous[b as usize] = other;
        self.first[old as usize] = other;
        self.first.push(closing);
        let mut half = a;
        while half != closing {
            self.face[half as usize] = new;
            half = self.next[half as usize];
        }
        new
    }
}
