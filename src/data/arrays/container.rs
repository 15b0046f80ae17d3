//! What a file of arrays is to the rest of the room: arrays by name, read as inputs or as targets, and refusals in sentences.

use std::collections::HashMap;
use std::fmt;

/// Deflate makes no more than this of a byte (its longest match of 258 bytes takes 2 bits).
pub(super) const DEFLATE_GROWTH: u64 = 1032;

/// Inputs as a file holds them, in C order.
#[derive(Debug, PartialEq)]
pub(in crate::data) enum Inputs {
    /// Unsigned bytes and truth values.
    Bytes(Vec<u8>),
    /// All other numbers, in single precision.
    Floats(Vec<f32>),
}

/// Targets as a file holds them, in C order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Targets {
    Integers(Vec<i64>),
    Reals(Vec<f64>),
    Texts(Texts),
}

/// Classes there may be, at most: labels are 16 bits wide wherever networks are trained.
pub(super) const MOST_CLASSES: usize = 65_535;

/// Texts, each distinct one once: no file of classes has many, and memory is taken by their places.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Texts {
    /// Each distinct text, with its number in the order of their coming.
    pub(super) known: HashMap<String, u32>,
    /// The number of each target's text.
    pub(super) at: Vec<u32>,
}

impl Texts {
    /// Room for so many targets, whose texts are not known yet.
    pub(super) fn of(at: Vec<u32>) -> Texts {
        Texts { known: HashMap::new(), at }
    }

    /// The number of a text; `None` where there are too many distinct ones.
    pub(super) fn number(&mut self, text: &str) -> Option<u32> {
        if let Some(&number) = self.known.get(text) {
            return Some(number);
        }
        let number = self.known.len() as u32;
        if self.known.len() == MOST_CLASSES {
            return None;
        }
        self.known.insert(text.to_owned(), number);
        Some(number)
    }

    /// The distinct texts, by their numbers.
    pub(super) fn by_number(&self) -> Vec<&str> {
        let mut texts = vec![""; self.known.len()];
        for (text, &number) in &self.known {
            texts[number as usize] = text;
        }
        texts
    }
}

/// Why targets of too many distinct values are refused.
pub(super) fn too_many(name: &str) -> Refusal {
    Refusal::new(
        format!("`{name}` has more than {MOST_CLASSES} distinct values"),
        "Targets are classes: name an array of whole numbers, texts or one-hot rows",
    )
}

/// Why something cannot be read: what it is, and what to do.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) what: String,
    pub(super) advice: String,
}

impl Refusal {
    pub(super) fn new(what: impl Into<String>, advice: impl Into<String>) -> Refusal {
        Refusal { what: what.into(), advice: advice.into() }
    }

    /// The file ends early, or is torn: `error` is the system's or the format's word for it.
    pub(super) fn unreadable(name: &str, error: &dyn fmt::Display) -> Refusal {
        Refusal::new(
            format!("`{name}` cannot be read: {error}"),
            "The file is truncated or damaged: copy or write it again",
        )
    }
}

/// A file that holds arrays by name.
pub(super) trait Container {
    /// Names of its arrays.
    fn names(&mut self) -> Vec<String>;

    /// Shape of an array, by its header.
    fn shape(&mut self, name: &str) -> Result<Vec<usize>, Refusal>;

    /// Type of an array's elements, as its format writes it.
    fn element(&mut self, name: &str) -> Result<String, Refusal>;

    /// An array of numbers, as inputs.
    fn inputs(&mut self, name: &str) -> Result<Inputs, Refusal>;

    /// An array of numbers or texts, as targets.
    fn targets(&mut self, name: &str) -> Result<Targets, Refusal>;
}

/// What a container holds, for a sentence: "x (float32, 100×8×8), y (int64, 100)".
pub(super) fn contents(container: &mut dyn Container) -> String {
    /// Arrays that are named.
    const NAMED: usize = 20;
    let names = container.names();
    if names.is_empty() {
        return "no array".to_owned();
    }
    let mut said: Vec<String> = Vec::new();
    for name in names.iter().take(NAMED) {
        said.push(match (container.element(name), container.shape(name)) {
            (Ok(element), Ok(shape)) => format!("{name} ({element}, {})", sizes_of(&shape)),
            _ => format!("{name} (which cannot be read)"),
        });
    }
    let more = names.len().saturating_sub(NAMED);
    if more > 0 {
        said.push(format!("{more} more"));
    }
    said.join(", ")
}

/// "100×8×8"
pub(super) fn sizes_of(shape: &[usize]) -> String {
    match shape {
        [] => "a single value".to_owned(),
        shape => shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×"),
    }
}
