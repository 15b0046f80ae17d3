//! What `phasesweep-report` does beside the report: a file a subcommand, arguments and printing; no statistics.

pub(crate) mod compare;
pub(crate) mod complete;
pub(crate) mod export;

/// How a subcommand ended: what is printed on standard output, or why it could not do its work.
pub(crate) type Outcome = Result<String, String>;
