//! Identities: a cell's is the hash of what decides its result, a cohort's the hash of its cells.
//!
//! Invariant: an id never depends on a place in a grid, a rank, a cohort, or the day.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Identity of a cell: the first 16 bytes of the BLAKE3 hash of its canonical specification and its seed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CellId(pub [u8; 16]);

/// The part of a cell's id that all seeds of a variant share.
pub(super) struct VariantHash(blake3::Hasher);

/// The hash of a canonical specification.
fn hash(specification: &str) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(specification.len() as u64).to_le_bytes());
    hasher.update(specification.as_bytes());
    hasher.finalize()
}

impl CellId {
    pub(super) fn of_specification(specification: &str) -> VariantHash {
        // Hashing the specification down first makes a million seeds cost one short hash each.
        VariantHash(blake3::Hasher::new_keyed(hash(specification).as_bytes()))
    }
}

/// Identity of a variant: the first 8 bytes of the BLAKE3 hash of its canonical specification. Cells share it if and
/// only if they differ in the seed alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VariantId(pub u64);

impl VariantId {
    pub(super) fn of_specification(specification: &str) -> VariantId {
        let mut first = [0; 8];
        first.copy_from_slice(&hash(specification).as_bytes()[..8]);
        VariantId(u64::from_be_bytes(first))
    }
}

impl fmt::Display for VariantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for VariantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VariantId({self})")
    }
}

impl VariantHash {
    pub(super) fn at_seed(&self, seed: u64) -> CellId {
        let mut id = [0; 16];
        id.copy_from_slice(&self.0.clone().update(&seed.to_le_bytes()).finalize().as_bytes()[..16]);
        CellId(id)
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CellId({self})")
    }
}

/// A text that is no cell id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a cell id: 32 hexadecimal digits are expected")]
pub struct NotACellId(String);

impl FromStr for CellId {
    type Err = NotACellId;

    fn from_str(text: &str) -> Result<CellId, NotACellId> {
        let wrong = || NotACellId(text.to_string());
        if text.len() != 32 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut id = [0; 16];
        for (byte, place) in id.iter_mut().zip((0..32).step_by(2)) {
            *byte = u8::from_str_radix(&text[place..place + 2], 16).map_err(|_| wrong())?;
        }
        Ok(CellId(id))
    }
}

/// Identity of a cohort: the hash of its cells' ids, in order. Names its part and its checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CohortId(pub u64);

impl CohortId {
    /// The id of the cohort of these cells.
    pub fn of<'a>(cells: impl IntoIterator<Item = &'a CellId>) -> CohortId {
        let mut hasher = blake3::Hasher::new();
        for cell in cells {
            hasher.update(&cell.0);
        }
        let mut first = [0; 8];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        CohortId(u64::from_le_bytes(first))
    }
}

impl fmt::Display for CohortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for CohortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CohortId({self})")
    }
}

/// A text that is no cohort id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a cohort id: 16 hexadecimal digits are expected")]
pub struct NotACohortId(String);

impl FromStr for CohortId {
    type Err = NotACohortId;

    fn from_str(text: &str) -> Result<CohortId, NotACohortId> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let parsed = if digits { u64::from_str_radix(text, 16).ok() } else { None };
        parsed.map(CohortId).ok_or_else(|| NotACohortId(text.to_string()))
    }
}

// In files, an id is the text that people see.
impl From<CellId> for String {
    fn from(id: CellId) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for CellId {
    type Error = NotACellId;

    fn try_from(text: String) -> Result<CellId, NotACellId> {
        text.parse()
    }
}

impl From<CohortId> for String {
    fn from(id: CohortId) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for CohortId {
    type Error = NotACohortId;

    fn try_from(text: String) -> Result<CohortId, NotACohortId> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_print_and_parse() {
        let id = CellId::of_specification("{}").at_seed(7);
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "00", "zz000000000000000000000000000000", "+f000000000000000000000000000000é"] {
            assert!(wrong.parse::<CellId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn ids_in_files_are_their_texts() {
        assert_eq!(serde_json::to_string(&CohortId(0x1f)).ok().as_deref(), Some("\"000000000000001f\""));
        assert_eq!(serde_json::from_str::<CohortId>("\"000000000000001F\"").ok(), Some(CohortId(0x1f)));
        for wrong in ["", "1f", "+00000000000001f", "00000000000000000000000000000000"] {
            assert!(wrong.parse::<CohortId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_specification_is_not_a_prefix_of_another() {
        let a = CellId::of_specification("{\"a\":1}").at_seed(0);
        let b = CellId::of_specification("{\"a\":1} ").at_seed(0);
        assert_ne!(a, b);
    }
}
