//! What a person or an editor is told of the keys of a sweep file: the page `docs/sweep-file.md`, its JSON schema, and the
//! text of `phasesweep keys`. All three are made from the keys' declarations and say nothing of their own about any key.

use serde_json::{Map, Value, json};

use super::layers;
use super::raw::tables;
use super::suggestion::nearest;
use super::table::Table;
use crate::key::{Absent, Bound, Form, Key, Literal, union};

/// How the page begins.
const HEAD: &str = "\
# The keys of a sweep file

<!-- Made from the keys' declarations in src/sweep and src/data/sources; a test holds that the two agree.
     Write it anew with: phasesweep keys --markdown > docs/sweep-file.md -->

A sweep file is TOML. Tables in double brackets are axes and may be there several times; so is every key marked ×, which
takes a list where one value is expected. The grid is the product of seeds, data, subsamples, architectures, optimisers and
prunes. `phasesweep keys` prints this page on a terminal, `phasesweep keys train` one table of it. An editor with TOML
support (taplo, Even Better TOML) completes and checks keys if the file's first line is
`#:schema ../docs/sweep-file.schema.json`.

A *schedule* is `{ every = k }`, `\"log\"` (ten epochs per factor of ten), `{ log = n }` or `{ per_decade = n }`, a list of
epochs, or `{ at = … }` with a list or `\"log\"` in it. Epoch 0 is the initial network. What is measured on copies of the
weights (the tables of `[observe]`, and `weights`) may name steps of the optimiser instead: `{ steps = [0, 1, 2, 5] }`,
`{ steps = { every = 10, until = 200 } }` or `{ steps = { log = 10, until = 1000 } }`, so that what happens within an epoch is
seen; `{ steps = { log = 10, until = 1000, singly_until = 30 } }` lists steps 0 to 30 one by one before it goes on by factors. An epoch has as many steps as the training set has batches; with a full batch a step is an epoch.

`--set key=value` changes a value from the command line: `train.epochs=100`, `optimiser.lr=0.1` where there is one
`[[optimiser]]`, `optimiser.1.lr=0.1` for the second of several. A key that one table alone has needs no table: `lr=0.1`.
";

/// What a key's value may be, as running text.
fn value(key: &Key) -> String {
    if let Some(words) = key.choices() {
        return words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ");
    }
    let bound = key.bound.short();
    let with = |text: &str| if bound.is_empty() { text.to_owned() } else { format!("{text}, {bound}") };
    match key.form {
        Form::String => "a string".to_owned(),
        Form::Boolean => "`true`, `false`".to_owned(),
        Form::Integer => with("an integer"),
        Form::Number => with("a number"),
        Form::Integers if key.is_axis() => with("an integer"),
        Form::Numbers if key.is_axis() => with("a number"),
        Form::Integers => with("an integer or a list of integers"),
        Form::Numbers => with("a number or a list of numbers"),
        Form::NumberList => with("a list of numbers"),
        Form::Strings | Form::Names | Form::Lines => "a list of strings".to_owned(),
        Form::NameList => "a name or a list of names".to_owned(),
        Form::IntegerLists => "a list of integers".to_owned(),
        Form::Groups => "a list of lists of integers".to_owned(),
        Form::Counted => "an integer, a list, or `{ start = 0, count = 64 }`".to_owned(),
        Form::Batch => with("`\"full\"`, or an integer"),
        Form::Epochs => "a schedule".to_owned(),
        Form::Table => "a table".to_owned(),
        Form::Layers => "a list of elements".to_owned(),
        Form::NamedNumbers => "a table of numbers, or lists of them".to_owned(),
    }
}

/// What stands for a key that is absent.
fn default(key: &Key) -> String {
    match key.absent {
        Absent::Required(_) => "*required*".to_owned(),
        Absent::Is(literal) => format!("`{literal}`"),
        Absent::Means(text) => text.to_owned(),
    }
}

fn meaning(key: &Key) -> String {
    match key.applies_to {
        "" => key.text(),
        applies => format!("Applies to {applies}: {}", lower(&key.text())),
    }
}

/// The text with a small first letter, unless it begins with a symbol or a name of capitals.
fn lower(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

fn sentence(text: &str) -> String {
    let text = upper(text);
    if text.ends_with('.') { text } else { format!("{text}.") }
}

fn rows(table: &Table, keys: &[Key]) -> String {
    let mut out = "| key | value | default | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for key in keys {
        let axis = mark(table, key);
        // A bar would end the cell.
        let cells = [value(key), default(key), sentence(&meaning(key))].map(|cell| cell.replace('|', "∣"));
        out.push_str(&format!("| `{}`{axis} | {} |\n", key.name, cells.join(" | ")));
    }
    out
}

/// The mark of a key that is an axis: one of a table of the grid that takes several values.
fn mark(table: &Table, key: &Key) -> &'static str {
    let several = key.is_axis() || matches!(key.form, Form::Counted | Form::Epochs);
    if table.is_axis() && several { " ×" } else { "" }
}

/// The page `docs/sweep-file.md`.
pub fn page() -> String {
    let mut out = HEAD.to_owned();
    for table in tables() {
        out.push_str(&format!("\n## `{}`\n\n{}\n\n{}", table.header, sentence(table.about), rows(table, table.keys)));
        for kind in (table.kinds)() {
            let which = kind_key(table);
            out.push_str(&format!("\n### `{which} = \"{}\"`\n\n{}\n", kind.name, sentence(kind.about)));
            if !kind.keys.is_empty() {
                out.push_str(&format!("\n{}", rows(table, &kind.keys)));
            }
            if kind.keys.iter().any(|key| key.form == Form::Layers) {
                out.push_str("\nIts elements; docs/networks.md says what they compute:\n\n| element | further keys |\n| --- | --- |\n");
                for [element, further] in layers::described() {
                    out.push_str(&format!("| `{element}` | {further} |\n"));
                }
            }
        }
    }
    out
}

/// The key that names the kind of a table.
fn kind_key(table: &Table) -> &'static str {
    table.keys.first().map_or("kind", |key| key.name)
}

/// The tables that a name means: all, or the one of that name and those within it.
fn chosen(name: Option<&str>) -> Result<Vec<&'static Table>, String> {
    let Some(name) = name else { return Ok(tables().iter().collect()) };
    let plain = name.trim_matches(['[', ']']);
    let within = format!("{plain}.");
    let is = |table: &&Table| {
        table.name == plain || table.name.starts_with(&within) || table.name.rsplit('.').next() == Some(plain)
    };
    let found: Vec<&Table> = tables().iter().filter(is).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names: Vec<&str> = tables().iter().map(|table| table.name).collect();
    let meant = nearest(plain, &names).map_or_else(String::new, |meant| format!(" Did you mean `{meant}`?"));
    Err(format!("there is no table `{name}`.{meant} Tables: {}", names.join(", ")))
}

/// The keys of a table, or of all, for a terminal that is `width` columns wide.
///
/// # Errors
/// There is no such table; the sentence names those that there are.
pub fn terminal(table: Option<&str>, width: usize) -> Result<String, String> {
    let mut out = String::new();
    for table in chosen(table)? {
        out.push_str(&format!("{}\n{}\n", table.header, wrapped(&sentence(table.about), 2, width)));
        listed(&mut out, table, table.keys, width);
        for kind in (table.kinds)() {
            out.push_str(&format!("  {} = \"{}\": {}\n", kind_key(table), kind.name, kind.about));
            listed(&mut out, table, &kind.keys, width);
            if kind.keys.iter().any(|key| key.form == Form::Layers) {
                for [element, further] in layers::described() {
                    out.push_str(&wrapped(&format!("{element} {}", further.replace('`', "")), 8, width));
                    out.push('\n');
                }
            }
        }
        out.push('\n');
    }
    Ok(out.trim_end().to_owned())
}

fn listed(out: &mut String, table: &Table, keys: &[Key], width: usize) {
    for key in keys {
        let axis = mark(table, key);
        let default = match key.absent {
            Absent::Required(_) => "required".to_owned(),
            Absent::Is(literal) => format!("default {literal}"),
            Absent::Means(text) => format!("default: {}", text.replace(['`', '*'], "")),
        };
        let value = value(key).replace('`', "");
        out.push_str(&wrapped(&format!("{}{axis}: {value}; {default}", key.name), 4, width));
        out.push('\n');
        out.push_str(&wrapped(&sentence(&meaning(key).replace('`', "")), 8, width));
        out.push('\n');
    }
}

/// A text in lines of at most `width` columns, each behind `indent` spaces.
fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let mut lines = vec![" ".repeat(indent)];
    for word in text.split_whitespace() {
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        if line > indent && line + 1 + word.chars().count() > width.max(40) {
            lines.push(" ".repeat(indent));
        }
        if let Some(line) = lines.last_mut() {
            if line.chars().count() > indent {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// The JSON schema of a sweep file, draft 7, for editors.
pub fn schema() -> Value {
    let mut properties = Map::new();
    let required: Vec<&str> = ["sweep", "data", "subsample", "architecture", "optimiser", "train"].to_vec();
    for table in tables().iter().filter(|table| !table.name.contains('.')) {
        let one = object(table);
        let property = match table.is_axis() {
            true => json!({ "description": table.about, "type": "array", "items": one, "minItems": 1 }),
            false => one,
        };
        properties.insert(table.name.to_owned(), property);
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "phasesweep sweep file",
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

/// The schema of a table. What keys ask of each other is the program's to check, not an editor's.
fn object(table: &Table) -> Value {
    let kinds = (table.kinds)();
    let mut properties = Map::new();
    for key in table.keys {
        let within = tables().iter().find(|other| other.name == format!("{}.{}", table.name, key.name));
        properties.insert(key.name.to_owned(), within.map_or_else(|| property(key), object));
    }
    for key in union(&kinds) {
        let namesakes: Vec<&Key> =
            kinds.iter().flat_map(|kind| &kind.keys).filter(|other| other.name == key.name).collect();
        // Where kinds differ, what one of them allows is no fault.
        let alike = namesakes.iter().all(|other| other.bound == key.bound);
        let wide = Key { bound: if alike { key.bound } else { Bound::Free }, absent: Absent::Means(""), ..key };
        let of: Vec<&str> = kinds
            .iter()
            .filter(|kind| kind.keys.iter().any(|other| other.name == key.name))
            .map(|kind| kind.name)
            .collect();
        let mut property = property(&wide);
        property["description"] = format!("{}: {}", of.join(", "), key.text()).into();
        properties.insert(key.name.to_owned(), property);
    }
    let always = |key: &&Key| matches!(key.absent, Absent::Required(_)) && key.applies_to.is_empty();
    let required: Vec<&str> = table.keys.iter().filter(always).map(|key| key.name).collect();
    let conditions: Vec<Value> = kinds
        .iter()
        .filter_map(|kind| {
            let needed: Vec<&str> =
                kind.keys.iter().filter(|key| matches!(key.absent, Absent::Required(_))).map(|key| key.name).collect();
            let which = kind_key(table);
            (!needed.is_empty()).then(|| {
                json!({
                    "if": { "properties": { which: { "const": kind.name } }, "required": [which] },
                    "then": { "required": needed },
                })
            })
        })
        .collect();
    let mut schema = json!({
        "description": table.about,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    if !conditions.is_empty() {
        schema["allOf"] = conditions.into();
    }
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = form(key);
    schema["description"] = key.text().into();
    let default = match key.absent {
        Absent::Is(Literal::Integer(value)) => Some(value.into()),
        Absent::Is(Literal::Number(value)) => Some(value.into()),
        Absent::Is(Literal::Word(word)) => Some(word.into()),
        Absent::Is(Literal::Flag(flag)) => Some(flag.into()),
        _ => None,
    };
    if let Some(default) = default {
        schema["default"] = default;
    }
    schema
}

fn form(key: &Key) -> Value {
    let one_or_more = |one: Value| json!({ "anyOf": [one.clone(), { "type": "array", "items": one, "minItems": 1 }] });
    let word = || match key.choices() {
        Some(words) => json!({ "enum": words }),
        None => json!({ "type": "string" }),
    };
    let epochs = json!({ "type": "integer", "minimum": 0 });
    match key.form {
        Form::String => word(),
        Form::Boolean => json!({ "type": "boolean" }),
        Form::Integer => number("integer", key.bound),
        Form::Number => number("number", key.bound),
        Form::Integers => one_or_more(number("integer", key.bound)),
        Form::Numbers => one_or_more(number("number", key.bound)),
        Form::NumberList => {
            json!({ "anyOf": [number("number", key.bound), { "type": "array", "items": number("number", key.bound) }] })
        }
        Form::Strings => one_or_more(word()),
        Form::NameList => one_or_more(json!({ "type": "string" })),
        Form::Names | Form::Lines => json!({ "type": "array", "items": { "type": "string" } }),
        Form::IntegerLists => {
            let list = json!({ "type": "array", "items": number("integer", key.bound) });
            json!({ "anyOf": [list.clone(), { "type": "array", "items": list, "minItems": 1 }] })
        }
        Form::Groups => {
            let list = json!({ "type": "array", "items": number("integer", key.bound), "minItems": 1 });
            json!({ "type": "array", "items": list, "minItems": 2 })
        }
        Form::Counted => json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "array", "items": { "type": "integer", "minimum": 0 }, "minItems": 1 },
            {
                "type": "object",
                "additionalProperties": false,
                "required": ["count"],
                "properties": {
                    "start": { "type": "integer", "minimum": 0 },
                    "count": { "type": "integer", "minimum": 1 },
                },
            },
        ] }),
        Form::Batch => json!({ "anyOf": [{ "const": "full" }, number("integer", key.bound)] }),
        Form::Epochs => {
            let list = json!({ "type": "array", "items": epochs, "minItems": 1 });
            let stride = json!({ "type": "integer", "minimum": 1 });
            let steps = json!({ "anyOf": [epochs, list, {
                "type": "object",
                "additionalProperties": false,
                "required": ["until"],
                "properties": {
                    "every": stride, "log": stride, "per_decade": stride, "until": stride, "singly_until": stride,
                },
            }] });
            json!({ "anyOf": [
                { "type": "boolean" },
                epochs,
                list,
                { "const": "log" },
                {
                    "type": "object",
                    "additionalProperties": false,
                    "minProperties": 1,
                    "properties": {
                        "every": stride,
                        "log": stride,
                        "per_decade": stride,
                        "at": { "anyOf": [epochs, list, { "const": "log" }, {
                            "type": "object",
                            "additionalProperties": false,
                            "required": ["steps"],
                            "properties": { "steps": steps },
                        }] },
                        "steps": steps,
                    },
                },
            ] })
        }
        Form::Table => json!({ "type": "object" }),
        Form::Layers => json!({ "type": "array", "items": { "anyOf": [{ "type": "string" }, { "type": "object" }] } }),
        Form::NamedNumbers => {
            let number = json!({ "type": "number" });
            let values = json!({ "anyOf": [number, { "type": "array", "items": number }] });
            json!({ "type": "object", "additionalProperties": values })
        }
    }
}

/// A number within a bound.
fn number(kind: &str, bound: Bound) -> Value {
    match bound {
        Bound::Free => json!({ "type": kind }),
        Bound::Whole(least, most) => json!({ "type": kind, "minimum": least as i64, "maximum": most as i64 }),
        Bound::UpTo(least, _) => json!({ "type": kind, "minimum": least as i64 }),
        Bound::Positive => json!({ "type": kind, "exclusiveMinimum": 0 }),
        Bound::NotNegative => json!({ "type": kind, "minimum": 0 }),
        Bound::BelowOne => json!({ "type": kind, "minimum": 0, "exclusiveMaximum": 1 }),
        Bound::InsideUnit => json!({ "type": kind, "exclusiveMinimum": 0, "exclusiveMaximum": 1 }),
        Bound::Share => json!({ "type": kind, "minimum": 0, "maximum": 1 }),
    }
}
