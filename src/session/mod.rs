//! How the rooms meet in one `phasesweep run` or `phasesweep observe`: from the sweep file to `results.h5`, on one process or
//! on every rank.
//!
//! Rank 0 reads the sweep and its data and tells the others what was asked for and what the data are, so that all compute
//! the same plan; it alone looks at the run directory, packs what is left, coordinates, and collects. Every rank trains, or
//! measures, and writes its own parts.

mod addition_context;
mod conduct;
mod coordinator;
mod error;
mod execution;
mod observe;
mod run;
mod run_context;
mod schedule;
mod settings;
mod start;
mod worker;

pub use conduct::cost;
pub use error::SessionError;
pub use execution::{Execution, ExecutionOptions};
pub use observe::{observe, plan_observe};
pub use run::run;
pub use schedule::forecast::{Forecast, heaviest_cell};
pub use schedule::measuring::MeasuringForecast;
pub use settings::{AbortCodes, Ending, JobSettings, ObserveSettings, Settings};
pub use start::examination::findings_of_plan;
pub use start::launch::allowance;
