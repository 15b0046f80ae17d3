//! Neural collapse: how near the last hidden layer is to one point for each class, the points to a simplex, the classifier
//! to these points, and its decisions to those of the nearest one.
//!
//! Papyan, Han & Donoho, "Prevalence of neural collapse during the terminal phase of deep learning training" (PNAS 117,
//! 2020, arXiv 2008.08186). Of the training samples' values h in the last hidden layer (what the output layer is fed), with
//! means μ_c of C classes and their mean μ_G, M the matrix of the μ_c − μ_G, W the output layer's weights:
//!
//! - NC1: tr(Σ_W Σ_B⁺)/C, with Σ_W the mean over samples of (h − μ_c)(h − μ_c)ᵀ and Σ_B = M Mᵀ/C;
//! - NC2: standard deviation (with C − 1) over mean of the lengths of the μ_c − μ_G, and of the rows of W; the mean over
//!   pairs of |cos + 1/(C − 1)|, of the same vectors;
//! - NC3: ‖W/‖W‖_F − Mᵀ/‖M‖_F‖_F²;
//! - NC4: the share of samples for which the network and the nearest μ_c say different classes.
//!
//! The last hidden layer is whatever the output layer, which must be dense, is fed. A network with batch normalisation
//! is measured in evaluation: running averages stand for the means and variances of batches, as in PyTorch's
//! `model.eval()`.
//!
//! All are 0 in a collapsed network. NC2 of the means is missing where there are two classes, since it is 0 in every network
//! then. μ_G is the mean of the class means, which for balanced classes is that of the samples.
//! Invariants: everything is in f64; missing where a class has no sample.

use phasesweep_networks::{Graph, Op};
use phasesweep_results::dimension::CELL;
use phasesweep_results::{Dim, Dimension, Dtype, LabelKind, Variable};
use serde::Serialize;

use super::margins::{SET, decided, sets};
use super::training_loss::{for_each_group, length, trained_on, widened};
use super::{Axes, Definition, Keys, Labels, Loss, Observable, Schedule, Setup, Sizes, Subject, View};
use crate::observe::spectrum::spectrum;

const VECTORS: Dim = &Dimension::index(
    "collapse_vectors",
    LabelKind::Text,
    "1",
    "which vectors, one for each class: \"means\" of the last hidden layer, or \"weights\" of the output layer",
);
const EPOCH: Dim =
    &Dimension::index("collapse_epoch", LabelKind::Integer, "epoch", "epoch of a measurement of neural collapse");

static WITHIN: Variable = Variable {
    name: "collapse_within",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "NC1: covariance within classes over that between them, tr(Σ_W Σ_B⁺)/C, in the last hidden layer",
    when: "`[observe] collapse`",
};
static LENGTHS: Variable = Variable {
    name: "collapse_lengths",
    dims: &[CELL, VECTORS, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "NC2: standard deviation over mean of the vectors' lengths",
    when: "`[observe] collapse`",
};
static ANGLES: Variable = Variable {
    name: "collapse_angles",
    dims: &[CELL, VECTORS, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "NC2: mean over pairs of the vectors of the absolute value of cos + 1/(C − 1)",
    when: "`[observe] collapse`",
};
static DUALITY: Variable = Variable {
    name: "collapse_duality",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "NC3: squared distance of the output layer's weights from the class means, both of Frobenius norm 1",
    when: "`[observe] collapse`",
};
static DISAGREEMENT: Variable = Variable {
    name: "collapse_disagreement",
    dims: &[CELL, SET, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "NC4: share of samples for which the network and the nearest class mean say different classes",
    when: "`[observe] collapse`",
};

/// What is asked for. Part of a cell's identity: names and order of the fields may not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Collapse {
    at: Schedule,
}

impl Definition for Collapse {
    const MEANING: &'static str = "neural collapse, NC1 to NC4, in the last hidden layer (Papyan, Han & Donoho 2020)";
    const VARIABLES: &'static [&'static Variable] = &[&WITHIN, &LENGTHS, &ANGLES, &DUALITY, &DISAGREEMENT];
    const OF_FLOWS: Result<(), &'static str> =
        Err("a flow has one output, and neural collapse is of an output for each class; leave it out");

    fn read(keys: &mut dyn Keys) -> Option<Collapse> {
        Some(Collapse { at: keys.schedule("at", "epochs or steps")? })
    }
}

impl Observable for Collapse {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        axes.set(SET, sets());
        axes.set(VECTORS, Labels::Texts(vec!["means".to_owned(), "weights".to_owned()]));
        axes.set(EPOCH, Labels::of(self.at.moments(setup.epochs)));
    }

    fn fits(&self, graph: &Graph, _loss: Loss) -> Result<(), String> {
        if graph.nodes().last().is_some_and(|node| node.op != Op::Dense || graph.reads_samples(node)) {
            return Err(
                "`collapse` is measured in the layer below a dense output layer, which this network lacks: leave \
                        it out of [observe]"
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        2.0 * sizes.products.iter().sum::<f64>() * (2 * sizes.samples + sizes.tests) as f64
    }

    fn piece(&self, view: &View<'_>, _piece: usize) -> Vec<f64> {
        let subject = view.subject;
        let (graph, block) = (&subject.graph, &subject.block);
        let Some((node, layer)) = graph.nodes().last().and_then(|node| Some((node, node.layer.as_ref()?))) else {
            return Vec::new();
        };
        let (parameters, fed, classes) = (widened(view.evaluated()), node.inputs[0], block.classes);
        let weights = &parameters[layer.weight_range()];
        let (train, test) = (trained_on(view, usize::MAX), (0..block.test.len()).collect::<Vec<usize>>());

        let mut means = Means::new(classes, layer.fan_in());
        for_each_group(graph, &parameters, &block.train, &train, |batch, group| {
            for (h, &sample) in batch.values(fed).chunks_exact(layer.fan_in()).zip(group) {
                means.add(h, usize::from(block.train.y[sample]));
            }
        });
        let centres = means.finish();
        let geometry = Geometry::new(&centres);
        let (mut within, mut apart) = (0.0, [0.0; 2]);
        for (set, (samples, places)) in [(&block.train, &train), (&block.test, &test)].into_iter().enumerate() {
            for_each_group(graph, &parameters, samples, places, |batch, group| {
                let values = batch.values(fed).chunks_exact(layer.fan_in());
                for ((h, f), &sample) in values.zip(batch.outputs().chunks_exact(classes)).zip(group) {
                    if set == 0 {
                        within += geometry.within(h, &centres.points[usize::from(samples.y[sample])]);
                    }
                    apart[set] += f64::from(u8::from(decided(f) != centres.nearest(h)));
                }
            });
        }
        let rows: Vec<Vec<f64>> = weights.chunks_exact(layer.fan_in()).map(<[f64]>::to_vec).collect();
        let found = [
            within / train.len() as f64 / classes as f64,
            spread(&geometry.directions),
            spread(&rows),
            angles(&geometry.directions),
            angles(&rows),
            duality(&rows, &geometry.directions),
            apart[0] / train.len() as f64,
            apart[1] / test.len() as f64,
        ];
        let known = centres.complete() && found[..6].iter().all(|value| value.is_finite());
        if known { found.to_vec() } else { vec![f64::NAN; found.len()] }
    }

    fn values(&self, subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        let mut found: Vec<f32> = pieces.into_iter().flatten().map(|value| value as f32).collect();
        found.resize(8, f32::NAN);
        // Two means lie opposite each other, equally far from their mean, whatever the network does: what is left of these
        // two numbers is rounding.
        if subject.setup.classes == 2 {
            (found[1], found[3]) = (f32::NAN, f32::NAN);
        }
        vec![found[..1].to_vec(), found[1..3].to_vec(), found[3..5].to_vec(), found[5..6].to_vec(), found[6..].to_vec()]
    }
}

/// Sums over the samples of each class.
struct Means {
    sums: Vec<Vec<f64>>,
    counts: Vec<f64>,
}

impl Means {
    fn new(classes: usize, units: usize) -> Means {
        Means { sums: vec![vec![0.0; units]; classes], counts: vec![0.0; classes] }
    }

    fn add(&mut self, h: &[f64], class: usize) {
        self.sums[class].iter_mut().zip(h).for_each(|(sum, h)| *sum += h);
        self.counts[class] += 1.0;
    }

    fn finish(mut self) -> Centres {
        for (sums, count) in self.sums.iter_mut().zip(&self.counts) {
            sums.iter_mut().for_each(|sum| *sum /= count);
        }
        Centres { points: self.sums }
    }
}

/// The means of the classes; NaN of a class without samples.
struct Centres {
    points: Vec<Vec<f64>>,
}

impl Centres {
    fn complete(&self) -> bool {
        self.points.iter().flatten().all(|x| x.is_finite())
    }

    /// The class of the nearest mean, the first among equals.
    fn nearest(&self, h: &[f64]) -> usize {
        let away = |point: &Vec<f64>| -point.iter().zip(h).map(|(p, h)| (p - h).powi(2)).sum::<f64>();
        decided(&self.points.iter().map(away).collect::<Vec<f64>>())
    }
}

/// The class means around their mean, and the eigenvectors of Σ_B.
struct Geometry {
    /// μ_c − μ_G.
    directions: Vec<Vec<f64>>,
    /// Eigenvectors u of Σ_B with eigenvalues λ > 0, over √λ.
    scaled: Vec<Vec<f64>>,
}

impl Geometry {
    fn new(centres: &Centres) -> Geometry {
        let classes = centres.points.len();
        let mut directions = centres.points.clone();
        for unit in 0..directions.first().map_or(0, Vec::len) {
            let mean = directions.iter().map(|point| point[unit]).sum::<f64>() / classes as f64;
            directions.iter_mut().for_each(|point| point[unit] -= mean);
        }
        // Σ_B = M Mᵀ/C has the eigenvalues of MᵀM/C, whose eigenvectors v give its own as M v/√(C λ).
        let gram: Vec<f64> = (0..classes * classes)
            .map(|k| dot(&directions[k / classes], &directions[k % classes]) / classes as f64)
            .collect();
        let parts = spectrum(&gram, classes, classes.saturating_sub(1));
        let greatest = parts.values.first().copied().unwrap_or(f64::NAN);
        // Below this an eigenvalue is rounding: directions that the means do not span, left out of the pseudo-inverse.
        let real = parts.values.iter().zip(&parts.vectors).filter(|(value, _)| **value > 1e-12 * greatest);
        let scaled = real.map(|(value, vector)| {
            let mut own = vec![0.0; directions.first().map_or(0, Vec::len)];
            for (direction, v) in directions.iter().zip(vector) {
                own.iter_mut().zip(direction).for_each(|(sum, d)| *sum += v * d / (classes as f64).sqrt() / value);
            }
            own
        });
        let scaled = scaled.collect();
        Geometry { directions, scaled }
    }

    /// (h − μ)ᵀ Σ_B⁺ (h − μ); infinite where all means are one.
    fn within(&self, h: &[f64], mean: &[f64]) -> f64 {
        if self.scaled.is_empty() {
            return f64::INFINITY;
        }
        let away: Vec<f64> = h.iter().zip(mean).map(|(h, m)| h - m).collect();
        self.scaled.iter().map(|along| dot(along, &away).powi(2)).sum()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Standard deviation over mean of the vectors' lengths.
fn spread(vectors: &[Vec<f64>]) -> f64 {
    let count = vectors.len() as f64;
    let lengths: Vec<f64> = vectors.iter().map(|vector| length(vector)).collect();
    let mean = lengths.iter().sum::<f64>() / count;
    let variance = lengths.iter().map(|length| (length - mean).powi(2)).sum::<f64>() / (count - 1.0);
    variance.sqrt() / mean
}

/// Mean over pairs of |cos + 1/(C − 1)|.
fn angles(vectors: &[Vec<f64>]) -> f64 {
    let count = vectors.len();
    let (mut sum, mut pairs) = (0.0, 0.0);
    for (place, a) in vectors.iter().enumerate() {
        for b in &vectors[place + 1..] {
            sum += (dot(a, b) / (length(a) * length(b)) + 1.0 / (count as f64 - 1.0)).abs();
            pairs += 1.0;
        }
    }
    sum / pairs
}

/// ‖A/‖A‖ − B/‖B‖‖², Frobenius norms.
fn duality(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let [a, b] = [a.concat(), b.concat()];
    let (of_a, of_b) = (length(&a), length(&b));
    a.iter().zip(&b).map(|(a, b)| (a / of_a - b / of_b).powi(2)).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use faer::MatRef;
    use faer::linalg::solvers::DenseSolveCore;
    use phasesweep_networks::{Activation, reference};

    use super::super::Loss;
    use super::super::example::{Example, KINDS};
    use super::*;

    fn measure(example: &Example) -> Vec<f64> {
        let subject = example.subject();
        Collapse { at: Schedule::Every { every: 1 } }.piece(&example.view(&subject, None), 0)
    }

    /// A network whose last hidden layer holds the label: three one-hot points, around their mean a simplex, and the
    /// output layer's weights are these points around their mean.
    #[test]
    fn a_collapsed_network_gives_zeros() {
        let mut example = Example::new(0, Activation::Relu, Loss::CrossEntropy);
        // Inputs 0 to 2 say the class; layers of 5 × 40, 4 × 5 and 3 × 4 weights, each followed by its biases.
        for samples in [&mut example.block.train, &mut example.block.test] {
            for (x, &label) in samples.x.chunks_mut(40).zip(&samples.y) {
                (0..3).for_each(|input| x[input] = f32::from(u8::from(input == usize::from(label))));
            }
        }
        example.parameters.fill(0.0);
        for class in 0..3 {
            example.parameters[class * 40 + class] = 1.0;
            example.parameters[205 + class * 5 + class] = 2.0;
            for other in 0..3 {
                example.parameters[229 + class * 4 + other] = if other == class { 2.0 } else { -1.0 };
            }
        }
        let found = measure(&example);
        // Weights and means are exact but for 1/3 and sums of squares.
        assert!(found.iter().all(|value| value.abs() < 1e-14), "{found:?}");

        // One class farther out: lengths and angles of (4, 0, 0), (0, 2, 0), (0, 0, 2) around their mean, by hand.
        example.parameters[205] = 4.0;
        let found = measure(&example);
        let (long, short) =
            ((8.0_f64.powi(2) + 2.0 * 2.0_f64.powi(2)).sqrt(), (4.0_f64.powi(2) * 2.0 + 2.0_f64.powi(2)).sqrt());
        let mean = (long + 2.0 * short) / 3.0;
        let deviation = (((long - mean).powi(2) + 2.0 * (short - mean).powi(2)) / 2.0).sqrt();
        assert!((found[1] - deviation / mean).abs() < 1e-14, "{found:?}");
        // Three times these are (8, −2, −2), (−4, 4, −2), (−4, −2, 4): the last two are orthogonal.
        let (across, beside) = ((-32.0 - 8.0 + 4.0) / (long * short), 0.0_f64);
        let expected = (2.0 * (across + 0.5_f64).abs() + (beside + 0.5).abs()) / 3.0;
        assert!((found[3] - expected).abs() < 1e-14, "{found:?} {expected}");
        assert!(found[0].abs() < 1e-14 && found[2] < 1e-14 && found[4] < 1e-14);
    }

    /// On every network, by the definitions, with Σ_B⁺ as the limit of (Σ_B + ε)⁻¹ on what the means span.
    #[test]
    fn collapse_is_that_of_the_definitions() {
        for kind in 0..KINDS {
            let example = Example::new(kind, Activation::Tanh, Loss::CrossEntropy);
            let subject = example.subject();
            let (graph, parameters) = (&subject.graph, widened(&example.parameters));
            let output = graph.nodes().last().unwrap();
            let layer = output.layer.as_ref().unwrap();
            let d = layer.fan_in();
            let at = |x: &[f32]| {
                let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
                let values = reference::forward(graph, &parameters, &x);
                (values[output.inputs[0]].clone(), values.last().unwrap().clone())
            };
            let train = &example.block.train;
            let rows: Vec<(Vec<f64>, Vec<f64>, usize)> = train
                .x
                .chunks(40)
                .zip(&train.y)
                .map(|(x, &label)| {
                    let (h, f) = at(x);
                    (h, f, usize::from(label))
                })
                .collect();
            let mean = |class: usize, i: usize| {
                let own: Vec<f64> = rows.iter().filter(|row| row.2 == class).map(|row| row.0[i]).collect();
                own.iter().sum::<f64>() / own.len() as f64
            };
            let grand = |i: usize| (0..3).map(|class| mean(class, i)).sum::<f64>() / 3.0;
            let between: Vec<f64> = (0..d * d)
                .map(|k| {
                    let (i, j) = (k / d, k % d);
                    (0..3).map(|c| (mean(c, i) - grand(i)) * (mean(c, j) - grand(j))).sum::<f64>() / 3.0
                })
                .collect();
            let within: Vec<f64> = (0..d * d)
                .map(|k| {
                    let part = |row: &(Vec<f64>, Vec<f64>, usize)| {
                        (row.0[k / d] - mean(row.2, k / d)) * (row.0[k % d] - mean(row.2, k % d))
                    };
                    rows.iter().map(part).sum::<f64>() / rows.len() as f64
                })
                .collect();
            // Σ_B⁺ = lim (Σ_B² + ε)⁻¹ Σ_B (Tikhonov): independent of eigenvectors, good to ε/λ².
            let mut squared: Vec<f64> =
                (0..d * d).map(|k| (0..d).map(|l| between[k / d * d + l] * between[l * d + k % d]).sum()).collect();
            (0..d).for_each(|i| squared[i * d + i] += 1e-11);
            let inverse = MatRef::from_row_major_slice(&squared, d, d).partial_piv_lu().inverse();
            let pseudo = |i: usize, j: usize| (0..d).map(|l| inverse[(i, l)] * between[l * d + j]).sum::<f64>();
            let expected = (0..d * d).map(|k| within[k] * pseudo(k % d, k / d)).sum::<f64>() / 3.0;
            let found = measure(&example);
            assert!((found[0] / expected - 1.0).abs() < 1e-4, "{kind}: {found:?} {expected}");

            let weights = &parameters[layer.weight_range()];
            let norm = |f: &dyn Fn(usize) -> f64| (0..3 * d).map(|k| f(k).powi(2)).sum::<f64>().sqrt();
            let (w, m) = (|k: usize| weights[k], |k: usize| mean(k / d, k % d) - grand(k % d));
            let (of_w, of_m) = (norm(&w), norm(&m));
            // ‖a − b‖² = 2 − 2 a·b of unit vectors.
            let dual = 2.0 - 2.0 * (0..3 * d).map(|k| w(k) * m(k)).sum::<f64>() / (of_w * of_m);
            assert!((found[5] - dual).abs() < 1e-12, "{found:?} {dual}");
            let nearest = |h: &[f64]| {
                let away = |c: usize| (0..d).map(|i| (h[i] - mean(c, i)).powi(2)).sum::<f64>();
                (0..3).min_by(|&a, &b| away(a).total_cmp(&away(b))).unwrap()
            };
            let says = |f: &[f64]| (0..3).max_by(|&a, &b| f[a].total_cmp(&f[b])).unwrap();
            let share = rows.iter().filter(|row| nearest(&row.0) != says(&row.1)).count() as f64 / rows.len() as f64;
            assert!((found[6] - share).abs() < 1e-12);
        }
    }

    #[test]
    fn a_class_without_samples_leaves_it_missing() {
        let mut example = Example::new(0, Activation::Tanh, Loss::CrossEntropy);
        example.block.train.y.iter_mut().for_each(|label| *label %= 2);
        assert!(measure(&example).iter().all(|value| value.is_nan()));
    }
}
