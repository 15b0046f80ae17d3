//! How a run begins: what the ranks agree on, what the data hold, when the allocation ends, and which signals end it.

pub(in crate::session) mod deadline;
pub(in crate::session) mod examination;
pub(in crate::session) mod handshake;
pub(in crate::session) mod launch;
pub(in crate::session) mod pools;
pub(in crate::session) mod signals;
