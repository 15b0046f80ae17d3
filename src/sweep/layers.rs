//! `layers` of `[[architecture]]`: the elements of a network of one's own, with their axes.
//!
//! Wherever a number is expected, a list of numbers is an axis, and a name stands for a number of `numbers`, which is one
//! axis wherever it is named. The list is read once for every combination: the first reading finds the axes and judges all
//! their values, so that the later ones cannot fail.
//!
//! Invariant: axes are in the order in which the file names them first, and the last varies fastest.

use std::ops::RangeInclusive;

use phasesweep_networks::{
    Count, ELEMENTS, Element, ElementAbsent, ElementForm, ElementKey, ElementKind, ElementValue, ElementValues, WIDEST,
    Word,
};

use super::document::{Node, Table, Value};
use super::judge::{AXIS_LIMIT, Judge};
use super::place::Place;
use super::reader::{Field, TableReader, opened};
use super::suggestion::nearest;
use super::table::KindKeys;
use super::written::{Commas, scalar};
use crate::key::plain;

/// Elements of a network, repetitions written out, may not be more.
const MOST_ELEMENTS: usize = 10_000;

/// A network that a list of elements is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Network {
    /// Its elements.
    pub(crate) elements: Vec<Element>,
    /// The numbers that the list names, with the values that they have in it.
    pub(crate) numbers: Vec<(String, f64)>,
}

/// The networks that `layers` and `numbers` are: the product of their axes.
pub(crate) fn networks(judge: &mut Judge<'_>, kinds: &KindKeys) -> Option<Vec<Network>> {
    let Some(written) = kinds.node("layers").and_then(Field::given) else {
        return judge.missing("layers", "[{ dense = 64 }, \"relu\", { dense = \"classes\" }]");
    };
    let named = match kinds.node("numbers").and_then(Field::given) {
        Some(given) => named(judge, &given.value)?,
        None => Vec::new(),
    };
    let mut reading = Reading { judge, axes: Vec::new(), named, next: 0, choice: None, sound: true };
    let first = reading.list(&written.value, "layers");
    let unused: Vec<(String, Place)> = (reading.named.iter())
        .filter(|named| named.axis.is_none())
        .map(|named| (named.name.clone(), named.place.clone()))
        .collect();
    for (name, place) in unused {
        let error =
            reading.judge.diagnostics.error(&place, format!("no element of `layers` names the number `{name}`"));
        error.help(format!("write, say, {{ dense = \"{name}\" }}"));
        reading.sound = false;
    }
    if !reading.sound {
        return None;
    }
    if first.is_empty() {
        let error = reading.judge.diagnostics.error(&written.place, "`layers` has no element");
        error.help("the last one has as many outputs as there are classes: { dense = \"classes\" }");
        return None;
    }
    let axes = reading.axes.clone();
    let count =
        axes.iter().try_fold(1_usize, |count, axis| count.checked_mul(*axis)).filter(|&count| count <= AXIS_LIMIT);
    let Some(count) = count else {
        let message = format!("the lists in `layers` multiply to more than {AXIS_LIMIT} networks");
        reading.judge.diagnostics.error(&written.place, message).help("shorten a list");
        return None;
    };
    let mut out = Vec::with_capacity(count);
    for number in 0..count {
        let mut rest = number;
        let mut choice = vec![0; axes.len()];
        for (place, length) in choice.iter_mut().zip(&axes).rev() {
            (*place, rest) = (rest % length, rest / length);
        }
        let numbers = reading.named.iter().map(|named| {
            let place = named.axis.map_or(0, |axis| choice[axis]);
            (named.name.clone(), named.values[place].0)
        });
        let numbers = numbers.collect();
        reading.next = 0;
        // Every reading meets the axes in the same order.
        reading.named.iter_mut().for_each(|named| named.axis = None);
        reading.choice = Some(choice);
        let elements = reading.list(&written.value, "layers");
        if size(&elements) > MOST_ELEMENTS {
            let message = format!("`layers` has more than {MOST_ELEMENTS} elements, repetitions written out");
            reading.judge.diagnostics.error(&written.place, message);
            return None;
        }
        out.push(Network { elements, numbers });
    }
    Some(out)
}

/// Each element as it is written at its shortest, and its further keys with their defaults, for the reference page.
pub(crate) fn described() -> Vec<[String; 2]> {
    let tables = ELEMENTS.iter().map(|kind| {
        let mut required = Vec::new();
        let mut further = Vec::new();
        for ElementKey { name, form, absent } in kind.keys {
            let axis = if matches!(form, ElementForm::Flag | ElementForm::List) { "" } else { " ×" };
            match absent {
                ElementAbsent::Required(example) => required.push(format!("{name} = {example}")),
                ElementAbsent::Is(number) => further.push(format!("`{name}`{axis} = {number}")),
                ElementAbsent::HalfOf(other) => further.push(format!("`{name}`{axis} = half of `{other}`")),
                ElementAbsent::As(other) => further.push(format!("`{name}`{axis} = `{other}`")),
                ElementAbsent::True => further.push(format!("`{name}` = true")),
                ElementAbsent::Empty => further.push(format!("`{name}` = none")),
            }
        }
        [format!("{{ {} }}", required.join(", ")), further.join(", ")]
    });
    let words: Vec<String> = Word::all().map(|word| format!("{:?}", word.name())).collect();
    tables.chain([[words.join(" or "), String::new()]]).collect()
}

/// Elements, repetitions written out.
fn size(elements: &[Element]) -> usize {
    let one = |element: &Element| match element {
        Element::Repeat { repeat, layers } => repeat.saturating_mul(size(layers)),
        Element::Residual { residual, shortcut } => 1 + size(residual) + size(shortcut),
        _ => 1,
    };
    elements.iter().map(one).fold(0, usize::saturating_add)
}

/// A number of `numbers`.
struct Named {
    name: String,
    place: Place,
    /// Its values with their places; one for each entry of the axis.
    values: Vec<(f64, Place)>,
    /// Its axis, once an element of this reading has named it.
    axis: Option<usize>,
}

/// The entries of `numbers`.
fn named(judge: &mut Judge<'_>, node: &Node) -> Option<Vec<Named>> {
    let opened = opened(node, Commas::Belong, judge.diagnostics)?;
    let Value::Table(table) = &opened.value else {
        let error = judge.diagnostics.error(&node.place, "`numbers` must be a table, as in { width = [32, 64] }");
        error.label(format!("found {}", node.value.type_name()));
        return None;
    };
    let mut sound = true;
    let mut all = Vec::new();
    for entry in &table.entries {
        let name = &entry.key;
        let letters = name.value.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !letters || ["classes", "layers", "kind"].contains(&name.value.as_str()) {
            sound = false;
            let error =
                judge.diagnostics.error(&name.place, format!("`{}` cannot be the name of a number", name.value));
            error.help("take letters, digits and _, and none of classes, layers, kind");
            continue;
        }
        let values: Vec<(f64, Place)> =
            items(&entry.value).iter().filter_map(|item| Some((real(item)?, item.place.clone()))).collect();
        if values.is_empty() || values.len() < items(&entry.value).len() {
            sound = false;
            let message = format!("`{}` must be a number or a list of numbers", name.value);
            judge
                .diagnostics
                .error(&entry.value.place, message)
                .label(format!("found {}", entry.value.value.type_name()));
            continue;
        }
        sound &= judge.distinct(&name.value, values.iter().map(|(value, place)| (value.to_string(), place)));
        all.push(Named { name: name.value.clone(), place: name.place.clone(), values, axis: None });
    }
    sound.then_some(all)
}

/// The items of a list, or the one value that stands for a list of one.
fn items(node: &Node) -> Vec<Node> {
    match &node.value {
        Value::Array(items) => items.clone(),
        Value::Written(text) => match super::written::opened(text, &node.place, Commas::Separate) {
            Ok(Some(Value::Array(items))) => items,
            _ => vec![node.clone()],
        },
        _ => vec![node.clone()],
    }
}

/// A node as a real number.
fn real(node: &Node) -> Option<f64> {
    let value = match &node.value {
        Value::Written(text) => scalar(text),
        other => other.clone(),
    };
    match value {
        Value::Integer(value) => Some(value as f64),
        Value::Float(value) if value.is_finite() => Some(value),
        _ => None,
    }
}

/// A node as a truth value.
fn flag(node: &Node) -> Option<bool> {
    let value = match &node.value {
        Value::Written(text) => scalar(text),
        other => other.clone(),
    };
    if let Value::Boolean(flag) = value { Some(flag) } else { None }
}

/// A node as a word.
fn word(node: &Node) -> Option<String> {
    match &node.value {
        Value::String(word) => Some(word.clone()),
        Value::Written(text) => super::written::string(text),
        _ => None,
    }
}

/// One reading of the list.
struct Reading<'j, 'd> {
    judge: &'j mut Judge<'d>,
    /// Length of each axis, in the order of the file.
    axes: Vec<usize>,
    named: Vec<Named>,
    /// Axes that were met in this reading.
    next: usize,
    /// Which value of each axis is read; `None` in the first reading.
    choice: Option<Vec<usize>>,
    sound: bool,
}

impl Reading<'_, '_> {
    fn complain(&mut self, place: &Place, message: impl Into<String>, help: &str) {
        self.sound = false;
        self.judge.diagnostics.error(place, message.into()).help(help);
    }

    /// The elements of a list.
    fn list(&mut self, node: &Node, key: &str) -> Vec<Element> {
        let Some(opened) = opened(node, Commas::Belong, self.judge.diagnostics) else {
            self.sound = false;
            return Vec::new();
        };
        let Value::Array(items) = &opened.value else {
            let help = "an element is a table, as { dense = 64 }, or a word, as \"relu\"";
            self.complain(&node.place, format!("`{key}` must be a list of elements"), help);
            return Vec::new();
        };
        items.iter().filter_map(|item| self.element(item)).collect()
    }

    /// An element; `None` if it is wrong, or `{ normalise = "none" }`.
    fn element(&mut self, node: &Node) -> Option<Element> {
        let opened = opened(node, Commas::Belong, self.judge.diagnostics);
        let Some(opened) = opened else {
            self.sound = false;
            return None;
        };
        match &opened.value {
            Value::Table(table) => self.table(node, table),
            _ => match word(node) {
                Some(written) => self.word(node, &written),
                None => {
                    let help = "write a table, as { dense = 64 }, or a word, as \"relu\"";
                    self.complain(
                        &node.place,
                        format!("an element of `layers` cannot be {}", node.value.type_name()),
                        help,
                    );
                    None
                }
            },
        }
    }

    fn word(&mut self, node: &Node, written: &str) -> Option<Element> {
        if let Some(word) = Word::all().find(|word| word.name() == written) {
            return Some(Element::Word(word));
        }
        self.sound = false;
        let names: Vec<&str> = Word::all().map(Word::name).collect();
        let error = self.judge.diagnostics.error(&node.place, format!("unknown element `{written}`"));
        if let Some(meant) = nearest(written, &names) {
            error.label(format!("did you mean \"{meant}\"?"));
        }
        error.help(format!("words are {}; the others are tables, as {{ dense = 64 }}", names.join(", ")));
        None
    }

    /// The element that a table is; `None` if it is wrong, or one that is left out.
    fn table(&mut self, node: &Node, table: &Table) -> Option<Element> {
        let given: Vec<&ElementKind> = ELEMENTS.iter().filter(|kind| table.get(kind.keys[0].name).is_some()).collect();
        let [kind] = given[..] else {
            let names: Vec<&str> = ELEMENTS.iter().map(|kind| kind.keys[0].name).collect();
            let help = format!("name one of {}", names.join(", "));
            self.complain(&node.place, "it is not clear which element this is", &help);
            return None;
        };
        let (before, name) = (self.judge.diagnostics.len(), format!("{{ {} = … }}", kind.keys[0].name));
        let mut reader = TableReader::new(&name, table, self.judge.diagnostics);
        let written: Vec<(&ElementKey, Option<&Node>)> =
            kind.keys.iter().map(|key| (key, reader.node(key.name))).collect();
        reader.finish();
        let mut values = ElementValues::default();
        // Every key is read, so that every reading meets the same axes.
        let mut whole = true;
        for (key, written) in written {
            let value = match written {
                Some(written) => self.value(key, written),
                None => self.absent(key, &values, node, &name),
            };
            match value {
                Some(value) => values.push(key.name, value),
                None => whole = false,
            }
        }
        if !whole || self.judge.diagnostics.len() > before {
            self.sound = false;
            return None;
        }
        (kind.of)(&values)
    }

    /// The value of a key of an element.
    fn value(&mut self, key: &ElementKey, node: &Node) -> Option<ElementValue> {
        match key.form {
            ElementForm::Count => self.count(node, key.name).map(ElementValue::Count),
            ElementForm::Whole(least, most) => {
                self.whole(node, key.name, least as i128..=most as i128).map(ElementValue::Whole)
            }
            ElementForm::Real => self.real(node, key.name).map(ElementValue::Real),
            ElementForm::Word(words) => self.choice(node, key.name, words).map(ElementValue::Word),
            ElementForm::Flag => {
                let flag = flag(node);
                if flag.is_none() {
                    let message = format!("`{}` must be true or false", key.name);
                    self.complain(&node.place, message, &format!("write, say, {} = false", key.name));
                }
                flag.map(ElementValue::Flag)
            }
            ElementForm::List => {
                let elements = self.list(node, key.name);
                if elements.is_empty() && self.sound && key.absent != ElementAbsent::Empty {
                    let ElementAbsent::Required(example) = key.absent else { return None };
                    let message = format!("`{}` has no element", key.name);
                    self.complain(&node.place, message, &format!("write, say, {} = {example}", key.name));
                }
                Some(ElementValue::List(elements))
            }
        }
    }

    /// What stands for a key of an element that is not given; `values` are those of the keys before it.
    fn absent(&mut self, key: &ElementKey, values: &ElementValues, node: &Node, name: &str) -> Option<ElementValue> {
        match key.absent {
            ElementAbsent::Required(example) => {
                let message = format!("`{}` is missing in {name}", key.name);
                self.complain(&node.place, message, &format!("write, say, {} = {example}", key.name));
                None
            }
            ElementAbsent::Is(number) => Some(ElementValue::Whole(number)),
            ElementAbsent::HalfOf(other) => Some(ElementValue::Whole(values.whole_if_read(other)? / 2)),
            ElementAbsent::As(other) => Some(ElementValue::Whole(values.whole_if_read(other)?)),
            ElementAbsent::True => Some(ElementValue::Flag(true)),
            ElementAbsent::Empty => Some(ElementValue::List(Vec::new())),
        }
    }

    /// The value of a node that this reading takes: the node itself, an item of its list, or a value of the number that it
    /// names. In the first reading all values are judged by `sound`, and the first is taken.
    fn chosen<T: Copy>(&mut self, node: &Node, key: &str, judged: impl Fn(&mut Self, &Node) -> Option<T>) -> Option<T> {
        let named = word(node).and_then(|name| self.named.iter().position(|named| named.name == name));
        let values: Vec<Node> = match named {
            Some(at) => (self.named[at].values.iter())
                .map(|(value, place)| Node { value: Value::Float(*value), place: place.clone() })
                .collect(),
            None => items(node),
        };
        if values.is_empty() {
            let message = format!("`{key}` is an empty list: the grid would have no cells");
            self.complain(&node.place, message, "write a number, or a list of them");
            return None;
        }
        let axis = match named.and_then(|at| self.named[at].axis) {
            Some(axis) => axis,
            None => {
                self.next += 1;
                self.next - 1
            }
        };
        if let Some(at) = named {
            self.named[at].axis = Some(axis);
        }
        if let Some(choice) = &self.choice {
            let value = values[choice[axis]].clone();
            return judged(self, &value);
        }
        if axis == self.axes.len() {
            self.axes.push(values.len());
        }
        // The values of a named number were judged where they stand.
        let own: &[Node] = if named.is_none() { &values } else { &[] };
        let texts =
            own.iter().map(|value| (real(value).map_or_else(|| format!("{:?}", word(value)), plain), &value.place));
        self.sound &= self.judge.distinct(key, texts);
        let read: Vec<Option<T>> = values.iter().map(|value| judged(self, value)).collect();
        read.into_iter().collect::<Option<Vec<T>>>()?.first().copied()
    }

    /// A whole number in a range.
    fn whole(&mut self, node: &Node, key: &str, range: RangeInclusive<i128>) -> Option<usize> {
        self.chosen(node, key, |reading, value| {
            let Some(number) = real(value).filter(|number| number.fract() == 0.0) else {
                let message = format!("`{key}` must be a whole number, a list of them, or the name of a number");
                reading.complain(&value.place, message, "names are those of `numbers`, as in { width = [32, 64] }");
                return None;
            };
            let whole = reading.judge.whole_value(key, &value.with(number as i128), range.clone());
            reading.sound &= whole.is_some();
            whole.map(|whole| whole.value)
        })
    }

    /// A real number.
    fn real(&mut self, node: &Node, key: &str) -> Option<f64> {
        self.chosen(node, key, |reading, value| {
            let number = real(value).filter(|number| (*number as f32).is_finite());
            if number.is_none() {
                let message = format!("`{key}` must be a number, a list of them, or the name of a number");
                reading.complain(&value.place, message, "names are those of `numbers`, as in { width = [32, 64] }");
            }
            // −0 is 0, in identities too.
            number.map(|number| number + 0.0)
        })
    }

    /// Units or channels.
    fn count(&mut self, node: &Node, key: &str) -> Option<Count> {
        if word(node).is_some_and(|word| word == "classes") {
            return Some(Count::Classes);
        }
        self.whole(node, key, 1..=WIDEST as i128).map(Count::Of)
    }

    /// One of some words.
    fn choice(&mut self, node: &Node, key: &str, words: &[&'static str]) -> Option<&'static str> {
        self.chosen(node, key, |reading, value| {
            let written = word(value);
            let found = words.iter().copied().find(|word| written.as_deref() == Some(*word));
            if found.is_none() {
                let message = match &written {
                    Some(written) => format!("unknown {key} `{written}`"),
                    None => format!("`{key}` must be a word"),
                };
                reading.complain(&value.place, message, &format!("allowed: {}", words.join(", ")));
            }
            found
        })
    }
}
