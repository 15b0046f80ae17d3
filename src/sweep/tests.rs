//! What a sweep file may say, and what is answered to one that says it wrong.

use super::*;
use std::path::Path;

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

fn errors(text: &str) -> String {
    parse(text, "bad.toml", &[]).unwrap_err().to_string()
}

/// `GOOD` with one line replaced by others.
fn edited(line: &str, by: &str) -> String {
    assert!(GOOD.contains(line), "{line}");
    GOOD.replacen(line, by, 1)
}

fn set(arguments: &[&str]) -> Result<Sweep, Diagnostics> {
    let arguments: Vec<String> = arguments.iter().map(|argument| argument.to_string()).collect();
    parse(GOOD, "good.toml", &arguments)
}

/// One error, whose message, mark and help are as expected.
fn one_error(text: &str, expected: &[&str]) {
    let all = parse(text, "bad.toml", &[]).unwrap_err();
    let shown = all.to_string();
    assert_eq!(all.len(), 1, "{shown}");
    for part in expected {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
}

#[test]
fn every_sweep_of_the_repository_is_sound_and_says_what_it_shows() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("sweeps");
    let mut read = 0;
    for entry in std::fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let sweep = parse(&text, &path.display().to_string(), &[]).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(path.file_stem().unwrap().to_str(), Some(sweep.name.as_str()), "a sweep is called as its file");
        assert!(text.starts_with("# ") && text.lines().take_while(|line| line.starts_with('#')).count() >= 2);
        read += 1;
    }
    assert!(read >= 2);
}

#[test]
fn the_quick_sweep_is_the_grid_that_was_asked_for() {
    let text = include_str!("../../sweeps/quick.toml");
    let sweep = good(text);
    assert_eq!(sweep.grid_size(), 256);
    assert_eq!(sweep.seeds, (0..64).collect::<Vec<u64>>());
    assert_eq!(sweep.subsamples, [Subsample::Block { size: 1500, block: 0 }]);
    assert_eq!(sweep.optimisers.iter().map(|optimiser| optimiser.lr).collect::<Vec<_>>(), [0.2, 0.4]);
    let widths: Vec<_> = sweep.architectures.iter().map(|network| network.kind.clone()).collect();
    assert_eq!(widths, [10, 20].map(|width| ArchitectureKind::Mlp { hidden: vec![width] }));
    assert_eq!(sweep.observe.misclassified, Some(Schedule::Log { per_decade: 10 }));
    assert_eq!(sweep.train, Train { epochs: 600, loss: Loss::CrossEntropy, batch: Batch::Full });
}

#[test]
fn defaults_are_as_documented() {
    let sweep = good(GOOD);
    let data = Data {
        source: Source::Digits { train: 1500 },
        labels: Labels::Classes,
        label_noise: 0.0,
        label_draw: 0,
        normalise: Normalise::Standardise,
        path: None,
    };
    assert_eq!(sweep.data, [data]);
    assert_eq!(sweep.architectures[0].observe, [1]);
    assert_eq!(sweep.prunes, [Prune::None]);
    assert_eq!(sweep.observe.epochs, Schedule::Every { every: 1 });
    assert_eq!((sweep.observe.manifold_every, &sweep.observe.misclassified), (Some(1), &None));
    assert_eq!((sweep.stop, sweep.slurm), (Stop::default(), Slurm::default()));
    // PyTorch's defaults of each optimiser (torch.optim, as of 2.9).
    let optimiser = |kind: &str| good(&edited("kind = \"sgd\"", kind)).optimisers[0];
    let adam = optimiser("kind = \"adam\"");
    assert_eq!((adam.beta1, adam.beta2, adam.epsilon, adam.weight_decay), (0.9, 0.999, 1e-8, 0.0));
    assert_eq!(optimiser("kind = \"adamw\"").weight_decay, 0.01);
    let rmsprop = optimiser("kind = \"rmsprop\"");
    assert_eq!((rmsprop.beta2, rmsprop.momentum, rmsprop.epsilon), (0.99, 0.0, 1e-8));
    assert_eq!(optimiser("kind = \"sgd\"\nnesterov = true\nmomentum = 0.9").kind, OptimiserKind::Nesterov);
    let points = good(&edited("source = \"digits\"", "source = \"stripe\"\ndimension = 5"));
    assert_eq!(points.data[0].normalise, Normalise::None);
    let cnn = good(&edited("kind = \"mlp\"\nhidden = [20]", "kind = \"cnn\"\nchannels = [4, 8]"));
    let shape = ArchitectureKind::Cnn { channels: vec![4, 8], kernel: 3, pool: 2, hidden: vec![] };
    assert_eq!((&cnn.architectures[0].kind, &cnn.architectures[0].observe), (&shape, &vec![2]));
}

/// Every key that the module's table names, with values other than the defaults.
const EVERY_KEY: &str = r#"
[sweep]
name = "every.key_of-1"
seeds = [7, 3]

[[data]]
source = "idx"
path = "/data/images"
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
labels = "parity"
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

[stop]
after_inversion = 50
metric = "epsilon_star"
half_width = 0.0005
max_seeds = 128

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

#[test]
fn every_documented_key_arrives() {
    let sweep = good(EVERY_KEY);
    assert_eq!((sweep.name.as_str(), sweep.seeds.as_slice()), ("every.key_of-1", &[3, 7][..]));
    // idx: two labels, each without noise (where draws are one) and with noise in two draws; then 1 + 1 + 2.
    assert_eq!(sweep.data.len(), 2 * (1 + 2) + 1 + 1 + 2);
    assert_eq!(sweep.data[0].path.as_deref(), Some(Path::new("/data/images")));
    assert_eq!(sweep.data[0].labels, Labels::OneVsRest { label: 1 });
    assert_eq!((sweep.data[2].label_noise, sweep.data[2].label_draw), (0.25, 5));
    assert_eq!(sweep.data[0].normalise, Normalise::Sphere);
    assert_eq!(sweep.data[6].source, Source::Cifar10 { channels: Channels::Flat });
    assert_eq!((sweep.data[7].labels, sweep.data[7].label_draw), (Labels::Random, 2));
    assert_eq!(sweep.data[9].source, Source::Digits { train: 1200 });
    let block = |size, block| Subsample::Block { size, block };
    let draw = |draw| Subsample::Draw { size: 50, draw };
    let subsamples = [block(100, 0), block(100, 4), block(200, 0), block(200, 4), draw(3), draw(4), draw(9)];
    assert_eq!(sweep.subsamples, subsamples);
    assert_eq!(sweep.architectures.len(), 2 * 2 * 2 + 2 * 2 * 2 * 2);
    assert_eq!(sweep.architectures[7].init_scale, 8.0);
    // The deepest convolutional network: two convolutions and a dense layer; the last is observed.
    assert_eq!(sweep.architectures.last().map(|network| network.observe.clone()), Some(vec![3]));
    assert_eq!(sweep.optimisers.len(), 32 + 4 + 1);
    assert_eq!((sweep.optimisers[31].beta2, sweep.optimisers[31].weight_decay), (0.95, 1e-4));
    assert_eq!((sweep.optimisers[36].kind, sweep.optimisers[36].momentum), (OptimiserKind::Nesterov, 0.9));
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
    assert_eq!(sweep.train, Train { epochs: 200, loss: Loss::MeanSquared, batch: Batch::Mini { size: 32 } });
    let observe = Observe {
        epochs: Schedule::Every { every: 5 },
        manifold_every: Some(10),
        // 30 is there because a prune leaves out what is misclassified then.
        misclassified: Some(Schedule::At { epochs: vec![10, 20, 30] }),
        noise: vec![1.0, 0.5],
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
    assert_eq!(sweep.grid_size(), 2 * 10 * 7 * 24 * 37 * 8);
}

#[test]
fn the_tables_of_the_documentation_name_the_keys_that_are_read() {
    // What `EVERY_KEY` does not name because it excludes another is named here.
    let others = ["dimension", "parallel", "test", "stretch"];
    let documentation: String = include_str!("mod.rs").lines().filter(|line| line.starts_with("//! | `")).collect();
    for line in EVERY_KEY.lines().filter(|line| line.contains(" = ")) {
        let key = line.split(" = ").next().unwrap();
        assert!(documentation.contains(&format!("`{key}`")), "{key} is not documented");
    }
    for key in others {
        assert!(documentation.contains(&format!("`{key}`")), "{key} is not documented");
    }
    for line in include_str!("mod.rs").lines().filter(|line| line.starts_with("//! | `")) {
        let cell = line.split('|').nth(1).unwrap();
        for key in cell.split('`').skip(1).step_by(2) {
            assert!(EVERY_KEY.contains(&format!("\n{key} = ")) || others.contains(&key), "{key} is not tested");
        }
    }
}

#[test]
fn points_have_their_own_keys() {
    let keys = "source = \"cylinder\"\ndimension = [5, 10]\nparallel = [2, 3]\ntrain = 500\ntest = 300\nstretch = 2";
    let sweep = good(&edited("source = \"digits\"", keys));
    let source = Source::Cylinder { dimension: 5, parallel: 3, train: 500, test: 300, stretch: 2.0 };
    assert_eq!((sweep.data.len(), &sweep.data[1].source), (4, &source));
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
    let pruned = good(&format!("{GOOD}[[prune]]\nremove = \"misclassified\"\nepoch = {{ log = 1 }}\n"));
    assert_eq!(pruned.prunes, [1, 10, 50].map(|epoch| Prune::Misclassified { epoch }));
    assert_eq!(pruned.observe.misclassified.unwrap().epochs(50), [1, 10, 50]);
}

#[test]
fn all_errors_are_told_at_once_each_under_its_place() {
    let text = r#"[sweep]
name = "bad sweep"
seeds = { start = 0, cuont = 4 }

[[data]]
source = "mnits"

[[data]]
source = "digits"

[[subsample]]
size = [1000, 1501]

[[architecture]]
kind = "mlp"
hidden = [20]
observe = [1, 2]

[[optimiser]]
kind = "adam"
lr = [0.1, 0, -1e-3]
momentum = 0.9
learning_rate = 0.1

[train]
epochs = "many"
batch = 0
"#;
    let expected = r#"error: `name` is also the name of the run directory
 --> bad.toml:2:8
  |
2 | name = "bad sweep"
  |        ^^^^^^^^^^^
  |
  = help: letters a-z, digits, `-`, `_` and `.` are allowed; a letter or digit comes first

error: `seeds` lacks `count`
 --> bad.toml:3:9
  |
3 | seeds = { start = 0, cuont = 4 }
  |         ^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write seeds = { start = 0, count = 64 }

error: unknown key `cuont` in `seeds`
 --> bad.toml:3:22
  |
3 | seeds = { start = 0, cuont = 4 }
  |                      ^^^^^ did you mean `count`?
  |
  = help: allowed here: start, count

error: unknown source `mnits`
 --> bad.toml:6:10
  |
6 | source = "mnits"
  |          ^^^^^^^ did you mean "mnist"?
  |
  = help: allowed: digits, mnist, fashion-mnist, kmnist, cifar10, idx, stripe, cylinder

error: `size` is larger than the data
  --> bad.toml:12:15
   |
12 | size = [1000, 1501]
   |               ^^^^ digits has 1500 training samples
   |
   = help: digits: 1797 samples in all; those after `train` in [[data]] (1500 unless set) are the test set

error: there is no hidden layer 2
  --> bad.toml:17:15
   |
17 | observe = [1, 2]
   |               ^ the network has one hidden layer, number 1

error: `lr` must be a finite number greater than 0
  --> bad.toml:21:12
   |
21 | lr = [0.1, 0, -1e-3]
   |            ^ found 0

error: `lr` must be a finite number greater than 0
  --> bad.toml:21:15
   |
21 | lr = [0.1, 0, -1e-3]
   |               ^^^^^ found -0.001

error: `momentum` makes no sense for kind = "adam"
  --> bad.toml:22:12
   |
22 | momentum = 0.9
   |            ^^^
   |
   = help: `momentum` goes with sgd, nesterov and rmsprop

error: unknown key `learning_rate` in [[optimiser]]
  --> bad.toml:23:1
   |
23 | learning_rate = 0.1
   | ^^^^^^^^^^^^^ did you mean `lr`?
   |
   = help: allowed here: kind, lr, momentum, nesterov, beta1, beta2, alpha, epsilon, weight_decay

error: `epochs` must be an integer
  --> bad.toml:26:10
   |
26 | epochs = "many"
   |          ^^^^^^ found a string

error: `batch` must be at least 1
  --> bad.toml:27:9
   |
27 | batch = 0
   |         ^ found 0

12 errors in bad.toml"#;
    assert_eq!(errors(text), expected);
}

#[test]
fn syntax_errors_are_underlined_too() {
    let shown = errors("[sweep]\nname = \"x\nseeds = 3\n");
    assert!(shown.contains("not valid TOML") && shown.contains("bad.toml:2:"), "{shown}");
    let shown = errors("[sweep\nname = 1\n");
    assert!(shown.contains("bad.toml:1:7\n"), "{shown}");
    // A syntax error hides nothing but what follows from it: two of them are two.
    let shown = errors("[sweep]\nname = = 3\n[train]\nepochs = 1 2\n");
    assert!(shown.contains("bad.toml:2:") && shown.contains("bad.toml:4:"), "{shown}");
}

#[test]
fn a_key_given_twice_does_not_hide_other_errors() {
    let text = edited("lr = 0.1", "lr = 0.1\nlr = -2").replacen("epochs = 50", "epochs = 0", 1);
    let shown = errors(&text);
    assert!(shown.contains("given before") && shown.contains("bad.toml:17:1\n"), "{shown}");
    assert!(shown.contains("`epochs` must be at least 1"), "{shown}");
}

#[test]
fn tables_that_are_missing_or_of_the_wrong_kind() {
    let shown = errors("");
    for header in ["[sweep]", "[[data]]", "[[subsample]]", "[[architecture]]", "[[optimiser]]", "[train]"] {
        assert!(shown.contains(&format!("error: {header} is missing\n --> bad.toml\n")), "{shown}");
    }
    one_error(&edited("[[optimiser]]", "[optimiser]"), &["`optimiser` is an axis", "with two brackets", ":15:1\n"]);
    one_error(&edited("[train]", "[[train]]"), &["`train` must be a table", "write [train], not [[train]]"]);
    one_error(&format!("data = []\n{}", edited("[[data]]\nsource = \"digits\"\n", "")), &["empty axis", ":1:8\n"]);
    one_error(&format!("{GOOD}[optimizer]\nlr = 1\n"), &["did you mean `optimiser`?", "allowed here: sweep, data"]);
    one_error(&edited("epochs = 50", ""), &["`epochs` is missing in [train]", "^^^^^^^", "epochs = 500"]);
}

#[test]
fn impossible_numbers_are_refused() {
    let cases = [
        ("seeds = 2", "seeds = 0", "`seeds` must be at least 1"),
        ("seeds = 2", "seeds = []", "empty list"),
        ("seeds = 2", "seeds = [1, 2, 1]", "`seeds` lists 1 twice"),
        ("seeds = 2", "seeds = -1", "at least 1"),
        ("seeds = 2", "seeds = 1e300", "`seeds` must be an integer, a list"),
        ("seeds = 2", "seeds = { start = 0, count = 99999999999 }", "`count` must be at most 10000000"),
        ("size = 100", "size = 0", "`size` must be at least 1"),
        ("size = 100", "size = []", "`size` is an empty list"),
        ("size = 100", "size = 100.5", "`size` must be an integer or a list of integers"),
        ("size = 100", "size = 100\nblock = 15", "block 15 of size 100 ends at sample 1600"),
        ("size = 100", "size = 100\nblock = 99999999999999999999999999999999999999999999", "`block` must be at most"),
        ("size = 100", "size = 100\nblock = 0\ndraw = 1", "`block` and `draw` exclude each other"),
        ("hidden = [20]", "hidden = [0]", "`hidden` must be at least 1"),
        ("hidden = [20]", "hidden = []", "`hidden` has no layer"),
        ("hidden = [20]", "hidden = 20", "a list of integers, as in [20]"),
        ("hidden = [20]", "hidden = [[20], [20]]", "`hidden` lists [20] twice"),
        ("hidden = [20]", "hidden = [[20], 10]", "a list of integers, as in [20]"),
        ("hidden = [20]", "hidden = [20]\nkernel = 3", "`kernel` makes no sense for kind = \"mlp\""),
        ("hidden = [20]", "hidden = [20]\nactivation = \"tahn\"", "did you mean \"tanh\"?"),
        ("hidden = [20]", "hidden = [20]\ninit_scale = 0", "`init_scale` must be a finite number greater than 0"),
        ("hidden = [20]", "hidden = [20]\nobserve = [0]", "no hidden layer 0"),
        ("hidden = [20]", "hidden = [[20], [20, 20]]\nobserve = 2", "no hidden layer 2"),
        ("lr = 0.1", "lr = nan", "`lr` must be"),
        ("lr = 0.1", "lr = inf", "`lr` must be"),
        ("lr = 0.1", "lr = 1e-60", "training computes in single precision, where this is 0"),
        ("lr = 0.1", "lr = 0.1\nmomentum = 1", "`momentum` must be at least 0 and less than 1"),
        ("lr = 0.1", "lr = 0.1\nmomentum = 0.9999999999", "single precision, where this is 1"),
        ("lr = 0.1", "lr = 0.1\nnesterov = true", "`momentum` is missing"),
        ("lr = 0.1", "lr = 0.1\nweight_decay = -1", "`weight_decay` must be"),
        ("lr = 0.1", "lr = [0.1, 0.10]", "`lr` lists 0.1 twice"),
        ("lr = 0.1", "lr = true", "found true or false"),
        ("kind = \"sgd\"", "kind = \"lbfgs\"", "unknown kind `lbfgs`"),
        ("epochs = 50", "epochs = 0", "`epochs` must be at least 1"),
        ("epochs = 50", "epochs = 50\nloss = \"mae\"", "unknown loss `mae`"),
        ("epochs = 50", "epochs = 50\nbatch = \"all\"", "`batch` must be \"full\" or a number"),
        ("epochs = 50", "epochs = 50\nbatch = 101", "`batch` is larger than every [[subsample]]"),
        ("epochs = 50", "epochs = 50\n[observe]\nrecord = [10, 51]", "training has epochs 0 to 50"),
        ("epochs = 50", "epochs = 50\n[observe]\nrecord = { every = 0 }", "`every` must be at least 1"),
        ("epochs = 50", "epochs = 50\n[observe]\nrecord = {}", "must name one rule"),
        ("epochs = 50", "epochs = 50\n[observe]\nrecord = { every = 1, log = 3 }", "must name one rule"),
        ("epochs = 50", "epochs = 50\n[observe]\nrecord = 5", "{ every = 5 }, or [5]?"),
        ("epochs = 50", "epochs = 50\n[observe]\nrecord = false", "`record` is what the results are made of"),
        ("epochs = 50", "epochs = 50\n[observe]\nmanifold = \"log\"", "`manifold` is { every = k } or false"),
        ("epochs = 50", "epochs = 50\n[observe]\nmisclassified = [3, 3]", "`misclassified` lists 3 twice"),
        ("epochs = 50", "epochs = 50\n[observe]\nnoise = 0", "`noise` must be"),
        ("epochs = 50", "epochs = 50\n[[prune]]\nremove = \"misclassified\"\nepoch = 60", "epochs 0 to 50"),
        ("epochs = 50", "epochs = 50\n[[prune]]\nremove = \"misclassified\"", "`epoch` is missing in [[prune]]"),
        ("epochs = 50", "epochs = 50\n[[prune]]\nremove = \"random\"", "`like` is missing in [[prune]]"),
        ("epochs = 50", "epochs = 50\n[[prune]]\nremove = \"none\"\nat = \"distance\"", "`at` makes no sense"),
        ("epochs = 50", "epochs = 50\n[stop]\nhalf_width = 0.1", "`max_seeds` is missing"),
        ("epochs = 50", "epochs = 50\n[stop]\nhalf_width = 0.1\nmax_seeds = 1", "[sweep] lists 2 already"),
        ("epochs = 50", "epochs = 50\n[stop]\nmetric = \"epsilon_star\"\nmax_seeds = 9", "`half_width` is missing"),
        ("epochs = 50", "epochs = 50\n[stop]\nafter_inversion = 1\n[observe]\nmanifold = false", "not measured"),
        ("epochs = 50", "epochs = 50\n[slurm]\ntime = \"1h\"", "`time` is not what Slurm takes"),
        ("epochs = 50", "epochs = 50\n[slurm]\nextra = [\"a\\nb\"]", "`extra` is not what Slurm takes"),
        ("source = \"digits\"", "source = \"digits\"\ntrain = 1797", "`train` must be at most 1796"),
        ("source = \"digits\"", "source = \"digits\"\nlabel = 3", "`label` makes no sense"),
        ("source = \"digits\"", "source = \"digits\"\nlabels = \"one-vs-rest\"", "`label` is missing"),
        ("source = \"digits\"", "source = \"digits\"\nlabels = \"one-vs-rest\"\nlabel = 10", "at most 9"),
        ("source = \"digits\"", "source = \"digits\"\nlabel_noise = 1.5", "a share between 0 and 1"),
        ("source = \"digits\"", "source = \"digits\"\nlabel_draw = 3", "none are random"),
        ("source = \"digits\"", "source = \"digits\"\npath = \"x\"", "`path` makes no sense for source = \"digits\""),
        ("source = \"digits\"", "source = \"idx\"", "`path` is missing"),
        ("source = \"digits\"", "source = \"mnist\"\nchannels = \"sum\"", "`channels` goes with cifar10"),
        ("source = \"digits\"", "source = \"stripe\"", "`dimension` is missing"),
        ("source = \"digits\"", "source = \"stripe\"\ndimension = 3\nlabels = \"parity\"", "unknown labels `parity`"),
        ("source = \"digits\"", "source = \"cylinder\"\ndimension = 3\nparallel = 4", "`parallel` must be at most 3"),
        ("source = \"digits\"", "source = \"stripe\"\ndimension = 3\ntrain = 50", "stripe has 50 training samples"),
    ];
    for (line, by, expected) in cases {
        one_error(&edited(line, by), &[expected]);
    }
}

#[test]
fn convolutions_are_held_against_the_images() {
    let cnn = |keys: &str| edited("kind = \"mlp\"\nhidden = [20]", &format!("kind = \"cnn\"\n{keys}"));
    one_error(&cnn("channels = [4]\nkernel = [3, 4]"), &["`kernel` must be odd", "3 or 5 would do", ":13:14\n"]);
    one_error(&cnn("hidden = [4]"), &["`channels` is missing"]);
    // 8 → 4 → 2 → 1 → nothing.
    one_error(&cnn("channels = [4, 4, 4, 4]\npool = 2"), &["4 poolings by 2", "digits has images of 8×8"]);
    good(&cnn("channels = [4, 4, 4]\npool = 2"));
    let points = cnn("channels = [4]").replacen("source = \"digits\"", "source = \"stripe\"\ndimension = 9", 1);
    one_error(&points, &["convolutions need images"]);
}

#[test]
fn entries_that_repeat_are_the_same_cells_and_refused() {
    let twice = format!("{GOOD}[[optimiser]]\nkind = \"sgd\"\nlr = [0.3, 0.1]\n");
    one_error(&twice, &["this [[optimiser]] repeats an entry of another", "the one of line 15", ":21:1\n"]);
    // The same numbers under another rule are another cell.
    good(&format!("{GOOD}[[optimiser]]\nkind = \"adam\"\nlr = 0.1\n"));
}

#[test]
fn a_grid_too_large_to_count_is_refused() {
    let many = "seeds = { start = 0, count = 10000000 }";
    let data = "source = \"digits\"\nlabel_noise = 0.1\nlabel_draw = ";
    let thousand: Vec<String> = (0..1000).map(|k| k.to_string()).collect();
    let thousand = thousand.join(", ");
    let text = edited("seeds = 2", many)
        .replacen("source = \"digits\"", &format!("{data}[{thousand}]"), 1)
        .replacen("size = 100", "size = 100\ndraw = { count = 100000 }", 1)
        .replacen("lr = 0.1", &format!("lr = 0.1\nweight_decay = [{thousand}]"), 1)
        .replacen("hidden = [20]", "hidden = [20]\ninit_scale = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]", 1);
    // 10⁷ · 10³ · 10⁵ · 10³ · 12 = 1.2·10¹⁹ still fits 64 bits; twice that does not.
    assert_eq!(good(&text).grid_size(), 12_000_000_000_000_000_000);
    one_error(&format!("{text}[[prune]]\nremove = \"none\"\n[[prune]]\nremove = \"stragglers\"\n"), &["can be counted"]);
    let list = format!("lr = [{0}]\nweight_decay = [{0}]\nmomentum = 0", thousand.replacen("0", "1e-3", 1));
    one_error(&edited("lr = 0.1", &format!("{list}\n").replacen("momentum = 0", &steps(20), 1)), &["multiply to more"]);
}

fn steps(count: usize) -> String {
    let items: Vec<String> = (0..count).map(|k| format!("0.{k:02}")).collect();
    format!("momentum = [{}]", items.join(", "))
}

#[test]
fn columns_count_characters() {
    let text = edited("lr = 0.1", "\tlr\t= -0.1 # größer");
    one_error(&text, &["bad.toml:17:7\n", "17 |     lr    = -0.1 # größer\n   |             ^^^^ found -0.1"]);
    let text = edited("kind = \"sgd\"", "kind = \"größe\"");
    one_error(&text, &["unknown kind `größe`", "bad.toml:16:8\n", "\n   |        ^^^^^^^\n"]);
}

#[test]
fn overrides_change_values() {
    let sweep = set(&["train.epochs=7", "seeds.count=4", "seeds.start = 10", "optimiser.lr=[0.3, 0.2]"]).unwrap();
    assert_eq!((sweep.train.epochs, sweep.seeds), (7, vec![10, 11, 12, 13]));
    assert_eq!(sweep.optimisers.iter().map(|optimiser| optimiser.lr).collect::<Vec<_>>(), [0.3, 0.2]);
    let sweep = set(&["sweep.seeds=[5]", "name=other", "optimiser.0.kind=adam", "train.batch=10"]).unwrap();
    assert_eq!((sweep.name.as_str(), sweep.seeds), ("other", vec![5]));
    assert_eq!((sweep.optimisers[0].kind, sweep.train.batch), (OptimiserKind::Adam, Batch::Mini { size: 10 }));
    // Tables and axes that the file does not have; bare words, paths, inline tables.
    let sweep = set(&[
        "observe.misclassified.at=log",
        "prune.remove=stragglers",
        "data.source=mnist",
        "data.path=/data/a=b",
        "slurm={ nodes = 2 }",
    ])
    .unwrap();
    assert_eq!(sweep.observe.misclassified, Some(Schedule::Log { per_decade: 10 }));
    assert_eq!(sweep.prunes, [Prune::Stragglers { at: InversionOf::Distance }]);
    assert_eq!(sweep.data[0].path.as_deref(), Some(Path::new("/data/a=b")));
    assert_eq!(sweep.slurm.nodes, Some(2));
    assert_eq!(set(&["optimiser={ kind = \"adam\", lr = 1e-3 }"]).unwrap().optimisers[0].kind, OptimiserKind::Adam);
    // The later of two is what counts.
    assert_eq!(set(&["train.epochs=7", "train.epochs=8"]).unwrap().train.epochs, 8);
}

#[test]
fn errors_in_overrides_point_at_the_argument() {
    let shown = set(&["train.epochs=9", "train.epochs=0"]).unwrap_err().to_string();
    let expected = "error: `epochs` must be at least 1\n --> --set:1:14\n  |\n  | train.epochs=0\n  |              ^ found 0\n";
    assert!(shown.starts_with(expected), "{shown}");
    let cases = [
        ("train.epoch=9", "unknown key `epoch` in [train]"),
        ("epochs=9", "unknown key `epochs` in a sweep file"),
        ("train.epochs", "--set takes key=value"),
        ("train.epochs=", "has no value"),
        ("train..epochs=3", "a path of names"),
        ("=3", "a path of names"),
        ("optimiser.3.lr=1", "there is one, numbered 0"),
        ("optimiser.lr=[0.1, 0.2", "not valid TOML"),
        ("optimiser.lr=fast", "`lr` must be a number or a list of numbers"),
        ("train.epochs.count=3", "`epochs` must be an integer"),
        ("subsample.draw.count=0", "`count` must be at least 1"),
    ];
    for (argument, expected) in cases {
        let all = set(&[argument]).unwrap_err();
        let shown = all.to_string();
        assert!(all.len() == 1 && shown.contains(expected) && shown.contains("--> --set:1:"), "{argument}\n{shown}");
    }
    let two = format!("{GOOD}[[optimiser]]\nkind = \"adam\"\nlr = 0.1\n");
    let shown = parse(&two, "two.toml", &["optimiser.lr=0.2".into()]).unwrap_err().to_string();
    assert!(shown.contains("2 `optimiser`") && shown.contains("optimiser.0.lr"), "{shown}");
    let second = parse(&two, "two.toml", &["optimiser.1.lr=0.2".into()]).unwrap();
    assert_eq!([second.optimisers[0].lr, second.optimisers[1].lr], [0.1, 0.2]);
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // Whatever a file is cut or altered to, the answer is a sweep or errors; and those can be shown.
        #[test]
        fn no_text_makes_parsing_fail_otherwise(at in 0..EVERY_KEY.len(), by in "\\PC{0,3}", cut in any::<bool>()) {
            let mut text = EVERY_KEY.to_string();
            if cut {
                text.truncate(at);
            }
            text.insert_str(at, &by);
            if let Err(errors) = parse(&text, "any.toml", &[]) {
                prop_assert!(!errors.is_empty() && errors.to_string().contains("any.toml"));
            }
        }

        // An argument of --set that is anything at all.
        #[test]
        fn no_override_makes_parsing_fail_otherwise(argument in "[a-z.=0-9\\[\\]{}\" é]{0,24}") {
            if let Err(errors) = parse(GOOD, "any.toml", &[argument]) {
                prop_assert!(!errors.to_string().is_empty());
            }
        }

        // Seeds come out ascending and distinct, however they were listed.
        #[test]
        fn seeds_ascend(mut seeds in proptest::collection::hash_set(0_u64..1_000_000, 1..50)) {
            let listed: Vec<u64> = seeds.drain().collect();
            let sweep = good(&edited("seeds = 2", &format!("seeds = {listed:?}")));
            prop_assert_eq!(sweep.seeds.len(), listed.len());
            prop_assert!(sweep.seeds.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
