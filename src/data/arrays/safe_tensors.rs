//! Safetensors: a JSON header with names, types, shapes and places, and the bytes of all tensors behind it, little-endian.
//!
//! The `safetensors` crate judges the header; it reads tensors from a whole file in memory, and here they are read from the
//! disk into their place.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::container::{Container, Inputs, Refusal, Targets};
use super::element::{Element, Stored};

/// An open file.
pub(super) struct Tensors {
    file: BufReader<File>,
    header: Metadata,
    /// Bytes before the first tensor.
    before: u64,
}

impl Tensors {
    /// Opens the file at `path` and reads its header.
    pub(super) fn open(path: &Path) -> Result<Tensors, Refusal> {
        let unsound = |error: &dyn std::fmt::Display| {
            Refusal::new(format!("it is no whole safetensors file: {error}"), "Copy or write the file again")
        };
        let file = File::open(path).map_err(|error| unsound(&error))?;
        let length = file.metadata().map_err(|error| unsound(&error))?.len();
        let mut file = BufReader::with_capacity(1 << 16, file);
        let mut claimed = [0; 8];
        file.read_exact(&mut claimed).map_err(|error| unsound(&error))?;
        let claimed = u64::from_le_bytes(claimed);
        if claimed > length - 8 {
            return Err(unsound(&format!("its header claims {claimed} bytes of the {length} that it has")));
        }
        let mut text = vec![0; claimed as usize];
        file.read_exact(&mut text).map_err(|error| unsound(&error))?;
        let header: Metadata = serde_json::from_slice(&text).map_err(|error| unsound(&error))?;
        let before = 8 + claimed;
        if before.checked_add(header.data_len() as u64) != Some(length) {
            return Err(unsound(&format!("its header describes {} bytes behind it", header.data_len())));
        }
        Ok(Tensors { file, header, before })
    }

    fn stored(&self, name: &str) -> Result<(Stored, u64), Refusal> {
        let Some(info) = self.header.info(name) else {
            return Err(Refusal::unreadable(name, &"the file has no such tensor"));
        };
        let element = match info.dtype {
            Dtype::BOOL => Element::Bool,
            Dtype::U8 => Element::U8,
            Dtype::I8 => Element::I8,
            Dtype::U16 => Element::U16,
            Dtype::I16 => Element::I16,
            Dtype::U32 => Element::U32,
            Dtype::I32 => Element::I32,
            Dtype::U64 => Element::U64,
            Dtype::I64 => Element::I64,
            Dtype::F16 => Element::F16,
            Dtype::BF16 => Element::BF16,
            Dtype::F32 => Element::F32,
            Dtype::F64 => Element::F64,
            other => {
                return Err(Refusal::new(
                    format!("`{name}` has elements of the type {other:?}, which is not read"),
                    "Store it as float32, or as integers of 8 to 64 bits",
                ));
            }
        };
        let stored = Stored { element, big_endian: false, fortran: false, shape: info.shape.clone() };
        Ok((stored, self.before + info.data_offsets.0 as u64))
    }

    /// The tensor, with the file at its first byte.
    fn at(&mut self, name: &str) -> Result<Stored, Refusal> {
        let (stored, place) = self.stored(name)?;
        self.file.seek(SeekFrom::Start(place)).map_err(|error| Refusal::unreadable(name, &error))?;
        Ok(stored)
    }
}

impl Container for Tensors {
    fn names(&mut self) -> Vec<String> {
        let mut names = self.header.offset_keys();
        names.sort();
        names
    }

    fn shape(&mut self, name: &str) -> Result<Vec<usize>, Refusal> {
        Ok(self.stored(name)?.0.shape)
    }

    fn element(&mut self, name: &str) -> Result<String, Refusal> {
        Ok(self.stored(name)?.0.element.name())
    }

    fn inputs(&mut self, name: &str) -> Result<Inputs, Refusal> {
        let stored = self.at(name)?;
        stored.inputs(name, &mut self.file)
    }

    fn targets(&mut self, name: &str) -> Result<Targets, Refusal> {
        let stored = self.at(name)?;
        stored.targets(name, &mut self.file)
    }
}
