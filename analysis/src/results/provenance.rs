//! Where the numbers of a results file come from.

use std::path::Path;

use phasesweep_results::attribute;
use phasesweep_results::report::ReportSettings;

use super::coordinates::text;
use crate::error::{Error, Result};

/// Where the numbers come from: the file's global attributes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Provenance {
    /// Name of the sweep.
    pub name: Option<String>,
    /// The sweep file, as it was given.
    pub sweep: Option<String>,
    /// What was found of the data before training, in sentences.
    pub data_findings: Vec<String>,
    /// What the sweep says of its report; nothing where the file is older than that.
    pub report: ReportSettings,
    /// All other global attributes as text, in the file's order: version, commit, host, device, ranks, date.
    pub others: Vec<(String, String)>,
}

impl Provenance {
    /// Reads them.
    pub(super) fn read(file: &hdf5::File, path: &Path) -> Result<Provenance> {
        let names = file.attr_names().map_err(|source| Error::Open { path: path.to_owned(), source })?;
        let mut out = Provenance::default();
        for name in names {
            // An attribute in a type of its own (netCDF's bookkeeping, a compound) says nothing to a reader of the report.
            let Some(value) = file.attr(&name).ok().and_then(|attribute| text(&attribute).ok()) else { continue };
            let value = value.join(", ");
            match name.as_str() {
                attribute::TITLE => out.name = Some(value),
                attribute::SWEEP_FILE => out.sweep = Some(value),
                attribute::DATA_FINDINGS => out.data_findings = value.lines().map(str::to_owned).collect(),
                attribute::REPORT => out.report = serde_json::from_str(&value).unwrap_or_default(),
                // What overrode the sweep file, as a list in JSON; most often nothing did.
                attribute::OVERRIDES if value == "[]" => {}
                hidden if hidden.starts_with('_') => {}
                _ => out.others.push((name, value)),
            }
        }
        Ok(out)
    }
}
