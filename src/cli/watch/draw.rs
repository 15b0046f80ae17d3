//! The picture of a view: a function of the view and the size of the screen alone.
//!
//! From the top: the sweep and its cells, the run with its rate and the time left, the ranks beside the curves, the keys. A screen
//! that is too low or narrow for all of it shows the first of them. Invariant: no colour says what words do not say too.

use phasesweep::amount::span;
use phasesweep::dispatch::Activity;
use phasesweep::run_directory::{RankReport, RunReport, Status};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Clear, Dataset, Gauge, GraphType, Paragraph, Row, Table, TableState, Wrap};

use super::view::View;

/// Curves of a cohort that are drawn: more hide each other.
const MOST_CURVES: usize = 64;
/// A narrower screen has no room for ranks beside curves.
const NARROW: u16 = 90;

/// Every key, with what it does.
const KEYS: [(&str, &str); 6] = [
    ("↑ ↓, k j", "choose a rank"),
    ("Home End", "the first rank, the last one"),
    ("v", "draw another variable"),
    ("r", "look at the directory now"),
    ("?", "explain the keys, or no longer"),
    ("q, Esc, Ctrl-C", "end; the run goes on"),
];

/// Draws a view.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View) {
    let area = frame.area();
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(6), Constraint::Min(0), Constraint::Length(1)]).areas(area);
    match &view.status {
        None => frame.render_widget(Paragraph::new("reading the run directory …"), head),
        Some(Err(error)) => {
            let sentence = Paragraph::new(format!("The run directory cannot be read: {error}"));
            frame.render_widget(sentence.style(bad(view)).wrap(Wrap { trim: true }), area);
        }
        Some(Ok(status)) => {
            draw_head(frame, head, view, status);
            draw_body(frame, body, view, status);
        }
    }
    let keys = " q quits  ↑↓ rank  v variable  r look  ? keys";
    frame.render_widget(Paragraph::new(keys).style(style(view, Color::DarkGray, Modifier::empty())), foot);
    if view.help {
        draw_help(frame, area);
    }
}

fn style(view: &View, colour: Color, modifier: Modifier) -> Style {
    let style = Style::new().add_modifier(modifier);
    if view.plain { style } else { style.fg(colour) }
}

fn bad(view: &View) -> Style {
    style(view, Color::Red, Modifier::BOLD)
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, view: &View, status: &Status) {
    let [title, gauge, counts, run, left] = Layout::vertical([Constraint::Length(1); 5]).areas(area);
    let name = format!("sweep {}", status.name);
    frame.render_widget(Paragraph::new(name).style(Style::new().add_modifier(Modifier::BOLD)), title);
    let done = status.complete + status.diverged;
    let share = if status.cells > 0 { done as f64 / status.cells as f64 } else { 0.0 };
    let bar = Gauge::default()
        .ratio(share.clamp(0.0, 1.0))
        .label(format!("{done} of {} cells, {:.1}%", status.cells, 100.0 * share))
        .gauge_style(style(view, Color::Blue, Modifier::empty()))
        .use_unicode(true);
    frame.render_widget(bar, gauge);
    let failed = status.failed.len();
    let line = Line::from(vec![
        Span::raw(format!("{} running, {} waiting, ", status.running, status.waiting)),
        Span::styled(format!("{failed} failed"), if failed > 0 { bad(view) } else { Style::new() }),
        Span::raw(format!(", {} diverged", status.diverged)),
    ]);
    frame.render_widget(Paragraph::new(line), counts);
    let (at_work, well) = run_line(status);
    frame.render_widget(Paragraph::new(at_work).style(if well { Style::new() } else { bad(view) }), run);
    frame.render_widget(Paragraph::new(left_line(status)), left);
}

/// Whether and where a run is at work, and whether that is as it should be.
fn run_line(status: &Status) -> (String, bool) {
    let Some(run) = &status.run else { return ("no run has worked here yet".to_owned(), true) };
    let holder = run.holder.as_deref().unwrap_or("nobody");
    let heard = if run.silent.is_finite() { format!(", last heard {} ago", span(run.silent)) } else { String::new() };
    match run.alive {
        Some(true) => (format!("run: {holder}; {} ranks, for {}{heard}", run.ranks, span(run.elapsed)), true),
        None => (format!("silent: {holder}{heard}. It may have been killed: see its log"), false),
        Some(false) if status.is_over() => (format!("no run is at work{heard}: nothing is left to do"), true),
        Some(false) if run.holder.is_some() => {
            (format!("NO RUN IS ALIVE: {holder}, is gone{heard}. Run it again to continue"), false)
        }
        Some(false) => (format!("no run is at work{heard}. Run it again to continue"), false),
    }
}

/// Rate and time left, as an interval.
fn left_line(status: &Status) -> String {
    match &status.run {
        Some(RunReport { alive: Some(false), .. }) | None => String::new(),
        Some(RunReport { left: Some((from, to)), rate, .. }) => {
            format!("{rate:.2} cells/s; {} to {} left", span(*from), span(*to))
        }
        Some(_) => "time left is not known yet: no cohort has ended so far".to_owned(),
    }
}

fn draw_body(frame: &mut Frame<'_>, area: Rect, view: &View, status: &Status) {
    let ranks: &[RankReport] = status.run.as_ref().map_or(&[], |run| run.of_rank.as_slice());
    let areas = match area.width >= NARROW {
        true => Layout::horizontal([Constraint::Percentage(45), Constraint::Percentage(55)]).split(area),
        false => {
            let rows = (ranks.len() as u16).saturating_add(3).min(area.height / 2 + 1);
            Layout::vertical([Constraint::Length(rows), Constraint::Min(0)]).split(area)
        }
    };
    draw_ranks(frame, areas[0], view, ranks);
    draw_curves(frame, areas[1], view);
}

fn draw_ranks(frame: &mut Frame<'_>, area: Rect, view: &View, ranks: &[RankReport]) {
    let block = Block::bordered().title(format!("{} ranks", ranks.len()));
    if ranks.is_empty() {
        frame.render_widget(
            Paragraph::new("No rank has said anything yet.").block(block).wrap(Wrap { trim: true }),
            area,
        );
        return;
    }
    let rows = ranks.iter().map(|rank| {
        let trains = matches!(rank.activity, Activity::Training | Activity::Draining);
        let does = match rank.activity {
            Activity::Starting => "starts",
            Activity::Idle => "waits",
            Activity::Training => "trains",
            Activity::Draining => "stops",
            Activity::Released => "has left",
            Activity::Lost => "IS LOST",
        };
        let known = |text: String| if trains { text } else { String::new() };
        let row = Row::new([
            rank.rank.to_string(),
            does.to_owned(),
            known(rank.cells.to_string()),
            known(rank.epoch.to_string()),
            known(format!("{:.0}%", 100.0 * rank.done_fraction)),
            if rank.silent > 15.0 { format!("silent {}", span(rank.silent)) } else { String::new() },
        ]);
        if rank.activity == Activity::Lost { row.style(bad(view)) } else { row }
    });
    let widths = [6, 8, 6, 8, 5, 12].map(Constraint::Length);
    let table = Table::new(rows, widths)
        .header(
            Row::new(["rank", "does", "cells", "epoch", "done", ""]).style(Style::new().add_modifier(Modifier::BOLD)),
        )
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .block(block);
    frame.render_stateful_widget(table, area, &mut TableState::default().with_selected(view.chosen));
}

fn draw_curves(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let curves = &view.curves;
    let block = Block::bordered().title("curves");
    let chosen = curves.variables.get(view.variable.min(curves.variables.len().saturating_sub(1)));
    let Some((name, all)) = chosen.filter(|(_, all)| all.iter().any(|points| !points.is_empty())) else {
        frame.render_widget(Paragraph::new(curves.source.as_str()).block(block).wrap(Wrap { trim: true }), area);
        return;
    };
    let shown = &all[..all.len().min(MOST_CURVES)];
    let points = || shown.iter().flatten().copied();
    let ends = |of: fn((f64, f64)) -> f64| {
        let (low, high) =
            points().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        if high > low { [low, high] } else { [low - 0.5, high + 0.5] }
    };
    let (x, y) = (ends(|point| point.0), ends(|point| point.1));
    let colours = [Color::Cyan, Color::Yellow, Color::Green, Color::Magenta, Color::Blue, Color::Red];
    let datasets = shown.iter().enumerate().map(|(place, points)| {
        let colour = colours[place % colours.len()];
        Dataset::default()
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(style(view, colour, Modifier::empty()))
            .data(points)
    });
    let left_out = all.len() - shown.len();
    let left_out = if left_out > 0 { format!(", {left_out} more") } else { String::new() };
    let plural = if shown.len() == 1 { "" } else { "s" };
    let title = format!("{name} of {} cell{plural}{left_out} ({})", shown.len(), curves.source);
    let chart = Chart::new(datasets.collect())
        .block(Block::bordered().title(title))
        .legend_position(None)
        .x_axis(Axis::default().title(curves.along.as_str()).bounds(x).labels([number(x[0]), number(x[1])]))
        .y_axis(Axis::default().bounds(y).labels([number(y[0]), number(0.5 * (y[0] + y[1])), number(y[1])]));
    frame.render_widget(chart, area);
}

/// A number for an axis: whole ones without a point.
fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e9 { format!("{value:.0}") } else { format!("{value:.3}") }
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let lines: Vec<Line<'_>> = KEYS.iter().map(|(key, what)| Line::raw(format!("{key:16} {what}"))).collect();
    let (width, height) = (54.min(area.width), (lines.len() as u16 + 2).min(area.height));
    let place = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title("keys")), place);
}
