//! The statistics of stability, each with its formula and its source. Pure: numbers in, numbers out.
//!
//! Convention: what cannot be computed (too few values, no spread) is NaN, never 0. Random numbers come from a seed
//! that the caller gives, so a rerun gives the same intervals.

pub mod additive;
pub mod bootstrap;
pub mod contrast;
pub mod crossed;
pub mod intersections;
pub mod interval;
pub mod intraclass;
pub mod jaccard;
pub mod jackknife;
pub mod moments;
pub mod overlap;
pub mod power_law;
pub mod proportion;
pub mod spread;
