//! A network of elements with batch normalisation: what is recorded of it is what its kept weights compute in evaluation, by
//! the formula and by the PyTorch module that docs/networks.md shows.

use std::path::Path;
use std::process::Command;

use safetensors::SafeTensors;

use crate::rig::{expect_code, phasesweep, sweep_file, train};

/// The first block of code in this language behind a line of docs/networks.md.
fn shown(behind: &str, language: &str) -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/networks.md")).unwrap();
    let (_, rest) = page.split_once(behind).expect(behind);
    let (_, rest) = rest.split_once(&format!("```{language}\n")).expect(language);
    rest.split_once("```").unwrap().0.to_owned()
}

fn sweep(batch: &str) -> String {
    let head = "[sweep]\nname = \"elements\"\nseeds = 2\n[[data]]\nsource = \"digits\"\nlabels = \"parity\"\n\
                [[subsample]]\nsize = 300\n[[optimiser]]\nkind = \"sgd\"\nlr = 0.1\nmomentum = 0.5\n";
    let train = format!("[train]\nepochs = 40\nbatch = {batch}\n[observe]\nweights = [0, 40]\n");
    format!("{head}{}{train}", shown("### Names of weights", "toml"))
}

/// A tensor's numbers.
fn numbers(tensors: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let tensor = tensors.tensor(name).unwrap_or_else(|_| panic!("no tensor {name}"));
    tensor.data().as_chunks().0.iter().map(|&bytes| f64::from(f32::from_le_bytes(bytes))).collect()
}

/// `W x + b`, without b where the layer has none.
fn linear(tensors: &SafeTensors<'_>, name: &str, x: &[f64], bias: bool) -> Vec<f64> {
    let weight = numbers(tensors, &format!("{name}.weight"));
    let mut sums: Vec<f64> =
        weight.chunks_exact(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect();
    if bias {
        sums.iter_mut().zip(numbers(tensors, &format!("{name}.bias"))).for_each(|(sum, b)| *sum += b);
    }
    sums
}

/// The network in evaluation.
fn network(tensors: &SafeTensors<'_>, x: &[f64]) -> Vec<f64> {
    let tanh = |z: Vec<f64>| z.into_iter().map(f64::tanh).collect::<Vec<_>>();
    let mut h = tanh(linear(tensors, "layers.0", x, true));
    for round in 0..2 {
        let name = format!("layers.2.{round}.0.branch");
        let sums = linear(tensors, &format!("{name}.0"), &h, false);
        let of = |kind: &str| numbers(tensors, &format!("{name}.1.{kind}"));
        let (gamma, beta, mean, variance) = (of("weight"), of("bias"), of("running_mean"), of("running_var"));
        let normalised = sums.iter().enumerate();
        let normalised = normalised.map(|(k, z)| gamma[k] * (z - mean[k]) / (variance[k] + 1e-5).sqrt() + beta[k]);
        let branch = tanh(normalised.collect());
        h.iter_mut().zip(branch).for_each(|(h, branch)| *h += branch);
    }
    linear(tensors, "layers.3", &h, true)
}

/// A sample that no source has.
fn sample(inputs: usize) -> Vec<f64> {
    (0..inputs).map(|k| f64::from((0.7 * k as f64).sin() as f32)).collect()
}

/// Mean cross-entropy of kept weights, from the formula alone.
fn loss(tensors: &SafeTensors<'_>, samples: &phasesweep::data::Samples) -> f64 {
    let inputs = samples.x.len() / samples.y.len();
    let each = samples.x.chunks_exact(inputs).zip(&samples.y).map(|(x, &y)| {
        let outputs = network(tensors, &x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
        outputs.iter().map(|z| z.exp()).sum::<f64>().ln() - outputs[usize::from(y)]
    });
    each.sum::<f64>() / samples.y.len() as f64
}

#[test]
fn kept_weights_with_running_averages_are_what_is_recorded_in_evaluation() {
    let mut asked = false;
    for (batch, steps) in [("\"full\"", 1), ("64", 5)] {
        let dir = tempfile::tempdir().unwrap();
        let (text, out) = (sweep(batch), dir.path().join("out"));
        let cells = train(&mut phasesweep(), &sweep_file(dir.path(), &text), &out);
        let parsed = phasesweep::sweep::parse(&text, "elements", &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
        let pool = phasesweep::data::Pool::load(&parsed.data[0]).unwrap();
        let block = pool.block(&parsed.data[0], &parsed.subsamples[0], false).unwrap();
        assert_eq!(cells.len(), 2);
        for (id, measured) in &cells {
            let losses: Vec<f32> = measured["train_loss"].iter().map(|&bits| f32::from_bits(bits)).collect();
            assert!(losses[40] < 0.5 * losses[0], "{id} learns: {losses:?}");
            for epoch in [0, 40] {
                let file = out.join("weights").join(id).join(format!("epoch-{epoch:09}.safetensors"));
                let bytes = std::fs::read(&file).unwrap();
                let tensors = SafeTensors::deserialize(&bytes).unwrap();
                let (own, recorded) = (loss(&tensors, &block.train), f64::from(losses[epoch]));
                // Single precision through four layers, and sums of 300 terms.
                assert!((own - recorded).abs() < 1e-5 * own.max(1.0), "{id} epoch {epoch}: {own} and {recorded}");
                let tracked = tensors.tensor("layers.2.1.0.branch.1.num_batches_tracked").unwrap();
                assert_eq!(tracked.data(), (steps * epoch as i64).to_le_bytes());
                if !asked && epoch == 40 {
                    let outputs = network(&tensors, &sample(block.inputs()));
                    pytorch_agrees(&file, &outputs, block.inputs());
                    asked = true;
                }
            }
        }
    }
}

/// What the module of docs/networks.md computes, where the readers' Python has PyTorch and safetensors: it is too large a
/// download for every test of every machine.
fn pytorch_agrees(file: &Path, expected: &[f64], inputs: usize) {
    let python = std::env::var("PHASESWEEP_READERS").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import torch, safetensors.torch"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        println!("skipped PyTorch: set PHASESWEEP_READERS to a Python that has torch and safetensors");
        return;
    }
    let loader = shown("### Names of weights", "python");
    let path = "weights/<cell>/epoch-000000040.safetensors";
    assert!(loader.contains(path));
    let numbers: Vec<String> = sample(inputs).iter().map(ToString::to_string).collect();
    let ask = format!("\nimport torch\nprint(*network.layers(torch.tensor([[{}]]))[0].tolist())\n", numbers.join(","));
    let script = loader.replace(path, file.to_str().unwrap()) + &ask;
    let output = expect_code(Command::new(&python).args(["-c", &script]), 0);
    let answered = String::from_utf8_lossy(&output.stdout).to_string();
    let answered: Vec<f64> = answered.split_whitespace().map(|number| number.parse().unwrap()).collect();
    assert_eq!(answered.len(), expected.len());
    for (own, expected) in answered.iter().zip(expected) {
        assert!((own - expected).abs() < 1e-5 * expected.abs().max(1.0), "PyTorch says {own}, the formula {expected}");
    }
}
