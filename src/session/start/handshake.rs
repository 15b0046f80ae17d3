//! The handshake at the start of a run: rank 0 loads the question, broadcasts it, and all ranks agree on the plan.
//!
//! Rank 0 reads and checks everything; the others receive the sweep as it was asked for and what is known of its data, and
//! compute the same plan from them. A fault that rank 0 finds, in the sweep or in the run directory, ends all ranks with one exit
//! code, and rank 0 alone prints it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::examination::{Examined, examine};
use crate::data;
use crate::dispatch::World;
use crate::plan::Plan;
use crate::run_directory::{Addition, DataRecord, Record, RunDirectoryError, SweepInput, check_claim, check_data};
use crate::session::error::SessionError;
use crate::session::settings::Settings;
use crate::store::RunDirectory;
use crate::sweep::Sweep;

/// What the ranks agreed on.
pub(in crate::session) struct Agreement {
    pub(in crate::session) plan: Plan,
    /// What the run directory is to know of the run.
    pub(in crate::session) record: Record,
    pub(in crate::session) directory: RunDirectory,
    /// What is to be measured after the run; nothing where a run is trained.
    pub(in crate::session) additions: Vec<Addition>,
    /// What rank 0 found of the data; nothing on the others.
    pub(in crate::session) examined: Examined,
}

/// What rank 0 broadcasts.
#[derive(Serialize, Deserialize)]
enum Message {
    Plan {
        record: Box<Record>,
        /// What errors call the sweep file.
        name: String,
        root: PathBuf,
        additions: Vec<Addition>,
    },
    Confirm,
    Fault {
        kind: Fault,
    },
}

/// What rank 0 has loaded.
pub(in crate::session) struct Loaded {
    /// What the run directory is to know of the run.
    pub(in crate::session) record: Record,
    /// What errors call the sweep file.
    pub(in crate::session) name: String,
    /// The run directory.
    pub(in crate::session) root: PathBuf,
    /// What is to be measured after the run.
    pub(in crate::session) additions: Vec<Addition>,
    /// The checked sweep.
    pub(in crate::session) sweep: Sweep,
    /// What was found of its data.
    pub(in crate::session) examined: Examined,
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
            SessionError::Resumable(_) | SessionError::ResumableOnRankZero => Fault::Resumable,
            SessionError::Bug(_) => Fault::Bug,
            _ => Fault::Input,
        }
    }

    /// The same fault on a rank other than 0, which prints nothing: rank 0 does.
    fn on_other_ranks(self) -> SessionError {
        match self {
            Fault::Input => SessionError::OnRankZero,
            Fault::Resumable => SessionError::ResumableOnRankZero,
            Fault::Bug => SessionError::Bug("rank 0 says which".to_string()),
        }
    }
}

/// Agrees on the plan, which `load` gives rank 0. `fault` is a fault that rank 0 has found already.
///
/// # Errors
/// Rank 0's fault, on every rank; its text on rank 0 alone.
pub(in crate::session) fn agree_on_plan(
    world: Option<&World>,
    fault: Option<SessionError>,
    load: impl FnOnce() -> Result<Loaded, SessionError>,
) -> Result<Agreement, SessionError> {
    let read = match fault {
        Some(fault) => Err(fault),
        None if is_rank_0(world) => load().map(|Loaded { record, name, root, additions, sweep, examined }| {
            (Message::Plan { record: Box::new(record), name, root, additions }, Some((sweep, examined)))
        }),
        None => Ok((Message::Confirm, None)),
    };
    let (sent, read) = match read {
        Ok((message, read)) => (Ok(message), read),
        Err(fault) => (Err(fault), None),
    };
    let Message::Plan { record, name, root, additions } = broadcast(world, sent)? else {
        return Err(SessionError::Bug("rank 0 told no plan".to_string()));
    };
    let (sweep, examined) = match read {
        Some(read) => read,
        None => (record.definition.sweep(&name).map_err(RunDirectoryError::from)?, Examined::default()),
    };
    let plan = Plan::new(sweep, &record.identities());
    Ok(Agreement { plan, record: *record, directory: RunDirectory::at(root), additions, examined })
}

/// Tells the others whether rank 0 has found the run directory in order.
///
/// # Errors
/// Rank 0's fault, on every rank; its text on rank 0 alone.
pub(in crate::session) fn confirm<T>(
    world: Option<&World>,
    prepared: Result<T, SessionError>,
) -> Result<T, SessionError> {
    match prepared {
        Ok(prepared) => broadcast(world, Ok(Message::Confirm)).map(|_| prepared),
        Err(fault) => broadcast(world, Err(fault)).and(Err(SessionError::Bug("a fault was lost".to_string()))),
    }
}

fn is_rank_0(world: Option<&World>) -> bool {
    world.is_none_or(|world| world.rank() == 0)
}

/// Rank 0's message, on every rank.
fn broadcast(world: Option<&World>, sent: Result<Message, SessionError>) -> Result<Message, SessionError> {
    let Some(world) = world else { return sent };
    let bug = |error: serde_json::Error| SessionError::Bug(error.to_string());
    if world.rank() == 0 {
        // Paths are all that may have no such form; whatever happens, the others must hear something.
        let written = sent.and_then(|message| {
            let bytes = serde_json::to_vec(&message).map_err(|error| {
                SessionError::Input(format!("ranks cannot be told of a path that is not UTF-8: {error}"))
            })?;
            Ok((message, bytes))
        });
        return match written {
            Ok((message, bytes)) => {
                world.broadcast_bytes(0, bytes);
                Ok(message)
            }
            Err(error) => {
                world.broadcast_bytes(0, serde_json::to_vec(&Message::Fault { kind: Fault::of(&error) }).map_err(bug)?);
                Err(error)
            }
        };
    }
    match serde_json::from_slice(&world.broadcast_bytes(0, Vec::new())).map_err(bug)? {
        Message::Fault { kind } => Err(kind.on_other_ranks()),
        message => Ok(message),
    }
}

/// Reads and checks the sweep, its data, and whether it may be run into the directory.
///
/// # Errors
/// The sweep or its data are wrong, or the directory belongs to another sweep.
pub(in crate::session) fn load_run(settings: &Settings) -> Result<Loaded, SessionError> {
    let input = SweepInput::read(&settings.sweep_file, &settings.overrides, settings.overrides_from.as_deref())?;
    let sweep = input.sweep().map_err(RunDirectoryError::from)?;
    let root = settings.out.clone().unwrap_or_else(|| input.default_directory(&sweep));
    let mut examined = examine(&sweep)?;
    let data = data_records(&sweep, &mut examined)?;
    if let (Some(from), false) = (&input.from, settings.accept_changes) {
        check_data(from, &input.data, &data)?;
    }
    let record = Record::new(&sweep.name, input.definition, data);
    let plan = Plan::new(sweep.clone(), &record.identities());
    plan.check_distinct().map_err(SessionError::Input)?;
    if !settings.accept_changes {
        check_claim(&RunDirectory::at(&root), &record, &plan)?;
    }
    Ok(Loaded { record, name: input.name, root, additions: Vec::new(), sweep, examined })
}

/// What a run directory keeps of a sweep's data, as they are on this machine.
///
/// # Errors
/// A source is not there or not right, or the sweep names the same samples twice.
pub(in crate::session) fn data_records(
    sweep: &Sweep,
    examined: &mut Examined,
) -> Result<Vec<DataRecord>, SessionError> {
    let mut data: Vec<DataRecord> = Vec::new();
    for (entry, identity) in sweep.data.iter().zip(&examined.identities) {
        let pool = match data::generated_identity(entry) {
            Some(_) => None,
            None => Some(examined.pools.get(entry)?),
        };
        let record = DataRecord::new(entry, identity.clone(), pool.as_deref())?;
        if let Some(same) = data.iter().find(|known| record.has_the_cells_of(known)) {
            return Err(SessionError::Input(format!(
                "the sweep names the same samples twice, in {} and in {}: their cells would be the same. Leave one of \
                 the two out",
                same.place(),
                record.place()
            )));
        }
        data.push(record);
    }
    Ok(data)
}
