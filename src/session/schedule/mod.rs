//! What is left to do, what it costs, and how it is cut into cohorts.

pub(in crate::session) mod adaptive;
pub(in crate::session) mod forecast;
pub(in crate::session) mod measuring;
pub(in crate::session) mod remaining;
pub(in crate::session) mod trials;
