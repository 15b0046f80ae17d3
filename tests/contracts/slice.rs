//! `phasesweep slice` on a run directory: the block is prepared again, the frames are drawn, errors are looked up; what
//! cannot be cut is refused with the reason.

use std::path::Path;

use phasesweep::data::Pool;
use phasesweep::linear_regions::Weights;
use safetensors::tensor::{Dtype, TensorView, serialize};

use crate::rig::{SMALL, expect_code, phasesweep, results, sweep_file, train};

/// Writes weights of a network of twelve hidden units as a run keeps them: unit i has the direction of one sample.
fn keep(path: &Path, samples: &[f32], inputs: usize, activation: &str, epoch: usize) {
    let hidden = &samples[..12 * inputs];
    let bias: Vec<f32> = (0..12).map(|unit| -20.0 - unit as f32).collect();
    let output: Vec<f32> = (0..24).map(|weight| if weight % 3 == 0 { 1.0 } else { -0.5 }).collect();
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let data = [bytes(hidden), bytes(&bias), bytes(&output), bytes(&[0.0, 5.0])];
    let shapes = [vec![12, inputs], vec![12], vec![2, 12], vec![2]];
    let names = ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"];
    let views = names.into_iter().zip(shapes.into_iter().zip(&data));
    let views = views.map(|(name, (shape, data))| (name, TensorView::new(Dtype::F32, shape, data).unwrap()));
    let metadata = [("activation", activation.to_string()), ("epoch", epoch.to_string()), ("step", epoch.to_string())];
    let metadata = metadata.map(|(name, value)| (name.to_string(), value)).into();
    std::fs::write(path, serialize(views, Some(metadata)).unwrap()).unwrap();
}

#[test]
fn kept_weights_are_cut_through_samples_of_their_block() {
    let dir = tempfile::tempdir().unwrap();
    let file = sweep_file(dir.path(), SMALL);
    let out = dir.path().join("out");
    let cells = train(&mut phasesweep(), &file, &out);
    let id = cells.keys().next().unwrap();
    let sweep = phasesweep::sweep::parse(SMALL, "small", &[]).unwrap();
    let block = Pool::load(&sweep.data[0]).unwrap().block(&sweep.data[0], &sweep.subsamples[0], false).unwrap();
    let kept = out.join("weights").join(id);
    std::fs::create_dir_all(&kept).unwrap();
    let at = |epoch: usize| kept.join(format!("epoch-{epoch:09}.safetensors"));
    keep(&at(0), &block.train.x, block.inputs(), "relu", 0);
    keep(&at(120), &block.train.x, block.inputs(), "relu", 120);

    let slice = || {
        let mut command = phasesweep();
        command.arg("slice").arg(&out).args(["--cell", &id[..8]]);
        command
    };
    expect_code(&mut slice(), 0);
    let made = out.join("slices").join(id);
    let text = std::fs::read_to_string(made.join("slice.json")).unwrap();
    let series: serde_json::Value = serde_json::from_str(&text).unwrap();
    let frames = series["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 2);
    // Two classes: the first two samples of the first one, and one of the other.
    let samples: Vec<usize> = serde_json::from_value(series["samples"].clone()).unwrap();
    let classes: Vec<u16> = samples.iter().map(|&sample| block.train.y[sample]).collect();
    assert!(classes.contains(&0) && classes.contains(&1), "{classes:?}");
    let measured = &results(&out.join("results.h5"))[id];
    let error = |name: &str, epoch: usize| f64::from(f32::from_bits(measured[name][epoch]));
    assert_eq!(frames[0]["train_error"].as_f64(), Some(error("train_error", 0)));
    assert_eq!(frames[1]["test_error"].as_f64(), Some(error("test_error", 120)));
    assert!(frames.iter().all(|frame| frame["regions"].as_u64() > Some(1)), "{text}");
    for name in ["epoch-000000000.svg", "epoch-000000120.svg", "slice.csv", "index.html"] {
        assert!(made.join(name).is_file(), "{name}");
    }

    let refused = |arguments: &[&str], words: &str| {
        let output = expect_code(slice().args(arguments), 2);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(words), "{said}");
    };
    refused(&["--epochs", "60"], "0, 120");
    refused(&["--samples", "0,1"], "three");
    refused(&["--samples", "0,1,700"], "no sample 700");
    refused(&["--window=-1"], "must be positive");
    refused(&["--most-regions", "1"], "more than 1 linear regions");
    keep(&at(7), &block.train.x, block.inputs(), "tanh", 7);
    refused(&["--epochs", "7"], "tanh");
}

const GRAPHS: &str = r#"
[sweep]
name = "graphs"
seeds = 1
[[data]]
source = "digits"
labels = "parity"
[[subsample]]
size = 300
[[architecture]]
kind = "cnn"
channels = [3]
kernel = 3
pool = 2
hidden = [6]
activation = "relu"
[[architecture]]
kind = "layers"
layers = [
  { conv = 2, kernel = 3, stride = 2, bias = false }, { normalise = "batch" }, "leaky-relu",
  { residual = [{ conv = 2, kernel = 3 }, "activation"] },
  { pool = "max", side = 3, stride = 1 }, { pool_all = "mean" }, { scale = 2.0 }, { dense = "classes" },
]
activation = "relu"
[[optimiser]]
kind = "adam"
lr = 0.01
[train]
epochs = 20
[observe]
weights = [0, 20]
"#;

#[test]
fn networks_that_are_no_chains_are_cut_as_they_were_trained() {
    let dir = tempfile::tempdir().unwrap();
    let file = sweep_file(dir.path(), GRAPHS);
    let out = dir.path().join("out");
    let cells = train(&mut phasesweep(), &file, &out);
    assert_eq!(cells.len(), 2);
    let sweep = phasesweep::sweep::parse(GRAPHS, "graphs", &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
    let block = Pool::load(&sweep.data[0]).unwrap().block(&sweep.data[0], &sweep.subsamples[0], true).unwrap();
    let mut layers = Vec::new();
    for (id, measured) in &cells {
        // The network that is cut is the one whose test errors are recorded: its images, its windows, its running averages.
        for epoch in [0, 20] {
            let path = out.join("weights").join(id).join(format!("epoch-{epoch:09}.safetensors"));
            let read = Weights::read(&path, None).unwrap_or_else(|error| panic!("{error}"));
            let (mut wrong, mut samples) = (0, 0);
            for (x, class) in block.test.x.chunks_exact(64).zip(&block.test.y) {
                let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
                let outputs = read.network.pre_activations(&x).pop().unwrap();
                wrong += usize::from(usize::from(outputs[1] > outputs[0]) != usize::from(*class));
                samples += 1;
            }
            let own = wrong as f64 / samples as f64;
            let recorded = f64::from(f32::from_bits(measured["test_error"][epoch]));
            // A sample or two may lie so near the boundary that single precision decides otherwise.
            assert!((own - recorded).abs() < 2.5 / samples as f64, "{id} epoch {epoch}: {own} and {recorded}");
        }
        let mut slice = phasesweep();
        slice.arg("slice").arg(&out).args(["--cell", id]);
        expect_code(&mut slice, 0);
        let text = std::fs::read_to_string(out.join("slices").join(id).join("slice.json")).unwrap();
        let series: serde_json::Value = serde_json::from_str(&text).unwrap();
        for frame in series["frames"].as_array().unwrap() {
            let areas: f64 =
                frame["class_areas"].as_array().unwrap().iter().filter_map(serde_json::Value::as_f64).sum();
            let whole = 4.0 * series["half_side"].as_f64().unwrap().powi(2);
            assert!((areas - whole).abs() < 1e-9 * whole && frame["regions"].as_u64() > Some(20), "{text}");
            layers.push(frame["regions_up_to_layer"].as_array().unwrap().len());
        }
        let too_large = expect_code(slice.args(["--memory", "100K"]), 2);
        let said = String::from_utf8_lossy(&too_large.stderr).into_owned();
        assert!(said.contains("--memory") && said.contains("smaller window"), "{said}");
    }
    // The hidden layers that `observe` counts: a convolution and a dense layer; a convolution and a residual.
    assert_eq!(layers, [2; 4]);
}
