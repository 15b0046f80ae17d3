//! How good a proxy local complexity is: the units that a cross-polytope around a point cuts, beside the exact number of linear
//! regions in the same neighbourhood, and how far each layer deforms it.
//!
//! Humayun, Balestriero & Baraniuk (arXiv 2310.12977, 2402.15555) count units whose hyperplanes separate the vertices x ± r v_p
//! of a cross-polytope, and take the number for the density of linear regions. Between the two lie three steps, each of which is
//! measured here, around the same points and along the same directions as [`super::local_complexity`] has:
//!
//! - in the plane x + s v_1 + t v_2 the cross-polytope is the diamond |s| + |t| ≤ r. `neighbourhood_regions` is the exact number
//!   of linear regions that meet its interior ([`crate::linear_regions::partition`]), `neighbourhood_units` the exact number of
//!   units that change their sign in it. k lines in general position make k + 1 regions and one more for each crossing;
//! - `neighbourhood_cut` is local complexity, all layers together, with P directions for each P of `directions`: with P = 2 that
//!   of the diamond itself, whose four vertices see no unit that bends back between them; with more in the whole space;
//! - `neighbourhood_correlation` is Spearman's rank correlation, over the points, of the units cut by P directions with the number
//!   of regions; `neighbourhood_units_correlation` that of the exact number of units with the number of regions.
//!
//! The deformation: with h a layer's values, d = h(x ± r v_p) − h(x), over the first 25 directions at most, medians over points:
//!
//! - `neighbourhood_stretch`: mean ‖d‖ over r;
//! - `neighbourhood_aspect`: the greatest ‖d‖ over the least; infinite where the layer maps a vertex onto the point's own image;
//! - `neighbourhood_eccentricity` and `neighbourhood_diameter`: the images of the vertices as the nodes of a complete graph whose edges
//!   are as long as the images are apart. A node's eccentricity is its distance to the farthest node; its mean over nodes, and its
//!   maximum, the diameter, are those by which the paper follows the deformation of neighbourhoods through layers. Both are
//!   over 2 r, which they are in the input;
//! - `neighbourhood_bend`: mean over p of ‖h(x + r v_p) + h(x − r v_p) − 2 h(x)‖ over mean ‖h(x + r v_p) − h(x − r v_p)‖: 0 where
//!   the layer is affine along all directions, whatever it stretches; this alone falls with r in every network.
//!
//! Layers of the deformation are the network's hidden layers, behind their activation and pooling, and the outputs. Only networks
//! that are piecewise affine have linear regions; batch normalisation is measured in evaluation, with its running averages. Regions
//! tell the winners of max pooling apart, units are those of activations alone.
//!
//! Invariants: regions and exact units are in f64, cuts and deformations in f32, as local complexity is; a point with more than
//! `most_regions` regions in its diamond has no number, and neither has any mean, quantile or correlation that it belongs to.

mod deformation;
mod diamond;

#[cfg(test)]
mod tests;

use phasesweep_networks::Graph;
use phasesweep_results::dimension::{
    CELL, NEIGHBOURHOOD_DIRECTIONS as DIRECTIONS, NEIGHBOURHOOD_EPOCH as EPOCH, NEIGHBOURHOOD_LAYER as LAYER,
    NEIGHBOURHOOD_POINTS as POINTS, NEIGHBOURHOOD_RADIUS as RADIUS,
};
use phasesweep_results::rank::spearman;
use phasesweep_results::variables::{
    NEIGHBOURHOOD_BEND, NEIGHBOURHOOD_CORRELATION, NEIGHBOURHOOD_CUT, NEIGHBOURHOOD_REGIONS, NEIGHBOURHOOD_STRETCH,
    NEIGHBOURHOOD_UNITS,
};
use phasesweep_results::{Dim, Dimension, Dtype, LabelKind, Variable};
use serde::Serialize;

use super::keys::MOST;
use super::local_complexity::{GROUP, PointSet, Points, QUANTILES, cut};
use super::training_loss::widened;
use super::{Axes, Definition, Keys, Labels, Loss, Observable, Schedule, Setup, Sizes, Subject, View};
use crate::linear_regions::partition::PiecewiseLinear;
use crate::observe::network::{Network, Room, Walk};
use deformation::{Deformation, MEASURES};

const QUANTILE: Dim =
    &Dimension::index("neighbourhood_quantile", LabelKind::Number, "1", "quantile over points of a neighbourhood");

const fn variable(name: &'static str, dims: &'static [Dim], long_name: &'static str) -> Variable {
    Variable { name, dims, dtype: Dtype::F32, units: "1", long_name, when: "`[observe] neighbourhood`" }
}

static REGIONS_QUANTILE: Variable = variable(
    "neighbourhood_regions_quantile",
    &[CELL, POINTS, RADIUS, QUANTILE, EPOCH],
    "quantile over points of the number of linear regions in the diamond",
);
static UNITS_QUANTILE: Variable = variable(
    "neighbourhood_units_quantile",
    &[CELL, POINTS, RADIUS, QUANTILE, EPOCH],
    "quantile over points of the number of units that change their sign in the diamond",
);
static CUT_QUANTILE: Variable = variable(
    "neighbourhood_cut_quantile",
    &[CELL, POINTS, RADIUS, DIRECTIONS, QUANTILE, EPOCH],
    "quantile over points of the number of units that separate the vertices of the cross-polytope",
);
static UNITS_CORRELATION: Variable = variable(
    "neighbourhood_units_correlation",
    &[CELL, POINTS, RADIUS, EPOCH],
    "Spearman's correlation over points of the number of units that change their sign in the diamond with that of regions",
);
static ASPECT: Variable = variable(
    "neighbourhood_aspect",
    &[CELL, POINTS, RADIUS, LAYER, EPOCH],
    "greatest over least distance of the vertices' images from the point's, median over points",
);
static ECCENTRICITY: Variable = variable(
    "neighbourhood_eccentricity",
    &[CELL, POINTS, RADIUS, LAYER, EPOCH],
    "mean eccentricity of the graph of the vertices' images over 2 r, median over points",
);
static DIAMETER: Variable = variable(
    "neighbourhood_diameter",
    &[CELL, POINTS, RADIUS, LAYER, EPOCH],
    "diameter of the graph of the vertices' images over 2 r, median over points",
);

/// What stands for the outputs among the layers.
const OUTPUT: &str = "output";

/// Directions of which the deformation is measured at most: local complexity's default. It is taken over pairs of vertices.
const DEFORMED: usize = 25;

/// What is asked for. Part of a cell's identity: names and order of the fields may not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Neighbourhood {
    at: Schedule,
    radii: Vec<f64>,
    directions: Vec<usize>,
    points: usize,
    sets: Vec<PointSet>,
    centroid: bool,
    most_regions: usize,
}

impl Definition for Neighbourhood {
    const MEANING: &'static str = "exact numbers of linear regions and of units in neighbourhoods of points beside local complexity, and \
                                   their deformation by each layer (Humayun et al., arXiv 2310.12977)";
    const VARIABLES: &'static [&'static Variable] = &[
        &NEIGHBOURHOOD_REGIONS,
        &NEIGHBOURHOOD_UNITS,
        &NEIGHBOURHOOD_CUT,
        &REGIONS_QUANTILE,
        &UNITS_QUANTILE,
        &CUT_QUANTILE,
        &NEIGHBOURHOOD_CORRELATION,
        &UNITS_CORRELATION,
        &NEIGHBOURHOOD_STRETCH,
        &ASPECT,
        &ECCENTRICITY,
        &DIAMETER,
        &NEIGHBOURHOOD_BEND,
    ];
    const OF_FLOWS: Result<(), &'static str> = Ok(());

    fn read(keys: &mut dyn Keys) -> Option<Neighbourhood> {
        let at = keys.schedule("at", "epochs or steps");
        let radii = keys.positive_numbers("radii", "[0.005, 0.05, 0.5]", "radii, in units of the inputs");
        let directions = keys.whole_numbers(
            "directions",
            1..=MOST,
            &[2, 5, 25],
            "numbers of directions with which units are counted; the diamond lies along the first two",
        );
        let points = keys.whole("points", 1..=MOST, 50, "points of each set, the first ones");
        let sets = keys.words("sets", &PointSet::NAMES, &[0, 1, 2], "points, as those of `local_complexity`");
        let centroid = keys.flag("centroid", true, "whether the point itself counts as a vertex");
        let most_regions = keys.whole(
            "most_regions",
            2..=100_000_000,
            100_000,
            "linear regions in a diamond beyond which they are not counted",
        );
        Some(Neighbourhood {
            at: at?,
            radii: radii?,
            directions: directions?,
            points: points?,
            sets: sets?.into_iter().map(|place| PointSet::ALL[place]).collect(),
            centroid: centroid?,
            most_regions: most_regions?,
        })
    }
}

impl Neighbourhood {
    fn points(&self) -> Points<'_> {
        Points { sets: &self.sets, most: [self.points; 3], random_box: None, shared_frame: false }
    }

    /// Directions of the frame: the diamond needs two.
    fn longest(&self) -> usize {
        self.directions.iter().copied().max().unwrap_or(0).max(2)
    }

    fn deformed(&self) -> usize {
        self.longest().min(DEFORMED)
    }

    /// Layers of the deformation.
    fn layers(hidden: usize) -> usize {
        hidden + 1
    }

    /// Numbers of one point at one radius.
    fn numbers(&self, hidden: usize) -> usize {
        2 + self.directions.len() + MEASURES * Neighbourhood::layers(hidden)
    }
}

impl Observable for Neighbourhood {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        let layers = (1..=setup.hidden).map(|layer| layer.to_string()).chain([OUTPUT.to_owned()]);
        axes.set(POINTS, Labels::Texts(self.sets.iter().map(|set| set.name().to_owned()).collect()));
        axes.set(RADIUS, Labels::Numbers(self.radii.clone()));
        axes.set(DIRECTIONS, Labels::integers(self.directions.iter().copied()));
        axes.set(LAYER, Labels::Texts(layers.collect()));
        axes.set(QUANTILE, Labels::Numbers(QUANTILES.to_vec()));
        axes.set(EPOCH, Labels::of(self.at.moments(setup.epochs)));
    }

    fn fits(&self, graph: &Graph, _loss: Loss) -> Result<(), String> {
        if let Err(error) = PiecewiseLinear::from_graph(graph, &vec![0.0; graph.parameters()]) {
            return Err(format!("`neighbourhood` counts linear regions, and {error}: leave it out of [observe]"));
        }
        let (directions, inputs) = (self.longest(), graph.nodes().first().map_or(0, |node| node.extent.size()));
        if directions <= inputs {
            return Ok(());
        }
        Err(format!(
            "`neighbourhood` asks for {directions} orthonormal directions, and the network has {inputs} inputs: write \
             directions = {inputs} or less"
        ))
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        // About: how many corners a partition has is not known before.
        const CORNERS: f64 = 100.0;
        let (first, rest) =
            sizes.products.split_first().map_or((0.0, 0.0), |(first, rest)| (*first, rest.iter().sum()));
        let vertices = 2 * (self.longest() + self.deformed()) + 2;
        let each = (vertices as f64 + CORNERS) * rest * self.radii.len() as f64;
        let shared = first * (3.0 + self.longest() as f64 / GROUP as f64);
        self.points().total(sizes.samples, sizes.tests) as f64 * 2.0 * (each + shared)
    }

    fn pieces(&self, subject: &Subject<'_>) -> usize {
        self.points().groups(subject).len()
    }

    /// Of a group of points `[point, radius]`: regions, units, the units cut by each number of directions, and the measures of
    /// the deformation, measure by measure and layer by layer.
    fn piece(&self, view: &View<'_>, piece: usize) -> Vec<f64> {
        let graph = &view.subject.graph;
        let (asked, inputs) = (self.points(), view.subject.block.inputs());
        let group = asked.groups(view.subject)[piece];
        let points = asked.group(view, group);
        let frame = asked.frame(view, group, self.longest(), inputs);
        let count = points.len() / inputs.max(1);
        let counted = self.counted(view, &points, &frame);
        let cuts = self.cuts(view, &points, &frame);
        let deformed = self.deformations(view, &points, &frame[..self.deformed() * inputs]);
        let (of_cuts, of_layers) = (self.directions.len(), MEASURES * Neighbourhood::layers(graph.hidden().len()));
        (0..count * self.radii.len())
            .flat_map(|at| {
                [&counted[2 * at..][..2], &cuts[at * of_cuts..][..of_cuts], &deformed[at * of_layers..][..of_layers]]
                    .concat()
            })
            .collect()
    }

    fn values(&self, subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        let (radii, of_point) = (self.radii.len(), self.numbers(subject.setup.hidden));
        // The numbers of each set's points `[set][point, radius, number]`.
        let mut of_sets: Vec<Vec<f64>> = vec![Vec::new(); self.sets.len()];
        for ((set, _), numbers) in self.points().groups(subject).into_iter().zip(pieces) {
            of_sets[set].extend(numbers);
        }
        let directions = self.directions.len();
        let mut out: Vec<Vec<f32>> = vec![Vec::new(); 8 + MEASURES];
        for numbers in &of_sets {
            for radius in 0..radii {
                let column = |number: usize| -> Vec<f64> {
                    numbers.iter().skip(radius * of_point + number).step_by(radii * of_point).copied().collect()
                };
                let (regions, units) = (column(0), column(1));
                let cuts: Vec<Vec<f64>> = (0..directions).map(|at| column(2 + at)).collect();
                out[0].push(mean(&regions));
                out[1].push(mean(&units));
                out[2].extend(cuts.iter().map(|cut| mean(cut)));
                out[3].extend(quantiles(&regions));
                out[4].extend(quantiles(&units));
                out[5].extend(cuts.iter().flat_map(|cut| quantiles(cut)));
                out[6].extend(cuts.iter().map(|cut| spearman(cut, &regions) as f32));
                out[7].push(spearman(&units, &regions) as f32);
                let layers = Neighbourhood::layers(subject.setup.hidden);
                for measure in 0..MEASURES {
                    let each = (0..layers).map(|layer| column(2 + directions + measure * layers + layer));
                    out[8 + measure].extend(each.map(|values| quantile(&sorted(&values), 0.5) as f32));
                }
            }
        }
        out
    }
}

impl Neighbourhood {
    /// The exact numbers of regions and of units in each point's diamond `[point, radius, (regions, units)]`.
    fn counted(&self, view: &View<'_>, points: &[f32], frame: &[f32]) -> Vec<f64> {
        let inputs = view.subject.block.inputs().max(1);
        let Ok(network) = PiecewiseLinear::from_graph(&view.subject.graph, &widened(view.evaluated())) else {
            return vec![f64::NAN; points.len() / inputs * self.radii.len() * 2];
        };
        let along = [widened(&frame[..inputs]), widened(&frame[inputs..2 * inputs])];
        let work = || {
            let mut out = Vec::new();
            for x in points.chunks_exact(inputs).map(widened) {
                for &radius in &self.radii {
                    out.extend(diamond::count(&network, &x, &along, radius, self.most_regions));
                }
            }
            out
        };
        // Whoever measures shares pieces among threads of their own; the partition's own threads would come on top.
        match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
            Ok(one_thread) => one_thread.install(work),
            Err(_) => work(),
        }
    }

    /// The units that each number of directions cuts `[point, radius, directions]`.
    fn cuts(&self, view: &View<'_>, points: &[f32], frame: &[f32]) -> Vec<f64> {
        let graph = &view.subject.graph;
        let (count, longest) = (points.len() / graph_inputs(graph), self.longest());
        let mut cuts = vec![0.0; count * self.radii.len() * self.directions.len()];
        let around = Around { view, points, frame, directions: longest, centre: self.centroid };
        around.visit(&graph.pre_activations(), &self.radii, |_, units, at, polytope| {
            for (place, &directions) in self.directions.iter().enumerate() {
                // Vertices stand direction by direction, so that those of fewer directions come first.
                let vertices = 2 * directions + usize::from(self.centroid);
                cuts[at * self.directions.len() + place] += f64::from(cut(&polytope[..vertices * units], units));
            }
        });
        cuts
    }

    /// The measures of the deformation `[point, radius, measure, layer]`.
    fn deformations(&self, view: &View<'_>, points: &[f32], frame: &[f32]) -> Vec<f64> {
        let graph = &view.subject.graph;
        let nodes: Vec<usize> = graph.hidden().iter().copied().chain([graph.nodes().len() - 1]).collect();
        let (count, layers) = (points.len() / graph_inputs(graph), nodes.len());
        let mut out = vec![f64::NAN; count * self.radii.len() * MEASURES * layers];
        let around = Around { view, points, frame, directions: self.deformed(), centre: true };
        around.visit(&nodes, &self.radii, |layer, units, at, images| {
            let deformation = Deformation::of(images, units, self.radii[at % self.radii.len()]);
            for (measure, value) in deformation.measures().into_iter().enumerate() {
                out[(at * MEASURES + measure) * layers + layer] = value;
            }
        });
        out
    }
}

fn graph_inputs(graph: &Graph) -> usize {
    graph.nodes().first().map_or(1, |node| node.extent.size()).max(1)
}

/// Points and the vertices around them.
struct Around<'a> {
    view: &'a View<'a>,
    /// `[point, input]`
    points: &'a [f32],
    /// `[direction, input]`
    frame: &'a [f32],
    directions: usize,
    /// Whether the point itself is a vertex, the first one.
    centre: bool,
}

impl Around<'_> {
    /// Calls `visit` with each of the nodes, by its place among them, for each point and radius: how many units the node has,
    /// the place of point and radius in `[point, radius]`, and the values `[vertex, unit]`.
    fn visit(&self, nodes: &[usize], radii: &[f64], mut visit: impl FnMut(usize, usize, usize, &[f32])) {
        let graph = &self.view.subject.graph;
        let Some(network) = Network::new(graph, self.view.evaluated()) else { return };
        let (walk, mut room) = (Walk::new(&network, nodes), Room::default());
        let (units, vertices) = (walk.units(), 2 * self.directions + usize::from(self.centre));
        walk.prepare(self.points, self.frame, &mut room);
        for point in 0..self.points.len() / graph_inputs(graph) {
            for (place, &radius) in radii.iter().enumerate() {
                walk.around(
                    point..point + 1,
                    self.directions,
                    radius as f32,
                    self.centre,
                    &mut room,
                    |node, values| {
                        visit(node, units[node], point * radii.len() + place, &values[..vertices * units[node]]);
                    },
                );
            }
        }
    }
}

/// The mean; NaN where one is missing, or there is none.
fn mean(values: &[f64]) -> f32 {
    (values.iter().sum::<f64>() / values.len() as f64) as f32
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// A quantile of sorted numbers, interpolated between neighbours in order as NumPy does; NaN where one is missing, or there is none.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    if sorted.is_empty() || sorted.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let place = q * (sorted.len() - 1) as f64;
    let (low, part) = (place.floor() as usize, place.fract());
    if part == 0.0 {
        return sorted[low];
    }
    sorted[low] * (1.0 - part) + sorted[low + 1] * part
}

fn quantiles(values: &[f64]) -> [f32; QUANTILES.len()] {
    let sorted = sorted(values);
    QUANTILES.map(|q| quantile(&sorted, q) as f32)
}
