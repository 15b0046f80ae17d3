//! What `phasesweep slice` leaves in a run directory for the report: `slices/<cell>/slice.json`, with a drawing for each frame.

/// Folder of a run directory with a folder for each cell that was sliced.
pub const FOLDER: &str = "slices";

/// A cell's frames in numbers, in its folder.
pub const FILE: &str = "slice.json";

/// What `format` says in [`FILE`]: its version.
pub const FORMAT: &str = "phasesweep-slice-1";
