//! What machines learn on frozen kernels other than those of the stages by share: at stages by the loss, of some of the
//! parameters, of the start on compressed samples. One table of means over flows; `None` where nothing of it was measured.
//!
//! Invariant: a flow on a frozen kernel that did not come to its end, and a machine of maximal margin that was not found, enter
//! no mean, and are counted.

use std::collections::HashMap;

use phasesweep_results::dimension::{KERNEL_PART, LOSS_STAGE};
use phasesweep_results::frozen_kernels::{
    COMPRESSED_KERNEL_ALIGNMENT, COMPRESSED_KERNEL_FLOW_TEST_ERROR, COMPRESSED_KERNEL_LIKENESS,
    COMPRESSED_KERNEL_TEST_ERROR, COMPRESSED_KERNEL_VIOLATION, LOSS_STAGE_KERNEL_ALIGNMENT,
    LOSS_STAGE_KERNEL_FLOW_TEST_ERROR, LOSS_STAGE_KERNEL_TEST_ERROR, LOSS_STAGE_KERNEL_VIOLATION,
    PART_KERNEL_ALIGNMENT, PART_KERNEL_FLOW_TEST_ERROR, PART_KERNEL_TEST_ERROR, PART_KERNEL_VIOLATION,
    START_KERNEL_LIKENESS,
};
use phasesweep_results::variables::{KERNEL_ALIGNMENT, KERNEL_TEST_ERROR};
use phasesweep_results::{FlowStop, Variable, frozen_kernels};
use polars::prelude::*;

use super::flows::{Flow, Flows, SOLVED, VIOLATION, short};
use crate::error::Result;
use crate::results::Results;
use crate::statistics::moments::mean;
use crate::tables::frames::{missing, table as named};

/// What is measured of one kernel of a cell, each a variable of the file where there is one.
const MEASURED: [&str; 4] = ["margin", "flow", "alignment", "likeness"];
/// Which of them is the machine of maximal margin's, and which the flow's.
const MARGIN: usize = 0;
const FLOW: usize = 1;

/// A kernel of every cell.
struct Kernel {
    /// Of which parameters, on which samples.
    name: String,
    /// When.
    stage: String,
    /// Index of its value in a cell's values of its variables.
    place: usize,
    /// The variables of [`MEASURED`].
    variables: [Option<&'static Variable>; MEASURED.len()],
    /// The variable that tells how far the machine of maximal margin was found.
    violation: &'static str,
}

/// The kernels that the file may hold, in the order of the table.
fn kernels(results: &Results, flows: &Flows) -> Result<Vec<Kernel>> {
    let mut all = Vec::new();
    let stages = &flows.axes.stages;
    let parts = results.texts(KERNEL_PART.coordinate)?.unwrap_or_default();
    let losses = results.numbers(LOSS_STAGE.coordinate)?.unwrap_or_default();
    let further = !parts.is_empty() || !losses.is_empty() || results.has(COMPRESSED_KERNEL_ALIGNMENT.name);
    let fits = |share: f64| {
        if share == 0.0 {
            "start".to_owned()
        } else if share == 1.0 {
            "end".to_owned()
        } else {
            format!("{share} fit")
        }
    };
    for (place, &share) in stages.iter().enumerate().filter(|_| further) {
        let likeness = (share == 0.0).then_some(&START_KERNEL_LIKENESS);
        let whole = [&KERNEL_TEST_ERROR, &frozen_kernels::KERNEL_FLOW_TEST_ERROR, &KERNEL_ALIGNMENT].map(Some);
        let [margin, flow, alignment] = whole;
        let variables = [margin, flow, alignment, likeness];
        let violation = VIOLATION;
        all.push(Kernel { name: "all parameters".into(), stage: fits(share), place, variables, violation });
    }
    for (place, share) in losses.iter().enumerate() {
        let [margin, flow, alignment] =
            [&LOSS_STAGE_KERNEL_TEST_ERROR, &LOSS_STAGE_KERNEL_FLOW_TEST_ERROR, &LOSS_STAGE_KERNEL_ALIGNMENT].map(Some);
        let variables = [margin, flow, alignment, None];
        let violation = LOSS_STAGE_KERNEL_VIOLATION.name;
        all.push(Kernel { name: "all parameters".into(), stage: format!("loss {share}"), place, variables, violation });
    }
    for (part, name) in parts.iter().enumerate() {
        for (stage, &share) in stages.iter().enumerate() {
            let [margin, flow, alignment] =
                [&PART_KERNEL_TEST_ERROR, &PART_KERNEL_FLOW_TEST_ERROR, &PART_KERNEL_ALIGNMENT].map(Some);
            let place = stage * parts.len() + part;
            all.push(Kernel {
                name: name.clone(),
                stage: fits(share),
                place,
                variables: [margin, flow, alignment, None],
                violation: PART_KERNEL_VIOLATION.name,
            });
        }
    }
    let [margin, flow, alignment, likeness] = [
        &COMPRESSED_KERNEL_TEST_ERROR,
        &COMPRESSED_KERNEL_FLOW_TEST_ERROR,
        &COMPRESSED_KERNEL_ALIGNMENT,
        &COMPRESSED_KERNEL_LIKENESS,
    ]
    .map(Some);
    let variables = [margin, flow, alignment, likeness];
    let violation = COMPRESSED_KERNEL_VIOLATION.name;
    all.push(Kernel { name: "compressed samples".into(), stage: "start".into(), place: 0, variables, violation });
    Ok(all)
}

/// Values of a variable by cell, those of one cell in the order of its dimensions.
type Values = HashMap<&'static str, Vec<Vec<f64>>>;

/// Reads what the kernels' variables hold; a variable that the file lacks is not among them.
fn read(results: &Results, kernels: &[Kernel]) -> Result<Values> {
    let cells = results.cells.len();
    let mut values = Values::new();
    let names = |kernel: &Kernel| {
        let measured = kernel.variables.into_iter().flatten().map(|variable| variable.name);
        measured.chain([kernel.violation]).collect::<Vec<_>>()
    };
    for name in kernels.iter().flat_map(names) {
        if values.contains_key(name) {
            continue;
        }
        let Some(slab) = results.slab(name, 0..cells)? else { continue };
        let row = |cell: usize| slab.index_axis(ndarray::Axis(0), cell).iter().map(|v| f64::from(*v)).collect();
        values.insert(name, (0..cells).map(row).collect());
    }
    Ok(values)
}

/// One row per curve, size and kernel: `data`, `architecture`, `regime`, `alpha`, `p`, `kernel`, `at`, `cells` (flows that fit
/// all that they were asked to and have the kernel), `margin` and `flow` (test errors of the machine of maximal margin and of
/// the gradient flow of the loss), beside each `solved` and `ended` (how many of them the mean is over: of those that are the
/// machine of maximal margin to 1% of the margin, and that came to their end; null where none was asked for), `alignment`,
/// `likeness`.
pub fn table(results: &Results, flows: &Flows) -> Result<Option<DataFrame>> {
    let kernels = kernels(results, flows)?;
    let values = read(results, &kernels)?;
    let end = flows.axes.end();
    let of = |kernel: &Kernel, members: &[&Flow], which: usize| -> Option<Vec<f64>> {
        let known = values.get(kernel.variables[which]?.name)?;
        let unsolved = |cell: usize| {
            let violation = values.get(kernel.violation).and_then(|known| known[cell].get(kernel.place));
            violation.is_some_and(|violation| *violation > f64::from(SOLVED))
        };
        let counts = |flow: &&Flow| which != MARGIN || !unsolved(flow.cell);
        let value = |flow: &Flow| known[flow.cell].get(kernel.place).copied();
        let known = members.iter().copied().filter(counts).filter_map(value);
        Some(known.filter(|value| value.is_finite()).collect())
    };
    let mut texts: [Vec<String>; 6] = Default::default();
    let (mut p, mut cells) = (Vec::new(), Vec::new());
    let mut numbers: [Vec<f64>; MEASURED.len()] = Default::default();
    let (mut solved, mut ended): (Vec<f64>, Vec<f64>) = Default::default();
    for curve in &flows.curves {
        let family = &flows.families[curve.family];
        for size in &curve.sizes {
            let all = size.flows.iter().map(|&flow| &flows.flows[flow]);
            let members: Vec<&Flow> = all.filter(|flow| flow.reached(end)).collect();
            for kernel in &kernels {
                let found: Vec<Option<Vec<f64>>> =
                    (0..MEASURED.len()).map(|which| of(kernel, &members, which)).collect();
                let count = found.iter().flatten().map(Vec::len).max().unwrap_or(0);
                if count == 0 {
                    continue;
                }
                let row = [
                    &family.data,
                    &family.architecture,
                    curve.regime.name(),
                    &short(curve.alpha),
                    &kernel.name,
                    &kernel.stage,
                ];
                texts.iter_mut().zip(row).for_each(|(column, text)| column.push(text.to_owned()));
                p.push(size.p as i64);
                cells.push(count as i64);
                let of_margin = found[MARGIN].as_ref();
                solved.push(of_margin.map_or(f64::NAN, |of_margin| of_margin.len() as f64));
                ended.push(found[FLOW].as_ref().map_or(f64::NAN, |of_flow| of_flow.len() as f64));
                for (column, of_kernel) in numbers.iter_mut().zip(found) {
                    column.push(mean(&of_kernel.unwrap_or_default()));
                }
            }
        }
    }
    if cells.is_empty() {
        return Ok(None);
    }
    let [data, architecture, regime, alpha, kernel, at] = texts;
    let text = |name: &str, values: Vec<String>| Column::new(name.into(), values);
    let number = |name: &str, values: &[f64]| Column::new(name.into(), missing(values));
    let mut columns = vec![
        text("data", data),
        text("architecture", architecture),
        text("regime", regime),
        text("alpha", alpha),
        Column::new("p".into(), p),
        text("kernel", kernel),
        text("at", at),
        Column::new("cells".into(), cells),
    ];
    columns.push(number(MEASURED[MARGIN], &numbers[MARGIN]));
    columns.push(number("solved", &solved));
    columns.push(number(MEASURED[FLOW], &numbers[FLOW]));
    columns.push(number("ended", &ended));
    columns.push(number(MEASURED[2], &numbers[2]));
    columns.push(number(MEASURED[3], &numbers[3]));
    named("the table of further kernels", DataFrame::new_infer_height(columns)).map(Some)
}

/// On how many kernels the machine of maximal margin was not found, or the gradient flow did not come to its end, and why, as
/// sentences; none where all did, or none was asked for.
pub fn without(results: &Results) -> Result<Vec<String>> {
    Ok(unsolved(results)?.into_iter().chain(unended(results)?).collect())
}

fn unsolved(results: &Results) -> Result<Option<String>> {
    let names =
        [VIOLATION, LOSS_STAGE_KERNEL_VIOLATION.name, PART_KERNEL_VIOLATION.name, COMPRESSED_KERNEL_VIOLATION.name];
    let (mut not, mut all) = (0, 0);
    for name in names {
        let slab = results.slab(name, 0..results.cells.len())?;
        for violation in slab.iter().flatten().filter(|violation| violation.is_finite()) {
            (not, all) = (not + usize::from(*violation > SOLVED), all + 1);
        }
    }
    Ok((not > 0).then(|| {
        format!(
            "On {not} of {all} frozen kernels the machine of maximal margin was not found to 1% of the margin before its steps ran \
             out (kernel_violation): its test errors there are in no mean and no fit."
        )
    }))
}

fn unended(results: &Results) -> Result<Option<String>> {
    let stops = [
        &frozen_kernels::KERNEL_FLOW_STOP,
        &frozen_kernels::LOSS_STAGE_KERNEL_FLOW_STOP,
        &frozen_kernels::PART_KERNEL_FLOW_STOP,
        &frozen_kernels::COMPRESSED_KERNEL_FLOW_STOP,
    ];
    let mut counts = [0; FlowStop::ALL.len()];
    for variable in stops {
        let codes = results.codes(variable.name, 0..results.cells.len())?;
        let known = codes.iter().flatten().filter_map(|code| FlowStop::from_code(*code));
        known.for_each(|stop| counts[stop as usize] += 1);
    }
    let all: usize = counts.iter().sum();
    let fitted = counts[FlowStop::Fitted as usize];
    let others = FlowStop::ALL.into_iter().filter(|stop| *stop != FlowStop::Fitted && counts[*stop as usize] > 0);
    let why: Vec<String> = others.map(|stop| format!("{} ({})", stop.name(), counts[stop as usize])).collect();
    Ok((fitted < all).then(|| {
        format!(
            "On {} of {all} frozen kernels the gradient flow did not come to fit what it was asked to: {}; there it has no test error.",
            all - fitted,
            why.join(", ")
        )
    }))
}
