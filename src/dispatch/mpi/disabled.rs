//! The world of a binary without MPI: it cannot be started, and so nothing here is ever run.

use std::convert::Infallible;
use std::time::Duration;

use super::super::in_process::InProcess;
use super::super::message::{ToCoordinator, ToWorker};
use super::super::outcome::Outcome;
use super::super::settings::{DispatchError, Settings};
use super::super::task::WorkerId;
use super::super::transport::{Transport, TransportError};
use super::{Launch, WorldError};

/// A world that does not exist.
#[derive(Debug)]
pub struct World(Infallible);

impl World {
    /// Refuses.
    ///
    /// # Errors
    /// Always [`WorldError::NotBuilt`].
    pub fn start(_launch: Option<Launch>) -> Result<World, WorldError> {
        Err(WorldError::NotBuilt)
    }

    /// Version of the MPI library; `None` without one.
    pub fn library() -> Option<String> {
        None
    }

    /// See the module.
    pub fn rank(&self) -> u32 {
        match self.0 {}
    }

    /// See the module.
    pub fn size(&self) -> u32 {
        match self.0 {}
    }

    /// See the module.
    pub fn local_rank(&self) -> u32 {
        match self.0 {}
    }

    /// See the module.
    pub fn local_size(&self) -> u32 {
        match self.0 {}
    }

    /// See the module.
    pub fn thread_level(&self) -> &'static str {
        match self.0 {}
    }

    /// See the module.
    pub fn barrier(&self) {
        match self.0 {}
    }

    /// See the module.
    pub fn broadcast_bytes(&self, _root: u32, _bytes: Vec<u8>) -> Vec<u8> {
        match self.0 {}
    }

    /// See the module.
    pub fn tell_node(&self, _bytes: Vec<u8>) -> Vec<Vec<u8>> {
        match self.0 {}
    }

    /// See the module.
    pub fn abort(&self, _code: i32) -> ! {
        match self.0 {}
    }
}

/// The transport of a world that does not exist.
#[derive(Debug)]
pub(in crate::dispatch) struct Hub(Infallible);

impl Hub {
    pub(in crate::dispatch) fn new(world: &World, _threads: InProcess) -> Hub {
        match world.0 {}
    }
}

impl Transport for Hub {
    fn workers(&self) -> Vec<WorkerId> {
        match self.0 {}
    }

    fn send(&mut self, _worker: WorkerId, _message: ToWorker) -> Result<(), TransportError> {
        match self.0 {}
    }

    fn receive(&mut self, _patience: Duration) -> Result<Option<(WorkerId, ToCoordinator)>, TransportError> {
        match self.0 {}
    }

    fn survives_loss(&self) -> bool {
        match self.0 {}
    }

    fn has_heartbeat(&self) -> bool {
        match self.0 {}
    }

    fn beat(&mut self) -> Result<(), TransportError> {
        match self.0 {}
    }

    fn close(&mut self, _patience: Duration) -> Result<(), TransportError> {
        match self.0 {}
    }
}

pub(in crate::dispatch) fn serve(
    world: &World,
    _threads: InProcess,
    _settings: &Settings,
) -> Result<Outcome, DispatchError> {
    match world.0 {}
}
