//! How stable the training error at a turning point is, and what moves it: of whatever turns.
//!
//! Everything here reads a search's rows ([`crate::turning::TurningPoints`]) and the file's coordinates: the [`table`] of
//! groups, what an axis moves ([`shifts`], [`variance`]), what a single number or word of it does ([`factors`]), how widely it spreads beside other training errors ([`spread`]),
//! and the [`verdict`] on the observable that the report is about. The sections on the inversion and on other series show it.

pub mod factors;
pub mod shifts;
pub mod spread;
pub mod table;
pub mod variance;
pub mod verdict;
mod words;
