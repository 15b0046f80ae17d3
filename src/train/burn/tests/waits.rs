//! How often training waits for its device: once a block of epochs, whatever is trained and measured, and never for a step.
//!
//! A GPU is fed faster than it computes only as long as nobody asks it for a number.

use std::path::Path;

use super::*;
use crate::train::burn::transfer::fetches;

/// Epochs after which the measurements of a block are fetched.
const BLOCK: usize = 50;

#[test]
fn measurements_are_fetched_once_a_block_and_steps_never() {
    let rule = |kind| OptimiserKind::Rule(kind);
    let long = |problem: Problem| Problem {
        epochs: 119,
        recorded: (0..=119).collect(),
        manifold: (0..=119).collect(),
        snapshots: vec![0, 60, 119],
        ..problem
    };
    let full = long(mlp(&[5], 3));
    let cases = [
        full.clone(),
        Problem { optimiser: rule(Rule::Adam), ..full.clone() },
        Problem { batch: Batch::Mini { size: 8 }, ..full.clone() },
        Problem { batch: Batch::Mini { size: 8 }, optimiser: rule(Rule::Adamw), ..full.clone() },
        long(listed("poolings", Batch::Full)),
    ];
    // One stack, which is trained on this thread, where its fetches are counted; SAM takes two gradients a step.
    let plain = [replica(1, sgd(0.01, 0.9, 0.01)), pruned(2, sgd(0.02, 0.0, 0.0))];
    let climbing = [recipes(0.01)[0].clone()];
    let runs = cases.iter().map(|problem| (problem, &plain[..])).chain([(&full, &climbing[..])]);
    for (problem, replicas) in runs {
        let states = replicas.iter().map(|replica| start(problem, replica)).collect();
        let mut engine = engine(problem, replicas, states);
        assert_eq!(engine.stacks.len(), 1);
        let before = fetches();
        engine.advance(problem.epochs + 1).unwrap();
        assert_eq!(engine.stacks[0].members().len(), replicas.len(), "nobody diverged");
        assert_eq!(fetches() - before, 120_usize.div_ceil(BLOCK), "{:?}", problem.batch);
    }
}

#[test]
fn nothing_else_reads_a_tensor() {
    let readers = ["into_data", "to_data", "into_scalar", "try_execute", ".sync("];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/train/burn");
    // Where the tests run without their sources, there is nothing to be read.
    let Ok(entries) = std::fs::read_dir(&folder) else { return };
    let mut seen = 0;
    for path in entries.chain(std::fs::read_dir(folder.join("stack")).unwrap()).map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "rs") || path.ends_with("transfer.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            assert!(readers.iter().all(|reader| !line.contains(reader)), "{}: {line}", path.display());
        }
        seen += 1;
    }
    assert!(seen > 12, "{seen} files");
}
