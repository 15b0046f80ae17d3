//! Entries of every axis, drawn at random from the table of keys that the reader of sweep files uses.
//!
//! Nobody has to think of a new key: its name, the form of its values and the words that it may hold come from its
//! descriptor. Tables are written with random keys and values, and those that a sweep may have are
//! kept. A key that is never part of an accepted table, or never makes a difference, fails the test.

use std::collections::BTreeMap;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::key::{Bound, Form, Key};
use crate::sweep::{Architecture, Data, Optimiser, Prune, Subsample, Sweep, axis_keys, parse};

/// What sweep files write of an axis: its entries, and pairs of entries whose tables differ in one key, and in no other that this one
/// does not demand.
#[derive(Debug, Clone)]
pub(super) struct Pool<T> {
    pub(super) entries: Vec<T>,
    pub(super) pairs: Vec<[T; 2]>,
}

/// Pools of all axes.
pub(super) struct Pools {
    pub(super) data: Pool<Data>,
    pub(super) subsamples: Pool<Subsample>,
    pub(super) architectures: Pool<Architecture>,
    pub(super) optimisers: Pool<Optimiser>,
    pub(super) prunes: Pool<Prune>,
}

impl Pools {
    /// Draws tables until each axis has so many different entries or the tries run out.
    pub(super) fn draw(entries: usize) -> Pools {
        Pools {
            data: pool(0, entries, |sweep| sweep.data.clone()),
            subsamples: pool(1, entries, |sweep| sweep.subsamples.clone()),
            architectures: pool(2, entries, |sweep| sweep.architectures.clone()),
            optimisers: pool(3, entries, |sweep| sweep.optimisers.clone()),
            prunes: pool(4, entries, |sweep| sweep.prunes.clone()),
        }
    }
}

/// A sweep of gradient descent and one of gradient flows, in TOML: one table of each axis, and the rest.
const SKELETONS: [([&str; 5], &str); 2] = [
    (
        [
            "source = \"digits\"",
            "size = 100",
            "kind = \"mlp\"\nhidden = [20, 20, 20]",
            "kind = \"sgd\"\nlr = 0.1",
            "remove = \"none\"",
        ],
        "[sweep]\nname = \"drawn\"\nseeds = 2\n[train]\nepochs = 1000\n",
    ),
    (
        [
            "source = \"stripe\"\ndimension = 5",
            "size = 100",
            "kind = \"mlp\"\nhidden = [20, 20, 20]",
            "kind = \"gradient-flow\"",
            "",
        ],
        "[sweep]\nname = \"drawn\"\nseeds = 2\n[train]\nepochs = 1000\nloss = \"hinge\"\n",
    ),
];

/// A table: keys with their values in TOML.
type Drawn = BTreeMap<&'static str, String>;

fn text(table: &Drawn) -> String {
    table.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
}

/// The only entry that a table makes of an axis in one of the skeletons; else what is wrong with it.
fn entry<T>(
    axis: usize,
    skeleton: usize,
    table: &Drawn,
    of: &impl Fn(&Sweep) -> Vec<T>,
) -> std::result::Result<T, String> {
    let (tables, rest) = SKELETONS[skeleton];
    let mut sweep = rest.to_owned();
    for (other, (name, _)) in axis_keys().iter().enumerate() {
        let keys = if other == axis { text(table) } else { tables[other].to_owned() };
        if !keys.is_empty() {
            sweep.push_str(&format!("[[{name}]]\n{keys}\n"));
        }
    }
    let mut entries = of(&parse(&sweep, "drawn.toml", &[]).map_err(|errors| errors.to_string())?);
    if entries.len() == 1 { Ok(entries.remove(0)) } else { Err("several entries".to_owned()) }
}

/// Keys with the values to draw for them.
type Values = Vec<(&'static str, Vec<String>)>;

/// Changes the keys that the complaint names: adds what is missing, takes away or redraws what is there.
fn mend(table: &mut Drawn, values: &Values, complaint: &str, random: &mut ChaCha8Rng) {
    for (key, values) in values.iter().filter(|(key, _)| complaint.contains(&format!("`{key}`"))) {
        if table.contains_key(key) && random.random_bool(0.7) {
            table.remove(key);
        } else {
            table.insert(key, values.choose(random).expect("some value").clone());
        }
    }
}

/// Values to draw for a key, in TOML: by its form, with the words of its descriptor.
fn candidates(key: &Key) -> Vec<String> {
    let texts = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect();
    match (key.form, key.choices()) {
        (Form::String | Form::Strings, Some(words)) => words.iter().map(|word| format!("{word:?}")).collect(),
        (Form::String, None) => ["/data/a", "/data/b/a", "b/a", "/data/a b"].map(|path| format!("{path:?}")).to_vec(),
        (Form::Boolean, _) => texts(&["true", "false"]),
        (Form::Integer | Form::Integers | Form::Counted, _) => {
            let few = texts(&["0", "1", "2", "3", "5", "7", "100"]);
            // Of a key that cannot be very large, large values too: a table modulo 7 has no 100 samples.
            let large = match key.bound {
                Bound::Whole(_, most) if (1000..10_000).contains(&most) => [most, most - 1, most / 2].to_vec(),
                _ => Vec::new(),
            };
            few.into_iter().chain(large.iter().map(ToString::to_string)).collect()
        }
        (Form::Number | Form::Numbers, _) => texts(&["0", "0.25", "0.5", "0.9", "1", "2", "1e-6", "1e7"]),
        (Form::IntegerLists, _) => texts(&["[]", "[1]", "[20]", "[20, 10]", "[2, 20, 10]", "[1, 2]", "[3, 1, 2]"]),
        (Form::Groups, _) => texts(&["[[1, 2], [0]]", "[[0], [2, 1]]", "[[0, 1], [2, 3]]"]),
        (Form::NameList, _) => texts(&["\"x\"", "\"y\"", "[\"x\", \"y\"]", "[\"y\", \"x\"]"]),
        (Form::Layers, _) => texts(&[
            "[{ dense = 20 }, \"activation\", { dense = \"classes\" }]",
            "[{ dense = 20 }, \"relu\", { residual = [{ dense = 20 }] }, { dense = \"classes\" }]",
            "[{ dense = \"w\" }, \"activation\", { dense = \"classes\" }]",
        ]),
        (Form::NamedNumbers, _) => texts(&["{ w = 20 }", "{ w = 10 }"]),
        (Form::Epochs, _) => texts(&["1", "5", "30"]),
        (other, _) => panic!("`{}` is read as {other:?}, of which no values can be drawn yet: add some here", key.name),
    }
}

fn pool<T: Clone + PartialEq>(axis: usize, wanted: usize, of: impl Fn(&Sweep) -> Vec<T>) -> Pool<T> {
    let (table, keys) = axis_keys().swap_remove(axis);
    let values_of_table: Values = keys.iter().map(|key| (key.name, candidates(key))).collect();
    let mut random = ChaCha8Rng::seed_from_u64(axis as u64);
    let mut pool = Pool { entries: Vec::new(), pairs: Vec::new() };
    let mut tells: BTreeMap<&str, usize> = values_of_table.iter().map(|(key, _)| (*key, 0)).collect();
    for _ in 0..40 * wanted {
        let (skeleton, share) = (random.random_range(0..SKELETONS.len()), random.random_range(0.1..0.7));
        let mut drawn = Drawn::new();
        for (key, values) in &values_of_table {
            if random.random_bool(share) {
                drawn.insert(key, values.choose(&mut random).expect("some value").clone());
            }
        }
        let mut found = entry(axis, skeleton, &drawn, &of);
        for _ in 0..8 {
            let Err(complaint) = &found else { break };
            mend(&mut drawn, &values_of_table, complaint, &mut random);
            found = entry(axis, skeleton, &drawn, &of);
        }
        let Ok(first) = found else { continue };
        // The same table with one key changed, added or taken away, and others only where that one demands it.
        for (key, values) in &values_of_table {
            let mut other = drawn.clone();
            match values.choose(&mut random) {
                Some(value) if random.random_bool(0.8) => _ = other.insert(key, value.clone()),
                _ => _ = other.remove(key),
            }
            let mut found = entry(axis, skeleton, &other, &of);
            for _ in 0..4 {
                let Err(complaint) = &found else { break };
                let kept = other.get(key).cloned();
                mend(&mut other, &values_of_table, complaint, &mut random);
                match kept {
                    Some(value) => _ = other.insert(key, value),
                    None => _ = other.remove(key),
                }
                found = entry(axis, skeleton, &other, &of);
            }
            if let Some(second) = found.ok().filter(|second| *second != first) {
                *tells.get_mut(key).expect("a key") += 1;
                pool.pairs.push([first.clone(), second]);
            }
        }
        if !pool.entries.contains(&first) {
            pool.entries.push(first);
        }
        if pool.entries.len() >= wanted && tells.values().all(|count| *count > 0) {
            break;
        }
    }
    let silent: Vec<&str> = tells.iter().filter(|(_, count)| **count == 0).map(|(key, _)| *key).collect();
    assert!(silent.is_empty(), "no drawn table of [[{table}]] differs by {silent:?}: add values to `candidates`");
    pool
}
