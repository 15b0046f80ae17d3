//! NumPy's `.npz`: a zip archive with a `.npy` file for each array, stored or deflated.
//!
//! Invariants: an array is as long as its header says, and no longer than the archive's bytes can become.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use super::container::{Container, DEFLATE_GROWTH, Inputs, Refusal, Targets};
use super::npy::{self, Header};

/// An open archive.
pub(super) struct Archive(ZipArchive<BufReader<File>>);

impl Archive {
    /// Opens the archive at `path`.
    pub(super) fn open(path: &Path) -> Result<Archive, Refusal> {
        let unsound = |error: &dyn std::fmt::Display| {
            Refusal::new(
                format!("it is no whole zip archive: {error}"),
                "Copy the file again, or write it again with np.savez",
            )
        };
        let file = File::open(path).map_err(|error| unsound(&error))?;
        Ok(Archive(ZipArchive::new(BufReader::with_capacity(1 << 16, file)).map_err(|error| unsound(&error))?))
    }

    /// Hands the header of an array and the bytes behind it to `read`.
    fn with<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Header, &mut dyn Read) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let place = [format!("{name}.npy"), name.to_owned()].iter().find_map(|name| self.0.index_for_name(name));
        let torn = |error: &dyn std::fmt::Display| Refusal::unreadable(name, error);
        let place = place.ok_or_else(|| torn(&"the archive has no such file"))?;
        let mut entry = self.0.by_index(place).map_err(|error| torn(&error))?;
        if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            return Err(Refusal::new(
                format!("`{name}` is compressed by {}", entry.compression()),
                "Write it with np.savez or np.savez_compressed, which store or deflate",
            ));
        }
        let (length, packed) = (entry.size(), entry.compressed_size());
        if length > packed.saturating_mul(DEFLATE_GROWTH) {
            return Err(torn(&format!("{packed} compressed bytes cannot be the {length} that it claims")));
        }
        let header = npy::header(name, &mut entry)?;
        npy::fits(name, &header, length)?;
        read(&header, &mut entry)
    }

    /// As [`Archive::with`], to the end of the array, where its checksum is compared.
    fn whole<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Header, &mut dyn Read) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.with(name, |header, reader| {
            let value = read(header, reader)?;
            reader.read(&mut [0]).map_err(|error| Refusal::unreadable(name, &error))?;
            Ok(value)
        })
    }
}

impl Container for Archive {
    fn names(&mut self) -> Vec<String> {
        let names = self.0.file_names().flatten();
        names.map(|name| name.strip_suffix(".npy").unwrap_or(&name).to_owned()).collect()
    }

    fn shape(&mut self, name: &str) -> Result<Vec<usize>, Refusal> {
        self.with(name, |header, _| Ok(header.stored.shape.clone()))
    }

    fn element(&mut self, name: &str) -> Result<String, Refusal> {
        self.with(name, |header, _| Ok(header.stored.element.name()))
    }

    fn inputs(&mut self, name: &str) -> Result<Inputs, Refusal> {
        self.whole(name, |header, reader| header.stored.inputs(name, reader))
    }

    fn targets(&mut self, name: &str) -> Result<Targets, Refusal> {
        self.whole(name, |header, reader| header.stored.targets(name, reader))
    }
}
