//! An attack on inputs: the ball that it stays in, and the steps that it takes, whatever it climbs ([`super::robustness`],
//! [`super::attacked_flows`]).
//!
//! Invariant: a point that is projected lies in the ball around its sample and within the range of valid inputs, and depends on the
//! sample, the seed and its place alone.

use serde::Serialize;

use super::loss::Loss;
use crate::data::stream::Key;

/// Norm of the ball that an attack stays in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// Euclidean.
    L2,
    /// Greatest change of any input.
    Linf,
}

impl Norm {
    /// All of them, ascending.
    pub const ALL: [Norm; 2] = [Norm::L2, Norm::Linf];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Norm::L2 => "l2",
            Norm::Linf => "linf",
        }
    }
}

/// One attack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attack {
    /// Norm of the ball.
    pub norm: Norm,
    /// Its radius, in units of the inputs.
    pub epsilon: f64,
    /// Steps.
    pub steps: usize,
    /// Length of a step: of each input (L∞), of the whole step (L2).
    pub step_size: f64,
    /// Starts at a random point of the ball, keyed by this seed, instead of at the sample.
    pub random_start: Option<u64>,
    /// Least and greatest valid input.
    pub clip: Option<[f64; 2]>,
    /// Whether the last iterate alone counts.
    pub last_iterate: bool,
    /// Loss that is climbed.
    pub loss: Loss,
}

/// Some samples under attack, and the network that decides about them.
pub(super) trait Attacked {
    /// Goes to the points `[sample, input]`, and says of each sample how far it is misclassified there: 0, 1, or a half.
    fn verdicts(&mut self, points: &[f32]) -> Vec<f64>;

    /// Writes the direction uphill at the points of the last verdicts, `[sample, input]`, of any length.
    fn uphill(&mut self, gradient: &mut Vec<f32>);
}

/// How many of a group's samples are misclassified, unattacked or at some iterate, or at the last one. `x` are `[sample,
/// input]`, the first of them in place `first` of its set.
pub(super) fn misclassified(
    attacked: &mut impl Attacked,
    x: &[f32],
    inputs: usize,
    first: usize,
    attack: &Attack,
) -> f64 {
    let mut at = x.to_vec();
    let mut gradient = Vec::new();
    let mut last = attacked.verdicts(&at);
    let mut worst = last.clone();
    let note = |verdicts: &[f64], worst: &mut [f64]| {
        worst.iter_mut().zip(verdicts).for_each(|(worst, &verdict)| *worst = worst.max(verdict));
    };
    if let Some(starts) = random_starts(x, inputs, first, attack) {
        at = starts;
        last = attacked.verdicts(&at);
        note(&last, &mut worst);
    }
    for _ in 0..attack.steps {
        if !attack.last_iterate && worst.iter().all(|&worst| worst == 1.0) {
            break;
        }
        attacked.uphill(&mut gradient);
        let samples = at.chunks_exact_mut(inputs).zip(x.chunks_exact(inputs));
        for ((point, x), gradient) in samples.zip(gradient.chunks_exact(inputs)) {
            step(point, gradient, attack);
            project(point, x, attack);
        }
        last = attacked.verdicts(&at);
        note(&last, &mut worst);
    }
    if attack.last_iterate { last.iter().sum() } else { worst.iter().sum() }
}

/// Where the attack of each sample starts, if not at the sample; as in [`misclassified`].
pub(super) fn random_starts(x: &[f32], inputs: usize, first: usize, attack: &Attack) -> Option<Vec<f32>> {
    let seed = attack.random_start?;
    let mut at = x.to_vec();
    for (row, (point, x)) in at.chunks_exact_mut(inputs).zip(x.chunks_exact(inputs)).enumerate() {
        start(point, seed, first + row, attack);
        project(point, x, attack);
    }
    Some(at)
}

/// One step uphill: by the sign of the gradient in each input, or along it.
fn step(point: &mut [f32], gradient: &[f32], attack: &Attack) {
    let size = attack.step_size as f32;
    match attack.norm {
        Norm::Linf => {
            for (x, &g) in point.iter_mut().zip(gradient) {
                // Not `signum`, which is 1 at 0.
                *x += if g > 0.0 {
                    size
                } else if g < 0.0 {
                    -size
                } else {
                    0.0
                };
            }
        }
        Norm::L2 => {
            let length = length(gradient.iter().copied());
            if length > 0.0 {
                let scale = f64::from(size) / length;
                point.iter_mut().zip(gradient).for_each(|(x, &g)| *x += (scale * f64::from(g)) as f32);
            }
        }
    }
}

/// Back into the ball around `x`, then into the valid range.
fn project(point: &mut [f32], x: &[f32], attack: &Attack) {
    match attack.norm {
        Norm::Linf => {
            let epsilon = attack.epsilon as f32;
            point.iter_mut().zip(x).for_each(|(p, &x)| *p = p.clamp(x - epsilon, x + epsilon));
        }
        Norm::L2 => {
            let away = length(point.iter().zip(x).map(|(p, x)| p - x));
            if away > attack.epsilon {
                let scale = attack.epsilon / away;
                point.iter_mut().zip(x).for_each(|(p, &x)| *p = (f64::from(x) + scale * f64::from(*p - x)) as f32);
            }
        }
    }
    if let Some([low, high]) = attack.clip {
        point.iter_mut().for_each(|p| *p = p.clamp(low as f32, high as f32));
    }
}

/// A random point of the ball: uniform in it for L∞; for L2 in a uniform direction, at a uniform distance.
fn start(point: &mut [f32], seed: u64, place: usize, attack: &Attack) {
    let mut numbers = Key::new("robustness: random start", &[seed]).at(place as u64);
    match attack.norm {
        Norm::Linf => point.iter_mut().for_each(|x| *x += (attack.epsilon * (2.0 * numbers.uniform() - 1.0)) as f32),
        Norm::L2 => {
            let distance = attack.epsilon * numbers.uniform();
            let normals: Vec<f32> = point.iter().map(|_| numbers.normal() as f32).collect();
            let scale = distance / length(normals.iter().copied()).max(f64::MIN_POSITIVE);
            point.iter_mut().zip(&normals).for_each(|(x, &n)| *x += (scale * f64::from(n)) as f32);
        }
    }
}

fn length(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt()
}
