//! Types of elements that arrays come in, and how their bytes become inputs and targets.
//!
//! Invariants: bytes are taken in bounded pieces and converted into their place, whatever their byte order and whichever
//! dimension comes first. Memory is taken for as many elements as the caller has found bytes for ([`Stored::bytes`] against
//! the file), never on the word of a header.

use std::io::Read;

use super::container::{Inputs, Refusal, Targets, Texts, sizes_of, too_many};

/// Bytes that are converted at a time.
const PIECE: usize = 1 << 18;

/// A type of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    BF16,
    F32,
    F64,
    /// Texts of so many bytes, padded with zeros.
    Bytes(usize),
    /// Texts of so many code points of 32 bits, padded with zeros.
    Unicode(usize),
}

impl Element {
    /// Bytes of an element.
    pub(super) fn width(self) -> usize {
        match self {
            Element::Bool | Element::U8 | Element::I8 => 1,
            Element::U16 | Element::I16 | Element::F16 | Element::BF16 => 2,
            Element::U32 | Element::I32 | Element::F32 => 4,
            Element::U64 | Element::I64 | Element::F64 => 8,
            Element::Bytes(width) => width,
            Element::Unicode(points) => points.saturating_mul(4),
        }
    }

    /// Its name, as NumPy has it.
    pub(super) fn name(self) -> String {
        let name = match self {
            Element::Bool => "bool",
            Element::U8 => "uint8",
            Element::I8 => "int8",
            Element::U16 => "uint16",
            Element::I16 => "int16",
            Element::U32 => "uint32",
            Element::I32 => "int32",
            Element::U64 => "uint64",
            Element::I64 => "int64",
            Element::F16 => "float16",
            Element::BF16 => "bfloat16",
            Element::F32 => "float32",
            Element::F64 => "float64",
            Element::Bytes(_) | Element::Unicode(_) => "texts",
        };
        name.to_owned()
    }

    fn is_text(self) -> bool {
        matches!(self, Element::Bytes(_) | Element::Unicode(_))
    }
}

/// How an array lies in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) element: Element,
    /// Most significant byte first.
    pub(super) big_endian: bool,
    /// The first dimension changes fastest, as in Fortran.
    pub(super) fortran: bool,
    pub(super) shape: Vec<usize>,
}

impl Stored {
    /// Number of elements; `None` where it cannot be counted.
    fn count(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size))
    }

    /// Bytes of all elements; `None` where they cannot be counted.
    pub(super) fn bytes(&self) -> Option<u64> {
        let bytes = u64::try_from(self.count()?).ok()?.checked_mul(self.element.width() as u64)?;
        // No buffer may be larger.
        (bytes <= isize::MAX as u64).then_some(bytes)
    }

    /// Reads the array called `name` as inputs; the caller has found as many bytes as it needs.
    pub(super) fn inputs(&self, name: &str, reader: &mut dyn Read) -> Result<Inputs, Refusal> {
        if self.element.is_text() {
            return Err(Refusal::new(
                format!("`{name}` holds texts, and inputs are numbers"),
                "Name the array of numbers with inputs in [[data]]",
            ));
        }
        if matches!(self.element, Element::U8 | Element::Bool) {
            let mut bytes = self.room(name, 0_u8)?;
            if self.fortran {
                let mut places = self.places();
                self.pieces(name, reader, |piece| piece.iter().for_each(|&byte| bytes[places.next()] = byte))?;
            } else {
                reader.read_exact(&mut bytes).map_err(|error| Refusal::unreadable(name, &error))?;
            }
            if self.element == Element::Bool {
                bytes.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
            }
            return Ok(Inputs::Bytes(bytes));
        }
        let mut floats = self.room(name, 0.0_f32)?;
        let mut places = self.places();
        self.pieces(name, reader, |piece| self.floats(piece, |value| floats[places.next()] = value))?;
        Ok(Inputs::Floats(floats))
    }

    /// Reads the array called `name` as targets; the caller has found as many bytes as it needs.
    pub(super) fn targets(&self, name: &str, reader: &mut dyn Read) -> Result<Targets, Refusal> {
        let mut places = self.places();
        match self.element {
            Element::Bytes(_) | Element::Unicode(_) => {
                let mut texts = Texts::of(self.room(name, 0_u32)?);
                let (mut wrong, mut many) = (None, false);
                self.pieces(name, reader, |piece| {
                    for bytes in piece.chunks_exact(self.element.width()) {
                        let place = places.next();
                        match self.text(bytes) {
                            Some(text) => match texts.number(&text) {
                                Some(number) => texts.at[place] = number,
                                None => many = true,
                            },
                            None => wrong = wrong.or(Some(place)),
                        }
                    }
                })?;
                match wrong {
                    None if many => Err(too_many(name)),
                    None => Ok(Targets::Texts(texts)),
                    Some(place) => Err(Refusal::new(
                        format!("text {place} of `{name}` (counted from 0) is not Unicode"),
                        "Write texts as UTF-8 or as NumPy's <U",
                    )),
                }
            }
            Element::F16 | Element::BF16 | Element::F32 | Element::F64 => {
                let mut reals = self.room(name, 0.0_f64)?;
                self.pieces(name, reader, |piece| self.reals(piece, |value| reals[places.next()] = value))?;
                Ok(Targets::Reals(reals))
            }
            _ => {
                let mut integers = self.room(name, 0_i64)?;
                let mut wrong = None;
                self.pieces(name, reader, |piece| {
                    self.integers(piece, |value| {
                        let place = places.next();
                        match i64::try_from(value) {
                            Ok(value) => integers[place] = value,
                            Err(_) => wrong = Some(value),
                        }
                    });
                })?;
                wrong.map_or(Ok(Targets::Integers(integers)), |value| Err(beyond(name, value)))
            }
        }
    }

    /// So many elements of a value.
    fn room<T: Clone>(&self, name: &str, value: T) -> Result<Vec<T>, Refusal> {
        let too_much = || {
            Refusal::new(
                format!("`{name}` has {} elements, more than this machine can hold", sizes_of(&self.shape)),
                "Store fewer samples, or take a machine with more memory",
            )
        };
        let count = self.count().ok_or_else(too_much)?;
        let mut room = Vec::new();
        room.try_reserve_exact(count).map_err(|_| too_much())?;
        room.resize(count, value);
        Ok(room)
    }

    /// Hands the array's bytes on, whole elements at a time.
    fn pieces(&self, name: &str, reader: &mut dyn Read, mut take: impl FnMut(&[u8])) -> Result<(), Refusal> {
        let width = self.element.width().max(1);
        let mut left = self.bytes().unwrap_or(0);
        let whole = (PIECE / width * width).max(width) as u64;
        let mut buffer = vec![0; whole.min(left) as usize];
        while left > 0 {
            let piece = &mut buffer[..whole.min(left) as usize];
            reader.read_exact(piece).map_err(|error| Refusal::unreadable(name, &error))?;
            take(piece);
            left -= piece.len() as u64;
        }
        Ok(())
    }

    fn floats(&self, bytes: &[u8], mut put: impl FnMut(f32)) {
        let big = self.big_endian;
        match self.element {
            Element::I8 => bytes.iter().for_each(|&byte| put(f32::from(byte as i8))),
            Element::U16 => each(bytes, big, u16::from_be_bytes, u16::from_le_bytes, |x| put(f32::from(x))),
            Element::I16 => each(bytes, big, i16::from_be_bytes, i16::from_le_bytes, |x| put(f32::from(x))),
            Element::U32 => each(bytes, big, u32::from_be_bytes, u32::from_le_bytes, |x| put(x as f32)),
            Element::I32 => each(bytes, big, i32::from_be_bytes, i32::from_le_bytes, |x| put(x as f32)),
            Element::U64 => each(bytes, big, u64::from_be_bytes, u64::from_le_bytes, |x| put(x as f32)),
            Element::I64 => each(bytes, big, i64::from_be_bytes, i64::from_le_bytes, |x| put(x as f32)),
            Element::F32 => each(bytes, big, f32::from_be_bytes, f32::from_le_bytes, put),
            _ => self.reals(bytes, |x| put(x as f32)),
        }
    }

    fn reals(&self, bytes: &[u8], mut put: impl FnMut(f64)) {
        use half::{bf16, f16};
        let big = self.big_endian;
        match self.element {
            Element::F16 => each(bytes, big, f16::from_be_bytes, f16::from_le_bytes, |x| put(x.to_f64())),
            Element::BF16 => each(bytes, big, bf16::from_be_bytes, bf16::from_le_bytes, |x| put(x.to_f64())),
            Element::F32 => each(bytes, big, f32::from_be_bytes, f32::from_le_bytes, |x| put(f64::from(x))),
            Element::F64 => each(bytes, big, f64::from_be_bytes, f64::from_le_bytes, put),
            _ => self.integers(bytes, |x| put(x as f64)),
        }
    }

    fn integers(&self, bytes: &[u8], mut put: impl FnMut(i128)) {
        let big = self.big_endian;
        match self.element {
            Element::Bool => bytes.iter().for_each(|&byte| put(i128::from(byte != 0))),
            Element::I8 => bytes.iter().for_each(|&byte| put(i128::from(byte as i8))),
            Element::U16 => each(bytes, big, u16::from_be_bytes, u16::from_le_bytes, |x| put(x.into())),
            Element::I16 => each(bytes, big, i16::from_be_bytes, i16::from_le_bytes, |x| put(x.into())),
            Element::U32 => each(bytes, big, u32::from_be_bytes, u32::from_le_bytes, |x| put(x.into())),
            Element::I32 => each(bytes, big, i32::from_be_bytes, i32::from_le_bytes, |x| put(x.into())),
            Element::U64 => each(bytes, big, u64::from_be_bytes, u64::from_le_bytes, |x| put(x.into())),
            Element::I64 => each(bytes, big, i64::from_be_bytes, i64::from_le_bytes, |x| put(x.into())),
            // Floats and texts are read as such.
            _ => bytes.iter().for_each(|&byte| put(i128::from(byte))),
        }
    }

    /// A text without its padding; `None` where its bytes are no text.
    fn text(&self, bytes: &[u8]) -> Option<String> {
        match self.element {
            Element::Unicode(_) => {
                let mut points: Vec<u32> = Vec::new();
                let big = self.big_endian;
                each(bytes, big, u32::from_be_bytes, u32::from_le_bytes, |point| points.push(point));
                let length = points.iter().rposition(|&point| point != 0).map_or(0, |last| last + 1);
                points[..length].iter().map(|&point| char::from_u32(point)).collect()
            }
            _ => {
                let length = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
                std::str::from_utf8(&bytes[..length]).ok().map(str::to_owned)
            }
        }
    }

    fn places(&self) -> Places {
        let mut strides = vec![1; self.shape.len()];
        for dimension in (1..self.shape.len()).rev() {
            strides[dimension - 1] = strides[dimension] * self.shape[dimension];
        }
        let at = vec![0; if self.fortran { self.shape.len() } else { 0 }];
        Places { at, strides, shape: self.shape.clone(), place: 0 }
    }
}

/// A label that no file of classes means.
pub(super) fn beyond(name: &str, value: i128) -> Refusal {
    Refusal::new(format!("`{name}` holds the label {value}, which does not fit 64 bits"), "Number the classes from 0")
}

/// Each element of a piece.
fn each<const N: usize, T>(
    bytes: &[u8],
    big_endian: bool,
    from_big: impl Fn([u8; N]) -> T,
    from_little: impl Fn([u8; N]) -> T,
    mut put: impl FnMut(T),
) {
    let (elements, _) = bytes.as_chunks::<N>();
    match big_endian {
        true => elements.iter().for_each(|element| put(from_big(*element))),
        false => elements.iter().for_each(|element| put(from_little(*element))),
    }
}

/// The place in C order of each element, in the order in which they are stored.
struct Places {
    /// Index along each dimension, where the first changes fastest; empty where the last does.
    at: Vec<usize>,
    strides: Vec<usize>,
    shape: Vec<usize>,
    place: usize,
}

impl Places {
    fn next(&mut self) -> usize {
        let place = self.place;
        if self.at.is_empty() {
            self.place += 1;
            return place;
        }
        for (at, (stride, size)) in self.at.iter_mut().zip(self.strides.iter().zip(&self.shape)) {
            *at += 1;
            self.place += stride;
            if *at < *size {
                break;
            }
            self.place -= stride * size;
            *at = 0;
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(element: Element, shape: &[usize]) -> Stored {
        Stored { element, big_endian: false, fortran: false, shape: shape.to_vec() }
    }

    #[test]
    fn elements_of_both_byte_orders_are_numbers() {
        let big = Stored { big_endian: true, ..stored(Element::I16, &[2]) };
        assert_eq!(big.inputs("x", &mut &[0xff, 0xfe, 0x01, 0x00][..]), Ok(Inputs::Floats(vec![-2.0, 256.0])));
        let little = stored(Element::I16, &[2]);
        assert_eq!(little.targets("x", &mut &[0xfe, 0xff, 0x00, 0x01][..]), Ok(Targets::Integers(vec![-2, 256])));
        let half = stored(Element::F16, &[1]);
        assert_eq!(half.inputs("x", &mut &[0x00, 0x3e][..]), Ok(Inputs::Floats(vec![1.5])));
        let bool = stored(Element::Bool, &[3]);
        assert_eq!(bool.inputs("x", &mut &[0, 7, 1][..]), Ok(Inputs::Bytes(vec![0, 1, 1])));
    }

    #[test]
    fn the_first_dimension_may_change_fastest() {
        // [[[0, 1], [2, 3], [4, 5]], [[6, …]]] in Fortran order.
        let order = [0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11];
        let array = Stored { fortran: true, ..stored(Element::U8, &[2, 3, 2]) };
        let expected: Vec<u8> = (0..12).collect();
        assert_eq!(array.inputs("x", &mut &order[..]), Ok(Inputs::Bytes(expected.clone())));
        let floats = Stored { element: Element::I8, ..array };
        let expected = expected.into_iter().map(f32::from).collect();
        assert_eq!(floats.inputs("x", &mut &order[..]), Ok(Inputs::Floats(expected)));
    }

    #[test]
    fn texts_lose_their_padding_alone() {
        let points = stored(Element::Unicode(2), &[2]);
        let bytes: Vec<u8> = [0xe9_u32, 0, 0x61, 0x1f600].iter().flat_map(|point| point.to_le_bytes()).collect();
        let Ok(Targets::Texts(texts)) = points.targets("y", &mut bytes.as_slice()) else { panic!("no texts") };
        assert_eq!((texts.by_number(), texts.at.as_slice()), (vec!["é", "a\u{1f600}"], &[0, 1][..]));
        let wrong = [0xd800_u32, 0, 0, 0].iter().flat_map(|point| point.to_le_bytes()).collect::<Vec<u8>>();
        assert!(points.targets("y", &mut wrong.as_slice()).unwrap_err().what.contains("text 0 of `y`"));
        assert!(points.inputs("y", &mut bytes.as_slice()).unwrap_err().what.contains("inputs are numbers"));
    }

    #[test]
    fn what_is_missing_or_too_large_is_refused() {
        assert!(
            stored(Element::F64, &[2]).inputs("x", &mut &[0; 15][..]).unwrap_err().what.contains("`x` cannot be read")
        );
        let large = stored(Element::U64, &[1]).targets("y", &mut &[0xff; 8][..]).unwrap_err();
        assert!(large.what.contains("18446744073709551615"), "{large:?}");
        assert_eq!(stored(Element::F32, &[usize::MAX, 3]).bytes(), None);
        assert_eq!(stored(Element::Unicode(usize::MAX), &[1, 2]).bytes(), None);
    }
}
