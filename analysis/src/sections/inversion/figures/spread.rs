//! The comparison that gives the claim its meaning: how widely ε* spreads, and how widely other training errors do.

use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};
use crate::results::Results;
use crate::sections::inversion::spread::{Quantity, Scope, Spread};
use crate::turning::{TurningPoints, symbol};

/// Scopes drawn at most.
const MOST_SCOPES: usize = 30;

/// Standard deviation of each training error over each scope, for one layer and observable.
pub fn figure(
    results: &Results,
    points: &TurningPoints,
    all: &[Spread],
    layer: usize,
    observable: usize,
) -> Option<Figure> {
    let rows: Vec<&Spread> = all.iter().filter(|row| (row.layer, row.observable) == (layer, observable)).collect();
    let mut scopes: Vec<(Scope, &str)> = rows.iter().map(|row| (row.scope, row.name.as_str())).collect();
    scopes.dedup();
    let count = scopes.len();
    scopes.truncate(MOST_SCOPES);
    if scopes.is_empty() {
        return None;
    }
    let mut marks = Vec::new();
    for row in &rows {
        let Some(place) = scopes.iter().position(|scope| *scope == (row.scope, row.name.as_str())) else { continue };
        let colour = Quantity::ALL.iter().position(|quantity| *quantity == row.quantity).unwrap_or(0);
        marks.push(Mark::Disc { at: (row.sd, -(place as f64)), size: 4.4, class: "mark", colour });
    }
    let legend: Legend =
        ["at the inversion: ε*", "at a fixed epoch", "at equal flow time", "at the best test error", "at the end"]
            .into_iter()
            .zip(Quantity::ALL)
            .enumerate()
            .filter(|(_, (_, quantity))| rows.iter().any(|row| row.quantity == *quantity))
            .map(|(colour, (words, _))| (words.to_owned(), colour))
            .collect();
    let names: Vec<String> = scopes
        .iter()
        .map(
            |(scope, name)| if *scope == Scope::All { (*name).to_owned() } else { format!("{}: {name}", scope.name()) },
        )
        .collect();
    let words = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let left = (5.6 * words as f64 + 18.0).clamp(90.0, 480.0);
    let panel = Panel {
        title: format!("{}, hidden layer {}", symbol(&points.observables[observable]), results.layers[layer]),
        x_label: "standard deviation of the training error over cells".into(),
        y_label: String::new(),
        x: Scale::around(rows.iter().map(|row| row.sd).filter(|sd| *sd > 0.0), Kind::Log),
        y: Scale { low: 0.4 - scopes.len() as f64, high: 0.6, kind: Kind::Linear, reversed: false },
        x_ticks: Ticks::Round,
        y_ticks: Ticks::Named(names.into_iter().enumerate().map(|(i, name)| (-(i as f64), name)).collect()),
        marks,
    };
    let layout = Layout::even(1, 1040.0 - left, 24.0 * scopes.len().max(2) as f64 + 8.0, left);
    let shown =
        if count > MOST_SCOPES { format!(" Shown are {MOST_SCOPES} of {count} scopes.") } else { String::new() };
    let caption = format!(
        "How widely the training error spreads over the same cells, taken at different moments: at each cell's inversion; at \
         one fixed epoch (the median t*), where one optimiser trained them all; at one flow time (the median of learning \
         rate × t*), for plain gradient descent of several learning rates; where the test error is least; and at the end. \
         If the inversion happens at a training error of its own, its spread is the least.{shown}"
    );
    Some(Figure { name: "spread".into(), caption, svg: draw(&[panel], layout, &legend) })
}
