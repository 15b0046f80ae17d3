//! Forward and backward through a graph by the definition: one sample, one number at a time, in double precision.
//!
//! For tests: what every engine and every measurement is held against. Its own gradient is held against differences.

use super::graph::{Extent, Graph, Node, Op};

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
        let of = |input: usize| &values[node.inputs[input]];
        let value = match node.op {
            Op::Input => sample.to_vec(),
            Op::Flatten => of(0).clone(),
            Op::Add => of(0).iter().zip(of(1)).map(|(a, b)| a + b).collect(),
            Op::Activation(activation) => of(0).iter().map(|&z| activation.value(z)).collect(),
            Op::MaxPool { .. } => windows(graph, node).map(|window| of(0)[greatest(of(0), &window)]).collect(),
            Op::Dense | Op::Convolution { .. } => {
                let mut sums = Vec::new();
                for_each_sum(graph, node, |bias, terms| {
                    let products = terms.iter().map(|&(weight, input)| parameters[weight] * of(0)[input]);
                    sums.push(parameters[bias] + products.sum::<f64>());
                });
                sums
            }
        };
        values.push(value);
    }
    values
}

/// Back through [`forward`]'s values, from the gradient at the outputs.
pub fn backward(graph: &Graph, parameters: &[f64], values: &[Vec<f64>], outputs: &[f64]) -> Gradient {
    let mut gradient = vec![0.0; parameters.len()];
    let mut deltas: Vec<Vec<f64>> = values.iter().map(|value| vec![0.0; value.len()]).collect();
    if let Some(last) = deltas.last_mut() {
        last.copy_from_slice(outputs);
    }
    for (place, node) in graph.nodes().iter().enumerate().rev() {
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
            Op::MaxPool { .. } => {
                for (window, own) in windows(graph, node).zip(&delta) {
                    deltas[node.inputs[0]][greatest(of(0), &window)] += own;
                }
            }
            Op::Dense | Op::Convolution { .. } => {
                let below = &mut deltas[node.inputs[0]];
                let mut delta = delta.iter();
                for_each_sum(graph, node, |bias, terms| {
                    let own = delta.next().copied().unwrap_or_default();
                    gradient[bias] += own;
                    for &(weight, input) in terms {
                        gradient[weight] += own * of(0)[input];
                        below[input] += own * parameters[weight];
                    }
                });
            }
        }
    }
    Gradient { parameters: gradient, sample: deltas.swap_remove(0) }
}

/// Calls `sum` for every value of a dense or convolutional node, in order, with the place of its bias and its terms: the
/// places of a weight among the parameters and of an input among the values it multiplies.
fn for_each_sum(graph: &Graph, node: &Node, mut sum: impl FnMut(usize, &[(usize, usize)])) {
    let Some(layer) = &node.layer else { return };
    let (weights, biases) = (layer.weight_range().start, layer.bias_range().start);
    let mut terms = Vec::new();
    match (node.op, node.extent, graph.nodes()[node.inputs[0]].extent) {
        (Op::Convolution { kernel }, Extent::Image([outputs, height, width]), Extent::Image([inputs, ..])) => {
            let half = kernel as isize / 2;
            for (output, row, column) in triples(outputs, height, width) {
                terms.clear();
                for (input, i, j) in triples(inputs, kernel, kernel) {
                    let (y, x) = ((row + i) as isize - half, (column + j) as isize - half);
                    if (0..height as isize).contains(&y) && (0..width as isize).contains(&x) {
                        let weight = weights + ((output * inputs + input) * kernel + i) * kernel + j;
                        terms.push((weight, (input * height + y as usize) * width + x as usize));
                    }
                }
                sum(biases + output, &terms);
            }
        }
        _ => {
            let inputs = layer.fan_in();
            for output in 0..layer.outputs() {
                terms.clear();
                terms.extend((0..inputs).map(|input| (weights + output * inputs + input, input)));
                sum(biases + output, &terms);
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
    let side = if let Op::MaxPool { side } = node.op { side } else { 1 };
    let ([channels, height, width], [_, full, across]) =
        (image(node.extent), image(graph.nodes()[node.inputs[0]].extent));
    triples(channels, height, width).map(move |(channel, row, column)| {
        let at = |i: usize, j: usize| (channel * full + row * side + i) * across + column * side + j;
        (0..side).flat_map(|i| (0..side).map(move |j| (i, j))).map(|(i, j)| at(i, j)).collect()
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
