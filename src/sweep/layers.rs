//! `layers` of `[[architecture]]`: the elements of a network of one's own, with their axes.
//!
//! Wherever a number is expected, a list of numbers is an axis, and a name stands for a number of `numbers`, which is one
//! axis wherever it is named. The list is read once for every combination: the first reading finds the axes and judges all
//! their values, so that the later ones cannot fail.
//!
//! Invariant: axes are in the order in which the file names them first, and the last varies fastest.

use std::ops::RangeInclusive;

use phasesweep_networks::{Count, Element, Normalisation, Number, PoolKind, WIDEST, Word};

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
/// Sides, strides, paddings, groups and repetitions may not be more.
const MOST: i128 = 10_000;

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

    fn table(&mut self, node: &Node, table: &Table) -> Option<Element> {
        const KINDS: [&str; 8] = ["dense", "conv", "depthwise", "pool", "pool_all", "normalise", "scale", "residual"];
        const REPEAT: &str = "repeat";
        let given: Vec<&str> = KINDS.into_iter().chain([REPEAT]).filter(|kind| table.get(kind).is_some()).collect();
        let [kind] = given[..] else {
            let help = "name one of dense, conv, depthwise, pool, pool_all, normalise, scale, residual, repeat";
            self.complain(&node.place, "it is not clear which element this is", help);
            return None;
        };
        // Keys of an element are read through a reader of its own, which reports unknown ones; nodes are judged after it.
        let before = self.judge.diagnostics.len();
        let mut reader = TableReader::new(format!("{{ {kind} = … }}"), table, self.judge.diagnostics);
        let of = |reader: &mut TableReader<'_, '_>, key: &'static str| reader.node(key).cloned();
        let own = match kind {
            "dense" => [of(&mut reader, "dense"), None, None, None, None],
            "conv" => ["conv", "kernel", "stride", "padding", "groups"].map(|key| of(&mut reader, key)),
            "depthwise" => {
                let [kernel, stride, padding] = ["depthwise", "stride", "padding"].map(|key| of(&mut reader, key));
                [None, kernel, stride, padding, None]
            }
            "pool" => {
                let [pool, side, stride] = ["pool", "side", "stride"].map(|key| of(&mut reader, key));
                [pool, side, stride, None, None]
            }
            "pool_all" => [of(&mut reader, "pool_all"), None, None, None, None],
            "normalise" => [of(&mut reader, "normalise"), None, None, None, None],
            "scale" => [of(&mut reader, "scale"), None, None, None, None],
            "residual" => {
                let [branch, shortcut] = ["residual", "shortcut"].map(|key| of(&mut reader, key));
                [branch, shortcut, None, None, None]
            }
            _ => {
                let [times, layers] = ["repeat", "layers"].map(|key| of(&mut reader, key));
                [times, layers, None, None, None]
            }
        };
        let bias = match kind {
            "dense" | "conv" | "depthwise" => match reader.boolean("bias") {
                Field::Given(flag) => Some(flag.value),
                Field::Absent => Some(true),
                Field::Broken => None,
            },
            _ => Some(true),
        };
        reader.finish();
        if self.judge.diagnostics.len() > before {
            self.sound = false;
            return None;
        }
        let bias = bias?;
        let [a, b, c, d, e] = &own;
        match kind {
            "dense" => Some(Element::Dense { dense: self.count(a.as_ref()?, "dense")?, bias }),
            "conv" => {
                let conv = self.count(a.as_ref()?, "conv")?;
                let Some(kernel) = b else {
                    self.complain(&node.place, "`kernel` is missing in { conv = … }", "write, say, kernel = 3");
                    return None;
                };
                let kernel = self.whole(kernel, "kernel", 1..=1023)?;
                let stride = self.whole_or(c.as_ref(), "stride", 1..=MOST, 1)?;
                let padding = self.whole_or(d.as_ref(), "padding", 0..=MOST, kernel / 2)?;
                let groups = self.whole_or(e.as_ref(), "groups", 1..=WIDEST as i128, 1)?;
                Some(Element::Convolution { conv, kernel, stride, padding, groups, bias })
            }
            "depthwise" => {
                let depthwise = self.whole(b.as_ref()?, "depthwise", 1..=1023)?;
                let stride = self.whole_or(c.as_ref(), "stride", 1..=MOST, 1)?;
                let padding = self.whole_or(d.as_ref(), "padding", 0..=MOST, depthwise / 2)?;
                Some(Element::Depthwise { depthwise, stride, padding, bias })
            }
            "pool" => {
                let pool = self.pool(a.as_ref()?, "pool")?;
                let side = self.whole_or(b.as_ref(), "side", 1..=MOST, 2)?;
                let stride = self.whole_or(c.as_ref(), "stride", 1..=MOST, side)?;
                Some(Element::Pool { pool, side, stride })
            }
            "pool_all" => Some(Element::PoolAll { pool_all: self.pool(a.as_ref()?, "pool_all")? }),
            "normalise" => {
                let words = ["none", Normalisation::Batch.name(), Normalisation::Layer.name()];
                match self.choice(a.as_ref()?, "normalise", &words)? {
                    "batch" => Some(Element::Normalise { normalise: Normalisation::Batch }),
                    "layer" => Some(Element::Normalise { normalise: Normalisation::Layer }),
                    _ => None,
                }
            }
            "scale" => Some(Element::Scale { scale: Number(self.real(a.as_ref()?, "scale")?) }),
            "residual" => {
                let residual = self.list(a.as_ref()?, "residual");
                let shortcut = b.as_ref().map_or_else(Vec::new, |shortcut| self.list(shortcut, "shortcut"));
                if residual.is_empty() && self.sound {
                    self.complain(&node.place, "`residual` has no element", "write, say, residual = [{ dense = 64 }]");
                }
                Some(Element::Residual { residual, shortcut })
            }
            _ => {
                let repeat = self.whole(a.as_ref()?, "repeat", 0..=MOST)?;
                let Some(layers) = b else {
                    let help = "write, say, { repeat = 2, layers = [{ dense = 64 }, \"relu\"] }";
                    self.complain(&node.place, "`layers` is missing in { repeat = … }", help);
                    return None;
                };
                let layers = self.list(layers, "layers");
                Some(Element::Repeat { repeat, layers })
            }
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

    fn whole_or(
        &mut self,
        node: Option<&Node>,
        key: &str,
        range: RangeInclusive<i128>,
        default: usize,
    ) -> Option<usize> {
        node.map_or(Some(default), |node| self.whole(node, key, range))
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

    fn pool(&mut self, node: &Node, key: &str) -> Option<PoolKind> {
        let kind = self.choice(node, key, &["max", "mean"])?;
        Some(if kind == "max" { PoolKind::Max } else { PoolKind::Mean })
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
