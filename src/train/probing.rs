//! What is measured between slices on copies of the weights: when, where it is recorded, and the observer that does it.
//!
//! Engines know nothing of it: the epoch loop stops them at the epochs named here and hands the weights over. So every
//! engine and device is measured by the same program, on the host's processors. Invariants: what is recorded of a replica
//! depends on its weights, its seed and the problem alone, not on its neighbours, on threads or on how training was cut;
//! measuring an epoch again writes the same numbers again.

use std::sync::{Mutex, PoisonError};

use super::shape::{self, LayerShape};
use super::{Problem, Replica, ReplicaState};
use crate::observe::local_complexity::{self as complexity, Histograms, Neighbourhood, QUANTILES, Workspace};
use crate::observe::network::{self, Network};
use crate::observe::robustness::{self, Attack};
use crate::sweep::{Batch, LocalComplexity, PointSet, Probes, Robustness};

/// What is measured on copies of the weights, and at which epochs; all lists of epochs ascend.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Probing {
    /// What was asked for.
    pub probes: Probes,
    /// Epochs of local complexity.
    pub local_complexity: Vec<usize>,
    /// Epochs of robustness.
    pub robustness: Vec<usize>,
    /// Epochs whose weights are kept.
    pub weights: Vec<usize>,
}

/// What was recorded on copies of the weights. Not yet (or never) measured is NaN; empty where it was not asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProbeRecord {
    /// Mean number of units cut `[set, radius, layer, epoch]`; the last layer is all hidden layers together.
    pub local_complexity: Vec<f32>,
    /// Its quantiles over points `[set, radius, layer, quantile, epoch]`.
    pub local_complexity_quantile: Vec<f32>,
    /// Share of test samples misclassified under attack `[norm, epsilon, epoch]`.
    pub robust_error: Vec<f32>,
    /// Optimiser steps in a pass, one number; empty where nothing is probed.
    pub steps_per_epoch: Vec<f32>,
}

impl Probing {
    /// The epochs of a run of `last` epochs.
    pub fn of(probes: &Probes, last: usize) -> Probing {
        Probing {
            local_complexity: probes.local_complexity.as_ref().map_or_else(Vec::new, |lc| lc.at.epochs(last)),
            robustness: probes.robustness.as_ref().map_or_else(Vec::new, |robustness| robustness.at.epochs(last)),
            weights: probes.weights.as_ref().map_or_else(Vec::new, |at| at.epochs(last)),
            probes: probes.clone(),
        }
    }

    /// Every epoch at which anything is measured, ascending.
    pub fn epochs(&self) -> Vec<usize> {
        let mut all = [self.local_complexity.as_slice(), &self.robustness, &self.weights].concat();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl ProbeRecord {
    /// A record of the problem with nothing measured yet.
    pub fn empty(problem: &Problem) -> ProbeRecord {
        let probing = &problem.probing;
        let nan = |n: usize| vec![f32::NAN; n];
        let rows = probing
            .probes
            .local_complexity
            .as_ref()
            .map_or(0, |lc| lc.sets.len() * lc.radii.len() * (problem.architecture.depth() + 1));
        let attacks = probing.probes.robustness.as_ref().map_or(0, |r| r.norms.len() * r.epsilons.len());
        ProbeRecord {
            local_complexity: nan(rows * probing.local_complexity.len()),
            local_complexity_quantile: nan(rows * QUANTILES.len() * probing.local_complexity.len()),
            robust_error: nan(attacks * probing.robustness.len()),
            steps_per_epoch: nan(usize::from(!probing.probes.is_empty())),
        }
    }

    /// Forgets what was recorded after an epoch.
    pub(super) fn truncate(&mut self, probing: &Probing, last: usize) {
        let curves = [
            (&mut self.local_complexity, &probing.local_complexity),
            (&mut self.local_complexity_quantile, &probing.local_complexity),
            (&mut self.robust_error, &probing.robustness),
        ];
        for (curve, epochs) in curves {
            let keep = epochs.partition_point(|&epoch| epoch <= last);
            for row in curve.chunks_exact_mut(epochs.len().max(1)) {
                row[keep..].fill(f32::NAN);
            }
        }
    }
}

/// Optimiser steps that a replica takes in a pass.
pub fn steps_per_epoch(problem: &Problem, replica: &Replica) -> usize {
    let samples = problem.train().len();
    let kept = replica.kept.as_ref().map_or(samples, |kept| kept.iter().filter(|&&kept| kept).count());
    match problem.batch {
        Batch::Full => 1,
        Batch::Mini { size } => kept.div_ceil(size),
    }
}

/// Measures replicas at scheduled epochs.
#[derive(Debug)]
pub(super) struct Observer<'a> {
    problem: &'a Problem,
    layers: Vec<LayerShape>,
    threads: usize,
    /// Every epoch at which something is due.
    epochs: Vec<usize>,
    /// Least and greatest value of each input over the training block.
    bounds: Vec<(f32, f32)>,
}

/// A piece of work: a group of points of one replica.
#[derive(Debug, Clone, Copy)]
enum Piece {
    Complexity { place: usize, set: usize, group: usize },
    Attack { place: usize, attack: usize, group: usize },
}

/// Where pieces of one replica leave what they found.
struct Tally {
    histograms: Vec<Histograms>,
    fallen: Vec<usize>,
}

impl<'a> Observer<'a> {
    /// The observer of a problem's replicas.
    ///
    /// # Errors
    /// A sentence, if what was asked for cannot be measured on this problem.
    pub(super) fn new(problem: &'a Problem, threads: usize) -> Result<Observer<'a>, String> {
        let epochs = problem.probing.epochs();
        let inputs = problem.block.inputs();
        if let Some(lc) = problem.probing.probes.local_complexity.as_ref().filter(|lc| lc.directions > inputs) {
            return Err(format!(
                "local complexity asks for {} orthonormal directions, and the network has {inputs} inputs: write \
                 directions = {inputs} or less",
                lc.directions
            ));
        }
        let layers = match epochs.is_empty() {
            true => Vec::new(),
            false => shape::layers(&problem.architecture, &problem.block)
                .ok_or("the network cannot be built on the block's inputs, so nothing of it can be measured")?,
        };
        let mut bounds = vec![(f32::INFINITY, f32::NEG_INFINITY); if epochs.is_empty() { 0 } else { inputs }];
        for row in problem.train().x.chunks_exact(inputs.max(1)) {
            bounds.iter_mut().zip(row).for_each(|((low, high), &x)| (*low, *high) = (low.min(x), high.max(x)));
        }
        Ok(Observer { problem, layers, threads: threads.max(1), epochs, bounds })
    }

    /// Whether anything is due at an epoch.
    pub(super) fn due(&self, epoch: usize) -> bool {
        self.epochs.binary_search(&epoch).is_ok()
    }

    /// The next epoch, after this one, at which something is due.
    pub(super) fn next(&self, epoch: usize) -> Option<usize> {
        self.epochs.get(self.epochs.partition_point(|&due| due <= epoch)).copied()
    }

    /// Measures what is due at `epoch` of the states that stand there, and writes it into their records.
    pub(super) fn observe(&self, epoch: usize, replicas: &[Replica], states: &mut [ReplicaState]) {
        let there: Vec<usize> =
            (0..states.len()).filter(|&r| states[r].epoch == epoch && states[r].diverged.is_none()).collect();
        let probing = &self.problem.probing;
        let lc = probing.probes.local_complexity.as_ref().zip(position(&probing.local_complexity, epoch));
        let robust = probing.probes.robustness.as_ref().zip(position(&probing.robustness, epoch));
        let mut pieces = Vec::new();
        for &place in &there {
            if let Some((lc, _)) = lc {
                for (set, &points) in lc.sets.iter().enumerate() {
                    let groups = self.points(points, lc.points).div_ceil(complexity::GROUP);
                    pieces.extend((0..groups).map(|group| Piece::Complexity { place, set, group }));
                }
            }
            if let Some((robust, _)) = robust {
                let groups = self.points(PointSet::Test, robust.points).div_ceil(robustness::GROUP);
                for attack in 0..robust.norms.len() * robust.epsilons.len() {
                    pieces.extend((0..groups).map(|group| Piece::Attack { place, attack, group }));
                }
            }
        }
        let tallies: Vec<Mutex<Tally>> = states.iter().map(|_| Mutex::new(self.tally())).collect();
        self.work(pieces, replicas, states, &tallies);
        for (place, tally) in tallies.into_iter().enumerate() {
            if !there.contains(&place) {
                continue;
            }
            let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
            let record = &mut states[place].record.probes;
            record.steps_per_epoch = vec![steps_per_epoch(self.problem, &replicas[place]) as f32];
            if let Some((_, at)) = lc {
                let width = probing.local_complexity.len();
                let means = tally.histograms.iter().flat_map(Histograms::means);
                write(&mut record.local_complexity, width, at, means);
                let quantiles = tally.histograms.iter().flat_map(Histograms::quantiles);
                write(&mut record.local_complexity_quantile, width, at, quantiles);
            }
            if let Some((robust, at)) = robust {
                let points = self.points(PointSet::Test, robust.points) as f64;
                let errors = tally.fallen.iter().map(|&fallen| (fallen as f64 / points) as f32);
                write(&mut record.robust_error, probing.robustness.len(), at, errors);
            }
        }
    }

    fn tally(&self) -> Tally {
        let units: Vec<usize> = self.layers[..self.layers.len() - 1].iter().map(network::units).collect();
        let probes = &self.problem.probing.probes;
        let histograms = probes
            .local_complexity
            .as_ref()
            .map_or_else(Vec::new, |lc| vec![Histograms::new(&units, lc.radii.len()); lc.sets.len()]);
        let attacks = probes.robustness.as_ref().map_or(0, |robust| robust.norms.len() * robust.epsilons.len());
        Tally { histograms, fallen: vec![0; attacks] }
    }

    /// Shares the pieces out among threads.
    fn work(&self, pieces: Vec<Piece>, replicas: &[Replica], states: &[ReplicaState], tallies: &[Mutex<Tally>]) {
        let threads = self.threads.min(pieces.len());
        let queue = Mutex::new(pieces.into_iter());
        let work = || {
            let mut room = Workspace::default();
            loop {
                let piece = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(piece) = piece else { break };
                self.piece(piece, replicas, states, tallies, &mut room);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
    }

    fn piece(
        &self,
        piece: Piece,
        replicas: &[Replica],
        states: &[ReplicaState],
        tallies: &[Mutex<Tally>],
        room: &mut Workspace,
    ) {
        let (Piece::Complexity { place, .. } | Piece::Attack { place, .. }) = piece;
        let (problem, seed) = (self.problem, replicas[place].seed);
        let network = Network::new(&self.layers, problem.activation, &states[place].parameters);
        let Some(network) = network else { return };
        let probes = &problem.probing.probes;
        match (piece, &probes.local_complexity, &probes.robustness) {
            (Piece::Complexity { set, group, .. }, Some(lc), _) => {
                let points = self.group(lc, lc.sets[set], seed, group);
                let frame = complexity::frame(seed, lc.sets[set] as u64, group as u64, lc.directions, network.inputs());
                let counts = complexity::count(&network, &points, &frame, &neighbourhood(lc), room);
                let mut tally = tallies[place].lock().unwrap_or_else(PoisonError::into_inner);
                tally.histograms[set].add(&counts);
            }
            (Piece::Attack { attack, group, .. }, _, Some(robust)) => {
                let first = group * robustness::GROUP;
                let count = robustness::GROUP.min(self.points(PointSet::Test, robust.points) - first);
                let (test, inputs) = (&problem.block.test, network.inputs());
                let x = &test.x[first * inputs..(first + count) * inputs];
                let labels = &test.y[first..first + count];
                let attacked = self.attack(robust, attack, seed);
                let fallen = robustness::misclassified(&network, x, labels, first, &attacked);
                tallies[place].lock().unwrap_or_else(PoisonError::into_inner).fallen[attack] += fallen;
            }
            _ => {}
        }
    }

    /// Points of a set that are looked at.
    fn points(&self, set: PointSet, asked: usize) -> usize {
        match set {
            PointSet::Random => asked,
            PointSet::Test => asked.min(self.problem.block.test.len()),
            PointSet::Train => asked.min(self.problem.train().len()),
        }
    }

    /// A group's points `[point, input]`.
    fn group(&self, lc: &LocalComplexity, set: PointSet, seed: u64, group: usize) -> Vec<f32> {
        let inputs = self.problem.block.inputs();
        let first = group * complexity::GROUP;
        let count = complexity::GROUP.min(self.points(set, lc.points) - first);
        let rows = first * inputs..(first + count) * inputs;
        match set {
            PointSet::Random => complexity::random_points(seed, first, count, &self.bounds),
            PointSet::Test => self.problem.block.test.x[rows].to_vec(),
            PointSet::Train => self.problem.train().x[rows].to_vec(),
        }
    }

    fn attack(&self, robust: &Robustness, number: usize, seed: u64) -> Attack {
        let epsilon = robust.epsilons[number % robust.epsilons.len()];
        Attack {
            norm: robust.norms[number / robust.epsilons.len()],
            epsilon,
            steps: robust.steps,
            step_size: robust.step_size.unwrap_or(2.5 * epsilon / robust.steps as f64),
            random_start: robust.random_start.then_some(seed),
            clip: robust.clip,
            loss: self.problem.loss,
        }
    }
}

fn neighbourhood(lc: &LocalComplexity) -> Neighbourhood {
    Neighbourhood { radii: lc.radii.clone(), directions: lc.directions, centroid: lc.centroid }
}

fn position(epochs: &[usize], epoch: usize) -> Option<usize> {
    epochs.binary_search(&epoch).ok()
}

/// Writes one value into each row `[row, epoch]` of `curve`.
fn write(curve: &mut [f32], width: usize, at: usize, values: impl Iterator<Item = f32>) {
    for (row, value) in curve.chunks_exact_mut(width).zip(values) {
        row[at] = value;
    }
}
