//! Tables as text: CSV (commas) and TSV (tabs) with a header, packed by gzip or not. Columns are inputs, and one is the
//! target, or several are one-hot.
//!
//! Invariants: every row has as many values as the header has names; a value that is missing or no number is refused with
//! its line and its column, and never taken for 0.

use std::io::Read;
use std::path::Path;

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder, Trim};

use super::container::{Inputs, Refusal, Targets, Texts, too_many};
use crate::data::idx;

/// Columns that are wanted of a table.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    /// Of inputs; empty for all that are no targets.
    pub(super) inputs: &'a [String],
    /// Of targets.
    pub(super) targets: &'a [String],
}

/// What a table holds.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) rows: usize,
    /// Inputs of a row.
    pub(super) features: usize,
    /// `[row, input]`; empty where only sizes were asked for.
    pub(super) inputs: Inputs,
    /// `[row, column of targets]`
    pub(super) targets: Targets,
}

/// Reads a table. Without `inputs` its inputs are passed over: it is for its sizes and targets.
pub(super) fn read(path: &Path, columns: &Columns<'_>, inputs: bool) -> Result<Content, Refusal> {
    let Opened { mut reader, names, tabs } = open(path)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let place = |name: &String| -> Result<usize, Refusal> {
        let mut places = names.iter().enumerate().filter(|(_, known)| *known == name).map(|(place, _)| place);
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => {
                Err(Refusal::new(format!("its header names `{name}` twice"), "Give each column a name of its own"))
            }
            (None, _) => Err(Refusal::new(
                format!("it has no column `{name}`; its columns are {}", listed(&names)),
                separator(&names, tabs),
            )),
        }
    };
    let targets: Vec<usize> = columns.targets.iter().map(place).collect::<Result<_, _>>()?;
    let wanted: Vec<usize> = match columns.inputs {
        [] => (0..names.len()).filter(|column| !targets.contains(column)).collect(),
        named => named.iter().map(place).collect::<Result<_, _>>()?,
    };
    if let Some(both) = wanted.iter().find(|column| targets.contains(column)) {
        let what = format!("its column `{}` is asked for as an input and as a target", names[*both]);
        return Err(Refusal::new(what, "Name it with one of the two"));
    }
    if wanted.is_empty() {
        return Err(Refusal::new("no column is left for inputs", "Name columns of numbers with inputs in [[data]]"));
    }
    let (mut floats, mut texts, mut rows) = (Vec::new(), Texts::default(), 0);
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|error| refused(&error))? {
        let line = record.position().map_or(0, csv::Position::line);
        let text = |column: usize| std::str::from_utf8(record.get(column).unwrap_or_default()).ok();
        let wrong = |column: usize, what: &str| {
            Refusal::new(
                format!("line {line}, column `{}`: {what}", names[column]),
                "Write a number there, or leave the line or the column out",
            )
        };
        for &column in wanted.iter().filter(|_| inputs) {
            let text = text(column).ok_or_else(|| wrong(column, "it is not UTF-8"))?;
            if text.is_empty() {
                return Err(wrong(column, "the value is missing"));
            }
            let value: f64 = text.parse().map_err(|_| wrong(column, &format!("`{}` is no number", short(text))))?;
            if !(value as f32).is_finite() {
                return Err(wrong(column, &format!("`{}` is not finite in single precision", short(text))));
            }
            floats.push(value as f32);
        }
        for &column in &targets {
            let text = text(column).ok_or_else(|| wrong(column, "it is not UTF-8"))?;
            if text.is_empty() {
                return Err(wrong(column, "the value is missing"));
            }
            let number = texts.number(text).ok_or_else(|| too_many(names[column]))?;
            texts.at.push(number);
        }
        rows += 1;
    }
    floats.shrink_to_fit();
    Ok(Content { rows, features: wanted.len(), inputs: Inputs::Floats(floats), targets: typed(texts) })
}

/// What the columns of a table are called, in a sentence.
pub(super) fn contents(path: &Path) -> Result<String, Refusal> {
    let names = open(path)?.names;
    Ok(format!("the columns {}", listed(&names.iter().map(String::as_str).collect::<Vec<_>>())))
}

/// A table that has been opened, behind its header.
struct Opened {
    reader: Reader<Box<dyn Read>>,
    /// Names of its columns.
    names: Vec<String>,
    /// Whether tabs separate them.
    tabs: bool,
}

fn open(path: &Path) -> Result<Opened, Refusal> {
    let tabs = path.file_name().is_some_and(|name| name.to_string_lossy().contains(".tsv"));
    let opened = idx::open(path);
    let (file, _) = opened.map_err(|error| Refusal::new(format!("it cannot be opened ({error})"), "Check the file"))?;
    let delimiter = if tabs { b'\t' } else { b',' };
    let mut reader = ReaderBuilder::new().delimiter(delimiter).trim(Trim::All).from_reader(file);
    let names = reader.headers().map_err(|error| refused(&error))?.iter().map(str::to_owned).collect();
    Ok(Opened { reader, names, tabs })
}

/// Whole numbers if all are, else numbers if all are, else texts.
fn typed(texts: Texts) -> Targets {
    fn parsed<T: Copy + std::str::FromStr>(texts: &Texts) -> Option<Vec<T>> {
        let values: Option<Vec<T>> = texts.by_number().into_iter().map(|text| text.parse().ok()).collect();
        values.map(|values| texts.at.iter().map(|&number| values[number as usize]).collect())
    }
    if let Some(integers) = parsed(&texts) {
        return Targets::Integers(integers);
    }
    parsed(&texts).map_or(Targets::Texts(texts), Targets::Reals)
}

/// Names in a sentence: all, if they are few.
fn listed(names: &[&str]) -> String {
    const NAMED: usize = 20;
    let named: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{}`", short(name))).collect();
    let more = names.len().saturating_sub(NAMED);
    if more > 0 { format!("{} and {more} more", named.join(", ")) } else { named.join(", ") }
}

/// A text of a file, short enough for a sentence.
fn short(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What to do about a column that is not there.
fn separator(names: &[&str], tabs: bool) -> &'static str {
    match names {
        [one] if one.contains('\t') && !tabs => "Its columns are separated by tabs: call it .tsv",
        [one] if one.contains(';') => "Its columns are separated by semicolons: write commas",
        [one] if one.contains(',') && tabs => "Its columns are separated by commas: call it .csv",
        _ => "Name columns as the first line has them, with inputs and targets in [[data]]",
    }
}

fn refused(error: &csv::Error) -> Refusal {
    match error.kind() {
        ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            Refusal::new(
                format!("line {line} has {len} values where the header has {expected_len} names"),
                "Give each line a value for each column",
            )
        }
        ErrorKind::Utf8 { pos, .. } => {
            let line = pos.as_ref().map_or(1, csv::Position::line);
            Refusal::new(format!("line {line} is not UTF-8"), "Write the table as UTF-8")
        }
        _ => Refusal::new(format!("it cannot be read: {error}"), "Copy or write the file again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str, inputs: &[&str], targets: &[&str]) -> Result<Content, Refusal> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(if text.contains('\t') { "a.tsv" } else { "a.csv" });
        std::fs::write(&path, text).unwrap();
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        read(&path, &Columns { inputs: &owned(inputs), targets: &owned(targets) }, true)
    }

    #[test]
    fn columns_are_inputs_and_targets() {
        let read = table("a,kind,b\n1,cat,-2.5\n 3e2 ,\"dog\",4\r\n", &[], &["kind"]).expect("a table");
        assert_eq!((read.rows, read.features), (2, 2));
        assert_eq!(read.inputs, Inputs::Floats(vec![1.0, -2.5, 300.0, 4.0]));
        let Targets::Texts(texts) = read.targets else { panic!("no texts") };
        assert_eq!((texts.by_number(), texts.at.as_slice()), (vec!["cat", "dog"], &[0, 1][..]));
        let read = table("\u{feff}y\tx\tz\n1\t2\t3\n0.0\t5\t6\n", &["z"], &["y"]).expect("a table");
        assert_eq!((read.inputs, read.targets), (Inputs::Floats(vec![3.0, 6.0]), Targets::Reals(vec![1.0, 0.0])));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_column() {
        for (text, word) in [
            ("x,y\n1,0\n,1\n", "line 3, column `x`: the value is missing"),
            ("x,y\n1,0\nabc,1\n", "line 3, column `x`: `abc` is no number"),
            ("x,y\nnan,0\n", "line 2, column `x`: `nan` is not finite"),
            ("x,y\n1e39,0\n", "`1e39` is not finite"),
            ("x,y\n1\n", "line 2 has 1 values where the header has 2 names"),
            ("x,y\n1,\n", "line 2, column `y`: the value is missing"),
            ("x,y,y\n1,2,3\n", "names `y` twice"),
            ("x;y\n1;2\n", "no column `y`; its columns are `x;y`"),
            ("y\n1\n", "no column is left for inputs"),
            ("", "no column `y`"),
        ] {
            let told = table(text, &[], &["y"]).unwrap_err();
            assert!(told.what.contains(word), "{text:?}: {told:?}");
        }
        assert!(table("x\ty\n1\t2\n", &["y"], &["y"]).unwrap_err().what.contains("as an input and as a target"));
    }
}
