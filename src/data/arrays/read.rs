//! The samples of a data set of arrays: which arrays are its inputs and targets, whether they fit each other, and what stands
//! for them in cells' ids.
//!
//! Invariants: as many targets as samples; both halves have samples, of one shape; the digest is of what is trained on alone
//! (values, shapes, labels and their texts), so that neither the names of files and arrays nor the format show in it.

use std::io::Read;
use std::path::Path;

use super::classes::{self, Classes, Given};
use super::container::{Container, Inputs, Refusal, contents};
use super::shape::{self, Layout};
use super::split::{Cut, moved_out, parted};
use super::table::{self, Columns};
use super::{h5, npy, npz, safe_tensors};
use crate::data::DataError;
use crate::data::recognise::{HEAD, described};

/// What is asked of a file.
#[derive(Debug)]
pub(in crate::data) struct Wanted<'a> {
    /// The file, or the directory of `.npy` files.
    pub(in crate::data) path: &'a Path,
    /// Array or columns of the inputs; empty where convention decides.
    pub(in crate::data) inputs: &'a [String],
    /// Likewise of targets.
    pub(in crate::data) targets: &'a [String],
    /// Array of the test set's inputs.
    pub(in crate::data) test_inputs: &'a [String],
    /// Array of the test set's targets.
    pub(in crate::data) test_targets: &'a [String],
    /// The test set, where it is cut off.
    pub(in crate::data) cut: Option<Cut>,
    /// Whether images have their channels last.
    pub(in crate::data) channels_last: bool,
}

/// One half of the samples.
#[derive(Debug)]
pub(in crate::data) struct Part {
    /// `[sample, input]`, channels first.
    pub(in crate::data) inputs: Inputs,
    /// Label of each sample.
    pub(in crate::data) labels: Vec<u32>,
}

/// Samples of a file.
#[derive(Debug)]
pub(in crate::data) struct Arrays {
    /// Samples that subsamples are taken from.
    pub(in crate::data) train: Part,
    /// Test samples.
    pub(in crate::data) test: Part,
    /// Inputs of a sample.
    pub(in crate::data) features: usize,
    /// `[channels, height, width]` where they are images.
    pub(in crate::data) image: Option<[usize; 3]>,
    /// Labels, ascending.
    pub(in crate::data) labels: Vec<u32>,
    /// What each label is called, where it is not by its number.
    pub(in crate::data) texts: Vec<String>,
    /// Of all that is trained on.
    pub(in crate::data) digest: blake3::Hash,
}

/// Sizes of the samples of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) struct Facts {
    /// Inputs of a sample.
    pub(in crate::data) features: usize,
    /// `[channels, height, width]` where they are images.
    pub(in crate::data) image: Option<[usize; 3]>,
    /// Number of labels.
    pub(in crate::data) labels: usize,
    /// Training samples.
    pub(in crate::data) train: usize,
    /// Test samples.
    pub(in crate::data) test: usize,
}

/// Reads the samples.
///
/// # Errors
/// The file is not there, is of another format, or holds what cannot be used: which array, where, and what to do.
pub(in crate::data) fn read(wanted: &Wanted<'_>) -> Result<Arrays, DataError> {
    let samples = match open(wanted.path)? {
        Opened::Named(mut container) => named(container.as_mut(), wanted, true),
        Opened::Table => tabular(wanted, true),
    };
    let samples = samples.map_err(|refusal| unsuitable(wanted.path, refusal))?;
    samples.parts(wanted.cut.as_ref()).map_err(|refusal| unsuitable(wanted.path, refusal))
}

/// The sizes of the samples, by the headers of arrays of inputs and by the targets.
///
/// # Errors
/// As [`read`], but that inputs are not looked at.
pub(in crate::data) fn sizes(wanted: &Wanted<'_>) -> Result<Facts, DataError> {
    let samples = match open(wanted.path)? {
        Opened::Named(mut container) => named(container.as_mut(), wanted, false),
        Opened::Table => tabular(wanted, false),
    };
    samples.and_then(|samples| samples.facts(wanted.cut.as_ref())).map_err(|refusal| unsuitable(wanted.path, refusal))
}

fn unsuitable(path: &Path, Refusal { what, advice }: Refusal) -> DataError {
    DataError::Unsuitable { path: path.to_owned(), what, advice }
}

/// A file of a format that is read.
enum Opened {
    Named(Box<dyn Container>),
    Table,
}

fn open(path: &Path) -> Result<Opened, DataError> {
    let io = |error| DataError::io(path, error);
    if std::fs::metadata(path).map_err(io)?.is_dir() {
        return Ok(Opened::Named(Box::new(npy::Directory::new(path))));
    }
    let mut head = Vec::new();
    std::fs::File::open(path).map_err(io)?.take(HEAD as u64).read_to_end(&mut head).map_err(io)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let named = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let refuse = |refusal| unsuitable(path, refusal);
    if head.starts_with(b"PK") {
        return Ok(Opened::Named(Box::new(npz::Archive::open(path).map_err(refuse)?)));
    }
    if head.starts_with(b"\x89HDF") || named(&[".h5", ".hdf5", ".nc", ".mat"]) {
        return Ok(Opened::Named(Box::new(h5::Hierarchy::open(path).map_err(refuse)?)));
    }
    if named(&[".safetensors"]) {
        return Ok(Opened::Named(Box::new(safe_tensors::Tensors::open(path).map_err(refuse)?)));
    }
    if named(&[".csv", ".tsv", ".csv.gz", ".tsv.gz"]) {
        return Ok(Opened::Table);
    }
    let advice = if head.starts_with(b"\x93NUMPY") {
        "Name the directory that it lies in with path, and the files with inputs and targets"
    } else {
        "Write it in one of these"
    };
    Err(DataError::Format {
        path: path.to_owned(),
        found: described(&head),
        expected: ".npz, a directory of .npy files, HDF5, .safetensors, or .csv and .tsv with a header".to_owned(),
        advice: advice.to_owned(),
    })
}

/// What was read before the halves are parted: one half, or two with arrays of their own.
struct Samples {
    layout: Layout,
    /// Inputs of the halves that have arrays; empty where only sizes were asked for.
    inputs: Vec<Inputs>,
    classes: Classes,
}

/// Reads arrays by name.
fn named(container: &mut dyn Container, wanted: &Wanted<'_>, inputs: bool) -> Result<Samples, Refusal> {
    let known = container.names();
    let train = [
        name(container, &known, "inputs", wanted.inputs, &["x_train", "x"])?,
        name(container, &known, "targets", wanted.targets, &["y_train", "y"])?,
    ];
    let conventional = ["x_test", "y_test"].iter().all(|name| known.iter().any(|known| known == name));
    let given = !wanted.test_inputs.is_empty() || !wanted.test_targets.is_empty();
    let mut halves = vec![train];
    if wanted.cut.is_none() {
        if !given && !conventional {
            return Err(no_test_set(&contents(container)));
        }
        halves.push([
            name(container, &known, "test_inputs", wanted.test_inputs, &["x_test"])?,
            name(container, &known, "test_targets", wanted.test_targets, &["y_test"])?,
        ]);
    }
    let mut layouts: Vec<Layout> = Vec::new();
    let mut targets = Vec::new();
    for [x, y] in &halves {
        let layout = shape::layout(x, &container.shape(x)?, wanted.channels_last)?;
        let shape = container.shape(y)?;
        let rows = classes::rows(y, &shape)?;
        if rows != layout.rows {
            return Err(Refusal::new(
                format!("`{x}` has {} samples and `{y}` has {rows} targets", layout.rows),
                "Name arrays that belong together with inputs and targets",
            ));
        }
        if let Some(first) = layouts.first()
            && (first.features, first.image) != (layout.features, layout.image)
        {
            return Err(Refusal::new(
                format!("samples of `{x}` have another shape than those of `{}`", halves[0][0]),
                "Write samples of both in one shape",
            ));
        }
        layouts.push(layout);
        let of_half = container.targets(y)?;
        targets.push(Given { name: y.clone(), shape, targets: of_half, columns: Vec::new() });
    }
    let classes = classes::labels(targets)?;
    let mut read = Vec::new();
    for ([x, _], layout) in halves.iter().zip(&layouts).filter(|_| inputs) {
        let mut of_half = container.inputs(x)?;
        layout.channels_first(&mut of_half);
        layout.finite(x, &of_half)?;
        read.push(of_half);
    }
    Ok(Samples { layout: layouts[0], inputs: read, classes })
}

/// The array that a key names, or the first of those that are called so by convention.
fn name(
    container: &mut dyn Container,
    known: &[String],
    key: &str,
    given: &[String],
    conventional: &[&str],
) -> Result<String, Refusal> {
    let advice = || format!("Name one with {key} in [[data]]");
    match given {
        // Those that lie deeper than names are listed are there too.
        [one] if known.contains(one) || is_file_of(one, known) || container.shape(one).is_ok() => Ok(one.clone()),
        [one] => Err(Refusal::new(format!("it has no array `{one}`; it holds {}", contents(container)), advice())),
        [] => match conventional.iter().find(|name| known.iter().any(|known| known == **name)) {
            Some(name) => Ok((*name).to_owned()),
            None => Err(Refusal::new(
                format!("none of its arrays is called {}; it holds {}", conventional.join(" or "), contents(container)),
                advice(),
            )),
        },
        several => Err(Refusal::new(
            format!("{key} names {} arrays: several are for the columns of a table", several.len()),
            "Name one array",
        )),
    }
}

/// Whether a file of a directory is meant by its whole name.
fn is_file_of(name: &str, known: &[String]) -> bool {
    name.strip_suffix(".npy").is_some_and(|stem| known.iter().any(|known| known == stem))
}

fn no_test_set(contents: &str) -> Refusal {
    Refusal::new(
        format!("nothing says which samples are the test set; it holds {contents}"),
        "Name test_inputs and test_targets, or cut a test set off, as in test_share = 0.2 or test_last = 1000",
    )
}

/// Reads a table.
fn tabular(wanted: &Wanted<'_>, inputs: bool) -> Result<Samples, Refusal> {
    let contents = || table::contents(wanted.path);
    if !wanted.test_inputs.is_empty() || !wanted.test_targets.is_empty() {
        return Err(Refusal::new(
            "all rows of a table are samples of one kind: none of its columns is of test samples",
            "Cut a test set off, as in test_share = 0.2 or test_last = 1000",
        ));
    }
    if wanted.cut.is_none() {
        return Err(no_test_set(&contents()?));
    }
    if wanted.targets.is_empty() {
        let what = format!("nothing says which column is the target; it holds {}", contents()?);
        return Err(Refusal::new(what, "Name it with targets in [[data]]"));
    }
    if wanted.channels_last {
        return Err(Refusal::new("a row of a table is a point, and has no channels", "Leave channels_last out"));
    }
    let columns = Columns { inputs: wanted.inputs, targets: wanted.targets };
    let content = table::read(wanted.path, &columns, inputs)?;
    let layout = shape::layout("table", &[content.rows, content.features], false)?;
    let several = wanted.targets.len() > 1;
    let given = Given {
        name: wanted.targets.join(", "),
        shape: vec![content.rows, wanted.targets.len()],
        targets: content.targets,
        columns: if several { wanted.targets.to_vec() } else { Vec::new() },
    };
    let read = if inputs { vec![content.inputs] } else { Vec::new() };
    Ok(Samples { layout, inputs: read, classes: classes::labels(vec![given])? })
}

impl Samples {
    fn facts(&self, cut: Option<&Cut>) -> Result<Facts, Refusal> {
        let rows: Vec<usize> = self.classes.labels.iter().map(Vec::len).collect();
        let (train, test) = match (&rows[..], cut) {
            (&[rows], Some(cut)) => {
                let test = cut.count(rows)?;
                (rows - test, test)
            }
            (&[train, test], _) => (train, test),
            _ => (0, 0),
        };
        let Layout { features, image, .. } = self.layout;
        Ok(Facts { features, image, labels: self.classes.all.len(), train, test })
    }

    /// The halves.
    fn parts(self, cut: Option<&Cut>) -> Result<Arrays, Refusal> {
        let Layout { features, image, .. } = self.layout;
        let Classes { labels, all, texts } = self.classes;
        let mut halves = self.inputs.into_iter().zip(labels).map(|(inputs, labels)| Part { inputs, labels });
        let bug = || Refusal::new("a half was not read", "This is a bug of phasesweep, please report it");
        let first = halves.next().ok_or_else(bug)?;
        let (train, test) = match (halves.next(), cut) {
            (Some(second), _) => (first, second),
            (None, None) => return Err(bug()),
            (None, Some(cut)) => {
                let chosen = cut.rows(first.labels.len(), cut.count(first.labels.len())?);
                let Part { inputs, mut labels } = first;
                let (kept, out) = parted(inputs, features, &chosen);
                let of_test = moved_out(&mut labels, 1, &chosen);
                (Part { inputs: kept, labels }, Part { inputs: out, labels: of_test })
            }
        };
        let digest = digest(&[&train, &test], features, image, &texts);
        Ok(Arrays { train, test, features, image, labels: all, texts, digest })
    }
}

/// The digest of samples: of their shape, values and labels.
fn digest(parts: &[&Part], features: usize, image: Option<[usize; 3]>, texts: &[String]) -> blake3::Hash {
    /// Values that are hashed at a time.
    const PIECE: usize = 1 << 14;
    let mut hasher = blake3::Hasher::new_derive_key("phasesweep data digest: arrays");
    let number = |hasher: &mut blake3::Hasher, number: usize| _ = hasher.update(&(number as u64).to_le_bytes());
    number(&mut hasher, features);
    image.unwrap_or_default().into_iter().for_each(|size| number(&mut hasher, size));
    for part in parts {
        number(&mut hasher, part.labels.len());
        match &part.inputs {
            Inputs::Bytes(bytes) => _ = hasher.update(b"bytes").update(bytes),
            Inputs::Floats(floats) => {
                hasher.update(b"floats");
                let mut piece = Vec::with_capacity(4 * PIECE);
                for values in floats.chunks(PIECE) {
                    piece.clear();
                    piece.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                    hasher.update(&piece);
                }
            }
        }
        part.labels.iter().for_each(|label| _ = hasher.update(&label.to_le_bytes()));
    }
    for text in texts {
        number(&mut hasher, text.len());
        hasher.update(text.as_bytes());
    }
    hasher.finalize()
}
