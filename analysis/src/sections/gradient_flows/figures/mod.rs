//! Gradient flows: what depends on the number of training samples ([`against`]), what the tangent kernel sees
//! ([`projections`]), and the way there ([`time`]).

mod against;
mod families;
mod projections;
mod time;

use crate::error::Result;
use crate::figures::Figure;
use crate::results::Results;
use crate::sections::gradient_flows::fits::Fit;
use crate::sections::gradient_flows::flows::Flows;

/// The figures of the section.
pub fn figures(results: &Results, flows: &Flows, fits: &[Fit]) -> Result<Vec<Figure>> {
    let mut out: Vec<Figure> = against::learning(flows, fits).into_iter().collect();
    out.extend(against::compression(flows, fits));
    out.extend(against::kernel(flows));
    out.extend(projections::figure(results, flows)?);
    out.extend(time::figure(results, flows)?);
    Ok(out)
}
