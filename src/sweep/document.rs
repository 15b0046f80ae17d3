//! The sweep file as a tree of values that know where they were written.
//!
//! The `toml` crate parses; this copy of its tree exists because a value may also come from `--set`, and an error has
//! to point into whichever text it came from. A value of `--set` is a text until its key's reader asks for a type: see
//! `written`.

use super::diagnostics::Diagnostics;
use super::place::{FILE, Located, Place, SourceId};
use std::collections::HashSet;
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
    /// The text of a `--set`, whose type is its key's.
    Written(String),
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
    /// The type in a sentence: "found a string". What `--set` gives is named by its text.
    pub(crate) fn type_name(&self) -> String {
        let name = match self {
            Value::String(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number with a fraction",
            Value::Boolean(_) => "true or false",
            Value::Datetime => "a date",
            Value::Array(_) => "a list",
            Value::Table(_) => "a table",
            Value::Written(text) if text.is_empty() => "nothing",
            Value::Written(text) if text.chars().count() > LONGEST_SHOWN => {
                let start: String = text.chars().take(LONGEST_SHOWN).collect();
                return format!("`{start}…`");
            }
            Value::Written(text) => return format!("`{text}`"),
        };
        name.into()
    }
}

/// Characters of a text that an error repeats; the whole stands above it, underlined.
const LONGEST_SHOWN: usize = 40;

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
    let line_starts: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    let line = |error: &toml::de::Error| error.span().map(|span| line_starts.partition_point(|&at| at <= span.start));
    // What follows the first error of a line may be an echo of it; a duplicate key is never one.
    let mut told = HashSet::new();
    let mut syntax = 0;
    for error in &errors {
        let duplicate = error.message() == "duplicate key";
        syntax += usize::from(!duplicate);
        let new_line = line(error).is_none_or(|line| told.insert(line));
        if !duplicate && syntax > 1 && !new_line {
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

/// The parser's complaint as one of ours.
pub(crate) fn syntax_message(message: &str) -> String {
    format!("not valid TOML: {message}")
}

/// A TOML value that starts at byte `offset` of its source.
///
/// # Errors
/// The parser's, with a span in `text`.
pub(crate) fn toml_value(text: &str, source: SourceId, offset: usize) -> Result<Node, toml::de::Error> {
    Ok(node(&DeValue::parse(text)?, source, offset))
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
}
