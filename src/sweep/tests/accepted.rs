//! What a sweep file may say, and what it then means.

use phasesweep_networks::{Cnn, Mlp};
use phasesweep_optimisers::{Decay, RateSchedule, Recipe, Unit, Warmup};

use super::*;
use crate::data::sources::{
    Channels, Cifar10, Cylinder, Digits, GaussianMixture, ModularAddition, RandomTeacher, Spirals,
};
use crate::observables::attack::Norm;
use crate::observables::local_complexity::{LocalComplexity, PointSet};
use crate::observables::robustness::{Climbed, Robustness};
use phasesweep_results::report::ReportSettings;
use proptest::prelude::*;
use std::path::Path;

/// The sweep files of the repository.
fn shipped() -> Vec<std::path::PathBuf> {
    let entries = ["sweeps", "sweeps/papers"].map(|directory| std::fs::read_dir(directory).expect("a directory"));
    let paths = entries.into_iter().flatten().map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect()
}

#[test]
fn every_sweep_of_the_repository_is_sound_and_says_what_it_shows() {
    let all = shipped();
    for path in &all {
        let text = std::fs::read_to_string(path).unwrap();
        let sweep = parse(&text, &path.display().to_string(), &[]).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(path.file_stem().unwrap().to_str(), Some(sweep.name.as_str()), "a sweep is called as its file");
        assert!(text.starts_with("# ") && text.lines().take_while(|line| line.starts_with('#')).count() >= 2);
    }
    assert!(all.iter().any(|path| path.starts_with("sweeps/papers")) && all.len() > 20);
}

#[test]
fn every_row_of_the_papers_is_a_sound_sweep_at_both_sizes() {
    let script = std::fs::read_to_string("sweeps/papers/all.sh").expect("the script");
    let page = std::fs::read_to_string("docs/papers.md").expect("the page");
    let rows: Vec<&str> = script.lines().filter_map(|line| line.strip_prefix("row ")).collect();
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        let words: Vec<String> = row.split_whitespace().map(|word| word.replace('\'', "")).collect();
        let path = words[1].trim_matches('"').replace("$here", "sweeps/papers").replace("$sweeps", "sweeps");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        for size in ["reduced", "full"] {
            let settings: Vec<String> = (words[2..].iter())
                .filter_map(|word| match word.split_once(':') {
                    Some((of, setting)) if ["reduced", "full"].contains(&of) => {
                        (of == size).then(|| setting.to_owned())
                    }
                    _ => Some(word.clone()),
                })
                .collect();
            let sweep = parse(&text, &path, &settings).unwrap_or_else(|errors| panic!("{row}\n{errors}"));
            assert!(page.contains(&format!("{}.toml", sweep.name)), "docs/papers.md does not tell of {path}");
        }
    }
    for shown in script.lines().filter_map(|line| line.strip_prefix("shown ")) {
        let figure = shown.split_whitespace().nth(2).expect("a name");
        assert!(Path::new("docs/papers").join(figure).exists() && page.contains(figure), "docs/papers/{figure}");
    }
}

#[test]
fn the_quick_sweep_is_the_grid_that_was_asked_for() {
    let text = include_str!("../../../sweeps/quick.toml");
    let sweep = good(text);
    assert_eq!(sweep.grid_size(), 256);
    assert_eq!(sweep.seeds, (0..64).collect::<Vec<u64>>());
    assert_eq!(sweep.subsamples, [Subsample::Block { size: 1500, block: 0 }]);
    assert_eq!(sweep.optimisers.iter().map(|optimiser| optimiser.lr).collect::<Vec<_>>(), [0.2, 0.4]);
    let widths: Vec<_> = sweep.architectures.iter().map(|network| network.kind.clone()).collect();
    assert_eq!(widths, [10, 20].map(|width| ArchitectureKind::Mlp(Mlp { hidden: vec![width] })));
    assert_eq!(sweep.observe.misclassified, Some(Schedule::Log { per_decade: 10 }));
    assert_eq!(sweep.train, Train { epochs: 600, loss: Loss::CrossEntropy, batch: Batch::Full, hinge_beta: None });
}

#[test]
fn defaults_are_as_documented() {
    let sweep = good(GOOD);
    let data = Data {
        source: Source::Digits(Digits { train: 1500 }),
        labels: Labels::Classes,
        label_noise: 0.0,
        label_draw: 0,
        normalise: Normalise::Standardise,
        selection: Selection::All,
        path: None,
    };
    assert_eq!(sweep.data, [data]);
    assert_eq!(sweep.architectures[0].observe, [1]);
    assert_eq!(sweep.prunes, [Prune::None]);
    assert_eq!(sweep.observe.epochs, Schedule::Every { every: 1 });
    assert_eq!((sweep.observe.manifold_every, &sweep.observe.misclassified), (Some(1), &None));
    assert_eq!((sweep.stop, sweep.slurm), (Stop::default(), Slurm::default()));
    // PyTorch's defaults of each optimiser (torch.optim, as of 2.9).
    let optimiser = |kind: &str| good(&edited("kind = \"sgd\"", kind)).optimisers[0].clone();
    let adam = optimiser("kind = \"adam\"");
    assert_eq!((adam.beta1, adam.beta2, adam.epsilon, adam.weight_decay), (0.9, 0.999, 1e-8, 0.0));
    assert_eq!(optimiser("kind = \"adamw\"").weight_decay, 0.01);
    let rmsprop = optimiser("kind = \"rmsprop\"");
    assert_eq!((rmsprop.beta2, rmsprop.momentum, rmsprop.epsilon), (0.99, 0.0, 1e-8));
    assert_eq!(optimiser("kind = \"sgd\"\nnesterov = true\nmomentum = 0.9").kind, OptimiserKind::Rule(Rule::Nesterov));
    let points = good(&edited("source = \"digits\"", "source = \"stripe\"\ndimension = 5"));
    assert_eq!(points.data[0].normalise, Normalise::None);
    let cnn = good(&convolutional("channels = [4, 8]"));
    let shape = ArchitectureKind::Cnn(Cnn { channels: vec![4, 8], kernel: 3, pool: 2, hidden: vec![] });
    assert_eq!((&cnn.architectures[0].kind, &cnn.architectures[0].observe), (&shape, &vec![2]));
}

#[test]
fn every_documented_key_arrives() {
    let sweep = good(EVERY_KEY);
    assert_eq!((sweep.name.as_str(), sweep.seeds.as_slice()), ("every.key_of-1", &[3, 7][..]));
    // idx: two labels, each without noise (where draws are one) and with noise in two draws; then 1 + 1 + 2 + 1 + 2.
    assert_eq!(sweep.data.len(), 2 * (1 + 2) + 1 + 1 + 2 + 1 + 2);
    assert_eq!(sweep.data[0].path.as_deref(), Some(Path::new("/data/images")));
    assert_eq!(sweep.data[0].labels, Labels::OneVsRest { label: 1 });
    assert_eq!((sweep.data[2].label_noise, sweep.data[2].label_draw), (0.25, 5));
    assert_eq!(sweep.data[0].normalise, Normalise::Sphere);
    assert_eq!(sweep.data[6].source, Source::Cifar10(Cifar10 { channels: Channels::Flat }));
    assert_eq!((sweep.data[7].labels, sweep.data[7].label_draw), (Labels::Random, 2));
    let chosen: Vec<&Selection> = sweep.data[8..11].iter().map(|data| &data.selection).collect();
    let groups = Selection::Groups(vec![vec![0, 2, 4], vec![1, 3]]);
    assert_eq!(chosen, [&Selection::Only(vec![3, 5]), &Selection::Only(vec![0, 1, 2]), &groups]);
    assert_eq!(sweep.data[12].source, Source::Digits(Digits { train: 1200 }));
    let block = |size, block| Subsample::Block { size, block };
    let draw = |draw| Subsample::Draw { size: 50, draw };
    let subsamples = [block(100, 0), block(100, 4), block(200, 0), block(200, 4), draw(3), draw(4), draw(9)];
    assert_eq!(sweep.subsamples, subsamples);
    assert_eq!(sweep.architectures.len(), 2 * 2 * 2 + 2 * 2 * 2 * 2);
    assert_eq!(sweep.architectures[7].init_scale, 8.0);
    // The deepest convolutional network: two convolutions and a dense layer; the last is observed.
    assert_eq!(sweep.architectures.last().map(|network| network.observe.clone()), Some(vec![3]));
    // Of the schedules a constant one, two lists of places with two factors each, and two cosines; each with and without a
    // warm-up, with two limits and with and without SAM.
    assert_eq!(sweep.optimisers.len(), 32 + 4 + 1 + (1 + 2 * 2 + 2) * 2 * 2 * 2 + 2);
    let recipes: Vec<&Recipe> = sweep.optimisers[37..].iter().map(|optimiser| &optimiser.recipe).collect();
    assert_eq!(*recipes[0], Recipe { clip_norm: Some(1.0), ..Recipe::default() });
    assert_eq!(recipes[1].sam_radius, Some(0.05));
    let warmup = Some(Warmup { length: 5, start: 0.25 });
    let schedule = |decay| RateSchedule { unit: Unit::Step, warmup, decay };
    assert_eq!(recipes[4].schedule, schedule(Decay::Constant));
    // Places are sorted, and lists keep their order.
    assert_eq!(recipes[12].schedule, schedule(Decay::At { places: vec![60, 90], factor: 0.5 }));
    assert_eq!(recipes[55].schedule, schedule(Decay::Cosine { end: 0.0 }));
    let every = RateSchedule { decay: Decay::Every { every: 20, factor: 0.1 }, ..RateSchedule::default() };
    assert_eq!(*recipes[57], Recipe { schedule: every, ..Recipe::default() });
    assert_eq!((sweep.optimisers[31].beta2, sweep.optimisers[31].weight_decay), (0.95, 1e-4));
    assert_eq!((sweep.optimisers[36].kind, sweep.optimisers[36].momentum), (OptimiserKind::Rule(Rule::Nesterov), 0.9));
    let prunes = [
        Prune::None,
        Prune::Stragglers { at: InversionOf::Distance },
        Prune::Stragglers { at: InversionOf::Radius0 },
        Prune::Stragglers { at: InversionOf::Radius1 },
        Prune::Misclassified { epoch: 10 },
        Prune::Misclassified { epoch: 30 },
        Prune::Random { like: PruneSize::Misclassified { epoch: 10 } },
        Prune::Random { like: PruneSize::Stragglers { at: InversionOf::Radius1 } },
    ];
    assert_eq!(sweep.prunes, prunes);
    assert_eq!(
        sweep.train,
        Train { epochs: 200, loss: Loss::MeanSquared, batch: Batch::Mini { size: 32 }, hinge_beta: None }
    );
    let observe = Observe {
        epochs: Schedule::Every { every: 5 },
        manifold_every: Some(10),
        // Every 10th, because stragglers may turn out to be those of any epoch at which the manifold is measured.
        misclassified: Some(Schedule::Every { every: 10 }),
        noise: vec![1.0, 0.5],
        probes: Scheduled {
            local_complexity: Some(LocalComplexity {
                at: Schedule::Log { per_decade: 4 },
                radii: vec![0.05, 0.5],
                directions: 8,
                points: 100,
                sets: vec![PointSet::Random, PointSet::Train],
                centroid: false,
                outputs: true,
                random_box: Some([0.0, 1.0]),
                shared_frame: true,
                test_points: None,
                random_points: None,
            }),
            robustness: Some(Robustness {
                at: Schedule::At { epochs: vec![0, 100] },
                norms: vec![Norm::L2, Norm::Linf],
                epsilons: vec![0.1, 0.3],
                steps: 7,
                step_size: Some(0.02),
                random_start: true,
                points: 50,
                clip: Some([0.0, 1.0]),
                last_iterate: true,
                attack_loss: Climbed::CrossEntropy,
            }),
            ..Scheduled::default()
        },
        flow: None,
    };
    assert_eq!(sweep.observe, observe);
    let adaptive = AdaptiveSeeds { half_width: 0.0005, max_seeds: 128 };
    assert_eq!(sweep.stop, Stop { after_inversion: Some(50), half_width: Some(adaptive) });
    let slurm = Slurm {
        nodes: Some(2),
        ntasks_per_node: Some(4),
        gpus_per_task: Some(0),
        cpus_per_task: Some(8),
        time: Some("1-12:00:00".into()),
        partition: Some("gpu".into()),
        account: Some("lab".into()),
        qos: Some("long".into()),
        mem: Some("64G".into()),
        modules: vec!["openmpi/5.0".into()],
        extra: vec!["export OMP_PROC_BIND=close".into()],
    };
    assert_eq!(sweep.slurm, slurm);
    let ways = [("hessian_eigenvalue", "maximum"), ("radius_0", "minimum")];
    let report = ReportSettings {
        principal: Some("weight_norm[2]".into()),
        turning: ways.iter().map(|(name, way)| (name.to_string(), way.to_string())).collect(),
        loss_levels: vec![0.05, 0.5],
    };
    assert_eq!(sweep.report, report);
    assert_eq!(sweep.grid_size(), 2 * 13 * 7 * 24 * 95 * 8);
}

/// The table takes what sbatch takes, as the flags of `submit` do: there is one reader.
#[test]
fn the_slurm_table_takes_what_sbatch_takes() {
    for time in ["30", "30:00", "12:00:00", "2-12", "2-12:30", "2-12:30:00", "UNLIMITED", "infinite"] {
        let sweep = good(&edited("epochs = 50", &format!("epochs = 50\n[slurm]\ntime = \"{time}\"")));
        assert_eq!(sweep.slurm.time.as_deref(), Some(time), "kept as it is written");
    }
    for mem in ["4000", "64G", "64g", "64GB", "64gb", "1T", "512M", "0"] {
        let sweep = good(&edited("epochs = 50", &format!("epochs = 50\n[slurm]\nmem = \"{mem}\"")));
        assert_eq!(sweep.slurm.mem.as_deref(), Some(mem));
    }
}

/// The keys of gradient flows, which exclude others.
pub(super) const FLOW_KEYS: &str = r#"
[[architecture]]
kind = "mlp"
hidden = [20]
activation = ["relu", "softplus"]
parametrisation = "mean-field"
bias_variance = [0, 1]

[[optimiser]]
kind = "gradient-flow"
alpha = [0.01, 100]
gradient_change = 1e-3
output_change = 0.2
kink_change = 0.02
margin = 0.5
fitted = 0.99
time = [1e3, 1e4]
precision = ["f32", "f64"]
watched = "pulling"

[train]
epochs = 1000
loss = "soft-hinge"
hinge_beta = 10

[flow]
stages = [0.9, 0.1]
kernel = [0.9, 0]
kernel_points = 100
kernel_test = 50
components = 4
weights_at = [1, 0]
neurons = 7
profile = 31
kernel_flow = 5000
kernel_losses = [0.5, 0.1]
kernel_compressed = 0.1
kernel_parts = true
kernel_information = 16
"#;

pub(super) fn flowing(text: &str) -> String {
    let tables = "[sweep]\nname = \"flow\"\nseeds = 2\n[[data]]\nsource = \"stripe\"\ndimension = 5\n\
                  [[subsample]]\nsize = 100\n";
    format!("{tables}{text}")
}

#[test]
fn gradient_flows_have_their_own_keys() {
    let sweep = good(&flowing(FLOW_KEYS));
    assert_eq!((sweep.architectures.len(), sweep.optimisers.len()), (4, 8));
    assert_eq!(sweep.architectures[0].mean_field, Some(MeanField { bias_variance: 0.0 }));
    assert_eq!(sweep.architectures[3].activation, Activation::Softplus);
    let flow = Flow {
        alpha: 100.0,
        gradient_change: 1e-3,
        output_change: 0.2,
        kink_change: 0.02,
        margin: 0.5,
        fitted: 0.99,
        time: Some(1e4),
        precision: Precision::F64,
        watched: Watched::Pulling,
    };
    assert_eq!(sweep.optimisers[7].flow, Some(flow));
    assert_eq!((sweep.train.loss, sweep.train.hinge_beta), (Loss::SoftHinge, Some(10.0)));
    let observe = FlowObserve {
        stages: vec![0.0, 0.1, 0.9, 1.0],
        kernel: vec![0.0, 0.9],
        kernel_points: 100,
        kernel_test: 50,
        components: 4,
        weights_at: vec![0.0, 1.0],
        neurons: 7,
        profile: 31,
        kernel_flow: 5000,
        kernel_losses: vec![0.1, 0.5],
        kernel_compressed: Some(0.1),
        kernel_parts: true,
        kernel_information: 16,
    };
    assert_eq!((sweep.observe.flow, sweep.observe.manifold_every), (Some(observe), None));
}

#[test]
fn draws_may_be_balanced_and_blocks_not() {
    let drawn = good(&edited("size = 100", "size = 100\ndraw = [1, 2]\nbalanced = true"));
    assert_eq!(drawn.subsamples, [1, 2].map(|draw| Subsample::Balanced { size: 100, draw }));
    let drawn = good(&edited("size = 100", "size = 100\ndraw = 7\nreplacement = true"));
    assert_eq!(drawn.subsamples, [Subsample::WithReplacement { size: 100, draw: 7 }]);
    let both =
        parse(&edited("size = 100", "size = 100\ndraw = 7\nbalanced = true\nreplacement = true"), "good.toml", &[]);
    assert!(both.unwrap_err().to_string().contains("exclude each other"));
    let block = parse(&edited("size = 100", "size = 100\nbalanced = true"), "good.toml", &[]);
    assert!(block.unwrap_err().to_string().contains("`balanced` does not apply to blocks"));
}

#[test]
fn gradient_flows_have_the_papers_defaults() {
    let text = "[[architecture]]\nkind = \"mlp\"\nhidden = [20]\n[[optimiser]]\nkind = \"gradient-flow\"\n\
                [train]\nepochs = 50\nloss = \"soft-hinge\"\n";
    let sweep = good(&flowing(text));
    let flow = sweep.optimisers[0].flow.unwrap();
    assert_eq!((flow.alpha, flow.gradient_change, flow.output_change), (1.0, 1e-4, 0.1));
    assert_eq!((flow.margin, flow.fitted, flow.time, flow.precision), (1.0, 1.0, None, Precision::F64));
    assert_eq!(flow.watched, Watched::All);
    assert_eq!((sweep.train.hinge_beta, sweep.architectures[0].mean_field), (Some(20.0), None));
    let observe = sweep.observe.flow.unwrap();
    assert_eq!((observe.stages, observe.kernel), (vec![0.0, 0.1, 1.0], vec![0.0, 1.0]));
}

#[test]
fn what_does_not_go_with_a_flow_is_told() {
    let refused = |text: &str| parse(&flowing(text), "flow.toml", &[]).unwrap_err().to_string();
    let edited = |from: &str, to: &str| {
        assert!(FLOW_KEYS.contains(from), "{from}");
        refused(&FLOW_KEYS.replacen(from, to, 1))
    };
    let attacked = format!("{FLOW_KEYS}[observe]\nrobustness = {{ epsilon = 0.1, points = 5 }}\n");
    assert!(good(&flowing(&attacked)).observe.probes.robustness.is_some());
    for (text, told) in [
        (edited("alpha = [0.01, 100]", "alpha = 1\nlr = 0.1"), "`lr` does not apply"),
        (edited("margin = 0.5", "schedule = \"cosine\""), "`schedule` does not apply to kind = \"gradient-flow\""),
        (edited("margin = 0.5", "warmup = 5"), "`warmup` goes with every kind but gradient-flow"),
        (edited("margin = 0.5", "clip_norm = 1"), "`clip_norm` does not apply"),
        (edited("margin = 0.5", "sam_radius = 0.1"), "`sam_radius` does not apply"),
        (edited("fitted = 0.99", "fitted = 1.5"), "`fitted` must be a share"),
        (edited("kernel = [0.9, 0]", "kernel = [0.5]"), "`kernel` names a stage that there is not"),
        (edited("weights_at = [1, 0]", "weights_at = [0.5]"), "`weights_at` names a stage that there is not"),
        (edited("_compressed = 0.1", "_compressed = 0.5"), "`kernel_compressed` names a stage that there is not"),
        (
            edited("kernel_losses = [0.5, 0.1]", "kernel_losses = [1]"),
            "`kernel_losses` must be greater than 0 and less than 1",
        ),
        (
            edited("kernel_test = 50", "kernel_test = 0"),
            "`kernel_flow` asks for a machine, and kernel_test = 0 for none",
        ),
        (
            refused(&format!(
                "{}[flow]\nkernel = []\nkernel_information = 16\n",
                FLOW_KEYS.split("[flow]").next().unwrap()
            )),
            "`kernel_information` is of tangent kernels, and none is measured",
        ),
        (edited("loss = \"soft-hinge\"", "loss = \"hinge\""), "`hinge_beta` does not apply"),
        (edited("kind = \"gradient-flow\"", "kind = \"sgd\"\nlr = 0.1"), "`gradient_change` does not apply"),
        (refused(&format!("{FLOW_KEYS}[stop]\nafter_inversion = 5\n")), "[stop] does not go with gradient flow"),
        (refused(&format!("{FLOW_KEYS}[observe]\nnoise = 1\n")), "`noise` does not go with gradient flow"),
        (
            parse(&flowing(&attacked.replacen("100]", "2e4]", 1)), "flow.toml", &[]).unwrap_err().to_string(),
            "`robustness` is not measured of flows with alpha over 10000",
        ),
        (
            refused(&attacked.replacen("points = 5", "attack_loss = \"mse\"", 1)),
            "`attack_loss` does not go with gradient flow",
        ),
        (refused(&format!("{FLOW_KEYS}[[optimiser]]\nkind = \"sgd\"\nlr = 1\n")), "has no other optimisers"),
        (refused(&format!("{FLOW_KEYS}[[data]]\nsource = \"digits\"\n")), "one output, for two classes"),
        (
            parse(
                &flowing(FLOW_KEYS).replace("source = \"stripe\"\ndimension = 5", "source = \"rings\""),
                "flow.toml",
                &[],
            )
            .unwrap_err()
            .to_string(),
            "`neurons` needs data whose informative coordinates are known",
        ),
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let hinge = parse(&super::edited("epochs = 50", "epochs = 50\nloss = \"hinge\""), "good.toml", &[]);
    assert!(hinge.unwrap_err().to_string().contains("a hinge loss goes with gradient flow"));
}

#[test]
fn points_have_their_own_keys() {
    let keys = "source = \"cylinder\"\ndimension = [5, 10]\nparallel = [2, 3]\ntrain = 500\ntest = 300\nstretch = 2";
    let sweep = good(&edited("source = \"digits\"", keys));
    let source = Source::Cylinder(Cylinder { dimension: 5, parallel: 3, train: 500, test: 300, stretch: 2.0 });
    assert_eq!((sweep.data.len(), &sweep.data[1].source), (4, &source));
}

#[test]
fn mixtures_have_no_more_classes_than_dimensions() {
    let mixture = |keys: &str| edited("source = \"digits\"", &format!("source = \"gaussian-mixture\"\n{keys}"));
    let sweep = good(&mixture("dimension = [4, 8]\nclasses = [2, 3]\nseparation = [1, 2.5]\nlabels = \"parity\""));
    let last =
        GaussianMixture { dimension: 8, classes: 3, separation: 2.5, imbalance: 1.0, train: 10_000, test: 10_000 };
    assert_eq!((sweep.data.len(), &sweep.data[7].source), (8, &Source::GaussianMixture(last)));
    assert_eq!((sweep.data[7].labels, sweep.data[7].normalise), (Labels::Parity, Normalise::None));
    for (keys, told) in [
        ("dimension = [4, 8]\nclasses = [3, 5]\nseparation = 1", "`classes` must be at most 4"),
        ("dimension = 1\nseparation = 1", "`dimension` must be at least 2"),
        ("dimension = 4", "`separation` is missing in [[data]]"),
        ("dimension = 4\nseparation = -1", "`separation` must be a finite number not less than 0"),
        ("dimension = 4\nseparation = 1\nimbalance = 0", "`imbalance` must be a finite number greater than 0"),
        ("dimension = 4\nseparation = 1\nstretch = 2", "`stretch` goes with stripe and cylinder"),
    ] {
        let errors = parse(&mixture(keys), "good.toml", &[]).unwrap_err().to_string();
        assert!(errors.contains(told), "{told}: {errors}");
    }
}

#[test]
fn generated_sources_say_their_keys() {
    let source = |keys: &str| edited("source = \"digits\"", &format!("source = {keys}"));
    let teacher = RandomTeacher { dimension: 4, classes: 3, units: 5, teacher: 7, train: 500, test: 10_000 };
    let table = ModularAddition { modulus: 97, share: 0.5, split: 0 };
    let spirals = Spirals { classes: 2, turns: 1.0, noise: 0.02, train: 10_000, test: 10_000 };
    for (keys, expected) in [
        (
            "\"random-teacher\"\ndimension = 4\nclasses = 3\nunits = 5\nteacher = 7\ntrain = 500",
            Source::RandomTeacher(teacher),
        ),
        ("\"modular-addition\"\nmodulus = 97", Source::ModularAddition(table)),
        ("\"spirals\"", Source::Spirals(spirals)),
    ] {
        let sweep = good(&source(keys));
        assert_eq!((&sweep.data[0].source, sweep.data[0].normalise), (&expected, Normalise::None));
    }
    for (keys, told) in [
        ("\"sparse-parity\"\ndimension = 4\nrelevant = 5", "`relevant` must be at most 4"),
        ("\"sparse-parity\"\ndimension = 4\nrelevant = 2\nlabels = \"parity\"", "unknown labels `parity`"),
        ("\"modular-addition\"\nmodulus = 1001", "`modulus` must be at most 1000"),
        ("\"modular-addition\"\nmodulus = 7\nshare = 1", "`share` must be greater than 0 and less than 1"),
        // 15 of 49 pairs.
        ("\"modular-addition\"\nmodulus = 7\nshare = 0.3", "modular-addition has 15 training samples"),
        ("\"power-law\"\ndimension = 4", "`exponent` is missing in [[data]]"),
        ("\"moons\"\nclasses = 2", "`classes` does not apply to source = \"moons\""),
        ("\"rings\"\nclasses = 1", "`classes` must be at least 2"),
    ] {
        let errors = parse(&source(keys), "good.toml", &[]).unwrap_err().to_string();
        assert!(errors.contains(told), "{told}: {errors}");
    }
}

#[test]
fn arrays_say_their_keys() {
    use crate::data::sources::Arrays;
    let sweep = good(ARRAYS);
    let arrays = |at: usize| match &sweep.data[at].source {
        Source::Arrays(arrays) => arrays.clone(),
        other => panic!("{other:?}"),
    };
    // Two shares in two draws, then the last ones, then arrays of their own.
    assert_eq!(sweep.data.len(), 2 * 2 + 1 + 1);
    let Arrays { inputs, targets, test_share, test_draw, channels_last, .. } = arrays(3);
    assert_eq!((inputs.0, targets.0), (vec!["x".to_owned()], vec!["kind".to_owned()]));
    assert_eq!((test_share, test_draw, channels_last), (Some(0.3), 5, true));
    assert_eq!((arrays(4).inputs.0.len(), arrays(4).test_last, arrays(4).test_share), (2, Some(1000), None));
    assert_eq!((arrays(5).test_inputs.0, arrays(5).test_draw), (vec!["test/x".to_owned()], 0));
    // One name is a word, none is nothing, several are a list.
    let json = serde_json::to_value(arrays(4)).expect("JSON");
    assert_eq!((&json["inputs"], &json["test_inputs"]), (&serde_json::json!(["a", "b"]), &serde_json::Value::Null));
    let set = ["data.2.inputs=a,b".to_owned(), "data.1.inputs=c".to_owned()];
    let sweep = parse(ARRAYS, "set.toml", &set).unwrap_or_else(|errors| panic!("{errors}"));
    let names = |at: usize| serde_json::to_value(&sweep.data[at].source).expect("JSON")["inputs"].clone();
    assert_eq!((names(4), names(5)), (serde_json::json!("c"), serde_json::json!(["a", "b"])));
}

#[test]
fn schedules_have_several_spellings() {
    let record = |written: &str| {
        let sweep = good(&format!("{GOOD}[observe]\nrecord = {written}\nmisclassified = {written}\n"));
        (sweep.observe.epochs, sweep.observe.misclassified.unwrap())
    };
    let log = |per_decade| Schedule::Log { per_decade };
    for written in ["\"log\"", "{ at = \"log\" }", "{ log = 10 }", "{ per_decade = 10 }"] {
        assert_eq!(record(written), (log(10), log(10)), "{written}");
    }
    assert_eq!(record("{ at = \"log\", per_decade = 4 }").0, log(4));
    assert_eq!(record("{ every = 3 }").0, Schedule::Every { every: 3 });
    // Losses are recorded at the first and the last epoch whatever is listed; bits are kept as listed.
    for written in ["[40, 20]", "{ at = [20, 40] }"] {
        let (recorded, kept) = record(written);
        assert_eq!(recorded.epochs(50), [0, 20, 40, 50]);
        assert_eq!(kept.epochs(50), [20, 40]);
    }
}

proptest! {
    // Seeds come out ascending and distinct, however they were listed.
    #[test]
    fn seeds_ascend(mut seeds in proptest::collection::hash_set(0_u64..1_000_000, 1..50)) {
        let listed: Vec<u64> = seeds.drain().collect();
        let sweep = good(&edited("seeds = 2", &format!("seeds = {listed:?}")));
        prop_assert_eq!(sweep.seeds.len(), listed.len());
        prop_assert!(sweep.seeds.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

#[test]
fn what_a_prune_leaves_out_is_kept_whether_asked_for_or_not() {
    let kept = |tables: &str| good(&format!("{GOOD}{tables}")).observe.misclassified;
    let epochs = |tables: &str| kept(tables).map(|schedule| schedule.epochs(50)).unwrap_or_default();
    let logarithmic = good(&format!("{GOOD}[[prune]]\nremove = \"misclassified\"\nepoch = {{ log = 1 }}\n"));
    assert_eq!(logarithmic.prunes, [1, 10, 50].map(|epoch| Prune::Misclassified { epoch }));
    assert_eq!(logarithmic.observe.misclassified.unwrap().epochs(50), [1, 10, 50]);
    let at = "[[prune]]\nremove = \"misclassified\"\nepoch = [30, 10]\n";
    let random = "[[prune]]\nremove = \"random\"\nlike = \"misclassified\"\nepoch = 7\n";
    assert_eq!(epochs(&format!("{at}{random}[observe]\nmisclassified = [20]\n")), [7, 10, 20, 30]);
    // A rule that covers what is needed stays as it was written: it is part of the cells' identity.
    let every = Schedule::Every { every: 10 };
    assert_eq!(kept(&format!("{at}[observe]\nmisclassified = {{ every = 10 }}\n")), Some(every));
    // The inversion may lie at any epoch at which the manifold is measured.
    let stragglers = "[[prune]]\nremove = \"stragglers\"\n[observe]\n";
    assert_eq!(kept(stragglers), Some(Schedule::Every { every: 1 }));
    assert_eq!(epochs(&format!("{stragglers}manifold = {{ every = 20 }}\n")), [0, 20, 40, 50]);
    let sparse = format!("{stragglers}record = [10, 25, 40]\nmanifold = {{ every = 10 }}\nmisclassified = [3]\n");
    assert_eq!(epochs(&sparse), [0, 3, 10, 40, 50]);
    assert_eq!(kept("[[prune]]\nremove = \"none\"\n"), None);
}

#[test]
fn what_is_not_probed_leaves_no_trace_in_the_identity() {
    let json = |text: &str| serde_json::to_string(&good(text).observe).unwrap();
    let plain = json(GOOD);
    assert!(!plain.contains("probes"), "{plain}");
    assert_eq!(json(&format!("{GOOD}[observe]\nweights = false\n")), plain);
    let kept = good(&format!("{GOOD}[observe]\nweights = [50, 0]\n")).observe.probes.weights;
    assert_eq!(kept, Some(Schedule::At { epochs: vec![0, 50] }));
    let probed = json(&format!("{GOOD}[observe]\nlocal_complexity = {{ radii = 0.1 }}\n"));
    assert!(probed.starts_with(&plain[..plain.len() - 1]) && probed.contains("local_complexity"), "{probed}");
}

#[test]
fn steps_have_several_spellings() {
    let minibatches = edited("epochs = 50", "epochs = 50\nbatch = 10");
    let probes = |written: &str| {
        good(&format!("{minibatches}[observe]\nweights = {written}\ntrajectory = {{ at = {written} }}\n"))
            .observe
            .probes
    };
    for (written, expected) in [
        ("{ steps = [5, 0, 1] }", Schedule::Steps { steps: vec![0, 1, 5] }),
        ("{ steps = 7 }", Schedule::Steps { steps: vec![7] }),
        ("{ at = { steps = [5, 0, 1] } }", Schedule::Steps { steps: vec![0, 1, 5] }),
        ("{ steps = { every = 10, until = 200 } }", Schedule::EverySteps { every: 10, until: 200 }),
        ("{ steps = { log = 5, until = 200 } }", Schedule::LogSteps { per_decade: 5, until: 200, singly_until: None }),
        (
            "{ steps = { log = 5, until = 200, singly_until = 30 } }",
            Schedule::LogSteps { per_decade: 5, until: 200, singly_until: Some(30) },
        ),
        (
            "{ steps = { per_decade = 5, until = 200 } }",
            Schedule::LogSteps { per_decade: 5, until: 200, singly_until: None },
        ),
    ] {
        let found = probes(written);
        assert_eq!(found.weights.as_ref(), Some(&expected), "{written}");
        assert_eq!(found.schedule_of("trajectory"), Some(&expected), "{written}");
        assert_eq!(found.schedule_of("update"), None);
    }
    let from_command_line = |set: &str| {
        let text = format!("{minibatches}[observe]\ntrajectory = {{}}\n");
        parse(&text, "s.toml", &[set.to_owned()]).unwrap().observe.probes.schedule_of("trajectory").cloned()
    };
    let list = Some(Schedule::Steps { steps: vec![0, 1, 5] });
    assert_eq!(from_command_line("trajectory={at={steps=[0,1,5]}}"), list);
    assert_eq!(from_command_line("trajectory.at={steps=[0,1,5]}"), list);
}

/// A preset is other defaults: written out it is the same, and what is given beside it counts.
#[test]
fn presets_stand_for_keys() {
    let probes = |observe: &str| good(&format!("{GOOD}[observe]\n{observe}\n")).observe.probes;
    let written = "random_box = [0, 1], outputs = true, centroid = false, shared_frame = true, points = 1000, \
                   test_points = 10000, random_points = 10000";
    let preset = probes("local_complexity = { preset = \"humayun-2024\", radii = 0.1 }");
    assert_eq!(preset, probes(&format!("local_complexity = {{ radii = 0.1, {written} }}")));
    assert_ne!(preset, probes("local_complexity = { radii = 0.1 }"));
    let given =
        probes("local_complexity = { preset = \"humayun-2024\", radii = 0.1, centroid = true, test_points = 70 }");
    let given = given.local_complexity.unwrap();
    assert!(given.centroid && given.outputs && given.test_points == Some(70) && given.random_points == Some(10_000));
    let none = probes("local_complexity = { preset = \"none\", radii = 0.1 }");
    assert_eq!(none, probes("local_complexity = { radii = 0.1 }"));
    let attack = "epsilon = 0.1, random_start = true, last_iterate = true, attack_loss = \"cross-entropy\"";
    assert_eq!(
        probes("robustness = { preset = \"humayun-2024\", epsilon = 0.1 }"),
        probes(&format!("robustness = {{ {attack} }}"))
    );
    let own = probes("robustness = { preset = \"humayun-2024\", epsilon = 0.1, attack_loss = \"trained\" }");
    assert_eq!(own, probes("robustness = { epsilon = 0.1, random_start = true, last_iterate = true }"));
}
