//! Tables as files: CSV, Parquet and Markdown, each written beside its place and renamed, so that a report that is
//! interrupted leaves the old file or the new one, never half of one.

use std::fs;
use std::io::Write;
use std::path::Path;

use polars::prelude::*;

use super::frames::table;
use super::text::Text;
use crate::error::{Error, Result};

/// Writes a file whole: to a temporary name, flushed and synced, then renamed.
pub fn file(path: &Path, content: &[u8]) -> Result<()> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".part");
    let mut out = fs::File::create(&temporary).map_err(failed)?;
    out.write_all(content).and_then(|()| out.sync_all()).map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)
}

/// Writes `stem.csv` and `stem.parquet` in a folder.
pub fn csv_and_parquet(frame: &DataFrame, folder: &Path, stem: &str) -> Result<()> {
    let mut frame = frame.clone();
    let mut bytes = Vec::new();
    table(stem, CsvWriter::new(&mut bytes).finish(&mut frame))?;
    file(&folder.join(format!("{stem}.csv")), &bytes)?;
    bytes.clear();
    table(stem, ParquetWriter::new(&mut bytes).finish(&mut frame).map(|_| ()))?;
    file(&folder.join(format!("{stem}.parquet")), &bytes)
}

/// Writes `stem.md`, `stem.csv` and `stem.parquet`.
pub fn all(frame: &DataFrame, folder: &Path, stem: &str) -> Result<()> {
    csv_and_parquet(frame, folder, stem)?;
    file(&folder.join(format!("{stem}.md")), Text::of(frame).markdown().as_bytes())
}
