//! A network by the definition: one sample, one number at a time, in double precision.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::function::erf::erf;

use phasesweep_networks::{Activation, Builder, Extent, Graph, LayerShape, Ports};

/// What a test network is like.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) activation: Activation,
    layers: Vec<LayerShape>,
}

/// Fully connected and convolutional networks of every activation; the images do not fill their pooling windows.
pub(crate) fn cases() -> Vec<Case> {
    let dense = |inputs, outputs| LayerShape::Dense { inputs, outputs };
    let convolution = |inputs, outputs, kernel, height, width| LayerShape::Convolution {
        inputs,
        outputs,
        kernel,
        pool: if height > 4 { 2 } else { 1 },
        height,
        width,
    };
    let mlp = vec![dense(9, 17), dense(17, 6), dense(6, 3)];
    let cnn = vec![convolution(2, 3, 3, 7, 5), convolution(3, 4, 5, 3, 2), dense(24, 7), dense(7, 3)];
    [Activation::Relu, Activation::Tanh, Activation::Gelu, Activation::Sigmoid]
        .into_iter()
        .flat_map(|activation| [mlp.clone(), cnn.clone()].map(|layers| Case { activation, layers }))
        .collect()
}

impl Case {
    /// Layers, parameters, and so many random samples.
    pub(crate) fn build(&self, seed: u64, samples: usize) -> (Vec<LayerShape>, Vec<f32>, Vec<f32>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut parameters = Vec::new();
        for layer in &self.layers {
            let bound = 2.0 / (layer.fan_in() as f32).sqrt();
            parameters.extend((0..layer.parameters()).map(|_| rng.random_range(-bound..bound)));
        }
        let inputs = graph(&self.layers, self.activation).nodes()[0].extent.size();
        let x = (0..samples * inputs).map(|_| rng.random_range(-1.0..1.0)).collect();
        (self.layers.clone(), parameters, x)
    }
}

/// The graph of layers.
pub(crate) fn graph(layers: &[LayerShape], activation: Activation) -> Graph {
    let (inputs, image) = match layers[0] {
        LayerShape::Dense { inputs, .. } => (inputs, None),
        LayerShape::Convolution { inputs, height, width, .. } => {
            (inputs * height * width, Some([inputs, height, width]))
        }
    };
    let ports = Ports { inputs, image, classes: layers[layers.len() - 1].outputs() };
    let mut builder = Builder::new(ports, activation);
    let mut from = if image.is_some() { builder.images().unwrap() } else { builder.vectors() };
    for (place, layer) in layers.iter().enumerate() {
        let name = format!("layers.{place}");
        let mut side = 1;
        from = match *layer {
            LayerShape::Dense { outputs, .. } => {
                let flat = matches!(builder.extent(from), Extent::Image(_)).then(|| builder.flatten(from));
                builder.dense(name, flat.unwrap_or(from), outputs)
            }
            LayerShape::Convolution { outputs, kernel, pool, .. } => {
                side = pool;
                builder.convolution(name, from, outputs, kernel)
            }
        };
        if place + 1 < layers.len() {
            from = builder.activation(from);
            from = if side > 1 { builder.max_pool(from, side).unwrap() } else { from };
            builder.hidden(from);
        }
    }
    builder.finish()
}

/// The network.
pub(crate) struct Reference<'a> {
    layers: &'a [LayerShape],
    activation: Activation,
    parameters: Vec<f64>,
}

impl<'a> Reference<'a> {
    pub(crate) fn new(layers: &'a [LayerShape], activation: Activation, parameters: &[f32]) -> Reference<'a> {
        Reference { layers, activation, parameters: parameters.iter().map(|&w| f64::from(w)).collect() }
    }

    /// Pre-activations of every layer at a sample.
    pub(crate) fn sums(&self, sample: &[f32]) -> Vec<Vec<f64>> {
        self.sums_of(&sample.iter().map(|&x| f64::from(x)).collect::<Vec<_>>())
    }

    /// The same of a sample in double precision.
    pub(crate) fn sums_of(&self, sample: &[f64]) -> Vec<Vec<f64>> {
        let mut fed = sample.to_vec();
        let mut all = Vec::new();
        let mut at = 0;
        for layer in self.layers {
            let weight = &self.parameters[at..at + layer.weights()];
            let bias = &self.parameters[at + layer.weights()..at + layer.parameters()];
            at += layer.parameters();
            let sums = match *layer {
                LayerShape::Dense { inputs, outputs } => {
                    let unit = |o: usize| bias[o] + (0..inputs).map(|i| weight[o * inputs + i] * fed[i]).sum::<f64>();
                    (0..outputs).map(unit).collect()
                }
                LayerShape::Convolution { inputs, outputs, kernel, height, width, .. } => {
                    let mut sums = Vec::new();
                    for (o, y, x) in places(outputs, height, width) {
                        let mut sum = bias[o];
                        for (c, ky, kx) in places(inputs, kernel, kernel) {
                            let (iy, ix) = ((y + ky) as i64 - kernel as i64 / 2, (x + kx) as i64 - kernel as i64 / 2);
                            if (0..height as i64).contains(&iy) && (0..width as i64).contains(&ix) {
                                let input = fed[(c * height + iy as usize) * width + ix as usize];
                                sum += weight[((o * inputs + c) * kernel + ky) * kernel + kx] * input;
                            }
                        }
                        sums.push(sum);
                    }
                    sums
                }
            };
            let active: Vec<f64> = sums.iter().map(|&z| self.activate(z)).collect();
            fed = match *layer {
                LayerShape::Convolution { outputs, pool, height, width, .. } => {
                    let pooled = |(o, y, x): (usize, usize, usize)| {
                        let window = places(1, pool, pool);
                        let values =
                            window.map(|(_, dy, dx)| active[(o * height + y * pool + dy) * width + x * pool + dx]);
                        values.fold(f64::NEG_INFINITY, f64::max)
                    };
                    places(outputs, height / pool, width / pool).map(pooled).collect()
                }
                LayerShape::Dense { .. } => active,
            };
            all.push(sums);
        }
        all
    }

    fn activate(&self, z: f64) -> f64 {
        match self.activation {
            Activation::Relu => z.max(0.0),
            Activation::Tanh => z.tanh(),
            Activation::Sigmoid => 1.0 / (1.0 + (-z).exp()),
            Activation::Softplus => z.exp().ln_1p(),
            Activation::Gelu => z * 0.5 * (1.0 + erf(z / 2f64.sqrt())),
            other => other.value(z),
        }
    }
}

/// All triples, the last fastest.
fn places(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a).flat_map(move |i| (0..b).flat_map(move |j| (0..c).map(move |k| (i, j, k))))
}
