//! A researcher's own arrays: what NumPy, h5py, xarray, the csv module and safetensors write is read as they read it, what is
//! malformed is refused with its place, and a run knows its data by their content, wherever they lie.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use phasesweep::data::{Places, Pool, shape_from};
use phasesweep::sweep::{self, Data, Subsample};
use serde_json::Value;
use zip::write::SimpleFileOptions;

use crate::rig::{expect_code, phasesweep, results, sweep_file};

/// A sweep over a file of arrays with these keys.
fn sweep_over(path: &Path, keys: &str) -> String {
    format!(
        "[sweep]\nname = \"own\"\nseeds = 2\n[[data]]\nsource = \"arrays\"\npath = {path:?}\n{keys}\n[[subsample]]\nsize = 40\n\
         [[architecture]]\nkind = \"mlp\"\nhidden = [5]\n[[optimiser]]\nkind = \"sgd\"\nlr = 0.5\n[train]\nepochs = 20\n"
    )
}

fn data(path: &Path, keys: &str) -> Data {
    let keys = format!("{keys}\nnormalise = \"none\"");
    let sweep = sweep::parse(&sweep_over(path, &keys), "own.toml", &[]).unwrap_or_else(|errors| panic!("{errors}"));
    sweep.data[0].clone()
}

fn reals(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
}

/// Everything that NumPy and the others write, and everything that cannot be read.
#[test]
fn arrays_are_read_as_numpy_h5py_and_csv_read_them() {
    let Ok(python) = std::env::var("PHASESWEEP_READERS") else {
        println!("skipped: set PHASESWEEP_READERS to a Python with numpy, h5py and xarray, as `make test` does");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let written = expect_code(Command::new(python).arg("tests/contracts/arrays.py").arg(dir.path()), 0);
    let cases: Value = serde_json::from_slice(&written.stdout).unwrap();
    let good = cases["good"].as_array().unwrap();
    assert!(good.len() > 90, "{}", good.len());
    for case in good {
        let (path, keys) = (case["path"].as_str().unwrap(), case["keys"].as_str().unwrap());
        let data = data(&dir.path().join(path), keys);
        let pool = Pool::load(&data).unwrap_or_else(|error| panic!("{path}: {error}"));
        let all = Subsample::Block { size: pool.len(), block: 0 };
        let block = pool.block(&data, &all, true).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(block.train.x, reals(&case["x"]), "{path}: inputs");
        assert_eq!(block.test.x, reals(&case["xt"]), "{path}: inputs of the test set");
        let classes = pool.labels();
        let labels = |of: &[u16]| of.iter().map(|&class| i64::from(classes[usize::from(class)])).collect::<Vec<_>>();
        let expected =
            |key: &str| case[key].as_array().unwrap().iter().map(|y| y.as_i64().unwrap()).collect::<Vec<_>>();
        assert_eq!((labels(&block.train.y), labels(&block.test.y)), (expected("y"), expected("yt")), "{path}: classes");
        let texts: Vec<&str> = case["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        assert_eq!(pool.texts(), texts, "{path}: texts");
        let image = serde_json::to_value(pool.image()).unwrap();
        assert_eq!(image, case["image"], "{path}: shape of images");
        // Sizes by headers and targets alone are the same.
        let shape = shape_from(&data, &Places::default()).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!((shape.train, shape.test, shape.features), (pool.len(), pool.test_len(), pool.features()), "{path}");
        assert_eq!((shape.classes as u64, shape.image), (case["classes"].as_u64().unwrap(), pool.image()), "{path}");
    }
    for case in cases["bad"].as_array().unwrap() {
        let (path, keys) = (case["path"].as_str().unwrap(), case["keys"].as_str().unwrap());
        let error = Pool::load(&data(&dir.path().join(path), keys)).expect_err(path).to_string();
        for word in case["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()) {
            assert!(error.contains(word), "{path}: `{word}` is not in: {error}");
        }
        assert!(error.contains(path), "{error}");
    }
}

/// The bytes of a `.npy` file, as NumPy writes them.
fn npy(descriptor: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), elements].concat()
}

/// Points of two classes called `ring` and `disc`, in 3 dimensions, 60 of them; `shift` is added to all.
fn own_points(path: &Path, names: [&str; 2], shift: f32, deflated: bool) {
    let mut state = 3u64;
    let mut random = move || {
        // Knuth's 64-bit linear congruence (MMIX): the points need no more than to differ.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let points: Vec<f32> = (0..180).map(|_| random() + shift).collect();
    let texts: Vec<u8> = (0..60)
        .flat_map(|k| if points[3 * k] > shift { "ring" } else { "disc" }.chars())
        .flat_map(|letter| u32::from(letter).to_le_bytes())
        .collect();
    let points: Vec<u8> = points.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut archive = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    let method = if deflated { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    for (name, bytes) in names.iter().zip([npy("<f4", "(60, 3)", &points), npy("<U4", "(60,)", &texts)]) {
        archive.start_file(format!("{name}.npy"), SimpleFileOptions::default().compression_method(method)).unwrap();
        archive.write_all(&bytes).unwrap();
    }
    archive.finish().unwrap();
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Trains a sweep over a file; what the program said.
fn run(directory: &Path, file: &Path, keys: &str, out: &Path) -> String {
    std::fs::create_dir_all(directory).unwrap();
    let sweep = sweep_file(directory, &sweep_over(file, keys));
    let output = expect_code(phasesweep().arg("run").arg(&sweep).arg("--out").arg(out), 0);
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn a_moved_file_is_the_same_data_and_a_changed_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (first, moved) = (dir.path().join("a.npz"), dir.path().join("elsewhere/b.npz"));
    let keys = ["test_share = 0.3", "inputs = \"points\"\ntargets = \"kind\"\ntest_share = 0.3"];
    own_points(&first, ["x", "y"], 0.0, false);
    let out = dir.path().join("out");
    let said = run(&dir.path().join("one"), &first, keys[0], &out);
    assert!(said.contains("0 is disc, 1 is ring"), "{said}");
    let trained = results(&out.join("results.h5"));
    assert_eq!(trained.len(), 2);
    // Moved, renamed, packed otherwise, and with other names of arrays: the same cells, none of which is trained again.
    std::fs::create_dir(moved.parent().unwrap()).unwrap();
    own_points(&moved, ["points", "kind"], 0.0, true);
    std::fs::remove_file(&first).unwrap();
    let parts = |out: &Path| {
        let parts = std::fs::read_dir(out.join("parts")).unwrap().map(|part| part.unwrap());
        let mut known: Vec<_> = parts.map(|part| (part.path(), part.metadata().unwrap().modified().unwrap())).collect();
        known.sort();
        known
    };
    let before = parts(&out);
    run(&dir.path().join("two"), &moved, keys[1], &out);
    assert_eq!(before, parts(&out), "nothing was trained again");
    assert_eq!(results(&out.join("results.h5")).keys().collect::<Vec<_>>(), trained.keys().collect::<Vec<_>>());
    // Other numbers are other data: what is in the directory is not mixed with them.
    own_points(&moved, ["points", "kind"], 0.25, true);
    let sweep = sweep_file(&dir.path().join("two"), &sweep_over(&moved, keys[1]));
    let told = text(&expect_code(phasesweep().arg("run").arg(&sweep).arg("--out").arg(&out), 2).stderr);
    assert!(told.contains("arrays") && told.contains("b.npz"), "{told}");
    run(&dir.path().join("three"), &moved, keys[1], &dir.path().join("other"));
    let other = results(&dir.path().join("other/results.h5"));
    assert!(other.keys().all(|id| !trained.contains_key(id)));
}

/// Before there is a sweep file: the file alone, its keys by `--set`, judged as those of a sweep file.
#[test]
fn a_file_is_checked_before_there_is_a_sweep() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("own.npz");
    own_points(&file, ["points", "kind"], 0.0, false);
    let check = |sets: &[&str], code| {
        let sets = sets.iter().flat_map(|set| ["--set", set]);
        let output = expect_code(phasesweep().args(["data", "check"]).arg(&file).args(sets), code);
        text(&output.stdout) + &text(&output.stderr)
    };
    let named = ["data.inputs=points", "data.targets=kind", "data.test_share=0.25"];
    let said = check(&named, 0);
    assert!(said.contains("own.npz: OK: 45 training and 15 test samples, 3 inputs"), "{said}");
    assert!(said.contains("0 (disc)") && said.contains("1 (ring)"), "{said}");
    // What the keys leave open, and a key that there is not.
    assert!(check(&named[..2], 2).contains("which samples are the test set"));
    let unknown = check(&["data.test_shares=0.25"], 2);
    assert!(unknown.contains("test_share"), "{unknown}");
    // What is not there may be meant as a source.
    let absent = text(&expect_code(phasesweep().args(["data", "check", "absent.npz"]), 2).stderr);
    assert!(absent.contains("absent.npz: there is no such file, and no source of that name"), "{absent}");
    let source = text(&expect_code(phasesweep().args(["data", "check", "digits", "--set", "data.path=x"]), 2).stderr);
    assert!(source.contains("digits is a source"), "{source}");
}
