//! Cutting the window by each neuron's zero set, layer by layer, region by region.
//!
//! The values of a layer are one row for each vertex. Whether a neuron crosses a region is told by the signs at its
//! corners alone. Regions are cut depth first, each with the list of neurons that still cross it, so the work is in
//! proportion to the cuts. A cut through an edge that two regions share is made once: the second region finds a corner
//! where the neuron is zero.

use rayon::prelude::*;

use super::error::PartitionError;
use super::mesh::{Mesh, Origin};
use super::network::{Dense, PiecewiseLinear, dot};
use super::plane::{Plane, Point, Window};
use super::regions::Partition;

/// Where a pre-activation counts as zero: relative to |bias| + Σ |weight| · (greatest |input|). Rounding stays a
/// hundred times below it; a region is lost only if it is thinner than about so large a part of the window.
pub const RESOLUTION: f64 = 1e-13;

/// Rows that one task works on.
const ROWS: usize = 256;

/// Cuts the window into the network's linear regions; at most `most` of them.
///
/// # Errors
/// [`PartitionError::Plane`] if the plane does not lie in the space of the network's inputs;
/// [`PartitionError::TooMany`].
pub fn partition(
    network: &PiecewiseLinear,
    plane: &Plane,
    window: &Window,
    most: usize,
) -> Result<Partition, PartitionError> {
    if plane.dimension() != network.inputs() {
        let (is, wanted) = (plane.dimension(), network.inputs());
        return Err(PartitionError::Plane(format!(
            "its points have {is} coordinates, the network has {wanted} inputs"
        )));
    }
    let on_plane = restrict(&network.layers()[0], plane);
    let (output, hidden) = match network.layers() {
        [_] => (&on_plane, Vec::new()),
        [_, between @ .., last] => (last, std::iter::once(&on_plane).chain(between).collect()),
        [] => return Err(PartitionError::Network("it has no layers".to_owned())),
    };
    let mut mesh = Mesh::polygon(window.corners());
    // What the next layer reads, a row for each vertex; at first the coordinates.
    let mut inputs: Vec<f64> = mesh.points.iter().flatten().copied().collect();
    let (mut patterns, mut words, mut growth) = (Vec::new(), 0, Vec::new());
    for (place, layer) in hidden.iter().enumerate() {
        let tolerance = tolerances(layer, &inputs);
        let mut values = evaluate(layer, &inputs);
        drop(std::mem::take(&mut inputs));
        values.par_chunks_mut(layer.outputs()).for_each(|row| snap(row, &tolerance));
        let mut cutter = Cutter { mesh, values, tolerance, layer: place as u32, parent: Vec::new() };
        if !cutter.cut(most) {
            return Err(PartitionError::TooMany { most, layer: place + 1 });
        }
        (patterns, words) = cutter.extend_patterns(&patterns, words);
        growth.push(cutter.mesh.faces());
        (mesh, inputs) = (cutter.mesh, cutter.values);
        inputs.par_iter_mut().for_each(|z| *z = network.activate(*z));
    }
    let outputs = evaluate(output, &inputs);
    if growth.is_empty() {
        growth.push(1);
    }
    Ok(Partition { mesh, words, patterns, hidden: network.hidden(), growth, classes: output.outputs(), outputs })
}

/// A layer as a function of (u, v).
fn restrict(layer: &Dense, plane: &Plane) -> Dense {
    let [one, two] = plane.directions();
    let weight = layer.weight.chunks_exact(layer.inputs()).flat_map(|row| [dot(row, one), dot(row, two)]).collect();
    Dense { weight, bias: layer.apply(plane.origin()) }
}

/// Up to where each unit's value counts as zero.
fn tolerances(layer: &Dense, inputs: &[f64]) -> Vec<f64> {
    let mut greatest = vec![0.0_f64; layer.inputs()];
    for row in inputs.chunks_exact(layer.inputs()) {
        greatest.iter_mut().zip(row).for_each(|(most, x)| *most = most.max(x.abs()));
    }
    let made_of = |row: &[f64]| row.iter().zip(&greatest).map(|(weight, most)| weight.abs() * most).sum::<f64>();
    let rows = layer.weight.chunks_exact(layer.inputs()).zip(&layer.bias);
    rows.map(|(row, bias)| RESOLUTION * (bias.abs() + made_of(row))).collect()
}

fn snap(row: &mut [f64], tolerance: &[f64]) {
    for (value, tolerance) in row.iter_mut().zip(tolerance) {
        if value.abs() <= *tolerance {
            *value = 0.0;
        }
    }
}

/// The layer's values at every row of inputs.
fn evaluate(layer: &Dense, inputs: &[f64]) -> Vec<f64> {
    let (fan_in, units) = (layer.inputs(), layer.outputs());
    // [input, unit]: the inner loop runs along units, which the compiler can do several at a time.
    let mut transposed = vec![0.0; layer.weight.len()];
    for (unit, row) in layer.weight.chunks_exact(fan_in).enumerate() {
        row.iter().enumerate().for_each(|(input, weight)| transposed[input * units + unit] = *weight);
    }
    let mut values = vec![0.0; inputs.len() / fan_in * units];
    let tasks = values.par_chunks_mut(ROWS * units).zip(inputs.par_chunks(ROWS * fan_in));
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
    values
}

/// One layer at work.
struct Cutter {
    mesh: Mesh,
    /// Pre-activations of the layer `[vertex, unit]`.
    values: Vec<f64>,
    tolerance: Vec<f64>,
    layer: u32,
    /// The region that each face was part of when the layer began.
    parent: Vec<u32>,
}

/// A face with the neurons that cross it.
type Crossed = (u32, Vec<u32>);

impl Cutter {
    fn units(&self) -> usize {
        self.tolerance.len()
    }

    fn value(&self, vertex: u32, unit: u32) -> f64 {
        self.values[vertex as usize * self.units() + unit as usize]
    }

    fn row(&self, vertex: u32) -> &[f64] {
        &self.values[vertex as usize * self.units()..][..self.units()]
    }

    /// Cuts every face by every neuron; false if there were more than `most` faces.
    fn cut(&mut self, most: usize) -> bool {
        self.parent = (0..self.mesh.faces() as u32).collect();
        let whole: Vec<Vec<u32>> =
            (0..self.parent.len() as u32).into_par_iter().map(|face| self.crossing(face)).collect();
        let mut open: Vec<Crossed> = Vec::new();
        let mut corners = Vec::new();
        for (face, crossing) in whole.into_iter().enumerate() {
            open.push((face as u32, crossing));
            while let Some((face, crossing)) = open.pop() {
                let Some((&neuron, rest)) = crossing.split_first() else { continue };
                self.cut_by(face, neuron, rest, &mut open, &mut corners);
                if self.mesh.faces() > most {
                    return false;
                }
            }
        }
        true
    }

    /// Neurons with both signs at the corners of a face.
    fn crossing(&self, face: u32) -> Vec<u32> {
        let mut low = vec![0.0_f64; self.units()];
        let mut high = low.clone();
        for half in self.mesh.around(face) {
            let row = self.row(self.mesh.start[half as usize]);
            for ((low, high), value) in low.iter_mut().zip(&mut high).zip(row) {
                *low = if *value < *low { *value } else { *low };
                *high = if *value > *high { *value } else { *high };
            }
        }
        let both = |unit: &u32| low[*unit as usize] < 0.0 && high[*unit as usize] > 0.0;
        (0..self.units() as u32).filter(both).collect()
    }

    /// Cuts a face by a neuron that crosses it, and hands the pieces on with those of the remaining neurons that cross
    /// them.
    fn cut_by(&mut self, face: u32, neuron: u32, rest: &[u32], open: &mut Vec<Crossed>, corners: &mut Vec<(u32, i8)>) {
        corners.clear();
        let first = self.mesh.first[face as usize];
        let mut half = first;
        loop {
            let (from, to) = (self.mesh.start[half as usize], self.mesh.end(half));
            let (a, b) = (self.value(from, neuron), self.value(to, neuron));
            corners.push((half, sign(a)));
            let next = self.mesh.next[half as usize];
            if sign(a) * sign(b) < 0 {
                self.cut_edge(half, [from, to], neuron);
                corners.push((self.mesh.next[half as usize], 0));
            }
            half = next;
            if half == first {
                break;
            }
        }
        let mut pieces = vec![face];
        let origin = Origin::Neuron { layer: self.layer, neuron };
        for (a, b) in negative_runs(corners) {
            pieces.push(self.mesh.cut_face(a, b, origin));
            self.parent.push(self.parent[face as usize]);
        }
        for piece in pieces {
            let vertices: Vec<u32> = self.mesh.around(piece).map(|half| self.mesh.start[half as usize]).collect();
            let crosses = |unit: &u32| {
                let (mut low, mut high) = (false, false);
                for &vertex in &vertices {
                    let value = self.value(vertex, *unit);
                    low |= value < 0.0;
                    high |= value > 0.0;
                }
                low && high
            };
            let crossing: Vec<u32> = rest.iter().copied().filter(crosses).collect();
            if !crossing.is_empty() {
                open.push((piece, crossing));
            }
        }
    }

    /// Cuts an edge where a neuron is zero. Weights of both ends are positive, so that an interpolated value never
    /// leaves the range of its ends and no sign appears that was not there.
    fn cut_edge(&mut self, half: u32, [from, to]: [u32; 2], neuron: u32) {
        let (a, b) = (self.value(from, neuron), self.value(to, neuron));
        let (of_from, of_to) = (b / (b - a), a / (a - b));
        let [p, q]: [Point; 2] = [from, to].map(|vertex| self.mesh.points[vertex as usize]);
        self.mesh.cut_edge(half, [of_from * p[0] + of_to * q[0], of_from * p[1] + of_to * q[1]]);
        let units = self.units();
        let (from, to) = (from as usize * units, to as usize * units);
        let at = self.values.len();
        self.values.reserve(units);
        for unit in 0..units {
            let value = of_from * self.values[from + unit] + of_to * self.values[to + unit];
            self.values.push(if value.abs() <= self.tolerance[unit] { 0.0 } else { value });
        }
        self.values[at + neuron as usize] = 0.0;
    }

    /// Appends this layer's signs to the patterns of the regions that the faces were part of.
    fn extend_patterns(&self, before: &[u64], words: usize) -> (Vec<u64>, usize) {
        let more = self.units().div_ceil(64);
        let mut patterns = vec![0; self.mesh.faces() * (words + more)];
        patterns.par_chunks_mut(words + more).enumerate().for_each(|(face, pattern)| {
            let parent = self.parent[face] as usize;
            pattern[..words].copy_from_slice(&before[parent * words..(parent + 1) * words]);
            // Signs at the corners agree or are zero, so the sum has the region's sign.
            let mut sum = vec![0.0; self.units()];
            for half in self.mesh.around(face as u32) {
                let row = self.row(self.mesh.start[half as usize]);
                sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            for (unit, _) in sum.iter().enumerate().filter(|(_, sum)| **sum > 0.0) {
                pattern[words + unit / 64] |= 1 << (unit % 64);
            }
        });
        (patterns, words + more)
    }
}

fn sign(value: f64) -> i8 {
    i8::from(value > 0.0) - i8::from(value < 0.0)
}

/// Half-edges at which the stretches of negative corners begin and end: the zero corner before and the one after each.
/// A convex face has one such stretch; rounding of a face as thin as a rounding error may make more, and each is then
/// cut off by itself. `corners` are a face's half-edges with the sign where each starts; no two of opposite signs are
/// neighbours.
fn negative_runs(corners: &[(u32, i8)]) -> Vec<(u32, u32)> {
    let Some(from) = corners.iter().position(|(_, sign)| *sign > 0) else { return Vec::new() };
    let (mut runs, mut zero) = (Vec::new(), 0);
    let mut run: Option<(u32, u32)> = None;
    for place in from..=from + corners.len() {
        let (half, sign) = corners[place % corners.len()];
        match sign {
            0 => {
                // The first zero after the negative ones ends the run, unless more of them follow.
                if let Some((_, end)) = &mut run
                    && *end == u32::MAX
                {
                    *end = half;
                }
                zero = half;
            }
            -1 => run = Some((run.map_or(zero, |(start, _)| start), u32::MAX)),
            _ => runs.extend(run.take()),
        }
    }
    runs
}
