//! Attacks of gradient flows: projected gradient descent on the margin y F(x), F = α (f − f₀) (see [`super::robustness`]).
//!
//! A flow decides by the sign of F, so that an attack climbs −y F, whatever loss is trained on: every loss that falls with the margin is
//! climbed in the same direction. F is the difference of two plain networks, the flow's own and that of its start, both rounded to
//! single precision, so that it is known to some 1e-7 of α f. Where α is no more than [`MOST_ALPHA`] that is a small part of the margin 1
//! that samples are fitted to; `plan` refuses greater α by name.
//!
//! Invariants: those of every attack; a sample of F = 0 is half misclassified, as in a flow's errors. At the start F is 0 up to rounding
//! (a flow in single precision begins at rounded weights), so that the error there says nothing.

use super::attack::{self, Attack, Attacked};
use crate::observe::network::{Network, Pass};

/// Flows of greater α are not attacked: f is of order 1, F then a difference of numbers of order α, which single precision knows to
/// about 1e-7 of them, here a thousandth of the margin.
pub const MOST_ALPHA: f64 = 1e4;

/// The networks of α f and α f₀.
pub struct Pair<'a> {
    /// Of the flow's weights.
    pub here: Network<'a>,
    /// Of the weights at its start.
    pub start: Network<'a>,
}

/// Samples of a flow under attack.
struct Samples<'a> {
    pair: &'a Pair<'a>,
    /// y = ±1 of each.
    signs: Vec<f32>,
    passes: [Pass; 2],
}

impl Attacked for Samples<'_> {
    /// 1 on the wrong side, a half where F = 0. A margin that is not a number is wrong.
    fn verdicts(&mut self, points: &[f32]) -> Vec<f64> {
        let [here, start] = &mut self.passes;
        self.pair.here.forward(points, self.signs.len(), here);
        self.pair.start.forward(points, self.signs.len(), start);
        let outputs = here.outputs(&self.pair.here).iter().zip(start.outputs(&self.pair.start));
        let margins = outputs.zip(&self.signs).map(|((f, start), y)| y * (f - start));
        let verdict = |margin: f32| {
            if margin > 0.0 {
                0.0
            } else if margin == 0.0 {
                0.5
            } else {
                1.0
            }
        };
        margins.map(verdict).collect()
    }

    /// −∂(y F)/∂x.
    fn uphill(&mut self, gradient: &mut Vec<f32>) {
        let [here, start] = &mut self.passes;
        let mut of_start = Vec::new();
        let down: Vec<f32> = self.signs.iter().map(|y| -y).collect();
        self.pair.here.backward(here, &down, self.signs.len(), gradient);
        self.pair.start.backward(start, &self.signs, self.signs.len(), &mut of_start);
        gradient.iter_mut().zip(of_start).for_each(|(sum, part)| *sum += part);
    }
}

/// How many of a group's samples are misclassified, unattacked or at some iterate, or at the last one; F = 0 counts a half. `x` are
/// `[sample, input]`, the first of them in place `first` of its set; labels are 1 for y = +1.
pub fn misclassified(pair: &Pair<'_>, x: &[f32], labels: &[u16], first: usize, attack: &Attack) -> f64 {
    let signs = labels.iter().map(|&label| if label == 1 { 1.0 } else { -1.0 }).collect();
    let mut samples = Samples { pair, signs, passes: [Pass::default(), Pass::default()] };
    attack::misclassified(&mut samples, x, pair.here.inputs(), first, attack)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use phasesweep_networks::{Activation, LayerShape, reference};

    use super::*;
    use crate::observables::attack::Norm;
    use crate::observables::loss::Loss;
    use crate::observe::network::tests::reference::graph;

    fn attack(norm: Norm, epsilon: f64) -> Attack {
        Attack {
            norm,
            epsilon,
            steps: 20,
            step_size: epsilon / 4.0,
            random_start: None,
            clip: None,
            last_iterate: false,
            loss: Loss::Hinge,
        }
    }

    fn numbers(count: usize, by: f32) -> Vec<f32> {
        (0..count).map(|k| ((k as f32 + 1.0) * by).sin()).collect()
    }

    /// F = (w − w₀)·x + b − b₀ falls where ε exceeds y F over the dual norm of w − w₀.
    #[test]
    fn a_difference_of_linear_networks_falls_where_its_margin_says() {
        let graph = graph(&[LayerShape::Dense { inputs: 6, outputs: 1 }], Activation::Relu);
        let [here, start] = [1.7, 2.3].map(|by| numbers(7, by));
        let pair = Pair { here: Network::new(&graph, &here).unwrap(), start: Network::new(&graph, &start).unwrap() };
        let x = numbers(6 * 40, 0.73);
        let labels: Vec<u16> = (0..40).map(|k| k % 3 % 2).collect();
        let w: Vec<f64> = here.iter().zip(&start).map(|(a, b)| f64::from(*a) - f64::from(*b)).collect();
        for (norm, dual) in [
            (Norm::Linf, w[..6].iter().map(|w| w.abs()).sum::<f64>()),
            (Norm::L2, w[..6].iter().map(|w| w * w).sum::<f64>().sqrt()),
        ] {
            for epsilon in [0.05, 0.2, 0.7] {
                let falls = |k: &usize| {
                    let product: f64 = w.iter().zip(&x[k * 6..k * 6 + 6]).map(|(w, &x)| w * f64::from(x)).sum();
                    let margin = (product + w[6]) * if labels[*k] == 1 { 1.0 } else { -1.0 };
                    assert!((margin / dual - epsilon).abs() > 1e-4, "the test must not hang on rounding");
                    margin / dual < epsilon
                };
                let expected = (0..40).filter(falls).count() as f64;
                for random_start in [None, Some(3)] {
                    let attack = Attack { random_start, ..attack(norm, epsilon) };
                    assert_eq!(misclassified(&pair, &x, &labels, 0, &attack), expected, "{attack:?}");
                }
            }
        }
        let same = Pair { here: Network::new(&graph, &here).unwrap(), start: Network::new(&graph, &here).unwrap() };
        assert_eq!(misclassified(&same, &x, &labels, 0, &attack(Norm::Linf, 0.7)), 20.0, "F = 0 is half wrong");
    }

    /// Against an attack that shares no code: double precision, one sample at a time, gradients by differences.
    #[test]
    fn smooth_networks_fall_as_by_differences() {
        let layers = [LayerShape::Dense { inputs: 3, outputs: 8 }, LayerShape::Dense { inputs: 8, outputs: 1 }];
        let graph = graph(&layers, Activation::Tanh);
        let [here, start] = [0.9, 1.3].map(|by| numbers(41, by));
        let pair = Pair { here: Network::new(&graph, &here).unwrap(), start: Network::new(&graph, &start).unwrap() };
        let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let (here, start) = (wide(&here), wide(&start));
        let output = |x: &[f64]| {
            let of = |parameters: &[f64]| reference::forward(&graph, parameters, x).last().unwrap()[0];
            of(&here) - of(&start)
        };
        let x = numbers(3 * 50, 1.1);
        let labels: Vec<u16> =
            (0..50).map(|k| u16::from(output(&wide(&x[3 * k..3 * k + 3])) > 0.0 || k % 7 == 0)).collect();
        let (epsilon, size, steps) = (0.5, 0.2, 5);
        let (mut any, mut last) = (0.0, 0.0);
        for (x, &label) in x.chunks(3).zip(&labels) {
            let (x, y) = (wide(x), if label == 1 { 1.0 } else { -1.0 });
            let mut at = x.clone();
            let mut seen = vec![y * output(&at) < 0.0];
            for _ in 0..steps {
                let slope = |place: usize| {
                    let moved = |by: f64| {
                        let mut moved = at.clone();
                        moved[place] += by;
                        -y * output(&moved)
                    };
                    (moved(1e-5) - moved(-1e-5)) / 2e-5
                };
                let slopes: Vec<f64> = (0..3).map(slope).collect();
                for ((at, x), slope) in at.iter_mut().zip(&x).zip(slopes) {
                    *at = (*at + size * slope.signum()).clamp(x - epsilon, x + epsilon);
                }
                seen.push(y * output(&at) < 0.0);
            }
            any += f64::from(u8::from(seen.contains(&true)));
            last += f64::from(u8::from(seen[steps]));
        }
        let asked = Attack { steps, step_size: size, ..attack(Norm::Linf, epsilon) };
        assert_eq!(misclassified(&pair, &x, &labels, 0, &asked), any);
        assert_eq!(misclassified(&pair, &x, &labels, 0, &Attack { last_iterate: true, ..asked }), last);
        let plain = misclassified(&pair, &x, &labels, 0, &Attack { steps: 0, ..asked });
        assert!(plain < any && any < 50.0, "{plain} {any}");
    }
}
