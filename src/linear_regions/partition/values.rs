//! The values of a network's nodes on a slice.
//!
//! Up to the first bend a value is one affine function of the slice's coordinates, and is kept as that. After it, it is one
//! row of numbers for each vertex of the mesh: a network is continuous, so a vertex has one value whichever region asks.
//! Invariant: a new vertex is put at the end of every node's rows, with values between those of the ends of its edge.

use rayon::prelude::*;

use super::affine::{Affine, Dense};
use super::plane::{Plane, Point};

/// Where a value counts as zero: relative to what the terms of its sum add up to, |bias| + Σ |weight| · (greatest |input|).
/// Rounding stays a hundred times below it; a region is lost only if it is thinner than about so large a part of the
/// window.
pub const RESOLUTION: f64 = 1e-13;

/// Rows that one task works on.
const ROWS: usize = 256;

/// The value of a node at all vertices.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    /// `[vertex, unit]`.
    pub(super) values: Vec<f64>,
    /// What the terms of each unit's sum add up to at most: its rounding is in proportion to it.
    pub(super) made_of: Vec<f64>,
}

impl Rows {
    pub(super) fn units(&self) -> usize {
        self.made_of.len()
    }

    /// Up to where each unit counts as zero.
    pub(super) fn tolerances(&self) -> Vec<f64> {
        self.made_of.iter().map(|made_of| RESOLUTION * made_of).collect()
    }

    /// Makes zero what counts as zero.
    pub(super) fn snap(&mut self, tolerances: &[f64]) {
        self.values.par_chunks_mut(self.made_of.len()).for_each(|row| {
            for (value, tolerance) in row.iter_mut().zip(tolerances) {
                if value.abs() <= *tolerance {
                    *value = 0.0;
                }
            }
        });
    }

    /// Appends the row of a vertex between two others.
    pub(super) fn interpolate(&mut self, [from, to]: [u32; 2], [of_from, of_to]: [f64; 2]) {
        let units = self.units();
        let (from, to) = (from as usize * units, to as usize * units);
        let end = self.values.len();
        self.values.extend_from_within(from..from + units);
        let (before, new) = self.values.split_at_mut(end);
        new.iter_mut().zip(&before[to..to + units]).for_each(|(new, to)| *new = of_from * *new + of_to * to);
    }

    /// Keeps the rows of these vertices, which ascend.
    pub(super) fn keep(&mut self, vertices: &[u32]) {
        let units = self.units();
        for (place, &vertex) in vertices.iter().enumerate() {
            self.values.copy_within(vertex as usize * units..(vertex as usize + 1) * units, place * units);
        }
        self.values.truncate(vertices.len() * units);
    }

    /// The greatest size of each unit.
    fn greatest(&self) -> Vec<f64> {
        let mut greatest = vec![0.0_f64; self.units()];
        for row in self.values.chunks_exact(self.units()) {
            greatest.iter_mut().zip(row).for_each(|(most, x)| *most = most.max(x.abs()));
        }
        greatest
    }
}

/// The value of a node.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// One affine function of (u, v) on the whole window: its change along e₁ and e₂, and its value at the origin.
    Everywhere([Vec<f64>; 3]),
    /// Of which only the values at the vertices are known; affine on every region.
    Rows(Rows),
}

impl Value {
    /// Of the samples themselves.
    pub(super) fn of_plane(plane: &Plane) -> Value {
        let [one, two] = plane.directions().clone();
        Value::Everywhere([one, two, plane.origin().to_vec()])
    }

    /// After an affine operation.
    pub(super) fn apply(&self, affine: &Affine) -> Value {
        match self {
            Value::Everywhere([one, two, origin]) => {
                Value::Everywhere([affine.linear(one), affine.linear(two), affine.apply(origin)])
            }
            Value::Rows(rows) => Value::Rows(apply(affine, rows)),
        }
    }

    /// The sum of two.
    pub(super) fn sum(&self, other: &Value, points: &[Point]) -> Value {
        match (self, other) {
            (Value::Everywhere(a), Value::Everywhere(b)) => {
                let sum = |part: usize| a[part].iter().zip(&b[part]).map(|(a, b)| a + b).collect();
                Value::Everywhere([sum(0), sum(1), sum(2)])
            }
            (Value::Rows(rows), other) | (other, Value::Rows(rows)) => {
                let mut sum = other.rows(points);
                let terms = sum.values.par_iter_mut().zip(&rows.values);
                terms.for_each(|(sum, own)| *sum += own);
                sum.made_of.iter_mut().zip(&rows.made_of).for_each(|(sum, own)| *sum += own);
                Value::Rows(sum)
            }
        }
    }

    /// Its rows at these vertices.
    pub(super) fn rows(&self, points: &[Point]) -> Rows {
        match self {
            Value::Everywhere([one, two, origin]) => {
                let weight = one.iter().zip(two).flat_map(|(u, v)| [*u, *v]).collect();
                let coordinates = points.iter().flatten().copied().collect();
                let rows = Rows { values: coordinates, made_of: vec![0.0; 2] };
                apply(&Affine::Dense(Dense { weight, bias: origin.clone() }), &rows)
            }
            Value::Rows(rows) => rows.clone(),
        }
    }
}

/// The values after an affine operation at every row.
fn apply(affine: &Affine, rows: &Rows) -> Rows {
    let most = match affine {
        // What they add are numbers of all sizes, which may cancel: rounding of the terms themselves counts.
        Affine::Units { .. } | Affine::Mean(_) => rows.made_of.clone(),
        Affine::Dense(_) | Affine::Convolution(_) => rows.greatest(),
    };
    let made_of = affine.made_of(&most);
    let (fan_in, units) = (rows.units(), affine.outputs());
    let mut values = vec![0.0; rows.values.len() / fan_in * units];
    let tasks = values.par_chunks_mut(ROWS * units).zip(rows.values.par_chunks(ROWS * fan_in));
    if let Affine::Dense(layer) = affine {
        // [input, unit]: the inner loop runs along units, which the compiler can do several at a time.
        let mut transposed = vec![0.0; layer.weight.len()];
        for (unit, row) in layer.weight.chunks_exact(fan_in).enumerate() {
            row.iter().enumerate().for_each(|(input, weight)| transposed[input * units + unit] = *weight);
        }
        tasks.for_each(|(values, inputs)| {
            for (value, input) in values.chunks_exact_mut(units).zip(inputs.chunks_exact(fan_in)) {
                value.copy_from_slice(&layer.bias);
                for (x, weights) in input.iter().zip(transposed.chunks_exact(units)) {
                    // A rectifier leaves about half of the inputs at zero.
                    if *x != 0.0 {
                        value.iter_mut().zip(weights).for_each(|(value, weight)| *value += x * weight);
                    }
                }
            }
        });
    } else {
        tasks.for_each(|(values, inputs)| {
            let each = values.chunks_exact_mut(units).zip(inputs.chunks_exact(fan_in));
            each.for_each(|(value, input)| affine.apply_into(input, value));
        });
    }
    Rows { values, made_of }
}
