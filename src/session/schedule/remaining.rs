//! The remaining work: the plan's cells less those that are done, as cohorts ready to be handed out. Pure.
//!
//! Invariants: every cell that is not done is in exactly one task; a cohort with a checkpoint, or one that died, comes
//! back with the same cells, so that its checkpoint fits and its deaths are counted; a pruned cell's task needs the
//! tasks of its full cells.

use std::collections::{HashMap, HashSet};

use crate::dispatch::{CohortTask, TaskId};
use crate::pack::{AtOnce, Limits, Pending, pack};
use crate::plan::{CellId, CohortId, Plan};

/// A cohort that an earlier run left unfinished.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::session) struct Unfinished {
    /// Its cells, in order.
    pub(in crate::session) cells: Vec<CellId>,
    /// Whether it has a checkpoint.
    pub(in crate::session) checkpoint: bool,
    /// How often it died without leaving a newer checkpoint behind.
    pub(in crate::session) deaths: u32,
}

/// Predicted cost of one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::session) struct CellCost {
    /// Seconds of one worker.
    pub(in crate::session) seconds: f64,
    /// Bytes of a replica.
    pub(in crate::session) bytes: u64,
    /// Bytes of its cohort besides.
    pub(in crate::session) shared_bytes: u64,
    /// Replicas at once.
    pub(in crate::session) at_once: AtOnce,
}

/// The tasks that are left of the given cells.
///
/// `wanted` are plan indices, ascending; `costs` has one entry per variant of the plan.
pub(in crate::session) fn tasks(
    plan: &Plan,
    ids: &[CellId],
    wanted: &[u32],
    done: &dyn Fn(&CellId) -> bool,
    unfinished: &[Unfinished],
    costs: &[CellCost],
    limits: &Limits,
) -> Vec<CohortTask> {
    let left: Vec<u32> = wanted.iter().copied().filter(|&cell| !done(&ids[cell as usize])).collect();
    // Of the cells of unfinished cohorts only: a table of all would be the largest thing in memory.
    let named: HashSet<CellId> = unfinished.iter().flat_map(|cohort| cohort.cells.iter().copied()).collect();
    let of_unfinished = left.iter().map(|&cell| (ids[cell as usize], cell)).filter(|(id, _)| named.contains(id));
    let index: HashMap<CellId, u32> = if named.is_empty() { HashMap::new() } else { of_unfinished.collect() };
    let kinds = plan.kinds();
    let cost = |cell: u32| costs[plan.variant_of(cell)];

    let mut tasks = Vec::new();
    let mut pinned = HashSet::new();
    for cohort in unfinished {
        let cells: Option<Vec<u32>> = cohort.cells.iter().map(|id| index.get(id).copied()).collect();
        let Some(cells) = cells.filter(|cells| !cells.is_empty() && cells.iter().all(|cell| !pinned.contains(cell)))
        else {
            continue;
        };
        pinned.extend(cells.iter().copied());
        let mut task = task(ids, cells, &cost);
        task.resume = cohort.checkpoint;
        task.attempt = cohort.deaths;
        tasks.push(task);
    }
    let mut pending: Vec<Pending> = Vec::new();
    let mut of_variant = None;
    for &cell in left.iter().filter(|cell| !pinned.contains(cell)) {
        // Cells of a variant follow one another.
        let variant = plan.variant_of(cell);
        if of_variant != Some(variant) {
            of_variant = Some(variant);
            let CellCost { seconds, bytes, shared_bytes, at_once } = costs[variant];
            let cells = Vec::new();
            pending.push(Pending { cells, kind: kinds[variant], seconds, bytes, shared_bytes, at_once });
        }
        if let Some(last) = pending.last_mut() {
            last.cells.push(cell);
        }
    }
    drop(left);
    tasks.extend(pack(&pending, limits).into_iter().map(|packed| task(ids, packed.cells, &cost)));
    connect(plan, &mut tasks);
    tasks
}

fn task(ids: &[CellId], cells: Vec<u32>, cost: &dyn Fn(u32) -> CellCost) -> CohortTask {
    let id = CohortId::of(cells.iter().map(|&cell| &ids[cell as usize]));
    let least = cells.iter().map(|&cell| cost(cell).at_once.efficient).max().unwrap_or(1);
    let bytes: u64 = cells.iter().map(|&cell| cost(cell).bytes).sum();
    CohortTask {
        id: TaskId(id.0 & !TaskId::SPLIT),
        predicted_seconds: cells.iter().map(|&cell| cost(cell).seconds).sum(),
        memory: bytes + cells.first().map_or(0, |&cell| cost(cell).shared_bytes),
        cells,
        attempt: 0,
        needs: Vec::new(),
        resume: false,
        least: least as u32,
    }
}

/// Makes pruned cells' tasks wait for those of their full cells.
fn connect(plan: &Plan, tasks: &mut [CohortTask]) {
    if plan.prunes().len() < 2 {
        return;
    }
    let of_cell: HashMap<u32, TaskId> =
        tasks.iter().flat_map(|task| task.cells.iter().map(|&cell| (cell, task.id))).collect();
    for task in tasks {
        let mut needs: Vec<TaskId> =
            task.cells.iter().filter_map(|&cell| of_cell.get(&plan.full_cell_of(cell)?).copied()).collect();
        needs.sort_unstable();
        needs.dedup();
        task.needs = needs;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::parse;

    const SWEEP: &str = r#"
        [sweep]
        name = "t"
        seeds = { count = 10 }
        [[data]]
        source = "digits"
        labels = "parity"
        [[subsample]]
        size = 100
        block = 0
        [[architecture]]
        kind = "mlp"
        hidden = [5]
        activation = "tanh"
        [[optimiser]]
        kind = "sgd"
        lr = [0.1, 0.2]
        [[prune]]
        remove = "none"
        [[prune]]
        remove = "stragglers"
        [train]
        epochs = 10
        loss = "cross-entropy"
        batch = "full"
        [observe]
        misclassified = { every = 1 }
    "#;

    fn setting() -> (Plan, Vec<CellId>, Vec<CellCost>, Limits) {
        let plan = Plan::new(parse(SWEEP, "t.toml", &[]).unwrap(), &["d".into()]);
        let ids = plan.ids();
        let at_once = AtOnce { efficient: 4, most: Some(100) };
        let costs = vec![CellCost { seconds: 1.0, bytes: 1, shared_bytes: 1, at_once }; plan.variants().len()];
        (plan, ids, costs, Limits { workers: 2, memory: 1 << 20, most_replicas: 8 })
    }

    #[test]
    fn done_cells_are_left_out_and_unfinished_cohorts_come_back_whole() {
        let (plan, ids, costs, limits) = setting();
        let wanted: Vec<u32> = (0..plan.len() as u32).collect();
        let unfinished = Unfinished { cells: vec![ids[3], ids[1]], checkpoint: true, deaths: 1 };
        let foreign = Unfinished { cells: vec![CellId([9; 16])], checkpoint: true, deaths: 0 };
        let done = |id: &CellId| *id == ids[0];
        let tasks = tasks(&plan, &ids, &wanted, &done, &[foreign, unfinished], &costs, &limits);
        let mut cells: Vec<u32> = tasks.iter().flat_map(|task| task.cells.clone()).collect();
        cells.sort_unstable();
        assert_eq!(cells, wanted[1..]);
        let back = tasks.iter().find(|task| task.cells == [3, 1]).expect("the same cells in the same order");
        assert!(back.resume && back.attempt == 1);
    }

    #[test]
    fn pruned_cells_wait_for_their_full_cells_unless_these_are_done() {
        let (plan, ids, costs, limits) = setting();
        let wanted: Vec<u32> = (0..plan.len() as u32).collect();
        let all = tasks(&plan, &ids, &wanted, &|_| false, &[], &costs, &limits);
        for task in &all {
            for &cell in &task.cells {
                match plan.full_cell_of(cell) {
                    None => assert!(task.needs.is_empty()),
                    Some(full) => {
                        let holder = all.iter().find(|other| other.cells.contains(&full)).unwrap();
                        assert!(task.needs.contains(&holder.id));
                    }
                }
            }
        }
        let full_done = |id: &CellId| {
            ids.iter().position(|other| other == id).is_some_and(|cell| plan.full_cell_of(cell as u32).is_none())
        };
        let rest = tasks(&plan, &ids, &wanted, &full_done, &[], &costs, &limits);
        assert!(!rest.is_empty() && rest.iter().all(|task| task.needs.is_empty()));
    }
}
