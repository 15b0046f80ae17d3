//! Where training is expected to settle: the edge of stability, drawn beside the sharpness.
//!
//! On a quadratic, gradient descent with learning rate η diverges where the Hessian has an eigenvalue above 2/η; with heavy
//! ball momentum β above (2 + 2β)/η, with Nesterov's above (2 + 2β)/(η(1 + 2β)) (Cohen et al. 2021, equation 1 and appendix
//! B). Other rules have no such number that does not change along training, and neither has one with a schedule, clipping or SAM.

use crate::groups::Group;
use crate::plain_rule;
use crate::results::Results;

/// The variable that it is drawn beside.
pub const VARIABLE: &str = "hessian_eigenvalue";

/// The edge of a group, where all its cells have the same.
pub fn of_group(results: &Results, group: &Group) -> Option<f64> {
    let number = |name: &str| results.cells.numbers.iter().find(|(known, _)| known == name).map(|(_, values)| values);
    let rates = number("lr")?;
    let (momenta, decays) = (number("momentum"), number("weight_decay"));
    let optimisers = results.cells.axes.iter().find(|(name, _)| name == "optimiser").map(|(_, labels)| labels)?;
    let of_cell = |cell: usize| {
        // With weight decay the eigenvalues that matter are not those of the loss alone.
        if decays.is_some_and(|values| values[cell] > 0.0) {
            return None;
        }
        if !plain_rule::is_plain(&optimisers[cell]) {
            return None;
        }
        let momentum = momenta.map_or(0.0, |values| values[cell]);
        let momentum = if momentum.is_finite() { momentum } else { 0.0 };
        match optimisers[cell].split_whitespace().next() {
            Some("sgd") => Some((2.0 + 2.0 * momentum) / rates[cell]),
            Some("nesterov") => Some((2.0 + 2.0 * momentum) / (rates[cell] * (1.0 + 2.0 * momentum))),
            _ => None,
        }
    };
    let mut edges = group.cells.iter().map(|&cell| of_cell(cell));
    let first = edges.next()??;
    edges.all(|edge| edge == Some(first)).then_some(first).filter(|edge| edge.is_finite())
}
