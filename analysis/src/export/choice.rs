//! What may be exported, and what of it is asked for.

use crate::error::{Error, Result};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Tables as Parquet.
    Parquet,
    /// Tables as CSV.
    Csv,
    /// results.h5 with the turning points, as netCDF-4.
    Netcdf,
    /// The same as a Zarr store, version 2 of the format.
    Zarr,
    /// The report's tables for LaTeX, with booktabs.
    Latex,
    /// The report's figures as SVG.
    Svg,
    /// The report's figures as PDF.
    Pdf,
    /// The report's figures as PNG.
    Png,
    /// Event files for TensorBoard, a run a cell.
    Tensorboard,
    /// A file store of MLflow, a run a cell.
    Mlflow,
}

impl Format {
    /// Every one with its name.
    pub const ALL: [(&'static str, Format); 10] = [
        ("parquet", Format::Parquet),
        ("csv", Format::Csv),
        ("netcdf", Format::Netcdf),
        ("zarr", Format::Zarr),
        ("latex", Format::Latex),
        ("svg", Format::Svg),
        ("pdf", Format::Pdf),
        ("png", Format::Png),
        ("tensorboard", Format::Tensorboard),
        ("mlflow", Format::Mlflow),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Format::ALL.into_iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }
}

/// What is asked for beside the format.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Tables or figures, by their names; all where none is named.
    pub names: Vec<String>,
    /// Style sheet that is laid over that of the figures.
    pub style: Option<String>,
    /// Dots of a PNG for each unit of the drawing; 2 where it is not said.
    pub scale: Option<f32>,
    /// Epochs and steps that are no multiples of it are left out of trajectories and logs; all are in them where it is not said.
    pub every: Option<i64>,
}

/// Those of some names that were asked for: all where none was.
///
/// # Errors
/// [`Error::Setting`] for a name that there is not, with those that there are.
pub(super) fn chosen<T>(all: Vec<T>, name: impl Fn(&T) -> &str, asked: &[String], what: &str) -> Result<Vec<T>> {
    if let Some(unknown) = asked.iter().find(|asked| !all.iter().any(|one| name(one) == asked.as_str())) {
        let known: Vec<&str> = all.iter().map(&name).collect();
        return Err(Error::Setting(format!("there is no {what} `{unknown}`; there are: {}", known.join(", "))));
    }
    Ok(all.into_iter().filter(|one| asked.is_empty() || asked.iter().any(|asked| asked == name(one))).collect())
}
