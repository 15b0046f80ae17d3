//! Changes to a sound HDF5 file, spelt in bytes: a fuzzer that flips bytes of the file itself meets the HDF5 library's
//! parser and little else; this one leaves the file sound and takes away what the reader relies on.
//!
//! Every edit is six bytes: what, which name, which type, and three for shape and value. An edit that HDF5 refuses is
//! passed over.

use std::path::Path;

use hdf5::types::{FixedAscii, VarLenUnicode};
use hdf5::{File, H5Type};

/// Lengths of dimensions: those that a reader expects, their neighbours, and more than any memory holds.
const LENGTHS: [usize; 16] = [0, 1, 2, 3, 4, 5, 8, 64, 101, 257, 4096, 1 << 16, 1 << 20, 1 << 28, 1 << 34, 1 << 44];

/// Texts that a reader asks for, or nearly.
const TEXTS: [&str; 12] =
    ["", "complete", "failed", "missing", "0-1", "1-", "none", "train", "nan", "9223372036854775808", "é", "a\tb"];

/// Applies the edits to the file at `path`, whose variables and attributes are picked from `names`.
pub fn apply(path: &Path, names: &[&str], edits: &[u8]) {
    let Ok(file) = File::open_rw(path) else { return };
    for edit in edits.as_chunks::<6>().0.iter().take(24) {
        let _ = one(&file, names, edit);
    }
}

fn one(file: &File, names: &[&str], edit: &[u8; 6]) -> hdf5::Result<()> {
    let [what, which, kind, shape @ .., value] = *edit;
    let name = names[usize::from(which) % names.len()];
    match what % 4 {
        0 => file.unlink(name),
        1 => {
            let _ = file.unlink(name);
            match kind % 7 {
                0 => dataset(file, name, shape, f32::from(value)),
                1 => dataset(file, name, shape, f64::from(value) - 100.0),
                2 => dataset(file, name, shape, value),
                3 => dataset(file, name, shape, i64::from(value) - 100),
                4 => dataset(file, name, shape, u32::from(value) << 24),
                5 => dataset(file, name, shape, text(value)),
                _ => dataset(file, name, shape, ascii(value)),
            }
        }
        2 => {
            let _ = file.delete_attr(name);
            match kind % 5 {
                0 => file.new_attr::<u32>().create(name)?.write_scalar(&u32::from(value)),
                1 => file.new_attr::<f64>().create(name)?.write_scalar(&f64::from(value)),
                2 => file.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&text(value)),
                3 => file.new_attr::<u64>().create(name)?.write_scalar(&(u64::from(value) << 56)),
                _ => file.new_attr::<i64>().shape(LENGTHS[usize::from(shape[0] % 8)]).create(name).map(drop),
            }
        }
        _ => file.create_group(name).map(drop),
    }
}

/// A dataset of up to three dimensions, in chunks, so that it takes no room before it is written; one that is small is
/// filled with the value.
fn dataset<T: H5Type + Clone>(file: &File, name: &str, shape: [u8; 2], value: T) -> hdf5::Result<()> {
    let lengths = [shape[0] & 15, shape[0] >> 4, shape[1] & 15, shape[1] >> 4].map(|at| LENGTHS[usize::from(at)]);
    let shape = &lengths[..usize::from(shape[1] >> 6)];
    let builder = file.new_dataset::<T>();
    let count: usize = shape.iter().fold(1, |count, &length| count.saturating_mul(length));
    if count <= 4096 {
        let dataset = builder.shape(shape).create(name)?;
        return if count == 0 { Ok(()) } else { dataset.write_raw(&vec![value; count]) };
    }
    let chunk: Vec<usize> = shape.iter().map(|&length| length.clamp(1, 64)).collect();
    builder.chunk(chunk).shape(shape).create(name).map(drop)
}

fn text(value: u8) -> VarLenUnicode {
    TEXTS[usize::from(value) % TEXTS.len()].parse().unwrap_or_default()
}

fn ascii(value: u8) -> FixedAscii<32> {
    FixedAscii::from_ascii(TEXTS[usize::from(value) % TEXTS.len()]).unwrap_or_default()
}
