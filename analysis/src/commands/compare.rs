//! `phasesweep-report compare` (and `phasesweep compare`): runs, or versions of the program, side by side.

use std::path::PathBuf;

use phasesweep_analysis::{Options, compare, options, turning_point};

use super::Outcome;

/// Compare runs, or versions of the program: which statistics differ beyond noise, and which cells' bits agree.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Run directories or results files; each is compared with the first
    #[arg(value_name = "RUN", required = true, num_args = 2..)]
    runs: Vec<PathBuf>,

    /// Coordinates by which groups of cells are matched, comma-separated [default: variant, the specification but for the
    /// seed]
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    group_by: Vec<String>,

    /// Least prominence of a turning point, as a fraction of the observable's range
    #[arg(long, value_name = "FRACTION", default_value_t = turning_point::DEFAULT_FRACTION)]
    prominence: f64,

    /// Observable whose turning point is compared beside the inversion, as `hessian_eigenvalue` or `weight_norm[2]` [default:
    /// what the sweep file's table `report` says]
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,

    /// Which way a series turns: NAME=minimum, NAME=maximum or NAME=either; may be given several times
    #[arg(long, value_name = "NAME=WAY", value_parser = options::way)]
    turning: Vec<(String, options::Turning)>,

    /// Show every statistic, those that are identical too
    #[arg(long)]
    all: bool,

    /// Print one JSON object with everything
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  phasesweep compare runs/before runs/after             two versions of the program on one sweep
  phasesweep compare runs/a runs/b --group-by optimiser  two sweeps, matched by their optimisers
  phasesweep compare runs/a runs/b --json | jq '.with_first[].bits.variables[] | select(.agrees == false)'";

/// Compares, and says what came out.
pub(crate) fn run(arguments: Arguments) -> Outcome {
    let Arguments { runs, group_by, prominence, principal, turning, all, json } = arguments;
    let turning = turning.into_iter().collect();
    let options = Options { group_by, prominence, principal, turning, ..Options::default() };
    let comparison = compare::compare(&runs, &options).map_err(|error| error.to_string())?;
    match json {
        true => serde_json::to_string(&comparison).map(|line| line + "\n").map_err(|error| error.to_string()),
        false => Ok(compare::text::text(&comparison, all)),
    }
}
