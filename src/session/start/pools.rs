//! Decoded sources, each read once by a process and shared by all that it is asked for.

use std::path::PathBuf;
use std::sync::Arc;

use crate::data::{DataError, Pool};
use crate::sweep::{Data, Source};

/// The sources read so far. Data that differ in labels or scaling alone share a pool.
#[derive(Debug, Default)]
pub(in crate::session) struct Pools(Vec<(Source, Option<PathBuf>, Arc<Pool>)>);

impl Pools {
    /// The decoded source of `data`, read if it was not yet.
    ///
    /// # Errors
    /// As [`Pool::load`].
    pub(in crate::session) fn get(&mut self, data: &Data) -> Result<Arc<Pool>, DataError> {
        let known = self.0.iter().find(|(source, path, _)| *source == data.source && *path == data.path);
        if let Some((.., pool)) = known {
            return Ok(pool.clone());
        }
        let pool = Arc::new(Pool::load(data)?);
        self.0.push((data.source.clone(), data.path.clone(), pool.clone()));
        Ok(pool)
    }
}
