//! A cell's bits are the same on nodes of different kinds: here on this processor, and on one with AVX2 and no more, which
//! valgrind stands in for. It executes each instruction in software and answers `cpuid` for itself, so that every
//! library in the program, ours or not, chooses what it would choose there.
//!
//! Minutes, and valgrind: `make test-mixed-nodes`.

use std::path::Path;
use std::process::Command;

use crate::rig::{expect_code, phasesweep, sweep_file, train};

/// Two layers by each of two optimisers, and every observable that a matrix product or an eigenvalue solver has a part in.
const TRAINED: &str = r#"[sweep]
name = "trained"
seeds = 2
[[data]]
source = "digits"
labels = "parity"
[[subsample]]
size = 150
[[architecture]]
kind = "mlp"
hidden = [20, 12]
activation = "tanh"
[[optimiser]]
kind = "sgd"
lr = 0.3
[[optimiser]]
kind = "adam"
lr = 0.01
[train]
epochs = 4
loss = "cross-entropy"
batch = "full"
[observe]
manifold = { every = 1 }
test_manifold = { at = { every = 2 } }
weight_norm = { at = { every = 2 } }
update = { at = { every = 2 } }
gradient_noise = { at = { every = 2 } }
sharpness = { at = { every = 4 }, probes = 2 }
tangent_kernel = { at = { every = 4 } }
representation = { at = { every = 4 } }
intrinsic_dimension = { at = { every = 4 } }
cka = { at = { every = 4 } }
collapse = { at = { every = 4 } }
margins = { at = { every = 2 } }
"#;

/// Flows through one hidden layer, a chain of layers and convolutions, in both precisions, with tangent kernels.
const FLOWS: &str = r#"[sweep]
name = "flows"
seeds = 1
[[data]]
source = "digits"
labels = "parity"
[[subsample]]
size = 100
[[architecture]]
kind = "mlp"
hidden = [12]
activation = "relu"
[[architecture]]
kind = "mlp"
hidden = [40, 30]
activation = "relu"
[[architecture]]
kind = "cnn"
channels = [4, 6]
[[optimiser]]
kind = "gradient-flow"
alpha = 0.01
precision = "f64"
[[optimiser]]
kind = "gradient-flow"
alpha = 0.01
precision = "f32"
[train]
epochs = 12
loss = "soft-hinge"
[observe]
record = { log = 10 }
[flow]
stages = [0.1, 0.5]
kernel_points = 64
"#;

/// The program on a processor without AVX-512.
fn with_avx2_alone() -> Command {
    let here = phasesweep();
    let mut command = Command::new("valgrind");
    command.args(["--tool=none", "-q"]).arg(here.get_program());
    for (name, value) in here.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// What the results file says that computed.
fn engine(path: &Path) -> String {
    let text = hdf5::File::open(path).unwrap().attr("engine").unwrap();
    text.read_scalar::<hdf5::types::VarLenUnicode>().unwrap().as_str().to_owned()
}

#[test]
#[ignore = "minutes, and valgrind: `make test-mixed-nodes`"]
fn a_cell_has_the_same_bits_on_nodes_of_different_kinds() {
    expect_code(Command::new("valgrind").arg("--version"), 0);
    for (name, text) in [("trained", TRAINED), ("flows", FLOWS)] {
        let dir = tempfile::tempdir().unwrap();
        let sweep = sweep_file(dir.path(), text);
        let (here, there) = (dir.path().join("here"), dir.path().join("there"));
        let own = train(&mut phasesweep(), &sweep, &here);
        let other = train(&mut with_avx2_alone(), &sweep, &there);
        let engines = [here, there].map(|directory| engine(&directory.join("results.h5")));
        println!("{name}: {} and {}", engines[0], engines[1]);
        assert!(!engines[1].contains("avx512"), "{}", engines[1]);
        assert!(own.values().all(|cell| cell.len() >= 5), "there is something to compare");
        assert_eq!(own.len(), other.len());
        for (cell, variables) in &own {
            for (variable, values) in variables {
                assert_eq!(values, &other[cell][variable], "{name}: {variable} of {cell}");
            }
        }
    }
}
