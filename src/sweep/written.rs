//! The value of a `--set` as it was written, read by the type that its key asks for.
//!
//! A text such as `12:00:00`, `20260913` or `0.1,0.2` says nothing of its type: it is a walltime, a name or a list
//! because of its key. So `overrides` keeps it as [`Value::Written`], and the typed reader asks here for what it needs:
//! [`opened`] for a list or a table, [`scalar`] for a number or a truth value, [`string`] for a text.
//!
//! Invariants: every part knows its place in the argument; nothing here reports an error, so that a text may be tried
//! as one thing and then as another; what is valid TOML is read as TOML reads it, save that a bare text is a string
//! where a string is asked for. Quotes may be missing because the shell has taken them: `[tanh,relu]` is a list of two.

use super::document::{Entry, Node, Table, Value, toml_value};
use super::place::{Located, Place};
use std::collections::HashSet;
use std::ops::Range;

/// Whether commas outside brackets separate items: `0.1,0.2` is a list where a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Commas {
    /// They do.
    Separate,
    /// They are part of the text.
    Belong,
}

/// The list or the table that `text`, written at `place`, spells; `None` if it is a single word.
///
/// # Errors
/// The fault of a text that begins as a list or a table and is none.
pub(crate) fn opened(text: &str, place: &Place, commas: Commas) -> Result<Option<Value>, toml::de::Error> {
    let bracketed = text.starts_with(['[', '{']);
    let commented = text.contains('#') && text.contains('\n');
    let left_to_toml = commented || text.contains("\"\"\"") || text.contains("'''");
    let items = if left_to_toml { None } else { parts(text) };
    match items.as_deref() {
        Some(several) if commas == Commas::Separate && (several.len() > 1 || text.ends_with(',')) => {
            let items = several.iter().map(|range| piece(text, range, place));
            return Ok(Some(Value::Array(items.collect())));
        }
        Some([_]) if !bracketed => return Ok(None),
        Some([_]) => {
            let inside = inside(text).and_then(|range| Some((range.start, parts(&text[range])?)));
            let read = inside.and_then(|(start, ranges)| {
                let ranges: Vec<Range<usize>> = ranges.iter().map(|r| start + r.start..start + r.end).collect();
                if text.starts_with('[') {
                    return Some(Value::Array(ranges.iter().map(|range| piece(text, range, place)).collect()));
                }
                table(text, &ranges, place).map(Value::Table)
            });
            if read.is_some() {
                return Ok(read);
            }
        }
        _ => {}
    }
    if !bracketed {
        return Ok(None);
    }
    // Comments, dotted keys, a bracket that is not closed: TOML knows, and says what is wrong.
    toml_value(text, place.source, place.span.start).map(|node| Some(node.value))
}

/// The number, truth value, or quoted or bare string that a single word spells.
pub(crate) fn scalar(text: &str) -> Value {
    match toml_value(text, 0, 0).map(|node| node.value) {
        Ok(value @ (Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_))) => value,
        _ => untypical_number(text).unwrap_or_else(|| Value::String(text.into())),
    }
}

/// `.5`, `5.` and `007`, which TOML does not take.
fn untypical_number(text: &str) -> Option<Value> {
    if !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return None;
    }
    let integer = text.parse().ok().map(Value::Integer);
    integer.or_else(|| text.parse().ok().map(Value::Float))
}

/// The string that a text spells: itself, or what its quotes hold. `None` if it is a list, a table, or quoted wrongly.
pub(crate) fn string(text: &str) -> Option<String> {
    if text.starts_with(['"', '\'']) {
        return match toml_value(text, 0, 0).map(|node| node.value) {
            Ok(Value::String(string)) => Some(string),
            _ => None,
        };
    }
    let nowhere = Place { source: 0, span: 0..text.len() };
    match opened(text, &nowhere, Commas::Belong) {
        Ok(Some(_)) => None,
        _ => Some(text.into()),
    }
}

/// The part of `text` at `range`, without the spaces around it, as a node of its own.
fn piece(text: &str, range: &Range<usize>, place: &Place) -> Node {
    let trimmed = trimmed(text, range);
    let at = place.span.start + trimmed.start..place.span.start + trimmed.end;
    Located::new(Value::Written(text[trimmed].into()), Place { source: place.source, span: at })
}

fn trimmed(text: &str, range: &Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}

/// What stands between the bracket that begins `text` and the one that ends it.
fn inside(text: &str) -> Option<Range<usize>> {
    let closing = if text.starts_with('[') { ']' } else { '}' };
    (text.len() >= 2 && text.ends_with(closing)).then(|| 1..text.len() - 1)
}

/// The entries `key=value`; `None` if one is not of this form, or a key stands there twice.
fn table(text: &str, entries: &[Range<usize>], place: &Place) -> Option<Table> {
    let mut table = Table::default();
    let mut keys = HashSet::new();
    for range in entries {
        let equals = range.start + text[range.clone()].find('=')?;
        let at = trimmed(text, &(range.start..equals));
        let key = &text[at.clone()];
        let value = piece(text, &(equals + 1..range.end), place);
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let empty = matches!(&value.value, Value::Written(written) if written.is_empty());
        if key.is_empty() || !key.chars().all(bare) || empty || !keys.insert(key) {
            return None;
        }
        let at = place.span.start + at.start..place.span.start + at.end;
        let key = Located::new(key.to_string(), Place { source: place.source, span: at });
        table.entries.push(Entry { key, value });
    }
    Some(table)
}

/// The ranges between the commas of `text` that stand in no brackets and no quotes; one comma may end the text. `None`
/// if brackets or quotes do not pair. A quote opens only where a value begins: in `o'neil` it is a letter.
fn parts(text: &str) -> Option<Vec<Range<usize>>> {
    let mut closing = Vec::new();
    let mut quote = None;
    let (mut begins, mut escaped) = (true, false);
    let (mut ranges, mut start) = (Vec::new(), 0);
    for (at, c) in text.char_indices() {
        if let Some(open) = quote {
            if !escaped && c == open {
                quote = None;
            }
            escaped = open == '"' && c == '\\' && !escaped;
            continue;
        }
        match c {
            '"' | '\'' if begins => quote = Some(c),
            '[' => closing.push(']'),
            '{' => closing.push('}'),
            ']' | '}' if closing.pop() != Some(c) => return None,
            ',' if closing.is_empty() => {
                ranges.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
        begins = matches!(c, '[' | '{' | ',' | '=') || (begins && c.is_whitespace());
    }
    if quote.is_some() || !closing.is_empty() {
        return None;
    }
    if !text[start..].trim().is_empty() {
        ranges.push(start..text.len());
    }
    Some(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of a list's items, or of a table's values with their keys, and whether each place is that of its text.
    fn opening(text: &str, commas: Commas) -> Option<Vec<String>> {
        let place = Place { source: 1, span: 7..7 + text.len() };
        let whole = |node: &Node| {
            let Value::Written(written) = &node.value else { panic!("{node:?}") };
            assert_eq!(&text[node.place.span.start - 7..node.place.span.end - 7], written);
            written.clone()
        };
        match opened(text, &place, commas) {
            Ok(Some(Value::Array(items))) => Some(items.iter().map(whole).collect()),
            Ok(Some(Value::Table(table))) => {
                Some(table.entries.iter().map(|e| format!("{}:{}", e.key.value, whole(&e.value))).collect())
            }
            Ok(None) => None,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn lists_and_tables_open_into_parts_that_know_their_places() {
        let lists = [
            ("0.1,0.2", vec!["0.1", "0.2"]),
            ("0.1 , .2,", vec!["0.1", ".2"]),
            ("0.1,", vec!["0.1"]),
            ("[ tanh,relu ]", vec!["tanh", "relu"]),
            ("[10],[20, 30]", vec!["[10]", "[20, 30]"]),
            ("[[10], [20, 30]]", vec!["[10]", "[20, 30]"]),
            ("[]", vec![]),
            ("'a,b',c", vec!["'a,b'", "c"]),
            ("o'neil,b", vec!["o'neil", "b"]),
            (r#"["a\",b", c]"#, vec![r#""a\",b""#, "c"]),
            ("1,,2", vec!["1", "", "2"]),
        ];
        for (text, items) in lists {
            assert_eq!(opening(text, Commas::Separate).unwrap(), items, "{text}");
        }
        let tables = opening("{kind=adam, lr = [.1,.2], at={every=5}}", Commas::Belong);
        assert_eq!(tables.unwrap(), ["kind:adam", "lr:[.1,.2]", "at:{every=5}"]);
        for single in ["adam", "12:00:00", "tan'h", "a=b"] {
            assert_eq!(opening(single, Commas::Separate), None, "{single}");
        }
        assert_eq!(opening("a,b", Commas::Belong), None);
    }

    #[test]
    fn what_is_not_plain_is_left_to_toml() {
        let place = Place { source: 1, span: 0..0 };
        let commented = opened("[1, # one\n 2]", &place, Commas::Separate).unwrap();
        assert!(matches!(commented, Some(Value::Array(items)) if items.len() == 2));
        let dotted = opened("{ at.every = 1 }", &place, Commas::Belong).unwrap();
        assert!(matches!(dotted, Some(Value::Table(table)) if table.get("at").is_some()));
        for wrong in ["[0.1, 0.2", "{kind=adam", "[1][2]", "[a] b", "{a=1,a=2}", "{adam}", "{a=}", "[1]]"] {
            assert!(opened(wrong, &place, Commas::Separate).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_word_is_what_its_key_asks_for() {
        for (text, expected) in [("1e2", 100.0), (".5", 0.5), ("5.", 5.0), ("-.5e-1", -0.05)] {
            assert!(matches!(scalar(text), Value::Float(x) if x == expected), "{text}");
        }
        for (text, expected) in [("007", 7), ("1_000", 1000), ("0x1F", 31), ("-3", -3)] {
            assert!(matches!(scalar(text), Value::Integer(n) if n == expected), "{text}");
        }
        assert!(matches!(scalar("true"), Value::Boolean(true)));
        for text in ["12:00:00", "2026-09-13", "1-2", "log", "e", "infinity"] {
            assert!(matches!(scalar(text), Value::String(word) if word == text), "{text}");
        }
        for (text, expected) in
            [("20260913", "20260913"), ("12:00:00", "12:00:00"), ("\"a b\"", "a b"), ("[x]/y", "[x]/y"), ("a,b", "a,b")]
        {
            assert_eq!(string(text).as_deref(), Some(expected));
        }
        for text in ["[a]", "{a=1}", "\"a", "'a' b"] {
            assert_eq!(string(text), None, "{text}");
        }
    }
}
