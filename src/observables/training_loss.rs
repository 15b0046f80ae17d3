//! The training loss on the host, in double precision: its gradient over the full batch, and its Hessian's products with
//! vectors.
//!
//! The loss is the mean over the samples that a replica is trained on, without weight decay. Products are exact
//! (forward over reverse, no differences); where a rectifier bends, the derivative is that of one side. Invariants: what
//! comes out depends on the network, the weights and the samples alone; samples are taken in their order, in groups of a
//! size that the network decides.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use phasesweep_networks::Graph;

use super::loss::Loss;
use super::setup::{Subject, View};
use crate::data::Samples;
use crate::data::stream::Key;
use crate::observe::batch::{AtNodes, Batch};
use crate::observe::device::{Fit, TrainingLosses};

/// Numbers that a group of samples may take at all nodes: 16 MiB.
const GROUP_NUMBERS: usize = 1 << 21;

/// Bytes of what products share that are kept between them.
const KEPT_BYTES: usize = 64 << 20;

/// Random vectors that one piece of an observable takes: they share what [`TrainingLoss::expanded`] computes.
const PROBES: usize = 5;

/// Pieces that take so many random vectors.
pub fn pieces_of_probes(probes: usize) -> usize {
    probes.div_ceil(PROBES)
}

/// The random vectors of a piece, both counted from 1.
pub fn probes(piece: usize, probes: usize) -> std::ops::RangeInclusive<usize> {
    (piece - 1) * PROBES + 1..=probes.min(piece * PROBES)
}

/// A replica's network on some of its training samples.
#[derive(Debug)]
pub struct TrainingLoss<'a> {
    graph: &'a Graph,
    parameters: Vec<f64>,
    loss: Loss,
    samples: &'a Samples,
    /// The samples that count, ascending.
    counted: Vec<usize>,
}

/// Why a network has no gradient of its own at a sample: batch normalisation, through whose means and variances the gradient
/// that trains it goes. What is measured of the network in evaluation would be another gradient.
///
/// # Errors
/// A sentence that names the observable, `name`.
pub fn knows_no_batch(graph: &Graph, name: &str) -> Result<(), String> {
    graph.averages().next().map_or(Ok(()), |averages| {
        Err(format!(
            "`{name}` is not measured of networks with batch normalisation ({}): the gradient that trains them goes through \
             the means and variances of each batch. Leave it out of [observe], or write normalise = \"layer\"",
            averages.layer.name
        ))
    })
}

/// Why a loss has no derivatives on the host: those of gradient flows.
///
/// # Errors
/// A sentence that names the observable, `name`.
pub fn knows_loss(loss: Loss, name: &str) -> Result<(), String> {
    match loss {
        Loss::CrossEntropy | Loss::SmoothedCrossEntropy { .. } | Loss::MeanSquared => Ok(()),
        Loss::Hinge | Loss::SoftHinge | Loss::QuadraticHinge => Err(format!(
            "`{name}` is measured of loss = \"cross-entropy\" and loss = \"mse\" only: leave it out of [observe]"
        )),
    }
}

/// The first `points` of a replica's training samples, pruned ones left out; all if there are fewer.
pub fn trained_on(view: &View<'_>, points: usize) -> Vec<usize> {
    let kept = |&sample: &usize| view.kept.is_none_or(|kept| kept.get(sample).copied().unwrap_or(true));
    (0..view.subject.block.train.len()).filter(kept).take(points).collect()
}

/// `points` of a replica's training samples, drawn by its seed from those that are not pruned, ascending; all if there are
/// fewer. Whoever draws as many draws the same, at every epoch.
pub fn drawn(view: &View<'_>, points: usize) -> Vec<usize> {
    let mut places = trained_on(view, usize::MAX);
    if points < places.len() {
        let mut numbers = Key::new("observables: points", &[view.seed]).at(0);
        for place in 0..points {
            let other = place + numbers.below((places.len() - place) as u64) as usize;
            places.swap(place, other);
        }
        places.truncate(points);
        places.sort_unstable();
    }
    places
}

/// Passes of a sample that a gradient takes: forward, and back to weights and inputs.
pub const PASSES_OF_A_GRADIENT: f64 = 3.0;

/// Multiplications of a replica's gradient, or product with a Hessian, below which the host computes it: it takes a hundredth of
/// a second there, and the hundred or so operations of a device a millisecond or more until they are started.
const WORTH_A_DEVICE: f64 = 1e8;

/// Whether derivatives over so many samples, each by so many passes through the network, are worth a device.
pub fn worth_a_device(subject: &Subject<'_>, passes: f64, points: usize) -> bool {
    let samples = points.min(subject.block.train.len());
    passes * subject.graph.products() as f64 * samples as f64 >= WORTH_A_DEVICE
}

/// The losses of replicas, of which there is one at least, over the training samples that count for each, ascending, as a device
/// takes them: replicas that share most of their samples go through all of them, others through their own.
pub fn of_replicas(views: &[&View<'_>], counted: &[Vec<usize>]) -> TrainingLosses {
    let subject = views[0].subject;
    let (samples, inputs, classes) = (&subject.block.train, subject.block.inputs(), subject.block.classes);
    let all: Vec<usize> = counted.iter().flatten().copied().collect::<BTreeSet<usize>>().into_iter().collect();
    let most = counted.iter().map(Vec::len).max().unwrap_or(0);
    let own = (all.len() > 2 * most).then(|| {
        let rows = |counted: &Vec<usize>| {
            let mut rows: Vec<usize> = counted.iter().map(|place| all.partition_point(|other| other < place)).collect();
            // Rows that only fill up have no share.
            rows.resize(most, 0);
            rows
        };
        counted.iter().map(rows).collect::<Vec<_>>()
    });
    let smoothing = match subject.loss {
        Loss::SmoothedCrossEntropy { smoothing } => smoothing,
        _ => 0.0,
    };
    let target = |place: &usize| {
        let label = usize::from(samples.y[*place]);
        let even = smoothing / classes as f64;
        (0..classes).map(move |class| if class == label { 1.0 - smoothing + even } else { even })
    };
    let shares = |counted: &Vec<usize>| -> Vec<f64> {
        let share = 1.0 / counted.len() as f64;
        match &own {
            Some(_) => (0..most).map(|row| if row < counted.len() { share } else { 0.0 }).collect(),
            None => all.iter().map(|place| if counted.binary_search(place).is_ok() { share } else { 0.0 }).collect(),
        }
    };
    TrainingLosses {
        inputs: all.iter().flat_map(|place| &samples.x[place * inputs..(place + 1) * inputs]).copied().collect(),
        targets: all.iter().flat_map(target).collect(),
        shares: counted.iter().map(shares).collect(),
        samples: own,
        fit: if subject.loss == Loss::MeanSquared { Fit::Outputs } else { Fit::Probabilities },
    }
}

/// Samples at these places, in double precision `[sample, input]`.
fn rows(samples: &Samples, inputs: usize, places: &[usize]) -> Vec<f64> {
    let mut rows = Vec::with_capacity(places.len() * inputs);
    for &place in places {
        rows.extend(samples.x[place * inputs..(place + 1) * inputs].iter().map(|&x| f64::from(x)));
    }
    rows
}

/// Numbers of a sample at all nodes.
fn numbers(graph: &Graph) -> usize {
    graph.nodes().iter().map(|node| node.extent.size()).sum::<usize>().max(1)
}

/// Samples of a group.
fn group_size(graph: &Graph) -> usize {
    (GROUP_NUMBERS / numbers(graph)).clamp(1, 256)
}

/// The network's values at these samples, group by group, each with its places.
pub fn groups<'a>(
    graph: &'a Graph,
    parameters: &'a [f64],
    samples: &'a Samples,
    places: &'a [usize],
) -> impl Iterator<Item = (Batch<'a>, &'a [usize])> {
    let inputs = graph.nodes().first().map_or(0, |node| node.extent.size());
    places
        .chunks(group_size(graph))
        .map(move |group| (Batch::new(graph, parameters, rows(samples, inputs, group)), group))
}

/// Calls `visit` for each of the [`groups`].
pub fn for_each_group(
    graph: &Graph,
    parameters: &[f64],
    samples: &Samples,
    places: &[usize],
    mut visit: impl FnMut(&Batch<'_>, &[usize]),
) {
    groups(graph, parameters, samples, places).for_each(|(batch, group)| visit(&batch, group));
}

/// Parameters in double precision.
pub fn widened(parameters: &[f32]) -> Vec<f64> {
    parameters.iter().map(|&w| f64::from(w)).collect()
}

impl<'a> TrainingLoss<'a> {
    /// The loss over the first `points` samples that a replica is trained on.
    pub fn of(view: &View<'a>, points: usize) -> TrainingLoss<'a> {
        TrainingLoss::over(view, trained_on(view, points))
    }

    /// The loss over these training samples.
    pub fn over(view: &View<'a>, counted: Vec<usize>) -> TrainingLoss<'a> {
        TrainingLoss {
            graph: &view.subject.graph,
            parameters: widened(view.parameters),
            loss: view.subject.loss,
            samples: &view.subject.block.train,
            counted,
        }
    }

    /// The same loss at other parameters, laid out as the view's.
    pub fn at(self, parameters: &[f32]) -> TrainingLoss<'a> {
        TrainingLoss { parameters: widened(parameters), ..self }
    }

    /// Number of samples over which it is taken.
    pub fn samples(&self) -> usize {
        self.counted.len()
    }

    /// The whole Hessian, column by column, by central differences of gradients.
    #[cfg(test)]
    pub fn explicit_hessian(mut self) -> Vec<f64> {
        let n = self.parameters();
        let mut columns = Vec::with_capacity(n * n);
        for column in 0..n {
            let [above, below] = [1e-5, -1e-5].map(|shift| {
                self.shift(column, shift);
                let gradient = self.gradient().1;
                self.shift(column, -shift);
                gradient
            });
            columns.extend(above.iter().zip(&below).map(|(above, below)| (above - below) / 2e-5));
        }
        columns
    }

    /// Moves one parameter.
    #[cfg(test)]
    pub(super) fn shift(&mut self, parameter: usize, by: f64) {
        self.parameters[parameter] += by;
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.parameters.len()
    }

    /// The loss and its gradient at the parameters.
    pub fn gradient(&self) -> (f64, Vec<f64>) {
        let (mut value, mut gradient) = (0.0, vec![0.0; self.parameters.len()]);
        self.for_each_group(|batch, group| {
            let (losses, delta) = self.at_outputs(batch, group);
            value += losses;
            batch.backward(&delta, &mut gradient);
        });
        (value, gradient)
    }

    /// The gradient of the loss at the parameters, and ‖∂ℓ_i‖² of each sample's own loss, of which the loss is the mean.
    pub fn gradient_and_squares(&self) -> (Vec<f64>, Vec<f64>) {
        let (count, mut gradient) = (self.counted.len() as f64, vec![0.0; self.parameters.len()]);
        let mut squares = Vec::with_capacity(self.counted.len());
        self.for_each_group(|batch, group| {
            // The delta is that of the mean: of a sample's own loss it is so many times as great.
            let (_, delta) = self.at_outputs(batch, group);
            let deltas = batch.backward(&delta, &mut gradient);
            squares.extend(batch.row_squares(&deltas).into_iter().map(|square| square * count * count));
        });
        (gradient, squares)
    }

    /// Σ_i c_i ∂ℓ_i, the gradients of the samples' own losses with these factors.
    pub fn combination(&self, factors: &[f64]) -> Vec<f64> {
        self.at_parameters(0).combination(factors)
    }

    /// The Hessian of the loss at the parameters, times a vector.
    pub fn hessian_product(&self, direction: &[f64]) -> Vec<f64> {
        self.at_parameters(0).hessian_product(direction)
    }

    /// The same loss for several products: what they share is computed once, as far as it fits into memory.
    pub fn expanded(&self) -> Expanded<'_> {
        self.at_parameters(KEPT_BYTES)
    }

    fn at_parameters(&self, bytes: usize) -> Expanded<'_> {
        // Values, gradients, slopes and curvatures.
        let fit = bytes / (4 * size_of::<f64>() * numbers(self.graph));
        let whole = fit / group_size(self.graph) * group_size(self.graph);
        let (kept, left) = self.counted.split_at(if fit < self.counted.len() { whole } else { self.counted.len() });
        let kept = groups(self.graph, &self.parameters, self.samples, kept);
        Expanded { loss: self, kept: kept.map(|(batch, group)| self.around(batch, group)).collect(), left }
    }

    fn around<'l>(&'l self, batch: Batch<'l>, group: &[usize]) -> Around<'l> {
        let (_, delta) = self.at_outputs(&batch, group);
        Around { batch, delta, deltas: OnceCell::new() }
    }

    fn for_each_group(&self, visit: impl FnMut(&Batch<'_>, &[usize])) {
        for_each_group(self.graph, &self.parameters, self.samples, &self.counted, visit);
    }

    /// What a group adds to the loss, and the gradient of that at its outputs `[row, class]`.
    fn at_outputs(&self, batch: &Batch<'_>, group: &[usize]) -> (f64, Vec<f64>) {
        let (mut value, mut delta) = (0.0, batch.outputs().to_vec());
        let classes = (delta.len() / batch.rows().max(1)).max(1);
        let share = 1.0 / self.counted.len() as f64;
        for (row, &sample) in delta.chunks_exact_mut(classes).zip(group) {
            let label = usize::from(self.samples.y[sample]);
            match self.loss {
                Loss::MeanSquared => {
                    row[label] -= 1.0;
                    value += share * row.iter().map(|difference| difference.powi(2)).sum::<f64>() / classes as f64;
                    row.iter_mut().for_each(|difference| *difference *= 2.0 * share / classes as f64);
                }
                Loss::SmoothedCrossEntropy { smoothing } => {
                    let even = smoothing / classes as f64;
                    let wanted = (1.0 - smoothing) * row[label] + even * row.iter().sum::<f64>();
                    value += share * (softmax(row) - wanted);
                    row[label] -= 1.0 - smoothing;
                    row.iter_mut().for_each(|difference| *difference = share * (*difference - even));
                }
                // The hinges are refused by `fits`.
                Loss::CrossEntropy | Loss::Hinge | Loss::SoftHinge | Loss::QuadraticHinge => {
                    let own = row[label];
                    value += share * (softmax(row) - own);
                    row[label] -= 1.0;
                    row.iter_mut().for_each(|difference| *difference *= share);
                }
            }
        }
        (value, delta)
    }

    /// The derivative of the gradient at the outputs where these move along `tangent` `[row, class]`.
    fn outputs_along(&self, batch: &Batch<'_>, tangent: &[f64]) -> Vec<f64> {
        let mut along = tangent.to_vec();
        let classes = (along.len() / batch.rows().max(1)).max(1);
        let share = 1.0 / self.counted.len() as f64;
        for (row, outputs) in along.chunks_exact_mut(classes).zip(batch.outputs().chunks_exact(classes)) {
            match self.loss {
                Loss::MeanSquared => row.iter_mut().for_each(|t| *t *= 2.0 * share / classes as f64),
                // Targets are constants: smoothed or not, the second derivative is the same.
                Loss::CrossEntropy
                | Loss::SmoothedCrossEntropy { .. }
                | Loss::Hinge
                | Loss::SoftHinge
                | Loss::QuadraticHinge => {
                    let mut p = outputs.to_vec();
                    softmax(&mut p);
                    let mean: f64 = p.iter().zip(&*row).map(|(p, t)| p * t).sum();
                    row.iter_mut().zip(&p).for_each(|(t, p)| *t = share * p * (*t - mean));
                }
            }
        }
        along
    }
}

/// A training loss and what products at its parameters share, of as many samples as fit into memory.
pub struct Expanded<'l> {
    loss: &'l TrainingLoss<'l>,
    kept: Vec<Around<'l>>,
    /// The samples after those.
    left: &'l [usize],
}

/// A group of samples at the parameters.
struct Around<'l> {
    batch: Batch<'l>,
    /// The gradient at the outputs `[row, class]`.
    delta: Vec<f64>,
    /// The gradients at all nodes, once they were asked for.
    deltas: OnceCell<AtNodes>,
}

impl Around<'_> {
    fn deltas(&self, parameters: usize) -> &AtNodes {
        self.deltas.get_or_init(|| self.batch.backward(&self.delta, &mut vec![0.0; parameters]))
    }
}

impl Expanded<'_> {
    fn for_each(&self, mut visit: impl FnMut(&Around<'_>)) {
        self.kept.iter().for_each(&mut visit);
        let TrainingLoss { graph, parameters, samples, .. } = self.loss;
        groups(graph, parameters, samples, self.left).for_each(|(batch, group)| visit(&self.loss.around(batch, group)));
    }

    /// Σ_i c_i ∂ℓ_i, the gradients of the samples' own losses with these factors.
    pub fn combination(&self, factors: &[f64]) -> Vec<f64> {
        let (count, mut gradient) = (self.loss.counted.len() as f64, vec![0.0; self.loss.parameters.len()]);
        let mut factors = factors.iter();
        self.for_each(|Around { batch, delta, .. }| {
            let mut delta = delta.clone();
            let classes = (delta.len() / batch.rows().max(1)).max(1);
            for (row, factor) in delta.chunks_exact_mut(classes).zip(factors.by_ref()) {
                row.iter_mut().for_each(|d| *d *= factor * count);
            }
            batch.backward(&delta, &mut gradient);
        });
        gradient
    }

    /// The Hessian of the loss at the parameters, times a vector.
    pub fn hessian_product(&self, direction: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; direction.len()];
        self.for_each(|around| {
            let (batch, deltas) = (&around.batch, around.deltas(direction.len()));
            let tangents = batch.along(direction);
            let along = self.loss.outputs_along(batch, tangents.last().map_or(&[], Vec::as_slice));
            batch.backward_along(direction, deltas, &tangents, &along, &mut product);
        });
        product
    }
}

/// Replaces outputs f by their softmax; answers log Σ e^f.
pub fn softmax(outputs: &mut [f64]) -> f64 {
    let greatest = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    outputs.iter_mut().for_each(|f| *f = (*f - greatest).exp());
    let total: f64 = outputs.iter().sum();
    outputs.iter_mut().for_each(|f| *f /= total);
    greatest + total.ln()
}

/// Σ a b.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// √Σ x².
pub fn length(numbers: &[f64]) -> f64 {
    numbers.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use phasesweep_networks::{Activation, reference};

    use super::super::example::{Example, KINDS};
    use super::*;

    const LOSSES: [Loss; 3] = [Loss::CrossEntropy, Loss::MeanSquared, Loss::SmoothedCrossEntropy { smoothing: 0.3 }];

    /// Against the networks' reference and the formulas of the losses, sample by sample.
    #[test]
    fn gradients_are_those_of_the_reference() {
        for (kind, loss) in (0..KINDS).flat_map(|kind| LOSSES.map(|loss| (kind, loss))) {
            let example = Example::new(kind, Activation::Gelu, loss);
            let subject = example.subject();
            // Every third sample is pruned.
            let kept: Vec<bool> = (0..example.block.train.len()).map(|sample| sample % 3 != 1).collect();
            let view = example.view(&subject, Some(&kept));
            let (value, gradient) = TrainingLoss::of(&view, usize::MAX).gradient();
            let (graph, parameters) = (&subject.graph, widened(view.parameters));
            let (mut expected, mut total) = (vec![0.0; parameters.len()], 0.0);
            let counted: Vec<usize> = (0..kept.len()).filter(|&sample| kept[sample]).collect();
            for &sample in &counted {
                let (x, label) =
                    (rows(&example.block.train, graph.nodes()[0].extent.size(), &[sample]), example.label(sample));
                let values = reference::forward(graph, &parameters, &x);
                let f = values.last().unwrap();
                let sum: f64 = f.iter().map(|f| f.exp()).sum();
                let target = |class: usize| f64::from(u8::from(class == label));
                let (own, delta): (f64, Vec<f64>) = match loss {
                    Loss::MeanSquared => (
                        f.iter().enumerate().map(|(c, f)| (f - target(c)).powi(2)).sum::<f64>() / 3.0,
                        f.iter().enumerate().map(|(c, f)| 2.0 * (f - target(c)) / 3.0).collect(),
                    ),
                    Loss::SmoothedCrossEntropy { smoothing } => {
                        let target = |class: usize| (1.0 - smoothing) * target(class) + smoothing / 3.0;
                        (
                            -f.iter().enumerate().map(|(c, f)| target(c) * (f.exp() / sum).ln()).sum::<f64>(),
                            f.iter().enumerate().map(|(c, f)| f.exp() / sum - target(c)).collect(),
                        )
                    }
                    _ => (
                        -(f[label].exp() / sum).ln(),
                        f.iter().enumerate().map(|(c, f)| f.exp() / sum - target(c)).collect(),
                    ),
                };
                total += own / counted.len() as f64;
                let back = reference::backward(graph, &parameters, &values, &delta);
                expected.iter_mut().zip(&back.parameters).for_each(|(sum, g)| *sum += g / counted.len() as f64);
            }
            // Rounding of sums in another order.
            assert!((value - total).abs() < 1e-12, "{value} {total}");
            assert!(gradient.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }

    /// Against gradients over one sample at a time.
    #[test]
    fn samples_have_gradients_of_their_own() {
        for (kind, loss) in (0..KINDS).flat_map(|kind| LOSSES.map(|loss| (kind, loss))) {
            let example = Example::new(kind, Activation::Tanh, loss);
            let subject = example.subject();
            let view = example.view(&subject, None);
            let counted = vec![1, 4, 7, 8, 20];
            let all = TrainingLoss::over(&view, counted.clone());
            let factors = [0.3, -1.0, 2.0, 0.0, 0.7];
            let ((mean, squares), combined) = (all.gradient_and_squares(), all.combination(&factors));
            assert_eq!(mean, all.gradient().1);
            let mut expected = vec![0.0; combined.len()];
            for ((sample, square), factor) in counted.into_iter().zip(squares).zip(factors) {
                let own = TrainingLoss::over(&view, vec![sample]).gradient().1;
                // Sums in another order.
                assert!((square - dot(&own, &own)).abs() < 1e-12 * square.max(1.0), "{kind} {loss:?}");
                expected.iter_mut().zip(&own).for_each(|(sum, g)| *sum += factor * g);
            }
            assert!(combined.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }

    #[test]
    fn points_are_drawn_from_those_that_are_trained_on() {
        let example = Example::new(0, Activation::Tanh, Loss::CrossEntropy);
        let subject = example.subject();
        let kept: Vec<bool> = (0..example.block.train.len()).map(|sample| sample % 3 != 1).collect();
        let view = example.view(&subject, Some(&kept));
        let some = drawn(&view, 6);
        assert!(some.windows(2).all(|pair| pair[0] < pair[1]) && some.iter().all(|&place| kept[place]), "{some:?}");
        assert_eq!((some.len(), &drawn(&view, 6)), (6, &some));
        assert_ne!(some, trained_on(&view, 6), "not the first ones");
        assert_eq!(drawn(&view, 100), trained_on(&view, 100));
    }

    /// Against central differences of gradients.
    #[test]
    fn products_with_the_hessian_are_differences_of_gradients() {
        for (kind, loss) in (0..KINDS).flat_map(|kind| LOSSES.map(|loss| (kind, loss))) {
            let example = Example::new(kind, Activation::Tanh, loss);
            let subject = example.subject();
            let view = example.view(&subject, None);
            let mut training = TrainingLoss::of(&view, usize::MAX);
            let direction: Vec<f64> = (0..training.parameters()).map(|k| (k as f64 * 1.3).sin()).collect();
            let product = training.hessian_product(&direction);
            let centre = training.parameters.clone();
            let mut at = |shift: f64| {
                training.parameters = centre.iter().zip(&direction).map(|(w, v)| w + shift * v).collect();
                training.gradient().1
            };
            let (above, below) = (at(1e-6), at(-1e-6));
            for ((own, above), below) in product.iter().zip(&above).zip(&below) {
                let difference = (above - below) / 2e-6;
                // Rounding of 1e-16/1e-6, and third derivatives along a direction of length 10 times 1e-12.
                assert!((own - difference).abs() < 1e-7 * difference.abs().max(1.0), "{own} {difference}");
            }
        }
    }

    /// All groups kept, the first one, and none.
    #[test]
    fn products_have_the_same_bits_whatever_is_kept_for_them() {
        let example = Example::new(0, Activation::Tanh, Loss::CrossEntropy);
        let subject = example.subject();
        let view = example.view(&subject, None);
        // Some samples several times, for more than two groups of 256.
        let counted: Vec<usize> = (0..600).map(|k| (k * k) % example.block.train.len()).collect();
        let loss = TrainingLoss::over(&view, counted);
        let direction: Vec<f64> = (0..loss.parameters()).map(|k| (k as f64 * 0.7).cos()).collect();
        let factors: Vec<f64> = (0..600).map(|k| f64::from(k).sin()).collect();
        let of_group = 4 * size_of::<f64>() * numbers(loss.graph) * 300;
        let found = [(0, 0), (of_group, 1), (KEPT_BYTES, 3)].map(|(bytes, groups)| {
            let expanded = loss.at_parameters(bytes);
            assert_eq!(expanded.kept.len(), groups);
            // Twice, since the first product keeps what the second one finds.
            let products = [expanded.hessian_product(&direction), expanded.hessian_product(&direction)];
            (products, expanded.combination(&factors))
        });
        assert_eq!(found[0].0[0], found[0].0[1]);
        assert!(found.iter().all(|products| *products == found[0]));
    }

    #[test]
    fn a_softmax_of_huge_outputs_is_finite() {
        let mut outputs = [1000.0, 1000.0, -1e6];
        assert!((softmax(&mut outputs) - 1000.0 - 2f64.ln()).abs() < 1e-12);
        assert_eq!(outputs, [0.5, 0.5, 0.0]);
    }
}
