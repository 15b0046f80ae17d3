//! The tables of the report, as polars frames, and how they are written.

pub mod frames;
pub mod shifts;
pub mod spread;
pub mod stability;
pub mod text;
pub mod variance;
pub mod write;
