//! What a person watching a run sees: a bar on a terminal, a plain line at intervals elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::amount::span;
use crate::dispatch::Progress;

/// Time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows progress on standard error.
pub(in crate::session) enum Display {
    /// A bar on a terminal.
    Bar(ProgressBar),
    /// Lines for a log file.
    Lines {
        /// When the last one was written.
        last: Instant,
    },
    /// Nothing.
    Quiet,
}

impl Display {
    /// A display that fits standard error.
    pub(in crate::session) fn new(cells: u64, quiet: bool) -> Display {
        if quiet {
            return Display::Quiet;
        }
        if !std::io::stderr().is_terminal() {
            return Display::Lines { last: Instant::now() };
        }
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} cells  {msg}  {elapsed_precise}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        Display::Bar(ProgressBar::new(cells).with_style(style))
    }

    /// Shows the state of the run after `elapsed`.
    pub(in crate::session) fn show(&mut self, progress: &Progress, elapsed: Duration) {
        match self {
            Display::Quiet => {}
            Display::Bar(bar) => {
                bar.set_length(progress.total);
                bar.set_position(progress.done + progress.failed);
                bar.set_message(sentence(progress, elapsed));
            }
            Display::Lines { last } => {
                if last.elapsed() >= LINE_EVERY {
                    *last = Instant::now();
                    tracing::info!(
                        "{} of {} cells done, {} running; {}",
                        progress.done,
                        progress.total,
                        progress.running,
                        sentence(progress, elapsed)
                    );
                }
            }
        }
    }

    /// Takes the bar away.
    pub(in crate::session) fn end(&self) {
        if let Display::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// Rate and time left.
fn sentence(progress: &Progress, elapsed: Duration) -> String {
    let rate = progress.done as f64 / elapsed.as_secs_f64().max(1e-9);
    let failed = if progress.failed > 0 { format!(", {} failed", progress.failed) } else { String::new() };
    match progress.time_left(elapsed) {
        Some((low, high)) => format!("{rate:.2} cells/s, {} to {} left{failed}", span(low), span(high)),
        None => format!("time left not known yet{failed}"),
    }
}
