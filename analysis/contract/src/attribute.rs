//! The global attributes of the results file.

/// A global attribute.
#[derive(Debug)]
pub struct Attribute {
    /// Name.
    pub name: &'static str,
    /// What it says.
    pub meaning: &'static str,
}

/// The attribute of a variable that names its dimensions, slowest first, separated by blanks: what readers without HDF5's
/// dimension scales know them by.
pub const DIMENSIONS: &str = "dimensions";

/// What [`FORMAT`] says in every results file.
pub const FORMAT_NAME: &str = "phasesweep results";

/// Declares the attributes: a constant for each name, and the table of all of them.
macro_rules! attributes {
    ($($name:ident = $text:literal: $meaning:literal,)*) => {
        $(#[doc = $meaning] pub const $name: &str = $text;)*

        /// Every global attribute, in the order of the reference page.
        pub const ATTRIBUTES: &[Attribute] = &[$(Attribute { name: $text, meaning: $meaning },)*];
    };
}

attributes! {
    FORMAT = "format": "What the file is: `phasesweep results`.",
    FORMAT_VERSION = "format_version": "Version of the format, a whole number.",
    TITLE = "title": "Name of the sweep.",
    DESCRIPTION = "description": "What the sweep is for, as its file says; absent where it does not.",
    SWEEP_FILE = "sweep_file": "Text of the sweep file.",
    REPORT = "report": "What the sweep says of its report, as JSON: `principal` and `turning`; absent where it says nothing.",
    OVERRIDES = "overrides": "What `--set` changed, a JSON list of `KEY=VALUE`.",
    DATA_FINDINGS = "data_findings": "What was found of the data before training, a sentence a line; absent where nothing was.",
    MEASURED_AFTERWARDS = "measured_afterwards": "What `phasesweep observe` measured after the run, on the weights that it kept: a JSON list, for each observable its settings (JSON, as text), variables, the versions of phasesweep that measured it, and the cells of which it was measured; absent where nothing was. Each of these variables has an attribute of the same name, which says so in a sentence.",
    PHASESWEEP_VERSION = "phasesweep_version": "Version of phasesweep.",
    GIT_COMMIT = "git_commit": "Git commit that phasesweep was built from; empty where unknown.",
    HOST = "host": "Hosts of the run.",
    DEVICE = "device": "Devices of the run.",
    ENGINE = "engine": "Engines that trained the cells.",
    RANKS = "ranks": "Ranks of the run.",
    CREATED = "created": "When the file was collected: UTC, RFC 3339.",
    MEASURED_CELLS = "measured_cells": "Number of cells that are complete or diverged.",
    WALL_SECONDS = "wall_seconds": "Wall time of the run, in seconds; NaN where unknown.",
    TRAINING_SECONDS = "training_seconds": "Seconds that the cells took, summed over them.",
    PEAK_MEMORY_BYTES = "peak_memory_bytes": "Sum over the ranks of the most memory that each held, in bytes; absent where one of them does not know.",
}
