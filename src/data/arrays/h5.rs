//! HDF5: datasets by name, in groups or not, as h5py and netCDF-4 write them. The library converts numbers
//! of any width and byte order as it reads them into their place.
//!
//! Invariants: texts are read in the width that the file says, up to [`LONGEST_TEXT`]; no more elements are taken than the
//! bytes that the file stores can become; packed values (netCDF's `scale_factor`) are refused and never read as they stand.

use std::path::Path;

use hdf5::file::FileBuilder;
use hdf5::types::{FixedAscii, FixedUnicode, FloatSize, IntSize, TypeDescriptor, VarLenAscii, VarLenUnicode};
use hdf5::{Dataset, File, Group};

use super::container::{Container, DEFLATE_GROWTH, Inputs, Refusal, Targets, Texts, sizes_of, too_many};
use super::element::beyond;

/// Bytes of a text of fixed width, at most.
const LONGEST_TEXT: usize = 2048;

/// Groups within groups that are listed.
const DEPTH: usize = 4;

/// An open file.
pub(super) struct Hierarchy {
    file: File,
    length: u64,
}

impl Hierarchy {
    /// Opens the file at `path`.
    pub(super) fn open(path: &Path) -> Result<Hierarchy, Refusal> {
        let unsound = |error: &dyn std::fmt::Display| {
            Refusal::new(format!("it is no whole HDF5 file: {error}"), "Copy or write the file again")
        };
        let length = std::fs::metadata(path).map_err(|error| unsound(&error))?.len();
        let file = unlocked().open(path).map_err(|error| unsound(&error))?;
        Ok(Hierarchy { file, length })
    }

    fn dataset(&self, name: &str) -> Result<Dataset, Refusal> {
        self.file.dataset(name).map_err(|error| Refusal::unreadable(name, &error))
    }

    fn described(&self, name: &str) -> Result<(Dataset, TypeDescriptor), Refusal> {
        let dataset = self.dataset(name)?;
        let element = dataset.dtype().and_then(|dtype| dtype.to_descriptor());
        let element = element.map_err(|error| {
            let what = format!("`{name}` has elements of a type that is not read ({error})");
            Refusal::new(what, "Store numbers, as in file[name] = np.asarray(x, dtype=np.float32)")
        })?;
        Ok((dataset, element))
    }

    /// The dataset, if its values can be read as they stand and the file holds them.
    fn readable(&self, name: &str) -> Result<(Dataset, TypeDescriptor), Refusal> {
        let (dataset, element) = self.described(name)?;
        let packed = |attribute: &String| attribute == "scale_factor" || attribute == "add_offset";
        if dataset.attr_names().unwrap_or_default().iter().any(packed) {
            return Err(Refusal::new(
                format!("`{name}` is packed: its values are to be multiplied and shifted (scale_factor, add_offset)"),
                "Store the values themselves",
            ));
        }
        let bytes = dataset.shape().iter().try_fold(element.size() as u64, |product, &size| {
            product.checked_mul(size as u64).filter(|&bytes| bytes <= isize::MAX as u64)
        });
        let stored = dataset.storage_size().min(self.length);
        if bytes.is_none_or(|bytes| bytes > stored.saturating_mul(DEFLATE_GROWTH)) {
            return Err(Refusal::new(
                format!(
                    "`{name}` ({}) has {stored} bytes in this file, which cannot be all its values: they were never written, or \
                     lie in another file",
                    sizes_of(&dataset.shape())
                ),
                "Write the values into the file",
            ));
        }
        Ok((dataset, element))
    }
}

/// How files are opened: without HDF5's own locks, as everywhere in the program. A file that another program has open can
/// be read then, and one on a file system that has no locks.
fn unlocked() -> FileBuilder {
    #[cfg_attr(not(hdf5_locking_is_settable), allow(unused_mut))]
    let mut options = File::with_options();
    #[cfg(hdf5_locking_is_settable)]
    options.access_plist().file_locking(false);
    options
}

fn read<T: hdf5::H5Type>(name: &str, dataset: &Dataset) -> Result<Vec<T>, Refusal> {
    dataset.read_raw().map_err(|error| Refusal::unreadable(name, &error))
}

/// Texts of a fixed width, read in the least of some widths that holds it.
macro_rules! fixed {
    ($text:ident, $width:expr, $name:expr, $dataset:expr, [$($least:expr),*]) => {
        match $width {
            $(width if width <= $least => texts::<$text<{ $least }>>($name, $dataset),)*
            // The caller has compared it with the last of them.
            width => Err(Refusal::new(format!("`{}` has texts of {width} bytes", $name), "Write shorter ones")),
        }
    };
}

/// Texts of a type.
fn texts<T: hdf5::H5Type + std::ops::Deref<Target = str>>(name: &str, dataset: &Dataset) -> Result<Targets, Refusal> {
    let read: Vec<T> = read(name, dataset)?;
    let mut texts = Texts::default();
    for text in &read {
        let number = texts.number(text).ok_or_else(|| too_many(name))?;
        texts.at.push(number);
    }
    Ok(Targets::Texts(texts))
}

/// Why elements of a type are refused.
fn refused(name: &str, element: &TypeDescriptor) -> Refusal {
    let what = match element {
        TypeDescriptor::VarLenArray(_) => "is ragged: its rows have lengths of their own".to_owned(),
        TypeDescriptor::Compound(_) => "is of a compound type, with fields of their own types".to_owned(),
        other => format!("has elements of the type {other}, which is not read"),
    };
    Refusal::new(format!("`{name}` {what}"), "Store numbers of one shape, with short rows filled up")
}

/// The datasets of a group and of the groups in it.
fn gather(group: &Group, within: &str, depth: usize, names: &mut Vec<String>) {
    for member in group.member_names().unwrap_or_default() {
        let name = if within.is_empty() { member.clone() } else { format!("{within}/{member}") };
        if group.dataset(&member).is_ok() {
            names.push(name);
        } else if let (true, Ok(inner)) = (depth > 0, group.group(&member)) {
            gather(&inner, &name, depth - 1, names);
        }
    }
}

impl Container for Hierarchy {
    fn names(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        gather(&self.file, "", DEPTH, &mut names);
        names
    }

    fn shape(&mut self, name: &str) -> Result<Vec<usize>, Refusal> {
        Ok(self.dataset(name)?.shape())
    }

    fn element(&mut self, name: &str) -> Result<String, Refusal> {
        Ok(self.described(name)?.1.to_string())
    }

    fn inputs(&mut self, name: &str) -> Result<Inputs, Refusal> {
        let (dataset, element) = self.readable(name)?;
        match element {
            TypeDescriptor::Unsigned(IntSize::U1) => Ok(Inputs::Bytes(read(name, &dataset)?)),
            TypeDescriptor::Boolean => {
                let flags: Vec<bool> = read(name, &dataset)?;
                Ok(Inputs::Bytes(flags.into_iter().map(u8::from).collect()))
            }
            TypeDescriptor::Unsigned(_) | TypeDescriptor::Integer(_) | TypeDescriptor::Float(_) => {
                Ok(Inputs::Floats(read(name, &dataset)?))
            }
            TypeDescriptor::FixedAscii(_)
            | TypeDescriptor::FixedUnicode(_)
            | TypeDescriptor::VarLenAscii
            | TypeDescriptor::VarLenUnicode => Err(Refusal::new(
                format!("`{name}` holds texts, and inputs are numbers"),
                "Name the dataset of numbers with inputs in [[data]]",
            )),
            other => Err(refused(name, &other)),
        }
    }

    fn targets(&mut self, name: &str) -> Result<Targets, Refusal> {
        let (dataset, element) = self.readable(name)?;
        match element {
            TypeDescriptor::Boolean => {
                let flags: Vec<bool> = read(name, &dataset)?;
                Ok(Targets::Integers(flags.into_iter().map(i64::from).collect()))
            }
            TypeDescriptor::Unsigned(IntSize::U8) => {
                let values: Vec<u64> = read(name, &dataset)?;
                let whole = |value: u64| i64::try_from(value).map_err(|_| beyond(name, value.into()));
                Ok(Targets::Integers(values.into_iter().map(whole).collect::<Result<_, _>>()?))
            }
            TypeDescriptor::Unsigned(_) | TypeDescriptor::Integer(_) => Ok(Targets::Integers(read(name, &dataset)?)),
            TypeDescriptor::Float(FloatSize::U2 | FloatSize::U4 | FloatSize::U8) => {
                Ok(Targets::Reals(read(name, &dataset)?))
            }
            TypeDescriptor::VarLenAscii => texts::<VarLenAscii>(name, &dataset),
            TypeDescriptor::VarLenUnicode => texts::<VarLenUnicode>(name, &dataset),
            TypeDescriptor::FixedAscii(width) if (1..=LONGEST_TEXT).contains(&width) => {
                fixed!(FixedAscii, width, name, &dataset, [8, 32, 128, 512, LONGEST_TEXT])
            }
            TypeDescriptor::FixedUnicode(width) if (1..=LONGEST_TEXT).contains(&width) => {
                fixed!(FixedUnicode, width, name, &dataset, [8, 32, 128, 512, LONGEST_TEXT])
            }
            other => Err(refused(name, &other)),
        }
    }
}
