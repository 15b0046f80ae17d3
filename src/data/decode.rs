//! From a source's files, or its generator, to a [`Pool`].

use std::path::Path;
use std::sync::OnceLock;

use super::locate::advice;
use super::normalise::Matrix;
use super::pool::Half;
use super::synthetic::Spec;
use super::{DataError, Places, Pool, cifar, digits, idx, name, stream};
use crate::sweep::{Channels, Data, Source};

/// Reads or generates the source of `data`.
///
/// # Errors
/// As [`Pool::load`].
pub(super) fn decode(data: &Data, places: &Places) -> Result<Pool, DataError> {
    let path = data.path.as_deref();
    match &data.source {
        Source::Digits { train } => from_digits(&data.source, *train),
        Source::Mnist | Source::FashionMnist | Source::Kmnist | Source::Idx => from_idx(&data.source, path, places),
        Source::Cifar10 { channels } => from_cifar(&data.source, *channels, path, places),
        Source::Stripe { .. } | Source::Cylinder { .. } => generate(&data.source),
    }
}

/// The labels 0, 1, 2 … of a source that has so many.
fn plain(count: usize) -> Vec<u8> {
    (0..=255).take(count).collect()
}

fn passed_over(empty: &Path, read: &Path) -> String {
    let name = read.file_name().unwrap_or(read.as_os_str()).to_string_lossy();
    format!("{} is empty (0 bytes) and is passed over: {name} beside it is read", empty.display())
}

/// The labels that occur, ascending.
pub(super) fn occurring(halves: [&[u8]; 2]) -> Vec<u8> {
    let mut labels = halves.concat();
    labels.sort_unstable();
    labels.dedup();
    labels
}

/// The digest of a generated source: of the generator's version and numbers.
pub(super) fn digest_of_spec(spec: &Spec) -> blake3::Hash {
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
        labels: plain(digits::CLASSES),
        image: Some([1, 8, 8]),
        digest,
        dir: None,
        remarks: Vec::new(),
        extremes: OnceLock::new(),
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
        occurring([&train.labels, &test.labels])
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
        plain(10)
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
        remarks: idx::leftovers(&dir).iter().map(|(empty, read)| passed_over(empty, read)).collect(),
        dir: Some(dir),
        extremes: OnceLock::new(),
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
        labels: plain(10),
        image: Some([3 / planes, 32, 32]),
        digest,
        dir: Some(dir),
        remarks: Vec::new(),
        extremes: OnceLock::new(),
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
        labels: plain(2),
        image: None,
        digest: digest_of_spec(&spec),
        dir: None,
        remarks: Vec::new(),
        extremes: OnceLock::new(),
    })
}
