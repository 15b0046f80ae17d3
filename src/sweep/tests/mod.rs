//! What a sweep file may say, and what is answered to one that says it wrong.

use super::*;

mod accepted;
mod documented;
mod layers;
mod overridden;
mod refusals;
mod refused;

const GOOD: &str = r#"[sweep]
name = "good"
seeds = 2

[[data]]
source = "digits"

[[subsample]]
size = 100

[[architecture]]
kind = "mlp"
hidden = [20]

[[optimiser]]
kind = "sgd"
lr = 0.1

[train]
epochs = 50
"#;

fn good(text: &str) -> Sweep {
    parse(text, "good.toml", &[]).unwrap_or_else(|errors| panic!("{errors}"))
}

/// `GOOD` with one line replaced by others.
fn edited(line: &str, by: &str) -> String {
    assert!(GOOD.contains(line), "{line}");
    GOOD.replacen(line, by, 1)
}

/// Every key that the module's table names, with values other than the defaults.
const EVERY_KEY: &str = r#"
[sweep]
name = "every.key_of-1"
seeds = [7, 3]
description = "every key"

[[data]]
source = "idx"
path = "/data/images"
transpose = true
labels = "one-vs-rest"
label = [1, 8]
label_noise = [0, 0.25]
label_draw = [0, 5]
normalise = "sphere"

[[data]]
source = "cifar10"
channels = "flat"
labels = "halves"

[[data]]
source = "cifar10"
labels = "random"
label_draw = 2

[[data]]
source = "digits"
only = [[5, 3], [0, 1, 2]]

[[data]]
source = "digits"
groups = [[4, 0, 2], [1, 3]]

[[data]]
source = "digits"
labels = "parity"
normalise = "none"
train = [1000, 1200]

[[subsample]]
size = [100, 200]
block = [0, 4]

[[subsample]]
size = 50
draw = { start = 3, count = 2 }

[[subsample]]
size = 50
draw = [9]

[[architecture]]
kind = "mlp"
hidden = [[10], [20, 30]]
activation = ["relu", "gelu"]
init_scale = [1, 8]
observe = [1]

[[architecture]]
kind = "cnn"
channels = [[4], [4, 8]]
kernel = [3, 5]
pool = [1, 2]
hidden = [[], [16]]
activation = "sigmoid"

[[optimiser]]
kind = "rmsprop"
lr = [0.1, 0.2]
momentum = [0, 0.5]
alpha = [0.9, 0.95]
epsilon = [1e-8, 1e-6]
weight_decay = [0, 1e-4]

[[optimiser]]
kind = "adam"
lr = 0.005
beta1 = [0.8, 0.9]
beta2 = [0.99, 0.999]

[[optimiser]]
kind = "sgd"
lr = 0.1
momentum = 0.9
nesterov = true

[[optimiser]]
kind = "sgd"
lr = 0.05
schedule = ["constant", "step", "cosine"]
schedule_by = "step"
decay_at = [[90, 60], [50]]
decay_factor = [0.5, 0.2]
final_share = [0.1, 0]
warmup = [0, 5]
warmup_start = 0.25
clip_norm = [1, 10]
sam_radius = [0, 0.05]

[[optimiser]]
kind = "lion"
lr = 1e-4
schedule = "step"
decay_every = [10, 20]

[[prune]]
remove = "none"

[[prune]]
remove = "stragglers"
at = ["distance", "radius_0", "radius_1"]

[[prune]]
remove = "misclassified"
epoch = [30, 10]

[[prune]]
remove = "random"
like = "misclassified"
epoch = 10

[[prune]]
remove = "random"
like = "stragglers"
at = "radius_1"

[train]
epochs = 200
loss = "mse"
batch = 32

[observe]
record = { every = 5 }
manifold = { every = 10 }
misclassified = { at = [20, 10] }
noise = [1.0, 0.5]
weights = false

[observe.local_complexity]
at = { log = 4 }
radii = [0.5, 0.05]
directions = 8
points = 100
sets = ["train", "random"]
centroid = false
outputs = true
random_box = [0, 1]
shared_frame = true

[observe.robustness]
at = [0, 100]
norm = ["linf", "l2"]
epsilon = [0.3, 0.1]
steps = 7
step_size = 0.02
random_start = true
points = 50
clip = [0, 1]
last_iterate = true
attack_loss = "cross-entropy"

[stop]
after_inversion = 50
metric = "epsilon_star"
half_width = 0.0005
max_seeds = 128

[report]
principal = "weight_norm[2]"
loss_levels = [0.05, 0.5]
turning = { hessian_eigenvalue = "maximum", radius_0 = "minimum" }

[slurm]
nodes = 2
ntasks_per_node = 4
gpus_per_task = 0
cpus_per_task = 8
time = "1-12:00:00"
partition = "gpu"
account = "lab"
qos = "long"
mem = "64G"
modules = ["openmpi/5.0"]
extra = ["export OMP_PROC_BIND=close"]
"#;

/// Every key of arrays, which exclude each other in part.
const ARRAYS: &str = r#"
[sweep]
name = "arrays"
seeds = 2

[[data]]
source = "arrays"
path = "/data/own.npz"
inputs = "x"
targets = "kind"
test_share = [0.2, 0.3]
test_draw = [0, 5]
channels_last = true

[[data]]
source = "arrays"
path = "/data/own.csv"
inputs = ["a", "b"]
targets = ["left", "right"]
test_last = 1000

[[data]]
source = "arrays"
path = "/data/own.h5"
inputs = "train/x"
targets = "train/y"
test_inputs = "test/x"
test_targets = "test/y"

[[subsample]]
size = 100

[[architecture]]
kind = "mlp"
hidden = [20]

[[optimiser]]
kind = "sgd"
lr = 0.1

[train]
epochs = 50
label_smoothing = 0.1
"#;

/// `GOOD` with a convolutional network on images scaled to a sphere.
fn convolutional(keys: &str) -> String {
    edited("kind = \"mlp\"\nhidden = [20]", &format!("kind = \"cnn\"\n{keys}")).replacen(
        "source = \"digits\"",
        "source = \"digits\"\nnormalise = \"sphere\"",
        1,
    )
}
