//! What is stored: the table of all variables, which is the registry of observables, and the versions of the formats of parts
//! and checkpoints. The version of the results file is in the contract (`phasesweep_results`).

use phasesweep_results::{Format as Versions, FormatError};

pub use crate::observables::{VARIABLES, dimensions, variable};

/// A format of the program's own files. That of the results file is [`phasesweep_results::format::RESULTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One cohort's part.
    Part,
    /// One cohort's checkpoint.
    Checkpoint,
}

impl Format {
    const fn versions(self) -> Versions {
        match self {
            Format::Part => Versions { noun: "part", current: 1, oldest: 1 },
            // 2: a flow's state behind every replica's. 3: what is measured on copies of the weights. 4: arrays by name.
            Format::Checkpoint => Versions { noun: "checkpoint", current: 4, oldest: 4 },
        }
    }

    /// The version that is written.
    pub const fn current(self) -> u32 {
        self.versions().current
    }

    /// What a file of it is called in a sentence.
    pub const fn noun(self) -> &'static str {
        self.versions().noun
    }

    /// Whether a file of that version can be read.
    ///
    /// # Errors
    /// [`FormatError::TooNew`] or [`FormatError::TooOld`].
    pub fn check(self, found: u32) -> Result<(), FormatError> {
        self.versions().check(found)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn versions_beyond_what_is_known_are_told_apart() {
        let part = Format::Part;
        assert_eq!(part.check(part.current()), Ok(()));
        assert!(part.check(part.current() + 1).unwrap_err().to_string().contains("newer phasesweep"));
        assert!(matches!(part.check(0), Err(FormatError::TooOld { found: 0, .. })));
    }
}
