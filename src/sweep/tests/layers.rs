//! `kind = "layers"`: what a list of elements may say, its axes, and what is answered to a wrong one.

use phasesweep_networks::{Activation, Count, Element, Ports};
use proptest::prelude::*;

use super::*;

fn with(keys: &str) -> String {
    edited("kind = \"mlp\"\nhidden = [20]", &format!("kind = \"layers\"\n{keys}"))
}

fn labels(keys: &str) -> Vec<String> {
    good(&with(keys)).architectures.iter().map(|architecture| architecture.kind.label()).collect()
}

fn error(keys: &str) -> String {
    let all = parse(&with(keys), "bad.toml", &[]).expect_err(keys);
    assert_eq!(all.len(), 1, "{all}");
    all.to_string()
}

#[test]
fn every_element_is_read_with_its_defaults() {
    let keys = r#"
activation = "gelu"
layers = [
  { conv = 8, kernel = 3 },
  { conv = 8, kernel = 5, stride = 2, padding = 1, groups = 2, bias = false },
  { normalise = "batch" },
  "activation",
  { depthwise = 3, stride = 2, bias = false },
  { pool = "max" },
  { pool = "mean", side = 2, stride = 1 },
  { residual = [{ conv = 8, kernel = 1 }, "relu"], shortcut = [{ conv = 8, kernel = 1 }] },
  { residual = [{ conv = 16, kernel = 3 }] },
  { repeat = 2, layers = ["swish", { conv = 16, kernel = 1 }] },
  { normalise = "none" },
  { normalise = "layer" },
  "flatten",
  { dense = 10, bias = false },
  { scale = 0.5 },
  { dense = "classes" },
]"#;
    let keys = keys
        .replace("stride = 2, padding = 1, groups", "stride = 1, padding = 2, groups")
        .replace("depthwise = 3, stride = 2", "depthwise = 3");
    assert_eq!(
        labels(&keys),
        [
            "layers conv8k3 conv8k5g2- batchnorm activation depthwise-k3- max2 mean2s1 [conv8k1 relu | conv8k1] [conv16k3] \
          2×(swish conv16k1) layernorm flatten 10- ×0.5 classes"
        ]
    );
    let sweep = good(&with(&keys));
    assert_eq!(
        (sweep.architectures[0].activation, sweep.architectures[0].observe.as_slice()),
        (Activation::Gelu, &[8][..])
    );
}

#[test]
fn numbers_are_axes_where_they_stand_and_by_name_wherever_they_are_named() {
    assert_eq!(
        labels("layers = [{ dense = [8, 16] }, \"relu\", { dense = [2, 3] }, \"relu\", { dense = \"classes\" }]"),
        [
            "layers 8 relu 2 relu classes",
            "layers 8 relu 3 relu classes",
            "layers 16 relu 2 relu classes",
            "layers 16 relu 3 relu classes"
        ]
    );
    let named = "layers = [{ dense = \"width\" }, { repeat = \"blocks\", layers = [{ residual = [{ dense = \"width\" }, \
                 \"relu\"] }] }, { normalise = [\"none\", \"layer\"] }, { dense = \"classes\" }]\n\
                 numbers = { width = [8, 16], blocks = [1, 2] }";
    let all = labels(named);
    assert_eq!(all.len(), 8);
    assert_eq!(all[0], "layers 8 1×([8 relu]) classes");
    assert_eq!(all[7], "layers 16 2×([16 relu]) layernorm classes");
    let sweep = good(&with(named));
    assert_eq!(sweep.architectures[3].numbers.0, [("blocks".to_owned(), 2.0), ("width".to_owned(), 8.0)]);
    let first = &sweep.architectures[0].kind;
    let graph =
        first.graph(Ports { inputs: 4, image: None, classes: 3 }, Activation::Tanh).expect("a network of vectors");
    assert_eq!(graph.layers().count(), 3);
}

#[test]
fn set_reaches_into_a_list() {
    let text = with("layers = [{ dense = \"width\" }, \"relu\", { dense = \"classes\" }]\nnumbers = { width = 8 }");
    let set = |argument: &str| parse(&text, "s.toml", &[argument.to_owned()]).unwrap_or_else(|error| panic!("{error}"));
    let sweep = set("architecture.layers=[{dense=5},tanh,{dense=width},{dense=classes}]");
    assert_eq!(sweep.architectures[0].kind.label(), "layers 5 tanh 8 classes");
    let sweep = set("architecture.numbers={width=[4,6]}");
    let labels: Vec<String> = sweep.architectures.iter().map(|architecture| architecture.kind.label()).collect();
    assert_eq!(labels, ["layers 4 relu classes", "layers 6 relu classes"]);
}

#[test]
fn what_is_wrong_is_told_where_it_stands() {
    let list = |elements: &str| format!("layers = [{elements}, {{ dense = \"classes\" }}]");
    for (elements, parts) in [
        ("{ dense = 0 }", &["`dense` must be at least 1"][..]),
        ("{ dense = 2.5 }", &["`dense` must be a whole number", "`numbers`"]),
        ("{ dense = [8, 8] }", &["`dense` lists 8 twice"]),
        ("{ dense = [] }", &["`dense` is an empty list"]),
        ("{ dense = \"width\" }", &["`dense` must be a whole number", "the name of a number"]),
        ("\"rleu\"", &["unknown element `rleu`", "did you mean \"relu\"?"]),
        ("7", &["an element of `layers` cannot be an integer"]),
        ("{ dnse = 8 }", &["it is not clear which element this is", "dense, conv"]),
        ("{ dense = 8, conv = 3 }", &["it is not clear which element this is"]),
        ("{ dense = 8, kernel = 3 }", &["unknown key `kernel` in { dense = … }"]),
        ("{ conv = 8 }", &["`kernel` is missing"]),
        ("{ pool = \"median\" }", &["unknown pool `median`", "allowed: max, mean"]),
        ("{ residual = [] }", &["`residual` has no element"]),
        ("{ repeat = 2 }", &["`layers` is missing"]),
        ("{ dense = 4, bias = 1 }", &["`bias` must be true or false"]),
        ("{ scale = \"x\" }", &["`scale` must be a number"]),
        ("{ conv = 4, kernel = 3, groups = 3 }", &["groups of a convolution do not divide", "1×8×8"]),
        ("{ pool = \"max\", side = 9 }, { dense = 4 }", &["the pooling", "leaves nothing of an image"]),
    ] {
        let shown = error(&list(elements));
        for part in parts {
            assert!(shown.contains(part), "no {part:?} in\n{shown}");
        }
    }
    for (keys, part) in [
        ("layers = [{ dense = 8 }, \"relu\", { dense = 3 }]", "not one number for each class"),
        ("layers = []", "`layers` has no element"),
        ("layers = [{ dense = \"classes\" }]", "no hidden layer"),
        ("layers = 3", "`layers` must be a list"),
        ("", "`layers` is missing"),
        (
            "layers = [{ dense = 8 }, { dense = \"classes\" }]\nnumbers = { w = 3 }",
            "no element of `layers` names the number `w`",
        ),
        ("layers = [{ dense = \"w\" }, { dense = \"classes\" }]\nnumbers = { w = \"x\" }", "`w` must be a number"),
        ("layers = [{ dense = \"w\" }, { dense = \"classes\" }]\nnumbers = { w = [3, 3] }", "`w` lists 3 twice"),
        ("layers = [{ dense = 3 }, { dense = \"classes\" }]\nnumbers = { classes = 3 }", "cannot be the name"),
        ("activation = \"relu\"\nlayers = [{ dense = 8 }, { dense = \"classes\" }]", "`activation` does not apply"),
        ("hidden = [3]\nlayers = [{ dense = 8 }, { dense = \"classes\" }]", "`hidden` does not apply"),
        (
            "layers = [{ repeat = 10000, layers = [{ repeat = 10000, layers = [{ dense = 8 }] }] }, { dense = \"classes\" }]",
            "more than 10000 elements",
        ),
    ] {
        let shown = error(keys);
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
}

/// An element and how a sweep file writes it.
fn element() -> impl Strategy<Value = (Element, String)> {
    let dense = (1_usize..50, any::<bool>()).prop_map(|(units, bias)| {
        let written =
            if bias { format!("{{ dense = {units} }}") } else { format!("{{ dense = {units}, bias = false }}") };
        (Element::Dense { dense: Count::Of(units), bias }, written)
    });
    let word = prop::sample::select(phasesweep_networks::Word::all().collect::<Vec<_>>())
        .prop_map(|word| (Element::Word(word), format!("{:?}", word.name())));
    let leaf = prop_oneof![3 => dense, 2 => word];
    leaf.prop_recursive(3, 20, 4, |inner| {
        let list = prop::collection::vec(inner, 1..4).prop_map(|all| {
            let (elements, texts): (Vec<_>, Vec<_>) = all.into_iter().unzip();
            (elements, format!("[{}]", texts.join(", ")))
        });
        prop_oneof![
            list.clone().prop_map(|(residual, text)| {
                (Element::Residual { residual, shortcut: Vec::new() }, format!("{{ residual = {text} }}"))
            }),
            (0_usize..4, list).prop_map(|(repeat, (layers, text))| {
                (Element::Repeat { repeat, layers }, format!("{{ repeat = {repeat}, layers = {text} }}"))
            }),
        ]
    })
}

proptest! {
    /// What is written is what is read, and the JSON of a network is the list again.
    #[test]
    fn a_list_is_read_as_it_is_written(all in prop::collection::vec(element(), 1..5)) {
        let (mut elements, texts): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        elements.insert(0, Element::Dense { dense: Count::Of(1), bias: true });
        elements.push(Element::Dense { dense: Count::Classes, bias: true });
        let keys = format!("layers = [{{ dense = 1 }}, {}, {{ dense = \"classes\" }}]", texts.join(", "));
        let sweep = good(&with(&keys));
        let json = serde_json::to_value(&sweep.architectures[0].kind).expect("a network has a JSON form");
        prop_assert_eq!(&json["layers"], &serde_json::to_value(&elements).expect("elements have a JSON form"));
    }
}
