//! Weights of gradient flows at their stages: read by another program, which computes from them what the flow recorded; and the
//! same files and bits after kills.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use crate::rig::{expect_code, mpirun, phasesweep, results, sweep_file, train};

/// Four flows, in the feature and in the lazy regime, of a network of two hidden layers.
const FLOWS: &str = r#"
[sweep]
name = "flows"
seeds = 2

[[data]]
source = "digits"
labels = "parity"

[[subsample]]
size = 150

[[architecture]]
kind = "mlp"
hidden = [14, 9]
activation = "relu"
parametrisation = "mean-field"

[[optimiser]]
kind = "gradient-flow"
alpha = [0.1, 1e6]

[train]
epochs = 20000
loss = "soft-hinge"

[observe]
record = { log = 4 }
weight_norm = { at = { log = 4 } }
local_complexity = { at = { log = 4 }, radii = [0.05], points = 20 }
representation = { at = { log = 4 }, points = 60 }
intrinsic_dimension = { at = { log = 4 } }
test_manifold = { at = { log = 4 } }

[flow]
stages = [0.5]
weights_at = [0, 0.5, 1]
kernel = []
"#;

/// What the flows recorded, computed again by NumPy from the kept weights.
const READER: &str = r#"
import glob, json, sys
import h5py, numpy as np
out = sys.argv[1]
text = lambda value: value.decode() if isinstance(value, bytes) else value
results = h5py.File(out + "/results.h5")
cells = [text(cell) for cell in results["cell_id"][:]]
stages = list(results["stage"][:])
pixels = results["block_images"][:]
pixels = np.rint(pixels.reshape(len(pixels), -1) * (16.0 / 255.0))
y = np.where(results["block_labels"][:] % 2 == 1, 1.0, -1.0)

def kept(path):
    raw = open(path, "rb").read()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    meta, data = header.pop("__metadata__"), raw[8 + length :]
    read = lambda e: np.frombuffer(data[slice(*e["data_offsets"])], "<f8").reshape(e["shape"])
    return meta, {name: read(entry) for name, entry in header.items()}

def output(tensors, x):
    for layer in range(3):
        x = x @ tensors[f"layers.{layer}.weight"].T + tensors[f"layers.{layer}.bias"]
        x = np.maximum(x, 0.0) if layer < 2 else x
    assert x.shape[1] == 1
    return x[:, 0]

checked = 0
for folder in glob.glob(out + "/weights/*"):
    files = {text: kept(f"{folder}/stage-{text}.safetensors") for text in ["0", "0.5", "1"]}
    meta, start = files["0"]
    x = pixels[:, json.loads(meta["live"])]
    x = ((x - x.mean(0)) / x.std(0, ddof=1)).astype(np.float32).astype(float)
    cell = cells.index(meta["cell"])
    assert float(meta["alpha"]) == results["alpha"][cell] and meta["epoch"] == "0"
    for name, (meta, tensors) in files.items():
        stage = stages.index(float(name))
        assert meta["stage"] == name and float(meta["time"]) == results["stage_time"][cell, stage]
        assert float(meta["epoch"]) == results["stage_epoch"][cell, stage]
        margins = y * (output(tensors, x) - output(start, x))
        wrong = np.where(margins == 0, 0.5, margins < 0).mean()
        unfitted = (margins < 1).mean()
        # Shares of 150 samples, stored in single precision.
        assert abs(wrong - results["stage_train_error"][cell, stage]) < 1e-6, (name, wrong)
        assert abs(unfitted - results["stage_unfitted"][cell, stage]) < 1e-6, (name, unfitted)
        checked += 1
    # Norms at the start, stored in single precision, are those of the kept weights, which are measured in it.
    for layer in range(3):
        found = results["weight_norm"][cell, layer, 0]
        assert abs(found / np.linalg.norm(start[f"layers.{layer}.weight"]) - 1) < 1e-6
    # What is measured ends where the flow does.
    last = int(results["stage_epoch"][cell, stages.index(1.0)])
    at = results["weight_norm_epoch"][:] <= last
    for name in ["weight_norm", "local_complexity", "participation_ratio", "intrinsic_dimension", "test_radius"]:
        values = results[name][cell]
        assert np.isfinite(values[..., at]).all() and not np.isfinite(values[..., ~at]).any(), name
assert checked == 4 * 3, checked
print("the kept weights compute what the flows recorded")
"#;

/// Every kept file of a run, by its path below `weights/`.
fn files(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for cell in std::fs::read_dir(out.join("weights")).unwrap() {
        let cell = cell.unwrap();
        for file in std::fs::read_dir(cell.path()).unwrap() {
            let file = file.unwrap();
            let name = format!("{:?}/{:?}", cell.file_name(), file.file_name());
            found.insert(name, std::fs::read(file.path()).unwrap());
        }
    }
    found
}

#[test]
fn weights_at_stages_compute_what_flows_recorded_and_survive_kills() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), FLOWS);
    let planned = expect_code(phasesweep().arg("plan").arg(&sweep), 0);
    let planned = String::from_utf8_lossy(&planned.stdout).to_string();
    assert!(planned.contains("a cell, kept at 3 stages,"), "{planned}");
    let started = Instant::now();
    let out = dir.path().join("whole");
    let whole = train(&mut phasesweep(), &sweep, &out);
    let took = started.elapsed();
    let kept = files(&out);
    assert_eq!(kept.len(), 4 * 3);
    if let Ok(python) = std::env::var("PHASESWEEP_READERS") {
        expect_code(std::process::Command::new(python).args(["-c", READER]).arg(&out), 0);
    } else {
        println!("not read by NumPy: set PHASESWEEP_READERS to a Python that has h5py, as `make test` does");
    }
    assert_eq!(train(&mut mpirun(2), &sweep, &dir.path().join("ranks")), whole, "how the work was shared out shows");
    assert_eq!(files(&dir.path().join("ranks")), kept);
    for (nth, share) in [0.3, 0.5, 0.8].into_iter().enumerate() {
        let out = dir.path().join(format!("killed-{nth}"));
        let mut run = phasesweep();
        run.arg("run").arg(&sweep).arg("--out").arg(&out).args(["--checkpoint-seconds", "0.02"]);
        let mut child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(took.mul_f64(share));
        let _ = child.kill();
        child.wait().unwrap();
        expect_code(phasesweep().arg("run").arg(&sweep).arg("--out").arg(&out).arg("--take-over"), 0);
        assert_eq!(results(&out.join("results.h5")), whole, "killed at {share} of the run");
        assert_eq!(files(&out), kept, "killed at {share} of the run");
    }
    let told = expect_code(phasesweep().arg("observe").arg(&out).args(["--set", "weight_norm={}"]), 2);
    let told = String::from_utf8_lossy(&told.stderr).to_string();
    assert!(told.contains("whose weights are kept at stages"), "{told}");
}
