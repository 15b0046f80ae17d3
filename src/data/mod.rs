//! Where samples come from and how a block of them is prepared.

mod block;

pub use block::{Block, Samples};
