//! `[sweep]`: the name, the seeds, and what the sweep is for.

use super::diagnostics::Diagnostics;
use super::judge::{Judge, SEED_LIMIT};
use super::reader::Integers;
use super::table::{RawTable, Table, keys, no_kinds};
use crate::key::{Absent, Bound};

keys! {
    /// Keys of `[sweep]`.
    RawHead {
        /// Name of the sweep and of its run directory: letters, digits, `-`, `_` and `.`, a letter or digit first.
        name: String = string { absent: Absent::Required("\"inversion\"") },
        /// Seeds: a count n (0 to n − 1), a list, or a range.
        seeds: Integers = counted {
            bound: Bound::Whole(0, SEED_LIMIT as i128),
            absent: Absent::Required("{ start = 0, count = 64 }"),
        },
        /// What the sweep is for, in a person's words. It is kept in `results.h5` and shown by `status` and the report; it
        /// decides nothing.
        description: String = string { absent: Absent::Means("none") },
    }
}

/// `[sweep]`
pub(crate) const TABLE: Table = Table {
    name: "sweep",
    header: "[sweep]",
    about: "What the sweep is called, and its seeds.",
    keys: RawHead::KEYS,
    kinds: no_kinds,
};

/// What `[sweep]` says, once checked.
pub(crate) struct Head {
    /// The name.
    pub(crate) name: String,
    /// Seeds, ascending and distinct.
    pub(crate) seeds: Vec<u64>,
    /// What the sweep is for.
    pub(crate) description: Option<String>,
}

/// The checked table.
pub(crate) fn resolve(table: &RawTable<RawHead>, diagnostics: &mut Diagnostics) -> Option<Head> {
    let mut judge = Judge::of(TABLE.header, table, diagnostics);
    let name = judge.required(&table.keys.name).filter(|name| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let sound = name.value.chars().all(allowed) && name.value.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !sound {
            let error = judge.diagnostics.error(&name.place, "`name` is also the name of the run directory");
            error.help("letters a-z, digits, `-`, `_` and `.` are allowed; a letter or digit comes first");
        }
        sound
    });
    let seeds = match judge.required(&table.keys.seeds) {
        None => None,
        Some(seeds) => judge.streams("seeds", seeds, true),
    };
    let mut seeds = seeds?;
    seeds.sort_unstable();
    let description = table.keys.description.given().map(|given| given.value.trim().to_owned());
    Some(Head { name: name?.value.clone(), seeds, description: description.filter(|text| !text.is_empty()) })
}
