//! What every worker of a process stands on: the plan, the run directory, and the data, loaded once and shared.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::start::pools::Pools;
use crate::data::{self, Block, DataError, Pool};
use crate::plan::{CellId, Plan};
use crate::store::RunDirectory;

/// Blocks kept besides those in use; a sweep over many subsamples must not fill the memory with them.
const KEPT_BLOCKS: usize = 4;

/// The plan and the directory of a run, and its data; shared by the workers of one process.
pub(super) struct RunContext {
    pub(super) plan: Plan,
    ids: OnceLock<Vec<CellId>>,
    pub(super) directory: RunDirectory,
    pools: Mutex<Pools>,
    blocks: Mutex<Vec<(BlockKey, Prepared)>>,
}

/// Which block: data, subsample, and whether constant inputs stay (networks that need images).
type BlockKey = (usize, usize, bool);

/// A block with its noisy test inputs.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) block: Arc<Block>,
    pub(super) noisy: Arc<Vec<Vec<f32>>>,
    /// The number that stands for each class in results ([`data::Pool::class_numbers`]).
    pub(super) classes: Arc<[u16]>,
}

impl RunContext {
    /// `pools` are sources that this process has read already.
    pub(super) fn new(plan: Plan, directory: RunDirectory, pools: Pools) -> RunContext {
        RunContext { plan, ids: OnceLock::new(), directory, pools: Mutex::new(pools), blocks: Mutex::default() }
    }

    /// Ids of the plan's cells, in order: for rank 0, which looks for all of them.
    pub(super) fn ids(&self) -> &[CellId] {
        self.ids.get_or_init(|| self.plan.ids())
    }

    /// Id of a cell of the plan. A rank that trains a few thousand of ten million cells does not keep the ids of all.
    pub(super) fn id(&self, cell: u32) -> CellId {
        self.ids.get().map_or_else(|| self.plan.id(cell), |ids| ids[cell as usize])
    }

    /// The decoded source of `sweep.data[data]`.
    pub(super) fn pool(&self, data: usize) -> Result<Arc<Pool>, DataError> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner).get(&self.plan.sweep().data[data])
    }

    /// The block of a variant, prepared once for all workers of the process.
    pub(super) fn block(&self, variant: usize) -> Result<Prepared, DataError> {
        let variant = self.plan.variants()[variant];
        let sweep = self.plan.sweep();
        let images = sweep.architectures[variant.architecture].kind.needs_images();
        let key = (variant.data, variant.subsample, images);
        // Preparing under the lock keeps two workers from preparing the same block twice.
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, prepared)) = blocks.iter().find(|(of, _)| *of == key) {
            return Ok(prepared.clone());
        }
        let data = &sweep.data[variant.data];
        let pool = self.pools.lock().unwrap_or_else(PoisonError::into_inner).get(data)?;
        let block = pool.block(data, &sweep.subsamples[variant.subsample], images)?;
        let classes = pool.class_numbers(data)?.into();
        let noisy = sweep
            .observe
            .noise
            .iter()
            .enumerate()
            .map(|(stream, &sigma)| data::noisy_test(&block, sigma, stream as u64))
            .collect();
        let prepared = Prepared { block: Arc::new(block), noisy: Arc::new(noisy), classes };
        if blocks.len() >= KEPT_BLOCKS {
            blocks.remove(0);
        }
        blocks.push((key, prepared.clone()));
        Ok(prepared)
    }
}
