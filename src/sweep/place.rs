//! Where something was written: in the sweep file or in a `--set` argument.
//!
//! Invariant: a [`Place`] is a byte range of the text of its source; [`crate::sweep::Diagnostics`] holds those texts.

use std::ops::Range;

/// Number of a source of text: 0 is the sweep file, `k` is the `k`th `--set`.
pub(crate) type SourceId = usize;

/// The sweep file's number.
pub(crate) const FILE: SourceId = 0;

/// A byte range of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which text.
    pub(crate) source: SourceId,
    /// Bytes of that text.
    pub(crate) span: Range<usize>,
}

/// A value and where it was written.
#[derive(Debug, Clone)]
pub(crate) struct Located<T> {
    /// The value.
    pub(crate) value: T,
    /// Where.
    pub(crate) place: Place,
}

impl<T> Located<T> {
    /// `value`, written at `place`.
    pub(crate) fn new(value: T, place: Place) -> Self {
        Located { value, place }
    }

    /// The place, with another value that follows from this one.
    pub(crate) fn with<U>(&self, value: U) -> Located<U> {
        Located { value, place: self.place.clone() }
    }
}
