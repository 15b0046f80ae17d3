//! `phasesweep observe`: what is measured after a run on the weights that it kept is what the run would have measured, to the
//! bit; a killed command loses nothing; nothing is mixed, and nothing is passed over in silence.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use phasesweep::observables::OBSERVABLES;
use phasesweep::store::schema::{VARIABLES, dimensions};

use crate::rig::{SMALL, expect_code, mpirun, phasesweep, sweep_file, wait_for};

/// Dense and convolutional networks, in minibatches, on all samples and without those misclassified at an epoch; one of the
/// optimisers diverges at once.
const CHAINS: &str = r#"
[sweep]
name = "chains"
seeds = 2

[[data]]
source = "digits"

[[subsample]]
size = 120

[[architecture]]
kind = "mlp"
hidden = [9, 7]
activation = "relu"

[[architecture]]
kind = "cnn"
channels = [3]
hidden = [5]
activation = "tanh"

[[optimiser]]
kind = "sgd"
lr = [0.05, 1e20]

[[prune]]
remove = "none"

[[prune]]
remove = "misclassified"
epoch = 2

[train]
epochs = 6
batch = 40

[observe]
record = { every = 2 }
misclassified = { every = 1 }
weights = { every = 1 }
"#;

/// A network that is no chain of layers, trained by burn.
const RESIDUAL: &str = r#"
[sweep]
name = "residual"
seeds = 2

[[data]]
source = "digits"
labels = "parity"

[[subsample]]
size = 100

[[architecture]]
kind = "residual-mlp"
width = 6
blocks = 2
activation = "tanh"

[[optimiser]]
kind = "adam"
lr = 0.01

[train]
epochs = 4
batch = 30

[observe]
manifold = false
weights = { every = 1 }
"#;

/// What is asked for of each observable: small, and at some of the epochs. One that is not listed has no key that must be given.
fn settings(observable: &str) -> &'static str {
    match observable {
        "local_complexity" => "{ at = [0, 1, 4], radii = [0.05], directions = 4, points = 20 }",
        "neighbourhood" => "{ at = [0, 4], radii = [0.05, 0.5], directions = [2, 4], points = 18 }",
        "robustness" => "{ at = [0, 4], epsilon = [0.1], steps = 3, points = 20 }",
        "noise_robustness" => "{ at = [0, 4], sigma = [0.5, 2.0], draws = 3, points = 20 }",
        "sharpness" => "{ at = [0, 1, 2, 4], eigenvalues = 2, iterations = 10, probes = 2, points = 40 }",
        "representation" => "{ at = [1, 4], points = 60 }",
        _ => "{ at = [0, 1, 2, 4] }",
    }
}

/// A file's numbers by name, as bits with their shapes: measurements, and labels of dimensions.
type Numbers = BTreeMap<&'static str, (Vec<usize>, Vec<u64>)>;

fn numbers(path: &Path) -> Numbers {
    let file = hdf5::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let names = VARIABLES.iter().map(|variable| variable.name).chain(dimensions().iter().map(|dim| dim.coordinate));
    let mut all = Numbers::new();
    for name in names {
        let Ok(dataset) = file.dataset(name) else { continue };
        // Texts and bare dimensions have no numbers.
        let bits = dataset.read_raw::<f64>().map(|values| values.into_iter().map(f64::to_bits).collect());
        all.extend(bits.ok().map(|bits| (name, (dataset.shape(), bits))));
    }
    all
}

/// Runs a sweep that measures all of `observables` itself.
fn during(dir: &Path, sweep: &str, observables: &[&str]) -> Numbers {
    let asked: String = observables.iter().map(|name| format!("{name} = {}\n", settings(name))).collect();
    let file = dir.join("during.toml");
    std::fs::write(&file, format!("{sweep}{asked}")).unwrap();
    run(&file, &dir.join("during"));
    numbers(&dir.join("during/results.h5"))
}

/// Runs a sweep, of which cells may fail: one that is pruned by what a cell misclassified which had diverged by then.
fn run(sweep: &Path, out: &Path) {
    let output = phasesweep().arg("run").arg(sweep).arg("--out").arg(out).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", said(&output));
}

/// Runs a sweep that keeps its weights and measures nothing else.
fn kept(dir: &Path, sweep: &str, out: &str) -> PathBuf {
    run(&sweep_file(dir, sweep), &dir.join(out));
    dir.join(out)
}

fn sets(observables: &[&str]) -> Vec<String> {
    observables.iter().flat_map(|name| ["--set".to_owned(), format!("{name}={}", settings(name))]).collect()
}

/// The observables that can be measured after a run of a sweep, on this network; the others are refused by name.
fn measurable(run: &Path) -> Vec<&'static str> {
    let names = OBSERVABLES.iter().map(|entry| entry.name);
    let accepted = names.filter(|name| {
        let output = phasesweep().arg("observe").arg(run).args(sets(&[name])).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).to_string();
        let chains = ["local_complexity", "robustness"].contains(name) && told.contains("[[architecture]]");
        // These sweeps have smooth networks, which have no linear regions.
        let smooth = *name == "neighbourhood" && told.contains("counts linear regions");
        let refused = told.contains(&format!("{name} cannot be measured after a run: it needs")) || chains || smooth;
        assert_eq!(output.status.code(), Some(if refused { 2 } else { 0 }), "{name}: {told}");
        !refused
    });
    accepted.collect()
}

fn assert_equal(after: &Numbers, during: &Numbers) {
    assert_eq!(after.keys().collect::<Vec<_>>(), during.keys().collect::<Vec<_>>());
    for (name, (shape, bits)) in during {
        assert_eq!(&after[name].0, shape, "{name}");
        let differs = after[name].1.iter().zip(bits).position(|(a, b)| a != b);
        assert_eq!(differs, None, "{name} differs at the place told, of {shape:?}");
    }
}

#[test]
fn what_is_measured_afterwards_is_what_the_run_would_have_measured() {
    let dir = tempfile::tempdir().unwrap();
    let run = kept(dir.path(), CHAINS, "after");
    let names = measurable(&run);
    assert!(names.len() >= 9 && names.contains(&"robustness"), "{names:?}");
    let expected = during(dir.path(), CHAINS, &names);
    assert_equal(&numbers(&run.join("results.h5")), &expected);
    let measured = |name: &str| expected[name].1.iter().filter(|bits| f64::from_bits(**bits).is_finite()).count();
    assert!(measured("weight_norm") > 100 && measured("hessian_eigenvalue") > 30, "little was measured");

    // On ranks, all at once.
    let ranks = kept(dir.path(), CHAINS, "ranks");
    expect_code(mpirun(2).arg("observe").arg(&ranks).args(sets(&names)), 0);
    assert_equal(&numbers(&ranks.join("results.h5")), &expected);
}

#[test]
fn the_same_holds_of_a_network_that_is_no_chain() {
    let dir = tempfile::tempdir().unwrap();
    let run = kept(dir.path(), RESIDUAL, "after");
    let names = measurable(&run);
    assert!(names.contains(&"sharpness") && names.contains(&"robustness"), "{names:?}");
    let expected = during(dir.path(), RESIDUAL, &names);
    assert_equal(&numbers(&run.join("results.h5")), &expected);
}

fn said(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn attribute(path: &Path, of: Option<&str>) -> Option<String> {
    let file = hdf5::File::open(path).unwrap();
    let attribute = match of {
        None => file.attr("measured_afterwards"),
        Some(name) => file.dataset(name).unwrap().attr("measured_afterwards"),
    };
    Some(attribute.ok()?.read_scalar::<hdf5::types::VarLenUnicode>().unwrap().as_str().to_owned())
}

/// A small run that keeps weights at a few epochs.
fn small() -> String {
    SMALL.replace("[observe]", "[observe]\nweights = { every = 40 }")
}

#[test]
fn what_was_asked_for_goes_on_is_told_and_is_never_mixed() {
    let dir = tempfile::tempdir().unwrap();
    let run = kept(dir.path(), &small(), "run");
    let results = run.join("results.h5");
    let observe =
        |arguments: &[&str], code: i32| said(&expect_code(phasesweep().arg("observe").arg(&run).args(arguments), code));
    let unasked = observe(&[], 2);
    assert!(unasked.contains("nothing was asked for") && unasked.contains("(0, 40, 80, 120)"), "{unasked}");
    let refused = observe(&["--set", "train.epochs=3"], 2);
    assert!(refused.contains("`train` cannot be asked for after a run"), "{refused}");
    let refused = observe(&["--set", "margins={at=[1,2]}"], 2);
    assert!(refused.contains("none of the epochs that are asked for has weights that were kept"), "{refused}");
    assert!(!run.join("observe").exists(), "what is refused is not kept");

    let planned = observe(&["--set", "margins={at=[0,40,50]}", "--dry-run"], 0);
    assert!(planned.contains("12   to be measured, 0 measured before"), "{planned}");
    assert!(planned.contains("of 3 epochs that are asked for, 2 are measured (0, 40)"), "{planned}");
    assert!(planned.contains("(50)") && planned.contains("floating-point operations"), "{planned}");
    assert!(!run.join("observe").exists(), "a dry run leaves nothing");

    let told = observe(&["--set", "margins={at=[0,40,50]}"], 0);
    assert!(told.contains("of the others the run kept no weights (50)"), "{told}");
    assert!(told.contains("margins of 12 cells"), "{told}");
    let first = numbers(&results);
    assert_eq!(first["output_margin"].0[0], 12);
    let note = attribute(&results, Some("output_margin")).unwrap();
    assert!(note.contains("after the run") && note.contains(env!("CARGO_PKG_VERSION")), "{note}");
    assert!(note.contains(r#""epochs":[0,40]"#), "{note}");
    assert_eq!(attribute(&results, Some("train_error")), None);
    let notes: serde_json::Value = serde_json::from_str(&attribute(&results, None).unwrap()).unwrap();
    assert_eq!((&notes[0]["observable"], &notes[0]["cells"]), (&"margins".into(), &12.into()));
    let status = said(&expect_code(phasesweep().arg("status").arg(&run), 0));
    assert!(status.contains("margins after the run: 12 cells measured, 0 waiting"), "{status}");

    // Again does nothing, and neither does the same in other words.
    for again in [&[][..], &["--set", "margins={at=[0,40,50]}"], &["--set", "observe.margins={at=[0,40]}"]] {
        let told = observe(again, 0);
        assert!(told.contains("measured already"), "{told}");
        assert_eq!(numbers(&results), first);
    }
    let refused = observe(&["--set", "margins={bins=3}"], 2);
    assert!(refused.contains("margins was asked for before, with other settings: margins={at=[0,40,50]}"), "{refused}");
    assert_eq!(numbers(&results), first);
    observe(&["--set", "margins={bins=3}", "--replace"], 0);
    let second = numbers(&results);
    assert_eq!(second["margins_epoch"].1.len(), 4, "all kept epochs");
    let folders = std::fs::read_dir(run.join("observe/margins")).unwrap().count();
    assert_eq!(folders, 2, "the request, and one folder of parts");

    // More cells: results.h5 says of which it was not measured, and the same command goes on.
    let grown = phasesweep().arg("run").arg(&run).args(["--set", "seeds.count=7"]).output().unwrap();
    assert!(said(&grown).contains("margins was asked for after the run, and was measured of 12 of 14 cells"));
    let status = said(&expect_code(phasesweep().arg("status").arg(&run), 0));
    assert!(status.contains("margins after the run: 12 cells measured, 2 waiting"), "{status}");
    observe(&[], 0);
    let third = numbers(&results);
    let finite = |numbers: &Numbers| numbers["output_margin"].1.iter().all(|bits| f64::from_bits(*bits).is_finite());
    assert!(third["output_margin"].0[0] == 14 && finite(&third));

    // Files that are gone are counted, and what is there is measured.
    let weights: Vec<_> = std::fs::read_dir(run.join("weights")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let lost = weights[0].join("epoch-000000040.safetensors");
    std::fs::rename(&lost, dir.path().join("lost")).unwrap();
    let told = observe(&["--set", "collapse={}"], 1);
    assert!(told.contains("collapse: of 1 finished cells, weights that were kept are not in"), "{told}");
    let broken = std::fs::read(dir.path().join("lost")).unwrap();
    std::fs::write(&lost, &broken[..broken.len() - 8]).unwrap();
    let told = observe(&[], 1);
    assert!(told.contains("collapse of cell") && told.contains("no whole safetensors file"), "{told}");
    let status = said(&expect_code(phasesweep().arg("status").arg(&run), 0));
    assert!(status.contains("collapse after the run: 13 cells measured, 1 failed, 0 waiting"), "{status}");
    std::fs::rename(dir.path().join("lost"), &lost).unwrap();
    observe(&[], 0);
    assert!(numbers(&results)["collapse_within"].1.iter().all(|bits| f64::from_bits(*bits).is_finite()));
}

#[test]
fn what_cannot_be_measured_afterwards_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let run = kept(dir.path(), SMALL, "run");
    let told = said(&expect_code(phasesweep().arg("observe").arg(&run).args(["--set", "margins={}"]), 2));
    assert!(told.contains("keeps no weights") && told.contains("weights = { every = 10 }"), "{told}");
    let own = small().replace("[observe]", "[observe]\nmargins = { at = [0] }");
    let run = kept(dir.path(), &own, "own");
    let told = said(&expect_code(phasesweep().arg("observe").arg(&run).args(["--set", "margins={}"]), 2));
    assert!(told.contains("the run measures margins itself"), "{told}");
    let planned = said(&expect_code(phasesweep().arg("plan").arg(&run), 0));
    let line = planned.lines().find(|line| line.trim_start().starts_with("weights")).unwrap_or_default();
    // 64 · 12 + 12 + 12 · 2 + 2 numbers at four epochs, and a header each.
    let bytes: u64 = std::fs::read_dir(run.join("weights"))
        .unwrap()
        .flat_map(|cell| std::fs::read_dir(cell.unwrap().path()).unwrap())
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    let said_bytes: f64 = line.split("epochs, ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(line.contains("kept at 4 epochs") && line.contains("KiB in all"), "{line}");
    assert!((said_bytes * 1024.0 / bytes as f64 - 1.0).abs() < 0.15, "{line}, and {bytes} bytes were written");
}

/// A measurement that takes a few seconds in all.
const LONG: &str = "sharpness={iterations=30,probes=60,points=200}";

fn sharpness_folder(run: &Path) -> PathBuf {
    let folders = std::fs::read_dir(run.join("observe/sharpness")).unwrap().map(|entry| entry.unwrap().path());
    folders.into_iter().find(|path| path.is_dir()).unwrap()
}

#[test]
fn killed_half_way_and_asked_again_equals_an_unbroken_command() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = SMALL.replace("[observe]", "[observe]\nweights = { every = 8 }");
    let run = kept(dir.path(), &sweep, "unbroken");
    let observe = |run: &Path| {
        let mut command = phasesweep();
        command.arg("observe").arg(run).args(["--set", LONG, "--replicas", "3"]);
        command
    };
    let started = Instant::now();
    expect_code(&mut observe(&run), 0);
    let whole = started.elapsed();
    let unbroken = numbers(&run.join("results.h5"));
    let broken = kept(dir.path(), &sweep, "broken");
    let mut finished = 0;
    for share in [0.4, 0.7] {
        let mut child = observe(&broken)
            .args(["--checkpoint-seconds", "0.05", "--take-over"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(whole.mul_f64(share));
        let _ = child.kill();
        child.wait().unwrap();
        let parts = std::fs::read_dir(sharpness_folder(&broken).join("parts")).unwrap().count();
        assert!(parts >= finished, "a finished cohort was lost");
        finished = parts;
    }
    expect_code(observe(&broken).arg("--take-over"), 0);
    assert_equal(&numbers(&broken.join("results.h5")), &unbroken);
    let left =
        ["checkpoints", "running"].map(|name| std::fs::read_dir(sharpness_folder(&broken).join(name)).unwrap().count());
    assert_eq!(left, [0, 0]);

    // A signal, as Slurm sends it before the walltime, checkpoints; the same command without --set goes on.
    let run = kept(dir.path(), &sweep, "signalled");
    let mut child = mpirun(2)
        .arg("observe")
        .arg(&run)
        .args(["--set", LONG, "--replicas", "6"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(&run.join("observe/sharpness"), &mut child);
    // At once: a rank handles signals before it says that it is running, and a fast machine is done soon after.
    wait_for(&sharpness_folder(&run).join("running"), &mut child);
    expect_code(std::process::Command::new("kill").args(["-USR1", &child.id().to_string()]), 0);
    assert_eq!(child.wait().unwrap().code(), Some(75), "interrupted and resumable");
    let status = said(&expect_code(phasesweep().arg("status").arg(&run), 0));
    assert!(status.contains("Run `phasesweep observe` again to continue"), "{status}");
    expect_code(mpirun(2).arg("observe").arg(&run), 0);
    assert_equal(&numbers(&run.join("results.h5")), &unbroken);
}

/// Run by the Python of the readers' environment.
const READER: &str = r#"
import sys, json, numpy as np, xarray as xr
with xr.open_dataset(sys.argv[1], engine="h5netcdf") as data:
    assert data["weight_norm"].dims == ("cell", "weight_layer", "weight_norm_epoch"), data["weight_norm"].dims
    assert list(data["weight_norm_epoch"].values) == [0, 40, 80, 120]
    assert bool(np.isfinite(data["weight_norm"]).all()) and data.sizes["cell"] == 12
    assert data["weight_norm"].attrs["measured_afterwards"].startswith("after the run")
    assert json.loads(data.attrs["measured_afterwards"])[0]["variables"] == ["weight_norm"]
print("read by xarray")
"#;

#[test]
fn a_file_with_additions_is_read_by_others_and_by_the_report() {
    let dir = tempfile::tempdir().unwrap();
    let run = kept(dir.path(), &small(), "run");
    expect_code(phasesweep().arg("observe").arg(&run).args(["--set", "weight_norm={}"]), 0);
    expect_code(phasesweep().arg("report").arg(&run), 0);
    let page = std::fs::read_to_string(run.join("report/index.html")).unwrap();
    assert!(page.to_lowercase().contains("norm"), "the section on norms is missing");
    match std::env::var("PHASESWEEP_READERS") {
        Ok(python) => {
            let results = run.join("results.h5");
            _ = expect_code(std::process::Command::new(python).args(["-c", READER]).arg(results), 0);
        }
        Err(_) => println!("skipped: set PHASESWEEP_READERS to a Python that has xarray, as `make test` does"),
    }
}
