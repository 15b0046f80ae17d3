//! `[report]`: which turning point the report is about, which way series turn, and which training losses it is held against.
//!
//! It decides nothing of training and is part of no identity; it is kept in `results.h5`, where `phasesweep report` reads it.

use phasesweep_results::report::{ReportSettings, WAYS};

use super::diagnostics::Diagnostics;
use super::document::{Node, Value};
use super::judge::Judge;
use super::place::Located;
use super::reader::{Field, List, TableReader};
use super::suggestion::nearest;
use super::table::{RawTable, Table, keys, no_kinds};
use crate::key::{Absent, Bound, Form, Key, Label};
use crate::observables::VARIABLES;

keys! {
    /// Keys of `[report]` but for the table of ways.
    OwnKeys {
        /// The observable whose turning point the report is about, by the name of its variable in `results.h5`, with a
        /// label where it has several: `"hessian_eigenvalue"`, `"weight_norm[2]"`.
        principal: String = string { absent: Absent::Means("the inversion: the distance, or a radius") },
        /// Training losses whose crossing is an event beside that turning point: does it happen at a training error of its own,
        /// or does a certain training loss do as well?
        loss_levels: List<f64> = numbers {
            label: Label::Never,
            bound: Bound::Positive,
            absent: Absent::Means("the mean training loss at that turning point, half of it and twice it"),
        },
    }
}

/// Keys of `[report]`.
#[derive(Debug, Clone)]
pub(crate) struct RawReport {
    own: OwnKeys,
    turning: Field<Node>,
}

impl RawReport {
    pub(crate) fn read(reader: &mut TableReader<'_, '_>) -> Self {
        RawReport { own: OwnKeys::read(reader), turning: reader.unread_table("turning") }
    }
}

const KEYS: &[Key] = &[
    OwnKeys::KEYS[0],
    OwnKeys::KEYS[1],
    Key {
        name: "turning",
        form: Form::Table,
        absent: Absent::Means("either way"),
        doc: "Which way series turn, by the names of variables or of series: `{ hessian_eigenvalue = \"maximum\" }`; `minimum`, \
              `maximum`, or `either`, the more prominent of both.",
        ..Key::BLANK
    },
];

/// `[report]`
pub(crate) const TABLE: Table = Table {
    name: "report",
    header: "[report]",
    about: "What the report is about. It decides nothing of training; `phasesweep report` has flags of the same names.",
    keys: KEYS,
    kinds: no_kinds,
};

/// The checked table; what holds without it where there is none.
pub(crate) fn resolve(table: Option<&RawTable<RawReport>>, diagnostics: &mut Diagnostics) -> Option<ReportSettings> {
    let Some(table) = table else { return Some(ReportSettings::default()) };
    let mut judge = Judge::of(TABLE.header, table, diagnostics);
    let mut settings = ReportSettings::default();
    if let Some(name) = table.keys.own.principal.given() {
        settings.principal = Some(variable(name, judge.diagnostics)?);
    }
    if !matches!(table.keys.own.loss_levels.field, Field::Absent) {
        settings.loss_levels = judge.reals(&table.keys.own.loss_levels)?.iter().map(|level| level.value).collect();
    }
    if let Some(node) = table.keys.turning.given() {
        let Value::Table(ways) = &node.value.value else { return None };
        for entry in &ways.entries {
            let name = variable(&entry.key, judge.diagnostics);
            let way = match &entry.value.value {
                Value::String(way) | Value::Written(way) if WAYS.contains(&way.as_str()) => Some(way.clone()),
                _ => {
                    let error = judge.diagnostics.error(&entry.value.place, "a series turns one of three ways");
                    error.help(format!("write {}", WAYS.map(|way| format!("\"{way}\"")).join(", ")));
                    None
                }
            };
            settings.turning.insert(name?, way?);
        }
    }
    let is_broken =
        matches!(table.keys.own.principal.field, Field::Broken) || matches!(table.keys.turning, Field::Broken);
    if is_broken { None } else { Some(settings) }
}

/// A name of a variable that has a value at every epoch of a schedule, with or without labels in brackets.
fn variable(name: &Located<String>, diagnostics: &mut Diagnostics) -> Option<String> {
    let bare = name.value.split('[').next().unwrap_or_default();
    let known = || VARIABLES.iter().filter(|variable| variable.is_along_training()).map(|variable| variable.name);
    // Radii and distances are also known by the names of their series: `radius_0`, `distance_mean`.
    let is_of_manifold = bare.starts_with("radius_") || bare.starts_with("distance_");
    if known().any(|other| other == bare) || is_of_manifold {
        return Some(name.value.clone());
    }
    let names: Vec<&str> = known().collect();
    let error = diagnostics.error(&name.place, format!("no variable along training is called `{bare}`"));
    if let Some(meant) = nearest(bare, &names) {
        error.label(format!("did you mean `{meant}`?"));
    }
    error.help("docs/results.md has all of them");
    None
}
