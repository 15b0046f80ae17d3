//! The tables of the report, as polars frames, and how they are written.

pub mod frames;
pub mod parts;
pub mod text;
pub mod write;
