//! Steps of the optimiser in a sweep file: what is measured and kept at them, in results.h5 and behind it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::rig::{expect_code, mpirun, phasesweep, results, sweep_file};

/// Two sizes of training set, all samples and those that were classified at an epoch: passes of three, two and fewer steps. One
/// of the optimisers diverges at once.
const MINIBATCHES: &str = r#"
[sweep]
name = "steps"
seeds = 2

[[data]]
source = "digits"

[[subsample]]
size = [120, 80]

[[architecture]]
kind = "mlp"
hidden = [9, 7]
activation = "relu"

[[optimiser]]
kind = "sgd"
lr = [0.05, 1e20]

[[prune]]
remove = "none"

[[prune]]
remove = "misclassified"
epoch = 2

[train]
epochs = 5
batch = 40

[observe]
"#;

/// Everything at the same steps.
const AT_STEPS: &str = "weights = { steps = [0, 1, 2, 3, 4, 7, 10] }\n\
                        trajectory = { at = { steps = [0, 1, 2, 3, 4, 7, 10] } }\n\
                        weight_norm = { at = { steps = [0, 1, 2, 3, 4, 7, 10] } }\n";

const STEPS: [i64; 7] = [0, 1, 2, 3, 4, 7, 10];

/// Trains a sweep, of which cells may fail: one that is pruned by what a cell misclassified which had diverged by then.
fn run(mut command: Command, sweep: &str, dir: &Path, name: &str) -> std::path::PathBuf {
    let (scratch, out) = (dir.join(format!("{name}-sweep")), dir.join(name));
    std::fs::create_dir_all(&scratch).unwrap();
    let output = command.arg("run").arg(sweep_file(&scratch, sweep)).arg("--out").arg(&out).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    out
}

fn floats(file: &hdf5::File, name: &str) -> (Vec<usize>, Vec<f32>) {
    let dataset = file.dataset(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    (dataset.shape(), dataset.read_raw().unwrap())
}

fn integers(file: &hdf5::File, name: &str) -> Vec<i64> {
    file.dataset(name).unwrap_or_else(|error| panic!("{name}: {error}")).read_raw().unwrap()
}

fn word(file: &hdf5::File, of: &str, name: &str) -> String {
    let word: hdf5::types::VarLenUnicode = file.dataset(of).unwrap().attr(name).unwrap().read_scalar().unwrap();
    word.as_str().to_owned()
}

#[test]
fn what_is_measured_at_steps_is_at_every_cells_own_steps_and_the_axis_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let out = run(phasesweep(), &format!("{MINIBATCHES}{AT_STEPS}"), dir.path(), "kernel");
    let file = hdf5::File::open(out.join("results.h5")).unwrap();
    assert_eq!(integers(&file, "trajectory_step"), STEPS);
    assert_eq!(word(&file, "trajectory_step", "units"), "step");
    assert_eq!(word(&file, "trajectory_radius", "dimensions"), "cell layer class trajectory_step");
    assert!(word(&file, "weight_norm_step", "long_name").starts_with("step of a measurement"));
    assert!(file.dataset("trajectory_epoch").is_err() && file.dataset("weight_norm_epoch").is_err());
    let (_, per_epoch) = floats(&file, "steps_per_epoch");
    let distinct: std::collections::BTreeSet<usize> =
        per_epoch.iter().filter(|n| **n > 0.0).map(|n| *n as usize).collect();
    assert!(distinct.contains(&3) && distinct.contains(&2) && distinct.len() >= 2, "{distinct:?}");
    let (shape, errors) = floats(&file, "trajectory_train_error");
    let (_, losses) = floats(&file, "trajectory_train_loss");
    let (radii_shape, radii) = floats(&file, "trajectory_radius");
    let series = radii_shape[1] * radii_shape[2];
    assert_eq!(radii_shape[2], 10, "a radius of each digit");
    let (recorded_shape, recorded_errors) = floats(&file, "train_error");
    let (_, recorded_losses) = floats(&file, "train_loss");
    let (_, recorded_radii) = floats(&file, "radius");
    let (mut whole, mut within, mut beyond) = (0, 0, 0);
    for (cell, &per_epoch) in per_epoch.iter().enumerate().filter(|(_, per_epoch)| **per_epoch > 0.0) {
        for (at, &step) in STEPS.iter().enumerate() {
            let (epoch, rest) = (step / per_epoch as i64, step % per_epoch as i64);
            let place = cell * shape[1] + at;
            let (error, loss) = (errors[place], losses[place]);
            if epoch > 5 || (epoch == 5 && rest > 0) {
                beyond += 1;
                assert!(error.is_nan(), "cell {cell} has no step {step}");
                continue;
            }
            let there = cell * recorded_shape[1] + epoch as usize;
            if rest > 0 {
                within += usize::from(error.is_finite());
                continue;
            }
            // At whole epochs it is what the engine recorded, in single precision; where that diverged, neither is there.
            whole += usize::from(error.is_finite());
            assert_eq!(error.is_finite(), recorded_errors[there].is_finite(), "cell {cell}, step {step}");
            if error.is_finite() {
                assert!((error - recorded_errors[there]).abs() < 1e-6, "cell {cell}, step {step}");
                assert!((loss / recorded_losses[there] - 1.0).abs() < 1e-5, "cell {cell}, step {step}");
                // A radius is the root of 1 − ‖μ‖²: squares are compared.
                for row in cell * series..(cell + 1) * series {
                    let own = radii[row * shape[1] + at];
                    let engine = recorded_radii[row * recorded_shape[1] + epoch as usize];
                    let same = (own * own - engine * engine).abs() < 1e-5 || (own.is_nan() && engine.is_nan());
                    assert!(same, "cell {cell}, step {step}: {own} {engine}");
                }
            }
        }
    }
    assert!(whole > 15 && within > 15, "{whole} {within} {beyond}");

    // Another engine agrees.
    let burn = run_with(&["--kernel", "burn"], &format!("{MINIBATCHES}{AT_STEPS}"), dir.path(), "burn");
    let burn = hdf5::File::open(burn.join("results.h5")).unwrap();
    let (_, others) = floats(&burn, "trajectory_train_loss");
    let close =
        |(a, b): (&f32, &f32)| a.is_nan() == b.is_nan() && (a.is_nan() || (a - b).abs() < 1e-4 * a.abs().max(1.0));
    // What grows without bounds does so differently: the first learning rate is compared.
    let rates: Vec<f64> = file.dataset("lr").unwrap().read_raw().unwrap();
    for (cell, rate) in rates.iter().enumerate().filter(|(_, rate)| **rate < 1.0) {
        let row = cell * shape[1]..(cell + 1) * shape[1];
        let same = losses[row.clone()].iter().zip(&others[row.clone()]).all(close);
        assert!(same, "cell {cell} at lr {rate}: {:?} {:?}", &losses[row.clone()], &others[row]);
    }
}

fn run_with(arguments: &[&str], sweep: &str, dir: &Path, name: &str) -> std::path::PathBuf {
    let scratch = dir.join(format!("{name}-sweep"));
    std::fs::create_dir_all(&scratch).unwrap();
    let (file, out) = (sweep_file(&scratch, sweep), dir.join(name));
    let output = phasesweep().arg("run").arg(file).arg("--out").arg(&out).args(arguments).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    out
}

/// Whatever is measured at steps, the engine's own numbers are those of a run that never stops; alone and on ranks all of them
/// are the same bits.
#[test]
fn stopping_at_steps_changes_no_number_and_neither_does_packing() {
    let dir = tempfile::tempdir().unwrap();
    let observed = format!("{MINIBATCHES}{AT_STEPS}update = {{ at = {{ steps = [1, 5, 9] }} }}\n");
    let whole = results(&run(phasesweep(), &observed, dir.path(), "whole").join("results.h5"));
    let plain = results(&run(phasesweep(), MINIBATCHES, dir.path(), "plain").join("results.h5"));
    let own = |cells: &crate::rig::Results| {
        let mut rows: Vec<Vec<u32>> = cells
            .values()
            .map(|cell| {
                ["train_loss", "train_error", "test_error", "radius", "distance"]
                    .iter()
                    .flat_map(|n| cell[*n].clone())
                    .collect()
            })
            .collect();
        rows.sort();
        rows
    };
    // Cells are other ones, since what is measured is part of their ids; their numbers are the same.
    assert_eq!(own(&whole), own(&plain));
    let ranks = results(&run(mpirun(2), &observed, dir.path(), "ranks").join("results.h5"));
    assert_eq!(ranks, whole);
    let alone = observed.replace("seeds = 2", "seeds = [1]").replace("[0.05, 1e20]", "0.05").replace("[120, 80]", "80");
    let alone = results(&run(phasesweep(), &alone, dir.path(), "alone").join("results.h5"));
    assert_eq!(alone.len(), 2);
    for (id, values) in &alone {
        let together = whole.get(id).expect("the cell is one of the whole sweep");
        // Of sets of samples there are more in the larger subsample; everything else has the same axes.
        for name in values.keys().filter(|name| *name != "misclassified") {
            assert_eq!(together.get(name), values.get(name), "{name} of cell {id} trained alone");
        }
    }
}

#[test]
fn with_a_full_batch_naming_steps_is_naming_epochs() {
    let dir = tempfile::tempdir().unwrap();
    let full = MINIBATCHES.replace("batch = 40\n", "").replace("epochs = 5", "epochs = 10");
    let epochs = AT_STEPS.replace("steps = ", "at = ");
    let [by_steps, by_epochs] = [("steps", AT_STEPS), ("epochs", &epochs)].map(|(name, asked)| {
        let mut rows: Vec<BTreeMap<String, Vec<u32>>> =
            results(&run(phasesweep(), &format!("{full}{asked}"), dir.path(), name).join("results.h5"))
                .into_values()
                .collect();
        rows.sort_by_key(|row| (row["train_loss"].clone(), row["trajectory_radius"].clone()));
        rows
    });
    assert_eq!(by_steps, by_epochs);
}

#[test]
fn weights_that_are_kept_at_steps_are_found_measured_cut_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let kept = "weights = { at = { steps = [0, 1, 2, 3, 4, 7, 10] } }\n";
    let after = run(phasesweep(), &format!("{MINIBATCHES}{kept}"), dir.path(), "after");
    let during = run(phasesweep(), &format!("{MINIBATCHES}{AT_STEPS}"), dir.path(), "during");
    let observe = |arguments: &[&str], code: i32| {
        let output = expect_code(phasesweep().arg("observe").arg(&after).args(arguments), code);
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).to_string()
    };
    let refused = observe(&["--set", "weight_norm={at=[0,3]}"], 2);
    assert!(refused.contains("these are of steps 0, 1, 2, 3, 4, 7, 10"), "{refused}");
    let planned = observe(&["--set", "weight_norm={at={steps=[1,5]}}", "--dry-run"], 0);
    assert!(planned.contains("of 2 steps that are asked for, 1 are measured (1)"), "{planned}");
    let told = observe(&["--set", "weight_norm={}", "--set", "trajectory={at={steps=[0,1,2,3,4,7,10]}}"], 0);
    assert!(!told.contains("weights that were kept are not in"), "{told}");
    // To the bit what the run measured itself, cells in the same order.
    let [after_file, during_file] = [&after, &during].map(|out| hdf5::File::open(out.join("results.h5")).unwrap());
    for name in ["weight_norm", "trajectory_train_error", "trajectory_radius", "trajectory_distance"] {
        let [(shape, a), (other, b)] = [&after_file, &during_file].map(|file| floats(file, name));
        assert_eq!(shape, other, "{name}");
        let differs = a.iter().zip(&b).position(|(a, b)| a.to_bits() != b.to_bits());
        assert_eq!(differs, None, "{name} of {shape:?}");
    }
    assert_eq!(integers(&after_file, "weight_norm_step"), STEPS);

    let mut cells: Vec<_> =
        std::fs::read_dir(after.join("weights")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cells.sort();
    let whole =
        cells.iter().find(|cell| cell.join("step-000000010.safetensors").is_file()).expect("one trained so far");
    let id = whole.file_name().unwrap().to_str().unwrap();
    let shown = expect_code(phasesweep().arg("show").arg(&during).arg("--cell").arg(first_complete(&during)), 0);
    let shown = String::from_utf8_lossy(&shown.stdout).to_string();
    assert!(shown.contains("at step 10") && shown.contains("at epoch 5"), "{shown}");
    let slice = |steps: &str, code: i32| {
        let mut command = phasesweep();
        command.arg("slice").arg(&after).args(["--cell", id, "--steps", steps, "--out"]).arg(dir.path().join("slice"));
        let output = expect_code(&mut command, code);
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).to_string()
    };
    let cut = slice("1,10", 0);
    assert!(cut.contains("epoch 0, step 1") && cut.contains("step 10"), "{cut}");
    let refused = slice("5", 2);
    assert!(refused.contains("no weights of step 5 were kept; there are those of 0, 1, 2, 3, 4, 7, 10"), "{refused}");
}

/// The id of a cell that trained to its end, on the larger set and all samples.
fn first_complete(out: &Path) -> String {
    let file = hdf5::File::open(out.join("results.h5")).unwrap();
    let ids: Vec<hdf5::types::VarLenUnicode> = file.dataset("cell_id").unwrap().read_raw().unwrap();
    let (shape, errors) = floats(&file, "trajectory_train_error");
    let cell = (0..shape[0]).find(|cell| errors[cell * shape[1] + shape[1] - 1].is_finite()).expect("one was measured");
    ids[cell].as_str().to_owned()
}
