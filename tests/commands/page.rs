//! The page docs/commands.md: its commands, run in their order in a directory that has the repository's sweeps.

use std::path::Path;
use std::process::Command;

use crate::rig::has_report;

#[test]
fn the_page_of_commands_does_what_it_says() {
    let page = std::fs::read_to_string("docs/commands.md").unwrap();
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line == "```sh" {
            blocks.push(lines.by_ref().take_while(|line| !line.starts_with("```")).collect::<Vec<_>>().join("\n"));
        }
    }
    assert_eq!(blocks.len(), 5, "each block is executed");
    if !has_report() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("sweeps")).unwrap();
    std::fs::copy("sweeps/quick.toml", directory.path().join("sweeps/quick.toml")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_phasesweep"));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    for block in blocks {
        let mut bash = Command::new("bash");
        let output = bash.args(["-euc", &block]).current_dir(directory.path()).env("PATH", &path).output().unwrap();
        assert!(output.status.success(), "{block}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    // The shorter run's seeds are the longer one's first: its cells are in both, to the bit.
    let compared = std::fs::read_to_string(directory.path().join("compared.json")).unwrap();
    let compared: serde_json::Value = serde_json::from_str(&compared).unwrap();
    let bits = &compared["with_first"][0]["bits"];
    assert_eq!(
        (&bits["cells_in_both"], &bits["cells_in_first"], &bits["cells_in_second"]),
        (&16.into(), &0.into(), &8.into())
    );
    assert!(bits["variables"].as_array().unwrap().iter().all(|variable| variable["agrees"] == true), "{bits}");
    for file in [
        "runs/before/export/parquet/trajectories_wide.parquet",
        "tables/cells.csv",
        "runs/before/export/netcdf/results.nc",
    ] {
        assert!(directory.path().join(file).is_file(), "{file}");
    }
}
