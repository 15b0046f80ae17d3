//! The paper's figure 2: pruned retraining.

use super::outcomes::{self as pruning, Level, Outcome};
use crate::figures::Figure;
use crate::figures::plot::{Layout, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};
use crate::results::Results;
use crate::statistics::moments::mean;
use crate::turning::TurningPoints;

/// Circumstances drawn at most.
const MOST: usize = 6;

/// Test error after retraining against the parents' training error at the pruning epoch, plain and under noise.
pub fn pruning(results: &Results, points: &TurningPoints, outcomes: &[Outcome]) -> Option<Figure> {
    let mut circumstances: Vec<&Vec<String>> = outcomes.iter().map(|outcome| &outcome.circumstance).collect();
    circumstances.dedup();
    let mut panels = Vec::new();
    for circumstance in circumstances.into_iter().take(MOST) {
        let mine: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.circumstance == *circumstance).collect();
        let stars: Vec<f64> = mine
            .iter()
            .filter(|o| matches!(o.kind, Some((pruning::Kind::Stragglers, _))))
            .map(|o| o.parent_error)
            .collect();
        let plain: &dyn Fn(&Outcome) -> Option<Level> = &|outcome| Some(outcome.at_end);
        panels.extend(retrained("test error", &mine, &stars, plain));
        for (place, sigma) in results.noise.iter().enumerate() {
            let title = format!("test error, noise σ = {sigma}");
            panels.extend(retrained(&title, &mine, &stars, &|outcome| outcome.noisy.get(place).copied()));
        }
    }
    if panels.is_empty() {
        return None;
    }
    let legend = vec![
        ("misclassified at t left out".to_owned(), 0),
        ("as many random samples".to_owned(), 1),
        ("stragglers left out".to_owned(), 2),
    ];
    let principal = points.principal.map_or("", |o| points.observables[o].as_str());
    let caption = format!(
        "Pruned retraining from the same initial weights: test error at the end, against the training error of the whole \
         block's run at the epoch t whose misclassified samples were left out (which falls to the right). Bars: 95% \
         intervals over cells. Level dashed line: trained on the whole block. Upright dashed line: ε* ({principal})."
    );
    let columns = panels.len().clamp(1, 2);
    let layout = Layout::even(columns, 440.0, 240.0, 66.0);
    Some(Figure { name: "pruning".into(), caption, svg: draw(&panels, layout, &legend) })
}

fn retrained(title: &str, mine: &[&Outcome], stars: &[f64], of: &dyn Fn(&Outcome) -> Option<Level>) -> Option<Panel> {
    let mut marks = Vec::new();
    let (mut across, mut heights) = (Vec::new(), Vec::new());
    let mut curves: [Vec<(f64, f64)>; 2] = Default::default();
    let mut discs = Vec::new();
    for outcome in mine {
        let (Some(level), Some((kind, random))) = (of(outcome), outcome.kind) else { continue };
        if !level.mean.is_finite() {
            continue;
        }
        heights.push(level.mean);
        if kind == pruning::Kind::None {
            marks.push(Mark::Level(level.mean));
            continue;
        }
        if !outcome.parent_error.is_finite() {
            continue;
        }
        let at = (outcome.parent_error, level.mean);
        across.push(at.0);
        let colour = match (kind, random) {
            (_, true) => 1,
            (pruning::Kind::Stragglers, _) => 2,
            _ => 0,
        };
        if level.interval.is_known() {
            heights.extend([level.interval.low, level.interval.high]);
            discs.push(Mark::Bar { from: (at.0, level.interval.low), to: (at.0, level.interval.high), colour });
        }
        discs.push(Mark::Disc { at, size: 3.8, class: "mark", colour });
        if matches!(kind, pruning::Kind::Misclassified(_)) {
            curves[usize::from(random)].push(at);
        }
    }
    for (colour, mut points) in curves.into_iter().enumerate() {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        marks.push(Mark::Curve { points, class: "line", colour });
    }
    marks.extend(discs);
    let stars: Vec<f64> = stars.iter().copied().filter(|star| star.is_finite()).collect();
    if !stars.is_empty() {
        marks.push(Mark::Upright(mean(&stars)));
    }
    if across.is_empty() {
        return None;
    }
    Some(Panel {
        title: title.to_owned(),
        x_label: "training error at t of the whole block's run".into(),
        y_label: "test error after retraining".into(),
        x: Scale::around(across.into_iter(), Kind::Log).backwards(),
        y: Scale::around(heights.into_iter(), Kind::Linear),
        x_ticks: Ticks::Round,
        y_ticks: Ticks::Round,
        marks,
    })
}
