//! A long table that is made part by part, so that memory need not hold it: a row a cell and observable, or a row a sample.

use std::fmt;
use std::sync::Arc;

use polars::prelude::DataFrame;

use crate::error::Result;

/// Rows of a part, about.
pub const ROWS: usize = 1 << 17;

/// How a part is made.
type Make<'a> = Arc<dyn Fn(usize) -> Result<DataFrame> + Send + Sync + 'a>;

/// A table in parts of the same columns, in their order. One that has no row has one part, which says its columns.
#[derive(Clone)]
pub struct Parts<'a> {
    count: usize,
    make: Make<'a>,
}

impl<'a> Parts<'a> {
    /// A table that is there already.
    pub fn whole(frame: DataFrame) -> Parts<'static> {
        Parts { count: 1, make: Arc::new(move |_| Ok(frame.clone())) }
    }

    /// So many parts, of which `make` makes the one of a place.
    pub fn new(count: usize, make: impl Fn(usize) -> Result<DataFrame> + Send + Sync + 'a) -> Parts<'a> {
        Parts { count: count.max(1), make: Arc::new(make) }
    }

    /// A table of so many rows in parts of [`ROWS`], of which `make` makes those of a range.
    pub fn of_rows(
        rows: usize,
        make: impl Fn(std::ops::Range<usize>) -> Result<DataFrame> + Send + Sync + 'a,
    ) -> Parts<'a> {
        Parts::new(rows.div_ceil(ROWS), move |part| make(part * ROWS..((part + 1) * ROWS).min(rows)))
    }

    /// Number of parts, at least one.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The part of a place.
    ///
    /// # Errors
    /// What keeps it from being made.
    pub fn part(&self, place: usize) -> Result<DataFrame> {
        (self.make)(place)
    }
}

impl fmt::Debug for Parts<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Parts").field("count", &self.count).finish_non_exhaustive()
    }
}
