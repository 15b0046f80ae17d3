//! Checkpoints: the states of one cohort's replicas at an epoch, from which training goes on bit for bit.
//!
//! A sealed file (see `seal.rs`). Its summary, little-endian: cohort u64, wall seconds f64, number of cells u32, then
//! each cell's id (16 bytes) and next epoch u64. Its body, for each cell in order: diverged u64 (all ones: not), number of
//! arrays u32, then each array: length of its name u32, the name in UTF-8, type u8 (0 f32, 1 f64, 2 byte), number of
//! elements u64, elements. What the arrays are is the business of whoever saves them. Invariant: what is read equals what
//! was written in every bit, NaNs included.

use std::path::{Path, PathBuf};

use crate::observables::Values;
use crate::plan::{CellId, CohortId};

use super::error::StoreError;
use super::schema::Format;
use super::seal;

/// How names of checkpoints end.
pub const SUFFIX: &str = "ckpt";

/// A replica's state as it is saved: arrays by name.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedState {
    /// The next epoch to be measured.
    pub epoch: usize,
    /// The epoch at which a loss or weight stopped being finite.
    pub diverged: Option<usize>,
    /// Everything else, each array with its name.
    pub arrays: Vec<(String, Values)>,
}

impl SavedState {
    /// Takes out the array of that name.
    pub fn take(&mut self, name: &str) -> Option<Values> {
        let place = self.arrays.iter().position(|(own, _)| own == name)?;
        Some(self.arrays.swap_remove(place).1)
    }
}

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
    pub states: Vec<SavedState>,
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
            body.extend_from_slice(&(state.arrays.len() as u32).to_le_bytes());
            for (name, values) in &state.arrays {
                body.extend_from_slice(&(name.len() as u32).to_le_bytes());
                body.extend_from_slice(name.as_bytes());
                put(&mut body, values);
            }
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

fn put(body: &mut Vec<u8>, values: &Values) {
    body.push(match values {
        Values::F32(_) => 0,
        Values::F64(_) => 1,
        Values::U8(_) => 2,
    });
    body.extend_from_slice(&(values.len() as u64).to_le_bytes());
    match values {
        Values::F32(values) => body.extend(values.iter().flat_map(|value| value.to_le_bytes())),
        Values::F64(values) => body.extend(values.iter().flat_map(|value| value.to_le_bytes())),
        Values::U8(values) => body.extend_from_slice(values),
    }
}

fn size(state: &SavedState) -> usize {
    let array = |(name, values): &(String, Values)| 13 + name.len() + values.dtype().bytes() * values.len();
    12 + state.arrays.iter().map(array).sum::<usize>()
}

fn summarise(path: &Path, bytes: &[u8]) -> Option<CheckpointSummary> {
    let mut reader = Bytes(bytes);
    let cohort = CohortId(reader.u64()?);
    let wall_seconds = f64::from_bits(reader.u64()?);
    let count = reader.u32()?;
    let mut cell = || Some((CellId(reader.take(16)?.try_into().ok()?), usize::try_from(reader.u64()?).ok()?));
    let cells = (0..count).map(|_| cell()).collect::<Option<Vec<_>>>()?;
    Some(CheckpointSummary { path: path.to_owned(), cohort, cells, wall_seconds })
}

fn state(reader: &mut Bytes<'_>, epoch: usize) -> Option<SavedState> {
    let diverged = match reader.u64()? {
        u64::MAX => None,
        at => Some(usize::try_from(at).ok()?),
    };
    let count = reader.u32()?;
    let arrays = (0..count).map(|_| array(reader)).collect::<Option<_>>()?;
    Some(SavedState { epoch, diverged, arrays })
}

fn array(reader: &mut Bytes<'_>) -> Option<(String, Values)> {
    let length = reader.u32()? as usize;
    let name = std::str::from_utf8(reader.take(length)?).ok()?.to_owned();
    let [kind] = *reader.take(1)? else { return None };
    let length = usize::try_from(reader.u64()?).ok()?;
    let values = match kind {
        0 => {
            let (values, _) = reader.take(length.checked_mul(4)?)?.as_chunks::<4>();
            Values::F32(values.iter().map(|&value| f32::from_le_bytes(value)).collect())
        }
        1 => {
            let (values, _) = reader.take(length.checked_mul(8)?)?.as_chunks::<8>();
            Values::F64(values.iter().map(|&value| f64::from_le_bytes(value)).collect())
        }
        2 => Values::U8(reader.take(length)?.to_vec()),
        _ => return None,
    };
    Some((name, values))
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

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    /// Any bits at all, signalling NaNs included.
    fn any_values() -> impl Strategy<Value = Values> {
        prop_oneof![
            proptest::collection::vec(any::<u32>().prop_map(f32::from_bits), 0..9).prop_map(Values::F32),
            proptest::collection::vec(any::<u64>().prop_map(f64::from_bits), 0..9).prop_map(Values::F64),
            proptest::collection::vec(any::<u8>(), 0..9).prop_map(Values::U8),
        ]
    }

    prop_compose! {
        fn any_state()(
            epoch in 0..usize::MAX,
            diverged in proptest::option::of(0..1000usize),
            arrays in proptest::collection::vec(("[a-zµ.]{0,9}", any_values()), 0..5),
        ) -> SavedState {
            SavedState { epoch, diverged, arrays }
        }
    }

    /// Epoch, epoch of divergence, and each array with its type, as bits.
    type Bits = (usize, Option<usize>, Vec<(String, Vec<u64>)>);

    /// A state as bits, so that NaNs compare.
    fn bits(state: &SavedState) -> Bits {
        let array = |(name, values): &(String, Values)| {
            let bits = match values {
                Values::F32(values) => values.iter().map(|value| u64::from(value.to_bits())).collect(),
                Values::F64(values) => values.iter().map(|value| value.to_bits()).collect(),
                Values::U8(values) => values.iter().map(|&value| u64::from(value)).collect(),
            };
            (format!("{name} {:?}", values.dtype()), bits)
        };
        (state.epoch, state.diverged, state.arrays.iter().map(array).collect())
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
            let all = |states: &[SavedState]| states.iter().map(bits).collect::<Vec<_>>();
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
        let arrays = vec![("parameters".to_owned(), Values::F32(vec![1.0; 64]))];
        let state = SavedState { epoch: 3, diverged: None, arrays };
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
