//! Collecting a plan's parts into `results.h5`.

use std::collections::BTreeSet;

use super::coordinates::coordinates;
use super::examination::identities;
use super::pools::Pools;
use super::{SessionError, opening};
use crate::data::{DataError, Pool};
use crate::plan::{CellId, Plan};
use crate::store::{BlockImages, Collected, PartSummary, Provenance, RunDirectory, collect, scan, set_aside};
use crate::sweep::{self, Data, Normalise};

/// Collects the parts of a plan. Cells that an adaptive rule never asked for and nobody trained are left out.
///
/// # Errors
/// [`SessionError::Store`] if parts cannot be read or the file cannot be written.
pub fn gather(
    plan: &Plan,
    ids: &[CellId],
    directory: &RunDirectory,
    text: &str,
    ranks: u32,
    wall_seconds: f64,
) -> Result<Collected, SessionError> {
    let found = scan(&directory.parts())?;
    for (path, _) in &found.torn {
        set_aside(path)?;
    }
    let certain = plan.certain_seeds();
    let cells: Vec<u32> = (0..plan.len() as u32)
        .filter(|&cell| cell as usize % plan.seeds().len() < certain || found.done.contains_key(&ids[cell as usize]))
        .collect();
    let of_cells: Vec<CellId> = cells.iter().map(|&cell| ids[cell as usize]).collect();
    let (host, device) = origins(&found.parts);
    let provenance = Provenance {
        sweep_name: plan.sweep().name.clone(),
        sweep_file: text.to_string(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        git_commit: env!("PHASESWEEP_GIT_COMMIT").to_string(),
        host,
        device,
        ranks,
        wall_seconds,
        created: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        data_findings: directory.data_findings()?,
        images: block_images(plan),
    };
    Ok(collect(&directory.parts(), &of_cells, &coordinates(plan, &cells), &provenance, &directory.results())?)
}

/// Collects what lies in a run directory, by the sweep file that is kept there.
///
/// # Errors
/// As [`gather`]; [`SessionError::Input`] if there is no sweep file or it is not valid.
pub fn gather_directory(directory: &RunDirectory) -> Result<Collected, SessionError> {
    let path = directory.sweep_file();
    let text = std::fs::read_to_string(&path).map_err(|error| {
        SessionError::Input(format!("error: {} cannot be read: {error}. Is this a run directory?", path.display()))
    })?;
    let overrides = opening::overrides_in(&text);
    let sweep = sweep::parse(&text, &path.display().to_string(), &overrides)
        .map_err(|diagnostics| SessionError::Input(diagnostics.to_string()))?;
    let identities = identities(&sweep, &mut Pools::default())?;
    let plan = Plan::new(sweep, &identities);
    let ids = plan.ids();
    gather(&plan, &ids, directory, &text, 0, f64::NAN)
}

/// Images of the training block, where the sweep has one block and it is of single-channel images. A report without
/// them is still a report: what keeps them from being read is only said in the log.
fn block_images(plan: &Plan) -> Option<BlockImages> {
    let ([data], [subsample]) = (plan.sweep().data.as_slice(), plan.sweep().subsamples.as_slice()) else { return None };
    let raw = Data { normalise: Normalise::None, ..data.clone() };
    let prepared = || {
        let pool = Pool::load(data)?;
        Ok::<_, DataError>((pool.block(&raw, subsample, true)?, pool.class_numbers(data)?))
    };
    let (block, numbers) = match prepared() {
        Ok(prepared) => prepared,
        Err(error) => {
            tracing::debug!("the block's images are not kept with the results: {error}");
            return None;
        }
    };
    let Some([1, height, width]) = block.image else { return None };
    let greatest = block.train.x.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    Some(BlockImages {
        pixels: block.train.x.iter().map(|&pixel| (255.0 * pixel / greatest).round() as u8).collect(),
        shape: [height, width],
        labels: block.train.y.iter().map(|&class| i64::from(numbers[usize::from(class)])).collect(),
    })
}

/// Hosts and devices behind the parts, each once.
fn origins(parts: &[(std::path::PathBuf, PartSummary)]) -> (String, String) {
    let join = |name: fn(&PartSummary) -> &str| {
        let names: BTreeSet<&str> =
            parts.iter().map(|(_, summary)| name(summary)).filter(|name| !name.is_empty()).collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    };
    (join(|summary| &summary.host), join(|summary| &summary.device))
}
