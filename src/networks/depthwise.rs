//! A deep convolutional network of depthwise separable convolutions and inverted residuals, after the manner of MobileNetV2
//! (Sandler et al. 2018, arXiv 1801.04381) and MNAS (Tan et al. 2019, arXiv 1807.11626), of which Paccolat et al. (2021,
//! arXiv 2007.11471) took one for their MNIST figures.
//!
//! ```text
//! conv₃ of W channels, stride 2, σ
//! depthwise₃, σ, conv₁ of W channels
//! for each stage s = 1, 2 (stride 2 at its first block), of W·(s + 1) channels, `blocks` inverted residuals:
//!     conv₁ of 3 times the channels, σ, depthwise₃, σ, conv₁
//! σ, mean over pixels, dense
//! ```
//!
//! With two blocks it has 16 layers with weights. No layer but the last has a bias, and nothing is normalised. A block that
//! keeps its shape is added to what it is fed; the first of a stage, which changes it, is not.

use serde::Serialize;

use super::element::{Count, Element, PoolKind, Word};
use super::layers;
use super::{Builder, Definition, Form, Key, Misfit, Values};

/// A deep network of depthwise separable convolutions of 4 + 6 · `blocks` layers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Depthwise {
    /// Channels W of the first convolution.
    pub width: usize,
    /// Inverted residuals of each of the two stages, at least one.
    pub blocks: usize,
}

const WIDTH: Key = Key {
    name: "width",
    form: Form::Integer { least: 1, most: 1_000_000, odd: false, default: None },
    example: "10",
    meaning: "channels of the first convolution",
};
const BLOCKS: Key = Key {
    name: "blocks",
    form: Form::Integer { least: 1, most: 1_000, odd: false, default: Some(2) },
    example: "2",
    meaning: "inverted residuals of each of the two stages",
};

/// Factor of the channels within an inverted residual.
const EXPANSION: usize = 3;
const ACTIVATION: Element = Element::Word(Word::Activation);

fn pointwise(channels: usize) -> Element {
    Element::Convolution { conv: Count::Of(channels), kernel: 1, stride: 1, padding: 0, groups: 1, bias: false }
}

fn across(stride: usize) -> Element {
    Element::Depthwise { depthwise: 3, stride, padding: 1, bias: false }
}

/// An inverted residual from channels to channels.
fn block(before: usize, channels: usize, stride: usize) -> Vec<Element> {
    let own = vec![pointwise(EXPANSION * before), ACTIVATION, across(stride), ACTIVATION, pointwise(channels)];
    if before == channels && stride == 1 {
        vec![Element::Residual { residual: own, shortcut: Vec::new() }]
    } else {
        own
    }
}

impl Depthwise {
    fn elements(&self) -> Vec<Element> {
        let width = self.width;
        let first =
            Element::Convolution { conv: Count::Of(width), kernel: 3, stride: 2, padding: 1, groups: 1, bias: false };
        let mut all = vec![first, ACTIVATION, across(1), ACTIVATION, pointwise(width)];
        let mut before = width;
        for channels in [2 * width, 3 * width] {
            for place in 0..self.blocks {
                all.extend(block(before, channels, if place == 0 { 2 } else { 1 }));
                before = channels;
            }
        }
        all.extend([ACTIVATION, Element::PoolAll { pool_all: PoolKind::Mean }]);
        all.push(Element::Dense { dense: Count::Classes, bias: true });
        all
    }
}

impl Definition for Depthwise {
    const NAME: &'static str = "depthwise";
    const SUMMARY: &'static str = "depthwise separable convolutions with inverted residuals, without normalisation";
    const KEYS: &'static [Key] = &[WIDTH, BLOCKS];

    fn of(values: &Values) -> Self {
        Depthwise { width: values.integer(&WIDTH), blocks: values.integer(&BLOCKS) }
    }

    fn needs_images(&self) -> bool {
        true
    }

    fn build(&self, builder: &mut Builder) -> Result<(), Misfit> {
        layers::build(&self.elements(), builder)
    }

    fn depth(&self) -> usize {
        layers::depth(&self.elements())
    }

    fn width(&self) -> Option<usize> {
        Some(self.width)
    }

    fn words(&self) -> String {
        format!("{}×{}", self.width, self.blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, ArchitectureKind, Extent, Ports};

    #[test]
    fn two_blocks_make_sixteen_layers() {
        let ports = Ports { inputs: 784, image: Some([1, 28, 28]), classes: 1 };
        let kind = ArchitectureKind::Depthwise(Depthwise { width: 10, blocks: 2 });
        let graph = kind.graph(ports, Activation::Swish).unwrap();
        assert_eq!(graph.layers().count(), 16);
        assert_eq!(graph.layers().filter(|(_, layer)| layer.bias).count(), 1);
        let pooled = graph.nodes()[graph.nodes().len() - 4].extent;
        assert_eq!(pooled, Extent::Image([30, 4, 4]));
    }
}
