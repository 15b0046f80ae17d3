//! The dimensions of the results file: their names, and what their labels are.
//!
//! A dimension is known by its name alone. Those that several variables share are declared here; a dimension that one
//! observable needs is declared beside that observable. Invariant: names, and names of coordinates, are distinct.

use std::hash::{Hash, Hasher};

/// How the coordinate of a dimension is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelKind {
    /// Whole numbers.
    Integer,
    /// Real numbers.
    Number,
    /// Text.
    Text,
    /// None: positions count from 0.
    Position,
}

/// A dimension, and what is known of its labels.
#[derive(Debug)]
pub struct Dimension {
    /// Name of the dimension.
    pub name: &'static str,
    /// Name of the variable with its labels: that of the dimension, if xarray is to index by it.
    pub coordinate: &'static str,
    /// How the labels are stored.
    pub labels: LabelKind,
    /// Units of the labels; `"1"` for plain numbers.
    pub units: &'static str,
    /// What the labels mean.
    pub long_name: &'static str,
}

/// A declared dimension.
pub type Dim = &'static Dimension;

impl PartialEq for Dimension {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Dimension {}

impl Hash for Dimension {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Dimension {
    /// A dimension whose labels are its index: their variable has its name.
    pub const fn index(
        name: &'static str,
        labels: LabelKind,
        units: &'static str,
        long_name: &'static str,
    ) -> Dimension {
        Dimension { name, coordinate: name, labels, units, long_name }
    }

    /// Name of the dimension, and of the variable with its labels, where it counts steps of the optimiser instead of epochs:
    /// `weight_norm_epoch` is `weight_norm_step` then. `None` for a dimension that counts no epochs, and for those at which
    /// engines record.
    pub fn name_in_steps(&self) -> Option<String> {
        let of_its_own = self.units == EPOCHS && self.labels == LabelKind::Integer && self.coordinate == self.name;
        self.name.strip_suffix("_epoch").filter(|_| of_its_own).map(|stem| format!("{stem}_step"))
    }

    /// What the labels mean where they count steps.
    pub fn long_name_in_steps(&self) -> String {
        let of = self.long_name.strip_prefix("epoch of ").unwrap_or(self.long_name);
        format!("step of {of}: steps of the optimiser taken by then")
    }
}

/// Units of labels that count epochs.
pub const EPOCHS: &str = "epoch";
/// Units of labels that count steps of the optimiser. Over `steps_per_epoch` of a cell they are epochs.
pub const STEPS: &str = "step";

use LabelKind::{Integer, Number, Position, Text};

/// One training run.
pub const CELL: Dim = &Dimension::index("cell", Position, "1", "training run");
/// An epoch at which losses and errors were recorded.
pub const EPOCH: Dim =
    &Dimension::index("epoch", Integer, "epoch", "passes over the training set; 0 is the initial network");
/// A hidden layer, 1-based.
pub const LAYER: Dim = &Dimension::index("layer", Integer, "1", "hidden layer, counted from 1");
/// A class.
pub const CLASS: Dim = &Dimension::index("class", Integer, "1", "class");
/// A pair of classes a < b.
pub const PAIR: Dim = &Dimension::index("pair", Text, "1", "pair of classes");
/// A noisy copy of the test set.
pub const NOISE: Dim =
    &Dimension::index("noise", Number, "1", "standard deviation of the Gaussian noise added to the test inputs");
/// An epoch at which the misclassified samples were kept.
pub const SNAPSHOT: Dim = &Dimension {
    name: "snapshot",
    coordinate: "snapshot_epoch",
    labels: Integer,
    units: "epoch",
    long_name: "epoch of a snapshot of the misclassified samples",
};
/// Eight samples.
pub const BYTE: Dim = &Dimension::index("byte", Position, "1", "eight samples, the first in the high bit");
/// A set of points around which units are counted.
pub const LC_POINTS: Dim = &Dimension::index("lc_points", Text, "1", "points around which units are counted");
/// A radius of neighbourhoods.
pub const LC_RADIUS: Dim =
    &Dimension::index("lc_radius", Number, "1", "radius of the neighbourhoods, in units of the inputs");
/// A hidden layer, or all of them together.
pub const LC_LAYER: Dim = &Dimension::index(
    "lc_layer",
    Text,
    "1",
    "hidden layer, counted from 1; output: the output layer, where it counts; total: all layers that count together",
);
/// A quantile over points.
pub const LC_QUANTILE: Dim = &Dimension::index("lc_quantile", Number, "1", "quantile over points");
/// An epoch at which local complexity was measured.
pub const LC_EPOCH: Dim = &Dimension::index("lc_epoch", Integer, "epoch", "epoch of a measurement of local complexity");
/// The norm of an attack.
pub const PGD_NORM: Dim = &Dimension::index("pgd_norm", Text, "1", "norm of the ball that the attack stays in");
/// The radius of an attack.
pub const PGD_EPSILON: Dim =
    &Dimension::index("pgd_epsilon", Number, "1", "radius of that ball, in units of the inputs");
/// An epoch at which the error under attack was measured.
pub const PGD_EPOCH: Dim = &Dimension::index("pgd_epoch", Integer, "epoch", "epoch of a measurement under attack");
/// A standard deviation of noise on the test inputs, of several draws.
pub const NOISE_SIGMA: Dim = &Dimension::index(
    "noise_sigma",
    Number,
    "1",
    "standard deviation of the noise, in units of the standardised inputs",
);
/// A draw of noise on the test inputs.
pub const NOISE_DRAW: Dim = &Dimension::index("noise_draw", Integer, "1", "draw of the noise, counted from 0");
/// An epoch at which the error under several draws of noise was measured.
pub const NOISE_EPOCH: Dim =
    &Dimension::index("noise_epoch", Integer, "epoch", "epoch of a measurement under several draws of noise");
/// An epoch at which losses, errors, radii and distances were measured on a copy of the weights.
pub const TRAJECTORY_EPOCH: Dim = &Dimension::index(
    "trajectory_epoch",
    Integer,
    "epoch",
    "epoch of a measurement of losses, errors, radii and distances on a copy of the weights",
);
/// A stage of a gradient flow.
pub const STAGE: Dim = &Dimension::index(
    "stage",
    Number,
    "1",
    "stage of a gradient flow: 0 its start, 1 its end, between them the first step at which that share of the training \
     samples fits",
);
/// A quantile of a distribution.
pub const QUANTILE: Dim = &Dimension::index("quantile", Number, "1", "quantile of a distribution");
/// A component of a spectrum.
pub const COMPONENT: Dim = &Dimension::index("component", Integer, "1", "component of a spectrum, counted from 1");
/// A training point of the tangent kernel.
pub const POINT: Dim = &Dimension::index("point", Position, "1", "training point of the tangent kernel");
/// A set of points whose neighbourhoods are cut into linear regions.
pub const NEIGHBOURHOOD_POINTS: Dim =
    &Dimension::index("neighbourhood_points", Text, "1", "points whose neighbourhoods are cut into linear regions");
/// A radius of these.
pub const NEIGHBOURHOOD_RADIUS: Dim =
    &Dimension::index("neighbourhood_radius", Number, "1", "radius of these neighbourhoods, in units of the inputs");
/// A number of directions of their cross-polytopes.
pub const NEIGHBOURHOOD_DIRECTIONS: Dim =
    &Dimension::index("neighbourhood_directions", Integer, "1", "directions of a cross-polytope, half its vertices");
/// A layer whose images of neighbourhoods are looked at.
pub const NEIGHBOURHOOD_LAYER: Dim = &Dimension::index(
    "neighbourhood_layer",
    Text,
    "1",
    "hidden layer, counted from 1, that deforms a neighbourhood; output: the outputs",
);
/// An epoch at which neighbourhoods were cut into linear regions.
pub const NEIGHBOURHOOD_EPOCH: Dim =
    &Dimension::index("neighbourhood_epoch", Integer, "epoch", "epoch of a count of linear regions in neighbourhoods");
/// A stage of a gradient flow by its loss.
pub const LOSS_STAGE: Dim = &Dimension::index(
    "loss_stage",
    Number,
    "1",
    "stage of a gradient flow by its loss: the first step at which the training loss is at most that share of the start's",
);
/// Some of the parameters of the tangent kernel.
pub const KERNEL_PART: Dim = &Dimension::index(
    "kernel_part",
    Text,
    "1",
    "parameters of a tangent kernel; last: those of the output layer, headless: all others",
);

/// The dimensions of this file other than the cell, in the order in which they are written.
pub const DIMENSIONS: [Dim; 30] = [
    EPOCH,
    LAYER,
    CLASS,
    PAIR,
    NOISE,
    SNAPSHOT,
    BYTE,
    LC_POINTS,
    LC_RADIUS,
    LC_LAYER,
    LC_QUANTILE,
    LC_EPOCH,
    PGD_NORM,
    PGD_EPSILON,
    PGD_EPOCH,
    NOISE_SIGMA,
    NOISE_DRAW,
    NOISE_EPOCH,
    TRAJECTORY_EPOCH,
    STAGE,
    QUANTILE,
    COMPONENT,
    POINT,
    NEIGHBOURHOOD_POINTS,
    NEIGHBOURHOOD_RADIUS,
    NEIGHBOURHOOD_DIRECTIONS,
    NEIGHBOURHOOD_LAYER,
    NEIGHBOURHOOD_EPOCH,
    LOSS_STAGE,
    KERNEL_PART,
];

/// Dimension of the samples of the training block's images; its labels are their classes.
pub const BLOCK_SAMPLE: &str = "block_sample";
/// Dimension of the rows of an image.
pub const ROW: &str = "row";
/// Dimension of the columns of an image.
pub const COLUMN: &str = "column";
/// Dimension of the distinct texts of the cells, and the variable that holds them.
pub const TEXT: &str = "text";
