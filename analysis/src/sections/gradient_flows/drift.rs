//! Does an exponent drift with p? The power laws again, in windows that slide over the sizes of the training set.
//!
//! A window begins at a size and ends at eight times that size; it counts where the file's sizes reach so far and at least three
//! lie within. Invariant: a file whose sizes span no more than one window has none, since the whole fit says it already.

use super::fits::{Fit, Over, Range, expected};
use super::flows::{Flows, Measure};
use super::table::is_shown_at;
use crate::options::Options;
use crate::results::Status;
use crate::statistics::power_law::{Observation, power_law};

/// The last size of a window is so many times its first.
pub const FACTOR: f64 = 8.0;

/// The fits in all windows, of what stands on the page: test error late and at the end, λ early.
pub fn windows(flows: &Flows, options: &Options) -> Vec<Fit> {
    let mut out = Vec::new();
    for curve in 0..flows.curves.len() {
        for measure in [Measure::TestError, Measure::Compression] {
            for stage in (1..flows.axes.stages.len()).filter(|&stage| is_shown_at(flows, measure, stage)) {
                of_stage(flows, options, curve, measure, stage, &mut out);
            }
        }
    }
    out
}

fn of_stage(flows: &Flows, options: &Options, index: usize, measure: Measure, stage: usize, out: &mut Vec<Fit>) {
    let curve = &flows.curves[index];
    let observations = flows.observations(curve, stage, measure, false);
    let mut sizes: Vec<f64> = observations.iter().map(|one| one.x).collect();
    sizes.dedup();
    let (Some(&first), Some(&last)) = (sizes.first(), sizes.last()) else { return };
    // Sizes are whole numbers: no rounding makes a size a little more than eight times another.
    if last <= FACTOR * first {
        return;
    }
    for &from in sizes.iter().filter(|&&from| FACTOR * from <= last) {
        let within = |p: f64| (from..=FACTOR * from).contains(&p);
        let kept: Vec<Observation> = observations.iter().copied().filter(|one| within(one.x)).collect();
        let Some(law) = power_law(&kept, options.bootstrap, 0x6472_6966 + out.len() as u64) else { continue };
        let members = curve.sizes.iter().filter(|size| within(size.p)).flat_map(|size| &size.flows);
        let members = members.map(|&flow| &flows.flows[flow]);
        let short = members.filter(|flow| flow.status == Status::Complete && !flow.reached(stage)).count();
        let theory = expected(flows, curve, measure, stage);
        let (over, range, used) = (Over::Reached, Range::Window, kept.len());
        out.push(Fit { curve: index, measure, stage, over, range, law, theory, used, short });
    }
}
