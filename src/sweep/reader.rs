//! Typed access to a table of the sweep file: what a key holds, or an error that says what it should hold.
//!
//! Invariants: reading never stops at an error; every key asked for is known, every other one is reported by
//! [`TableReader::finish`] with the known ones. A key whose value is of the wrong type is [`Field::Broken`], not
//! absent, so that nothing is reported twice. The text of a `--set` is read as the type that its key asks for.

use super::diagnostics::Diagnostics;
use super::document::{Node, Table, Value, syntax_message, toml_value};
use super::place::{Located, Place};
use super::suggestion::nearest;
use super::written::{self, Commas};
use std::borrow::Cow;

/// What a key may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    /// In a sentence: "`lr` must be a number".
    pub(crate) sentence: &'static str,
    /// How `--set` may give it: what follows the `=`, quoted for the shell where it must be.
    pub(crate) set: &'static [&'static str],
}

const STRING: Expected = Expected { sentence: "a string", set: &[] };
const BOOLEAN: Expected = Expected { sentence: "true or false", set: &["true", "false"] };
const INTEGER: Expected = Expected { sentence: "an integer", set: &["10"] };
const NUMBER: Expected = Expected { sentence: "a number", set: &["0.1"] };
const INTEGERS: Expected = Expected { sentence: "an integer or a list of integers", set: &["10", "10,20"] };
const NUMBERS: Expected = Expected { sentence: "a number or a list of numbers", set: &["0.1", "0.1,0.2"] };
const NUMBER_LIST: Expected = Expected { sentence: "a list of numbers", set: &["0.1,0.2"] };
const STRINGS: Expected = Expected { sentence: "a string or a list of strings", set: &[] };
const NAMES: Expected = Expected { sentence: "a list of strings", set: &["one", "one,two"] };
const NAME_LIST: Expected = Expected { sentence: "a name or a list of names", set: &["x", "x,y"] };
const LINES: Expected = Expected { sentence: "a list of strings", set: &["'[\"first\", \"second\"]'"] };
const INTEGER_LISTS: Expected =
    Expected { sentence: "a list of integers, as in [20], or a list of such lists", set: &["20,20", "'[20],[50,50]'"] };
const GROUPS: Expected =
    Expected { sentence: "a list of lists of integers, as in [[0, 2], [1, 3]]", set: &["'[0,2],[1,3]'"] };
const COUNTED: Expected = Expected {
    sentence: "an integer, a list of integers, or { start = 0, count = 64 }",
    set: &["64", "3,5,7", "'{start=0,count=64}'"],
};
const BATCH: Expected = Expected { sentence: "\"full\" or a number of samples", set: &["full", "32"] };
const EPOCHS: Expected = Expected {
    sentence: "a list of epochs, \"log\", { every = 1 } or { log = 10 }",
    set: &["0,10,100", "log", "'{every=10}'"],
};
const STEPS: Expected = Expected {
    sentence: "a list of steps, { every = 10, until = 200 } or { log = 10, until = 1000 }",
    set: &["0,1,2,5,10", "'{every=10,until=200}'"],
};
const LISTED_EPOCHS: Expected = Expected { sentence: "a list of epochs or \"log\"", set: &["0,10,100", "log"] };
const TABLE: Expected = Expected { sentence: "a table, as in { at = \"log\" }", set: &["'{at=log}'"] };

/// What a key holds.
#[derive(Debug, Clone)]
pub(crate) enum Field<T> {
    /// The key is not there.
    Absent,
    /// It is, with a value of the wrong type; reported already.
    Broken,
    /// Its value.
    Given(Located<T>),
}

impl<T> Field<T> {
    /// The value, if it is there and sound.
    pub(crate) fn given(&self) -> Option<&Located<T>> {
        match self {
            Field::Given(value) => Some(value),
            _ => None,
        }
    }

    /// Whether the key is missing.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Field::Absent)
    }
}

/// A list, or the one value that stands for a list of one.
pub(crate) type List<T> = Vec<Located<T>>;

/// Integers written as one, as a list, or as `{ start = …, count = … }`.
#[derive(Debug, Clone)]
pub(crate) enum Integers {
    /// One.
    One(i128),
    /// A list.
    List(List<i128>),
    /// `count` in a row.
    Range {
        /// The first; 0 if absent.
        start: Field<i128>,
        /// How many.
        count: Field<i128>,
        /// Where the table is.
        place: Place,
    },
}

/// Epochs as they may be written.
#[derive(Debug, Clone)]
pub(crate) enum Epochs {
    /// `false`
    Never,
    /// `true`
    Always,
    /// One epoch.
    One(i128),
    /// A list of epochs.
    List(List<i128>),
    /// `{ every = k }`
    Every(Located<i128>),
    /// `"log"`, or `{ log = n }`
    Log(Option<Located<i128>>),
    /// `{ steps = … }`
    Steps(Steps),
}

/// Steps of the optimiser as they may be written.
#[derive(Debug, Clone)]
pub(crate) enum Steps {
    /// A list of steps.
    List(List<i128>),
    /// `{ every = k, until = n }`
    Every {
        /// The stride.
        every: Located<i128>,
        /// The last step.
        until: Located<i128>,
    },
    /// `{ log = n, until = m }`, and `singly_until = k` in it.
    Log {
        /// Steps per factor of ten.
        per_decade: Located<i128>,
        /// The last step.
        until: Located<i128>,
        /// The step up to which every one is listed.
        singly_until: Option<Located<i128>>,
    },
}

/// Samples per step as written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BatchSize {
    /// `"full"`
    Full,
    /// A number of samples.
    Samples(i128),
}

/// Reads one table.
pub(crate) struct TableReader<'t, 'd> {
    /// As written in the file: `[train]`, `[[optimiser]]`, `seeds`.
    name: String,
    table: &'t Table,
    asked: Vec<&'static str>,
    diagnostics: &'d mut Diagnostics,
}

impl<'t, 'd> TableReader<'t, 'd> {
    /// Reads `table`, called `name` in errors.
    pub(crate) fn new(name: impl Into<String>, table: &'t Table, diagnostics: &'d mut Diagnostics) -> Self {
        TableReader { name: name.into(), table, asked: Vec::new(), diagnostics }
    }

    /// The node of a key, which becomes a known one.
    pub(crate) fn node(&mut self, key: &'static str) -> Option<&'t Node> {
        self.asked.push(key);
        self.table.get(key).map(|entry| &entry.value)
    }

    /// Whatever a key holds, to be read later.
    pub(crate) fn any(&mut self, key: &'static str) -> Field<Node> {
        self.node(key).map_or(Field::Absent, |node| Field::Given(node.with(node.clone())))
    }

    /// Where errors go.
    pub(crate) fn diagnostics(&mut self) -> &mut Diagnostics {
        self.diagnostics
    }

    /// The table under a key, to be read later.
    pub(crate) fn unread_table(&mut self, key: &'static str) -> Field<Node> {
        self.read(key, TABLE, |node, complain| {
            let opened = complain.opened(node, Commas::Belong)?;
            if matches!(opened.value, Value::Table(_)) { Some(opened.into_owned()) } else { complain.about(node) }
        })
    }

    /// Reports every key that was not asked for.
    pub(crate) fn finish(self) {
        for entry in &self.table.entries {
            let key = &entry.key.value;
            if self.asked.contains(&key.as_str()) {
                continue;
            }
            let error = self.diagnostics.error(&entry.key.place, format!("unknown key `{key}` in {}", self.name));
            if let Some(meant) = nearest(key, &self.asked) {
                error.label(format!("did you mean `{meant}`?"));
            }
            error.help(format!("allowed here: {}", self.asked.join(", ")));
        }
    }

    fn read<T>(
        &mut self,
        key: &'static str,
        expected: Expected,
        convert: impl FnOnce(&Node, &mut Complaint<'_>) -> Option<T>,
    ) -> Field<T> {
        let Some(node) = self.node(key) else { return Field::Absent };
        let mut complaint = Complaint { key, expected, diagnostics: self.diagnostics };
        match convert(node, &mut complaint) {
            Some(value) => Field::Given(node.with(value)),
            None => Field::Broken,
        }
    }

    /// A string.
    pub(crate) fn string(&mut self, key: &'static str) -> Field<String> {
        self.read(key, STRING, string)
    }

    /// True or false.
    pub(crate) fn boolean(&mut self, key: &'static str) -> Field<bool> {
        self.read(key, BOOLEAN, |node, complain| match scalar(node).value {
            Value::Boolean(value) => Some(value),
            _ => complain.about(node),
        })
    }

    /// An integer.
    pub(crate) fn integer(&mut self, key: &'static str) -> Field<i128> {
        self.read(key, INTEGER, integer)
    }

    /// A number.
    pub(crate) fn number(&mut self, key: &'static str) -> Field<f64> {
        self.read(key, NUMBER, number)
    }

    /// An integer or a list of them.
    pub(crate) fn integers(&mut self, key: &'static str) -> Field<List<i128>> {
        self.read(key, INTEGERS, |node, complain| one_or_more(node, complain, integer))
    }

    /// A number or a list of them.
    pub(crate) fn numbers(&mut self, key: &'static str) -> Field<List<f64>> {
        self.read(key, NUMBERS, |node, complain| one_or_more(node, complain, number))
    }

    /// A number or a list of them, which may be empty: not an axis.
    pub(crate) fn number_list(&mut self, key: &'static str) -> Field<List<f64>> {
        self.read(key, NUMBER_LIST, |node, complain| match &complain.opened(node, Commas::Separate)?.value {
            Value::Array(items) => all(items, complain, number),
            _ => Some(vec![node.with(number(node, complain)?)]),
        })
    }

    /// A string or a list of them.
    pub(crate) fn strings(&mut self, key: &'static str) -> Field<List<String>> {
        self.read(key, STRINGS, |node, complain| one_or_more(node, complain, string))
    }

    /// A list of names, which may be empty: not an axis. `--set` may separate them by commas.
    pub(crate) fn names(&mut self, key: &'static str) -> Field<List<String>> {
        self.read(key, NAMES, |node, complain| match &complain.opened(node, Commas::Separate)?.value {
            Value::Array(items) => all(items, complain, string),
            Value::Written(_) => Some(vec![node.with(string(node, complain)?)]),
            _ => complain.about(node),
        })
    }

    /// A name or a list of them, none of which may be empty: not an axis. `--set` may separate them by commas.
    pub(crate) fn name_list(&mut self, key: &'static str) -> Field<List<String>> {
        self.read(key, NAME_LIST, |node, complain| {
            let names = match &complain.opened(node, Commas::Separate)?.value {
                Value::Array(items) => all(items, complain, string)?,
                _ => vec![node.with(string(node, complain)?)],
            };
            if names.is_empty() || names.iter().any(|name| name.value.is_empty()) {
                return complain.about(node);
            }
            Some(names)
        })
    }

    /// A list of lines, which may be empty: not an axis. A line may hold commas and brackets, so that `--set` takes one
    /// line as it is, or a list in TOML's notation.
    pub(crate) fn lines(&mut self, key: &'static str) -> Field<List<String>> {
        self.read(key, LINES, |node, complain| match &node.value {
            Value::Array(items) => all(items, complain, string),
            Value::Written(text) if text.starts_with('[') => {
                match toml_value(text, node.place.source, node.place.span.start).map(|list| list.value) {
                    Ok(Value::Array(items)) => all(&items, complain, string),
                    _ => complain.about(node),
                }
            }
            Value::Written(_) => Some(vec![node.with(string(node, complain)?)]),
            _ => complain.about(node),
        })
    }

    /// A list of integers, or a list of such lists as an axis. Lists may be empty, the axis may not. `--set` may leave
    /// the outermost brackets out: `20,20` is one list, `[20],[50,50]` are two.
    pub(crate) fn integer_lists(&mut self, key: &'static str) -> Field<List<List<i128>>> {
        let one = |node: &Node, complain: &mut Complaint<'_>| match &complain.opened(node, Commas::Belong)?.value {
            Value::Array(items) => all(items, complain, integer),
            _ => complain.about(node),
        };
        let is_list = |item: &Node| match &item.value {
            Value::Array(_) => true,
            Value::Written(text) => text.starts_with('['),
            _ => false,
        };
        self.read(key, INTEGER_LISTS, |node, complain| {
            let opened = complain.opened(node, Commas::Separate)?;
            match &opened.value {
                Value::Array(items) if items.iter().any(is_list) => all(items, complain, one),
                Value::Array(items) => Some(vec![node.with(all(items, complain, integer)?)]),
                Value::Written(_) => Some(vec![node.with(vec![node.with(integer(node, complain)?)])]),
                _ => complain.about(node),
            }
        })
    }

    /// A list of lists of integers, any of which may be empty: not an axis. `--set` may leave the outermost brackets out.
    pub(crate) fn groups(&mut self, key: &'static str) -> Field<List<List<i128>>> {
        let one = |node: &Node, complain: &mut Complaint<'_>| match &complain.opened(node, Commas::Belong)?.value {
            Value::Array(items) => all(items, complain, integer),
            _ => complain.about(node),
        };
        self.read(key, GROUPS, |node, complain| match &complain.opened(node, Commas::Separate)?.value {
            Value::Array(items) => all(items, complain, one),
            _ => complain.about(node),
        })
    }

    /// An integer, a list of integers, or a table of `start` and `count`.
    pub(crate) fn counted(&mut self, key: &'static str) -> Field<Integers> {
        self.read(key, COUNTED, |node, complain| match &complain.opened(node, Commas::Separate)?.value {
            Value::Array(_) => one_or_more(node, complain, integer).map(Integers::List),
            Value::Table(table) => {
                let mut reader = TableReader::new(format!("`{key}`"), table, complain.diagnostics);
                let (start, count) = (reader.integer("start"), reader.integer("count"));
                reader.finish();
                Some(Integers::Range { start, count, place: node.place.clone() })
            }
            _ => integer(node, complain).map(Integers::One),
        })
    }

    /// `"full"` or a number of samples.
    pub(crate) fn batch(&mut self, key: &'static str) -> Field<BatchSize> {
        self.read(key, BATCH, |node, complain| match &scalar(node).value {
            Value::String(word) if word == "full" => Some(BatchSize::Full),
            _ => integer(node, complain).map(BatchSize::Samples),
        })
    }

    /// Epochs: false, true, one, a list, `"log"`, `{ every }`, `{ log }`, `{ per_decade }` or `{ at }`.
    pub(crate) fn epochs(&mut self, key: &'static str) -> Field<Epochs> {
        self.read(key, EPOCHS, |node, complain| epochs(node, complain, true))
    }
}

fn epochs(node: &Node, complain: &mut Complaint<'_>, table_allowed: bool) -> Option<Epochs> {
    let opened = complain.opened(node, Commas::Separate)?;
    match &scalar(&opened).value {
        Value::Boolean(false) => Some(Epochs::Never),
        Value::Boolean(true) => Some(Epochs::Always),
        Value::Integer(one) => Some(Epochs::One(*one)),
        Value::Array(_) => one_or_more(node, complain, integer).map(Epochs::List),
        Value::String(word) if word == "log" => Some(Epochs::Log(None)),
        Value::Table(table) if table_allowed => epochs_table(node, table, complain),
        _ => complain.about(node),
    }
}

fn epochs_table(node: &Node, table: &Table, complain: &mut Complaint<'_>) -> Option<Epochs> {
    let (key, before) = (complain.key, complain.diagnostics.len());
    let mut reader = TableReader::new(format!("`{key}`"), table, complain.diagnostics);
    let every = reader.integer("every");
    let at = reader.read("at", LISTED_EPOCHS, |node, complain| match scalar(node).value {
        Value::Boolean(_) => complain.about(node),
        _ => epochs_or_steps(node, complain),
    });
    let steps = reader.read("steps", STEPS, steps);
    let log = [reader.integer("log"), reader.integer("per_decade")];
    reader.finish();
    if complain.diagnostics.len() > before {
        return None;
    }
    let [log, per_decade] = &log;
    if let (Field::Given(steps), 1) = (&steps, table.entries.len()) {
        return Some(Epochs::Steps(steps.value.clone()));
    }
    let every = if steps.is_absent() { every } else { Field::Broken };
    match (every, at, log.given().or(per_decade.given())) {
        (Field::Given(every), Field::Absent, None) => Some(Epochs::Every(every)),
        (Field::Absent, Field::Absent, Some(per_decade)) if log.is_absent() || table.entries.len() == 1 => {
            Some(Epochs::Log(Some(per_decade.clone())))
        }
        (Field::Absent, Field::Given(at), None) => Some(at.value),
        (Field::Absent, Field::Given(Located { value: Epochs::Log(None), .. }), Some(per_decade)) => {
            Some(Epochs::Log(Some(per_decade.clone())))
        }
        _ => {
            complain.diagnostics.error(&node.place, format!("`{key}` must name one rule")).help(
                "write one of { every = 1 }, { log = 10 } (so many per factor of ten), { at = [0, 10, 100] }, \
                 { at = \"log\" }, { steps = [0, 1, 2, 5] }",
            );
            None
        }
    }
}

/// What `{ at = … }` holds: epochs, or a table that names steps and nothing else.
fn epochs_or_steps(node: &Node, complain: &mut Complaint<'_>) -> Option<Epochs> {
    match &complain.opened(node, Commas::Separate)?.value {
        Value::Table(table) => match epochs_table(node, table, complain)? {
            steps @ Epochs::Steps(_) => Some(steps),
            _ => complain.about(node),
        },
        _ => epochs(node, complain, false),
    }
}

fn steps(node: &Node, complain: &mut Complaint<'_>) -> Option<Steps> {
    let opened = complain.opened(node, Commas::Separate)?;
    match &scalar(&opened).value {
        Value::Integer(_) | Value::Array(_) => one_or_more(node, complain, integer).map(Steps::List),
        Value::Table(table) => {
            let before = complain.diagnostics.len();
            let mut reader = TableReader::new("`steps`", table, complain.diagnostics);
            let [every, until, singly] = ["every", "until", "singly_until"].map(|key| reader.integer(key));
            let log = [reader.integer("log"), reader.integer("per_decade")];
            reader.finish();
            if complain.diagnostics.len() > before {
                return None;
            }
            let per_decade = log.iter().filter_map(Field::given).collect::<Vec<_>>();
            match (every, until, per_decade.as_slice()) {
                (Field::Given(every), Field::Given(until), []) if singly.is_absent() => {
                    Some(Steps::Every { every, until })
                }
                (Field::Absent, Field::Given(until), [one]) => {
                    let singly_until = singly.given().cloned();
                    Some(Steps::Log { per_decade: (*one).clone(), until, singly_until })
                }
                (_, Field::Absent, _) => {
                    let error = complain.diagnostics.error(&node.place, "`steps` must say until which step");
                    error.help(
                        "write, say, steps = { every = 10, until = 200 }: cells may differ in how many they take",
                    );
                    None
                }
                _ => complain.about(node),
            }
        }
        _ => complain.about(node),
    }
}

/// Reports a value of the wrong type.
struct Complaint<'a> {
    key: &'static str,
    expected: Expected,
    diagnostics: &'a mut Diagnostics,
}

impl Complaint<'_> {
    fn about<T>(&mut self, node: &Node) -> Option<T> {
        let message = format!("`{}` must be {}", self.key, self.expected.sentence);
        let help = self.diagnostics.argument(&node.place).map(|argument| self.as_written(argument));
        let error = self.diagnostics.error(&node.place, message);
        error.label(format!("found {}", node.value.type_name()));
        if let Some(help) = help {
            error.help(help);
        }
        None
    }

    /// What to write instead of `argument`, in which the value stands.
    fn as_written(&self, argument: &str) -> String {
        let path = argument.split('=').next().unwrap_or_default().trim();
        let whole = path.rsplit('.').next() == Some(self.key);
        let set = |value: &&str| if whole { format!("--set {path}={value}") } else { format!("{}={value}", self.key) };
        // What is quoted for the shell is quoted as a whole.
        let quoted = |value: &&str| match value.strip_prefix('\'') {
            Some(rest) if whole => format!("--set '{path}={rest}"),
            Some(rest) => format!("{}={}", self.key, rest.trim_end_matches('\'')),
            None => set(value),
        };
        match self.expected.set {
            [] if whole => format!("write one word, or quote it twice: --set '{path}=\"…\"'"),
            [] => format!("write one word, or quote it: {}=\"…\"", self.key),
            values => format!("write, say, {}", values.iter().map(quoted).collect::<Vec<_>>().join(" or ")),
        }
    }

    /// The node with the brackets of a `--set` opened; `None` if they are not sound, which is reported.
    fn opened<'n>(&mut self, node: &'n Node, commas: Commas) -> Option<Cow<'n, Node>> {
        opened(node, commas, self.diagnostics)
    }
}

/// The node as a list or table if it is one: the text of a `--set` is opened. `None` if that is not sound TOML, which
/// is reported.
pub(crate) fn opened<'n>(node: &'n Node, commas: Commas, diagnostics: &mut Diagnostics) -> Option<Cow<'n, Node>> {
    let Value::Written(text) = &node.value else { return Some(Cow::Borrowed(node)) };
    match written::opened(text, &node.place, commas) {
        Ok(Some(value)) => Some(Cow::Owned(node.with(value))),
        Ok(None) => Some(Cow::Borrowed(node)),
        Err(error) => {
            let Place { source, span } = node.place.clone();
            let at = error.span().map_or(span.clone(), |at| span.start + at.start..span.start + at.end);
            diagnostics.error(&Place { source, span: at }, syntax_message(error.message()));
            None
        }
    }
}

/// The node with the text of a `--set` read as a number, a truth value or a word.
fn scalar(node: &Node) -> Cow<'_, Node> {
    match &node.value {
        Value::Written(text) => Cow::Owned(node.with(written::scalar(text))),
        _ => Cow::Borrowed(node),
    }
}

fn string(node: &Node, complain: &mut Complaint<'_>) -> Option<String> {
    match &node.value {
        Value::String(value) => Some(value.clone()),
        Value::Written(text) => written::string(text).or_else(|| complain.about(node)),
        _ => complain.about(node),
    }
}

fn integer(node: &Node, complain: &mut Complaint<'_>) -> Option<i128> {
    match scalar(node).value {
        Value::Integer(value) => Some(value),
        // 1e5 is how people write large counts; it is exact up to 2^53.
        Value::Float(value) if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => Some(value as i128),
        _ => complain.about(node),
    }
}

fn number(node: &Node, complain: &mut Complaint<'_>) -> Option<f64> {
    match scalar(node).value {
        Value::Integer(value) => Some(value as f64),
        Value::Float(value) => Some(value),
        _ => complain.about(node),
    }
}

/// One value as a list of one, or every item of a list that is not empty.
fn one_or_more<T>(
    node: &Node,
    complain: &mut Complaint<'_>,
    item: impl Fn(&Node, &mut Complaint<'_>) -> Option<T>,
) -> Option<List<T>> {
    let opened = complain.opened(node, Commas::Separate)?;
    let Value::Array(items) = &opened.value else { return Some(vec![node.with(item(node, complain)?)]) };
    if items.is_empty() {
        let message = format!("`{}` is an empty list: the grid would have no cells", complain.key);
        complain.diagnostics.error(&node.place, message).label(format!("expected {}", complain.expected.sentence));
        return None;
    }
    all(items, complain, item)
}

/// Every item, or `None` once all broken ones are reported.
fn all<T>(
    items: &[Node],
    complain: &mut Complaint<'_>,
    item: impl Fn(&Node, &mut Complaint<'_>) -> Option<T>,
) -> Option<List<T>> {
    let read: Vec<Option<Located<T>>> =
        items.iter().map(|node| item(node, complain).map(|value| node.with(value))).collect();
    read.into_iter().collect()
}
