//! What the data hold is told before training, in the same words by `plan`, `run`, `data check` and the results; what
//! depends on the sweep and its data alone is refused at once.

use std::path::{Path, PathBuf};

use crate::rig::{SMALL, expect_code, mpirun, phasesweep, results, sweep_file};

/// Four idx files of 8×8 images of five classes, 120 of each to train on and 40 to test on, in a directory: labels from
/// `first` on, either one class after another or mixed.
fn idx_directory(directory: &Path, first: u8, sorted: bool) -> PathBuf {
    let directory = directory.join(format!("images-from-{first}-{sorted}"));
    std::fs::create_dir(&directory).unwrap();
    // Knuth's 64-bit linear congruence (MMIX), upper bits: the images need no more than to differ.
    let mut state = 5u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for (stem, of_class) in [("train", 120), ("t10k", 40)] {
        let mut classes: Vec<u8> = (0..5).flat_map(|class| vec![class; of_class]).collect();
        if !sorted {
            for place in (1..classes.len()).rev() {
                classes.swap(place, random(place as u64 + 1) as usize);
            }
        }
        let pixel = |class: u8, pixel: u64| if (pixel * 7 + u64::from(class) * 13).is_multiple_of(5) { 150 } else { 0 };
        let pixels: Vec<u8> = classes
            .iter()
            .flat_map(|&class| (0..64).map(move |at| (class, at)))
            .map(|(class, at)| (pixel(class, at) + random(100)) as u8)
            .collect();
        let labels: Vec<u8> = classes.iter().map(|class| first + class).collect();
        write_idx(&directory, stem, pixels, labels);
    }
    directory
}

/// Two idx files: 8×8 images and their labels.
fn write_idx(directory: &Path, stem: &str, pixels: Vec<u8>, labels: Vec<u8>) {
    let header = |sizes: &[u32]| -> Vec<u8> {
        let magic = 0x0800 + sizes.len() as u32;
        std::iter::once(&magic).chain(sizes).flat_map(|number| number.to_be_bytes()).collect()
    };
    let count = labels.len() as u32;
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(directory.join(format!("{stem}-{name}")), bytes).unwrap();
    write("images-idx3-ubyte", [header(&[count, 8, 8]), pixels].concat());
    write("labels-idx1-ubyte", [header(&[count]), labels].concat());
}

/// A sweep over a directory of idx files.
fn sweep(images: &Path, subsample: &str, rest: &str) -> String {
    format!(
        r#"
[sweep]
name = "letters"
seeds = 2
[[data]]
source = "idx"
path = "{}"
[[subsample]]
{subsample}
[[architecture]]
kind = "mlp"
hidden = [8]
[[optimiser]]
kind = "sgd"
lr = 0.5
[train]
epochs = 40
{rest}
"#,
        images.display()
    )
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `plan` and `run` refuse the sweep with exit code 2 and these words, on one process and on two ranks, before anything
/// is written.
fn refused(directory: &Path, sweep: &str, words: &[&str]) {
    let file = sweep_file(directory, sweep);
    let out = directory.join("refused");
    let mut said = vec![text(&expect_code(phasesweep().arg("plan").arg(&file), 2).stderr)];
    for mut command in [phasesweep(), mpirun(2)] {
        said.push(text(&expect_code(command.arg("run").arg(&file).arg("--out").arg(&out), 2).stderr));
        assert!(!out.exists(), "nothing was begun");
    }
    for said in said {
        for word in words {
            assert_eq!(said.matches(word).count(), 1, "`{word}` is not there once in:\n{said}");
        }
        assert!(!said.contains("given up") && !said.contains("bug"), "{said}");
    }
}

/// The case idx-sorted: the first hundred samples of a sorted set are all of one class.
#[test]
fn a_block_of_one_class_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let images = idx_directory(dir.path(), 0, true);
    let words = ["100 block 0: all 100 training samples are of one class, 0,"];
    refused(dir.path(), &sweep(&images, "size = 100\nblock = 0", ""), &words);
    // Two of five blocks hold one class; the others are no excuse, and are told apart.
    let output = expect_code(
        phasesweep().arg("plan").arg(sweep_file(dir.path(), &sweep(&images, "size = 110\nblock = [0, 1, 2]", ""))),
        2,
    );
    let said = text(&output.stderr);
    assert!(said.contains("110 block 0: all 110") && !said.contains("110 block 1: all"), "{said}");
    // The advice helps: a balanced draw has all five.
    let file = sweep_file(dir.path(), &sweep(&images, "size = 100\ndraw = 0\nbalanced = true", ""));
    let output = expect_code(phasesweep().arg("plan").arg(&file), 0);
    assert_eq!(text(&output.stderr), "", "a whole draw has nothing to say");
}

/// The case idx-from-one: labels 1 to 5 are five classes.
#[test]
fn labels_from_one_are_the_classes_that_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let images = idx_directory(dir.path(), 1, false);
    let file = sweep_file(dir.path(), &sweep(&images, "size = 400", "[observe]\nweights = [0]"));
    let out = dir.path().join("out");
    let finding = "its labels are 1 to 5: they are taken as the 5 classes that there are";
    let output = expect_code(phasesweep().arg("run").arg(&file).arg("--out").arg(&out), 0);
    assert_eq!(text(&output.stderr).matches(finding).count(), 1, "{}", text(&output.stderr));
    assert!(text(&expect_code(phasesweep().arg("plan").arg(&file), 0).stderr).contains(finding));
    let checked = expect_code(phasesweep().args(["data", "check", "idx", "--path"]).arg(&images), 0);
    let checked = text(&checked.stdout);
    assert!(checked.contains(finding) && checked.contains("5 labels (1 to 5)"), "{checked}");

    let file = hdf5::File::open(out.join("results.h5")).unwrap();
    assert_eq!(file.dataset("class").unwrap().read_raw::<i64>().unwrap(), [1, 2, 3, 4, 5]);
    let pairs: Vec<hdf5::types::VarLenUnicode> = file.dataset("pair").unwrap().read_raw().unwrap();
    assert_eq!((pairs.len(), pairs[0].as_str(), pairs[9].as_str()), (10, "1-2", "4-5"));
    assert_eq!(file.dataset("radius").unwrap().shape(), [2, 1, 5, 41]);
    let radii = file.dataset("radius").unwrap().read_raw::<f32>().unwrap();
    assert!(radii.iter().all(|radius| radius.is_finite()), "no class is empty");
    let kept: hdf5::types::VarLenUnicode = file.attr("data_findings").unwrap().read_scalar().unwrap();
    assert!(kept.contains(finding), "{kept}");
    // The last layer of the kept weights has five outputs.
    let weights = std::fs::read_dir(out.join("weights")).unwrap().next().unwrap().unwrap().path();
    let weights = std::fs::read(std::fs::read_dir(weights).unwrap().next().unwrap().unwrap().path()).unwrap();
    assert!(text(&weights[..2000.min(weights.len())]).contains("[5,8]"), "{}", text(&weights[..600]));
    // Collected again, from the run directory, it says the same.
    expect_code(phasesweep().arg("collect").arg(&out), 0);
    let file = hdf5::File::open(out.join("results.h5")).unwrap();
    let again: hdf5::types::VarLenUnicode = file.attr("data_findings").unwrap().read_scalar().unwrap();
    assert_eq!(again, kept);
}

/// Four idx files of the digits, each labelled with its rest by 3 (as hard to tell as parity); the last test image alone
/// has the label 3.
fn digits_by_three(directory: &Path) -> PathBuf {
    let sweep = phasesweep::sweep::parse(
        SMALL,
        "digits",
        &["data.normalise=\"none\"".into(), "data.labels=\"classes\"".into()],
    );
    let sweep = sweep.unwrap_or_else(|wrong| panic!("{wrong}"));
    let pool = phasesweep::data::Pool::load(&sweep.data[0]).unwrap();
    let whole = phasesweep::sweep::Subsample::Block { size: 1500, block: 0 };
    let block = pool.block(&sweep.data[0], &whole, true).unwrap();
    let directory = directory.join("digits-by-three");
    std::fs::create_dir(&directory).unwrap();
    for (stem, samples) in [("train", &block.train), ("t10k", &block.test)] {
        let mut labels: Vec<u8> = samples.y.iter().map(|&digit| (digit % 3) as u8).collect();
        if stem == "t10k" {
            *labels.last_mut().unwrap() = 3;
        }
        // Pixels are stored as 0 to 16.
        let pixels = samples.x.iter().map(|&pixel| (16.0 * pixel).round() as u8).collect();
        write_idx(&directory, stem, pixels, labels);
    }
    directory
}

/// A class that the block lacks has no radius, is named, and keeps nobody from leaving.
#[test]
fn a_class_that_the_block_lacks_has_no_radius_and_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let images = digits_by_three(dir.path());
    let run = |name: &str, rest: &str| {
        let scratch = dir.path().join(format!("{name}-sweep"));
        std::fs::create_dir(&scratch).unwrap();
        let out = dir.path().join(name);
        let text_of = sweep(&images, "size = 1500", rest).replace("epochs = 40", "epochs = 250").replace("[8]", "[12]");
        let file = sweep_file(&scratch, &text_of);
        let output = expect_code(phasesweep().arg("run").arg(file).arg("--out").arg(&out), 0);
        let said = text(&output.stderr);
        let finding = "no training sample is of class 3: it has no radius and no distance, but 1 test sample";
        assert_eq!(said.matches(finding).count(), 1, "{said}");
        results(&out.join("results.h5"))
    };
    let long = run("long", "");
    for cell in long.values() {
        for (class, radii) in cell["radius"].chunks(251).enumerate() {
            assert!(radii.iter().all(|&bits| f32::from_bits(bits).is_nan() == (class == 3)), "class {class}");
        }
    }
    let early = run("early", "[stop]\nafter_inversion = 5");
    let measured = |cells: &crate::rig::Results| -> usize {
        cells.values().flat_map(|cell| &cell["train_error"]).filter(|bits| !f32::from_bits(**bits).is_nan()).count()
    };
    assert!(measured(&early) < measured(&long), "{} of {}", measured(&early), measured(&long));
    assert!(early.keys().all(|id| !long.contains_key(id)), "a run that may leave is another");
}

/// With more than two classes the stragglers at the distance are those at the inversion of the mean over all pairs.
#[test]
fn stragglers_of_many_classes_are_those_at_the_mean_distance() {
    use phasesweep::observe::principal::mean_of_measured;
    use phasesweep::observe::turning_point::{DEFAULT_FRACTION, Extremum, by_prominence};
    let dir = tempfile::tempdir().unwrap();
    let images = digits_by_three(dir.path());
    let rest = "[[prune]]\nremove = \"none\"\n[[prune]]\nremove = \"stragglers\"";
    let text_of = sweep(&images, "size = 1500", rest)
        .replace("epochs = 40", "epochs = 250")
        .replace("[8]", "[12]")
        .replace("seeds = 2", "seeds = 4");
    let out = dir.path().join("out");
    expect_code(phasesweep().arg("run").arg(sweep_file(dir.path(), &text_of)).arg("--out").arg(&out), 0);
    let file = hdf5::File::open(out.join("results.h5")).unwrap();
    let prune: Vec<hdf5::types::VarLenUnicode> = file.dataset("prune").unwrap().read_raw().unwrap();
    let seed: Vec<i64> = file.dataset("seed").unwrap().read_raw().unwrap();
    let distance = file.dataset("distance").unwrap().read_raw::<f32>().unwrap();
    let loss = file.dataset("train_error").unwrap().read_raw::<f32>().unwrap();
    let wrong = file.dataset("misclassified_count").unwrap().read_raw::<f32>().unwrap();
    let epochs: Vec<usize> = (0..=250).collect();
    let pairs: Vec<Vec<&[f32]>> = distance.chunks(6 * 251).map(|cell| cell.chunks(251).collect()).collect();
    let (mut turned, mut differed) = (0, 0);
    for full in (0..prune.len()).filter(|&cell| prune[cell].as_str() == "none") {
        let pruned = (0..prune.len()).find(|&cell| cell != full && seed[cell] == seed[full]).unwrap();
        let turn = |series: &[f32]| by_prominence(&epochs, series, Extremum::Maximum, DEFAULT_FRACTION).turn();
        let Some(mean) = turn(&mean_of_measured(&pairs[full])) else { continue };
        turned += 1;
        let stragglers = wrong[full * 251 + mean.index];
        // The training error counts kept samples, in steps of one of them: it tells how many were kept.
        let kept = 1500.0 - stragglers;
        let errors = &loss[pruned * 251..(pruned + 1) * 251];
        let whole = errors.iter().all(|error| (error * kept - (error * kept).round()).abs() < 1e-3);
        assert!(stragglers > 0.0 && whole, "{stragglers} stragglers at epoch {}", mean.epoch);
        differed += usize::from(turn(pairs[full][0]).map(|turn| turn.epoch) != Some(mean.epoch));
    }
    assert!(turned > 0 && differed > 0, "{turned} cells turn; of {differed} the pair 0-1 turns elsewhere");
}

#[test]
fn what_depends_on_the_sweep_and_its_data_alone_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let images = idx_directory(dir.path(), 0, true);
    // 120 of each class.
    refused(
        dir.path(),
        &sweep(&images, "size = 602\ndraw = 0\nbalanced = true", ""),
        &["a balanced draw of 602 needs 121 samples of class 0, but idx has 120", "at most 600"],
    );
    refused(
        dir.path(),
        &sweep(&images, "size = 100\nblock = 6", ""),
        &["block 6 of 100 needs 700 training samples, but idx has 600"],
    );
    refused(
        dir.path(),
        &sweep(&images, "size = 200\nblock = 2", "[[prune]]\nremove = \"stragglers\"\nat = \"radius_1\""),
        &["stragglers at radius_1, but no training sample is of class 1"],
    );
    refused(
        dir.path(),
        &sweep(&images, "size = 300", "")
            .replace("hidden = [8]", "channels = [2, 2, 2, 2]")
            .replace("\"mlp\"", "\"cnn\""),
        &["images of 8×8 are pooled away by cnn 2-2-2-2 k3 p2"],
    );
    refused(
        dir.path(),
        &sweep(&images, "size = 300", "")
            .replace("[[subsample]]", "labels = \"one-vs-rest\"\nlabel = 7\n[[subsample]]"),
        &["one-vs-rest asks for label 7, but its labels are 0 to 4"],
    );
}

/// What is wrong with a user's own file is said with what was found; nobody is told to delete it.
#[test]
fn foreign_files_are_described() {
    let dir = tempfile::tempdir().unwrap();
    let images = idx_directory(dir.path(), 0, false);
    let file = images.join("train-images-idx3-ubyte");
    let good = std::fs::read(&file).unwrap();
    let floats: Vec<u8> = [&[0, 0, 0x0d, 3][..], &good[4..]].concat();
    for (bytes, words) in [
        (floats, ["32-bit floats in 3 dimensions (600×8×8", "unsigned bytes in 3 dimensions"]),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '|u1'".to_vec(), ["a NumPy array", "93 4e 55 4d 50 59"]),
    ] {
        std::fs::write(&file, bytes).unwrap();
        for command in [
            phasesweep().args(["data", "check", "idx", "--path"]).arg(&images),
            phasesweep().arg("plan").arg(sweep_file(dir.path(), &sweep(&images, "size = 100", ""))),
        ] {
            let output = expect_code(command, 2);
            let said = text(&output.stderr) + &text(&output.stdout);
            assert!(words.iter().all(|word| said.contains(word)) && said.contains("train-images-idx3-ubyte"), "{said}");
            assert!(!["remove", "Remove", "delete"].iter().any(|word| said.contains(word)), "{said}");
        }
    }
    // A leftover of 0 bytes beside a good file of another spelling is passed over with a word.
    std::fs::write(images.join("train-images.idx3-ubyte"), &good).unwrap();
    std::fs::write(&file, []).unwrap();
    let output =
        expect_code(phasesweep().arg("plan").arg(sweep_file(dir.path(), &sweep(&images, "size = 100", ""))), 0);
    let said = text(&output.stderr);
    assert!(said.contains("train-images-idx3-ubyte is empty (0 bytes) and is passed over"), "{said}");
}

/// Two labels of five, and classes of several: what is trained, tested, measured and refused is of the samples that are left,
/// in a run as in a look at the data.
#[test]
fn a_sweep_of_some_labels_is_one_of_fewer_samples() {
    let dir = tempfile::tempdir().unwrap();
    let images = idx_directory(dir.path(), 0, false);
    let asked = sweep(&images, "size = 200", "").replace("[[subsample]]", "only = [3, 1]\n[[subsample]]");
    let other = format!("[[data]]\nsource = \"idx\"\npath = {images:?}\ngroups = [[0, 4], [2]]\n[[subsample]]");
    let file = sweep_file(dir.path(), &asked.replace("[[subsample]]", &other));
    let out = dir.path().join("out");
    expect_code(phasesweep().arg("run").arg(&file).arg("--out").arg(&out), 0);
    let results = hdf5::File::open(out.join("results.h5")).unwrap();
    // Labels 1 and 3 keep their numbers; groups are 0 and 1.
    assert_eq!(results.dataset("class").unwrap().read_raw::<i64>().unwrap(), [0, 1, 3]);
    let texts = |name: &str| -> Vec<String> {
        let texts = results.dataset(name).unwrap().read_raw::<hdf5::types::VarLenUnicode>().unwrap();
        texts.iter().map(ToString::to_string).collect()
    };
    assert_eq!(texts("data_only"), ["[1, 3]", "[1, 3]", "", ""]);
    assert_eq!(texts("data_groups"), ["", "", "[[0, 4], [2]]", "[[0, 4], [2]]"]);
    let radii = results.dataset("radius").unwrap().read::<f32, ndarray::Ix4>().unwrap();
    for cell in 0..4 {
        let measured = [0, 1, 2].map(|class| radii[[cell, 0, class, 0]].is_finite());
        assert_eq!(measured, if cell < 2 { [false, true, true] } else { [true, true, false] }, "cell {cell}");
    }
    // 240 samples are left of two labels, 360 of three: no block of 241.
    let refused = expect_code(phasesweep().arg("plan").arg(&file).args(["--set", "subsample.size=241"]), 2);
    let said = text(&refused.stderr);
    assert!(said.contains("with only = [1, 3] has 240") && !said.contains("groups"), "{said}");
    let picture = dir.path().join("picture.png");
    let checked = expect_code(phasesweep().args(["data", "check"]).arg(&file).arg("--picture").arg(&picture), 0);
    let said = text(&checked.stdout);
    for part in [
        "only=[1, 3]: OK: 240 training and 80 test samples, 64 inputs, 2 labels (1 and 3)",
        "groups=[[0, 4], [2]]: OK: 360 training and 120 test samples, 64 inputs, 3 labels (0, 2 and 4)",
        "blocks of 200 samples: 1; the first has ",
        "from the top: 0 (labels 0 and 4), 1 (label 2)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    for number in [1, 2] {
        let file = std::fs::read(dir.path().join(format!("picture-{number}.png"))).unwrap();
        assert!(file.starts_with(b"\x89PNG\r\n\x1a\n"));
    }
}
