//! The command line: one file per subcommand, no science.
//!
//! A subcommand returns an [`exit::Exit`] or an [`exit::Failure`]; `exit` alone prints failures and knows the process's
//! exit codes. Nothing here imports this module: the definition is handed to the two commands that print it.

mod analysis_program;
mod bench;
mod collect;
mod compare;
mod complete;
mod data;
mod doctor;
mod examples;
mod execution_arguments;
mod exit;
mod export;
mod job_arguments;
mod keys;
mod observe;
mod plan;
mod plot;
mod report;
mod run;
mod serve;
mod show;
mod simulation;
mod slice;
mod status;
mod submit;
mod sweep_file;
mod waiting;
mod watch;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use phasesweep::host::flush_subnormals;

#[derive(Parser)]
#[command(name = "phasesweep", version, about, max_term_width = 100)]
struct Arguments {
    /// Say more (-v) or much more (-vv) on standard error.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train what a sweep file asks for and is not there yet, under mpirun, srun, or alone.
    #[command(after_help = examples::RUN)]
    Run(run::Arguments),
    /// Say what a sweep file asks for and what it would cost; train nothing.
    #[command(after_help = examples::PLAN)]
    Plan(plan::Arguments),
    /// Queue a sweep with Slurm: make the job script, check it, submit it, and return.
    #[command(after_help = examples::SUBMIT)]
    Submit(submit::Arguments),
    /// Say how far a run is, from the files in its directory.
    #[command(after_help = examples::STATUS)]
    Status(status::Arguments),
    /// Watch a run in the terminal: cells, ranks, rate, time left, curves; from the files in its directory.
    Watch(watch::Arguments),
    /// Serve the report page of runs, live, on this machine alone, for an ssh tunnel.
    Serve(serve::Arguments),
    /// Show one cell whole: specification, trajectory, turning points, provenance.
    #[command(after_help = examples::SHOW)]
    Show(show::Arguments),
    /// Cut a plane through input space into the linear regions of a cell's network, exactly, along training.
    #[command(after_help = examples::SLICE)]
    Slice(slice::Arguments),
    /// Measure more on the weights that a run kept, under mpirun, srun, or alone; train nothing.
    #[command(after_help = examples::OBSERVE)]
    Observe(observe::Arguments),
    /// Gather a run directory's parts into results.h5.
    #[command(after_help = examples::COLLECT)]
    Collect(collect::Arguments),
    /// Analyse results.h5: tables, figures and a page (runs phasesweep-report).
    Report(report::Arguments),
    /// Compare runs, or versions of the program: what differs beyond noise, and whose bits agree (runs phasesweep-report).
    Compare(compare::Arguments),
    /// Export results: Parquet, CSV, netCDF, Zarr, LaTeX, figures, logs of trackers (runs phasesweep-report).
    Export(export::Arguments),
    /// List the keys of a sweep file, with their bounds and defaults.
    #[command(after_help = examples::KEYS)]
    Keys(keys::Arguments),
    /// List, fetch and check data sets.
    #[command(after_help = examples::DATA)]
    Data(data::Arguments),
    /// Check what this machine offers: MPI, devices, HDF5, Slurm, data; and what to do about what is missing.
    #[command(after_help = examples::DOCTOR)]
    Doctor(doctor::Arguments),
    /// Measure what this machine can do.
    #[command(after_help = examples::BENCH)]
    Bench(bench::Arguments),
    /// Print a completion script for a shell, or the manual page.
    #[command(after_help = examples::COMPLETE)]
    Complete(complete::Arguments),
}

/// Runs the command line of this process.
pub(crate) fn main() -> ExitCode {
    flush_subnormals();
    let arguments = Arguments::parse();
    leave_closed_pipes_quietly();
    start_log(arguments.verbose);
    let outcome = match arguments.command {
        Command::Run(arguments) => run::run(arguments),
        Command::Plan(arguments) => plan::run(arguments),
        Command::Submit(arguments) => submit::run(arguments, definition()),
        Command::Status(arguments) => status::run(arguments),
        Command::Watch(arguments) => watch::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Show(arguments) => show::run(arguments),
        Command::Slice(arguments) => slice::run(arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Keys(arguments) => keys::run(arguments),
        Command::Observe(arguments) => observe::run(arguments),
        Command::Collect(arguments) => collect::run(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Compare(arguments) => compare::run(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Data(arguments) => data::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Complete(arguments) => complete::run(arguments, definition()),
    };
    exit::code(outcome)
}

/// `phasesweep show … | head`: the reader has seen enough, which is no bug of ours. Ends as SIGPIPE would have it.
fn leave_closed_pipes_quietly() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if message.starts_with("failed printing to stdout: Broken pipe") {
            std::process::exit(141);
        }
        told(panic);
    }));
}

fn start_log(verbose: u8) {
    let level = match verbose {
        0 => "phasesweep=info,warn",
        1 => "phasesweep=debug,info",
        _ => "phasesweep=trace,debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("PHASESWEEP_LOG").unwrap_or_else(|_| level.into());
    // A job's log is read as text.
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    log.with_ansi(coloured).init();
}

/// The command line's definition, for completions and the manual page.
fn definition() -> clap::Command {
    <Arguments as clap::CommandFactory>::command()
}

#[cfg(test)]
mod tests;
