//! Cells as runs of an experiment tracker: what a run is called, its parameters, and its metrics along training.
//!
//! Invariants: a cell is one run, and no two share a name; a parameter is a number or text of the specification; times are a
//! cell's share of its training time, spread evenly over its epochs or steps, since when each was measured is not kept.

use crate::results::Results;

use super::series::Variable;

/// One cell as a run.
pub(super) struct Run {
    /// What it is called: its variant in words and by its hash, and its seed.
    pub(super) name: String,
    /// The specification: names and values.
    pub(super) parameters: Vec<(String, String)>,
    /// Seconds of training; 0 where the file does not say.
    pub(super) seconds: f64,
}

/// One value of a metric.
pub(super) struct Point {
    /// Epoch or step.
    pub(super) at: i64,
    /// Seconds since training began.
    pub(super) seconds: f64,
    /// The value.
    pub(super) value: f32,
}

/// The run of a cell.
pub(super) fn run(results: &Results, cell: usize) -> Run {
    let cells = &results.cells;
    let axes = cells.axes.iter().filter(|(_, labels)| labels.iter().any(|label| *label != labels[0]));
    let telling: Vec<String> = axes.map(|(_, labels)| plain(&labels[cell])).collect();
    let variant = cells.variant_id.as_ref().map_or(&cells.id[cell], |ids| &ids[cell]);
    let variant: String = variant.chars().take(8).collect();
    let name = [telling.join("-"), variant].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let texts = cells.axes.iter().chain(&cells.labels).map(|(name, values)| (name.clone(), values[cell].clone()));
    let numbers = cells.numbers.iter().filter(|(_, values)| values[cell].is_finite());
    let numbers = numbers.map(|(name, values)| (name.clone(), values[cell].to_string()));
    let of_cell = [("cell_id", cells.id[cell].clone()), ("seed", cells.seed[cell].to_string())];
    let of_cell = of_cell.map(|(name, value)| (name.to_owned(), value)).into_iter();
    let parameters = of_cell.chain(texts).chain(numbers).filter(|(_, value)| !value.is_empty()).collect();
    let seconds = cells.wall_seconds.as_ref().map(|all| all[cell]).filter(|seconds| seconds.is_finite());
    Run { name: format!("{name}/seed-{}", cells.seed[cell]), parameters, seconds: seconds.unwrap_or(0.0) }
}

/// The metrics of a cell: paths and points. A series that was not measured of it has none.
pub(super) fn metrics(
    variables: &[Variable],
    slabs: &[Vec<f32>],
    cell: usize,
    seconds: f64,
) -> Vec<(String, Vec<Point>)> {
    let mut out = Vec::new();
    for (of, slab) in variables.iter().zip(slabs) {
        let last = of.along.epochs.last().copied().unwrap_or(0).max(1) as f64;
        for (series, values) in of.series.iter().zip(of.of_cell(slab, cell)) {
            let point = |(at, value): (i64, f32)| Point { at, seconds: seconds * at as f64 / last, value };
            let points: Vec<Point> = of.taken().zip(values).filter(|(_, value)| !value.is_nan()).map(point).collect();
            if !points.is_empty() {
                out.push((series.path(), points));
            }
        }
    }
    out
}

/// A label as a part of a path.
fn plain(label: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || "-._=".contains(c) { c } else { '_' };
    label.chars().map(letter).collect()
}
