//! How ranks agree on the plan before anything is trained.
//!
//! Rank 0 reads and checks everything; the others receive the sweep's text and the digests of its data, and compute the
//! same plan from them. A fault that rank 0 finds ends all ranks, and rank 0 alone prints it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{SessionError, Settings};
use crate::data;
use crate::dispatch::World;
use crate::plan::Plan;
use crate::store::RunDirectory;
use crate::sweep;

/// What the ranks agreed on.
pub(super) struct Opening {
    pub(super) plan: Plan,
    /// Text of the sweep file, with its overrides as comments.
    pub(super) text: String,
    pub(super) directory: RunDirectory,
}

/// What rank 0 tells the others.
#[derive(Serialize, Deserialize)]
struct Word {
    text: String,
    digests: Vec<String>,
}

/// Agrees on the plan; `None` on ranks that were told that rank 0 found a fault.
pub(super) fn agree(settings: &Settings, world: Option<&World>) -> Result<Option<Opening>, SessionError> {
    let rank = world.map_or(0, World::rank);
    let mut fault = None;
    let mut word = Vec::new();
    if rank == 0 {
        match speak(settings) {
            Ok(spoken) => word = serde_json::to_vec(&spoken).map_err(|error| SessionError::Bug(error.to_string()))?,
            Err(error) => fault = Some(error),
        }
    }
    if let Some(world) = world {
        // An empty word means a fault.
        word = world.broadcast_bytes(0, word);
    }
    if let Some(fault) = fault {
        return Err(fault);
    }
    if word.is_empty() {
        return Ok(None);
    }
    let word: Word = serde_json::from_slice(&word).map_err(|error| SessionError::Bug(error.to_string()))?;
    let name = settings.sweep_file.display().to_string();
    let sweep = sweep::parse(&word.text, &name, &settings.overrides)
        .map_err(|diagnostics| SessionError::Input(diagnostics.to_string()))?;
    let root = settings.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(&sweep.name));
    let text = with_overrides(&word.text, &settings.overrides);
    Ok(Some(Opening { plan: Plan::new(sweep, &word.digests), text, directory: RunDirectory::at(root) }))
}

/// Reads and checks the sweep, and digests its data.
fn speak(settings: &Settings) -> Result<Word, SessionError> {
    let path = &settings.sweep_file;
    let text = std::fs::read_to_string(path).map_err(|error| {
        SessionError::Input(format!("error: the sweep file {} cannot be read: {error}", path.display()))
    })?;
    let sweep = sweep::parse(&text, &path.display().to_string(), &settings.overrides)
        .map_err(|diagnostics| SessionError::Input(diagnostics.to_string()))?;
    let digests = sweep
        .data
        .iter()
        .map(|source| Ok(data::digest(source)?.to_hex().to_string()))
        .collect::<Result<_, SessionError>>()?;
    Ok(Word { text, digests })
}

/// The text that is kept with the results: what was given, and what overrode it.
fn with_overrides(text: &str, overrides: &[String]) -> String {
    if overrides.is_empty() {
        return text.to_string();
    }
    let lines: Vec<String> = overrides.iter().map(|value| format!("{OVERRIDE}{value}\n")).collect();
    format!("{}\n{text}", lines.concat())
}

/// How an override is kept at the head of the sweep file in a run directory.
const OVERRIDE: &str = "#: --set ";

/// The overrides that a kept sweep file was run with.
pub(super) fn overrides_in(text: &str) -> Vec<String> {
    text.lines().map_while(|line| line.strip_prefix(OVERRIDE)).map(str::to_string).collect()
}
