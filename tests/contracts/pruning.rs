//! Cells that need other cells: pruned training sets across ranks, and seeds that a stopping rule adds.

use crate::rig::{SMALL, expect_code, mpirun, results, sweep_file, train};

/// Each pruned cell starts from its full cell's stragglers, whichever rank trained that; and a pruned run differs.
#[test]
fn pruned_cells_wait_for_their_full_cells_across_ranks() {
    let dir = tempfile::tempdir().unwrap();
    let pruned = format!(
        "{SMALL}\n[[prune]]\nremove = \"none\"\n[[prune]]\nremove = \"misclassified\"\nepoch = 30\n[[prune]]\nremove = \"random\"\nlike = \"misclassified\"\nepoch = 30\n"
    )
    .replace("misclassified = { at = \"log\" }", "misclassified = { every = 10 }");
    let sweep = sweep_file(dir.path(), &pruned);
    let two = train(&mut mpirun(2), &sweep, &dir.path().join("two"));
    assert_eq!(two.len(), 36);
    let three = train(&mut mpirun(3), &sweep, &dir.path().join("three"));
    assert_eq!(two, three);
    let distinct: std::collections::BTreeSet<_> = two.values().map(|values| &values["train_loss"]).collect();
    assert_eq!(distinct.len(), 36, "each training set trains its own way");
}

/// Asked for an interval that no spread of a few seeds can meet, the rule goes on to the maximum, and no further.
#[test]
fn seeds_are_added_up_to_the_maximum() {
    let dir = tempfile::tempdir().unwrap();
    let text = SMALL
        .replace("lr = [0.2, 0.4]", "lr = 0.4")
        .replace("[observe]", "[stop]\nmetric = \"epsilon_star\"\nhalf_width = 1e-5\nmax_seeds = 20\n\n[observe]");
    let sweep = sweep_file(dir.path(), &text);
    let out = dir.path().join("out");
    expect_code(mpirun(2).arg("run").arg(&sweep).arg("--out").arg(&out), 0);
    assert_eq!(results(&out.join("results.h5")).len(), 20);
    let wide = sweep_file(dir.path(), &text.replace("1e-5", "0.5").replace("count = 6", "count = 9"));
    let out = dir.path().join("wide");
    expect_code(mpirun(2).arg("run").arg(&wide).arg("--out").arg(&out), 0);
    assert_eq!(results(&out.join("results.h5")).len(), 9, "an interval that is narrow enough asks for nothing");
}
