//! What the norms of the weights do, in sentences: one for each layer.

use super::series::{Norms, Row};
use crate::options::Options;
use crate::statistics::moments::{median, quantile};
use crate::tables::text::significant;
use crate::turning_point::Extremum;

/// The sentences: a headline, and one for each layer.
pub fn sentences(norms: &Norms, options: &Options) -> Vec<String> {
    let (cells, turned) = (norms.rows.len(), norms.rows.iter().filter(|row| row.turn.is_some()).count());
    let grown = norms.rows.iter().filter(|row| row.end > row.start).count();
    let mut out = vec![format!(
        "From start to end the norm of the weights grows in {grown} of {cells} layers of cells, and it turns on the way in \
         {turned} of them, by a prominence of at least {}% of its range.",
        significant(100.0 * options.prominence, 3)
    )];
    out.extend((0..norms.layers.len()).filter_map(|layer| of_layer(norms, layer)));
    out
}

fn of_layer(norms: &Norms, layer: usize) -> Option<String> {
    let rows: Vec<&Row> = norms.rows.iter().filter(|row| row.layer == layer).collect();
    let mut factors: Vec<f64> =
        rows.iter().map(|row| row.end / row.start).filter(|factor| factor.is_finite()).collect();
    if factors.is_empty() {
        return None;
    }
    factors.sort_by(f64::total_cmp);
    let [low, middle, high] = [0.0, 0.5, 1.0].map(|share| significant(quantile(&factors, share), 3));
    let range = if factors.len() > 1 { format!(", {low} to {high}") } else { String::new() };
    let said = format!(
        "Layer {}: the norm changes by a factor of {middle} (median of {} cells{range}); ",
        norms.layers[layer],
        rows.len()
    );
    let turns = |extremum: Extremum| {
        let epochs = rows.iter().filter_map(|row| row.turn.filter(|(kind, _)| *kind == extremum));
        epochs.map(|(_, turn)| turn.epoch as f64).collect::<Vec<f64>>()
    };
    let kinds = [(Extremum::Minimum, "falls, then rises"), (Extremum::Maximum, "rises, then falls")];
    let parts: Vec<String> = kinds
        .into_iter()
        .map(|(extremum, way)| (turns(extremum), way))
        .filter(|(epochs, _)| !epochs.is_empty())
        .map(|(epochs, way)| format!("it {way} in {}, at epoch {:.0} (median)", epochs.len(), median(&epochs)))
        .collect();
    let turned = if parts.is_empty() { "it turns in none".to_owned() } else { parts.join("; ") };
    Some(format!("{said}{turned}."))
}
