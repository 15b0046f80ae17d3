//! Attacks on a device: all samples and replicas step together.
//!
//! Steps, projections and verdicts are those of [`super::super::attack`] and of [`super`], written for tensors
//! `[replica, row, input]` and `[replica, class, row]`; lengths are taken in single precision. Every sample takes every step:
//! whether all have fallen already would have to be waited for, and changes nothing. Invariant: nothing is fetched before all
//! attacks are done.

use burn::tensor::{Tensor, TensorData};

use super::super::attack::{Attack, Norm, random_starts};
use super::super::labelled::Labelled;
use super::super::loss::Loss;
use super::super::registry::OnDevice;
use super::super::setup::View;
use super::{GROUP, Robustness};
use crate::observe::device::{DeviceFailure, DeviceNetworks, widest};

impl OnDevice for Robustness {
    fn measure(&self, networks: &dyn DeviceNetworks, views: &[&View<'_>]) -> Result<Vec<Vec<Vec<f64>>>, DeviceFailure> {
        let subject = views[0].subject;
        let (test, inputs) = (&subject.block.test, subject.block.inputs());
        let widest = widest(&subject.graph, 0..subject.graph.nodes().len());
        let at_once = (networks.most_numbers() / (views.len() * widest)).max(1);
        let rows: Vec<usize> = (0..self.points(subject)).collect();
        let mut fallen = Vec::new();
        for attack in 0..self.attacks() {
            for block in rows.chunks(at_once) {
                let first = block[0];
                let labels = &test.y[first..first + block.len()];
                let x = &test.x[first * inputs..(first + block.len()) * inputs];
                let tensor = |values: Vec<f32>| {
                    let replicas = values.len() / x.len();
                    let data = TensorData::new(values, [replicas, block.len(), inputs]);
                    Tensor::<3>::from_data(data, networks.device())
                };
                let attacks: Vec<Attack> =
                    views.iter().map(|view| self.attack(attack, view.seed, subject.loss)).collect();
                let starts: Option<Vec<Vec<f32>>> =
                    attacks.iter().map(|attack| random_starts(x, inputs, first, attack)).collect();
                let samples = Samples {
                    x: tensor(x.to_vec()).expand([views.len(), block.len(), inputs]),
                    labels: Labelled::new(networks.device(), labels, subject.block.classes),
                };
                let starts = starts.map(|starts| tensor(starts.concat()));
                fallen.push(samples.attacked(networks, starts, &attacks[0]));
            }
        }
        let fetched = networks.fetch(fallen)?;
        let blocks = rows.len().div_ceil(at_once);
        let of_view = |view: usize| {
            let of_attack = |blocks: &[Vec<f32>]| {
                let own =
                    |fallen: &Vec<f32>| fallen.chunks_exact(fallen.len() / views.len()).nth(view).map(<[f32]>::to_vec);
                let samples: Vec<f32> = blocks.iter().filter_map(own).flatten().collect();
                samples.chunks(GROUP).map(|group| vec![group.iter().copied().map(f64::from).sum()]).collect::<Vec<_>>()
            };
            fetched.chunks(blocks.max(1)).flat_map(of_attack).collect()
        };
        Ok((0..views.len()).map(of_view).collect())
    }
}

/// A positive multiple of the loss's gradient at the outputs: see `uphill` in [`super`].
fn uphill(outputs: Tensor<3>, labels: &Labelled, loss: Loss) -> Tensor<3> {
    let softmax = |outputs: Tensor<3>| {
        let best = outputs.clone().max_dim(1);
        let shares = (outputs - best).exp();
        shares.clone() / shares.sum_dim(1)
    };
    match loss {
        Loss::CrossEntropy | Loss::Hinge | Loss::SoftHinge | Loss::QuadraticHinge => {
            softmax(labels.others(&outputs)) - labels.onehot()
        }
        Loss::SmoothedCrossEntropy { smoothing } => {
            let even = smoothing / outputs.dims()[1] as f64;
            softmax(outputs).sub_scalar(even) - labels.onehot().mul_scalar(1.0 - smoothing)
        }
        Loss::MeanSquared => outputs - labels.onehot(),
    }
}

/// Some samples, the same for every replica.
struct Samples {
    /// `[replica, row, input]`
    x: Tensor<3>,
    labels: Labelled,
}

impl Samples {
    /// 1 for the samples that are misclassified, unattacked or at some iterate, or at the last one: `[replica, row]`.
    fn attacked(&self, networks: &dyn DeviceNetworks, starts: Option<Tensor<3>>, attack: &Attack) -> Tensor<2> {
        let [replicas, rows, _] = self.x.dims();
        let mut at = self.x.clone();
        let mut pass = networks.pass(at.clone());
        let mut last = self.labels.wrong(&pass.outputs());
        let mut worst = last.clone();
        if let Some(starts) = starts {
            at = starts;
            pass = networks.pass(at.clone());
            last = self.labels.wrong(&pass.outputs());
            worst = worst.max_pair(last.clone());
        }
        for _ in 0..attack.steps {
            let delta = uphill(pass.outputs(), &self.labels, attack.loss);
            at = self.projected(step(at, pass.back(delta), attack), attack);
            pass = networks.pass(at.clone());
            last = self.labels.wrong(&pass.outputs());
            worst = worst.max_pair(last.clone());
        }
        if attack.last_iterate { last } else { worst }.reshape([replicas, rows])
    }

    /// Back into the ball around the samples, then into the valid range.
    fn projected(&self, at: Tensor<3>, attack: &Attack) -> Tensor<3> {
        let x = self.x.clone();
        let at = match attack.norm {
            Norm::Linf => {
                let [low, high] = [-attack.epsilon, attack.epsilon].map(|by| x.clone().add_scalar(by as f32));
                at.max_pair(low).min_pair(high)
            }
            Norm::L2 => {
                let away = at.clone() - x.clone();
                let length = length(away.clone());
                let beyond = length.clone().greater_elem(attack.epsilon);
                let scale = length.clamp_min(f32::MIN_POSITIVE).recip().mul_scalar(attack.epsilon);
                at.clone().mask_where(beyond.expand(at.dims()), x + away * scale)
            }
        };
        match attack.clip {
            Some([low, high]) => at.clamp(low as f32, high as f32),
            None => at,
        }
    }
}

/// One step uphill: by the sign of the gradient in each input, or along it.
fn step(at: Tensor<3>, gradient: Tensor<3>, attack: &Attack) -> Tensor<3> {
    match attack.norm {
        Norm::Linf => at + gradient.sign().mul_scalar(attack.step_size as f32),
        Norm::L2 => {
            // The squares of a small gradient would vanish.
            let greatest = gradient.clone().abs().max_dim(2).clamp_min(f32::MIN_POSITIVE);
            let direction = gradient / greatest;
            let length = length(direction.clone());
            // No direction at all has the length 0.
            at + direction * length.clamp_min(f32::MIN_POSITIVE).recip().mul_scalar(attack.step_size as f32)
        }
    }
}

/// Euclidean lengths along the inputs, `[replica, row, 1]`.
fn length(values: Tensor<3>) -> Tensor<3> {
    (values.clone() * values).sum_dim(2).sqrt()
}
