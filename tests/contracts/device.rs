//! What training on a device owes its user, whatever the device: a cell's numbers do not depend on its cohort, on the ranks or on a
//! break; and the inversion is where the CPU kernel finds it. On flex, or where PHASESWEEP_TEST_DEVICE says (`make test-wgpu`).

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use phasesweep::observe::turning_point::{DEFAULT_FRACTION, Extremum, Verdict, by_prominence};

use crate::rig::{Results, SMALL, expect_code, mpirun, phasesweep, results, sweep_file};

/// `run` on the device under test, trained by burn there.
fn run(mut command: Command, sweep: &Path, out: &Path, further: &[&str]) -> Command {
    let device = std::env::var("PHASESWEEP_TEST_DEVICE").unwrap_or_else(|_| "flex".to_owned());
    command.arg("run").arg(sweep).arg("--out").arg(out);
    command.args(["--kernel", "burn", "--share-gpus", "--device", &device]).args(further);
    command
}

fn finished(command: Command, sweep: &Path, out: &Path, further: &[&str]) -> Results {
    expect_code(&mut run(command, sweep, out, further), 0);
    results(&out.join("results.h5"))
}

/// Greatest difference of any measured number, and whether all bits agree.
fn difference(a: &Results, b: &Results) -> (f32, bool) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    let mut greatest = 0.0f32;
    for (cell, own) in a {
        for name in ["train_loss", "train_error", "test_error", "radius", "distance"] {
            let values = |bits: &[u32]| bits.iter().map(|&bits| f32::from_bits(bits)).collect::<Vec<f32>>();
            let (a, b) = (values(&own[name]), values(&b[cell][name]));
            assert_eq!(a.len(), b.len());
            greatest = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(greatest, f32::max);
        }
    }
    (greatest, a == b)
}

/// Four cells for so many epochs: a software renderer takes a tenth of a second for each of a cohort.
fn four_cells(epochs: usize) -> String {
    SMALL.replace("count = 6", "count = 2").replace("epochs = 120", &format!("epochs = {epochs}"))
}

/// Sums over a cohort's replicas are apart, but a device may cut a product of another shape into other pieces: 60 epochs of
/// rounding, of a network whose weights are of order 1.
const ROUNDING: f32 = 2e-5;

#[test]
fn a_cell_is_itself_alone_on_ranks_and_after_a_break() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), &four_cells(60));
    let whole = finished(phasesweep(), &sweep, &dir.path().join("whole"), &[]);
    let again = finished(phasesweep(), &sweep, &dir.path().join("again"), &[]);
    assert_eq!(whole, again, "the same run gives the same bits");
    for (what, command, further) in [("alone", phasesweep(), &["--replicas", "1"][..]), ("two ranks", mpirun(2), &[])] {
        let (off, same) = difference(&whole, &finished(command, &sweep, &dir.path().join(what), further));
        eprintln!("{what}: {}", if same { "the same bits".to_owned() } else { format!("within {off:e}") });
        assert!(off <= ROUNDING, "{what}: off by {off}");
    }
}

/// SIGTERM, and the same command again. Cohorts are what they were, so the bits are.
#[test]
fn a_broken_run_goes_on_to_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), &four_cells(150));
    let cohorts = ["--replicas", "2"];
    let whole = finished(phasesweep(), &sweep, &dir.path().join("whole"), &cohorts);
    let out = dir.path().join("broken");
    let further = [&cohorts[..], &["--checkpoint-seconds", "0.01"]].concat();
    let mut first = run(phasesweep(), &sweep, &out, &further);
    let mut child = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while std::fs::read_dir(out.join("checkpoints")).map_or(0, Iterator::count) == 0 && Instant::now() < deadline {
        assert!(child.try_wait().unwrap().is_none(), "the run was over before it could be broken");
        std::thread::sleep(Duration::from_millis(5));
    }
    expect_code(Command::new("kill").args(["-TERM", &child.id().to_string()]), 0);
    assert_eq!(child.wait().unwrap().code(), Some(75), "interrupted and resumable");
    assert_eq!(finished(phasesweep(), &sweep, &out, &further), whole);
}

/// ε*(D) of a sixteenth of `quick.toml` on the device and by the CPU kernel.
#[test]
fn the_inversion_is_where_the_kernel_finds_it() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = std::env::current_dir().unwrap().join("sweeps/quick.toml");
    let smaller = ["--set", "sweep.seeds.count=8", "--set", "architecture.hidden=[20]", "--set", "optimiser.lr=0.4"];
    let smaller = [&smaller[..], &["--set", "train.epochs=300"]].concat();
    let device = finished(phasesweep(), &sweep, &dir.path().join("device"), &smaller);
    let out = dir.path().join("kernel");
    expect_code(
        phasesweep().arg("run").arg(&sweep).arg("--out").arg(&out).args(&smaller).args(["--device", "flex"]),
        0,
    );
    let kernel = results(&out.join("results.h5"));
    assert_eq!((device.len(), kernel.len()), (8, 8));
    let (mut means, mut furthest) = ([0.0; 2], 0.0f32);
    for (cell, own) in &device {
        let series = |of: &Results, name: &str| -> Vec<f32> {
            of[cell][name].iter().map(|&bits| f32::from_bits(bits)).collect()
        };
        let turn = |of: &Results| {
            let (distance, error) = (series(of, "distance"), series(of, "train_error"));
            let epochs: Vec<usize> = (0..distance.len()).collect();
            match by_prominence(&epochs, &distance, Extremum::Maximum, DEFAULT_FRACTION) {
                Verdict::Found(turn) => error[turn.index],
                other => panic!("{cell}: {other:?}"),
            }
        };
        assert!(own.contains_key("distance"));
        let (here, there) = (turn(&device), turn(&kernel));
        means[0] += here / 8.0;
        means[1] += there / 8.0;
        furthest = furthest.max((here - there).abs());
        let pairs = series(&device, "distance").into_iter().zip(series(&kernel, "distance"));
        let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // 300 steps of rounding, which training amplifies; an error of substance moves the distance by percents of its 0.3.
        assert!(off < 1e-4, "{cell}: the distance is off by {off}");
    }
    eprintln!(
        "ε*(D): {:.5} on the device, {:.5} by the kernel; a cell's differ by {furthest:.5} at most",
        means[0], means[1]
    );
    // Where the series is flat at its top, rounding may choose the epoch beside: one or two of 1500 samples.
    assert!(furthest < 2.5 / 1500.0, "ε* differs by {furthest}");
}
