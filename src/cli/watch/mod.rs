//! `phasesweep watch`: a run in the terminal, from the files in its directory.
//!
//! [`view`] is what is watched and what keys do to it, [`draw`] its picture, [`curves`] what the disk holds of cells that
//! train; here is the loop that reads, draws and waits. Invariants: the run is never talked to; however it ends (a key, SIGTERM, SIGHUP, a
//! panic, a terminal that is gone), the terminal is as it was.

mod curves;
mod draw;
mod view;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use phasesweep::run_directory::StatusReader;
use phasesweep::slurm::parse_interval;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::exit::{Exit, Failure};
use super::sweep_file::RunArgument;
use view::{Effect, Key, View};

/// Longest wait for a key, so that a signal is seen soon.
const WAIT: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunArgument,
    /// Time between two looks, as 2s or 1m.
    #[arg(long, default_value = "2", value_name = "SECONDS", value_parser = parse_interval)]
    every: Duration,
}

const EXAMPLES: &str = "\
Examples:
  phasesweep watch runs/quick                 press ? for the keys; q ends, and the run goes on
  phasesweep status runs/quick --watch --json   for programs";

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let directory = arguments.run.locate()?;
    let mut reader = StatusReader::new(directory.clone());
    let first = reader.read()?;
    if !(io::stdout().is_terminal() && io::stdin().is_terminal()) {
        // Said once, as `status` says it.
        print!("{first}");
        tracing::info!(
            "this is no terminal: `phasesweep status DIR --watch` prints lines again and again, --json for programs"
        );
        return Ok(Exit::Complete);
    }
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGHUP, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&ended))
            .map_err(|error| Failure::Bug(format!("signal {signal} cannot be heard: {error}")))?;
    }
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let mut view = View { plain, ..View::default() };
    view.take(Ok(first));
    // Restores the terminal on a panic too, before its message is printed.
    let mut terminal =
        ratatui::try_init().map_err(|error| Failure::Input(format!("this terminal cannot be drawn on: {error}")))?;
    let mut look = |view: &mut View| {
        view.take(reader.read().map_err(|error| error.to_string()));
        let rank = match &view.status {
            Some(Ok(status)) => status.run.as_ref().and_then(|run| run.of_rank.get(view.chosen)).map(|rank| rank.rank),
            _ => None,
        };
        view.curves = curves::read(&directory, rank);
    };
    look(&mut view);
    let outcome =
        watch(&mut terminal, &mut view, &mut look, arguments.every.clamp(WAIT, Duration::from_secs(3600)), &ended);
    let restored = ratatui::try_restore();
    match outcome.and(restored) {
        Ok(()) => Ok(Exit::Complete),
        // The terminal is gone: there is nobody to tell. Dropped, it would try, and panic where that cannot be said either.
        Err(_) if ended.load(Ordering::Relaxed) || !io::stdout().is_terminal() => {
            std::mem::forget(terminal);
            Ok(Exit::Complete)
        }
        Err(error) => Err(Failure::Input(format!("the terminal failed: {error}"))),
    }
}

/// Looks, draws and waits, until a key or a signal ends it.
fn watch(
    terminal: &mut DefaultTerminal,
    view: &mut View,
    look: &mut dyn FnMut(&mut View),
    every: Duration,
    ended: &AtomicBool,
) -> io::Result<()> {
    let mut looked = Instant::now();
    let mut is_drawn = false;
    while !ended.load(Ordering::Relaxed) {
        if !is_drawn {
            terminal.draw(|frame| draw::draw(frame, view))?;
            is_drawn = true;
        }
        if event::poll(WAIT.min(every.saturating_sub(looked.elapsed())))? {
            let effect = match event::read()? {
                Event::Key(key) => key_of(key).map_or(Effect::None, |key| view.press(key)),
                _ => Effect::None,
            };
            // A resize too: the next picture fits.
            is_drawn = false;
            match effect {
                Effect::Quit => return Ok(()),
                Effect::Look => looked = Instant::now().checked_sub(every).unwrap_or(looked),
                Effect::None => {}
            }
        }
        if looked.elapsed() >= every {
            look(view);
            (looked, is_drawn) = (Instant::now(), false);
        }
    }
    Ok(())
}

/// What a key means; none for one that means nothing, and for one that is let go.
fn key_of(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    Some(match event.code {
        KeyCode::Char('c' | 'd') if control => Key::Quit,
        KeyCode::Char('q') | KeyCode::Esc => Key::Quit,
        KeyCode::Down | KeyCode::Char('j') => Key::Down,
        KeyCode::Up | KeyCode::Char('k') => Key::Up,
        KeyCode::Home | KeyCode::Char('g') => Key::First,
        KeyCode::End | KeyCode::Char('G') => Key::Last,
        KeyCode::Char('v') | KeyCode::Tab => Key::Variable,
        KeyCode::Char('r') => Key::Look,
        KeyCode::Char('?' | 'h') => Key::Help,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
