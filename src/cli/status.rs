//! `phasesweep status`: how far a run is, for people, for `watch`, and for programs.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use super::exit::{Exit, Failure};
use super::sweep_file::RunArgument;
use phasesweep::run_directory::StatusReader;
use phasesweep::slurm::parse_interval;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunArgument,
    /// Look again every few seconds until nothing is left to do.
    #[arg(long)]
    watch: bool,
    /// Seconds between two looks.
    #[arg(long, default_value = "5", value_name = "SECONDS", value_parser = parse_interval)]
    every: Duration,
    /// Print one JSON object per look.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let mut reader = StatusReader::new(arguments.run.locate()?);
    let screen = arguments.watch && !arguments.json && std::io::stdout().is_terminal();
    loop {
        let status = reader.read()?;
        let text = if arguments.json {
            let mut line = serde_json::to_string(&status).map_err(|error| Failure::Bug(error.to_string()))?;
            line.push('\n');
            line
        } else {
            status.to_string()
        };
        // Home and clear to the end: less flicker than clearing first.
        let text = if screen { format!("\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n")) } else { text };
        let mut out = std::io::stdout().lock();
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            // Whoever read has gone.
            return Ok(Exit::Complete);
        }
        drop(out);
        if !arguments.watch || status.is_over() {
            return Ok(Exit::Complete);
        }
        std::thread::sleep(arguments.every.clamp(Duration::from_millis(200), Duration::from_secs(3600)));
    }
}
