//! How an observable says what its table in `[observe]` may hold.
//!
//! An observable asks for its keys one by one, each with its bound, its default and its meaning. Who answers is another
//! matter: the reader of sweep files, which reports all that is wrong at once, or a list of the keys for documentation. So
//! a key is written in one place. Invariant: every key is asked for whatever the answers to the others were.

use std::ops::RangeInclusive;

use super::schedule::Schedule;

/// Points, directions and steps may not be more.
pub const MOST: i128 = 1_000_000;

/// Answers what a table holds; `None` where that is wrong, which has been reported then.
pub trait Keys {
    /// Epochs at which to measure; about ten for each factor of ten where nothing is said.
    fn schedule(&mut self, key: &'static str, meaning: &'static str) -> Option<Schedule>;

    /// One number greater than 0 or several, which must be given; ascending. `example` is shown where it is missing.
    fn positive_numbers(&mut self, key: &'static str, example: &'static str, meaning: &'static str)
    -> Option<Vec<f64>>;

    /// A number greater than 0; `default` says in words what stands for it.
    fn positive_number(
        &mut self,
        key: &'static str,
        default: &'static str,
        meaning: &'static str,
    ) -> Option<Option<f64>>;

    /// A whole number of a range.
    fn whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i128>,
        default: usize,
        meaning: &'static str,
    ) -> Option<usize>;

    /// A whole number of a range; `default` says in words what stands for it.
    fn optional_whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i128>,
        default: &'static str,
        meaning: &'static str,
    ) -> Option<Option<usize>>;

    /// One whole number of a range or several, distinct; ascending.
    fn whole_numbers(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i128>,
        default: &'static [usize],
        meaning: &'static str,
    ) -> Option<Vec<usize>>;

    /// True or false.
    fn flag(&mut self, key: &'static str, default: bool, meaning: &'static str) -> Option<bool>;

    /// One of the words or several: their places among `allowed`, ascending; `default` is where nothing is said.
    fn words(
        &mut self,
        key: &'static str,
        allowed: &'static [&'static str],
        default: &'static [usize],
        meaning: &'static str,
    ) -> Option<Vec<usize>>;

    /// One of the words: its place among `allowed`.
    fn word(
        &mut self,
        key: &'static str,
        allowed: &'static [&'static str],
        default: usize,
        meaning: &'static str,
    ) -> Option<usize>;

    /// `[least, greatest]`, two finite numbers in this order; `default` says in words what stands for them.
    fn interval(&mut self, key: &'static str, default: &'static str, meaning: &'static str)
    -> Option<Option<[f64; 2]>>;
}

/// What documentation says of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDescription {
    /// Its name.
    pub name: &'static str,
    /// What it may hold, and means.
    pub meaning: String,
    /// What stands for it; `None`: it must be given.
    pub default: Option<String>,
    /// What may be written for a key that must be given; empty for others.
    pub example: &'static str,
}

/// Lists the keys that are asked for.
#[derive(Debug, Default)]
pub struct Listing {
    /// The keys, in the order in which they were asked for.
    pub keys: Vec<KeyDescription>,
}

impl Listing {
    fn add(&mut self, name: &'static str, meaning: impl Into<String>, default: Option<String>) {
        self.keys.push(KeyDescription { name, meaning: meaning.into(), default, example: "" });
    }
}

impl Keys for Listing {
    fn schedule(&mut self, key: &'static str, meaning: &'static str) -> Option<Schedule> {
        self.add(key, format!("{meaning}: a schedule"), Some("\"log\"".to_owned()));
        Some(Schedule::Every { every: 1 })
    }

    fn positive_numbers(
        &mut self,
        key: &'static str,
        example: &'static str,
        meaning: &'static str,
    ) -> Option<Vec<f64>> {
        let meaning = format!("{meaning}: one or several");
        self.keys.push(KeyDescription { name: key, meaning, default: None, example });
        Some(vec![1.0])
    }

    fn positive_number(
        &mut self,
        key: &'static str,
        default: &'static str,
        meaning: &'static str,
    ) -> Option<Option<f64>> {
        self.add(key, meaning, Some(default.to_owned()));
        Some(None)
    }

    fn whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i128>,
        default: usize,
        meaning: &'static str,
    ) -> Option<usize> {
        self.add(key, format!("{meaning}: {} to {}", range.start(), range.end()), Some(default.to_string()));
        Some(default)
    }

    fn optional_whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i128>,
        default: &'static str,
        meaning: &'static str,
    ) -> Option<Option<usize>> {
        self.add(key, format!("{meaning}: {} to {}", range.start(), range.end()), Some(default.to_owned()));
        Some(None)
    }

    fn whole_numbers(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i128>,
        default: &'static [usize],
        meaning: &'static str,
    ) -> Option<Vec<usize>> {
        let meaning = format!("{meaning}: one or several, {} to {}", range.start(), range.end());
        self.add(key, meaning, Some(format!("{default:?}")));
        Some(default.to_vec())
    }

    fn flag(&mut self, key: &'static str, default: bool, meaning: &'static str) -> Option<bool> {
        self.add(key, meaning, Some(default.to_string()));
        Some(default)
    }

    fn words(
        &mut self,
        key: &'static str,
        allowed: &'static [&'static str],
        default: &'static [usize],
        meaning: &'static str,
    ) -> Option<Vec<usize>> {
        let quoted = |words: &mut dyn Iterator<Item = &&str>| {
            words.map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
        };
        let otherwise = quoted(&mut default.iter().map(|&place| &allowed[place]));
        self.add(key, format!("{meaning}: {}", quoted(&mut allowed.iter())), Some(otherwise));
        Some(default.to_vec())
    }

    fn word(
        &mut self,
        key: &'static str,
        allowed: &'static [&'static str],
        default: usize,
        meaning: &'static str,
    ) -> Option<usize> {
        let quoted: Vec<String> = allowed.iter().map(|word| format!("\"{word}\"")).collect();
        self.add(key, format!("{meaning}: {}", quoted.join(" or ")), Some(quoted[default].clone()));
        Some(default)
    }

    fn interval(
        &mut self,
        key: &'static str,
        default: &'static str,
        meaning: &'static str,
    ) -> Option<Option<[f64; 2]>> {
        self.add(key, format!("{meaning}: `[least, greatest]`"), Some(default.to_owned()));
        Some(None)
    }
}
