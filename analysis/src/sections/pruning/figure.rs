//! The paper's figure 2: pruned retraining.

use super::outcomes::{self as pruning, Level, Noisy, Outcome};
use super::robust::nearest_to_inversion;
use crate::figures::Figure;
use crate::figures::plot::{Layout, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};
use crate::statistics::moments::mean;
use crate::turning::TurningPoints;

/// Circumstances drawn at most.
const MOST: usize = 6;

/// Test error after retraining against the parents' training error at the pruning epoch, plain and under noise.
pub fn pruning(points: &TurningPoints, outcomes: &[Outcome]) -> Option<Figure> {
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
        let sigmas: Vec<f64> = mine.first().map_or_else(Vec::new, |of| of.noisy.iter().map(|n| n.sigma).collect());
        for (place, sigma) in sigmas.iter().enumerate() {
            let title = format!("test error, noise σ = {sigma}");
            panels.extend(retrained(&title, &mine, &stars, &|outcome| outcome.noisy.get(place).map(|n| n.level)));
        }
        panels.extend(against_sigma(&mine));
    }
    if panels.is_empty() {
        return None;
    }
    let legend = vec![
        ("misclassified at t left out".to_owned(), 0),
        ("as many random samples".to_owned(), 1),
        ("stragglers left out".to_owned(), 2),
        ("whole block".to_owned(), 3),
    ];
    let principal = points.principal.map_or("", |o| points.observables[o].as_str());
    let caption = format!(
        "Pruned retraining from the same initial weights: test error at the end, against the training error of the whole \
         block's run at the epoch t whose misclassified samples were left out (which falls to the right). Bars: 95% \
         intervals over cells. Level dashed line: trained on the whole block. Upright dashed line: ε* ({principal}). \
         Against σ, where there are several: what is left out is that of the epoch whose training error is nearest to ε*; \
         bands are one standard deviation over draws of the noise."
    );
    let columns = panels.len().clamp(1, 2);
    let layout = Layout::even(columns, 440.0, 240.0, 66.0);
    Some(Figure { name: "pruning".into(), caption, svg: draw(&panels, layout, &legend) })
}

/// Test error against the noise's standard deviation: trained on the whole block, without the samples misclassified nearest to
/// the inversion or the stragglers, and without as many random ones. `None` for fewer than two σ.
fn against_sigma(mine: &[&Outcome]) -> Option<Panel> {
    let nearest = nearest_to_inversion(mine);
    let is_drawn = |outcome: &&&Outcome| match outcome.kind {
        Some((pruning::Kind::Misclassified(epoch), _)) => nearest == Some(epoch),
        Some((pruning::Kind::None | pruning::Kind::Stragglers, _)) => true,
        None => false,
    };
    let (mut marks, mut on_top, mut across, mut heights) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for outcome in mine.iter().filter(is_drawn) {
        let colour = match outcome.kind {
            Some((pruning::Kind::None, _)) => 3,
            Some((_, true)) => 1,
            Some((pruning::Kind::Stragglers, _)) => 2,
            _ => 0,
        };
        let known: Vec<&Noisy> = outcome.noisy.iter().filter(|noisy| noisy.level.mean.is_finite()).collect();
        if known.len() < 2 {
            continue;
        }
        let points: Vec<(f64, f64)> = known.iter().map(|noisy| (noisy.sigma, noisy.level.mean)).collect();
        let band = known.iter().filter(|noisy| noisy.over_draws.is_finite());
        let band: Vec<(f64, f64, f64)> = band
            .map(|Noisy { sigma, level, over_draws, .. }| (*sigma, level.mean - over_draws, level.mean + over_draws))
            .collect();
        across.extend(points.iter().map(|(sigma, _)| *sigma));
        heights.extend(points.iter().map(|(_, error)| *error));
        marks.push(Mark::Band { points: band, colour });
        marks.push(Mark::Curve { points: points.clone(), class: "line", colour });
        for (noisy, at) in known.iter().zip(points) {
            let interval = noisy.level.interval;
            if interval.is_known() {
                heights.extend([interval.low, interval.high]);
                on_top.push(Mark::Bar { from: (at.0, interval.low), to: (at.0, interval.high), colour });
            }
            on_top.push(Mark::Disc { at, size: 3.8, class: "mark", colour });
        }
    }
    if across.is_empty() {
        return None;
    }
    marks.extend(on_top);
    Some(Panel {
        title: "test error against the noise".into(),
        x_label: "standard deviation σ of the noise on the inputs".into(),
        y_label: "test error after retraining".into(),
        x: Scale::around(across.into_iter(), Kind::Linear),
        y: Scale::around(heights.into_iter(), Kind::Linear),
        x_ticks: Ticks::Round,
        y_ticks: Ticks::Round,
        marks,
    })
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
