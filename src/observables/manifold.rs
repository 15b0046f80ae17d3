//! Class radii and distances of hidden layers (Ciceri et al. 2024, Methods). Engines reduce them where the activations are;
//! [`measure`] is their definition on the host, against which the tests hold the engines.
//!
//! With φ(x) = h(x)/‖h(x)‖₂ and μ_c the mean of φ over the samples of class c: R_c = √(mean ‖φ − μ_c‖²), which is
//! √(mean ‖φ‖² − ‖μ_c‖²), and D = ‖μ_a − μ_b‖. Invariants: a sample whose activations are all zero (dead rectified
//! units) has φ = 0; a class without samples has NaN; sums are in f64.

use phasesweep_results::dimension::{CLASS, LAYER, PAIR};
use phasesweep_results::variables::{DISTANCE, RADIUS};

use super::axes::{Axes, Labels};
use super::registry::Family;
use super::setup::{Setup, Subject, pairs};
use crate::observe::batch::Batch;

/// Radii and distances. Classes and their pairs are labelled with the losses.
pub const FAMILY: Family = Family {
    name: "manifold",
    variables: &[&RADIUS, &DISTANCE],
    label: |setup, axes| {
        if !setup.manifold.is_empty() {
            axes.set(LAYER, Labels::integers(setup.observed.iter().copied()));
        }
        !setup.manifold.is_empty()
    },
};

/// Labels the layers, classes and pairs of classes of radii and distances that are measured on copies of the weights.
pub fn label(setup: &Setup<'_>, axes: &mut Axes) {
    axes.set(LAYER, Labels::integers(setup.observed.iter().copied()));
    axes.set(CLASS, Labels::integers(0..setup.classes));
    axes.set(PAIR, Labels::Texts(pairs(setup.classes).iter().map(|(a, b)| format!("{a}-{b}")).collect()));
}

/// Sums of all observed layers over batches of samples.
#[derive(Debug)]
pub struct Observed {
    /// The node of each layer, values of it and its sums.
    layers: Vec<(usize, usize, Sums)>,
}

impl Observed {
    /// Of no sample.
    pub fn new(subject: &Subject<'_>) -> Observed {
        let Subject { setup, block, graph, .. } = subject;
        let nodes = setup.observed.iter().filter_map(|&layer| graph.hidden().get(layer.checked_sub(1)?).copied());
        let layer = |node: usize| {
            let units = graph.nodes()[node].extent.size();
            (node, units, Sums::new(block.classes, units))
        };
        Observed { layers: nodes.map(layer).collect() }
    }

    /// Adds the samples of a batch, `group` by their places among `labels`.
    pub fn add(&mut self, batch: &Batch<'_>, group: &[usize], labels: &[u16]) {
        for (node, units, sums) in &mut self.layers {
            for (h, &sample) in batch.values(*node).chunks_exact(*units).zip(group) {
                sums.add(h, usize::from(labels[sample]));
            }
        }
    }

    /// The radii, layer by layer and class by class, then the distances, layer by layer and pair by pair.
    pub fn finish(self) -> Vec<f64> {
        let layers: Vec<Manifold> = self.layers.into_iter().map(|(_, _, sums)| sums.finish()).collect();
        let radii = layers.iter().flat_map(|layer| layer.radius.iter().copied());
        radii.chain(layers.iter().flat_map(|layer| layer.distance.iter().copied())).collect()
    }
}

/// Radii and distances of one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifold {
    /// R_c for each class.
    pub radius: Vec<f64>,
    /// D for each pair of classes (a, b), a < b: (0, 1), (0, 2), … (1, 2), …
    pub distance: Vec<f64>,
}

/// Sums over the samples of each class, of which radii and distances are made.
#[derive(Debug, Clone)]
pub struct Sums {
    units: usize,
    count: Vec<f64>,
    square: Vec<f64>,
    centre: Vec<f64>,
}

impl Sums {
    /// Of no sample yet.
    pub fn new(classes: usize, units: usize) -> Sums {
        Sums { units, count: vec![0.0; classes], square: vec![0.0; classes], centre: vec![0.0; classes * units] }
    }

    /// Adds a sample's activations, one for each unit.
    pub fn add<T: Copy + Into<f64>>(&mut self, row: &[T], class: usize) {
        let norm = row.iter().map(|&h| h.into().powi(2)).sum::<f64>().sqrt();
        self.count[class] += 1.0;
        // Not so where all are zero; NaN shows.
        if norm != 0.0 {
            self.square[class] += 1.0;
            for (sum, &h) in self.centre[class * self.units..].iter_mut().zip(row) {
                *sum += h.into() / norm;
            }
        }
    }

    /// Radii and distances of the samples so far.
    pub fn finish(mut self) -> Manifold {
        let (classes, units) = (self.count.len(), self.units);
        for class in 0..classes {
            self.square[class] /= self.count[class];
            let centre = &mut self.centre[class * units..(class + 1) * units];
            centre.iter_mut().for_each(|sum| *sum /= self.count[class]);
        }
        let there = |class: usize| self.count[class] > 0.0;
        let mu = |class: usize| &self.centre[class * units..(class + 1) * units];
        // Rounding may take a radius that is zero below it.
        let radius = |class: usize| match self.square[class] - mu(class).iter().map(|m| m * m).sum::<f64>() {
            below if below < 0.0 => 0.0,
            square => square.sqrt(),
        };
        let distance = |a: usize, b: usize| mu(a).iter().zip(mu(b)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        Manifold {
            radius: (0..classes).map(|class| if there(class) { radius(class) } else { f64::NAN }).collect(),
            distance: (0..classes)
                .flat_map(|a| (a + 1..classes).map(move |b| (a, b)))
                .map(|(a, b)| if there(a) && there(b) { distance(a, b) } else { f64::NAN })
                .collect(),
        }
    }
}

/// Measures a layer. `activations` is `[sample, unit]`, row-major; `labels` gives each sample's class, below `classes`;
/// samples whose `kept` is false do not count.
pub fn measure(activations: &[f32], labels: &[u16], kept: Option<&[bool]>, classes: usize) -> Manifold {
    let units = activations.len().checked_div(labels.len()).unwrap_or(0);
    let mut sums = Sums::new(classes, units);
    for (sample, &label) in labels.iter().enumerate() {
        if kept.is_none_or(|kept| kept[sample]) {
            sums.add(&activations[sample * units..(sample + 1) * units], usize::from(label));
        }
    }
    sums.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_classes_on_axes() {
        // Class 0 on e₁ at two lengths, class 1 on e₂, class 2 on ±e₂.
        let h = [2.0, 0.0, 5.0, 0.0, 0.0, 1.0, 0.0, 3.0, 0.0, -3.0];
        let out = measure(&h, &[0, 0, 1, 2, 2], None, 3);
        assert_eq!(out.radius, [0.0, 0.0, 1.0]);
        let root = 2f64.sqrt();
        assert_eq!(out.distance, [root, 1.0, 1.0]);
        let pruned = measure(&h, &[0, 0, 1, 2, 2], Some(&[true, true, false, true, false]), 3);
        assert!(pruned.radius[1].is_nan() && pruned.distance[0].is_nan() && pruned.distance[2].is_nan());
        assert_eq!((pruned.radius[2], pruned.distance[1]), (0.0, root));
    }

    #[test]
    fn silent_samples_lie_at_the_origin() {
        // φ = (1, 0) and (0, 0): μ = (½, 0), mean ‖φ − μ‖² = ¼.
        let out = measure(&[4.0, 0.0, 0.0, 0.0], &[0, 0], None, 1);
        assert!((out.radius[0] - 0.5).abs() < 1e-15);
    }

    proptest! {
        /// Against the mean squared distance to the centre, summed sample by sample.
        #[test]
        fn the_closed_form_is_the_mean_square_distance(
            h in prop::collection::vec(-1.0..1.0f32, 12 * 3),
            labels in prop::collection::vec(0..2u16, 12),
        ) {
            let out = measure(&h, &labels, None, 2);
            let phi: Vec<Vec<f64>> = h.chunks(3).map(|row| {
                let norm = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
                row.iter().map(|&x| f64::from(x) / norm).collect()
            }).collect();
            for class in 0..2 {
                let of: Vec<&Vec<f64>> =
                    phi.iter().zip(&labels).filter(|(_, label)| **label == class).map(|(phi, _)| phi).collect();
                let n = of.len() as f64;
                let mu: Vec<f64> = (0..3).map(|k| of.iter().map(|phi| phi[k]).sum::<f64>() / n).collect();
                let mean = of.iter().map(|phi| (0..3).map(|k| (phi[k] - mu[k]).powi(2)).sum::<f64>()).sum::<f64>() / n;
                let radius = out.radius[usize::from(class)];
                // A single sample: zero up to the root of a rounding error of 1.
                prop_assert!(of.is_empty() == radius.is_nan());
                prop_assert!(of.is_empty() || (radius - mean.sqrt()).abs() < 1e-7, "{radius} {mean}");
            }
        }
    }
}
