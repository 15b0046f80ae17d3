//! Flows against closed forms, autodiff one sample at a time, and themselves cut into pieces.
#![allow(clippy::unwrap_used)]

mod autodiff;
pub(super) mod case;
mod fields;
mod flows;
mod frozen;
mod golden;
mod graphs;
mod kernels;
mod machines;
mod points;
mod stages;
