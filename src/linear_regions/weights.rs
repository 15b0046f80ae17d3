//! Networks from safetensors files: those that a run keeps, and any others with tensors of the same names.
//!
//! `layers.<i>.weight` `[out, in]` and `layers.<i>.bias` `[out]`, i from 0, f32 or f64; a bias that is absent is zero. The
//! metadata are read where they are there: `activation` (else relu is taken), `slope` (of a leaky one), `epoch`, `step`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::SliceError;
use super::partition::{Dense, PiecewiseLinear};

/// A network with what its file says of it.
pub struct Weights {
    /// The file.
    pub file: PathBuf,
    /// The network, from its dense layers.
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
    /// Reads a network.
    ///
    /// # Errors
    /// The file cannot be read, or its network is not piecewise linear or not fully connected: a sentence each.
    pub fn read(path: &Path) -> Result<Weights, SliceError> {
        let tensors = Tensors::read(path)?;
        let refuse = |what: String| SliceError::File { path: path.to_owned(), what };
        let mut layers = Vec::new();
        while let Some((shape, weight)) = tensors.get(&format!("layers.{}.weight", layers.len())) {
            let &[outputs, _] = shape else {
                return Err(refuse(format!(
                    "layers.{}.weight has shape {shape:?}: a convolution. The exact partition is of fully connected networks; \
                     local complexity (observe.local_complexity) measures convolutional ones",
                    layers.len()
                )));
            };
            if weight.is_empty() {
                // Such a shape may claim any number of outputs without a byte of data.
                return Err(refuse(format!("layers.{}.weight has shape {shape:?}: it is empty", layers.len())));
            }
            let bias = tensors.get(&format!("layers.{}.bias", layers.len())).map(|(_, bias)| bias.to_vec());
            layers.push(Dense { weight: weight.to_vec(), bias: bias.unwrap_or_else(|| vec![0.0; outputs]) });
        }
        if layers.is_empty() {
            let network = tensors.metadata.get("architecture").map_or(String::new(), |json| format!(" (it is {json})"));
            return Err(refuse(format!(
                "it has no tensor `layers.0.weight`{network}. The exact partition is of chains of dense layers"
            )));
        }
        let slope = slope(&tensors.metadata).map_err(refuse)?;
        let network = PiecewiseLinear::new(layers, slope).map_err(|error| refuse(error.to_string()))?;
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
        match Weights::read(path) {
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
        let read = Weights::read(&path).ok().unwrap();
        assert_eq!((read.network.inputs(), read.network.hidden()), (2, vec![3]));
        // z₁ = (1·2 − 2·1 + 3, 0.5·2 + 4 + 1e-300, 0.25·2 − 1 + 7), all positive; then 3·3 + 1e-300·5 + 7·6.5.
        assert_eq!(read.network.pre_activations(&[2.0, 1.0]), [vec![3.0, 5.0, 6.5], vec![54.5]]);
        assert_eq!(read.title(), "epoch 30, step 150");
        write(dense(), &[]);
        assert_eq!(Weights::read(&path).ok().unwrap().title(), "a");
        write(dense(), &[("activation", "gelu")]);
        assert!(message(&path).contains("gelu"), "{}", message(&path));
        write(vec![("layers.0.weight", view(Dtype::F32, &[1, 1, 2, 3], &single))], &[]);
        assert!(message(&path).contains("convolution"));
        write(vec![("weight", view(Dtype::F32, &[3, 2], &single))], &[]);
        assert!(message(&path).contains("layers.0.weight"));
        std::fs::write(&path, "text").unwrap();
        assert!(message(&path).contains("safetensors"));
    }
}
