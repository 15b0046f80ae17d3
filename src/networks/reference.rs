//! Forward and backward through a graph by the definition: one sample, one number at a time, in double precision.
//!
//! For tests: what every engine and every measurement is held against. Its own gradient is held against differences. Of a
//! sample alone, a batch normalisation is γ x + β: what it is in evaluation, of parameters that [`Graph::evaluated`] answers.
//! Of a step's samples together ([`forward_of_step`]) it takes their moments, as in training.

use super::graph::{Extent, Graph, Node};
use super::operation::{Normalisation, Op, Pooling};

/// What a loss's gradient at the outputs comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient {
    /// At the parameters, in the graph's layout.
    pub parameters: Vec<f64>,
    /// At the sample.
    pub sample: Vec<f64>,
}

/// The values of all nodes at a sample; the last are the outputs. Parameters lie in the graph's layout.
pub fn forward(graph: &Graph, parameters: &[f64], sample: &[f64]) -> Vec<Vec<f64>> {
    let mut values: Vec<Vec<f64>> = Vec::new();
    for node in graph.nodes() {
        let own = value(graph, parameters, node, &values, sample);
        values.push(own);
    }
    values
}

/// The values of all nodes at each sample of a step, as in training: a batch normalisation takes the moments of the samples.
pub fn forward_of_step(graph: &Graph, parameters: &[f64], samples: &[Vec<f64>]) -> Vec<Vec<Vec<f64>>> {
    let mut values: Vec<Vec<Vec<f64>>> = vec![Vec::new(); samples.len()];
    for node in graph.nodes() {
        if node.op == Op::Normalise(Normalisation::Batch) {
            let of_channel = batch_moments(node, &values);
            for values in &mut values {
                let affine = values[node.inputs[0]].iter().enumerate().map(|(place, x)| {
                    let ([weight, bias], BatchMoments { mean, variance, .. }) =
                        (affine(node, place), of_channel[place / pixels(node)]);
                    parameters[weight] * (x - mean) / (variance + Normalisation::EPSILON).sqrt() + parameters[bias]
                });
                let own = affine.collect();
                values.push(own);
            }
            continue;
        }
        for (values, sample) in values.iter_mut().zip(samples) {
            let own = value(graph, parameters, node, values, sample);
            values.push(own);
        }
    }
    values
}

/// Moments of a channel over the samples of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchMoments {
    /// Mean.
    pub mean: f64,
    /// Variance that divides by the count.
    pub variance: f64,
    /// Number of values.
    pub count: f64,
}

/// The moments that a batch normalisation takes of [`forward_of_step`]'s values, channel by channel.
pub fn batch_moments(node: &Node, values: &[Vec<Vec<f64>>]) -> Vec<BatchMoments> {
    let pixels = pixels(node);
    let of_channel = |channel: usize| {
        let own = || values.iter().flat_map(|values| &values[node.inputs[0]][channel * pixels..(channel + 1) * pixels]);
        let count = (values.len() * pixels) as f64;
        let mean = own().sum::<f64>() / count;
        BatchMoments { mean, variance: own().map(|x| (x - mean).powi(2)).sum::<f64>() / count, count }
    };
    (0..node.extent.size() / pixels).map(of_channel).collect()
}

/// A node's value at a sample, given those of the nodes before it.
fn value(graph: &Graph, parameters: &[f64], node: &Node, values: &[Vec<f64>], sample: &[f64]) -> Vec<f64> {
    let of = |input: usize| &values[node.inputs[input]];
    match node.op {
        Op::Input => sample.to_vec(),
        Op::Flatten => of(0).clone(),
        Op::Add => of(0).iter().zip(of(1)).map(|(a, b)| a + b).collect(),
        Op::Activation(activation) => of(0).iter().map(|&z| activation.value(z)).collect(),
        Op::Scale(factor) => of(0).iter().map(|&x| factor.0 * x).collect(),
        Op::Pool(pool) => windows(graph, node)
            .map(|window| match pool.kind {
                Pooling::Max => of(0)[greatest(of(0), &window)],
                Pooling::Mean => window.iter().map(|&at| of(0)[at]).sum::<f64>() / window.len() as f64,
            })
            .collect(),
        Op::Normalise(normalisation) => {
            let [shift, factor] = moments(normalisation, of(0));
            let affine = of(0).iter().enumerate().map(|(place, &x)| {
                let [weight, bias] = affine(node, place);
                parameters[weight] * (x - shift) * factor + parameters[bias]
            });
            affine.collect()
        }
        Op::Dense | Op::Convolution(_) => {
            let mut sums = Vec::new();
            for_each_sum(graph, node, |bias, terms| {
                let products = terms.iter().map(|&(weight, input)| parameters[weight] * of(0)[input]);
                sums.push(bias.map_or(0.0, |bias| parameters[bias]) + products.sum::<f64>());
            });
            sums
        }
    }
}

/// Back through [`forward`]'s values, from the gradient at the outputs.
pub fn backward(graph: &Graph, parameters: &[f64], values: &[Vec<f64>], outputs: &[f64]) -> Gradient {
    let mut gradient = vec![0.0; parameters.len()];
    let mut deltas = at_outputs(values, outputs);
    for place in (0..graph.nodes().len()).rev() {
        back(graph, parameters, place, values, &mut deltas, &mut gradient);
    }
    Gradient { parameters: gradient, sample: deltas.swap_remove(0) }
}

/// Back through [`forward_of_step`]'s values, from the gradients at the outputs of each sample: the gradient at the
/// parameters.
pub fn backward_of_step(graph: &Graph, parameters: &[f64], values: &[Vec<Vec<f64>>], outputs: &[Vec<f64>]) -> Vec<f64> {
    let mut gradient = vec![0.0; parameters.len()];
    let mut deltas: Vec<_> = values.iter().zip(outputs).map(|(values, outputs)| at_outputs(values, outputs)).collect();
    for (place, node) in graph.nodes().iter().enumerate().rev() {
        if node.op != Op::Normalise(Normalisation::Batch) {
            for (values, deltas) in values.iter().zip(&mut deltas) {
                back(graph, parameters, place, values, deltas, &mut gradient);
            }
            continue;
        }
        let (below, pixels) = (node.inputs[0], pixels(node));
        for (channel, BatchMoments { mean, variance, count }) in batch_moments(node, values).into_iter().enumerate() {
            let [weight, bias] = affine(node, channel * pixels);
            let factor = 1.0 / (variance + Normalisation::EPSILON).sqrt();
            let places = || {
                let samples = 0..values.len();
                samples.flat_map(move |s| (channel * pixels..(channel + 1) * pixels).map(move |at| (s, at)))
            };
            let standard = |(s, at): (usize, usize)| (values[s][below][at] - mean) * factor;
            let along: f64 = places().map(|(s, at)| deltas[s][place][at] * standard((s, at))).sum();
            let whole: f64 = places().map(|(s, at)| deltas[s][place][at]).sum();
            gradient[weight] += along;
            gradient[bias] += whole;
            // Mean and variance move with every value.
            for (s, at) in places() {
                let own = deltas[s][place][at] - whole / count - standard((s, at)) * along / count;
                deltas[s][below][at] += parameters[weight] * factor * own;
            }
        }
    }
    gradient
}

/// Gradients of 0 at all values but the outputs.
fn at_outputs(values: &[Vec<f64>], outputs: &[f64]) -> Vec<Vec<f64>> {
    let mut deltas: Vec<Vec<f64>> = values.iter().map(|value| vec![0.0; value.len()]).collect();
    if let Some(last) = deltas.last_mut() {
        last.copy_from_slice(outputs);
    }
    deltas
}

/// Carries the gradient at a node's value to what it reads, and adds that at its parameters.
fn back(
    graph: &Graph,
    parameters: &[f64],
    place: usize,
    values: &[Vec<f64>],
    deltas: &mut [Vec<f64>],
    gradient: &mut [f64],
) {
    let node = &graph.nodes()[place];
    let delta = deltas[place].clone();
    let of = |input: usize| &values[node.inputs[input]];
    match node.op {
        Op::Input => {}
        Op::Flatten | Op::Add => {
            for &from in &node.inputs {
                deltas[from].iter_mut().zip(&delta).for_each(|(sum, own)| *sum += own);
            }
        }
        Op::Activation(activation) => {
            let slopes = of(0).iter().map(|&z| activation.slope(z));
            let below = deltas[node.inputs[0]].iter_mut();
            below.zip(slopes).zip(&delta).for_each(|((sum, slope), own)| *sum += slope * own);
        }
        Op::Scale(factor) => {
            deltas[node.inputs[0]].iter_mut().zip(&delta).for_each(|(sum, own)| *sum += factor.0 * own);
        }
        Op::Pool(pool) => {
            for (window, own) in windows(graph, node).zip(&delta) {
                let below = &mut deltas[node.inputs[0]];
                match pool.kind {
                    Pooling::Max => below[greatest(of(0), &window)] += own,
                    Pooling::Mean => window.iter().for_each(|&at| below[at] += own / window.len() as f64),
                }
            }
        }
        Op::Normalise(normalisation) => {
            let [shift, factor] = moments(normalisation, of(0));
            let standard: Vec<f64> = of(0).iter().map(|x| (x - shift) * factor).collect();
            let mut inner = delta.clone();
            for (place, own) in inner.iter_mut().enumerate() {
                let [weight, bias] = affine(node, place);
                gradient[weight] += *own * standard[place];
                gradient[bias] += *own;
                *own *= parameters[weight];
            }
            // The mean and the variance of a layer normalisation move with the values; those of a batch in evaluation
            // do not.
            let n = inner.len() as f64;
            let (mean, along) = match normalisation {
                Normalisation::Batch => (0.0, 0.0),
                Normalisation::Layer => {
                    let along = inner.iter().zip(&standard).map(|(own, x)| own * x).sum::<f64>();
                    (inner.iter().sum::<f64>() / n, along / n)
                }
            };
            let below = deltas[node.inputs[0]].iter_mut();
            below
                .zip(inner.iter().zip(&standard))
                .for_each(|(sum, (own, x))| *sum += factor * (own - mean - along * x));
        }
        Op::Dense | Op::Convolution(_) => {
            let below = &mut deltas[node.inputs[0]];
            let mut delta = delta.iter();
            for_each_sum(graph, node, |bias, terms| {
                let own = delta.next().copied().unwrap_or_default();
                if let Some(bias) = bias {
                    gradient[bias] += own;
                }
                for &(weight, input) in terms {
                    gradient[weight] += own * of(0)[input];
                    below[input] += own * parameters[weight];
                }
            });
        }
    }
}

/// The mean and one over the root of the variance plus ε that a normalisation takes of a sample's values.
fn moments(normalisation: Normalisation, values: &[f64]) -> [f64; 2] {
    match normalisation {
        Normalisation::Batch => [0.0, 1.0],
        Normalisation::Layer => {
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            [mean, 1.0 / (variance + Normalisation::EPSILON).sqrt()]
        }
    }
}

/// The places of γ and β of a value of a normalisation among the parameters.
fn affine(node: &Node, place: usize) -> [usize; 2] {
    let Some(layer) = &node.layer else { unreachable!("a normalisation has its γ and β") };
    [layer.weight_range().start + place / pixels(node), layer.bias_range().start + place / pixels(node)]
}

/// Values of a channel: 1 of a vector's unit.
fn pixels(node: &Node) -> usize {
    match node.extent {
        Extent::Units(_) => 1,
        Extent::Image([_, height, width]) => height * width,
    }
}

/// Calls `sum` for every value of a dense or convolutional node, in order, with the place of its bias and its terms: the
/// places of a weight among the parameters and of an input among the values it multiplies.
fn for_each_sum(graph: &Graph, node: &Node, mut sum: impl FnMut(Option<usize>, &[(usize, usize)])) {
    let Some(layer) = &node.layer else { return };
    let weights = layer.weight_range().start;
    let bias = |output: usize| layer.bias.then(|| layer.bias_range().start + output);
    let mut terms = Vec::new();
    match (node.op, node.extent, graph.nodes()[node.inputs[0]].extent) {
        (Op::Convolution(window), Extent::Image([outputs, down, across]), Extent::Image([inputs, height, width])) => {
            let (kernel, own) = (window.kernel, inputs / window.groups);
            for (output, row, column) in triples(outputs, down, across) {
                terms.clear();
                let first = output / (outputs / window.groups) * own;
                for (input, i, j) in triples(own, kernel, kernel) {
                    // Counted from the padding's corner.
                    let (y, x) = (row * window.stride + i, column * window.stride + j);
                    let inside = |at: usize, side: usize| (window.padding..window.padding + side).contains(&at);
                    if inside(y, height) && inside(x, width) {
                        let weight = weights + ((output * own + input) * kernel + i) * kernel + j;
                        let (y, x) = (y - window.padding, x - window.padding);
                        terms.push((weight, ((first + input) * height + y) * width + x));
                    }
                }
                sum(bias(output), &terms);
            }
        }
        _ => {
            let inputs = layer.fan_in();
            for output in 0..layer.outputs() {
                terms.clear();
                terms.extend((0..inputs).map(|input| (weights + output * inputs + input, input)));
                sum(bias(output), &terms);
            }
        }
    }
}

/// The places in the input of each window of a pooling, in the order of its values.
fn windows<'a>(graph: &'a Graph, node: &Node) -> impl Iterator<Item = Vec<usize>> + use<'a> {
    let image = |extent| match extent {
        Extent::Image(image) => image,
        Extent::Units(_) => [0; 3],
    };
    let ([down, across], [high, wide]) = match node.op {
        Op::Pool(pool) => (pool.stride, pool.window),
        _ => ([1; 2], [1; 2]),
    };
    let ([channels, height, width], [_, full, line]) =
        (image(node.extent), image(graph.nodes()[node.inputs[0]].extent));
    triples(channels, height, width).map(move |(channel, row, column)| {
        let at = |i: usize, j: usize| (channel * full + row * down + i) * line + column * across + j;
        (0..high).flat_map(|i| (0..wide).map(move |j| (i, j))).map(|(i, j)| at(i, j)).collect()
    })
}

/// Where the greatest value of a window is; of equal ones, the first.
fn greatest(values: &[f64], window: &[usize]) -> usize {
    window.iter().copied().reduce(|best, at| if values[at] > values[best] { at } else { best }).unwrap_or_default()
}

/// All triples, the last fastest.
fn triples(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a).flat_map(move |i| (0..b).flat_map(move |j| (0..c).map(move |k| (i, j, k))))
}
