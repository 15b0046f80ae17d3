//! The commands that people and scripts touch, each through the real binary: what is served and to whom, what a terminal shows,
//! what is printed for programs, and what every refusal says.

#![allow(clippy::unwrap_used)]

mod errors;
#[path = "../contracts/exit_code.rs"]
mod exit_code;
mod export;
mod json;
mod rig;
mod serve;
mod watch;
