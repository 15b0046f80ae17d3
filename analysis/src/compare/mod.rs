//! Runs, or versions of the program, side by side: which cells are in both and whether their bits agree, and which statistics
//! differ beyond noise, variant by variant.
//!
//! The first run is the one that every other is compared with. *Bits*: cells are the same if their ids are, which hold the
//! whole specification; their measurements must then agree to the bit (with the kernel that is a promise), at all labels that
//! both files have. *Statistics*: [`differences`] says how they are judged. Invariants: nothing is left out in silence (cells,
//! groups and variables that only one run has are counted and named); NaN on both sides is agreement: neither was measured.

pub mod bits;
pub mod differences;
pub mod measures;
pub mod run;
pub mod text;

use std::path::PathBuf;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::options::Options;
use crate::results::Status;
use run::Run;

/// What came out.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The runs, in the order in which they were named.
    pub runs: Vec<RunSummary>,
    /// Every further run compared with the first.
    pub with_first: Vec<Pair>,
    /// How it is judged what differs, in sentences.
    pub rule: String,
}

/// One of the runs.
#[derive(Debug, Serialize)]
pub struct RunSummary {
    /// What it is called here: A, B, …
    pub letter: String,
    /// Its results file.
    pub file: PathBuf,
    /// Name of its sweep.
    pub sweep: Option<String>,
    /// Version of phasesweep that collected it.
    pub version: Option<String>,
    /// Its commit.
    pub commit: Option<String>,
    /// When it was collected.
    pub created: Option<String>,
    /// Cells.
    pub cells: usize,
    /// Cells by how they ended, in [`Status::ALL`]'s order.
    pub statuses: Vec<(&'static str, usize)>,
}

/// A run compared with the first one.
#[derive(Debug, Serialize)]
pub struct Pair {
    /// Letters of the two.
    pub runs: [String; 2],
    /// Cells and bits.
    pub bits: bits::Bits,
    /// Statistics.
    pub statistics: differences::Differences,
}

/// Compares run directories or results files with the first of them.
///
/// # Errors
/// Fewer than two, settings out of their range, or a file that cannot be read.
pub fn compare(paths: &[PathBuf], options: &Options) -> Result<Comparison> {
    options.check()?;
    if paths.len() < 2 {
        return Err(Error::Setting("compare wants two runs or more: phasesweep compare A B".to_owned()));
    }
    let runs: Vec<Run> = paths.iter().map(|path| Run::open(path, options)).collect::<Result<_>>()?;
    let letter = |place: usize| match place {
        0..26 => char::from(b'A' + place as u8).to_string(),
        more => format!("R{}", more + 1),
    };
    let (first, others) = runs.split_first().ok_or_else(|| Error::Setting("no run".to_owned()))?;
    let by_variant = options.group_by.is_empty();
    let mut tables: Vec<differences::Table> =
        others.iter().map(|other| differences::tabulate(first, other, by_variant)).collect();
    // One family of all that the command compares: of several runs, all of them together.
    let family = tables.iter().map(differences::Table::testable).sum();
    let mut with_first = Vec::new();
    for (place, (other, table)) in others.iter().zip(tables.drain(..)).enumerate() {
        with_first.push(Pair {
            runs: [letter(0), letter(place + 1)],
            bits: bits::compare(&first.results, &other.results)?,
            statistics: table.judge(family),
        });
    }
    let summaries = runs.iter().enumerate().map(|(place, run)| summary(letter(place), run)).collect();
    Ok(Comparison { runs: summaries, with_first, rule: differences::rule(family) })
}

fn summary(letter: String, run: &Run) -> RunSummary {
    let provenance = &run.results.provenance;
    let attribute = |name: &str| {
        let found = provenance.others.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    };
    let cells = &run.results.cells;
    let count = |status: Status| cells.status.iter().filter(|of| **of == status).count();
    RunSummary {
        letter,
        file: run.results.path().to_owned(),
        sweep: provenance.name.clone(),
        version: attribute(phasesweep_results::attribute::PHASESWEEP_VERSION),
        commit: attribute(phasesweep_results::attribute::GIT_COMMIT),
        created: attribute(phasesweep_results::attribute::CREATED),
        cells: cells.len(),
        statuses: Status::ALL.map(|status| (status.name(), count(status))).into(),
    }
}
