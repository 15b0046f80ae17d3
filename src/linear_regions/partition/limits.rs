//! What a partition may take: regions and memory.

use super::error::PartitionError;
use super::mesh::Mesh;
use super::plane::Point;

/// How much may come of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear regions at most.
    pub regions: usize,
    /// Bytes at most, of values at the corners, patterns and the mesh.
    pub bytes: usize,
}

impl Limits {
    /// So many regions, however much memory they take.
    pub const fn regions(regions: usize) -> Limits {
        Limits { regions, bytes: usize::MAX }
    }
}

/// Bytes of the mesh for each vertex: its point, and three edges (a planar mesh has no more), each of two half-edges with
/// four numbers and an origin.
const MESH_BYTES: usize = size_of::<Point>() + 3 * (2 * 4 * size_of::<u32>() + 3 * size_of::<u32>());

/// The limits, and where in the network they are asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) limits: Limits,
    /// Hidden layer that is being cut, from 1; one more than there are behind the last.
    pub(super) layer: usize,
}

impl Budget {
    /// Whether a mesh of this size may be, with so many numbers for each vertex and words for each region.
    ///
    /// # Errors
    /// [`PartitionError::TooMany`] or [`PartitionError::TooLarge`].
    pub(super) fn check(&self, mesh: &Mesh, numbers: usize, words: usize) -> Result<(), PartitionError> {
        let (regions, corners, layer) = (mesh.faces(), mesh.points.len(), self.layer);
        if regions > self.limits.regions {
            return Err(PartitionError::TooMany { most: self.limits.regions, layer });
        }
        let of_corners = corners.saturating_mul(MESH_BYTES + numbers.saturating_mul(size_of::<f64>()));
        if of_corners.saturating_add(regions.saturating_mul(words * size_of::<u64>())) > self.limits.bytes {
            return Err(PartitionError::TooLarge { most: self.limits.bytes, layer, regions, numbers });
        }
        Ok(())
    }
}
