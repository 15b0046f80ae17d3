//! The convolutional network: convolutions, each followed by the activation and max pooling, then dense layers.

use serde::Serialize;

use super::{Builder, Definition, Form, Key, Misfit, Values, WIDTHS, joined};

/// Convolutions (stride 1, same padding), each followed by the activation and, where `pool` > 1, max pooling; then fully
/// connected hidden layers. The hidden layers are the convolutions after their pooling, then the dense ones after their
/// activation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Cnn {
    /// Output channels of each convolution; never empty.
    pub channels: Vec<usize>,
    /// Side of the square kernels, odd.
    pub kernel: usize,
    /// Side and stride of max pooling after each convolution; 1 is none.
    pub pool: usize,
    /// Width of each fully connected hidden layer; may be empty.
    pub hidden: Vec<usize>,
}

const CHANNELS: Key = Key {
    name: "channels",
    example: "[8, 16]",
    meaning: "output channels of each convolution, as in `[8, 16]`; a list of lists likewise",
    ..WIDTHS
};
const HIDDEN: Key = Key {
    name: "hidden",
    form: Form::Widths { default: Some(&[]) },
    example: "[20]",
    meaning: "widths of the dense hidden layers",
};
const KERNEL: Key = Key {
    name: "kernel",
    form: Form::Integer { least: 1, most: 1023, odd: true, default: Some(3) },
    example: "3",
    meaning: "side of the kernels, odd",
};
const POOL: Key = Key {
    name: "pool",
    form: Form::Integer { least: 1, most: 1024, odd: false, default: Some(2) },
    example: "2",
    meaning: "side of max pooling after each convolution; 1 is none",
};

impl Definition for Cnn {
    const NAME: &'static str = "cnn";
    const SUMMARY: &'static str = "convolutions with max pooling, then dense layers";
    const KEYS: &'static [Key] = &[CHANNELS, HIDDEN, KERNEL, POOL];
    const KEYED_BY_NUMBERS: bool = true;

    fn of(values: &Values) -> Self {
        Cnn {
            channels: values.widths(&CHANNELS),
            kernel: values.integer(&KERNEL),
            pool: values.integer(&POOL),
            hidden: values.widths(&HIDDEN),
        }
    }

    fn needs_images(&self) -> bool {
        true
    }

    fn build(&self, builder: &mut Builder) -> Result<(), Misfit> {
        let mut from = builder.images()?;
        for (place, &channels) in self.channels.iter().enumerate() {
            let sums = builder.convolution(format!("layers.{place}"), from, channels, self.kernel);
            from = builder.activation(sums);
            if self.pool != 1 {
                from = builder.max_pool(from, self.pool)?;
            }
            builder.hidden(from);
        }
        from = builder.flatten(from);
        let widths = self.hidden.iter().copied().map(Some).chain([None]);
        for (place, width) in (self.channels.len()..).zip(widths) {
            let sums = builder.dense(format!("layers.{place}"), from, width.unwrap_or(builder.classes()));
            if width.is_some() {
                from = builder.activation(sums);
                builder.hidden(from);
            }
        }
        Ok(())
    }

    fn depth(&self) -> usize {
        self.channels.len() + self.hidden.len()
    }

    fn width(&self) -> Option<usize> {
        self.channels.first().copied()
    }

    fn words(&self) -> String {
        let dense = if self.hidden.is_empty() { String::new() } else { format!("+{}", joined(&self.hidden)) };
        format!("{}{dense} k{} p{}", joined(&self.channels), self.kernel, self.pool)
    }
}
