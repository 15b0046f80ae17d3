//! `phasesweep-report`: parse arguments, call the library, turn an error into an exit code.

mod commands;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use phasesweep_analysis::{Options, Written, options, report_telling, turning_point};

/// Report on a sweep: stability of the training error at inversion, as tables, figures and one page.
#[derive(Debug, Parser)]
#[command(name = "phasesweep-report", version, after_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    report: Option<Arguments>,
}

/// What it does beside the report. A run directory of such a name is given as `./compare`.
#[derive(Debug, Subcommand)]
enum Command {
    Compare(commands::compare::Arguments),
    Export(commands::export::Arguments),
    #[command(hide = true)]
    Complete(commands::complete::Arguments),
}

const EXAMPLES: &str = "\
Examples:
  phasesweep report runs/quick                          tables, figures and the page, in runs/quick/report
  phasesweep report runs/quick --group-by lr --out lr   by learning rate, in a folder of its own
  phasesweep report runs/quick --json | jq -r .answer.headline";

#[derive(Debug, clap::Args)]
struct Arguments {
    /// Run directory (which holds results.h5), or a results file
    #[arg(value_name = "DIR_OR_FILE")]
    from: PathBuf,

    /// Where the report goes [default: report/ beside the results file]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Coordinates that make a group, comma-separated [default: variant, cells that differ in the seed alone]
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    group_by: Vec<String>,

    /// Least prominence of a turning point, as a fraction of the observable's range
    #[arg(long, value_name = "FRACTION", default_value_t = turning_point::DEFAULT_FRACTION)]
    prominence: f64,

    /// First epoch at which the first-rise rule looks
    #[arg(long, value_name = "EPOCH", default_value_t = turning_point::DEFAULT_BURN_IN)]
    burn_in: usize,

    /// Least prominence of a turning point of local complexity, as a fraction of its range
    #[arg(long, value_name = "FRACTION", default_value_t = options::LC_PROMINENCE)]
    lc_prominence: f64,

    /// Share of ε* by which an axis may shift it without being said to move it
    #[arg(long, value_name = "FRACTION", default_value_t = options::TOLERANCE)]
    tolerance: f64,

    /// Observable whose turning point the report is about, as `hessian_eigenvalue` or `weight_norm[2]` [default: what the
    /// sweep file's table `report` says, else the inversion]
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,

    /// Which way a series turns: NAME=minimum, NAME=maximum or NAME=either; may be given several times
    #[arg(long, value_name = "NAME=WAY", value_parser = options::way)]
    turning: Vec<(String, options::Turning)>,

    /// Training losses whose crossing is held against the inversion, comma-separated [default: what the sweep file's table
    /// `report` says, else the mean training loss at the inversion, half of it and twice it]
    #[arg(long, value_name = "LOSS", value_delimiter = ',')]
    loss_levels: Vec<f64>,

    /// Bootstrap resamples of an interval of a power law
    #[arg(long, value_name = "COUNT", default_value_t = 2000)]
    bootstrap: usize,

    /// Print what came out as JSON: page, answer, and what should be known of the data
    #[arg(long)]
    json: bool,
}

/// The user's input is wrong (DESIGN.md, exit codes).
const WRONG_INPUT: u8 = 2;

fn main() -> ExitCode {
    let arguments = match CommandLine::parse() {
        CommandLine { command: Some(Command::Compare(arguments)), .. } => {
            return said(commands::compare::run(arguments));
        }
        CommandLine { command: Some(Command::Export(arguments)), .. } => return said(commands::export::run(arguments)),
        CommandLine { command: Some(Command::Complete(arguments)), .. } => {
            return said(commands::complete::run(arguments, CommandLine::command()));
        }
        CommandLine { report: Some(arguments), .. } => arguments,
        CommandLine { command: None, report: None } => {
            return said(Err("give a run directory: phasesweep-report DIR, or --help".to_owned()));
        }
    };
    let Arguments {
        from,
        out,
        group_by,
        prominence,
        burn_in,
        lc_prominence,
        tolerance,
        bootstrap,
        principal,
        turning,
        loss_levels,
        json,
    } = arguments;
    let turning = turning.into_iter().collect();
    let options =
        Options { group_by, prominence, burn_in, lc_prominence, tolerance, bootstrap, principal, turning, loss_levels };
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    let tell = |step: usize, steps: usize, what: &str| {
        bar.set_length(steps as u64);
        bar.set_position(step as u64);
        bar.set_message(what.to_owned());
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    // A report that takes no longer than this needs no bar. Where standard error is no terminal, indicatif draws none.
    let late = bar.clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_secs(1));
        if !late.is_finished() {
            late.set_draw_target(ProgressDrawTarget::stderr());
            late.enable_steady_tick(Duration::from_millis(200));
        }
    });
    let written = report_telling(&from, out.as_deref(), &options, &tell);
    bar.finish_and_clear();
    match written {
        Ok(written) => {
            written.doubts.iter().for_each(|sentence| eprintln!("warning: {sentence}"));
            if json {
                println!("{}", as_json(&written))
            } else {
                say(&written)
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(WRONG_INPUT)
        }
    }
}

/// What came out, for a person.
fn say(written: &Written) {
    println!("{}\n{}", written.summary, written.answer.headline);
    written.answer.sentences.iter().for_each(|sentence| println!("- {sentence}"));
    written.data.iter().for_each(|sentence| println!("! {sentence}"));
    written.absent.iter().for_each(|sentence| println!("! {sentence}"));
    println!("\nReport: {}", written.page.display());
}

/// What came out, for a program.
fn as_json(written: &Written) -> serde_json::Value {
    serde_json::json!({
        "page": written.page,
        "answer": written.answer,
        "data": written.data,
        "absent": written.absent,
        "doubts": written.doubts,
    })
}

/// Prints how a subcommand ended.
fn said(outcome: commands::Outcome) -> ExitCode {
    match outcome {
        // A reader that has seen enough is no fault.
        Ok(text) => {
            _ = std::io::stdout().lock().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(sentence) => {
            eprintln!("error: {sentence}");
            ExitCode::from(WRONG_INPUT)
        }
    }
}
