//! The idx format of MNIST: a big-endian header (two zeros, the type of the elements, the number of dimensions, and the
//! size of each), then the elements, big-endian. Plain or gzip, told apart by content.
//!
//! Images are unsigned bytes in three dimensions. Labels are unsigned bytes or 16- or 32-bit integers in one dimension, or a
//! table of 32-bit integers whose first column they are (QMNIST).
//!
//! Nothing is allocated on the word of a header alone, and a file must hold exactly what its header says.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::DataError;
use super::recognise::{HEAD, described, element};

/// What a file is expected to hold.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Content {
    Images,
    Labels,
}

/// Type of the elements and number of dimensions of images: unsigned bytes, three.
const IMAGES: [u8; 2] = [0x08, 3];
/// Likewise of labels: unsigned bytes, 16-bit and 32-bit integers, and a table of the latter.
const LABELS: [[u8; 2]; 4] = [[0x08, 1], [0x0b, 1], [0x0c, 1], [0x0c, 2]];

impl Content {
    fn takes(self, kind: [u8; 2]) -> bool {
        match self {
            Content::Images => kind == IMAGES,
            Content::Labels => LABELS.contains(&kind),
        }
    }
}

/// Bytes of an element of a type that is read.
fn width(element: u8) -> usize {
    match element {
        0x0b => 2,
        0x0c => 4,
        _ => 1,
    }
}

/// Images and their labels as they stand in the files.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Pixels `[image, row, column]`.
    pub(super) pixels: Vec<u8>,
    /// Label of each image.
    pub(super) labels: Vec<u32>,
    /// Rows and columns.
    pub(super) shape: [usize; 2],
}

impl Part {
    /// The same images with their rows as columns.
    pub(super) fn transposed(self) -> Part {
        let [rows, columns] = self.shape;
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for image in self.pixels.chunks_exact(rows * columns) {
            for column in 0..columns {
                pixels.extend(image.iter().skip(column).step_by(columns));
            }
        }
        Part { pixels, labels: self.labels, shape: [columns, rows] }
    }
}

/// Images and labels of one half of a data set.
///
/// # Errors
/// Unreadable, truncated, overlong, of another format, or not as many labels as images.
pub(super) fn read_part(images: &Path, labels: &Path) -> Result<Part, DataError> {
    let (Header { sizes, .. }, pixels) = read(images, Content::Images)?;
    let values = read_labels(labels)?;
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
    Ok(file.header(Content::Images)?.sizes)
}

/// A file of labels: of a table, its first column.
///
/// # Errors
/// As [`read_part`]; a label is negative or beyond 65535.
pub(super) fn read_labels(path: &Path) -> Result<Vec<u32>, DataError> {
    let (header, bytes) = read(path, Content::Labels)?;
    let (width, columns) = (width(header.element), header.sizes[1]);
    let rows = bytes.chunks_exact((width * columns).max(1)).enumerate();
    let label = |(row, bytes): (usize, &[u8])| {
        let number = match *bytes {
            [a, b, c, d, ..] if width == 4 => i32::from_be_bytes([a, b, c, d]),
            [a, b, ..] if width == 2 => i32::from(i16::from_be_bytes([a, b])),
            [a, ..] => i32::from(a),
            [] => 0,
        };
        // Class numbers of results have sixteen bits.
        u16::try_from(number).map(u32::from).map_err(|_| DataError::Unsuitable {
            path: path.to_owned(),
            what: format!("label {number} of sample {row} is no class number"),
            advice: format!("Labels are whole numbers from 0 to {}", u16::MAX),
        })
    };
    rows.map(label).collect()
}

/// The header, and the bytes of the elements.
fn read(path: &Path, content: Content) -> Result<(Header, Vec<u8>), DataError> {
    let mut file = Source::open(path)?;
    let found = file.header(content)?;
    let (sizes, header) = (found.sizes, found.length());
    let width = width(found.element);
    let too_much = || DataError::Unsuitable {
        path: path.to_owned(),
        what: format!(
            "its header asks for {} × {} × {} elements of {width} bytes, more than this machine can hold",
            sizes[0], sizes[1], sizes[2]
        ),
        advice: "The file is damaged: fetch or copy it again".to_owned(),
    };
    let count = sizes.iter().try_fold(width, |product, &size| product.checked_mul(size)).ok_or_else(too_much)?;
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
    Ok((found, bytes))
}

/// The header of a file of a type that is read.
#[derive(Debug, Clone, Copy)]
struct Header {
    /// Type of the elements.
    element: u8,
    /// Number of dimensions.
    dimensions: u8,
    /// Size of each; 1 for those that there are not.
    sizes: [usize; 3],
}

impl Header {
    /// Bytes of the header.
    fn length(self) -> u64 {
        4 + 4 * u64::from(self.dimensions)
    }
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
    fn other_format(&mut self, mut head: Vec<u8>, content: Content) -> DataError {
        let expected = match content {
            Content::Images => "images: an idx file of unsigned bytes in 3 dimensions (image, row, column)",
            Content::Labels => {
                "labels: an idx file of unsigned bytes in 1 dimension, of 16- or 32-bit integers in 1 dimension, or a table of \
                 32-bit integers whose first column they are"
            }
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
                let other = if content == Content::Images { Content::Labels } else { Content::Images };
                let advice = match (head[2], content) {
                    _ if other.takes([head[2], head[3]]) => "The names of images and labels are swapped",
                    (0x08, _) => "Write it in those dimensions",
                    (_, Content::Images) => "Write it as unsigned bytes, 0 to 255",
                    (_, Content::Labels) => "Write it as unsigned bytes or 32-bit integers, in 1 dimension",
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

    /// The header of a file that holds what is expected.
    fn header(&mut self, content: Content) -> Result<Header, DataError> {
        // Where there are no four bytes, as many more are missing as the usual file has.
        let usual = if content == Content::Images { 16 } else { 8 };
        let mut head = Vec::new();
        self.fill(&mut head, 4)?;
        let word = |at: usize, head: &[u8]| head.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
        let path = self.path.clone();
        let short = |expected: u64, found: usize| DataError::Length {
            path: path.clone(),
            expected,
            found: found as u64,
            reason: "the header alone".to_owned(),
        };
        let [0, 0, element, dimensions] = head[..] else {
            let short = (head.len() < 4).then(|| short(usual, head.len()));
            return Err(short.unwrap_or_else(|| self.other_format(head, content)));
        };
        if !content.takes([element, dimensions]) {
            return Err(self.other_format(head, content));
        }
        let mut header = Header { element, dimensions, sizes: [1; 3] };
        self.fill(&mut head, header.length() - 4)?;
        for (dimension, size) in header.sizes.iter_mut().enumerate().take(usize::from(dimensions)) {
            *size = word(4 + 4 * dimension, &head).ok_or_else(|| short(4 + 4 * u64::from(dimensions), head.len()))?
                as usize;
        }
        Ok(header)
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
