//! Any four files of MNIST's format, under its names or behind the name of a set: what EMNIST (Cohen et al., arXiv
//! 1702.05373), QMNIST (Yadav and Bottou, arXiv 1905.10498) and KMNIST ship. Labels are those that occur, whatever numbers
//! they are.

use serde::Serialize;

use super::definition::{Decoded, Definition, Files, PathKey, Sizes, occurring};
use super::mnist_format;
use crate::data::idx_files::{self, Set, set_at};
use crate::data::{DataError, idx};
use crate::key::{Absent, Form, Key, Label, Literal, Values};

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Idx {
    /// Whether rows and columns of the images are exchanged.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub transpose: bool,
}

impl Idx {
    /// The four files.
    fn set(files: &Files<'_>) -> Result<Set, DataError> {
        match files.path().map(set_at).transpose()?.flatten() {
            Some(set) => Ok(set),
            // They are looked for where the environment says; where they are not, it is told.
            None => {
                let dir = files.find()?;
                Ok(Set { files: idx_files::files(&dir, &files.advice())?, dir, remarks: Vec::new() })
            }
        }
    }
}

impl Definition for Idx {
    const NAME: &'static str = "idx";
    const ABOUT: &'static str = "any four files of MNIST's format, as EMNIST and QMNIST have them too; with several sets in a \
                                 directory, `path = \"DIR/emnist-letters\"` names one by what its files begin with";
    const KEYS: &'static [Key] = &[Key {
        name: "transpose",
        form: Form::Boolean,
        absent: Absent::Is(Literal::Flag(false)),
        label: Label::IfUnusual,
        doc: "whether rows and columns of the images are exchanged, as EMNIST's must be to stand upright",
        ..Key::BLANK
    }];
    const PATH: PathKey = PathKey::Required;
    // As many as class numbers can say.
    const LARGEST_LABEL: usize = u16::MAX as usize;

    fn new(values: &Values) -> Idx {
        Idx { transpose: values.flag("transpose") }
    }

    fn plain() -> Idx {
        Idx { transpose: false }
    }

    fn wanted() -> Vec<String> {
        idx_files::names()
    }

    fn sizes(&self, files: &Files<'_>) -> Result<Sizes, DataError> {
        let set = Idx::set(files)?;
        let [_, labels, _, test_labels] = &set.files;
        let labels = occurring([&idx::read_labels(labels)?, &idx::read_labels(test_labels)?]);
        let sizes = mnist_format::sizes_of(&set.files, labels.len())?;
        let image = sizes.image.map(|[channels, rows, columns]| match self.transpose {
            true => [channels, columns, rows],
            false => [channels, rows, columns],
        });
        Ok(Sizes { image, ..sizes })
    }

    fn decode(&self, files: &Files<'_>) -> Result<Decoded, DataError> {
        mnist_format::decode_set(Idx::set(files)?, self.transpose, |_, _| Ok(()))
    }
}
