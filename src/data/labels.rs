//! Classes from labels, and their noise.
//!
//! What is drawn for a sample depends on `label_draw` and on the sample's place in its source alone: a sample keeps
//! its class in every subsample and for every seed.

use super::DataError;
use super::stream::Key;
use crate::sweep::{Data, Labels};

/// The rule that turns the labels of a source into classes.
#[derive(Debug)]
pub(super) struct Rule {
    labels: Labels,
    /// Labels of the source.
    source: usize,
    /// Number of classes.
    pub(super) classes: usize,
    noise: f64,
    random: [Key; 2],
    noisy: Key,
}

impl Rule {
    /// The rule for a source with so many labels.
    ///
    /// # Errors
    /// The one label that is set against the rest is not among the source's.
    pub(super) fn new(data: &Data, name: &str, source: usize) -> Result<Rule, DataError> {
        let request = |what: String, advice: String| DataError::Request { name: name.to_owned(), what, advice };
        if let Labels::OneVsRest { label } = data.labels
            && usize::from(label) >= source
        {
            return Err(request(
                format!(
                    "one-vs-rest asks for label {label}, but its labels run from 0 to {}",
                    source.saturating_sub(1)
                ),
                "Choose one of those".to_owned(),
            ));
        }
        if !(0.0..=1.0).contains(&data.label_noise) {
            return Err(request(
                format!("label_noise is {}", data.label_noise),
                "It is a share, from 0 to 1".to_owned(),
            ));
        }
        let key = |purpose: &str| Key::new(purpose, &[data.label_draw]);
        Ok(Rule {
            labels: data.labels,
            source,
            classes: classes(data.labels, source),
            noise: data.label_noise,
            random: [key("random labels of training samples"), key("random labels of test samples")],
            noisy: key("label noise"),
        })
    }

    /// Class of the training sample at that place in the source.
    pub(super) fn train(&self, index: usize, label: u16) -> u16 {
        let class = self.clean(0, index, label);
        if self.noise == 0.0 || self.classes < 2 {
            return class;
        }
        let mut stream = self.noisy.at(index as u64);
        if stream.uniform() >= self.noise {
            return class;
        }
        let other = 1 + stream.below(self.classes as u64 - 1);
        ((u64::from(class) + other) % self.classes as u64) as u16
    }

    /// Class of the test sample at that place: without noise.
    pub(super) fn test(&self, index: usize, label: u16) -> u16 {
        self.clean(1, index, label)
    }

    fn clean(&self, half: usize, index: usize, label: u16) -> u16 {
        match self.labels {
            Labels::Parity => label % 2,
            Labels::Halves => u16::from(2 * usize::from(label) >= self.source),
            Labels::Classes => label,
            Labels::OneVsRest { label: one } => u16::from(label == one),
            Labels::Random => self.random[half].at(index as u64).below(self.classes as u64) as u16,
        }
    }
}

/// Number of classes that a source with so many labels has under a rule.
pub(super) fn classes(labels: Labels, source: usize) -> usize {
    match labels {
        Labels::Parity | Labels::Halves | Labels::OneVsRest { .. } => 2,
        Labels::Classes | Labels::Random => source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::{Normalise, Source};

    fn data(labels: Labels, label_noise: f64, label_draw: u64) -> Data {
        Data { source: Source::Mnist, labels, label_noise, label_draw, normalise: Normalise::Standardise, path: None }
    }

    fn rule(labels: Labels, noise: f64, draw: u64) -> Rule {
        Rule::new(&data(labels, noise, draw), "mnist", 10).unwrap()
    }

    #[test]
    fn rules_are_what_they_say() {
        let all = |labels| {
            let rule = rule(labels, 0.0, 0);
            (0..10).map(|label| rule.train(0, label)).collect::<Vec<_>>()
        };
        assert_eq!(all(Labels::Parity), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
        assert_eq!(all(Labels::Halves), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
        assert_eq!(all(Labels::OneVsRest { label: 3 }), [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(all(Labels::Classes), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        // Three labels: 1 is not below one and a half.
        let three = Rule::new(&data(Labels::Halves, 0.0, 0), "idx", 3).unwrap();
        assert_eq!([0, 1, 2].map(|label| three.train(0, label)), [0, 0, 1]);
        let error = Rule::new(&data(Labels::OneVsRest { label: 10 }, 0.0, 0), "mnist", 10).unwrap_err().to_string();
        assert!(error.contains("label 10") && error.contains("0 to 9"), "{error}");
    }

    #[test]
    fn noise_replaces_its_share_by_other_classes_evenly() {
        let n = 40_000;
        let noisy = rule(Labels::Classes, 0.3, 7);
        let mut shifts = [0u32; 10];
        for index in 0..n {
            let label = (index % 10) as u16;
            shifts[usize::from((noisy.train(index, label) + 10 - label) % 10)] += 1;
            assert_eq!(noisy.test(index, label), label, "test labels are clean");
        }
        // Five standard errors of binomial shares: 0.7 kept, 0.3/9 for each other class.
        for (shift, share) in [(0, 0.7)].into_iter().chain((1..10).map(|shift| (shift, 0.3 / 9.0))) {
            let error = (f64::from(shifts[shift]) / n as f64 - share).abs();
            assert!(error < 5.0 * f64::sqrt(share * (1.0 - share) / n as f64), "{shifts:?}");
        }
        let everything = rule(Labels::Parity, 1.0, 7);
        assert!((0..1000).all(|index| everything.train(index, 4) == 1));
    }

    #[test]
    fn random_labels_depend_on_the_draw_and_not_on_the_label() {
        let drawn = |draw, label| {
            let rule = rule(Labels::Random, 0.0, draw);
            (0..500).map(|index| rule.train(index, label)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(1, 0), drawn(1, 9));
        assert_ne!(drawn(1, 0), drawn(2, 0));
        let first = rule(Labels::Random, 0.0, 1);
        assert_ne!(drawn(1, 0), (0..500).map(|index| first.test(index, 0)).collect::<Vec<_>>());
        assert!((0..10).all(|class| drawn(1, 0).contains(&class)), "every class comes up in 500 draws");
    }
}
