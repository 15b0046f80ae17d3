//! The verdict, on files whose ε* are known: which axis moves it, which does not, and what cannot be told.

mod fixture;

use std::collections::BTreeMap;
use std::path::Path;

use fixture::{Cell, Holds, error, rows, write};
use phasesweep_analysis::answer::Answer;
use phasesweep_analysis::{Options, report};

/// Reports on cells.
fn judged(folder: &Path, cells: &[Cell], options: &Options) -> Answer {
    write(&folder.join("results.h5"), cells, Holds { misclassified: false, ..Holds::default() }).expect("the fixture");
    report(folder, None, options).expect("a report").answer
}

fn judge(cells: &[Cell]) -> Answer {
    judged(tempfile::tempdir().expect("a folder").path(), cells, &Options::default())
}

/// The sentence on an axis.
#[track_caller]
fn on<'a>(verdict: &'a Answer, axis: &str) -> &'a str {
    let starts = format!("The {axis} (");
    verdict
        .sentences
        .iter()
        .find(|s| s.starts_with(&starts))
        .unwrap_or_else(|| panic!("nothing on {axis}: {verdict:?}"))
}

/// Eight seeds around ε* that spread by 2% of it (standard deviation), one pattern for each key.
fn seeds(of: &Cell, star: f64, key: i64) -> Vec<Cell> {
    let pattern = [-1.2, -0.8, -0.6, -0.2, 0.2, 0.6, 0.8, 1.2];
    let place = |seed: i64| pattern[((3 + 2 * (key % 4)) * seed + key).rem_euclid(8) as usize];
    (0..8).map(|seed| Cell { seed, star: Some(star * (1.0 + 0.024 * place(seed))), ..of.clone() }).collect()
}

/// Cells of two architectures and two optimisers, with ε* of each.
fn crossed(stars: [[f64; 2]; 2]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (a, architecture) in ["mlp 10 tanh", "mlp 20 tanh"].into_iter().enumerate() {
        for (o, optimiser) in ["sgd lr=0.2", "adam lr=0.01"].into_iter().enumerate() {
            let of = Cell { optimiser, ..Cell::new(architecture, 0, 50) };
            cells.extend(seeds(&of, stars[a][o], 2 * a as i64 + o as i64));
        }
    }
    cells
}

/// The three sweeps of `reference/cases.json`, as they were trained.
fn case(name: &str) -> Vec<Cell> {
    type Row = (String, String, i64, Option<f64>);
    let cases: BTreeMap<String, Vec<Row>> =
        serde_json::from_str(include_str!("reference/cases.json")).expect("the frozen values are JSON");
    let cell = |(architecture, optimiser, seed, star): &Row| Cell {
        optimiser: optimiser.clone().leak(),
        star: *star,
        turns_at: if star.is_some() { 50 } else { fixture::T },
        ..Cell::new(architecture.clone().leak(), *seed, 50)
    };
    cases[name].iter().map(cell).collect()
}

#[test]
fn initial_scales_that_move_the_inversion_contradict() {
    let verdict = judge(&case("init-scales"));
    assert!(verdict.headline.starts_with("Contradicted: on the same data, the architecture"), "{}", verdict.headline);
    assert!(verdict.headline.contains("the architecture moves the training error at inversion by up to 46% ["));
    let sentence = on(&verdict, "architecture");
    assert!(sentence.contains("moves ε*(D): 46% ["), "{sentence}");
    assert!(sentence.contains("from 0.0694 (mlp 20 tanh ×0.25) to 0.0433 (mlp 20 tanh ×2)"), "{sentence}");
    assert!(on(&verdict, "optimiser").contains("does not move ε*(D) by more than 5%"), "{verdict:?}");
}

#[test]
fn seeds_alone_support_nothing_and_say_what_they_move() {
    let verdict = judge(&case("seeds-alone"));
    assert!(verdict.headline.starts_with("No verdict: only the seed was varied"), "{}", verdict.headline);
    assert!(verdict.headline.ends_with("Not varied: the architecture and the optimiser."), "{}", verdict.headline);
    let seed = on(&verdict, "seed");
    assert!(seed.contains("does not move") && seed.contains("0.0024 or 3.7% ["), "{seed}");
    let not_varied =
        "Not varied, and so not judged: the data source, the subsample, the architecture and the optimiser.";
    assert!(verdict.sentences.iter().any(|sentence| sentence.starts_with(not_varied)), "{verdict:?}");
}

#[test]
fn architectures_of_several_seeds_are_a_one_way_design() {
    let folder = tempfile::tempdir().expect("a folder");
    let verdict = judged(folder.path(), &case("one-way"), &Options::default());
    assert!(verdict.headline.starts_with("Contradicted: on the same data, the architecture moves"), "{verdict:?}");
    assert!(!format!("{verdict:?}").contains("nothing over"));
    let variance = rows(&folder.path().join("report/variance.csv"));
    let mine = |row: &&BTreeMap<String, String>| {
        (&*row["observable"], &*row["rule"], &*row["axis"]) == ("distance", "prominence", "architecture")
    };
    let row = variance.iter().find(mine).expect("the architecture's row");
    assert_eq!((&*row["against"], &*row["degrees"], &*row["against_degrees"]), ("seed", "3", "28"));
    // F by its definition, from the groups.
    let groups: Vec<Vec<f64>> =
        case("one-way").chunks(8).map(|cells| cells.iter().filter_map(|cell| cell.star).collect()).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let centre = mean(&groups.concat());
    let between: f64 = groups.iter().map(|of| 8.0 * (mean(of) - centre).powi(2)).sum();
    let within: f64 = groups.iter().map(|of| of.iter().map(|star| (star - mean(of)).powi(2)).sum::<f64>()).sum();
    let f: f64 = row["f"].parse().expect("a number");
    assert!(
        on(&verdict, "architecture").contains("F(3, 28) = ")
            && on(&verdict, "architecture").contains("against the seed")
    );
    // The file holds 32-bit errors.
    assert!((f - (between / 3.0) / (within / 28.0)).abs() < 1e-4, "{f}");
}

#[test]
fn an_axis_that_shifts_little_supports_and_names_what_did_not_vary() {
    let cells: Vec<Cell> =
        crossed([[0.1, 0.1], [0.101, 0.101]]).into_iter().filter(|cell| cell.optimiser.starts_with("sgd")).collect();
    let verdict = judge(&cells);
    assert!(
        verdict
            .headline
            .starts_with("Supported for what was varied: on the same data, the architecture and the seed do not"),
        "{verdict:?}"
    );
    assert!(verdict.headline.ends_with("Not varied: the optimiser."), "{}", verdict.headline);

    // The tolerance is what the user says: with 1% the same cells do not tell.
    let folder = tempfile::tempdir().expect("a folder");
    let verdict = judged(folder.path(), &cells, &Options { tolerance: 0.01, ..Options::default() });
    assert!(!verdict.headline.starts_with("Supported"), "{}", verdict.headline);
    assert!(on(&verdict, "architecture").contains("may move ε*(D) by more than 1%, or may not"), "{verdict:?}");
}

#[test]
fn an_axis_that_matters_with_one_optimiser_alone_is_seen() {
    // The architecture shifts ε* by a tenth with either optimiser, one up and one down: its mean shift is none.
    let verdict = judge(&crossed([[0.1, 0.11], [0.11, 0.1]]));
    assert!(verdict.headline.starts_with("Contradicted"), "{}", verdict.headline);
    let sentence = on(&verdict, "architecture");
    assert!(sentence.contains("moves ε*(D)") && sentence.contains(" at "), "{sentence}");
    // And an axis that does nothing with one of them is not thereby acquitted.
    let verdict = judge(&crossed([[0.1, 0.1], [0.1, 0.12]]));
    assert!(on(&verdict, "architecture").contains("at adam lr=0.01"), "{verdict:?}");
}

#[test]
fn few_seeds_do_not_tell() {
    let cells: Vec<Cell> = crossed([[0.1, 0.1], [0.102, 0.1]]).into_iter().filter(|cell| cell.seed < 2).collect();
    let verdict = judge(&cells);
    assert!(verdict.headline.starts_with("Undecided"), "{}", verdict.headline);
}

#[test]
fn data_may_move_the_inversion() {
    let data = ["digits parity", "digits halves"].into_iter().zip([0.1, 0.2]);
    let cells: Vec<Cell> = data
        .flat_map(|(data, star)| seeds(&Cell { data, ..Cell::new("mlp 10 tanh", 0, 50) }, star, (star * 10.0) as i64))
        .collect();
    let verdict = judge(&cells);
    assert!(verdict.headline.starts_with("No verdict: only the data source and the seed were varied"), "{verdict:?}");
    assert!(on(&verdict, "data source").contains("moves ε*(D)"), "{verdict:?}");
    // A second architecture that changes nothing makes it a test of the claim, which it passes.
    let both: Vec<Cell> = ["mlp 10 tanh", "mlp 20 tanh"]
        .into_iter()
        .flat_map(|architecture| cells.iter().map(move |cell| Cell { architecture, ..cell.clone() }))
        .collect();
    let verdict = judge(&both);
    assert!(verdict.headline.starts_with("Supported"), "{}", verdict.headline);
}

#[test]
fn an_architecture_that_hardly_turns_is_not_acquitted() {
    // Of the second one three of eight cells turn, at the same ε*.
    let mut cells = crossed([[0.1, 0.1], [0.1, 0.1]]);
    cells.iter_mut().filter(|cell| cell.architecture == "mlp 20 tanh" && cell.seed > 2).for_each(|cell| {
        cell.turns_at = fixture::T;
        cell.star = None;
    });
    let verdict = judge(&cells);
    assert!(verdict.headline.starts_with("Undecided"), "{}", verdict.headline);
    assert!(on(&verdict, "architecture").contains("too few cells turn to compare"), "{verdict:?}");
}

#[test]
fn pruned_cells_take_no_part() {
    let mut cells = crossed([[0.1, 0.1], [0.1, 0.1]]);
    cells.extend(seeds(&Cell { prune: "misclassified at 10", ..Cell::new("mlp 10 tanh", 0, 50) }, 0.3, 1));
    let verdict = judge(&cells);
    assert!(verdict.headline.starts_with("Supported"), "{}", verdict.headline);
    assert!(verdict.sentences.iter().any(|s| s.starts_with("8 cells that were trained on pruned sets")), "{verdict:?}");
}

#[test]
fn a_few_equal_values_have_no_interval() {
    let folder = tempfile::tempdir().expect("a folder");
    let cells: Vec<Cell> = (0..3).map(|seed| Cell::new("mlp 10 tanh", seed, 50)).collect();
    judged(folder.path(), &cells, &Options::default());
    for row in rows(&folder.path().join("report/stability.csv")) {
        assert_eq!((&*row["found"], &*row["low"], &*row["high"]), ("3", "", ""), "{row:?}");
    }
    let page = std::fs::read_to_string(folder.path().join("report/stability.md")).expect("the table");
    assert!(page.contains("| – | – |"), "{page}");
}

#[test]
fn errors_at_a_fixed_epoch_are_compared_within_an_optimiser_and_at_one_flow_time_across_rates() {
    // With twice the learning rate cells turn at half the epoch: at one flow time all have the same training error.
    let mut cells = Vec::new();
    for (optimiser, scale) in [("sgd lr=0.2", 2), ("sgd lr=0.4", 1), ("sgd lr=0.1 momentum=0.9", 1)] {
        cells.extend(
            (0..4).map(|seed| Cell { optimiser, ..Cell::new("mlp 10 tanh", seed, scale * (20 + seed as usize)) }),
        );
    }
    let folder = tempfile::tempdir().expect("a folder");
    // The fixture has no coordinate of the momentum: the label tells it.
    cells.retain(|cell| !cell.optimiser.contains("momentum") || cell.seed < 3);
    judged(folder.path(), &cells, &Options::default());
    let table = rows(&folder.path().join("report/spread.csv"));
    let of = |scope: &str, quantity: &str| -> Vec<&BTreeMap<String, String>> {
        let wanted = |row: &&BTreeMap<String, String>| {
            (&*row["scope"], &*row["training_error"], &*row["observable"]) == (scope, quantity, "distance")
        };
        table.iter().filter(wanted).collect()
    };
    assert!(of("all", "at_fixed_epoch").is_empty(), "an epoch means nothing across optimisers");
    assert_eq!(of("optimiser", "at_fixed_epoch").len(), 3);
    let flow = of("gradient descent", "at_equal_flow_time");
    assert_eq!(flow.len(), 1);
    assert_eq!((&*flow[0]["cells"], &*flow[0]["censored"]), ("8", "0"));
    let number = |row: &BTreeMap<String, String>, name: &str| row[name].parse::<f64>().expect("a number");
    // t* are 40, 42, 44, 46 at 0.2 and 20, 21, 22, 23 at 0.4: the median of lr·t* is 8.6, at epochs 43 and 21.5.
    assert!((number(flow[0], "flow_time") - 8.6).abs() < 1e-12, "{:?}", flow[0]);
    let expected = 0.5 * (error(43) + 0.5 * (error(21) + error(22)));
    assert!((number(flow[0], "mean") - expected).abs() < 1e-7, "{:?}", flow[0]);
}
