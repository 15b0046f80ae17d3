//! What a training block and its test set hold, before anything is trained: how many samples of each class, and which
//! inputs are nearly constant in the one and far out in the other.
//!
//! Pure: [`Census::findings`] says what a person should know of it, in the words that `plan`, `run`, `data check` and
//! the report share.

use std::fmt;

/// Counts of one training block and its test set.
#[derive(Debug, Clone, PartialEq)]
pub struct Census {
    /// What each class is called, by the labels of the source.
    pub classes: Vec<String>,
    /// Training samples of each class, label noise included.
    pub train: Vec<usize>,
    /// Test samples of each class.
    pub test: Vec<usize>,
    /// The labels of the source in a sentence, where the classes are these and they are not 0, 1, 2 …
    pub labels: Option<String>,
    /// Inputs that the scaling blows up; `None` where it was not looked for, or the scaling cannot.
    pub erratic: Option<Erratic>,
}

/// Inputs that are nearly constant over the training block and far from its mean in the test set.
///
/// Nearly constant: at most one training sample in a hundred lies more than one standard deviation of the block from
/// its mean. Far: some test sample lies more than [`Erratic::FAR`] of them from it. A pixel that is on in one of 500
/// training images is both: its standard deviation is a 22nd of what it is where it is on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Erratic {
    /// How many.
    pub inputs: usize,
    /// Of how many that are not constant.
    pub of: usize,
    /// Greatest distance of a test sample's input from the block's mean, in standard deviations of the block.
    pub greatest: f64,
}

impl Erratic {
    /// Standard deviations beyond which a test sample's input is far.
    pub const FAR: f64 = 20.0;
}

/// Something that a person should know of a block. The text begins where the block's name ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// All training samples are of one class. Nothing can be measured.
    OneClass {
        /// That class.
        class: String,
        /// Number of samples.
        samples: usize,
    },
    /// Classes without a training sample.
    Lacking {
        /// These.
        classes: Vec<String>,
        /// Those of them that the test set holds.
        tested: Vec<String>,
        /// Test samples of these.
        samples: usize,
    },
    /// The labels are not 0, 1, 2 …
    Labels {
        /// How many there are.
        count: usize,
        /// Which, in a sentence.
        listed: String,
    },
    /// Inputs that the scaling blows up in the test set.
    Erratic(Erratic),
}

impl Census {
    /// What should be known of the block; empty if there is nothing to say.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let holds = |class: &usize| self.train[*class] > 0;
        if let Some(listed) = &self.labels {
            findings.push(Finding::Labels { count: self.classes.len(), listed: listed.clone() });
        }
        let there: Vec<usize> = (0..self.classes.len()).filter(holds).collect();
        if let [one] = there[..] {
            findings.push(Finding::OneClass { class: self.classes[one].clone(), samples: self.train[one] });
        } else {
            let lacking: Vec<usize> = (0..self.classes.len()).filter(|class| !holds(class)).collect();
            let tested: Vec<usize> = lacking.iter().copied().filter(|&class| self.test[class] > 0).collect();
            let named = |classes: &[usize]| classes.iter().map(|&class| self.classes[class].clone()).collect();
            if !lacking.is_empty() {
                findings.push(Finding::Lacking {
                    classes: named(&lacking),
                    tested: named(&tested),
                    samples: tested.iter().map(|&class| self.test[class]).sum(),
                });
            }
        }
        findings.extend(self.erratic.filter(|erratic| erratic.inputs > 0).map(Finding::Erratic));
        findings
    }
}

impl Finding {
    /// Whether nothing can be measured on such a block.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Finding::OneClass { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::OneClass { class, samples } => write!(
                f,
                "all {samples} training samples are of one class, {class}, so that nothing can be measured. Take other \
                 samples (another block, a draw, or balanced = true) or other labels"
            ),
            Finding::Lacking { classes, tested, samples } => {
                let (which, have) = match classes.len() {
                    1 => ("class", "it has"),
                    _ => ("classes", "they have"),
                };
                write!(f, "no training sample is of {which} {}: {have} no radius and no distance", joined(classes))?;
                match tested.as_slice() {
                    [] => Ok(()),
                    _ if tested.len() == classes.len() && classes.len() == 1 => {
                        write!(f, ", but {samples} test sample{}", plural(*samples))
                    }
                    _ => write!(f, "; of {} the test set has {samples} sample{}", joined(tested), plural(*samples)),
                }
            }
            Finding::Labels { count, listed } => {
                write!(f, "its labels are {listed}: they are taken as the {count} classes that there are")
            }
            Finding::Erratic(Erratic { inputs, of, greatest }) => write!(
                f,
                "{inputs} of {of} inputs are nearly constant in training and lie up to {greatest:.0} standard deviations \
                 from their mean in the test set"
            ),
        }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Names in a sentence: "3, 5 and 7".
fn joined(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The findings of a source's blocks, one sentence each: blocks of which the same is found share a sentence.
///
/// `name` is the source's, `blocks` are the blocks' names with what was found of each.
pub fn sentences(name: &str, blocks: &[(String, Vec<Finding>)]) -> Vec<String> {
    /// Sentences of different findings of one kind, at most.
    const MOST: usize = 5;
    let mut out = Vec::new();
    let mut erratic: Vec<(&str, Erratic)> = Vec::new();
    let mut of: Vec<(&Finding, Vec<&str>)> = Vec::new();
    for (block, findings) in blocks {
        for finding in findings {
            match finding {
                Finding::Erratic(found) => erratic.push((block, *found)),
                _ => match of.iter_mut().find(|(known, _)| *known == finding) {
                    Some((_, blocks)) => blocks.push(block),
                    None => of.push((finding, vec![block])),
                },
            }
        }
    }
    for (kept, (finding, named)) in of.iter().enumerate() {
        if kept < MOST {
            let place = match finding {
                // It is said of the source.
                Finding::Labels { .. } => name.to_owned(),
                _ => format!("{name}, {}", some(named)),
            };
            out.push(format!("{place}: {finding}"));
        }
    }
    if of.len() > MOST {
        let left: usize = of[MOST..].iter().map(|(_, blocks)| blocks.len()).sum();
        out.push(format!("{name}: the like is found of {left} more block{}", plural(left)));
    }
    if let Some((_, first)) = erratic.first() {
        let named: Vec<&str> = erratic.iter().map(|(block, _)| *block).collect();
        let inputs = erratic.iter().map(|(_, found)| found.inputs);
        let (least, most) = (inputs.clone().min().unwrap_or(0), inputs.max().unwrap_or(0));
        let greatest = erratic.iter().map(|(_, found)| found.greatest).fold(0.0, f64::max);
        let of = erratic.iter().map(|(_, found)| found.of).max().unwrap_or(first.of);
        let whole = Finding::Erratic(Erratic { inputs: most, of, greatest });
        let range = if least == most { String::new() } else { format!("{least} to ") };
        out.push(format!("{name}, {}: {range}{whole}", some(&named)));
    }
    out
}

/// Names of blocks: all, if they are few.
fn some(blocks: &[&str]) -> String {
    /// Blocks that are named.
    const NAMED: usize = 3;
    let shown = blocks[..blocks.len().min(NAMED)].join("; ");
    match blocks.len() {
        count if count > NAMED => format!("{shown} and {} more block{}", count - NAMED, plural(count - NAMED)),
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn census(train: &[usize], test: &[usize]) -> Census {
        let classes = (0..train.len()).map(|class| (class + 1).to_string()).collect();
        Census { classes, train: train.to_vec(), test: test.to_vec(), labels: None, erratic: None }
    }

    fn said(census: &Census) -> Vec<String> {
        census.findings().iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_whole_block_has_nothing_to_say() {
        assert!(census(&[3, 4, 5], &[1, 1, 1]).findings().is_empty());
        assert!(census(&[3, 4, 5], &[0, 0, 0]).findings().is_empty(), "what the test set lacks is no matter");
    }

    #[test]
    fn one_class_is_a_refusal_that_names_it() {
        let findings = census(&[0, 100, 0], &[1, 1, 1]).findings();
        assert_eq!(findings, [Finding::OneClass { class: "2".into(), samples: 100 }]);
        assert!(
            findings[0].is_refusal()
                && findings[0].to_string().starts_with("all 100 training samples are of one class, 2,")
        );
    }

    #[test]
    fn classes_that_training_lacks_are_named_and_so_are_those_of_them_that_are_tested() {
        let one = said(&census(&[3, 0, 5], &[9, 0, 9]));
        assert_eq!(one, ["no training sample is of class 2: it has no radius and no distance"]);
        let tested = said(&census(&[3, 0, 5], &[9, 7, 9]));
        assert_eq!(tested, ["no training sample is of class 2: it has no radius and no distance, but 7 test samples"]);
        let several = said(&census(&[0, 3, 0, 5, 0], &[1, 1, 0, 1, 0]));
        assert_eq!(
            several,
            [
                "no training sample is of classes 1, 3 and 5: they have no radius and no distance; of 1 the test set has 1 sample"
            ]
        );
    }

    #[test]
    fn blocks_of_which_the_same_is_found_share_a_sentence() {
        let block = |number: usize, census: &Census| (format!("100 block {number}"), census.findings());
        let (lacks, one) = (census(&[3, 0, 5], &[9, 0, 9]), census(&[8, 0, 0], &[9, 0, 9]));
        let erratic = |inputs, greatest| Census {
            erratic: Some(Erratic { inputs, of: 60, greatest }),
            labels: Some("1 to 3".into()),
            ..census(&[1, 1, 1], &[1, 1, 1])
        };
        let blocks = [
            block(0, &lacks),
            block(1, &one),
            block(2, &lacks),
            block(3, &erratic(4, 30.0)),
            block(4, &erratic(9, 22.4)),
        ];
        let said = sentences("idx letters", &blocks);
        assert_eq!(
            said,
            [
                "idx letters, 100 block 0; 100 block 2: no training sample is of class 2: it has no radius and no distance",
                &format!("idx letters, 100 block 1: {}", one.findings()[0]),
                "idx letters: its labels are 1 to 3: they are taken as the 3 classes that there are",
                "idx letters, 100 block 3; 100 block 4: 4 to 9 of 60 inputs are nearly constant in training and lie up to \
                 30 standard deviations from their mean in the test set",
            ]
        );
        let many: Vec<_> = (0..40).map(|number| block(number, &census(&[number + 1, 0, 5], &[9, number, 9]))).collect();
        let said = sentences("digits", &many);
        assert_eq!(said.len(), 6);
        assert_eq!(said[5], "digits: the like is found of 35 more blocks");
    }
}
