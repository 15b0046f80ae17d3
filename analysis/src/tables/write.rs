//! Tables as files: CSV, Parquet and Markdown, each written beside its place and renamed, so that a report that is
//! interrupted leaves the old file or the new one, never half of one. A table of more rows than a spreadsheet opens is Parquet
//! alone, and the page says so.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use polars::io::parquet::write::BatchedWriter;
use polars::prelude::*;
use rayon::prelude::*;

use super::frames::table;
use super::parts::Parts;
use super::text::Text;
use crate::error::{Error, Result};

/// Rows of the longest table that is written as CSV: those of a sheet in Excel and in LibreOffice, less the header. The frequencies
/// of stragglers of 100,000 cells would take a gigabyte of text, and are 30 MB of Parquet.
pub const CSV_ROWS: usize = (1 << 20) - 1;

/// Parts that are made at once, at most: writing is slower than making, and a part with its text takes some 20 MB.
const MOST_AT_ONCE: usize = 4;

/// Whether a table has a CSV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Csv {
    /// Beside the Parquet file.
    Written,
    /// It has more than [`CSV_ROWS`] rows.
    TooLong,
}

/// Writes a file whole: to a temporary name, flushed and synced, then renamed.
pub fn file(path: &Path, content: &[u8]) -> Result<()> {
    let mut out = Unfinished::new(path)?;
    out.add(content)?;
    out.finish()
}

/// A file under a temporary name.
struct Unfinished {
    path: PathBuf,
    temporary: PathBuf,
    out: fs::File,
}

impl Unfinished {
    fn new(path: &Path) -> Result<Unfinished> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".part");
        let temporary = PathBuf::from(temporary);
        let out = fs::File::create(&temporary).map_err(|source| Error::Write { path: path.to_owned(), source })?;
        Ok(Unfinished { path: path.to_owned(), temporary, out })
    }

    fn add(&mut self, content: &[u8]) -> Result<()> {
        self.out.write_all(content).map_err(|source| Error::Write { path: self.path.clone(), source })
    }

    /// No file, neither here nor from a report before this one, which would not be of the same table.
    fn none(self) -> Result<()> {
        let removed = |path: &Path| match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        let done = removed(&self.temporary).and_then(|()| removed(&self.path));
        done.map_err(|source| Error::Write { path: self.path, source })
    }

    /// The file whole at its place.
    fn finish(self) -> Result<()> {
        let done = self.out.sync_all().and_then(|()| fs::rename(&self.temporary, &self.path));
        done.map_err(|source| Error::Write { path: self.path, source })
    }
}

/// Writes `stem.parquet` in a folder, and `stem.csv` unless that has more rows than [`CSV_ROWS`]. A group of parts, as many as there
/// are threads up to [`MOST_AT_ONCE`], is made while the group before it is written.
pub fn csv_and_parquet(parts: &Parts<'_>, folder: &Path, stem: &str) -> Result<Csv> {
    up_to(CSV_ROWS, parts, folder, stem)
}

fn up_to(csv_rows: usize, parts: &Parts<'_>, folder: &Path, stem: &str) -> Result<Csv> {
    let made = |places: &[usize], as_text: bool| -> Result<Vec<(DataFrame, Vec<u8>)>> {
        let one = |&place: &usize| {
            let frame = parts.part(place)?;
            let mut bytes = Vec::new();
            if as_text {
                table(stem, CsvWriter::new(&mut bytes).include_header(place == 0).finish(&mut frame.clone()))?;
            }
            Ok((frame, bytes))
        };
        places.par_iter().map(one).collect()
    };
    let places: Vec<usize> = (0..parts.count()).collect();
    let mut groups = places.chunks(rayon::current_num_threads().clamp(1, MOST_AT_ONCE));
    let mut files = Files::new(folder, stem, csv_rows)?;
    let mut ready = made(groups.next().unwrap_or_default(), true)?;
    while !ready.is_empty() {
        let (group, as_text) = (groups.next().unwrap_or_default(), files.csv.is_some());
        let (added, next) = rayon::join(|| files.add(&ready), || made(group, as_text));
        added?;
        ready = next?;
    }
    files.finish()
}

/// The files of a table that is written part by part.
struct Files<'a> {
    stem: &'a str,
    /// Rows up to which the table has a CSV file.
    csv_rows: usize,
    rows: usize,
    csv: Option<Unfinished>,
    parquet: Unfinished,
    /// There once the columns are known.
    rows_of_parquet: Option<BatchedWriter<fs::File>>,
}

impl<'a> Files<'a> {
    fn new(folder: &Path, stem: &'a str, csv_rows: usize) -> Result<Files<'a>> {
        let file = |extension: &str| Unfinished::new(&folder.join(format!("{stem}.{extension}")));
        let (csv, parquet) = (Some(file("csv")?), file("parquet")?);
        Ok(Files { stem, csv_rows, rows: 0, csv, parquet, rows_of_parquet: None })
    }

    /// Adds parts, each with its text.
    fn add(&mut self, parts: &[(DataFrame, Vec<u8>)]) -> Result<()> {
        for (frame, text) in parts {
            self.rows += frame.height();
            if self.rows > self.csv_rows
                && let Some(too_long) = self.csv.take()
            {
                too_long.none()?;
            }
            if let Some(csv) = &mut self.csv {
                csv.add(text)?;
            }
            if self.rows_of_parquet.is_none() {
                let out = self.parquet.out.try_clone();
                let out = out.map_err(|source| Error::Write { path: self.parquet.path.clone(), source })?;
                self.rows_of_parquet = Some(table(self.stem, ParquetWriter::new(out).batched(frame.schema()))?);
            }
            if let Some(rows) = &mut self.rows_of_parquet {
                table(self.stem, rows.write_batch(frame))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Csv> {
        if let Some(rows) = self.rows_of_parquet {
            table(self.stem, rows.finish().map(|_| ()))?;
        }
        self.parquet.finish()?;
        match self.csv {
            Some(csv) => csv.finish().map(|()| Csv::Written),
            None => Ok(Csv::TooLong),
        }
    }
}

/// Writes `stem.md`, and what [`csv_and_parquet`] does.
pub fn all(frame: &DataFrame, folder: &Path, stem: &str) -> Result<Csv> {
    file(&folder.join(format!("{stem}.md")), Text::of(frame).markdown().as_bytes())?;
    csv_and_parquet(&Parts::whole(frame.clone()), folder, stem)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_table_in_parts_is_the_table_written_at_once() {
        let frame = |rows: std::ops::Range<i64>| {
            let numbers: Vec<Option<f64>> = rows.clone().map(|row| (row % 3 > 0).then(|| 1.0 / row as f64)).collect();
            let words: Vec<String> = rows.clone().map(|row| format!("sgd, \"{row}\"")).collect();
            let columns = vec![
                Column::new("place".into(), rows.collect::<Vec<_>>()),
                Column::new("a word".into(), words),
                Column::new("number".into(), numbers),
            ];
            DataFrame::new_infer_height(columns).unwrap()
        };
        let folder = tempfile::tempdir().unwrap();
        // Seven parts of unequal sizes, one of them empty: more than there are threads on a small machine.
        let ends = [0_i64, 1, 4, 4, 9, 10, 20, 23];
        let parts = Parts::new(ends.len() - 1, |part| Ok(frame(ends[part]..ends[part + 1])));
        csv_and_parquet(&parts, folder.path(), "parts").unwrap();
        csv_and_parquet(&Parts::whole(frame(0..23)), folder.path(), "whole").unwrap();
        csv_and_parquet(&Parts::of_rows(0, |_| Ok(frame(0..0))), folder.path(), "none").unwrap();
        let bytes = |name: &str| fs::read(folder.path().join(name)).unwrap();
        assert_eq!(bytes("parts.csv"), bytes("whole.csv"));
        assert_eq!(bytes("none.csv"), b"place,a word,number\n");
        let read = |name: &str| ParquetReader::new(fs::File::open(folder.path().join(name)).unwrap()).finish().unwrap();
        assert!(read("parts.parquet").equals_missing(&frame(0..23)));
        assert_eq!(read("none.parquet").height(), 0);
        assert!(fs::read_dir(folder.path()).unwrap().count() == 6, "no temporary file is left");

        // As many rows as are allowed; then one row more, which no longer is text and leaves the Parquet file as it was.
        assert_eq!(up_to(23, &parts, folder.path(), "parts").unwrap(), Csv::Written);
        assert_eq!(bytes("parts.csv"), bytes("whole.csv"));
        assert_eq!(up_to(22, &parts, folder.path(), "parts").unwrap(), Csv::TooLong);
        assert!(read("parts.parquet").equals_missing(&frame(0..23)));
        assert!(
            fs::read_dir(folder.path()).unwrap().count() == 5,
            "neither the old text nor half of a new one is left"
        );
    }
}
