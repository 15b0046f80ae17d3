//! One picture of all events: how widely the training error at each spreads over seeds, how far the factors of the grid shift
//! it, and how that compares with a certain training loss.

use super::compare::{Comparison, Row};
use super::find::{Event, Events, Kind};
use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind as ScaleKind, Scale};
use crate::statistics::interval::Interval;

/// Colour of an event, of its matched null, and of the first factor.
const EVENT: usize = 0;
const NULL: usize = 1;
const FACTORS: usize = 2;
/// The least share that has a place: a spread of 0 is below what the file can tell.
const LEAST: f64 = 2e-3;
/// The greatest: a shift is a difference as a share of the mean of two, and beyond 2 only its interval goes.
const GREATEST: f64 = 4.0;

/// An event as the figure calls it.
fn called(event: &Event) -> String {
    match event.kind {
        Kind::Manifold => format!("inversion: {}", event.name),
        Kind::ErrorLevel => format!("{} (check)", event.name),
        _ => event.name.clone(),
    }
}

/// The figure of these rows, from top to bottom; `None` where there is none.
pub fn figure(events: &Events, compared: &Comparison, rows: &[&Row], left_out: usize) -> Option<Figure> {
    if rows.is_empty() {
        return None;
    }
    let names: Vec<String> = rows.iter().map(|row| called(&events.all[row.event])).collect();
    let reference = compared.rows.first()?;
    let height = |place: usize| -(place as f64);
    let mut panels = [const { Vec::new() }; 3];
    let mut drawn: [Vec<f64>; 3] = Default::default();
    let mut put = |panel: usize, value: f64, interval: Interval, y: f64, size: f64, colour: usize| {
        if !value.is_finite() {
            return;
        }
        let seen = value.max(LEAST);
        drawn[panel].push(seen);
        if interval.is_known() {
            let most = if panel == 1 { GREATEST } else { f64::INFINITY };
            let (low, high) = (interval.low.max(LEAST), interval.high.max(LEAST).min(most));
            drawn[panel].extend([low, high]);
            panels[panel].push(Mark::Bar { from: (low, y), to: (high, y), colour });
        }
        panels[panel].push(Mark::Disc { at: (seen, y), size, class: "mark", colour });
    };
    let factors: Vec<usize> = (0..compared.factors.len()).filter(|&f| !compared.factors[f].is_of_data).collect();
    for (place, row) in rows.iter().enumerate() {
        let y = height(place);
        if let Some((null, ratio)) = &row.null {
            put(0, null.variation.deviation, null.variation.interval, y - 0.24, 3.2, NULL);
            let (share, interval) = null.greatest_share();
            put(1, share, interval, y - 0.24, 3.2, NULL);
            put(2, ratio.of_deviations, ratio.interval, y, 4.2, EVENT);
        }
        put(0, row.own.variation.deviation, row.own.variation.interval, y + 0.12, 4.2, EVENT);
        for (nth, &factor) in factors.iter().enumerate() {
            let shift = &row.own.shifts[factor];
            // The farthest alone has its interval: bars of all would hide one another.
            let is_farthest = row.own.farthest == Some(factor);
            let interval = if is_farthest { shift.interval } else { Interval::UNKNOWN };
            put(1, shift.share, interval, y + 0.12, if is_farthest { 4.2 } else { 2.6 }, FACTORS + nth);
        }
    }
    let (share, _) = reference.own.greatest_share();
    let rules = [reference.own.variation.deviation, share, 1.0];
    let titles = [
        ("over seeds, all else the same", "coefficient of variation of the training error at it"),
        ("over the factors of the grid", "largest shift of the training error at it, as a share"),
        ("event against the same training loss", "ratio of the two spreads over seeds"),
    ];
    let words = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let left = (5.6 * words as f64 + 18.0).clamp(60.0, 380.0);
    let width = ((1108.0 - left) / 3.0 - 30.0).min(420.0);
    let all: Vec<Panel> = (panels.into_iter().zip(drawn).zip(rules).zip(titles).enumerate())
        .filter(|(_, (((marks, _), _), _))| !marks.is_empty())
        .map(|(place, (((mut marks, drawn), rule), (title, x_label)))| {
            if rule.is_finite() {
                marks.insert(0, Mark::Upright(rule));
            }
            let names = names.iter().enumerate();
            let named = names.map(|(at, name)| (height(at), if place == 0 { name.clone() } else { String::new() }));
            Panel {
                title: title.to_owned(),
                x_label: x_label.to_owned(),
                y_label: String::new(),
                x: Scale::around(drawn.into_iter().chain([rule]).filter(|value| value.is_finite()), ScaleKind::Log),
                y: Scale { low: 0.3 - rows.len() as f64, high: 0.7, kind: ScaleKind::Linear, reversed: false },
                x_ticks: Ticks::Round,
                y_ticks: Ticks::Named(named.collect()),
                marks,
            }
        })
        .collect();
    let mut legend: Legend = vec![("the event".to_owned(), EVENT)];
    if rows.iter().any(|row| row.null.is_some()) {
        legend.push(("the same training loss".to_owned(), NULL));
    }
    legend.extend(
        factors.iter().enumerate().map(|(nth, &factor)| {
            (compared.factors[factor].words.trim_start_matches("the ").to_owned(), FACTORS + nth)
        }),
    );
    let layout =
        Layout { columns: all.len(), width, height: 24.0 * rows.len().max(2) as f64 + 10.0, left, between: 14.0 };
    let more = if left_out > 0 { format!(" {left_out} further events are in the table alone.") } else { String::new() };
    let caption = format!(
        "How stable the training error is at each event; the most stable over seeds stands first. Left: its spread over seeds, within \
         variants, as a share of its mean. Middle: its largest shift between two variants that differ in one factor of the \
         grid alone: large, with its interval, the factor that shifts it farthest. Right: its spread over seeds against that of the training error at the same training loss, in \
         the same cells: right of the dashed line the event is a worse clock than the loss, left of it a better one. Bars: 95% \
         intervals. Dashed, left and middle: ε*({}), so that what lies left of the line is more stable than it.{more}",
        events.symbol
    );
    Some(Figure { name: "events".into(), caption, svg: draw(&all, layout, &legend) })
}
