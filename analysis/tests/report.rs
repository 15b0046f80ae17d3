//! Whole reports on files whose turning points are known in closed form.

mod fixture;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use fixture::{Cell, Holds, error, rows, unlocked, write};
use phasesweep_analysis::results::Results;
use phasesweep_analysis::{Error, Options, report};

fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?} is no number"))
}

fn quick() -> Options {
    Options { bootstrap: 200, ..Options::default() }
}

/// Two groups of six seeds; in the second one cell at the edge, one diverged, one failed.
fn cells() -> Vec<Cell> {
    let first = (0..6).map(|seed| Cell::new("mlp 10 tanh", seed, 50 + seed as usize));
    let second = (0..6).map(|seed| Cell::new("mlp 20 tanh", seed, 60 + seed as usize));
    let mut cells: Vec<Cell> = first.chain(second).collect();
    cells[9].turns_at = fixture::T;
    cells[10].status = "diverged";
    cells[11].status = "failed";
    cells
}

#[test]
fn turning_points_and_stability_are_those_of_the_closed_form() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("results.h5"), &cells(), Holds::default()).expect("the fixture");
    let written = report(folder.path(), None, &quick()).expect("a report");
    assert_eq!(written.page, folder.path().join("report/index.html"));

    let points = rows(&folder.path().join("report/turning_points.csv"));
    assert_eq!(points.len(), 12 * 3 * 2);
    for row in points.iter().filter(|row| row["rule"] == "prominence") {
        let cell: usize = row["cell_id"][4..].parse().expect("a cell");
        let expected = ["found", "edge", "diverged", "failed"][cell.saturating_sub(8).min(3)];
        assert_eq!(row["status"], expected, "{row:?}");
        if expected != "found" {
            assert_eq!((row["epoch"].as_str(), row["epsilon_star"].as_str()), ("", ""));
            continue;
        }
        let shift = BTreeMap::from([("radius_0", -2), ("radius_1", 2), ("distance", 0)])[row["observable"].as_str()];
        let turns = (cells()[cell].turns_at as i64 + shift) as usize;
        assert_eq!(row["epoch"], turns.to_string());
        // The file holds 32-bit numbers.
        assert!((number(row, "epsilon_star") - error(turns)).abs() < 1e-7);
    }

    let stability = rows(&folder.path().join("report/stability.csv"));
    assert_eq!(stability.len(), 2 * 3 * 2);
    let of = |architecture: &str| {
        let wanted = |row: &&BTreeMap<String, String>| {
            (&*row["architecture"], &*row["observable"], &*row["rule"]) == (architecture, "distance", "prominence")
        };
        stability.iter().find(wanted).expect("the group's row")
    };
    let stars: Vec<f64> = (50..56).map(error).collect();
    let mean = stars.iter().sum::<f64>() / 6.0;
    let sd = (stars.iter().map(|star| (star - mean).powi(2)).sum::<f64>() / 5.0).sqrt();
    let first = of("mlp 10 tanh");
    assert!((number(first, "epsilon_star") - mean).abs() < 1e-7);
    assert!((number(first, "sd") - sd).abs() < 1e-7);
    assert!((number(first, "cv") - sd / mean).abs() < 1e-6);
    assert!((number(first, "epoch") - 52.5).abs() < 1e-12);
    assert!(number(first, "low") < mean && mean < number(first, "high"));
    let second = of("mlp 20 tanh");
    let counts = ["cells", "found", "edge", "none", "diverged", "failed"].map(|column| number(second, column));
    assert_eq!(counts, [6.0, 3.0, 1.0, 0.0, 1.0, 1.0]);
    assert!(written.summary.contains("mlp 20 tanh"));
    assert!(
        written.answer.sentences.iter().any(|s| s.contains("Of 12 cells, 9 show an inversion")),
        "{:?}",
        written.answer
    );
}

#[test]
fn first_rise_looks_after_the_burn_in_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let cells: Vec<Cell> = (0..4).map(|seed| Cell::new("mlp 10 tanh", seed, 19)).collect();
    write(&folder.path().join("results.h5"), &cells, Holds::default()).expect("the fixture");
    report(folder.path(), None, &quick()).expect("a report");
    let points = rows(&folder.path().join("report/turning_points.csv"));
    let epochs = |rule: &str| {
        let wanted = |row: &&BTreeMap<String, String>| row["observable"] == "distance" && row["rule"] == rule;
        points.iter().filter(wanted).map(|row| row["epoch"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(epochs("prominence"), ["19"; 4]);
    assert_eq!(epochs("first-rise"), ["20"; 4]);
}

#[test]
fn stragglers_are_from_the_nearest_snapshot_and_frequencies_count_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut cells: Vec<Cell> = (0..4).map(|seed| Cell::new("mlp 10 tanh", seed, 50)).collect();
    cells[1].misclassified[1] = Some(&[0, 1, 9]);
    cells[2].misclassified[1] = None; // not taken: the one at epoch 10 is nearest
    cells[3].turns_at = 60;
    write(&folder.path().join("results.h5"), &cells, Holds::default()).expect("the fixture");
    report(folder.path(), None, &quick()).expect("a report");
    let sets = rows(&folder.path().join("report/stragglers.csv"));
    let column = |name: &str| sets.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("snapshot"), ["60", "60", "10", "60"]);
    assert_eq!(column("exact"), ["false", "false", "false", "true"]);
    assert_eq!(column("size"), ["2", "3", "5", "2"]);
    let frequency = rows(&folder.path().join("report/straggler_frequency.csv"));
    let all: BTreeMap<&str, &str> =
        frequency.iter().filter(|row| row["axis"] == "all").map(|row| (&*row["sample"], &*row["count"])).collect();
    assert_eq!(all, BTreeMap::from([("0", "4"), ("1", "2"), ("2", "1"), ("3", "1"), ("9", "1"), ("20", "3")]));
    // Six pairs: {0,20}·{0,1,9} 1/4, {0,20}·{0,1,2,3,20} 2/5, {0,20}·{0,20} 1, {0,1,9}·{0,1,2,3,20} 2/6, {0,1,9}·{0,20}
    // 1/4, {0,1,2,3,20}·{0,20} 2/5.
    let agreement = rows(&folder.path().join("report/straggler_agreement.csv"));
    assert_eq!(agreement.len(), 1);
    assert!((number(&agreement[0], "jaccard") - (0.25 + 0.4 + 1.0 + 1.0 / 3.0 + 0.25 + 0.4) / 6.0).abs() < 1e-12);
}

#[test]
fn pruned_cells_are_compared_with_their_parents_and_judged_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = (0..4).map(|seed| Cell::new("mlp 10 tanh", seed, 50));
    let pruned =
        (0..4).map(|seed| Cell { prune: "stragglers at distance", ..Cell::new("mlp 10 tanh", seed, fixture::T) });
    let at = (0..4).map(|seed| Cell { prune: "misclassified at 10", ..Cell::new("mlp 10 tanh", seed, 40) });
    let cells: Vec<Cell> = whole.chain(pruned).chain(at).collect();
    write(&folder.path().join("results.h5"), &cells, Holds::default()).expect("the fixture");
    let written = report(folder.path(), None, &quick()).expect("a report");
    let table = rows(&folder.path().join("report/pruning.csv"));
    let of = |prune: &str| {
        table.iter().find(|row| row["prune"] == prune && row["observable"] == "distance").expect("a row of the prune")
    };
    let counts = |row: &BTreeMap<String, String>| ["found", "edge", "none"].map(|column| number(row, column));
    assert_eq!(counts(of("none")), [4.0, 0.0, 0.0]);
    assert_eq!(counts(of("stragglers at distance")), [0.0, 4.0, 0.0]);
    assert!((number(of("stragglers at distance"), "parent_error") - error(50)).abs() < 1e-7);
    assert!((number(of("misclassified at 10"), "parent_error") - error(10)).abs() < 1e-7);
    // The verdict is on the four whole cells, all of which turn: nothing is censored.
    assert!(written.answer.sentences.iter().any(|s| s.contains("4 of 4 cells")), "{:?}", written.answer);
}

/// Four seeds on the whole block, without what is misclassified at epoch 10, and without as many random samples; under noise of
/// σ = 1 and 2, of three draws, the test error is 0.2, 0.09 and 0.2 and something for each seed, draw and σ.
#[test]
fn pruned_cells_are_compared_under_noise_seed_by_seed() {
    let folder = tempfile::tempdir().expect("a folder");
    let of = |prune: &'static str| (0..4).map(move |seed| Cell { prune, ..Cell::new("mlp 10 tanh", seed, 50) });
    let prunes = ["none", "misclassified at 10", "random like misclassified at 10"];
    let cells: Vec<Cell> = prunes.into_iter().flat_map(of).collect();
    let path = folder.path().join("results.h5");
    write(&path, &cells, Holds::default()).expect("the fixture");
    let file = unlocked().open_rw(&path).expect("the fixture");
    let put = |name: &str, labels: &[f64]| file.new_dataset_builder().with_data(labels).create(name).map(|_| ());
    put("noise_sigma", &[1.0, 2.0]).expect("a coordinate");
    put("noise_draw", &[0.0, 1.0, 2.0]).expect("a coordinate");
    put("noise_epoch", &[100.0]).expect("a coordinate");
    let error = |cell: &Cell, sigma: usize, draw: usize| {
        let (less, seed) = (if cell.prune == "misclassified at 10" { 0.11 } else { 0.0 }, cell.seed as f64);
        let own = if cell.prune == "none" { 0.0 } else { 0.001 * (seed - 1.5) };
        0.2 - less + own + 0.01 * seed + 0.1 * sigma as f64 + 0.02 * (draw as f64 - 1.0)
    };
    let errors =
        ndarray::Array4::from_shape_fn((12, 2, 3, 1), |(c, sigma, draw, _)| error(&cells[c], sigma, draw) as f32);
    file.new_dataset_builder().with_data(&errors).create("noise_error").expect("the variable");
    drop(file);
    let page = fs::read_to_string(report(folder.path(), None, &quick()).expect("a report").page).expect("the page");
    let table = rows(&folder.path().join("report/pruning.csv"));
    let row = |prune: &str| table.iter().find(|row| row["prune"] == prune).expect("a row of the prune");
    // The file holds 32-bit floats.
    assert!((number(row("none"), "noisy_error_1") - 0.215).abs() < 1e-6);
    assert!((number(row("misclassified at 10"), "noisy_error_2") - 0.205).abs() < 1e-6);
    assert!((number(row("none"), "noisy_draws_sd_1") - 0.02).abs() < 1e-6);
    for said in [
        "the test error under noise of σ = 1 (draws of it spread by 0.020) is 0.105: 0.11 [0.11, 0.11] less than without as many \
         random samples (0.215); 0.11 [0.11, 0.11] less than with the whole block (0.215).",
        "Without the samples still misclassified at epoch 10, the one nearest to the inversion (training error 0.405; ε*(D) = 0.125)",
    ] {
        assert!(page.contains(said), "{said} is not in {}", &page[page.find("Pruned retraining").unwrap_or(0)..]);
    }
    let figure = fs::read_to_string(folder.path().join("report/figures/pruning.svg")).expect("the figure");
    assert!(figure.contains("test error against the noise") && figure.contains("noise σ = 2"));
    // Draws are no series of their own.
    assert!(!page.contains("noise_error["));
}

/// Two architectures and two learning rates; the distance turns at 50 of one architecture and at 60 of the other.
#[test]
fn epsilon_star_is_followed_along_numbers_and_words_of_the_grid() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut cells = Vec::new();
    for (architecture, turn) in [("mlp 10 tanh", 50), ("mlp 20 tanh", 60)] {
        for optimiser in ["sgd lr=0.2", "sgd lr=0.4"] {
            cells.extend(
                (0..4).map(|seed| Cell { optimiser, ..Cell::new(architecture, seed, turn + seed as usize % 2) }),
            );
        }
    }
    // Of one variant too few turn.
    (13..16).for_each(|cell| cells[cell].turns_at = fixture::T);
    write(&folder.path().join("results.h5"), &cells, Holds::default()).expect("the fixture");
    let page = fs::read_to_string(report(folder.path(), None, &quick()).expect("a report").page).expect("the page");
    let table = rows(&folder.path().join("report/epsilon_along.csv"));
    let of = |factor: &str, level: &str, at: &str| {
        let wanted = |row: &&BTreeMap<String, String>| {
            (&*row["factor"], &*row["level"], &*row["at"], &*row["observable"]) == (factor, level, at, "distance")
        };
        table.iter().find(wanted).unwrap_or_else(|| panic!("no {factor} {level} at {at} in {table:?}"))
    };
    let mean = |turn: usize| (error(turn) + error(turn + 1)) / 2.0;
    for (level, at, turn) in [("0.2", "mlp 10 tanh", 50), ("0.4", "mlp 10 tanh", 50), ("0.2", "mlp 20 tanh", 60)] {
        assert!((number(of("lr", level, at), "epsilon_star") - mean(turn)).abs() < 1e-7);
    }
    let few = of("lr", "0.4", "mlp 20 tanh");
    assert_eq!((few["cells"].as_str(), few["found"].as_str(), few["epsilon_star"].as_str()), ("4", "1", ""));
    assert!((number(of("architecture", "mlp 20 tanh", "sgd lr=0.2"), "epsilon_star") - mean(60)).abs() < 1e-7);
    assert!(
        page.contains("<figure id=\"epsilon_along_lr\">")
            && page.contains("<figure id=\"epsilon_along_architecture\">")
    );
}

#[test]
fn what_a_file_does_not_hold_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let holds = Holds { radius: false, misclassified: false, ..Holds::default() };
    write(&folder.path().join("results.h5"), &cells(), holds).expect("the fixture");
    let written = report(folder.path(), None, &quick()).expect("a report");
    assert_eq!(written.absent.len(), 2, "{:?}", written.absent);
    let page = fs::read_to_string(&written.page).expect("the page");
    assert!(written.absent.iter().all(|sentence| page.contains(sentence.as_str())));
    let observables: Vec<String> =
        rows(&folder.path().join("report/stability.csv")).iter().map(|row| row["observable"].clone()).collect();
    assert_eq!(observables, ["distance"; 4]);

    let holds = Holds { distance: false, ..holds };
    let bare = folder.path().join("bare.h5");
    write(&bare, &cells(), holds).expect("the fixture");
    let written = report(&bare, Some(&folder.path().join("bare")), &quick()).expect("a report");
    assert!(written.answer.headline.contains("no inversion to judge"), "{}", written.answer.headline);
}

#[test]
fn a_rerun_writes_the_same_bytes_and_the_page_needs_no_network() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("results.h5");
    write(&file, &cells(), Holds::default()).expect("the fixture");
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let page = report(&file, Some(&one), &quick()).expect("a report").page;
    report(&file, Some(&two), &quick()).expect("a report");
    let mut files = 0;
    for entry in fs::read_dir(&one).expect("the report").chain(fs::read_dir(one.join("figures")).expect("the figures"))
    {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let other = two.join(path.strip_prefix(&one).expect("inside"));
            assert!(fs::read(&path).expect("one") == fs::read(other).expect("two"), "{} differs", path.display());
            files += 1;
        }
    }
    assert!(files >= 18, "{files} files");
    let page = fs::read_to_string(page).expect("the page");
    for fetched in ["src=\"http", "src='http", "<link", "<script src", "@import", "url("] {
        assert!(!page.contains(fetched), "the page fetches: {fetched}");
    }
    assert!(page.contains("&lt;b&gt;"), "the sweep file is escaped");
}

#[test]
fn grouping_by_a_number_and_by_nothing_known() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("results.h5"), &cells(), Holds::default()).expect("the fixture");
    let by = |column: &str| Options { group_by: vec![column.into()], ..quick() };
    report(folder.path(), None, &by("lr")).expect("a report");
    let stability = rows(&folder.path().join("report/stability.csv"));
    assert_eq!(stability.len(), 6);
    assert_eq!(stability[0]["lr"], "0.2");
    let error = report(folder.path(), None, &by("colour")).expect_err("no such column");
    assert!(matches!(error, Error::UnknownColumn { .. }));
    assert!(error.to_string().contains("architecture"), "{error}");
}

/// Two variants of one name, as an earlier phasesweep gave to two scalings of the same data: six seeds each.
fn namesakes(variants: [&'static str; 2]) -> Vec<Cell> {
    let of = |(place, variant): (usize, &'static str)| {
        (0..6).map(move |seed| Cell { variant, ..Cell::new("mlp 10 tanh", seed, 50 + 10 * place + seed as usize) })
    };
    variants.into_iter().enumerate().flat_map(of).collect()
}

#[test]
fn groups_are_variants_whatever_they_are_called() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("results.h5");
    write(&file, &namesakes(["00000000000000aa", "00000000000000bb"]), Holds::default()).expect("the fixture");
    let written = report(folder.path(), None, &quick()).expect("a report");
    assert_eq!(written.doubts, Vec::<String>::new());
    let stability = rows(&folder.path().join("report/stability.csv"));
    let cells: Vec<&str> = stability.iter().map(|row| row["cells"].as_str()).collect();
    assert_eq!(cells, ["6"; 2 * 3 * 2]);
    let mean = |group: usize| (0..6).map(|seed| error(50 + 10 * group + seed)).sum::<f64>() / 6.0;
    let of_distance: Vec<f64> = stability
        .iter()
        .filter(|row| (&*row["observable"], &*row["rule"]) == ("distance", "prominence"))
        .map(|row| number(row, "epsilon_star"))
        .collect();
    assert!((of_distance[0] - mean(0)).abs() < 1e-7 && (of_distance[1] - mean(1)).abs() < 1e-7, "{of_distance:?}");
    let spreads = rows(&folder.path().join("report/spread.csv"));
    let groups: Vec<_> = spreads.iter().filter(|row| row["scope"] == "group").collect();
    assert!(groups.len() > 2 && groups.iter().all(|row| row["cells"] == "6"), "{groups:?}");
    let page = fs::read_to_string(written.page).expect("the page");
    assert!(page.contains("variant 00000000000000aa") && page.contains("variant 00000000000000bb"));

    let overlap = rows(&folder.path().join("report/overlap.csv"));
    assert!(!overlap.is_empty() && overlap.iter().all(|row| row["runs"] == "6"), "{overlap:?}");
    let by = |column: &str| Options { group_by: vec![column.into()], ..quick() };
    for column in ["variant", "samples", "status", "data"] {
        report(folder.path(), None, &by(column)).expect("a report");
        let groups = rows(&folder.path().join("report/stability.csv")).len() / 6;
        assert_eq!(groups, if column == "variant" { 2 } else { 1 }, "{column}");
    }
}

#[test]
fn a_file_without_variants_is_grouped_by_labels_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("results.h5");
    write(&file, &namesakes([""; 2]), Holds::default()).expect("the fixture");
    let (code, said) = run(&[&file]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("did not write which variant"), "{said}");
    assert!(said.contains("1 of 1 groups hold a seed more than once"), "{said}");
    let page = fs::read_to_string(folder.path().join("report/index.html")).expect("the page");
    assert!(page.contains("hold a seed more than once"));

    // Where labels tell the variants apart, that they were used is all there is to say.
    write(&file, &cells(), Holds::default()).expect("the fixture");
    let (_, said) = run(&[&file]);
    assert!(said.contains("did not write which variant") && !said.contains("more than once"), "{said}");
}

/// Runs the binary; its exit code and what it said on standard error.
fn run(arguments: &[&Path]) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_phasesweep-report")).args(arguments).output().expect("the binary runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Another program has the results file open for writing: it is read all the same, or, where a person asks HDF5 for its
/// locks, the message says who is in the way.
#[test]
fn what_is_held_is_what_the_file_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("results.h5");
    write(&path, &cells(), Holds::default()).expect("the fixture");
    let mut results = Results::open(&path).expect("results");
    let names = ["train_error", "test_error", "radius"];
    let read = |results: &Results| {
        names.map(|name| {
            let part = results.slab(name, 3..7).expect("a slab").expect("the variable");
            // Bits, since NaN is not NaN.
            (part.shape().to_vec(), part.iter().map(|value| value.to_bits()).collect::<Vec<_>>())
        })
    };
    let from_file = read(&results);
    results.keep(&[names[0], names[1], names[2], "no such variable"]).expect("they are read");
    assert_eq!(read(&results), from_file);
    let whole = results.whole("train_error").expect("a matrix").expect("the variable");
    assert_eq!(whole.rows().into_iter().nth(3).map(|row| row[0].to_bits()), Some(from_file[0].1[0]));
    results.release(&names);
    assert_eq!(read(&results), from_file);
}

#[test]
fn a_results_file_that_is_locked_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("results.h5");
    write(&path, &cells(), Holds::default()).expect("the fixture");
    let other = fs::File::options().read(true).write(true).open(&path).expect("the fixture");
    other.lock().expect("a lock");
    let mut report = Command::new(env!("CARGO_BIN_EXE_phasesweep-report"));
    let output = report.arg(&path).env_remove("HDF5_USE_FILE_LOCKING").output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = report.env("HDF5_USE_FILE_LOCKING", "TRUE").output().expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("another program has the file open and locked") && !said.contains("torn"), "{said}");
}

#[test]
fn wrong_input_is_exit_code_two_and_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let expect = |path: &Path, words: &str| {
        let (code, said) = run(&[path]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    };
    expect(&at("nowhere"), "does not exist");
    expect(folder.path(), "phasesweep collect");
    fs::write(at("text.h5"), "not HDF5").expect("a file");
    expect(&at("text.h5"), "cannot be read as HDF5");
    write(&at("newer.h5"), &cells(), Holds { version: 7, ..Holds::default() }).expect("the fixture");
    expect(&at("newer.h5"), "newer phasesweep");
    write(&at("older.h5"), &cells(), Holds { version: 0, ..Holds::default() }).expect("the fixture");
    expect(&at("older.h5"), "older phasesweep");
    unlocked().create(at("foreign.h5")).expect("a file").new_dataset::<f64>().shape(3).create("x").expect("a dataset");
    expect(&at("foreign.h5"), "not a phasesweep results file");
    write(&at("fine.h5"), &cells(), Holds::default()).expect("the fixture");
    let (code, said) = run(&[&at("fine.h5"), Path::new("--prominence"), Path::new("2")]);
    assert_eq!(code, Some(2));
    assert!(said.contains("between 0 and 1"), "{said}");
    let (code, said) = run(&[&at("fine.h5"), Path::new("--tolerance"), Path::new("0")]);
    assert_eq!(code, Some(2));
    assert!(said.contains("it is a share of ε*"), "{said}");
    let (code, said) = run(&[&at("fine.h5")]);
    assert_eq!(code, Some(0), "{said}");
    assert!(at("report/index.html").is_file());
}
