//! Zarr, version 2 of the format, which every reader of version 3 reads too: a folder an array, a file a chunk.
//!
//! Written by hand: chunks are little-endian numbers under zlib, the rest is JSON (Zarr storage specification, version 2), and
//! a library of the whole format is larger than this program's other readers together. Invariants: chunks are cut along
//! cells alone and read from the results file one at a time; text is UTF-32, as NumPy's `<U` is; the metadata of all arrays are
//! consolidated in `.zmetadata`.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::{Map, Value, json};

use super::arrays::{self, Array, Data};
use crate::error::{Error, Result};
use crate::results::{Kind, Results};
use crate::tables::write::file;
use crate::turning::TurningPoints;

/// Bytes of a chunk, before it is compressed.
const CHUNK: usize = 4 << 20;

/// Writes the store `results.zarr`; says what it holds.
pub(super) fn write(results: &Results, points: &TurningPoints, folder: &Path) -> Result<String> {
    let (store, part) = (folder.join("results.zarr"), folder.join("results.zarr.part"));
    let failed = |source| Error::Write { path: store.clone(), source };
    // What an interrupted export left, or an earlier one wrote: a store is known by its metadata.
    for old in [&part, &store] {
        if old.join(".zgroup").is_file() {
            fs::remove_dir_all(old).map_err(failed)?;
        } else if old.exists() {
            return Err(failed(std::io::Error::other("something else than a Zarr store is there: name another --out")));
        }
    }
    fs::create_dir_all(&part).map_err(failed)?;
    let mut metadata = Map::new();
    let mut keep = |key: &str, value: Value| -> Result<()> {
        let path = part.join(key);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        file(&path, value.to_string().as_bytes())?;
        metadata.insert(key.to_owned(), value);
        Ok(())
    };
    keep(".zgroup", json!({ "zarr_format": 2 }))?;
    let all: Vec<Array> =
        arrays::of_file(results)?.into_iter().chain(arrays::turning_points(results, points)).collect();
    let coordinates: Vec<&str> =
        all.iter().filter(|array| array.shape.len() == 1).map(|array| array.name.as_str()).collect();
    let provenance = &results.provenance;
    let mut attributes: Map<String, Value> =
        provenance.others.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    attributes.extend(provenance.name.iter().map(|name| ("title".to_owned(), json!(name))));
    attributes.extend(provenance.sweep.iter().map(|text| ("sweep_file".to_owned(), json!(text))));
    attributes.insert("coordinates".to_owned(), json!(coordinates.join(" ")));
    keep(".zattrs", Value::Object(attributes))?;
    for array in &all {
        let layout = Layout::of(array);
        keep(&format!("{}/.zarray", array.name), layout.metadata(array))?;
        let mut said: Map<String, Value> =
            array.attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        said.insert("_ARRAY_DIMENSIONS".to_owned(), json!(array.dimensions));
        keep(&format!("{}/.zattrs", array.name), Value::Object(said))?;
        chunks(results, array, &layout, &part.join(&array.name))?;
    }
    let consolidated = json!({ "zarr_consolidated_format": 1, "metadata": metadata });
    file(&part.join(".zmetadata"), consolidated.to_string().as_bytes())?;
    fs::rename(&part, &store).map_err(failed)?;
    Ok(format!("results.zarr: {} arrays", all.len()))
}

/// How an array lies in its chunks.
struct Layout {
    /// NumPy's name of the type.
    dtype: String,
    /// Bytes of a value.
    width: usize,
    fill: Value,
    /// Rows along the first dimension of a chunk; 1 at least.
    rows: usize,
}

impl Layout {
    fn of(array: &Array) -> Layout {
        let (dtype, width, fill) = match &array.data {
            Data::Text(values) => {
                let letters = values.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
                (format!("<U{letters}"), 4 * letters, json!(""))
            }
            Data::Numbers(_) => ("<f8".to_owned(), 8, json!("NaN")),
            Data::Integers(_) => ("<i8".to_owned(), 8, Value::Null),
            Data::Codes(_) => ("|u1".to_owned(), 1, Value::Null),
            Data::OfFile(variable) => match variable.kind {
                Kind::F32 => ("<f4".to_owned(), 4, json!("NaN")),
                Kind::F64 => ("<f8".to_owned(), 8, json!("NaN")),
                Kind::U8 => ("|u1".to_owned(), 1, Value::Null),
                Kind::I64 => ("<i8".to_owned(), 8, Value::Null),
            },
        };
        let row = array.shape.iter().skip(1).product::<usize>().max(1) * width;
        let first = array.shape.first().copied().unwrap_or(1).max(1);
        let rows = match &array.data {
            Data::OfFile(_) => (CHUNK / row).clamp(1, first),
            _ => first,
        };
        Layout { dtype, width, fill, rows }
    }

    fn metadata(&self, array: &Array) -> Value {
        let mut chunks = array.shape.iter().map(|&length| length.max(1)).collect::<Vec<_>>();
        if let Some(first) = chunks.first_mut() {
            *first = self.rows;
        }
        json!({
            "zarr_format": 2,
            "shape": array.shape,
            "chunks": chunks,
            "dtype": self.dtype,
            "compressor": { "id": "zlib", "level": 5 },
            "fill_value": self.fill,
            "order": "C",
            "filters": null,
        })
    }
}

fn chunks(results: &Results, array: &Array, layout: &Layout, folder: &Path) -> Result<()> {
    let per_row = array.shape.iter().skip(1).product::<usize>();
    let rows = array.shape.first().copied().unwrap_or(0);
    if rows * per_row == 0 {
        return Ok(());
    }
    for (number, start) in (0..rows).step_by(layout.rows).enumerate() {
        let range = start..(start + layout.rows).min(rows);
        let values = range.start * per_row..range.end * per_row;
        let mut bytes = match &array.data {
            Data::Text(all) => all[values].iter().flat_map(|text| utf32(text, layout.width)).collect(),
            Data::Numbers(all) => all[values].iter().flat_map(|value| value.to_le_bytes()).collect(),
            Data::Integers(all) => all[values].iter().flat_map(|value| value.to_le_bytes()).collect(),
            Data::Codes(all) => all[values].to_vec(),
            Data::OfFile(variable) => {
                let read = results.values(variable, range)?;
                match variable.kind {
                    // Exact: the file's 32-bit floats were widened when they were read.
                    Kind::F32 => read.into_iter().flat_map(|value| (value as f32).to_le_bytes()).collect(),
                    Kind::F64 => read.into_iter().flat_map(f64::to_le_bytes).collect(),
                    Kind::U8 => read.into_iter().map(|value| value as u8).collect::<Vec<u8>>(),
                    Kind::I64 => read.into_iter().flat_map(|value| (value as i64).to_le_bytes()).collect(),
                }
            }
        };
        // A chunk at the end is as long as the others.
        bytes.resize(layout.rows * per_row * layout.width, 0);
        let failed = |source| Error::Write { path: folder.to_owned(), source };
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(5));
        let packed = encoder.write_all(&bytes).and_then(|()| encoder.finish()).map_err(failed)?;
        let zeros = ".0".repeat(array.shape.len() - 1);
        // Not synced one by one: the store takes its name once it is whole, and what was torn is exported again.
        fs::write(folder.join(format!("{number}{zeros}")), packed).map_err(failed)?;
    }
    Ok(())
}

/// A text in so many bytes, four a letter, padded by zeros.
fn utf32(text: &str, width: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = text.chars().flat_map(|letter| u32::from(letter).to_le_bytes()).collect();
    bytes.resize(width, 0);
    bytes
}
