//! The residual multilayer perceptron (Gorishniy et al. 2021, NeurIPS, arXiv 2106.11959, the ResNet of §3.2, without its
//! normalisation and dropout, which this program does not have):
//!
//! ```text
//! h₀ = W x + b
//! h_l = h_{l−1} + W₂ σ(W₁ h_{l−1} + b₁) + b₂     for each block l
//! f = V σ(h_B) + c
//! ```

use serde::Serialize;

use super::{Builder, Definition, Form, Key, Misfit, Values, WIDEST};

/// Residual blocks between two dense layers. Its hidden layers are the blocks' outputs h_l; the tensors are those of a
/// PyTorch module with `input`, a list `blocks` of pairs of `Linear`, and `output`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ResidualMlp {
    /// Units of h_l, and between the two layers of a block.
    pub width: usize,
    /// Residual blocks, at least one.
    pub blocks: usize,
}

const WIDTH: Key = Key {
    name: "width",
    form: Form::Integer { least: 1, most: WIDEST, odd: false, default: None },
    example: "64",
    meaning: "units of every layer but the output",
};
const BLOCKS: Key = Key {
    name: "blocks",
    form: Form::Integer { least: 1, most: 10_000, odd: false, default: None },
    example: "2",
    meaning: "residual blocks",
};

impl Definition for ResidualMlp {
    const NAME: &'static str = "residual-mlp";
    const SUMMARY: &'static str = "residual multilayer perceptron (Gorishniy et al. 2021, without normalisation)";
    const KEYS: &'static [Key] = &[WIDTH, BLOCKS];
    const KEYED_BY_NUMBERS: bool = true;

    fn of(values: &Values) -> Self {
        ResidualMlp { width: values.integer(&WIDTH), blocks: values.integer(&BLOCKS) }
    }

    fn build(&self, builder: &mut Builder) -> Result<(), Misfit> {
        let samples = builder.vectors();
        let mut stream = builder.dense("input", samples, self.width);
        for block in 0..self.blocks {
            let sums = builder.dense(format!("blocks.{block}.0"), stream, self.width);
            let active = builder.activation(sums);
            let branch = builder.dense(format!("blocks.{block}.1"), active, self.width);
            stream = builder.sum(stream, branch);
            builder.hidden(stream);
        }
        let active = builder.activation(stream);
        builder.dense("output", active, builder.classes());
        Ok(())
    }

    fn depth(&self) -> usize {
        self.blocks
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
    use crate::{Activation, ArchitectureKind, Ports, ResidualMlp, reference};

    #[test]
    fn a_block_adds_its_branch_to_what_it_was_given() {
        let kind = ArchitectureKind::ResidualMlp(ResidualMlp { width: 1, blocks: 2 });
        let graph = kind.graph(Ports { inputs: 2, image: None, classes: 1 }, Activation::Relu).expect("vectors");
        let names: Vec<&str> = graph.layers().map(|(_, layer)| layer.name.as_str()).collect();
        assert_eq!(names, ["input", "blocks.0.0", "blocks.0.1", "blocks.1.0", "blocks.1.1", "output"]);
        assert_eq!((graph.as_chain(), kind.label().as_str()), (None, "residual-mlp 1×2"));
        // h₀ = 2·3 − 1·1 + 1 = 6; h₁ = 6 + 2·max(0, −6 + 8) + 1 = 11; h₂ = 11 + 5·max(0, 0·11 − 1) − 13 = −2;
        // f = 7·max(0, −2) + 4.
        let parameters = [2.0, -1.0, 1.0, -1.0, 8.0, 2.0, 1.0, 0.0, -1.0, 5.0, -13.0, 7.0, 4.0];
        let values = reference::forward(&graph, &parameters, &[3.0, 1.0]);
        let hidden: Vec<f64> = graph.hidden().iter().map(|&node| values[node][0]).collect();
        assert_eq!((hidden, values.last()), (vec![11.0, -2.0], Some(&vec![4.0])));
    }
}
