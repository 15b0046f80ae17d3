//! Gradient flows: what depends on the number of training samples ([`against`]) and whether its exponents drift ([`drift`]),
//! what the tangent kernel sees ([`projections`]), the way there ([`time`]), the neurons on it ([`neurons`]), and the output along
//! the informative axis ([`profile`]).

mod against;
pub(super) mod drift;
mod families;
mod neurons;
mod profile;
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
    out.extend(against::kernel(flows, fits));
    out.extend(projections::figure(results, flows)?);
    out.extend(time::figure(results, flows)?);
    Ok(out)
}

/// The figures of neurons as points and of the output along the informative axis, of files that hold them.
pub fn of_neurons(results: &Results, flows: &Flows) -> Result<Vec<Figure>> {
    let mut out: Vec<Figure> = neurons::figure(results, flows)?.into_iter().collect();
    out.extend(profile::figure(results, flows)?);
    Ok(out)
}
