//! Every network of the registry, built from the examples of its keys: none has to be named here.

use proptest::prelude::*;

use super::*;

/// Images that do not fill their pooling windows.
pub(crate) const PORTS: Ports = Ports { inputs: 70, image: Some([2, 7, 5]), classes: 3 };

fn value(key: &Key) -> Value {
    let numbers: Vec<usize> =
        key.example.trim_matches(['[', ']']).split(',').filter_map(|number| number.trim().parse().ok()).collect();
    match key.form {
        Form::Integer { least, most, odd, .. } => {
            let number = numbers[0];
            assert!((least..=most).contains(&number) && (!odd || number % 2 == 1), "the example of {}", key.name);
            Value::Integer(number)
        }
        Form::Widths { .. } => Value::Widths(numbers),
        Form::Word { default, .. } => Value::Word(default),
        Form::Layers | Form::NamedNumbers => Value::Layers(example_layers()),
    }
}

/// One element of every kind.
fn example_layers() -> Vec<Element> {
    let bias = true;
    let conv = |conv, stride| Element::Convolution {
        conv: Count::Of(conv),
        kernel: 3,
        stride,
        padding: 1,
        groups: 2,
        bias: false,
    };
    let relu = Element::Word(Word::Apply(Activation::Relu));
    let normalise = |normalise| Element::Normalise { normalise };
    let residual = vec![
        conv(4, 2),
        Element::Word(Word::Activation),
        Element::Depthwise { depthwise: 3, stride: 1, padding: 1, bias },
    ];
    vec![
        conv(4, 1),
        normalise(Normalisation::Batch),
        relu,
        Element::Pool { pool: PoolKind::Max, side: 2, stride: 1 },
        Element::Repeat {
            repeat: 2,
            layers: vec![Element::Residual { residual, shortcut: vec![] }, normalise(Normalisation::Layer)],
        },
        Element::Pool { pool: PoolKind::Mean, side: 1, stride: 1 },
        Element::PoolAll { pool_all: PoolKind::Mean },
        Element::Scale { scale: Number(0.5) },
        Element::Dense { dense: Count::Of(4), bias },
        Element::Word(Word::Activation),
        Element::Dense { dense: Count::Classes, bias },
    ]
}

/// Each network of the registry, its numbers those of its keys' examples.
pub(crate) fn large() -> Vec<ArchitectureKind> {
    let of = |network: &Registered| {
        (network.of)(&Values::new(network.keys.iter().map(|key| (key.name, value(key))).collect()))
    };
    ALL.iter().map(of).collect()
}

#[test]
fn every_network_is_read_from_the_json_that_it_writes() {
    for kind in large() {
        let json = serde_json::to_string(&kind).unwrap();
        assert_eq!(ArchitectureKind::from_json(&json), Ok(kind), "{json}");
    }
}

/// A network of few units of each kind: integers at least 2, widths of 2 to 4.
fn small() -> Vec<ArchitectureKind> {
    let of = |network: &Registered| {
        let values = network.keys.iter().map(|key| {
            let value = match key.form {
                Form::Integer { least, odd, .. } => Value::Integer(least.max(if odd { 3 } else { 2 })),
                Form::Widths { .. } => Value::Widths(vec![4, 3]),
                Form::Word { default, .. } => Value::Word(default),
                Form::Layers | Form::NamedNumbers => Value::Layers(example_layers()),
            };
            (key.name, value)
        });
        (network.of)(&Values::new(values.collect()))
    };
    ALL.iter().map(of).collect()
}

pub(crate) fn built(kind: &ArchitectureKind) -> Graph {
    kind.graph(PORTS, Activation::Tanh).expect("images large enough")
}

/// Numbers in (−1, 1) that a place determines.
fn numbers(count: usize, phase: f64) -> Vec<f64> {
    (0..count).map(|k| (k as f64 * 0.737 + phase).sin()).collect()
}

#[test]
fn every_network_is_told_by_its_name_and_keys() {
    for (network, kind) in ALL.iter().zip(large()) {
        let json = serde_json::to_value(&kind).expect("an enum of numbers");
        assert_eq!((kind.name(), &json["kind"]), (network.name, &network.name.into()));
        let keys = network.keys.iter().filter(|key| key.form != Form::NamedNumbers);
        assert!(keys.clone().all(|key| json[key.name] == serde_json::to_value(plain(&value(key))).unwrap()));
        for key in network.keys {
            let known = KEYS.iter().filter(|known| known.name == key.name).collect::<Vec<_>>();
            assert_eq!(known.len(), 1, "{}", key.name);
            let forms = [known[0].form, key.form].map(|form| std::mem::discriminant(&form));
            assert_eq!(forms[0], forms[1], "{} has one form in all networks", key.name);
        }
    }
}

fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Integer(number) => (*number).into(),
        Value::Widths(widths) => widths.clone().into(),
        Value::Word(word) => (*word).into(),
        Value::Layers(layers) => serde_json::to_value(layers).expect("elements have a JSON form"),
    }
}

#[test]
fn graphs_hold_their_invariants() {
    for kind in large().into_iter().chain(small()) {
        let graph = built(&kind);
        assert_eq!(graph.nodes()[0].op, Op::Input);
        assert_eq!(graph.nodes().last().map(|node| node.extent), Some(Extent::Units(PORTS.classes)));
        assert_eq!(graph.hidden().len(), kind.depth(), "{kind:?}");
        let output = graph.nodes().len() - 1;
        assert!(graph.hidden().is_sorted() && graph.hidden().iter().all(|&node| node < output));
        let (mut start, mut names) = (0, std::collections::HashSet::new());
        for (index, (node, layer)) in graph.layers().enumerate() {
            assert_eq!((layer.index, layer.start), (index, start));
            start += layer.parameters();
            assert!(names.insert(layer.name.clone()), "two layers are called {}", layer.name);
            assert!(node.products() >= layer.weights());
        }
        for (place, node) in graph.nodes().iter().enumerate() {
            assert!(node.inputs.iter().all(|&from| from < place));
            if node.op == Op::Add {
                let extents: Vec<_> = node.inputs.iter().map(|&from| graph.nodes()[from].extent).collect();
                assert!(extents.iter().all(|extent| *extent == node.extent) && extents.len() == 2);
            }
            assert!(place == output || graph.consumers()[place] > 0, "a node of {kind:?} is used by none");
        }
    }
}

#[test]
fn what_cannot_be_built_says_why() {
    for kind in large() {
        let points = kind.graph(Ports { image: None, ..PORTS }, Activation::Relu);
        assert_eq!(points.is_err(), kind.needs_images());
        assert!(points.is_ok_and(|_| true) || points_of(&kind) == Some(Misfit::NoImages));
    }
    let deep = |channels: Vec<usize>| ArchitectureKind::Cnn(Cnn { channels, kernel: 3, pool: 2, hidden: vec![] });
    assert_eq!(deep(vec![4, 6, 6]).graph(PORTS, Activation::Relu), Err(Misfit::PooledAway));
}

fn points_of(kind: &ArchitectureKind) -> Option<Misfit> {
    kind.graph(Ports { image: None, ..PORTS }, Activation::Relu).err()
}

#[test]
fn chains_are_told_from_other_networks() {
    let cnn = ArchitectureKind::Cnn(Cnn { channels: vec![4, 6], kernel: 3, pool: 2, hidden: vec![8] });
    let chain = built(&cnn).as_chain().expect("a chain");
    // 7×5 → 3×2 → 1×1: six channels of one pixel reach the dense layer.
    let convolution =
        |inputs, outputs, height, width| LayerShape::Convolution { inputs, outputs, kernel: 3, pool: 2, height, width };
    let dense = |inputs, outputs| LayerShape::Dense { inputs, outputs };
    let layers = [convolution(2, 4, 7, 5), convolution(4, 6, 3, 2), dense(6, 8), dense(8, 3)];
    assert_eq!(chain, Chain { layers: layers.to_vec(), activation: Some(Activation::Tanh) });
    for kind in [ArchitectureKind::Mlp(Mlp { hidden: vec![5] }), cnn] {
        let graph = built(&kind);
        let parameters = graph.as_chain().map(|chain| chain.layers.iter().map(LayerShape::parameters).sum());
        assert_eq!(parameters, Some(graph.parameters()));
    }
    // A branch, an activation of its own, a missing activation, and a hidden layer that is not observed as one.
    let build = |activations: [bool; 2], branch: bool, hidden: bool| {
        let mut builder = Builder::new(PORTS, Activation::Tanh);
        let mut from = builder.vectors();
        for (place, active) in activations.into_iter().enumerate() {
            let sums = builder.dense(format!("layers.{place}"), from, 5);
            let out = if active { builder.activation(sums) } else { sums };
            from = if branch && place == 1 { builder.sum(from, out) } else { out };
            if hidden {
                builder.hidden(from);
            }
        }
        builder.dense("output", from, 3);
        builder.finish().as_chain().is_some()
    };
    assert!(build([true, true], false, true));
    for (activations, branch, hidden) in
        [([true, true], true, true), ([true, false], false, true), ([true, true], false, false)]
    {
        assert!(!build(activations, branch, hidden));
    }
}

/// The reference's gradient, at parameters and at the sample, against central differences of its outputs.
#[test]
fn the_references_gradient_is_that_of_its_outputs() {
    for kind in small() {
        // Squares of squares leave all bounds in a deep network.
        let deep = |activation: &Activation| kind.depth() > 4 && *activation == Activation::Quadratic;
        for activation in Activation::ALL.into_iter().filter(|activation| !deep(activation)) {
            let graph = kind.graph(PORTS, activation).expect("images large enough");
            assert_gradient(&graph, &numbers(graph.parameters(), 0.3), &numbers(PORTS.inputs, 1.1));
        }
    }
}

fn assert_gradient(graph: &Graph, parameters: &[f64], sample: &[f64]) {
    let outputs = numbers(graph.nodes().last().map_or(0, |node| node.extent.size()), 2.0);
    let value = |parameters: &[f64], sample: &[f64]| {
        let values = reference::forward(graph, parameters, sample);
        values.last().into_iter().flatten().zip(&outputs).map(|(f, c)| f * c).sum::<f64>()
    };
    let values = reference::forward(graph, parameters, sample);
    let gradient = reference::backward(graph, parameters, &values, &outputs);
    let moved = |of: &[f64], place: usize, by: f64| {
        let mut moved = of.to_vec();
        moved[place] += by;
        moved
    };
    const H: f64 = 1e-6;
    let close = |own: f64, up: f64, down: f64, what: &str| {
        let difference = (up - down) / (2.0 * H);
        // Rounding of 1e-15/H, of some times the value where quadratic units make it large, and third derivatives of order
        // 10³ times H².
        let tolerance = 1e-6 * (1.0 + own.abs()) + 1e-8 * up.abs();
        assert!((own - difference).abs() < tolerance, "{what}: {own} instead of {difference}");
    };
    for place in (0..parameters.len()).step_by(parameters.len().div_ceil(200)) {
        let at = |by: f64| value(&moved(parameters, place, by), sample);
        close(gradient.parameters[place], at(H), at(-H), "parameter");
    }
    for place in 0..sample.len() {
        let at = |by: f64| value(parameters, &moved(sample, place, by));
        close(gradient.sample[place], at(H), at(-H), "input");
    }
}

/// The same for the samples of a step, whose moments batch normalisations take.
#[test]
fn the_references_gradient_of_a_step_is_that_of_its_outputs() {
    let samples: Vec<Vec<f64>> = (0..3).map(|s| numbers(PORTS.inputs, 1.1 + f64::from(s))).collect();
    let outputs: Vec<Vec<f64>> = (0..3).map(|s| numbers(PORTS.classes, 2.0 - f64::from(s))).collect();
    let mut normalised = 0;
    for kind in small() {
        let graph = built(&kind);
        normalised += usize::from(graph.averaged() > 0);
        let parameters = numbers(graph.parameters(), 0.3);
        let value = |parameters: &[f64]| {
            let values = reference::forward_of_step(&graph, parameters, &samples);
            let of_sample = |(values, outputs): (&Vec<Vec<f64>>, &Vec<f64>)| {
                values.last().into_iter().flatten().zip(outputs).map(|(f, c)| f * c).sum::<f64>()
            };
            values.iter().zip(&outputs).map(of_sample).sum::<f64>()
        };
        let values = reference::forward_of_step(&graph, &parameters, &samples);
        let gradient = reference::backward_of_step(&graph, &parameters, &values, &outputs);
        for place in (0..parameters.len()).step_by(parameters.len().div_ceil(200)) {
            const H: f64 = 1e-6;
            let at = |by: f64| {
                let mut moved = parameters.clone();
                moved[place] += by;
                value(&moved)
            };
            let difference = (at(H) - at(-H)) / (2.0 * H);
            // As for a sample alone; normalised values of small variance bend more.
            let tolerance = 1e-5 * (1.0 + gradient[place].abs());
            assert!((gradient[place] - difference).abs() < tolerance, "{}: {place}", kind.label());
        }
    }
    assert!(normalised > 0, "a network of the registry normalises batches");
}

/// A dense graph of random branches: each step is a dense layer, an activation, or the sum of two nodes of one width.
fn branching(steps: &[(u8, usize, usize)]) -> Graph {
    let mut builder = Builder::new(Ports { inputs: 4, image: None, classes: 2 }, Activation::Tanh);
    let mut nodes = vec![builder.vectors()];
    for (place, &(step, a, b)) in steps.iter().enumerate() {
        let (a, b) = (nodes[a % nodes.len()], nodes[b % nodes.len()]);
        nodes.push(match step % 3 {
            0 => builder.dense(format!("layers.{place}"), a, 4),
            1 => builder.activation(a),
            _ => builder.sum(a, b),
        });
    }
    let last = nodes[nodes.len() - 1];
    builder.dense("output", last, 2);
    builder.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_references_gradient_holds_for_any_branches(
        steps in proptest::collection::vec((0u8..3, 0usize..8, 0usize..8), 1..8),
        phase in 0.0..6.0f64,
    ) {
        let graph = branching(&steps);
        // Small weights: sums of branches double in every step.
        let parameters: Vec<f64> = numbers(graph.parameters(), phase).iter().map(|w| 0.4 * w).collect();
        assert_gradient(&graph, &parameters, &numbers(4, phase + 1.0));
    }
}
