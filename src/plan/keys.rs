//! The keys of an axis's entries, taken from the JSON that their identity is made of.
//!
//! Labels and coordinates start from here and not from the fields of the types, so that a key that is added to a type
//! is seen without anybody thinking of it. Invariant: two entries of equal keys have equal canonical JSON and the same
//! `path`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

pub(super) use crate::key::plain;

/// The keys of one entry: the path to each in the entry's JSON, joined by dots (`source.train`), with its value, which
/// is a number, a word, a truth value or a list. A key that is null or not written is absent.
pub(super) type Keys = BTreeMap<String, Value>;

/// The keys of an entry.
pub(super) fn keys_of<T: Serialize>(entry: &T) -> Keys {
    let mut keys = Keys::new();
    let json = serde_json::to_value(entry)
        .unwrap_or_else(|error| unreachable!("an entry of numbers and names always has a JSON form: {error}"));
    gather(&json, String::new(), &mut keys);
    keys
}

fn gather(json: &Value, path: String, keys: &mut Keys) {
    match json {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                gather(value, path, keys);
            }
        }
        // An entry that is a bare word (there is none today) is its own kind.
        _ if path.is_empty() => _ = keys.insert("kind".to_owned(), json.clone()),
        _ => _ = keys.insert(path, json.clone()),
    }
}

/// The name of a key as the sweep file has it, for an entry of `[[table]]`: the objects that group keys in the JSON alone
/// are left out. Distinct keys of a table keep distinct names.
pub(super) fn file_name(table: &str, path: &str) -> String {
    let mut parts: Vec<&str> = path.split('.').collect();
    if parts.len() > 1 {
        let grouped = match (table, parts[0]) {
            ("data", "source" | "labels") | ("architecture", "kind") => parts[1] != "kind",
            ("architecture", "mean_field") | ("optimiser", "flow" | "recipe") => true,
            _ => false,
        };
        if grouped {
            parts.remove(0);
        }
        if parts.len() > 1 && parts.last() == Some(&"kind") {
            parts.pop();
        }
    }
    parts.join("_")
}

/// A value as a person writes it in a sweep file, words without their quotation marks.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(word) => word.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(real) if number.is_f64() => plain(real),
            _ => number.to_string(),
        },
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_keys_are_named_as_in_the_file() {
        for (table, path, name) in [
            ("data", "source.kind", "source"),
            ("data", "source.train", "train"),
            ("data", "labels.kind", "labels"),
            ("data", "labels.label", "label"),
            ("data", "normalise", "normalise"),
            ("subsample", "kind", "kind"),
            ("architecture", "kind.kind", "kind"),
            ("architecture", "kind.hidden", "hidden"),
            ("architecture", "mean_field.bias_variance", "bias_variance"),
            ("optimiser", "flow.margin", "margin"),
            ("optimiser", "recipe.schedule", "schedule"),
            ("prune", "like.kind", "like"),
            ("prune", "like.epoch", "like_epoch"),
            ("data", "something.new.here", "something_new_here"),
        ] {
            assert_eq!(file_name(table, path), name, "{table} {path}");
        }
    }

    #[test]
    fn numbers_are_written_to_be_read() {
        let numbers = [(0.1, "0.1"), (1.0, "1"), (1e-8, "1e-8"), (0.0, "0"), (2.5e7, "2.5e7"), (-0.0005, "-0.0005")];
        for (value, text) in numbers {
            assert_eq!(plain(value), text);
            assert_eq!(text.parse(), Ok(value));
        }
        assert_eq!(shown(&serde_json::json!([20, 1e-9, "x"])), "[20, 1e-9, x]");
    }
}
