//! What a variable of the results file declares about itself.

use crate::dimension::Dim;

/// Type of a stored number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// 32-bit float; missing is NaN.
    F32,
    /// 64-bit float; missing is NaN.
    F64,
    /// Byte; missing is [`MISSING_BYTE`]. Where the byte holds bits, 255 is also a value, and a float variable over the
    /// same dimensions says with NaN that it is missing.
    U8,
}

impl Dtype {
    /// Bytes of a number.
    pub const fn bytes(self) -> usize {
        match self {
            Dtype::F32 => 4,
            Dtype::F64 => 8,
            Dtype::U8 => 1,
        }
    }

    /// The type's name in NumPy.
    pub const fn name(self) -> &'static str {
        match self {
            Dtype::F32 => "float32",
            Dtype::F64 => "float64",
            Dtype::U8 => "uint8",
        }
    }
}

/// What a byte holds where nothing was measured.
pub const MISSING_BYTE: u8 = 255;

/// A measured variable. Every variable has one value, or one array, for each cell.
#[derive(Debug)]
pub struct Variable {
    /// Name in parts and in the results file.
    pub name: &'static str,
    /// Dimensions, slowest first; the first is [`crate::dimension::CELL`].
    pub dims: &'static [Dim],
    /// Type.
    pub dtype: Dtype,
    /// Units; `"1"` for pure numbers.
    pub units: &'static str,
    /// What it is: the attribute `long_name`.
    pub long_name: &'static str,
    /// What of a sweep file puts it into the results file, for the reference page.
    pub when: &'static str,
}

impl Variable {
    /// Whether it is a series of floats along training: its last dimension counts epochs.
    pub fn is_along_training(&self) -> bool {
        let is_float = matches!(self.dtype, Dtype::F32 | Dtype::F64);
        is_float && self.dims.last().is_some_and(|dim| dim.units == "epoch")
    }
}
