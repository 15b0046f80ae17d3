//! Tables as text: Markdown, and aligned columns for a terminal.

use polars::prelude::*;

/// A table whose entries are written out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Text {
    /// Column names.
    pub header: Vec<String>,
    /// Whether a column holds numbers (and so is aligned to the right).
    pub numeric: Vec<bool>,
    /// Rows.
    pub rows: Vec<Vec<String>>,
}

/// Four significant digits; "–" for what is missing.
pub fn number(value: f64) -> String {
    significant(value, 4)
}

/// A number to so many significant digits, as a person writes it; "–" for what is missing.
pub fn significant(value: f64, digits: i32) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    if value == 0.0 {
        return "0".into();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-5..6).contains(&magnitude) {
        return format!("{value:.*e}", (digits - 2).max(0) as usize);
    }
    format!("{value:.*}", (digits - 1 - magnitude).clamp(0, 8) as usize)
}

/// Decimals that an interval allows to the number that it is of, and to its own ends: those of two digits of half its width.
/// `None` where the interval is not known, and where one of the three or of `others` is written with an exponent.
pub fn decimals(low: f64, high: f64, others: &[f64]) -> Option<usize> {
    let half = (high - low) / 2.0;
    let is_plain = |value: &f64| *value == 0.0 || (1e-5..1e6).contains(&value.abs());
    let is_known = half.is_finite() && half > 1e-7 && [low, high].iter().chain(others).all(is_plain);
    is_known.then(|| (1 - half.log10().floor() as i32).clamp(0, 8) as usize)
}

/// "0.81 [0.66, 0.99]", to the digits that the interval allows; without it two digits of the number alone; "–" for what is
/// missing. What follows the number, as "%", stands behind it.
pub fn with_interval(value: f64, low: f64, high: f64, unit: &str) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if !(low.is_finite() && high.is_finite()) {
        return format!("{}{unit}", significant(value, 2));
    }
    match decimals(low, high, &[value]) {
        Some(decimals) => format!("{value:.decimals$}{unit} [{low:.decimals$}, {high:.decimals$}]"),
        None => format!("{}{unit} [{}, {}]", significant(value, 2), significant(low, 2), significant(high, 2)),
    }
}

/// "mean ± sd": the deviation to two significant digits, the mean to the same place.
pub fn mean_and_deviation(mean: f64, deviation: f64) -> String {
    if !(mean.is_finite() && deviation.is_finite()) || deviation == 0.0 {
        return format!("{} ± {}", number(mean), number(deviation));
    }
    let decimals = (1 - deviation.abs().log10().floor() as i32).clamp(0, 8) as usize;
    format!("{mean:.decimals$} ± {deviation:.decimals$}")
}

/// A sentence's first letter made a capital.
pub fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

impl Text {
    /// Writes out a frame. Floats get four significant digits.
    pub fn of(frame: &DataFrame) -> Self {
        let columns = frame.columns();
        let header = columns.iter().map(|column| column.name().to_string()).collect();
        let numeric = columns.iter().map(|column| column.dtype().is_primitive_numeric()).collect();
        let entry = |column: &Column, row: usize| match column.get(row) {
            Ok(AnyValue::Float64(value)) => number(value),
            Ok(AnyValue::Float32(value)) => number(f64::from(value)),
            Ok(AnyValue::String(text)) => text.to_owned(),
            Ok(AnyValue::StringOwned(text)) => text.to_string(),
            Ok(AnyValue::Boolean(yes)) => if yes { "yes" } else { "no" }.to_owned(),
            Ok(AnyValue::Null) | Err(_) => "–".to_owned(),
            Ok(other) => other.to_string(),
        };
        let rows = (0..frame.height()).map(|row| columns.iter().map(|column| entry(column, row)).collect()).collect();
        Text { header, numeric, rows }
    }

    /// The table with a number and the ends of its interval to the digits that the interval allows: two of half its width. Rows
    /// must still be those of the frame that the table is of; a row without an interval is as it was.
    pub fn precise(mut self, frame: &DataFrame, value: &str, low: &str, high: &str) -> Self {
        let names = [value, low, high];
        let places = names.map(|name| self.header.iter().position(|column| column == name));
        let numbers = |name: &str| frame.column(name).and_then(|column| column.f64().cloned());
        let ([Some(of), Some(from), Some(to)], [Ok(values), Ok(lows), Ok(highs)]) = (places, names.map(numbers)) else {
            return self;
        };
        for (row, entries) in self.rows.iter_mut().enumerate() {
            let (Some(value), Some(low), Some(high)) = (values.get(row), lows.get(row), highs.get(row)) else {
                continue;
            };
            // What is written with an exponent stays so.
            let Some(decimals) = decimals(low, high, &[value]) else { continue };
            (entries[of], entries[from], entries[to]) =
                (format!("{value:.decimals$}"), format!("{low:.decimals$}"), format!("{high:.decimals$}"));
        }
        self
    }

    /// The table with numbers of these columns to so many significant digits. Rows must still be those of the frame.
    pub fn shorter(mut self, frame: &DataFrame, names: &[&str], digits: i32) -> Self {
        for name in names {
            let place = self.header.iter().position(|column| column == name);
            let numbers = frame.column(name).and_then(|column| column.f64().cloned());
            let (Some(place), Ok(numbers)) = (place, numbers) else { continue };
            for (entries, value) in self.rows.iter_mut().zip(numbers.iter()) {
                entries[place] = value.map_or_else(|| "–".to_owned(), |value| significant(value, digits));
            }
        }
        self
    }

    /// The table with the zeros that end decimals of these columns left out.
    pub fn trimmed(mut self, names: &[&str]) -> Self {
        for place in (0..self.header.len()).filter(|&place| names.contains(&self.header[place].as_str())) {
            for row in self.rows.iter_mut().filter(|row| row[place].contains('.') && !row[place].contains('e')) {
                row[place] = row[place].trim_end_matches('0').trim_end_matches('.').to_owned();
            }
        }
        self
    }

    /// The table without these columns.
    pub fn without(mut self, names: &[String]) -> Self {
        let keep: Vec<bool> = self.header.iter().map(|name| !names.contains(name)).collect();
        let pick = |row: &mut Vec<String>| {
            let mut flags = keep.iter();
            row.retain(|_| *flags.next().unwrap_or(&true));
        };
        pick(&mut self.header);
        self.rows.iter_mut().for_each(pick);
        let mut flags = keep.iter();
        self.numeric.retain(|_| *flags.next().unwrap_or(&true));
        self
    }

    /// The table with a pair of columns made one: "low – high", named as said. Unchanged where either is not there.
    pub fn interval(mut self, low: &str, high: &str, name: &str) -> Self {
        let place = |wanted: &str| self.header.iter().position(|column| column == wanted);
        let (Some(from), Some(to)) = (place(low), place(high)) else { return self };
        for row in &mut self.rows {
            row[from] = if row[from] == "–" { "–".to_owned() } else { format!("{} – {}", row[from], row[to]) };
            row.remove(to);
        }
        self.header[from] = name.to_owned();
        self.header.remove(to);
        self.numeric.remove(to);
        self
    }

    /// The table without those of these columns that say the same in every row.
    pub fn without_constant(self, names: &[&str]) -> Self {
        let same = |column: usize| self.rows.iter().all(|row| row[column] == self.rows[0][column]);
        let constant = |name: &&&str| self.header.iter().position(|column| column == **name).is_some_and(same);
        let hidden: Vec<String> = names.iter().filter(constant).map(|name| (*name).to_owned()).collect();
        self.without(&hidden)
    }

    /// GitHub's Markdown.
    pub fn markdown(&self) -> String {
        let line = |entries: &[String]| {
            let escaped: Vec<String> =
                entries.iter().map(|entry| entry.replace('|', "\\|").replace('\n', " ")).collect();
            format!("| {} |\n", escaped.join(" | "))
        };
        let rule = self.numeric.iter().map(|numeric| if *numeric { " ---: |" } else { " --- |" }).collect::<String>();
        let rows = self.rows.iter().map(|row| line(row)).collect::<String>();
        format!("{}|{rule}\n{rows}", line(&self.header))
    }

    /// Columns aligned by spaces, two between columns.
    pub fn aligned(&self) -> String {
        let length = |text: &String| text.chars().count();
        let widths: Vec<usize> = (0..self.header.len())
            .map(|column| self.rows.iter().chain([&self.header]).map(|row| length(&row[column])).max().unwrap_or(0))
            .collect();
        let line = |row: &Vec<String>| {
            let entries = row.iter().enumerate().map(|(column, text)| {
                let width = widths[column];
                if self.numeric[column] { format!("{text:>width$}") } else { format!("{text:<width$}") }
            });
            format!("{}\n", entries.collect::<Vec<_>>().join("  ").trim_end())
        };
        let rule = widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join("  ");
        format!("{}{rule}\n{}", line(&self.header), self.rows.iter().map(line).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_digits_that_its_interval_allows() {
        let column =
            |name: &str, values: [f64; 3]| Column::new(name.into(), values.map(|v| (!v.is_nan()).then_some(v)));
        let columns = vec![
            column("mean", [0.0655234, 74.1234, 0.5]),
            column("low", [0.0648123, 61.0, f64::NAN]),
            column("high", [0.0662345, 87.5, f64::NAN]),
            column("sd", [0.0029012, 13.26, f64::NAN]),
        ];
        let frame = DataFrame::new_infer_height(columns).unwrap_or_default();
        let text = Text::of(&frame).precise(&frame, "mean", "low", "high").shorter(&frame, &["sd"], 2);
        // Half widths 0.00071, 13 and none.
        assert_eq!(text.rows[0], ["0.06552", "0.06481", "0.06623", "0.0029"]);
        assert_eq!(text.rows[1], ["74", "61", "88", "13"]);
        assert_eq!(text.rows[2], ["0.5000", "–", "–", "–"]);
        assert_eq!(text.clone().precise(&frame, "mean", "absent", "high"), text);
    }
}
