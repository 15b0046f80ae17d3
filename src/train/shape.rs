//! The layers of a network as shapes: what every engine and the initial weights agree on.
//!
//! Invariant: [`layers`] lists the layers from input to output in the order in which
//! [`ReplicaState::parameters`](crate::train::ReplicaState) holds them: each layer's weights, then its biases.

use crate::data::Block;
use crate::sweep::ArchitectureKind;

pub use phasesweep_kernel::LayerShape;

/// The layers of a network on a block, from input to output, the output layer included.
///
/// `None` where the network cannot be built: a convolution on a block that is no image, or pooled down to nothing.
pub fn layers(kind: &ArchitectureKind, block: &Block) -> Option<Vec<LayerShape>> {
    let mut layers = Vec::new();
    let (mut inputs, hidden) = match kind {
        ArchitectureKind::Mlp { hidden } => (block.inputs(), hidden),
        ArchitectureKind::Cnn { channels, kernel, pool, hidden } => {
            let [mut depth, mut height, mut width] = block.image?;
            for &outputs in channels {
                layers.push(LayerShape::Convolution {
                    inputs: depth,
                    outputs,
                    kernel: *kernel,
                    pool: *pool,
                    height,
                    width,
                });
                depth = outputs;
                height = height.checked_div(*pool)?;
                width = width.checked_div(*pool)?;
            }
            if depth * height * width == 0 {
                return None;
            }
            (depth * height * width, hidden)
        }
    };
    for &outputs in hidden.iter().chain([&block.classes]) {
        layers.push(LayerShape::Dense { inputs, outputs });
        inputs = outputs;
    }
    Some(layers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_drops_incomplete_windows() {
        let block = Block {
            features: 7 * 5,
            live: (0..35).collect(),
            image: Some([1, 7, 5]),
            classes: 3,
            train: Default::default(),
            test: Default::default(),
            source_index: vec![],
        };
        let kind = ArchitectureKind::Cnn { channels: vec![4, 6], kernel: 3, pool: 2, hidden: vec![8] };
        let layers = layers(&kind, &block).unwrap();
        // 7×5 → 3×2 → 1×1: six channels of one pixel reach the dense layer.
        assert_eq!(layers[2], LayerShape::Dense { inputs: 6, outputs: 8 });
        let counts: Vec<_> = layers.iter().map(LayerShape::parameters).collect();
        assert_eq!(counts, [4 * 9 + 4, 6 * 36 + 6, 6 * 8 + 8, 8 * 3 + 3]);
        let gone = ArchitectureKind::Cnn { channels: vec![4, 6, 6], kernel: 3, pool: 2, hidden: vec![] };
        assert_eq!(super::layers(&gone, &block), None);
    }
}
