//! A comparison as a person reads it on a terminal: cells and bits first, then what differs, then what does not.
//!
//! Invariant: what is not shown is counted.

use super::bits::{Bits, VariableBits};
use super::differences::{Difference, Differences, Judgement};
use super::{Comparison, Pair};
use crate::tables::text::{Text, decimals, number, significant};
use crate::terminal::MOST_ROWS;

/// Names that are listed one by one.
const LISTED: usize = 8;

/// The whole comparison; all rows if `all`, else as many as a person reads.
pub fn text(comparison: &Comparison, all: bool) -> String {
    let mut out = String::new();
    for run in &comparison.runs {
        let said = |what: &str, value: &Option<String>| value.as_ref().map(|value| format!(", {what}{value}"));
        let statuses: Vec<String> = run
            .statuses
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        out += &format!(
            "{}  {}: {} cells ({}){}{}{}\n",
            run.letter,
            run.file.display(),
            run.cells,
            statuses.join(", "),
            said("phasesweep ", &run.version).unwrap_or_default(),
            said("", &run.commit.as_ref().map(|commit| commit.chars().take(10).collect())).unwrap_or_default(),
            said("collected ", &run.created).unwrap_or_default(),
        );
    }
    for pair in &comparison.with_first {
        out += &of_pair(pair, all);
    }
    out + "\n" + &comparison.rule + "\n"
}

fn of_pair(pair: &Pair, all: bool) -> String {
    let [a, b] = &pair.runs;
    let bits = &pair.bits;
    let mut out = format!(
        "\n{a} and {b}\n{} cells are in both, {} in {a} alone, {} in {b} alone.\n",
        bits.cells_in_both, bits.cells_in_first, bits.cells_in_second
    );
    out += &statuses(bits, [a, b]);
    if bits.cells_in_both > 0 {
        out += &bits_text(bits, [a, b]);
    }
    out + "\n" + &statistics(&pair.statistics, [a, b], all)
}

fn statuses(bits: &Bits, [a, b]: [&str; 2]) -> String {
    let mut out = String::new();
    for (id, [first, second]) in bits.statuses_differ.iter().take(LISTED) {
        out += &format!("  {id} is {first} in {a}, {second} in {b}\n");
    }
    if bits.statuses_differ.len() > LISTED {
        out += &format!("  … and {} cells more whose statuses differ\n", bits.statuses_differ.len() - LISTED);
    }
    out
}

fn bits_text(bits: &Bits, runs: [&str; 2]) -> String {
    let agreeing: Vec<&VariableBits> = bits.variables.iter().filter(|of| of.agrees == Some(true)).collect();
    let differing: Vec<&VariableBits> = bits.variables.iter().filter(|of| of.agrees == Some(false)).collect();
    let names = |all: &[&VariableBits]| all.iter().map(|of| of.name.as_str()).collect::<Vec<_>>().join(", ");
    let compared = bits.compared;
    let mut out = match (agreeing.as_slice(), differing.as_slice()) {
        ([], []) => "Bits: nothing could be compared.\n".to_owned(),
        (all, []) => format!("Bits: all of them agree in the {compared} cells that ended in both: {}.\n", names(all)),
        (some, _) => {
            let agree = if some.is_empty() { "none".to_owned() } else { names(some) };
            format!("Bits, of the {compared} cells that ended in both: {agree} agree; {} differ:\n", names(&differing))
        }
    };
    for of in &differing {
        let Some(first) = &of.first else { continue };
        let at: Vec<String> = first.at.iter().map(|(name, label)| format!("{name} {label}")).collect();
        out += &format!(
            "  {}: in {} cells, by {} at most; first in cell {} at {}: {} is {}, {} is {}\n",
            of.name,
            of.differing_cells,
            number(of.largest_difference),
            first.cell,
            at.join(", "),
            runs[0],
            first.values[0],
            runs[1],
            first.values[1]
        );
    }
    for of in bits.variables.iter().filter(|of| !of.note.is_empty()) {
        let note = match of.note.as_str() {
            "only in the first" => format!("only in {}", runs[0]),
            "only in the second" => format!("only in {}", runs[1]),
            note => format!("compared {note}").replace("compared no ", "not compared: no "),
        };
        out += &format!("  {}: {note}\n", of.name);
    }
    out
}

fn statistics(differences: &Differences, [a, b]: [&str; 2], all: bool) -> String {
    let mut out = format!("Statistics: {} groups in both", differences.groups_in_both);
    for (letter, alone) in [(a, &differences.groups_in_first), (b, &differences.groups_in_second)] {
        if !alone.is_empty() {
            let more = alone.len().saturating_sub(LISTED);
            let more = if more > 0 { format!(" … and {more} more") } else { String::new() };
            out +=
                &format!("; {} in {letter} alone: {}{more}", alone.len(), alone[..alone.len().min(LISTED)].join(", "));
        }
    }
    out += ".\n";
    if !differences.note.is_empty() {
        out += &format!("{}\n", differences.note);
    }
    let count = |judgement: Judgement| differences.all.iter().filter(|row| row.judgement == judgement).count();
    if differences.all.is_empty() {
        return out;
    }
    let counts = [Judgement::Differs, Judgement::NoDifferenceSeen, Judgement::Identical, Judgement::Unknown];
    let counts = counts.into_iter().filter(|judgement| count(*judgement) > 0);
    let counts: Vec<String> = counts.map(|judgement| format!("{} {}", count(judgement), judgement.name())).collect();
    out += &format!("Of {} statistics: {}.\n", differences.all.len(), counts.join(", "));
    let mut rows: Vec<&Difference> = differences.all.iter().collect();
    // What differs comes first; what is identical needs no row, unless all are asked for.
    rows.sort_by_key(|row| row.judgement != Judgement::Differs);
    let hidden = |row: &&Difference| row.judgement == Judgement::Identical;
    let shown: Vec<&Difference> = match all {
        true => rows,
        false => rows.into_iter().filter(|row| !hidden(row)).take(MOST_ROWS).collect(),
    };
    if shown.is_empty() {
        return out;
    }
    let left_out = differences.all.len() - shown.len();
    let header =
        ["group", "statistic", a, "sd", b, "sd", "seeds", "difference", "95% interval", "judgement"].map(str::to_owned);
    let numeric = vec![false, false, true, true, true, true, true, true, true, false];
    let line = |row: &&Difference| {
        let [first, second] = row.sides;
        let counts = match first.count == second.count {
            true => first.count.to_string(),
            false => format!("{}, {}", first.count, second.count),
        };
        // The means and their difference have the digits that the difference's interval allows.
        let numbers = [first.mean, second.mean, row.difference, row.interval.low, row.interval.high];
        let [mean, other_mean, difference, low, high] = match decimals(row.interval.low, row.interval.high, &numbers) {
            Some(decimals) => numbers.map(|value| format!("{value:.decimals$}")),
            None => numbers.map(number),
        };
        let interval = if row.interval.is_known() { format!("{low} to {high}") } else { "–".to_owned() };
        vec![
            row.group.clone(),
            row.statistic.clone(),
            mean,
            significant(first.deviation, 2),
            other_mean,
            significant(second.deviation, 2),
            counts,
            difference,
            interval,
            row.judgement.name().to_owned(),
        ]
    };
    let table = Text { header: header.to_vec(), numeric, rows: shown.iter().map(line).collect() };
    out += &table.aligned();
    if left_out > 0 {
        out += &format!("… and {left_out} statistics more (--all shows them, --json too)\n");
    }
    out
}
