//! Networks from safetensors files: those that a run keeps, and any others with tensors of the same names.
//!
//! Chains of dense layers: `layers.<i>.weight` `[out, in]` and `layers.<i>.bias` `[out]`, i from 0, f32 or f64; a bias that is
//! absent is zero. The metadata are read where they are there: `activation` (else relu is taken), `slope` (of a leaky one),
//! `epoch`, `step`.
//!
//! Every other network: the metadata `architecture`, as the run wrote it, says how it is put together, `activation`,
//! `inputs`, `classes` and, of images, `image` `[channels, height, width]` the rest. The running averages of batch
//! normalisations are folded in double precision.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use phasesweep_networks::{Activation, ArchitectureKind, Averages, Graph, Normalisation, Ports};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::SliceError;
use super::partition::{Dense, PiecewiseLinear};

/// A network with what its file says of it.
pub struct Weights {
    /// The file.
    pub file: PathBuf,
    /// The network.
    pub network: PiecewiseLinear,
    /// Epoch of the weights, from the file's metadata.
    pub epoch: Option<u64>,
    /// Optimiser steps by then, from the same.
    pub step: Option<f64>,
}

/// A file's tensors by name, as f64 with their shapes.
pub(super) struct Tensors {
    by_name: HashMap<String, (Vec<usize>, Vec<f64>)>,
    metadata: HashMap<String, String>,
}

impl Tensors {
    /// Reads a safetensors file.
    pub(super) fn read(path: &Path) -> Result<Tensors, SliceError> {
        let refuse = |what: String| SliceError::File { path: path.to_owned(), what };
        let bytes = std::fs::read(path).map_err(|error| refuse(format!("it cannot be read: {error}")))?;
        let broken = |error: safetensors::SafeTensorError| refuse(format!("it is no whole safetensors file: {error}"));
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(broken)?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(broken)?;
        let mut by_name = HashMap::new();
        for (name, view) in tensors.tensors() {
            // PyTorch counts the steps of a batch normalisation; no network needs the number.
            if name.ends_with(".num_batches_tracked") {
                continue;
            }
            let values = numbers(&view)
                .ok_or_else(|| refuse(format!("it holds `{name}` as {:?}; f32 or f64 is expected", view.dtype())))?;
            by_name.insert(name, (view.shape().to_vec(), values));
        }
        Ok(Tensors { by_name, metadata: header.metadata().clone().unwrap_or_default() })
    }

    pub(super) fn get(&self, name: &str) -> Option<(&[usize], &[f64])> {
        self.by_name.get(name).map(|(shape, values)| (shape.as_slice(), values.as_slice()))
    }
}

fn numbers(view: &TensorView<'_>) -> Option<Vec<f64>> {
    let bytes = view.data();
    match view.dtype() {
        Dtype::F32 => {
            Some(bytes.as_chunks::<4>().0.iter().map(|number| f64::from(f32::from_le_bytes(*number))).collect())
        }
        Dtype::F64 => Some(bytes.as_chunks::<8>().0.iter().map(|number| f64::from_le_bytes(*number)).collect()),
        _ => None,
    }
}

impl Weights {
    /// Reads a network. `image` is the shape of its images where the file does not say it.
    ///
    /// # Errors
    /// The file cannot be read, does not say what network it is of, or its network is not piecewise affine: a sentence each.
    pub fn read(path: &Path, image: Option<[usize; 3]>) -> Result<Weights, SliceError> {
        let tensors = Tensors::read(path)?;
        let network = network(&tensors, image);
        let network = network.map_err(|what| SliceError::File { path: path.to_owned(), what })?;
        let number = |name: &str| tensors.metadata.get(name);
        Ok(Weights {
            file: path.to_owned(),
            network,
            epoch: number("epoch").and_then(|text| text.parse().ok()),
            step: number("step").and_then(|text| text.parse().ok()),
        })
    }

    /// How a frame of it is called: by epoch and step where they are known, else by its file.
    pub fn title(&self) -> String {
        let stem = || self.file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        match (self.epoch, self.step) {
            (Some(epoch), Some(step)) if step != epoch as f64 => format!("epoch {epoch}, step {step}"),
            (Some(epoch), _) => format!("epoch {epoch}"),
            (None, _) => stem(),
        }
    }
}

/// The network of a file.
fn network(tensors: &Tensors, image: Option<[usize; 3]>) -> Result<PiecewiseLinear, String> {
    let architecture = tensors.metadata.get("architecture");
    let kind = architecture.map(|json| {
        let wrong = |error| format!("its metadata say that its network is {json}: {error}");
        ArchitectureKind::from_json(json).map_err(wrong)
    });
    let is_identity = tensors.metadata.get("activation").map(String::as_str) == Some(Activation::Identity.name());
    match kind.transpose()? {
        Some(kind) if is_identity || !matches!(kind, ArchitectureKind::Mlp(_)) => graph(tensors, &kind, image),
        _ => chain(tensors),
    }
}

/// A network whose metadata say how it is put together.
fn graph(tensors: &Tensors, kind: &ArchitectureKind, image: Option<[usize; 3]>) -> Result<PiecewiseLinear, String> {
    let said = |name: &str| tensors.metadata.get(name).ok_or_else(|| format!("its metadata do not say `{name}`"));
    let count = |name: &str| {
        let text = said(name)?;
        text.parse::<usize>().map_err(|_| format!("its metadata `{name}` are {text}, which is no number"))
    };
    let name = said("activation")?;
    let activation = Activation::ALL.into_iter().find(|activation| activation.name() == name);
    let activation = activation.ok_or_else(|| format!("this version knows no activation `{name}`"))?;
    let (inputs, classes) = (count("inputs")?, count("classes")?);
    let image = if kind.needs_images() { Some(shape_of_images(tensors, image, inputs)?) } else { None };
    let graph = kind
        .graph(Ports { inputs, image, classes }, activation)
        .map_err(|misfit| format!("its network cannot be built: {misfit}"))?;
    let parameters = parameters(tensors, &graph)?;
    PiecewiseLinear::from_graph(&graph, &parameters).map_err(|error| format!("{} ({})", error, kind.label()))
}

/// The shape of a network's images: the file's own, else what is known otherwise.
fn shape_of_images(tensors: &Tensors, known: Option<[usize; 3]>, inputs: usize) -> Result<[usize; 3], String> {
    let image = match tensors.metadata.get("image") {
        Some(text) => serde_json::from_str(text)
            .map_err(|_| format!("its metadata `image` are {text}; [channels, height, width] is expected"))?,
        None => known
            .ok_or_else(|| "its metadata do not say the shape of its images (`image`, as in [1,28,28])".to_owned())?,
    };
    let [channels, height, width] = image;
    if channels.checked_mul(height).and_then(|size| size.checked_mul(width)) != Some(inputs) || inputs == 0 {
        return Err(format!(
            "it has {inputs} inputs, and images of {channels} × {height} × {width} are said to be read"
        ));
    }
    Ok(image)
}

/// The parameters of a graph, in its layout, with running averages folded in.
fn parameters(tensors: &Tensors, graph: &Graph) -> Result<Vec<f64>, String> {
    let mut read = 0;
    let mut get = |name: String, shape: &[usize]| {
        read += 1;
        match tensors.get(&name) {
            Some((found, values)) if found == shape => Ok(values),
            Some((found, _)) => Err(format!("`{name}` has shape {found:?}, and {shape:?} is expected")),
            None => Err(format!("it has no tensor `{name}`")),
        }
    };
    let mut parameters = Vec::new();
    for (_, layer) in graph.layers() {
        parameters.extend_from_slice(get(format!("{}.weight", layer.name), &layer.shape)?);
        if layer.bias {
            parameters.extend_from_slice(get(format!("{}.bias", layer.name), &[layer.outputs()])?);
        }
    }
    for Averages { layer, .. } in graph.averages() {
        let [means, variances] = ["running_mean", "running_var"].map(|kind| {
            let name = format!("{}.{kind}", layer.name);
            get(name, &[layer.outputs()])
        });
        let moments = means?.iter().zip(variances?);
        for ((weight, bias), (&mean, &variance)) in layer.weight_range().zip(layer.bias_range()).zip(moments) {
            let affine = [parameters[weight], parameters[bias]];
            [parameters[weight], parameters[bias]] = Normalisation::folded(affine, [mean, variance]);
        }
    }
    if read < tensors.by_name.len() {
        return Err(format!("it holds {} tensors, and its network has {read}", tensors.by_name.len()));
    }
    Ok(parameters)
}

/// A chain of dense layers, from the tensors' names alone.
fn chain(tensors: &Tensors) -> Result<PiecewiseLinear, String> {
    let mut layers = Vec::new();
    while let Some((shape, weight)) = tensors.get(&format!("layers.{}.weight", layers.len())) {
        let &[outputs, _] = shape else {
            return Err(format!(
                "layers.{}.weight has shape {shape:?}: a convolution, and the metadata do not say of what network \
                 (`architecture`, `activation`, `inputs`, `classes`, `image`)",
                layers.len()
            ));
        };
        if weight.is_empty() {
            // Such a shape may claim any number of outputs without a byte of data.
            return Err(format!("layers.{}.weight has shape {shape:?}: it is empty", layers.len()));
        }
        let bias = tensors.get(&format!("layers.{}.bias", layers.len())).map(|(_, bias)| bias.to_vec());
        layers.push(Dense { weight: weight.to_vec(), bias: bias.unwrap_or_else(|| vec![0.0; outputs]) });
    }
    if layers.is_empty() {
        return Err(
            "it has no tensor `layers.0.weight`, as chains of dense layers have, and its metadata name no other network \
             (`architecture`)"
                .to_owned(),
        );
    }
    PiecewiseLinear::new(layers, slope(&tensors.metadata)?).map_err(|error| error.to_string())
}

/// Slope below zero of the activation that the metadata name.
fn slope(metadata: &HashMap<String, String>) -> Result<f64, String> {
    match metadata.get("activation").map(String::as_str) {
        None | Some("relu") => Ok(0.0),
        Some("leaky-relu" | "leaky_relu") => {
            let slope = metadata.get("slope").map_or("0.01", String::as_str);
            slope.parse().map_err(|_| format!("its slope `{slope}` is not a number"))
        }
        Some(other) => Err(format!(
            "its activation is {other}, which bends everywhere: only networks that are linear between bends (relu) have \
             linear regions to cut. Local complexity (observe.local_complexity) is defined for any activation"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::serialize;

    fn view<'a>(dtype: Dtype, shape: &[usize], bytes: &'a [u8]) -> TensorView<'a> {
        TensorView::new(dtype, shape.to_vec(), bytes).unwrap()
    }

    fn message(path: &Path) -> String {
        match Weights::read(path, None) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{} is refused", path.display()),
        }
    }

    #[test]
    fn networks_are_read_and_others_are_refused_with_the_reason() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("a.safetensors");
        let single: Vec<u8> = [1.0f32, -2.0, 0.5, 4.0, 0.25, -1.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let double: Vec<u8> = [3.0f64, 1e-300, 7.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let write = |tensors: Vec<(&str, TensorView<'_>)>, metadata: &[(&str, &str)]| {
            let pairs = metadata.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            std::fs::write(&path, serialize(tensors, Some(pairs)).unwrap()).unwrap();
        };
        let dense = || {
            vec![
                ("layers.0.weight", view(Dtype::F32, &[3, 2], &single)),
                ("layers.0.bias", view(Dtype::F64, &[3], &double)),
                ("layers.1.weight", view(Dtype::F64, &[1, 3], &double)),
            ]
        };
        write(dense(), &[("activation", "relu"), ("epoch", "30"), ("step", "150")]);
        let read = Weights::read(&path, None).ok().unwrap();
        assert_eq!((read.network.inputs(), read.network.hidden()), (2, vec![3]));
        // z₁ = (1·2 − 2·1 + 3, 0.5·2 + 4 + 1e-300, 0.25·2 − 1 + 7), all positive; then 3·3 + 1e-300·5 + 7·6.5.
        assert_eq!(read.network.pre_activations(&[2.0, 1.0]), [vec![3.0, 5.0, 6.5], vec![54.5]]);
        assert_eq!(read.title(), "epoch 30, step 150");
        write(dense(), &[]);
        assert_eq!(Weights::read(&path, None).ok().unwrap().title(), "a");
        write(dense(), &[("activation", "gelu")]);
        assert!(message(&path).contains("gelu"), "{}", message(&path));
        write(vec![("layers.0.weight", view(Dtype::F32, &[1, 1, 2, 3], &single))], &[]);
        assert!(message(&path).contains("convolution"));
        write(vec![("weight", view(Dtype::F32, &[3, 2], &single))], &[]);
        assert!(message(&path).contains("layers.0.weight"));
        std::fs::write(&path, "text").unwrap();
        assert!(message(&path).contains("safetensors"));
    }

    const SMOOTH: &str = r#"{"kind":"layers","layers":[{"conv":1,"kernel":1,"stride":1,"padding":0,"groups":1,"bias":false},{"normalise":"batch"},"gelu",{"dense":"classes"}]}"#;
    const SHORTER: &str = r#"{"kind":"layers","layers":[{"conv":1,"kernel":1,"stride":1,"padding":0,"groups":1,"bias":false},"relu","flatten"]}"#;

    /// A convolution of one pixel without a bias, a batch normalisation, relu, and a dense layer over two pixels.
    #[test]
    fn graphs_are_read_by_their_metadata_and_others_are_refused_with_the_reason() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("a.safetensors");
        let bytes = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let tensors = [
            ("layers.0.weight", vec![1, 1, 1, 1], bytes(&[2.0])),
            ("layers.1.weight", vec![1], bytes(&[3.0])),
            ("layers.1.bias", vec![1], bytes(&[0.5])),
            ("layers.1.running_mean", vec![1], bytes(&[1.0])),
            ("layers.1.running_var", vec![1], bytes(&[4.0])),
            ("layers.3.weight", vec![2, 2], bytes(&[1.0, 0.0, 0.0, -1.0])),
            ("layers.3.bias", vec![2], bytes(&[0.0, 0.25])),
        ];
        let json = r#"{"kind":"layers","layers":[{"conv":1,"kernel":1,"stride":1,"padding":0,"groups":1,"bias":false},{"normalise":"batch"},"relu",{"dense":"classes"}]}"#;
        let said =
            [("architecture", json), ("activation", "relu"), ("inputs", "2"), ("classes", "2"), ("image", "[1,1,2]")];
        let write = |count: usize, said: &[(&str, &str)]| {
            let metadata = said.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let views = tensors[..count].iter().map(|(name, shape, data)| (*name, view(Dtype::F32, shape, data)));
            std::fs::write(&path, serialize(views.collect::<Vec<_>>(), Some(metadata)).unwrap()).unwrap();
        };
        write(7, &said);
        let read = Weights::read(&path, None).ok().unwrap();
        // z = 3 (2x − 1)/√(4 + ε) + 1/2, of x = 1 and of x = −1; then (max(0, z₁), 1/4 − max(0, z₂)).
        let root = (4.0 + Normalisation::EPSILON).sqrt();
        let expected = [vec![3.0 / root + 0.5, -9.0 / root + 0.5], vec![3.0 / root + 0.5, 0.25]];
        for (found, expected) in read.network.pre_activations(&[1.0, -1.0]).iter().zip(&expected) {
            // Sums of a few numbers of order 1.
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-14), "{found:?} {expected:?}");
        }
        let without = |name: &str| said.into_iter().filter(|(own, _)| *own != name).collect::<Vec<_>>();
        let with = |name: &'static str, value: &'static str| [without(name), vec![(name, value)]].concat();
        write(7, &without("image"));
        assert!(Weights::read(&path, Some([1, 2, 1])).is_ok(), "what is known otherwise stands in");
        for (count, said, word) in [
            (7, without("image"), "the shape of its images"),
            (7, without("classes"), "do not say `classes`"),
            (7, with("image", "[1,2,2]"), "1 × 2 × 2"),
            (7, with("image", "[4294967295,4294967295,4294967295]"), "2 inputs"),
            (7, with("activation", "sofplus"), "sofplus"),
            (7, with("architecture", r#"{"kind":"transformer"}"#), "transformer"),
            (7, with("architecture", SMOOTH), "gelu, which bends everywhere"),
            (6, said.to_vec(), "no tensor `layers.3.bias`"),
            (7, with("classes", "3"), "[3, 2] is expected"),
            (7, with("architecture", SHORTER), "7 tensors, and its network has 1"),
        ] {
            write(count, &said);
            assert!(message(&path).contains(word), "{}", message(&path));
        }
    }
}
