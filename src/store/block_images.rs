//! The images of the training block, kept in the results file so that a report can show the samples it speaks of.
//!
//! Invariant: as many labels as images; pixels are 0 (least) to 255 (greatest).

use hdf5::File;

use super::h5;

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

impl BlockImages {
    /// Writes `block_images` and `block_labels`, with scales of their own for rows and columns.
    pub(super) fn write(&self, file: &File) -> hdf5::Result<()> {
        let [height, width] = self.shape;
        let samples = self.labels.len();
        let labels = file.new_dataset_builder().with_data(&self.labels).create("block_labels")?;
        h5::write_text(&labels, "long_name", "class of each sample of the training block")?;
        h5::write_text(&labels, "units", "1")?;
        h5::set_scale(&labels, "block_sample")?;
        let images = file
            .new_dataset::<u8>()
            .chunk([samples.clamp(1, 256), height, width])
            .deflate(4)
            .shape([samples, height, width])
            .create("block_images")?;
        images.write_raw(&self.pixels)?;
        h5::write_text(
            &images,
            "long_name",
            "images of the training block, in the order of the bits of misclassified",
        )?;
        h5::write_text(&images, "units", "1")?;
        h5::attach_scale(&images, &labels, 0)?;
        for (dimension, (name, length)) in [("row", height), ("column", width)].into_iter().enumerate() {
            let places: Vec<i64> = (0..length as i64).collect();
            let scale = file.new_dataset_builder().with_data(&places).create(name)?;
            h5::write_text(&scale, "units", "1")?;
            h5::set_scale(&scale, name)?;
            h5::attach_scale(&images, &scale, dimension + 1)?;
        }
        Ok(())
    }
}
