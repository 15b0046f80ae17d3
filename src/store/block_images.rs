//! The images of the training block, kept in the results file so that a report can show the samples it speaks of.
//!
//! Invariant: as many labels as images; pixels are 0 (least) to 255 (greatest).

use std::path::Path;

use hdf5::File;
use phasesweep_results::cell::{BLOCK_IMAGES, BLOCK_LABELS};
use phasesweep_results::dimension;

use super::error::StoreError;
use super::{durable, h5};

/// Images of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockImages {
    /// Pixels `[sample, row, column]`.
    pub pixels: Vec<u8>,
    /// Rows and columns of an image.
    pub shape: [usize; 2],
    /// Class of each sample, as the cells were trained on it.
    pub labels: Vec<i64>,
}

/// Attribute that says which block kept images are of.
const OF: &str = "block";

impl BlockImages {
    /// Keeps the images in a file of their own; `of` says which block they are of.
    ///
    /// # Errors
    /// [`StoreError::Hdf5`], [`StoreError::Io`].
    pub fn keep(&self, path: &Path, of: &str) -> Result<(), StoreError> {
        let build = || {
            let file = h5::create_in_memory()?;
            h5::write_text(&file, OF, of)?;
            self.write(&file)?;
            h5::image(&file)
        };
        durable::write(path, &build().map_err(StoreError::hdf5("build", path))?)
    }

    /// The images that were kept of the block `of`; `None` if none were, or if they are of another one.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the file cannot be read, [`StoreError::Hdf5`] if it is not such a file.
    pub fn kept(path: &Path, of: &str) -> Result<Option<BlockImages>, StoreError> {
        let mut bytes = match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(StoreError::io("read", path))?,
        };
        let mut read = || {
            let file = h5::open_image(&mut bytes)?;
            if h5::read_text(&file, OF)? != of {
                return Ok(None);
            }
            let images = file.dataset(BLOCK_IMAGES)?;
            let labels = file.dataset(BLOCK_LABELS)?.read_raw()?;
            let [samples, height, width] = images.shape()[..] else { return Err("its images are no images".into()) };
            let pixels: Vec<u8> = images.read_raw()?;
            if pixels.len() != samples * height * width || samples != labels.len() {
                return Err("it has not as many labels as images".into());
            }
            Ok(Some(BlockImages { pixels, shape: [height, width], labels }))
        };
        read().map_err(StoreError::hdf5("read", path))
    }

    /// Writes `block_images` and `block_labels`, with scales of their own for rows and columns.
    pub(super) fn write(&self, file: &File) -> hdf5::Result<()> {
        let [height, width] = self.shape;
        let samples = self.labels.len();
        let labels = file.new_dataset_builder().with_data(&self.labels).create(BLOCK_LABELS)?;
        h5::write_text(&labels, "long_name", "class of each sample of the training block")?;
        h5::write_text(&labels, "units", "1")?;
        h5::set_scale(&labels, dimension::BLOCK_SAMPLE)?;
        let images = file
            .new_dataset::<u8>()
            .chunk([samples.clamp(1, 256), height, width])
            .deflate(4)
            .shape([samples, height, width])
            .create(BLOCK_IMAGES)?;
        images.write_raw(&self.pixels)?;
        h5::write_text(
            &images,
            "long_name",
            "images of the training block, in the order of the bits of misclassified",
        )?;
        h5::write_text(&images, "units", "1")?;
        h5::attach_scale(&images, &labels, 0)?;
        for (dimension, (name, length)) in
            [(dimension::ROW, height), (dimension::COLUMN, width)].into_iter().enumerate()
        {
            let places: Vec<i64> = (0..length as i64).collect();
            let scale = file.new_dataset_builder().with_data(&places).create(name)?;
            h5::write_text(&scale, "units", "1")?;
            h5::set_scale(&scale, name)?;
            h5::attach_scale(&images, &scale, dimension + 1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn kept_images_come_back_for_their_own_block_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("images.h5");
        let images = BlockImages { pixels: (0..24).collect(), shape: [2, 3], labels: vec![3, 0, 1, 1] };
        assert_eq!(BlockImages::kept(&path, "a").unwrap(), None);
        images.keep(&path, "a").unwrap();
        assert_eq!(BlockImages::kept(&path, "a").unwrap(), Some(images));
        assert_eq!(BlockImages::kept(&path, "b").unwrap(), None);
        std::fs::write(&path, "no HDF5").unwrap();
        assert!(BlockImages::kept(&path, "a").is_err());
    }
}
