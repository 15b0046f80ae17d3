//! The paper's figures 2 and 3: overlap of misclassified samples between runs, and pruned retraining.

use super::Figure;
use super::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use super::scale::{Kind, Scale};
use crate::groups::Groups;
use crate::results::Results;
use crate::statistics::moments::mean;
use crate::stragglers::frequency::Frequency;
use crate::stragglers::overlap::Moment;
use crate::stragglers::pruning::{self, Level, Outcome};
use crate::turning::{Rule, TurningPoints};

/// Groups drawn at most.
const MOST_GROUPS: usize = 12;

/// z against training error, one panel per group; dashed: the group's mean ε*.
pub fn overlap(points: &TurningPoints, groups: &Groups, moments: &[Moment]) -> Option<Figure> {
    let mut panels = Vec::new();
    let mut shown: Vec<usize> = moments.iter().map(|moment| moment.group).collect();
    shown.dedup();
    let count = shown.len();
    for &group in shown.iter().take(MOST_GROUPS) {
        let usable = |m: &&Moment| m.group == group && m.overlap.z.is_finite() && m.error.is_finite() && m.error > 0.0;
        let mine: Vec<&Moment> = moments.iter().filter(usable).collect();
        if mine.len() < 2 {
            continue;
        }
        let known = |m: &&&Moment| m.overlap.interval.is_known();
        let band =
            mine.iter().filter(known).map(|m| (m.error, m.overlap.interval.low, m.overlap.interval.high)).collect();
        let mut marks = vec![
            Mark::Level(0.0),
            Mark::Band { points: band, colour: 0 },
            Mark::Curve { points: mine.iter().map(|m| (m.error, m.overlap.z)).collect(), class: "line", colour: 0 },
        ];
        marks.extend(mine.iter().map(|m| Mark::Disc {
            at: (m.error, m.overlap.z),
            size: 3.2,
            class: "mark",
            colour: 0,
        }));
        let stars: Vec<f64> = points.principal().map_or_else(Vec::new, |observable| {
            let star = |cell: &usize| points.at(*cell, 0, observable, Rule::Prominence).map(|row| row.epsilon_star);
            groups.all[group].cells.iter().filter_map(star).filter(|star| star.is_finite()).collect()
        });
        if !stars.is_empty() {
            marks.push(Mark::Upright(mean(&stars)));
        }
        let heights = mine.iter().flat_map(|m| [m.overlap.z, m.overlap.interval.low, m.overlap.interval.high]);
        panels.push(Panel {
            title: groups.circumstance(group),
            x_label: "mean training error".into(),
            y_label: "z of the overlap".into(),
            x: Scale::around(mine.iter().map(|m| m.error), Kind::Log).backwards(),
            y: Scale::around(heights.chain([0.0]), Kind::Linear),
            x_ticks: Ticks::Round,
            y_ticks: Ticks::Round,
            marks,
        });
    }
    if panels.is_empty() {
        return None;
    }
    let more = if count > MOST_GROUPS { format!(" Shown are {MOST_GROUPS} of {count} groups.") } else { String::new() };
    let caption = format!(
        "Do independent runs misclassify the same training samples? z = (mean overlap − mean hypergeometric \
         expectation)/sd of the overlap over all pairs of runs, against their mean training error (which falls to the \
         right), with the 95% interval over runs (jackknife). Dashed: the group's mean ε*.{more}"
    );
    let columns = panels.len().clamp(1, 3);
    let layout = Layout::even(columns, if columns == 1 { 480.0 } else { 280.0 }, 200.0, 62.0);
    Some(Figure { name: "overlap".into(), caption, svg: draw(&panels, layout, &Legend::new()) })
}

/// Test error after retraining against the parents' training error at the pruning epoch, plain and under noise.
pub fn pruning(results: &Results, points: &TurningPoints, outcomes: &[Outcome]) -> Option<Figure> {
    let mut circumstances: Vec<&Vec<String>> = outcomes.iter().map(|outcome| &outcome.circumstance).collect();
    circumstances.dedup();
    let mut panels = Vec::new();
    for circumstance in circumstances.into_iter().take(MOST_GROUPS / 2) {
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
    let principal = points.principal().map_or("", |o| points.observables[o].as_str());
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

/// How stable the stragglers are: samples ranked by how often they straggle, a curve per block.
pub fn frequency(frequencies: &[Frequency]) -> Option<Figure> {
    let blocks: Vec<&Frequency> = frequencies.iter().filter(|frequency| frequency.axis == "all").take(8).collect();
    let mut marks = Vec::new();
    let mut longest = 1.0_f64;
    for (colour, block) in blocks.iter().enumerate() {
        let mut shares: Vec<f64> = block.counts.iter().map(|(_, count)| *count as f64 / block.cells as f64).collect();
        shares.sort_by(|a, b| b.total_cmp(a));
        longest = longest.max(shares.len() as f64);
        let points = shares.into_iter().enumerate().map(|(rank, share)| (rank as f64 + 1.0, share)).collect();
        marks.push(Mark::Curve { points, class: "line", colour });
    }
    if marks.is_empty() {
        return None;
    }
    let panel = Panel {
        title: "stragglers by rank".into(),
        x_label: "sample, by how often it is a straggler".into(),
        y_label: "share of cells".into(),
        x: Scale { low: 1.0, high: longest * 1.02, kind: Kind::Linear, reversed: false },
        y: Scale { low: 0.0, high: 1.03, kind: Kind::Linear, reversed: false },
        x_ticks: Ticks::Round,
        y_ticks: Ticks::Round,
        marks,
    };
    let legend: Legend = if blocks.len() > 1 {
        blocks.iter().enumerate().map(|(i, b)| (b.block.clone(), i)).collect()
    } else {
        Vec::new()
    };
    let caption =
        "Share of cells in which a sample is a straggler, samples ranked. Sets without anything in common would \
                   give a low, flat line; the same set in every cell a step."
            .to_owned();
    Some(Figure {
        name: "stragglers".into(),
        caption,
        svg: draw(&[panel], Layout::even(1, 480.0, 200.0, 62.0), &legend),
    })
}
