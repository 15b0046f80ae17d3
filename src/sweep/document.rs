//! The sweep file as a tree of values that know where they were written.
//!
//! The `toml` crate parses; this copy of its tree exists because a value may also come from `--set`, and an error has
//! to point into whichever text it came from.

use super::diagnostics::Diagnostics;
use super::place::{FILE, Located, Place, SourceId};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A TOML value whose parts know their places.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// A string.
    String(String),
    /// An integer of any size that fits 128 bits.
    Integer(i128),
    /// A float; NaN and infinities included.
    Float(f64),
    /// A boolean.
    Boolean(bool),
    /// A date or time; no key of a sweep file takes one.
    Datetime,
    /// An array.
    Array(Vec<Node>),
    /// A table.
    Table(Table),
}

/// A value and its place.
pub(crate) type Node = Located<Value>;

/// A table's entries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// Keys are distinct.
    pub(crate) entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The key, underlined where it is unknown.
    pub(crate) key: Located<String>,
    /// The value.
    pub(crate) value: Node,
}

impl Value {
    /// The type in a sentence: "found a string".
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Value::String(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number with a fraction",
            Value::Boolean(_) => "true or false",
            Value::Datetime => "a date",
            Value::Array(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

impl Table {
    /// The entry of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key.value == key)
    }

    /// The entry of a key, to be changed.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.key.value == key)
    }
}

/// Parses a sweep file's text; every syntax error is pushed. `None` if what could be read is not worth checking
/// further: only keys given twice leave the rest of the text trustworthy.
pub(crate) fn parse(text: &str, diagnostics: &mut Diagnostics) -> Option<Table> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let readable = errors.iter().all(|error| error.message() == "duplicate key");
    // What follows the first syntax error may be an echo of it; a duplicate key is never one.
    let mut syntax = 0;
    for error in &errors {
        let duplicate = error.message() == "duplicate key";
        syntax += usize::from(!duplicate);
        if !duplicate && syntax > 1 && same_line(text, &errors, error) {
            continue;
        }
        let message = if duplicate { "this key was given before".into() } else { syntax_message(error.message()) };
        match error.span() {
            Some(span) => diagnostics.error(&Place { source: FILE, span }, message),
            None => diagnostics.unplaced(message),
        };
    }
    readable.then(|| table(root.get_ref(), FILE, 0))
}

/// Whether an earlier syntax error stands on the line of this one.
fn same_line(text: &str, errors: &[toml::de::Error], error: &toml::de::Error) -> bool {
    let line = |error: &toml::de::Error| {
        let start = error.span()?.start.min(text.len());
        Some(text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count())
    };
    errors.iter().take_while(|earlier| !std::ptr::eq(*earlier, error)).any(|earlier| line(earlier) == line(error))
}

fn syntax_message(message: &str) -> String {
    format!("not valid TOML: {message}")
}

/// Parses the value of a `--set`, which starts at byte `offset` of the argument: TOML, or else a bare string. What
/// begins as a list, table or quoted string and is not one is an error.
pub(crate) fn parse_override_value(
    text: &str,
    source: SourceId,
    offset: usize,
    diagnostics: &mut Diagnostics,
) -> Option<Node> {
    let whole = Place { source, span: offset..offset + text.len() };
    match DeValue::parse(text) {
        Ok(value) => Some(node(&value, source, offset)),
        Err(error) if text.starts_with(['[', '{', '"', '\'']) => {
            let place =
                error.span().map_or(whole, |span| Place { source, span: offset + span.start..offset + span.end });
            diagnostics.error(&place, syntax_message(error.message()));
            None
        }
        Err(_) => Some(Located::new(Value::String(text.into()), whole)),
    }
}

fn place(span: std::ops::Range<usize>, source: SourceId, offset: usize) -> Place {
    Place { source, span: offset + span.start..offset + span.end }
}

fn table(table: &DeTable<'_>, source: SourceId, offset: usize) -> Table {
    let entry = |(key, value): (&Spanned<toml::de::DeString<'_>>, &Spanned<DeValue<'_>>)| Entry {
        key: Located::new(key.get_ref().to_string(), place(key.span(), source, offset)),
        value: node(value, source, offset),
    };
    Table { entries: table.iter().map(entry).collect() }
}

fn node(value: &Spanned<DeValue<'_>>, source: SourceId, offset: usize) -> Node {
    let converted = match value.get_ref() {
        DeValue::String(string) => Value::String(string.to_string()),
        DeValue::Integer(integer) => match i128::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Value::Integer(number),
            // Larger than 128 bits: out of every range, like an infinity, and reported as such.
            Err(_) if integer.as_str().starts_with('-') => Value::Integer(i128::MIN),
            Err(_) => Value::Integer(i128::MAX),
        },
        DeValue::Float(float) => Value::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Datetime(_) => Value::Datetime,
        DeValue::Array(items) => Value::Array(items.iter().map(|item| node(item, source, offset)).collect()),
        DeValue::Table(entries) => Value::Table(table(entries, source, offset)),
    };
    Located::new(converted, place(value.span(), source, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, key: &str) -> (Value, String) {
        let mut diagnostics = Diagnostics::new("a", text);
        let root = parse(text, &mut diagnostics).unwrap();
        let node = &root.get(key).unwrap().value;
        (node.value.clone(), text[node.place.span.clone()].to_string())
    }

    #[test]
    fn numbers_keep_their_value_in_every_notation() {
        for (text, expected) in [("a = 1_000", 1000), ("a = 0x1F", 31), ("a = -7", -7), ("a = +3", 3)] {
            let (value, shown) = at(text, "a");
            assert!(matches!(value, Value::Integer(n) if n == expected), "{value:?}");
            assert_eq!(shown, &text[4..]);
        }
        for (text, expected) in [("a = 1_0.5e-1", 1.05), ("a = -inf", f64::NEG_INFINITY), ("a = 1e2", 100.0)] {
            assert!(matches!(at(text, "a").0, Value::Float(x) if x == expected));
        }
        assert!(matches!(at("a = nan", "a").0, Value::Float(x) if x.is_nan()));
    }

    #[test]
    fn a_tables_place_is_its_header() {
        assert_eq!(at("\n[train]\nepochs = 1\n", "train").1, "[train]");
        let (value, _) = at("[[data]]\na=1\n[[data]]\na=2\n", "data");
        let Value::Array(items) = value else { panic!("{value:?}") };
        assert_eq!(items[1].place.span, 13..21);
    }

    #[test]
    fn a_bare_word_is_a_string_and_a_broken_list_is_not() {
        let mut diagnostics = Diagnostics::new("a", "");
        let source = diagnostics.add_override("k=/data/mnist");
        let bare = parse_override_value("/data/mnist", source, 2, &mut diagnostics).unwrap();
        assert!(matches!(bare.value, Value::String(path) if path == "/data/mnist"));
        assert!(diagnostics.is_empty());
        assert!(parse_override_value("[0.1, 0.2", source, 2, &mut diagnostics).is_none());
        assert_eq!(diagnostics.len(), 1);
    }
}
