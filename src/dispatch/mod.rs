//! Who trains which cohort: messages, the coordinator (a pure state machine), workers and transports.
//!
//! [`run()`] is the way in. It feeds what happens to the [`Coordinator`], carries out what that decides, and tells an
//! [`Observer`]. Every worker builds its own [`CohortRunner`]; where the workers are is a [`Topology`]: threads of this
//! process, or the ranks of an MPI [`World`]. Messages carry ids and small numbers, never tensors.

mod coordinator;
mod event;
pub(crate) mod foreign;
mod in_process;
mod message;
mod mpi;
mod observer;
mod outcome;
mod run;
mod settings;
pub mod simulation;
mod task;
mod transport;
mod worker;

pub use coordinator::{Coordinator, Rules};
pub use event::{Command, Event, Note};
pub use message::MessageError;
pub use mpi::{Launch, World, WorldError};
pub use observer::{Observer, ObserverError};
pub use outcome::{Activity, CellFailure, End, Outcome, Progress, Seconds, StopCause, WorkerProgress};
pub use run::{Topology, run};
pub use settings::{DispatchError, Settings};
pub use task::{CohortTask, FailureReason, TaskId, WorkerId};
pub use transport::TransportError;
pub use worker::{CohortOutcome, CohortRunner, Control};
