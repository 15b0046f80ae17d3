//! A result does not depend on how cells were packed or on how many ranks ran.

use std::collections::BTreeMap;

use crate::rig::{Results, SMALL, mpirun, phasesweep, sweep_file, train};

/// On one device the fast kernel sums each replica in a fixed order, so equality is of bits: no tolerance at all.
#[test]
fn a_cell_equals_itself_alone_in_any_cohort_and_on_any_number_of_ranks() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), SMALL);
    let whole = train(&mut phasesweep(), &sweep, &dir.path().join("whole"));
    assert_eq!(whole.len(), 12);
    for ranks in [1, 2, 4] {
        let shared_out = train(&mut mpirun(ranks), &sweep, &dir.path().join(format!("ranks-{ranks}")));
        assert_eq!(shared_out, whole, "{ranks} ranks");
    }
    let alone =
        sweep_file(dir.path(), &SMALL.replace("seeds = { count = 6 }", "seeds = [4]").replace("[0.2, 0.4]", "0.4"));
    let alone = train(&mut phasesweep(), &alone, &dir.path().join("alone"));
    assert_eq!(alone.len(), 1);
    for (id, values) in &alone {
        assert_eq!(whole.get(id), Some(values), "cell {id} trained alone");
    }
}

/// Adding seeds trains the new cells only, and leaves the old ones as they were.
#[test]
fn a_wider_sweep_keeps_the_cells_it_shares_with_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let before = train(&mut phasesweep(), &sweep_file(dir.path(), SMALL), &out);
    let parts = |out: &std::path::Path| {
        let mut names: Vec<_> =
            std::fs::read_dir(out.join("parts")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let old_parts = parts(&out);
    let wider = sweep_file(dir.path(), &SMALL.replace("count = 6", "count = 7"));
    let after = train(&mut phasesweep(), &wider, &out);
    assert_eq!(after.len(), 14);
    for (id, values) in &before {
        assert_eq!(after.get(id), Some(values));
    }
    assert!(old_parts.iter().all(|part| parts(&out).contains(part)), "finished parts are never rewritten");
}

/// Standardised images keep their blank pixels (as 0) where the network convolves, and convolutions of a cohort give each
/// replica the same bits as alone.
#[test]
fn a_convolutional_cell_on_standardised_images_equals_itself_alone() {
    let dir = tempfile::tempdir().unwrap();
    let text = SMALL
        .replace("kind = \"mlp\"\nhidden = [12]", "kind = \"cnn\"\nchannels = [4]\nkernel = 3\npool = 2\nhidden = [6]")
        .replace("size = 700", "size = 200")
        .replace("count = 6", "count = 2")
        .replace("epochs = 120", "epochs = 8");
    let whole = train(&mut phasesweep(), &sweep_file(dir.path(), &text), &dir.path().join("whole"));
    assert_eq!(whole.len(), 4);
    let alone = sweep_file(dir.path(), &text.replace("count = 2", "start = 1, count = 1").replace("[0.2, 0.4]", "0.4"));
    let alone = train(&mut phasesweep(), &alone, &dir.path().join("alone"));
    for (id, values) in &alone {
        assert_eq!(whole.get(id), Some(values), "cell {id} trained alone");
    }
    for values in whole.values() {
        let losses: Vec<f32> = values["train_loss"].iter().map(|&bits| f32::from_bits(bits)).collect();
        assert!(losses.iter().all(|loss| loss.is_finite()) && losses[8] < losses[0], "{losses:?}");
    }
}

/// A replica that leaves after its inversion was measured as in the long run up to then, and not beyond.
#[test]
fn leaving_early_is_the_long_run_cut_short() {
    let dir = tempfile::tempdir().unwrap();
    let train_in = |text: &str, name: &str| {
        let scratch = dir.path().join(format!("{name}-sweep"));
        std::fs::create_dir(&scratch).unwrap();
        train(&mut phasesweep(), &sweep_file(&scratch, text), &dir.path().join(name))
    };
    let long = train_in(SMALL, "long");
    let early = train_in(&format!("{SMALL}\n[stop]\nafter_inversion = 10\n"), "early");
    assert_eq!(early.len(), long.len());
    let measured = |bits: &u32| !f32::from_bits(*bits).is_nan();
    for left in early.values() {
        let errors = &left["train_error"];
        let epochs = errors.iter().filter(|bits| measured(bits)).count();
        assert!(epochs > 10 && errors[..epochs].iter().all(measured), "measured without a gap: {epochs} epochs");
        let cut_short = |whole: &&BTreeMap<String, Vec<u32>>| {
            ["train_loss", "train_error", "test_error", "radius", "distance"]
                .iter()
                .all(|name| left[*name].iter().zip(&whole[*name]).all(|(left, whole)| !measured(left) || left == whole))
        };
        assert_eq!(long.values().filter(cut_short).count(), 1, "one cell of the long run begins so");
    }
    let kept = |cells: &Results| -> usize {
        cells.values().map(|cell| cell["train_error"].iter().filter(|bits| measured(bits)).count()).sum()
    };
    assert!(kept(&early) < kept(&long), "some cell left before its last epoch");
}
