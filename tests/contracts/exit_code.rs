//! Running a command whose exit code is known beforehand. `tests/commands` uses this file, too.

use std::process::{Command, Output};

/// Runs a command and insists on an exit code.
pub(crate) fn expect_code(command: &mut Command, code: i32) -> Output {
    let output = command.output().expect("the program starts");
    assert_eq!(
        output.status.code(),
        Some(code),
        "{command:?}\nstdout: {}\nstderr: {}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
