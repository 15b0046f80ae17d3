//! The verdict: does the training error at inversion depend on the data, and hardly on anything else? In sentences,
//! with numbers and intervals.
//!
//! Judged on the principal observable (the distance, if measured) at the first observed layer, by prominence, axis by axis
//! (`tables/shifts.rs`): the interval of the largest shift of ε* lies above the tolerance (the axis *moves* ε*), below it
//! (it *does not move* ε* *beyond the tolerance*), or neither (*undecided*). The claim is *contradicted* if an axis that
//! is not of the data moves ε*; *supported*, for the axes that varied, if such axes varied besides the seed and none of them
//! moves it; else *undecided*. Where nothing but the data and the seed varied there is no verdict: that runs of one
//! network by one optimiser agree says nothing of others. Data and subsample are of the data; pruning is an intervention,
//! and pruned cells take no part. Spreads of other training errors are a comparison, not the decision.

use super::shifts::{Judgement, Shift, is_of_data};
use super::spread::Spread;
use super::variance::Shares;
use super::words::{self, LAYER, Question, listed, percent, words_of};
use crate::answer::Answer;
use crate::groups::Groups;
use crate::options::Options;
use crate::results::{Results, Status};
use crate::statistics::moments::{coefficient_of_variation, mean, standard_deviation};
use crate::tables::text::mean_and_deviation;
use crate::turning::{Rule, TurningPoints, symbol};

/// Judges. Says so where there is nothing to judge.
pub fn judge(
    results: &Results,
    points: &TurningPoints,
    groups: &Groups,
    shifts: &[Shift],
    shares: &[Shares],
    spreads: &[Spread],
    options: &Options,
) -> Answer {
    let Some(observable) = points.principal.filter(|_| !points.layers.is_empty()) else {
        return Answer {
            headline: "There is no inversion to judge: the file holds neither class radii nor distances.".into(),
            sentences: vec!["Measure them with `[observe] manifold = { every = 1 }` in the sweep file.".into()],
        };
    };
    let shifts: Vec<&Shift> =
        shifts.iter().filter(|shift| (shift.layer, shift.observable) == (LAYER, observable)).collect();
    let varied = |name: &str| shifts.iter().any(|shift| shift.axis == name);
    let axes = results.cells.axes.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "prune");
    let question = Question {
        observable,
        name: format!("ε*({})", symbol(&points.observables[observable])),
        event: points.event(),
        tolerance: options.tolerance,
        fixed: axes.filter(|name| !varied(name)).collect(),
        shifts,
    };
    let (stars, turned) = level(results, points, groups, &question);
    let mut sentences = Vec::new();
    if stars.is_empty() {
        let headline = format!("No cell shows {}: {} cannot be judged.", question.event.one(), question.name);
        sentences.extend(turned);
        return Answer { headline, sentences };
    }
    sentences.push(words::rule(&question));
    sentences.extend(turned);
    let share = shares.iter().find(|s| (s.layer, s.observable, s.rule) == (LAYER, observable, Rule::Prominence));
    sentences.extend(question.shifts.iter().map(|shift| words::shift(shift, &question, share)));
    sentences.extend(words::not_varied(&question));
    sentences.extend(words::comparison(spreads, &question));
    let failed = results.cells.status.iter().filter(|status| **status == Status::Failed).count();
    if failed > 0 {
        sentences.push(format!(
            "{failed} of {} cells failed and were not measured; run the sweep again to try them again.",
            results.cells.len()
        ));
    }
    Answer { headline: headline(&question), sentences }
}

/// ε* of the cells that turn, and what became of the others, in sentences.
fn level(
    results: &Results,
    points: &TurningPoints,
    groups: &Groups,
    question: &Question<'_>,
) -> (Vec<f64>, Vec<String>) {
    let whole = results.cells.unpruned();
    let rows: Vec<_> = points.of(LAYER, question.observable, Rule::Prominence).filter(|row| whole[row.cell]).collect();
    let stars: Vec<f64> = rows.iter().map(|row| row.epsilon_star).filter(|star| star.is_finite()).collect();
    let mut sentences = Vec::new();
    if stars.len() < rows.len() {
        let ends = [
            ("edge", ["turns", "turn"], " at the edge of what was measured, if at all"),
            ("none", ["does", "do"], " not turn"),
            ("absent", ["has", "have"], " no such observable"),
            ("diverged", ["diverged"; 2], ""),
            ("failed", ["failed"; 2], ""),
            ("missing", ["is", "are"], " not trained yet"),
        ];
        let parts: Vec<String> = ends
            .into_iter()
            .map(|(status, verbs, rest)| (rows.iter().filter(|row| row.status == status).count(), verbs, rest))
            .filter(|(count, ..)| *count > 0)
            .map(|(count, [one, many], rest)| format!("{count} {}{rest}", if count == 1 { one } else { many }))
            .collect();
        sentences.push(format!(
            "Of {} cells, {} show {}; {}. Those are counted as censored and enter no mean.",
            rows.len(),
            stars.len(),
            question.event.one(),
            parts.join(", ")
        ));
    }
    if !stars.is_empty() {
        let groups = match groups.all.iter().filter(|group| group.cells.iter().any(|&cell| whole[cell])).count() {
            1 => "one group".to_owned(),
            many => format!("{many} groups"),
        };
        sentences.push(format!(
            "Over all, {} = {} (mean ± sd over {} of {} cells in {groups}; CV {}).",
            question.name,
            mean_and_deviation(mean(&stars), standard_deviation(&stars)),
            stars.len(),
            rows.len(),
            percent(coefficient_of_variation(&stars)),
        ));
    }
    let pruned = whole.iter().filter(|whole| !**whole).count();
    if pruned > 0 {
        sentences.push(format!(
            "{pruned} cells that were trained on pruned sets take no part: pruning is an intervention, of which the claim \
             says nothing."
        ));
    }
    (stars, sentences)
}

/// The decision, in a sentence or two.
fn headline(question: &Question<'_>) -> String {
    let of = |judgement: Judgement| -> Vec<&Shift> {
        let mine = question.shifts.iter().copied().filter(|shift| !shift.is_of_data());
        mine.filter(|shift| shift.judgement == judgement).collect()
    };
    let names = |shifts: &[&Shift]| listed(&shifts.iter().map(|shift| words_of(&shift.axis)).collect::<Vec<_>>());
    let tolerance = percent(question.tolerance);
    let moving = of(Judgement::Moves);
    if !moving.is_empty() {
        let by: Vec<String> = moving.iter().map(|shift| words::amount(shift)).collect();
        let each = moving.iter().zip(&by).enumerate().map(|(place, (shift, by))| match place {
            0 => format!("{} moves the training error at {} {by}", words_of(&shift.axis), question.event.the()),
            _ => format!("{} {by}", words_of(&shift.axis)),
        });
        let each = each.collect::<Vec<_>>().join(", ");
        return format!("Contradicted: on the same data, {each}. The tolerance is {tolerance}.");
    }
    let others: Vec<&Shift> = question.shifts.iter().copied().filter(|shift| !shift.is_of_data()).collect();
    let unvaried: Vec<&str> =
        question.fixed.iter().filter(|axis| !is_of_data(axis)).map(|axis| words_of(axis)).collect();
    let rest = match unvaried.as_slice() {
        [] => String::new(),
        unvaried => format!(" Not varied: {}.", listed(unvaried)),
    };
    if !others.iter().any(|shift| shift.axis != "seed") {
        let varied: Vec<&str> = question.shifts.iter().map(|shift| words_of(&shift.axis)).collect();
        return match varied.as_slice() {
            [] => "No verdict: nothing was varied, and one run supports nothing.".to_owned(),
            ["the seed"] => format!("No verdict: only the seed was varied, and seeds alone support nothing.{rest}"),
            varied => format!(
                "No verdict: only {} {} varied, and the claim is that nothing else matters.{rest}",
                listed(varied),
                if varied.len() == 1 { "was" } else { "were" }
            ),
        };
    }
    let open = of(Judgement::Undecided);
    if open.is_empty() {
        return format!(
            "Supported for what was varied: on the same data, {} {} not move the training error at {} by more than \
             {tolerance} of it.{rest}",
            names(&others),
            if others.len() == 1 { "does" } else { "do" },
            question.event.the(),
        );
    }
    format!(
        "Undecided: whether {} {} the training error at {} by more than {tolerance} of it on the same data cannot be told \
         from these cells.{rest}",
        names(&open),
        if open.len() == 1 { "moves" } else { "move" },
        question.event.the(),
    )
}
