//! Cells → cohorts: which cells train together. Pure; memory and balance decide.
//!
//! Invariants: every cell of the input is in exactly one cohort; no cohort mixes kinds, exceeds the replicas that fit,
//! or contains a cell together with one that needs it. The result depends on the input alone.

use std::collections::BinaryHeap;

/// How many replicas a device trains at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AtOnce {
    /// Replicas below which a cohort wastes its device, where there are enough cells to avoid it.
    pub efficient: usize,
    /// Replicas that fit the device's own memory, if that is where they end.
    pub most: Option<usize>,
}

/// Cells that are still to be trained, of one kind and of equal cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// Their indices in the plan.
    pub cells: Vec<u32>,
    /// Cells of equal kind may train together; see [`crate::plan::Plan::kinds`].
    pub kind: u32,
    /// Predicted time of one of them inside a full cohort, in seconds of one worker.
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

/// Cohorts in each worker's share of the whole, as long as most of the work lies ahead.
const SHARES_PER_WORKER: f64 = 4.0;

/// Rounds in which the workers would do what is still uncut, if it were cut so from there on. Cutting on in this way halves
/// what is uncut every other round, so that the last ones to finish are short (factoring: Hummel, Schonberg and Flynn 1992).
const ROUNDS_AHEAD: f64 = 2.0;

/// Cells of one kind.
struct Group<'p> {
    kind: u32,
    /// In the order of the input.
    parts: Vec<&'p Pending>,
    cells: usize,
    seconds: f64,
    /// Cells below which a cohort wastes its device.
    least: usize,
    /// Cells that fit.
    fits: usize,
}

/// Packs cells into cohorts, longest first.
///
/// The kinds of long cells are cut first, into cohorts that each take about a fourth of a worker's share of the whole; what
/// comes later into ever shorter ones, in proportion to what is left, but not into cohorts smaller than is efficient,
/// unless workers would then have nothing to do at all. Workers that are faster or slower than predicted then find
/// something of the right length to the end.
pub fn pack(pending: &[Pending], limits: &Limits) -> Vec<Packed> {
    let mut groups = groups(pending, limits);
    let workers = limits.workers.max(1);
    let total: f64 = groups.iter().map(|group| group.seconds).sum();
    // Long cells last would end in a long cohort.
    groups.sort_by(|a, b| {
        let each = |group: &Group<'_>| group.seconds / group.cells as f64;
        each(b).total_cmp(&each(a))
    });
    let share = total / (workers as f64 * SHARES_PER_WORKER);
    let mut ahead = total;
    let mut sizes: Vec<Vec<usize>> = groups.iter().map(|group| group.sizes(share, workers, &mut ahead)).collect();
    raise(&mut sizes, &groups, workers);
    let mut cohorts: Vec<Packed> = groups.iter().zip(sizes).flat_map(|(group, sizes)| group.cut(&sizes)).collect();
    cohorts.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    cohorts
}

/// The kinds, in the order of their first cells.
fn groups<'p>(pending: &'p [Pending], limits: &Limits) -> Vec<Group<'p>> {
    let mut groups: Vec<Group<'p>> = Vec::new();
    let mut place = std::collections::HashMap::new();
    for part in pending.iter().filter(|part| !part.cells.is_empty()) {
        let at = *place.entry(part.kind).or_insert_with(|| {
            let (kind, fits) = (part.kind, limits.most_replicas.max(1));
            groups.push(Group { kind, parts: Vec::new(), cells: 0, seconds: 0.0, least: 1, fits });
            groups.len() - 1
        });
        let group = &mut groups[at];
        let left = limits.memory.saturating_sub(part.shared_bytes);
        let fits = ((left / part.bytes.max(1)) as usize).min(part.at_once.most.unwrap_or(usize::MAX)).max(1);
        group.fits = group.fits.min(fits);
        group.least = group.least.max(part.at_once.efficient);
        group.cells += part.cells.len();
        group.seconds += part.seconds * part.cells.len() as f64;
        group.parts.push(part);
    }
    groups
}

impl Group<'_> {
    /// Sizes of the cohorts that the kind is cut into. `ahead` are the seconds of all that is still uncut, this kind
    /// included: it goes down by those of this kind.
    fn sizes(&self, share: f64, workers: usize, ahead: &mut f64) -> Vec<usize> {
        let each = self.seconds / self.cells as f64;
        let mut left = self.cells;
        let mut sizes = Vec::new();
        while left > 0 {
            // One worker alone waits for nobody.
            let fair = if workers == 1 { share } else { share.min(*ahead / (workers as f64 * ROUNDS_AHEAD)) };
            let wanted = if fair > 0.0 { (each * left as f64 / fair).ceil() as usize } else { 1 };
            let efficient = (left / self.least.max(1)).max(1);
            let size = left.div_ceil(wanted.clamp(1, efficient).max(left.div_ceil(self.fits)));
            sizes.push(size);
            left -= size;
            *ahead = (*ahead - each * size as f64).max(0.0);
        }
        sizes
    }

    /// Cuts the kind's cells into cohorts of these sizes.
    fn cut(&self, sizes: &[usize]) -> Vec<Packed> {
        let mut cells = self.parts.iter().flat_map(|part| part.cells.iter().map(|&cell| (cell, part.seconds)));
        let mut cohort = |&size: &usize| {
            let mut packed = Packed { kind: self.kind, cells: Vec::with_capacity(size), seconds: 0.0 };
            for (cell, seconds) in cells.by_ref().take(size) {
                packed.cells.push(cell);
                packed.seconds += seconds;
            }
            packed
        };
        sizes.iter().map(&mut cohort).collect()
    }
}

/// Cuts the kinds of the longest cohorts further, evenly, until every worker has a cohort, as far as there are cells.
fn raise(sizes: &mut [Vec<usize>], groups: &[Group<'_>], workers: usize) {
    let mut count: usize = sizes.iter().map(Vec::len).sum();
    if count >= workers {
        return;
    }
    // Seconds of a kind's cohort, as bits: of numbers that are not negative, these are in the order of the numbers.
    let each = |kind: usize, count: usize| (groups[kind].seconds.max(0.0) / count as f64).to_bits();
    let mut counts: Vec<usize> = sizes.iter().map(Vec::len).collect();
    let more = |kind: usize, count: usize| (count < groups[kind].cells).then(|| (each(kind, count), kind));
    let mut longest: BinaryHeap<(u64, usize)> =
        counts.iter().enumerate().filter_map(|(kind, &count)| more(kind, count)).collect();
    while count < workers
        && let Some((_, kind)) = longest.pop()
    {
        counts[kind] += 1;
        count += 1;
        longest.extend(more(kind, counts[kind]));
    }
    for ((sizes, group), count) in sizes.iter_mut().zip(groups).zip(counts) {
        if sizes.len() != count {
            let cells = group.cells;
            *sizes = (0..count).map(|part| (part + 1) * cells / count - part * cells / count).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limits(workers: usize) -> Limits {
        Limits { workers, memory: 1 << 30, most_replicas: 1024 }
    }

    const AT_ONCE: AtOnce = AtOnce { efficient: 16, most: None };

    fn cells(n: u32, kind: u32, seconds: f64) -> Vec<Pending> {
        let cells = (0..n).map(|cell| cell + 1000 * kind).collect();
        vec![Pending { cells, kind, seconds, bytes: 1 << 20, shared_bytes: 1 << 20, at_once: AT_ONCE }]
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
    fn the_last_ones_are_short_where_there_are_cells_enough() {
        let packed = pack(&cells(64_000, 0, 1.0), &limits(64));
        // Of 1000 cells a worker: a fourth at first, what is efficient at last, and as many as are halved on the way.
        assert_eq!(packed[0].cells.len(), 250);
        assert!(packed.iter().rev().take(64).all(|cohort| cohort.cells.len() == 16));
        assert!(packed.len() < 64 * 14, "{}", packed.len());
        // None is longer than half of what is left for each worker when it comes to it.
        let mut left = 64_000;
        for cohort in &packed {
            // Equal ones of a kind are larger by rounding.
            assert!(cohort.cells.len() <= (left / (64 * 2)).max(15) + 2, "{} of {left}", cohort.cells.len());
            left -= cohort.cells.len();
        }
    }

    #[test]
    fn kinds_smaller_than_a_share_are_cut_by_what_is_left_too() {
        let pending: Vec<Pending> = (0..256).flat_map(|kind| cells(100, kind, 1.0)).collect();
        let packed = pack(&pending, &limits(16));
        assert_eq!((packed[0].cells.len(), packed[packed.len() - 1].cells.len()), (100, 16));
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
            let pending: Vec<Pending> = sizes.iter().enumerate().map(|(kind, &(n, seconds, bytes))| {
                let kind = kind as u32;
                let cells = (0..n).map(|cell| cell + 1000 * kind).collect();
                Pending { cells, kind, seconds, bytes, shared_bytes: 10, at_once }
            }).collect();
            let limits = Limits { workers, memory, most_replicas: most };
            let packed = pack(&pending, &limits);
            let mut seen: Vec<u32> = packed.iter().flat_map(|cohort| cohort.cells.clone()).collect();
            seen.sort_unstable();
            let mut all: Vec<u32> = pending.iter().flat_map(|part| part.cells.clone()).collect();
            all.sort_unstable();
            prop_assert_eq!(&seen, &all);
            for cohort in &packed {
                let bytes = sizes[cohort.kind as usize].2;
                prop_assert!(cohort.cells.iter().all(|cell| cell / 1000 == cohort.kind));
                prop_assert!(cohort.cells.len() <= most.min(device));
                prop_assert!(cohort.cells.len() as u64 * bytes + 10 <= memory || cohort.cells.len() == 1);
            }
            prop_assert!(packed.len() >= workers.min(all.len()));
        }
    }
}
