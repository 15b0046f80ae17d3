//! Files of weights at chosen epochs or steps, or stages of a gradient flow, as a cohort trains.
//!
//! Invariant: a file is written before a checkpoint lies beyond its moment; written again, it is the same.

use std::path::Path;

use crate::observables::{Moment, Position};
use crate::plan::CellId;
use crate::store::{CellWeights, FlowStage, Numbers, RunDirectory, StoreError, block_digest, durable};
use crate::train::flow::StageWeights;
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

    /// Writes a replica's weights as they are in its state, which is at that moment.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub(in crate::session) fn keep(
        &mut self,
        replica: usize,
        at: Moment,
        state: &ReplicaState,
    ) -> Result<(), StoreError> {
        let (parameters, averages) = (&state.parameters, &state.averages);
        let path = self.directory.weights_file(self.cells[replica], at);
        self.write(replica, state.position(), Numbers::Epoch { parameters, averages }, &path)
    }

    /// Writes the weights of a replica's gradient flow at a stage.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub(in crate::session) fn keep_stage(&mut self, stage: &StageWeights) -> Result<(), StoreError> {
        let StageWeights { replica, stage: share, epoch, time, alpha, ref scales, ref parameters } = *stage;
        let numbers = Numbers::Stage(FlowStage { share, time, alpha, scales, parameters });
        let path = self.directory.stage_weights_file(self.cells[replica], share);
        self.write(replica, Position::at_epoch(epoch), numbers, &path)
    }

    fn write(&mut self, replica: usize, at: Position, numbers: Numbers<'_>, path: &Path) -> Result<(), StoreError> {
        let problem = self.problem;
        let digest = self.digest.get_or_insert_with(|| block_digest(&problem.block));
        let cell = self.cells[replica];
        durable::create_directory(&self.directory.cell_weights(cell))?;
        let weights = CellWeights {
            cell,
            seed: self.replicas[replica].seed,
            epoch: at.epoch,
            step: at.epoch * steps_per_epoch(problem, &self.replicas[replica]) + at.step,
            architecture: &problem.architecture,
            graph: &self.graph,
            activation: problem.activation,
            specification: self.specifications[replica],
            block: &problem.block,
            block_digest: digest,
            numbers,
        };
        weights.write(path)
    }
}
