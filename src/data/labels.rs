//! Classes from labels, and their noise.
//!
//! The labels of a source are those that occur in it, whatever numbers they are: 1 to 26 are 26 classes, in ascending
//! order. A sweep may use some of them alone, and make one class of several ([`Selection`]). What is drawn for a sample depends on `label_draw` and on the sample's place in its source alone: a sample
//! keeps its class in every subsample and for every seed.

use super::DataError;
use super::stream::Key;
use crate::sweep::{Data, Labels, Selection};

/// The rule that turns the labels of a source into classes.
#[derive(Debug)]
pub(super) struct Rule {
    labels: Labels,
    /// What the samples that are used are called in sentences: the source's name, and which labels they have.
    pub(super) name: String,
    /// Labels of the source that are used, ascending.
    source: Vec<u32>,
    /// Whether others are not.
    selects: bool,
    /// The class of each of `source`, where the sweep groups them.
    group: Option<Vec<u16>>,
    /// What the source's labels 0, 1, 2 … are called, where it is not by their numbers; else empty.
    texts: Vec<String>,
    /// Number of classes.
    pub(super) classes: usize,
    noise: f64,
    random: [Key; 2],
    noisy: Key,
}

impl Rule {
    /// The rule for a source whose labels are `source`, ascending.
    ///
    /// # Errors
    /// A label that the sweep names is not among the source's.
    pub(super) fn new(data: &Data, name: &str, source: &[u32]) -> Result<Rule, DataError> {
        let request = |what: String, advice: String| DataError::Request { name: name.to_owned(), what, advice };
        let chosen = data.selection.labels();
        let absent = chosen.iter().flatten().find(|label| source.binary_search(label).is_err());
        if let Some(label) = absent {
            return Err(request(
                format!("{} asks for label {label}, but its labels are {}", data.selection.written(), listed(source)),
                "Choose among those".to_owned(),
            ));
        }
        let group = match &data.selection {
            Selection::All | Selection::Only(_) => None,
            Selection::Groups(groups) => {
                let of = |label: &u32| groups.iter().position(|group| group.contains(label)).unwrap_or_default();
                chosen.as_ref().map(|labels| labels.iter().map(|label| of(label) as u16).collect())
            }
        };
        let selects = chosen.is_some();
        let used = chosen.unwrap_or_else(|| source.to_vec());
        let source = used.as_slice();
        if let Labels::OneVsRest { label } = data.labels
            && !source.iter().any(|&known| known == u32::from(label))
        {
            return Err(request(
                format!("one-vs-rest asks for label {label}, but its labels are {}", listed(source)),
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
            name: if selects { format!("{name} with {}", data.selection.written()) } else { name.to_owned() },
            classes: classes(data.labels, data.selection.classes().unwrap_or(source.len())),
            selects,
            group,
            texts: Vec::new(),
            noise: data.label_noise,
            random: [key("random labels of training samples"), key("random labels of test samples")],
            noisy: key("label noise"),
            source: used,
        })
    }

    /// The places of the samples that are used, ascending; `None` where all are.
    pub(super) fn kept(&self, labels: &[u32]) -> Option<Vec<u32>> {
        let kept = |(place, label): (usize, &u32)| self.source.binary_search(label).ok().map(|_| place as u32);
        self.selects.then(|| labels.iter().enumerate().filter_map(kept).collect())
    }

    /// The labels of the source that are used, ascending.
    pub(super) fn labels(&self) -> &[u32] {
        &self.source
    }

    /// The rule for a source whose labels have these texts.
    pub(super) fn called(self, texts: &[String]) -> Rule {
        Rule { texts: texts.to_vec(), ..self }
    }

    /// What a label is called in a sentence.
    fn text(&self, label: u32) -> String {
        self.texts.get(label as usize).cloned().unwrap_or_else(|| label.to_string())
    }

    /// Labels in a sentence.
    fn listed(&self, labels: &[u32]) -> String {
        match self.texts.is_empty() {
            true => listed(labels),
            false => joined(&labels.iter().map(|&label| self.text(label)).collect::<Vec<_>>()),
        }
    }

    /// Class of the training sample at that place in the source.
    pub(super) fn train(&self, index: usize, label: u32) -> u16 {
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
    pub(super) fn test(&self, index: usize, label: u32) -> u16 {
        self.clean(1, index, label)
    }

    fn clean(&self, half: usize, index: usize, label: u32) -> u16 {
        // Every label of a sample that is used is one of these.
        let place = self.source.binary_search(&label).unwrap_or_default();
        match self.labels {
            Labels::Parity => (label % 2) as u16,
            Labels::Halves => u16::from(2 * place >= self.source.len()),
            Labels::Classes => self.group.as_ref().map_or(place as u16, |group| group[place]),
            Labels::OneVsRest { label: one } => u16::from(label == u32::from(one)),
            Labels::Random => self.random[half].at(index as u64).below(self.classes as u64) as u16,
        }
    }

    /// The number that stands for each class in results: the source's own label where labels are taken as they are,
    /// else the class's place, which of groups is theirs in the sweep file.
    pub(super) fn numbers(&self) -> Vec<u16> {
        match self.labels {
            Labels::Classes if self.group.is_none() => self.source.iter().map(|&label| label as u16).collect(),
            _ => (0..self.classes as u16).collect(),
        }
    }

    /// What each class is called in a sentence, by the source's labels.
    pub(super) fn names(&self) -> Vec<String> {
        let pair = |first: &str, second: String| vec![first.to_owned(), second];
        match self.labels {
            Labels::Parity => pair("0 (even labels)", "1 (odd labels)".to_owned()),
            Labels::Halves => {
                let (lower, upper) = self.source.split_at(self.source.len().div_ceil(2));
                pair(&format!("0 (labels {})", self.listed(lower)), format!("1 (labels {})", self.listed(upper)))
            }
            Labels::OneVsRest { label } => pair("0 (the rest)", format!("1 (label {})", self.text(label.into()))),
            Labels::Classes if self.group.is_some() => {
                let of = |class: usize| {
                    let group = self.group.iter().flatten().zip(&self.source);
                    let labels: Vec<u32> =
                        group.filter(|(of, _)| usize::from(**of) == class).map(|(_, label)| *label).collect();
                    let plural = if labels.len() == 1 { "" } else { "s" };
                    format!("{class} (label{plural} {})", self.listed(&labels))
                };
                (0..self.classes).map(of).collect()
            }
            Labels::Classes => self.source.iter().map(|&label| self.text(label)).collect(),
            Labels::Random => self.numbers().iter().map(u16::to_string).collect(),
        }
    }
}

/// Number of classes that a source of `source` labels or groups has under a rule.
pub(super) fn classes(labels: Labels, source: usize) -> usize {
    match labels {
        Labels::Parity | Labels::Halves | Labels::OneVsRest { .. } => 2,
        Labels::Classes | Labels::Random => source,
    }
}

/// Whether the classes under a rule are those of the labels 0, 1, 2 … only if the labels are these numbers.
pub(super) fn depends_on_numbers(labels: Labels) -> bool {
    matches!(labels, Labels::Classes | Labels::Random | Labels::Halves)
}

/// Labels 0, 1, 2 … without a gap.
pub(super) fn is_plain(labels: &[u32]) -> bool {
    labels.iter().enumerate().all(|(place, &label)| place == label as usize)
}

/// Ascending labels in a sentence: "1 to 5", or "1, 3 and 7".
pub(super) fn listed(labels: &[u32]) -> String {
    match labels {
        [] => "none".to_owned(),
        [one] => one.to_string(),
        [first, .., last] if (last - first) as usize + 1 == labels.len() => format!("{first} to {last}"),
        several => joined(&several.iter().map(u32::to_string).collect::<Vec<_>>()),
    }
}

/// "a, b and c"
fn joined(names: &[String]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        names => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::sources::{Mnist, Source};
    use crate::sweep::Normalise;

    const DIGITS: [u32; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

    fn data(labels: Labels, label_noise: f64, label_draw: u64) -> Data {
        Data {
            source: Source::Mnist(Mnist),
            labels,
            label_noise,
            label_draw,
            normalise: Normalise::Standardise,
            selection: Selection::All,
            path: None,
        }
    }

    fn rule(labels: Labels, noise: f64, draw: u64) -> Rule {
        Rule::new(&data(labels, noise, draw), "mnist", &DIGITS).unwrap()
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
        let three = Rule::new(&data(Labels::Halves, 0.0, 0), "idx", &[0, 1, 2]).unwrap();
        assert_eq!([0, 1, 2].map(|label| three.train(0, label)), [0, 0, 1]);
        let error =
            Rule::new(&data(Labels::OneVsRest { label: 10 }, 0.0, 0), "mnist", &DIGITS).unwrap_err().to_string();
        assert!(error.contains("label 10") && error.contains("0 to 9"), "{error}");
    }

    #[test]
    fn noise_replaces_its_share_by_other_classes_evenly() {
        let n = 40_000;
        let noisy = rule(Labels::Classes, 0.3, 7);
        let mut shifts = [0u32; 10];
        for index in 0..n {
            let label = (index % 10) as u32;
            let class = label as u16;
            shifts[usize::from((noisy.train(index, label) + 10 - class) % 10)] += 1;
            assert_eq!(noisy.test(index, label), class, "test labels are clean");
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

    #[test]
    fn labels_are_taken_as_the_classes_that_there_are() {
        let letters: Vec<u32> = (1..=26).collect();
        let of = |labels| Rule::new(&data(labels, 0.0, 0), "idx", &letters).unwrap();
        let all = |rule: &Rule| letters.iter().map(|&label| rule.train(0, label)).collect::<Vec<_>>();
        let classes = of(Labels::Classes);
        assert_eq!((classes.classes, all(&classes)), (26, (0..26).collect::<Vec<_>>()));
        assert_eq!(classes.numbers(), (1..=26).collect::<Vec<u16>>());
        assert_eq!((classes.names()[0].as_str(), classes.names()[25].as_str()), ("1", "26"));
        // Thirteen letters in each half; parity and one-vs-rest go by the label itself.
        assert_eq!(all(&of(Labels::Halves)).iter().filter(|&&class| class == 1).count(), 13);
        assert_eq!(of(Labels::Halves).names(), ["0 (labels 1 to 13)", "1 (labels 14 to 26)"]);
        assert_eq!(all(&of(Labels::Parity))[..4], [1, 0, 1, 0]);
        assert_eq!(all(&of(Labels::OneVsRest { label: 3 }))[..4], [0, 0, 1, 0]);
        assert!(Rule::new(&data(Labels::OneVsRest { label: 0 }, 0.0, 0), "idx", &letters).is_err());
        // A gap closes up.
        let gap = Rule::new(&data(Labels::Classes, 0.0, 0), "idx", &[0, 1, 5]).unwrap();
        assert_eq!(([0, 1, 5].map(|label| gap.train(0, label)), gap.numbers()), ([0, 1, 2], vec![0, 1, 5]));
        assert_eq!([listed(&[0, 1, 5]), listed(&letters), listed(&[4])], ["0, 1 and 5", "1 to 26", "4"]);
        assert!(is_plain(&DIGITS) && !is_plain(&[0, 1, 5]) && !is_plain(&letters));
    }
}
