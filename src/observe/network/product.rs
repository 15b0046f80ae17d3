//! Products of row-major matrices on one thread.

use faer::{Accum, MatMut, MatRef, Par};

/// A factor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl<'a> Side<'a> {
    /// A row-major matrix as it lies.
    pub(super) fn plain(data: &'a [f32], rows: usize, columns: usize) -> Side<'a> {
        Side { data: &data[..rows * columns], rows, columns, transposed: false }
    }

    /// The transpose of a row-major matrix of `rows` × `columns`.
    pub(super) fn transposed(data: &'a [f32], rows: usize, columns: usize) -> Side<'a> {
        Side { transposed: true, ..Side::plain(data, rows, columns) }
    }

    fn view(self) -> MatRef<'a, f32> {
        let plain = MatRef::from_row_major_slice(self.data, self.rows, self.columns);
        if self.transposed { plain.transpose() } else { plain }
    }
}

/// `out` = `left` · `right`, row-major.
pub(super) fn product(left: Side<'_>, right: Side<'_>, out: &mut [f32]) {
    let (left, right) = (left.view(), right.view());
    let out = &mut out[..left.nrows() * right.ncols()];
    let out = MatMut::from_row_major_slice_mut(out, left.nrows(), right.ncols());
    faer::linalg::matmul::matmul(out, Accum::Replace, left, right, 1.0, Par::Seq);
}
