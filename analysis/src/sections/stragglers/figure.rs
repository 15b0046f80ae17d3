//! How stable the stragglers are, as a figure.

use super::frequency::Frequency;
use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};

/// How stable the stragglers are: samples ranked by how often they straggle, a curve per block.
pub fn frequency(frequencies: &[Frequency]) -> Option<Figure> {
    let blocks: Vec<&Frequency> = frequencies.iter().filter(|frequency| frequency.axis == "all").take(8).collect();
    let mut marks = Vec::new();
    let mut longest = 1.0_f64;
    for (colour, block) in blocks.iter().enumerate() {
        let mut shares: Vec<f64> =
            block.counts.iter().map(|(_, count)| f64::from(*count) / block.cells as f64).collect();
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
