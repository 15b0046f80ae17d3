//! What a wrong sweep file says: every fault at once, underlined, with what is allowed, and exit code 2.

use crate::rig::{SMALL, expect_code, phasesweep, sweep_file};

#[test]
fn every_fault_is_reported_at_once_and_underlined() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = SMALL
        .replace("source = \"digits\"", "source = \"digit\"")
        .replace("lr = [0.2, 0.4]", "lr = []")
        .replace("epochs = 120", "epochs = 0")
        .replace("activation", "activaton");
    let output = expect_code(phasesweep().arg("plan").arg(sweep_file(dir.path(), &wrong)), 2);
    let said = String::from_utf8_lossy(&output.stderr);
    for piece in ["\"digit\"", "fashion-mnist", "lr", "epochs", "activaton", "activation", "^"] {
        assert!(said.contains(piece), "`{piece}` is missing from:\n{said}");
    }
}

#[test]
fn a_missing_file_and_a_wrong_override_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let output = expect_code(phasesweep().args(["plan", "no-such.toml"]), 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no-such.toml"));
    let sweep = sweep_file(dir.path(), SMALL);
    let output = expect_code(phasesweep().arg("plan").arg(&sweep).args(["--set", "train.epoch=3"]), 2);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("epochs") && said.contains("--set"), "{said}");
}

#[test]
fn a_device_that_was_not_compiled_in_names_its_feature() {
    if cfg!(feature = "cuda") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), SMALL);
    let out = dir.path().join("out");
    let output = expect_code(phasesweep().arg("run").arg(sweep).arg("--out").arg(out).args(["--device", "cuda:0"]), 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--features cuda"));
}
