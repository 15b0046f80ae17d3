//! What is answered to a sweep file that says it wrong.

use super::*;
use proptest::prelude::*;

fn errors(text: &str) -> String {
    parse(text, "bad.toml", &[]).unwrap_err().to_string()
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
fn what_keys_of_arrays_say_against_each_other_is_told_under_the_key() {
    let with = |keys: &str| edited("source = \"digits\"", &format!("source = \"arrays\"\npath = \"a.npz\"\n{keys}"));
    let one_of = "the test set is arrays of its own, a drawn share, or the last samples";
    for (keys, place, message, help) in [
        (
            "test_share = 0.2\ntest_last = 5",
            "test_last = 5",
            "`test_last` cuts a test set off, and so does `test_share`",
            one_of,
        ),
        (
            "test_last = 5\ntest_inputs = \"x\"\ntest_targets = \"y\"",
            "test_inputs",
            "names a test set, and another",
            one_of,
        ),
        ("test_targets = \"y\"", "test_targets = \"y\"", "whose inputs are not named", "name both"),
        ("test_inputs = \"x\"", "test_inputs = \"x\"", "whose classes are not named", "name both"),
        ("test_last = 5\ntest_draw = [0, 3]", "test_draw", "nothing is drawn", "it goes with test_share"),
    ] {
        one_error(&with(keys), &[place, message, help]);
    }
    one_error(&with("inputs = [\"a\", \"a\"]"), &["`inputs` lists a twice"]);
    one_error(&with("inputs = []"), &["`inputs` must be a name or a list of names"]);
    one_error(&edited("source = \"digits\"", "source = \"arrays\"\ntest_last = 3"), &["`path` is missing"]);
    one_error(&edited("source = \"digits\"", "source = \"digits\"\ninputs = \"x\""), &["`inputs` goes with arrays"]);
}

#[test]
fn what_a_schedule_lacks_or_has_no_use_for_is_told_under_the_key() {
    let with = |keys: &str| edited("lr = 0.1", &format!("lr = 0.1\n{keys}"));
    for (keys, parts) in [
        ("schedule = \"step\"", ["schedule = \"step\" needs `decay_every` or `decay_at`", "decay_every = 100"]),
        ("schedule = \"exponential\"", ["needs `decay_factor`", "decay_factor = 0.99"]),
        ("schedule = \"cosine\"\ndecay_every = 5", ["`decay_every` does not apply to schedule = \"cosine\"", "step"]),
        ("decay_factor = 0.5", ["`decay_factor` does not apply to schedule = \"constant\"", "exponential"]),
        (
            "schedule = [\"constant\", \"step\"]\ndecay_every = 5\nfinal_share = 0.1",
            ["`final_share` does not apply to any of these schedules", "cosine"],
        ),
        ("warmup_start = 0.5", ["`warmup_start` does not apply to a rate without a warm-up", "warmup"]),
        ("schedule_by = \"step\"", ["`schedule_by` does not apply to a rate that does not change", "schedules"]),
        (
            "schedule = \"step\"\ndecay_every = 5\ndecay_at = [7]",
            ["`decay_at` says when, and so does `decay_every`", "leave one of them out"],
        ),
        ("schedule = \"step\"\ndecay_at = [20, 50]", ["in which nothing is trained", "epochs 0 to 49"]),
        ("schedule = \"step\"\ndecay_at = [5, 20]\nwarmup = 10", ["names an epoch of the warm-up", "epoch 10"]),
        ("schedule = \"step\"\ndecay_at = [20, 20]", ["`decay_at` lists 20 twice", "already listed"]),
        ("warmup = [0, 50]", ["`warmup` takes all of training", "training has 50 epochs"]),
        ("clip_norm = 0", ["`clip_norm` must be a finite number greater than 0", "found 0"]),
    ] {
        one_error(&with(keys), &parts);
    }
    // Steps are not counted before the data are known.
    good(&with("schedule = \"step\"\ndecay_at = [200, 500]\nschedule_by = \"step\""));
    let smoothed = |loss: &str| edited("epochs = 50", &format!("epochs = 50\nlabel_smoothing = 0.1\nloss = {loss}"));
    one_error(&smoothed("\"mse\""), &["`label_smoothing` does not apply to this loss", "cross-entropy"]);
    good(&smoothed("\"cross-entropy\""));
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
  = help: allowed: digits, mnist, fashion-mnist, kmnist, cifar10, idx, arrays, stripe, cylinder, gaussian-mixture, random-teacher, random-labels, power-law, sparse-parity, modular-addition, moons, rings, spirals, colour-shapes

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

error: `momentum` does not apply to kind = "adam"
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
   = help: allowed here: kind, nesterov, schedule, schedule_by, decay_every, decay_at, decay_factor, final_share, warmup, warmup_start, clip_norm, sam_radius, lr, momentum, weight_decay, beta1, beta2, epsilon, alpha, gradient_change, output_change, kink_change, margin, fitted, time, precision, watched

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
    assert!(shown.contains("given before") && shown.contains("bad.toml:18:1\n"), "{shown}");
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
        ("hidden = [20]", "hidden = [20]\nkernel = 3", "`kernel` does not apply to kind = \"mlp\""),
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
        ("epochs = 50", "epochs = 50\n[[prune]]\nremove = \"none\"\nat = \"distance\"", "`at` does not apply"),
        ("epochs = 50", "epochs = 50\n[stop]\nhalf_width = 0.1", "`max_seeds` is missing"),
        ("epochs = 50", "epochs = 50\n[stop]\nhalf_width = 0.1\nmax_seeds = 1", "[sweep] lists 2 already"),
        ("epochs = 50", "epochs = 50\n[stop]\nmetric = \"epsilon_star\"\nmax_seeds = 9", "`half_width` is missing"),
        ("epochs = 50", "epochs = 50\n[stop]\nafter_inversion = 1\n[observe]\nmanifold = false", "not measured"),
        (
            "epochs = 50",
            "epochs = 50\n[report]\nprincipal = \"hessian_eigenvalues\"",
            "did you mean `hessian_eigenvalue`?",
        ),
        (
            "epochs = 50",
            "epochs = 50\n[report]\nprincipal = \"stage_loss\"",
            "no variable along training is called `stage_loss`",
        ),
        (
            "epochs = 50",
            "epochs = 50\n[report]\nturning = { weight_norm = \"up\" }",
            "a series turns one of three ways",
        ),
        ("epochs = 50", "epochs = 50\n[slurm]\ntime = \"1h\"", "`time` is not what Slurm takes"),
        ("epochs = 50", "epochs = 50\n[slurm]\ntime = \"1:2:3:4\"", "days-hours:minutes:seconds or UNLIMITED"),
        ("epochs = 50", "epochs = 50\n[slurm]\nmem = \"64 G\"", "`mem` is not what Slurm takes"),
        ("epochs = 50", "epochs = 50\n[slurm]\nmem = \"1.5G\"", "a whole number and K, M, G or T"),
        ("epochs = 50", "epochs = 50\n[slurm]\nextra = [\"a\\nb\"]", "`extra` is not what Slurm takes"),
        ("source = \"digits\"", "source = \"digits\"\ntrain = 1797", "`train` must be at most 1796"),
        ("source = \"digits\"", "source = \"digits\"\nlabel = 3", "`label` does not apply"),
        ("source = \"digits\"", "source = \"digits\"\nlabels = \"one-vs-rest\"", "`label` is missing"),
        ("source = \"digits\"", "source = \"digits\"\nlabels = \"one-vs-rest\"\nlabel = 10", "at most 9"),
        ("source = \"digits\"", "source = \"digits\"\nonly = [3]", "`only` leaves fewer than two classes"),
        ("source = \"digits\"", "source = \"digits\"\nonly = [[3, 5], []]", "`only` leaves fewer than two classes"),
        ("source = \"digits\"", "source = \"digits\"\nonly = [3, 10]", "`only` must be at most 9"),
        ("source = \"digits\"", "source = \"digits\"\nonly = [3, 5, 3]", "`only` lists 3 twice"),
        ("source = \"digits\"", "source = \"digits\"\nonly = [[3, 5], [5, 3]]", "`only` lists [3, 5] twice"),
        ("source = \"digits\"", "source = \"digits\"\nonly = [3, 5]\nlabels = \"parity\"", "all labels are odd"),
        (
            "source = \"digits\"",
            "source = \"digits\"\nonly = [3, 5]\nlabels = \"one-vs-rest\"\nlabel = 4",
            "`label` is not among the labels of `only`",
        ),
        ("source = \"digits\"", "source = \"digits\"\ngroups = [[3, 5]]", "`groups` makes fewer than two classes"),
        ("source = \"digits\"", "source = \"digits\"\ngroups = 3", "a list of lists of integers"),
        ("source = \"digits\"", "source = \"digits\"\ngroups = [[3, 5], []]", "a group of `groups` is empty"),
        ("source = \"digits\"", "source = \"digits\"\ngroups = [[3, 5], [1, 3]]", "`groups` lists 3 twice"),
        ("source = \"digits\"", "source = \"digits\"\ngroups = [[3], [11]]", "`groups` must be at most 9"),
        ("source = \"digits\"", "source = \"digits\"\nonly = [3, 5]\ngroups = [[3], [5]]", "exclude each other"),
        (
            "source = \"digits\"",
            "source = \"digits\"\ngroups = [[3], [5]]\nlabels = \"parity\"",
            "`groups` makes classes of labels, and so does `labels`",
        ),
        ("source = \"digits\"", "source = \"spirals\"\nclasses = 3\nonly = [0, 3]", "there is no label 3 in spirals"),
        ("source = \"digits\"", "source = \"digits\"\nlabel_noise = 1.5", "a share between 0 and 1"),
        ("source = \"digits\"", "source = \"digits\"\nlabel_draw = 3", "none are random"),
        ("source = \"digits\"", "source = \"digits\"\npath = \"x\"", "`path` does not apply to source = \"digits\""),
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
    let cnn = convolutional;
    one_error(&cnn("channels = [4]\nkernel = [3, 4]"), &["`kernel` must be odd", "3 or 5 would do", ":15:14\n"]);
    one_error(&cnn("hidden = [4]"), &["`channels` is missing"]);
    // 8 → 4 → 2 → 1 → nothing.
    one_error(
        &cnn("channels = [4, 4, 4, 4]\npool = 2"),
        &["the pooling of `cnn 4-4-4-4 k3 p2` leaves nothing", "digits has images of 8×8"],
    );
    good(&cnn("channels = [4, 4, 4]\npool = 2"));
    let points = cnn("channels = [4]").replacen("source = \"digits\"", "source = \"stripe\"\ndimension = 9", 1);
    one_error(&points, &["convolutions need images"]);
    good(&cnn("channels = [4]").replacen("sphere", "standardise", 1));
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
    one_error(
        &format!("{text}[[prune]]\nremove = \"none\"\n[[prune]]\nremove = \"stragglers\"\n"),
        &["can be counted"],
    );
    let list = format!("lr = [{0}]\nweight_decay = [{0}]\nmomentum = 0", thousand.replacen("0", "1e-3", 1));
    one_error(&edited("lr = 0.1", &format!("{list}\n").replacen("momentum = 0", &steps(20), 1)), &["multiply to more"]);
}

#[test]
fn an_axis_is_no_longer_than_memory_allows() {
    // Two tables of 600,000 draws each are 1.2 million entries; a file of some lines may not ask for gigabytes.
    let draws = "size = 100\ndraw = { count = 600000 }";
    let two = format!("{draws}\n[[subsample]]\nsize = 100\ndraw = {{ start = 600000, count = 600000 }}");
    assert_eq!(good(&edited("size = 100", draws)).subsamples.len(), 600_000);
    one_error(&edited("size = 100", &two), &["the axis has more than 1000000 entries"]);
    one_error(&edited("size = 100", "size = 100\ndraw = { count = 1000001 }"), &["`count` must be at most 1000000"]);
    assert_eq!(good(&edited("seeds = 2", "seeds = { count = 5000000 }")).seeds.len(), 5_000_000);
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
}

#[test]
fn probes_that_cannot_be_measured_are_refused() {
    let refused = |keys: &str| errors(&format!("{GOOD}[observe]\n{keys}\n"));
    for (keys, said) in [
        ("local_complexity = { at = \"log\" }", "`radii` is missing"),
        ("local_complexity = { radii = [0.1, 0] }", "`radii` must be"),
        ("local_complexity = { radii = 0.1, points = 0 }", "`points` must be at least 1"),
        ("local_complexity = { radii = 0.1, at = [0, 51] }", "names an epoch that there is not"),
        ("local_complexity = { radii = 0.1, sets = [\"training\"] }", "unknown sets `training`"),
        ("local_complexity = { radius = 0.1 }", "unknown key `radius`"),
        ("local_complexity = true", "`local_complexity` must be a table"),
        ("robustness = { epsilon = 0.1, clip = [1, 0] }", "`clip` is the least and the greatest"),
        ("robustness = { epsilon = 0.1, norm = \"l1\" }", "unknown norm `l1`"),
        ("robustness = { epsilon = [0.1, 0.1] }", "lists 0.1 twice"),
    ] {
        let told = refused(keys);
        assert!(told.contains(said), "{keys}: {told}");
    }
}

#[test]
fn steps_that_there_are_not_or_that_nobody_takes_are_told_under_their_place() {
    let observe = |text: &str, written: &str| format!("{text}[observe]\n{written}\n");
    let there_is_not = "names a step that there is not";
    // With a full batch a step is an epoch; in batches of 30 of 1000 samples an epoch has 34 steps.
    let full = "training has steps 0 to 50";
    one_error(&observe(GOOD, "trajectory = { at = { steps = [0, 51] } }"), &["51", there_is_not, full]);
    let mini = edited("epochs = 50", "epochs = 2\nbatch = 30");
    let size = |text: &str| text.lines().find(|line| line.starts_with("size")).map(str::to_owned);
    let samples: usize = size(GOOD).and_then(|line| line.split(" = ").nth(1)?.parse().ok()).expect("the sweep's size");
    let last = 2 * samples.div_ceil(30);
    let beyond = format!("trajectory = {{ at = {{ steps = {{ every = 1, until = {} }} }} }}", last + 1);
    one_error(&observe(&mini, &beyond), &[there_is_not, &format!("training has steps 0 to {last}")]);
    let sound = observe(&mini, &beyond.replace(&(last + 1).to_string(), &last.to_string()));
    assert!(parse(&sound, "s.toml", &[]).is_ok());
    one_error(&observe(GOOD, "weights = { steps = [-1] }"), &["`weights` names a step that there is not"]);
    one_error(
        &observe(GOOD, "weights = { steps = { every = 3 } }"),
        &["`steps` must say until which step", "until = 200"],
    );
    one_error(&observe(GOOD, "weights = { steps = \"log\" }"), &["`steps` must be a list of steps"]);
    one_error(&observe(GOOD, "weights = { steps = [1], every = 2 }"), &["`weights` must name one rule"]);
    one_error(&observe(GOOD, "weights = { at = { every = 2 } }"), &["`at` must be a list of epochs"]);
    for (key, help) in [("record", "trajectory = "), ("manifold", "trajectory = "), ("misclassified", "whole epochs")] {
        one_error(&observe(GOOD, &format!("{key} = {{ steps = [0, 1] }}")), &[key, "takes epochs alone", help]);
    }
    let prune = "[[prune]]\nremove = \"misclassified\"\nepoch = { steps = [3] }\n";
    one_error(&format!("{GOOD}{prune}"), &["`epoch` names steps", "whole epochs"]);
    one_error(&observe(GOOD, "cka = { at = { steps = [1] } }"), &["`cka` is not measured at steps so", "end = false"]);
    assert!(parse(&observe(GOOD, "cka = { at = { steps = [1] }, end = false }"), "s.toml", &[]).is_ok());
    let flow =
        super::accepted::flowing(super::accepted::FLOW_KEYS) + "[observe]\nweight_norm = { at = { steps = [1] } }\n";
    assert!(errors(&flow).contains("`weight_norm` names steps of a gradient flow"), "{}", errors(&flow));
}
