//! How ranks agree on the plan before anything is trained.
//!
//! Rank 0 reads and checks everything; the others receive the sweep as it was asked for and what is known of its data, and
//! compute the same plan from them. A fault that rank 0 finds, in the sweep or in the run directory, ends all ranks with one exit
//! code, and rank 0 alone prints it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::examination::{Examined, examine};
use super::{SessionError, Settings};
use crate::data;
use crate::dispatch::World;
use crate::plan::Plan;
use crate::run_directory::{DataRecord, Record, RunDirectoryError, SweepInput, check_claim, check_data};
use crate::store::RunDirectory;
use crate::sweep::Sweep;

/// What the ranks agreed on.
pub(super) struct Opening {
    pub(super) plan: Plan,
    /// What the run directory is to know of the run.
    pub(super) record: Record,
    pub(super) directory: RunDirectory,
    /// What rank 0 found of the data; nothing on the others.
    pub(super) examined: Examined,
}

/// What rank 0 tells the others.
#[derive(Serialize, Deserialize)]
enum Word {
    Plan {
        record: Box<Record>,
        /// What errors call the sweep file.
        name: String,
        root: PathBuf,
    },
    Proceed,
    Fault {
        kind: Fault,
    },
}

/// What rank 0 has read besides what it tells the others.
struct Read {
    sweep: Sweep,
    examined: Examined,
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
    let read = match fault {
        Some(fault) => Err(fault),
        None if leads(world) => read(settings).map(|(word, read)| (word, Some(read))),
        None => Ok((Word::Proceed, None)),
    };
    let (spoken, read) = match read {
        Ok((word, read)) => (Ok(word), read),
        Err(fault) => (Err(fault), None),
    };
    let Word::Plan { record, name, root } = pass_on(world, spoken)? else {
        return Err(SessionError::Bug("rank 0 told no plan".to_string()));
    };
    let Read { sweep, examined } = match read {
        Some(read) => read,
        None => {
            let sweep = record.definition.sweep(&name).map_err(RunDirectoryError::from)?;
            Read { sweep, examined: Examined::default() }
        }
    };
    let plan = Plan::new(sweep, &record.identities());
    Ok(Opening { plan, record: *record, directory: RunDirectory::at(root), examined })
}

/// Tells the others whether rank 0 has found the run directory in order.
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
        // Paths are all that may have no such form; whatever happens, the others must hear something.
        let written = spoken.and_then(|word| {
            let bytes = serde_json::to_vec(&word).map_err(|error| {
                SessionError::Input(format!("error: ranks cannot be told of a path that is not UTF-8: {error}"))
            })?;
            Ok((word, bytes))
        });
        return match written {
            Ok((word, bytes)) => {
                world.broadcast_bytes(0, bytes);
                Ok(word)
            }
            Err(error) => {
                world.broadcast_bytes(0, serde_json::to_vec(&Word::Fault { kind: Fault::of(&error) }).map_err(bug)?);
                Err(error)
            }
        };
    }
    match serde_json::from_slice(&world.broadcast_bytes(0, Vec::new())).map_err(bug)? {
        Word::Fault { kind } => Err(kind.echoed()),
        word => Ok(word),
    }
}

/// Reads and checks the sweep, its data, and whether it may be run into the directory.
fn read(settings: &Settings) -> Result<(Word, Read), SessionError> {
    let input = SweepInput::read(&settings.sweep_file, &settings.overrides, settings.overrides_from.as_deref())?;
    let sweep = input.sweep().map_err(RunDirectoryError::from)?;
    let root = settings.out.clone().unwrap_or_else(|| input.default_directory(&sweep));
    let mut examined = examine(&sweep)?;
    let mut data: Vec<DataRecord> = Vec::new();
    for (entry, identity) in sweep.data.iter().zip(&examined.identities) {
        let pool = match data::generated_identity(entry) {
            Some(_) => None,
            None => Some(examined.pools.get(entry)?),
        };
        let record = DataRecord::new(entry, identity.clone(), pool.as_ref().and_then(|pool| pool.dir()))?;
        if let Some(same) = data.iter().find(|known| record.has_the_cells_of(known)) {
            return Err(SessionError::Input(format!(
                "error: the sweep names the same samples twice, in {} and in {}: their cells would be the same. Leave one of \
                 the two out",
                same.place(),
                record.place()
            )));
        }
        data.push(record);
    }
    if let (Some(from), false) = (&input.from, settings.accept_changes) {
        check_data(from, &input.data, &data)?;
    }
    let record = Record::new(&sweep.name, input.definition, data);
    let plan = Plan::new(sweep.clone(), &record.identities());
    plan.check_distinct().map_err(|sentence| SessionError::Input(format!("error: {sentence}")))?;
    if !settings.accept_changes {
        check_claim(&RunDirectory::at(&root), &record, &plan)?;
    }
    Ok((Word::Plan { record: Box::new(record), name: input.name, root }, Read { sweep, examined }))
}
