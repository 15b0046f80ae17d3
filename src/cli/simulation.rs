//! `phasesweep bench dispatch --simulate`: what becomes of a job of many ranks, and what its coordinator costs.

use std::path::PathBuf;
use std::time::Instant;

use super::exit::{Exit, Failure};
use phasesweep::amount::{bytes, span};
use phasesweep::cost::Rates;
use phasesweep::dispatch::simulation::{Job, Kind, MEASURED_RATIOS, mixed_speeds, simulate};
use phasesweep::host::peak_memory;
use phasesweep::pack::AtOnce;

/// The longest cells take so many times as long as the shortest ones.
const RANGE: f64 = 16.0;

#[derive(clap::Args)]
#[command(next_help_heading = "With --simulate")]
pub(super) struct Arguments {
    /// Ranks.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    ranks: u32,
    /// All ranks of one speed. Otherwise 5 in 100 are of speed 8, 60 of 1, 35 of 0.5.
    #[arg(long)]
    equal: bool,
    /// Kinds of cells, which train together only among themselves.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    kinds: u32,
    /// Seconds of a cell on a rank of speed 1: the geometric mean; kinds differ by up to 16 times.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Cells below which a cohort wastes its device.
    #[arg(long, default_value_t = 16)]
    efficient: usize,
    /// Seconds between two signs of life of a rank.
    #[arg(long, default_value_t = 2.0)]
    heartbeat: f64,
    /// Seconds of a message on its way.
    #[arg(long, default_value_t = 1e-3)]
    latency: f64,
    /// Seconds that rank 0 takes to take in, or to send, a message; of `phasesweep bench dispatch`, half of what a cohort
    /// takes.
    #[arg(long, default_value_t = 7e-6)]
    message: f64,
    /// Seconds of an allocation; what is left goes on in another one.
    #[arg(long)]
    walltime: Option<f64>,
    /// Hours until a rank dies, on average.
    #[arg(long)]
    mean_life: Option<f64>,
    /// Remembered rates (~/.cache/phasesweep/rates.json) to draw the times of cohorts from, instead of those measured
    /// with sweeps/quick.toml.
    #[arg(long, value_name = "FILE")]
    rates: Option<PathBuf>,
    /// Seed of what is drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(super) fn run(arguments: &Arguments, cells: u32) -> Result<Exit, Failure> {
    let ratios = match &arguments.rates {
        None => MEASURED_RATIOS.to_vec(),
        Some(path) => Rates::read(path).ratios(),
    };
    if ratios.is_empty() {
        return Err(Failure::Input("the file of rates has no engine with 20 cohorts or more".to_owned()));
    }
    let positive = [arguments.seconds, arguments.heartbeat, arguments.walltime.unwrap_or(1.0)];
    if !positive.iter().all(|number| number.is_finite() && *number > 0.0) {
        return Err(Failure::Input("--seconds, --heartbeat and --walltime must be more than 0".to_owned()));
    }
    let ranks = arguments.ranks as usize;
    let job = Job {
        kinds: kinds(arguments, cells),
        speeds: if arguments.equal { vec![1.0; ranks] } else { mixed_speeds(ranks, arguments.seed) },
        replicas: 512,
        ratios,
        latency: arguments.latency,
        receive: arguments.message,
        send: arguments.message,
        heartbeat: arguments.heartbeat,
        walltime: arguments.walltime,
        margin: 60.0,
        mean_life: arguments.mean_life.map(|hours| 3600.0 * hours),
        checkpoint: 300.0,
        epoch: 5.0,
        seed: arguments.seed,
    };
    let began = Instant::now();
    let mut peaks: Vec<(String, u64)> = Vec::new();
    let report = simulate(&job, &mut || began.elapsed().as_secs_f64(), &mut |when| {
        if peaks.iter().all(|(known, _)| known != when) {
            peaks.extend(peak_memory().map(|bytes| (when.to_owned(), bytes)));
        }
    });
    let each = |seconds: f64, count: u64| 1e6 * seconds / (count.max(1)) as f64;
    println!("{} cells in {} cohorts on {ranks} ranks", report.cells, report.cohorts);
    println!(
        "  {} in {} allocation(s), {} rank(s) died; the work alone, shared out by speed, takes {}",
        span(report.seconds),
        report.allocations,
        report.deaths,
        span(report.ideal)
    );
    println!(
        "  efficiency {:.4}; lost at the end, when nothing is left to hand out: {:.4}",
        report.efficiency(),
        report.tail
    );
    println!(
        "  rank 0 took in {} messages, was busy with them {:.1}% of the time, and let one wait {:.3} s at most",
        report.messages,
        100.0 * report.busy,
        report.longest_wait
    );
    println!(
        "  the coordinator took {:.2} µs a message, {:.0} µs a tick, {:.0} µs for a look at its progress",
        each(report.handling, report.messages),
        each(report.ticking, report.ticks),
        each(report.looking, report.looks)
    );
    let peaks: Vec<String> = peaks.iter().map(|(when, peak)| format!("{} when {when}", bytes(*peak))).collect();
    println!("  peak memory: {}", peaks.join(", "));
    Ok(Exit::Complete)
}

/// Kinds of equally many cells, whose lengths are evenly spaced in the logarithm.
fn kinds(arguments: &Arguments, cells: u32) -> Vec<Kind> {
    let count = arguments.kinds.min(cells.max(1));
    (0..count)
        .map(|kind| Kind {
            cells: ((u64::from(kind) + 1) * u64::from(cells) / u64::from(count)
                - u64::from(kind) * u64::from(cells) / u64::from(count)) as u32,
            seconds: arguments.seconds * RANGE.powf(f64::from(kind) / f64::from(count.max(2) - 1) - 0.5),
            at_once: AtOnce { efficient: arguments.efficient, most: None },
        })
        .collect()
}
