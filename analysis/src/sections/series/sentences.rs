//! What the series do, in sentences: a headline, and one for each series that turns in most cells of some group.

use super::compare::{Moment, Row};
use crate::options::Options;
use crate::tables::text::significant;

/// Series that have a sentence of their own at most; the table has all.
const MOST: usize = 24;

/// The sentences. `principal` is the name of the observable that the report is about, where it has one.
pub fn sentences(rows: &[Row], principal: Option<&str>, options: &Options) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|row| row.series.is_some()) {
        if !names.contains(&row.name.as_str()) {
            names.push(&row.name);
        }
    }
    let of = |name: &str| rows.iter().filter(|row| row.name == name && row.series.is_some()).collect::<Vec<_>>();
    let (turning, others): (Vec<&str>, Vec<&str>) =
        names.iter().partition(|name| of(name).iter().any(|row| row.turns()));
    let mut headline = format!(
        "{} of {} series turn in at least half of the cells of some group, by a prominence of at least {}% of their range.",
        turning.len(),
        names.len(),
        significant(100.0 * options.prominence, 3)
    );
    if let Some(principal) = principal {
        let count = |wanted: Moment| {
            let in_all = |rows: Vec<&Row>| {
                let mut judged = rows.iter().filter_map(|row| row.moment).peekable();
                judged.peek().is_some() && judged.all(|moment| moment == wanted)
            };
            names.iter().filter(|name| in_all(of(name))).count()
        };
        headline.push_str(&format!(
            " Beside {principal}, in every group in which both turn, {} of them turn at the same training error to within \
             {}%, {} at another one.",
            count(Moment::Same),
            significant(100.0 * options.tolerance, 3),
            count(Moment::Other),
        ));
    }
    let mut out = vec![headline];
    // Where nothing turns it is worth saying where the series go.
    let told = if turning.is_empty() { &others } else { &turning };
    out.extend(told.iter().take(MOST).map(|name| of_series(name, &of(name), principal)));
    let untold = names.len() - told.len().min(MOST);
    if untold > 0 {
        out.push(format!("{untold} further series are in the table."));
    }
    out
}

fn of_series(name: &str, rows: &[&Row], principal: Option<&str>) -> String {
    let cells: usize = rows.iter().map(|row| row.cells).sum();
    let range = |of: fn(&Row) -> f64| {
        let values = || rows.iter().map(|row| of(row)).filter(|value| value.is_finite());
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        match (significant(low, 3), significant(high, 3)) {
            (low, high) if low == high => low,
            (low, high) => format!("{low} to {high}"),
        }
    };
    let mut out = format!("{name} begins at {} and ends at {}; ", range(|row| row.ends[0]), range(|row| row.ends[1]));
    let minima: usize = rows.iter().map(|row| row.minima).sum();
    let maxima: usize = rows.iter().map(|row| row.maxima).sum();
    let parts: Vec<String> = [(minima, "falls, then rises"), (maxima, "rises, then falls")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, way)| format!("it {way} in {count} of {cells} cells"))
        .collect();
    if parts.is_empty() {
        return format!("{out}it turns in none of {cells} cells.");
    }
    out.push_str(&format!(
        "{}, at {} {} (median) and training error {} (mean)",
        parts.join(", "),
        rows.first().map_or("epoch", |row| row.unit.name()),
        range(|row| row.epoch),
        range(|row| row.star.0)
    ));
    if let Some(principal) = principal.filter(|_| rows.iter().any(|row| row.moment.is_some())) {
        let count = |wanted| rows.iter().filter(|row| row.moment == Some(wanted)).count();
        let said: Vec<String> = [Moment::Same, Moment::Other, Moment::Undecided]
            .into_iter()
            .map(|moment| (moment, count(moment)))
            .filter(|(_, count)| *count > 0)
            .map(|(moment, count)| match rows.len() {
                1 => moment.name().to_owned(),
                _ => format!("{} in {count} groups", moment.name()),
            })
            .collect();
        out.push_str(&format!(", {} times that of {principal} ({})", range(|row| row.ratio.0), said.join(", ")));
    }
    out + "."
}
