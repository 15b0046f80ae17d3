//! The readers of foreign bytes of the program, each as a function of the bytes alone: no panic, no hang, and no more memory
//! than [`most_memory`] says.
//!
//! Where a reader takes several files, the input is their contents with [`BETWEEN`] between them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use phasesweep::cost::Rates;
use phasesweep::data::Pool;
use phasesweep::plan::{CohortId, Plan};
use phasesweep::run_directory::Status;
use phasesweep::store::{Checkpoint, CheckpointSummary, Part, PartSummary, RunDirectory, lease};
use phasesweep::sweep::{self, Subsample};
use phasesweep::{foreign, slurm};

use crate::{edits, samples};

/// The targets whose readers are here, and the folders of their corpora.
pub const TARGETS: [&str; 9] =
    ["sweep", "idx", "cifar", "arrays", "weights", "part", "checkpoint", "state", "messages"];

/// Stands between the files of one input.
pub const BETWEEN: &[u8] = b"<|>";

/// Memory that a reader may take for an input of these bytes.
///
/// Every reader: 16 MiB and 64 times its files. What is compressed may grow by 1032, deflate's greatest factor, and is then
/// in memory up to four times while it is taken apart. A sweep's lists multiply and its ranges are as long as they say, up to
/// the limits of `validate` (10⁶ entries of an axis, 10⁷ seeds), which do not depend on the file: 2 GiB cover them.
pub fn most_memory(target: &str, bytes: &[u8]) -> usize {
    const FIXED: usize = 16 << 20;
    match target {
        "sweep" => 2 << 30,
        // Each file may be used for several of the data set's.
        "idx" => FIXED + 4 * 4 * 1032 * bytes.len(),
        "cifar" => FIXED + 6 * 4 * 1032 * bytes.len(),
        // HDF5 files are a sound one after its edits.
        "arrays" => FIXED + 4 * 4 * 1032 * (bytes.len() + sound_arrays().len()),
        "part" => FIXED + 4 * 1032 * (bytes.len() + sound_part().len()),
        _ => FIXED + 64 * bytes.len(),
    }
}

/// Gives the bytes to the reader of this name.
pub fn read(target: &str, bytes: &[u8]) {
    match target {
        "sweep" => read_sweep(bytes),
        "idx" => read_idx(bytes),
        "cifar" => read_cifar(bytes),
        "arrays" => read_arrays(bytes),
        "weights" => read_weights(bytes),
        "part" => read_part(bytes),
        "checkpoint" => read_checkpoint(bytes),
        "state" => read_state(bytes),
        "messages" => foreign::hear(bytes),
        other => panic!("there is no target {other}"),
    }
}

/// A sweep file, and `--set` arguments after zeros, which neither can hold.
fn read_sweep(bytes: &[u8]) {
    let mut texts = bytes.split(|&byte| byte == 0).map(std::str::from_utf8);
    let Some(Ok(text)) = texts.next() else { return };
    let overrides: Vec<String> = texts.flatten().take(8).map(str::to_owned).collect();
    match sweep::parse(text, "fuzzed.toml", &overrides) {
        Ok(sweep) => {
            let lengths = [
                sweep.data.len(),
                sweep.subsamples.len(),
                sweep.architectures.len(),
                sweep.optimisers.len(),
                sweep.prunes.len(),
            ];
            if lengths.iter().try_fold(sweep.seeds.len(), |product, &length| product.checked_mul(length))
                <= Some(10_000)
            {
                let digests = vec!["0".to_owned(); sweep.data.len()];
                let _ = Plan::new(sweep, &digests);
            }
        }
        Err(diagnostics) => assert!(!diagnostics.to_string().is_empty()),
    }
}

/// A sweep whose one data set is `data`, in the scratch folder.
fn data(lines: &str) -> sweep::Data {
    data_at(scratch(), lines)
}

/// A sweep whose one data set is `data`, at `path`.
fn data_at(path: &Path, lines: &str) -> sweep::Data {
    let text = format!(
        "[sweep]\nname = \"a\"\nseeds = 1\n[[data]]\n{lines}\npath = {:?}\n[[subsample]]\nsize = 4\n\
         [[architecture]]\nkind = \"mlp\"\nhidden = [2]\n[[optimiser]]\nkind = \"sgd\"\nlr = 0.1\n[train]\nepochs = 1\n",
        path
    );
    let sweep = sweep::parse(&text, "fuzzed.toml", &[]).unwrap_or_else(|errors| panic!("{errors}"));
    sweep.data[0].clone()
}

/// Loads the data set and cuts a block of it.
fn load(data: &sweep::Data) {
    let Ok(pool) = Pool::load(data) else { return };
    let subsample = Subsample::Block { size: pool.len().min(64), block: 0 };
    let _ = pool.block(data, &subsample, false);
}

/// Four files: images and labels to train on, the same to test on; without the latter the former are used twice.
fn read_idx(bytes: &[u8]) {
    let files = files(bytes);
    let names =
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];
    for (at, name) in names.iter().enumerate() {
        write(name, files.get(at).or(files.get(at % 2)).copied().unwrap_or_default());
    }
    static DATA: OnceLock<sweep::Data> = OnceLock::new();
    load(DATA.get_or_init(|| data("source = \"idx\"")));
}

/// Six batches; the last one given stands for the missing ones.
fn read_cifar(bytes: &[u8]) {
    let files = files(bytes);
    for at in 0..6 {
        let name = if at == 5 { "test_batch.bin".to_owned() } else { format!("data_batch_{}.bin", at + 1) };
        write(&name, files.get(at).or(files.last()).copied().unwrap_or_default());
    }
    static DATA: OnceLock<sweep::Data> = OnceLock::new();
    load(DATA.get_or_init(|| data("source = \"cifar10\"")));
}

/// Formats of arrays: where a file lies in the scratch folder, and the keys with which it is read.
const ARRAYS: [(&str, &str); 7] = [
    ("arrays.npz", "test_last = 1"),
    ("arrays.npz", ""),
    ("pair", "test_share = 0.5\nchannels_last = true"),
    ("arrays.safetensors", "test_last = 1"),
    ("arrays.csv", "targets = \"y\"\ntest_last = 1"),
    ("arrays.tsv", "targets = [\"y\", \"z\"]\ntest_share = 0.5"),
    ("arrays.h5", "test_last = 1"),
];

/// By the first byte: a format of arrays, and its file; of a pair two files, of HDF5 edits of a sound file.
fn read_arrays(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let (name, keys) = ARRAYS[usize::from(*kind) % ARRAYS.len()];
    let path = scratch().join(name);
    match name {
        "pair" => {
            let _ = std::fs::create_dir_all(&path);
            let files = files(rest);
            put(&path.join("x.npy"), files.first().copied().unwrap_or_default());
            put(&path.join("y.npy"), files.get(1).copied().unwrap_or_default());
        }
        "arrays.h5" => {
            put(&path, sound_arrays());
            edits::apply(&path, &["x", "y", "scale_factor"], rest);
        }
        _ => put(&path, rest),
    }
    let data = data_at(&path, &format!("source = \"arrays\"\n{keys}"));
    let sizes = phasesweep::data::shape(&data);
    let pool = Pool::load(&data);
    // Sound arrays that are refused would mean that nothing behind their heads is tried.
    assert!(bytes != [6] || pool.is_ok(), "{pool:?}");
    if let (Ok(sizes), Ok(pool)) = (sizes, &pool) {
        assert_eq!((sizes.train, sizes.test, sizes.features), (pool.len(), pool.test_len(), pool.features()));
    }
    load(&data);
}

/// A sound HDF5 file of arrays.
fn sound_arrays() -> &'static [u8] {
    static SOUND: OnceLock<Vec<u8>> = OnceLock::new();
    SOUND.get_or_init(|| {
        let path = scratch().join("sound-arrays.h5");
        let write = || -> hdf5::Result<()> {
            let file = hdf5::File::create(&path)?;
            let x: Vec<f32> = (0..24).map(|at| at as f32).collect();
            file.new_dataset::<f32>().shape([6, 4]).create("x")?.write_raw(&x)?;
            file.new_dataset::<i64>().shape([6]).create("y")?.write_raw(&[0_i64, 1, 2, 0, 1, 2])
        };
        write().unwrap_or_else(|error| panic!("{error}"));
        std::fs::read(&path).unwrap_or_else(|error| panic!("{error}"))
    })
}

/// A safetensors file as weights of a network, for `slice` and for `observe`, and as the plane to cut it on.
fn read_weights(bytes: &[u8]) {
    let path = write("weights.safetensors", bytes);
    let _ = foreign::weights(&path);
    let _ = foreign::kept_parameters(&path);
    let _ = foreign::plane(&path);
}

/// By the first byte: a part as it is; a summary (its length before it) with a body, both sealed; or edits of a sound
/// part's HDF5.
fn read_part(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let path = match kind % 3 {
        0 => write("part.h5", rest),
        1 => {
            let Some((summary, _)) = summary_and_body(rest) else { return };
            // What is not HDF5 is refused by the library; its own faults on torn files are not ours to find.
            write("part.h5", &foreign::sealed_part(summary, sound_body()))
        }
        _ => {
            let image = write("body.h5", sound_body());
            edits::apply(&image, &PART_NAMES, rest);
            let Ok(body) = std::fs::read(&image) else { return };
            write("part.h5", &foreign::sealed_part(sound_summary(), &body))
        }
    };
    let (summary, part) = (PartSummary::read(&path), Part::read(&path));
    // A sound part that is refused would mean that nothing behind its head is tried.
    assert!(bytes != [2] || (summary.is_ok() && part.is_ok()), "{summary:?} {part:?}");
}

/// Variables and attributes of a part that edits pick from.
const PART_NAMES: [&str; 34] = [
    "cell_id",
    "seed",
    "variant",
    "status",
    "diverged_epoch",
    "wall_seconds",
    "failure",
    "specification",
    "epoch",
    "layer",
    "class",
    "pair",
    "noise",
    "snapshot_epoch",
    "byte",
    "snapshot",
    "train_loss",
    "train_error",
    "test_error",
    "noisy_error",
    "radius",
    "distance",
    "misclassified",
    "misclassified_count",
    "rank",
    "host",
    "engine",
    "device",
    "version",
    "git_commit",
    "format_version",
    "cohort",
    "peak_memory",
    "layout",
];

/// A sound part's bytes.
fn sound_part() -> &'static [u8] {
    static SOUND: OnceLock<Vec<u8>> = OnceLock::new();
    SOUND.get_or_init(|| {
        let path = scratch().join("sound.h5");
        let part = samples::part(7, &[1, 2], samples::axes(&[0, 1, 2], &[1], 2, &[0, 2], 3));
        part.write(&path).unwrap_or_else(|error| panic!("{error}"));
        std::fs::read(&path).unwrap_or_else(|error| panic!("{error}"))
    })
}

fn word(at: usize) -> usize {
    sound_part()[at..at + 4].iter().rev().fold(0, |word, &byte| word << 8 | usize::from(byte))
}

/// What of a sound part is its HDF5; the head says where it begins.
fn sound_body() -> &'static [u8] {
    &sound_part()[word(16)..]
}

fn sound_summary() -> &'static [u8] {
    &sound_part()[96..96 + word(12)]
}

/// A sealed checkpoint of no cells, which is sound: were it refused, nothing behind a checkpoint's head would be tried.
const NO_CELLS: [u8; 23] = {
    let mut bytes = [0; 23];
    (bytes[0], bytes[1], bytes[3]) = (1, 20, 7);
    bytes
};

/// By the first byte: a checkpoint as it is, or a summary (its length before it) and a body, both sealed.
fn read_checkpoint(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let path = if kind % 2 == 0 {
        write("a.ckpt", rest)
    } else {
        let Some((summary, body)) = summary_and_body(rest) else { return };
        write("a.ckpt", &foreign::sealed_checkpoint(summary, body))
    };
    let (summary, checkpoint) = (CheckpointSummary::read(&path), Checkpoint::read(&path));
    assert!(bytes != NO_CELLS || (summary.is_ok() && checkpoint.is_ok()), "{summary:?} {checkpoint:?}");
}

fn summary_and_body(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(2)?;
    Some(rest.split_at(rest.len().min(usize::from(length[0]) | usize::from(length[1]) << 8)))
}

/// What a run directory holds beside parts, and `rates.json`: `status.json`, the lease, a cohort that runs, the rates, the
/// list of jobs. All that `phasesweep status` makes of them is printed.
fn read_state(bytes: &[u8]) {
    let files = files(bytes);
    let file = |at: usize| files.get(at).copied().unwrap_or_default();
    static DIRECTORY: OnceLock<RunDirectory> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let directory = RunDirectory::at(scratch().join("run"));
        directory.create().unwrap_or_else(|error| panic!("{error}"));
        put(&directory.sweep_file(), include_bytes!("../../../sweeps/quick.toml"));
        directory
    });
    put(&directory.status_file(), file(0));
    put(&directory.lease_file(), file(1));
    put(&directory.running().join(format!("{}.json", CohortId(1))), file(2));
    if let Ok(status) = Status::read(directory) {
        let _ = foreign::describe(&status);
        let _ = serde_json::to_string(&status);
    }
    let _ = lease::holder(&directory.lease_file());
    let rates = Rates::read(&write("rates.json", file(3)));
    let _ = (rates.expect("cpu", 2), rates.at_once("cpu"));
    let jobs = scratch().join("jobs");
    let _ = std::fs::create_dir_all(jobs.join("slurm"));
    put(&jobs.join("slurm/jobs"), file(4));
    let _ = slurm::read_jobs(&jobs);
}

/// The files of an input.
fn files(bytes: &[u8]) -> Vec<&[u8]> {
    let mut files = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        files.push(&rest[..at]);
        rest = &rest[at + BETWEEN.len()..];
    }
    files.push(rest);
    files
}

/// This process's folder for files that readers want on disk; in memory where there is such a disk.
fn scratch() -> &'static Path {
    static SCRATCH: OnceLock<PathBuf> = OnceLock::new();
    SCRATCH.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = folder.join(format!("phasesweep-readers-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{error}"));
        folder
    })
}

fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = scratch().join(name);
    put(&path, bytes);
    path
}

fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Removes this process's scratch files.
pub fn clean() {
    let _ = std::fs::remove_dir_all(scratch());
}
