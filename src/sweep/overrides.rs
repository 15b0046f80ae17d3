//! `--set key=value`: changes made to the sweep file's tree before it is read.
//!
//! A key is a path: `train.epochs`, `sweep.seeds.count`, `optimiser.0.lr` (counted from 0), or `optimiser.lr` where
//! there is just one. A key that one table alone has may stand without it: `seeds.count`, `lr`. The value stays the
//! text that it is until its key's reader asks for a type: see `written`. What is set carries its place in the argument,
//! so that an error in it points at the argument.

use super::diagnostics::Diagnostics;
use super::document::{Entry, Node, Table, Value};
use super::place::{FILE, Located, Place, SourceId};
use super::raw::{tables, tables_with};
use super::suggestion::nearest;
use super::written::{self, Commas};

/// Applies one `--set` argument; what is wrong with it is pushed.
pub(crate) fn apply(root: &mut Table, argument: &str, diagnostics: &mut Diagnostics) {
    let source = diagnostics.add_override(argument);
    let place = |start: usize, end: usize| Place { source, span: start..end };
    let Some(equals) = argument.find('=') else {
        diagnostics
            .error(&place(0, argument.len()), "--set takes key=value")
            .label("no `=` here")
            .help("write, say, --set train.epochs=100 or --set 'optimiser.lr=[0.1, 0.2]'");
        return;
    };
    let Some(mut path) = segments(&argument[..equals], source) else {
        diagnostics
            .error(&place(0, equals.max(1)), "the key of --set is a path of names with dots between them")
            .help("write, say, --set train.epochs=100");
        return;
    };
    if !tables().iter().any(|table| table.name == path[0].value) {
        let Some(table) = table_of(&path[0], argument, diagnostics) else { return };
        let names = table.split('.').map(|name| path[0].with(name.to_string()));
        path.splice(0..0, names.collect::<Vec<_>>());
    }
    let written = argument[equals + 1..].trim();
    if written.is_empty() {
        let place = place(equals, equals + 1);
        diagnostics.error(&place, format!("--set {} has no value", &argument[..equals]));
        return;
    }
    let offset = equals + 1 + (argument[equals + 1..].len() - argument[equals + 1..].trim_start().len());
    let value = Located::new(Value::Written(written.into()), place(offset, offset + written.len()));
    let axis = tables().iter().any(|table| table.is_axis() && table.name == path[0].value);
    if axis && root.get(&path[0].value).is_none() && path.len() > 1 {
        let first = path[0].with(Value::Table(Table::default()));
        insert(root, &path[0], path[0].with(Value::Array(vec![first])));
    }
    set(root, &path, value, diagnostics);
}

/// The one table that has a key which is written without its table; `None` if there is none or several, which is reported.
fn table_of(key: &Located<String>, argument: &str, diagnostics: &mut Diagnostics) -> Option<&'static str> {
    match tables_with(&key.value).as_slice() {
        [table] => Some(table),
        [] => {
            let names =
                tables().iter().flat_map(|table| table.all_keys().into_iter().map(|key| key.name).chain([table.name]));
            let meant = nearest(&key.value, &names.collect::<Vec<_>>());
            let error = diagnostics.error(&key.place, format!("unknown key `{}` in a sweep file", key.value));
            if let Some(meant) = meant {
                let places = tables_with(meant).into_iter().map(|table| format!("`{table}.{meant}`"));
                let places: Vec<String> = places.collect();
                let meant = if places.is_empty() { format!("`{meant}`") } else { places.join(" or ") };
                error.label(format!("did you mean {meant}?"));
            }
            let names = tables().iter().map(|table| table.name).filter(|table| !table.contains('.'));
            error.help(format!(
                "write the table and the key, as in train.epochs; tables: {}",
                names.collect::<Vec<_>>().join(", ")
            ));
            None
        }
        several => {
            let error = diagnostics.error(&key.place, format!("several tables have a key `{}`", key.value));
            let whole: Vec<String> = several.iter().map(|table| format!("--set {table}.{}", argument.trim())).collect();
            error.label("which one is meant?").help(format!("write {}", whole.join(" or ")));
            None
        }
    }
}

/// The names of a path with their places; `None` if one is empty.
fn segments(key: &str, source: SourceId) -> Option<Vec<Located<String>>> {
    let mut start = 0;
    let mut out = Vec::new();
    for part in key.split('.') {
        let name = part.trim();
        let at = start + (part.len() - part.trim_start().len());
        out.push(Located::new(name.to_string(), Place { source, span: at..at + name.len() }));
        start += part.len() + 1;
    }
    (!out.iter().any(|segment| segment.value.is_empty())).then_some(out)
}

/// Keys of one table that exclude each other, each with those that it replaces.
const EXCLUSIVE: [(&str, &[&str]); 6] = [
    ("draw", &["block"]),
    ("block", &["draw"]),
    ("every", &["at", "log", "per_decade"]),
    ("at", &["every", "log", "per_decade"]),
    ("log", &["every", "at", "per_decade"]),
    ("per_decade", &["every", "log"]),
];

/// Puts `value` in the place of what the key had, and of what the file gives for keys that it excludes: a draw that is
/// set is meant instead of the file's block.
fn insert(table: &mut Table, key: &Located<String>, value: Node) {
    let excluded = EXCLUSIVE.iter().filter(|(one, _)| *one == key.value).flat_map(|(_, others)| *others);
    let excluded: Vec<&str> = excluded.copied().collect();
    let replaced = |entry: &Entry| {
        let of_file = entry.key.place.source == FILE;
        entry.key.value == key.value || (of_file && excluded.contains(&entry.key.value.as_str()))
    };
    table.entries.retain(|entry| !replaced(entry));
    table.entries.push(Entry { key: key.clone(), value });
}

/// Puts `value` at `path` below `table`, making tables on the way.
fn set(table: &mut Table, path: &[Located<String>], value: Node, diagnostics: &mut Diagnostics) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        return insert(table, first, value);
    }
    if table.get(&first.value).is_none() {
        insert(table, first, first.with(Value::Table(Table::default())));
    }
    if let Some(entry) = table.get_mut(&first.value) {
        set_inside(&mut entry.value, first, rest, value, diagnostics);
    }
}

/// Puts `value` at `path` inside `node`, which is called `name`.
fn set_inside(
    node: &mut Node,
    name: &Located<String>,
    path: &[Located<String>],
    value: Node,
    diagnostics: &mut Diagnostics,
) {
    let Some((first, rest)) = path.split_first() else {
        *node = value;
        return;
    };
    if let Value::Written(text) = &node.value {
        match written::opened(text, &node.place, Commas::Separate) {
            Ok(Some(opened)) => node.value = opened,
            Ok(None) => {}
            // Left as it is for the reader, who reports it.
            Err(_) => return,
        }
    }
    match &mut node.value {
        Value::Table(table) => set(table, path, value, diagnostics),
        Value::Array(items) => {
            let count = items.len();
            match first.value.parse::<usize>() {
                Ok(index) if index < count => set_inside(&mut items[index], first, rest, value, diagnostics),
                Ok(_) => {
                    let message = format!("there is no `{}.{}`", name.value, first.value);
                    let numbered = match count {
                        0 => "it is empty".to_string(),
                        1 => "there is one, numbered 0".to_string(),
                        _ => format!("there are {count}, numbered 0 to {}", count - 1),
                    };
                    diagnostics.error(&first.place, message).label(numbered);
                }
                Err(_) if count == 1 => set_inside(&mut items[0], name, path, value, diagnostics),
                Err(_) => {
                    let message = format!("there are {count} `{}`: --set must say which is meant", name.value);
                    let example = match count {
                        0 => format!("write, say, --set '{}={{{}=…}}'", name.value, first.value),
                        _ => format!(
                            "write {}.0.{key} to {}.{}.{key}",
                            name.value,
                            name.value,
                            count - 1,
                            key = first.value
                        ),
                    };
                    diagnostics.error(&first.place, message).label("a number must stand before this").help(example);
                }
            }
        }
        // `seeds = 64` is replaced by `seeds = { count = 4 }` where seeds.count is set.
        _ => {
            let mut table = Table::default();
            set(&mut table, path, value, diagnostics);
            *node = name.with(Value::Table(table));
        }
    }
}
