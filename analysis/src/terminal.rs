//! What a person reads on a terminal: rows that say the same under both rules once, the first groups of a long table,
//! and where the others are.
//!
//! Invariants: what is not shown is counted and its file is named; no value is changed or rounded anew; a group is shown
//! whole unless it alone is longer than a terminal's page.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::tables::text::Text;

/// Most rows of a table that are printed.
pub const MOST_ROWS: usize = 60;

/// The word for rows that are the same under every rule.
const BOTH: &str = "both";

/// The table with rows that differ in the column `rule` alone made one, whose rule is "both". Columns named in
/// `resampled` may differ as well, and the first row's entry stands: an interval by resampling comes out a little
/// different each time, although it is of the same values.
pub fn rules_merged(mut table: Text, resampled: &[&str]) -> Text {
    let Some(rule) = table.header.iter().position(|name| name == "rule") else { return table };
    let passed_over = |column: usize| column == rule || resampled.contains(&table.header[column].as_str());
    let compared: Vec<usize> = (0..table.header.len()).filter(|&column| !passed_over(column)).collect();
    let mut first: HashMap<Vec<String>, usize> = HashMap::new();
    let mut kept: Vec<Vec<String>> = Vec::new();
    for row in std::mem::take(&mut table.rows) {
        let key = compared.iter().map(|&column| row[column].clone()).collect();
        let place = *first.entry(key).or_insert(kept.len());
        match kept.get_mut(place) {
            Some(earlier) if earlier[rule] != row[rule] => earlier[rule] = BOTH.to_owned(),
            // Or the same row twice, which is not two rules that agree.
            _ => kept.push(row),
        }
    }
    table.rows = kept;
    table
}

/// The table as it is printed: its first [`MOST_ROWS`] rows, whole groups where they fit, and a line that counts the
/// others and names `file`, which holds all. `grouping` are the columns whose values make a group.
pub fn shown(table: &Text, grouping: &[String], file: &Path) -> String {
    let shown = rows_shown(table, grouping, MOST_ROWS);
    if shown == table.rows.len() {
        return table.aligned();
    }
    let head = Text { rows: table.rows[..shown].to_vec(), ..table.clone() };
    let groups =
        |rows: &[Vec<String>]| rows.iter().map(|row| group(table, row, grouping)).collect::<HashSet<_>>().len();
    let (seen, all) = (groups(&table.rows[..shown]), groups(&table.rows));
    let of_groups = if seen < all { format!(", {seen} of {all} groups") } else { String::new() };
    let rows = table.rows.len();
    format!("{}… {shown} of {rows} rows{of_groups}; all of them: {}\n", head.aligned(), file.display())
}

/// How many rows are shown: as many whole groups as fit in `most` rows, but of a first group that is longer its start.
/// Rows of a group stand together.
fn rows_shown(table: &Text, grouping: &[String], most: usize) -> usize {
    if table.rows.len() <= most {
        return table.rows.len();
    }
    let starts =
        |row: &usize| group(table, &table.rows[row - 1], grouping) != group(table, &table.rows[*row], grouping);
    (1..=most).rev().find(starts).unwrap_or(most)
}

/// The values that make a row's group.
fn group<'t>(table: &'t Text, row: &'t [String], grouping: &[String]) -> Vec<&'t str> {
    let named = table.header.iter().zip(row).filter(|(name, _)| grouping.contains(name));
    named.map(|(_, value)| value.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stability table of so many groups, three observables and both rules; the rules agree on all but the last
    /// observable.
    fn stability(groups: usize) -> Text {
        let header = ["lr", "observable", "rule", "found", "epsilon_star", "95% interval"];
        let mut rows = Vec::new();
        for lr in 0..groups {
            for observable in ["radius_0", "radius_1", "distance"] {
                for (rule, interval) in [("prominence", "0.08 – 0.10"), ("first rise", "0.08 – 0.11")] {
                    let star = if observable == "distance" && rule == "first rise" { "0.07" } else { "0.09" };
                    rows.push([&lr.to_string(), observable, rule, "8", star, interval].map(str::to_owned).to_vec());
                }
            }
        }
        Text { header: header.map(str::to_owned).to_vec(), numeric: vec![false; header.len()], rows }
    }

    #[test]
    fn rows_that_agree_under_both_rules_are_one() {
        let merged = rules_merged(stability(2), &["95% interval"]);
        let rules: Vec<&str> = merged.rows.iter().map(|row| row[2].as_str()).collect();
        assert_eq!(rules, ["both", "both", "prominence", "first rise", "both", "both", "prominence", "first rise"]);
        // The interval is that of the rule that stands first.
        assert!(merged.rows.iter().filter(|row| row[2] == "both").all(|row| row[5] == "0.08 – 0.10"));
        // Intervals that are compared keep the rows apart; tables without rules are as they were.
        assert_eq!(rules_merged(stability(2), &[]), stability(2));
        let without = stability(2).without(&["rule".to_owned()]);
        assert_eq!(rules_merged(without.clone(), &[]), without);
    }

    #[test]
    fn four_thousand_groups_are_a_page_and_say_where_the_rest_is() {
        let table = rules_merged(stability(4000), &["95% interval"]);
        assert_eq!(table.rows.len(), 16_000);
        let text = shown(&table, &["lr".to_owned()], Path::new("runs/a/report/stability.csv"));
        let lines: Vec<&str> = text.lines().collect();
        // 15 groups of four rows, below the header and its rule.
        assert_eq!(lines.len(), 2 + 60 + 1);
        assert!(lines[61].starts_with("14 ") && lines[61].contains("first rise"), "{}", lines[61]);
        assert_eq!(lines[62], "… 60 of 16000 rows, 15 of 4000 groups; all of them: runs/a/report/stability.csv");
    }

    #[test]
    fn groups_are_whole_where_they_fit() {
        let grouping = ["lr".to_owned()];
        // Six rows a group: sixty rows are ten groups, fifty-nine hold nine.
        assert_eq!(rows_shown(&stability(20), &grouping, 60), 60);
        assert_eq!(rows_shown(&stability(20), &grouping, 59), 54);
        // A group that is longer than a page is cut, and a table that fits is whole.
        assert_eq!(rows_shown(&stability(20), &grouping, 4), 4);
        assert_eq!(rows_shown(&stability(20), &[], 50), 50);
        assert_eq!(rows_shown(&stability(10), &grouping, 60), 60);
        assert_eq!(shown(&stability(3), &grouping, Path::new("x")), stability(3).aligned());
    }
}
