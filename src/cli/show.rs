//! `phasesweep show`: one cell whole, from the part that holds it.

mod flow;

use std::path::{Path, PathBuf};

use phasesweep::amount::{bytes, span};
use phasesweep::run_directory::{LastValue, RunDirectoryError, StoredCell, Trajectory, find_finished};
use phasesweep::store::{Moments, Part, Unit};
use phasesweep_results::dimension;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::plot::{self, Curve, Panel};
use super::sweep_file::RunArgument;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunArgument,
    /// The cell's id, or how it begins.
    #[arg(long, value_name = "ID")]
    cell: String,
    /// Write the trajectory into this file as SVG instead of drawing it here.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print one JSON object: specification, last values, turning points and trajectory.
    #[arg(long, conflicts_with = "svg")]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let directory = arguments.run.locate()?;
    let (id, path) = find_finished(&directory, &arguments.cell)?;
    let part = Part::read(&path).map_err(RunDirectoryError::from)?;
    let view = View { cell: StoredCell::of(&part, id, &path).map_err(RunDirectoryError::from)? };
    if arguments.json {
        println!("{}", view.json(&path));
        return Ok(Exit::Complete);
    }
    print!("{}", view.specification(&path));
    print!("{}", view.numbers());
    // A flow has no radii, distances or epochs in their sense.
    let panels = if view.is_flow() {
        print!("{}", view.flow());
        view.flow_panels()
    } else {
        print!("{}", view.turning_points());
        view.panels()
    };
    match &arguments.svg {
        Some(file) => {
            std::fs::write(file, plot::svg(&format!("cell {id}"), &panels))
                .map_err(|error| Failure::Input(format!("{} cannot be written: {error}", file.display())))?;
            println!("trajectory: {}", file.display());
        }
        None => print!("\n{}", plot::terminal(&panels, 36, 7)),
    }
    Ok(Exit::Complete)
}

/// What is shown of one cell of a part.
struct View<'a> {
    cell: StoredCell<'a>,
}

impl View<'_> {
    fn specification(&self, path: &Path) -> String {
        let (cell, origin) = (self.cell.cell(), &self.cell.part.origin);
        let known = |text: &str| if text.is_empty() { "unknown".to_string() } else { text.to_string() };
        let mut lines = vec![format!("cell {}", cell.id), format!("  status      {}", cell.status.name())];
        if !cell.failure.is_empty() {
            lines.push(format!("  failure     {}", cell.failure));
        }
        if let Some(epoch) = cell.diverged_epoch {
            lines.push(format!("  diverged    at epoch {epoch}"));
        }
        lines.push(format!("  seed        {}", cell.seed));
        if let Some(text) = self.cell.specification() {
            match serde_json::from_str(text) {
                Ok(serde_json::Value::Object(fields)) => {
                    lines.extend(fields.iter().map(|(name, value)| format!("    {name:16} {value}")));
                }
                _ => lines.push(format!("    {text}")),
            }
        }
        lines.push(format!(
            "  on          {}, rank {}, device {}",
            known(&origin.host),
            origin.rank,
            known(&origin.device)
        ));
        lines.push(format!(
            "  by          phasesweep {} {}, {}",
            origin.version,
            origin.git_commit,
            known(&origin.engine)
        ));
        if let Some(peak) = origin.peak_memory {
            lines.push(format!("  memory      {} at most, of its rank by then", bytes(peak)));
        }
        if cell.wall_seconds.is_finite() {
            let cells = self.cell.part.cells.len();
            lines.push(format!("  took        {} (its share of a cohort of {cells})", span(cell.wall_seconds)));
        }
        lines.push(format!("  kept in     {}", path.display()));
        lines.join("\n") + "\n"
    }

    /// The cell for programs; what was not measured is null.
    fn json(&self, path: &Path) -> Value {
        let (cell, origin) = (self.cell.cell(), &self.cell.part.origin);
        let known = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
        let last = self.cell.last_values().into_iter();
        let last = last.map(|LastValue { name, value, at }| {
            json!({ "name": name, "value": value, "at": at.count, "unit": at.unit.name() })
        });
        let recorded = (Moments::epochs(self.epochs()), self.cell.trajectories());
        let mut series = Vec::new();
        for ((moments, all), error) in
            [(recorded, "train_error"), (self.cell.trajectories_on_weights(), "trajectory_train_error")]
        {
            let error = self.values(error, &[]);
            for trajectory in all {
                let [prominence, rise] = trajectory.turning_points(&moments.counts).map(|verdict| {
                    let turn = verdict.turn();
                    let at = turn.map(|turn| error.get(turn.index).copied().unwrap_or(f32::NAN));
                    json!({ "status": verdict.status(), "at": turn.map(|turn| turn.epoch), "epsilon_star": at })
                });
                // That rule has a burn-in in epochs.
                let rise = if moments.unit == Unit::Step { Value::Null } else { rise };
                series.push(json!({
                    "name": trajectory.name,
                    "unit": moments.unit.name(),
                    "at": moments.counts,
                    "values": trajectory.values,
                    "by_prominence": prominence,
                    "by_first_rise": rise,
                }));
            }
        }
        json!({
            "cell": cell.id.to_string(),
            "status": cell.status.name(),
            "failure": known(&cell.failure),
            "diverged_epoch": cell.diverged_epoch,
            "seed": cell.seed,
            "specification": self.cell.specification().and_then(|text| serde_json::from_str::<Value>(text).ok()),
            "host": known(&origin.host),
            "rank": origin.rank,
            "device": known(&origin.device),
            "engine": known(&origin.engine),
            "version": origin.version,
            "git_commit": known(&origin.git_commit),
            "wall_seconds": cell.wall_seconds,
            "part": path,
            "last_values": last.collect::<Vec<_>>(),
            "trajectories": series,
        })
    }

    /// Last measured values.
    fn numbers(&self) -> String {
        let mut out = String::new();
        let values = self.cell.last_values();
        let width = values.iter().map(|last| last.name.len()).fold(11, usize::max);
        for LastValue { name, value, at } in values {
            let at = if self.is_flow() { format!("step {}", at.count) } else { at.to_string() };
            out += &format!("  {name:width$} {value:.6} at {at}\n");
        }
        out
    }

    /// Each observable's turning point by both rules, with the training error there.
    fn turning_points(&self) -> String {
        let recorded = (Moments::epochs(self.epochs()), self.cell.trajectories());
        let (moments, on_weights) = self.cell.trajectories_on_weights();
        let mut out = String::new();
        for ((moments, all), error) in [(recorded, "train_error"), ((moments, on_weights), "trajectory_train_error")] {
            if !all.is_empty() {
                out += &self.turning_points_of(&moments, all, &self.values(error, &[]));
            }
        }
        if out.is_empty() {
            return "no turning points: no radii or distances were measured\n".to_string();
        }
        out
    }

    fn turning_points_of(&self, moments: &Moments, all: Vec<Trajectory>, error: &[f32]) -> String {
        let unit = moments.unit.name();
        let mut out = format!("turning points {:>24}   {:>28}\n", "by prominence", "by first rise");
        for trajectory in all {
            let [prominence, rise] = trajectory.turning_points(&moments.counts).map(|verdict| match verdict.turn() {
                Some(turn) => {
                    let at = error.get(turn.index).copied().unwrap_or(f32::NAN);
                    format!("{unit} {}, ε* = {at:.4}", turn.epoch)
                }
                None => verdict.status().to_string(),
            });
            // That rule has a burn-in in epochs.
            let rise = if moments.unit == Unit::Step { "not of steps".to_string() } else { rise };
            out += &format!("  {:22} {prominence:>28}   {rise:>28}\n", trajectory.name);
        }
        out
    }

    /// Radii and distances against the epoch and against the training error; those at steps against the step, and likewise.
    fn panels(&self) -> Vec<Panel> {
        let (moments, on_weights) = self.cell.trajectories_on_weights();
        let recorded = self.panels_of(&Moments::epochs(self.epochs()), "train_error", || self.cell.trajectories());
        match moments.unit {
            Unit::Step if !on_weights.is_empty() => {
                let at_steps = self.panels_of(&moments, "trajectory_train_error", || on_weights.clone());
                // Where engines recorded none, there is nothing to draw against the epoch.
                let recorded = recorded.into_iter().filter(|panel| !panel.curves.is_empty());
                recorded.chain(at_steps).collect()
            }
            _ => recorded,
        }
    }

    fn panels_of(&self, moments: &Moments, error: &str, all: impl Fn() -> Vec<Trajectory>) -> Vec<Panel> {
        let places: Vec<f64> = moments.counts.iter().map(|&count| count as f64).collect();
        let error: Vec<f64> = self.values(error, &[]).into_iter().map(f64::from).collect();
        let panel = |x: &str, places: &[f64]| {
            let curve = |Trajectory { name, values, .. }: Trajectory| Curve {
                name,
                points: places.iter().copied().zip(values.into_iter().map(f64::from)).collect(),
            };
            Panel { x: x.to_string(), curves: all().into_iter().map(curve).collect() }
        };
        vec![panel(moments.unit.name(), &places), panel("training error", &error)]
    }

    fn epochs(&self) -> Vec<usize> {
        self.cell.integers(dimension::EPOCH)
    }

    /// A variable's values along its last dimension, at these places along the others; none if it was not measured.
    fn values(&self, name: &str, places: &[usize]) -> Vec<f32> {
        let series = self.cell.series(name).and_then(|series| series.at(places));
        series.map_or_else(Vec::new, |series| series.floats().to_vec())
    }
}
