//! `--set key=value`: changes made to the sweep file's tree before it is read.
//!
//! A key is a path: `train.epochs`, `sweep.seeds.count`, `optimiser.0.lr` (counted from 0), or `optimiser.lr` where
//! there is just one. `seeds…` and `name` may be written without `sweep.`. The value is TOML, or else a bare string.
//! What is set carries its place in the argument, so that an error in it points at the argument.

use super::diagnostics::Diagnostics;
use super::document::{Entry, Node, Table, Value, parse_override_value};
use super::place::{FILE, Located, Place, SourceId};

/// Tables written `[[…]]`: the axes.
pub(crate) const AXES: [&str; 5] = ["data", "subsample", "architecture", "optimiser", "prune"];

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
    if matches!(path[0].value.as_str(), "seeds" | "name") {
        path.insert(0, path[0].with("sweep".into()));
    }
    let written = argument[equals + 1..].trim();
    if written.is_empty() {
        let place = place(equals, equals + 1);
        diagnostics.error(&place, format!("--set {} has no value", &argument[..equals]));
        return;
    }
    let offset = equals + 1 + (argument[equals + 1..].len() - argument[equals + 1..].trim_start().len());
    let Some(mut value) = parse_override_value(written, source, offset, diagnostics) else { return };
    let axis = AXES.contains(&path[0].value.as_str());
    if axis && path.len() == 1 && matches!(value.value, Value::Table(_)) {
        value = value.with(Value::Array(vec![value.clone()]));
    }
    if axis && root.get(&path[0].value).is_none() && path.len() > 1 {
        let first = path[0].with(Value::Table(Table::default()));
        insert(root, &path[0], path[0].with(Value::Array(vec![first])));
    }
    set(root, &path, value, diagnostics);
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

/// Puts `value` in the place of what the key had, and of what the file gives for a key that excludes it: a draw that
/// is set is meant instead of the file's block.
fn insert(table: &mut Table, key: &Located<String>, value: Node) {
    let excluded = match key.value.as_str() {
        "draw" => "block",
        "block" => "draw",
        _ => "",
    };
    let replaced = |entry: &Entry| {
        let of_file = entry.key.place.source == FILE;
        entry.key.value == key.value || (of_file && entry.key.value == excluded)
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
                    let message = format!("the file has {count} `{}`: --set must say which is meant", name.value);
                    let example = format!("write, say, {}.0.{}", name.value, first.value);
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
