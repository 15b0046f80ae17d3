//! Flows, learning curves and fits as tables.

use polars::prelude::*;

use super::axes::FlowAxes;
use super::fits::{Fit, MACHINES, Over, Range};
use super::flows::{Flow, Flows, Measure, Size, short};
use crate::error::Result;
use crate::results::{FlowStop, Results, Status};
use crate::statistics::moments::{mean, median, standard_deviation};
use crate::tables::frames::{cells, missing, table};

/// A column of a table over rows of some kind.
pub(super) fn column<R, T>(rows: &[R], name: &str, of: impl Fn(&R) -> T) -> Column
where
    Series: NamedFrom<Vec<T>, [T]>,
{
    Column::from(Series::new(name.into(), rows.iter().map(of).collect::<Vec<T>>()))
}

/// A column of numbers, NaN as null.
pub(super) fn number<R>(rows: &[R], name: impl AsRef<str>, of: impl Fn(&R) -> f64) -> Column {
    Column::new(name.as_ref().into(), missing(&rows.iter().map(of).collect::<Vec<_>>()))
}

/// One row per cell: the cells' columns, `samples`, `regime`, `status`, `flow_stop`, and every measure at every stage at
/// which some cell has it, as `measure@stage`, with `kernel_projected`, the labels' share on the kernel's leading
/// eigenvectors.
pub fn flows(results: &Results, flows: &Flows) -> Result<DataFrame> {
    let what = "the table of flows";
    let mut frame = cells(results)?;
    let all = &flows.flows;
    let mut regime = vec![""; all.len()];
    let mut samples = vec![f64::NAN; all.len()];
    for curve in &flows.curves {
        for size in &curve.sizes {
            size.flows.iter().for_each(|&flow| (regime[flow], samples[flow]) = (curve.regime.name(), size.p));
        }
    }
    let mut columns = vec![
        number(all, "samples", |flow| samples[flow.cell]),
        column(all, "regime", |flow| regime[flow.cell].to_owned()),
        column(all, "status", |flow| status(flow.status).to_owned()),
        column(all, "flow_stop", |flow| flow.stop.map_or("", FlowStop::name).to_owned()),
    ];
    for (stage, share) in flows.axes.stages.iter().enumerate() {
        let measured = |measure: Measure| all.iter().any(|flow| flow.at(stage, measure).is_finite());
        for measure in Measure::ALL.into_iter().filter(|measure| measured(*measure)) {
            columns.push(number(all, format!("{}@{share}", measure.name()), |flow| flow.at(stage, measure)));
        }
        if all.iter().any(|flow| flow.projected[stage].is_finite()) {
            columns.push(number(all, format!("kernel_projected@{share}"), |flow| flow.projected[stage]));
        }
    }
    for column in columns {
        table(what, frame.with_column(column))?;
    }
    Ok(frame)
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Complete => "complete",
        Status::Diverged => "diverged",
        Status::Failed => "failed",
        Status::Missing => "missing",
    }
}

/// One row per curve and size: `data`, `architecture`, `regime`, `alpha`, `p`; `cells`, how many of them `fitted` all they
/// were asked to, ended `unfitted` and were `not_trained` to an end; then means over the fitted ones: median `steps`,
/// `test_error` with `sd`, λ early and at the end (`lambda@…`; by norms, `lambda_norm@…`); test errors of the machine of maximal margin on the kernel of
/// start and end (`kernel_start`, `kernel_end`) and of the gradient flow on it (`kernel_flow_start`, `kernel_flow_end`; null
/// where it was not asked for or never came to its end) beside the `network`'s on the same samples; the labels' share on the leading eigenvectors, alignment and change of the kernel.
pub fn curves(flows: &Flows) -> Result<DataFrame> {
    let axes = &flows.axes;
    let (start, end) = (FlowAxes::START, axes.end());
    let rows: Vec<(usize, &Size)> = flows
        .curves
        .iter()
        .enumerate()
        .flat_map(|(index, curve)| curve.sizes.iter().map(move |s| (index, s)))
        .collect();
    let of = |row: &(usize, &Size), stage: usize, measure: Measure| {
        flows.values(row.1, stage, measure, |flow| flow.reached(end))
    };
    let members = |row: &(usize, &Size)| row.1.flows.iter().map(|&flow| &flows.flows[flow]).collect::<Vec<&Flow>>();
    let count = |row: &(usize, &Size), keep: &dyn Fn(&Flow) -> bool| {
        members(row).into_iter().filter(|flow| keep(flow)).count() as i64
    };
    let complete = |flow: &Flow| flow.status == Status::Complete;
    let projected = |row: &(usize, &Size), stage: usize| {
        let fitted = members(row).into_iter().filter(|flow| flow.reached(end));
        mean(&fitted.map(|flow| flow.projected[stage]).filter(|share| share.is_finite()).collect::<Vec<_>>())
    };
    let family = |row: &(usize, &Size)| &flows.families[flows.curves[row.0].family];
    let mut columns = vec![
        column(&rows, "data", |row| family(row).data.clone()),
        column(&rows, "architecture", |row| family(row).architecture.clone()),
        column(&rows, "regime", |row| flows.curves[row.0].regime.name().to_owned()),
        column(&rows, "alpha", |row| short(flows.curves[row.0].alpha)),
        column(&rows, "p", |row| row.1.p as i64),
        column(&rows, "cells", |row| row.1.flows.len() as i64),
        column(&rows, "fitted", |row| count(row, &|flow| flow.reached(end))),
        column(&rows, "unfitted", |row| count(row, &|flow| complete(flow) && !flow.reached(end))),
        column(&rows, "not_trained", |row| count(row, &|flow| !complete(flow))),
        number(&rows, "steps", |row| median(&of(row, end, Measure::Step))),
        number(&rows, "test_error", |row| mean(&of(row, end, Measure::TestError))),
        number(&rows, "sd", |row| standard_deviation(&of(row, end, Measure::TestError))),
    ];
    if let Some(late) = axes.late() {
        let name = format!("test_error@{}", axes.stages[late]);
        columns.push(number(&rows, name, |row| flows.reached_mean(row.1, late, Measure::TestError)));
    }
    if let Some(early) = axes.early() {
        let name = format!("lambda@{}", axes.stages[early]);
        columns.push(number(&rows, name, |row| flows.reached_mean(row.1, early, Measure::Compression)));
        let by_norm = |row: &(usize, &Size)| flows.reached_mean(row.1, early, Measure::CompressionByNorm);
        if rows.iter().any(|row| by_norm(row).is_finite()) {
            columns.push(number(&rows, format!("lambda_norm@{}", axes.stages[early]), by_norm));
        }
    }
    columns.push(number(&rows, "lambda@1", |row| mean(&of(row, end, Measure::Compression))));
    columns.extend([
        number(&rows, "kernel_start", |row| mean(&of(row, start, Measure::KernelTestError))),
        number(&rows, "kernel_end", |row| mean(&of(row, end, Measure::KernelTestError))),
        number(&rows, "kernel_flow_start", |row| mean(&of(row, start, Measure::KernelFlowTestError))),
        number(&rows, "kernel_flow_end", |row| mean(&of(row, end, Measure::KernelFlowTestError))),
        number(&rows, "network", |row| mean(&of(row, end, Measure::NetworkTestError))),
        number(&rows, "projected_start", |row| projected(row, start)),
        number(&rows, "projected_end", |row| projected(row, end)),
        number(&rows, "alignment_start", |row| mean(&of(row, start, Measure::Alignment))),
        number(&rows, "alignment_end", |row| mean(&of(row, end, Measure::Alignment))),
        number(&rows, "kernel_change", |row| mean(&of(row, end, Measure::KernelChange))),
    ]);
    table("the table of learning curves", DataFrame::new_infer_height(columns))
}

/// Whether a fit stands on the page: of the test error at the end and at the last stage before it, of λ early, of the
/// machines on the kernels of start and end.
pub fn is_shown(flows: &Flows, fit: &Fit) -> bool {
    // Of the machines the whole range alone.
    let whole = (fit.over, fit.range) == (Over::Reached, Range::Whole);
    (whole || !MACHINES.contains(&fit.measure)) && is_shown_at(flows, fit.measure, fit.stage)
}

/// Whether fits of a measure at a stage stand on the page.
pub fn is_shown_at(flows: &Flows, measure: Measure, stage: usize) -> bool {
    match measure {
        machine if MACHINES.contains(&machine) => [FlowAxes::START, flows.axes.end()].contains(&stage),
        Measure::Compression | Measure::CompressionByNorm => Some(stage) == flows.axes.early(),
        _ => stage == flows.axes.end() || Some(stage) == flows.axes.late(),
    }
}

/// One row per fit: `data`, `architecture`, `regime`, `alpha`, `of` (test_error: the exponent is β of ε ~ p^−β; compression:
/// that of λ ~ p^a; kernel_test_error and kernel_flow_test_error: β of the machine of maximal margin and of the gradient flow on
/// the frozen kernel of the stage), `stage`, `over`, `p_from`, `p_to`, `sizes`, `cells`, `left_out` (trained flows within the range that did
/// not come to the stage and so are not in the fit), `exponent`, `low` and `high` (95% bootstrap over
/// seeds), `line_low` and `line_high` (95% Student's, of the points about the line), `residual` (rms of ln), `theory`.
pub fn fits(flows: &Flows, fits: &[&Fit]) -> Result<DataFrame> {
    let curve = |fit: &&Fit| &flows.curves[fit.curve];
    let family = |fit: &&Fit| &flows.families[curve(fit).family];
    let columns = vec![
        column(fits, "data", |fit| family(fit).data.clone()),
        column(fits, "architecture", |fit| family(fit).architecture.clone()),
        column(fits, "regime", |fit| curve(fit).regime.name().to_owned()),
        column(fits, "alpha", |fit| short(curve(fit).alpha)),
        column(fits, "of", |fit| fit.measure.name().to_owned()),
        column(fits, "stage", |fit| flows.axes.stages[fit.stage].to_string()),
        column(fits, "over", |fit| fit.over.name().to_owned()),
        column(fits, "range", |fit| fit.range.name().to_owned()),
        column(fits, "p_from", |fit| fit.law.from as i64),
        column(fits, "p_to", |fit| fit.law.to as i64),
        column(fits, "sizes", |fit| fit.line().points as i64),
        column(fits, "cells", |fit| fit.used as i64),
        column(fits, "left_out", |fit| if fit.over == Over::AsEnded { 0 } else { fit.short as i64 }),
        number(fits, "exponent", |fit| fit.exponent()),
        number(fits, "low", |fit| fit.over_seeds().low),
        number(fits, "high", |fit| fit.over_seeds().high),
        number(fits, "line_low", |fit| fit.of_line().low),
        number(fits, "line_high", |fit| fit.of_line().high),
        number(fits, "residual", |fit| fit.line().residual),
        number(fits, "theory", |fit| fit.theory.unwrap_or(f64::NAN)),
    ];
    table("the table of power laws", DataFrame::new_infer_height(columns))
}
