//! A stack: replicas at the same epoch, trained in lockstep as one tensor program.
//!
//! Invariants: one forward pass measures epoch t and gives the gradient of step t + 1 (full batch); nothing is read back
//! between two fetches; a replica that is no longer finite keeps the weights of that epoch, and leaves the stack at the
//! next fetch.

use std::sync::Arc;

use ::burn::tensor::{Bool, Int, Tensor, TensorData};

use super::batch;
use super::convolution::{self, Trunk};
use super::loss::{loss, mistakes};
use super::measure::{self, Due, ManifoldSums, Measured, Pending};
use super::network::{self, Forward, Input};
use super::optimiser::{Corrections, Moments, Rule, keeps_first, keeps_second};
use super::parameters::Parameters;
use super::resident::{Resident, Tile};
use crate::sweep::{Batch, OptimiserKind};
use crate::train::shape::Layer;
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
    epoch: usize,
    parameters: Parameters,
    moments: Moments,
    rule: Rule,
    /// 1 for kept samples, 0 for pruned ones, `[replica, 1, sample]` for each tile; absent where all are kept.
    weights: Option<Vec<Tensor<3>>>,
    /// One over the number of kept samples, `[replica, 1, 1]`.
    share: Tensor<3>,
    /// One over the number of kept samples of each class, `[replica, 1, class]`.
    class_share: Tensor<3>,
    alive: Tensor<3, Bool>,
    pairs: (Tensor<1, Int>, Tensor<1, Int>),
    powers: Tensor<2>,
}

/// Sums over tiles.
#[derive(Default)]
struct Sums {
    loss: Option<Tensor<3>>,
    mistakes: Option<Tensor<3>>,
    flags: Vec<Tensor<3>>,
    layers: Vec<Option<ManifoldSums>>,
    gradient: Option<Parameters>,
}

/// A pass through the whole network.
struct Pass {
    trunk: Option<Trunk>,
    input: Input,
    dense: Forward,
}

fn add(sum: &mut Option<Tensor<3>>, term: Tensor<3>) {
    *sum = Some(match sum.take() {
        Some(sum) => sum + term,
        None => term,
    });
}

impl Stack {
    /// Puts replicas on the device. `members` are their places in the cohort; their states are at the same epoch.
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
            Parameters::upload(&resident.device, &resident.layers, &vectors)
        };
        let kind = resident.problem.optimiser;
        let moments = Moments {
            first: own.iter().any(|r| keeps_first(kind, &r.optimiser)).then(|| upload(|s| &s.first_moment)),
            second: keeps_second(kind).then(|| upload(|s| &s.second_moment)),
        };
        let parameters = upload(|s| &s.parameters);
        let epoch = members.first().map_or(0, |&member| states[member].epoch);
        let counts: Vec<&Vec<usize>> = members.iter().map(|&member| &class_counts[member]).collect();
        let one_over = |count: usize| 1.0 / count.max(1) as f32;
        let (r, classes) = (members.len(), resident.problem.block.classes);
        let share = counts.iter().map(|c| one_over(c.iter().sum())).collect();
        let class_share = counts.iter().flat_map(|c| c.iter().map(|&count| one_over(count))).collect();
        let weights = own
            .iter()
            .any(|replica| replica.kept.is_some())
            .then(|| resident.train.iter().map(|tile| tile_weights(resident, tile, &own)).collect());
        let pair = |side: fn(&(usize, usize)) -> usize| {
            let classes: Vec<i64> = resident.problem.pairs().iter().map(|pair| side(pair) as i64).collect();
            let count = classes.len();
            Tensor::<1, Int>::from_data(TensorData::new(classes, [count]), &resident.device)
        };
        Stack {
            members: members.into(),
            epoch,
            parameters,
            moments,
            rule: Rule::new(resident, own.iter().map(|replica| replica.optimiser).collect()),
            replicas: own,
            weights,
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

    /// The next epoch to be measured.
    pub(super) fn epoch(&self) -> usize {
        self.epoch
    }

    /// Measures and trains up to, not including, epoch `until`.
    ///
    /// # Errors
    /// [`TrainError`] if the device fails; the stack is then to be dropped.
    pub(super) fn advance(&mut self, resident: &Resident, until: usize) -> Result<Progress, TrainError> {
        let mut progress = Progress::default();
        while self.epoch < until && !self.members.is_empty() {
            let stop = until.min(self.epoch + FETCH);
            let mut pending = Vec::with_capacity(stop - self.epoch);
            let corrections = match resident.problem.batch {
                Batch::Full => {
                    let steps: Vec<Vec<u64>> =
                        (self.epoch..stop).map(|epoch| vec![epoch as u64 + 1; self.members.len()]).collect();
                    self.rule.corrections(resident, &steps)
                }
                Batch::Mini { .. } => None,
            };
            let first = self.epoch;
            for epoch in first..stop {
                pending.push(self.pass(resident, epoch, corrections.as_ref().map(|table| (table, epoch - first))));
            }
            self.epoch = stop;
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
    pub(super) fn vectors(&self, kind: OptimiserKind) -> Result<Vec<Vectors>, TrainError> {
        let count = self.members.len();
        let moment = |moment: &Option<Parameters>| match moment {
            Some(moment) => moment.download(count),
            None => Ok(vec![Vec::new(); count]),
        };
        let parameters = self.parameters.download(count)?;
        let (first, second) = (moment(&self.moments.first)?, moment(&self.moments.second)?);
        let vectors = parameters.into_iter().zip(first).zip(second).zip(&self.replicas);
        Ok(vectors
            .map(|(((parameters, first), second_moment), replica)| Vectors {
                parameters,
                // A neighbour's momentum made a buffer for all; one that is never used is not part of the state.
                first_moment: if keeps_first(kind, &replica.optimiser) { first } else { Vec::new() },
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
        let vectors = self.vectors(resident.problem.optimiser)?;
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
        self.rule = self.rule.select(resident, &stay);
        let places: Vec<i64> = stay.iter().map(|&place| place as i64).collect();
        let places = Tensor::<1, Int>::from_data(TensorData::new(places, [stay.len()]), &resident.device);
        let select = |tensor: &Tensor<3>| tensor.clone().select(0, places.clone());
        self.parameters = self.parameters.select(&places);
        self.moments = self.moments.select(&places);
        self.weights = self.weights.as_ref().map(|tiles| tiles.iter().map(select).collect());
        self.share = select(&self.share);
        self.class_share = select(&self.class_share);
        self.alive = resident.tensor(vec![1.0; stay.len()], [stay.len(), 1, 1]).greater_elem(0.5);
        Ok(())
    }

    /// Measures epoch `epoch`, then takes the steps of the next pass.
    fn pass(&mut self, resident: &Resident, epoch: usize, corrections: Option<(&Corrections, usize)>) -> Pending {
        let due = Due::at(&resident.problem, epoch);
        let train = epoch < resident.problem.epochs;
        let full = resident.problem.batch == Batch::Full;
        let mut sums = Sums::default();
        if due.any() || full {
            for (place, tile) in resident.train.iter().enumerate() {
                self.train_tile(resident, place, tile, due, train && full, &mut sums);
            }
        }
        let mut finite = self.parameters.sum().unwrap_or_else(|| self.share.zeros_like());
        if let Some(loss) = &sums.loss {
            finite = finite + loss.clone();
        }
        self.alive = self.alive.clone().bool_and(finite.is_finite());
        let gradient = sums.gradient.take();
        let pending = self.rows(resident, epoch, due, sums);
        match (gradient, resident.problem.batch) {
            (Some(gradient), _) => {
                let gate = self.alive.clone();
                self.step(gradient, &gate, corrections);
            }
            (None, Batch::Mini { size }) if train => self.minibatches(resident, epoch, size),
            (None, _) => {}
        }
        pending
    }

    /// One tile of the training samples: its part of every sum, and of the gradient if `train`.
    fn train_tile(&self, resident: &Resident, place: usize, tile: &Tile, due: Due, train: bool, sums: &mut Sums) {
        let problem = &resident.problem;
        let weight = self.weights.as_ref().map(|tiles| tiles[place].clone());
        let mut pass = self.forward(resident, Input::Shared(tile.x.clone()), train);
        let weighted = |values: Tensor<3>| match &weight {
            Some(weight) => values * weight.clone(),
            None => values,
        };
        if due.any() {
            let wrong = mistakes(pass.dense.logits.clone(), tile.label.clone());
            if due.snapshot.is_some() {
                sums.flags.push(wrong.clone());
            }
            add(&mut sums.mistakes, weighted(wrong).sum_dim(2));
        }
        if due.manifold {
            sums.layers.resize(problem.layers.len(), None);
            for (sum, &layer) in sums.layers.iter_mut().zip(&problem.layers) {
                let (activations, square) = pass.observed(layer - 1);
                let own = ManifoldSums::of(activations, square, tile.onehot.clone(), weight.clone());
                *sum = Some(match sum.take() {
                    Some(sum) => sum.add(own),
                    None => own,
                });
            }
        }
        let (each, delta) = loss(problem.loss, pass.dense.logits.clone(), tile.onehot.clone());
        add(&mut sums.loss, weighted(each).sum_dim(2));
        if train {
            let scale = weighted(self.share.clone());
            let gradient = self.backward(resident, pass, delta * scale);
            sums.gradient = Some(match sums.gradient.take() {
                Some(sum) => sum.zip(gradient, |a, b| a + b),
                None => gradient,
            });
        }
    }

    /// Through trunk and dense layers.
    fn forward(&self, resident: &Resident, input: Input, train: bool) -> Pass {
        let kind = resident.problem.activation;
        let convolutions = convolutions(&resident.layers);
        let trunk = (convolutions > 0)
            .then(|| convolution::forward(&resident.layers, &self.parameters.0[..convolutions], &input, kind, train));
        let input = trunk.as_ref().and_then(Trunk::features).unwrap_or(input);
        let dense = network::forward(&self.parameters.0[convolutions..], &input, kind, train);
        Pass { trunk, input, dense }
    }

    /// Back through dense layers and trunk, from the gradient at the outputs.
    fn backward(&self, resident: &Resident, pass: Pass, delta: Tensor<3>) -> Parameters {
        let kind = resident.problem.activation;
        let layers = &self.parameters.0[convolutions(&resident.layers)..];
        let (dense, back) = network::backward(layers, &pass.input, pass.dense, delta, kind, pass.trunk.is_some());
        match (pass.trunk, back) {
            (Some(trunk), Some(back)) => {
                let mut all = trunk.backward(back);
                all.extend(dense.0);
                Parameters(all)
            }
            _ => dense,
        }
    }

    /// One step of the gated replicas.
    fn step(&mut self, gradient: Parameters, gate: &Tensor<3, Bool>, corrections: Option<(&Corrections, usize)>) {
        let (parameters, moments) =
            self.rule.step(self.parameters.clone(), self.moments.clone(), gradient, gate, corrections);
        self.parameters = parameters;
        self.moments = moments;
    }

    /// The steps of pass `epoch` over minibatches.
    fn minibatches(&mut self, resident: &Resident, epoch: usize, size: usize) {
        let n = resident.samples();
        let orders: Vec<_> = self.replicas.iter().map(|replica| (replica.seed, replica.kept.clone())).collect();
        let plan = batch::plan(epoch, n, size, &orders);
        let kept = |replica: &Replica| replica.kept.as_ref().map_or(n, |kept| kept.iter().filter(|k| **k).count());
        let per_pass: Vec<usize> = self.replicas.iter().map(|replica| batch::steps(kept(replica), size)).collect();
        let numbers: Vec<Vec<u64>> = (0..plan.len())
            .map(|step| per_pass.iter().map(|&steps| (epoch * steps + step + 1) as u64).collect())
            .collect();
        let corrections = self.rule.corrections(resident, &numbers);
        // One upload for the whole pass.
        let samples: Vec<i64> = plan.iter().flat_map(|step| step.samples.iter().copied()).collect();
        let scale: Vec<f32> = plan.iter().flat_map(|step| step.scale.iter().copied()).collect();
        let rows = samples.len();
        let samples = Tensor::<1, Int>::from_data(TensorData::new(samples, [rows]), &resident.device);
        let scale = resident.tensor(scale, [rows]);
        let (replicas, classes) = (self.members.len(), resident.problem.block.classes);
        let mut start = 0;
        for (number, step) in plan.iter().enumerate() {
            let rows = start..start + replicas * step.width;
            start = rows.end;
            let places = samples.clone().slice([rows.clone()]);
            let own = |all: &Tensor<2>, columns: usize| {
                all.clone().select(0, places.clone()).reshape([replicas, step.width, columns])
            };
            let input = Input::Own(own(&resident.x, resident.x.dims()[1]));
            let onehot = own(&resident.onehot, classes).swap_dims(1, 2);
            let pass = self.forward(resident, input, true);
            let (_, delta) = loss(resident.problem.loss, pass.dense.logits.clone(), onehot);
            let scale = scale.clone().slice([rows]).reshape([replicas, 1, step.width]);
            let gradient = self.backward(resident, pass, delta * scale);
            let mut gate = self.alive.clone();
            if step.active.contains(&false) {
                let active = step.active.iter().map(|&active| f32::from(u8::from(active))).collect();
                gate = gate.bool_and(resident.tensor(active, [replicas, 1, 1]).greater_elem(0.5));
            }
            self.step(gradient, &gate, corrections.as_ref().map(|table| (table, number)));
        }
    }

    /// Reduces the sums to rows, the test sets included.
    fn rows(&self, resident: &Resident, epoch: usize, due: Due, sums: Sums) -> Pending {
        let replicas = self.members.len();
        let column = |values: Tensor<3>| values.reshape([replicas, 1]);
        let mut row = vec![column(self.alive.clone().float())];
        if due.recorded.is_some() {
            for sum in [sums.loss, sums.mistakes].into_iter().flatten() {
                row.push(column(sum * self.share.clone()));
            }
            row.extend(resident.tests.iter().map(|tiles| column(self.test_error(resident, tiles))));
            for sum in sums.layers.into_iter().flatten() {
                row.extend(sum.columns(self.class_share.clone(), &self.pairs));
            }
        }
        let misclassified = due.snapshot.map(|_| {
            let flags = Tensor::cat(sums.flags, 2).reshape([replicas, resident.samples()]);
            measure::pack(flags, &self.powers)
        });
        Pending { epoch, due, row: Tensor::cat(row, 1), misclassified }
    }

    /// Share of a test set that is misclassified, `[replica, 1, 1]`; NaN where the set is empty.
    fn test_error(&self, resident: &Resident, tiles: &[Tile]) -> Tensor<3> {
        let mut wrong = None;
        for tile in tiles {
            let pass = self.forward(resident, Input::Shared(tile.x.clone()), false);
            add(&mut wrong, mistakes(pass.dense.logits, tile.label.clone()).sum_dim(2));
        }
        let samples: usize = tiles.iter().map(|tile| tile.len).sum();
        match wrong {
            Some(wrong) => wrong.div_scalar(samples as f64),
            None => self.share.full_like(f32::NAN),
        }
    }
}

impl Pass {
    /// The activations of hidden layer `layer` (from 0, convolutions first) and their squares, `[replica, unit, sample]`.
    fn observed(&mut self, layer: usize) -> (Tensor<3>, Tensor<3>) {
        let convolutions = self.trunk.as_ref().map_or(0, Trunk::len);
        match self.trunk.as_ref().and_then(|trunk| trunk.observed(layer)) {
            Some(out) => (out.clone(), out.clone() * out),
            None => {
                let hidden = &mut self.dense.hidden[layer - convolutions];
                let square = hidden.out.clone() * hidden.out.clone();
                // Kept for the way back, where σ' may be made of it.
                hidden.square = Some(square.clone());
                (hidden.out.clone(), square)
            }
        }
    }
}

/// Convolutions come first; their number.
fn convolutions(layers: &[Layer]) -> usize {
    layers.iter().take_while(|layer| matches!(layer, Layer::Convolution { .. })).count()
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
