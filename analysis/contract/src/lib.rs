//! The contract between phasesweep and its analysis: what `results.h5` is called, shaped and coded, and the rules that both
//! programs apply to what it holds.
//!
//! The program writes by it and the analysis reads by it; each name, code and version stands here and nowhere else. The
//! variables that the report reads by name are in [`variables`] and [`frozen_kernels`]; a further observable declares its own [`Variable`], and its
//! own [`Dimension`] where it needs one, in its own file, and both programs carry them by what the declarations say.
//!
//! Names are promises to everyone's scripts: none is changed or reused. This crate reads and writes nothing, and depends on
//! neither program.

pub mod attribute;
pub mod cell;
pub mod dimension;
pub mod flow;
pub mod format;
pub mod frozen_kernels;
pub mod neurons;
pub mod principal;
pub mod rank;
pub mod report;
pub mod slice;
pub mod turning_point;
pub mod variable;
pub mod variables;

pub use cell::{AXES, CellVariable, Status};
pub use dimension::{Dim, Dimension, LabelKind};
pub use flow::FlowStop;
pub use format::{Format, FormatError};
/// Name of the results file in a run directory.
pub const RESULTS_FILE: &str = "results.h5";

pub use variable::{Dtype, MISSING_BYTE, Variable};
