//! Where samples come from and how a block of them is prepared.
//!
//! - [`Pool`]: a source, decoded once ([`shape()`] tells its sizes without that); [`Pool::block`] cuts a training block
//!   from it and scales block and test set by the block's own numbers; [`noisy_test`] adds noise.
//! - [`Places`]: where files are looked for; [`sources`] lists every source and where it is.
//! - [`fetch()`] downloads a published data set, [`check()`] verifies one that is there.

pub mod catalogue;

mod check;
mod checksum;
mod cifar;
mod digits;
mod download;
mod error;
mod fetch;
mod idx;
mod labels;
mod locate;
mod noise;
mod normalise;
mod pool;
mod shape;
pub(crate) mod stream;
mod subsample;
mod synthetic;
mod tar;

pub use check::{FileCheck, Report, Verdict, check};
pub use error::DataError;
pub use fetch::{FetchError, Fetched, Options, Outcome, Progress, fetch};
pub use locate::Places;
pub use noise::noisy_test;
pub use phasesweep_kernel::{Block, Samples};
pub use pool::{Pool, digest};
pub use shape::{Listing, Shape, Status, name, shape, shape_from, sources};
