//! A results file as arrays with named dimensions: what it holds, and its turning points as one more array each.
//!
//! Invariant: the turning points lie as they were searched, by cell, layer, observable and rule, so that an entry is found by its
//! labels and never by a row's number.

use phasesweep_results::dimension::{CELL, DIMENSIONS, LAYER};
use serde_json::{Value, json};

use crate::error::Result;
use crate::results::{OfCells, Results};
use crate::turning::TurningPoints;

/// Words of the statuses of turning points, in the order of their codes.
pub const STATUSES: [&str; 7] = ["found", "edge", "none", "absent", "diverged", "failed", "missing"];

/// One array.
#[derive(Debug)]
pub struct Array {
    /// Its name.
    pub name: String,
    /// Its dimensions, slowest first.
    pub dimensions: Vec<String>,
    /// Their lengths.
    pub shape: Vec<usize>,
    /// What is said of it: names and values as JSON.
    pub attributes: Vec<(&'static str, Value)>,
    /// Its values.
    pub data: Data,
}

/// Values, row by row.
#[derive(Debug)]
pub enum Data {
    /// Text.
    Text(Vec<String>),
    /// Numbers; missing is NaN.
    Numbers(Vec<f64>),
    /// Whole numbers.
    Integers(Vec<i64>),
    /// Codes.
    Codes(Vec<u8>),
    /// As they lie in the file, read when they are written.
    OfFile(OfCells),
}

impl Array {
    fn of_cells(name: &str, data: Data, cells: usize, what: &str) -> Array {
        let attributes = vec![("long_name", json!(what))];
        Array { name: name.to_owned(), dimensions: vec![CELL.name.to_owned()], shape: vec![cells], attributes, data }
    }
}

/// Coordinates and variables of a file, without its turning points.
///
/// # Errors
/// What keeps the file from being read.
pub fn of_file(results: &Results) -> Result<Vec<Array>> {
    let cells = &results.cells;
    let mut out = Vec::new();
    let mut add = |name: &str, data: Data, what: &str| out.push(Array::of_cells(name, data, cells.len(), what));
    add("cell_id", Data::Text(cells.id.clone()), "hash of the cell's specification");
    if let Some(ids) = &cells.variant_id {
        add("variant", Data::Text(ids.clone()), "hash of the specification without its seed");
    }
    add("seed", Data::Integers(cells.seed.clone()), "seed of the initial weights and sample orders");
    let statuses = cells.status.iter().map(|status| status.name().to_owned()).collect();
    add("status", Data::Text(statuses), "complete, diverged, failed or missing");
    for (name, values) in cells.axes.iter().chain(&cells.labels) {
        add(name, Data::Text(values.clone()), &name.replace('_', " "));
    }
    for (name, values) in &cells.numbers {
        add(name, Data::Numbers(values.clone()), &name.replace('_', " "));
    }
    for (name, values) in [("samples", &cells.samples), ("wall_seconds", &cells.wall_seconds)] {
        if let Some(values) = values {
            add(name, Data::Numbers(values.clone()), &name.replace('_', " "));
        }
    }
    let variables = results.of_cells()?;
    let mut labelled: Vec<&str> = Vec::new();
    for (dimension, labels) in variables.iter().flat_map(|variable| &variable.dimensions) {
        if labelled.contains(&dimension.as_str()) {
            continue;
        }
        labelled.push(dimension);
        let coordinate =
            DIMENSIONS.iter().find(|dim| dim.name == dimension).map_or(dimension.as_str(), |dim| dim.coordinate);
        out.push(Array {
            name: coordinate.to_owned(),
            dimensions: vec![dimension.clone()],
            shape: vec![labels.len()],
            attributes: Vec::new(),
            data: labels_as(labels),
        });
    }
    for variable in variables {
        let further = || variable.dimensions.iter();
        out.push(Array {
            name: variable.name.clone(),
            dimensions: [CELL.name.to_owned()].into_iter().chain(further().map(|(name, _)| name.clone())).collect(),
            shape: [cells.len()].into_iter().chain(further().map(|(_, labels)| labels.len())).collect(),
            attributes: vec![("long_name", json!(variable.long_name)), ("units", json!(variable.units))],
            data: Data::OfFile(variable),
        });
    }
    Ok(out)
}

/// Labels in the simplest type that holds them all.
fn labels_as(labels: &[String]) -> Data {
    let whole: Option<Vec<i64>> = labels.iter().map(|label| label.parse().ok()).collect();
    let numbers: Option<Vec<f64>> = labels.iter().map(|label| label.parse().ok()).collect();
    match (whole, numbers) {
        (Some(whole), _) => Data::Integers(whole),
        (None, Some(numbers)) => Data::Numbers(numbers),
        (None, None) => Data::Text(labels.to_vec()),
    }
}

/// The turning points of class manifolds, with the labels of their dimensions; empty where none were searched. Dimensions:
/// cell, layer, `turning_observable`, `turning_rule`.
pub fn turning_points(results: &Results, points: &TurningPoints) -> Vec<Array> {
    let shape = vec![results.cells.len(), points.layers.len(), points.observables.len(), points.rules.len()];
    if points.rows.is_empty() || points.rows.len() != shape.iter().product::<usize>() {
        return Vec::new();
    }
    let labels = |name: &str, labels: Vec<String>, what: &str| Array {
        name: name.to_owned(),
        dimensions: vec![name.to_owned()],
        shape: vec![labels.len()],
        attributes: vec![("long_name", json!(what))],
        data: Data::Text(labels),
    };
    let dimensions = [CELL.name, LAYER.name, "turning_observable", "turning_rule"].map(str::to_owned).to_vec();
    let array = |name: &str, what: &str, units: &str, data: Data| Array {
        name: name.to_owned(),
        dimensions: dimensions.clone(),
        shape: shape.clone(),
        attributes: vec![("long_name", json!(what)), ("units", json!(units))],
        data,
    };
    let numbers =
        |of: &dyn Fn(&crate::turning::TurningPoint) -> f64| Data::Numbers(points.rows.iter().map(of).collect());
    let code = |status: &str| STATUSES.iter().position(|known| *known == status).map_or(u8::MAX, |place| place as u8);
    let mut status = array(
        "turning_status",
        "what became of the search for a turning point",
        "1",
        Data::Codes(points.rows.iter().map(|row| code(row.status)).collect()),
    );
    status.attributes.push(("flag_values", json!((0..STATUSES.len() as u8).collect::<Vec<_>>())));
    status.attributes.push(("flag_meanings", json!(STATUSES.join(" "))));
    let epoch = numbers(&|row| row.epoch.map_or(f64::NAN, |epoch| epoch as f64));
    vec![
        labels("turning_observable", points.observables.clone(), "observable whose turning point it is"),
        labels(
            "turning_rule",
            points.rules.iter().map(|rule| rule.name().to_owned()).collect(),
            "rule by which it is found",
        ),
        status,
        array("turning_epoch", "epoch of the turning point", "epoch", epoch),
        array("turning_epsilon_star", "training error at the turning point", "1", numbers(&|row| row.epsilon_star)),
        array("turning_value", "the observable at the turning point", "1", numbers(&|row| row.value)),
    ]
}
