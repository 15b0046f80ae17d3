//! Where limits are read from. A test puts files of its own and an environment of its own in the system's place.

use std::path::Path;

/// The environment of a process and the files of a Linux system, as far as limits are told by them.
pub trait HostFiles {
    /// An environment variable; `None` if it is not set or is not UTF-8.
    fn variable(&self, name: &str) -> Option<String>;

    /// The text of the file at an absolute path; `None` if there is none or it cannot be read.
    fn text(&self, path: &Path) -> Option<String>;
}

/// This process and its system.
#[derive(Debug, Clone, Copy)]
pub struct ThisHost;

impl HostFiles for ThisHost {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn text(&self, path: &Path) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }
}
