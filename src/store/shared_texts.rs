//! Texts of the cells of which each distinct one is stored once.
//!
//! A label stands in as many cells as its variant has seeds, and HDF5 keeps a variable-length text anew for every element
//! that has it: 32 bytes and the text. Here the distinct texts are written once, as the variable `text`, and an element is
//! the 16-byte reference to one of them, in compressed chunks: next to nothing for a grid. For a reader nothing changes:
//! every variable is of variable-length UTF-8 strings, as before. Fixed-length strings would be as small, but netCDF-C
//! before 4.9.1, which is behind many an `ncdump`, crashes on arrays of them (Unidata/netcdf-c issue 2159).
//!
//! Invariant: an element's reference is a copy of one that the HDF5 library wrote for the same text in the same file. A
//! file is written once and never changed in place: the library would free a text that other elements still refer to.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File};

use super::h5;

/// Bytes of a reference: the text's length (4), the address of its heap (8) and its number there (4).
const REFERENCE: usize = 16;
/// Cells of a chunk, at most.
const CHUNK: usize = 1 << 16;

/// The distinct texts of a file.
pub(super) struct SharedTexts {
    references: HashMap<String, [u8; REFERENCE]>,
}

impl SharedTexts {
    /// Name of the variable that holds the texts, and of its dimension.
    pub(super) const NAME: &'static str = phasesweep_results::dimension::TEXT;

    /// Writes the texts; repetitions are left out. Answers the variable too.
    pub(super) fn write<'t>(
        file: &File,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> hdf5::Result<(SharedTexts, Dataset)> {
        let mut seen = std::collections::HashSet::new();
        let texts: Vec<&str> = texts.into_iter().filter(|text| seen.insert(*text)).collect();
        let dataset = file.new_dataset::<VarLenUnicode>().shape(texts.len()).create(Self::NAME)?;
        dataset.write_raw(&h5::texts(texts.iter().copied()))?;
        file.flush()?;
        let bytes = stored(file, &dataset, texts.len())?;
        let references = texts
            .iter()
            .zip(bytes.as_chunks::<REFERENCE>().0)
            .map(|(text, bytes)| ((*text).to_owned(), *bytes))
            .collect();
        Ok((SharedTexts { references }, dataset))
    }

    /// Creates a variable of so many cells: cell k's text is `text(k)`, one of those that were written.
    pub(super) fn variable<'t>(
        &self,
        file: &File,
        name: &str,
        count: usize,
        text: impl Fn(usize) -> &'t str,
    ) -> hdf5::Result<Dataset> {
        let chunk = count.clamp(1, CHUNK);
        let deflates = hdf5::filters::deflate_available();
        let builder = file.new_dataset::<VarLenUnicode>().chunk(chunk);
        let builder = if deflates { builder.deflate(LEVEL) } else { builder };
        let dataset = builder.shape(count).create(name)?;
        for first in (0..count).step_by(chunk) {
            // A chunk is whole even where it reaches beyond the last cell.
            let mut bytes = vec![0; chunk * REFERENCE];
            for (cell, reference) in (first..count.min(first + chunk)).zip(bytes.chunks_exact_mut(REFERENCE)) {
                let known = self.references.get(text(cell));
                reference.copy_from_slice(known.ok_or("a text of the cells is not among the distinct ones")?);
            }
            let bytes = if deflates { deflated(&bytes)? } else { bytes };
            h5::write_chunk(&dataset, first, &bytes)?;
        }
        Ok(dataset)
    }
}

const LEVEL: u8 = 6;

fn deflated(bytes: &[u8]) -> hdf5::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(LEVEL.into()));
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.map_err(|error| format!("texts cannot be compressed: {error}").into())
}

/// The bytes that the library has written of a dataset that is stored in one piece: one reference for each element.
fn stored(file: &File, dataset: &Dataset, count: usize) -> hdf5::Result<Vec<u8>> {
    if dataset.storage_size() != (count * REFERENCE) as u64 {
        let bytes = dataset.storage_size();
        return Err(format!("{count} texts are stored in {bytes} bytes of references, not in 16 each").into());
    }
    let offset = dataset.offset().ok_or("texts are not stored in one piece")?;
    let mut bytes = vec![0; count * REFERENCE];
    let read = fs::File::open(file.filename()).and_then(|mut file| {
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut bytes)
    });
    read.map_err(|error| format!("references to texts cannot be read back: {error}"))?;
    Ok(bytes)
}
