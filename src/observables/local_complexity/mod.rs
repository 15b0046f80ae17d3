//! Local complexity: how many units' hyperplanes cut the neighbourhood of a point (Humayun et al., arXiv 2310.12977).
//!
//! The neighbourhood of x is a cross-polytope: its vertices are x ± r v_p for P orthonormal directions v_p. A unit cuts
//! it if the sign of its pre-activation is not the same at all vertices (and at x itself, where the centroid counts);
//! a pre-activation of 0 counts as negative, as it does for a rectified unit. LC is the number of units cut, for each
//! layer and in all; where outputs are asked for, they are units too, as in the authors' programs. Any activation has such
//! hyperplanes: the sign of z is what counts.
//!
//! Layers are counted by activations: every value that an activation other than `identity` is applied to is one, whatever
//! computes it, in the order of computation. Of a plain chain these are the hidden layers; of a residual network those within
//! its branches are layers of their own, and what an activation is fed behind a normalisation or a sum is the normalised
//! value or the sum. A layer without such an activation has no units that bend, and max pooling adds none. A network with batch
//! normalisation is measured in evaluation, with its running averages.
//!
//! What is affine in the input, as the first layer is, is computed at the point and along the directions,
//! z(x ± r v) = z(x) ± r W v, once for all radii, and no vertex is ever formed there. The deeper layers see every vertex.
//! Invariants: counts of a point do not depend on which other points are measured beyond its group of [`GROUP`]; memory is
//! bounded by the group, whatever the number of points.

mod device;
mod frame;
mod histogram;
mod points;

#[cfg(test)]
mod tests;

pub use frame::{GROUP, frame, random_points};
pub use histogram::{Histograms, QUANTILES};
pub use points::{PointSet, Points};

use phasesweep_networks::Graph;
use phasesweep_results::dimension::{CELL, LC_EPOCH, LC_LAYER, LC_POINTS, LC_QUANTILE, LC_RADIUS};
use phasesweep_results::variables::LOCAL_COMPLEXITY;
use phasesweep_results::{Dtype, Variable};
use serde::Serialize;

use super::axes::{Axes, Labels};
use super::keys::{Keys, MOST};
use super::loss::Loss;
use super::preset::Preset;
use super::registry::{Definition, Observable, OnDevice, Sizes};
use super::schedule::Schedule;
use super::setup::{Setup, Subject, View};
use crate::observe::network::{Network, Room, Walk};

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
    /// Test points, the first ones; `None`: as many as `points`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_points: Option<usize>,
    /// Random points; `None`: as many as `points`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub random_points: Option<usize>,
}

impl Definition for LocalComplexity {
    const MEANING: &'static str =
        "units whose sign changes in cross-polytopes around points (Humayun et al., arXiv 2310.12977)";
    const VARIABLES: &'static [&'static Variable] = &[&LOCAL_COMPLEXITY, &LOCAL_COMPLEXITY_QUANTILE];
    const OF_FLOWS: Result<(), &'static str> = Ok(());

    fn read(keys: &mut dyn Keys) -> Option<LocalComplexity> {
        let preset = Preset::read(keys);
        let authors = preset.is_some_and(Preset::is_humayun);
        let at = keys.schedule("at", "epochs or steps");
        let radii = keys.positive_numbers("radii", "[0.005, 0.05, 0.5]", "radii, in units of the inputs");
        let directions = keys.whole("directions", 1..=MOST, 25, "random orthonormal directions, half the vertices");
        let points = keys.whole(
            "points",
            1..=MOST,
            if authors { AUTHORS_TRAINING_POINTS } else { 500 },
            "points of each set, the first ones",
        );
        let sets = keys.words(
            "sets",
            &PointSet::NAMES,
            &[0, 1, 2],
            "points; random ones are uniform in the range of each input",
        );
        let centroid = keys.flag("centroid", !authors, "whether the point itself counts as a vertex");
        let outputs = keys.flag(
            "outputs",
            authors,
            "whether the units of the output layer count, under `output` and in the total",
        );
        let random_box = keys.interval(
            "random_box",
            "the range of each input in the training block",
            "the least and the greatest value of every input of a random point",
        );
        let shared_frame = keys.flag(
            "shared_frame",
            authors,
            "whether all points share one frame of directions, which else sixteen points do",
        );
        let as_many = "as many as `points`";
        let test_points = keys.optional_whole("test_points", 1..=MOST, as_many, "test points, the first ones");
        let random_points = keys.optional_whole("random_points", 1..=MOST, as_many, "random points");
        let of_authors = |number: Option<usize>| number.or(authors.then_some(AUTHORS_OTHER_POINTS));
        preset?;
        Some(LocalComplexity {
            at: at?,
            radii: radii?,
            directions: directions?,
            points: points?,
            sets: sets?.into_iter().map(|place| PointSet::ALL[place]).collect(),
            centroid: centroid?,
            outputs: outputs?,
            random_box: random_box?.or(authors.then_some([0.0, 1.0])),
            shared_frame: shared_frame?,
            test_points: of_authors(test_points?),
            random_points: of_authors(random_points?),
        })
    }
}

/// Points of the authors' configuration for MNIST: the training set, which has 1,000 samples; all 10,000 test samples, and as
/// many random points.
const AUTHORS_TRAINING_POINTS: usize = 1000;
const AUTHORS_OTHER_POINTS: usize = 10_000;

impl LocalComplexity {
    fn around(&self) -> Neighbourhood {
        Neighbourhood {
            radii: self.radii.clone(),
            directions: self.directions,
            centroid: self.centroid,
            outputs: self.outputs,
        }
    }

    fn points(&self) -> Points<'_> {
        Points {
            sets: &self.sets,
            most: [self.random_points.unwrap_or(self.points), self.test_points.unwrap_or(self.points), self.points],
            random_box: self.random_box,
            shared_frame: self.shared_frame,
        }
    }
}

impl Observable for LocalComplexity {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        let outputs = self.outputs.then(|| OUTPUT.to_owned());
        let layers =
            (1..=setup.pre_activations).map(|layer| layer.to_string()).chain(outputs).chain([TOTAL.to_owned()]);
        axes.set(LC_POINTS, Labels::Texts(self.sets.iter().map(|set| set.name().to_owned()).collect()));
        axes.set(LC_RADIUS, Labels::Numbers(self.radii.clone()));
        axes.set(LC_LAYER, Labels::Texts(layers.collect()));
        axes.set(LC_QUANTILE, Labels::Numbers(QUANTILES.to_vec()));
        axes.set(LC_EPOCH, Labels::of(self.at.moments(setup.epochs)));
    }

    fn fits(&self, graph: &Graph, _loss: Loss) -> Result<(), String> {
        if self.around().counted(graph).is_empty() {
            return Err(
                "`local_complexity` counts units that an activation bends, and this network has none: leave it out of \
                        [observe]"
                    .to_owned(),
            );
        }
        let (directions, inputs) = (self.directions, graph.nodes().first().map_or(0, |node| node.extent.size()));
        if directions <= inputs {
            return Ok(());
        }
        Err(format!(
            "local complexity asks for {directions} orthonormal directions, and the network has {inputs} inputs: write \
             directions = {inputs} or less"
        ))
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        // About: the layers below the outputs.
        let counted = &sizes.products[..sizes.products.len().saturating_sub(usize::from(!self.outputs))];
        self.points().total(sizes.samples, sizes.tests) as f64 * self.around().flops_per_point(counted)
    }

    fn pieces(&self, subject: &Subject<'_>) -> usize {
        self.points().groups(subject).len()
    }

    fn piece(&self, view: &View<'_>, piece: usize) -> Vec<f64> {
        let asked = self.points();
        let group = asked.groups(view.subject)[piece];
        let points = asked.group(view, group);
        let Some(network) = Network::new(&view.subject.graph, view.evaluated()) else { return Vec::new() };
        let frame = asked.frame(view, group, self.directions, network.inputs());
        let counted = self.around().counted(&view.subject.graph);
        let counts = count(&Walk::new(&network, &counted), &points, &frame, &self.around(), &mut Room::default());
        counts.into_iter().map(f64::from).collect()
    }

    fn on_device(&self, _subject: &Subject<'_>) -> Option<&dyn OnDevice> {
        Some(self)
    }

    fn values(&self, subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        let nodes = subject.graph.nodes();
        let counted = self.around().counted(&subject.graph);
        let units: Vec<usize> = counted.into_iter().map(|node| nodes[node].extent.size()).collect();
        let mut histograms = vec![Histograms::new(&units, self.radii.len()); self.sets.len()];
        for ((set, _), counts) in self.points().groups(subject).into_iter().zip(pieces) {
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
    /// The nodes whose units count: those whose values an activation bends and, where asked for, the outputs.
    fn counted(&self, graph: &Graph) -> Vec<usize> {
        let mut counted = graph.pre_activations();
        counted.extend(self.outputs.then(|| graph.nodes().len().saturating_sub(1)));
        counted
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

/// Units cut around each of a group's points: `[point, radius, node that is counted]`.
///
/// `points` are `[point, input]`, `frame` the directions `[direction, input]` that they share (see [`frame()`]); `walk` leads
/// to the nodes that count.
pub fn count(walk: &Walk<'_, '_>, points: &[f32], frame: &[f32], around: &Neighbourhood, room: &mut Room) -> Vec<u32> {
    let units = walk.units();
    let (inputs, widest) = (frame.len() / around.directions.max(1), units.iter().copied().max().unwrap_or(1));
    let number = points.len() / inputs.max(1);
    let mut counts = vec![0; number * around.radii.len() * units.len()];
    let block = (BLOCK / (around.vertices() * widest).max(1)).clamp(1, GROUP);
    walk.prepare(points, frame, room);
    for first in (0..number).step_by(block) {
        let points = first..(first + block).min(number);
        for (at, &radius) in around.radii.iter().enumerate() {
            let visit = |layer: usize, sums: &[f32]| {
                let polytopes = sums.chunks_exact(around.vertices() * units[layer]);
                for (point, polytope) in points.clone().zip(polytopes) {
                    let place = (point * around.radii.len() + at) * units.len() + layer;
                    counts[place] = cut(polytope, units[layer]);
                }
            };
            walk.around(points.clone(), around.directions, radius as f32, around.centroid, room, visit);
        }
    }
    counts
}

/// Units whose sign is not the same in all rows `[vertex, unit]`.
pub(super) fn cut(polytope: &[f32], units: usize) -> u32 {
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
