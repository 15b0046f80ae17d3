//! Faces of a mesh put together again: edges are taken away, and the vertices that held only them.
//!
//! Like the cuts, this compares no numbers. Invariant: a group of faces is put together only if one cycle of half-edges leads
//! round it; else its edges stay.

use super::mesh::{Mesh, OUTSIDE};

/// What is left of a mesh, by the numbers that it had.
pub(super) struct Kept {
    /// The vertices, ascending.
    pub(super) vertices: Vec<u32>,
    /// The faces, ascending; of faces that were put together the least.
    pub(super) faces: Vec<u32>,
}

/// No half-edge.
const NONE: u32 = u32::MAX;

impl Mesh {
    /// Takes away edges, each between two faces that become one. Vertices from `first_vertex` on that only joined two edges
    /// go, too, and the two edges become one.
    pub(super) fn remove(&mut self, mut removed: Vec<bool>, first_vertex: u32) -> Kept {
        let groups = self.groups(&removed);
        let of = |face: u32| if face == OUTSIDE { OUTSIDE } else { groups[face as usize] };
        let mut next = self.linked(&removed);
        // A group that more than one cycle leads round has a hole: it is left as it was.
        let mut cycles = vec![0_u32; self.faces()];
        let mut seen = vec![false; next.len()];
        for half in 0..next.len() {
            if next[half] == NONE || seen[half] || self.face[half] == OUTSIDE {
                continue;
            }
            cycles[of(self.face[half]) as usize] += 1;
            let mut at = half;
            while !seen[at] {
                seen[at] = true;
                at = next[at] as usize;
            }
        }
        if cycles.iter().any(|&count| count > 1) {
            for (edge, removed) in removed.iter_mut().enumerate() {
                *removed &= cycles[of(self.face[2 * edge]) as usize] == 1;
            }
            return self.remove(removed, first_vertex);
        }
        let mut previous = vec![NONE; next.len()];
        (0..next.len()).filter(|&half| next[half] != NONE).for_each(|half| previous[next[half] as usize] = half as u32);
        for half in 0..next.len() as u32 {
            self.dissolve(half, first_vertex, &mut next, &mut previous);
        }
        self.compact(&next, &previous, of)
    }

    /// The least face of the group that each face is put together with.
    fn groups(&self, removed: &[bool]) -> Vec<u32> {
        let mut least: Vec<u32> = (0..self.faces() as u32).collect();
        fn root(least: &mut [u32], mut face: u32) -> u32 {
            while least[face as usize] != face {
                least[face as usize] = least[least[face as usize] as usize];
                face = least[face as usize];
            }
            face
        }
        for edge in (0..removed.len()).filter(|&edge| removed[edge]) {
            let [a, b] = [0, 1].map(|side| root(&mut least, self.face[2 * edge + side]));
            least[a.max(b) as usize] = a.min(b);
        }
        (0..self.faces() as u32).map(|face| root(&mut least, face)).collect()
    }

    /// The next half-edge round the face that is left; [`NONE`] for one that is taken away.
    fn linked(&self, removed: &[bool]) -> Vec<u32> {
        let gone = |half: u32| removed[(half / 2) as usize];
        let after = |half: u32| {
            let mut next = self.next[half as usize];
            // Round the vertex to the next edge that stays; at the latest the way back.
            while gone(next) {
                next = self.next[(next ^ 1) as usize];
            }
            next
        };
        (0..self.next.len() as u32).map(|half| if gone(half) { NONE } else { after(half) }).collect()
    }

    /// Where a half-edge ends in a new vertex that joins it to one other edge alone, the two become one.
    fn dissolve(&mut self, half: u32, first_vertex: u32, next: &mut [u32], previous: &mut [u32]) {
        let twin = half ^ 1;
        while next[half as usize] != NONE && self.start[twin as usize] >= first_vertex {
            let on = next[half as usize];
            let back = on ^ 1;
            // A bridge's end, whose way on is its way back, has no other edge.
            if on == twin || next[back as usize] != twin || next[on as usize] == back {
                return;
            }
            let (after, before) = (next[on as usize], previous[back as usize]);
            self.start[twin as usize] = self.start[back as usize];
            (next[half as usize], previous[after as usize]) = (after, half);
            (next[before as usize], previous[twin as usize]) = (twin, before);
            (next[on as usize], next[back as usize]) = (NONE, NONE);
        }
    }

    /// Numbers anew what is left.
    fn compact(&mut self, next: &[u32], previous: &[u32], group: impl Fn(u32) -> u32) -> Kept {
        let left: Vec<u32> = (0..self.origin.len() as u32).filter(|edge| next[2 * *edge as usize] != NONE).collect();
        let halves: Vec<u32> = left.iter().flat_map(|edge| [2 * edge, 2 * edge + 1]).collect();
        let numbers = |count: usize, kept: &mut dyn Iterator<Item = u32>| {
            let mut number = vec![NONE; count];
            kept.for_each(|old| number[old as usize] = 0);
            let kept: Vec<u32> = (0..count as u32).filter(|&old| number[old as usize] == 0).collect();
            kept.iter().enumerate().for_each(|(new, &old)| number[old as usize] = new as u32);
            (number, kept)
        };
        let (vertex, vertices) = numbers(self.points.len(), &mut halves.iter().map(|&half| self.start[half as usize]));
        let groups = halves.iter().map(|&half| group(self.face[half as usize])).filter(|&face| face != OUTSIDE);
        let (face, faces) = numbers(self.faces(), &mut { groups });
        let (half, _) = numbers(next.len(), &mut halves.iter().copied());
        let gather = |of: &dyn Fn(u32) -> u32| halves.iter().map(|&old| of(old)).collect::<Vec<u32>>();
        let mesh = Mesh {
            points: vertices.iter().map(|&old| self.points[old as usize]).collect(),
            start: gather(&|old| vertex[self.start[old as usize] as usize]),
            next: gather(&|old| half[next[old as usize] as usize]),
            previous: gather(&|old| half[previous[old as usize] as usize]),
            face: gather(&|old| match group(self.face[old as usize]) {
                OUTSIDE => OUTSIDE,
                group => face[group as usize],
            }),
            origin: left.iter().map(|&edge| self.origin[edge as usize]).collect(),
            first: Vec::new(),
        };
        let mut first = vec![NONE; faces.len()];
        for (half, &face) in mesh.face.iter().enumerate().filter(|(_, face)| **face != OUTSIDE) {
            if first[face as usize] == NONE {
                first[face as usize] = half as u32;
            }
        }
        *self = Mesh { first, ..mesh };
        Kept { vertices, faces }
    }
}

#[cfg(test)]
mod tests {
    use super::super::mesh::Origin;
    use super::*;

    /// A square cut in four by two lines through its middle: corners 0 to 3, middles of the sides 4, 5, the centre 6 …
    fn quartered() -> Mesh {
        let mut mesh = Mesh::polygon(&[[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]]);
        let origin = Origin::Winner { layer: 0, window: 0 };
        let half = |mesh: &Mesh, face: u32, start: [f64; 2]| {
            mesh.around(face).find(|&half| mesh.points[mesh.start[half as usize] as usize] == start).unwrap()
        };
        // Down the middle.
        let (low, high) = (half(&mesh, 0, [0.0, 0.0]), half(&mesh, 0, [2.0, 2.0]));
        mesh.cut_edge(low, [1.0, 0.0]);
        mesh.cut_edge(high, [1.0, 2.0]);
        let (a, b) = (half(&mesh, 0, [1.0, 0.0]), half(&mesh, 0, [1.0, 2.0]));
        let right = mesh.cut_face(a, b, origin);
        // Across: the middle's edge is cut once.
        let (left_side, middle) = (half(&mesh, 0, [0.0, 2.0]), half(&mesh, 0, [1.0, 0.0]));
        mesh.cut_edge(left_side, [0.0, 1.0]);
        mesh.cut_edge(middle, [1.0, 1.0]);
        let (a, b) = (half(&mesh, 0, [0.0, 1.0]), half(&mesh, 0, [1.0, 1.0]));
        mesh.cut_face(a, b, origin);
        let right_side = half(&mesh, right, [2.0, 0.0]);
        mesh.cut_edge(right_side, [2.0, 1.0]);
        let (a, b) = (half(&mesh, right, [2.0, 1.0]), half(&mesh, right, [1.0, 1.0]));
        mesh.cut_face(a, b, origin);
        assert_eq!((mesh.faces(), mesh.points.len(), mesh.origin.len()), (4, 9, 12));
        mesh
    }

    fn check(mesh: &Mesh) {
        for half in 0..mesh.next.len() as u32 {
            let next = mesh.next[half as usize];
            assert_eq!(mesh.previous[next as usize], half);
            assert_eq!(mesh.end(half), mesh.start[next as usize]);
            assert_eq!(mesh.face[half as usize], mesh.face[next as usize]);
        }
        for face in 0..mesh.faces() as u32 {
            assert!(mesh.around(face).all(|half| mesh.face[half as usize] == face));
        }
        assert_eq!(mesh.points.len() + mesh.faces(), mesh.origin.len() + 1);
    }

    #[test]
    fn every_set_of_inner_edges_can_be_taken_away() {
        let whole = quartered();
        check(&whole);
        let inner: Vec<usize> = (0..whole.origin.len()).filter(|&edge| whole.origin[edge] != Origin::Border).collect();
        assert_eq!(inner.len(), 4);
        for set in 0..16_u32 {
            let mut mesh = whole.clone();
            let mut removed = vec![false; mesh.origin.len()];
            (0..4).filter(|bit| set >> bit & 1 == 1).for_each(|bit| removed[inner[bit]] = true);
            let kept = mesh.remove(removed, 4);
            check(&mesh);
            // One edge taken away joins two faces; the fourth round a vertex joins none.
            assert_eq!(mesh.faces(), [4, 3, 2, 1, 1][set.count_ones() as usize]);
            assert_eq!((kept.vertices.len(), kept.faces.len()), (mesh.points.len(), mesh.faces()));
            // Without inner edges the square has its corners alone.
            assert!(set != 15 || mesh.points.len() == 4);
        }
    }
}
