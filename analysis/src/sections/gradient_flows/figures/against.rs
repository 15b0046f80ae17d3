//! Test errors and compression against the number of training samples, in logarithms, with fitted lines and the slopes of
//! the theory.

use super::families::{MOST_FAMILIES, more};
use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};
use crate::results::Status;
use crate::sections::gradient_flows::axes::FlowAxes;
use crate::sections::gradient_flows::fits::{Fit, MACHINES, principal};
use crate::sections::gradient_flows::flows::{Curve, Family, Flow, Flows, Measure};
use crate::sections::gradient_flows::sentences::percent;
use crate::sections::gradient_flows::theory::Regime;
use crate::statistics::moments::mean;
use crate::tables::text::significant;

/// Colour of a curve: its place among its family's, the feature regime first.
fn colour(family: &Family, curve: usize) -> usize {
    family.curves.iter().position(|&known| known == curve).unwrap_or(0)
}

/// A panel against p whose p are those of the family.
fn panel(flows: &Flows, family: &Family, y_label: &str, marks: Vec<Mark>, y: Scale) -> Panel {
    let mut sizes: Vec<f64> =
        family.curves.iter().flat_map(|&curve| flows.curves[curve].sizes.iter().map(|size| size.p)).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    Panel {
        title: family.name.clone(),
        x_label: "training samples p".into(),
        y_label: y_label.to_owned(),
        x: Scale::around(sizes.iter().flat_map(|p| [p * 0.85, p * 1.18]), Kind::Log),
        y,
        x_ticks: Ticks::Named(sizes.iter().map(|p| (*p, p.to_string())).collect()),
        y_ticks: Ticks::Round,
        marks,
    }
}

/// Discs of every flow (those that did not come to the stage moved aside), of the means, the fitted line and the theory's.
fn marks(flows: &Flows, family: &Family, fits: &[Fit], measure: Measure, stage: usize) -> (Vec<Mark>, Vec<f64>) {
    let (mut marks, mut on_top, mut heights) = (Vec::new(), Vec::new(), Vec::new());
    for &index in &family.curves {
        let (curve, colour) = (&flows.curves[index], colour(family, index));
        for size in &curve.sizes {
            let members = size.flows.iter().map(|&flow| &flows.flows[flow]);
            for flow in members.filter(|flow| flow.status == Status::Complete) {
                let y = flow.at(stage, measure);
                if y > 0.0 {
                    let aside = if flow.reached(stage) { 1.0 } else { 1.1 };
                    marks.push(Mark::Disc { at: (size.p * aside, y), size: 2.4, class: "dot", colour });
                    heights.push(y);
                }
            }
            let middle = flows.reached_mean(size, stage, measure);
            if middle > 0.0 {
                on_top.push(Mark::Disc { at: (size.p, middle), size: 4.2, class: "mark", colour });
            }
        }
        if let Some(fit) = principal(fits, index, measure, stage) {
            let ends = [fit.law.from, fit.law.to].map(|p| (p, fit.line().at(p)));
            marks.push(Mark::Curve { points: ends.to_vec(), class: "line", colour });
            if let Some(ends) = fit.theory_line() {
                marks.push(Mark::Curve { points: ends.to_vec(), class: "theory", colour });
            }
        }
    }
    marks.extend(on_top);
    (marks, heights)
}

/// Curves of the first family, which stand for those of the others, as a legend.
fn legend(flows: &Flows) -> Legend {
    let longest = flows.families.iter().max_by_key(|family| family.curves.len());
    let of = |family: &Family| {
        family.curves.iter().map(|&index| (flows.curves[index].name.clone(), colour(family, index))).collect()
    };
    longest.map(of).unwrap_or_default()
}

/// Exponents of a figure's lines, for its caption.
fn exponents(flows: &Flows, fits: &[Fit], measure: Measure, stage: usize) -> String {
    let symbol = if measure == Measure::Compression { "a" } else { "β" };
    let mut parts = Vec::new();
    for family in flows.families.iter().take(MOST_FAMILIES) {
        let of = |&index: &usize| {
            let fit = principal(fits, index, measure, stage)?;
            let theory = fit.theory.map_or(String::new(), |theory| format!(" (theory {})", significant(theory, 3)));
            Some(format!("{} {}{theory}", flows.curves[index].name, significant(fit.exponent(), 3)))
        };
        let said: Vec<String> = family.curves.iter().filter_map(of).collect();
        if !said.is_empty() {
            parts.push(format!("{}: {symbol} = {}", family.name, said.join("; ")));
        }
    }
    if parts.is_empty() { String::new() } else { format!(" {}.", parts.join(". ")) }
}

const LAYOUT: Layout = Layout { columns: 3, width: 290.0, height: 230.0, left: 56.0, between: 48.0 };

/// Panels fill the page, up to three in a row.
fn layout(panels: usize) -> Layout {
    if panels <= 2 { Layout { columns: 2, width: 420.0, ..LAYOUT } } else { LAYOUT }
}

/// Test error at the end against p.
pub(super) fn learning(flows: &Flows, fits: &[Fit]) -> Option<Figure> {
    let end = flows.axes.end();
    let mut panels = Vec::new();
    for family in flows.families.iter().take(MOST_FAMILIES) {
        let (marks, heights) = marks(flows, family, fits, Measure::TestError, end);
        let y = Scale::around(heights.into_iter(), Kind::Log);
        panels.push(panel(flows, family, if panels.len() % 3 == 0 { "test error" } else { "" }, marks, y));
    }
    let caption = format!(
        "Test error at the end of the flow against the number of training samples. Small: flows, moved to the right where they \
         ended before all fit; ringed: means over those that fit. Lines: fitted power laws p^−β; dashed: the slopes of the \
         theory, through the centre of each fit.{}{}",
        exponents(flows, fits, Measure::TestError, end),
        more(flows)
    );
    let name = "flow_learning".into();
    (!panels.is_empty()).then(|| Figure { name, caption, svg: draw(&panels, layout(panels.len()), &legend(flows)) })
}

/// λ at the early stage against p.
pub(super) fn compression(flows: &Flows, fits: &[Fit]) -> Option<Figure> {
    let early = flows.axes.early()?;
    let mut panels = Vec::new();
    for family in flows.families.iter().take(MOST_FAMILIES) {
        let (marks, heights) = marks(flows, family, fits, Measure::Compression, early);
        if heights.is_empty() {
            continue;
        }
        let y = Scale::around(heights.into_iter(), Kind::Log);
        panels.push(panel(flows, family, if panels.len() % 3 == 0 { "compression λ" } else { "" }, marks, y));
    }
    let caption = format!(
        "Compression λ, the rms of the first layer’s weights along the informative coordinates over that of the others, when \
         {}% of the training samples fit. Lines: fitted power laws p^a; dashed: the slopes of the theory.{}{}",
        percent(flows.axes.stages[early]),
        exponents(flows, fits, Measure::Compression, early),
        more(flows)
    );
    let name = "flow_compression".into();
    (!panels.is_empty()).then(|| Figure { name, caption, svg: draw(&panels, layout(panels.len()), &legend(flows)) })
}

/// Test errors of machines on the kernels of start and end, and of the network, against p: a panel for each curve that
/// stands for a regime.
pub(super) fn kernel(flows: &Flows, fits: &[Fit]) -> Option<Figure> {
    let end = flows.axes.end();
    let kinds = [
        (FlowAxes::START, Measure::KernelTestError, "maximal margin, start’s kernel"),
        (end, Measure::KernelTestError, "maximal margin, end’s kernel"),
        (end, Measure::NetworkTestError, "network"),
        (FlowAxes::START, Measure::KernelFlowTestError, "flow, start’s kernel"),
        (end, Measure::KernelFlowTestError, "flow, end’s kernel"),
    ];
    let known = |stage: usize, measure: Measure| flows.flows.iter().any(|flow| flow.at(stage, measure).is_finite());
    let kinds: Vec<_> = kinds.into_iter().filter(|(stage, measure, _)| known(*stage, *measure)).collect();
    let middle_kind = (kinds.len() as f64 - 1.0) / 2.0;
    let apart = 0.07 / middle_kind.max(1.0);
    let mut panels = Vec::new();
    for family in flows.families.iter().take(MOST_FAMILIES) {
        let mut row: Vec<(&Curve, Vec<Mark>)> = Vec::new();
        let mut heights = Vec::new();
        let shown = family.curves.iter().map(|&index| &flows.curves[index]);
        for curve in shown.filter(|curve| curve.regime != Regime::Between) {
            let (mut marks, mut on_top) = (Vec::new(), Vec::new());
            for (colour, (stage, measure, _)) in kinds.iter().copied().enumerate() {
                let fitted = |flow: &Flow| flow.reached(end);
                let mut middle = Vec::new();
                for size in &curve.sizes {
                    let values = flows.values(size, stage, measure, fitted);
                    // Side by side, so that one kind does not hide the others.
                    let x = size.p * (1.0 + apart * (colour as f64 - middle_kind));
                    for &y in values.iter().filter(|y| **y > 0.0) {
                        marks.push(Mark::Disc { at: (x, y), size: 2.2, class: "dot", colour });
                        heights.push(y);
                    }
                    if mean(&values) > 0.0 {
                        middle.push((x, mean(&values)));
                        on_top.push(Mark::Disc { at: (x, mean(&values)), size: 3.8, class: "mark", colour });
                    }
                }
                marks.push(Mark::Curve { points: middle, class: "line", colour });
            }
            marks.extend(on_top);
            row.push((curve, marks));
        }
        if heights.is_empty() {
            continue;
        }
        let y = Scale::around(heights.into_iter(), Kind::Log);
        for (place, (curve, marks)) in row.into_iter().enumerate() {
            let label = if place == 0 { "test error" } else { "" };
            let of_family = panel(flows, family, label, marks, y.clone());
            panels.push(Panel { title: format!("{}: {}", family.name, curve.name), ..of_family });
        }
    }
    let legend: Legend = kinds.iter().enumerate().map(|(colour, kind)| (kind.2.to_owned(), colour)).collect();
    let flowed = if kinds.iter().any(|kind| kind.1 == Measure::KernelFlowTestError) {
        " and of the gradient flow of the loss until all fits"
    } else {
        ""
    };
    let mut exponents = String::new();
    for (stage, measure, words) in kinds.iter().filter(|kind| MACHINES.contains(&kind.1)) {
        let said = self::exponents(flows, fits, *measure, *stage);
        if !said.is_empty() {
            exponents += &format!(" β of the {words}:{said}");
        }
    }
    let caption = format!(
        "Learning curves of the machine of maximal margin{flowed} on the frozen tangent kernel of the start and of the end, and \
         of the network itself, on the same test samples; networks that fit all they were asked to. Lines join the \
         means.{exponents}{}",
        more(flows)
    );
    let in_row = if flows.families.iter().all(|family| family.curves.len() <= 2) { 2 } else { 3 };
    let name = "flow_kernel".into();
    (!panels.is_empty()).then(|| Figure { name, caption, svg: draw(&panels, layout(in_row), &legend) })
}
