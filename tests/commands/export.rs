//! A real run, exported and read by a real reader; the formats themselves are tested in `analysis/tests/export.rs`.

use std::process::Command;

use crate::rig::{expect_code, has_report, phasesweep, small_run};

#[test]
fn netcdf_of_a_run_is_read_by_xarray() {
    if !has_report() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let run = small_run(directory.path());
    let output = expect_code(phasesweep().arg("export").arg(&run).args(["--to", "netcdf", "--json"]), 0);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let folder = run.join("export/netcdf");
    assert_eq!(told["to"].as_str(), folder.to_str());
    expect_code(Command::new("ncdump").arg("-h").arg(folder.join("results.nc")), 0);
    let Ok(python) = std::env::var("PHASESWEEP_READERS") else {
        println!("skipped xarray: set PHASESWEEP_READERS to a Python that has it, as `make test` does");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/analysis/tests/export.py");
    expect_code(Command::new(python).args([script, "netcdf"]).arg(run.join("results.h5")).arg(&folder), 0);
}
