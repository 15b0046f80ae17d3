//! What can go wrong with data: each error names the file, the numbers, and what to do next.

use std::path::{Path, PathBuf};

/// Data cannot be had, read, or prepared as asked.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// No directory holds the source.
    #[error("{name} was found nowhere. Looked in:\n{}\n{advice}", bullets(looked))]
    NotFound {
        /// Name of the source.
        name: String,
        /// Places looked at, in order, with what was there.
        looked: Vec<String>,
        /// What to do.
        advice: String,
    },
    /// A directory holds some of a source's files but not all.
    #[error("{}: missing {}. {advice}", dir.display(), missing.join(", "))]
    Incomplete {
        /// The directory.
        dir: PathBuf,
        /// Names of the missing files (each may also end in .gz).
        missing: Vec<String>,
        /// What to do.
        advice: String,
    },
    /// The operating system refuses.
    #[error("{}: {source}. Check that the file is there, readable and whole", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The refusal.
        source: std::io::Error,
    },
    /// A gzip stream is damaged.
    #[error(
        "{}: damaged gzip data after {decoded} decompressed bytes ({source}). Fetch or copy the file again",
        path.display()
    )]
    Gzip {
        /// The file.
        path: PathBuf,
        /// Bytes decompressed before the damage.
        decoded: u64,
        /// What the decoder says.
        source: std::io::Error,
    },
    /// A file is shorter or longer than its header says.
    #[error(
        "{}: {} {found} bytes where {expected} are expected ({reason}). \
         The file is {}: fetch or copy it again",
        path.display(),
        if found < expected { "ends after" } else { "holds at least" },
        if found < expected { "truncated" } else { "not what its header says" }
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// Bytes by the header or the format, header included.
        expected: u64,
        /// Bytes there.
        found: u64,
        /// Where the expectation comes from.
        reason: String,
    },
    /// A file is of another format.
    #[error("{}: this is {found}. Read is {expected}. {advice}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it is: type of its elements, shape, first bytes.
        found: String,
        /// What can be read.
        expected: String,
        /// What to do.
        advice: String,
    },
    /// Two files that belong together do not fit.
    #[error("{}: {what}, but {} has {other_what}. Both files must come from the same data set", path.display(), other.display())]
    Mismatch {
        /// The first file.
        path: PathBuf,
        /// Its number or shape.
        what: String,
        /// The second file.
        other: PathBuf,
        /// Its number or shape.
        other_what: String,
    },
    /// A file is well-formed but holds what the source cannot use.
    #[error("{}: {what}. {advice}", path.display())]
    Unsuitable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// What to do.
        advice: String,
    },
    /// A label is not among the classes.
    #[error(
        "{}: sample {index} has label {label}, but the labels of {name} run from 0 to {}. \
         The file is damaged or belongs to another data set; fetch it again, or use source = \"idx\"",
        path.display(),
        classes - 1
    )]
    Label {
        /// The file of labels.
        path: PathBuf,
        /// Index of the sample in the file.
        index: usize,
        /// Its label.
        label: u32,
        /// Name of the source.
        name: String,
        /// Number of classes.
        classes: usize,
    },
    /// More training samples are asked for than there are.
    #[error("{what} needs {needed} training samples, but {name} has {available}. Ask for a smaller size{}", if *block { " or an earlier block" } else { "" })]
    TooFew {
        /// The subsample.
        what: String,
        /// Samples needed.
        needed: u128,
        /// Samples there are.
        available: usize,
        /// Name of the source.
        name: String,
        /// Whether a contiguous block was asked for.
        block: bool,
    },
    /// A balanced draw asks for more samples of a class than there are.
    #[error(
        "a balanced draw of {size} needs {needed} samples of class {class}, but {name} has {available} to train on. \
         Ask for at most {most}, or leave out balanced"
    )]
    Unbalanced {
        /// Samples asked for.
        size: usize,
        /// Name of the source.
        name: String,
        /// The class.
        class: String,
        /// Samples of it that are needed.
        needed: usize,
        /// Samples of it that there are.
        available: usize,
        /// Largest balanced draw that there is.
        most: usize,
    },
    /// The sweep asks for something that the source cannot give.
    #[error("{name}: {what}. {advice}")]
    Request {
        /// Name of the source.
        name: String,
        /// What is wrong.
        what: String,
        /// What to do.
        advice: String,
    },
    /// Every input of the block is constant.
    #[error(
        "{name}: every one of the {features} inputs is constant over the {samples} training samples, so that nothing is left to learn from. Take a larger subsample, or normalise = \"none\""
    )]
    AllConstant {
        /// Name of the source.
        name: String,
        /// Inputs of the source.
        features: usize,
        /// Training samples.
        samples: usize,
    },
}

impl DataError {
    /// Wraps a refusal of the operating system.
    pub(super) fn io(path: &Path, source: std::io::Error) -> DataError {
        DataError::Io { path: path.to_owned(), source }
    }
}

/// The lines as an indented list.
fn bullets(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  - {line}")).collect::<Vec<_>>().join("\n")
}
