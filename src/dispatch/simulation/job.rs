//! What is simulated: cells, ranks, and everything that is drawn.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::super::outcome::Seconds;
use crate::pack::AtOnce;

/// Measured seconds of a cohort over the mean of its kind, at the quantiles 0, 1/20, …, 1: 256 cohorts of
/// `phasesweep run sweeps/quick.toml --set 'sweep.seeds={start=0,count=512}' --set train.epochs=100 --replicas 8
/// --threads 1` on one core of a busy Intel Xeon.
pub const MEASURED_RATIOS: [f64; 21] = [
    0.483, 0.762, 0.790, 0.799, 0.838, 0.859, 0.886, 0.903, 0.927, 0.949, 0.959, 0.981, 1.003, 1.037, 1.082, 1.126,
    1.156, 1.193, 1.248, 1.360, 1.781,
];

/// Cells that may train together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kind {
    /// Number of cells.
    pub cells: u32,
    /// Predicted seconds of a cell on a rank of speed 1.
    pub seconds: Seconds,
    /// Replicas at once.
    pub at_once: AtOnce,
}

/// What is simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// What is to be trained.
    pub kinds: Vec<Kind>,
    /// Speed of each rank's trainer; the predictions are of speed 1.
    pub speeds: Vec<f64>,
    /// Replicas of a cohort at most.
    pub replicas: usize,
    /// Quantiles, evenly spaced, of measured over predicted seconds of cohorts.
    pub ratios: Vec<f64>,
    /// From a message's leaving to its arrival.
    pub latency: Seconds,
    /// Rank 0's time to take a message in and decide.
    pub receive: Seconds,
    /// Rank 0's time to send a message.
    pub send: Seconds,
    /// Interval of the signs of life.
    pub heartbeat: Seconds,
    /// Length of an allocation; `None`: as long as it takes.
    pub walltime: Option<Seconds>,
    /// Time kept free at its end.
    pub margin: Seconds,
    /// Mean time until a rank dies; `None`: they do not.
    pub mean_life: Option<Seconds>,
    /// Between two checkpoints of a cohort.
    pub checkpoint: Seconds,
    /// Longest time that a trainer takes to hear a stop.
    pub epoch: Seconds,
    /// Of everything that is drawn.
    pub seed: u64,
}

/// Speeds of ranks: of each hundred, 5 are 16 times as fast as the slowest (GPUs), 60 are of speed 1, 35 of 0.5, each
/// within 10% of its class, in a random order.
pub fn mixed_speeds(ranks: usize, seed: u64) -> Vec<f64> {
    let mut draws = Draws::new(seed, 0);
    (0..ranks)
        .map(|_| {
            let class = match draws.uniform() {
                share if share < 0.05 => 8.0,
                share if share < 0.65 => 1.0,
                _ => 0.5,
            };
            class * (0.9 + 0.2 * draws.uniform())
        })
        .collect()
}

/// A stream of random numbers.
pub(super) struct Draws(ChaCha8Rng);

impl Draws {
    pub(super) fn new(seed: u64, stream: u64) -> Draws {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Draws(rng)
    }

    /// In [0, 1).
    pub(super) fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}
