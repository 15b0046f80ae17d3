//! NumPy's `.npy`: a header, which is a Python dictionary of three keys, and the bytes of an array (NumPy enhancement
//! proposal 1; versions 1 to 3). A data set is a directory of such files, an array each.
//!
//! The dictionary is read here: the crates for it bring a parser of Python's literals, built by a generator of parsers, and
//! take memory by the length that a header claims.
//!
//! Invariants: an array of Python objects is refused by name and never unpickled; a file is as long as its header says.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use super::container::{Container, Inputs, Refusal, Targets, sizes_of};
use super::element::{Element, Stored};

/// Bytes of a header's text, at most; NumPy itself reads 10000 unless it is told more.
const LONGEST: usize = 1 << 16;

/// The first bytes of a file.
const MAGIC: &[u8] = b"\x93NUMPY";

/// A header.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub(super) stored: Stored,
    /// Bytes before the elements.
    pub(super) length: u64,
}

/// Reads the header of the array called `name`.
pub(super) fn header(name: &str, reader: &mut dyn Read) -> Result<Header, Refusal> {
    let torn = |error: std::io::Error| Refusal::unreadable(name, &error);
    let damaged = |what: &str| {
        Refusal::new(format!("`{name}` is no sound NumPy array: {what}"), "Write it again with np.save or np.savez")
    };
    let mut head = [0; 8];
    reader.read_exact(&mut head).map_err(torn)?;
    if !head.starts_with(MAGIC) {
        return Err(damaged("its first bytes are not those of .npy"));
    }
    let (length, before) = match head[6] {
        1 => {
            let mut length = [0; 2];
            reader.read_exact(&mut length).map_err(torn)?;
            (usize::from(u16::from_le_bytes(length)), 10)
        }
        2 | 3 => {
            let mut length = [0; 4];
            reader.read_exact(&mut length).map_err(torn)?;
            (u32::from_le_bytes(length) as usize, 12)
        }
        version => return Err(damaged(&format!("its format has version {version}; 1 to 3 are read"))),
    };
    if length > LONGEST {
        return Err(damaged(&format!("its header claims {length} bytes")));
    }
    let mut text = vec![0; length];
    reader.read_exact(&mut text).map_err(torn)?;
    let text = std::str::from_utf8(&text).map_err(|_| damaged("its header is no text"))?;
    let entries = entries(text).ok_or_else(|| damaged("its header is no dictionary"))?;
    let value = |key: &str| {
        let found = entries.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        found.ok_or_else(|| damaged(&format!("its header lacks {key}")))
    };
    let fortran = match value("fortran_order")? {
        "True" => true,
        "False" => false,
        other => return Err(damaged(&format!("its fortran_order is {other}"))),
    };
    let shape = shape(value("shape")?).ok_or_else(|| damaged("its shape is no list of whole numbers"))?;
    let (element, big_endian) = element(name, value("descr")?)?;
    Ok(Header { stored: Stored { element, big_endian, fortran, shape }, length: (before + length) as u64 })
}

/// The entries of a dictionary's text: keys without their quotation marks, values as they are written.
fn entries(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim_start();
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|quote| ['\'', '"'].contains(quote))?;
        let (key, after) = rest[1..].split_once(quote)?;
        let value = after.trim_start().strip_prefix(':')?.trim_start();
        let end = end_of_value(value);
        entries.push((key, value[..end].trim_end()));
        rest = value[end..].strip_prefix(',').unwrap_or(&value[end..]).trim_start();
    }
    Some(entries)
}

/// Where a value ends: at the comma that is in no brackets or quotation marks.
fn end_of_value(text: &str) -> usize {
    let (mut depth, mut quote) = (0_i64, None);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, ',') if depth <= 0 => return at,
            _ => {}
        }
    }
    text.len()
}

/// "(3, 4)", "(3,)" or "()"; NumPy under Python 2 wrote "(3L, 4L)".
fn shape(text: &str) -> Option<Vec<usize>> {
    let inside = text.strip_prefix('(')?.strip_suffix(')')?.trim();
    let inside = inside.strip_suffix(',').unwrap_or(inside);
    if inside.is_empty() {
        return Some(Vec::new());
    }
    inside.split(',').map(|size| size.trim().trim_end_matches('L').parse().ok()).collect()
}

/// The type of elements that a descriptor names, and whether it is big-endian.
fn element(name: &str, descriptor: &str) -> Result<(Element, bool), Refusal> {
    let numbers = "Save numbers, as in np.asarray(x, dtype=np.float32)";
    let refuse = |what: String| Err(Refusal::new(format!("`{name}` {what}"), numbers));
    if descriptor.starts_with('[') {
        return refuse("is a structured array, of fields with types of their own".to_owned());
    }
    let plain = descriptor.trim_matches(['\'', '"']);
    let unknown = || refuse(format!("has elements of the type {descriptor}, which is not read"));
    let mut letters = plain.chars();
    let Some(order) = letters.next() else { return unknown() };
    let (order, rest) = if "<>|=".contains(order) { (order, letters.as_str()) } else { ('=', plain) };
    let mut letters = rest.chars();
    let Some(kind) = letters.next() else { return unknown() };
    if kind == 'O' {
        return Err(Refusal::new(
            format!(
                "`{name}` is an array of Python objects (dtype object), which NumPy pickles: it is not read, since to unpickle \
                 is to run what is in the file. Lists of unequal lengths become such arrays"
            ),
            "Save numbers of one shape, as in np.asarray(x, dtype=np.float32), with short rows filled up",
        ));
    }
    let Ok(size) = letters.as_str().parse::<usize>() else { return unknown() };
    let element = match (kind, size) {
        ('b', 1) => Element::Bool,
        ('u', 1) => Element::U8,
        ('i', 1) => Element::I8,
        ('u', 2) => Element::U16,
        ('i', 2) => Element::I16,
        ('u', 4) => Element::U32,
        ('i', 4) => Element::I32,
        ('u', 8) => Element::U64,
        ('i', 8) => Element::I64,
        ('f', 2) => Element::F16,
        ('f', 4) => Element::F32,
        ('f', 8) => Element::F64,
        ('S' | 'a', 1..) => Element::Bytes(size),
        ('U', 1..) => Element::Unicode(size),
        ('c', _) => return refuse("holds complex numbers".to_owned()),
        _ => return unknown(),
    };
    Ok((element, order == '>' || (order == '=' && cfg!(target_endian = "big"))))
}

/// A directory of `.npy` files.
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    pub(super) fn new(path: &Path) -> Directory {
        Directory { path: path.to_owned() }
    }

    /// A file's header, held against the file's length, and the file behind it.
    fn open(&self, name: &str) -> Result<(Header, BufReader<File>), Refusal> {
        let plain = self.path.join(name);
        let path = if plain.is_file() { plain } else { self.path.join(format!("{name}.npy")) };
        let torn = |error: std::io::Error| Refusal::unreadable(name, &error);
        let file = File::open(&path).map_err(torn)?;
        let length = file.metadata().map_err(torn)?.len();
        let mut reader = BufReader::new(file);
        let header = header(name, &mut reader)?;
        fits(name, &header, length)?;
        Ok((header, reader))
    }
}

/// Refuses a header that asks for other than the `length` bytes of which it is the beginning.
pub(super) fn fits(name: &str, header: &Header, length: u64) -> Result<(), Refusal> {
    let expected = header.stored.bytes().and_then(|bytes| bytes.checked_add(header.length));
    if expected == Some(length) {
        return Ok(());
    }
    let sizes = sizes_of(&header.stored.shape);
    let asked = expected.map_or_else(|| "more bytes than can be counted".to_owned(), |bytes| format!("{bytes} bytes"));
    Err(Refusal::new(
        format!(
            "`{name}` has {length} bytes where its header, of {sizes} {}, asks for {asked}",
            header.stored.element.name()
        ),
        "The file is truncated or damaged: copy or write it again",
    ))
}

impl Container for Directory {
    fn names(&mut self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        let stem = |path: PathBuf| match path.extension() {
            Some(extension) if extension == "npy" => Some(path.file_stem()?.to_string_lossy().into_owned()),
            _ => None,
        };
        let mut names: Vec<String> = entries.filter_map(|entry| stem(entry.path())).collect();
        names.sort();
        names
    }

    fn shape(&mut self, name: &str) -> Result<Vec<usize>, Refusal> {
        Ok(self.open(name)?.0.stored.shape)
    }

    fn element(&mut self, name: &str) -> Result<String, Refusal> {
        Ok(self.open(name)?.0.stored.element.name())
    }

    fn inputs(&mut self, name: &str) -> Result<Inputs, Refusal> {
        let (header, mut reader) = self.open(name)?;
        header.stored.inputs(name, &mut reader)
    }

    fn targets(&mut self, name: &str) -> Result<Targets, Refusal> {
        let (header, mut reader) = self.open(name)?;
        header.stored.targets(name, &mut reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dictionary: &str) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((dictionary.len() as u16).to_le_bytes());
        bytes.extend(dictionary.as_bytes());
        bytes
    }

    fn read(dictionary: &str) -> Result<Header, Refusal> {
        header("x", &mut file(dictionary).as_slice())
    }

    #[test]
    fn headers_are_read_as_numpy_writes_them() {
        let header = read("{'descr': '>f8', 'fortran_order': True, 'shape': (3, 4), }   \n").expect("a header");
        let stored = Stored { element: Element::F64, big_endian: true, fortran: true, shape: vec![3, 4] };
        assert_eq!((header.stored, header.length), (stored, 10 + 62));
        for (shape, expected) in [("()", vec![]), ("(7,)", vec![7]), ("(2L, 3L)", vec![2, 3])] {
            let header =
                read(&format!("{{\"descr\":\"|u1\",'shape':{shape},'fortran_order':False}}")).expect("a header");
            assert_eq!(header.stored.shape, expected);
        }
        assert_eq!(
            read("{'descr': '<U5', 'fortran_order': False, 'shape': (2,)}").unwrap().stored.element,
            Element::Unicode(5)
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        for (descriptor, word) in [
            ("'|O'", "pickles"),
            ("[('a', '<i4'), ('b', '<f8', (2, 3))]", "structured"),
            ("'<c16'", "complex"),
            ("'<M8[ns]'", "<M8[ns]"),
            ("'|V4'", "|V4"),
            ("'<f16'", "<f16"),
            ("''", "not read"),
            ("'<'", "not read"),
            ("'é4'", "not read"),
        ] {
            let told =
                read(&format!("{{'descr': {descriptor}, 'fortran_order': False, 'shape': (2,), }}")).unwrap_err();
            assert!(told.what.contains(word) && told.what.contains("`x`"), "{descriptor}: {told:?}");
        }
        for (dictionary, word) in [
            ("[1]", "no dictionary"),
            ("{'descr': '<f4', 'shape': (2,)}", "lacks fortran_order"),
            ("{'descr': '<f4', 'fortran_order': 1, 'shape': (2,)}", "fortran_order is 1"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", "shape"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': 2}", "shape"),
            ("{'descr' '<f4'}", "no dictionary"),
            ("{'é", "no dictionary"),
        ] {
            let told = read(dictionary).unwrap_err();
            assert!(told.what.contains(word), "{dictionary}: {told:?}");
        }
        let long = [b"\x93NUMPY\x02\x00".as_slice(), &u32::MAX.to_le_bytes()].concat();
        assert!(header("x", &mut long.as_slice()).unwrap_err().what.contains("claims 4294967295 bytes"));
        assert!(header("x", &mut &b"\x93NUMPY\x09\x00"[..]).unwrap_err().what.contains("version 9"));
    }
}
