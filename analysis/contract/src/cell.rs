//! What the results file says of each cell besides its measurements: the names of the axes, how a cell ended, and the
//! coordinates that both programs know by name.
//!
//! Further coordinates follow from the sweep: a number for each key of the specification (`lr`, `width` …), and
//! `table_key` for every other key in which the entries of an axis differ.

/// The axes of a sweep other than the seed, in the order of the grid: each is a text coordinate with its entry's label.
pub const AXES: [&str; 5] = ["data", "subsample", "architecture", "optimiser", "prune"];

/// How a cell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It was trained to its end.
    Complete,
    /// A loss or weight stopped being finite, and the cell was frozen there: this is a result too.
    Diverged,
    /// It could not be trained; nothing was measured.
    Failed,
    /// It had not been trained when the file was collected.
    Missing,
}

impl Status {
    /// All of them.
    pub const ALL: [Status; 4] = [Status::Complete, Status::Diverged, Status::Failed, Status::Missing];

    /// As it is written in files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Complete => "complete",
            Status::Diverged => "diverged",
            Status::Failed => "failed",
            Status::Missing => "missing",
        }
    }

    /// What it means, for the reference page.
    pub const fn meaning(self) -> &'static str {
        match self {
            Status::Complete => "trained to its end",
            Status::Diverged => "a loss or weight stopped being finite; what was measured before is kept",
            Status::Failed => "could not be trained; `failure` says what is known",
            Status::Missing => "not trained yet when the file was collected",
        }
    }

    /// The status that is written so.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// Type of a coordinate of the cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellDtype {
    /// UTF-8 strings of variable length.
    Text,
    /// 64-bit floats; missing is NaN.
    Number,
    /// 64-bit signed integers; none is missing.
    Integer,
}

impl CellDtype {
    /// The type's name.
    pub const fn name(self) -> &'static str {
        match self {
            CellDtype::Text => "text",
            CellDtype::Number => "float64",
            CellDtype::Integer => "int64",
        }
    }
}

/// A coordinate of the cells: one value for each.
#[derive(Debug)]
pub struct CellVariable {
    /// Name of the variable.
    pub name: &'static str,
    /// Type.
    pub dtype: CellDtype,
    /// Units; `"1"` for pure numbers and texts.
    pub units: &'static str,
    /// What it is: the attribute `long_name`.
    pub long_name: &'static str,
}

/// Which cell it is.
pub const CELL_ID: CellVariable =
    CellVariable { name: "cell_id", dtype: CellDtype::Text, units: "1", long_name: "hash of the cell's specification" };
/// How it ended: one of [`Status`]' names.
pub const STATUS: CellVariable = CellVariable {
    name: "status",
    dtype: CellDtype::Text,
    units: "1",
    long_name: "complete, diverged, failed or missing",
};
/// Why it failed; empty unless it did.
pub const FAILURE: CellVariable =
    CellVariable { name: "failure", dtype: CellDtype::Text, units: "1", long_name: "what is known of a failed cell" };
/// How long it took.
pub const WALL_SECONDS: CellVariable = CellVariable {
    name: "wall_seconds",
    dtype: CellDtype::Number,
    units: "s",
    long_name: "the cell's share of its cohort's training time",
};
/// When it diverged; NaN unless it did.
pub const DIVERGED_EPOCH: CellVariable = CellVariable {
    name: "diverged_epoch",
    dtype: CellDtype::Number,
    units: "epoch",
    long_name: "epoch at which a loss or weight stopped being finite",
};
/// Its seed.
pub const SEED: CellVariable = CellVariable {
    name: "seed",
    dtype: CellDtype::Integer,
    units: "1",
    long_name: "seed of the initial weights and sample orders",
};
/// Its variant: what a report's groups are made of.
pub const VARIANT: CellVariable = CellVariable {
    name: "variant",
    dtype: CellDtype::Text,
    units: "1",
    long_name: "hash of the specification without its seed: cells that differ in the seed alone share it",
};
/// Size of its training block.
pub const SAMPLES: CellVariable =
    CellVariable { name: "samples", dtype: CellDtype::Number, units: "1", long_name: "samples of the training block" };

/// The coordinates that are written of every cell, whatever the sweep, apart from those of the axes and of the numbers of the
/// specification. The first five are known when a cell has ended, the others before it begins.
pub const CELL_VARIABLES: [&CellVariable; 7] =
    [&CELL_ID, &STATUS, &WALL_SECONDS, &DIVERGED_EPOCH, &FAILURE, &SEED, &VARIANT];

/// Variables of the training block, where all cells share one and it holds images: the pixels
/// `[sample, row, column]`, 0 to 255.
pub const BLOCK_IMAGES: &str = "block_images";
/// The class of each sample of the training block, `[sample]`.
pub const BLOCK_LABELS: &str = "block_labels";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_found_by_their_names() {
        for status in Status::ALL {
            assert_eq!(Status::from_name(status.name()), Some(status));
            assert!(STATUS.long_name.contains(status.name()));
        }
        assert_eq!(Status::from_name("Complete"), None);
    }
}
