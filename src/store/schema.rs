//! The one table of what is stored: every variable's name, dimensions, type, units and meaning, and the versions of
//! the file formats.
//!
//! The names are the contract with everyone's scripts. A new observable is one more line of [`VARIABLES`] (and, where
//! it needs one, one more [`Dim`]) together with a higher [`Format::current`] version; parts, `collect` and the results
//! file follow from the table. Invariants: names are distinct; every variable's first dimension is the cell.

/// A dimension of the results file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dim {
    /// One training run.
    Cell,
    /// An epoch at which losses and errors were recorded.
    Epoch,
    /// A hidden layer, 1-based.
    Layer,
    /// A class.
    Class,
    /// A pair of classes a < b.
    Pair,
    /// A noisy copy of the test set.
    Noise,
    /// An epoch at which the misclassified samples were kept.
    Snapshot,
    /// Eight samples.
    Byte,
    /// A set of points around which units are counted.
    LcPoints,
    /// A radius of neighbourhoods.
    LcRadius,
    /// A hidden layer, or all of them together.
    LcLayer,
    /// A quantile over points.
    LcQuantile,
    /// An epoch at which local complexity was measured.
    LcEpoch,
    /// The norm of an attack.
    PgdNorm,
    /// The radius of an attack.
    PgdEpsilon,
    /// An epoch at which the error under attack was measured.
    PgdEpoch,
    /// A stage of a gradient flow.
    Stage,
    /// A quantile of a distribution.
    Quantile,
    /// A component of a spectrum.
    Component,
    /// A training point of the tangent kernel.
    Point,
}

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

/// What is known of a dimension.
#[derive(Debug, Clone, Copy)]
pub struct DimInfo {
    /// Name of the dimension.
    pub name: &'static str,
    /// Name of the variable with its labels; as the dimension's own where xarray shall index by it.
    pub coordinate: &'static str,
    /// How the labels are stored.
    pub labels: LabelKind,
    /// Units of the labels; `"1"` for plain numbers.
    pub units: &'static str,
    /// What the labels mean.
    pub long_name: &'static str,
}

impl Dim {
    /// All dimensions other than [`Dim::Cell`], in the order in which they are written.
    pub const ALL: [Dim; 19] = [
        Dim::Epoch,
        Dim::Layer,
        Dim::Class,
        Dim::Pair,
        Dim::Noise,
        Dim::Snapshot,
        Dim::Byte,
        Dim::LcPoints,
        Dim::LcRadius,
        Dim::LcLayer,
        Dim::LcQuantile,
        Dim::LcEpoch,
        Dim::PgdNorm,
        Dim::PgdEpsilon,
        Dim::PgdEpoch,
        Dim::Stage,
        Dim::Quantile,
        Dim::Component,
        Dim::Point,
    ];

    /// What is known of it.
    pub const fn info(self) -> DimInfo {
        use LabelKind::{Integer, Number, Position, Text};
        let (name, coordinate, labels, units, long_name) = match self {
            Dim::Cell => ("cell", "cell", Position, "1", "training run"),
            Dim::Epoch => {
                ("epoch", "epoch", Integer, "epoch", "passes over the training set; 0 is the initial network")
            }
            Dim::Layer => ("layer", "layer", Integer, "1", "hidden layer, counted from 1"),
            Dim::Class => ("class", "class", Integer, "1", "class"),
            Dim::Pair => ("pair", "pair", Text, "1", "pair of classes"),
            Dim::Noise => {
                ("noise", "noise", Number, "1", "standard deviation of the Gaussian noise added to the test inputs")
            }
            Dim::Snapshot => {
                ("snapshot", "snapshot_epoch", Integer, "epoch", "epoch of a snapshot of the misclassified samples")
            }
            Dim::Byte => ("byte", "byte", Position, "1", "eight samples, the first in the high bit"),
            Dim::LcPoints => ("lc_points", "lc_points", Text, "1", "points around which units are counted"),
            Dim::LcRadius => {
                ("lc_radius", "lc_radius", Number, "1", "radius of the neighbourhoods, in units of the inputs")
            }
            Dim::LcLayer => {
                ("lc_layer", "lc_layer", Text, "1", "hidden layer, counted from 1; total: all hidden layers together")
            }
            Dim::LcQuantile => ("lc_quantile", "lc_quantile", Number, "1", "quantile over points"),
            Dim::LcEpoch => ("lc_epoch", "lc_epoch", Integer, "epoch", "epoch of a measurement of local complexity"),
            Dim::PgdNorm => ("pgd_norm", "pgd_norm", Text, "1", "norm of the ball that the attack stays in"),
            Dim::PgdEpsilon => {
                ("pgd_epsilon", "pgd_epsilon", Number, "1", "radius of that ball, in units of the inputs")
            }
            Dim::PgdEpoch => ("pgd_epoch", "pgd_epoch", Integer, "epoch", "epoch of a measurement under attack"),
            Dim::Stage => (
                "stage",
                "stage",
                Number,
                "1",
                "stage of a gradient flow: 0 its start, 1 its end, between them the first step at which that share of \
                 the training samples fits",
            ),
            Dim::Quantile => ("quantile", "quantile", Number, "1", "quantile of a distribution"),
            Dim::Component => ("component", "component", Integer, "1", "component of a spectrum, counted from 1"),
            Dim::Point => ("point", "point", Position, "1", "training point of the tangent kernel"),
        };
        DimInfo { name, coordinate, labels, units, long_name }
    }
}

/// Type of a stored number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// 32-bit float; missing is NaN.
    F32,
    /// 64-bit float; missing is NaN.
    F64,
    /// Byte of bits; missing is 255 and some float variable over the same dimensions says so with NaN.
    U8,
}

/// A stored variable.
#[derive(Debug)]
pub struct Variable {
    /// Name in parts and in the results file.
    pub name: &'static str,
    /// Dimensions, slowest first; the first is [`Dim::Cell`].
    pub dims: &'static [Dim],
    /// Type.
    pub dtype: Dtype,
    /// Units; `"1"` for pure numbers.
    pub units: &'static str,
    /// What it is.
    pub long_name: &'static str,
}

/// Every variable measured along training.
pub static VARIABLES: &[Variable] = &[
    Variable {
        name: "train_loss",
        dims: &[Dim::Cell, Dim::Epoch],
        dtype: Dtype::F32,
        units: "1",
        long_name: "mean loss over the kept training samples",
    },
    Variable {
        name: "train_error",
        dims: &[Dim::Cell, Dim::Epoch],
        dtype: Dtype::F32,
        units: "1",
        long_name: "share of the kept training samples misclassified",
    },
    Variable {
        name: "test_error",
        dims: &[Dim::Cell, Dim::Epoch],
        dtype: Dtype::F32,
        units: "1",
        long_name: "share of the test samples misclassified",
    },
    Variable {
        name: "noisy_error",
        dims: &[Dim::Cell, Dim::Noise, Dim::Epoch],
        dtype: Dtype::F32,
        units: "1",
        long_name: "share of the test samples with added noise misclassified",
    },
    Variable {
        name: "radius",
        dims: &[Dim::Cell, Dim::Layer, Dim::Class, Dim::Epoch],
        dtype: Dtype::F32,
        units: "1",
        long_name: "radius R_c of a class's manifold",
    },
    Variable {
        name: "distance",
        dims: &[Dim::Cell, Dim::Layer, Dim::Pair, Dim::Epoch],
        dtype: Dtype::F32,
        units: "1",
        long_name: "distance D between the centres of two classes",
    },
    Variable {
        name: "misclassified",
        dims: &[Dim::Cell, Dim::Snapshot, Dim::Byte],
        dtype: Dtype::U8,
        units: "1",
        long_name: "bits of the block's samples, set where misclassified, first sample in the high bit; all bits are \
                    set where misclassified_count is NaN (no snapshot)",
    },
    Variable {
        name: "misclassified_count",
        dims: &[Dim::Cell, Dim::Snapshot],
        dtype: Dtype::F32,
        units: "1",
        long_name: "number of the block's samples misclassified; NaN where there is no snapshot",
    },
    Variable {
        name: "local_complexity",
        dims: &[Dim::Cell, Dim::LcPoints, Dim::LcRadius, Dim::LcLayer, Dim::LcEpoch],
        dtype: Dtype::F32,
        units: "1",
        long_name: "mean over points of the number of units whose sign changes in the neighbourhood",
    },
    Variable {
        name: "local_complexity_quantile",
        dims: &[Dim::Cell, Dim::LcPoints, Dim::LcRadius, Dim::LcLayer, Dim::LcQuantile, Dim::LcEpoch],
        dtype: Dtype::F32,
        units: "1",
        long_name: "quantile over points of the number of units whose sign changes in the neighbourhood",
    },
    Variable {
        name: "robust_error",
        dims: &[Dim::Cell, Dim::PgdNorm, Dim::PgdEpsilon, Dim::PgdEpoch],
        dtype: Dtype::F32,
        units: "1",
        long_name: "share of the attacked test samples misclassified, unattacked or at some step of the attack",
    },
    Variable {
        name: "steps_per_epoch",
        dims: &[Dim::Cell],
        dtype: Dtype::F32,
        units: "1",
        long_name: "steps of the optimiser in an epoch",
    },
    Variable {
        name: "flow_time",
        dims: &[Dim::Cell, Dim::Epoch],
        dtype: Dtype::F64,
        units: "1",
        long_name: "time t of the gradient flow",
    },
    Variable {
        name: "unfitted",
        dims: &[Dim::Cell, Dim::Epoch],
        dtype: Dtype::F32,
        units: "1",
        long_name: "share of the kept training samples whose margin is too small",
    },
    Variable {
        name: "compression",
        dims: &[Dim::Cell, Dim::Epoch],
        dtype: Dtype::F32,
        units: "1",
        long_name: "compression: rms of the first layer's weights along the informative coordinates over that of the others",
    },
    Variable {
        name: "distance_from_start",
        dims: &[Dim::Cell, Dim::Epoch],
        dtype: Dtype::F32,
        units: "1",
        long_name: "distance of the parameters from their initial values, over the norm of these",
    },
    Variable {
        name: "margin",
        dims: &[Dim::Cell, Dim::Epoch, Dim::Quantile],
        dtype: Dtype::F32,
        units: "1",
        long_name: "quantiles of the margins y F of the kept training samples",
    },
    Variable {
        name: "neuron_norm",
        dims: &[Dim::Cell, Dim::Epoch, Dim::Quantile],
        dtype: Dtype::F32,
        units: "1",
        long_name: "quantiles of the norms of the first layer's neurons, weights and bias",
    },
    Variable {
        name: "flow_stop",
        dims: &[Dim::Cell],
        dtype: Dtype::U8,
        units: "1",
        long_name: "why the flow ended: 0 the stated share of the samples fits, 1 the steps ran out, 2 the time ran out, 3 the gradient vanished; 255 missing",
    },
    Variable {
        name: "rejected_steps",
        dims: &[Dim::Cell],
        dtype: Dtype::F32,
        units: "1",
        long_name: "steps tried and not taken",
    },
    Variable {
        name: "input_dimension",
        dims: &[Dim::Cell],
        dtype: Dtype::F32,
        units: "1",
        long_name: "intrinsic dimension of the training inputs by two nearest neighbours",
    },
    Variable {
        name: "stage_epoch",
        dims: &[Dim::Cell, Dim::Stage],
        dtype: Dtype::F64,
        units: "epoch",
        long_name: "steps taken by the stage",
    },
    Variable {
        name: "stage_time",
        dims: &[Dim::Cell, Dim::Stage],
        dtype: Dtype::F64,
        units: "1",
        long_name: "time t at the stage",
    },
    Variable {
        name: "stage_unfitted",
        dims: &[Dim::Cell, Dim::Stage],
        dtype: Dtype::F32,
        units: "1",
        long_name: "share of the kept training samples that do not fit at the stage",
    },
    Variable {
        name: "stage_train_error",
        dims: &[Dim::Cell, Dim::Stage],
        dtype: Dtype::F32,
        units: "1",
        long_name: "share of the kept training samples misclassified at the stage",
    },
    Variable {
        name: "stage_test_error",
        dims: &[Dim::Cell, Dim::Stage],
        dtype: Dtype::F32,
        units: "1",
        long_name: "share of the test samples misclassified at the stage",
    },
    Variable {
        name: "stage_compression",
        dims: &[Dim::Cell, Dim::Stage],
        dtype: Dtype::F32,
        units: "1",
        long_name: "compression at the stage",
    },
    Variable {
        name: "weight_spectrum",
        dims: &[Dim::Cell, Dim::Stage, Dim::Component],
        dtype: Dtype::F32,
        units: "1",
        long_name: "largest eigenvalues of the second moments of the first layer's weights over its neurons",
    },
    Variable {
        name: "hidden_dimension",
        dims: &[Dim::Cell, Dim::Stage],
        dtype: Dtype::F32,
        units: "1",
        long_name: "intrinsic dimension of the training samples in the last hidden layer by two nearest neighbours",
    },
    Variable {
        name: "kernel_eigenvalue",
        dims: &[Dim::Cell, Dim::Stage, Dim::Component],
        dtype: Dtype::F32,
        units: "1",
        long_name: "largest eigenvalues of the tangent kernel's Gram matrix over its number of points",
    },
    Variable {
        name: "kernel_projection",
        dims: &[Dim::Cell, Dim::Stage, Dim::Component],
        dtype: Dtype::F32,
        units: "1",
        long_name: "squared projection of the labels, of unit norm, on the eigenvector",
    },
    Variable {
        name: "kernel_coordinate",
        dims: &[Dim::Cell, Dim::Stage, Dim::Component, Dim::Point],
        dtype: Dtype::F32,
        units: "1",
        long_name: "kernel PCA: the training points along the eigenvector, of the first two components",
    },
    Variable {
        name: "kernel_label",
        dims: &[Dim::Cell, Dim::Point],
        dtype: Dtype::F32,
        units: "1",
        long_name: "labels +1 and -1 of the kernel's training points",
    },
    Variable {
        name: "kernel_alignment",
        dims: &[Dim::Cell, Dim::Stage],
        dtype: Dtype::F32,
        units: "1",
        long_name: "alignment of the tangent kernel with the labels",
    },
    Variable {
        name: "kernel_norm",
        dims: &[Dim::Cell, Dim::Stage],
        dtype: Dtype::F32,
        units: "1",
        long_name: "Frobenius norm of the tangent kernel's Gram matrix over its number of points",
    },
    Variable {
        name: "kernel_change",
        dims: &[Dim::Cell, Dim::Stage],
        dtype: Dtype::F32,
        units: "1",
        long_name: "change of the tangent kernel's Gram matrix from the start, over its norm there",
    },
    Variable {
        name: "kernel_test_error",
        dims: &[Dim::Cell, Dim::Stage],
        dtype: Dtype::F32,
        units: "1",
        long_name: "share of the kernel's test samples that a hinge machine on the frozen tangent kernel misclassifies",
    },
    Variable {
        name: "network_test_error",
        dims: &[Dim::Cell, Dim::Stage],
        dtype: Dtype::F32,
        units: "1",
        long_name: "share of the same test samples that the network misclassifies",
    },
    Variable {
        name: "kernel_violation",
        dims: &[Dim::Cell, Dim::Stage],
        dtype: Dtype::F32,
        units: "1",
        long_name: "largest violation of the hinge machine's optimality conditions, in units of the margin",
    },
];

/// The variable of that name.
pub fn variable(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.name == name)
}

/// A file format with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One cohort's part.
    Part,
    /// One cohort's checkpoint.
    Checkpoint,
    /// The results file.
    Results,
}

impl Format {
    /// The version that is written.
    pub const fn current(self) -> u32 {
        match self {
            Format::Part | Format::Results => 1,
            // 2: a flow's state behind every replica's. 3: what is measured on copies of the weights.
            Format::Checkpoint => 3,
        }
    }

    /// The oldest version that is read.
    pub const fn oldest(self) -> u32 {
        match self {
            Format::Part | Format::Results => 1,
            Format::Checkpoint => 3,
        }
    }

    /// What a file of it is called in a sentence.
    pub const fn noun(self) -> &'static str {
        match self {
            Format::Part => "part",
            Format::Checkpoint => "checkpoint",
            Format::Results => "results file",
        }
    }

    /// Whether a file of that version can be read.
    ///
    /// # Errors
    /// [`FormatError::TooNew`] or [`FormatError::TooOld`].
    pub fn check(self, found: u32) -> Result<(), FormatError> {
        if found > self.current() {
            Err(FormatError::TooNew { noun: self.noun(), found, current: self.current() })
        } else if found < self.oldest() {
            Err(FormatError::TooOld { noun: self.noun(), found, oldest: self.oldest() })
        } else {
            Ok(())
        }
    }
}

/// Why a file is not one that this program reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A later phasesweep wrote it.
    #[error(
        "this {noun} has format version {found}, and this phasesweep knows none beyond {current}: it was written by a \
         newer phasesweep; use that one"
    )]
    TooNew {
        /// What the file is.
        noun: &'static str,
        /// Its version.
        found: u32,
        /// The newest known.
        current: u32,
    },
    /// An earlier phasesweep wrote it, and reading it was given up.
    #[error(
        "this {noun} has format version {found}, and this phasesweep reads none before {oldest}: read it with the \
         phasesweep that wrote it, or move it away and run the sweep again"
    )]
    TooOld {
        /// What the file is.
        noun: &'static str,
        /// Its version.
        found: u32,
        /// The oldest read.
        oldest: u32,
    },
    /// Something else wrote it.
    #[error("this is no phasesweep {noun}: it was written by another program; move it out of the run directory")]
    Foreign {
        /// What was expected.
        noun: &'static str,
    },
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_every_variable_is_per_cell() {
        let coordinates = Dim::ALL.iter().flat_map(|dim| HashSet::from([dim.info().name, dim.info().coordinate]));
        let names: Vec<_> = VARIABLES.iter().map(|v| v.name).chain(coordinates).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        assert!(VARIABLES.iter().all(|v| v.dims[0] == Dim::Cell && !v.dims[1..].contains(&Dim::Cell)));
        assert!(VARIABLES.iter().flat_map(|v| &v.dims[1..]).all(|dim| Dim::ALL.contains(dim)));
    }

    #[test]
    fn versions_beyond_what_is_known_are_told_apart() {
        let part = Format::Part;
        assert_eq!(part.check(part.current()), Ok(()));
        assert!(part.check(part.current() + 1).unwrap_err().to_string().contains("newer phasesweep"));
        assert!(matches!(part.check(0), Err(FormatError::TooOld { found: 0, .. })));
    }
}
