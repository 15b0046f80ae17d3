//! `phasesweep observe`: measures more on the weights that a run kept; trains nothing.

use std::path::PathBuf;

use super::execution_arguments::HostArguments;
use super::exit::{Exit, Failure};
use super::job_arguments::JobArguments;
use phasesweep::session::{self, ObserveSettings};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Run directory, the sweep.toml in it, or a sweep file whose run is in runs/NAME of the sweep. The run must have kept
    /// weights ([observe] weights).
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// An observable to measure, with the keys of its table in [observe], e.g. --set 'sharpness={at={every=10}}'; may be
    /// repeated. Without a schedule it is measured at every epoch whose weights were kept. Without --set, what was asked
    /// for before goes on.
    #[arg(long = "set", value_name = "OBSERVABLE=KEYS")]
    sets: Vec<String>,
    /// Measure anew what was asked for before with other settings; what was measured with those is removed.
    #[arg(long)]
    replace: bool,
    /// Say what would be measured and what it would cost; measure nothing.
    #[arg(long)]
    dry_run: bool,
    /// Ranks that would share the work, for --dry-run.
    #[arg(long, default_value_t = 1, requires = "dry_run")]
    ranks: usize,
    #[command(flatten)]
    execution: HostArguments,
    #[command(flatten)]
    job: JobArguments,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let settings = ObserveSettings {
        job: arguments.job.settings(arguments.execution.into()),
        directory: arguments.directory,
        sets: arguments.sets,
        replace: arguments.replace,
    };
    if arguments.dry_run {
        let forecast = session::plan_observe(&settings, arguments.ranks)?;
        print!("{forecast}");
        forecast.remarks().iter().for_each(|remark| eprintln!("warning: {remark}"));
        return Ok(Exit::Complete);
    }
    Ok(session::observe(&settings)?.into())
}
