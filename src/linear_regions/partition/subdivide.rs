//! Cutting the window by all that a network has which is not affine, node by node, region by region.
//!
//! The values of a node are one row for each vertex. Whether a unit crosses a region is told by the signs at its
//! corners alone. Regions are cut depth first, each with the list of units that still cross it, so the work is in
//! proportion to the cuts. A cut through an edge that two regions share is made once: the second region finds a corner
//! where the unit is zero.
//!
//! A maximum is a tournament: the second value of every window against the first, the third against the better of the two,
//! and so on. What a value is ahead by is a continuous function that is affine on every region, and is cut where it is zero,
//! as an activation is. Borders between two values that a third one beats are taken away after each round.

use rayon::prelude::*;

use super::affine::Windows;
use super::error::PartitionError;
use super::limits::{Budget, Limits};
use super::mesh::{Mesh, Origin};
use super::network::{Node, Operation, PiecewiseLinear, rectified};
use super::patterns::{Nonlinearity, Patterns};
use super::plane::{Plane, Point, Window};
use super::regions::Partition;
use super::values::{Rows, Value};

/// Cuts the window into the network's linear regions.
///
/// # Errors
/// [`PartitionError::Plane`] if the plane does not lie in the space of the network's inputs;
/// [`PartitionError::TooMany`] and [`PartitionError::TooLarge`] beyond the limits.
pub fn partition(
    network: &PiecewiseLinear,
    plane: &Plane,
    window: &Window,
    limits: Limits,
) -> Result<Partition, PartitionError> {
    if plane.dimension() != network.inputs() {
        let (is, wanted) = (plane.dimension(), network.inputs());
        return Err(PartitionError::Plane(format!(
            "its points have {is} coordinates, the network has {wanted} inputs"
        )));
    }
    let last_reader = last_readers(network.nodes());
    let mut slice = Slice {
        mesh: Mesh::polygon(window.corners()),
        values: vec![None; network.nodes().len()],
        patterns: Patterns::of_one(),
        budget: Budget { limits, layer: 1 },
    };
    let mut growth = Vec::new();
    for (place, node) in network.nodes().iter().enumerate() {
        let is_last = |input: usize| last_reader[input] == place;
        let value = slice.value(node, plane, is_last)?;
        node.inputs.iter().filter(|&&input| is_last(input)).for_each(|&input| slice.values[input] = None);
        slice.values[place] = Some(value);
        for _ in network.hidden_nodes().iter().filter(|&&hidden| hidden == place) {
            growth.push(slice.mesh.faces());
            slice.budget.layer += 1;
        }
    }
    let Slice { mesh, mut values, patterns, .. } = slice;
    let outputs = match values.pop().flatten() {
        Some(Value::Rows(rows)) => rows.values,
        Some(everywhere) => everywhere.rows(&mesh.points).values,
        None => Vec::new(),
    };
    if growth.is_empty() {
        growth.push(mesh.faces());
    }
    Ok(Partition { mesh, patterns, growth, classes: network.outputs(), outputs })
}

/// The last node that reads each node; none reads the output.
fn last_readers(nodes: &[Node]) -> Vec<usize> {
    let mut last = vec![usize::MAX; nodes.len()];
    for (place, node) in nodes.iter().enumerate() {
        node.inputs.iter().for_each(|&input| last[input] = place);
    }
    last
}

/// A window while it is cut.
struct Slice {
    mesh: Mesh,
    /// Of the nodes that later ones read.
    values: Vec<Option<Value>>,
    patterns: Patterns,
    budget: Budget,
}

/// Rows that new vertices are added to.
fn live(values: &mut [Option<Value>]) -> Vec<&mut Rows> {
    let rows = |value| match value {
        &mut Some(Value::Rows(ref mut rows)) => Some(rows),
        _ => None,
    };
    values.iter_mut().filter_map(rows).collect()
}

impl Slice {
    /// The value of a node, for which the window is cut where it is not affine.
    fn value(&mut self, node: &Node, plane: &Plane, is_last: impl Fn(usize) -> bool) -> Result<Value, PartitionError> {
        let input = |place: usize| node.inputs[place];
        match &node.operation {
            Operation::Input => Ok(Value::of_plane(plane)),
            Operation::Affine(affine) => {
                let of = self.of(input(0));
                if let Value::Rows(_) = of {
                    self.check(node.size)?;
                }
                Ok(of.apply(affine))
            }
            Operation::Sum => {
                let (a, b) = (self.of(input(0)), self.of(input(1)));
                if let (Value::Rows(_), _) | (_, Value::Rows(_)) = (a, b) {
                    self.check(node.size)?;
                }
                Ok(a.sum(b, &self.mesh.points))
            }
            Operation::Rectifier { slope } => {
                let rows = self.rows_of(input(0), is_last(input(0)))?;
                self.rectify(rows, *slope).map(Value::Rows)
            }
            Operation::Maximum(windows) => {
                let rows = self.rows_of(input(0), is_last(input(0)))?;
                self.maximise(rows, windows).map(Value::Rows)
            }
        }
    }

    fn of(&self, node: usize) -> &Value {
        let value = self.values[node].as_ref();
        value.unwrap_or_else(|| unreachable!("node {node} is kept until its last reader"))
    }

    /// Whether so many more numbers may be kept of each vertex.
    fn check(&self, more: usize) -> Result<(), PartitionError> {
        let rows = self.values.iter().flatten().map(|value| match value {
            Value::Rows(rows) => rows.units(),
            Value::Everywhere(_) => 0,
        });
        self.budget.check(&self.mesh, rows.sum::<usize>() + more, self.patterns.words)
    }

    /// The rows of a node; its own if nothing else reads them.
    fn rows_of(&mut self, node: usize, is_last: bool) -> Result<Rows, PartitionError> {
        if is_last && let Some(Value::Rows(_)) = &self.values[node] {
            let Some(Value::Rows(rows)) = self.values[node].take() else { unreachable!("just seen") };
            return Ok(rows);
        }
        let units = match self.of(node) {
            Value::Rows(rows) => rows.units(),
            Value::Everywhere([one, ..]) => one.len(),
        };
        self.check(units)?;
        let rows = self.of(node).rows(&self.mesh.points);
        if is_last {
            self.values[node] = None;
        }
        Ok(rows)
    }

    /// Cuts where a unit is zero, and bends there.
    fn rectify(&mut self, rows: Rows, slope: f64) -> Result<Rows, PartitionError> {
        let layer = self.patterns.nonlinearities.len() as u32;
        let nonlinearity = Nonlinearity::Signs { units: rows.units() };
        let had = self.patterns.begin(nonlinearity);
        let origin: Cut = |layer, neuron| Origin::Neuron { layer, neuron };
        let mut cutter = Cutter::new(&mut self.mesh, rows, live(&mut self.values), (layer, origin));
        cutter.cut(&self.budget, self.patterns.words)?;
        cutter.mark(&mut self.patterns, had, 1);
        let mut rows = cutter.rows;
        rows.values.par_iter_mut().for_each(|z| *z = rectified(*z, slope));
        Ok(rows)
    }

    /// Cuts where the greatest value of a window is another one.
    fn maximise(&mut self, mut input: Rows, windows: &Windows) -> Result<Rows, PartitionError> {
        let layer = self.patterns.nonlinearities.len() as u32;
        let mut had = self.patterns.begin(Nonlinearity::Winners { windows: windows.count(), of: windows.of });
        let (first_vertex, before) = (self.mesh.points.len() as u32, self.mesh.faces());
        let origin: Cut = |layer, window| Origin::Winner { layer, window };
        self.check(input.units() + 2 * windows.count())?;
        let mut best = nth(&input, windows, 0);
        for round in 1..windows.of {
            let mut ahead = nth(&input, windows, round);
            let pairs = ahead.values.par_iter_mut().zip(&best.values);
            pairs.for_each(|(ahead, best)| *ahead -= best);
            ahead.made_of.iter_mut().zip(&best.made_of).for_each(|(ahead, best)| *ahead += best);
            let mut carried = live(&mut self.values);
            carried.extend([&mut input, &mut best]);
            let mut cutter = Cutter::new(&mut self.mesh, ahead, carried, (layer, origin));
            cutter.cut(&self.budget, self.patterns.words)?;
            cutter.mark(&mut self.patterns, had, round);
            had = self.patterns.words;
            let ahead = cutter.rows;
            let won = best.values.par_chunks_mut(windows.count()).zip(ahead.values.par_chunks(windows.count()));
            won.zip(input.values.par_chunks(input.made_of.len())).for_each(|((best, ahead), input)| {
                for ((best, ahead), place) in best.iter_mut().zip(ahead).zip(windows.nth(round)) {
                    if *ahead > 0.0 {
                        *best = input[place];
                    }
                }
            });
            for (most, place) in best.made_of.iter_mut().zip(windows.nth(round)) {
                *most = most.max(input.made_of[place]);
            }
            // Also a round without cuts may beat both sides of a border.
            if self.mesh.faces() > before {
                let mut carried = live(&mut self.values);
                carried.extend([&mut input, &mut best]);
                merge(&mut self.mesh, &mut self.patterns, carried, layer, first_vertex);
            }
        }
        name_winners(&mut self.mesh, &self.patterns, layer);
        Ok(best)
    }
}

/// The nth value of each window.
fn nth(input: &Rows, windows: &Windows, n: usize) -> Rows {
    let places: Vec<usize> = windows.nth(n).collect();
    let mut values = vec![0.0; input.values.len() / input.units() * places.len()];
    let rows = values.par_chunks_mut(places.len()).zip(input.values.par_chunks(input.units()));
    rows.for_each(|(own, input)| own.iter_mut().zip(&places).for_each(|(own, place)| *own = input[*place]));
    Rows { values, made_of: places.iter().map(|&place| input.made_of[place]).collect() }
}

/// Takes away the borders of this maximum on whose two sides everything is the same by now.
fn merge(mesh: &mut Mesh, patterns: &mut Patterns, carried: Vec<&mut Rows>, layer: u32, first_vertex: u32) {
    let is_dead = |edge: usize| {
        let [a, b] = [mesh.face[2 * edge], mesh.face[2 * edge + 1]];
        matches!(mesh.origin[edge], Origin::Winner { layer: of, .. } if of == layer)
            && patterns.of(a as usize) == patterns.of(b as usize)
    };
    let dead: Vec<bool> = (0..mesh.origin.len()).into_par_iter().map(is_dead).collect();
    if dead.contains(&true) {
        let kept = mesh.remove(dead, first_vertex);
        patterns.keep(&kept.faces);
        carried.into_iter().for_each(|rows| rows.keep(&kept.vertices));
    }
}

/// Where borders of several windows lie on one line, the one that was cut first may have been beaten later: the edge is then
/// a piece of the border of another.
fn name_winners(mesh: &mut Mesh, patterns: &Patterns, layer: u32) {
    let nonlinearity = patterns.nonlinearities[layer as usize];
    let (faces, windows) = (&mesh.face, nonlinearity.count() as u32);
    mesh.origin.par_iter_mut().enumerate().for_each(|(edge, origin)| {
        let Origin::Winner { layer: of, window } = origin else { return };
        if *of != layer {
            return;
        }
        let sides = [0, 1].map(|side| patterns.of_nonlinearity(faces[2 * edge + side] as usize, layer as usize));
        let differs = |window: &u32| {
            let [a, b] = sides.map(|words| nonlinearity.get(words, *window as usize));
            a != b
        };
        if !differs(window) {
            *window = (0..windows).find(differs).unwrap_or(*window);
        }
    });
}

/// What a cut by a unit of a nonlinearity is a piece of.
type Cut = fn(u32, u32) -> Origin;

/// One nonlinearity at work.
struct Cutter<'a> {
    mesh: &'a mut Mesh,
    /// What is cut where it is zero `[vertex, unit]`.
    rows: Rows,
    tolerance: Vec<f64>,
    /// Values that later nodes read.
    carried: Vec<&'a mut Rows>,
    /// The place of the nonlinearity, and what a cut by a unit of it is a piece of.
    origin: (u32, Cut),
    /// The region that each face was part of at the beginning.
    parent: Vec<u32>,
}

/// A face with the units that cross it.
type Crossed = (u32, Vec<u32>);

impl<'a> Cutter<'a> {
    fn new(mesh: &'a mut Mesh, mut rows: Rows, carried: Vec<&'a mut Rows>, origin: (u32, Cut)) -> Cutter<'a> {
        let tolerance = rows.tolerances();
        rows.snap(&tolerance);
        let parent = (0..mesh.faces() as u32).collect();
        Cutter { mesh, rows, tolerance, carried, origin, parent }
    }

    fn units(&self) -> usize {
        self.tolerance.len()
    }

    fn value(&self, vertex: u32, unit: u32) -> f64 {
        self.rows.values[vertex as usize * self.units() + unit as usize]
    }

    fn row(&self, vertex: u32) -> &[f64] {
        &self.rows.values[vertex as usize * self.units()..][..self.units()]
    }

    /// Cuts every face by every unit, as long as the limits allow it.
    fn cut(&mut self, budget: &Budget, words: usize) -> Result<(), PartitionError> {
        let numbers = self.units() + self.carried.iter().map(|rows| rows.units()).sum::<usize>();
        let whole: Vec<Vec<u32>> =
            (0..self.parent.len() as u32).into_par_iter().map(|face| self.crossing(face)).collect();
        let mut open: Vec<Crossed> = Vec::new();
        let mut corners = Vec::new();
        for (face, crossing) in whole.into_iter().enumerate() {
            open.push((face as u32, crossing));
            while let Some((face, crossing)) = open.pop() {
                let Some((&unit, rest)) = crossing.split_first() else { continue };
                self.cut_by(face, unit, rest, &mut open, &mut corners);
                budget.check(self.mesh, numbers, words)?;
            }
        }
        Ok(())
    }

    /// Units with both signs at the corners of a face.
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

    /// Cuts a face by a unit that crosses it, and hands the pieces on with those of the remaining units that cross
    /// them.
    fn cut_by(&mut self, face: u32, unit: u32, rest: &[u32], open: &mut Vec<Crossed>, corners: &mut Vec<(u32, i8)>) {
        corners.clear();
        let first = self.mesh.first[face as usize];
        let mut half = first;
        loop {
            let (from, to) = (self.mesh.start[half as usize], self.mesh.end(half));
            let (a, b) = (self.value(from, unit), self.value(to, unit));
            corners.push((half, sign(a)));
            let next = self.mesh.next[half as usize];
            if sign(a) * sign(b) < 0 {
                self.cut_edge(half, [from, to], unit);
                corners.push((self.mesh.next[half as usize], 0));
            }
            half = next;
            if half == first {
                break;
            }
        }
        let mut pieces = vec![face];
        let (layer, origin) = self.origin;
        let origin = origin(layer, unit);
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

    /// Cuts an edge where a unit is zero. Weights of both ends are positive, so that an interpolated value never
    /// leaves the range of its ends and no sign appears that was not there.
    fn cut_edge(&mut self, half: u32, [from, to]: [u32; 2], unit: u32) {
        let (a, b) = (self.value(from, unit), self.value(to, unit));
        let shares @ [of_from, of_to] = [b / (b - a), a / (a - b)];
        let [p, q]: [Point; 2] = [from, to].map(|vertex| self.mesh.points[vertex as usize]);
        self.mesh.cut_edge(half, [of_from * p[0] + of_to * q[0], of_from * p[1] + of_to * q[1]]);
        let at = self.rows.values.len();
        self.rows.interpolate([from, to], shares);
        for (value, tolerance) in self.rows.values[at..].iter_mut().zip(&self.tolerance) {
            if value.abs() <= *tolerance {
                *value = 0.0;
            }
        }
        self.rows.values[at + unit as usize] = 0.0;
        self.carried.iter_mut().for_each(|rows| rows.interpolate([from, to], shares));
    }

    /// Gives every face the pattern of the region that it was part of, of which `had` words are known, and `mark` at the
    /// units of the last nonlinearity that are positive in it.
    fn mark(&self, patterns: &mut Patterns, had: usize, mark: usize) {
        let Some(&nonlinearity) = patterns.nonlinearities.last() else { return };
        let words = patterns.words;
        let begin = words - nonlinearity.words();
        let mut all = vec![0; self.mesh.faces() * words];
        all.par_chunks_mut(words).enumerate().for_each(|(face, pattern)| {
            let parent = self.parent[face] as usize;
            pattern[..had].copy_from_slice(&patterns.all[parent * had..(parent + 1) * had]);
            // Signs at the corners agree or are zero, so the sum has the region's sign.
            let mut sum = vec![0.0; self.units()];
            for half in self.mesh.around(face as u32) {
                let row = self.row(self.mesh.start[half as usize]);
                sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            for (unit, _) in sum.iter().enumerate().filter(|(_, sum)| **sum > 0.0) {
                nonlinearity.set(&mut pattern[begin..], unit, mark);
            }
        });
        patterns.all = all;
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
