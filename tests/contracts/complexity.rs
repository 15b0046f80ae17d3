//! What is measured on copies of the weights does not depend on how training was packed, shared out or cut, whichever
//! engine trains; and the weights that are kept are the network whose errors are recorded.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::rig::{expect_code, mpirun, phasesweep, results, sweep_file, train};

/// Four seeds in minibatches, measured at a few epochs.
const MEASURED: &str = r#"
[sweep]
name = "measured"
seeds = { count = 4 }

[[data]]
source = "digits"
normalise = "none"
label_noise = 0.05

[[subsample]]
size = 300

[[architecture]]
kind = "mlp"
hidden = [24, 16]
activation = "relu"
init_scale = 2

[[optimiser]]
kind = "adamw"
lr = 0.003

[train]
epochs = 60
batch = 64

[observe]
record = "log"
manifold = false
weights = [0, 7, 60]
local_complexity = { at = [0, 7, 60], radii = [0.05, 0.5], directions = 5, points = 40 }
robustness = { at = [0, 60], norm = ["linf", "l2"], epsilon = [0.1, 1], steps = 3, points = 70, random_start = true }
"#;

/// Every file of weights below a run directory, by cell and name.
fn weights(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for cell in std::fs::read_dir(out.join("weights")).unwrap() {
        for file in std::fs::read_dir(cell.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let name = path.strip_prefix(out.join("weights")).unwrap().display().to_string();
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
    files
}

fn floats(values: &[u32]) -> Vec<f32> {
    values.iter().map(|&bits| f32::from_bits(bits)).collect()
}

#[test]
fn packed_alone_shared_out_and_resumed_are_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), MEASURED);
    let whole_out = dir.path().join("whole");
    let whole = train(&mut phasesweep(), &sweep, &whole_out);
    let kept = weights(&whole_out);
    assert_eq!((whole.len(), kept.len()), (4, 12));
    for values in whole.values() {
        // set × radius × (two layers and their total) × epoch; everything was measured.
        assert_eq!(values["local_complexity"].len(), 3 * 2 * 3 * 3);
        assert_eq!(values["robust_error"].len(), 2 * 2 * 2);
        assert_eq!(floats(&values["steps_per_epoch"]), [5.0]);
        let lc = floats(&values["local_complexity"]);
        assert!(lc.iter().all(|count| (0.0..=40.0).contains(count)));
        // The total is the sum of the layers, at every epoch.
        for layers in lc.chunks(9) {
            for epoch in 0..3 {
                assert!((layers[epoch] + layers[3 + epoch] - layers[6 + epoch]).abs() < 1e-4);
            }
        }
    }
    for ranks in [1, 3] {
        let out = dir.path().join(format!("ranks-{ranks}"));
        assert_eq!(train(&mut mpirun(ranks), &sweep, &out), whole, "{ranks} ranks");
        assert_eq!(weights(&out), kept, "{ranks} ranks");
    }
    let alone = sweep_file(dir.path(), &MEASURED.replace("seeds = { count = 4 }", "seeds = [2]"));
    let out = dir.path().join("alone");
    expect_code(phasesweep().arg("run").arg(&alone).arg("--out").arg(&out).args(["--threads", "1"]), 0);
    let alone = results(&out.join("results.h5"));
    assert_eq!(alone.len(), 1);
    assert!(alone.iter().all(|(id, values)| whole.get(id) == Some(values)));
    assert!(weights(&out).iter().all(|(name, bytes)| kept.get(name) == Some(bytes)));
}

#[test]
fn a_killed_run_goes_on_to_the_same_measurements_and_weights() {
    let dir = tempfile::tempdir().unwrap();
    let long = MEASURED.replace("epochs = 60", "epochs = 800").replace("60]", "300, 700, 800]");
    let sweep = sweep_file(dir.path(), &long);
    let started = Instant::now();
    let unbroken = train(&mut phasesweep(), &sweep, &dir.path().join("unbroken"));
    let whole = started.elapsed();
    for (nth, share) in [0.4, 0.8].into_iter().enumerate() {
        let out = dir.path().join(format!("killed-{nth}"));
        let mut run = phasesweep();
        run.arg("run").arg(&sweep).arg("--out").arg(&out).args(["--checkpoint-seconds", "0.02"]);
        let mut child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(share).max(Duration::from_millis(50)));
        let _ = child.kill();
        child.wait().unwrap();
        expect_code(phasesweep().arg("run").arg(&sweep).arg("--out").arg(&out).arg("--take-over"), 0);
        assert_eq!(results(&out.join("results.h5")), unbroken, "killed at {share} of the run");
        assert_eq!(weights(&out), weights(&dir.path().join("unbroken")), "killed at {share} of the run");
    }
}

/// Both engines start from the same weights, so what is measured there is the same to the bit; convolutions too.
#[test]
fn either_engine_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let first_epoch = |values: &BTreeMap<String, Vec<u32>>| {
        values["local_complexity"].iter().step_by(3).copied().collect::<Vec<u32>>()
    };
    let short = MEASURED.replace("epochs = 60", "epochs = 8").replace("60]", "8]");
    let sweep = sweep_file(dir.path(), &short);
    let kernel = train(&mut phasesweep(), &sweep, &dir.path().join("kernel"));
    let mut burn = phasesweep();
    expect_code(burn.arg("run").arg(&sweep).arg("--out").arg(dir.path().join("burn")).args(["--kernel", "burn"]), 0);
    let burn = results(&dir.path().join("burn/results.h5"));
    for (id, values) in &kernel {
        assert_eq!(first_epoch(values), first_epoch(&burn[id]));
        let after = floats(&burn[id]["local_complexity"]);
        assert!(after.iter().all(|count| count.is_finite()));
    }
    let convolutional = short
        .replace("kind = \"mlp\"\nhidden = [24, 16]", "kind = \"cnn\"\nchannels = [3, 4]\nhidden = [10]")
        .replace("epochs = 8", "epochs = 2")
        .replace("[0, 7, 8]", "[0, 1, 2]")
        .replace("[0, 8]", "[0, 2]");
    let out = dir.path().join("cnn");
    let cnn = train(&mut phasesweep(), &sweep_file(dir.path(), &convolutional), &out);
    for values in cnn.values() {
        let lc = floats(&values["local_complexity"]);
        assert_eq!(lc.len(), 3 * 2 * 4 * 3);
        // The first convolution has 3 × 64 units, the second 4 × 16, the dense layer 10.
        assert!(lc.iter().all(|count| (0.0..=266.0).contains(count)));
        assert!(lc.iter().any(|&count| count > 10.0), "more units are cut than the dense layer has");
    }
    assert_eq!(weights(&out).len(), 12);
}

/// Without the program: the file's header by its published layout, the network by hand, and the recorded training error.
const READER: &str = r#"
import json, sys, glob, numpy as np, h5py
out = sys.argv[1]
with h5py.File(out + "/results.h5") as file:
    cells = [cell.decode() if isinstance(cell, bytes) else cell for cell in file["cell_id"][:]]
    epochs = list(file["epoch"][:])
    errors = file["train_error"][:]
    labels = file["block_labels"][:]
    # Pixels of the digits are sixteenths.
    x = np.round(file["block_images"][:].reshape(len(labels), -1) / 255 * 16) / 16
    assert file["local_complexity"].shape == (4, 3, 2, 3, 3)
    assert [d[0].name for d in file["local_complexity"].dims][1:] == ["/lc_points", "/lc_radius", "/lc_layer", "/lc_epoch"]
checked = 0
for path in glob.glob(out + "/weights/*/*.safetensors"):
    raw = open(path, "rb").read()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:8 + length])
    data = raw[8 + length:]
    meta = header.pop("__metadata__")
    assert meta["format"] == "phasesweep-weights-1" and meta["activation"] == "relu"
    assert int(meta["step"]) == 5 * int(meta["epoch"]) and json.loads(meta["architecture"])["hidden"] == [24, 16]
    tensor = lambda name: np.frombuffer(data[slice(*header[name]["data_offsets"])], "<f4").reshape(header[name]["shape"])
    h = x
    for i in range(3):
        h = h @ tensor(f"layers.{i}.weight").T.astype(float) + tensor(f"layers.{i}.bias")
        h = np.maximum(h, 0) if i < 2 else h
    error = np.mean(h.argmax(1) != labels)
    recorded = errors[cells.index(meta["cell"]), epochs.index(int(meta["epoch"]))]
    # One of the 300 samples may stand within rounding of two classes.
    assert abs(error - recorded) < 1.5 / len(labels), (path, error, recorded)
    checked += 1
assert checked == 12
print("weights are the network that was measured")
"#;

#[test]
fn kept_weights_are_the_network_whose_errors_are_recorded() {
    let Ok(python) = std::env::var("PHASESWEEP_READERS") else {
        println!("skipped: set PHASESWEEP_READERS to a Python that has h5py, as `make test` does");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    train(&mut phasesweep(), &sweep_file(dir.path(), MEASURED), &out);
    expect_code(Command::new(python).args(["-c", READER]).arg(&out), 0);
}
