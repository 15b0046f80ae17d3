//! Where samples come from and how a block of them is prepared.
//!
//! - [`sources`]: the sources, one file each.
//! - [`Pool`]: a source, decoded once ([`shape()`] tells its sizes without that); [`Pool::block`] cuts a training block
//!   from it and scales block and test set by the block's own numbers; [`noisy_test`] adds noise, by [`TestNoise`].
//! - [`Census`]: what a block holds, counted before anything is trained; its [`Finding`]s are what a person should know.
//! - [`Places`]: where files are looked for; [`listings`] lists every source and where it is.
//! - [`fetch()`] downloads a published data set, [`check()`] verifies one that is there.

pub mod catalogue;

mod arrays;
mod census;
mod check;
mod checksum;
mod cifar;
mod download;
mod erratic;
mod error;
mod fetch;
mod fetching;
mod idx;
mod idx_files;
mod inventory;
mod labels;
mod locate;
mod matrix;
mod noise;
mod normalise;
mod picture;
mod pool;
mod recognise;
mod shape;
pub mod sources;
pub(crate) mod stream;
mod subsample;
mod tar;

pub use census::{Census, Erratic, Finding, sentences};
pub use check::{Content, FileCheck, FirstBlock, Report, Verdict, check, check_entry, is_source};
pub use error::DataError;
pub use fetch::{Fetched, fetch};
pub use fetching::{FetchError, Options, Outcome, Progress};
pub use inventory::Inventory;
pub use locate::Places;
pub use noise::{TestNoise, noisy_test};
pub use phasesweep_kernel::{Block, Samples};
pub use picture::Picture;
pub use pool::{Pool, generated_identity};
pub use shape::{Listing, Shape, Status, listings, shape, shape_from};
