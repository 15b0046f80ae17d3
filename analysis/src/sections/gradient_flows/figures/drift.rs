//! Exponents in sliding windows against the middle of the window.

use super::families::{MOST_FAMILIES, more};
use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};
use crate::sections::gradient_flows::drift::FACTOR;
use crate::sections::gradient_flows::fits::Fit;
use crate::sections::gradient_flows::flows::{Family, Flows, Measure};
use crate::sections::gradient_flows::sentences::percent;
use crate::statistics::interval::Interval;

/// A panel for each family and for each of λ and the test error of which there are windows.
pub(in crate::sections::gradient_flows) fn figure(flows: &Flows, windows: &[Fit]) -> Option<Figure> {
    let mut panels = Vec::new();
    for family in flows.families.iter().take(MOST_FAMILIES) {
        let stages = flows.axes.early().map(|early| (Measure::Compression, early));
        for (measure, stage) in stages.into_iter().chain([(Measure::TestError, flows.axes.end())]) {
            panels.extend(panel(family, windows, measure, stage));
        }
    }
    let longest = flows.families.iter().max_by_key(|family| family.curves.len())?;
    let curves = longest.curves.iter().enumerate();
    let legend: Legend = curves.map(|(colour, &curve)| (flows.curves[curve].name.clone(), colour)).collect();
    let early = flows
        .axes
        .early()
        .map_or(String::new(), |early| format!(" when {}% of the samples fit", percent(flows.axes.stages[early])));
    let caption = format!(
        "Exponents of p in sliding windows, each a factor of {FACTOR} long, against the window’s middle: a of λ ~ p^a{early}, and β of \
         the test error at the end. Discs with 95% bootstrap intervals over seeds and draws; dashed: the theory’s exponents, \
         which are those of large p.{}",
        more(flows)
    );
    let layout =
        Layout::even(if panels.len() <= 2 { 2 } else { 3 }, if panels.len() <= 2 { 420.0 } else { 290.0 }, 210.0, 56.0);
    let name = "flow_drift".into();
    (!panels.is_empty()).then(|| Figure { name, caption, svg: draw(&panels, layout, &legend) })
}

fn panel(family: &Family, windows: &[Fit], measure: Measure, stage: usize) -> Option<Panel> {
    let (mut marks, mut on_top, mut heights, mut middles) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut levels: Vec<f64> = Vec::new();
    for (colour, &curve) in family.curves.iter().enumerate() {
        let of = |fit: &&Fit| (fit.curve, fit.measure, fit.stage) == (curve, measure, stage);
        for fit in windows.iter().filter(of) {
            // Side by side, so that one curve does not hide the others.
            let x = fit.middle() * (1.0 + 0.06 * colour as f64);
            let Interval { low, high } = fit.over_seeds();
            if low.is_finite() && high.is_finite() {
                marks.push(Mark::Bar { from: (x, low), to: (x, high), colour });
                heights.extend([low, high]);
            }
            on_top.push(Mark::Disc { at: (x, fit.exponent()), size: 4.2, class: "mark", colour });
            heights.push(fit.exponent());
            middles.push(fit.middle());
            levels.extend(fit.theory.filter(|theory| !levels.contains(theory)));
        }
    }
    if middles.is_empty() {
        return None;
    }
    heights.extend(&levels);
    marks.extend(levels.into_iter().map(Mark::Level));
    marks.extend(on_top);
    let (symbol, of) = if measure == Measure::Compression { ("a", "λ ~ p^a") } else { ("β", "test error ~ p^−β") };
    Some(Panel {
        title: format!("{}: {of}", family.name),
        x_label: "middle of the window, training samples p".into(),
        y_label: format!("exponent {symbol}"),
        x: Scale::around(middles.iter().flat_map(|p| [p * 0.8, p * 1.3]), Kind::Log),
        y: Scale::around(heights.into_iter(), Kind::Linear),
        x_ticks: Ticks::Round,
        y_ticks: Ticks::Round,
        marks,
    })
}
