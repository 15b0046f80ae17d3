//! Local complexity: how many units' hyperplanes cut the neighbourhood of a point (Humayun et al., arXiv 2310.12977).
//!
//! The neighbourhood of x is a cross-polytope: its vertices are x ± r v_p for P orthonormal directions v_p. A unit cuts
//! it if the sign of its pre-activation is not the same at all vertices (and at x itself, where the centroid counts);
//! a pre-activation of 0 counts as negative, as it does for a rectified unit. LC is the number of units cut, for each
//! hidden layer and in all; where outputs are asked for, the output layer's are units too, as in the authors' programs. Any activation has such hyperplanes: the sign of z = W h + b is what counts.
//!
//! The first layer is linear in the input, z(x ± r v) = z(x) ± r W v: W x and W v are taken once for all radii, and no
//! vertex is ever formed. The deeper layers see every vertex. Invariants: counts of a point do not depend on which other
//! points are measured beyond its group of [`GROUP`]; memory is bounded by the group, whatever the number of points.

mod frame;
mod histogram;

#[cfg(test)]
mod tests;

pub use frame::{GROUP, frame, random_points};
pub use histogram::{Histograms, QUANTILES};

use phasesweep_results::dimension::{CELL, LC_EPOCH, LC_LAYER, LC_POINTS, LC_QUANTILE, LC_RADIUS};
use phasesweep_results::variables::LOCAL_COMPLEXITY;
use phasesweep_results::{Dtype, Variable};
use serde::Serialize;

use super::axes::{Axes, Labels};
use super::keys::{Keys, MOST};
use super::registry::{Definition, Observable, Sizes};
use super::schedule::Schedule;
use super::setup::{Setup, Subject, View};
use crate::observe::network::{self, Network, Scratch};

/// Quantiles of local complexity over points.
pub static LOCAL_COMPLEXITY_QUANTILE: Variable = Variable {
    name: "local_complexity_quantile",
    dims: &[CELL, LC_POINTS, LC_RADIUS, LC_LAYER, LC_QUANTILE, LC_EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "quantile over points of the number of units whose sign changes in the neighbourhood",
    when: "`[observe] local_complexity`",
};

/// What stands for the output layer, and for all layers that are counted together.
const OUTPUT: &str = "output";
const TOTAL: &str = "total";

/// What is asked for of local complexity. Part of a cell's identity: names and order of the fields may not change; those
/// that came later are not written where they have their defaults.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LocalComplexity {
    /// Epochs at which it is measured.
    pub at: Schedule,
    /// Radii r of the cross-polytopes, in units of the inputs, ascending.
    pub radii: Vec<f64>,
    /// Random orthonormal directions P.
    pub directions: usize,
    /// Points of each set, the first ones; a set with fewer has all of its own.
    pub points: usize,
    /// Around which points.
    pub sets: Vec<PointSet>,
    /// Whether the point itself counts as a vertex.
    pub centroid: bool,
    /// Whether the output layer's units count.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub outputs: bool,
    /// Least and greatest value of every input of a random point; `None`: those of each input in the training block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub random_box: Option<[f64; 2]>,
    /// Whether all points of all sets share one frame of directions.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shared_frame: bool,
}

/// Points whose neighbourhoods are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PointSet {
    /// Each input uniform between its least and greatest value in the training block, or in a stated box.
    Random,
    /// Test samples.
    Test,
    /// Training samples of the block, pruned or not.
    Train,
}

impl PointSet {
    /// All of them, ascending.
    const ALL: [PointSet; 3] = [PointSet::Random, PointSet::Test, PointSet::Train];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            PointSet::Random => "random",
            PointSet::Test => "test",
            PointSet::Train => "train",
        }
    }
}

impl Definition for LocalComplexity {
    const MEANING: &'static str =
        "units whose sign changes in cross-polytopes around points (Humayun et al., arXiv 2310.12977)";
    const VARIABLES: &'static [&'static Variable] = &[&LOCAL_COMPLEXITY, &LOCAL_COMPLEXITY_QUANTILE];
    const OF_FLOWS: Result<(), &'static str> = Ok(());

    fn read(keys: &mut dyn Keys) -> Option<LocalComplexity> {
        let at = keys.schedule("at", "epochs");
        let radii = keys.positive_numbers("radii", "[0.005, 0.05, 0.5]", "radii, in units of the inputs");
        let directions = keys.whole("directions", 1..=MOST, 25, "random orthonormal directions, half the vertices");
        let points = keys.whole("points", 1..=MOST, 500, "points of each set, the first ones");
        const SETS: [&str; 3] = [PointSet::ALL[0].name(), PointSet::ALL[1].name(), PointSet::ALL[2].name()];
        let sets = keys.words("sets", &SETS, &[0, 1, 2], "points; random ones are uniform in the range of each input");
        let centroid = keys.flag("centroid", true, "whether the point itself counts as a vertex");
        let outputs =
            keys.flag("outputs", false, "whether the units of the output layer count, under `output` and in the total");
        let random_box = keys.interval(
            "random_box",
            "the range of each input in the training block",
            "the least and the greatest value of every input of a random point",
        );
        let shared_frame = keys.flag(
            "shared_frame",
            false,
            "whether all points share one frame of directions, which else sixteen points do",
        );
        Some(LocalComplexity {
            at: at?,
            radii: radii?,
            directions: directions?,
            points: points?,
            sets: sets?.into_iter().map(|place| PointSet::ALL[place]).collect(),
            centroid: centroid?,
            outputs: outputs?,
            random_box: random_box?,
            shared_frame: shared_frame?,
        })
    }
}

impl LocalComplexity {
    fn around(&self) -> Neighbourhood {
        Neighbourhood {
            radii: self.radii.clone(),
            directions: self.directions,
            centroid: self.centroid,
            outputs: self.outputs,
        }
    }

    /// Points of a set that are looked at, where there are so many training and test samples.
    fn points(&self, set: PointSet, samples: usize, tests: usize) -> usize {
        match set {
            PointSet::Random => self.points,
            PointSet::Test => self.points.min(tests),
            PointSet::Train => self.points.min(samples),
        }
    }

    /// Every group of points: the place of its set, and its number in the set.
    fn groups(&self, subject: &Subject<'_>) -> Vec<(usize, usize)> {
        let (samples, tests) = (subject.block.train.len(), subject.block.test.len());
        let groups = |(place, &set): (usize, &PointSet)| {
            (0..self.points(set, samples, tests).div_ceil(GROUP)).map(move |group| (place, group)).collect::<Vec<_>>()
        };
        self.sets.iter().enumerate().flat_map(groups).collect()
    }

    /// A group's points `[point, input]`.
    fn group(&self, view: &View<'_>, set: PointSet, group: usize) -> Vec<f32> {
        let block = view.subject.block;
        let first = group * GROUP;
        let count = GROUP.min(self.points(set, block.train.len(), block.test.len()) - first);
        let rows = first * block.inputs()..(first + count) * block.inputs();
        match set {
            PointSet::Random => match self.random_box {
                None => random_points(view.seed, first, count, view.subject.input_range()),
                Some([low, high]) => {
                    random_points(view.seed, first, count, &vec![(low as f32, high as f32); block.inputs()])
                }
            },
            PointSet::Test => block.test.x[rows].to_vec(),
            PointSet::Train => block.train.x[rows].to_vec(),
        }
    }
}

impl Observable for LocalComplexity {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        let outputs = self.outputs.then(|| OUTPUT.to_owned());
        let layers = (1..setup.layers).map(|layer| layer.to_string()).chain(outputs).chain([TOTAL.to_owned()]);
        axes.set(LC_POINTS, Labels::Texts(self.sets.iter().map(|set| set.name().to_owned()).collect()));
        axes.set(LC_RADIUS, Labels::Numbers(self.radii.clone()));
        axes.set(LC_LAYER, Labels::Texts(layers.collect()));
        axes.set(LC_QUANTILE, Labels::Numbers(QUANTILES.to_vec()));
        axes.set(LC_EPOCH, Labels::integers(self.at.epochs(setup.epochs)));
    }

    fn fits(&self, subject: &Subject<'_>) -> Result<(), String> {
        network::chain(&subject.graph)?;
        let (directions, inputs) = (self.directions, subject.block.inputs());
        if directions <= inputs {
            return Ok(());
        }
        Err(format!(
            "local complexity asks for {directions} orthonormal directions, and the network has {inputs} inputs: write \
             directions = {inputs} or less"
        ))
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        let counted = &sizes.products[..self.around().layers(sizes.products.len())];
        let points: usize = self.sets.iter().map(|&set| self.points(set, sizes.samples, sizes.tests)).sum();
        points as f64 * self.around().flops_per_point(counted)
    }

    fn pieces(&self, subject: &Subject<'_>) -> usize {
        self.groups(subject).len()
    }

    fn piece(&self, view: &View<'_>, piece: usize) -> Vec<f64> {
        let (set, group) = self.groups(view.subject)[piece];
        let points = self.group(view, self.sets[set], group);
        let (Some(network), directions) = (&view.network, self.directions) else { return Vec::new() };
        let (set_number, group) = if self.shared_frame { (0, 0) } else { (self.sets[set] as u64, group as u64) };
        let frame = frame(view.seed, set_number, group, directions, network.inputs());
        let counts = count(network, &points, &frame, &self.around(), &mut Workspace::default());
        counts.into_iter().map(f64::from).collect()
    }

    fn values(&self, subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        let counted = &subject.layers[..self.around().layers(subject.layers.len())];
        let units: Vec<usize> = counted.iter().map(network::units).collect();
        let mut histograms = vec![Histograms::new(&units, self.radii.len()); self.sets.len()];
        for ((set, _), counts) in self.groups(subject).into_iter().zip(pieces) {
            let counts: Vec<u32> = counts.into_iter().map(|count| count as u32).collect();
            histograms[set].add(&counts);
        }
        let means = histograms.iter().flat_map(Histograms::means).collect();
        vec![means, histograms.iter().flat_map(Histograms::quantiles).collect()]
    }
}

/// Numbers of pre-activations of a block of vertices that are held at once, about: they are to stay in cache.
const BLOCK: usize = 1 << 16;

/// The neighbourhoods that are looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbourhood {
    /// Radii r.
    pub radii: Vec<f64>,
    /// Directions P.
    pub directions: usize,
    /// Whether the point itself counts as a vertex.
    pub centroid: bool,
    /// Whether the output layer's units count.
    pub outputs: bool,
}

impl Neighbourhood {
    /// Layers whose units count, the first ones, of a network of so many with weights.
    fn layers(&self, depth: usize) -> usize {
        if self.outputs { depth } else { depth.saturating_sub(1) }
    }

    /// Vertices of one point at one radius.
    fn vertices(&self) -> usize {
        2 * self.directions + usize::from(self.centroid)
    }

    /// Multiplications and additions that measuring one point takes, for the cost model: `products` are those of each
    /// layer that is counted, for one sample.
    pub fn flops_per_point(&self, products: &[f64]) -> f64 {
        let shared = (self.directions as f64 / GROUP as f64 + 1.0) * products.first().copied().unwrap_or(0.0);
        let vertices = (self.vertices() * self.radii.len()) as f64;
        2.0 * (shared + vertices * products.iter().skip(1).sum::<f64>())
    }
}

/// Buffers that calls reuse.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    scratch: Scratch,
    centre: Vec<f32>,
    spread: Vec<f32>,
    sums: Vec<f32>,
    fed: Vec<f32>,
}

/// Units cut around each of a group's points: `[point, radius, layer that is counted]`.
///
/// `points` are `[point, input]`, `frame` the directions `[direction, input]` that they share (see [`frame()`]).
pub fn count(
    network: &Network<'_>,
    points: &[f32],
    frame: &[f32],
    around: &Neighbourhood,
    room: &mut Workspace,
) -> Vec<u32> {
    let layers = around.layers(network.depth());
    let number = points.len() / network.inputs().max(1);
    let mut counts = vec![0; number * around.radii.len() * layers];
    if layers == 0 {
        return counts;
    }
    let mut centre = std::mem::take(&mut room.centre);
    let mut spread = std::mem::take(&mut room.spread);
    network.sums(0, points, number, &mut centre, &mut room.scratch);
    network.linear(0, frame, around.directions, &mut spread, &mut room.scratch);
    let widest = (0..layers).map(|layer| network.units(layer)).max().unwrap_or(1);
    let block = (BLOCK / (around.vertices() * widest).max(1)).clamp(1, GROUP);
    let units = network.units(0);
    for (nth, centres) in centre.chunks(block * units).enumerate() {
        for (at, &radius) in around.radii.iter().enumerate() {
            let points = centres.len() / units;
            vertices(centres, &spread, units, radius as f32, around.centroid, &mut room.sums);
            for layer in 0..layers {
                let rows = points * around.vertices();
                if layer > 0 {
                    network.sums(layer, &room.fed, rows, &mut room.sums, &mut room.scratch);
                }
                let units = network.units(layer);
                let polytopes = room.sums[..rows * units].chunks_exact(around.vertices() * units);
                for (point, polytope) in polytopes.enumerate() {
                    let place = ((nth * block + point) * around.radii.len() + at) * layers + layer;
                    counts[place] = cut(polytope, units);
                }
                if layer + 1 < layers {
                    room.sums.truncate(rows * units);
                    network.activate(layer, &mut room.sums, &mut room.fed);
                }
            }
        }
    }
    (room.centre, room.spread) = (centre, spread);
    counts
}

/// Pre-activations of the first layer at all vertices: `out` becomes `[point, vertex, unit]`.
fn vertices(centres: &[f32], spread: &[f32], units: usize, radius: f32, centroid: bool, out: &mut Vec<f32>) {
    out.clear();
    for centre in centres.chunks_exact(units) {
        if centroid {
            out.extend_from_slice(centre);
        }
        for direction in spread.chunks_exact(units) {
            out.extend(centre.iter().zip(direction).map(|(z, along)| z + radius * along));
            out.extend(centre.iter().zip(direction).map(|(z, along)| z - radius * along));
        }
    }
}

/// Units whose sign is not the same in all rows `[vertex, unit]`.
fn cut(polytope: &[f32], units: usize) -> u32 {
    /// Units looked at together: least and greatest of each stay in registers.
    const LANES: usize = 16;
    let mut count = 0;
    for first in (0..units).step_by(LANES) {
        let width = LANES.min(units - first);
        let (mut least, mut greatest) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
        for row in polytope.chunks_exact(units) {
            let row = &row[first..first + width];
            for ((least, greatest), &z) in least.iter_mut().zip(&mut greatest).zip(row) {
                *least = if z < *least { z } else { *least };
                *greatest = if z > *greatest { z } else { *greatest };
            }
        }
        let crosses =
            least.iter().zip(&greatest).take(width).filter(|(least, greatest)| **greatest > 0.0 && **least <= 0.0);
        count += crosses.count() as u32;
    }
    count
}
