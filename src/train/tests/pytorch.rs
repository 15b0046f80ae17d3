//! What a sweep file says of training, from its keys to the weights after 20 epochs, against PyTorch: every rule with every
//! schedule, clipping, smoothed labels and SAM, by the CPU kernel and by burn.
//!
//! `pytorch.py` beside this file trains the same network on the same samples, in double precision, and writes `pytorch.json`.
//! `problem.json` is what both start from.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::data::{Block, Samples};
use crate::device::{KernelChoice, device_under_test};
use crate::sweep::{ArchitectureKind, Batch, Sweep, parse};
use crate::train::burn::BurnEngine;
use crate::train::kernel::KernelEngine;
use crate::train::order::epoch_order;
use crate::train::{Engine, Problem, Replica, ReplicaState};
use phasesweep_networks::Mlp;

const SEED: u64 = 3;
const SAMPLES: usize = 12;
const INPUTS: usize = 5;
const CLASSES: usize = 3;
const EPOCHS: usize = 20;

fn folder() -> &'static Path {
    Path::new("src/train/tests")
}

/// Weights may differ by this share of the greatest: 60 steps in f32 beside f64, where weights are of order 1.
const TOLERANCE: f64 = 1e-5;

/// Overlapping classes, from whole numbers alone, so that both programs have the same.
fn samples() -> Samples {
    let y: Vec<u16> = (0..SAMPLES).map(|sample| (sample % CLASSES) as u16).collect();
    let x = (0..SAMPLES * INPUTS).map(|k| {
        let (sample, input) = (k / INPUTS, k % INPUTS);
        let own = if input % CLASSES == sample % CLASSES { 0.75 } else { 0.0 };
        own + (((k * k * 7 + 13 * k + sample) % 33) as f32 - 16.0) / 16.0
    });
    Samples { x: x.collect(), y }
}

fn problem(sweep: &Sweep) -> Problem {
    let train = samples();
    let block = Block {
        features: INPUTS,
        live: (0..INPUTS as u32).collect(),
        image: None,
        classes: CLASSES,
        test: Samples { x: train.x[..4 * INPUTS].to_vec(), y: train.y[..4].to_vec() },
        train,
        source_index: (0..SAMPLES as u32).collect(),
    };
    Problem {
        block: Arc::new(block),
        noisy: Arc::default(),
        noise: vec![],
        architecture: ArchitectureKind::Mlp(Mlp { hidden: vec![4] }),
        activation: sweep.architectures[0].activation,
        layers: vec![1],
        loss: sweep.train.loss,
        optimiser: sweep.optimisers[0].kind,
        batch: sweep.train.batch,
        epochs: sweep.train.epochs,
        recorded: vec![0, sweep.train.epochs],
        manifold: vec![],
        snapshots: vec![],
        scheduled: Default::default(),
        flow: None,
    }
}

fn replica(sweep: &Sweep, pruned: &[usize]) -> Replica {
    let kept = (0..SAMPLES).map(|sample| !pruned.contains(&sample)).collect();
    Replica {
        seed: SEED,
        optimiser: sweep.optimisers[0].clone(),
        init_scale: 2.0,
        kept: Some(kept).filter(|_| !pruned.is_empty()),
    }
}

/// The sweep of a case: its keys in TOML.
fn sweep(optimiser: &Value, train: &Value) -> Sweep {
    let keys = |table: &Value| {
        let all = table.as_object().expect("a table").iter().filter(|(key, _)| *key != "pruned");
        all.map(|(key, value)| format!("{key} = {value}\n")).collect::<String>()
    };
    let text = format!(
        "[sweep]\nname = \"pytorch\"\nseeds = 1\n[[data]]\nsource = \"digits\"\n[[subsample]]\nsize = 100\n\
         [[architecture]]\nkind = \"mlp\"\nhidden = [4]\nactivation = \"tanh\"\n[[optimiser]]\n{}[train]\n{}",
        keys(optimiser),
        keys(train)
    );
    parse(&text, "case.toml", &[]).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn both_programs_start_from_the_same() {
    let sweep = sweep(&json!({ "kind": "sgd", "lr": 1.0 }), &json!({ "epochs": EPOCHS }));
    let problem = problem(&sweep);
    let train = samples();
    let found = json!({
        "widths": [INPUTS, 4, CLASSES],
        "inputs": train.x.chunks(INPUTS).collect::<Vec<_>>(),
        "labels": train.y,
        "initial": problem.initial_parameters(&replica(&sweep, &[])),
        "orders": (0..EPOCHS).map(|epoch| epoch_order(SEED, epoch, SAMPLES)).collect::<Vec<_>>(),
    });
    let (path, text) = (folder().join("problem.json"), format!("{found}\n"));
    if std::env::var_os("PHASESWEEP_REGENERATE").is_some() {
        std::fs::write(&path, &text).expect("the file is written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{} is not what is trained here: its weights in pytorch.json are of no use", path.display());
}

#[test]
fn training_is_that_of_pytorch() {
    let text = std::fs::read_to_string(folder().join("pytorch.json")).expect("written by pytorch.py");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    assert!(cases.len() > 150, "{} cases", cases.len());
    let mut furthest = [0f64; 2];
    for case in &cases {
        let sweep = sweep(&case["optimiser"], &case["train"]);
        let listed = |value: &Value| value.as_array().into_iter().flatten().map(Value::clone).collect::<Vec<_>>();
        let pruned: Vec<usize> =
            listed(&case["train"]["pruned"]).iter().map(|v| v.as_u64().unwrap() as usize).collect();
        let expected: Vec<f64> = listed(&case["weights"]).iter().map(|v| v.as_f64().unwrap()).collect();
        let (problem, replica) = (problem(&sweep), replica(&sweep, &pruned));
        assert_eq!(problem.batch == Batch::Full, case["train"]["batch"].is_null());
        let scale = expected.iter().fold(0f64, |most, weight| most.max(weight.abs()));
        let state = ReplicaState::fresh(&problem, &replica);
        let replicas = vec![replica];
        let kernel =
            KernelEngine::new(&problem, &replicas, vec![state.clone()], 1, KernelChoice::Auto).expect("a chain");
        let burn = BurnEngine::new(device_under_test(), problem.clone(), replicas, vec![state]).expect("a network");
        let engines: [Box<dyn Engine>; 2] = [Box::new(kernel), Box::new(burn)];
        for (mut engine, furthest) in engines.into_iter().zip(&mut furthest) {
            engine.advance(problem.epochs + 1).expect("it trains");
            let trained = engine.states().expect("states").remove(0).parameters;
            assert_eq!(trained.len(), expected.len());
            let apart = trained.iter().zip(&expected).map(|(w, exact)| (f64::from(*w) - exact).abs() / scale);
            let apart = apart.fold(0f64, f64::max);
            *furthest = furthest.max(apart);
            assert!(apart < TOLERANCE, "{}: {apart:e} apart in {case}", engine.describe());
        }
    }
    println!("{} cases; furthest apart: kernel {:.1e}, burn {:.1e}", cases.len(), furthest[0], furthest[1]);
}
