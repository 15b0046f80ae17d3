//! A sweep as it was asked for: the text of its file, what overrides it, and where its relative paths start from.
//!
//! Invariants: the text is kept byte for byte as it was given; the same definition means the same sweep in every working
//! directory and on every machine.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::sweep::{self, Diagnostics, Directories, Sweep};

/// A sweep as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The sweep file that was first given, absolute; `None` where it is not known any more.
    pub sweep_file: Option<PathBuf>,
    /// Directory that relative paths in the file start from, absolute.
    pub directory: PathBuf,
    /// The home directory that `~` stands for.
    pub home: Option<PathBuf>,
    /// Text of the sweep file.
    pub text: String,
    /// What overrides it, in order.
    pub overrides: Vec<Override>,
}

/// One `--set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// `KEY=VALUE`, as it was typed.
    pub set: String,
    /// Directory that a relative path in it starts from, absolute.
    pub directory: PathBuf,
}

impl Definition {
    /// The checked sweep; `name` is what errors call the file.
    ///
    /// # Errors
    /// Everything that is wrong with the text and its overrides.
    pub fn sweep(&self, name: &str) -> Result<Sweep, Diagnostics> {
        let directories = Directories {
            file: self.directory.clone(),
            overrides: self.overrides.iter().map(|set| set.directory.clone()).collect(),
            home: self.home.clone(),
        };
        sweep::parse_from(&self.text, name, &self.sets(), &directories)
    }

    /// The overrides as they were typed.
    pub fn sets(&self) -> Vec<String> {
        self.overrides.iter().map(|set| set.set.clone()).collect()
    }

    /// Adds overrides that were typed in `directory`. One that was there already moves to the end, so that a job which is
    /// requeued a hundred times does not say it a hundred times: the last of equal ones decides in any case.
    #[must_use]
    pub fn overridden(mut self, sets: &[String], directory: &Path) -> Definition {
        for set in sets {
            self.overrides.retain(|kept| kept.set != *set);
            self.overrides.push(Override { set: set.clone(), directory: directory.to_path_buf() });
        }
        self
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn later_overrides_come_last_and_each_is_kept_once() {
        let text = "[sweep]\nname = \"t\"\nseeds = 1\n[[data]]\nsource = \"digits\"\n[[subsample]]\nsize = 10\n\
                    [[architecture]]\nkind = \"mlp\"\nhidden = [5]\n[[optimiser]]\nkind = \"sgd\"\nlr = 0.1\n\
                    [train]\nepochs = 2\n";
        let definition = Definition {
            sweep_file: None,
            directory: "/".into(),
            home: None,
            text: text.into(),
            overrides: Vec::new(),
        };
        let sets = |sets: &[&str]| sets.iter().map(|set| set.to_string()).collect::<Vec<_>>();
        let here = Path::new("/here");
        let first = definition.overridden(&sets(&["optimiser.lr=0.3", "train.epochs=9"]), here);
        let again = first.clone().overridden(&sets(&["optimiser.lr=0.3"]), Path::new("/there"));
        assert_eq!(again.sets(), ["train.epochs=9", "optimiser.lr=0.3"]);
        assert_eq!(again.overrides[1].directory, Path::new("/there"));
        assert_eq!(again.sweep("t").unwrap(), first.sweep("t").unwrap());
        let changed = again.overridden(&sets(&["optimiser.lr=0.2", "optimiser.lr=0.3", "optimiser.lr=0.2"]), here);
        assert_eq!(changed.sweep("t").unwrap().optimisers[0].lr, 0.2);
        assert_eq!(changed.sets(), ["train.epochs=9", "optimiser.lr=0.3", "optimiser.lr=0.2"]);
    }
}
