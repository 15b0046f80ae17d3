//! Images of the training block, kept when a run starts, so that a results file that is collected without the data has
//! them too.
//!
//! A report without images is still a report: what keeps them from being read is only said in the log.

use crate::data::{DataError, Pool};
use crate::plan::Plan;
use crate::store::{BlockImages, RunDirectory};
use crate::sweep::{Data, Normalise, Subsample};

use super::data_record::{digest_of, json};

/// Keeps the images of the block that all cells of a plan have in common, if there is one and it is of single-channel
/// images. `pool` gives the decoded source of the plan's data, if it can be had.
pub fn keep_images(
    directory: &RunDirectory,
    plan: &Plan,
    identities: &[String],
    pool: impl FnOnce() -> Result<std::sync::Arc<Pool>, DataError>,
) {
    let Some((data, subsample, of)) = common_block(plan, identities) else { return };
    let path = directory.images_file();
    if let Ok(Some(_)) = BlockImages::kept(&path, &of) {
        return;
    }
    let images = pool().and_then(|pool| block_images(&pool, data, subsample));
    let kept = match images {
        Ok(None) => return,
        Ok(Some(images)) => images.keep(&path, &of).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = kept {
        tracing::debug!("the block's images are not kept with the run: {error}");
    }
}

/// The images for the results file of a plan: those that were kept, else, in directories of earlier versions, those of
/// the data, if they are here and are the ones that the run was trained on.
pub(super) fn of_run(directory: &RunDirectory, plan: &Plan, identities: &[String]) -> Option<BlockImages> {
    let (data, subsample, of) = common_block(plan, identities)?;
    match BlockImages::kept(&directory.images_file(), &of) {
        Ok(Some(images)) => return Some(images),
        // A run that could keep them did. Looking for the data would give another file where they are.
        Ok(None) if directory.record_file().exists() => return None,
        Ok(None) => {}
        Err(error) => {
            tracing::warn!("{error}. The results file goes without images; running the sweep again mends that");
            return None;
        }
    }
    let same = |pool: &Pool| {
        identities.first().is_some_and(|identity| digest_of(identity) == pool.identity(data).to_hex().as_str())
    };
    match Pool::load(data).and_then(|pool| if same(&pool) { block_images(&pool, data, subsample) } else { Ok(None) }) {
        Ok(images) => images,
        Err(error) => {
            tracing::debug!("the block's images are not kept with the results: {error}");
            None
        }
    }
}

/// The one block of a plan, and a text that tells it from others.
fn common_block<'a>(plan: &'a Plan, identities: &[String]) -> Option<(&'a Data, &'a Subsample, String)> {
    let ([data], [subsample]) = (plan.sweep().data.as_slice(), plan.sweep().subsamples.as_slice()) else { return None };
    let of = format!("{} {} {}", identities.first()?, json(data), json(subsample));
    Some((data, subsample, of))
}

fn block_images(pool: &Pool, data: &Data, subsample: &Subsample) -> Result<Option<BlockImages>, DataError> {
    if !matches!(pool.image(), Some([1, _, _])) {
        return Ok(None);
    }
    let raw = Data { normalise: Normalise::None, ..data.clone() };
    let block = pool.block(&raw, subsample, true)?;
    let numbers = pool.class_numbers(data)?;
    let Some([1, height, width]) = block.image else { return Ok(None) };
    let greatest = block.train.x.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    Ok(Some(BlockImages {
        pixels: block.train.x.iter().map(|&pixel| (255.0 * pixel / greatest).round() as u8).collect(),
        shape: [height, width],
        labels: block.train.y.iter().map(|&class| i64::from(numbers[usize::from(class)])).collect(),
    }))
}
