//! A stack: replicas at the same position, trained in lockstep as one tensor program.
//!
//! Invariants: one forward pass measures epoch t and gives the gradient of step t + 1 (full batch); nothing is read back
//! between two fetches; a replica that is no longer finite keeps the weights of that epoch, and leaves the stack at the
//! next fetch.

mod epoch;

use std::sync::Arc;

use ::burn::tensor::{Bool, Int, Tensor, TensorData};

use super::flat::Flat;
use super::measure::{self, Measured};
use super::optimiser::{Moments, StackedRule};
use super::parameters::Parameters;
use super::resident::{Resident, Tile};
use crate::observables::Position;
use crate::sweep::Batch;
use crate::train::{Replica, ReplicaState, TrainError};

/// Epochs between two fetches.
const FETCH: usize = 50;

/// A replica's weights and moments on the host.
#[derive(Debug, Clone, Default)]
pub(super) struct Vectors {
    /// As in [`ReplicaState`].
    pub(super) parameters: Vec<f32>,
    /// As in [`ReplicaState`].
    pub(super) first_moment: Vec<f32>,
    /// As in [`ReplicaState`].
    pub(super) second_moment: Vec<f32>,
    /// As in [`ReplicaState`].
    pub(super) averages: Vec<f32>,
}

/// What a stack did in one call.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Rows, in the order of epochs.
    pub(super) measured: Vec<Measured>,
    /// Replicas (by their place in the cohort) that diverged and left, with the epoch and their last weights.
    pub(super) departed: Vec<(usize, usize, Vectors)>,
}

/// Replicas in lockstep.
#[derive(Debug, Clone)]
pub(super) struct Stack {
    members: Arc<[usize]>,
    replicas: Vec<Replica>,
    at: Position,
    weights: Flat,
    /// The same, as the network takes them.
    parameters: Parameters,
    /// Running averages of batch normalisations.
    averages: Parameters,
    moments: Moments,
    rule: StackedRule,
    /// 1 for kept samples, 0 for pruned ones, `[replica, 1, sample]` for each tile; absent where all are kept.
    kept_samples: Option<Vec<Tensor<3>>>,
    /// The same for [`Resident::whole`].
    counted: Option<Tensor<3>>,
    /// One over the number of kept samples, `[replica, 1, 1]`.
    share: Tensor<3>,
    /// One over the number of kept samples of each class, `[replica, 1, class]`.
    class_share: Tensor<3>,
    alive: Tensor<3, Bool>,
    pairs: (Tensor<1, Int>, Tensor<1, Int>),
    powers: Tensor<2>,
}

impl Stack {
    /// Puts replicas on the device. `members` are their places in the cohort; their states are at the same position.
    pub(super) fn new(
        resident: &Resident,
        members: &[usize],
        replicas: &[Replica],
        states: &[ReplicaState],
        class_counts: &[Vec<usize>],
    ) -> Stack {
        let own: Vec<Replica> = members.iter().map(|&member| replicas[member].clone()).collect();
        let upload = |vector: fn(&ReplicaState) -> &[f32]| {
            let vectors: Vec<&[f32]> = members.iter().map(|&member| vector(&states[member])).collect();
            Flat::upload(&resident.device, &resident.graph, &vectors)
        };
        let rule = StackedRule::new(resident, &own);
        let kept = |which: usize| (0..own.len()).any(|place| rule.moments(place)[which]);
        let moments = Moments {
            first: kept(0).then(|| upload(|s| &s.first_moment)),
            second: kept(1).then(|| upload(|s| &s.second_moment)),
        };
        let weights = upload(|s| &s.parameters);
        let at = members.first().map_or(Position::default(), |&member| states[member].position());
        let class_sizes: Vec<&Vec<usize>> = members.iter().map(|&member| &class_counts[member]).collect();
        let one_over = |count: usize| 1.0 / count.max(1) as f32;
        let (r, classes) = (members.len(), resident.problem.block.classes);
        let share = class_sizes.iter().map(|c| one_over(c.iter().sum())).collect();
        let class_share = class_sizes.iter().flat_map(|c| c.iter().map(|&count| one_over(count))).collect();
        let pruned = own.iter().any(|replica| replica.kept.is_some());
        let kept_samples =
            pruned.then(|| resident.train.iter().map(|tile| tile_weights(resident, tile, &own)).collect());
        let whole = resident.whole.as_ref().filter(|_| pruned);
        let averages: Vec<&[f32]> = members.iter().map(|&member| states[member].averages.as_slice()).collect();
        let pair = |side: fn(&(usize, usize)) -> usize| {
            let classes: Vec<i64> = resident.problem.pairs().iter().map(|pair| side(pair) as i64).collect();
            let count = classes.len();
            Tensor::<1, Int>::from_data(TensorData::new(classes, [count]), &resident.device)
        };
        Stack {
            members: members.into(),
            at,
            parameters: weights.layers(&resident.graph),
            weights,
            averages: Parameters::upload_averages(&resident.device, &resident.graph, &averages),
            moments,
            rule,
            counted: whole.map(|tile| tile_weights(resident, tile, &own)),
            replicas: own,
            kept_samples,
            share: resident.tensor(share, [r, 1, 1]),
            class_share: resident.tensor(class_share, [r, 1, classes]),
            alive: resident.tensor(vec![1.0; r], [r, 1, 1]).greater_elem(0.5),
            pairs: (pair(|&(a, _)| a), pair(|&(_, b)| b)),
            powers: resident.tensor(vec![128.0, 64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0], [8, 1]),
        }
    }

    /// Its replicas, by their place in the cohort.
    pub(super) fn members(&self) -> &[usize] {
        &self.members
    }

    /// How far its replicas are.
    pub(super) fn at(&self) -> Position {
        self.at
    }

    /// Measures and trains up to, not including, `until`; see [`crate::train::Engine::advance_to`].
    ///
    /// # Errors
    /// [`TrainError`] if the device fails; the stack is then to be dropped.
    pub(super) fn advance(&mut self, resident: &Resident, until: Position) -> Result<Progress, TrainError> {
        let mut progress = Progress::default();
        while self.at < until && !self.members.is_empty() {
            if self.at.step > 0 {
                // The rest of a pass that was begun before, whose beginning was measured then.
                let (epoch, within) = (self.at.epoch, self.at.epoch == until.epoch);
                let end = if within { until.step } else { usize::MAX };
                self.minibatches(resident, epoch, self.at.step..end);
                self.at = if within { until } else { Position::at_epoch(epoch + 1) };
                continue;
            }
            let first = self.at.epoch;
            // The pass in which it stops is begun, too.
            let stop = (until.epoch + usize::from(until.step > 0)).min(first + FETCH);
            let mut pending = Vec::with_capacity(stop - first);
            let corrections = match resident.problem.batch {
                Batch::Full => {
                    let steps: Vec<Vec<u64>> =
                        (first..stop).map(|epoch| vec![epoch as u64 + 1; self.members.len()]).collect();
                    self.rule.corrections(resident, &steps)
                }
                Batch::Mini { .. } => None,
            };
            for epoch in first..stop {
                let end = if epoch == until.epoch { until.step } else { usize::MAX };
                pending.push(self.pass(resident, epoch, end, corrections.as_ref().map(|table| (table, epoch - first))));
            }
            self.at = until.min(Position::at_epoch(stop));
            let measured = measure::fetch(pending, &self.members)?;
            self.dismiss(resident, &measured, &mut progress)?;
            progress.measured.extend(measured);
        }
        Ok(progress)
    }

    /// The replicas' vectors on the host, in the order of [`Stack::members`].
    ///
    /// # Errors
    /// [`TrainError`] if the device fails.
    pub(super) fn vectors(&self) -> Result<Vec<Vectors>, TrainError> {
        let count = self.members.len();
        let moment = |moment: &Option<Flat>| match moment {
            Some(moment) => moment.download(),
            None => Ok(vec![Vec::new(); count]),
        };
        let parameters = self.weights.download()?;
        let (first, second) = (moment(&self.moments.first)?, moment(&self.moments.second)?);
        let averages = self.averages.download(count)?;
        let vectors = parameters.into_iter().zip(first).zip(second).zip(averages).enumerate();
        Ok(vectors
            .map(|(place, (((parameters, first), second_moment), averages))| Vectors {
                parameters,
                averages,
                // A neighbour's momentum made a buffer for all; one that is never used is not part of the state.
                first_moment: if self.rule.moments(place)[0] { first } else { Vec::new() },
                second_moment,
            })
            .collect())
    }

    /// Lets the replicas go that were found not finite.
    fn dismiss(&mut self, resident: &Resident, rows: &[Measured], progress: &mut Progress) -> Result<(), TrainError> {
        let since = |member: usize| {
            rows.iter().find(|row| row.finite().any(|(other, finite)| other == member && !finite)).map(Measured::epoch)
        };
        let since: Vec<Option<usize>> = self.members.iter().map(|&member| since(member)).collect();
        if since.iter().all(Option::is_none) {
            return Ok(());
        }
        let vectors = self.vectors()?;
        for ((&member, epoch), vectors) in self.members.iter().zip(&since).zip(vectors) {
            if let Some(epoch) = *epoch {
                progress.departed.push((member, epoch, vectors));
            }
        }
        let stay: Vec<usize> = (0..since.len()).filter(|&place| since[place].is_none()).collect();
        self.members = stay.iter().map(|&place| self.members[place]).collect();
        if stay.is_empty() {
            return Ok(());
        }
        self.replicas = stay.iter().map(|&place| self.replicas[place].clone()).collect();
        self.rule = StackedRule::new(resident, &self.replicas);
        let places: Vec<i64> = stay.iter().map(|&place| place as i64).collect();
        let places = Tensor::<1, Int>::from_data(TensorData::new(places, [stay.len()]), &resident.device);
        let select = |tensor: &Tensor<3>| tensor.clone().select(0, places.clone());
        self.weights = self.weights.select(&places);
        self.parameters = self.weights.layers(&resident.graph);
        self.averages = self.averages.select(&places);
        self.moments = self.moments.select(&places);
        self.kept_samples = self.kept_samples.as_ref().map(|tiles| tiles.iter().map(select).collect());
        self.counted = self.counted.as_ref().map(select);
        self.share = select(&self.share);
        self.class_share = select(&self.class_share);
        self.alive = resident.tensor(vec![1.0; stay.len()], [stay.len(), 1, 1]).greater_elem(0.5);
        Ok(())
    }
}

/// 1 for kept samples, 0 for others, `[replica, 1, sample]`.
fn tile_weights(resident: &Resident, tile: &Tile, replicas: &[Replica]) -> Tensor<3> {
    let samples = tile.start..tile.start + tile.len;
    let weights = replicas.iter().flat_map(|replica| {
        let kept = replica.kept.clone();
        samples.clone().map(move |sample| f32::from(u8::from(kept.as_ref().is_none_or(|kept| kept[sample]))))
    });
    resident.tensor(weights.collect(), [replicas.len(), 1, tile.len])
}
