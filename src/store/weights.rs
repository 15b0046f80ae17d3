//! Weights at chosen epochs or steps as safetensors: read by PyTorch, NumPy, `phasesweep slice` and `phasesweep observe`.
//!
//! One file for each cell and moment, or stage of a gradient flow. Tensors, f32 (of a flow f64), from input to output, under the names of the network's layers, as
//! PyTorch calls a module's: `name.weight` `[out, in]` (convolution `[out, in/groups, k, k]`) and, where there is one,
//! `name.bias` `[out]`; those of a chain are `layers.0`, `layers.1` and so on. A batch normalisation has `name.running_mean`
//! and `name.running_var` `[out]`, and `name.num_batches_tracked` (i64, a scalar) besides. The metadata says the rest, so that the network can be
//! computed from the file and its data block alone. Invariants: the bytes follow from the weights and what the metadata
//! says, so that a resumed run writes the file of an unbroken one; a file under its name is whole.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors};
use serde::Serialize;

use crate::data::Block;
use crate::observables::Moment;
use crate::plan::CellId;
use crate::sweep::{Activation, ArchitectureKind};
use phasesweep_networks::{Averages, Graph, Layer};

use super::durable;
use super::error::StoreError;

/// How names of the files end.
pub const SUFFIX: &str = "safetensors";

/// What `format` says in the metadata.
pub const FORMAT: &str = "phasesweep-weights-1";

/// Weights to be written: those of one cell at one moment or stage.
#[derive(Debug, Clone, Copy)]
pub struct CellWeights<'a> {
    /// The cell.
    pub cell: CellId,
    /// Its seed.
    pub seed: u64,
    /// Whole passes over the training set so far.
    pub epoch: usize,
    /// Optimiser steps so far.
    pub step: usize,
    /// Shape of the network.
    pub architecture: &'a ArchitectureKind,
    /// Its graph on the block.
    pub graph: &'a Graph,
    /// Elementwise function of every hidden layer.
    pub activation: Activation,
    /// Canonical specification of the cell's variant.
    pub specification: &'a str,
    /// The block that the cell trains on.
    pub block: &'a Block,
    /// [`block_digest`] of it.
    pub block_digest: &'a str,
    /// The numbers themselves.
    pub numbers: Numbers<'a>,
}

/// The numbers of kept weights. Parameters lie layer by layer: weight, then bias.
#[derive(Debug, Clone, Copy)]
pub enum Numbers<'a> {
    /// At an epoch or step.
    Epoch {
        /// The parameters.
        parameters: &'a [f32],
        /// Running averages of batch normalisations, laid out as the graph's.
        averages: &'a [f32],
    },
    /// At a stage of a gradient flow.
    Stage(FlowStage<'a>),
}

/// A gradient flow at a stage. Its weights are those of the plain network that computes α f: in double precision, since what a
/// lazy flow (large α) computes is a small difference of large numbers.
#[derive(Debug, Clone, Copy)]
pub struct FlowStage<'a> {
    /// Share of fitted samples that names the stage.
    pub share: f64,
    /// Time t.
    pub time: f64,
    /// Output scale α, which the output layer contains.
    pub alpha: f64,
    /// What the flow's own weights of each layer were multiplied by.
    pub scales: &'a [f64],
    /// The plain network's parameters.
    pub parameters: &'a [f64],
}

impl Numbers<'_> {
    /// How many parameters, and how many running averages.
    fn counts(&self) -> [usize; 2] {
        match self {
            Numbers::Epoch { parameters, averages } => [parameters.len(), averages.len()],
            Numbers::Stage(stage) => [stage.parameters.len(), 0],
        }
    }

    /// The type as safetensors calls it, and the bytes of a number.
    fn dtype(&self) -> (&'static str, usize) {
        match self {
            Numbers::Epoch { .. } => ("F32", size_of::<f32>()),
            Numbers::Stage(_) => ("F64", size_of::<f64>()),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Numbers::Epoch { parameters, averages } => {
                parameters.iter().chain(*averages).flat_map(|x| x.to_le_bytes()).collect()
            }
            Numbers::Stage(stage) => stage.parameters.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }
}

/// Names of the running averages of a batch normalisation, in the order in which they lie, behind that of its layer.
const RUNNING: [&str; 2] = ["running_mean", "running_var"];
/// Name of the number of steps that they have seen.
const TRACKED: &str = "num_batches_tracked";

/// What was read of kept weights.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptNumbers {
    /// As [`crate::train::ReplicaState::parameters`].
    pub parameters: Vec<f32>,
    /// As [`crate::train::ReplicaState::averages`].
    pub averages: Vec<f32>,
}

/// What a tensor is and where in the file's data it lies.
#[derive(Serialize)]
struct Entry {
    dtype: &'static str,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// A digest of the training block: its inputs' choice and scaling show in its numbers.
pub fn block_digest(block: &Block) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("phasesweep 1 training block");
    for number in [block.inputs(), block.classes, block.train.len()] {
        hasher.update(&(number as u64).to_le_bytes());
    }
    for input in &block.live {
        hasher.update(&input.to_le_bytes());
    }
    for x in &block.train.x {
        hasher.update(&x.to_le_bytes());
    }
    for class in &block.train.y {
        hasher.update(&class.to_le_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

impl CellWeights<'_> {
    /// Writes the file, durably.
    ///
    /// # Errors
    /// [`StoreError::Io`]; [`StoreError::Contradiction`] if the parameters are not those of the network.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        let averages: Vec<Averages<'_>> = self.graph.averages().collect();
        if [self.graph.parameters(), self.graph.averaged()] != self.numbers.counts() {
            return Err(StoreError::contradiction(path, "its weights are not those of its network"));
        }
        // The layers' numbers lie in the file as they lie in memory; integers come first, at multiples of their size.
        let (dtype, bytes_of_one) = self.numbers.dtype();
        let mut tensors = BTreeMap::new();
        let mut at = 0;
        let mut tensor = |name: String, shape: Vec<usize>, (dtype, bytes_of_one): (&'static str, usize)| {
            let end = at + bytes_of_one * shape.iter().product::<usize>();
            tensors.insert(name, Entry { dtype, shape, data_offsets: [at, end] });
            at = end;
        };
        for Averages { layer, .. } in &averages {
            tensor(format!("{}.{TRACKED}", layer.name), Vec::new(), ("I64", size_of::<i64>()));
        }
        for (_, layer) in self.graph.layers() {
            tensor(format!("{}.weight", layer.name), layer.shape.clone(), (dtype, bytes_of_one));
            if layer.bias {
                tensor(format!("{}.bias", layer.name), vec![layer.outputs()], (dtype, bytes_of_one));
            }
        }
        for Averages { layer, .. } in &averages {
            for kind in RUNNING {
                tensor(format!("{}.{kind}", layer.name), vec![layer.outputs()], (dtype, bytes_of_one));
            }
        }
        let mut metadata = serde_json::json!({
            "format": FORMAT,
            "cell": self.cell.to_string(),
            "seed": self.seed.to_string(),
            "epoch": self.epoch.to_string(),
            "step": self.step.to_string(),
            "activation": serde_json::to_value(self.activation).unwrap_or_default(),
            "architecture": json(self.architecture),
            "specification": self.specification,
            "inputs": self.block.inputs().to_string(),
            "classes": self.block.classes.to_string(),
            "live": json(&self.block.live),
            "block_digest": self.block_digest,
        });
        if self.architecture.needs_images() {
            metadata["image"] = json(&self.block.image).into();
        }
        if let Numbers::Stage(stage) = self.numbers {
            metadata["stage"] = stage.share.to_string().into();
            metadata["time"] = stage.time.to_string().into();
            metadata["alpha"] = stage.alpha.to_string().into();
            metadata["weight_scales"] = json(&stage.scales).into();
        }
        let mut header = serde_json::json!(tensors);
        header["__metadata__"] = metadata;
        let mut header = header.to_string().into_bytes();
        // Tensors begin at a multiple of eight bytes, as the format recommends.
        header.resize(header.len().next_multiple_of(8), b' ');
        let mut bytes = Vec::with_capacity(8 + header.len() + at);
        bytes.extend_from_slice(&(header.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&header);
        for _ in &averages {
            bytes.extend_from_slice(&(self.step as i64).to_le_bytes());
        }
        bytes.extend(self.numbers.bytes());
        durable::write(path, &bytes)
    }
}

/// Reads the parameters and running averages of a cell at a moment from the file that [`CellWeights::write`] wrote. `graph` is the network on the block of that digest.
///
/// # Errors
/// A sentence that names the file: it cannot be read, is not whole, or is of another cell, moment, network or block.
pub fn read_parameters(
    path: &Path,
    cell: CellId,
    at: Moment,
    graph: &Graph,
    block_digest: &str,
) -> Result<KeptNumbers, String> {
    let wrong = |what: String| format!("{}: {what}", path.display());
    let bytes = std::fs::read(path).map_err(|error| wrong(format!("it cannot be read: {error}")))?;
    let broken = |error: safetensors::SafeTensorError| wrong(format!("it is no whole safetensors file: {error}"));
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(broken)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(broken)?;
    let metadata = header.metadata().clone().unwrap_or_default();
    for (key, expected) in [
        ("format", FORMAT),
        ("cell", &cell.to_string()),
        (at.unit.name(), &at.count.to_string()),
        ("block_digest", block_digest),
    ] {
        match metadata.get(key) {
            Some(found) if found == expected => {}
            found => {
                let found = found.map_or("nothing", String::as_str);
                return Err(wrong(format!("its {key} is {found}, and {expected} is expected: it is another file's")));
            }
        }
    }
    let read = |layer: &Layer, kind: &str, shape: &[usize]| {
        let name = format!("{}.{kind}", layer.name);
        let tensor = tensors.tensor(&name).map_err(|_| wrong(format!("it has no tensor `{name}`")))?;
        if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
            let (dtype, found) = (tensor.dtype(), tensor.shape());
            return Err(wrong(format!("`{name}` is {dtype:?} {found:?}, and F32 {shape:?} is expected")));
        }
        let numbers = tensor.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
        Ok(numbers.collect::<Vec<f32>>())
    };
    let mut kept = KeptNumbers { parameters: Vec::with_capacity(graph.parameters()), averages: Vec::new() };
    for (_, layer) in graph.layers() {
        kept.parameters.extend(read(layer, "weight", &layer.shape)?);
        if layer.bias {
            kept.parameters.extend(read(layer, "bias", &[layer.outputs()])?);
        }
    }
    for Averages { layer, .. } in graph.averages() {
        for kind in RUNNING {
            kept.averages.extend(read(layer, kind, &[layer.outputs()])?);
        }
    }
    Ok(kept)
}

/// Anything of names and finite numbers, which always have a JSON form, as text.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::data::Samples;
    use phasesweep_networks::Cnn;

    fn block() -> Block {
        Block {
            features: 20,
            live: (2..20).collect(),
            image: Some([2, 3, 3]),
            classes: 3,
            train: Samples { x: (0..36).map(|k| k as f32 * 0.1).collect(), y: vec![1, 2] },
            test: Samples::default(),
            source_index: vec![0, 1],
        }
    }

    #[test]
    fn what_is_written_is_read_by_others() {
        let block = block();
        let architecture = ArchitectureKind::Cnn(Cnn { channels: vec![4], kernel: 3, pool: 2, hidden: vec![] });
        let ports = phasesweep_networks::Ports { inputs: 18, image: block.image, classes: 3 };
        let graph = architecture.graph(ports, Activation::Gelu).unwrap();
        let parameters: Vec<f32> = (0..4 * 18 + 4 + 4 * 3 + 3).map(|k| (k as f32).sin()).collect();
        let weights = CellWeights {
            cell: CellId([7; 16]),
            seed: u64::MAX,
            epoch: 1000,
            step: 5000,
            architecture: &architecture,
            graph: &graph,
            activation: Activation::Gelu,
            specification: "{\"a\":\"b\"}",
            block: &block,
            block_digest: &block_digest(&block),
            numbers: Numbers::Epoch { parameters: &parameters, averages: &[] },
        };
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("epoch-000001000.safetensors");
        weights.write(&path).unwrap();
        let first = std::fs::read(&path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&first).unwrap();
        let digest = block_digest(&block);
        let expected = [
            ("format", FORMAT),
            ("cell", "07070707070707070707070707070707"),
            ("seed", "18446744073709551615"),
            ("epoch", "1000"),
            ("step", "5000"),
            ("activation", "gelu"),
            ("architecture", r#"{"kind":"cnn","channels":[4],"kernel":3,"pool":2,"hidden":[]}"#),
            ("specification", "{\"a\":\"b\"}"),
            ("inputs", "18"),
            ("classes", "3"),
            ("live", "[2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]"),
            ("block_digest", &digest),
            ("image", "[2,3,3]"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(header.metadata().clone().unwrap(), HashMap::from(expected));
        // Read by the format's own crate: names, shapes, and the parameters in their order.
        let tensors = SafeTensors::deserialize(&first).unwrap();
        assert_eq!(tensors.len(), 4);
        let mut read: Vec<f32> = Vec::new();
        for (name, shape) in [
            ("layers.0.weight", &[4, 2, 3, 3][..]),
            ("layers.0.bias", &[4]),
            ("layers.1.weight", &[3, 4]),
            ("layers.1.bias", &[3]),
        ] {
            let tensor = tensors.tensor(name).unwrap();
            assert_eq!((tensor.dtype(), tensor.shape()), (Dtype::F32, shape));
            read.extend(tensor.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)));
        }
        assert_eq!(read, parameters);
        weights.write(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first, "written twice, it is the same");
        let again = |cell, epoch, digest: &str| read_parameters(&path, cell, Moment::epoch(epoch), &graph, digest);
        assert_eq!(again(CellId([7; 16]), 1000, &digest).unwrap().parameters, parameters);
        let refused = |found: Result<KeptNumbers, String>, word: &str| {
            let told = found.unwrap_err();
            assert!(told.contains(word), "{told}");
        };
        refused(again(CellId([8; 16]), 1000, &digest), "its cell is 0707");
        refused(again(CellId([7; 16]), 999, &digest), "its epoch is 1000, and 999 is expected");
        let at_step = |step| read_parameters(&path, CellId([7; 16]), Moment::step(step), &graph, &digest);
        assert_eq!(at_step(5000).unwrap().parameters, parameters);
        refused(at_step(1000), "its step is 5000, and 1000 is expected");
        refused(again(CellId([7; 16]), 1000, "other"), "its block_digest is");
        let other = architecture.graph(phasesweep_networks::Ports { classes: 2, ..ports }, Activation::Gelu).unwrap();
        refused(
            read_parameters(&path, CellId([7; 16]), Moment::epoch(1000), &other, &digest),
            "`layers.1.weight` is F32 [3, 4]",
        );
        std::fs::write(&path, &first[..first.len() - 1]).unwrap();
        refused(again(CellId([7; 16]), 1000, &digest), "no whole safetensors file");

        let short = CellWeights { numbers: Numbers::Epoch { parameters: &parameters[1..], averages: &[] }, ..weights };
        assert!(short.write(&path).is_err());
    }

    #[test]
    fn a_flow_at_a_stage_is_in_double_precision() {
        let block = block();
        let architecture = ArchitectureKind::Mlp(phasesweep_networks::Mlp { hidden: vec![2] });
        let ports = phasesweep_networks::Ports { inputs: 18, image: None, classes: 1 };
        let graph = architecture.graph(ports, Activation::Relu).unwrap();
        let parameters: Vec<f64> = (0..graph.parameters()).map(|k| (k as f64).sin() / 3.0).collect();
        let (scales, digest) = ([0.25, 1e6 / 3.0], block_digest(&block));
        let stage = FlowStage { share: 0.1, time: 1.5, alpha: 1e6, scales: &scales, parameters: &parameters };
        let weights = CellWeights {
            cell: CellId([7; 16]),
            seed: 3,
            epoch: 12,
            step: 12,
            architecture: &architecture,
            graph: &graph,
            activation: Activation::Relu,
            specification: "{}",
            block: &block,
            block_digest: &digest,
            numbers: Numbers::Stage(stage),
        };
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("stage-0.1.safetensors");
        weights.write(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().clone().unwrap();
        for (key, expected) in [("stage", "0.1"), ("time", "1.5"), ("alpha", "1000000"), ("epoch", "12")] {
            assert_eq!(metadata[key], expected, "{key}");
        }
        assert_eq!(serde_json::from_str::<Vec<f64>>(&metadata["weight_scales"]).unwrap(), scales);
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let mut read: Vec<f64> = Vec::new();
        for (name, shape) in [
            ("layers.0.weight", &[2, 18][..]),
            ("layers.0.bias", &[2]),
            ("layers.1.weight", &[1, 2]),
            ("layers.1.bias", &[1]),
        ] {
            let tensor = tensors.tensor(name).unwrap();
            assert_eq!((tensor.dtype(), tensor.shape()), (Dtype::F64, shape));
            read.extend(tensor.data().as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes)));
        }
        assert_eq!(read, parameters);
    }

    /// Layers without biases, and a batch normalisation, whose tensors lie under PyTorch's names.
    #[test]
    fn running_averages_are_kept_and_read_back() {
        use phasesweep_networks::{Count, Element, Layers, Normalisation};
        let block = block();
        let conv =
            Element::Convolution { conv: Count::Of(2), kernel: 3, stride: 2, padding: 1, groups: 2, bias: false };
        let normalise = Element::Normalise { normalise: Normalisation::Batch };
        let output = Element::Dense { dense: Count::Classes, bias: true };
        let architecture =
            ArchitectureKind::Layers(Layers { layers: vec![conv, normalise.clone(), output.clone(), normalise] });
        let ports = phasesweep_networks::Ports { inputs: 18, image: block.image, classes: 3 };
        let graph = architecture.graph(ports, Activation::Relu).unwrap();
        let parameters: Vec<f32> = (0..graph.parameters()).map(|k| (k as f32).sin()).collect();
        let averages: Vec<f32> = (0..10).map(|k| (k as f32).cos()).collect();
        let digest = block_digest(&block);
        let weights = CellWeights {
            cell: CellId([7; 16]),
            seed: 3,
            epoch: 12,
            step: 60,
            architecture: &architecture,
            graph: &graph,
            activation: Activation::Relu,
            specification: "{}",
            block: &block,
            block_digest: &digest,
            numbers: Numbers::Epoch { parameters: &parameters, averages: &averages },
        };
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("epoch-000000012.safetensors");
        weights.write(&path).unwrap();
        let read = read_parameters(&path, CellId([7; 16]), Moment::epoch(12), &graph, &digest).unwrap();
        assert_eq!(read, KeptNumbers { parameters, averages: averages.clone() });
        let bytes = std::fs::read(&path).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let mut names: Vec<&str> = tensors.names();
        names.sort_unstable();
        let of = |layer: &str, kinds: &[&str]| kinds.iter().map(|kind| format!("{layer}.{kind}")).collect::<Vec<_>>();
        let normalisation = ["bias", "num_batches_tracked", "running_mean", "running_var", "weight"];
        let expected = [
            of("layers.0", &["weight"]),
            of("layers.1", &normalisation),
            of("layers.2", &["bias", "weight"]),
            of("layers.3", &normalisation),
        ];
        assert_eq!(names, expected.concat());
        let tracked = tensors.tensor("layers.3.num_batches_tracked").unwrap();
        assert_eq!(
            (tracked.dtype(), tracked.shape(), tracked.data()),
            (Dtype::I64, &[][..], &60_i64.to_le_bytes()[..])
        );
        let variance = tensors.tensor("layers.1.running_var").unwrap();
        let values: Vec<f32> = variance.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        assert_eq!(values, averages[2..4]);
    }

    #[test]
    fn another_block_has_another_digest() {
        let (one, mut other) = (block(), block());
        assert_eq!(block_digest(&one), block_digest(&block()));
        other.train.x[35] += 1e-6;
        assert_ne!(block_digest(&one), block_digest(&other));
    }
}
