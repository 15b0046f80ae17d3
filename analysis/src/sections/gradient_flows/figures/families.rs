//! How many kinds of data a figure shows.

use crate::sections::gradient_flows::flows::Flows;

/// Families drawn at most in figures that have panels for each.
pub(super) const MOST_FAMILIES: usize = 6;

/// Says that families were left out.
pub(super) fn more(flows: &Flows) -> String {
    let all = flows.families.len();
    if all > MOST_FAMILIES { format!(" The first {MOST_FAMILIES} of {all} kinds of data.") } else { String::new() }
}
