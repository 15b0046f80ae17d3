//! Is the inversion alone in happening at a training error of its own? Many events of training side by side: how widely the
//! training error (and the loss, the test error, the epoch) at each spreads over seeds, how far the factors of the grid move it,
//! and whether "a certain training loss" would do as well.
//!
//! [`find`] finds the events of every cell, [`compare`] their stability; the decision rules are those of
//! [`crate::stability`].

pub mod clocks;
pub mod compare;
pub mod figure;
pub mod find;
pub mod sentences;
pub mod table;

use minijinja::context;

use super::section::{self, Content, Context, Section, Table};
use crate::error::Result;
use clocks::Clock;
use compare::Row;

/// Events drawn at most, beside those that are no series.
const MOST_SERIES: usize = 40;

/// The section.
pub struct Events;

impl Section for Events {
    fn make<'a>(&self, context: &Context<'a>) -> Result<Option<Content<'a>>> {
        let Context { results, options, points, series, .. } = *context;
        let Some(events) = find::find(results, points, series, options)? else { return Ok(None) };
        let compared = compare::compare(results, &events, options)?;
        // The most stable over seeds first; the training error alone.
        let mut common: Vec<&Row> =
            compared.rows.iter().filter(|row| row.clock == Clock::TrainError && row.is_common()).collect();
        common.sort_by(|a, b| a.own.variation.deviation.total_cmp(&b.own.variation.deviation));
        let sentences = sentences::sentences(&events, &compared, &common);
        if sentences.is_empty() {
            return Ok(None);
        }
        let is_series = |row: &Row| events.all[row.event].kind == find::Kind::Series;
        let mut series_drawn = 0;
        let drawn: Vec<&Row> = (common.iter().copied())
            .filter(|row| {
                series_drawn += usize::from(is_series(row));
                !is_series(row) || series_drawn <= MOST_SERIES
            })
            .collect();
        let figures: Vec<_> =
            figure::figure(&events, &compared, &drawn, common.len() - drawn.len()).into_iter().collect();
        let shown = table::on_page(&events, &compared, &common);
        Ok(Some(Content {
            template: include_str!("section.html"),
            values: context! {
                symbol => format!("ε*({})", events.symbol),
                sentences,
                drawn => section::figures(&figures),
                shown => section::table(&shown),
                is_cut => events.is_cut,
            },
            methods: include_str!("methods.html"),
            by_turning_points: true,
            figures,
            tables: vec![
                Table::new("events", table::events(&events, &compared)?),
                Table::new("event_shifts", table::shifts(&events, &compared)?),
                Table::in_parts("event_cells", table::cells(results, events)?),
            ],
            ..Content::default()
        }))
    }
}
