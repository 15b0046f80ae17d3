//! Tables as files: CSV, Parquet and Markdown, each written beside its place and renamed, so that a report that is
//! interrupted leaves the old file or the new one, never half of one.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use polars::prelude::*;
use rayon::prelude::*;

use super::frames::table;
use super::parts::Parts;
use super::text::Text;
use crate::error::{Error, Result};

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

    /// The file whole at its place.
    fn finish(self) -> Result<()> {
        let done = self.out.sync_all().and_then(|()| fs::rename(&self.temporary, &self.path));
        done.map_err(|source| Error::Write { path: self.path, source })
    }
}

/// Writes `stem.csv` and `stem.parquet` in a folder. As many parts are in memory as there are threads.
pub fn csv_and_parquet(parts: &Parts<'_>, folder: &Path, stem: &str) -> Result<()> {
    let mut csv = Unfinished::new(&folder.join(format!("{stem}.csv")))?;
    let parquet = Unfinished::new(&folder.join(format!("{stem}.parquet")))?;
    let mut writer = None;
    let places: Vec<usize> = (0..parts.count()).collect();
    for together in places.chunks(rayon::current_num_threads().max(1)) {
        let made = |&place: &usize| {
            let frame = parts.part(place)?;
            let mut bytes = Vec::new();
            table(stem, CsvWriter::new(&mut bytes).include_header(place == 0).finish(&mut frame.clone()))?;
            Ok((frame, bytes))
        };
        let made: Vec<(DataFrame, Vec<u8>)> = together.par_iter().map(made).collect::<Result<_>>()?;
        for (frame, bytes) in made {
            csv.add(&bytes)?;
            if writer.is_none() {
                let out = parquet.out.try_clone();
                let out = out.map_err(|source| Error::Write { path: parquet.path.clone(), source })?;
                writer = Some(table(stem, ParquetWriter::new(out).batched(frame.schema()))?);
            }
            if let Some(writer) = &mut writer {
                table(stem, writer.write_batch(&frame))?;
            }
        }
    }
    if let Some(writer) = writer {
        table(stem, writer.finish().map(|_| ()))?;
    }
    csv.finish()?;
    parquet.finish()
}

/// Writes `stem.md`, `stem.csv` and `stem.parquet`.
pub fn all(frame: &DataFrame, folder: &Path, stem: &str) -> Result<()> {
    csv_and_parquet(&Parts::whole(frame.clone()), folder, stem)?;
    file(&folder.join(format!("{stem}.md")), Text::of(frame).markdown().as_bytes())
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
    }
}
