//! The multilayer perceptron: a chain of dense layers, each hidden one followed by the activation.

use serde::Serialize;

use super::{Builder, Definition, Key, Misfit, Values, WIDTHS, joined};

/// A fully connected network. Its hidden layers are those after their activation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Mlp {
    /// Width of each hidden layer; never empty.
    pub hidden: Vec<usize>,
}

const HIDDEN: Key = Key {
    name: "hidden",
    example: "[20]",
    meaning: "widths of the hidden layers, as in `[20]` or `[50, 50]`; `[[10], [20]]` are two networks",
    ..WIDTHS
};

impl Definition for Mlp {
    const NAME: &'static str = "mlp";
    const SUMMARY: &'static str = "multilayer perceptron: a chain of dense layers";
    const KEYS: &'static [Key] = &[HIDDEN];
    const KEYED_BY_NUMBERS: bool = true;

    fn of(values: &Values) -> Self {
        Mlp { hidden: values.widths(&HIDDEN) }
    }

    fn build(&self, builder: &mut Builder) -> Result<(), Misfit> {
        let mut from = builder.vectors();
        for (place, &width) in self.hidden.iter().enumerate() {
            let sums = builder.dense(format!("layers.{place}"), from, width);
            from = builder.activation(sums);
            builder.hidden(from);
        }
        builder.dense(format!("layers.{}", self.hidden.len()), from, builder.classes());
        Ok(())
    }

    fn depth(&self) -> usize {
        self.hidden.len()
    }

    fn width(&self) -> Option<usize> {
        self.hidden.first().copied()
    }

    fn words(&self) -> String {
        joined(&self.hidden)
    }
}
