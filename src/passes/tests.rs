//! The passes against the reference in double precision, one sample and one number at a time.
#![allow(clippy::unwrap_used)]

use phasesweep_networks::{
    Activation, ArchitectureKind, Count, Element, Graph, Layers, Normalisation, Number, PoolKind, Ports, Word,
    reference,
};

use super::{Passes, Real, Room, Signal, Weights, fast};

fn conv(channels: usize, kernel: usize, stride: usize, padding: usize, groups: usize, bias: bool) -> Element {
    Element::Convolution { conv: Count::Of(channels), kernel, stride, padding, groups, bias }
}

fn depthwise(side: usize, stride: usize, bias: bool) -> Element {
    Element::Depthwise { depthwise: side, stride, padding: side / 2, bias }
}

fn dense(units: usize) -> Element {
    Element::Dense { dense: Count::Of(units), bias: true }
}

const ACT: Element = Element::Word(Word::Activation);
const OUT: Element = Element::Dense { dense: Count::Classes, bias: false };

fn residual(residual: Vec<Element>) -> Element {
    Element::Residual { residual, shortcut: vec![] }
}

fn graph(layers: Vec<Element>, image: Option<[usize; 3]>, activation: Activation) -> Graph {
    let inputs = image.map_or(7, |image| image.iter().product());
    let kind = ArchitectureKind::Layers(Layers { layers });
    kind.graph(Ports { inputs, image, classes: 1 }, activation).unwrap()
}

/// A name, the elements, and the image of a sample where it is one.
type Case = (&'static str, Vec<Element>, Option<[usize; 3]>);

/// Networks that together hold every operation, with what may be overwritten and what may not.
fn networks() -> Vec<Case> {
    let image = Some([2, 9, 8]);
    let mean = Element::PoolAll { pool_all: PoolKind::Mean };
    vec![
        ("dense", vec![dense(14), ACT, dense(3), ACT, OUT], None),
        (
            "residual, dense",
            vec![dense(5), residual(vec![ACT, dense(9), ACT, dense(5)]), residual(vec![ACT, dense(5)]), ACT, OUT],
            None,
        ),
        (
            "samples as a shortcut",
            vec![residual(vec![dense(7), ACT, Element::Scale { scale: Number(0.3) }]), OUT],
            None,
        ),
        (
            "depthwise separable",
            vec![
                conv(10, 3, 2, 1, 1, false),
                ACT,
                residual(vec![depthwise(3, 1, false), ACT, conv(10, 1, 1, 0, 1, false)]),
                depthwise(5, 2, true),
                ACT,
                conv(13, 1, 1, 0, 1, true),
                residual(vec![depthwise(3, 1, false), conv(13, 1, 1, 0, 1, false), ACT]),
                mean.clone(),
                OUT,
            ],
            image,
        ),
        (
            "strides, groups, projections",
            vec![
                conv(6, 4, 3, 2, 2, true),
                ACT,
                residual(vec![conv(12, 2, 2, 0, 3, false), ACT]),
                residual(vec![ACT, conv(12, 3, 1, 1, 12, false), ACT]),
                OUT,
            ],
            image,
        ),
        (
            "poolings",
            vec![
                conv(3, 3, 1, 1, 1, true),
                ACT,
                Element::Pool { pool: PoolKind::Max, side: 3, stride: 2 },
                residual(vec![Element::Scale { scale: Number(-1.5) }, ACT]),
                Element::Pool { pool: PoolKind::Mean, side: 2, stride: 1 },
                Element::Word(Word::Flatten),
                dense(4),
                ACT,
                OUT,
            ],
            image,
        ),
        ("greatest of all", vec![conv(3, 3, 1, 0, 1, true), Element::PoolAll { pool_all: PoolKind::Max }, OUT], image),
        (
            "normalised",
            vec![
                Element::Normalise { normalise: Normalisation::Layer },
                conv(4, 3, 1, 1, 1, false),
                Element::Normalise { normalise: Normalisation::Layer },
                ACT,
                residual(vec![Element::Normalise { normalise: Normalisation::Layer }, depthwise(3, 1, false)]),
                mean,
                dense(5),
                Element::Normalise { normalise: Normalisation::Layer },
                ACT,
                OUT,
            ],
            image,
        ),
    ]
}

fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f64 / f64::from(1u32 << 23) - 1.0
    };
    // Multiples of 2⁻²³, the same in single precision.
    (0..count).map(|_| next()).collect()
}

/// Outputs and a weighted sum of gradients, and the numbers that they are of: samples, parameters and weights.
struct Computed<T> {
    outputs: Vec<T>,
    gradient: Vec<T>,
    of: [Vec<f64>; 3],
}

fn compute<T: Real>(graph: &Graph, fast: bool) -> Computed<T> {
    let passes = Passes::new(graph.clone()).unwrap();
    let (d, count) = (passes.inputs(), 2 * Passes::tile::<T>() + 3);
    let (x, parameters) = (numbers(d * count, 1), numbers(graph.parameters(), 2));
    let c: Vec<f64> = numbers(count, 3);
    let narrow = |values: &[f64]| values.iter().map(|&v| T::of(v)).collect::<Vec<T>>();
    let (mut weights, mut room) = (Weights::default(), Room::default());
    passes.load(&narrow(&parameters), &mut weights);
    let mut gradient = vec![T::default(); parameters.len()];
    let mut outputs = vec![T::default(); count];
    let mut again = vec![T::default(); count];
    let tile = Passes::tile::<T>();
    for (k, rows) in narrow(&x).chunks(tile * d).enumerate() {
        let own = k * tile..(k * tile + rows.len() / d);
        passes.outputs(&weights, fast, rows, &mut outputs[own.clone()], &mut room);
        let coefficient = |lane: usize, output: T| {
            again[k * tile + lane] = output;
            T::of(c[k * tile + lane])
        };
        passes.gradient(&weights, fast, rows, coefficient, &mut gradient, &mut room);
    }
    assert_eq!(outputs, again, "with and without the way back");
    Computed { outputs, gradient, of: [x, parameters, c] }
}

/// The greatest differences of outputs and of a weighted sum of gradients, relative to the greatest of either.
fn off<T: Real>(graph: &Graph, fast: bool) -> [f64; 2] {
    let Computed { outputs, gradient, of: [x, parameters, c] } = compute::<T>(graph, fast);
    let d = x.len() / c.len();
    let (mut f, mut g) = (Vec::new(), vec![0.0; parameters.len()]);
    for (x, &c) in x.chunks(d).zip(&c) {
        let values = reference::forward(graph, &parameters, x);
        f.push(values.last().unwrap()[0]);
        let own = reference::backward(graph, &parameters, &values, &[c]).parameters;
        g.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
    }
    let largest = |values: &mut dyn Iterator<Item = f64>| {
        values.fold(0.0, |a: f64, b| if b.abs() > a || b.is_nan() { b.abs() } else { a })
    };
    let at_outputs = largest(&mut outputs.iter().zip(&f).map(|(a, b)| a.wide() - b));
    let at_gradient = largest(&mut gradient.iter().zip(&g).map(|(a, b)| a.wide() - b));
    [at_outputs / largest(&mut f.into_iter()), at_gradient / largest(&mut g.into_iter())]
}

#[test]
fn outputs_and_gradients_are_those_of_the_reference() {
    for (name, layers, image) in networks() {
        for activation in Activation::ALL {
            let graph = graph(layers.clone(), image, activation);
            for fast in [false, fast()] {
                let wide = off::<f64>(&graph, fast);
                // Rounding of sums of hundreds of terms, through up to ten layers.
                assert!(wide.iter().all(|&off| off < 1e-12), "{name} {activation:?}: {wide:?}");
                let narrow = off::<f32>(&graph, fast);
                // A rectifier whose input is rounded across 0, or a maximum, passes on what the reference does not.
                assert!(narrow.iter().all(|&off| off < 2e-4), "{name} {activation:?}: {narrow:?}");
            }
        }
    }
}

/// A flow's numbers do not depend on the processor, where no product of matrices takes part.
#[test]
fn arrays_have_the_bits_of_the_fast_vectors() {
    fn bits<T: Real>(graph: &Graph, fast: bool) -> Vec<u64> {
        let Computed { outputs, gradient, .. } = compute::<T>(graph, fast);
        outputs.iter().chain(&gradient).map(|number| number.wide().to_bits()).collect()
    }
    for (name, layers, image) in networks() {
        for activation in Activation::ALL {
            let graph = graph(layers.clone(), image, activation);
            assert!(bits::<f32>(&graph, false) == bits::<f32>(&graph, fast()), "{name} {activation:?}, f32");
            assert!(bits::<f64>(&graph, false) == bits::<f64>(&graph, fast()), "{name} {activation:?}, f64");
        }
    }
}

/// What the layers leave is each sample's own gradient.
#[test]
fn signals_are_the_gradients_of_each_sample() {
    for (name, layers, image) in networks() {
        let graph = graph(layers, image, Activation::Swish);
        let passes = Passes::new(graph.clone()).unwrap();
        let (d, tile) = (passes.inputs(), Passes::tile::<f64>());
        let (x, parameters) = (numbers(3 * d, 5), numbers(graph.parameters(), 6));
        let (mut weights, mut room) = (Weights::default(), Room::default());
        passes.load(&parameters, &mut weights);
        let mut each = vec![vec![f64::NAN; parameters.len()]; 3];
        passes.signals(
            &weights,
            fast(),
            &x,
            |_, _| 1.0,
            &mut room,
            |place, signal| {
                let layer = graph.nodes()[place].layer.as_ref().unwrap();
                for (lane, own) in each.iter_mut().enumerate() {
                    match signal {
                        Signal::Dense { input, delta } => {
                            let column =
                                |values: &[f64]| values.iter().skip(lane).step_by(tile).copied().collect::<Vec<_>>();
                            let (input, delta) = (column(input), column(delta));
                            let products = delta.iter().flat_map(|d| input.iter().map(move |x| d * x));
                            own[layer.weight_range()].iter_mut().zip(products).for_each(|(to, value)| *to = value);
                            if layer.bias {
                                own[layer.bias_range()].copy_from_slice(&delta);
                            }
                        }
                        Signal::Sums(sums) => {
                            let to = &mut own[layer.weight_range().start..layer.bias_range().end];
                            to.iter_mut().zip(sums.iter().skip(lane).step_by(tile)).for_each(|(to, &sum)| *to = sum);
                        }
                    }
                }
            },
        );
        for (x, own) in x.chunks(d).zip(&each) {
            let values = reference::forward(&graph, &parameters, x);
            let expected = reference::backward(&graph, &parameters, &values, &[1.0]).parameters;
            let scale = expected.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
            for (a, b) in own.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-12 * scale, "{name}: {a} {b}");
            }
        }
    }
}

#[test]
fn batch_normalisation_is_refused_by_name() {
    let layers = vec![dense(3), Element::Normalise { normalise: Normalisation::Batch }, ACT, OUT];
    let refused = Passes::new(graph(layers, None, Activation::Relu)).unwrap_err();
    assert!(refused.contains("batch normalisation"), "{refused}");
}

/// Where α goes: into the layers whose outputs make the output, wherever they lie.
#[test]
fn the_output_is_scaled_by_its_layers_or_not_at_all() {
    let scaled = |layers, image| super::scaled_layers(&graph(layers, image, Activation::Relu));
    assert_eq!(scaled(vec![dense(3), ACT, OUT], None), Ok(vec![false, true]));
    let mean = Element::PoolAll { pool_all: PoolKind::Mean };
    let convolution = conv(1, 1, 1, 0, 1, true);
    assert_eq!(scaled(vec![conv(4, 3, 1, 1, 1, true), convolution, ACT, mean], Some([1, 5, 5])), Ok(vec![false, true]));
    let sum = Element::Residual { residual: vec![dense(3), ACT, OUT], shortcut: vec![OUT] };
    assert_eq!(scaled(vec![dense(4), sum.clone()], None), Ok(vec![false, false, true, true]));
    assert!(scaled(vec![dense(1), residual(vec![ACT, OUT])], None).is_err());
}
