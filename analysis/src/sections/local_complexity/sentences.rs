//! What the phases come to, in sentences.

use super::phases::Status as Found;
use super::rise::{DELAY, FITTED, LEAST_GAIN};
use super::search::{Complexity, Place, RiseRow, Row};
use crate::options::Options;
use crate::results::Status;
use crate::statistics::moments::{median, quantile};
use crate::tables::text::{capital, significant};

/// The first sentence, in which the counts stand, and the others.
pub fn sentences(complexity: &Complexity, options: &Options) -> Vec<String> {
    let rows: Vec<&Row> = complexity.principal_rows().filter(|row| row.ended == Status::Complete).collect();
    let cells = rows.len();
    let count = |of: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| of(row)).count();
    let descent = count(&|row| row.phases.descent == Found::Found);
    let ascent = count(&|row| row.phases.ascent == Found::Found);
    let last = count(&|row| row.phases.final_descent == Found::Found);
    let name = complexity.principal_name();
    let mut out = vec![format!(
        "Local complexity {name}, summed over the layers: of {cells} cells, the descent is found in {descent}, the ascent in \
         {ascent}, the final descent in {last}."
    )];
    let lost = complexity.principal_rows().count() - cells;
    if lost > 0 {
        out.push(format!("{lost} more cells diverged or failed and are not counted."));
    }
    let unfinished = [
        (count(&|row| row.phases.descent == Found::Edge), "still descend at the last step"),
        (count(&|row| row.phases.ascent == Found::Edge), "still ascend at the last step"),
        (
            count(&|row| row.phases.ascent == Found::Found && row.phases.final_descent == Found::NotReached),
            "fall after the ascent, but not for good",
        ),
        (count(&|row| row.phases.descent == Found::NotReached), "do not descend at first"),
    ];
    let told: Vec<String> =
        unfinished.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}")).collect();
    if !told.is_empty() {
        out.push(format!("Where phases were not reached: {}.", told.join("; ")));
    }
    out.extend(where_is("The descent ends", &rows, |row| row.trough));
    out.extend(where_is("The final descent begins", &rows, |row| row.falls_from));
    out.extend(delayed(&complexity.rises, "test", "test accuracy"));
    let mut attacks: Vec<&str> = Vec::new();
    for row in complexity.rises.iter().filter(|row| row.of != "test") {
        if !attacks.contains(&row.of.as_str()) {
            attacks.push(&row.of);
        }
    }
    for attack in attacks {
        let accuracy = format!("accuracy under attack ({attack})");
        out.extend(delayed(&complexity.rises, attack, &accuracy));
    }
    out.push(format!(
        "A turning point counts if its two-sided prominence is at least {}% of its series’ range, over the points of the \
         schedule of measurements, whatever their steps.",
        significant(100.0 * options.lc_prominence, 3)
    ));
    out
}

/// Steps and accuracies at a place, over the cells that have it.
fn where_is(what: &str, rows: &[&Row], place: impl Fn(&Row) -> Place) -> Option<String> {
    let places: Vec<Place> = rows.iter().map(|row| place(row)).filter(|place| place.step.is_finite()).collect();
    if places.is_empty() {
        return None;
    }
    let of = |number: fn(&Place) -> f64| places.iter().map(number).collect::<Vec<f64>>();
    let percent = |share: f64| if share.is_finite() { format!("{:.1}%", 100.0 * share) } else { "–".into() };
    Some(format!(
        "{what} at step {} (median of {} cells{}), at a training accuracy of {} and a test accuracy of {}.",
        whole(median(&of(|place| place.step))),
        places.len(),
        spread(of(|place| place.step)),
        percent(median(&of(|place| place.train))),
        percent(median(&of(|place| place.test))),
    ))
}

fn spread(mut steps: Vec<f64>) -> String {
    steps.sort_by(f64::total_cmp);
    match steps.as_slice() {
        [_] | [] => String::new(),
        steps => format!("; {} to {}", whole(quantile(steps, 0.0)), whole(quantile(steps, 1.0))),
    }
}

fn whole(step: f64) -> String {
    format!("{step:.0}")
}

/// Whether an accuracy rises late, and after the final descent began.
fn delayed(rises: &[RiseRow], of: &str, accuracy: &str) -> Option<String> {
    let rows: Vec<&RiseRow> = rises.iter().filter(|row| row.of == of).collect();
    if rows.is_empty() {
        return None;
    }
    let late: Vec<&RiseRow> = rows.iter().copied().filter(|row| row.is_delayed()).collect();
    let definition = match of {
        "test" => format!(
            " (grokking: it gains at least {} points after the training accuracy has come to {}% of its best, and makes half of \
             the gain only after {DELAY} times as many steps)",
            100.0 * LEAST_GAIN,
            100.0 * FITTED
        ),
        _ => String::new(),
    };
    let mut said = format!("{} rises late in {} of {} cells{definition}", capital(accuracy), late.len(), rows.len());
    let known: Vec<&RiseRow> = late.iter().copied().filter(|row| row.is_preceded().is_some()).collect();
    let first = known.iter().filter(|row| row.is_preceded() == Some(true)).count();
    let factors: Vec<f64> = known.iter().filter_map(|row| Some(row.rise?.step / row.falls_from.max(1.0))).collect();
    if !known.is_empty() {
        said += &format!(
            "; in {first} of the {} of these that have a final descent, it begins before half of the gain is made (the gain comes \
             at {} times its step, median)",
            known.len(),
            significant(median(&factors), 2)
        );
    } else if !late.is_empty() {
        said += "; none of them has reached a final descent";
    }
    Some(said + ".")
}
