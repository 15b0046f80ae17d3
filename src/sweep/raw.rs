//! The sweep file as it was typed: every key with its place, absent ones as [`Field::Absent`].
//!
//! Nothing is judged here but types and unknown keys; what the numbers mean is `validate`'s.

use super::diagnostics::Diagnostics;
use super::document::{Node, Table, Value};
use super::place::Place;
pub(crate) use super::raw_architecture::RawArchitecture;
use super::reader::{Epochs, Field, Integers, List, TableReader, opened};
use super::written::Commas;
use crate::observables::{KeyDescription, Scheduled, documentation};
use std::sync::LazyLock;

/// The tables whose keys are declared here, as a path names them.
const TABLES: [(&str, &[&str]); 11] = [
    ("sweep", RawHead::KEYS),
    ("data", RawData::KEYS),
    ("subsample", RawSubsample::KEYS),
    ("architecture", RawArchitecture::KEYS),
    ("optimiser", RawOptimiser::KEYS),
    ("prune", RawPrune::KEYS),
    ("train", RawTrain::KEYS),
    ("observe", RawObserve::OWN_KEYS),
    ("flow", RawFlow::KEYS),
    ("stop", RawStop::KEYS),
    ("slurm", RawSlurm::KEYS),
];

/// Every table with its keys, as a path names it: those of the observables lie within `observe`.
pub(crate) fn tables() -> &'static [(String, Vec<&'static str>)] {
    static ALL: LazyLock<Vec<(String, Vec<&'static str>)>> = LazyLock::new(|| {
        let mut all = Vec::new();
        for (table, keys) in TABLES {
            let of_observables = table == "observe";
            let more = if of_observables { Scheduled::NAMES } else { &[] };
            all.push((table.to_owned(), [keys, more].concat()));
            if of_observables {
                let names = |keys: Vec<KeyDescription>| keys.into_iter().map(|key| key.name).collect();
                all.extend(documentation().into_iter().map(|(name, _, keys)| (format!("observe.{name}"), names(keys))));
            }
        }
        all
    });
    &ALL
}

/// The tables in which a key may stand, in the order of a sweep file.
pub(crate) fn tables_with(key: &str) -> Vec<&'static str> {
    tables().iter().filter(|(_, keys)| keys.contains(&key)).map(|(table, _)| table.as_str()).collect()
}

/// A table that can be there once.
pub(crate) struct RawTable<T> {
    /// Its keys.
    pub(crate) keys: T,
    /// Its header.
    pub(crate) place: Place,
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
    /// `[slurm]`
    pub(crate) slurm: Option<RawTable<RawSlurm>>,
    /// Tables that are there, in whatever shape: they are wrong then, not missing.
    pub(crate) present: Vec<String>,
}

impl RawSweep {
    /// Reads the tree; wrong types and unknown keys are pushed.
    pub(crate) fn read(root: &Table, diagnostics: &mut Diagnostics) -> Self {
        let mut tables = TableReader::new("a sweep file", root, diagnostics);
        let names = ["sweep", "data", "subsample", "architecture", "optimiser", "prune"];
        let [sweep, data, subsample, architecture, optimiser, prune] = names.map(|name| tables.node(name));
        let [train, observe, flow, stop, slurm] =
            ["train", "observe", "flow", "stop", "slurm"].map(|name| tables.node(name));
        tables.finish();
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
            slurm: one("slurm", slurm, diagnostics, RawSlurm::read),
            present: root.entries.iter().map(|entry| entry.key.value.clone()).collect(),
        }
    }
}

fn read_table<T>(
    name: String,
    table: &Table,
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
    let keys = tables().iter().filter(|(name, _)| *name == table).filter_map(|(_, keys)| keys.first());
    let paths: Vec<String> = namesakes.chain(keys.map(|key| (table, *key))).map(|(t, k)| format!("{t}.{k}")).collect();
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

/// Declares a table's keys once: the field, how it is read, and that it is known.
macro_rules! raw_table {
    ($(#[$doc:meta])* $name:ident { $($key:ident: $kind:ty = $reader:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name {
            $(pub(crate) $key: Field<$kind>,)*
        }

        impl $name {
            /// The table's keys, as they are written.
            pub(crate) const KEYS: &'static [&'static str] = &[$(stringify!($key)),*];
            /// The same, each with the method of [`TableReader`] that reads it.
            #[cfg(test)]
            #[allow(dead_code, reason = "tests draw from the keys of the axes alone")]
            pub(crate) const READERS: &'static [(&'static str, &'static str)] =
                &[$((stringify!($key), stringify!($reader)),)*];

            pub(crate) fn read(reader: &mut TableReader<'_, '_>) -> Self {
                $name { $($key: reader.$reader(stringify!($key)),)* }
            }
        }
    };
}

raw_table! {
    /// Keys of `[sweep]`.
    RawHead {
        name: String = string,
        seeds: Integers = counted,
    }
}

raw_table! {
    /// Keys of `[[data]]`.
    RawData {
        source: String = string,
        path: String = string,
        labels: String = string,
        label: List<i128> = integers,
        label_noise: List<f64> = numbers,
        label_draw: List<i128> = integers,
        normalise: String = string,
        channels: String = string,
        dimension: List<i128> = integers,
        parallel: List<i128> = integers,
        train: List<i128> = integers,
        test: List<i128> = integers,
        stretch: List<f64> = numbers,
    }
}

raw_table! {
    /// Keys of `[[subsample]]`.
    RawSubsample {
        size: List<i128> = integers,
        block: List<i128> = integers,
        draw: Integers = counted,
        balanced: bool = boolean,
    }
}

raw_table! {
    /// Keys of `[[optimiser]]`.
    RawOptimiser {
        kind: String = string,
        lr: List<f64> = numbers,
        momentum: List<f64> = numbers,
        nesterov: bool = boolean,
        beta1: List<f64> = numbers,
        beta2: List<f64> = numbers,
        alpha: List<f64> = numbers,
        epsilon: List<f64> = numbers,
        weight_decay: List<f64> = numbers,
        gradient_change: List<f64> = numbers,
        output_change: List<f64> = numbers,
        kink_change: List<f64> = numbers,
        margin: List<f64> = numbers,
        fitted: List<f64> = numbers,
        time: List<f64> = numbers,
        precision: List<String> = strings,
        watched: List<String> = strings,
    }
}

raw_table! {
    /// Keys of `[[prune]]`.
    RawPrune {
        remove: String = string,
        like: String = string,
        at: List<String> = strings,
        epoch: Epochs = epochs,
    }
}

raw_table! {
    /// Keys of `[train]`.
    RawTrain {
        epochs: i128 = integer,
        loss: String = string,
        hinge_beta: f64 = number,
        batch: BatchSize = batch,
    }
}

/// Keys of `[observe]`.
#[derive(Debug, Clone)]
pub(crate) struct RawObserve {
    pub(crate) record: Field<Epochs>,
    pub(crate) manifold: Field<Epochs>,
    pub(crate) misclassified: Field<Epochs>,
    pub(crate) noise: Field<List<f64>>,
    pub(crate) weights: Field<Epochs>,
    /// The tables of the observables on copies of the weights, by their names: each observable knows its own keys.
    pub(crate) observables: Vec<(&'static str, Field<Node>)>,
}

impl RawObserve {
    /// The table's keys but for the observables' names.
    const OWN_KEYS: &'static [&'static str] = &["record", "manifold", "misclassified", "noise", "weights"];

    pub(crate) fn read(reader: &mut TableReader<'_, '_>) -> Self {
        RawObserve {
            record: reader.epochs("record"),
            manifold: reader.epochs("manifold"),
            misclassified: reader.epochs("misclassified"),
            noise: reader.numbers("noise"),
            weights: reader.epochs("weights"),
            observables: Scheduled::NAMES.iter().map(|name| (*name, reader.unread_table(name))).collect(),
        }
    }
}

raw_table! {
    /// Keys of `[flow]`.
    RawFlow {
        stages: List<f64> = number_list,
        kernel: List<f64> = number_list,
        kernel_points: i128 = integer,
        kernel_test: i128 = integer,
        components: i128 = integer,
    }
}

raw_table! {
    /// Keys of `[stop]`.
    RawStop {
        after_inversion: i128 = integer,
        metric: String = string,
        half_width: f64 = number,
        max_seeds: i128 = integer,
    }
}

raw_table! {
    /// Keys of `[slurm]`.
    RawSlurm {
        nodes: i128 = integer,
        ntasks_per_node: i128 = integer,
        gpus_per_task: i128 = integer,
        cpus_per_task: i128 = integer,
        time: String = string,
        partition: String = string,
        account: String = string,
        qos: String = string,
        mem: String = string,
        modules: List<String> = names,
        extra: List<String> = lines,
    }
}

/// Samples per step as written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BatchSize {
    /// `"full"`
    Full,
    /// A number of samples.
    Samples(i128),
}
