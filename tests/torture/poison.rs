//! A cell that kills its trainer is isolated by bisection, marked failed, and costs no other cell anything.

use super::rig::{PHASESWEEP, expect_code, finish, phasesweep, results, run, said, write_sweep};

#[test]
fn a_poisonous_cell_is_found_by_bisection() {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let sweep = write_sweep(dir.path(), 16, 20);
    let clean = dir.path().join("clean");
    expect_code(&mut run(1, &sweep, &clean), 0);
    let clean = results(&clean);
    // One of the two cells of this seed only: the other learning rate lives.
    let text = std::fs::read_to_string(&sweep).expect("the sweep").replace("lr = [0.2, 0.4]", "lr = 0.2");
    std::fs::write(&sweep, text).expect("the sweep is writable");
    let out = dir.path().join("poisoned");
    let mut codes = Vec::new();
    // 16 cells: two deaths at each of the sizes 16, 8, 4, 2 and 1, and what else the pieces die of.
    for _ in 0..24 {
        let output = finish(run(1, &sweep, &out).args(["--simulate-poison", "5"]));
        codes.push(output.status.code());
        match output.status.code() {
            // By SIGABRT.
            None => {}
            Some(1) => break,
            code => panic!("{code:?}: {}", said(&output)),
        }
    }
    assert_eq!(codes.last(), Some(&Some(1)), "{codes:?}");
    assert!(codes.len() > 2, "it must have died at least twice: {codes:?}");
    println!("isolated after {} launches", codes.len());
    let broken = results(&out);
    let unlike: Vec<&String> =
        broken.iter().filter(|(id, values)| clean.get(*id) != Some(values)).map(|(id, _)| id).collect();
    assert_eq!((broken.len(), unlike.len()), (16, 1), "the others are as in an unbroken run");
    // The reason is kept with the cell.
    let shown = expect_code(phasesweep(1).arg("show").arg(&out).args(["--cell", unlike[0]]), 0);
    assert!(said(&shown).contains("crashed the trainer 2 times"), "{}", said(&shown));
    let status = expect_code(phasesweep(1).arg("status").arg(&out), 0);
    assert!(said(&status).contains("15 done") && said(&status).contains("1 failed"), "{PHASESWEEP}: {}", said(&status));
    // A relaunch does not try it for ever.
    expect_code(run(1, &sweep, &out).args(["--simulate-poison", "5"]), 1);
}
