//! How good a proxy local complexity is, in sentences.

use super::counts::Counts;
use super::proxy::Row;
use crate::statistics::moments::median;
use crate::tables::text::significant;

/// The sentences; `rows` are of all cells together.
pub fn sentences(counts: &Counts, rows: &[Row]) -> Vec<String> {
    let points = counts.principal();
    let Some(most) = counts.directions.len().checked_sub(1) else { return Vec::new() };
    let of = |radius: usize, directions: usize| {
        rows.iter().find(|row| (row.points, row.radius, row.directions) == (points, radius, directions))
    };
    let two = |value: f64| significant(value, 2);
    let mut out = Vec::new();
    for (radius, r) in counts.radii.iter().enumerate() {
        let (Some(few), Some(many)) = (of(radius, 0), of(radius, most)) else { continue };
        let mut said = format!(
            "Around {} points at r = {r}, where the diamond holds {} to {} linear regions in the mean, local complexity with {} \
             directions ranks the points as the number of regions does with a correlation of {} (median over cells and \
             {}s; quartiles {} and {})",
            counts.called(points),
            significant(many.regions[0], 3),
            significant(many.regions[1], 3),
            counts.directions[most],
            two(many.over_points[0]),
            counts.unit,
            two(many.over_points[1]),
            two(many.over_points[2]),
        );
        if most > 0 {
            said += &format!(", with {} of {}", counts.directions[0], two(few.over_points[0]));
        }
        said += &format!(
            "; of means over points it ranks the {}s of a cell with {} ({} to {}), and all cells and {}s with {}.",
            counts.unit,
            two(many.along_training[0]),
            two(many.along_training[1]),
            two(many.along_training[2]),
            counts.unit,
            two(many.among_all),
        );
        out.push(said);
    }
    if let Some(place) = counts.directions.iter().position(|&count| count == 2) {
        let shares: Vec<String> = (0..counts.radii.len())
            .filter_map(|radius| Some(format!("{} at r = {}", two(of(radius, place)?.share), counts.radii[radius])))
            .collect();
        out.push(format!(
            "Of the units that change their sign in the diamond its four vertices tell {}.",
            shares.join(", ")
        ));
    }
    out.extend(bends(counts, points));
    out
}

/// By how much the outputs are not affine in the neighbourhoods at the end.
fn bends(counts: &Counts, points: usize) -> Option<String> {
    let (layer, moment) = (counts.layers.len().checked_sub(1)?, counts.moments.checked_sub(1)?);
    let cells: Vec<usize> = (0..counts.complete.len()).filter(|&cell| counts.complete[cell]).collect();
    let bend = |radius: usize| {
        let of = |&cell: &usize| f64::from(counts.bend[[cell, points, radius, layer, moment]]);
        median(&cells.iter().map(of).collect::<Vec<_>>())
    };
    let told: Vec<String> = (0..counts.radii.len())
        .map(|radius| format!("{} at r = {}", significant(bend(radius), 2), counts.radii[radius]))
        .collect();
    Some(format!(
        "At the end second differences of the outputs along the directions are {} of the first (medians; 0: affine).",
        told.join(", ")
    ))
}
