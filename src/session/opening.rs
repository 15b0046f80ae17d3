//! How ranks agree on the plan before anything is trained.
//!
//! Rank 0 reads and checks everything; the others receive the sweep's text and the digests of its data, and compute the
//! same plan from them. A fault that rank 0 finds, in the sweep or in the run directory, ends all ranks with one exit
//! code, and rank 0 alone prints it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::examination::{Examined, examine};
use super::{SessionError, Settings};
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
    /// What rank 0 found of the data; nothing on the others.
    pub(super) examined: Examined,
}

/// What rank 0 tells the others.
#[derive(Serialize, Deserialize)]
enum Word {
    Plan { text: String, digests: Vec<String> },
    Proceed,
    Fault { kind: Fault },
}

/// Which exit code a fault of rank 0 has.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum Fault {
    Input,
    Resumable,
    Bug,
}

impl Fault {
    fn of(error: &SessionError) -> Fault {
        match error {
            SessionError::Resumable(_) => Fault::Resumable,
            SessionError::Bug(_) => Fault::Bug,
            _ => Fault::Input,
        }
    }

    /// The same fault on a rank that leaves the talking to rank 0.
    fn echoed(self) -> SessionError {
        match self {
            Fault::Input => SessionError::Input(String::new()),
            Fault::Resumable => SessionError::Resumable(String::new()),
            Fault::Bug => SessionError::Bug("rank 0 says which".to_string()),
        }
    }
}

/// Agrees on the plan. `fault` is what rank 0 has found wrong already.
///
/// # Errors
/// Rank 0's fault, on every rank; its words on rank 0 alone.
pub(super) fn agree(
    settings: &Settings,
    world: Option<&World>,
    fault: Option<SessionError>,
) -> Result<Opening, SessionError> {
    let spoken = fault
        .map_or_else(|| if leads(world) { speak(settings) } else { Ok((Word::Proceed, Examined::default())) }, Err);
    let (spoken, examined) = match spoken {
        Ok((word, examined)) => (Ok(word), examined),
        Err(fault) => (Err(fault), Examined::default()),
    };
    let Word::Plan { text, digests } = pass_on(world, spoken)? else {
        return Err(SessionError::Bug("rank 0 told no plan".to_string()));
    };
    let name = settings.sweep_file.display().to_string();
    let sweep = sweep::parse(&text, &name, &settings.overrides)
        .map_err(|diagnostics| SessionError::Input(diagnostics.to_string()))?;
    let root = settings.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(&sweep.name));
    let text = with_overrides(&text, &settings.overrides);
    Ok(Opening { plan: Plan::new(sweep, &digests), text, directory: RunDirectory::at(root), examined })
}

/// Tells the others whether rank 0 has found the ground in order.
///
/// # Errors
/// Rank 0's fault, on every rank; its words on rank 0 alone.
pub(super) fn proceed<T>(world: Option<&World>, prepared: Result<T, SessionError>) -> Result<T, SessionError> {
    match prepared {
        Ok(prepared) => pass_on(world, Ok(Word::Proceed)).map(|_| prepared),
        Err(fault) => pass_on(world, Err(fault)).and(Err(SessionError::Bug("a fault was lost".to_string()))),
    }
}

fn leads(world: Option<&World>) -> bool {
    world.is_none_or(|world| world.rank() == 0)
}

/// Rank 0's word, on every rank.
fn pass_on(world: Option<&World>, spoken: Result<Word, SessionError>) -> Result<Word, SessionError> {
    let Some(world) = world else { return spoken };
    let bug = |error: serde_json::Error| SessionError::Bug(error.to_string());
    if world.rank() == 0 {
        let fault = |error| Word::Fault { kind: Fault::of(error) };
        let bytes = match &spoken {
            Ok(word) => serde_json::to_vec(word),
            Err(error) => serde_json::to_vec(&fault(error)),
        };
        world.broadcast_bytes(0, bytes.map_err(bug)?);
        return spoken;
    }
    match serde_json::from_slice(&world.broadcast_bytes(0, Vec::new())).map_err(bug)? {
        Word::Fault { kind } => Err(kind.echoed()),
        word => Ok(word),
    }
}

/// Reads and checks the sweep and its data.
fn speak(settings: &Settings) -> Result<(Word, Examined), SessionError> {
    let path = &settings.sweep_file;
    let text = std::fs::read_to_string(path).map_err(|error| {
        SessionError::Input(format!("error: the sweep file {} cannot be read: {error}", path.display()))
    })?;
    let sweep = sweep::parse(&text, &path.display().to_string(), &settings.overrides)
        .map_err(|diagnostics| SessionError::Input(diagnostics.to_string()))?;
    let examined = examine(&sweep)?;
    let plan = Plan::new(sweep, &examined.identities);
    plan.check_distinct().map_err(|sentence| SessionError::Input(format!("error: {sentence}")))?;
    Ok((Word::Plan { text, digests: examined.identities.clone() }, examined))
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
