//! What differs is told apart, from the sweep file to the report: variants that differ in a key that labels used to leave
//! out are groups of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use hdf5::types::VarLenUnicode;

use crate::rig::{expect_code, phasesweep, sweep_file, train};

const REST: &str = r#"
[[subsample]]
size = 300
[[architecture]]
kind = "mlp"
hidden = [10]
[[optimiser]]
kind = "sgd"
lr = 0.4
[train]
epochs = 200
"#;

/// A sweep of three seeds on these data, trained in a directory.
fn trained(directory: &Path, data: &str) {
    let text = format!("[sweep]\nname = \"two\"\nseeds = 3\n{data}{REST}");
    train(&mut phasesweep(), &sweep_file(directory, &text), &directory.join("out"));
}

fn texts(file: &hdf5::File, name: &str) -> Vec<String> {
    let texts: Vec<VarLenUnicode> = file.dataset(name).unwrap().read_raw().unwrap();
    texts.iter().map(|text| text.as_str().to_owned()).collect()
}

/// The report's program, if it was built beside this one, as `make test` does.
fn report(directory: &Path) -> bool {
    let program = Path::new(env!("CARGO_BIN_EXE_phasesweep")).with_file_name("phasesweep-report");
    if !program.is_file() {
        println!("skipped the report: phasesweep-report was not built");
        return false;
    }
    let output = expect_code(Command::new(program).arg(directory).args(["--bootstrap", "100"]), 0);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "a new file leaves no doubt about its groups");
    true
}

fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| header.iter().map(ToString::to_string).zip(line.split(',').map(str::to_owned)).collect();
    lines.map(row).collect()
}

/// Two variants of three seeds each, called so; their groups in the results file and in the report.
fn check_two_groups(data: &str, called: [&str; 2]) -> (tempfile::TempDir, hdf5::File) {
    let directory = tempfile::tempdir().unwrap();
    trained(directory.path(), data);
    let out = directory.path().join("out");
    let file = hdf5::File::open(out.join("results.h5")).unwrap();
    let (variants, labels) = (texts(&file, "variant"), texts(&file, "data"));
    let seeds: Vec<i64> = file.dataset("seed").unwrap().read_raw().unwrap();
    let mut groups: BTreeMap<&str, Vec<(i64, &str)>> = BTreeMap::new();
    for (cell, variant) in variants.iter().enumerate() {
        assert!(variant.len() == 16 && variant.bytes().all(|digit| digit.is_ascii_hexdigit()), "{variant}");
        groups.entry(variant).or_default().push((seeds[cell], &labels[cell]));
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort();
    let expected = called.map(|label| (0..3).map(|seed| (seed, label)).collect::<Vec<_>>());
    assert_eq!(groups.iter().collect::<BTreeSet<_>>(), expected.iter().collect::<BTreeSet<_>>());

    if report(&out) {
        let stability = rows(&out.join("report/stability.csv"));
        assert!(stability.iter().all(|row| row["cells"] == "3"), "{stability:?}");
        let told: BTreeSet<&str> = stability.iter().map(|row| row["data"].as_str()).collect();
        assert_eq!(told, BTreeSet::from(called));
        let variance = rows(&out.join("report/variance.csv"));
        let axes: Vec<_> = variance.iter().filter(|row| row["axis"] == "data").collect();
        assert!(!axes.is_empty() && axes.iter().all(|row| row["levels"] == "2"), "{variance:?}");
    }
    (directory, file)
}

#[test]
fn two_scalings_are_two_groups() {
    let digits =
        |normalise: &str| format!("[[data]]\nsource = \"digits\"\nlabels = \"parity\"\nnormalise = \"{normalise}\"\n");
    let data = format!("{}{}", digits("standardise"), digits("none"));
    let called = ["digits parity normalise=standardise", "digits parity normalise=none"];
    let (_directory, file) = check_two_groups(&data, called);
    let scalings = texts(&file, "data_normalise");
    assert_eq!(scalings, ["standardise", "standardise", "standardise", "none", "none", "none"]);
}

#[test]
fn two_sizes_of_the_training_set_are_two_groups() {
    let data = "[[data]]\nsource = \"digits\"\nlabels = \"parity\"\ntrain = [1400, 1500]\n";
    let (_directory, file) = check_two_groups(data, ["digits parity train=1400", "digits parity train=1500"]);
    let sizes: Vec<f64> = file.dataset("data_train").unwrap().read_raw().unwrap();
    assert_eq!(sizes, [1400.0, 1400.0, 1400.0, 1500.0, 1500.0, 1500.0]);
}

#[test]
fn two_stretches_are_two_groups() {
    let data = "[[data]]\nsource = \"stripe\"\ndimension = 5\nstretch = [1, 4]\ntrain = 1000\ntest = 1000\n";
    let (_directory, file) = check_two_groups(data, ["stripe d=5 stretch=1", "stripe d=5 stretch=4"]);
    let factors: Vec<f64> = file.dataset("stretch").unwrap().read_raw().unwrap();
    assert_eq!(factors, [1.0, 1.0, 1.0, 4.0, 4.0, 4.0]);
}

#[test]
fn the_same_data_twice_are_refused() {
    // Two directories with the same four idx files, of which a copy under another name is one.
    let directory = tempfile::tempdir().unwrap();
    let idx = |bytes: &[u8], shape: &[u32]| {
        let mut out = vec![0, 0, 8, shape.len() as u8];
        shape.iter().for_each(|size| out.extend(size.to_be_bytes()));
        out.extend_from_slice(bytes);
        out
    };
    let labels: Vec<u8> = (0..40).map(|sample| sample % 2).collect();
    let pixels: Vec<u8> = (0..40 * 16_u32).map(|pixel| (pixel * 37 % 251) as u8).collect();
    for name in ["one", "copy"] {
        let place = directory.path().join(name);
        std::fs::create_dir(&place).unwrap();
        for part in ["train", "t10k"] {
            std::fs::write(place.join(format!("{part}-images-idx3-ubyte")), idx(&pixels, &[40, 4, 4])).unwrap();
            std::fs::write(place.join(format!("{part}-labels-idx1-ubyte")), idx(&labels, &[40])).unwrap();
        }
    }
    let data = |name: &str| {
        format!("[[data]]\nsource = \"idx\"\npath = {:?}\n", directory.path().join(name).display().to_string())
    };
    let rest = REST.replace("300", "40");
    let text = format!("[sweep]\nname = \"twice\"\nseeds = 1\n{}{}{rest}", data("one"), data("copy"));
    let sweep = sweep_file(directory.path(), &text);
    let output = expect_code(phasesweep().arg("run").arg(&sweep).arg("--out").arg(directory.path().join("out")), 2);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let [one, copy] = ["one", "copy"].map(|name| directory.path().join(name).display().to_string());
    assert!(said.contains(&format!("names the same samples twice, in {one} and in {copy}:")), "{said}");
}
