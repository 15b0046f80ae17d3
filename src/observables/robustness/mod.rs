//! Robustness: the share of samples misclassified under projected gradient descent (Madry et al. 2018).
//!
//! From the sample, or from a random point of the ball around it, each step goes uphill on the loss: by the sign of the
//! gradient (L∞) or along it (L2), then back into the ball of radius ε and, where asked, into the range of valid inputs.
//! A sample is robust only if it is classified rightly unattacked and at every iterate; or, as some programs count, at the last
//! iterate. A gradient flow is attacked on its margin y F. Any network is attacked; one with batch normalisation in evaluation, with its running averages.
//!
//! Invariants: a sample's attack depends on the network, the sample, its label and, for a random start, the seed and its
//! place; so where every iterate counts, the error under attack is never below the plain error of the same samples.

mod device;

use phasesweep_results::Variable;
use phasesweep_results::dimension::{PGD_EPOCH, PGD_EPSILON, PGD_NORM};
use phasesweep_results::variables::ROBUST_ERROR;
use serde::Serialize;

use super::attack::{self, Attack, Attacked, Norm};
use super::attacked_flows;
use super::axes::{Axes, Labels};
use super::keys::{Keys, MOST};
use super::loss::Loss;
use super::margins::decided;
use super::preset::Preset;
use super::registry::{Definition, Observable, OnDevice, Sizes};
use super::schedule::Schedule;
use super::setup::{Setup, Subject, View};
use crate::observe::network::{Network, Pass};

/// What is asked for of robustness. Part of a cell's identity: names and order of the fields may not change; those that came
/// later are not written where they have their defaults.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Robustness {
    /// Epochs at which it is measured.
    pub at: Schedule,
    /// Norms of the ball.
    pub norms: Vec<Norm>,
    /// Radii ε of the ball, in units of the inputs, ascending.
    pub epsilons: Vec<f64>,
    /// Steps of an attack.
    pub steps: usize,
    /// Length of a step; `None`: 2.5 ε / steps.
    pub step_size: Option<f64>,
    /// From a random point of the ball instead of from the sample.
    pub random_start: bool,
    /// Test samples attacked, the first ones; all of them if there are fewer.
    pub points: usize,
    /// Least and greatest valid input; `None`: inputs are free.
    pub clip: Option<[f64; 2]>,
    /// Whether the last iterate alone counts.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub last_iterate: bool,
    /// The loss that is climbed.
    #[serde(skip_serializing_if = "Climbed::is_trained")]
    pub attack_loss: Climbed,
}

/// The loss that an attack climbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Climbed {
    /// That which training minimises.
    Trained,
    /// Cross-entropy, whatever was trained on.
    CrossEntropy,
    /// Mean squared error, whatever was trained on.
    Mse,
}

impl Climbed {
    /// In the order of their words in files.
    const ALL: [Climbed; 3] = [Climbed::Trained, Climbed::CrossEntropy, Climbed::Mse];

    fn is_trained(&self) -> bool {
        *self == Climbed::Trained
    }

    fn loss(self, trained: Loss) -> Loss {
        match self {
            Climbed::Trained => trained,
            Climbed::CrossEntropy => Loss::CrossEntropy,
            Climbed::Mse => Loss::MeanSquared,
        }
    }
}

impl Definition for Robustness {
    const MEANING: &'static str = "error of test samples under projected gradient descent (Madry et al. 2018)";
    const VARIABLES: &'static [&'static Variable] = &[&ROBUST_ERROR];
    const OF_FLOWS: Result<(), &'static str> = Ok(());

    fn read(keys: &mut dyn Keys) -> Option<Robustness> {
        let preset = Preset::read(keys);
        let authors = preset.is_some_and(Preset::is_humayun);
        let at = keys.schedule("at", "epochs or steps");
        const NORMS: [&str; 2] = [Norm::ALL[0].name(), Norm::ALL[1].name()];
        let norms = keys.words("norm", &NORMS, &[1], "norms of the ball");
        let epsilons = keys.positive_numbers("epsilon", "0.1", "radii of the ball, in units of the inputs");
        let steps = keys.whole("steps", 1..=MOST, 10, "steps of an attack");
        let step_size = keys.positive_number("step_size", "2.5 ε / steps", "length of a step");
        let random_start = keys.flag("random_start", authors, "whether it starts from a random point of the ball");
        let points = keys.whole("points", 1..=MOST, 500, "test samples, the first ones");
        let clip = keys.interval("clip", "inputs are free", "the least and the greatest valid input");
        let last_iterate = keys.flag(
            "last_iterate",
            authors,
            "whether the last iterate alone counts, instead of the unattacked sample and every iterate",
        );
        let climbed = if authors { Climbed::CrossEntropy } else { Climbed::Trained };
        let words = &["trained", "cross-entropy", "mse"];
        let attack_loss = keys.word("attack_loss", words, climbed as usize, "the loss that is climbed");
        preset?;
        Some(Robustness {
            at: at?,
            norms: norms?.into_iter().map(|place| Norm::ALL[place]).collect(),
            epsilons: epsilons?,
            steps: steps?,
            step_size: step_size?,
            random_start: random_start?,
            points: points?,
            clip: clip?,
            last_iterate: last_iterate?,
            attack_loss: Climbed::ALL[attack_loss?],
        })
    }
}

impl Robustness {
    fn attacks(&self) -> usize {
        self.norms.len() * self.epsilons.len()
    }

    fn attack(&self, number: usize, seed: u64, loss: Loss) -> Attack {
        let epsilon = self.epsilons[number % self.epsilons.len()];
        Attack {
            norm: self.norms[number / self.epsilons.len()],
            epsilon,
            steps: self.steps,
            step_size: self.step_size.unwrap_or(2.5 * epsilon / self.steps as f64),
            random_start: self.random_start.then_some(seed),
            clip: self.clip,
            last_iterate: self.last_iterate,
            loss: self.attack_loss.loss(loss),
        }
    }

    fn points(&self, subject: &Subject<'_>) -> usize {
        self.points.min(subject.block.test.len())
    }

    /// Groups of samples of one attack.
    fn groups(&self, subject: &Subject<'_>) -> usize {
        self.points(subject).div_ceil(GROUP)
    }
}

impl Observable for Robustness {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        axes.set(PGD_NORM, Labels::Texts(self.norms.iter().map(|norm| norm.name().to_owned()).collect()));
        axes.set(PGD_EPSILON, Labels::Numbers(self.epsilons.clone()));
        axes.set(PGD_EPOCH, Labels::of(self.at.moments(setup.epochs)));
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        let attacked = (self.attacks() * self.points.min(sizes.tests)) as f64;
        // A step goes back to the inputs and forward again.
        let passes = 2.0 * self.steps as f64 + 1.0;
        attacked * passes * 2.0 * sizes.products.iter().sum::<f64>()
    }

    /// An attack on a group of samples: attack by attack.
    fn pieces(&self, subject: &Subject<'_>) -> usize {
        self.attacks() * self.groups(subject)
    }

    fn piece(&self, view: &View<'_>, piece: usize) -> Vec<f64> {
        let groups = self.groups(view.subject);
        let (attack, group) = (piece / groups, piece % groups);
        let first = group * GROUP;
        let count = GROUP.min(self.points(view.subject) - first);
        let Some(network) = Network::new(&view.subject.graph, view.evaluated()) else { return Vec::new() };
        let (test, inputs) = (&view.subject.block.test, network.inputs());
        let x = &test.x[first * inputs..(first + count) * inputs];
        let attack = self.attack(attack, view.seed, view.subject.loss);
        if view.subject.setup.flow.is_some() {
            let Some(start) = Network::new(&view.subject.graph, view.initial()) else { return Vec::new() };
            let pair = attacked_flows::Pair { here: network, start };
            return vec![attacked_flows::misclassified(&pair, x, &test.y[first..first + count], first, &attack)];
        }
        vec![misclassified(&network, x, &test.y[first..first + count], first, &attack) as f64]
    }

    /// The margin of a gradient flow is attacked on the host alone.
    fn on_device(&self, subject: &Subject<'_>) -> Option<&dyn OnDevice> {
        subject.setup.flow.is_none().then_some(self)
    }

    fn values(&self, subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        let (points, groups) = (self.points(subject) as f64, self.groups(subject));
        let error = |attack: usize| {
            let fallen: f64 = pieces[attack * groups..(attack + 1) * groups].iter().flatten().sum();
            (fallen / points) as f32
        };
        vec![(0..self.attacks()).map(error).collect()]
    }
}

/// Samples attacked together.
pub const GROUP: usize = 64;

/// How many of a group's samples are misclassified, unattacked or at some iterate; or at the last one. `x` are `[sample, input]`, the first
/// of them in place `first` of its set.
pub fn misclassified(network: &Network<'_>, x: &[f32], labels: &[u16], first: usize, attack: &Attack) -> usize {
    let mut samples = Samples { network, labels, loss: attack.loss, pass: Pass::default() };
    // Whole: no sample is misclassified by half here.
    attack::misclassified(&mut samples, x, network.inputs(), first, attack) as usize
}

/// Samples of a network of several outputs under attack.
struct Samples<'a> {
    network: &'a Network<'a>,
    labels: &'a [u16],
    loss: Loss,
    pass: Pass,
}

impl Attacked for Samples<'_> {
    /// 1 for the samples whose greatest output, the first among equals, is not their label's.
    fn verdicts(&mut self, points: &[f32]) -> Vec<f64> {
        self.network.forward(points, self.labels.len(), &mut self.pass);
        let outputs = self.pass.outputs(self.network);
        let classes = outputs.len() / self.labels.len().max(1);
        let rows = outputs.chunks_exact(classes.max(1)).zip(self.labels);
        rows.map(|(row, &label)| f64::from(u8::from(decided(row) != usize::from(label)))).collect()
    }

    fn uphill(&mut self, gradient: &mut Vec<f32>) {
        let rows = self.labels.len();
        let mut delta = self.pass.outputs(self.network).to_vec();
        let classes = delta.len() / rows.max(1);
        for (outputs, &label) in delta.chunks_exact_mut(classes.max(1)).zip(self.labels) {
            uphill(outputs, usize::from(label), self.loss);
        }
        self.network.backward(&mut self.pass, &delta, rows, gradient);
    }
}

/// Replaces outputs by a positive multiple of the loss's gradient.
///
/// Cross-entropy's is softmax − onehot; divided by 1 − softmax_y it is the softmax over the other classes, and −1 for
/// the label: a direction that does not vanish, however sure the network is, where the gradient itself underflows.
fn uphill(outputs: &mut [f32], label: usize, loss: Loss) {
    match loss {
        // Every loss of the margin between two outputs is climbed along the same direction.
        Loss::CrossEntropy | Loss::Hinge | Loss::SoftHinge | Loss::QuadraticHinge => {
            let others = outputs.iter().enumerate().filter(|&(class, _)| class != label);
            let best = others.map(|(_, &f)| f).fold(f32::NEG_INFINITY, f32::max);
            let mut total = 0.0;
            for (class, f) in outputs.iter_mut().enumerate() {
                *f = if class == label { 0.0 } else { (*f - best).exp() };
                total += *f;
            }
            outputs.iter_mut().for_each(|f| *f /= total);
            outputs[label] = -1.0;
        }
        Loss::SmoothedCrossEntropy { smoothing } => {
            let best = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            outputs.iter_mut().for_each(|f| *f = (*f - best).exp());
            let (total, even) = (outputs.iter().sum::<f32>(), smoothing as f32 / outputs.len() as f32);
            outputs.iter_mut().for_each(|f| *f = *f / total - even);
            outputs[label] -= 1.0 - smoothing as f32;
        }
        Loss::MeanSquared => outputs[label] -= 1.0,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::observables::example::Example;
    use crate::observe::network::tests::reference::{Reference, cases, graph};
    use phasesweep_networks::Activation;
    use phasesweep_networks::LayerShape;

    fn attack(norm: Norm, epsilon: f64) -> Attack {
        let loss = Loss::CrossEntropy;
        let last_iterate = false;
        Attack {
            norm,
            epsilon,
            steps: 20,
            step_size: epsilon / 4.0,
            random_start: None,
            clip: None,
            last_iterate,
            loss,
        }
    }

    /// A linear classifier of two classes falls exactly where ε exceeds the margin over the dual norm of the difference of
    /// its weights: (f_y − f_other)/‖w‖₁ for L∞, over ‖w‖₂ for L2; from any start, for both losses.
    #[test]
    fn a_linear_network_falls_where_its_margin_says() {
        let layers = [LayerShape::Dense { inputs: 6, outputs: 2 }];
        let parameters: Vec<f32> = (0..14).map(|k| (k as f32 * 1.7).sin()).collect();
        let graph = graph(&layers, Activation::Relu);
        let network = Network::new(&graph, &parameters).unwrap();
        let x: Vec<f32> = (0..6 * 40).map(|k| (k as f32 * 0.73).cos()).collect();
        let labels: Vec<u16> = (0..40).map(|k| k % 3 % 2).collect();
        let w: Vec<f64> = (0..6).map(|i| f64::from(parameters[i]) - f64::from(parameters[6 + i])).collect();
        let bias = f64::from(parameters[12]) - f64::from(parameters[13]);
        for (norm, dual) in [
            (Norm::Linf, w.iter().map(|w| w.abs()).sum::<f64>()),
            (Norm::L2, w.iter().map(|w| w * w).sum::<f64>().sqrt()),
        ] {
            for epsilon in [0.05, 0.2, 0.7] {
                let falls = |k: usize| {
                    let product: f64 = w.iter().zip(&x[k * 6..]).map(|(w, &x)| w * f64::from(x)).sum();
                    let margin = (product + bias) * if labels[k] == 0 { 1.0 } else { -1.0 };
                    assert!((margin / dual - epsilon).abs() > 1e-3, "the test must not hang on rounding");
                    margin / dual < epsilon
                };
                let expected = (0..40).filter(|&k| falls(k)).count();
                assert!((3..=40).contains(&expected));
                for (random_start, loss) in
                    [(None, Loss::CrossEntropy), (Some(3), Loss::CrossEntropy), (None, Loss::MeanSquared)]
                {
                    let attack = Attack { random_start, loss, ..attack(norm, epsilon) };
                    // A squared error may be climbed away from the boundary by an output beyond its target.
                    if loss == Loss::CrossEntropy {
                        assert_eq!(misclassified(&network, &x, &labels, 0, &attack), expected, "{attack:?}");
                    } else {
                        assert!(misclassified(&network, &x, &labels, 0, &attack) <= expected);
                    }
                }
            }
        }
    }

    /// A network too sure of itself for its gradient to be a number in f32 is attacked all the same.
    #[test]
    fn certainty_does_not_hide_the_gradient() {
        let layers = [LayerShape::Dense { inputs: 1, outputs: 2 }];
        let parameters = [1e4, -1e4, 0.0, 0.0];
        let graph = graph(&layers, Activation::Relu);
        let network = Network::new(&graph, &parameters).unwrap();
        assert_eq!(misclassified(&network, &[0.5], &[0], 0, &attack(Norm::Linf, 0.6)), 1);
        assert_eq!(misclassified(&network, &[0.5], &[0], 0, &attack(Norm::Linf, 0.4)), 0);
        // Valid inputs are positive, where the class does not change.
        let clipped = Attack { clip: Some([0.1, 1.0]), ..attack(Norm::Linf, 0.6) };
        assert_eq!(misclassified(&network, &[0.5], &[0], 0, &clipped), 0);
    }

    /// The error under attack is not below the plain error, and a sample's attack does not depend on its neighbours.
    #[test]
    fn attacks_only_add_errors_and_are_each_samples_own() {
        for case in cases() {
            let (layers, parameters, x) = case.build(2, 12);
            let graph = graph(&layers, case.activation);
            let network = Network::new(&graph, &parameters).unwrap();
            let labels: Vec<u16> = (0..12).map(|k| k % 3).collect();
            let weak = attack(Norm::L2, 1e-6);
            let plain = misclassified(&network, &x, &labels, 0, &Attack { steps: 0, ..weak });
            let strong = Attack { random_start: Some(5), ..attack(Norm::L2, 0.5) };
            let fallen = misclassified(&network, &x, &labels, 0, &strong);
            assert!(fallen >= plain, "{case:?}: {fallen} {plain}");
            let d = network.inputs();
            let alone: usize =
                (0..12).map(|k| misclassified(&network, &x[k * d..][..d], &labels[k..=k], k, &strong)).sum();
            assert_eq!(alone, fallen, "{case:?}");
        }
    }

    /// An attack written anew: one sample at a time, in double precision, with gradients by differences of the printed loss.
    /// Answers whether each iterate is misclassified, the unattacked sample first.
    fn attacked(
        outputs: &dyn Fn(&[f64]) -> Vec<f64>,
        x: &[f64],
        label: usize,
        [epsilon, size]: [f64; 2],
        steps: usize,
        loss: Loss,
    ) -> Vec<bool> {
        let wrong = |x: &[f64]| {
            let f = outputs(x);
            (0..f.len()).any(|class| class != label && f[class] > f[label])
        };
        let value = |x: &[f64]| {
            let f = outputs(x);
            match loss {
                Loss::MeanSquared => {
                    f.iter().enumerate().map(|(c, f)| (f - f64::from(u8::from(c == label))).powi(2)).sum::<f64>()
                }
                Loss::SmoothedCrossEntropy { smoothing } => {
                    let target =
                        |class: usize| (1.0 - smoothing) * f64::from(u8::from(class == label)) + smoothing / 3.0;
                    let whole = f.iter().map(|f| f.exp()).sum::<f64>().ln();
                    f.iter().enumerate().map(|(class, f)| target(class) * (whole - f)).sum::<f64>()
                }
                _ => f.iter().map(|other| (other - f[label]).exp()).sum::<f64>().ln(),
            }
        };
        let mut at = x.to_vec();
        let mut seen = vec![wrong(&at)];
        for _ in 0..steps {
            let slope = |place: usize| {
                let moved = |by: f64| {
                    let mut moved = at.clone();
                    moved[place] += by;
                    value(&moved)
                };
                (moved(1e-5) - moved(-1e-5)) / 2e-5
            };
            let slopes: Vec<f64> = (0..at.len()).map(slope).collect();
            for ((at, x), slope) in at.iter_mut().zip(x).zip(slopes) {
                *at = (*at + size * slope.signum()).clamp(x - epsilon, x + epsilon);
            }
            seen.push(wrong(&at));
        }
        seen
    }

    /// Every iterate or the last one, on either loss, against an attack that shares no code. Steps are so long that samples come
    /// back over the boundary, so that the two ways of counting differ.
    #[test]
    fn iterates_and_losses_are_counted_as_asked() {
        let (rows, steps, epsilon, size) = (12, 4, 0.6, 0.5);
        let (mut any_in_all, mut last_in_all, mut losses_differ) = (0, 0, false);
        // Smooth activations: a rectifier has no difference quotient where it bends.
        for case in cases().into_iter().filter(|case| case.activation != Activation::Relu) {
            let (layers, parameters, x) = case.build(4, rows);
            let graph = graph(&layers, case.activation);
            let network = Network::new(&graph, &parameters).unwrap();
            let reference = Reference::new(&layers, case.activation, &parameters);
            let outputs = |x: &[f64]| reference.sums_of(x).pop().unwrap();
            let labels: Vec<u16> = (0..rows as u16).map(|k| k % 3).collect();
            let mut last_of = Vec::new();
            let smoothed = Loss::SmoothedCrossEntropy { smoothing: 0.3 };
            for loss in [Loss::CrossEntropy, Loss::MeanSquared, smoothed] {
                let each = x.chunks(network.inputs()).zip(&labels).map(|(x, &label)| {
                    let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
                    attacked(&outputs, &x, usize::from(label), [epsilon, size], steps, loss)
                });
                let each: Vec<Vec<bool>> = each.collect();
                let any = each.iter().filter(|seen| seen.contains(&true)).count();
                let last = each.iter().filter(|seen| seen[steps]).count();
                let attack = Attack { steps, step_size: size, loss, ..attack(Norm::Linf, epsilon) };
                assert_eq!(misclassified(&network, &x, &labels, 0, &attack), any, "{case:?} {loss:?}");
                let at_last = Attack { last_iterate: true, ..attack };
                assert_eq!(misclassified(&network, &x, &labels, 0, &at_last), last, "{case:?} {loss:?}");
                (any_in_all, last_in_all) = (any_in_all + any, last_in_all + last);
                last_of.push(last);
            }
            losses_differ |= last_of[0] != last_of[1];
        }
        assert!(last_in_all < any_in_all && losses_differ, "{last_in_all} of {any_in_all}");
    }

    #[test]
    fn the_loss_that_is_climbed_is_the_one_asked_for_and_defaults_are_not_written() {
        let plain = Robustness {
            at: Schedule::Every { every: 1 },
            norms: vec![Norm::Linf],
            epsilons: vec![0.1],
            steps: 10,
            step_size: None,
            random_start: false,
            points: 5,
            clip: None,
            last_iterate: false,
            attack_loss: Climbed::Trained,
        };
        let climbed = |attack_loss| Robustness { attack_loss, ..plain.clone() }.attack(0, 1, Loss::MeanSquared).loss;
        assert_eq!(climbed(Climbed::Trained), Loss::MeanSquared);
        assert_eq!(climbed(Climbed::CrossEntropy), Loss::CrossEntropy);
        assert_eq!(
            Robustness { attack_loss: Climbed::Mse, ..plain.clone() }.attack(0, 1, Loss::Hinge).loss,
            Loss::MeanSquared
        );
        assert_eq!(serde_json::to_value(&plain).unwrap().as_object().unwrap().len(), 8);
    }

    /// What fell when networks on the host were chains alone.
    #[test]
    fn samples_of_chains_fall_as_they_did() {
        let asked = Robustness {
            at: Schedule::Every { every: 1 },
            norms: Norm::ALL.to_vec(),
            epsilons: vec![0.02, 0.1],
            steps: 5,
            step_size: None,
            random_start: true,
            points: 11,
            clip: None,
            last_iterate: false,
            attack_loss: Climbed::Trained,
        };
        let found = [0, 1].map(|kind| {
            let example = Example::new(kind, Activation::Gelu, Loss::CrossEntropy);
            let subject = example.subject();
            let view = example.view(&subject, None);
            (0..asked.pieces(&subject)).map(|piece| asked.piece(&view, piece)[0]).collect::<Vec<f64>>()
        });
        assert_eq!(found, [[8.0, 8.0, 8.0, 8.0], [7.0, 7.0, 7.0, 10.0]]);
    }
}
