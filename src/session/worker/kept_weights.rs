//! Files of weights at chosen epochs, as a cohort trains.
//!
//! Invariant: a file is written before training goes beyond its epoch; written again, it is the same.

use crate::plan::CellId;
use crate::store::{CellWeights, RunDirectory, StoreError, block_digest, durable};
use crate::train::{Problem, Replica, ReplicaState, steps_per_epoch};
use phasesweep_networks::Graph;

/// Writes the weights of a cohort's cells.
pub(in crate::session) struct KeptWeights<'a> {
    directory: &'a RunDirectory,
    problem: &'a Problem,
    replicas: &'a [Replica],
    cells: Vec<CellId>,
    graph: Graph,
    specifications: Vec<&'a str>,
    /// Digest of the block, once it was needed.
    digest: Option<String>,
}

impl<'a> KeptWeights<'a> {
    /// For the cells of a cohort, each with its replica and its variant's canonical specification.
    pub(in crate::session) fn new(
        directory: &'a RunDirectory,
        problem: &'a Problem,
        replicas: &'a [Replica],
        cells: &[CellId],
        specifications: Vec<&'a str>,
    ) -> KeptWeights<'a> {
        // A network that cannot be built has no weights: its engine refuses it.
        let graph = problem.graph().unwrap_or_default();
        KeptWeights { directory, problem, replicas, cells: cells.to_vec(), graph, specifications, digest: None }
    }

    /// Writes a replica's weights as they are in its state.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub(in crate::session) fn keep(&mut self, replica: usize, state: &ReplicaState) -> Result<(), StoreError> {
        let problem = self.problem;
        let digest = self.digest.get_or_insert_with(|| block_digest(&problem.block));
        let cell = self.cells[replica];
        durable::create_directory(&self.directory.cell_weights(cell))?;
        let weights = CellWeights {
            cell,
            seed: self.replicas[replica].seed,
            epoch: state.epoch,
            step: state.epoch * steps_per_epoch(problem, &self.replicas[replica]),
            architecture: &problem.architecture,
            graph: &self.graph,
            activation: problem.activation,
            specification: self.specifications[replica],
            block: &problem.block,
            block_digest: digest,
            parameters: &state.parameters,
        };
        weights.write(&self.directory.weights_file(cell, state.epoch))
    }
}
