//! `phasesweep bench`: measures this machine where the figure needs the program's own insides. `make bench` and
//! `make bench-dispatch` put these beside the peers.

use std::time::{Duration, Instant};

use super::exit::{Exit, Failure};
use super::simulation;
use super::slice;
use phasesweep::dispatch::{
    self, CellFailure, CohortOutcome, CohortRunner, CohortTask, Control, Launch, Note, Observer, ObserverError,
    Settings, TaskId, Topology, World,
};
use phasesweep_kernel::peak;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Cells per second through one coordinator to workers that do nothing, under mpirun or alone; or a job of many
    /// ranks on paper.
    Dispatch {
        /// Simulate a job instead: the coordinator and the packing are real, ranks, messages and time are not.
        #[arg(long)]
        simulate: bool,
        /// Cells; 1,000,000, or 10,000,000 of a simulation, unless given.
        #[arg(long)]
        cells: Option<u32>,
        #[command(flatten)]
        simulated: simulation::Arguments,
        /// Cells of a cohort.
        #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
        cohort: u32,
    },
    /// Floating-point operations per second of the CPU kernel's instructions on registers alone: the limit of training.
    Peak {
        /// Threads.
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
    /// Linear regions of a random ReLU network on a plane, cut exactly: what `phasesweep slice` does for one frame.
    Slice {
        /// Inputs.
        #[arg(long, default_value_t = 784, value_parser = clap::value_parser!(u32).range(2..))]
        inputs: u32,
        /// Width of each hidden layer.
        #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
        width: u32,
        /// Hidden layers.
        #[arg(long, default_value_t = 3)]
        depth: u32,
        /// Half side of the window; inputs have variance 1, so samples are √(2·inputs) apart.
        #[arg(long, default_value_t = 30.0)]
        half_side: f64,
    },
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.what {
        What::Dispatch { simulate: true, cells, simulated, .. } => {
            simulation::run(&simulated, cells.unwrap_or(10_000_000))
        }
        What::Dispatch { cells, cohort, .. } => dispatch(cells.unwrap_or(1_000_000), cohort),
        What::Peak { threads } => {
            println!("{:.1} GFLOP/s on {threads} threads", peak(threads, Duration::from_secs(1)) / 1e9);
            Ok(Exit::Complete)
        }
        What::Slice { inputs, width, depth, half_side } => {
            slice::bench(inputs as usize, width as usize, depth as usize, half_side)
        }
    }
}

/// Trains nothing.
struct NoOp;

impl CohortRunner for NoOp {
    fn run(&mut self, _: &CohortTask, _: &Control) -> CohortOutcome {
        CohortOutcome::Finished { seconds: 0.0 }
    }
}

/// Counts what is reported finished, and when the first worker was there to be given work.
#[derive(Default)]
struct Counter {
    began: Option<Instant>,
    workers: u32,
    finished: u64,
}

impl Observer for Counter {
    fn note(&mut self, note: &Note) -> Result<(), ObserverError> {
        match note {
            Note::Joined { .. } => self.workers += 1,
            Note::Started { .. } if self.began.is_none() => self.began = Some(Instant::now()),
            Note::Finished { cells, .. } => self.finished += *cells,
            _ => {}
        }
        Ok(())
    }

    fn failed(&mut self, cells: &[u32], reason: &CellFailure) -> Result<(), ObserverError> {
        Err(format!("{} cells that do nothing failed: {reason}", cells.len()).into())
    }
}

/// From the first cohort handed out to the last one reported: without the start of MPI, without a disk.
fn dispatch(cells: u32, cohort: u32) -> Result<Exit, Failure> {
    let launch = Launch::detect();
    let world = if launch.is_some() { Some(World::start(launch).map_err(Failure::input)?) } else { None };
    let topology = match &world {
        Some(world) => Topology::World { world, dedicated: false },
        None => Topology::Threads(1),
    };
    let rank = world.as_ref().map_or(0, World::rank);
    let starts = (0..if rank == 0 { cells } else { 0 }).step_by(cohort as usize);
    let tasks = starts.map(|start| CohortTask {
        id: TaskId(u64::from(start)),
        cells: (start..cells.min(start + cohort)).collect(),
        predicted_seconds: 1.0,
        memory: 0,
        attempt: 0,
        needs: Vec::new(),
        resume: false,
        least: 1,
    });
    let mut counter = Counter::default();
    let settings = Settings { fingerprint: "bench dispatch".into(), ..Settings::default() };
    let outcome = dispatch::run(topology, tasks.collect(), &settings, |_| Ok(NoOp), &mut counter);
    outcome.map_err(Failure::input)?;
    if rank == 0 {
        let seconds = counter.began.map_or(f64::NAN, |began| began.elapsed().as_secs_f64());
        println!(
            "{} cells in cohorts of {cohort} through one coordinator to {} workers: {seconds:.3} s, {:.0} cells/s",
            counter.finished,
            counter.workers,
            counter.finished as f64 / seconds
        );
    }
    Ok(Exit::Complete)
}
