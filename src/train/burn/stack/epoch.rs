//! One epoch of a stack: measure, and take the steps of the next pass, or the first ones.
//!
//! Invariant: measurements are of the weights before the steps; everything stays on the device.

use std::ops::Range;

use ::burn::tensor::{Bool, Int, Tensor, TensorData};
use phasesweep_results::Variable;
use phasesweep_results::variables::{DISTANCE, NOISY_ERROR, RADIUS, TEST_ERROR, TRAIN_ERROR, TRAIN_LOSS};

use super::Stack;
use crate::sweep::Batch;
use crate::train::Replica;
use crate::train::burn::batch;
use crate::train::burn::input::Input;
use crate::train::burn::loss::{loss, mistakes, slope};
use crate::train::burn::measure::{self, Columns, Due, ManifoldSums, Pending};
use crate::train::burn::network::{self, Mode, Pass};
use crate::train::burn::normalisation;
use crate::train::burn::optimiser::Corrections;
use crate::train::burn::parameters::{LayerParameters, Parameters};
use crate::train::burn::resident::{Resident, Tile};

/// Sums over tiles.
#[derive(Default)]
struct Sums {
    loss: Option<Tensor<3>>,
    mistakes: Option<Tensor<3>>,
    flags: Vec<Tensor<3>>,
    layers: Vec<Option<ManifoldSums>>,
    gradient: Option<Parameters>,
    /// A training pass's own loss, where it is not what is recorded.
    stepped: Option<Tensor<3>>,
    /// A training pass's moments.
    moments: Vec<LayerParameters>,
}

fn add(sum: &mut Option<Tensor<3>>, term: Tensor<3>) {
    *sum = Some(match sum.take() {
        Some(sum) => sum + term,
        None => term,
    });
}

impl Stack {
    /// Measures epoch `epoch`, then takes the steps of the next pass, of minibatches at most `end`.
    pub(super) fn pass(
        &mut self,
        resident: &Resident,
        epoch: usize,
        end: usize,
        corrections: Option<(&Corrections, usize)>,
    ) -> Pending {
        let due = Due::at(&resident.problem, epoch);
        let train = epoch < resident.problem.epochs;
        let full = resident.problem.batch == Batch::Full;
        let mut sums = Sums::default();
        // In evaluation a batch normalisation is another function than in training: what is recorded is measured apart.
        let apart = resident.whole.is_some();
        if due.any() || (full && !apart) {
            for (place, tile) in resident.train.iter().enumerate() {
                self.train_tile(resident, place, tile, due, train && full && !apart, &mut sums);
            }
        }
        if let Some(whole) = resident.whole.as_ref().filter(|_| train) {
            self.train_whole(resident, whole, &mut sums);
        }
        let mut finite = self.weights.sum();
        for other in [sums.loss.clone(), sums.stepped.take(), self.averages.sum()].into_iter().flatten() {
            finite = finite + other;
        }
        self.alive = self.alive.clone().bool_and(finite.is_finite());
        let (gradient, moments) = (sums.gradient.take(), std::mem::take(&mut sums.moments));
        let pending = self.rows(resident, epoch, due, sums);
        match (gradient, resident.problem.batch) {
            (Some(gradient), _) => {
                let gradient = match self.rule.uphill(&self.parameters, &gradient) {
                    Some(there) => self.gradient_at(resident, &there).unwrap_or(gradient),
                    None => gradient,
                };
                let gate = self.alive.clone();
                self.step(resident, gradient, &gate, corrections);
                self.move_averages(moments, &gate);
            }
            (None, Batch::Mini { .. }) if train => self.minibatches(resident, epoch, 0..end),
            (None, _) => {}
        }
        pending
    }

    /// One tile of the training samples: its part of every sum, and of the gradient if `train`.
    fn train_tile(&self, resident: &Resident, place: usize, tile: &Tile, due: Due, train: bool, sums: &mut Sums) {
        let problem = &resident.problem;
        let weight = self.kept_samples.as_ref().map(|tiles| tiles[place].clone());
        let mode = if train { Mode::Training(weight.clone()) } else { Mode::Evaluation };
        let mut pass = self.forward(resident, &self.parameters, Input::Shared(tile.x.clone()), &mode);
        let weighted = |values: Tensor<3>| match &weight {
            Some(weight) => values * weight.clone(),
            None => values,
        };
        if due.any() {
            let wrong = mistakes(pass.outputs(), tile.label.clone());
            if due.snapshot.is_some() {
                sums.flags.push(wrong.clone());
            }
            add(&mut sums.mistakes, weighted(wrong).sum_dim(2));
        }
        if due.manifold {
            sums.layers.resize(problem.layers.len(), None);
            for (sum, &layer) in sums.layers.iter_mut().zip(&problem.layers) {
                let (activations, square) = pass.observed(resident.graph.hidden()[layer - 1]);
                let own = ManifoldSums::of(activations, square, tile.onehot.clone(), weight.clone());
                *sum = Some(match sum.take() {
                    Some(sum) => sum.add(own),
                    None => own,
                });
            }
        }
        let (each, delta) = loss(problem.loss, pass.outputs(), tile.onehot.clone());
        add(&mut sums.loss, weighted(each).sum_dim(2));
        if train {
            let scale = weighted(self.share.clone());
            let gradient = pass.backward(&resident.graph, &self.parameters, delta * scale);
            sums.gradient = Some(match sums.gradient.take() {
                Some(sum) => sum.zip(gradient, |a, b| a + b),
                None => gradient,
            });
        }
    }

    /// All training samples at once, for the gradient and the moments of a batch normalisation alone.
    fn train_whole(&self, resident: &Resident, tile: &Tile, sums: &mut Sums) {
        let mode = Mode::Training(self.counted.clone());
        let mut pass = self.forward(resident, &self.parameters, Input::Shared(tile.x.clone()), &mode);
        let weighted = |values: Tensor<3>| match &self.counted {
            Some(counted) => values * counted.clone(),
            None => values,
        };
        let (each, delta) = loss(resident.problem.loss, pass.outputs(), tile.onehot.clone());
        sums.stepped = Some(weighted(each).sum_dim(2));
        sums.moments = std::mem::take(&mut pass.moments);
        let scale = weighted(self.share.clone());
        sums.gradient = Some(pass.backward(&resident.graph, &self.parameters, delta * scale));
    }

    /// Through the network with these parameters.
    fn forward(&self, resident: &Resident, parameters: &Parameters, input: Input, mode: &Mode) -> Pass {
        network::forward(&resident.graph, parameters, &self.averages, input, mode)
    }

    /// The gradient over all training samples at other parameters than the stack's; nothing is measured, and no running
    /// average moves.
    fn gradient_at(&self, resident: &Resident, parameters: &Parameters) -> Option<Parameters> {
        let of_tile = |(tile, counted): (&Tile, Option<Tensor<3>>)| {
            let scale = match &counted {
                Some(counted) => self.share.clone() * counted.clone(),
                None => self.share.clone(),
            };
            let mode = Mode::Training(counted);
            let pass = self.forward(resident, parameters, Input::Shared(tile.x.clone()), &mode);
            let delta = slope(resident.problem.loss, pass.outputs(), tile.onehot.clone());
            pass.backward(&resident.graph, parameters, delta * scale)
        };
        if let Some(whole) = &resident.whole {
            return Some(of_tile((whole, self.counted.clone())));
        }
        let counted = |place: usize| self.kept_samples.as_ref().map(|tiles| tiles[place].clone());
        let tiles = resident.train.iter().enumerate().map(|(place, tile)| of_tile((tile, counted(place))));
        tiles.reduce(|sum, gradient| sum.zip(gradient, |a, b| a + b))
    }

    /// Moves the gated replicas' running averages, once for each step.
    fn move_averages(&mut self, moments: Vec<LayerParameters>, gate: &Tensor<3, Bool>) {
        let old = self.averages.clone();
        self.averages = normalisation::moved(old.clone(), moments).gated(gate, old);
    }

    /// One step of the gated replicas.
    fn step(
        &mut self,
        resident: &Resident,
        gradient: Parameters,
        gate: &Tensor<3, Bool>,
        corrections: Option<(&Corrections, usize)>,
    ) {
        let (weights, moments) =
            self.rule.step(self.weights.clone(), self.moments.clone(), gradient, gate, corrections);
        self.parameters = weights.layers(&resident.graph);
        (self.weights, self.moments) = (weights, moments);
    }

    /// These steps of pass `epoch` over minibatches, counted from 0; there may be fewer.
    pub(super) fn minibatches(&mut self, resident: &Resident, epoch: usize, steps: Range<usize>) {
        let Batch::Mini { size } = resident.problem.batch else { return };
        let n = resident.samples();
        let orders: Vec<_> = self.replicas.iter().map(|replica| (replica.seed, replica.kept.clone())).collect();
        let mut plan = batch::plan(epoch, n, size, &orders);
        let steps = steps.start.min(plan.len())..steps.end.min(plan.len());
        let (first, plan) = (steps.start, plan.drain(steps).collect::<Vec<_>>());
        if plan.is_empty() {
            return;
        }
        let kept = |replica: &Replica| replica.kept.as_ref().map_or(n, |kept| kept.iter().filter(|k| **k).count());
        let per_pass: Vec<usize> = self.replicas.iter().map(|replica| batch::steps(kept(replica), size)).collect();
        let numbers: Vec<Vec<u64>> = (first..first + plan.len())
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
            let rows = replicas * step.width;
            let places = samples.clone().narrow(0, start, rows);
            let own = |all: &Tensor<2>, columns: usize| {
                all.clone().select(0, places.clone()).reshape([replicas, step.width, columns])
            };
            let input = Input::Own(own(&resident.x, resident.x.dims()[1]));
            let onehot = own(&resident.onehot, classes).swap_dims(1, 2);
            let scale = scale.clone().narrow(0, start, rows).reshape([replicas, 1, step.width]);
            start += rows;
            // Rows that only fill up have scale 0, all others a positive one.
            let counted = step.scale.contains(&0.0).then(|| scale.clone().sign());
            let mode = Mode::Training(counted);
            let gradient_at = |parameters: &Parameters| {
                let mut pass = self.forward(resident, parameters, input.clone(), &mode);
                let moments = std::mem::take(&mut pass.moments);
                let delta = slope(resident.problem.loss, pass.outputs(), onehot.clone());
                (pass.backward(&resident.graph, parameters, delta * scale.clone()), moments)
            };
            // Running averages move by the batch at the weights themselves, once a step.
            let (gradient, moments) = gradient_at(&self.parameters);
            let gradient = match self.rule.uphill(&self.parameters, &gradient) {
                Some(there) => gradient_at(&there).0,
                None => gradient,
            };
            let mut gate = self.alive.clone();
            if step.active.contains(&false) {
                let active = step.active.iter().map(|&active| f32::from(u8::from(active))).collect();
                gate = gate.bool_and(resident.tensor(active, [replicas, 1, 1]).greater_elem(0.5));
            }
            self.step(resident, gradient, &gate, corrections.as_ref().map(|table| (table, number)));
            self.move_averages(moments, &gate);
        }
    }

    /// Reduces the sums to rows, the test sets included.
    fn rows(&self, resident: &Resident, epoch: usize, due: Due, sums: Sums) -> Pending {
        let replicas = self.members.len();
        let column = |values: Tensor<3>| values.reshape([replicas, 1]);
        let mut row = vec![column(self.alive.clone().float())];
        let mut columns = Vec::new();
        let mut push = |variable: &'static Variable, nth: usize, tensor: Tensor<2>| {
            let count = tensor.dims()[1];
            columns.push(Columns { variable, first: nth * count, count });
            row.push(tensor);
        };
        if due.recorded.is_some() {
            for (variable, sum) in [(&TRAIN_LOSS, sums.loss), (&TRAIN_ERROR, sums.mistakes)] {
                if let Some(sum) = sum {
                    push(variable, 0, column(sum * self.share.clone()));
                }
            }
            for (set, tiles) in resident.tests.iter().enumerate() {
                // The plain test set comes first.
                let (variable, nth) = set.checked_sub(1).map_or((&TEST_ERROR, 0), |noise| (&NOISY_ERROR, noise));
                push(variable, nth, column(self.test_error(resident, tiles)));
            }
            for (layer, sum) in sums.layers.into_iter().flatten().enumerate() {
                let [radius, distance] = sum.columns(self.class_share.clone(), &self.pairs);
                push(&RADIUS, layer, radius);
                push(&DISTANCE, layer, distance);
            }
        }
        let misclassified = due.snapshot.map(|_| {
            let flags = Tensor::cat(sums.flags, 2).reshape([replicas, resident.samples()]);
            measure::pack(flags, &self.powers)
        });
        Pending { epoch, due, row: Tensor::cat(row, 1), columns, misclassified }
    }

    /// Share of a test set that is misclassified, `[replica, 1, 1]`; NaN where the set is empty.
    fn test_error(&self, resident: &Resident, tiles: &[Tile]) -> Tensor<3> {
        let mut wrong = None;
        for tile in tiles {
            let pass = self.forward(resident, &self.parameters, Input::Shared(tile.x.clone()), &Mode::Evaluation);
            add(&mut wrong, mistakes(pass.outputs(), tile.label.clone()).sum_dim(2));
        }
        let samples: usize = tiles.iter().map(|tile| tile.len).sum();
        match wrong {
            Some(wrong) => wrong.div_scalar(samples as f64),
            None => self.share.full_like(f32::NAN),
        }
    }
}
