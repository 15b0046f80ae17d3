//! Ids that are frozen: an id names finished work on people's disks, and one that changed would train it again.
//!
//! Each id is the hash of a specification's JSON, so a field that is added without `skip_serializing_if`, or renamed, or
//! moved, fails here. A failure is mended in the code, never in the literals; a change of ids that is meant needs a new
//! `SPECIFICATION` number and a note in CHANGELOG.md on what becomes of old run directories.

use super::super::*;
use crate::data::Pool;
use crate::data::sources::PathKey;
use crate::sweep::parse;

/// The digest that stands for data which these tests do not have.
const ELSEWHERE: &str = "6d6e6973742d6c696b6520646174612c20686173686564206f6e63652c206b65";

/// First, second and last id of a sweep's cells.
fn ids(text: &str) -> [String; 3] {
    let sweep = parse(text, "golden.toml", &[]).unwrap_or_else(|errors| panic!("{errors}"));
    let digest = |data: &Data| match data.source.path() {
        PathKey::None => Pool::load(data).expect("data of the binary itself").identity(data).to_hex().to_string(),
        PathKey::Optional | PathKey::Required => ELSEWHERE.to_owned(),
    };
    let digests: Vec<String> = sweep.data.iter().map(digest).collect();
    let ids = Plan::new(sweep, &digests).ids();
    [ids[0], ids[1], ids[ids.len() - 1]].map(|id| id.to_string())
}

#[test]
fn gradient_descent_on_digits() {
    let found = ids(r#"
        [sweep]
        name = "golden"
        # What a sweep is for decides nothing.
        description = "of digits"
        seeds = 3
        [[data]]
        source = "digits"
        labels = "parity"
        [[subsample]]
        size = 300
        block = [0, 1]
        [[architecture]]
        kind = "mlp"
        hidden = [[10], [20, 20]]
        init_scale = [1, 2]
        [[optimiser]]
        kind = "sgd"
        lr = [0.1, 0.2]
        [train]
        epochs = 100
    "#);
    let frozen =
        ["a601a918a2b99b1c097ddb5883c7f895", "e58a656f49fef7f6ab33efd888ff181f", "0a89b247816d9b32298fb34390eba77d"];
    assert_eq!(found, frozen);
}

#[test]
fn batches_of_images_through_convolutions() {
    let found = ids(r#"
        [sweep]
        name = "golden"
        seeds = [11, 5]
        [[data]]
        source = "mnist"
        labels = "one-vs-rest"
        label = [0, 3]
        label_noise = 0.1
        label_draw = 4
        normalise = "sphere"
        [[subsample]]
        size = 4096
        draw = [0, 1]
        balanced = true
        [[architecture]]
        kind = "cnn"
        channels = [8, 16]
        kernel = 5
        pool = 2
        hidden = [32]
        activation = "relu"
        observe = [1, 3]
        [[optimiser]]
        kind = "nesterov"
        lr = 0.05
        momentum = 0.9
        weight_decay = 1e-4
        [train]
        epochs = 20
        batch = 128
        [observe]
        record = "log"
        noise = [0.5, 1]
        [stop]
        after_inversion = 5
    "#);
    let frozen =
        ["2b86214897740085d9827482d18d61f2", "c2fb25ab19360279098aa7d89551cb82", "01725795da40b6ad601e1f506e205028"];
    assert_eq!(found, frozen);
}

#[test]
fn gradient_flow_on_the_stripe() {
    let found = ids(r#"
        [sweep]
        name = "golden"
        seeds = 2
        [[data]]
        source = "stripe"
        dimension = [5, 10]
        train = 2000
        test = 1000
        stretch = 2
        [[subsample]]
        size = 128
        draw = { start = 0, count = 2 }
        [[architecture]]
        kind = "mlp"
        hidden = [50]
        activation = "softplus"
        parametrisation = "mean-field"
        bias_variance = [0, 1]
        [[optimiser]]
        kind = "gradient-flow"
        alpha = [0.01, 100]
        time = 1e5
        fitted = 0.99
        watched = ["all", "pulling"]
        [train]
        epochs = 10000
        loss = "soft-hinge"
        [flow]
        stages = [0.1, 0.9]
        kernel_points = 64
    "#);
    let frozen =
        ["28f24695acd8ef40b79c2e54099b927c", "34e7e5cdce5827be2b4584e5f5dd4777", "6b05a9a2ebd236a6d6b6ad4154dcd4ff"];
    assert_eq!(found, frozen);
}

#[test]
fn random_labels_with_samples_left_out() {
    let found = ids(r#"
        [sweep]
        name = "golden"
        seeds = { start = 100, count = 2 }
        [[data]]
        source = "digits"
        labels = "random"
        label_draw = [0, 7]
        train = 1200
        normalise = "none"
        [[subsample]]
        size = 500
        [[architecture]]
        kind = "mlp"
        hidden = [30]
        activation = "gelu"
        [[optimiser]]
        kind = "rmsprop"
        lr = 1e-3
        alpha = 0.9
        momentum = 0.5
        [[prune]]
        remove = "stragglers"
        at = ["distance", "radius_0"]
        [[prune]]
        remove = "misclassified"
        epoch = [10, 50]
        [[prune]]
        remove = "random"
        like = "misclassified"
        epoch = 50
        [train]
        epochs = 60
        loss = "mse"
    "#);
    let frozen =
        ["26197ae228d5c8e1c7b3d56b8db82ae4", "20d707315b0b30b857dc530eebd1f5fd", "e081f4baea57a764130a112ae0d0b2bd"];
    assert_eq!(found, frozen);
}

#[test]
fn probes_and_kept_weights_under_adam() {
    let found = ids(r#"
        [sweep]
        name = "golden"
        seeds = 2
        [[data]]
        source = "cifar10"
        channels = "flat"
        labels = "halves"
        [[data]]
        source = "idx"
        path = "/anywhere/at all"
        [[subsample]]
        size = 1000
        [[architecture]]
        kind = "mlp"
        hidden = [100, 100]
        activation = "sigmoid"
        observe = [1, 2]
        [[optimiser]]
        kind = "adam"
        lr = 0.005
        beta1 = 0.8
        [[optimiser]]
        kind = "adamw"
        lr = [1e-3, 1e-2]
        epsilon = 1e-6
        [train]
        epochs = 200
        [observe]
        manifold = { every = 10 }
        misclassified = [10, 20]
        weights = [0, 200]
        [observe.local_complexity]
        radii = [0.05, 0.5]
        sets = ["train", "random"]
        [observe.robustness]
        norm = ["linf", "l2"]
        epsilon = 0.1
        clip = [0, 1]
    "#);
    let frozen =
        ["2fe6df7bcd88860a363adf706872a578", "88eb7f8c9784e35fded9be4f4843638f", "c1b31a5ae29d07fbc6192a39226c3045"];
    assert_eq!(found, frozen);
}

#[test]
fn residual_networks() {
    let found = ids(r#"
        [sweep]
        name = "golden"
        seeds = 2
        [[data]]
        source = "digits"
        [[subsample]]
        size = 300
        [[architecture]]
        kind = "residual-mlp"
        width = [16, 32]
        blocks = 3
        activation = "relu"
        observe = [1, 3]
        [[optimiser]]
        kind = "lion"
        lr = 1e-4
        [train]
        epochs = 100
    "#);
    let frozen =
        ["40f123d23e974e1c35252acc34060073", "782efa2b13bcd361cf8cffba4fb6d483", "7ae12b6347abf4e9b74c49eb64ff37ca"];
    assert_eq!(found, frozen);
}

#[test]
fn schedules_clipping_smoothing_and_sam() {
    let found = ids(r#"
        [sweep]
        name = "golden"
        seeds = 2
        [[data]]
        source = "digits"
        [[subsample]]
        size = 300
        [[architecture]]
        kind = "mlp"
        hidden = [10]
        [[optimiser]]
        kind = "sgd"
        lr = 0.1
        schedule = ["constant", "step", "cosine"]
        schedule_by = "step"
        decay_at = [50, 80]
        warmup = 10
        clip_norm = 1
        [[optimiser]]
        kind = "adam"
        lr = 0.01
        schedule = "exponential"
        decay_factor = 0.99
        sam_radius = 0.05
        [train]
        epochs = 100
        label_smoothing = 0.1
    "#);
    let frozen =
        ["cf8d8b2e4197a1e555d81b8005699bd5", "175878d4bb7680b81add8290e6c7458d", "3337a0089d80a94bfc20773c53d811ab"];
    assert_eq!(found, frozen);
}

#[test]
fn keys_at_which_nothing_is_done_change_no_id() {
    let sweep = |optimiser: &str, train: &str| {
        format!(
            "[sweep]\nname = \"golden\"\nseeds = 3\n[[data]]\nsource = \"digits\"\n[[subsample]]\nsize = 300\n\
             [[architecture]]\nkind = \"mlp\"\nhidden = [10]\n[[optimiser]]\nkind = \"sgd\"\nlr = 0.1\n{optimiser}\n\
             [train]\nepochs = 9\n{train}\n"
        )
    };
    let plain = ids(&sweep("", ""));
    assert_eq!(ids(&sweep("schedule = \"constant\"\nwarmup = 0\nsam_radius = 0", "label_smoothing = 0")), plain);
    for (optimiser, train) in
        [("warmup = 3", ""), ("clip_norm = 1", ""), ("sam_radius = 1", ""), ("", "label_smoothing = 0.1")]
    {
        let other = ids(&sweep(optimiser, train));
        assert!(other.iter().all(|id| !plain.contains(id)), "{optimiser}{train}");
    }
}

#[test]
fn a_gaussian_mixture() {
    let found = ids(r#"
        [sweep]
        name = "golden"
        seeds = 2
        [[data]]
        source = "gaussian-mixture"
        dimension = 6
        classes = [2, 3]
        separation = 1.5
        imbalance = 4
        train = 500
        test = 200
        [[subsample]]
        size = 100
        [[architecture]]
        kind = "mlp"
        hidden = [5]
        [[optimiser]]
        kind = "sgd"
        lr = 0.1
        [train]
        epochs = 10
    "#);
    let frozen =
        ["7694f9621c462b9f6f6be226564a9f46", "acddfc0f2f6c33958f7e18975cf6966c", "af9227cbd92622fbd35e26c52f7a1db2"];
    assert_eq!(found, frozen);
}

#[test]
fn generated_sources() {
    let sweep = |source: &str, keys: &str| {
        let keys = keys.replace("; ", "\n");
        let data = format!("[sweep]\nname = \"golden\"\nseeds = 2\n[[data]]\nsource = \"{source}\"\n{keys}\n");
        let rest = "[[subsample]]\nsize = 20\n[[architecture]]\nkind = \"mlp\"\nhidden = [5]\n[[optimiser]]\n\
                    kind = \"sgd\"\nlr = 0.1\n[train]\nepochs = 10\n";
        ids(&(data + rest))
    };
    let points = "train = 50; test = 20";
    let found = [
        ("random-teacher", format!("dimension = 6; classes = [2, 3]; units = [0, 4]; teacher = 1; {points}")),
        ("random-labels", format!("dimension = 6; classes = [2, 3]; {points}")),
        ("power-law", format!("dimension = 6; exponent = [1, 1.5]; teacher = 1; {points}")),
        ("sparse-parity", format!("dimension = 6; relevant = [2, 3]; {points}")),
        ("modular-addition", "modulus = [7, 11]; share = 0.5; split = 1".to_owned()),
        ("moons", format!("noise = [0, 0.2]; {points}")),
        ("rings", format!("classes = [2, 3]; noise = 0.2; {points}")),
        ("spirals", format!("classes = [2, 3]; turns = 2; noise = 0.2; {points}")),
        ("colour-shapes", format!("side = [8, 16]; noise = 0.2; {points}")),
    ]
    .map(|(source, keys)| (source, sweep(source, &keys)));
    let lines = found.map(|(source, ids)| format!("{source} {}\n", ids.join(" ")));
    // Never written anew: as with the literals above, a difference is mended in the code.
    let frozen = std::fs::read_to_string("src/plan/tests/generated_sources.txt").unwrap_or_default();
    assert_eq!(lines.concat(), frozen);
}
