//! The events as tables: every cell's readings, every event on every clock, and every factor's shift of it.

use polars::prelude::*;

use super::clocks::Clock;
use super::compare::{Comparison, Row};
use super::find::Events;
use crate::error::Result;
use crate::results::Results;
use crate::statistics::interval::Interval;
use crate::tables::frames::{self, missing, table};
use crate::tables::parts::Parts;
use crate::tables::text::{Text, significant, with_interval};

/// One row per cell and event that happens in it: the cells' columns, `event`, `kind`, and what the clocks show there
/// (`at_train_error`, `at_train_loss`, `at_test_error`, `at_epoch`).
///
/// # Errors
/// [`crate::Error::Table`] if polars refuses.
pub fn cells(results: &Results, events: Events) -> Result<Parts<'static>> {
    let cells = frames::cells(results)?;
    let happened: Vec<(usize, usize)> = (0..results.cells.len())
        .flat_map(|cell| (0..events.all.len()).map(move |event| (cell, event)))
        .filter(|&(cell, event)| events.all[event].readings[cell].iter().any(|value| value.is_finite()))
        .collect();
    Ok(Parts::of_rows(happened.len(), move |rows| cells_of(&cells, &events, &happened[rows])))
}

/// Rows of these cells and events.
fn cells_of(cells: &DataFrame, events: &Events, happened: &[(usize, usize)]) -> Result<DataFrame> {
    let what = "the table of cells' events";
    let index: IdxCa = happened.iter().map(|(cell, _)| Some(*cell as IdxSize)).collect();
    let mut frame = table(what, cells.take(&index))?;
    let event = |place: &usize| &events.all[*place];
    let mut columns = vec![
        Column::new("event".into(), happened.iter().map(|(_, of)| event(of).name.as_str()).collect::<Vec<_>>()),
        Column::new("kind".into(), happened.iter().map(|(_, of)| event(of).kind.name()).collect::<Vec<_>>()),
    ];
    for (place, clock) in Clock::ALL.into_iter().enumerate() {
        let values: Vec<f64> = happened.iter().map(|(cell, of)| event(of).readings[*cell][place]).collect();
        columns.push(Column::new(format!("at_{}", clock.name()).into(), missing(&values)));
    }
    for column in columns {
        table(what, frame.with_column(column))?;
    }
    Ok(frame)
}

/// One row per event and clock: `cells` and those in which it `happened`, `variants` and those `counted`; of the clock's reading
/// at the event its `mean`, the standard deviation within variants (`sd`, `sd_low`, `sd_high`) and the same in units of the
/// variants' means (`cv`, …); of the matched null `null_cv`, …, and the ratio of the event's cv to it (`to_null`, …); the ratio of
/// its cv to that of what the report is about (`to_principal`, …); the factor, not of the data, that shifts it farthest, and the
/// share (`factor`, `shift`, …), and the same of the null; how finely the training error is known (`resolution`).
///
/// # Errors
/// [`crate::Error::Table`] if polars refuses.
pub fn events(events: &Events, compared: &Comparison) -> Result<DataFrame> {
    let each = || compared.rows.iter();
    let number = |of: &dyn Fn(&Row) -> f64| missing(&each().map(of).collect::<Vec<_>>());
    let count = |of: fn(&Row) -> usize| each().map(|row| of(row) as i64).collect::<Vec<_>>();
    let mut columns = vec![
        Column::new("event".into(), each().map(|row| events.all[row.event].name.as_str()).collect::<Vec<_>>()),
        Column::new("kind".into(), each().map(|row| events.all[row.event].kind.name()).collect::<Vec<_>>()),
        Column::new("clock".into(), each().map(|row| row.clock.name()).collect::<Vec<_>>()),
        Column::new("cells".into(), count(|row| row.cells)),
        Column::new("happened".into(), count(|row| row.happened)),
        Column::new("variants".into(), count(|row| row.variants)),
        Column::new("counted".into(), count(|row| row.counted)),
        Column::new("mean".into(), number(&|row| row.own.mean)),
        Column::new("resolution".into(), number(&|row| row.resolution)),
    ];
    let mut measured = |name: &str, of: &dyn Fn(&Row) -> (f64, Interval)| {
        columns.push(Column::new(name.into(), number(&|row| of(row).0)));
        columns.push(Column::new(format!("{name}_low").into(), number(&|row| of(row).1.low)));
        columns.push(Column::new(format!("{name}_high").into(), number(&|row| of(row).1.high)));
    };
    const NOTHING: (f64, Interval) = (f64::NAN, Interval::UNKNOWN);
    measured("sd", &|row| (row.own.deviation.deviation, row.own.deviation.interval));
    measured("cv", &|row| (row.own.variation.deviation, row.own.variation.interval));
    measured("null_cv", &|row| {
        row.null.as_ref().map_or(NOTHING, |(null, _)| (null.variation.deviation, null.variation.interval))
    });
    measured("to_null", &|row| row.null.as_ref().map_or(NOTHING, |(_, ratio)| (ratio.of_deviations, ratio.interval)));
    measured("to_principal", &|row| {
        row.against.as_ref().map_or(NOTHING, |ratio| (ratio.of_deviations, ratio.interval))
    });
    measured("shift", &|row| row.own.greatest_share());
    measured("null_shift", &|row| row.null.as_ref().map_or(NOTHING, |(null, _)| null.greatest_share()));
    let factor = |row: &Row| row.own.greatest().map(|shift| shift.axis.clone());
    let of_null = |row: &Row| row.null.as_ref().and_then(|(null, _)| null.greatest()).map(|shift| shift.axis.clone());
    columns.push(Column::new("factor".into(), each().map(factor).collect::<Vec<_>>()));
    columns.push(Column::new("null_factor".into(), each().map(of_null).collect::<Vec<_>>()));
    table("the table of events", DataFrame::new_infer_height(columns))
}

/// One row per event, clock and factor: the levels and pairs of the factor, those `compared`, the largest shift (`share`, `low`,
/// `high`) as a share of the clock's reading, the levels `from` and `to` which it is with their means, and `at` what else;
/// `null_share`, … are the matched null's.
///
/// # Errors
/// [`crate::Error::Table`] if polars refuses.
pub fn shifts(events: &Events, compared: &Comparison) -> Result<DataFrame> {
    let rows: Vec<(&Row, usize)> =
        compared.rows.iter().flat_map(|row| (0..row.own.shifts.len()).map(move |place| (row, place))).collect();
    let shift = |(row, place): &(&Row, usize)| row.own.shifts[*place].clone();
    let all: Vec<_> = rows.iter().map(shift).collect();
    let number =
        |of: &dyn Fn(&crate::stability::shifts::Shift) -> f64| missing(&all.iter().map(of).collect::<Vec<_>>());
    let of_null = |of: &dyn Fn(&crate::stability::shifts::Shift) -> f64| {
        let value =
            |(row, place): &(&Row, usize)| row.null.as_ref().map_or(f64::NAN, |(null, _)| of(&null.shifts[*place]));
        missing(&rows.iter().map(value).collect::<Vec<_>>())
    };
    let end = |which: usize| {
        all.iter().map(|shift| shift.ends.as_ref().map(|ends| ends[which].level.clone())).collect::<Vec<_>>()
    };
    let level = |which: usize| number(&|shift| shift.ends.as_ref().map_or(f64::NAN, |ends| ends[which].mean));
    let columns = vec![
        Column::new(
            "event".into(),
            rows.iter().map(|(row, _)| events.all[row.event].name.as_str()).collect::<Vec<_>>(),
        ),
        Column::new("clock".into(), rows.iter().map(|(row, _)| row.clock.name()).collect::<Vec<_>>()),
        Column::new("factor".into(), rows.iter().map(|(_, f)| compared.factors[*f].name.as_str()).collect::<Vec<_>>()),
        Column::new("of_data".into(), rows.iter().map(|(_, f)| compared.factors[*f].is_of_data).collect::<Vec<_>>()),
        Column::new("levels".into(), all.iter().map(|shift| shift.levels as i64).collect::<Vec<_>>()),
        Column::new("pairs".into(), all.iter().map(|shift| shift.pairs as i64).collect::<Vec<_>>()),
        Column::new("compared".into(), all.iter().map(|shift| shift.compared as i64).collect::<Vec<_>>()),
        Column::new("share".into(), number(&|shift| shift.share)),
        Column::new("low".into(), number(&|shift| shift.interval.low)),
        Column::new("high".into(), number(&|shift| shift.interval.high)),
        Column::new("judgement".into(), all.iter().map(|shift| shift.judgement.name()).collect::<Vec<_>>()),
        Column::new("from".into(), end(0)),
        Column::new("from_mean".into(), level(0)),
        Column::new("to".into(), end(1)),
        Column::new("to_mean".into(), level(1)),
        Column::new("at".into(), all.iter().map(|shift| shift.at.as_str()).collect::<Vec<_>>()),
        Column::new("null_share".into(), of_null(&|shift| shift.share)),
        Column::new("null_low".into(), of_null(&|shift| shift.interval.low)),
        Column::new("null_high".into(), of_null(&|shift| shift.interval.high)),
    ];
    table("the table of events' shifts", DataFrame::new_infer_height(columns))
}

/// The table of the page: a row for each of these rows of the training error, with what other clocks say of the event.
pub fn on_page(events: &Events, compared: &Comparison, rows: &[&Row]) -> Text {
    let mut out = Text::default();
    let mut column = |name: &str, numeric: bool| {
        out.header.push(name.to_owned());
        out.numeric.push(numeric);
    };
    column("event", false);
    ["happens in", "training error", "sd over seeds", "cv over seeds", "at the same training loss", "ratio of the two"]
        .iter()
        .for_each(|name| column(name, true));
    for factor in &compared.factors {
        column(&format!("shift by {}", factor.words), true);
    }
    ["same loss: greatest shift", "cv of the loss", "cv of the test error", "cv of the epoch"]
        .iter()
        .for_each(|name| column(name, true));
    for row in rows {
        let null = row.null.as_ref();
        let other = |clock: Clock| {
            let of = compared.of(row.event, clock).map(|row| row.own.variation);
            of.map_or_else(|| "–".to_owned(), |of| percent(of.deviation, of.interval))
        };
        let mut entries = vec![
            events.all[row.event].name.clone(),
            format!("{} of {}", row.happened, row.cells),
            significant(row.own.mean, 3),
            significant(row.own.deviation.deviation, 2),
            percent(row.own.variation.deviation, row.own.variation.interval),
            null.map_or_else(|| "–".into(), |(null, _)| percent(null.variation.deviation, null.variation.interval)),
            null.map_or_else(|| "–".into(), |(_, ratio)| with_bracket(ratio.of_deviations, ratio.interval)),
        ];
        entries.extend(row.own.shifts.iter().map(|shift| percent(shift.share, shift.interval)));
        entries.push(null.map_or_else(
            || "–".into(),
            |(null, _)| {
                let (share, interval) = null.greatest_share();
                percent(share, interval)
            },
        ));
        entries.extend([Clock::TrainLoss, Clock::TestError, Clock::Epoch].map(other));
        out.rows.push(entries);
    }
    out
}

/// "4.1% [3.2, 5.3]"; "–" where it is not known.
pub fn percent(share: f64, interval: Interval) -> String {
    with_interval(100.0 * share, 100.0 * interval.low, 100.0 * interval.high, "%")
}

/// "0.81 [0.66, 0.99]"; "–" where it is not known.
pub fn with_bracket(value: f64, interval: Interval) -> String {
    with_interval(value, interval.low, interval.high, "")
}
