//! The paper's figure 3: overlap of misclassified samples between runs.

use super::moments::Moment;
use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};
use crate::groups::Groups;
use crate::statistics::moments::mean;
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
        let stars: Vec<f64> = points.principal.map_or_else(Vec::new, |observable| {
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
