//! `phasesweep slice` on a run directory: the block is prepared again, the frames are drawn, errors are looked up; what
//! cannot be cut is refused with the reason.

use std::path::Path;

use phasesweep::data::Pool;
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
