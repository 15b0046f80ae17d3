//! The inputs of a source's samples as the source stores them: pixels stay bytes until a block is prepared.

/// Rows of values as a source stores them.
#[derive(Debug)]
pub(crate) struct Matrix {
    /// Inputs of a row, after summing planes.
    pub(super) features: usize,
    values: Values,
}

#[derive(Debug)]
enum Values {
    /// Pixels; a row's `planes` are added up, and `white` is the value that counts as 1.
    Bytes { bytes: Vec<u8>, planes: usize, white: f32 },
    /// Coordinates.
    Floats(Vec<f32>),
}

impl Matrix {
    /// Rows of `features * planes` bytes.
    pub(super) fn bytes(bytes: Vec<u8>, features: usize, planes: usize, white: f32) -> Matrix {
        Matrix { features, values: Values::Bytes { bytes, planes, white } }
    }

    /// Rows of `features` numbers.
    pub(super) fn floats(values: Vec<f32>, features: usize) -> Matrix {
        Matrix { features, values: Values::Floats(values) }
    }

    /// Type of the values, in words.
    pub(super) fn element(&self) -> &'static str {
        match self.values {
            Values::Bytes { .. } => "bytes",
            Values::Floats(_) => "32-bit floats",
        }
    }

    /// Bytes that the values take in memory.
    pub(super) fn held(&self) -> u64 {
        match &self.values {
            Values::Bytes { bytes, .. } => bytes.len() as u64,
            Values::Floats(values) => size_of_val(values.as_slice()) as u64,
        }
    }

    /// What a stored value is divided by where inputs are left as they are.
    pub(super) fn white(&self) -> f64 {
        match self.values {
            Values::Bytes { white, .. } => f64::from(white),
            Values::Floats(_) => 1.0,
        }
    }

    /// Whether the stated rows are all equal.
    pub(super) fn is_constant(&self, rows: &[u32]) -> bool {
        let [mut first, mut row] = [vec![0.0; self.features], vec![0.0; self.features]];
        if let Some(&index) = rows.first() {
            self.read(index as usize, &mut first);
        }
        rows.iter().all(|&index| {
            self.read(index as usize, &mut row);
            row == first
        })
    }

    /// One row, as stored.
    pub(super) fn read(&self, row: usize, out: &mut [f64]) {
        let d = self.features;
        match &self.values {
            Values::Bytes { bytes, planes, .. } => {
                let start = row * d * planes;
                out.fill(0.0);
                for plane in bytes[start..start + d * planes].chunks_exact(d) {
                    out.iter_mut().zip(plane).for_each(|(sum, &byte)| *sum += f64::from(byte));
                }
            }
            Values::Floats(values) => {
                out.iter_mut().zip(&values[row * d..(row + 1) * d]).for_each(|(x, &value)| *x = f64::from(value));
            }
        }
    }
}
