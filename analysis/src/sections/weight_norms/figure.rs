//! Norms of the weights along training: a panel per group, a curve per layer.

use super::series::{Course, Norms};
use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};
use crate::groups::Groups;
use crate::statistics::moments::median;

/// Groups drawn at most.
const MOST_GROUPS: usize = 12;

/// The figure; `None` where nothing was measured.
pub fn figure(norms: &Norms, groups: &Groups) -> Option<Figure> {
    let mut shown: Vec<usize> = norms.courses.iter().map(|course| course.group).collect();
    shown.dedup();
    let all = shown.len();
    shown.truncate(MOST_GROUPS);
    let kind = along(&norms.epochs);
    let panels: Vec<Panel> = shown.iter().map(|&group| panel(norms, groups, group, kind)).collect();
    if panels.is_empty() {
        return None;
    }
    let legend: Legend =
        norms.layers.iter().enumerate().map(|(place, layer)| (format!("layer {layer}"), place)).collect();
    let more = if all > MOST_GROUPS { format!(" Shown are {MOST_GROUPS} of {all} groups.") } else { String::new() };
    let caption = format!(
        "Norm of each layer’s weights along training: means over the complete cells of a group, and the range of their values. \
         Discs: turning points of cells, at the median of their epochs.{more}"
    );
    let columns = panels.len().clamp(1, 3);
    let layout = Layout::even(columns, if columns == 1 { 480.0 } else { 280.0 }, 200.0, 62.0);
    Some(Figure { name: "weight_norms".into(), caption, svg: draw(&panels, layout, &legend) })
}

/// Epochs that crowd at the start, as those of a schedule even in log epoch do, are laid out by their logarithm.
fn along(epochs: &[i64]) -> Kind {
    let (middle, last) = (epochs.get(epochs.len() / 2).copied().unwrap_or(0), epochs.last().copied().unwrap_or(0));
    if 4 * middle < last { Kind::Log } else { Kind::Linear }
}

fn panel(norms: &Norms, groups: &Groups, group: usize, kind: Kind) -> Panel {
    let mine: Vec<&Course> = norms.courses.iter().filter(|course| course.group == group).collect();
    let mut marks = Vec::new();
    let at = |place: usize| norms.epochs[place] as f64;
    for course in &mine {
        let known = || course.at.iter().enumerate().filter(|(_, of)| of[0].is_finite());
        let points =
            known().map(|(place, of)| (at(place), of[1], of[2])).filter(|(x, ..)| kind == Kind::Linear || *x > 0.0);
        marks.push(Mark::Band { points: points.collect(), colour: course.layer });
        let points = known().map(|(place, of)| (at(place), of[0])).collect();
        marks.push(Mark::Curve { points, class: "line", colour: course.layer });
    }
    for course in &mine {
        let turns = norms.rows.iter().filter(|row| (row.group, row.layer) == (group, course.layer));
        let epochs: Vec<f64> = turns.filter_map(|row| row.turn.map(|(_, turn)| turn.epoch as f64)).collect();
        let epoch = median(&epochs);
        // The mean is drawn at measured epochs alone: the disc stands at the nearest of them.
        let nearest = (0..norms.epochs.len()).min_by(|&a, &b| (at(a) - epoch).abs().total_cmp(&(at(b) - epoch).abs()));
        if let Some(place) = nearest.filter(|&place| epoch.is_finite() && course.at[place][0].is_finite()) {
            marks.push(Mark::Disc {
                at: (at(place), course.at[place][0]),
                size: 4.4,
                class: "mark",
                colour: course.layer,
            });
        }
    }
    let heights = mine.iter().flat_map(|course| course.at.iter().flat_map(|of| *of));
    Panel {
        title: groups.all[group].name.clone(),
        x_label: "epoch".into(),
        y_label: "‖W‖".into(),
        x: Scale::around(norms.epochs.iter().map(|epoch| *epoch as f64), kind),
        y: Scale::around(heights, Kind::Linear),
        x_ticks: Ticks::Round,
        y_ticks: Ticks::Round,
        marks,
    }
}
