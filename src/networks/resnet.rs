//! The residual network of CIFAR's kind (He et al. 2016, CVPR, arXiv 1512.03385, §4.2): a convolution, three stages of
//! residual blocks, the mean over all pixels, and a dense layer.
//!
//! ```text
//! x₀ = σ(norm(conv₃ᵂ x))
//! x_l = σ(x_{l−1} + norm(conv₃ σ(norm(conv₃ x_{l−1}))))     for each block l
//! f = V mean(x_B) + c
//! ```
//!
//! Stages have W, 2W and 4W channels, and the first block of the second and of the third takes every other pixel; its
//! shortcut is a normalised convolution by one pixel (option B of the paper).

use serde::Serialize;

use super::element::{Count, Element, PoolKind, Word};
use super::layers;
use super::{Builder, Definition, Form, Key, Misfit, Values};

/// A residual network of 6 · `blocks` + 2 layers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Resnet {
    /// Channels of the first stage; 16 in the paper.
    pub width: usize,
    /// Blocks of a stage, at least one; 3 in the paper's shallowest network.
    pub blocks: usize,
    /// What follows every convolution; one with none has a bias instead.
    pub normalise: &'static str,
}

const WIDTH: Key = Key {
    name: "width",
    form: Form::Integer { least: 1, most: 1_000_000, odd: false, default: None },
    example: "16",
    meaning: "channels of the first stage",
};
const BLOCKS: Key = Key {
    name: "blocks",
    form: Form::Integer { least: 1, most: 1_000, odd: false, default: None },
    example: "3",
    meaning: "residual blocks of each of the three stages",
};
const NORMALISE: Key = Key {
    name: "normalise",
    form: Form::Word { words: layers::NORMALISATIONS, default: "batch" },
    example: "\"batch\"",
    meaning: "normalisation after every convolution",
};
impl Resnet {
    fn convolution(&self, channels: usize, kernel: usize, stride: usize) -> Vec<Element> {
        let bias = self.normalise == "none";
        let conv = Count::Of(channels);
        let own = Element::Convolution { conv, kernel, stride, padding: kernel / 2, groups: 1, bias };
        std::iter::once(own).chain(layers::normalisation(self.normalise)).collect()
    }

    fn block(&self, channels: usize, before: usize) -> Element {
        let stride = if channels == before { 1 } else { 2 };
        let mut residual = self.convolution(channels, 3, stride);
        residual.push(Element::Word(Word::Activation));
        residual.extend(self.convolution(channels, 3, 1));
        let shortcut = if channels == before { Vec::new() } else { self.convolution(channels, 1, stride) };
        Element::Residual { residual, shortcut }
    }

    fn elements(&self) -> Vec<Element> {
        let mut all = self.convolution(self.width, 3, 1);
        all.push(Element::Word(Word::Activation));
        let mut before = self.width;
        for channels in [self.width, 2 * self.width, 4 * self.width] {
            for _ in 0..self.blocks {
                all.extend([self.block(channels, before), Element::Word(Word::Activation)]);
                before = channels;
            }
        }
        all.push(Element::PoolAll { pool_all: PoolKind::Mean });
        all.push(Element::Dense { dense: Count::Classes, bias: true });
        all
    }
}

impl Definition for Resnet {
    const NAME: &'static str = "resnet";
    const SUMMARY: &'static str = "residual network of CIFAR's kind (He et al. 2016), 6 · blocks + 2 layers";
    const KEYS: &'static [Key] = &[WIDTH, BLOCKS, NORMALISE];

    fn of(values: &Values) -> Self {
        Resnet { width: values.integer(&WIDTH), blocks: values.integer(&BLOCKS), normalise: values.word(&NORMALISE) }
    }

    fn needs_images(&self) -> bool {
        true
    }

    fn build(&self, builder: &mut Builder) -> Result<(), Misfit> {
        layers::build(&self.elements(), builder)
    }

    fn depth(&self) -> usize {
        1 + 3 * self.blocks
    }

    fn width(&self) -> Option<usize> {
        Some(self.width)
    }

    fn words(&self) -> String {
        format!("{}×{} norm={}", self.width, self.blocks, self.normalise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, ArchitectureKind, Ports};

    #[test]
    fn the_papers_shallowest_network_has_its_parameters() {
        let ports = Ports { inputs: 3072, image: Some([3, 32, 32]), classes: 10 };
        let of = |normalise| ArchitectureKind::Resnet(Resnet { width: 16, blocks: 3, normalise });
        let graph = of("batch").graph(ports, Activation::Relu).unwrap();
        // Table 6 of the paper: 20 layers, 0.27 million parameters; with projections 272,474.
        assert_eq!(graph.parameters(), 272_474);
        let weighted = |name: &str| !name.contains("shortcut");
        let layers = graph.layers().filter(|(_, layer)| layer.shape.len() > 1 && weighted(&layer.name)).count();
        assert_eq!((layers, graph.hidden().len()), (20, 10));
        // Without normalisation a bias stands for each β, and nothing for γ.
        let plain = of("none").graph(ports, Activation::Relu).unwrap();
        let gammas: usize = graph.averages().map(|averages| averages.means.len()).sum();
        assert_eq!(plain.parameters(), graph.parameters() - gammas);
    }
}
