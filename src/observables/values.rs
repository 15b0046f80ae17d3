//! Arrays of numbers of the types that variables have, and a cohort's values of one variable.
//!
//! Invariant: what is missing is NaN, or [`MISSING_BYTE`] where the numbers are bytes.

use phasesweep_results::{Dtype, MISSING_BYTE};

/// Numbers of one type.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats.
    F64(Vec<f64>),
    /// Bytes.
    U8(Vec<u8>),
}

impl Values {
    /// `count` missing values.
    pub fn missing(dtype: Dtype, count: usize) -> Values {
        match dtype {
            Dtype::F32 => Values::F32(vec![f32::NAN; count]),
            Dtype::F64 => Values::F64(vec![f64::NAN; count]),
            Dtype::U8 => Values::U8(vec![MISSING_BYTE; count]),
        }
    }

    /// Their number.
    pub fn len(&self) -> usize {
        match self {
            Values::F32(values) => values.len(),
            Values::F64(values) => values.len(),
            Values::U8(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their type.
    pub fn dtype(&self) -> Dtype {
        match self {
            Values::F32(_) => Dtype::F32,
            Values::F64(_) => Dtype::F64,
            Values::U8(_) => Dtype::U8,
        }
    }

    /// Sets the value in a place, rounded to the type; NaN is missing. A place that there is not is left alone.
    pub fn set(&mut self, place: usize, value: f64) {
        match self {
            Values::F32(values) => values.get_mut(place).into_iter().for_each(|old| *old = value as f32),
            Values::F64(values) => values.get_mut(place).into_iter().for_each(|old| *old = value),
            Values::U8(values) => {
                let byte = if value.is_nan() { MISSING_BYTE } else { value as u8 };
                values.get_mut(place).into_iter().for_each(|old| *old = byte);
            }
        }
    }

    /// Marks a range of places as missing.
    pub fn forget(&mut self, places: std::ops::Range<usize>) {
        match self {
            Values::F32(values) => values[places].fill(f32::NAN),
            Values::F64(values) => values[places].fill(f64::NAN),
            Values::U8(values) => values[places].fill(MISSING_BYTE),
        }
    }

    /// Adds the others behind these; those of another type are left out, which a part's check notices.
    pub fn extend(&mut self, others: &Values) {
        match (self, others) {
            (Values::F32(mine), Values::F32(theirs)) => mine.extend_from_slice(theirs),
            (Values::F64(mine), Values::F64(theirs)) => mine.extend_from_slice(theirs),
            (Values::U8(mine), Values::U8(theirs)) => mine.extend_from_slice(theirs),
            _ => debug_assert!(false, "an array has its variable's type"),
        }
    }

    /// Copies `source`'s row `from` (of as many values as there are places) into row `to` (of `width` values) here, each
    /// value to its place. Rows of another type are left alone; whoever made the arrays has checked their types.
    pub(crate) fn place_row(&mut self, to: usize, width: usize, source: &Values, from: usize, places: &[usize]) {
        fn place<T: Copy>(target: &mut [T], source: &[T], places: &[usize]) {
            places.iter().zip(source).for_each(|(&place, &value)| target[place] = value);
        }
        let (target, rows) = (to * width..(to + 1) * width, from * places.len()..(from + 1) * places.len());
        match (self, source) {
            (Values::F32(mine), Values::F32(theirs)) => place(&mut mine[target], &theirs[rows], places),
            (Values::F64(mine), Values::F64(theirs)) => place(&mut mine[target], &theirs[rows], places),
            (Values::U8(mine), Values::U8(theirs)) => place(&mut mine[target], &theirs[rows], places),
            _ => debug_assert!(false, "a part's column has its variable's type"),
        }
    }
}

/// A cohort's values of one variable.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Name of the variable, one of [`super::VARIABLES`].
    pub name: &'static str,
    /// Values `[cell, ...]`.
    pub values: Values,
}
