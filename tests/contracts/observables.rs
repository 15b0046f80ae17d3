//! Observables on copies of the weights, each held against another program on the weights that were kept.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use crate::rig::{SMALL, expect_code, mpirun, phasesweep, results, sweep_file, train};

/// Dense and convolutional networks in minibatches, with their weights kept wherever the norms are measured.
const MEASURED: &str = r#"
[sweep]
name = "measured"
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
kind = "adam"
lr = 0.01

[train]
epochs = 6
batch = 40

[observe]
record = { every = 2 }
weights = [0, 3, 6]
weight_norm = { at = [0, 3, 6] }
distance_from_start = { at = [0, 3, 6] }
gradient_norm = { at = [0, 3, 6] }
sharpness = { at = [0, 6], eigenvalues = 2, iterations = 30, probes = 2, points = 50 }
representation = { at = [0, 6], points = 60 }
collapse = { at = [0, 6] }
margins = { at = [0, 3, 6] }
tangent_kernel = { at = [0, 6], points = 30 }
cka = { at = [0, 3], points = 30 }
intrinsic_dimension = { at = [0, 6] }
update = { at = [0, 3, 6] }
gradient_noise = { at = [0, 6], points = 50, probes = 2 }
test_manifold = { at = [0, 6] }
noise_robustness = { at = [0, 6], sigma = [0.5, 2.0], draws = 2 }
"#;

/// A fully connected network whose weights are kept at every epoch; every sample is a point of every measurement.
const COMPARED: &str = r#"
[sweep]
name = "compared"
seeds = 2

[[data]]
source = "digits"

[[subsample]]
size = 150

[[architecture]]
kind = "mlp"
hidden = [12, 9]
activation = "relu"

[[optimiser]]
kind = "adam"
lr = 0.01

[train]
epochs = 6
batch = 40

[observe]
weights = { every = 1 }
gradient_norm = { at = { every = 3 } }
representation = { at = { every = 3 } }
collapse = { at = { every = 3 } }
tangent_kernel = { at = { every = 3 }, eigenvalues = 3 }
cka = { at = [0, 3] }
intrinsic_dimension = { at = { every = 3 } }
update = { at = { every = 3 } }
gradient_noise = { at = { every = 3 } }
test_manifold = { at = { every = 3 } }
"#;

/// What is computed again by NumPy, from the formulas, of the same weights and samples.
const AGAIN: &str = include_str!("observables.py");

/// What looks back to the epochs before, and waits for the end.
const LOOKING_BACK: &str = "update = { at = { every = 7 } }\ncka = { at = \"log\", points = 60 }\n";

/// Norms and distances by NumPy, from the files of weights by their published layout; errors of classes against the error
/// that the engine measured; and bounds that hold whatever the network.
const READER: &str = r#"
import json, sys, glob, numpy as np, h5py
out = sys.argv[1]
with h5py.File(out + "/results.h5") as file:
    cells = [cell.decode() if isinstance(cell, bytes) else cell for cell in file["cell_id"][:]]
    norms, epochs = file["weight_norm"][:], list(file["weight_norm_epoch"][:])
    assert [d[0].name for d in file["weight_norm"].dims] == ["/cell", "/weight_layer", "/weight_norm_epoch"]
    assert list(file["weight_layer"][:]) == [1, 2, 3] and epochs == [0, 3, 6]
    assert norms.dtype == np.float32 and norms.shape == (4, 3, 3)
    distances, whole = file["weight_distance"][:], file["parameter_distance"][:]
    errors, margins = file["class_error"][:], file["output_margin"][:]
    sets = [name.decode() if isinstance(name, bytes) else name for name in file["sample_set"][:]]
    recorded = list(file["epoch"][:])
    test_error = file["test_error"][:, recorded.index(6)]
    eigenvalues, ratio = file["hessian_eigenvalue"][:], file["participation_ratio"][:]
    assert (file["gradient_norm"][:] > 0).all() and np.isfinite(file["hessian_trace_error"][:]).all()
    assert eigenvalues.shape == (4, 2, 2) and (eigenvalues[:, 0] >= eigenvalues[:, 1]).all()
    assert sorted(sets) == ["test", "train"] and np.nanmin(ratio) >= 0.999 and np.nanmax(ratio) <= 60
    assert (np.diff(margins, axis=2) >= 0).all(), "quantiles ascend"
    # The least error of a class is at most the whole set's, and the greatest at least; engines forward in f32, where a near
    # tie may fall otherwise, one sample in hundreds.
    of_classes = errors[:, sets.index("test"), :, 2]
    assert (np.nanmin(of_classes, axis=1) <= test_error + 0.01).all() and (np.nanmax(of_classes, axis=1) >= test_error - 0.01).all()
    for name in ["collapse_within", "collapse_lengths", "collapse_angles", "collapse_duality", "collapse_disagreement"]:
        assert (file[name][:] >= 0).all(), name
def weights_of(path):
    raw = open(path, "rb").read()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:8 + length])
    meta, data = header.pop("__metadata__"), raw[8 + length:]
    tensors = {name: np.frombuffer(data[slice(*entry["data_offsets"])], "<f4").astype(float) for name, entry in header.items()}
    return meta["cell"], int(meta["epoch"]), tensors
kept = {(cell, epoch): tensors for cell, epoch, tensors in map(weights_of, glob.glob(out + "/weights/*/*.safetensors"))}
for (cell, epoch), tensors in kept.items():
    start, place = kept[cell, 0], (cells.index(cell), epochs.index(epoch))
    away = {name: np.linalg.norm(tensor - start[name]) for name, tensor in tensors.items()}
    for layer in range(3):
        found, exact = distances[place[0], layer, place[1]], away[f"layers.{layer}.weight"]
        assert abs(found - exact) <= 1e-7 * exact, (cell, epoch, layer, found, exact)
    exact = np.sqrt(sum(distance**2 for distance in away.values()))
    assert abs(whole[place] - exact) <= 1e-7 * exact
checked = 0
for path in glob.glob(out + "/weights/*/*.safetensors"):
    raw = open(path, "rb").read()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:8 + length])
    meta, data = header.pop("__metadata__"), raw[8 + length:]
    for layer in range(3):
        entry = header[f"layers.{layer}.weight"]
        weight = np.frombuffer(data[slice(*entry["data_offsets"])], "<f4").astype(float)
        found = norms[cells.index(meta["cell"]), layer, epochs.index(int(meta["epoch"]))]
        # Stored in single precision.
        assert abs(found / np.linalg.norm(weight) - 1) < 1e-7, (path, layer, found)
        checked += 1
assert checked == 4 * 3 * 3
print("norms are those of the kept weights")
"#;

fn check(python: &str, out: &Path) {
    expect_code(std::process::Command::new(python).args(["-c", READER]).arg(out), 0);
}

#[test]
fn weight_norms_are_those_of_the_kept_weights_by_every_engine_and_on_any_ranks() {
    let Ok(python) = std::env::var("PHASESWEEP_READERS") else {
        println!("skipped: set PHASESWEEP_READERS to a Python that has h5py, as `make test` does");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), MEASURED);
    let alone = train(&mut phasesweep(), &sweep, &dir.path().join("kernel"));
    check(&python, &dir.path().join("kernel"));
    let shared = train(&mut mpirun(2), &sweep, &dir.path().join("ranks"));
    assert_eq!(alone, shared, "how the work was shared out shows");
    expect_code(
        phasesweep().arg("run").arg(&sweep).args(["--kernel", "burn", "--out"]).arg(dir.path().join("burn")),
        0,
    );
    check(&python, &dir.path().join("burn"));
}

#[test]
fn what_is_not_measured_of_gradient_flows_is_refused_by_name() {
    let flow = "[sweep]\nname = \"flow\"\nseeds = 1\n[[data]]\nsource = \"stripe\"\ndimension = 5\n\
                [[subsample]]\nsize = 100\n[[architecture]]\nkind = \"mlp\"\nhidden = [5]\n\
                [[optimiser]]\nkind = \"gradient-flow\"\n[train]\nepochs = 5\nloss = \"hinge\"\n\
                [observe]\nupdate = { at = \"log\" }\nweights = { every = 5 }\n";
    let dir = tempfile::tempdir().unwrap();
    let refused = expect_code(phasesweep().arg("run").arg(sweep_file(dir.path(), flow)), 2);
    let told = String::from_utf8_lossy(&refused.stderr).to_string();
    assert!(told.contains("`update` is not measured of a gradient flow"), "{told}");
    assert!(told.contains("keeps its weights at stages, not at epochs"), "{told}");
}

/// Participation ratio, effective rank, neural collapse, tangent kernel, centred kernel alignment, intrinsic dimension,
/// updates and gradient noise of a real run, against the program `observables.py`.
#[test]
fn what_is_measured_is_what_numpy_finds_on_the_kept_weights() {
    let Ok(python) = std::env::var("PHASESWEEP_READERS") else {
        println!("skipped: set PHASESWEEP_READERS to a Python that has h5py, as `make test` does");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), COMPARED);
    train(&mut phasesweep(), &sweep, &dir.path().join("run"));
    let said = expect_code(std::process::Command::new(python).args(["-c", AGAIN]).arg(dir.path().join("run")), 0);
    println!("{}", String::from_utf8_lossy(&said.stdout));
}

/// The weights of the epochs before and the layers' matrices lie in checkpoints: a run killed at any moment measures what an
/// unbroken one does.
#[test]
fn what_looks_back_survives_kills() {
    let dir = tempfile::tempdir().unwrap();
    let longer = SMALL.replace("epochs = 120", "epochs = 400");
    let sweep = sweep_file(dir.path(), &format!("{longer}{LOOKING_BACK}"));
    let started = Instant::now();
    let unbroken = train(&mut phasesweep(), &sweep, &dir.path().join("unbroken"));
    let whole = started.elapsed();
    let finite = |name: &str| {
        let values = unbroken.values().flat_map(|cell| &cell[name]);
        values.filter(|&&bits| f32::from_bits(bits).is_finite()).count()
    };
    // 12 cells at 59 epochs, the first of which follows nothing, and the second comes too late to miss anything.
    assert_eq!((finite("update_length"), finite("update_cosine")), (12 * 58, 12 * 58));
    assert!(finite("cka_end") > 0 && finite("cka_end") == finite("cka_start"));
    for (nth, share) in [0.3, 0.5, 0.8].into_iter().enumerate() {
        let out = dir.path().join(format!("killed-{nth}"));
        let mut run = phasesweep();
        run.arg("run").arg(&sweep).arg("--out").arg(&out).args(["--checkpoint-seconds", "0.02"]);
        let mut child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(share));
        let _ = child.kill();
        child.wait().unwrap();
        expect_code(phasesweep().arg("run").arg(&sweep).arg("--out").arg(&out).arg("--take-over"), 0);
        assert_eq!(results(&out.join("results.h5")), unbroken, "killed at {share} of the run");
    }
}

/// A cell that leaves has no end to be compared with; up to its leaving it has what it has in a run that goes on.
#[test]
fn a_cell_that_left_has_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{SMALL}{LOOKING_BACK}");
    let whole = train(&mut phasesweep(), &sweep_file(dir.path(), &text), &dir.path().join("whole"));
    let leaving = format!("{text}\n[stop]\nafter_inversion = 5\n");
    let left = train(&mut phasesweep(), &sweep_file(dir.path(), &leaving), &dir.path().join("left"));
    let missing = |bits: &u32| f32::from_bits(*bits).is_nan();
    let gone = left.values().filter(|cell| cell["train_error"].iter().any(missing)).count();
    assert!(gone > 0, "no cell of the sweep leaves");
    for cell in left.values().filter(|cell| cell["train_error"].iter().any(missing)) {
        assert!(cell["cka_end"].iter().all(missing));
        // The ids differ, since leaving decides what is recorded: the start tells which cell it is.
        let same = whole.values().find(|other| {
            other["train_loss"][0] == cell["train_loss"][0] && other["train_loss"][1] == cell["train_loss"][1]
        });
        let same = same.expect("the same seed");
        for name in ["cka_start", "update_length", "update_cosine", "gradient_cosine"] {
            let pairs = cell[name].iter().zip(&same[name]).filter(|(bits, _)| !missing(bits));
            assert!(pairs.clone().count() > 0 && pairs.clone().all(|(a, b)| a == b), "{name}");
        }
    }
}
