//! Results in the formats of other programs: tables, arrays, LaTeX, figures, and the logs of experiment trackers.
//!
//! What is exported is what the report computes: the same turning points, tables and figures, by the same options. Invariants:
//! nothing is thinned or left out in silence; what was not measured is null or NaN, never 0; every file is written beside its
//! place and renamed, so that an export that is interrupted leaves no half of one.

pub mod arrays;
mod choice;
pub mod latex;
pub mod mlflow;
pub mod netcdf;
mod runs;
mod scales;
pub mod series;
pub mod tables;
pub mod tensorboard;
pub mod vector;
pub mod zarr;

use std::fs;
use std::path::{Path, PathBuf};

pub use choice::{Choice, Format};

use crate::error::{Error, Result};
use crate::groups::Groups;
use crate::options::Options;
use crate::results::{Results, locate};
use crate::sections::{Content, Context, SECTIONS};
use crate::stragglers;
use crate::turning::{TurningPoints, inversion, series as turning_series};

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Exported {
    /// The folder, or for netCDF the file.
    pub to: PathBuf,
    /// Files, or runs of a tracker, in words.
    pub what: Vec<String>,
}

/// Exports a run directory or a results file to `out`, or to `export/FORMAT` beside the file.
///
/// # Errors
/// Settings out of their range, names that there are not, a file that cannot be read, a folder that cannot be written.
pub fn export(from: &Path, out: Option<&Path>, format: Format, choice: &Choice, options: &Options) -> Result<Exported> {
    options.check()?;
    if choice.every.is_some_and(|every| every < 1) {
        return Err(Error::Setting("--every must be 1 or more: it counts epochs or steps".to_owned()));
    }
    let file = locate(from)?;
    let results = Results::open(&file)?;
    let beside = file.parent().unwrap_or(Path::new("")).join("export").join(format.name());
    let folder = out.map_or(beside, Path::to_owned);
    fs::create_dir_all(&folder).map_err(|source| Error::Write { path: folder.clone(), source })?;
    let options = &options.with(&results.provenance.report)?;
    let points = inversion::search(&results, options)?;
    let what = match format {
        Format::Parquet | Format::Csv => {
            let all = turning_series::search(&results, options)?;
            tables::write(&results, &points, &all.points, &folder, format == Format::Parquet, choice)?
        }
        Format::Netcdf => vec![netcdf::write(&results, &points, &folder)?],
        Format::Zarr => vec![zarr::write(&results, &points, &folder)?],
        Format::Latex => latex::write(&contents(&results, points, options, &file)?, &folder, choice)?,
        Format::Svg | Format::Pdf | Format::Png => {
            vector::write(&contents(&results, points, options, &file)?, &folder, format, choice)?
        }
        Format::Tensorboard => vec![tensorboard::write(&results, &folder, choice)?],
        Format::Mlflow => vec![mlflow::write(&results, &folder, choice)?],
    };
    Ok(Exported { to: folder, what })
}

/// The sections of the report on a file.
fn contents(
    results: &Results,
    mut points: TurningPoints,
    options: &Options,
    file: &Path,
) -> Result<Vec<Content<'static>>> {
    let groups = Groups::by(&results.cells, &options.group_by, file)?;
    let mut series = turning_series::search(results, options)?;
    if let Some(name) = &options.principal {
        match (points.called(name), series.points.called(name)) {
            (Some(place), _) => points.principal = Some(place),
            (None, Some(place)) => series.points.principal = Some(place),
            (None, None) => return Err(Error::Setting(format!("--principal {name}: the file holds no such series"))),
        }
    }
    let other_question = SECTIONS.iter().any(|section| section.asks(results));
    let stragglers = stragglers::read(results, &points)?;
    let (groups, points, series, stragglers) = (&groups, &points, &series, stragglers.as_slice());
    let context = Context { results, groups, options, points, series, stragglers, other_question };
    let made = SECTIONS.iter().map(|section| section.make(&context)).collect::<Result<Vec<_>>>()?;
    Ok(made.into_iter().flatten().map(Content::without_long_tables).collect())
}
