//! How often a flow waits for its device: once a block, and once more where it is looked at.

use std::path::Path;

use super::*;
use crate::sweep::Flow;
use crate::train::burn::transfer::fetches;
use crate::train::flow::tests::case::{FLOW, MEAN_FIELD, mlp, problem, replica};

#[test]
fn a_block_is_fetched_once_and_a_point_where_something_is_due() {
    let mut problem = problem(mlp(&[12]), MEAN_FIELD, 40, 240);
    problem.recorded = vec![0, 240];
    problem.flow.as_mut().unwrap().observe.stages = vec![0.0, 1.0];
    // So short steps that all are taken and nothing is reached before the last one.
    let numbers = Flow { precision: Precision::F32, alpha: 100.0, output_change: 1e-3, kink_change: 0.0, ..FLOW };
    let replicas = [replica(1, numbers), replica(2, numbers), replica(3, numbers)];
    let before = fetches();
    let mut engine = engine(&problem, &replicas, fresh(&problem, &replicas), Cut { block: 20, ..CUT });
    assert_eq!(fetches() - before, 1, "the start");
    engine.advance(241).unwrap();
    let states = engine.states().unwrap();
    let trials = |state: &ReplicaState| 240 + flow(state).rejected as usize;
    let longest = states.iter().map(trials).max().unwrap();
    // Trials that are not taken make blocks that are not full of steps, and the end one fetch more.
    let blocks = longest.div_ceil(20);
    let waited = fetches() - before - 1;
    assert!((blocks + 1..=blocks + 2).contains(&waited), "{waited} fetches, {blocks} blocks");
    assert!(states.iter().all(|state| state.epoch == 241));
}

#[test]
fn nothing_else_reads_a_tensor() {
    let readers = ["into_data", "to_data", "into_scalar", "try_execute", ".sync("];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/train/flow/device");
    // Where the tests run without their sources, there is nothing to be read.
    let Ok(entries) = std::fs::read_dir(&folder) else { return };
    let files = entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "rs"));
    let mut seen = 0;
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            assert!(readers.iter().all(|reader| !line.contains(reader)), "{}: {line}", path.display());
        }
        seen += 1;
    }
    assert!(seen > 4, "{seen} files");
}
