//! Parse arguments, call the library, turn the outcome into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    phasesweep::cli::main()
}
