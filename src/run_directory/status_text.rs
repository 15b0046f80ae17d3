//! A run's status as people read it, line by line.
//!
//! Invariant: whatever numbers a status file holds, a text comes of them.

use std::fmt;

use super::status::{AdditionReport, Jobs, RankReport, RunReport, Status};
use crate::amount::span;
use crate::dispatch::Activity;

/// Ranks that are listed one by one; of more, only those that do not train as expected.
const LISTED_RANKS: usize = 32;
/// Failed cells that are named.
const LISTED_CELLS: usize = 10;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(self))
    }
}

fn text(status: &Status) -> String {
    let mut lines = vec![format!("sweep {}: {} cells", status.name, status.cells)];
    lines.extend(status.description.iter().flat_map(|text| text.lines()).map(|line| format!("  {}", line.trim())));
    let done = status.complete + status.diverged;
    let share = if status.cells > 0 { 100.0 * done as f64 / status.cells as f64 } else { 0.0 };
    let diverged = if status.diverged > 0 { format!(" ({} of them diverged)", status.diverged) } else { String::new() };
    lines.push(format!(
        "  {done} done, {share:.1}%{diverged}; {} failed, {} running, {} waiting",
        status.failed.len(),
        status.running,
        status.waiting
    ));
    for id in status.failed.iter().take(LISTED_CELLS) {
        lines.push(format!("  failed: {id} (phasesweep show DIR --cell {} says why)", &id.to_string()[..8]));
    }
    if status.failed.len() > LISTED_CELLS {
        lines.push(format!("  … and {} failed cells more", status.failed.len() - LISTED_CELLS));
    }
    if status.others > 0 {
        lines.push(format!("  {} finished cells of an earlier form of the sweep lie here too", status.others));
    }
    lines.extend(status.refused.iter().map(|sentence| format!("  not counted: {sentence}")));
    for AdditionReport { observable, measured, failed, waiting } in &status.additions {
        let failed = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
        let go_on = if *waiting > 0 { " (phasesweep observe DIR measures them)" } else { "" };
        lines
            .push(format!("  {observable} after the run: {measured} cells measured{failed}, {waiting} waiting{go_on}"));
    }
    if let Some(run) = &status.run {
        describe_run(run, status, &mut lines);
    } else if status.cells > 0 {
        lines.push("no run has worked here yet".to_string());
    }
    match &status.jobs {
        Jobs::None => {}
        Jobs::Known(jobs) => lines.extend(jobs.iter().map(|[name, state, reason, elapsed, nodes]| {
            let rest: Vec<&str> =
                [elapsed, nodes, reason].into_iter().map(String::as_str).filter(|s| !s.is_empty()).collect();
            format!("job {name}: {state}{}{}", if rest.is_empty() { "" } else { ", " }, rest.join(", "))
        })),
        Jobs::Unknown(reason) => lines.push(format!("jobs were submitted, but Slurm cannot be asked: {reason}")),
    }
    lines.push(String::new());
    lines.join("\n")
}

fn describe_run(run: &RunReport, status: &Status, lines: &mut Vec<String>) {
    let holder = run.holder.as_deref().unwrap_or("nobody");
    let (what, again) = match run.observes {
        true => ("observe", "Run `phasesweep observe` again to continue"),
        false => ("run", "Run the sweep again to continue"),
    };
    let last = if run.silent.is_nan() { String::new() } else { format!(", last heard {} ago", span(run.silent)) };
    match run.alive {
        Some(true) => lines.push(format!("{what}: {holder}; {} ranks, for {}", run.ranks, span(run.elapsed))),
        Some(false) if status.is_over() && !(run.observes && status.additions.iter().any(|of| of.waiting > 0)) => {
            lines.push(format!("no run is at work{last}: nothing is left to do"));
            return;
        }
        Some(false) if run.holder.is_some() => {
            lines.push(format!("NO RUN IS ALIVE: {holder}, is gone{last}. {again}"));
        }
        Some(false) => lines.push(format!("no run is at work{last}. {again}")),
        None => lines.push(format!("silent: {holder}{last}. It may have been killed: see its log")),
    }
    if run.alive == Some(false) {
        return;
    }
    match run.left {
        Some((from, to)) => lines.push(format!("  {:.2} cells/s; {} to {} left", run.rate, span(from), span(to))),
        None if run.observes => lines.push("  time left is not known yet: nothing is measured so far".to_string()),
        None => lines.push("  time left is not known yet: nothing is trained so far".to_string()),
    }
    let many = run.of_rank.len() > LISTED_RANKS;
    let (listed, rest): (Vec<_>, Vec<_>) =
        run.of_rank.iter().partition(|rank| !many || rank.activity != Activity::Training);
    lines.extend(listed.iter().take(LISTED_RANKS).map(|rank| describe_rank(rank, run.observes)));
    if !rest.is_empty() {
        let cells: u64 = rest.iter().map(|rank| rank.cells).sum();
        let do_what = if run.observes { "measure" } else { "train" };
        lines.push(format!("  {} ranks {do_what} {cells} cells", rest.len()));
    }
    if listed.len() > LISTED_RANKS {
        lines.push(format!("  … and {} ranks more (--json lists all)", listed.len() - LISTED_RANKS));
    }
}

fn describe_rank(rank: &RankReport, observes: bool) -> String {
    let host = rank.host.as_ref().map_or_else(String::new, |host| format!(" on {host}"));
    let does = match rank.activity {
        Activity::Training | Activity::Draining => format!(
            "{} {} cells for {}, epoch {}, {:.0}%",
            match (rank.activity, observes) {
                (Activity::Training, false) => "trains",
                (Activity::Training, true) => "measures",
                _ => "stops",
            },
            rank.cells,
            span(rank.seconds),
            rank.epoch,
            100.0 * rank.done_fraction
        ),
        Activity::Starting => "starts".to_string(),
        Activity::Idle => "waits".to_string(),
        Activity::Released => "has left".to_string(),
        Activity::Lost => "IS LOST".to_string(),
    };
    let silent = if rank.silent > 15.0 { format!(", silent for {}", span(rank.silent)) } else { String::new() };
    format!("  rank {}{host}: {does}{silent}", rank.rank)
}
