//! A network of one's own: a list of elements, each with its numbers, from the samples to the outputs.
//!
//! The list is PyTorch's `Sequential`: an element is given what the one before it answers. Names of tensors follow: those of
//! element k are `layers.k.weight` and `layers.k.bias`, within a residual `layers.k.branch.j.…` and
//! `layers.k.shortcut.j.…` (`layers.k.projection` for one that is made), within a repetition `layers.k.r.j.…` in its r-th
//! round.
//!
//! Hidden layers: one for each dense layer, convolution and residual of the outermost list but the last dense layer or
//! convolution: the value after it and after the normalisations, activations, poolings and scales that follow it at once.
//! Elements of a repetition count as if they were written out.

use serde::Serialize;

use super::element::{Count, Element, PoolKind, Word};
use super::operation::{Normalisation, Pool, Window};
use super::{Builder, Definition, Extent, Form, Key, Misfit, Values};

/// A network of one's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Layers {
    /// Its elements, from the samples to the outputs; never empty.
    pub layers: Vec<Element>,
}

const LAYERS: Key = Key {
    name: "layers",
    form: Form::Layers,
    example: "[{ dense = 64 }, \"relu\", { dense = \"classes\" }]",
    meaning: "the elements of the network, from the samples to the outputs; a list where a number is expected is an axis, \
              and a name stands for a number of `numbers`",
};
const NUMBERS: Key = Key {
    name: "numbers",
    form: Form::NamedNumbers,
    example: "{ width = [32, 64] }",
    meaning: "numbers that `layers` names, each one number or a list of them: one axis wherever it is named",
};

impl Definition for Layers {
    const NAME: &'static str = "layers";
    const SUMMARY: &'static str = "a network of one's own: a list of elements";
    const KEYS: &'static [Key] = &[LAYERS, NUMBERS];

    fn of(values: &Values) -> Self {
        Layers { layers: values.layers(&LAYERS) }
    }

    fn needs_images(&self) -> bool {
        needs_images(&self.layers)
    }

    fn build(&self, builder: &mut Builder) -> Result<(), Misfit> {
        build(&self.layers, builder)
    }

    fn depth(&self) -> usize {
        depth(&self.layers)
    }

    fn width(&self) -> Option<usize> {
        width(&self.layers)
    }

    fn words(&self) -> String {
        words(&self.layers)
    }

    fn uses_activation(&self) -> bool {
        uses_activation(&self.layers)
    }
}

/// Words for a normalisation, or none.
pub(super) const NORMALISATIONS: &[&str] = &["batch", "layer", "none"];

/// The normalisation of a word of [`NORMALISATIONS`], as an element; nothing for "none".
pub(super) fn normalisation(word: &str) -> Option<Element> {
    let all = [Normalisation::Batch, Normalisation::Layer];
    all.into_iter().find(|own| own.name() == word).map(|normalise| Element::Normalise { normalise })
}

/// The elements with repetitions written out, each with its name.
fn flat<'a>(elements: &'a [Element], prefix: &str) -> Vec<(String, &'a Element)> {
    let mut all = Vec::new();
    for (place, element) in elements.iter().enumerate() {
        let name = format!("{prefix}.{place}");
        if let Element::Repeat { repeat, layers } = element {
            all.extend((0..*repeat).flat_map(|round| flat(layers, &format!("{name}.{round}"))));
        } else {
            all.push((name, element));
        }
    }
    all
}

/// Whether the samples must be images: something reads pixels before anything reads a vector.
pub(super) fn needs_images(elements: &[Element]) -> bool {
    let reads = |element: &Element| match element {
        Element::Dense { .. } | Element::Word(Word::Flatten) => Some(false),
        Element::Convolution { .. } | Element::Depthwise { .. } | Element::Pool { .. } | Element::PoolAll { .. } => {
            Some(true)
        }
        Element::Residual { residual, shortcut } => Some(needs_images(residual) || needs_images(shortcut)),
        Element::Normalise { .. } | Element::Scale { .. } | Element::Word(_) | Element::Repeat { .. } => None,
    };
    flat(elements, "").into_iter().find_map(|(_, element)| reads(element)).unwrap_or(false)
}

/// Whether a hidden layer begins with the element.
fn begins_layer(element: &Element) -> bool {
    matches!(
        element,
        Element::Dense { .. } | Element::Convolution { .. } | Element::Depthwise { .. } | Element::Residual { .. }
    )
}

/// Number of hidden layers of a list.
pub(super) fn depth(elements: &[Element]) -> usize {
    flat(elements, "").iter().filter(|(_, element)| begins_layer(element)).count().saturating_sub(1)
}

/// Width of the first dense layer or convolution.
pub(super) fn width(elements: &[Element]) -> Option<usize> {
    flat(elements, "").into_iter().find_map(|(_, element)| match element {
        Element::Dense { dense: Count::Of(width), .. } | Element::Convolution { conv: Count::Of(width), .. } => {
            Some(*width)
        }
        Element::Residual { residual, .. } => width(residual),
        _ => None,
    })
}

/// Whether an element is the `activation` of the `[[architecture]]`.
pub(super) fn uses_activation(elements: &[Element]) -> bool {
    elements.iter().any(|element| match element {
        Element::Word(word) => *word == Word::Activation,
        Element::Residual { residual, shortcut } => uses_activation(residual) || uses_activation(shortcut),
        Element::Repeat { layers, .. } => uses_activation(layers),
        _ => false,
    })
}

/// A list in a label: elements beside each other, residuals in brackets, repetitions with their number.
pub(super) fn words(elements: &[Element]) -> String {
    let count = |count: &Count| match count {
        Count::Of(number) => number.to_string(),
        Count::Classes => "classes".to_owned(),
    };
    let unbiased = |bias: bool| if bias { "" } else { "-" };
    let word = |element: &Element| match element {
        Element::Dense { dense, bias } => format!("{}{}", count(dense), unbiased(*bias)),
        Element::Convolution { conv, kernel, stride, padding, groups, bias } => {
            let mut text = format!("conv{}k{kernel}", count(conv));
            for (letter, value, usual) in [("s", *stride, 1), ("p", *padding, kernel / 2), ("g", *groups, 1)] {
                if value != usual {
                    text.push_str(&format!("{letter}{value}"));
                }
            }
            text + unbiased(*bias)
        }
        Element::Depthwise { depthwise, stride, padding, bias } => {
            let mut text = format!("depthwise-k{depthwise}");
            for (letter, value, usual) in [("s", *stride, 1), ("p", *padding, depthwise / 2)] {
                if value != usual {
                    text.push_str(&format!("{letter}{value}"));
                }
            }
            text + unbiased(*bias)
        }
        Element::Pool { pool, side, stride } => {
            let text = format!("{}{side}", pool_word(*pool));
            if stride == side { text } else { format!("{text}s{stride}") }
        }
        Element::PoolAll { pool_all } => format!("{}-all", pool_word(*pool_all)),
        Element::Normalise { normalise } => format!("{}norm", normalise.name()),
        Element::Scale { scale } => format!("×{}", scale.0),
        Element::Residual { residual, shortcut } if shortcut.is_empty() => format!("[{}]", words(residual)),
        Element::Residual { residual, shortcut } => format!("[{} | {}]", words(residual), words(shortcut)),
        Element::Repeat { repeat, layers } => format!("{repeat}×({})", words(layers)),
        Element::Word(word) => word.name().to_owned(),
    };
    elements.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn pool_word(kind: PoolKind) -> &'static str {
    match kind {
        PoolKind::Max => "max",
        PoolKind::Mean => "mean",
    }
}

/// Adds the nodes of a list, from the samples to the outputs, and says which are hidden layers.
pub(super) fn build(elements: &[Element], builder: &mut Builder) -> Result<(), Misfit> {
    let mut from = if needs_images(elements) { builder.images()? } else { builder.vectors() };
    let all = flat(elements, "layers");
    let last = all.iter().rposition(|(_, element)| begins_layer(element));
    let mut open = false;
    for (place, (name, element)) in all.iter().enumerate() {
        // A flattening belongs to the layer that reads it.
        if open && (begins_layer(element) || matches!(element, Element::Word(Word::Flatten))) {
            builder.hidden(from);
            open = false;
        }
        from = add(element, name, from, builder)?;
        open |= begins_layer(element) && Some(place) != last;
    }
    if builder.extent(from) == Extent::Units(builder.classes()) { Ok(()) } else { Err(Misfit::WrongOutputs) }
}

/// Adds the nodes of an element that is fed `from`; the place of its value.
fn add(element: &Element, name: &str, from: usize, builder: &mut Builder) -> Result<usize, Misfit> {
    let channels = |builder: &Builder| match builder.extent(from) {
        Extent::Image([channels, ..]) => Ok(channels),
        Extent::Units(_) => Err(Misfit::WrongShape),
    };
    let count = |count: &Count, builder: &Builder| match count {
        Count::Of(number) => *number,
        Count::Classes => builder.classes(),
    };
    match element {
        Element::Dense { dense, bias } => {
            let flat = match builder.extent(from) {
                Extent::Image(_) => builder.flatten(from),
                Extent::Units(_) => from,
            };
            let outputs = count(dense, builder);
            Ok(builder.dense_with(name, flat, outputs, *bias))
        }
        Element::Convolution { conv, kernel, stride, padding, groups, bias } => {
            let window = Window { kernel: *kernel, stride: *stride, padding: *padding, groups: *groups };
            let outputs = count(conv, builder);
            builder.convolution_with(name, from, outputs, window, *bias)
        }
        Element::Depthwise { depthwise, stride, padding, bias } => {
            let channels = channels(builder)?;
            let window = Window { kernel: *depthwise, stride: *stride, padding: *padding, groups: channels };
            builder.convolution_with(name, from, channels, window, *bias)
        }
        Element::Pool { pool, side, stride } => {
            let pool = Pool { kind: pool.pooling(), window: [*side; 2], stride: [*stride; 2] };
            builder.pool(from, pool)
        }
        Element::PoolAll { pool_all } => builder.pool_all(from, pool_all.pooling()),
        Element::Normalise { normalise } => Ok(builder.normalise(name, from, *normalise)),
        Element::Scale { scale } => Ok(builder.scale(from, *scale)),
        Element::Residual { residual, shortcut } => {
            let branch = add_all(residual, &format!("{name}.branch"), from, builder)?;
            let straight = if shortcut.is_empty() {
                projected(&format!("{name}.projection"), from, branch, builder)?
            } else {
                add_all(shortcut, &format!("{name}.shortcut"), from, builder)?
            };
            if builder.extent(branch) != builder.extent(straight) {
                return Err(Misfit::ShapesDiffer);
            }
            Ok(builder.sum(straight, branch))
        }
        Element::Repeat { .. } => add_all(std::slice::from_ref(element), name, from, builder),
        Element::Word(Word::Activation) => Ok(builder.activation(from)),
        Element::Word(Word::Apply(activation)) => Ok(builder.apply(*activation, from)),
        Element::Word(Word::Flatten) => Ok(match builder.extent(from) {
            Extent::Image(_) => builder.flatten(from),
            Extent::Units(_) => from,
        }),
    }
}

/// Adds the nodes of elements one after the other.
fn add_all(elements: &[Element], prefix: &str, from: usize, builder: &mut Builder) -> Result<usize, Misfit> {
    flat(elements, prefix).into_iter().try_fold(from, |from, (name, element)| add(element, &name, from, builder))
}

/// `from` itself where it has the shape of the `branch`, else its projection there without a bias: a dense layer, or a
/// convolution by one pixel whose stride skips pixels as the branch does.
fn projected(name: &str, from: usize, branch: usize, builder: &mut Builder) -> Result<usize, Misfit> {
    match (builder.extent(from), builder.extent(branch)) {
        (own, wanted) if own == wanted => Ok(from),
        (Extent::Units(_), Extent::Units(units)) => Ok(builder.dense_with(name, from, units, false)),
        (Extent::Image([_, height, width]), Extent::Image([channels, down, across])) => {
            let window = |stride| Window { kernel: 1, stride, padding: 0, groups: 1 };
            let fits =
                |&stride: &usize| window(stride).places(height) == down && window(stride).places(width) == across;
            let stride = (1..=height.max(width)).find(fits).ok_or(Misfit::ShapesDiffer)?;
            builder.convolution_with(name, from, channels, window(stride), false)
        }
        _ => Err(Misfit::ShapesDiffer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, ArchitectureKind, Number, Ports, reference};

    fn dense(units: usize) -> Element {
        Element::Dense { dense: Count::Of(units), bias: true }
    }

    fn output() -> Element {
        Element::Dense { dense: Count::Classes, bias: true }
    }

    fn conv(conv: usize, kernel: usize, stride: usize) -> Element {
        let (padding, groups, bias) = (kernel / 2, 1, false);
        Element::Convolution { conv: Count::Of(conv), kernel, stride, padding, groups, bias }
    }

    const RELU: Element = Element::Word(Word::Apply(Activation::Relu));

    fn graph(layers: Vec<Element>, ports: Ports) -> Result<crate::Graph, Misfit> {
        ArchitectureKind::Layers(Layers { layers }).graph(ports, Activation::Tanh)
    }

    #[test]
    fn a_plain_list_is_the_chain_of_the_same_layers() {
        let ports = Ports { inputs: 5, image: None, classes: 3 };
        let own = graph(vec![dense(4), Element::Word(Word::Activation), output()], ports).unwrap();
        let mlp = ArchitectureKind::Mlp(crate::Mlp { hidden: vec![4] }).graph(ports, Activation::Tanh).unwrap();
        assert!(own.as_chain().is_some());
        assert_eq!((own.as_chain(), own.hidden()), (mlp.as_chain(), mlp.hidden()));
    }

    #[test]
    fn residuals_project_where_shapes_differ_and_names_are_those_of_modules() {
        let ports = Ports { inputs: 49, image: Some([1, 7, 7]), classes: 2 };
        let block = Element::Residual { residual: vec![conv(4, 3, 2), RELU, conv(4, 3, 1)], shortcut: vec![] };
        let again = Element::Residual { residual: vec![conv(4, 3, 1)], shortcut: vec![] };
        let rounds = Element::Repeat { repeat: 2, layers: vec![again, RELU] };
        let all = vec![block, RELU, rounds, Element::PoolAll { pool_all: PoolKind::Mean }, output()];
        let kind = ArchitectureKind::Layers(Layers { layers: all.clone() });
        let graph = graph(all, ports).unwrap();
        let names: Vec<&str> = graph.layers().map(|(_, layer)| layer.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "layers.0.branch.0",
                "layers.0.branch.2",
                "layers.0.projection",
                "layers.2.0.0.branch.0",
                "layers.2.1.0.branch.0",
                "layers.4"
            ]
        );
        assert_eq!((graph.hidden().len(), kind.depth()), (3, 3));
        assert_eq!(kind.label(), "layers [conv4k3s2- relu conv4k3-] relu 2×([conv4k3-] relu) mean-all classes");
        // The last hidden layer is the mean over pixels.
        assert_eq!(graph.nodes()[graph.hidden()[2]].extent, Extent::Units(4));
        assert_eq!(graph.as_chain(), None);
    }

    #[test]
    fn what_cannot_be_built_says_why() {
        let image = Ports { inputs: 16, image: Some([1, 4, 4]), classes: 2 };
        let points = Ports { image: None, ..image };
        let branch = |layers| Element::Residual { residual: layers, shortcut: vec![] };
        let cases = [
            (graph(vec![dense(3)], points), Misfit::WrongOutputs),
            (graph(vec![conv(3, 3, 1), output()], points), Misfit::NoImages),
            (graph(vec![conv(3, 9, 1), output()], Ports { image: Some([1, 2, 2]), ..image }), Misfit::WrongOutputs),
            (graph(vec![branch(vec![conv(3, 3, 1), dense(3)]), output()], image), Misfit::ShapesDiffer),
            (graph(vec![dense(3), conv(3, 3, 1), output()], points), Misfit::WrongShape),
        ];
        for (place, (built, misfit)) in cases.into_iter().enumerate() {
            if place != 2 {
                assert_eq!(built, Err(misfit), "case {place}");
            } else {
                assert!(built.is_ok(), "padding makes room for a large kernel");
            }
        }
    }

    #[test]
    fn json_is_what_a_sweep_file_writes() {
        let kind = ArchitectureKind::Layers(Layers {
            layers: vec![
                conv(4, 3, 1),
                Element::Normalise { normalise: Normalisation::Batch },
                RELU,
                Element::Pool { pool: PoolKind::Max, side: 2, stride: 2 },
                Element::Scale { scale: Number(0.5) },
                output(),
            ],
        });
        let json = serde_json::to_string(&kind).unwrap();
        assert_eq!(
            json,
            "{\"kind\":\"layers\",\"layers\":[{\"conv\":4,\"kernel\":3,\"stride\":1,\"padding\":1,\"groups\":1,\
             \"bias\":false},{\"normalise\":\"batch\"},\"relu\",{\"pool\":\"max\",\"side\":2,\"stride\":2},\
             {\"scale\":0.5},{\"dense\":\"classes\"}]}"
        );
    }

    #[test]
    fn equal_weights_start_equal_whatever_lies_between_them() {
        let ports = Ports { inputs: 4, image: None, classes: 2 };
        let start = |layers: Vec<Element>| {
            let kind = ArchitectureKind::Layers(Layers { layers });
            let graph = kind.graph(ports, Activation::Relu).unwrap();
            let parameters = kind.initial_parameters(&graph, 5, 4, &[0, 1, 2, 3], 1.0);
            let drawn = graph.layers().filter(|(_, layer)| layer.shape.len() > 1);
            drawn.flat_map(|(_, layer)| parameters[layer.weight_range()].to_vec()).collect::<Vec<f32>>()
        };
        let residual = Element::Residual { residual: vec![dense(3)], shortcut: vec![] };
        let normalised = Element::Normalise { normalise: Normalisation::Batch };
        let plain = start(vec![dense(3), RELU, dense(3), output()]);
        assert_eq!(plain, start(vec![dense(3), normalised, RELU, residual, output()]));
        assert_ne!(plain, start(vec![dense(3), RELU, dense(4), output()])[..plain.len()]);
    }

    #[test]
    fn layer_normalisation_and_scale_are_their_formulas() {
        let ports = Ports { inputs: 2, image: None, classes: 1 };
        let all = vec![
            Element::Normalise { normalise: Normalisation::Layer },
            Element::Scale { scale: Number(3.0) },
            output(),
        ];
        let graph = graph(all, ports).unwrap();
        // x = (1, 3): mean 2, variance 1; γ = (2, 1), β = (0, 5); then 3·, then a sum with bias 7.
        let values = reference::forward(&graph, &[2.0, 1.0, 0.0, 5.0, 1.0, 1.0, 7.0], &[1.0, 3.0]);
        let root = (1.0 + Normalisation::EPSILON).sqrt();
        let expected = 3.0 * (-2.0 / root) + 3.0 * (1.0 / root + 5.0) + 7.0;
        assert!((values.last().unwrap()[0] - expected).abs() < 1e-12);
    }
}
