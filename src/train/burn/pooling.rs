//! Poolings of a stack's images, `[sample, replica·channel, height, width]`.
//!
//! Invariant: of equal values in a window the gradient goes to the first, as the backends' poolings answer its place.

use ::burn::tensor::module::{
    avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_with_indices, max_pool2d_with_indices_backward,
};
use ::burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use ::burn::tensor::{Int, Tensor};
use phasesweep_networks::{Pool, Pooling};

/// What the way back needs of a pooling besides its input.
pub(super) type Places = Option<Tensor<4, Int>>;

/// Whether the one window is the whole image.
fn is_whole(pool: Pool, [_, _, height, width]: [usize; 4]) -> bool {
    pool.window == [height, width]
}

/// The pooling. With `train`, where the greatest values are.
pub(super) fn forward(image: Tensor<4>, pool: Pool, train: bool) -> (Tensor<4>, Places) {
    match pool.kind {
        Pooling::Mean if is_whole(pool, image.dims()) => {
            let [samples, channels, height, width] = image.dims();
            let means = image.reshape([samples, channels, height * width]).mean_dim(2);
            (means.reshape([samples, channels, 1, 1]), None)
        }
        Pooling::Mean => (avg_pool2d(image, AvgPoolOptions::new(pool.window).with_stride(pool.stride)), None),
        Pooling::Max => {
            let options = MaxPoolOptions::new(pool.window).with_stride(pool.stride);
            if !train {
                return (max_pool2d(image, options), None);
            }
            let (greatest, places) = max_pool2d_with_indices(image, options);
            (greatest, Some(places))
        }
    }
}

/// The gradient at the image that was pooled.
pub(super) fn backward(image: Tensor<4>, pool: Pool, places: Places, delta: Tensor<4>) -> Tensor<4> {
    match (pool.kind, places) {
        (Pooling::Max, Some(places)) => {
            max_pool2d_with_indices_backward(image, pool.window, pool.stride, [0, 0], [1, 1], false, delta, places)
        }
        (Pooling::Mean, _) if is_whole(pool, image.dims()) => {
            let pixels = pool.window[0] * pool.window[1];
            delta.div_scalar(pixels as f64).expand(image.dims())
        }
        (Pooling::Mean, _) => avg_pool2d_backward(image, delta, pool.window, pool.stride, [0, 0], true, false),
        (Pooling::Max, None) => unreachable!("where the greatest values are is kept for the way back"),
    }
}
