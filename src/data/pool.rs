//! A source, read once: everything that subsamples are cut from. Pixels stay bytes until a block is prepared.
//!
//! Invariants: as many rows as labels in each half; every label is below `labels`; neither half is empty.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::labels::Rule;
use super::locate::advice;
use super::normalise::{Matrix, Scaling};
use super::synthetic::Spec;
use super::{Block, DataError, Places, Samples, cifar, digits, idx, name, stream, subsample};
use crate::sweep::{Channels, Data, Source, Subsample};

/// A source, decoded.
#[derive(Debug)]
pub struct Pool {
    source: Source,
    train: Half,
    test: Half,
    /// Labels of the source, from 0.
    labels: usize,
    image: Option<[usize; 3]>,
    digest: blake3::Hash,
    dir: Option<PathBuf>,
}

/// Training or test samples.
#[derive(Debug)]
struct Half {
    inputs: Matrix,
    labels: Vec<u8>,
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
        let path = data.path.as_deref();
        match &data.source {
            Source::Digits { train } => from_digits(&data.source, *train),
            Source::Mnist | Source::FashionMnist | Source::Kmnist | Source::Idx => from_idx(&data.source, path, places),
            Source::Cifar10 { channels } => from_cifar(&data.source, *channels, path, places),
            Source::Stripe { .. } | Source::Cylinder { .. } => generate(&data.source),
        }
    }

    /// Number of samples that subsamples are taken from.
    pub fn len(&self) -> usize {
        self.train.labels.len()
    }

    /// Whether there are none; never, by construction.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of test samples.
    pub fn test_len(&self) -> usize {
        self.test.labels.len()
    }

    /// Inputs of a sample, constant ones included.
    pub fn features(&self) -> usize {
        self.train.inputs.features
    }

    /// Labels of the source; the number of classes where labels are taken as they are.
    pub fn label_count(&self) -> usize {
        self.labels
    }

    /// `[channels, height, width]` where the source is images.
    pub fn image(&self) -> Option<[usize; 3]> {
        self.image
    }

    /// Directory that the files were found in; `None` for sources without files.
    pub fn dir(&self) -> Option<&Path> {
        self.dir.as_deref()
    }

    /// Hash of the samples and labels as decoded: the same for plain and compressed files and for every place they may
    /// lie in. For generated sources, of the generator's version and numbers.
    pub fn digest(&self) -> blake3::Hash {
        self.digest
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
        let name = name(&self.source);
        let rule = Rule::new(data, name, self.labels)?;
        let rows = match *subsample {
            Subsample::Balanced { size, draw } => {
                let labels = self.train.labels.iter().enumerate();
                let classes: Vec<u16> = labels.map(|(row, &label)| rule.train(row, u16::from(label))).collect();
                subsample::balanced(size, draw, name, rule.classes, &classes)?
            }
            _ => subsample::indices(subsample, name, self.len())?,
        };
        if rows.is_empty() {
            return Err(DataError::Request {
                name: name.to_owned(),
                what: "the subsample has no samples".to_owned(),
                advice: "Its size must be at least 1".to_owned(),
            });
        }
        let scaling = Scaling::fit(&self.train.inputs, &rows, data.normalise, keep_constant);
        if scaling.is_constant() {
            let (features, samples) = (self.features(), rows.len());
            return Err(DataError::AllConstant { name: name.to_owned(), features, samples });
        }
        let train = Samples {
            x: scaling.apply(&self.train.inputs, rows.par_iter().map(|&row| row as usize)),
            y: (rows.par_iter())
                .map(|&row| rule.train(row as usize, u16::from(self.train.labels[row as usize])))
                .collect(),
        };
        let test = Samples {
            x: scaling.apply(&self.test.inputs, (0..self.test_len()).into_par_iter()),
            y: (0..self.test_len())
                .into_par_iter()
                .map(|row| rule.test(row, u16::from(self.test.labels[row])))
                .collect(),
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

/// The pool's digest without making its points, where the source is generated; else by loading it.
///
/// # Errors
/// As [`Pool::load`].
pub fn digest(data: &Data) -> Result<blake3::Hash, DataError> {
    match Spec::of(&data.source) {
        Some(spec) => Ok(digest_of_spec(&spec)),
        None => Pool::load(data).map(|pool| pool.digest()),
    }
}

fn digest_of_spec(spec: &Spec) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key("phasesweep data digest: generated");
    hasher.update(&stream::VERSION.to_le_bytes());
    hasher.update(spec.name().as_bytes());
    spec.numbers().iter().for_each(|number| {
        hasher.update(&number.to_le_bytes());
    });
    hasher.finalize()
}

fn digest_of_samples(features: usize, parts: [(&[u8], &[u8]); 2]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key("phasesweep data digest: samples");
    hasher.update(&(features as u64).to_le_bytes());
    for (pixels, labels) in parts {
        hasher.update(&(labels.len() as u64).to_le_bytes());
        hasher.update(pixels);
        hasher.update(labels);
    }
    hasher.finalize()
}

fn from_digits(source: &Source, train: usize) -> Result<Pool, DataError> {
    if train == 0 || train >= digits::SAMPLES {
        return Err(DataError::Request {
            name: name(source).to_owned(),
            what: format!(
                "train = {train}, but there are {} images, of which some must be left to test on",
                digits::SAMPLES
            ),
            advice: format!("Choose from 1 to {}", digits::SAMPLES - 1),
        });
    }
    let (mut pixels, mut labels) = digits::digits();
    let digest = digest_of_samples(digits::PIXELS, [(&pixels, &labels), (&[], &[])]);
    let (test_pixels, test_labels) = (pixels.split_off(train * digits::PIXELS), labels.split_off(train));
    let half = |pixels, labels| Half { inputs: Matrix::bytes(pixels, digits::PIXELS, 1, digits::WHITE), labels };
    Ok(Pool {
        source: source.clone(),
        train: half(pixels, labels),
        test: half(test_pixels, test_labels),
        labels: digits::CLASSES,
        image: Some([1, 8, 8]),
        digest,
        dir: None,
    })
}

fn from_idx(source: &Source, path: Option<&Path>, places: &Places) -> Result<Pool, DataError> {
    let name = name(source);
    let wanted = idx::names();
    let dir = places.find(name, path, &wanted)?;
    let files = idx::files(&dir, &advice(name, &wanted))?;
    let [train_images, train_labels, test_images, test_labels] = &files;
    let (train, test) =
        rayon::join(|| idx::read_part(train_images, train_labels), || idx::read_part(test_images, test_labels));
    let (train, test) = (train?, test?);
    let size = |shape: [usize; 2]| format!("images of {}×{}", shape[0], shape[1]);
    if train.shape != test.shape {
        return Err(DataError::Mismatch {
            path: train_images.clone(),
            what: size(train.shape),
            other: test_images.clone(),
            other_what: size(test.shape),
        });
    }
    let labels = if *source == Source::Idx {
        let greatest = train.labels.iter().chain(&test.labels).max().copied().unwrap_or(0);
        usize::from(greatest) + 1
    } else {
        if train.shape != [28, 28] {
            return Err(DataError::Unsuitable {
                path: train_images.clone(),
                what: format!("holds {}, but {name} has 28×28", size(train.shape)),
                advice: "Use source = \"idx\" for other data of this format".to_owned(),
            });
        }
        check_labels(train_labels, &train.labels, name)?;
        check_labels(test_labels, &test.labels, name)?;
        10
    };
    let [height, width] = train.shape;
    let digest = digest_of_samples(height * width, [(&train.pixels, &train.labels), (&test.pixels, &test.labels)]);
    let half =
        |part: idx::Part| Half { inputs: Matrix::bytes(part.pixels, height * width, 1, 255.0), labels: part.labels };
    Ok(Pool {
        source: source.clone(),
        train: half(train),
        test: half(test),
        labels,
        image: Some([1, height, width]),
        digest,
        dir: Some(dir),
    })
}

/// Labels of the MNIST family run from 0 to 9.
fn check_labels(path: &Path, labels: &[u8], name: &str) -> Result<(), DataError> {
    match labels.iter().position(|&label| label > 9) {
        None => Ok(()),
        Some(index) => Err(DataError::Label {
            path: path.to_owned(),
            index,
            label: labels[index],
            name: name.to_owned(),
            classes: 10,
        }),
    }
}

fn from_cifar(source: &Source, channels: Channels, path: Option<&Path>, places: &Places) -> Result<Pool, DataError> {
    let wanted = cifar::NAMES.map(str::to_owned);
    let dir = places.find(name(source), path, &wanted)?;
    let (train, test) = cifar::read(&cifar::files(&dir, &advice(name(source), &wanted))?)?;
    let digest = digest_of_samples(cifar::PIXELS, [(&train.pixels, &train.labels), (&test.pixels, &test.labels)]);
    let planes = match channels {
        Channels::Sum => 3,
        Channels::Flat => 1,
    };
    let half = |part: cifar::Part| Half {
        inputs: Matrix::bytes(part.pixels, cifar::PIXELS / planes, planes, 255.0),
        labels: part.labels,
    };
    Ok(Pool {
        source: source.clone(),
        train: half(train),
        test: half(test),
        labels: 10,
        image: Some([3 / planes, 32, 32]),
        digest,
        dir: Some(dir),
    })
}

fn generate(source: &Source) -> Result<Pool, DataError> {
    let request = |what: String, advice: &str| DataError::Request {
        name: name(source).to_owned(),
        what,
        advice: advice.to_owned(),
    };
    let Some(spec) = Spec::of(source) else {
        return Err(request("is not generated".to_owned(), "Name its files"));
    };
    if spec.dimension == 0 || spec.train == 0 || spec.test == 0 {
        let what = format!("{} training and {} test points in {} dimensions", spec.train, spec.test, spec.dimension);
        return Err(request(what, "All three must be at least 1"));
    }
    let half = |test| {
        let (points, labels) = spec.points(test);
        Half { inputs: Matrix::floats(points, spec.dimension), labels }
    };
    Ok(Pool {
        source: source.clone(),
        train: half(false),
        test: half(true),
        labels: 2,
        image: None,
        digest: digest_of_spec(&spec),
        dir: None,
    })
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
