//! Networks of lists of elements against PyTorch: `pytorch.py` beside this file writes what is expected.
//!
//! Tolerances: PyTorch's own single precision differs from its double precision by up to 5e-6 of the greatest number, as the
//! fixture says of each case; ours may differ by 1e-5 of it, since sums are taken in another order.

use phasesweep_networks::{Count, Element, Layers, Normalisation, Number, PoolKind, Word};
use serde_json::Value;

use super::*;
use crate::train::burn::flat::Flat;
use crate::train::burn::input::Input;
use crate::train::burn::loss::loss;
use crate::train::burn::network::{self, Mode};
use crate::train::burn::parameters::Parameters;
use crate::train::burn::resident::Resident;

const IMAGE: [usize; 3] = [1, 5, 4];
const SAMPLES: usize = 12;
const CLASSES: usize = 3;
const BATCH: usize = 7;
const TOLERANCE: f64 = 1e-5;

fn conv(channels: usize, kernel: usize, stride: usize, padding: usize, groups: usize, bias: bool) -> Element {
    Element::Convolution { conv: Count::Of(channels), kernel, stride, padding, groups, bias }
}

/// A convolution by three pixels that keeps the image's sides, without a bias.
fn plain(channels: usize) -> Element {
    conv(channels, 3, 1, 1, 1, false)
}

fn depthwise(stride: usize, bias: bool) -> Element {
    Element::Depthwise { depthwise: 3, stride, padding: 1, bias }
}

fn dense(units: usize, bias: bool) -> Element {
    Element::Dense { dense: Count::Of(units), bias }
}

fn pool(pool: PoolKind, side: usize, stride: usize) -> Element {
    Element::Pool { pool, side, stride }
}

fn residual(residual: Vec<Element>, shortcut: Vec<Element>) -> Element {
    Element::Residual { residual, shortcut }
}

fn apply(activation: Activation) -> Element {
    Element::Word(Word::Apply(activation))
}

const OUTPUT: Element = Element::Dense { dense: Count::Classes, bias: true };
const ACTIVATION: Element = Element::Word(Word::Activation);
const BATCHED: Element = Element::Normalise { normalise: Normalisation::Batch };
const LAYERED: Element = Element::Normalise { normalise: Normalisation::Layer };

/// The networks of `pytorch.py`, each with its name.
pub(super) fn networks() -> Vec<(String, Activation, Vec<Element>)> {
    let block = residual(vec![dense(4, false), BATCHED, apply(Activation::Relu), dense(4, true)], vec![]);
    let mut all = vec![
        (
            "residual dense".to_owned(),
            Activation::Tanh,
            vec![
                dense(4, false),
                BATCHED,
                ACTIVATION,
                Element::Repeat { repeat: 2, layers: vec![block, ACTIVATION] },
                residual(vec![dense(3, true), apply(Activation::Swish)], vec![]),
                Element::Scale { scale: Number(0.5) },
                OUTPUT,
            ],
        ),
        (
            "residual network".to_owned(),
            Activation::Relu,
            vec![
                plain(2),
                BATCHED,
                ACTIVATION,
                residual(vec![plain(2), BATCHED, ACTIVATION, plain(2), BATCHED], vec![]),
                ACTIVATION,
                residual(
                    vec![conv(3, 3, 2, 1, 1, false), BATCHED, ACTIVATION, plain(3), BATCHED],
                    vec![conv(3, 1, 2, 0, 1, false), BATCHED],
                ),
                ACTIVATION,
                Element::PoolAll { pool_all: PoolKind::Mean },
                OUTPUT,
            ],
        ),
        (
            "depthwise and grouped".to_owned(),
            Activation::Gelu,
            vec![
                conv(4, 3, 1, 1, 1, true),
                apply(Activation::Relu),
                depthwise(2, true),
                ACTIVATION,
                residual(vec![conv(6, 3, 2, 1, 2, true), ACTIVATION, depthwise(1, false)], vec![]),
                Element::Word(Word::Flatten),
                ACTIVATION,
                OUTPUT,
            ],
        ),
        (
            "layer normalisation".to_owned(),
            Activation::Elu,
            vec![
                plain(4),
                LAYERED,
                ACTIVATION,
                pool(PoolKind::Max, 2, 1),
                residual(vec![LAYERED, conv(4, 3, 1, 1, 1, true)], vec![]),
                Element::Scale { scale: Number(-0.5) },
                dense(5, true),
                LAYERED,
                apply(Activation::Softplus),
                residual(vec![LAYERED, dense(5, true), ACTIVATION], vec![]),
                OUTPUT,
            ],
        ),
        (
            "poolings".to_owned(),
            Activation::LeakyRelu,
            vec![
                pool(PoolKind::Mean, 2, 1),
                BATCHED,
                conv(4, 2, 1, 2, 1, true),
                ACTIVATION,
                pool(PoolKind::Max, 3, 2),
                plain(4),
                pool(PoolKind::Mean, 2, 1),
                Element::PoolAll { pool_all: PoolKind::Max },
                BATCHED,
                OUTPUT,
            ],
        ),
    ];
    for activation in Activation::ALL {
        let whole = Element::PoolAll { pool_all: PoolKind::Mean };
        let layers = vec![conv(3, 3, 1, 1, 1, true), ACTIVATION, whole, dense(4, true), ACTIVATION, OUTPUT];
        all.push((format!("activation {}", activation.name()), activation, layers));
    }
    all
}

/// Numbers in (−1, 1) that a place determines.
fn wave(k: usize, phase: f64) -> f64 {
    let k = k as f64;
    (0.737 * k + 0.0211 * k * k + phase).sin()
}

fn case_problem(activation: Activation, layers: Vec<Element>) -> Problem {
    let inputs = IMAGE.iter().product::<usize>();
    let samples = Samples {
        x: (0..SAMPLES * inputs).map(|k| (1.2 * wave(k, 0.5)) as f32).collect(),
        y: (0..SAMPLES).map(|sample| (sample % CLASSES) as u16).collect(),
    };
    let mut problem = super::problem(ArchitectureKind::Layers(Layers { layers }), Some(IMAGE), CLASSES);
    let block = Arc::make_mut(&mut problem.block);
    (block.train, block.test) = (samples.clone(), samples);
    problem.noisy = Arc::default();
    problem.noise = vec![];
    Problem { activation, ..problem }
}

fn parameters(problem: &Problem) -> Vec<f32> {
    let graph = problem.graph().unwrap();
    let mut values = vec![0.0; graph.parameters()];
    for (_, layer) in graph.layers() {
        let (scale, shift) =
            if layer.shape.len() > 1 { (1.5 / (layer.fan_in() as f64).sqrt(), 0.0) } else { (0.3, 1.0) };
        layer.weight_range().for_each(|k| values[k] = (scale * wave(k, 0.3) + shift) as f32);
        layer.bias_range().for_each(|k| values[k] = (0.2 * wave(k, 0.3)) as f32);
    }
    values
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// Asserts that numbers are those expected, up to the tolerance of the greatest one.
fn assert_near(found: &[f32], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let greatest = expected.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    for (place, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let off = (f64::from(found) - expected).abs();
        assert!(off <= TOLERANCE * greatest, "{what}[{place}]: {found} instead of {expected}, greatest {greatest}");
    }
}

fn fixture() -> Value {
    serde_json::from_str(include_str!("pytorch.json")).unwrap()
}

/// Every case of the fixture, with its problem.
fn cases(fixture: &Value) -> impl Iterator<Item = (&Value, String, Problem)> {
    let networks = networks();
    let cases = fixture["cases"].as_array().unwrap();
    assert_eq!(cases.len(), networks.len());
    cases.iter().map(move |case| {
        let name = case["name"].as_str().unwrap();
        let (_, activation, layers) = networks.iter().find(|(own, ..)| own == name).expect(name).clone();
        assert_eq!(serde_json::to_value(&layers).unwrap(), case["layers"], "{name}");
        assert_eq!(activation.name(), case["activation"], "{name}");
        (case, name.to_owned(), case_problem(activation, layers))
    })
}

#[test]
fn outputs_and_gradients_are_pytorch_s_layer_by_layer() {
    let fixture = fixture();
    for (case, name, problem) in cases(&fixture) {
        let device = device_under_test();
        let resident = Resident::new(&device, &problem, 1, Some(SAMPLES)).unwrap();
        let own = Flat::upload(&device, &resident.graph, &[&parameters(&problem)]).layers(&resident.graph);
        let averages = Parameters::upload_averages(&device, &resident.graph, &[&problem.initial_averages()]);
        let tile = &resident.train[0];
        let mode = Mode::Training(None);
        let pass = network::forward(&resident.graph, &own, &averages, Input::Shared(tile.x.clone()), &mode);
        let outputs = pass.outputs().swap_dims(1, 2).into_data().try_into_vec::<f32>().unwrap();
        assert_near(&outputs, &numbers(&case["outputs"]), &name);
        let (_, delta) = loss(problem.loss, pass.outputs(), tile.onehot.clone());
        let gradient = pass.backward(&resident.graph, &own, delta.div_scalar(SAMPLES as f64));
        let (gradient, expected) = (gradient.download(1).unwrap().remove(0), numbers(&case["gradient"]));
        assert_eq!(gradient.len(), expected.len(), "{name}");
        for (_, layer) in resident.graph.layers() {
            let range = layer.start..layer.start + layer.parameters();
            assert_near(&gradient[range.clone()], &expected[range], &format!("{name}, {}", layer.name));
        }
    }
}

#[test]
fn twenty_steps_of_every_rule_are_pytorch_s() {
    let fixture = fixture();
    let orders: Vec<Vec<u32>> = serde_json::from_value(fixture["orders"].clone()).unwrap();
    for (epoch, order) in orders.iter().enumerate() {
        assert_eq!(*order, epoch_order(1, epoch, SAMPLES), "the orders of pytorch.py");
    }
    for (case, name, start_from) in cases(&fixture) {
        for wanted in case["runs"].as_array().unwrap() {
            let (rule, mini) = (wanted["optimiser"].as_str().unwrap(), wanted["batch"] == "mini");
            let kind = OptimiserKind::all().find(|kind| kind.name() == rule).expect(rule);
            let (lr, momentum, decay) = match rule {
                "sgd" | "nesterov" => (0.05, 0.9, 0.01),
                "adam" => (0.01, 0.0, 0.01),
                "adamw" => (0.01, 0.0, 0.1),
                "rmsprop" => (0.005, 0.5, 0.01),
                _ => (0.002, 0.0, 0.1),
            };
            let epochs = if mini { 10 } else { 20 };
            let problem = Problem {
                optimiser: kind,
                batch: if mini { Batch::Mini { size: BATCH } } else { Batch::Full },
                epochs,
                recorded: vec![0, 3, epochs],
                manifold: vec![3],
                snapshots: vec![epochs],
                ..start_from.clone()
            };
            // The one that is compared stands beside one that keeps other samples: neither may notice.
            let whole = replica(1, sgd(lr, momentum, decay));
            let kept: Arc<[bool]> = (0..SAMPLES).map(|sample| sample % 6 != 1).collect();
            let pruned = Replica { kept: Some(kept.clone()), ..whole.clone() };
            let replicas = [whole, pruned];
            let states: Vec<ReplicaState> = replicas
                .iter()
                .map(|replica| ReplicaState { parameters: parameters(&problem), ..start(&problem, replica) })
                .collect();
            let device = device_under_test();
            let burn =
                BurnEngine::cut(&device, &problem, replicas.to_vec(), states.clone(), Cut::Into(1), Some(5)).unwrap();
            let kernel = KernelEngine::new(&problem, &replicas, states, 1, KernelChoice::Auto).unwrap();
            let mut engines: [(&str, Box<dyn Engine>); 2] = [("burn", Box::new(burn)), ("kernel", Box::new(kernel))];
            for (by, engine) in &mut engines {
                engine.advance(epochs + 1).unwrap();
                let pruned = wanted["kept"] == true;
                let state = engine.states().unwrap().remove(usize::from(pruned));
                let what = format!("{name} by {by}, {rule}, {}, kept {pruned}", wanted["batch"]);
                assert_near(&state.parameters, &numbers(&wanted["weights"]), &what);
                assert_near(&state.averages, &numbers(&wanted["averages"]), &format!("{what}, running averages"));
                let loss = wanted["loss"].as_f64().unwrap();
                let found = f64::from(*state.record.floats(&TRAIN_LOSS).last().unwrap());
                assert!((found - loss).abs() < TOLERANCE * loss.max(1.0), "{what}: loss {found} instead of {loss}");
                // The reference takes a batch normalisation as it is in evaluation, of parameters that its averages went
                // into.
                let graph = problem.graph().unwrap();
                let evaluated: Vec<f64> =
                    graph.evaluated(&state.parameters, &state.averages).iter().map(|&w| f64::from(w)).collect();
                let counted: Vec<usize> = (0..SAMPLES).filter(|&sample| !pruned || kept[sample]).collect();
                let own = reference::mean_loss(&problem, &evaluated, &counted);
                assert!((own - loss).abs() < TOLERANCE * loss.max(1.0), "{what}: reference {own} instead of {loss}");
            }
        }
    }
}
