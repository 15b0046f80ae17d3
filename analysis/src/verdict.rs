//! The verdict: does the training error at inversion depend on the data, and hardly on anything else? In sentences,
//! with numbers and intervals.
//!
//! Judged on the principal observable (the distance, if measured) at the first observed layer, by prominence. The
//! claim is called *supported* when ε* spreads less than the training error at a fixed epoch does over the same cells
//! (the interval of the ratio of standard deviations lies above 1) and, where data or subsample vary, they move ε*
//! further than architecture and optimiser together; *contradicted* when either is reversed; else *undecided*.

use crate::figures::curves::symbol;
use crate::groups::Groups;
use crate::results::{Results, Status};
use crate::statistics::additive::Share;
use crate::statistics::bootstrap::Interval;
use crate::tables::spread::{Quantity, Spread};
use crate::tables::text::{capital, mean_and_deviation, significant};
use crate::tables::variance::{Shares, unpruned};
use crate::turning::{Rule, TurningPoints};

/// What the report says first.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// One sentence.
    pub headline: String,
    /// Its reasons, one sentence or two each.
    pub sentences: Vec<String>,
}

/// Judges. Says so where there is nothing to judge.
pub fn judge(
    results: &Results,
    points: &TurningPoints,
    groups: &Groups,
    shares: &[Shares],
    spreads: &[Spread],
) -> Verdict {
    let Some(observable) = points.principal().filter(|_| !results.layers.is_empty()) else {
        return Verdict {
            headline: "There is no inversion to judge: the file holds neither class radii nor distances.".into(),
            sentences: vec!["Measure them with `[observe] manifold = { every = 1 }` in the sweep file.".into()],
        };
    };
    let layer = 0;
    let name = format!("ε*({})", symbol(&points.observables[observable]));
    let whole = unpruned(results);
    let rows: Vec<_> = points.of(layer, observable, Rule::Prominence).filter(|row| whole[row.cell]).collect();
    let counted = |status: &str| rows.iter().filter(|row| row.status == status).count();
    let found = counted("found");
    let mut sentences = Vec::new();
    if found < rows.len() {
        let ends = [
            ("edge", "turn at the edge of what was measured, if at all"),
            ("none", "do not turn"),
            ("absent", "have no such observable"),
            ("diverged", "diverged"),
            ("failed", "failed"),
            ("missing", "are not trained yet"),
        ];
        let parts: Vec<String> = ends
            .into_iter()
            .filter(|(s, _)| counted(s) > 0)
            .map(|(s, words)| format!("{} {words}", counted(s)))
            .collect();
        sentences.push(format!(
            "Of {} cells, {found} show an inversion; {}. Those are counted as censored and enter no mean.",
            rows.len(),
            parts.join(", ")
        ));
    }
    let all = |quantity| {
        spreads
            .iter()
            .find(|row| (row.scope, row.layer, row.observable, row.quantity) == ("all", layer, observable, quantity))
    };
    let Some(star) = all(Quantity::AtInversion) else {
        let headline = format!("No cell shows an inversion: {name} cannot be judged.");
        return Verdict { headline, sentences };
    };
    let groups_word = match groups.all.iter().filter(|group| group.cells.iter().any(|&cell| whole[cell])).count() {
        1 => "one group".to_owned(),
        many => format!("{many} groups"),
    };
    let level = format!(
        "{name} = {} (mean ± sd over {} of {} cells in {groups_word}; CV {})",
        mean_and_deviation(star.mean, star.sd),
        star.cells,
        rows.len(),
        percent(star.cv),
    );

    // Within one data source and subsample, everything else free, the claim says that ε* should hardly move.
    let blocks: Vec<&Spread> = {
        let of = |scope| {
            spreads.iter().filter(move |r| {
                (r.scope, r.layer, r.observable, r.quantity) == (scope, layer, observable, Quantity::AtFixedEpoch)
            })
        };
        let blocks: Vec<&Spread> = of("block").collect();
        if blocks.is_empty() { of("all").collect() } else { blocks }
    };
    let mut narrower = Judgement::Undecided;
    let ratios: Vec<Interval> =
        blocks.iter().filter_map(|row| row.ratio.map(|r| r.interval)).filter(Interval::is_known).collect();
    if !ratios.is_empty() {
        if ratios.iter().all(|interval| interval.low > 1.0) {
            narrower = Judgement::Supported;
        } else if ratios.iter().all(|interval| interval.high < 1.0) {
            narrower = Judgement::Contradicted;
        }
    }
    if blocks.len() > 2 && !ratios.is_empty() {
        let of = |value: &dyn Fn(&Spread) -> f64| {
            blocks.iter().map(|row| value(row)).filter(|v| v.is_finite()).collect::<Vec<_>>()
        };
        let between = |values: Vec<f64>| {
            let (low, high) =
                values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
            format!("{} to {}", significant(low, 3), significant(high, 3))
        };
        sentences.push(format!(
            "On each of the {} blocks (data source and subsample), over the same cells, the training error at a fixed epoch \
             (the median t*) spreads {} times as widely as {name}; the lower bounds of the 95% intervals are {}.",
            blocks.len(),
            between(of(&|row| row.ratio.map_or(f64::NAN, |ratio| ratio.of_deviations))),
            between(ratios.iter().map(|interval| interval.low).collect()),
        ));
    }
    for row in blocks.iter().filter(|_| blocks.len() <= 2) {
        let Some(ratio) = row.ratio.filter(|ratio| ratio.interval.is_known()) else { continue };
        let over = if row.scope == "block" { format!("On {}, over", row.name) } else { "Over".to_owned() };
        sentences.push(format!(
            "{over} the same {} cells the training error at a fixed epoch ({}, the median t*) spreads {} times as widely \
             as {name}: sd {}, 95% interval of the ratio {}.",
            row.cells,
            row.epoch.map_or("–".into(), |epoch| epoch.to_string()),
            significant(ratio.of_deviations, 3),
            significant(row.sd, 2),
            between(ratio.interval)
        ));
    }

    let mine = shares.iter().find(|s| (s.layer, s.observable, s.rule) == (layer, observable, Rule::Prominence));
    let mut moved = Judgement::Undecided;
    let mut data_varies = false;
    if let Some((mine, fit)) = mine.and_then(|mine| mine.decomposition.as_ref().map(|fit| (mine, fit))) {
        for ((share, intervals), levels) in fit.shares.iter().zip(&mine.intervals).zip(&mine.levels) {
            sentences.push(axis_sentence(share, intervals.omega_squared, intervals.shift, *levels, &name));
        }
        let squares = |axes: &[&str]| -> f64 {
            let of = fit.shares.iter().filter(|share| axes.contains(&share.name.as_str()) && share.shift.is_finite());
            of.map(|share| share.shift.powi(2)).sum()
        };
        let (data, other) = (squares(&["data", "subsample"]), squares(&["architecture", "optimiser"]));
        let varies = |axes: &[&str]| fit.shares.iter().any(|share| axes.contains(&share.name.as_str()));
        data_varies = varies(&["data", "subsample"]);
        if data_varies && varies(&["architecture", "optimiser"]) {
            moved = if data > other { Judgement::Supported } else { Judgement::Contradicted };
            sentences.push(format!(
                "Data and subsample together move {name} by {} (root mean square), architecture and optimiser together by {}.",
                significant(data.sqrt(), 2), significant(other.sqrt(), 2),
            ));
        }
    }
    if !data_varies {
        sentences.push(
            "One block of one data source was trained on: how ε* depends on the data cannot be judged from this run."
                .into(),
        );
    }
    let judgement = match (narrower, moved, data_varies) {
        (Judgement::Contradicted, _, _) | (_, Judgement::Contradicted, _) => Judgement::Contradicted,
        (Judgement::Supported, Judgement::Supported, _) | (Judgement::Supported, Judgement::Undecided, _) => {
            Judgement::Supported
        }
        _ => Judgement::Undecided,
    };
    let claim = match (judgement, data_varies) {
        (Judgement::Supported, true) => {
            "Supported: the training error at inversion follows the data, and hardly anything else"
        }
        (Judgement::Supported, false) => {
            "Supported as far as it was tested: on the same data, the training error at inversion hardly moves"
        }
        (Judgement::Contradicted, _) => "Contradicted: the training error at inversion moves with more than the data",
        (Judgement::Undecided, _) => {
            "Undecided: these cells do not tell whether the training error at inversion depends on the data alone"
        }
    };
    if results.cells.status.contains(&Status::Failed) {
        let failed = results.cells.status.iter().filter(|s| **s == Status::Failed).count();
        sentences.push(format!(
            "{failed} of {} cells failed and were not measured; run the sweep again to try them again.",
            results.cells.len()
        ));
    }
    Verdict { headline: format!("{claim}. {level}."), sentences }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgement {
    Supported,
    Contradicted,
    Undecided,
}

fn axis_sentence(share: &Share, omega: Interval, shift: Interval, levels: usize, name: &str) -> String {
    let (axis, levels) = match share.name.as_str() {
        "seed" => ("seed", format!("{levels} initial states")),
        other => (other, format!("{levels} levels")),
    };
    if !share.omega_squared.is_finite() {
        let why = if share.degrees == 0 {
            "cannot be told from the other axes"
        } else {
            "leaves nothing over to compare it with"
        };
        return format!("{} ({levels}) {why}.", capital(axis));
    }
    let within = |interval: Interval, show: &dyn Fn(f64) -> String| {
        if interval.is_known() { format!(" [{}, {}]", show(interval.low), show(interval.high)) } else { String::new() }
    };
    format!(
        "{} ({levels}) moves {name} by {}{} (root mean square) and accounts for {}{} of its variance.",
        capital(axis),
        significant(share.shift, 2),
        within(shift, &|value| significant(value, 2)),
        percent(share.omega_squared.max(0.0)),
        within(omega, &|value| percent(value.max(0.0))),
    )
}

fn between(interval: Interval) -> String {
    format!("{} to {}", significant(interval.low, 3), significant(interval.high, 3))
}

fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1}%", 100.0 * share) } else { "–".into() }
}
