//! What the samples of a source are and hold, counted for `phasesweep data check`: every value of every input is looked at once.
//!
//! Pure. Counts are of the samples as they are stored, before any rule of labels, subsample or scaling of a sweep; of those
//! whose labels the sweep uses.

use std::fmt;

use super::labels::listed;
use super::matrix::Matrix;
use super::sources::Half;
use crate::amount;

/// What a source holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Inventory {
    /// Type of the inputs as they are kept in memory.
    pub element: &'static str,
    /// Inputs of a sample.
    pub features: usize,
    /// `[channels, height, width]` where the samples are images.
    pub image: Option<[usize; 3]>,
    /// Least and greatest finite input of all samples, as stored; `None` where there is none.
    pub range: Option<[f64; 2]>,
    /// Inputs of one value in all training samples.
    pub constant: usize,
    /// Inputs of single samples, training and test, that are NaN or infinite.
    pub non_finite: [usize; 2],
    /// Labels, ascending, each with its training and test samples.
    pub labels: Vec<(u32, [usize; 2])>,
    /// What each label is called, where it is not by its number; else empty.
    pub texts: Vec<String>,
    /// Bytes of the inputs in memory, training and test.
    pub bytes: u64,
}

impl Inventory {
    /// Counts those of the training and test samples that are in `used`; `labels` are theirs, ascending.
    pub(super) fn of(
        halves: [&Half; 2],
        used: [Vec<usize>; 2],
        labels: &[u32],
        image: Option<[usize; 3]>,
    ) -> Inventory {
        let [train, test] = halves;
        let inputs = [0, 1].map(|half| Inputs::of(&halves[half].inputs, &used[half]));
        let ends = inputs.iter().map(|inputs| inputs.range).filter(|[least, greatest]| least <= greatest);
        let range = ends.reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])]);
        let count = |half: usize| {
            let mut counts = vec![0; labels.len()];
            for &row in &used[half] {
                // Every label of a sample that is used is one of these.
                if let Ok(place) = labels.binary_search(&halves[half].labels[row]) {
                    counts[place] += 1;
                }
            }
            counts
        };
        let [trained, tested] = [0, 1].map(count);
        let counts = trained.into_iter().zip(tested).map(|(train, test)| [train, test]);
        Inventory {
            element: train.inputs.element(),
            features: train.inputs.features,
            image,
            range,
            constant: inputs[0].constant,
            non_finite: [inputs[0].non_finite, inputs[1].non_finite],
            labels: labels.iter().copied().zip(counts).collect(),
            texts: Vec::new(),
            bytes: train.inputs.held() + test.inputs.held(),
        }
    }
}

impl Inventory {
    /// The inventory with what the labels are called.
    pub(super) fn called(self, texts: &[String]) -> Inventory {
        Inventory { texts: texts.to_vec(), ..self }
    }

    /// A label with what it is called.
    fn said(&self, label: u32) -> String {
        match self.texts.get(label as usize) {
            Some(text) => format!("{label} ({text})"),
            None => label.to_string(),
        }
    }
}

/// What the inputs of one half are.
struct Inputs {
    /// Least and greatest finite value.
    range: [f64; 2],
    constant: usize,
    non_finite: usize,
}

impl Inputs {
    fn of(matrix: &Matrix, rows: &[usize]) -> Inputs {
        let mut inputs = Inputs { range: [f64::INFINITY, f64::NEG_INFINITY], constant: 0, non_finite: 0 };
        let [mut first, mut row] = [vec![0.0; matrix.features], vec![0.0; matrix.features]];
        let mut varies = vec![false; matrix.features];
        for (place, &index) in rows.iter().enumerate() {
            matrix.read(index, &mut row);
            if place == 0 {
                first.copy_from_slice(&row);
            }
            for ((varies, first), &x) in varies.iter_mut().zip(&first).zip(&row) {
                *varies |= x != *first;
                if x.is_finite() {
                    inputs.range = [inputs.range[0].min(x), inputs.range[1].max(x)];
                } else {
                    inputs.non_finite += 1;
                }
            }
        }
        inputs.constant = varies.iter().filter(|varies| !**varies).count();
        inputs
    }
}

impl fmt::Display for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Labels of which the samples are listed one by one, at most.
        const FEW: usize = 30;
        let Inventory { element, features, image, range, constant, non_finite, labels, bytes, .. } = self;
        write!(f, "inputs: {element}")?;
        if let Some([channels, height, width]) = image {
            write!(f, ", images of {channels} × {height} × {width}")?;
        }
        if let Some([least, greatest]) = range {
            write!(f, ", from {least} to {greatest}")?;
        }
        writeln!(f, "\n  constant in training: {constant} of {features}")?;
        match non_finite {
            [0, 0] => writeln!(f, "  NaN or infinite: none")?,
            [train, test] => writeln!(f, "  NaN or infinite: {train} in training and {test} in the test set")?,
        }
        writeln!(f, "  memory: {}", amount::bytes(*bytes))?;
        f.write_str("samples of each label, training and test:")?;
        if labels.len() <= FEW {
            return labels
                .iter()
                .try_for_each(|(label, [train, test])| write!(f, "\n  {}: {train} and {test}", self.said(*label)));
        }
        for (half, name) in ["training", "test"].into_iter().enumerate() {
            let counts = || labels.iter().map(|(_, counts)| counts[half]);
            let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
            let none: Vec<u32> =
                labels.iter().filter(|(_, counts)| counts[half] == 0).map(|(label, _)| *label).collect();
            write!(f, "\n  {name}: {least} to {most} of each of {} labels", labels.len())?;
            if !none.is_empty() {
                write!(f, "; none of {}", listed(&none))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(values: &[f32], labels: &[u32]) -> Half {
        Half { inputs: Matrix::floats(values.to_vec(), 3), labels: labels.to_vec() }
    }

    #[test]
    fn every_value_and_label_is_counted() {
        let train = half(&[1.0, -2.0, 5.0, 1.0, f32::NAN, 5.0, 1.0, 3.0, 5.5], &[7, 2, 7]);
        let test = half(&[9.0, f32::INFINITY, f32::NEG_INFINITY], &[3]);
        let found = Inventory::of([&train, &test], [vec![0, 1, 2], vec![0]], &[2, 3, 7], None);
        let expected = Inventory {
            element: "32-bit floats",
            features: 3,
            image: None,
            range: Some([-2.0, 9.0]),
            constant: 1,
            non_finite: [1, 2],
            labels: vec![(2, [1, 0]), (3, [0, 1]), (7, [2, 0])],
            texts: Vec::new(),
            bytes: 48,
        };
        assert_eq!(found, expected);
        let text = found.to_string();
        for part in
            ["from -2 to 9", "constant in training: 1 of 3", "infinite: 1 in training and 2", "7: 2 and 0", "48 B"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn samples_that_are_not_used_are_not_counted() {
        let train = half(&[1.0, -2.0, 5.0, 1.0, f32::NAN, 5.0, 1.0, 3.0, 5.5], &[7, 2, 7]);
        let found = Inventory::of([&train, &train], [vec![0, 2], vec![2]], &[7], None);
        assert_eq!((found.range, found.constant, found.non_finite), (Some([-2.0, 5.5]), 1, [0, 0]));
        assert_eq!(found.labels, [(7, [2, 1])]);
    }

    #[test]
    fn many_labels_are_summed_up() {
        let labels: Vec<u32> = (0..40).collect();
        let train = half(&[0.5; 120], &labels);
        let used = [(0..40).collect(), vec![0]];
        let text = Inventory::of([&train, &half(&[0.5; 3], &[4])], used, &labels, Some([1, 1, 3])).to_string();
        for part in
            ["images of 1 × 1 × 3", "training: 1 to 1 of each of 40 labels", "test: 0 to 1", "none of 0, 1, 2, 3, 5"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("NaN or infinite: none") && text.contains("constant in training: 3 of 3"), "{text}");
    }
}
