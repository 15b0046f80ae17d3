//! The world of a binary with MPI.
//!
//! Invariants: MPI is initialised once, by [`World::start`], and finalised when the world is dropped, unless a rank
//! fell silent: finalising waits for everyone, so a broken world is left as it is, for [`World::abort`] or the launcher
//! to clear away.

mod hub;
mod post;
mod rank;

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::thread;
use std::time::Duration;

use ::mpi::Threading;
use ::mpi::collective::CommunicatorCollectives;
use ::mpi::environment::{Universe, initialize_with_threading, library_version};
use ::mpi::topology::SimpleCommunicator;
use ::mpi::traits::{Communicator, Root};

use super::{Launch, WorldError};

pub(in crate::dispatch) use hub::Hub;
pub(in crate::dispatch) use rank::serve;

/// All the ranks of this job. One per process, used by the thread that started it.
///
/// Dropping it waits for the other ranks to do the same. A rank that finds an error of its own before [`run`] (data
/// missing on its node) must therefore not drop it but [`World::abort`].
///
/// [`run`]: crate::dispatch::run()
pub struct World {
    universe: ManuallyDrop<Universe>,
    ranks: SimpleCommunicator,
    /// The ranks of this node. Freed before the universe, for MPI forbids it afterwards.
    node: ManuallyDrop<SimpleCommunicator>,
    rank: u32,
    size: u32,
    local_rank: u32,
    local_size: u32,
    level: Threading,
    /// A rank fell silent.
    broken: Cell<bool>,
    /// It was rank 0.
    deserted: Cell<bool>,
}

/// How long the other ranks leave rank 0 to say its last words, before one of them ends the job in its place.
const LAST_WORDS: Duration = Duration::from_secs(15);

impl World {
    /// Initialises MPI. To be called once, on every rank, by the thread that will do all communication.
    ///
    /// # Errors
    /// [`WorldError`] if MPI runs already, allows no threads, or was started by another MPI's launcher.
    pub fn start(launch: Option<Launch>) -> Result<World, WorldError> {
        // Only one thread of ours calls MPI, but which one is the caller's business.
        let started = initialize_with_threading(Threading::Serialized);
        let (universe, level) = started.ok_or(WorldError::AlreadyStarted)?;
        let ranks = universe.world();
        let library = || World::library().unwrap_or_else(|| "of unknown version".to_owned());
        if level < Threading::Funneled {
            return Err(WorldError::NoThreads { library: library() });
        }
        let (rank, size) = (ranks.rank() as u32, ranks.size() as u32);
        if let Some(Launch { launcher, size: Some(expected) }) = launch
            && expected > 1
            && size == 1
        {
            return Err(WorldError::Launcher { launcher, expected, seen: 1, library: library() });
        }
        let node = ranks.split_shared(ranks.rank());
        let (local_rank, local_size) = (node.rank() as u32, node.size() as u32);
        let universe = ManuallyDrop::new(universe);
        Ok(World {
            universe,
            ranks,
            node: ManuallyDrop::new(node),
            rank,
            size,
            local_rank,
            local_size,
            level,
            broken: Cell::new(false),
            deserted: Cell::new(false),
        })
    }

    /// Version of the MPI library, on one line.
    pub fn library() -> Option<String> {
        let text = library_version().ok()?;
        Some(text.trim_matches(|c: char| c.is_whitespace() || c == '\0').lines().next()?.to_owned())
    }

    /// This process, from 0.
    pub fn rank(&self) -> u32 {
        self.rank
    }

    /// Number of processes.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// This process among those of its node, from 0.
    pub fn local_rank(&self) -> u32 {
        self.local_rank
    }

    /// Number of processes on this node.
    pub fn local_size(&self) -> u32 {
        self.local_size
    }

    /// What the library allows threads to do.
    pub fn thread_level(&self) -> &'static str {
        match self.level {
            Threading::Single => "single",
            Threading::Funneled => "funneled",
            Threading::Serialized => "serialized",
            Threading::Multiple => "multiple",
        }
    }

    /// Waits, asleep, until every rank is here.
    pub fn barrier(&self) {
        wait_for_all(&self.ranks);
    }

    /// Everyone receives the root's bytes; what the others bring is ignored. Waits asleep. For small things: the plan's
    /// fingerprint, a path, a message.
    pub fn broadcast_bytes(&self, root: u32, bytes: Vec<u8>) -> Vec<u8> {
        // The ranks come at different times; the broadcasts themselves would spin while they wait.
        self.barrier();
        broadcast(&self.ranks, root, bytes)
    }

    /// Every rank of this node receives what each of them tells, in the order of their local ranks. For small things.
    pub fn tell_node(&self, bytes: Vec<u8>) -> Vec<Vec<u8>> {
        wait_for_all(&self.node);
        (0..self.local_size).map(|root| broadcast(&self.node, root, bytes.clone())).collect()
    }

    /// Ends every rank of the job at once with this exit code, silent ones included. For a run that has lost a rank
    /// ([`Outcome::lost`](crate::dispatch::Outcome::lost)), when everything is safe on disk; also for an error before the
    /// run. After a run that lost a rank, the first to do it is rank 0, unless it is the lost one: the others wait a
    /// while to be ended by it.
    pub fn abort(&self, code: i32) -> ! {
        if self.broken.get() && !self.deserted.get() && self.rank != 0 {
            thread::sleep(LAST_WORDS);
        }
        self.ranks.abort(code)
    }

    /// A rank fell silent: the world cannot be left in the orderly way.
    fn mark_broken(&self) {
        self.broken.set(true);
    }

    /// The rank that fell silent is rank 0.
    fn mark_deserted(&self) {
        self.mark_broken();
        self.deserted.set(true);
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "World {{ rank: {}, size: {}, broken: {} }}", self.rank, self.size, self.broken.get())
    }
}

impl Drop for World {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // A rank that unwinds leaves without a word too, and the launcher ends the job.
        if !self.broken.get() && !thread::panicking() {
            self.barrier();
            // SAFETY: each is dropped once, here, and not used afterwards.
            unsafe {
                ManuallyDrop::drop(&mut self.node);
                ManuallyDrop::drop(&mut self.universe);
            }
        }
    }
}

/// Waits, asleep, until every rank of a communicator is here.
fn wait_for_all(ranks: &SimpleCommunicator) {
    let mut nap = Nap::short();
    let mut request = ranks.immediate_barrier();
    while let Err(pending) = request.test() {
        request = pending;
        nap.sleep();
    }
}

/// Every rank of a communicator receives the root's bytes.
fn broadcast(ranks: &SimpleCommunicator, root: u32, bytes: Vec<u8>) -> Vec<u8> {
    let root_process = ranks.process_at_rank(root as i32);
    let mut length = bytes.len() as u64;
    root_process.broadcast_into(&mut length);
    let mut bytes = if ranks.rank() == root as i32 { bytes } else { vec![0; length as usize] };
    root_process.broadcast_into(&mut bytes[..]);
    bytes
}

/// Sleep between two looks at something: quick when much happens, cheap when nothing does.
///
/// It grows by a quarter, not by doubling: two ranks that wait for each other's answers oversleep in proportion to how
/// long they waited, and each one's oversleeping is the other's wait. With doubling, the naps of a ping-pong grow to the
/// longest; with a quarter, they shrink to the shortest.
#[derive(Debug)]
struct Nap {
    next: Duration,
    longest: Duration,
}

impl Nap {
    const SHORTEST: Duration = Duration::from_micros(50);

    /// At most 2 ms.
    fn short() -> Nap {
        Nap { next: Nap::SHORTEST, longest: Duration::from_millis(2) }
    }

    /// How long to sleep now.
    fn next(&mut self) -> Duration {
        let now = self.next.min(self.longest);
        self.next = (self.next * 5 / 4).min(self.longest);
        now
    }

    fn sleep(&mut self) {
        thread::sleep(self.next());
    }

    /// Something happened.
    fn reset(&mut self) {
        self.next = Nap::SHORTEST;
    }

    /// Changes the longest sleep.
    fn limit(&mut self, longest: Duration) {
        self.longest = longest;
    }
}
