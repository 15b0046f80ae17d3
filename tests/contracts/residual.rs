//! A network that is no chain of layers: trained by the kernel and by burn, kept under PyTorch's names, and refused by name by whatever
//! knows chains alone.

use std::path::Path;

use safetensors::SafeTensors;

use crate::rig::{expect_code, phasesweep, results, sweep_file, train};

const RESIDUAL: &str = r#"
[sweep]
name = "residual"
seeds = 2

[[data]]
source = "digits"
labels = "parity"

[[subsample]]
size = 300

[[architecture]]
kind = "residual-mlp"
width = 12
blocks = 3
activation = "tanh"
observe = [1, 3]

[[optimiser]]
kind = "adam"
lr = [0.003, 0.01]

[train]
epochs = 40

[observe]
weights = [0, 40]
"#;

/// `y = W x + b` with the tensors of this name.
fn linear(tensors: &SafeTensors<'_>, name: &str, x: &[f64]) -> Vec<f64> {
    let numbers = |of: &str| -> Vec<f64> {
        let tensor = tensors.tensor(&format!("{name}.{of}")).unwrap_or_else(|_| panic!("no tensor {name}.{of}"));
        tensor.data().as_chunks().0.iter().map(|&bytes| f64::from(f32::from_le_bytes(bytes))).collect()
    };
    let (weight, bias) = (numbers("weight"), numbers("bias"));
    let rows = weight.chunks_exact(x.len());
    rows.zip(bias).map(|(row, b)| b + row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>()).collect()
}

/// The network by the formula of docs/networks.md.
fn network(tensors: &SafeTensors<'_>, x: &[f64]) -> Vec<f64> {
    let tanh = |z: &[f64]| z.iter().map(|z| z.tanh()).collect::<Vec<_>>();
    let mut h = linear(tensors, "input", x);
    for block in 0..3 {
        let active = tanh(&linear(tensors, &format!("blocks.{block}.0"), &h));
        let branch = linear(tensors, &format!("blocks.{block}.1"), &active);
        h.iter_mut().zip(branch).for_each(|(h, branch)| *h += branch);
    }
    linear(tensors, "output", &tanh(&h))
}

/// Training error of kept weights, from the formula alone.
fn error(file: &Path, samples: &phasesweep::data::Samples) -> f64 {
    let bytes = std::fs::read(file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.len(), 2 * (2 + 2 * 3), "no tensor besides the module's");
    let inputs = samples.x.len() / samples.y.len();
    let wrong = samples.x.chunks_exact(inputs).zip(&samples.y).filter(|(x, y)| {
        let outputs = network(&tensors, &x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
        usize::from(outputs[1] > outputs[0]) != usize::from(**y)
    });
    wrong.count() as f64 / samples.y.len() as f64
}

#[test]
fn kept_weights_are_the_residual_network_whose_errors_are_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let sweep = sweep_file(dir.path(), RESIDUAL);
    let cells = train(&mut phasesweep(), &sweep, &out);
    assert_eq!(cells.len(), 4);
    let parsed = phasesweep::sweep::parse(RESIDUAL, "residual", &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
    let pool = phasesweep::data::Pool::load(&parsed.data[0]).unwrap();
    let block = pool.block(&parsed.data[0], &parsed.subsamples[0], false).unwrap();
    let mut learnt = 0;
    for (id, measured) in &cells {
        let errors: Vec<f32> = measured["train_error"].iter().map(|&bits| f32::from_bits(bits)).collect();
        for epoch in [0, 40] {
            let file = out.join("weights").join(id).join(format!("epoch-{epoch:09}.safetensors"));
            let (own, recorded) = (error(&file, &block.train), f64::from(errors[epoch]));
            // One sample of 300 may lie so near the boundary that single precision decides otherwise.
            assert!((own - recorded).abs() < 1.5 / 300.0, "{id} epoch {epoch}: {own} and {recorded}");
        }
        learnt += usize::from(errors[40] < 0.5 * errors[0]);
        // Two observed blocks, two classes, 41 epochs; both curves of both are there.
        let radii: Vec<f32> = measured["radius"].iter().map(|&bits| f32::from_bits(bits)).collect();
        assert!(radii.len() == 2 * 2 * 41 && radii.iter().all(|radius| (0.0..=1.0).contains(radius)));
        assert_ne!(radii[..82], radii[82..], "the blocks are measured apart");
    }
    assert_eq!(learnt, 4, "every cell at least halves its error");
    // The same cells by burn when it is asked for.
    let burn = dir.path().join("burn");
    expect_code(phasesweep().arg("run").arg(&sweep).arg("--out").arg(&burn).args(["--kernel", "burn"]), 0);
    let by_burn = results(&burn.join("results.h5"));
    assert!(by_burn.keys().eq(cells.keys()));
    for (id, measured) in &cells {
        for (&ours, &theirs) in measured["train_loss"].iter().zip(&by_burn[id]["train_loss"]) {
            let (ours, theirs) = (f32::from_bits(ours), f32::from_bits(theirs));
            // Sums in another order, which 40 steps of Adam carry apart.
            assert!((ours - theirs).abs() < 1e-3 * theirs.max(0.1), "{id}: {ours} and {theirs}");
        }
    }
    // `slice` cuts what is affine between bends, and says what it was given.
    let id = cells.keys().next().unwrap();
    let slice = expect_code(phasesweep().arg("slice").arg(&out).args(["--cell", id]), 2);
    let said = String::from_utf8_lossy(&slice.stderr).to_string();
    assert!(said.contains("residual-mlp") && said.contains("tanh, which bends everywhere"), "{said}");
}

#[test]
fn what_knows_chains_alone_refuses_a_residual_network_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let flow = RESIDUAL
        .replace("kind = \"adam\"\nlr = [0.003, 0.01]", "kind = \"gradient-flow\"")
        .replace("[[architecture]]", "[[architecture]]\nparametrisation = \"mean-field\"")
        .replace("[observe]\nweights = [0, 40]", "")
        .replace("epochs = 40", "epochs = 40\nloss = \"hinge\"");
    let measured = |what: &str| RESIDUAL.replace("weights = [0, 40]", what);
    for (text, words) in [
        (flow, "the mean-field parametrisation is that of chains of layers"),
        (
            measured("local_complexity = { radii = [0.1], directions = 4000 }"),
            "local complexity asks for 4000 orthonormal directions",
        ),
    ] {
        let sweep = sweep_file(dir.path(), &text);
        let out = dir.path().join("out");
        let commands = [vec!["plan"], vec!["run", "--out", out.to_str().unwrap()]];
        for arguments in commands {
            let output = expect_code(phasesweep().args(arguments).arg(&sweep), 2);
            let said = String::from_utf8_lossy(&output.stderr).to_string();
            assert!(said.contains("residual-mlp 12×3") && said.contains(words), "{said}");
        }
        assert!(!out.join("parts").exists(), "nothing was trained");
    }
}

const NORMALISED: &str = r#"
[sweep]
name = "normalised"
seeds = 1

[[data]]
source = "digits"
labels = "parity"

[[subsample]]
size = 200

[[architecture]]
kind = "layers"
layers = [
  { conv = 4, kernel = 3, bias = false }, { normalise = "batch" }, "relu",
  { residual = [{ depthwise = 3, stride = 2 }, "relu", { conv = 6, kernel = 1, bias = false }, { normalise = "batch" }] },
  "relu", { pool_all = "mean" }, { dense = "classes" },
]

[[optimiser]]
kind = "sgd"
lr = 0.1

[train]
epochs = 3

[observe]
MEASURED
"#;

/// What follows from values and from weights is measured of a network with batch normalisation along training; what follows
/// from gradients is refused by name, before anything is trained.
#[test]
fn a_network_with_batch_normalisation_is_measured_or_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let measured = "local_complexity = { radii = [0.5], directions = 8, points = 16 }\n\
                    robustness = { epsilon = 0.5, points = 32 }\nrepresentation = {}\ncka = {}\nintrinsic_dimension = {}\n\
                    margins = {}\ncollapse = {}\nweight_norm = {}\ndistance_from_start = {}\nupdate = {}\ntest_manifold = {}";
    let sweep = sweep_file(dir.path(), &NORMALISED.replace("MEASURED", measured));
    let cells = train(&mut phasesweep(), &sweep, &dir.path().join("out"));
    let of = |name: &str| -> Vec<f32> {
        let measured = &cells.values().next().unwrap()[name];
        measured.iter().map(|&bits| f32::from_bits(bits)).collect()
    };
    for name in [
        "local_complexity",
        "robust_error",
        "participation_ratio",
        "cka_start",
        "cka_end",
        "intrinsic_dimension",
        "output_margin",
        "weight_norm",
        "parameter_distance",
        "test_radius",
    ] {
        let found = of(name);
        assert!(!found.is_empty() && found.iter().all(|value| value.is_finite()), "{name}: {found:?}");
    }
    let (lengths, cosines) = (of("update_length"), of("gradient_cosine"));
    assert!(lengths[1..].iter().all(|&length| length > 0.0) && cosines.iter().all(|cosine| cosine.is_nan()));
    // Three values that a rectifier is applied to, and the total; epochs 0 to 3.
    assert_eq!(of("local_complexity").len(), 3 * 4 * 4);
    for name in ["gradient_norm", "gradient_noise", "sharpness", "tangent_kernel"] {
        let sweep = sweep_file(dir.path(), &NORMALISED.replace("MEASURED", &format!("{name} = {{}}")));
        let output = expect_code(phasesweep().arg("plan").arg(&sweep), 2);
        let said = String::from_utf8_lossy(&output.stderr).to_string();
        assert!(said.contains(&format!("`{name}` is not measured of networks with batch normalisation")), "{said}");
    }
}
