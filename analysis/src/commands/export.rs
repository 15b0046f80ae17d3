//! `phasesweep-report export` (and `phasesweep export`): results in the formats of other programs.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use phasesweep_analysis::export::{Choice, Format, export};
use phasesweep_analysis::{Options, turning_point};

use super::Outcome;

/// Export results: tables, arrays, LaTeX, figures, or the logs of experiment trackers.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Run directory (which holds results.h5), or a results file
    #[arg(value_name = "DIR_OR_FILE")]
    from: PathBuf,

    /// What is written
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(Format::ALL.map(|(name, _)| name)))]
    to: String,

    /// Where it goes [default: export/FORMAT/ beside the results file]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Tables (cells, turning_points, trajectories_long, trajectories_wide; of LaTeX those of the report) or figures, by name,
    /// comma-separated [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,

    /// Style sheet (CSS) that is laid over that of the figures
    #[arg(long, value_name = "FILE")]
    style: Option<PathBuf>,

    /// Dots of a PNG for each unit of the drawing, of which there are 96 to an inch [default: 2]
    #[arg(long, value_name = "FACTOR")]
    scale: Option<f32>,

    /// Keep those epochs and steps alone that are multiples of it, in trajectories and logs [default: all]
    #[arg(long, value_name = "EPOCHS")]
    every: Option<i64>,

    /// Coordinates that make a group in tables and figures, comma-separated [default: variant]
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    group_by: Vec<String>,

    /// Least prominence of a turning point, as a fraction of the observable's range
    #[arg(long, value_name = "FRACTION", default_value_t = turning_point::DEFAULT_FRACTION)]
    prominence: f64,

    /// First epoch at which the first-rise rule looks
    #[arg(long, value_name = "EPOCH", default_value_t = turning_point::DEFAULT_BURN_IN)]
    burn_in: usize,

    /// Print one JSON object: where it was written, and what
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  phasesweep export runs/quick --to parquet                       cells, turning points, trajectories
  phasesweep export runs/quick --to csv --only cells,turning_points --out tables
  phasesweep export runs/quick --to pdf --only epsilon_star_layer_1 --style paper.css
  phasesweep export runs/quick --to latex --only stability
  phasesweep export runs/quick --to tensorboard --every 10";

/// Exports, and says what was written.
pub(crate) fn run(arguments: Arguments) -> Outcome {
    let Arguments { from, to, out, only, style, scale, every, group_by, prominence, burn_in, json } = arguments;
    let format = Format::ALL.into_iter().find(|(name, _)| *name == to).map(|(_, format)| format);
    let format = format.ok_or_else(|| format!("there is no format `{to}`"))?;
    let style = style.map(|path| {
        std::fs::read_to_string(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
    });
    let choice = Choice { names: only, style: style.transpose()?, scale, every };
    let options = Options { group_by, prominence, burn_in, ..Options::default() };
    let written = export(&from, out.as_deref(), format, &choice, &options).map_err(|error| error.to_string())?;
    if json {
        return serde_json::to_string(&written).map(|line| line + "\n").map_err(|error| error.to_string());
    }
    let lines: String = written.what.iter().map(|line| format!("  {line}\n")).collect();
    Ok(format!("{}\n{lines}", written.to.display()))
}
