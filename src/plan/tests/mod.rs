//! Cells and ids of plans.

mod drawn;
mod golden;
mod labels;

use super::*;
use crate::sweep::parse;
use std::collections::HashSet;

fn plan(text: &str) -> Plan {
    let sweep = parse(text, "test.toml", &[]).expect("a valid sweep");
    let digests = vec!["d".to_string(); sweep.data.len()];
    Plan::new(sweep, &digests)
}

const SMALL: &str = r#"
    [sweep]
    name = "small"
    seeds = { start = 3, count = 4 }
    [[data]]
    source = "digits"
    labels = "parity"
    [[subsample]]
    size = 500
    block = [0, 1]
    [[architecture]]
    kind = "mlp"
    hidden = [10]
    activation = "tanh"
    [[optimiser]]
    kind = "sgd"
    lr = [0.1, 0.2]
    [train]
    epochs = 10
    loss = "cross-entropy"
    batch = "full"
"#;

#[test]
fn every_cell_has_an_id_of_its_own() {
    let plan = plan(SMALL);
    assert_eq!(plan.len(), 2 * 2 * 4);
    let ids: HashSet<_> = plan.ids().into_iter().collect();
    assert_eq!(ids.len(), plan.len());
}

#[test]
fn adding_seeds_and_values_keeps_the_ids_of_the_cells_that_stay() {
    let before: HashSet<_> = plan(SMALL).ids().into_iter().collect();
    let wider = SMALL.replace("count = 4", "count = 9").replace("lr = [0.1, 0.2]", "lr = [0.3, 0.2, 0.1]");
    let after: HashSet<_> = plan(&wider).ids().into_iter().collect();
    assert!(before.is_subset(&after));
}

#[test]
fn what_decides_a_result_decides_the_id() {
    let before: HashSet<_> = plan(SMALL).ids().into_iter().collect();
    for (from, to) in [("epochs = 10", "epochs = 11"), ("tanh", "relu"), ("parity", "classes"), ("[10]", "[11]")] {
        let after: HashSet<_> = plan(&SMALL.replace(from, to)).ids().into_iter().collect();
        assert!(before.is_disjoint(&after), "{from} → {to} must change every id");
    }
    let sweep = parse(SMALL, "test.toml", &[]).expect("a valid sweep");
    let other_data: HashSet<_> = Plan::new(sweep, &["other".to_string()]).ids().into_iter().collect();
    assert!(before.is_disjoint(&other_data));
}

#[test]
fn a_pruned_cell_knows_the_full_cell_it_starts_from() {
    let plan = plan(&format!(
        "{SMALL}\n[[prune]]\nremove = \"stragglers\"\n[[prune]]\nremove = \"random\"\nlike = \"stragglers\"\n"
    ));
    assert_eq!(plan.len(), 2 * 2 * 4 * 3);
    for cell in 0..plan.len() as u32 {
        let variant = plan.variants()[plan.variant_of(cell)];
        match plan.full_cell_of(cell) {
            None => assert_eq!(plan.prunes()[variant.prune], Prune::None),
            Some(full) => {
                let of_full = plan.variants()[plan.variant_of(full)];
                assert_eq!(plan.prunes()[of_full.prune], Prune::None);
                assert_eq!(Variant { prune: variant.prune, ..of_full }, variant);
                assert_eq!(plan.seed_of(full), plan.seed_of(cell));
            }
        }
    }
}

/// A rule that is newer than the first ids makes other cells of those that it decides, and of no others.
#[test]
fn newer_rules_change_the_ids_of_the_cells_that_they_decide_alone() {
    let text = format!(
        "{SMALL}\n[[prune]]\nremove = \"none\"\n[[prune]]\nremove = \"stragglers\"\n[stop]\nafter_inversion = 5\n"
    );
    let with = |identity: &str| {
        let plan = Plan::new(parse(&text, "test.toml", &[]).expect("a valid sweep"), &[identity.to_string()]);
        (plan.variants().to_vec(), plan.ids(), plan.seeds().len())
    };
    let (variants, before, seeds) = with("d");
    let changed = |identity: &str| -> HashSet<Variant> {
        let after = with(identity).1;
        let other = (0..before.len()).filter(|&cell| before[cell] != after[cell]);
        other.map(|cell| variants[cell / seeds]).collect()
    };
    let all = |of: &dyn Fn(&Variant) -> bool| variants.iter().copied().filter(|v| of(v)).collect::<HashSet<_>>();
    assert_eq!(changed("d many-classes"), all(&|variant| variant.prune == 1));
    assert_eq!(changed("d lacking=1"), all(&|variant| variant.subsample == 1));
    assert_eq!(changed("e").len(), variants.len());
}

/// Two data of one source that differ in what is used of it are two levels of the axis: ids, labels and a coordinate.
#[test]
fn what_is_used_of_a_source_tells_its_entries_apart() {
    let with = |keys: &str| plan(&SMALL.replace("labels = \"parity\"", keys));
    let data = "[[data]]\nsource = \"digits\"\n";
    let several = with(&format!(
        "only = [[5, 3], [0, 1]]\n{data}\n{data}groups = [[0, 2, 4], [1, 3]]\n{data}groups = [[1, 3], [0, 2, 4]]"
    ));
    let ids: HashSet<_> = several.ids().into_iter().collect();
    assert_eq!(ids.len(), 5 * 2 * 2 * 4);
    let labels: Vec<&str> = several.axis_labels(0).iter().map(String::as_str).collect();
    let expected = [
        "digits only=[3, 5]",
        "digits only=[0, 1]",
        "digits",
        "digits groups=[[0, 2, 4], [1, 3]]",
        "digits groups=[[1, 3], [0, 2, 4]]",
    ];
    assert_eq!(labels, expected);
    let keys = several.varying_keys();
    assert_eq!(keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["data_groups", "data_only"]);
    // The order in which labels are named within a list is no matter, and an absent key is in no identity.
    assert_eq!(with("only = [3, 5]").ids(), with("only = [5, 3]").ids());
    assert_eq!(with("").ids(), plan(&SMALL.replace("labels = \"parity\"", "labels = \"classes\"")).ids());
    assert_eq!(with("groups = [[0, 2], [1]]").ids(), with("groups = [[2, 0], [1]]").ids());
}
