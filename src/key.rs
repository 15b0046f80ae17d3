//! What a key of a sweep file is: its name, what it may hold, what stands for it where it is absent, and its documentation.
//!
//! A descriptor is all that the program knows of a key before it is read: the reader takes the form from it, the judge
//! the bound and the default, and the reference page, the schema for editors and `phasesweep keys` their texts. It knows
//! nothing of files, so that a data source can declare its keys beside its samples.
//!
//! Invariant: a default satisfies the bound and the words of its key; a test of the sweep's tables holds it.

use std::fmt;
use std::ops::RangeInclusive;

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Name in a sweep file.
    pub name: &'static str,
    /// What it holds.
    pub form: Form,
    /// Where its numbers must lie.
    pub bound: Bound,
    /// The words that it may hold, where they are few.
    pub words: Option<fn() -> Vec<&'static str>>,
    /// The same, as a list.
    pub listed: &'static [&'static str],
    /// What stands for it where it is not given.
    pub absent: Absent,
    /// What the key belongs to, where it does not apply to everything: "soft-hinge", "`remove = \"random\"`".
    pub applies_to: &'static str,
    /// What to use where the key does not apply, to end the sentence with.
    pub instead: &'static str,
    /// How a label of an axis's entry speaks of it.
    pub label: Label,
    /// What it means, as running text.
    pub doc: &'static str,
}

impl Key {
    /// A key of which nothing is said yet.
    pub const BLANK: Key = Key {
        name: "",
        form: Form::String,
        bound: Bound::Free,
        words: None,
        listed: &[],
        absent: Absent::Means("nothing"),
        applies_to: "",
        instead: "",
        label: Label::IfTelling,
        doc: "",
    };

    /// Whether the key is one of an axis: a list where one value is expected.
    pub fn is_axis(&self) -> bool {
        let takes_lists = matches!(self.form, Form::Integers | Form::Numbers | Form::Strings | Form::IntegerLists);
        takes_lists && self.label != Label::Never
    }

    /// The words that it may hold; `None` where there is no list of them.
    pub fn choices(&self) -> Option<Vec<&'static str>> {
        match self.words {
            Some(words) => Some(words()),
            None if self.listed.is_empty() => None,
            None => Some(self.listed.to_vec()),
        }
    }

    /// The documentation as one line.
    pub fn text(&self) -> String {
        self.doc.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// What a key may hold. The reader of sweep files has a method for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A string.
    String,
    /// True or false.
    Boolean,
    /// An integer.
    Integer,
    /// A number.
    Number,
    /// An integer or a list of them.
    Integers,
    /// A number or a list of them.
    Numbers,
    /// A list of numbers, which may be empty.
    NumberList,
    /// A string or a list of them.
    Strings,
    /// A list of names, which may be empty.
    Names,
    /// A name or a list of them: not an axis.
    NameList,
    /// A list of lines, which may be empty.
    Lines,
    /// A list of integers, or a list of such lists.
    IntegerLists,
    /// A list of lists of integers.
    Groups,
    /// An integer, a list of integers, or `{ start, count }`.
    Counted,
    /// `"full"` or a number of samples.
    Batch,
    /// Epochs: a schedule.
    Epochs,
    /// A table.
    Table,
    /// The elements of a network.
    Layers,
    /// A table of numbers, or lists of them, by name.
    NamedNumbers,
}

/// Where a number must lie. Real numbers are checked in single precision as well, in which training computes: a momentum
/// of 1 − 1e-12 is 1 there, and a learning rate of 1e-60 is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Anywhere.
    Free,
    /// A whole number from the first to the second, both included.
    Whole(i128, i128),
    /// A whole number from the first to the least value of another key of the table.
    UpTo(i128, &'static str),
    /// Greater than 0.
    Positive,
    /// 0 or greater.
    NotNegative,
    /// 0 ≤ x < 1.
    BelowOne,
    /// 0 < x < 1.
    InsideUnit,
    /// 0 ≤ x ≤ 1.
    Share,
}

impl Bound {
    /// Whether a real number lies within it, in single precision too.
    pub fn holds(self, value: f64) -> bool {
        let single = f64::from(value as f32);
        let inside = |x: f64| match self {
            Bound::Free => true,
            Bound::Whole(least, most) => (least as f64..=most as f64).contains(&x),
            Bound::UpTo(least, _) => x >= least as f64,
            Bound::Positive => x > 0.0,
            Bound::NotNegative => x >= 0.0,
            Bound::BelowOne => (0.0..1.0).contains(&x),
            Bound::InsideUnit => x > 0.0 && x < 1.0,
            Bound::Share => (0.0..=1.0).contains(&x),
        };
        value.is_finite() && single.is_finite() && inside(value) && inside(single)
    }

    /// The whole numbers within it.
    pub fn range(self) -> RangeInclusive<i128> {
        match self {
            Bound::Whole(least, most) => least..=most,
            Bound::UpTo(least, _) => least..=i128::from(i64::MAX),
            _ => 0..=i128::from(i64::MAX),
        }
    }

    /// In a sentence: "`lr` must be a finite number greater than 0".
    pub fn sentence(self) -> &'static str {
        match self {
            Bound::Free | Bound::Whole(..) | Bound::UpTo(..) => "a finite number",
            Bound::Positive => "a finite number greater than 0",
            Bound::NotNegative => "a finite number not less than 0",
            Bound::BelowOne => "at least 0 and less than 1",
            Bound::InsideUnit => "greater than 0 and less than 1",
            Bound::Share => "a share between 0 and 1",
        }
    }

    /// On the reference page: "> 0"; empty where there is nothing to say.
    pub fn short(self) -> String {
        // An upper end that no one meets is not worth a word.
        const UNMET: i128 = 100_000_000;
        match self {
            Bound::Free => String::new(),
            Bound::Whole(least, most) if most >= UNMET => format!("from {least}"),
            Bound::Whole(least, most) => format!("{least} to {most}"),
            Bound::UpTo(least, key) => format!("from {least} to `{key}`"),
            Bound::Positive => "greater than 0".to_owned(),
            Bound::NotNegative => "from 0".to_owned(),
            Bound::BelowOne => "from 0 to below 1".to_owned(),
            Bound::InsideUnit => "between 0 and 1, both excluded".to_owned(),
            Bound::Share => "0 to 1".to_owned(),
        }
    }
}

/// What stands for a key that is not there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Absent {
    /// Nothing: the key is required, and this is how its value may look.
    Required(&'static str),
    /// This value.
    Is(Literal),
    /// What is absent means something that is no value of the key: "not measured", "as listed".
    Means(&'static str),
}

/// A default, as a sweep file would write it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Literal {
    /// A whole number.
    Integer(i64),
    /// A real number.
    Number(f64),
    /// A word, written between quotation marks.
    Word(&'static str),
    /// True or false.
    Flag(bool),
    /// Any other value, in TOML.
    Toml(&'static str),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Integer(value) => value.fmt(f),
            Literal::Number(value) => f.write_str(&plain(*value)),
            Literal::Word(word) => write!(f, "{word:?}"),
            Literal::Flag(value) => value.fmt(f),
            Literal::Toml(text) => f.write_str(text),
        }
    }
}

/// How the label of an axis's entry speaks of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Always, beside the kind, under this symbol: `d=5`.
    Always(&'static str),
    /// By its word alone, where that is not the default or entries differ in it.
    Word,
    /// `key=value`, where the value is not the default or entries differ in it.
    IfUnusual,
    /// `key=value`, where entries differ in it.
    IfTelling,
    /// In no label: the key is no axis, although it takes a list.
    Never,
}

/// A number as a person writes it: never more than a few zeros in a row, and always read back as the same number.
pub fn plain(value: f64) -> String {
    if value == 0.0 || (1e-4..1e6).contains(&value.abs()) { value.to_string() } else { format!("{value:e}") }
}

/// A value of a choice among kinds, with the keys that come with it: a source of `[[data]]`, a rule of `[[optimiser]]`.
#[derive(Debug, Clone)]
pub struct Variant {
    /// Its name in a sweep file.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Its keys.
    pub keys: Vec<Key>,
}

/// The keys of several kinds, each name once, in the order in which they come first.
pub fn union(variants: &[Variant]) -> Vec<Key> {
    let mut all: Vec<Key> = Vec::new();
    for key in variants.iter().flat_map(|variant| &variant.keys) {
        if !all.iter().any(|known| known.name == key.name) {
            all.push(*key);
        }
    }
    all
}

/// What the keys of a kind were given, or have by default: one value of each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Values(Vec<(&'static str, Value)>);

/// The value of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number, within the key's bound.
    Whole(usize),
    /// Whole numbers, each within the key's bound.
    Wholes(Vec<usize>),
    /// A real number, within the key's bound.
    Real(f64),
    /// One of the key's words.
    Word(&'static str),
    /// Names, as they were written.
    Names(Vec<String>),
    /// True or false.
    Flag(bool),
    /// The key is not there, and no value stands for it.
    Absent,
}

impl Values {
    /// Values by the names of their keys.
    pub fn new(values: impl IntoIterator<Item = (&'static str, Value)>) -> Values {
        Values(values.into_iter().collect())
    }

    fn get(&self, key: &str) -> &Value {
        self.0.iter().find(|(name, _)| *name == key).map_or(&Value::Absent, |(_, value)| value)
    }

    /// The whole number of a key of the form [`Form::Integers`] that has a default or is required.
    ///
    /// # Panics
    /// The kind has no such key: a bug of its file, which a test of all kinds meets.
    pub fn whole(&self, key: &str) -> usize {
        match self.get(key) {
            Value::Whole(value) => *value,
            other => panic!("`{key}` is {other:?} and not a whole number: it is not among the keys of its kind"),
        }
    }

    /// The whole number of a key that may be absent.
    pub fn whole_if_given(&self, key: &str) -> Option<usize> {
        match self.get(key) {
            Value::Whole(value) => Some(*value),
            _ => None,
        }
    }

    /// The names of a key of the form [`Form::NameList`]; none where it is absent.
    pub fn names(&self, key: &str) -> Vec<String> {
        match self.get(key) {
            Value::Names(names) => names.clone(),
            _ => Vec::new(),
        }
    }

    /// Whether a key that may be absent is given.
    pub fn is_given(&self, key: &str) -> bool {
        *self.get(key) != Value::Absent
    }

    /// The whole numbers of a key of the form [`Form::IntegerLists`].
    ///
    /// # Panics
    /// As [`Values::whole`].
    pub fn wholes(&self, key: &str) -> Vec<usize> {
        match self.get(key) {
            Value::Wholes(values) => values.clone(),
            other => panic!("`{key}` is {other:?} and no list: it is not among the keys of its kind"),
        }
    }

    /// The real number of a key of the form [`Form::Numbers`] that has a default or is required.
    ///
    /// # Panics
    /// As [`Values::whole`].
    pub fn real(&self, key: &str) -> f64 {
        self.real_if_given(key)
            .unwrap_or_else(|| panic!("`{key}` is not a real number: it is not among the keys of its kind"))
    }

    /// The real number of a key that may be absent.
    pub fn real_if_given(&self, key: &str) -> Option<f64> {
        match self.get(key) {
            Value::Real(value) => Some(*value),
            _ => None,
        }
    }

    /// The word of a key of the form [`Form::Strings`].
    ///
    /// # Panics
    /// As [`Values::whole`].
    pub fn word(&self, key: &str) -> &'static str {
        match self.get(key) {
            Value::Word(word) => word,
            other => panic!("`{key}` is {other:?} and not a word: it is not among the keys of its kind"),
        }
    }

    /// The truth value of a key of the form [`Form::Boolean`].
    ///
    /// # Panics
    /// As [`Values::whole`].
    pub fn flag(&self, key: &str) -> bool {
        match self.get(key) {
            Value::Flag(flag) => *flag,
            other => panic!("`{key}` is {other:?} and not true or false: it is not among the keys of its kind"),
        }
    }
}
