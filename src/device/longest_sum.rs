//! How many numbers a device adds up in one operation, asked of it by adding ones.
//!
//! A driver may end every loop of a kernel after so many rounds, and say nothing: Mesa's software renderer does so after 65,535
//! of them, where a sum goes through a loop, and the weight gradient of a convolution, and so that the rest of the numbers is not
//! added. Invariant: what a device says here it says of the plainest loop, one number a round; no operation does fewer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use ::burn::tensor::{Device, Tensor};
use phasesweep_networks::{Extent, Graph};

/// Ones that are added: more than sixteen bits count, and few enough for a few milliseconds of one thread of a GPU.
const ONES: usize = 1 << 17;

/// Numbers of one sum, at most; `usize::MAX` where a device knows no such limit.
pub(crate) fn longest_sum(device: &Device) -> usize {
    static ASKED: Mutex<Vec<(Device, usize)>> = Mutex::new(Vec::new());
    let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, longest)) = asked.iter().find(|(of, _)| of == device) {
        return *longest;
    }
    let longest = limit(counted(device));
    asked.push((device.clone(), longest));
    longest
}

/// Samples that may go through a network at once: sums over the pixels of all of them, as the gradients of convolutions are, stay
/// within the longest one.
pub(crate) fn samples_at_once(device: &Device, graph: &Graph) -> usize {
    let pixels = |extent: Extent| match extent {
        Extent::Units(_) => 1,
        Extent::Image([_, height, width]) => height * width,
    };
    longest_sum(device) / graph.nodes().iter().map(|node| pixels(node.extent)).max().unwrap_or(1).max(1)
}

/// The sum of the ones along a column; `None` if the device fails at it, which whoever needs it next will hear.
fn counted(device: &Device) -> Option<f32> {
    let sum = || Tensor::<3>::ones([1, ONES, 1], device).sum_dim(1).try_into_data().ok();
    let data = catch_unwind(AssertUnwindSafe(sum)).ok().flatten()?;
    data.iter::<f32>().next()
}

fn limit(counted: Option<f32>) -> usize {
    match counted {
        Some(sum) if sum >= 1.0 && sum < ONES as f32 => sum as usize,
        _ => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_s_own_backend_adds_all() {
        assert_eq!(longest_sum(&Device::flex()), usize::MAX);
    }

    #[test]
    fn a_sum_that_ends_early_says_where() {
        assert_eq!(limit(Some(65_531.0)), 65_531);
        assert_eq!(limit(Some(ONES as f32)), usize::MAX);
        assert_eq!(limit(None), usize::MAX);
    }
}
