//! Any directory with the four files of MNIST's format. Its labels are those that occur, whatever numbers they are.

use serde::Serialize;

use super::definition::{Decoded, Definition, Files, PathKey, Sizes, occurring};
use super::mnist_format;
use crate::data::{DataError, idx};
use crate::key::Values;

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Idx;

impl Definition for Idx {
    const NAME: &'static str = "idx";
    const ABOUT: &'static str = "any directory with the four files of MNIST's format";
    const PATH: PathKey = PathKey::Required;
    // As many as its bytes can say.
    const LARGEST_LABEL: usize = 255;

    fn new(_: &Values) -> Idx {
        Idx
    }

    fn plain() -> Idx {
        Idx
    }

    fn wanted() -> Vec<String> {
        idx::names()
    }

    fn sizes(&self, files: &Files<'_>) -> Result<Sizes, DataError> {
        let paths = idx::files(&files.find()?, &files.advice())?;
        let [_, labels, _, test_labels] = &paths;
        let widened = |path| Ok(idx::read_labels(path)?.into_iter().map(u32::from).collect::<Vec<_>>());
        let labels = occurring([&widened(labels)?, &widened(test_labels)?]);
        mnist_format::sizes_of(&paths, labels.len())
    }

    fn decode(&self, files: &Files<'_>) -> Result<Decoded, DataError> {
        mnist_format::decode_as(files, |_, _| Ok(()))
    }
}
