//! A run directory is the run: overrides, data and results in it stay together, on any machine and in any working
//! directory, and what belongs to another sweep is not mixed in unseen.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::rig::{BASE, expect_code, phasesweep, results};

/// A working directory with a sweep file in it.
struct Place {
    scratch: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { scratch: tempfile::tempdir().unwrap() };
        place.write("base.toml", BASE);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// `phasesweep` in the working directory.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = phasesweep();
        command.current_dir(self.scratch.path()).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs it, insists on the exit code, and returns everything it said.
    fn says(&self, code: i32, arguments: &[&str]) -> String {
        said(&expect_code(&mut self.command(arguments), code))
    }

    /// Ids of the cells of a results file, in order.
    fn ids(&self, directory: &str) -> Vec<String> {
        results(&self.path(directory).join("results.h5")).into_keys().collect()
    }

    /// `phasesweep status --json`.
    fn status(&self, target: &str) -> serde_json::Value {
        let output = expect_code(&mut self.command(&["status", target, "--json"]), 0);
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn done(status: &serde_json::Value) -> (u64, u64) {
    (status["complete"].as_u64().unwrap(), status["cells"].as_u64().unwrap())
}

/// Row 4 of the cases: b is the run of a.
#[test]
fn a_run_directory_is_run_again_with_its_overrides() {
    let place = Place::new();
    place.says(0, &["run", "base.toml", "--out", "a", "--set", "optimiser.lr=0.3"]);
    assert_eq!(fs::read_to_string(place.path("a/sweep.toml")).unwrap(), BASE, "the text is kept as it was given");
    place.says(0, &["run", "a/sweep.toml", "--out", "b"]);
    let collected = place.says(0, &["collect", "b"]);
    assert!(collected.contains("2 cells complete") && collected.contains("0 missing"), "{collected}");
    assert_eq!(results(&place.path("b/results.h5")), results(&place.path("a/results.h5")));
    let plain = place.says(0, &["run", "base.toml", "--out", "plain"]);
    assert_ne!(place.ids("plain"), place.ids("a"), "{plain}");

    // Whatever `run` accepts, the others accept, and mean the same by it.
    let id = &place.ids("a")[0][..8];
    for target in ["a", "a/sweep.toml"] {
        assert_eq!(done(&place.status(target)), (2, 2));
        assert!(place.says(0, &["collect", target]).contains("2 cells complete"));
        assert!(place.says(0, &["show", target, "--cell", id]).contains("\"lr\":0.3"));
        assert!(place.says(0, &["plan", target]).contains("lr=0.3"));
        let script = place.says(0, &["submit", target, "--dry-run", "--time", "1:00:00"]);
        assert!(script.contains(&format!("{}", place.path("a").display())), "{script}");
        // Run again without --out, it goes on in its own directory, where all is done.
        assert!(place.says(0, &["run", target]).contains("2 done before"));
    }
    assert!(!place.path("runs").exists());

    // Further overrides come after those that were kept.
    place.says(0, &["run", "a", "--out", "c", "--set", "train.epochs=20"]);
    let shown = place.says(0, &["show", "c", "--cell", &place.ids("c")[0]]);
    assert!(shown.contains("\"lr\":0.3") && shown.contains("\"epochs\":20"), "{shown}");
    place.says(0, &["run", "c", "--out", "d", "--set", "optimiser.lr=0.2", "--set", "train.epochs=30"]);
    assert_eq!(place.ids("d"), place.ids("plain"));
}

/// Row 5 of the cases, and other bytes that a text may have.
#[test]
fn marks_line_ends_and_line_breaks_are_harmless() {
    let place = Place::new();
    let texts = [("bom", format!("\u{feff}{BASE}")), ("crlf", BASE.replace('\n', "\r\n")), ("both", String::new())];
    for (name, text) in texts {
        let text = if name == "both" { format!("\u{feff}{}", BASE.replace('\n', "\r\n")) } else { text };
        place.write("odd.toml", &text);
        let broken = "optimiser.lr=[0.1,\r\n  0.2]";
        let run = ["run", "odd.toml", "--set", "train.epochs=20", "--set", broken, "--out", name];
        place.says(0, &run);
        assert_eq!(fs::read_to_string(place.path(name).join("sweep.toml")).unwrap(), text);
        assert_eq!(done(&place.status(name)), (4, 4));
        assert!(place.says(0, &["collect", name]).contains("4 cells complete"));
        let again = format!("{name}-again");
        place.says(0, &["run", &format!("{name}/sweep.toml"), "--out", &again]);
        assert_eq!(results(&place.path(&again).join("results.h5")), results(&place.path(name).join("results.h5")));
    }
}

/// Row 6 of the cases: what an earlier form of the sweep trained is not counted for this one.
#[test]
fn status_counts_the_cells_of_the_plan_that_is_run() {
    let place = Place::new();
    place.says(0, &["run", "base.toml", "--out", "a"]);
    let longer = ["run", "base.toml", "--out", "a", "--set", "train.epochs=5000000", "--set", "seeds=4"];
    let mut run = place.command(&longer).stderr(Stdio::null()).spawn().unwrap();
    while fs::read_dir(place.path("a/running")).map_or(0, Iterator::count) == 0 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    let status = place.status("a");
    assert_eq!(done(&status), (0, 4), "{status}");
    assert_eq!((status["waiting"].as_u64(), status["others"].as_u64()), (Some(4), Some(2)), "{status}");
    assert!(place.says(0, &["status", "a"]).contains("0 done, 0.0%"));

    // There is something to wait for, so --watch looks more than once.
    let mut watch = place.command(&["status", "a", "--json", "--watch", "--every", "0.2"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    assert_eq!(lines.take(3).filter(|line| line.as_ref().is_ok_and(|line| line.contains("\"cells\":4"))).count(), 3);
    watch.kill().unwrap();
    watch.wait().unwrap();

    // The first form of the sweep is complete still, and says so when it is run again.
    place.says(0, &["run", "base.toml", "--out", "a", "--take-over"]);
    assert_eq!(done(&place.status("a")), (2, 2));
    assert!(place.says(0, &["status", "a", "--watch"]).contains("2 done, 100.0%"));
}

/// The files of an idx data set of two classes, 6×6 pixels.
fn write_idx(directory: &Path, salt: u8) {
    fs::create_dir_all(directory).unwrap();
    let header = |kind: u8, counts: &[u32]| {
        let mut bytes = vec![0, 0, 8, kind];
        counts.iter().for_each(|count| bytes.extend_from_slice(&count.to_be_bytes()));
        bytes
    };
    for (half, samples) in [("train", 300_u32), ("t10k", 100)] {
        let pixel = |place: u32| {
            let (sample, pixel) = (place / 36, place % 36);
            let noise = place.wrapping_mul(2_654_435_761).wrapping_add(u32::from(salt) << 26) >> 25;
            (noise + if pixel % 2 == sample % 2 { 90 } else { 0 }) as u8
        };
        let images = [header(3, &[samples, 6, 6]), (0..samples * 36).map(pixel).collect()].concat();
        let labels = [header(1, &[samples]), (0..samples).map(|sample| (sample % 2) as u8).collect()].concat();
        fs::write(directory.join(format!("{half}-images-idx3-ubyte")), images).unwrap();
        fs::write(directory.join(format!("{half}-labels-idx1-ubyte")), labels).unwrap();
    }
}

fn idx_sweep(path: &str) -> String {
    BASE.replace("source = \"digits\"\nlabels = \"parity\"", &format!("source = \"idx\"\npath = \"{path}\""))
}

/// The bytes of a results file but for the time at which it was collected.
fn but_for_the_time(path: &Path) -> Vec<u8> {
    let created: hdf5::types::VarLenUnicode =
        hdf5::File::open(path).unwrap().attr("created").unwrap().read_scalar().unwrap();
    let mut bytes = fs::read(path).unwrap();
    let times: Vec<usize> = bytes
        .windows(created.len())
        .enumerate()
        .filter(|(_, window)| *window == created.as_bytes())
        .map(|(k, _)| k)
        .collect();
    assert_eq!(times.len(), 1);
    bytes[times[0]..times[0] + created.len()].fill(b'0');
    bytes
}

#[test]
fn nothing_but_training_and_slices_needs_the_data() {
    let place = Place::new();
    write_idx(&place.path("project/data/images"), 1);
    place.write("project/sweeps/mine.toml", &idx_sweep("../data/./images"));
    // Relative to the sweep file, not to the working directory.
    place.says(0, &["run", "project/sweeps/mine.toml", "--out", "a"]);
    let kept = fs::read_to_string(place.path("a/run.json")).unwrap();
    assert!(kept.contains(place.path("project").to_str().unwrap()), "{kept}");
    let first = fs::read(place.path("a/results.h5")).unwrap();
    place.says(0, &["collect", "a"]);
    let whole = but_for_the_time(&place.path("a/results.h5"));
    let file = hdf5::File::open(place.path("a/results.h5")).unwrap();
    assert_eq!(file.dataset("block_images").unwrap().shape(), [200, 6, 6]);
    drop(file);
    fs::write(place.path("a/results.h5"), first).unwrap();
    assert_eq!(but_for_the_time(&place.path("a/results.h5")), whole, "what `run` collects is what `collect` does");

    // Elsewhere, without the data and without the results.
    let laptop = Place::new();
    copy(&place.path("a"), &laptop.path("copied"));
    fs::remove_file(laptop.path("copied/results.h5")).unwrap();
    fs::rename(place.path("project"), place.path("gone")).unwrap();
    assert!(laptop.says(0, &["collect", "copied"]).contains("2 cells complete"));
    assert_eq!(but_for_the_time(&laptop.path("copied/results.h5")), whole);
    assert_eq!(done(&laptop.status("copied")), (2, 2));
    let id = laptop.ids("copied")[0].clone();
    laptop.says(0, &["show", "copied", "--cell", &id]);
    assert!(laptop.says(0, &["plan", "copied"]).contains("cells"));
    let refused = laptop.says(2, &["run", "copied", "--out", "b"]);
    assert!(refused.contains("data/images"), "{refused}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn paths_start_from_the_file_from_home_or_from_where_set_was_typed() {
    let place = Place::new();
    write_idx(&place.path("home/images"), 1);
    write_idx(&place.path("typed/images"), 2);
    place.write("project/mine.toml", &idx_sweep("~/images"));
    fs::create_dir_all(place.path("typed")).unwrap();
    let run = |arguments: &[&str], home: &str| {
        let mut command = place.command(arguments);
        command.current_dir(place.path("typed")).env("HOME", place.path(home));
        said(&expect_code(&mut command, 0))
    };
    run(&["run", "../project/mine.toml", "--out", "../of-home"], "home");
    run(&["run", "../project/mine.toml", "--out", "../of-set", "--set", "data.path=images"], "home");
    assert_ne!(place.ids("of-home"), place.ids("of-set"));
    // Both mean the same later, with another working directory and another home.
    for kept in ["of-home", "of-set"] {
        let again = format!("{kept}-again");
        let mut command = place.command(&["run", kept, "--out", &again]);
        expect_code(command.env("HOME", place.path("elsewhere")), 0);
        assert_eq!(place.ids(&again), place.ids(kept));
    }
    let script = place.says(0, &["submit", "of-set", "--dry-run", "--time", "1:00:00", "--set", "data.path=images"]);
    let from = place.path("").canonicalize().unwrap();
    assert!(script.contains("--set-from") && script.contains(from.to_str().unwrap()), "{script}");
}

#[test]
fn data_that_changed_are_told_and_not_trained_on_unseen() {
    let place = Place::new();
    write_idx(&place.path("images"), 1);
    place.write("mine.toml", &idx_sweep("images"));
    place.says(0, &["run", "mine.toml", "--out", "a"]);
    let before = place.ids("a");
    write_idx(&place.path("images"), 2);
    for (sweep, out) in [("mine.toml", "a"), ("a/sweep.toml", "a"), ("a/sweep.toml", "b")] {
        let refused = place.says(2, &["run", sweep, "--out", out]);
        assert!(refused.contains("the data changed since") && refused.contains("--accept-changes"), "{refused}");
    }
    assert!(!place.path("b").exists());
    assert!(place.says(0, &["collect", "a"]).contains("2 cells complete"));
    assert_eq!(place.ids("a"), before);
    // From its own file into a directory of its own it is a run of the data as they are; so it is where that is asked for.
    place.says(0, &["run", "mine.toml", "--out", "c"]);
    place.says(0, &["run", "mine.toml", "--out", "a", "--accept-changes"]);
    assert_eq!(place.ids("a"), place.ids("c"));
    assert_ne!(place.ids("a"), before);
}

#[test]
fn results_are_not_replaced_by_fewer_cells_unseen() {
    let place = Place::new();
    let four = ["run", "base.toml", "--out", "a", "--set", "seeds=4"];
    place.says(0, &four);
    let before = fs::read(place.path("a/results.h5")).unwrap();
    let refusal = |said: &str| {
        let words = ["results.h5 was left as it is", "holds 4 measured cells", "2 measured cells", "--allow-fewer"];
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert_eq!(fs::read(place.path("a/results.h5")).unwrap(), before);
        assert!(!place.path("a/results.h5.new").exists());
    };
    refusal(&place.says(2, &["run", "base.toml", "--out", "a"]));
    refusal(&place.says(2, &["collect", "a"]));
    assert!(place.says(0, &["collect", "a", "--allow-fewer"]).contains("2 cells complete"));
    assert_eq!(place.ids("a").len(), 2);
    // More cells replace fewer without a word, and so do as many.
    place.says(0, &four);
    assert_eq!(place.ids("a").len(), 4);
    place.says(0, &["collect", "a"]);

    // Parts that were lost are cells that were lost.
    fs::create_dir_all(place.path("kept")).unwrap();
    for part in fs::read_dir(place.path("a/parts")).unwrap() {
        let part = part.unwrap();
        fs::rename(part.path(), place.path("kept").join(part.file_name())).unwrap();
    }
    let refused = place.says(2, &["collect", "a"]);
    assert!(refused.contains("holds 4 measured cells") && refused.contains("has 0 measured cells"), "{refused}");
    assert_eq!(place.ids("a").len(), 4);

    // What is no results file is not ours to replace.
    fs::write(place.path("a/results.h5"), "my notes").unwrap();
    let refused = place.says(2, &["collect", "a"]);
    assert!(refused.contains("left as it is") && refused.contains("Move it away"), "{refused}");
    assert_eq!(fs::read_to_string(place.path("a/results.h5")).unwrap(), "my notes");
}

#[test]
fn a_directory_belongs_to_one_sweep_which_may_grow() {
    let place = Place::new();
    let other = BASE.replace("lr = 0.2", "lr = 0.4");
    place.write("x/sweep.toml", BASE);
    place.write("y/sweep.toml", &other);
    place.says(0, &["run", "x/sweep.toml", "--out", "shared"]);
    let before = place.ids("shared");
    let refused = place.says(2, &["run", "y/sweep.toml", "--out", "shared"]);
    let words = ["holds the run of another sweep", "x/sweep.toml", "y/sweep.toml", "--out", "--accept-changes"];
    assert!(words.iter().all(|word| refused.contains(word)), "{refused}");
    // Another name is another sweep, though it has the same cells.
    place.write("x/named.toml", &BASE.replace("\"base\"", "\"other\""));
    assert!(place.says(2, &["run", "x/named.toml", "--out", "shared"]).contains("`other`"));
    let submit = ["submit", "x/named.toml", "--out", "shared", "--time", "1:00:00", "--dry-run"];
    assert!(place.says(2, &submit).contains("holds the run of another sweep"));
    place.says(0, &[&submit[..], &["--", "--accept-changes"]].concat());
    assert_eq!(place.ids("shared"), before);

    // Its own file may change at will: more seeds, other values, even no cell in common.
    place.write("x/sweep.toml", &BASE.replace("seeds = 2", "seeds = 3"));
    place.says(0, &["run", "x/sweep.toml", "--out", "shared"]);
    assert_eq!(place.ids("shared").len(), 3);
    place.write("x/sweep.toml", &other.replace("seeds = 2", "seeds = 3"));
    place.says(0, &["run", "x/sweep.toml", "--out", "shared"]);
    // A copy of the file that has cells in common is the same sweep.
    place.write("z/copy.toml", &other.replace("seeds = 2", "seeds = 4"));
    place.says(0, &["run", "z/copy.toml", "--out", "shared"]);
    assert_eq!(place.ids("shared").len(), 4);
    // And what is asked for is done.
    place.write("w/sweep.toml", &BASE.replace("lr = 0.2", "lr = 0.5").replace("seeds = 2", "seeds = 4"));
    place.says(0, &["run", "w/sweep.toml", "--out", "shared", "--accept-changes"]);
    assert_eq!(place.ids("shared").len(), 4);
    assert!(place.says(0, &["status", "shared"]).contains("of an earlier form"));
}

/// Two tasks of an array whose sweep files have one name: one of them has the directory, the other says so.
#[test]
fn two_sweeps_that_start_at_once_do_not_share_a_directory() {
    let place = Place::new();
    let longer = BASE.replace("epochs = 30", "epochs = 3000");
    place.write("x/sweep.toml", &longer);
    place.write("y/sweep.toml", &longer.replace("lr = 0.2", "lr = 0.4"));
    let run = |sweep: &str| {
        let mut command = place.command(&["run", sweep, "--out", "shared"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children = ["x/sweep.toml", "y/sweep.toml"].map(|sweep| (sweep, run(sweep)));
    let mut ended: Vec<(&str, Option<i32>)> =
        children.map(|(sweep, child)| (sweep, child.wait_with_output().unwrap().status.code())).to_vec();
    ended.sort_by_key(|(_, code)| *code);
    assert_eq!(ended[0].1, Some(0), "{ended:?}");
    // The other one met the lease (75: try again), or already the record (2).
    assert!(matches!(ended[1].1, Some(75 | 2)), "{ended:?}");
    let refused = place.says(2, &["run", ended[1].0, "--out", "shared"]);
    assert!(refused.contains("holds the run of another sweep"), "{refused}");
    assert_eq!(place.ids("shared").len(), 2);
    place.says(0, &["run", ended[0].0, "--out", "shared"]);
}

/// A sweep file stands for the directory that `run` writes to.
#[test]
fn a_sweep_file_names_the_run_in_its_default_directory() {
    let place = Place::new();
    let refused = place.says(2, &["status", "base.toml"]);
    assert!(refused.contains("runs/base is not a run directory"), "{refused}");
    place.says(0, &["run", "base.toml"]);
    assert_eq!(done(&place.status("base.toml")), (2, 2));
    assert!(place.says(0, &["collect", "base.toml"]).contains("2 cells complete"));
    for missing in ["nowhere", "no-such.toml"] {
        assert!(place.says(2, &["status", missing]).contains(missing));
    }
    // A sweep file of that name that lies elsewhere is no run directory.
    place.write("project/sweep.toml", BASE);
    place.says(0, &["run", "project/sweep.toml", "--out", "project/out"]);
    assert!(!place.path("project/run.json").exists());
    assert_eq!(done(&place.status("project/out")), (2, 2));
}

/// Directories of earlier versions: overrides as comments, no record, nothing of the data.
#[test]
fn directories_of_earlier_versions_are_read() {
    let place = Place::new();
    write_idx(&place.path("images"), 1);
    let idx = idx_sweep("images");
    for (name, text, set) in [
        ("digits", BASE, "optimiser.lr=0.3"),
        ("bom", &format!("\u{feff}{BASE}"), "optimiser.lr=[0.1,\n0.3]"),
        ("idx", &idx, "seeds=2"),
    ] {
        place.write("old.toml", text);
        place.says(0, &["run", "old.toml", "--out", name, "--set", set]);
        let before = results(&place.path(name).join("results.h5"));
        let cells = before.len() as u64;
        fs::remove_file(place.path(name).join("run.json")).unwrap();
        let _ = fs::remove_file(place.path(name).join("images.h5"));
        place.write(&format!("{name}/sweep.toml"), &format!("#: --set {set}\n\n{text}"));
        assert_eq!(done(&place.status(name)), (cells, cells));
        assert!(place.says(0, &["collect", name]).contains(&format!("{cells} cells complete")));
        assert_eq!(results(&place.path(name).join("results.h5")), before);
        let again = format!("{name}-again");
        place.says(0, &["run", name, "--out", &again]);
        assert_eq!(results(&place.path(&again).join("results.h5")), before);
        assert_eq!(fs::read_to_string(place.path(&again).join("sweep.toml")).unwrap(), text);
        // Another sweep does not go in; its own goes on, and makes it a directory of today.
        place.write("other.toml", &BASE.replace("\"base\"", "\"other\""));
        assert!(place.says(2, &["run", "other.toml", "--out", name]).contains("another sweep"));
        if name == "idx" {
            // Without the data, the parts say which they were.
            fs::rename(place.path("images"), place.path("gone")).unwrap();
            assert_eq!(done(&place.status(name)), (cells, cells));
            assert!(place.says(0, &["collect", name]).contains("2 cells complete"));
        } else {
            place.says(0, &["run", name]);
            assert!(place.path(name).join("run.json").is_file());
        }
    }
}

#[test]
fn equal_samples_in_two_places_are_told_and_not_trained_twice() {
    let place = Place::new();
    write_idx(&place.path("one"), 1);
    write_idx(&place.path("two"), 1);
    let text = idx_sweep("one").replace("[[subsample]]", "[[data]]\nsource = \"idx\"\npath = \"two\"\n[[subsample]]");
    place.write("twice.toml", &text);
    let refused = place.says(2, &["run", "twice.toml", "--out", "a"]);
    assert!(
        refused.contains("the same samples twice") && refused.contains("/one") && refused.contains("/two"),
        "{refused}"
    );
    write_idx(&place.path("two"), 2);
    assert!(place.says(0, &["run", "twice.toml", "--out", "a"]).contains("4 cells complete"));
}

/// The plain job scripts know a run directory where they see one.
#[test]
fn job_scripts_go_on_where_a_run_directory_is() {
    let place = Place::new();
    place.write("elsewhere/a/run.json", "{}");
    place.write("elsewhere/a/sweep.toml", BASE);
    for script in ["cpu-node", "gpu-node", "nodes-srun", "nodes-mpirun"] {
        let path = std::env::current_dir().unwrap().join(format!("slurm/{script}.sbatch"));
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().skip_while(|line| !line.starts_with("SWEEP=")).take_while(|line| !line.is_empty());
        let lines = lines.chain(["echo \"$OUT\""]).collect::<Vec<_>>().join("\n");
        let out = |arguments: &[&str]| {
            let mut bash = Command::new("bash");
            bash.current_dir(place.path("")).args(["-euc", &lines, "script"]).args(arguments);
            said(&expect_code(&mut bash, 0)).trim().to_string()
        };
        assert_eq!(out(&["base.toml"]), "runs/base");
        assert_eq!(out(&["sweeps/sweep.toml"]), "runs/sweep");
        assert_eq!(out(&["elsewhere/a/sweep.toml"]), "elsewhere/a");
        assert_eq!(out(&["elsewhere/a"]), "elsewhere/a");
        assert_eq!(out(&["elsewhere/a", "runs/b"]), "runs/b");
    }
}
