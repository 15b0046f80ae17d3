//! Stragglers: the training samples misclassified at a cell's inversion. Which they are, how stable they are, and what
//! independent runs have in common.
//!
//! Everything is judged at the inversion of the principal observable (the distance, if measured) at the first observed
//! layer, by prominence, and over cells trained on the whole block.

pub mod agreement;
pub mod bits;
pub mod frequency;
pub mod images;
pub mod overlap;
pub mod pruning;
pub mod sets;
