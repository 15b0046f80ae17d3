//! The sweep file as it was typed: its tables, each with its keys and their places.
//!
//! Nothing is judged here but types and unknown keys; what the values mean is the tables' own files'.

use super::architecture::{self, RawArchitecture};
use super::data::{self, RawData};
use super::diagnostics::Diagnostics;
use super::document::{Node, Table as Document, Value};
use super::flow::{self, RawFlow};
use super::head::{self, RawHead};
use super::observables;
use super::observe::{self, RawObserve};
use super::optimiser::{self, RawOptimiser};
use super::place::Place;
use super::prune::{self, RawPrune};
use super::reader::{TableReader, opened};
use super::report::{self, RawReport};
use super::slurm::{self, RawSlurm};
use super::stop::{self, RawStop};
use super::subsample::{self, RawSubsample};
use super::table::{RawTable, Table};
use super::train::{self, RawTrain};
use super::written::Commas;
use std::sync::LazyLock;

/// Every table, in the order of a sweep file: those of the observables lie within `observe`.
pub(crate) fn tables() -> &'static [Table] {
    static ALL: LazyLock<Vec<Table>> = LazyLock::new(|| {
        let before = [
            head::TABLE,
            data::TABLE,
            subsample::TABLE,
            architecture::TABLE,
            optimiser::TABLE,
            prune::TABLE,
            train::TABLE,
        ];
        let observe = Table { keys: observe::all_keys().leak(), ..observe::TABLE };
        let after = [flow::TABLE, stop::TABLE, report::TABLE, slurm::TABLE];
        before.into_iter().chain([observe]).chain(observables::tables()).chain(after).collect()
    });
    &ALL
}

/// The tables in which a key may stand, in the order of a sweep file.
pub(crate) fn tables_with(key: &str) -> Vec<&'static str> {
    let has = |table: &&Table| table.all_keys().iter().any(|known| known.name == key);
    tables().iter().filter(has).map(|table| table.name).collect()
}

/// The file.
pub(crate) struct RawSweep {
    /// `[sweep]`
    pub(crate) sweep: Option<RawTable<RawHead>>,
    /// `[[data]]`
    pub(crate) data: Vec<RawTable<RawData>>,
    /// `[[subsample]]`
    pub(crate) subsamples: Vec<RawTable<RawSubsample>>,
    /// `[[architecture]]`
    pub(crate) architectures: Vec<RawTable<RawArchitecture>>,
    /// `[[optimiser]]`
    pub(crate) optimisers: Vec<RawTable<RawOptimiser>>,
    /// `[[prune]]`
    pub(crate) prunes: Vec<RawTable<RawPrune>>,
    /// `[train]`
    pub(crate) train: Option<RawTable<RawTrain>>,
    /// `[observe]`
    pub(crate) observe: Option<RawTable<RawObserve>>,
    /// `[flow]`
    pub(crate) flow: Option<RawTable<RawFlow>>,
    /// `[stop]`
    pub(crate) stop: Option<RawTable<RawStop>>,
    /// `[report]`
    pub(crate) report: Option<RawTable<RawReport>>,
    /// `[slurm]`
    pub(crate) slurm: Option<RawTable<RawSlurm>>,
    /// Tables that are there, in whatever shape: they are wrong then, not missing.
    pub(crate) present: Vec<String>,
}

impl RawSweep {
    /// Reads the tree; wrong types and unknown keys are pushed.
    pub(crate) fn read(root: &Document, diagnostics: &mut Diagnostics) -> Self {
        let mut reader = TableReader::new("a sweep file", root, diagnostics);
        let names = ["sweep", "data", "subsample", "architecture", "optimiser", "prune"];
        let [sweep, data, subsample, architecture, optimiser, prune] = names.map(|name| reader.node(name));
        let [train, observe, flow, stop, report, slurm] =
            ["train", "observe", "flow", "stop", "report", "slurm"].map(|name| reader.node(name));
        reader.finish();
        RawSweep {
            sweep: one("sweep", sweep, diagnostics, RawHead::read),
            data: several("data", data, diagnostics, RawData::read),
            subsamples: several("subsample", subsample, diagnostics, RawSubsample::read),
            architectures: several("architecture", architecture, diagnostics, RawArchitecture::read),
            optimisers: several("optimiser", optimiser, diagnostics, RawOptimiser::read),
            prunes: several("prune", prune, diagnostics, RawPrune::read),
            train: one("train", train, diagnostics, RawTrain::read),
            observe: one("observe", observe, diagnostics, RawObserve::read),
            flow: one("flow", flow, diagnostics, RawFlow::read),
            stop: one("stop", stop, diagnostics, RawStop::read),
            report: one("report", report, diagnostics, RawReport::read),
            slurm: one("slurm", slurm, diagnostics, RawSlurm::read),
            present: root.entries.iter().map(|entry| entry.key.value.clone()).collect(),
        }
    }
}

fn read_table<T>(
    name: String,
    table: &Document,
    place: &Place,
    diagnostics: &mut Diagnostics,
    read: fn(&mut TableReader<'_, '_>) -> T,
) -> RawTable<T> {
    let mut reader = TableReader::new(name, table, diagnostics);
    let keys = read(&mut reader);
    reader.finish();
    RawTable { keys, place: place.clone() }
}

fn one<T>(
    name: &str,
    node: Option<&Node>,
    diagnostics: &mut Diagnostics,
    read: fn(&mut TableReader<'_, '_>) -> T,
) -> Option<RawTable<T>> {
    let node = opened(node?, Commas::Belong, diagnostics)?;
    match &node.value {
        Value::Table(table) => Some(read_table(format!("[{name}]"), table, &node.place, diagnostics, read)),
        other => {
            let set = diagnostics.argument(&node.place).is_some();
            let error = diagnostics.error(&node.place, format!("`{name}` must be a table, [{name}]"));
            error.label(format!("found {}", other.type_name()));
            match other {
                _ if set => error.help(to_set_instead(name, other)),
                Value::Array(_) => error.help(format!("there is one of it: write [{name}], not [[{name}]]")),
                _ => error,
            };
            None
        }
    }
}

/// What a `--set` that gives a value to a table may have meant: the key of this name in another table, or one of its own.
fn to_set_instead(table: &str, value: &Value) -> String {
    let namesakes = tables_with(table).into_iter().map(|other| (other, table));
    let keys = tables().iter().filter(|other| other.name == table).filter_map(|other| other.keys.first());
    let paths: Vec<String> =
        namesakes.chain(keys.map(|key| (table, key.name))).map(|(t, k)| format!("{t}.{k}")).collect();
    match value {
        Value::Written(text) => {
            let set: Vec<String> = paths.iter().map(|path| format!("--set {path}={text}")).collect();
            format!("name the key, as in {}", set.join(" or "))
        }
        _ => format!("name the key, as in --set {}=…", paths.join("=… or --set ")),
    }
}

fn several<T>(
    name: &str,
    node: Option<&Node>,
    diagnostics: &mut Diagnostics,
    read: fn(&mut TableReader<'_, '_>) -> T,
) -> Vec<RawTable<T>> {
    let Some(node) = node else { return Vec::new() };
    let header = format!("[[{name}]]");
    let wrong = |node: &Node, diagnostics: &mut Diagnostics| {
        let set = diagnostics.argument(&node.place).is_some();
        let error = diagnostics.error(&node.place, format!("`{name}` is an axis: an array of tables"));
        let help = if set { to_set_instead(name, &node.value) } else { format!("write {header}, with two brackets") };
        error.label(format!("found {}", node.value.type_name())).help(help);
    };
    let Some(node) = opened(node, Commas::Separate, diagnostics) else { return Vec::new() };
    match &node.value {
        Value::Array(items) => {
            if items.is_empty() {
                diagnostics
                    .error(&node.place, format!("`{name}` is an empty axis: the grid would have no cells"))
                    .help(format!("leave it out, or write a table under {header}"));
            }
            let mut tables = Vec::new();
            for item in items {
                let Some(item) = opened(item, Commas::Belong, diagnostics) else { continue };
                match &item.value {
                    Value::Table(table) => {
                        tables.push(read_table(header.clone(), table, &item.place, diagnostics, read));
                    }
                    _ => wrong(&item, diagnostics),
                }
            }
            tables
        }
        Value::Table(table) => {
            // One bracket too few; what is inside is read all the same, so that its errors are told too. An override
            // that gives one table gives an axis of one.
            if diagnostics.argument(&node.place).is_none() {
                wrong(&node, diagnostics);
            }
            vec![read_table(header, table, &node.place, diagnostics, read)]
        }
        _ => {
            wrong(&node, diagnostics);
            Vec::new()
        }
    }
}
