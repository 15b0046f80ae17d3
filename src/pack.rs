//! Cells → cohorts: which cells train together. Pure; memory and balance decide.
//!
//! Invariants: every cell of the input is in exactly one cohort; no cohort mixes kinds, exceeds the replicas that fit,
//! or contains a cell together with one that needs it. The result depends on the input alone.

/// How many replicas a device trains at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AtOnce {
    /// Replicas below which a cohort wastes its device, where there are enough cells to avoid it.
    pub efficient: usize,
    /// Replicas that fit the device's own memory, if that is where they end.
    pub most: Option<usize>,
}

/// A cell that is still to be trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PendingCell {
    /// The cell's index in the plan.
    pub cell: u32,
    /// Cells of equal kind may train together; see [`crate::plan::Plan::kinds`].
    pub kind: u32,
    /// Predicted time of this cell inside a full cohort, in seconds of one worker.
    pub seconds: f64,
    /// Memory of one replica, in bytes.
    pub bytes: u64,
    /// Memory that a cohort of this kind takes whatever its size, in bytes.
    pub shared_bytes: u64,
    /// Replicas of this kind at once.
    pub at_once: AtOnce,
}

/// What packing has to respect.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Workers that train side by side.
    pub workers: usize,
    /// Memory of one worker, in bytes.
    pub memory: u64,
    /// Replicas never exceeded.
    pub most_replicas: usize,
}

/// Cells that train together.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    /// The kind of all of them.
    pub kind: u32,
    /// Indices in the plan, in the order of the input.
    pub cells: Vec<u32>,
    /// Predicted time, in seconds of one worker.
    pub seconds: f64,
}

/// Cohorts in each worker's share of the whole, so that the last ones to finish are short.
const SHARES_PER_WORKER: f64 = 4.0;

/// Packs cells into cohorts, longest first.
///
/// A kind is cut into so many cohorts that each takes about a fourth of a worker's share of the whole, but not into
/// cohorts smaller than is efficient, unless workers would then have nothing to do at all.
pub fn pack(pending: &[PendingCell], limits: &Limits) -> Vec<Packed> {
    let mut kinds: Vec<Vec<&PendingCell>> = Vec::new();
    let mut place = std::collections::HashMap::new();
    for cell in pending {
        let at = *place.entry(cell.kind).or_insert_with(|| {
            kinds.push(Vec::new());
            kinds.len() - 1
        });
        kinds[at].push(cell);
    }
    let workers = limits.workers.max(1);
    let total: f64 = pending.iter().map(|cell| cell.seconds).sum();
    let share = total / (workers as f64 * SHARES_PER_WORKER);
    let mut counts: Vec<usize> = kinds.iter().map(|cells| count(cells, share, limits)).collect();
    raise(&mut counts, &kinds, workers);

    let mut cohorts: Vec<Packed> = kinds.iter().zip(counts).flat_map(|(cells, count)| cut(cells, count)).collect();
    cohorts.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    cohorts
}

/// Number of cohorts a kind is cut into.
fn count(cells: &[&PendingCell], share: f64, limits: &Limits) -> usize {
    let fits = cells
        .iter()
        .map(|cell| {
            let left = limits.memory.saturating_sub(cell.shared_bytes);
            ((left / cell.bytes.max(1)) as usize).min(cell.at_once.most.unwrap_or(usize::MAX))
        })
        .min()
        .unwrap_or(1)
        .clamp(1, limits.most_replicas.max(1));
    let seconds: f64 = cells.iter().map(|cell| cell.seconds).sum();
    let wanted = if share > 0.0 { (seconds / share).ceil() as usize } else { 1 };
    let least = cells.iter().map(|cell| cell.at_once.efficient).max().unwrap_or(1);
    let efficient = (cells.len() / least.max(1)).max(1);
    wanted.clamp(1, efficient).max(cells.len().div_ceil(fits))
}

/// Cuts the longest cohorts further until every worker has one, as far as there are cells.
fn raise(counts: &mut [usize], kinds: &[Vec<&PendingCell>], workers: usize) {
    while counts.iter().sum::<usize>() < workers {
        let longest = (0..counts.len()).filter(|&kind| counts[kind] < kinds[kind].len()).max_by(|&a, &b| {
            let each = |kind: usize| kinds[kind].iter().map(|c| c.seconds).sum::<f64>() / counts[kind] as f64;
            each(a).total_cmp(&each(b))
        });
        match longest {
            Some(kind) => counts[kind] += 1,
            None => return,
        }
    }
}

/// Cuts one kind's cells into `count` cohorts of sizes that differ by one at most.
fn cut(cells: &[&PendingCell], count: usize) -> Vec<Packed> {
    (0..count)
        .map(|part| {
            let slice = &cells[part * cells.len() / count..(part + 1) * cells.len() / count];
            Packed {
                kind: slice[0].kind,
                cells: slice.iter().map(|cell| cell.cell).collect(),
                seconds: slice.iter().map(|cell| cell.seconds).sum(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limits(workers: usize) -> Limits {
        Limits { workers, memory: 1 << 30, most_replicas: 1024 }
    }

    const AT_ONCE: AtOnce = AtOnce { efficient: 16, most: None };

    fn cells(n: u32, kind: u32, seconds: f64) -> Vec<PendingCell> {
        (0..n)
            .map(|cell| cell + 1000 * kind)
            .map(|cell| PendingCell { cell, kind, seconds, bytes: 1 << 20, shared_bytes: 1 << 20, at_once: AT_ONCE })
            .collect()
    }

    #[test]
    fn no_worker_is_left_without_a_cohort() {
        assert_eq!(pack(&cells(32, 0, 1.0), &limits(2)).len(), 2);
        assert_eq!(pack(&cells(32, 0, 1.0), &limits(4)).len(), 4);
        assert_eq!(pack(&cells(3, 0, 1.0), &limits(8)).len(), 3);
    }

    #[test]
    fn one_worker_gets_cohorts_of_an_efficient_size() {
        let packed = pack(&cells(128, 0, 1.0), &limits(1));
        assert!(packed.iter().all(|cohort| cohort.cells.len() >= 16), "{packed:?}");
    }

    #[test]
    fn a_device_that_wants_many_gets_many_and_no_more_than_fit() {
        let at_once = |efficient: usize, most: Option<usize>| {
            let mut pending = cells(256, 0, 1.0);
            pending.iter_mut().for_each(|cell| cell.at_once = AtOnce { efficient, most });
            pack(&pending, &limits(1)).iter().map(|cohort| cohort.cells.len()).collect::<Vec<_>>()
        };
        assert_eq!(at_once(200, None), [256]);
        assert_eq!(at_once(100, None), [128, 128]);
        assert_eq!(at_once(200, Some(64)), [64; 4]);
    }

    #[test]
    fn longest_first() {
        let pending = [cells(16, 0, 1.0), cells(16, 1, 9.0), cells(16, 2, 3.0)].concat();
        let seconds: Vec<f64> = pack(&pending, &limits(2)).iter().map(|cohort| cohort.seconds).collect();
        assert!(seconds.is_sorted_by(|a, b| a >= b), "{seconds:?}");
    }

    proptest! {
        #[test]
        fn every_cell_once_and_nothing_that_does_not_fit(
            sizes in prop::collection::vec((1u32..300, 0.0f64..10.0, 1u64..1000), 1..6),
            workers in 1usize..20, most in 1usize..200, memory in 1000u64..100_000, device in 1usize..300,
        ) {
            let at_once = AtOnce { efficient: 16, most: Some(device) };
            let pending: Vec<PendingCell> = sizes.iter().enumerate().flat_map(|(kind, &(n, seconds, bytes))| {
                let kind = kind as u32;
                (0..n).map(move |cell| PendingCell { cell: cell + 1000 * kind, kind, seconds, bytes, shared_bytes: 10, at_once })
            }).collect();
            let limits = Limits { workers, memory, most_replicas: most };
            let packed = pack(&pending, &limits);
            let mut seen: Vec<u32> = packed.iter().flat_map(|cohort| cohort.cells.clone()).collect();
            seen.sort_unstable();
            let mut all: Vec<u32> = pending.iter().map(|cell| cell.cell).collect();
            all.sort_unstable();
            prop_assert_eq!(seen, all);
            for cohort in &packed {
                let bytes = sizes[cohort.kind as usize].2;
                prop_assert!(cohort.cells.iter().all(|cell| cell / 1000 == cohort.kind));
                prop_assert!(cohort.cells.len() <= most.min(device));
                prop_assert!(cohort.cells.len() as u64 * bytes + 10 <= memory || cohort.cells.len() == 1);
            }
            prop_assert!(packed.len() >= workers.min(pending.len()));
        }
    }
}
