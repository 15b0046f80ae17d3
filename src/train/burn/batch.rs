//! A pass over minibatches: which samples each replica sees at each step.
//!
//! A replica visits its kept samples in the order of [`epoch_order`], so that its batches are those it would have alone.
//! Replicas that keep fewer samples have shorter or fewer batches: rows are filled up with weight 0, and a replica
//! without a batch sits the step out.

use std::sync::Arc;

use crate::train::order::epoch_order;

/// One step of a stack.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// Rows per replica.
    pub(super) width: usize,
    /// Samples `[replica, row]`.
    pub(super) samples: Vec<i64>,
    /// `[replica, row]`: one over the replica's batch size, or 0 for a row that only fills up.
    pub(super) scale: Vec<f32>,
    /// Whether each replica takes part.
    pub(super) active: Vec<bool>,
}

/// Steps in a pass of a replica with so many kept samples.
pub(super) fn steps(kept: usize, size: usize) -> usize {
    kept.div_ceil(size)
}

/// The steps of pass `epoch` over `n` samples. Each replica is its seed and its kept samples (`None`: all).
pub(super) fn plan(epoch: usize, n: usize, size: usize, replicas: &[(u64, Option<Arc<[bool]>>)]) -> Vec<Step> {
    let orders: Vec<Vec<u32>> = replicas
        .iter()
        .map(|(seed, kept)| {
            let mut order = epoch_order(*seed, epoch, n);
            if let Some(kept) = kept {
                order.retain(|&sample| kept[sample as usize]);
            }
            order
        })
        .collect();
    let longest = orders.iter().map(|order| steps(order.len(), size)).max().unwrap_or(0);
    (0..longest)
        .map(|step| {
            let batch = |order: &[u32]| {
                let start = (step * size).min(order.len());
                order[start..(start + size).min(order.len())].to_vec()
            };
            let batches: Vec<Vec<u32>> = orders.iter().map(|order| batch(order)).collect();
            let width = batches.iter().map(Vec::len).max().unwrap_or(0);
            let mut out = Step { width, samples: Vec::new(), scale: Vec::new(), active: Vec::new() };
            for batch in &batches {
                let filler = width - batch.len();
                out.active.push(!batch.is_empty());
                out.samples.extend(batch.iter().map(|&sample| i64::from(sample)));
                out.samples.extend(std::iter::repeat_n(0, filler));
                out.scale.extend(batch.iter().map(|_| 1.0 / batch.len() as f32));
                out.scale.extend(std::iter::repeat_n(0.0, filler));
            }
            out
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kept_sample_is_seen_once_and_batches_do_not_depend_on_the_neighbours() {
        let kept: Arc<[bool]> = (0..23).map(|sample| sample % 3 != 0).collect();
        let pruned = (4, Some(kept.clone()));
        let both = plan(7, 23, 5, &[(9, None), pruned.clone()]);
        let alone = plan(7, 23, 5, &[pruned]);
        assert_eq!((both.len(), alone.len()), (5, 3));
        let mut seen = [[0; 23]; 2];
        for (place, step) in both.iter().enumerate() {
            for (replica, seen) in seen.iter_mut().enumerate() {
                let rows = replica * step.width..(replica + 1) * step.width;
                let real: Vec<(i64, f32)> = step.samples[rows.clone()]
                    .iter()
                    .copied()
                    .zip(step.scale[rows].iter().copied())
                    .filter(|&(_, scale)| scale > 0.0)
                    .collect();
                assert_eq!(step.active[replica], !real.is_empty());
                let total: f32 = real.iter().map(|&(_, scale)| scale).sum();
                assert!(real.is_empty() || (total - 1.0).abs() < 1e-6, "a mean: {total}");
                real.iter().for_each(|&(sample, _)| seen[sample as usize] += 1);
                if replica == 1 && place < alone.len() {
                    let own: Vec<i64> = real.iter().map(|&(sample, _)| sample).collect();
                    assert_eq!(own, alone[place].samples);
                }
            }
        }
        assert_eq!(seen[0], [1; 23]);
        assert!((0..23).all(|sample| seen[1][sample] == usize::from(kept[sample])));
    }
}
