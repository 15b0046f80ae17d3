//! A source, read once: everything that subsamples are cut from. Pixels stay bytes until a block is prepared.
//!
//! Invariants: as many rows as labels in each half; every label is among `labels`; neither half is empty.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rayon::prelude::*;

use super::census::Census;
use super::erratic::{Extremes, erratic};
use super::inventory::Inventory;
use super::labels::{self, Rule};
use super::normalise::Scaling;
use super::picture::{self, Picture};
use super::sources::{Decoded, Half, Source};
use super::{Block, DataError, Places, Samples, subsample};
use crate::sweep::{Data, Normalise, Subsample};

/// A source, decoded.
#[derive(Debug)]
pub struct Pool {
    source: Source,
    train: Half,
    test: Half,
    /// Labels of the source, ascending: those that occur where the source does not fix them.
    labels: Vec<u32>,
    /// What each is called, where it is not by its number; else empty.
    texts: Vec<String>,
    image: Option<[usize; 3]>,
    digest: blake3::Hash,
    dir: Option<PathBuf>,
    /// What should be known of the files that were read, in sentences.
    remarks: Vec<String>,
    /// Of the test inputs; taken when first asked for.
    extremes: OnceLock<Extremes>,
}

impl Pool {
    /// Reads or generates the source. Only `source` and `path` matter: data that differ in labels or scaling alone may
    /// share a pool. Files are looked for in the places of the environment ([`Places::from_env`]).
    ///
    /// # Errors
    /// The files are nowhere, unreadable or malformed, or the sizes asked for are impossible.
    pub fn load(data: &Data) -> Result<Pool, DataError> {
        Pool::load_from(data, &Places::from_env())
    }

    /// As [`Pool::load`], with the places given.
    ///
    /// # Errors
    /// As [`Pool::load`].
    pub fn load_from(data: &Data, places: &Places) -> Result<Pool, DataError> {
        let source = data.source.clone();
        let Decoded { train, test, labels, texts, image, digest, dir, remarks } =
            source.decode(data.path.as_deref(), places)?;
        Ok(Pool { source, train, test, labels, texts, image, digest, dir, remarks, extremes: OnceLock::new() })
    }

    /// Number of training samples, of all labels.
    pub fn len(&self) -> usize {
        self.train.labels.len()
    }

    /// Whether there are none; never, by construction.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of test samples, of all labels.
    pub fn test_len(&self) -> usize {
        self.test.labels.len()
    }

    /// Inputs of a sample, constant ones included.
    pub fn features(&self) -> usize {
        self.train.inputs.features
    }

    /// Labels of the source, ascending: the classes where labels are taken as they are.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// What each of [`Pool::labels`] is called, where it is not by its number; else empty.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Number of classes under the sweep's labels.
    pub fn classes(&self, data: &Data) -> usize {
        labels::classes(data.labels, data.selection.classes().unwrap_or(self.labels.len()))
    }

    /// Training and test samples that the sweep uses: of the labels that it chooses.
    ///
    /// # Errors
    /// A label that is asked for does not exist, or none of those that are has a training or a test sample.
    pub fn samples(&self, data: &Data) -> Result<[usize; 2], DataError> {
        Ok(self.used(&self.rule(data)?)?.map(|half| half.len()))
    }

    /// The number that stands for each class in results: the source's own label where labels are taken as they are,
    /// else the class's place.
    ///
    /// # Errors
    /// A label that is asked for does not exist.
    pub fn class_numbers(&self, data: &Data) -> Result<Vec<u16>, DataError> {
        Ok(self.rule(data)?.numbers())
    }

    /// `[channels, height, width]` where the source is images.
    pub fn image(&self) -> Option<[usize; 3]> {
        self.image
    }

    /// Directory that the files were found in; `None` for sources without files.
    pub fn dir(&self) -> Option<&Path> {
        self.dir.as_deref()
    }

    /// What should be known of the files that were read, in sentences: which were passed over.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Hash of the samples and labels as decoded: the same for plain and compressed files and for every place they may
    /// lie in. For generated sources, of the generator's version and numbers.
    pub fn digest(&self) -> blake3::Hash {
        self.digest
    }

    /// The digest that stands for the data in its cells' ids: that of the samples, and where the classes are not what
    /// they were when ids were first given out (labels that are not 0, 1, 2 … were filled up with classes of which there
    /// is no sample), another.
    pub fn identity(&self, data: &Data) -> blake3::Hash {
        if labels::is_plain(&self.labels) || !labels::depends_on_numbers(data.labels) {
            return self.digest;
        }
        let mut hasher = blake3::Hasher::new_derive_key("phasesweep data digest: classes are the labels that occur");
        hasher.update(self.digest.as_bytes());
        // Labels that fit a byte count as bytes, which they were when ids were first given out.
        for label in &self.labels {
            match u8::try_from(*label) {
                Ok(byte) => hasher.update(&[byte]),
                Err(_) => hasher.update(&[0xff; 4]).update(&label.to_le_bytes()),
            };
        }
        hasher.finalize()
    }

    fn rule(&self, data: &Data) -> Result<Rule, DataError> {
        Ok(Rule::new(data, self.source.name(), &self.labels)?.called(&self.texts))
    }

    /// The training and test samples that the sweep uses.
    fn used(&self, rule: &Rule) -> Result<[Used; 2], DataError> {
        let used = [&self.train, &self.test].map(|half| match rule.kept(&half.labels) {
            Some(rows) => Used::These(rows),
            None => Used::All(half.labels.len()),
        });
        match used.iter().position(|half| half.len() == 0) {
            None => Ok(used),
            Some(half) => Err(DataError::Request {
                name: self.source.name().to_owned(),
                what: format!(
                    "no {} sample is of labels {}",
                    ["training", "test"][half],
                    labels::listed(rule.labels())
                ),
                advice: "Choose other labels".to_owned(),
            }),
        }
    }

    /// The training samples of a subsample.
    fn rows(&self, subsample: &Subsample, rule: &Rule, used: &Used) -> Result<Vec<u32>, DataError> {
        let name = rule.name.as_str();
        let places = match *subsample {
            Subsample::Balanced { size, draw } => {
                let class = |row: usize| rule.train(row, self.train.labels[row]);
                let classes: Vec<u16> = used.rows().map(class).collect();
                subsample::balanced(size, draw, name, &rule.names(), &classes)?
            }
            _ => subsample::indices(subsample, name, used.len())?,
        };
        let rows = match used {
            Used::All(_) => places,
            Used::These(rows) => places.into_iter().map(|place| rows[place as usize]).collect(),
        };
        if rows.is_empty() {
            return Err(DataError::Request {
                name: name.to_owned(),
                what: "the subsample has no samples".to_owned(),
                advice: "Its size must be at least 1".to_owned(),
            });
        }
        Ok(rows)
    }

    fn all_constant(&self, rows: &[u32]) -> DataError {
        let (features, samples) = (self.features(), rows.len());
        DataError::AllConstant { name: self.source.name().to_owned(), features, samples }
    }

    /// Counts what a training block and its test set hold, without preparing them. `inputs`: looks at the inputs too
    /// ([`Census::erratic`]), which takes a pass over the block's samples.
    ///
    /// # Errors
    /// As [`Pool::block`].
    pub fn census(&self, data: &Data, subsample: &Subsample, inputs: bool) -> Result<Census, DataError> {
        let rule = self.rule(data)?;
        let [train, test] = self.used(&rule)?;
        self.census_of(data, &rule, &self.rows(subsample, &rule, &train)?, &test, inputs)
    }

    /// As [`Pool::census`], of all training samples that the sweep uses.
    ///
    /// # Errors
    /// A label that is asked for does not exist, or every input is constant.
    pub fn census_of_all(&self, data: &Data) -> Result<Census, DataError> {
        let rule = self.rule(data)?;
        let [train, test] = self.used(&rule)?;
        let rows: Vec<u32> = train.rows().map(|row| row as u32).collect();
        self.census_of(data, &rule, &rows, &test, true)
    }

    fn census_of(
        &self,
        data: &Data,
        rule: &Rule,
        rows: &[u32],
        tested: &Used,
        inputs: bool,
    ) -> Result<Census, DataError> {
        let (mut train, mut test) = (vec![0; rule.classes], vec![0; rule.classes]);
        for &row in rows {
            train[usize::from(rule.train(row as usize, self.train.labels[row as usize]))] += 1;
        }
        for row in tested.rows() {
            test[usize::from(rule.test(row, self.test.labels[row]))] += 1;
        }
        let standardised = data.normalise == Normalise::Standardise;
        if standardised && self.train.inputs.is_constant(rows) {
            return Err(self.all_constant(rows));
        }
        let erratic = (inputs && standardised).then(|| {
            let scaling = Scaling::fit(&self.train.inputs, rows, data.normalise, false);
            let look = || Extremes::of(&self.test.inputs, tested.rows());
            match tested {
                Used::All(_) => erratic(&scaling, &self.train.inputs, rows, self.extremes.get_or_init(look)),
                Used::These(_) => erratic(&scaling, &self.train.inputs, rows, &look()),
            }
        });
        // Who names labels knows them.
        let all = matches!(tested, Used::All(_));
        let odd = all && !labels::is_plain(&self.labels) && labels::depends_on_numbers(data.labels);
        let labels = odd.then(|| labels::listed(&self.labels));
        Ok(Census { classes: rule.names(), train, test, labels, erratic })
    }

    /// Counts what the samples that the sweep uses hold, by a look at every value.
    ///
    /// # Errors
    /// A label that is asked for does not exist, or none of those that are has a training or a test sample.
    pub fn inventory(&self, data: &Data) -> Result<Inventory, DataError> {
        let rule = self.rule(data)?;
        let used = self.used(&rule)?.map(|used| used.rows().collect::<Vec<_>>());
        Ok(Inventory::of([&self.train, &self.test], used, rule.labels(), self.image).called(&self.texts))
    }

    /// A picture of the first training samples of each class; `None` where the samples are no images.
    ///
    /// # Errors
    /// A label that is asked for does not exist, or none of those that are has a training or a test sample.
    pub fn picture(&self, data: &Data, inventory: &Inventory) -> Result<Option<Picture>, DataError> {
        let (Some(image), Some(range)) = (self.image, inventory.range) else { return Ok(None) };
        let rule = self.rule(data)?;
        let [train, _] = self.used(&rule)?;
        let mut classes: Vec<(String, Vec<usize>)> = rule.names().into_iter().map(|name| (name, Vec::new())).collect();
        for row in train.rows() {
            let (_, rows) = &mut classes[usize::from(rule.train(row, self.train.labels[row]))];
            if rows.len() < picture::COLUMNS {
                rows.push(row);
            }
        }
        let read = |row: usize, out: &mut [f64]| self.train.inputs.read(row, out);
        Ok(Some(Picture::of(&picture::Samples { image, range, classes, read: &read })))
    }

    /// Prepares a training block and its test set, scaled by the block's own numbers.
    ///
    /// `keep_constant`: constant inputs become 0 instead of being dropped, so that images stay images (convolutions).
    ///
    /// # Errors
    /// The subsample is larger than the pool, a label that is asked for does not exist, or every input is constant.
    ///
    /// # Panics
    /// `data` has another source than the pool: a bug of the caller.
    pub fn block(&self, data: &Data, subsample: &Subsample, keep_constant: bool) -> Result<Block, DataError> {
        assert_eq!(data.source, self.source, "a block is cut from the pool of its own source");
        let rule = self.rule(data)?;
        let [used, tested] = self.used(&rule)?;
        let rows = self.rows(subsample, &rule, &used)?;
        let scaling = Scaling::fit(&self.train.inputs, &rows, data.normalise, keep_constant);
        if scaling.is_constant() {
            return Err(self.all_constant(&rows));
        }
        let train = Samples {
            x: scaling.apply(&self.train.inputs, rows.par_iter().map(|&row| row as usize)),
            y: (rows.par_iter()).map(|&row| rule.train(row as usize, self.train.labels[row as usize])).collect(),
        };
        let class = |row: usize| rule.test(row, self.test.labels[row]);
        let test = match &tested {
            Used::All(count) => Samples {
                x: scaling.apply(&self.test.inputs, (0..*count).into_par_iter()),
                y: (0..*count).into_par_iter().map(class).collect(),
            },
            Used::These(rows) => Samples {
                x: scaling.apply(&self.test.inputs, rows.par_iter().map(|&row| row as usize)),
                y: rows.par_iter().map(|&row| class(row as usize)).collect(),
            },
        };
        let whole = scaling.live.len() == self.features();
        Ok(Block {
            features: self.features(),
            image: self.image.filter(|_| whole),
            live: scaling.live,
            classes: rule.classes,
            train,
            test,
            source_index: rows,
        })
    }
}

/// Samples of a half that a sweep uses, by their places in the source.
#[derive(Debug)]
enum Used {
    /// So many from the first on: all.
    All(usize),
    /// These, ascending.
    These(Vec<u32>),
}

impl Used {
    fn len(&self) -> usize {
        match self {
            Used::All(count) => *count,
            Used::These(rows) => rows.len(),
        }
    }

    fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        let place = move |index: usize| match self {
            Used::All(_) => index,
            Used::These(rows) => rows[index] as usize,
        };
        (0..self.len()).map(place)
    }
}

/// [`Pool::identity`] of a generated source, without making its points; `None` for sources with files.
pub fn generated_identity(data: &Data) -> Option<blake3::Hash> {
    data.source.generated_digest()
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
