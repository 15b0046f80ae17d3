//! The all-convolutional network (Springenberg et al. 2015, arXiv 1412.6806, All-CNN-C without its dropout): strides in
//! place of pooling, and the mean over all pixels of one channel for each class.

use serde::Serialize;

use super::element::{Count, Element, PoolKind, Word};
use super::layers;
use super::{Builder, Definition, Form, Key, Misfit, Values};

/// Nine convolutions: 3×3 of W, W and W (stride 2) channels, of 2W, 2W and 2W (stride 2), 3×3 and 1×1 of 2W, 1×1 of one
/// channel for each class.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct AllCnn {
    /// Channels W of the first convolutions; 96 in the paper.
    pub width: usize,
    /// What follows every convolution but the last.
    pub normalise: &'static str,
}

const WIDTH: Key = Key {
    name: "width",
    form: Form::Integer { least: 1, most: 1_000_000, odd: false, default: None },
    example: "16",
    meaning: "channels of the first convolutions",
};
const NORMALISE: Key = Key {
    name: "normalise",
    form: Form::Word { words: layers::NORMALISATIONS, default: "none" },
    example: "\"none\"",
    meaning: "normalisation after every convolution but the last",
};

impl AllCnn {
    fn elements(&self) -> Vec<Element> {
        let (one, two) = (self.width, 2 * self.width);
        let bias = self.normalise == "none";
        let convolutions =
            [(one, 3, 1), (one, 3, 1), (one, 3, 2), (two, 3, 1), (two, 3, 1), (two, 3, 2), (two, 3, 1), (two, 1, 1)];
        let mut all = Vec::new();
        for (channels, kernel, stride) in convolutions {
            let (conv, padding, groups) = (Count::Of(channels), kernel / 2, 1);
            all.push(Element::Convolution { conv, kernel, stride, padding, groups, bias });
            all.extend(layers::normalisation(self.normalise));
            all.push(Element::Word(Word::Activation));
        }
        let (conv, kernel, stride, padding, groups, bias) = (Count::Classes, 1, 1, 0, 1, true);
        all.push(Element::Convolution { conv, kernel, stride, padding, groups, bias });
        all.push(Element::PoolAll { pool_all: PoolKind::Mean });
        all
    }
}

impl Definition for AllCnn {
    const NAME: &'static str = "all-cnn";
    const SUMMARY: &'static str = "convolutions alone, strides in place of pooling (Springenberg et al. 2015)";
    const KEYS: &'static [Key] = &[WIDTH, NORMALISE];

    fn of(values: &Values) -> Self {
        AllCnn { width: values.integer(&WIDTH), normalise: values.word(&NORMALISE) }
    }

    fn needs_images(&self) -> bool {
        true
    }

    fn build(&self, builder: &mut Builder) -> Result<(), Misfit> {
        layers::build(&self.elements(), builder)
    }

    fn depth(&self) -> usize {
        8
    }

    fn width(&self) -> Option<usize> {
        Some(self.width)
    }

    fn words(&self) -> String {
        format!("{} norm={}", self.width, self.normalise)
    }
}
