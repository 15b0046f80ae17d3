//! Where a weight lies: matrices stored in panels of columns, as the product reads them.
//!
//! A matrix of a group has a row for each input and a column for each (output, replica), the replicas of an output
//! side by side: column = output · R + replica. Columns are cut into vectors, vectors into panels of at most `NV`;
//! inside a panel a row's vectors are contiguous. Rows are padded to the product's `MR`, columns to whole vectors.

/// A panel: consecutive vectors of columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Panel {
    /// The first vector's number.
    pub(super) first: usize,
    /// Number of vectors.
    pub(super) vectors: usize,
    /// Where the panel's memory begins.
    pub(super) offset: usize,
}

/// The layout of one matrix.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Rows without padding.
    pub(super) rows: usize,
    /// Columns without padding.
    pub(super) columns: usize,
    /// Lanes of a vector.
    pub(super) lanes: usize,
    /// The panels, in the order of their columns.
    pub(super) panels: Vec<Panel>,
    padded_rows: usize,
}

impl Layout {
    /// Lays out `rows` × `columns` for a product of `mr` rows × `nv` vectors of `lanes`; panels are of even width.
    pub(super) fn new(rows: usize, columns: usize, lanes: usize, mr: usize, nv: usize) -> Layout {
        let vectors = columns.div_ceil(lanes);
        let count = vectors.div_ceil(nv);
        let padded_rows = rows.next_multiple_of(mr);
        // The wider ones come first, so that panels of a width stand together.
        let cut = |i: usize| i * (vectors / count) + i.min(vectors % count);
        let panels = (0..count)
            .map(|i| Panel { first: cut(i), vectors: cut(i + 1) - cut(i), offset: cut(i) * lanes * padded_rows })
            .collect();
        Layout { rows, columns, lanes, panels, padded_rows }
    }

    /// Columns with padding.
    pub(super) fn padded_columns(&self) -> usize {
        self.columns.next_multiple_of(self.lanes)
    }

    /// Runs of panels of the same width: the first one of each, their number, and the distance between them.
    pub(super) fn runs(&self) -> impl Iterator<Item = (Panel, usize, usize)> {
        let runs = self.panels.chunk_by(|a, b| a.vectors == b.vectors);
        runs.map(|run| (run[0], run.len(), run[0].vectors * self.lanes * self.padded_rows))
    }

    /// Numbers in memory.
    pub(super) fn len(&self) -> usize {
        self.padded_rows * self.padded_columns()
    }

    /// Place of a column's first element, and the distance to its next.
    pub(super) fn column(&self, column: usize) -> (usize, usize) {
        let vector = column / self.lanes;
        let panel = self.panels.partition_point(|panel| panel.first <= vector) - 1;
        let panel = self.panels[panel];
        (panel.offset + (vector - panel.first) * self.lanes + column % self.lanes, panel.vectors * self.lanes)
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, Panel};

    #[test]
    fn every_element_has_a_place_of_its_own() {
        for (rows, columns, lanes, mr, nv) in [(1, 1, 8, 6, 2), (7, 40, 8, 6, 2), (13, 100, 16, 5, 5), (4, 33, 8, 4, 1)]
        {
            let layout = Layout::new(rows, columns, lanes, mr, nv);
            let mut seen = vec![false; layout.len()];
            for column in 0..columns {
                let (first, step) = layout.column(column);
                for row in 0..rows {
                    assert!(!std::mem::replace(&mut seen[first + row * step], true), "row {row}, column {column}");
                }
            }
            let vectors: usize = layout.panels.iter().map(|panel| panel.vectors).sum();
            assert_eq!(vectors, columns.div_ceil(lanes));
            assert!(layout.panels.iter().all(|panel| (1..=nv).contains(&panel.vectors)));
            let of_run = |(first, count, distance): (Panel, usize, usize)| {
                (0..count).map(move |at| (first.first + at * first.vectors, first.offset + at * distance))
            };
            let found: Vec<_> = layout.runs().flat_map(of_run).collect();
            let panels: Vec<_> = layout.panels.iter().map(|panel| (panel.first, panel.offset)).collect();
            assert_eq!(found, panels);
        }
    }
}
