//! The sections of the report, in the order of the page: a folder each, and a line of [`SECTIONS`].
//!
//! Report, page, files and terminal loop over the list; what a section reads, computes, draws and says is in its folder
//! (`section.rs` says in which form).

pub mod events;
pub mod gradient_flows;
pub mod inversion;
pub mod local_complexity;
pub mod neighbourhood;
pub mod overlap;
pub mod pruning;
pub mod section;
pub mod series;
pub mod stragglers;

pub use section::{Content, Context, Rows, Section};

/// Every section, in the order of the page.
pub static SECTIONS: &[&dyn Section] = &[
    &local_complexity::LocalComplexity,
    &neighbourhood::Neighbourhoods,
    &gradient_flows::GradientFlows,
    &inversion::Inversion,
    &events::Events,
    &stragglers::Stragglers,
    &overlap::Overlap,
    &pruning::Pruning,
    &series::Series,
];
