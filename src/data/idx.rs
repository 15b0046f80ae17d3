//! The idx format of MNIST: a big-endian header (0x00000803 and three sizes for images, 0x00000801 and one for
//! labels), then bytes. Plain or gzip, told apart by content.
//!
//! Nothing is allocated on the word of a header alone, and a file must hold exactly what its header says. An empty file
//! beside one of another spelling that is not (the leftover of a broken download or unpacking) is passed over.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::DataError;
use super::recognise::{HEAD, described, element};

/// Magic number of a file of images: unsigned bytes, three dimensions.
const IMAGES: u32 = 0x0803;
/// Magic number of a file of labels: unsigned bytes, one dimension.
const LABELS: u32 = 0x0801;

/// The four files' stems with the number of dimensions, in the order images, labels for training, then testing.
const STEMS: [(&str, char); 4] =
    [("train-images", '3'), ("train-labels", '1'), ("t10k-images", '3'), ("t10k-labels", '1')];

/// Images and their labels as they stand in the files.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Pixels `[image, row, column]`.
    pub(super) pixels: Vec<u8>,
    /// Label of each image.
    pub(super) labels: Vec<u8>,
    /// Rows and columns.
    pub(super) shape: [usize; 2],
}

/// The names under which a directory may hold one of the four files.
fn spellings(stem: &str, dimensions: char) -> [String; 4] {
    let (dash, dot) = (format!("{stem}-idx{dimensions}-ubyte"), format!("{stem}.idx{dimensions}-ubyte"));
    [dash.clone(), format!("{dash}.gz"), dot.clone(), format!("{dot}.gz")]
}

/// The names under which a directory may hold the file of this name (dashed, plain); none for other names.
pub(super) fn spellings_of(name: &str) -> Vec<String> {
    (STEMS.iter().map(|&(stem, dimensions)| spellings(stem, dimensions)))
        .find(|spellings| spellings[0] == name)
        .map_or_else(Vec::new, Vec::from)
}

/// Every name that marks a directory as one of idx files; the first is the one to name in messages.
pub(super) fn names() -> Vec<String> {
    STEMS.iter().flat_map(|&(stem, dimensions)| spellings(stem, dimensions)).collect()
}

/// The four files of a directory: training images and labels, test images and labels.
///
/// # Errors
/// Any is missing: all missing ones are named.
pub(super) fn files(dir: &Path, advice: &str) -> Result<[PathBuf; 4], DataError> {
    let found = STEMS.map(|(stem, dimensions)| {
        let there = present(dir, stem, dimensions);
        there.iter().find(|path| !is_empty(path)).or(there.first()).cloned()
    });
    match found {
        [Some(a), Some(b), Some(c), Some(d)] => Ok([a, b, c, d]),
        found => Err(DataError::Incomplete {
            dir: dir.to_owned(),
            missing: (STEMS.iter().zip(&found))
                .filter(|(_, path)| path.is_none())
                .map(|((stem, dimensions), _)| format!("{stem}-idx{dimensions}-ubyte"))
                .collect(),
            advice: advice.to_owned(),
        }),
    }
}

/// Files of a directory that are passed over because they are empty, each with the one that is read instead.
pub(super) fn leftovers(dir: &Path) -> Vec<(PathBuf, PathBuf)> {
    let of = |(stem, dimensions)| {
        let (empty, whole): (Vec<PathBuf>, Vec<PathBuf>) =
            present(dir, stem, dimensions).into_iter().partition(|path| is_empty(path));
        let read = whole.first().cloned();
        empty.into_iter().filter_map(move |path| Some((path, read.clone()?)))
    };
    STEMS.into_iter().flat_map(of).collect()
}

/// The spellings of one of the four files that a directory holds.
fn present(dir: &Path, stem: &str, dimensions: char) -> Vec<PathBuf> {
    spellings(stem, dimensions).into_iter().map(|name| dir.join(name)).filter(|path| path.is_file()).collect()
}

fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.len() == 0)
}

/// Images and labels of one half of a data set.
///
/// # Errors
/// Unreadable, truncated, overlong, of another format, or not as many labels as images.
pub(super) fn read_part(images: &Path, labels: &Path) -> Result<Part, DataError> {
    let (sizes, pixels) = read(images, IMAGES)?;
    let (_, values) = read(labels, LABELS)?;
    if values.len() != sizes[0] {
        return Err(DataError::Mismatch {
            path: images.to_owned(),
            what: format!("{} images", sizes[0]),
            other: labels.to_owned(),
            other_what: format!("{} labels", values.len()),
        });
    }
    if pixels.is_empty() {
        return Err(DataError::Unsuitable {
            path: images.to_owned(),
            what: format!("holds {} images of {}×{} pixels: nothing", sizes[0], sizes[1], sizes[2]),
            advice: "Name another directory".to_owned(),
        });
    }
    Ok(Part { pixels, labels: values, shape: [sizes[1], sizes[2]] })
}

/// Images, rows and columns of a file of images, by its header alone.
pub(super) fn image_sizes(path: &Path) -> Result<[usize; 3], DataError> {
    let mut file = Source::open(path)?;
    let sizes = file.header(IMAGES)?;
    Ok([sizes[0], sizes[1], sizes[2]])
}

/// A file of labels.
pub(super) fn read_labels(path: &Path) -> Result<Vec<u8>, DataError> {
    Ok(read(path, LABELS)?.1)
}

/// Sizes of the dimensions (unused ones are 1) and the bytes.
fn read(path: &Path, magic: u32) -> Result<([usize; 3], Vec<u8>), DataError> {
    let mut file = Source::open(path)?;
    let sizes = file.header(magic)?;
    let header = header_length(magic);
    let too_much = || DataError::Unsuitable {
        path: path.to_owned(),
        what: format!(
            "its header asks for {} × {} × {} bytes, more than this machine can hold",
            sizes[0], sizes[1], sizes[2]
        ),
        advice: "The file is damaged: fetch or copy it again".to_owned(),
    };
    let count = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size)).ok_or_else(too_much)?;
    if let Some(length) = file.plain_length
        && length != header + count as u64
    {
        return Err(wrong_length(path, header + count as u64, length, &sizes));
    }
    let mut bytes = Vec::new();
    if file.plain_length.is_some() {
        bytes.try_reserve_exact(count + 1).map_err(|_| too_much())?;
    }
    file.fill(&mut bytes, count as u64 + 1)?;
    if bytes.len() != count {
        return Err(wrong_length(path, header + count as u64, header + bytes.len() as u64, &sizes));
    }
    Ok((sizes, bytes))
}

fn header_length(magic: u32) -> u64 {
    4 + 4 * u64::from(magic & 0xff)
}

fn wrong_length(path: &Path, expected: u64, found: u64, sizes: &[usize; 3]) -> DataError {
    let [n, rows, columns] = sizes;
    DataError::Length {
        path: path.to_owned(),
        expected,
        found,
        reason: format!("the header says {n} items of {rows}×{columns}"),
    }
}

/// A file, decompressed if need be.
struct Source {
    path: PathBuf,
    reader: Box<dyn Read>,
    /// Bytes of the file, if it is not compressed.
    plain_length: Option<u64>,
    /// Decompressed bytes read so far.
    position: u64,
}

impl Source {
    fn open(path: &Path) -> Result<Source, DataError> {
        let (reader, plain_length) = open(path)?;
        Ok(Source { path: path.to_owned(), reader, plain_length, position: 0 })
    }

    /// Reads up to `limit` further bytes; fewer if the file ends.
    fn fill(&mut self, bytes: &mut Vec<u8>, limit: u64) -> Result<(), DataError> {
        let before = bytes.len();
        let outcome = (&mut self.reader).take(limit).read_to_end(bytes);
        self.position += (bytes.len() - before) as u64;
        outcome.map(|_| ()).map_err(|source| match self.plain_length {
            Some(_) => DataError::io(&self.path, source),
            None => DataError::Gzip { path: self.path.clone(), decoded: self.position, source },
        })
    }

    /// What the file is instead, by its first bytes; `head` holds four of them.
    fn other_format(&mut self, mut head: Vec<u8>, magic: u32) -> DataError {
        let (expected, dimensions) = match magic {
            IMAGES => ("images: an idx file of unsigned bytes in 3 dimensions (image, row, column)", 3),
            _ => ("labels: an idx file of unsigned bytes in 1 dimension", 1),
        };
        let path = self.path.clone();
        // What cannot be read is not described; that the format is another is known already.
        let idx = [head.first(), head.get(1)] == [Some(&0), Some(&0)];
        let (found, advice) = match element(head.get(2).copied().unwrap_or(0)).filter(|_| idx) {
            Some(elements) => {
                let count = usize::from(head.get(3).copied().unwrap_or(0));
                self.fill(&mut head, 4 * count.min(8) as u64).ok();
                let sizes: Vec<String> = head[4..]
                    .chunks_exact(4)
                    .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]).to_string())
                    .collect();
                let found = format!(
                    "an idx file of {elements} in {count} dimension{} ({}; its first bytes are {:02x} {:02x} {:02x} {:02x})",
                    if count == 1 { "" } else { "s" },
                    sizes.join("×"),
                    head[0],
                    head[1],
                    head[2],
                    head[3]
                );
                let advice = match (head[2], count, dimensions) {
                    (0x08, 1, 3) | (0x08, 3, 1) => "The names of images and labels are swapped",
                    (0x08, ..) => "Write it in those dimensions",
                    _ => "Write it as unsigned bytes, 0 to 255",
                };
                (found, advice)
            }
            None => {
                self.fill(&mut head, HEAD as u64 - 4).ok();
                (described(&head), "Name the directory of the idx files with path in [[data]]")
            }
        };
        DataError::Format { path, found, expected: expected.to_owned(), advice: advice.to_owned() }
    }

    /// Checks the magic number and returns the sizes.
    fn header(&mut self, magic: u32) -> Result<[usize; 3], DataError> {
        let length = header_length(magic);
        let mut head = Vec::new();
        self.fill(&mut head, 4)?;
        let word = |at: usize, head: &[u8]| head.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
        let short = |found: usize| DataError::Length {
            path: self.path.clone(),
            expected: length,
            found: found as u64,
            reason: "the header alone".to_owned(),
        };
        let found = word(0, &head).ok_or_else(|| short(head.len()))?;
        if found != magic {
            return Err(self.other_format(head, magic));
        }
        self.fill(&mut head, length - 4)?;
        let mut sizes = [1; 3];
        for (dimension, size) in sizes.iter_mut().enumerate().take((magic & 0xff) as usize) {
            let short = DataError::Length {
                path: self.path.clone(),
                expected: length,
                found: head.len() as u64,
                reason: "the header alone".to_owned(),
            };
            *size = word(4 + 4 * dimension, &head).ok_or(short)? as usize;
        }
        Ok(sizes)
    }
}

/// Opens a file, through gzip if its content is; with its length if it is not.
pub(super) fn open(path: &Path) -> Result<(Box<dyn Read>, Option<u64>), DataError> {
    let fail = |source| DataError::io(path, source);
    let file = File::open(path).map_err(fail)?;
    let length = file.metadata().map_err(fail)?.len();
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let zipped = std::io::BufRead::fill_buf(&mut reader).map_err(fail)?.starts_with(&[0x1f, 0x8b]);
    if zipped { Ok((Box::new(MultiGzDecoder::new(reader)), None)) } else { Ok((Box::new(reader), Some(length))) }
}
