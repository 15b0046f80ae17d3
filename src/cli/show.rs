//! `phasesweep show`: one cell whole, from the part that holds it.

mod flow;

use std::path::{Path, PathBuf};

use super::plot::{self, Curve, Panel};
use super::{Exit, Failure};
use crate::observe::principal::mean_of_measured;
use crate::observe::turning_point::{
    DEFAULT_BURN_IN, DEFAULT_FRACTION, Extremum, Verdict, by_first_rise, by_prominence,
};
use crate::plan::CellId;
use crate::session::{bytes, span};
use crate::store::{Dim, Labels, Part, RunDirectory, Values, scan};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Run directory.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The cell's id, or how it begins.
    #[arg(long, value_name = "ID")]
    cell: String,
    /// Write the trajectory into this file as SVG instead of drawing it here.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let directory = RunDirectory::at(&arguments.directory);
    let (path, id) = find(&directory, &arguments.cell.to_lowercase())?;
    let part = Part::read(&path).map_err(|error| Failure::Input(format!("error: {error}")))?;
    let row = part.cells.iter().position(|cell| cell.id == id);
    let row =
        row.ok_or_else(|| Failure::Bug(format!("{} does not hold {id}, which its head names", path.display())))?;
    let view = View { part: &part, row };
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
                .map_err(|error| Failure::Input(format!("error: {} cannot be written: {error}", file.display())))?;
            println!("trajectory: {}", file.display());
        }
        None => print!("\n{}", plot::terminal(&panels, 36, 7)),
    }
    Ok(Exit::Complete)
}

/// The part that holds the one cell whose id begins so.
fn find(directory: &RunDirectory, prefix: &str) -> Result<(PathBuf, CellId), Failure> {
    let scan = scan(&directory.parts()).map_err(|error| Failure::Input(format!("error: {error}")))?;
    let mut fitting: Vec<_> = scan.done.iter().filter(|(id, _)| id.to_string().starts_with(prefix)).collect();
    fitting.sort_by_key(|(id, _)| **id);
    match fitting.as_slice() {
        [(id, found)] => Ok((scan.parts[found.part as usize].0.clone(), **id)),
        [] => Err(Failure::Input(format!(
            "error: no finished cell of {} has an id that begins with `{prefix}`: results.h5 lists them as cell_id, and \
             `phasesweep status` tells whether cells are still missing",
            directory.root().display()
        ))),
        many => {
            let first: Vec<String> = many.iter().take(5).map(|(id, _)| id.to_string()).collect();
            Err(Failure::Input(format!(
                "error: the ids of {} cells begin with `{prefix}`: {}{}",
                many.len(),
                first.join(", "),
                if many.len() > 5 { ", …" } else { "" }
            )))
        }
    }
}

/// One cell of a part.
struct View<'a> {
    part: &'a Part,
    row: usize,
}

/// A series of one observable at one layer.
struct Series {
    name: String,
    extremum: Extremum,
    values: Vec<f32>,
}

impl View<'_> {
    fn specification(&self, path: &Path) -> String {
        let (cell, origin) = (&self.part.cells[self.row], &self.part.origin);
        let known = |text: &str| if text.is_empty() { "unknown".to_string() } else { text.to_string() };
        let mut lines = vec![format!("cell {}", cell.id), format!("  status      {}", cell.status.name())];
        if !cell.failure.is_empty() {
            lines.push(format!("  failure     {}", cell.failure));
        }
        if let Some(epoch) = cell.diverged_epoch {
            lines.push(format!("  diverged    at epoch {epoch}"));
        }
        lines.push(format!("  seed        {}", cell.seed));
        if let Some(text) = self.part.variants.get(cell.variant as usize) {
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
            let cells = self.part.cells.len();
            lines.push(format!("  took        {} (its share of a cohort of {cells})", span(cell.wall_seconds)));
        }
        lines.push(format!("  kept in     {}", path.display()));
        lines.join("\n") + "\n"
    }

    /// Values of the last measured epoch.
    fn numbers(&self) -> String {
        let mut out = String::new();
        for name in ["train_loss", "train_error", "test_error"] {
            let values = self.values(name, 1, 0);
            if let Some(place) = values.iter().rposition(|value| value.is_finite()) {
                let epoch = self.epochs().get(place).copied().unwrap_or(place);
                let unit = if self.is_flow() { "step" } else { "epoch" };
                out += &format!("  {name:11} {:.6} at {unit} {epoch}\n", values[place]);
            }
        }
        out
    }

    /// Each observable's turning point by both rules, with the training error there.
    fn turning_points(&self) -> String {
        let (epochs, error) = (self.epochs(), self.values("train_error", 1, 0));
        let told = |verdict: Verdict| match verdict.turn() {
            Some(turn) => {
                let at = error.get(turn.index).copied().unwrap_or(f32::NAN);
                format!("epoch {}, ε* = {at:.4}", turn.epoch)
            }
            None => verdict.status().to_string(),
        };
        let series = self.series();
        if series.is_empty() {
            return "no turning points: no radii or distances were measured\n".to_string();
        }
        let mut out = format!("turning points {:>24}   {:>28}\n", "by prominence", "by first rise");
        for Series { name, extremum, values } in series {
            let prominence = by_prominence(&epochs, &values, extremum, DEFAULT_FRACTION);
            let rise = by_first_rise(&epochs, &values, extremum, DEFAULT_BURN_IN);
            out += &format!("  {name:22} {:>28}   {:>28}\n", told(prominence), told(rise));
        }
        out
    }

    /// Radii and distances against the epoch and against the training error.
    fn panels(&self) -> Vec<Panel> {
        let epochs: Vec<f64> = self.epochs().into_iter().map(|epoch| epoch as f64).collect();
        let error: Vec<f64> = self.values("train_error", 1, 0).into_iter().map(f64::from).collect();
        let panel = |x: &str, places: &[f64]| {
            let curve = |Series { name, values, .. }: Series| Curve {
                name,
                points: places.iter().copied().zip(values.into_iter().map(f64::from)).collect(),
            };
            Panel { x: x.to_string(), curves: self.series().into_iter().map(curve).collect() }
        };
        vec![panel("epoch", &epochs), panel("training error", &error)]
    }

    fn series(&self) -> Vec<Series> {
        let layers = self.labels(Dim::Layer);
        let mut all = Vec::new();
        for (variable, dim, symbol, extremum) in
            [("radius", Dim::Class, "R", Extremum::Minimum), ("distance", Dim::Pair, "D", Extremum::Maximum)]
        {
            let labels = self.labels(dim);
            for (place, layer) in layers.iter().enumerate() {
                for (of, label) in labels.iter().enumerate() {
                    let values = self.values(variable, layers.len() * labels.len(), place * labels.len() + of);
                    if values.iter().any(|value| value.is_finite()) {
                        let layer = if layers.len() > 1 { format!(", layer {layer}") } else { String::new() };
                        all.push(Series { name: format!("{symbol}_{label}{layer}"), extremum, values });
                    }
                }
                // Of more than two classes the means stand for all; of two there is one pair, and no mean to take.
                if self.labels(Dim::Class).len() > 2 {
                    let layer = if layers.len() > 1 { format!(", layer {layer}") } else { String::new() };
                    let of_class = |of| self.values(variable, layers.len() * labels.len(), place * labels.len() + of);
                    let each: Vec<Vec<f32>> = (0..labels.len()).map(of_class).collect();
                    let values = mean_of_measured(&each.iter().map(Vec::as_slice).collect::<Vec<_>>());
                    if values.iter().any(|value| value.is_finite()) {
                        all.push(Series { name: format!("mean {symbol}{layer}"), extremum, values });
                    }
                }
            }
        }
        all
    }

    fn epochs(&self) -> Vec<usize> {
        match self.part.axes.get(Dim::Epoch) {
            Some(Labels::Integers(epochs)) => epochs.iter().map(|&epoch| epoch as usize).collect(),
            _ => Vec::new(),
        }
    }

    fn labels(&self, dim: Dim) -> Vec<String> {
        match self.part.axes.get(dim) {
            Some(Labels::Integers(labels)) => labels.iter().map(i64::to_string).collect(),
            Some(Labels::Texts(labels)) => labels.clone(),
            _ => Vec::new(),
        }
    }

    /// The `place`-th of the `series` series that a variable has for each cell.
    fn values(&self, name: &str, series: usize, place: usize) -> Vec<f32> {
        let Some(Values::F32(all)) = self.part.column(name).map(|column| &column.values) else { return Vec::new() };
        let length = self.epochs().len();
        let from = (self.row * series + place) * length;
        all.get(from..from + length).map_or_else(Vec::new, <[f32]>::to_vec)
    }
}
