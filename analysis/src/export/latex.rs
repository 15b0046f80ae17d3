//! The report's tables for LaTeX: a `tabular` each with the rules of booktabs, to be `\input` where a paper wants it; of many
//! rows a `longtable`.
//!
//! The ends of an interval stand behind the number that they are of, "0.0651 [0.0642, 0.0660]", to the digits that the interval
//! allows: a paper's table has no room for columns of their own.
//!
//! Invariant: every character of an entry that LaTeX would take for a command is escaped, and what has a symbol there is
//! written by it, so that a file compiles with any of the engines.

use std::path::Path;

use polars::prelude::*;

use super::choice::{Choice, chosen};
use crate::error::Result;
use crate::sections::{Content, Rows};
use crate::tables::text::{Text, with_interval};
use crate::tables::write::file;

/// More rows are no table of one page.
const OF_A_PAGE: usize = 45;

/// Writes the tables that were asked for; says what was written.
pub(super) fn write(contents: &[Content<'_>], folder: &Path, choice: &Choice) -> Result<Vec<String>> {
    let for_people = contents.iter().flat_map(|content| &content.tables).filter_map(|table| match &table.rows {
        Rows::Few(frame) => Some((table.stem, frame)),
        Rows::Many(_) => None,
    });
    let tables = chosen(for_people.collect(), |(stem, _)| stem, &choice.names, "table")?;
    let mut what = Vec::new();
    for (stem, frame) in tables {
        let text = with_intervals(frame);
        file(&folder.join(format!("{stem}.tex")), latex(&text).as_bytes())?;
        what.push(format!("{stem}.tex: {} rows", text.rows.len()));
    }
    Ok(what)
}

/// Numbers that columns named `low` and `high` alone may be the ends of: the first that a table has.
const OF_LOW_AND_HIGH: [&str; 5] = ["epsilon_star", "share", "z_corrected", "exponent", "over_points"];

/// A table with its intervals in the entries of their numbers. Ends whose number is not found keep their columns.
fn with_intervals(frame: &DataFrame) -> Text {
    let mut text = Text::of(frame);
    let names = text.header.clone();
    let mut folded = Vec::new();
    for low in &names {
        let (high, of) = match low.strip_suffix("_low") {
            Some(of) => {
                let begins = |name: &&String| {
                    name.strip_prefix(of).is_some_and(|rest| rest.starts_with('_') && rest != "_low" && rest != "_high")
                };
                (format!("{of}_high"), names.iter().find(|name| *name == of).or_else(|| names.iter().find(begins)))
            }
            None if low == "low" => {
                let owner = OF_LOW_AND_HIGH.iter().find_map(|of| names.iter().find(|name| name == of));
                ("high".to_owned(), owner)
            }
            None => continue,
        };
        let numbers = |name: &str| frame.column(name).and_then(|column| column.f64().cloned());
        let place = |of: &String| names.iter().position(|name| name == of);
        let Some((of, Some(place))) = of.map(|of| (of, place(of))) else { continue };
        let (Ok(values), Ok(lows), Ok(highs)) = (numbers(of), numbers(low), numbers(&high)) else { continue };
        for ((entries, value), (low, high)) in
            text.rows.iter_mut().zip(values.iter()).zip(lows.iter().zip(highs.iter()))
        {
            if let (Some(value), Some(low), Some(high)) = (value, low, high)
                && low.is_finite()
                && high.is_finite()
            {
                entries[place] = with_interval(value, low, high, "");
            }
        }
        folded.extend([low.clone(), high]);
    }
    text.without(&folded)
}

/// A table.
pub fn latex(table: &Text) -> String {
    let columns: String = table.numeric.iter().map(|numeric| if *numeric { 'r' } else { 'l' }).collect();
    let line = |entries: &[String]| {
        let entries: Vec<String> = entries.iter().map(|entry| escaped(entry)).collect();
        format!("{} \\\\\n", entries.join(" & "))
    };
    let header = line(&table.header);
    let rows: String = table.rows.iter().map(|row| line(row)).collect();
    match table.rows.len() > OF_A_PAGE {
        false => format!(
            "% \\usepackage{{booktabs}}\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n{header}\\midrule\n{rows}\\bottomrule\n\\end{{tabular}}\n"
        ),
        true => format!(
            "% \\usepackage{{booktabs,longtable}}\n\\begin{{longtable}}{{{columns}}}\n\\toprule\n{header}\\midrule\n\\endhead\n\
             {rows}\\bottomrule\n\\end{{longtable}}\n"
        ),
    }
}

/// A text as LaTeX sets it.
fn escaped(text: &str) -> String {
    let letter = |c: char| match c {
        '\\' => "\\textbackslash{}".to_owned(),
        '&' | '%' | '$' | '#' | '_' | '{' | '}' => format!("\\{c}"),
        '~' => "\\textasciitilde{}".to_owned(),
        '^' => "\\textasciicircum{}".to_owned(),
        '<' => "$<$".to_owned(),
        '>' => "$>$".to_owned(),
        '±' => "$\\pm$".to_owned(),
        '×' => "$\\times$".to_owned(),
        '·' => "$\\cdot$".to_owned(),
        '−' => "$-$".to_owned(),
        '–' => "--".to_owned(),
        '—' => "---".to_owned(),
        '…' => "\\ldots{}".to_owned(),
        '≤' => "$\\leq$".to_owned(),
        '≥' => "$\\geq$".to_owned(),
        '→' => "$\\to$".to_owned(),
        'ε' => "$\\varepsilon$".to_owned(),
        'λ' => "$\\lambda$".to_owned(),
        'σ' => "$\\sigma$".to_owned(),
        'β' => "$\\beta$".to_owned(),
        'α' => "$\\alpha$".to_owned(),
        'η' => "$\\eta$".to_owned(),
        'γ' => "$\\gamma$".to_owned(),
        '²' => "$^2$".to_owned(),
        '³' => "$^3$".to_owned(),
        '\n' | '\t' | '\r' => " ".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_stand_behind_their_numbers() {
        let frame = df!(
            "axis" => ["lr", "width"],
            "epsilon_star" => [0.065_123, 0.07],
            "low" => [Some(0.064_2), None],
            "high" => [Some(0.066_0), None],
            "omega_squared" => [0.5, 0.25],
            "omega_low" => [0.25, 0.125],
            "omega_high" => [0.75, 0.5],
            "line_low" => [1.0, 2.0],
            "line_high" => [3.0, 4.0],
        );
        let text = with_intervals(&frame.unwrap());
        assert_eq!(text.header, ["axis", "epsilon_star", "omega_squared", "line_low", "line_high"]);
        assert_eq!(text.rows[0][1..3], ["0.06512 [0.06420, 0.06600]", "0.50 [0.25, 0.75]"]);
        // Half a width of 0.19 allows two decimals; a number without an interval is as it was.
        assert_eq!(text.rows[1][1..3], ["0.07000", "0.25 [0.12, 0.50]"]);
        assert_eq!(text.numeric, [false, true, true, true, true]);
    }

    #[test]
    fn entries_are_escaped_and_columns_counted() {
        let table = Text {
            header: ["optimiser", "ε* (95%)"].map(str::to_owned).to_vec(),
            numeric: vec![false, true],
            rows: vec![["sgd lr_1=0.2 & {x}^2\\y", "0.07 ± 0.01"].map(str::to_owned).to_vec()],
        };
        assert_eq!(
            latex(&table),
            "% \\usepackage{booktabs}\n\\begin{tabular}{lr}\n\\toprule\noptimiser & $\\varepsilon$* (95\\%) \\\\\n\\midrule\n\
             sgd lr\\_1=0.2 \\& \\{x\\}\\textasciicircum{}2\\textbackslash{}y & 0.07 $\\pm$ 0.01 \\\\\n\\bottomrule\n\\end{tabular}\n"
        );
        let long = Text { rows: vec![table.rows[0].clone(); OF_A_PAGE + 1], ..table };
        assert!(latex(&long).contains("\\begin{longtable}{lr}") && latex(&long).contains("\\endhead"));
    }
}
