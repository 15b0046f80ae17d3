//! Checkpoints: the states of one cohort's replicas at an epoch, from which training goes on bit for bit.
//!
//! A sealed file (see `seal.rs`). Its summary, little-endian: cohort u64, wall seconds f64, number of cells u32, then
//! each cell's id (16 bytes) and next epoch u64. Its body, for each cell in order: diverged u64 (all ones: not), then
//! nine arrays, each as length u64 and elements: parameters, first moment, second moment, train loss, train error, test
//! error, noisy error, radius, distance (f32 each), then misclassified (bytes), then four arrays measured on copies of the
//! weights: local complexity, its quantiles, robust error, steps per epoch (f32 each), then a flow's state (bytes, see
//! `flow_state.rs`; none for other optimisers). Invariant: what is read equals what was written in every bit, NaNs
//! included.

use std::path::{Path, PathBuf};

use crate::plan::{CellId, CohortId};
use crate::train::{ProbeRecord, Record, ReplicaState};

use super::error::StoreError;
use super::flow_state;
use super::schema::Format;
use super::seal;

/// How names of checkpoints end.
pub const SUFFIX: &str = "ckpt";

/// The states of a cohort's replicas.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The cohort.
    pub cohort: CohortId,
    /// Its cells, one for each state.
    pub cells: Vec<CellId>,
    /// Seconds of training so far.
    pub wall_seconds: f64,
    /// The replicas' states.
    pub states: Vec<ReplicaState>,
}

/// What can be told of a checkpoint without reading the states.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointSummary {
    /// The file.
    pub path: PathBuf,
    /// The cohort.
    pub cohort: CohortId,
    /// Its cells, each with the next epoch to be measured.
    pub cells: Vec<(CellId, usize)>,
    /// Seconds of training so far.
    pub wall_seconds: f64,
}

impl Checkpoint {
    /// Writes the checkpoint, durably; an older one of the same name is replaced.
    ///
    /// # Errors
    /// [`StoreError::Io`]; [`StoreError::Contradiction`] if there are not as many states as cells.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        if self.cells.len() != self.states.len() {
            let reason = format!("{} cells, {} states", self.cells.len(), self.states.len());
            return Err(StoreError::contradiction(path, reason));
        }
        let mut summary = Vec::with_capacity(20 + 24 * self.cells.len());
        summary.extend_from_slice(&self.cohort.0.to_le_bytes());
        summary.extend_from_slice(&self.wall_seconds.to_le_bytes());
        summary.extend_from_slice(&(self.cells.len() as u32).to_le_bytes());
        for (cell, state) in self.cells.iter().zip(&self.states) {
            summary.extend_from_slice(&cell.0);
            summary.extend_from_slice(&(state.epoch as u64).to_le_bytes());
        }
        let mut body = Vec::with_capacity(self.states.iter().map(size).sum());
        for state in &self.states {
            body.extend_from_slice(&state.diverged.map_or(u64::MAX, |epoch| epoch as u64).to_le_bytes());
            floats(state).iter().for_each(|values| put(&mut body, values));
            body.extend_from_slice(&(state.record.misclassified.len() as u64).to_le_bytes());
            body.extend_from_slice(&state.record.misclassified);
            probes(&state.record.probes).iter().for_each(|values| put(&mut body, values));
            let flow = state.flow.as_deref().map_or_else(Vec::new, flow_state::encode);
            body.extend_from_slice(&(flow.len() as u64).to_le_bytes());
            body.extend_from_slice(&flow);
        }
        seal::write(path, Format::Checkpoint, &summary, &body, 1)
    }

    /// Reads a checkpoint, every byte checked.
    ///
    /// # Errors
    /// [`StoreError::Torn`] if it is not whole, [`StoreError::Format`] if it is not ours or of another version,
    /// [`StoreError::Io`].
    pub fn read(path: &Path) -> Result<Checkpoint, StoreError> {
        let (head, body) = seal::read_body(path, Format::Checkpoint)?;
        let broken = || StoreError::contradiction(path, "its lengths do not add up");
        let summary = summarise(path, &head.summary).ok_or_else(broken)?;
        let mut reader = Bytes(&body);
        let states: Option<Vec<_>> = summary.cells.iter().map(|&(_, epoch)| state(&mut reader, epoch)).collect();
        let states = states.filter(|_| reader.0.is_empty()).ok_or_else(broken)?;
        let cells = summary.cells.into_iter().map(|(cell, _)| cell).collect();
        Ok(Checkpoint { cohort: summary.cohort, cells, wall_seconds: summary.wall_seconds, states })
    }
}

impl CheckpointSummary {
    /// Reads the head of a checkpoint.
    ///
    /// # Errors
    /// As [`Checkpoint::read`], though a torn body is not noticed.
    pub fn read(path: &Path) -> Result<CheckpointSummary, StoreError> {
        let head = seal::read_head(path, Format::Checkpoint)?;
        summarise(path, &head.summary).ok_or_else(|| StoreError::contradiction(path, "its summary does not add up"))
    }
}

/// The arrays of floats in the order in which they are stored.
fn floats(state: &ReplicaState) -> [&Vec<f32>; 9] {
    let ReplicaState { epoch: _, parameters, first_moment, second_moment, diverged: _, record, flow: _ } = state;
    let Record { train_loss, train_error, test_error, noisy_error, radius, distance, misclassified: _, probes: _ } =
        record;
    [parameters, first_moment, second_moment, train_loss, train_error, test_error, noisy_error, radius, distance]
}

/// What was measured on copies of the weights, in the order in which it is stored.
fn probes(record: &ProbeRecord) -> [&Vec<f32>; 4] {
    let ProbeRecord { local_complexity, local_complexity_quantile, robust_error, steps_per_epoch } = record;
    [local_complexity, local_complexity_quantile, robust_error, steps_per_epoch]
}

fn put(body: &mut Vec<u8>, values: &[f32]) {
    body.extend_from_slice(&(values.len() as u64).to_le_bytes());
    body.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn size(state: &ReplicaState) -> usize {
    let arrays = floats(state).into_iter().chain(probes(&state.record.probes));
    8 + arrays.map(|values| 8 + 4 * values.len()).sum::<usize>() + 8 + state.record.misclassified.len()
}

fn summarise(path: &Path, bytes: &[u8]) -> Option<CheckpointSummary> {
    let mut reader = Bytes(bytes);
    let cohort = CohortId(reader.u64()?);
    let wall_seconds = f64::from_bits(reader.u64()?);
    let count = u32::from_le_bytes(reader.take(4)?.try_into().ok()?);
    let mut cell = || Some((CellId(reader.take(16)?.try_into().ok()?), usize::try_from(reader.u64()?).ok()?));
    let cells = (0..count).map(|_| cell()).collect::<Option<Vec<_>>>()?;
    Some(CheckpointSummary { path: path.to_owned(), cohort, cells, wall_seconds })
}

fn state(reader: &mut Bytes<'_>, epoch: usize) -> Option<ReplicaState> {
    let diverged = match reader.u64()? {
        u64::MAX => None,
        at => Some(usize::try_from(at).ok()?),
    };
    Some(ReplicaState {
        epoch,
        diverged,
        parameters: reader.floats()?,
        first_moment: reader.floats()?,
        second_moment: reader.floats()?,
        record: Record {
            train_loss: reader.floats()?,
            train_error: reader.floats()?,
            test_error: reader.floats()?,
            noisy_error: reader.floats()?,
            radius: reader.floats()?,
            distance: reader.floats()?,
            misclassified: {
                let length = usize::try_from(reader.u64()?).ok()?;
                reader.take(length)?.to_vec()
            },
            probes: ProbeRecord {
                local_complexity: reader.floats()?,
                local_complexity_quantile: reader.floats()?,
                robust_error: reader.floats()?,
                steps_per_epoch: reader.floats()?,
            },
        },
        flow: match usize::try_from(reader.u64()?).ok()? {
            0 => None,
            length => Some(Box::new(flow_state::decode(reader.take(length)?)?)),
        },
    })
}

/// What is left to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn floats(&mut self) -> Option<Vec<f32>> {
        let length = usize::try_from(self.u64()?).ok()?.checked_mul(4)?;
        let (values, _) = self.take(length)?.as_chunks::<4>();
        Some(values.iter().map(|&value| f32::from_le_bytes(value)).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    /// Any bits at all, signalling NaNs included.
    fn any_floats() -> impl Strategy<Value = Vec<f32>> {
        proptest::collection::vec(any::<u32>().prop_map(f32::from_bits), 0..9)
    }

    prop_compose! {
        fn any_state()(
            epoch in 0..usize::MAX,
            diverged in proptest::option::of(0..1000usize),
            mut floats in proptest::collection::vec(any_floats(), 13),
            misclassified in proptest::collection::vec(any::<u8>(), 0..9),
        ) -> ReplicaState {
            let mut next = || floats.pop().unwrap();
            ReplicaState {
                epoch, diverged, parameters: next(), first_moment: next(), second_moment: next(),
                record: Record {
                    train_loss: next(), train_error: next(), test_error: next(), noisy_error: next(), radius: next(),
                    distance: next(), misclassified,
                    probes: ProbeRecord {
                        local_complexity: next(), local_complexity_quantile: next(), robust_error: next(),
                        steps_per_epoch: next(),
                    },
                },
                flow: None,
            }
        }
    }

    /// A state as bits, so that NaNs compare; written out by hand, not by the code under test.
    fn bits(state: &ReplicaState) -> (usize, Option<usize>, Vec<Vec<u32>>, Vec<u8>) {
        let r = &state.record;
        let floats = [
            &state.parameters,
            &state.first_moment,
            &state.second_moment,
            &r.train_loss,
            &r.train_error,
            &r.test_error,
            &r.noisy_error,
            &r.radius,
            &r.distance,
            &r.probes.local_complexity,
            &r.probes.local_complexity_quantile,
            &r.probes.robust_error,
            &r.probes.steps_per_epoch,
        ];
        let floats = floats.map(|values| values.iter().map(|value| value.to_bits()).collect()).to_vec();
        (state.epoch, state.diverged, floats, r.misclassified.clone())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn read_back_bit_for_bit(states in proptest::collection::vec(any_state(), 0..4), cohort: u64, ids: [u8; 16]) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("a.ckpt");
            let cells: Vec<CellId> = (0..states.len())
                .map(|k| CellId(ids.map(|byte| byte.wrapping_add(k as u8))))
                .collect();
            let written = Checkpoint { cohort: CohortId(cohort), cells, wall_seconds: 0.1, states };
            written.write(&path).unwrap();
            let read = Checkpoint::read(&path).unwrap();
            prop_assert_eq!((read.cohort, &read.cells, read.wall_seconds), (written.cohort, &written.cells, 0.1));
            let all = |states: &[ReplicaState]| states.iter().map(bits).collect::<Vec<_>>();
            prop_assert_eq!(all(&read.states), all(&written.states));
            let summary = CheckpointSummary::read(&path).unwrap();
            let epochs: Vec<usize> = written.states.iter().map(|state| state.epoch).collect();
            prop_assert_eq!(summary.cells, written.cells.into_iter().zip(epochs).collect::<Vec<_>>());
        }
    }

    #[test]
    fn corruption_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.ckpt");
        let state = ReplicaState {
            epoch: 3,
            parameters: vec![1.0; 64],
            first_moment: vec![],
            second_moment: vec![],
            diverged: None,
            record: Record::default(),
            flow: None,
        };
        let checkpoint =
            Checkpoint { cohort: CohortId(1), cells: vec![CellId([1; 16])], wall_seconds: 1.0, states: vec![state] };
        checkpoint.write(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for place in (0..whole.len()).step_by(7) {
            let mut flipped = whole.clone();
            flipped[place] ^= 1;
            fs::write(&path, flipped).unwrap();
            assert!(Checkpoint::read(&path).is_err(), "{place}");
        }
    }

    #[test]
    fn cells_without_states_are_refused_before_writing() {
        let checkpoint =
            Checkpoint { cohort: CohortId(1), cells: vec![CellId([1; 16])], wall_seconds: 0.0, states: vec![] };
        let directory = tempfile::tempdir().unwrap();
        assert!(checkpoint.write(&directory.path().join("a.ckpt")).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
