//! The report's tables for LaTeX: a `tabular` each with the rules of booktabs, to be `\input` where a paper wants it; of many
//! rows a `longtable`.
//!
//! Invariant: every character of an entry that LaTeX would take for a command is escaped, and what has a symbol there is
//! written by it, so that a file compiles with any of the engines.

use std::path::Path;

use super::choice::{Choice, chosen};
use crate::error::Result;
use crate::sections::{Content, Rows};
use crate::tables::text::Text;
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
        let text = Text::of(frame);
        file(&folder.join(format!("{stem}.tex")), latex(&text).as_bytes())?;
        what.push(format!("{stem}.tex: {} rows", text.rows.len()));
    }
    Ok(what)
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
