//! What every kind of refusal prints, and its exit code, held against `errors.txt`: a message that people search for changes on
//! purpose or not at all. `PHASESWEEP_REGENERATE=1` writes the file anew.

use std::fmt::Write;

use crate::rig::{phasesweep, small_run};

/// Commands in a directory that holds `sweep.toml`, a finished run `small`, `empty/` and `file`.
const COMMANDS: [&str; 28] = [
    "frobnicate",
    "run",
    "run nowhere.toml",
    "run sweep.toml --set train.epoch=3",
    "run sweep.toml --set train.epochs=-3",
    "plan empty",
    "submit sweep.toml --launcher horse",
    "status nowhere",
    "status empty",
    "status file",
    "status small --every never",
    "watch empty",
    "serve nowhere",
    "serve small --listen example.org",
    "serve small --token short",
    "show small --cell zz",
    "show small",
    "slice small --cell zz",
    "observe small --set sharpness",
    "observe small --set nothing={}",
    "collect empty",
    "report nowhere",
    "report empty",
    "compare small",
    "compare small small --group-by colour",
    "export small --to papyrus",
    "data fetch toaster",
    "complete tcsh",
];

#[test]
fn refusals_say_what_they_said() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    small_run(root);
    std::fs::create_dir(root.join("empty")).unwrap();
    std::fs::write(root.join("file"), "no run").unwrap();
    let mut told = String::new();
    for line in COMMANDS {
        let mut command = phasesweep();
        // Widths of help follow the terminal's, of which there is none.
        let output = command.args(line.split(' ')).current_dir(root).env("COLUMNS", "100").output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).replace(&*root.to_string_lossy(), "DIRECTORY");
        let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        assert!(output.stdout.is_empty(), "{line}: {}", String::from_utf8_lossy(&output.stdout));
        let code = output.status.code().expect("it ends by itself");
        assert_eq!(code, 2, "{line}: {text}");
        writeln!(told, "$ phasesweep {line}\n{}\n", text.trim_end()).unwrap();
    }
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/commands/errors.txt");
    if std::env::var_os("PHASESWEEP_REGENERATE").is_some() {
        std::fs::write(kept, &told).unwrap();
    }
    let expected = std::fs::read_to_string(kept).unwrap();
    let at = expected.lines().zip(told.lines()).position(|(expected, told)| expected != told);
    assert!(
        expected == told,
        "tests/commands/errors.txt differs from line {:?}; it is now:\n{told}",
        at.map(|at| at + 1)
    );
}
