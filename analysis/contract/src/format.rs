//! Versions of file formats: what is written, what is still read, and the sentences that refuse the rest.

/// A file format with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// What a file of it is called in a sentence.
    pub noun: &'static str,
    /// The version that is written.
    pub current: u32,
    /// The oldest version that is read.
    pub oldest: u32,
}

/// The results file.
pub const RESULTS: Format = Format { noun: "results file", current: 1, oldest: 1 };

impl Format {
    /// Whether a file of that version can be read.
    ///
    /// # Errors
    /// [`FormatError::TooNew`] or [`FormatError::TooOld`].
    pub fn check(self, found: u32) -> Result<(), FormatError> {
        let Format { noun, current, oldest } = self;
        if found > current {
            Err(FormatError::TooNew { noun, found, current })
        } else if found < oldest {
            Err(FormatError::TooOld { noun, found, oldest })
        } else {
            Ok(())
        }
    }
}

/// Why a file is not one that this program reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A later phasesweep wrote it.
    #[error(
        "this {noun} has format version {found}, and this phasesweep knows none beyond {current}: it was written by a \
         newer phasesweep; use that one"
    )]
    TooNew {
        /// What the file is.
        noun: &'static str,
        /// Its version.
        found: u32,
        /// The newest known.
        current: u32,
    },
    /// An earlier phasesweep wrote it, and reading it was given up.
    #[error(
        "this {noun} has format version {found}, and this phasesweep reads none before {oldest}: read it with the \
         phasesweep that wrote it, or move it away and run the sweep again"
    )]
    TooOld {
        /// What the file is.
        noun: &'static str,
        /// Its version.
        found: u32,
        /// The oldest read.
        oldest: u32,
    },
    /// Something else wrote it.
    #[error("this is no phasesweep {noun}: it was written by another program; move it out of the run directory")]
    Foreign {
        /// What was expected.
        noun: &'static str,
    },
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn versions_beyond_what_is_known_are_told_apart() {
        assert_eq!(RESULTS.check(RESULTS.current), Ok(()));
        assert!(RESULTS.check(RESULTS.current + 1).unwrap_err().to_string().contains("newer phasesweep"));
        assert!(matches!(RESULTS.check(0), Err(FormatError::TooOld { found: 0, .. })));
    }
}
