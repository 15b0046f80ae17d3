//! `[sweep]`: name and seeds.

use super::judge::Judge;
use crate::sweep::diagnostics::Diagnostics;
use crate::sweep::raw::{RawHead, RawTable};
use crate::sweep::reader::Field;

/// The name, and the seeds in ascending order.
pub(crate) fn resolve(table: &RawTable<RawHead>, diagnostics: &mut Diagnostics) -> Option<(String, Vec<u64>)> {
    let mut judge = Judge::of("[sweep]", table, diagnostics);
    let name = match &table.keys.name {
        Field::Broken => None,
        Field::Absent => judge.missing("name", "\"inversion\""),
        Field::Given(name) => {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            let sound = name.value.chars().all(allowed) && name.value.starts_with(|c: char| c.is_ascii_alphanumeric());
            if !sound {
                let error = judge.diagnostics.error(&name.place, "`name` is also the name of the run directory");
                error.help("letters a-z, digits, `-`, `_` and `.` are allowed; a letter or digit comes first");
            }
            sound.then(|| name.value.clone())
        }
    };
    let seeds = match &table.keys.seeds {
        Field::Broken => None,
        Field::Absent => judge.missing("seeds", "{ start = 0, count = 64 }"),
        Field::Given(seeds) => judge.streams("seeds", seeds, true),
    };
    let mut seeds = seeds?;
    seeds.sort_unstable();
    Some((name?, seeds))
}
