//! Where samples come from and how a block of them is prepared.
//!
//! - [`Pool`]: a source, decoded once ([`shape()`] tells its sizes without that); [`Pool::block`] cuts a training block
//!   from it and scales block and test set by the block's own numbers; [`noisy_test`] adds noise.
//! - [`Census`]: what a block holds, counted before anything is trained; its [`Finding`]s are what a person should know.
//! - [`Places`]: where files are looked for; [`sources`] lists every source and where it is.
//! - [`fetch()`] downloads a published data set, [`check()`] verifies one that is there.

pub mod catalogue;

mod census;
mod check;
mod checksum;
mod cifar;
mod decode;
mod digits;
mod download;
mod erratic;
mod error;
mod fetch;
mod idx;
mod labels;
mod locate;
mod noise;
mod normalise;
mod pool;
mod recognise;
mod shape;
pub(crate) mod stream;
mod subsample;
mod synthetic;
mod tar;

pub use census::{Census, Erratic, Finding, sentences};
pub use check::{Content, FileCheck, Report, Verdict, check};
pub use error::DataError;
pub use fetch::{FetchError, Fetched, Options, Outcome, Progress, fetch};
pub use locate::Places;
pub use noise::noisy_test;
pub use phasesweep_kernel::{Block, Samples};
pub use pool::{Pool, generated_identity};
pub use shape::{Listing, Shape, Status, known_image, name, shape, shape_from, sources};
