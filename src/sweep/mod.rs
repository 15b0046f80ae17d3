//! The question: what a sweep file means, once it has been checked.
//!
//! [`parse`] reads a sweep file in three steps: `document` is the text as a tree that knows its places (and to which
//! `overrides` applies `--set`, whose texts `written` opens), `raw` the keys as they were typed, and `resolved` turns
//! those into a [`Sweep`], whose every number the other rooms may trust. Errors are collected all the way and told at
//! once. Nothing here knows tensors, files of data, or ranks.
//!
//! The keys of a table are in the file of its name, each declared once with its bounds, default and documentation
//! (`keys!` in `table`). The page of all keys, `docs/sweep-file.md`, and the schema for editors are made from the
//! declarations by [`reference`](mod@reference). To add a key is to add its declaration, and its use.
//!
//! `--set key=value` changes a value from the command line: `train.epochs=100`, `optimiser.lr=0.1` where there is one
//! `[[optimiser]]`, `optimiser.1.lr=0.1` for the second of several. A key that one table alone has needs no table:
//! `lr=0.1`, `seeds.count=4`. The value is read as what the key takes: a string needs no quotes (`slurm.time=12:00:00`,
//! `name=20260913`), a list no brackets (`lr=0.1,0.2`; `hidden=20,20` is one network of two layers, `hidden=[20],[50]`
//! are two networks), and inside brackets and braces a word needs no quotes either (`optimiser={kind=adam,lr=.001}`).

mod additions;
mod agreement;
mod architecture;
mod data;
mod diagnostics;
mod document;
mod flow;
mod head;
mod judge;
mod layers;
mod observables;
mod observe;
mod optimiser;
mod overrides;
mod paths;
mod place;
mod prune;
mod raw;
mod reader;
mod recipe;
pub mod reference;
mod report;
mod resolved;
mod schedule;
mod selection;
mod slurm;
mod stop;
mod subsample;
mod suggestion;
mod table;
mod train;
mod written;

pub use additions::{AskedAddition, parse_additions};
pub use architecture::{Architecture, NamedNumbers};
pub use data::{Data, Labels, Normalise};
pub use diagnostics::{Diagnostic, Diagnostics};
pub use flow::{Flow, FlowObserve, MeanField, Precision, Watched};
pub use observe::Observe;
pub use optimiser::{Optimiser, OptimiserKind};
pub use paths::Directories;
pub use phasesweep_optimisers::Rule;
pub use prune::{InversionOf, Prune, PruneSize};
pub use resolved::Sweep;
pub use selection::Selection;
pub use slurm::Slurm;
pub use stop::{AdaptiveSeeds, Stop};
pub use subsample::Subsample;
pub use train::{Batch, Train};

pub use crate::data::sources::Source;
pub use crate::observables::{Loss, Schedule, Scheduled};
pub use phasesweep_networks::{Activation, ArchitectureKind};

/// Reads a sweep file.
///
/// `text` is its content, `file_name` what errors call it, `overrides` the `key=value` arguments of `--set`, applied
/// in order before anything is judged.
///
/// # Errors
/// Everything that is wrong with the file and the overrides, at once; see [`Diagnostics`].
pub fn parse(text: &str, file_name: &str, overrides: &[String]) -> Result<Sweep, Diagnostics> {
    read(text, file_name, overrides, None)
}

/// As [`parse`], with the paths that the sweep names made absolute.
///
/// # Errors
/// As [`parse`].
pub fn parse_from(
    text: &str,
    file_name: &str,
    overrides: &[String],
    directories: &Directories,
) -> Result<Sweep, Diagnostics> {
    read(text, file_name, overrides, Some(directories))
}

fn read(
    text: &str,
    file_name: &str,
    overrides: &[String],
    directories: Option<&Directories>,
) -> Result<Sweep, Diagnostics> {
    let mut diagnostics = Diagnostics::new(file_name, text);
    let Some(mut root) = document::parse(text, &mut diagnostics) else {
        return diagnostics.into_result(None);
    };
    for argument in overrides {
        overrides::apply(&mut root, argument, &mut diagnostics);
    }
    let mut raw = raw::RawSweep::read(&root, &mut diagnostics);
    if let Some(directories) = directories {
        paths::make_absolute(&mut raw, directories);
    }
    let sweep = resolved::resolve(&raw, &mut diagnostics);
    diagnostics.into_result(sweep)
}

/// The tables that are axes, in the order of the grid: for each its name and all its keys. Tests draw sweeps from it.
#[cfg(test)]
pub(crate) fn axis_keys() -> Vec<(&'static str, Vec<crate::key::Key>)> {
    let axes = raw::tables().iter().filter(|table| table.is_axis());
    axes.map(|table| (table.name, table.all_keys())).collect()
}

#[cfg(test)]
mod tests;
