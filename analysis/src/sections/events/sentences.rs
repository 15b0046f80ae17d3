//! What the comparison says, in sentences: the referee's question first.
//!
//! Invariant: "more" and "less" are said where 95% intervals do not overlap (of a ratio, where its interval lies on one side of
//! 1), and "cannot be told apart" where they do.

use super::clocks::Clock;
use super::compare::{Comparison, FactorName, Row, Stability};
use super::find::{Events, Kind};
use super::table::{percent, with_bracket};
use crate::results::AXES;
use crate::statistics::interval::Interval;
use crate::tables::text::{capital, significant};

/// Names of events listed in one sentence at most.
const MOST: usize = 6;

/// The sentences; empty where what the report is about is not among the events that happen in most cells.
pub fn sentences(events: &Events, compared: &Comparison, common: &[&Row]) -> Vec<String> {
    let Some(principal) = compared.of(0, Clock::TrainError).filter(|row| row.is_common()) else { return Vec::new() };
    let star = format!("ε*({})", events.symbol);
    let mut out = vec![of_principal(principal, &star, compared)];
    out.extend(count(events, principal, &star, common));
    out.extend(loss_null(principal, &star));
    out.extend(at_their_places(events, principal, &star, common));
    out.extend(better_clock(compared, principal));
    for row in common.iter().filter(|row| row.event != 0) {
        let event = &events.all[row.event];
        let name = match event.kind {
            Kind::LeastTestError => "the least test error (its first epoch)".to_owned(),
            Kind::FixedTime => "a fixed time (flow time of plain gradient descent, else an epoch)".to_owned(),
            Kind::LossLevel => format!("a fixed training loss ({})", event.name),
            Kind::ErrorLevel | Kind::Manifold | Kind::Series => continue,
        };
        out.push(null_event(&name, row, principal, &star, compared));
    }
    if let Some(row) = compared.rows.iter().find(|row| {
        events.all[row.event].kind == Kind::LeastTestError && row.clock == Clock::TrainError && !row.is_common()
    }) {
        out.push(format!(
            "The test error is least before the end in {} of {} cells only, too few to compare.",
            row.happened, row.cells
        ));
    }
    out.extend(check(events, compared));
    out
}

fn of_principal(row: &Row, star: &str, compared: &Comparison) -> String {
    let own = &row.own;
    format!(
        "{star} = {} (mean over {} of {} cells) spreads over seeds, all else the same, by {} of it (a standard deviation of {}){}.",
        significant(own.mean, 3),
        row.happened,
        row.cells,
        percent(own.variation.deviation, own.variation.interval),
        significant(own.deviation.deviation, 2),
        moved(own, &compared.factors, ", and is moved "),
    )
}

/// ", and is moved by up to 12% [8.1, 15] by the optimiser (0.072 with adam … to 0.065 with sgd …)".
fn moved(own: &Stability, factors: &[FactorName], before: &str) -> String {
    let Some((shift, factor)) = own.farthest.map(|place| (&own.shifts[place], &factors[place])) else {
        return String::new();
    };
    // A label of an axis says what it is; a number does not.
    let at = |level: &str| match AXES.contains(&factor.name.as_str()) {
        true => level.to_owned(),
        false => format!("{} {level}", factor.words.trim_start_matches("the ")),
    };
    let ends = shift.ends.as_ref().map_or(String::new(), |ends| {
        let [high, low] = ends.each_ref().map(|end| format!("{} at {}", significant(end.mean, 3), at(&end.level)));
        format!(" ({high}, {low})")
    });
    format!("{before}by up to {} by {}{ends}", percent(shift.share, shift.interval), factor.words)
}

/// How many other events are as stable.
fn count(events: &Events, principal: &Row, star: &str, common: &[&Row]) -> Option<String> {
    let others: Vec<&&Row> =
        (common.iter()).filter(|row| row.event != 0 && events.all[row.event].kind != Kind::ErrorLevel).collect();
    if others.is_empty() {
        return None;
    }
    let (spread, (shift, _)) = (principal.own.variation.deviation, principal.own.greatest_share());
    let names = |wanted: &dyn Fn(&Row) -> bool| -> Vec<&str> {
        others.iter().filter(|row| wanted(row)).map(|row| events.all[row.event].name.as_str()).collect()
    };
    let listed = |names: &[&str]| match names.len() {
        0 => "none".to_owned(),
        many if many > MOST => format!("{many} ({} and {} more)", names[..MOST].join(", "), many - MOST),
        many => format!("{many} ({})", names.join(", ")),
    };
    let within = |row: &Row| row.own.variation.deviation <= spread;
    let across = |row: &Row| row.own.greatest_share().0 <= shift;
    let mut out = format!(
        "Of {} other events that happen in most cells, {} sit at a training error that spreads no more over seeds than {star}",
        others.len(),
        listed(&names(&within)),
    );
    if shift.is_finite() {
        out.push_str(&format!(
            "; {} at one that the factors of the grid move no farther; {} at one that is as stable in both",
            listed(&names(&across)),
            listed(&names(&|row| within(row) && across(row))),
        ));
    }
    Some(out + ".")
}

/// How other events do, each held against the training loss at its own place, so that early and late ones can be compared.
fn at_their_places(events: &Events, principal: &Row, star: &str, common: &[&Row]) -> Option<String> {
    let (_, own) = principal.null.as_ref()?;
    let mut others: Vec<(&str, f64, Interval)> = (common.iter())
        .filter(|row| row.event != 0 && events.all[row.event].kind != Kind::ErrorLevel)
        .filter_map(|row| {
            let (_, ratio) = row.null.as_ref()?;
            Some((events.all[row.event].name.as_str(), ratio.of_deviations, ratio.interval))
        })
        .filter(|(_, ratio, _)| ratio.is_finite())
        .collect();
    others.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (name, least, interval) = *others.first()?;
    let below = others.iter().filter(|(_, _, interval)| beside_one(*interval) == -1).count();
    let above = others.iter().filter(|(_, _, interval)| beside_one(*interval) == 1).count();
    Some(format!(
        "Late events sit at small training errors, of which every spread is large as a share; so each is held against the \
         training error at its own mean loss. Over seeds {below} of {} other events spread less than that, {above} more, {} cannot \
         be told apart from it; the least ratio is {} ({name}), that of {star} {}.",
        others.len(),
        others.len() - below - above,
        with_bracket(least, interval),
        with_bracket(own.of_deviations, own.interval),
    ))
}

/// Whether one share is measurably more than another: 1, −1, or 0 where their intervals overlap.
fn order(a: (f64, Interval), b: (f64, Interval)) -> i32 {
    match () {
        () if !(a.1.is_known() && b.1.is_known()) => 0,
        () if a.1.low > b.1.high => 1,
        () if a.1.high < b.1.low => -1,
        () => 0,
    }
}

/// The ratio against 1 in the same way.
fn beside_one(interval: Interval) -> i32 {
    order((0.0, interval), (0.0, Interval { low: 1.0, high: 1.0 }))
}

/// The referee's question: is it more than a certain training loss?
fn loss_null(row: &Row, star: &str) -> Option<String> {
    let (null, ratio) = row.null.as_ref()?;
    let (own_shift, null_shift) = (row.own.greatest_share(), null.greatest_share());
    let within = beside_one(ratio.interval);
    let across = order(own_shift, null_shift);
    let over_seeds =
        format!("over seeds {star} spreads {} times as widely", with_bracket(ratio.of_deviations, ratio.interval));
    let over_factors = if own_shift.0.is_finite() && null_shift.0.is_finite() {
        format!(
            "; the factors of the grid move {star} by up to {}, the training error at that loss by up to {}",
            percent(own_shift.0, own_shift.1),
            percent(null_shift.0, null_shift.1)
        )
    } else {
        String::new()
    };
    let verdict = match (within, across) {
        (-1, -1 | 0) | (0, -1) => {
            "So the inversion keeps to a training error more closely than a certain training loss does"
        }
        (0, 0) => "So the inversion says no more of the training error than “a certain training loss” does",
        (1, 1 | 0) | (0, 1) => {
            "So the inversion says less of the training error than “a certain training loss” does: whoever knows the loss \
             knows the training error better"
        }
        (1, -1) => {
            "So it is the worse clock over seeds, and the better one over the factors of the grid: of one setting a certain \
             training loss tells the training error better, across settings the inversion does"
        }
        _ => {
            "So it is the better clock over seeds, and the worse one over the factors of the grid: of one setting the \
             inversion tells the training error better, across settings a certain training loss does"
        }
    };
    let verdict = match beside_both(row) {
        true => verdict.to_owned(),
        false => "Whether the inversion says more than that cannot be told from these cells".to_owned(),
    };
    Some(format!(
        "Beside the training error at the same training loss (its mean at that event, in the same cells; {} over seeds): {over_seeds}\
         {over_factors}. {verdict}.",
        percent(null.variation.deviation, null.variation.interval),
    ))
}

/// Whether the ratio to the matched null is known.
fn beside_both(row: &Row) -> bool {
    row.null.as_ref().is_some_and(|(_, ratio)| ratio.interval.is_known())
}

/// Is the training error the better clock, or is the loss?
fn better_clock(compared: &Comparison, error: &Row) -> Option<String> {
    let loss = compared.of(0, Clock::TrainLoss)?;
    let ((error_null, of_error), (loss_null, of_loss)) = (error.null.as_ref()?, loss.null.as_ref()?);
    let times = |own: &Stability, null: &Stability| own.greatest_share().0 / null.greatest_share().0;
    let across = [times(&error.own, error_null), times(&loss.own, loss_null)];
    let over_factors = match across.iter().all(|value| value.is_finite()) {
        true => format!(
            "; over the factors of the grid {} and {} times",
            significant(across[0], 2),
            significant(across[1], 2)
        ),
        false => String::new(),
    };
    let verdict = match order((0.0, of_error.interval), (0.0, of_loss.interval)) {
        -1 => "over seeds it keeps to the training error rather than to the loss",
        1 => "over seeds it keeps to the training loss rather than to the error",
        _ => "over seeds neither is measurably the better clock of it",
    };
    Some(format!(
        "The loss as the clock: there the training loss spreads by {} over seeds{}. At that event the training error spreads {} times \
         what it does at a fixed loss, the training loss {} times what it does at a fixed training error{over_factors}: \
         {verdict}.",
        percent(loss.own.variation.deviation, loss.own.variation.interval),
        moved(&loss.own, &compared.factors, " and is moved "),
        with_bracket(of_error.of_deviations, of_error.interval),
        with_bracket(of_loss.of_deviations, of_loss.interval),
    ))
}

fn null_event(name: &str, row: &Row, principal: &Row, star: &str, compared: &Comparison) -> String {
    let mut out = format!(
        "{} happens in {} of {} cells, at a training error of {} that spreads by {} over seeds",
        capital(name),
        row.happened,
        row.cells,
        significant(row.own.mean, 3),
        percent(row.own.variation.deviation, row.own.variation.interval)
    );
    if let Some(ratio) = row.against.filter(|ratio| ratio.of_deviations.is_finite()) {
        out.push_str(&format!(", {} times as widely as {star}", with_bracket(ratio.of_deviations, ratio.interval)));
        out.push_str(match beside_one(ratio.interval) {
            1 => " (more)",
            -1 => " (less)",
            _ => " (the two cannot be told apart)",
        });
    }
    out.push_str(&moved(&row.own, &compared.factors, ", and is moved "));
    if row.own.farthest.is_some() && principal.own.farthest.is_some() {
        out.push_str(match order(row.own.greatest_share(), principal.own.greatest_share()) {
            1 => ", farther than the inversion",
            -1 => ", less far than the inversion",
            _ => ", which cannot be told apart from the inversion's shift",
        });
    }
    out + "."
}

/// What a fixed training error comes to: the discreteness of epochs.
fn check(events: &Events, compared: &Comparison) -> Option<String> {
    let of_check = |row: &&Row| events.all[row.event].kind == Kind::ErrorLevel && row.clock == Clock::TrainError;
    let row = compared.rows.iter().find(of_check)?;
    Some(format!(
        "As a check: where the training error first falls to a fixed level it spreads by {} over seeds, by the discreteness of \
         epochs alone.",
        percent(row.own.variation.deviation, row.own.variation.interval)
    ))
}
