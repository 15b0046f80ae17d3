//! `--set` arguments, right and wrong.

use phasesweep_networks::Mlp;

use super::*;
use proptest::prelude::*;
use std::path::Path;

fn set(arguments: &[&str]) -> Result<Sweep, Diagnostics> {
    let arguments: Vec<String> = arguments.iter().map(|argument| argument.to_string()).collect();
    parse(GOOD, "good.toml", &arguments)
}

#[test]
fn overrides_change_values() {
    let sweep = set(&["train.epochs=7", "seeds.count=4", "seeds.start = 10", "optimiser.lr=[0.3, 0.2]"]).unwrap();
    assert_eq!((sweep.train.epochs, sweep.seeds), (7, vec![10, 11, 12, 13]));
    assert_eq!(sweep.optimisers.iter().map(|optimiser| optimiser.lr).collect::<Vec<_>>(), [0.3, 0.2]);
    let sweep = set(&["sweep.seeds=[5]", "name=other", "optimiser.0.kind=adam", "train.batch=10"]).unwrap();
    assert_eq!((sweep.name.as_str(), sweep.seeds), ("other", vec![5]));
    assert_eq!(
        (sweep.optimisers[0].kind, sweep.train.batch),
        (OptimiserKind::Rule(Rule::Adam), Batch::Mini { size: 10 })
    );
    // Tables and axes that the file does not have; bare words, paths, inline tables.
    let sweep = set(&[
        "observe.misclassified.at=log",
        "prune.remove=misclassified",
        "prune.epoch=1",
        "data.source=mnist",
        "data.path=/data/a=b",
        "slurm={ nodes = 2 }",
    ])
    .unwrap();
    assert_eq!(sweep.observe.misclassified, Some(Schedule::Log { per_decade: 10 }));
    assert_eq!(sweep.prunes, [Prune::Misclassified { epoch: 1 }]);
    assert_eq!(sweep.data[0].path.as_deref(), Some(Path::new("/data/a=b")));
    assert_eq!(sweep.slurm.nodes, Some(2));
    assert_eq!(
        set(&["optimiser={ kind = \"adam\", lr = 1e-3 }"]).unwrap().optimisers[0].kind,
        OptimiserKind::Rule(Rule::Adam)
    );
    // A draw that is set stands instead of the file's block, not beside it; two that are set exclude each other.
    let block = edited("size = 100", "size = 100\nblock = 3");
    let drawn = parse(&block, "block.toml", &["subsample.draw.count=2".into()]).unwrap();
    assert_eq!(drawn.subsamples, [0, 1].map(|draw| Subsample::Draw { size: 100, draw }));
    assert!(parse(&block, "block.toml", &["subsample.draw=2".into(), "subsample.block=1".into()]).is_err());
    // The later of two is what counts.
    assert_eq!(set(&["train.epochs=7", "train.epochs=8"]).unwrap().train.epochs, 8);
}

#[test]
fn errors_in_overrides_point_at_the_argument() {
    let shown = set(&["train.epochs=9", "train.epochs=0"]).unwrap_err().to_string();
    let expected =
        "error: `epochs` must be at least 1\n --> --set:1:14\n  |\n  | train.epochs=0\n  |              ^ found 0\n";
    assert!(shown.starts_with(expected), "{shown}");
    let cases = [
        ("train.epoch=9", "unknown key `epoch` in [train]"),
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

fn ok(arguments: &[&str]) -> Sweep {
    set(arguments).unwrap_or_else(|errors| panic!("{arguments:?}\n{errors}"))
}

#[test]
fn a_value_is_read_as_what_its_key_takes() {
    let sweep = ok(&["slurm.time=12:00:00", "name=20260913", "optimiser.lr=0.1,0.2", "slurm.mem=64G"]);
    assert_eq!((sweep.slurm.time.as_deref(), sweep.slurm.mem.as_deref()), (Some("12:00:00"), Some("64G")));
    assert_eq!(sweep.name, "20260913");
    assert_eq!(sweep.optimisers.iter().map(|o| o.lr).collect::<Vec<_>>(), [0.1, 0.2]);
    // Texts that TOML takes for a date, a number or a truth value are names all the same.
    for name in ["2026-09-13", "1e5", "true", "0x1F", "inf", "7"] {
        assert_eq!(ok(&[&format!("name={name}")]).name, name);
        assert_eq!(ok(&[&format!("name=\"{name}\"")]).name, name);
    }
    assert_eq!(ok(&["lr=.5"]).optimisers[0].lr, 0.5);
    assert_eq!(ok(&["train.epochs=1e2"]).train.epochs, 100);
    let hidden = |argument: &str| -> Vec<Vec<usize>> {
        let networks = ok(&[argument]).architectures;
        networks
            .into_iter()
            .map(|n| if let ArchitectureKind::Mlp(Mlp { hidden }) = n.kind { hidden } else { panic!() })
            .collect()
    };
    assert_eq!(hidden("architecture.hidden=20,20"), [[20, 20]]);
    assert_eq!(hidden("architecture.hidden=30"), [[30]]);
    assert_eq!(hidden("hidden=[20],[50,50]"), [vec![20], vec![50, 50]]);
    assert_eq!(hidden("hidden=[[20],[50,50]]"), [vec![20], vec![50, 50]]);
    // Whether the shell has taken the quotes or not.
    for activation in ["tanh,relu", "[tanh,relu]", "[\"tanh\",\"relu\"]", "'tanh', 'relu'"] {
        let networks = ok(&[&format!("activation={activation}")]).architectures;
        assert_eq!(networks.iter().map(|n| n.activation).collect::<Vec<_>>(), [Activation::Tanh, Activation::Relu]);
    }
    let adam = ok(&["optimiser={kind=adam,lr=[.1,.2]}", "optimiser.lr=.3"]);
    assert_eq!(
        adam.optimisers.iter().map(|o| (o.kind, o.lr)).collect::<Vec<_>>(),
        [(OptimiserKind::Rule(Rule::Adam), 0.3)]
    );
    let two = ok(&["optimiser={kind=adam,lr=.1},{kind=sgd,lr=.2}", "optimiser.1.momentum=.9"]);
    assert_eq!(two.optimisers.iter().map(|o| o.momentum).collect::<Vec<_>>(), [0.0, 0.9]);
    assert_eq!(ok(&["seeds=3,5,7"]).seeds, [3, 5, 7]);
    assert_eq!(ok(&["seeds={start=5,count=2}"]).seeds, [5, 6]);
    assert_eq!(ok(&["batch=full"]).train.batch, Batch::Full);
    let lines = ok(&["slurm.extra=#SBATCH --exclude=n1,n2", "slurm.modules=openmpi/5.0,hdf5"]).slurm;
    assert_eq!(
        (lines.extra, lines.modules),
        (vec!["#SBATCH --exclude=n1,n2".into()], vec!["openmpi/5.0".into(), "hdf5".into()])
    );
    assert_eq!(ok(&["slurm.extra=[\"a, b\", \"c\"]"]).slurm.extra, ["a, b", "c"]);
    let probes = ok(&["local_complexity={radii=[.1,.2]}"]).observe.probes;
    assert_eq!(probes.local_complexity.unwrap().radii, [0.1, 0.2]);
}

#[test]
fn schedules_that_are_set_stand_instead_of_the_files() {
    let file = format!("{GOOD}[observe]\nrecord = {{ every = 5 }}\n");
    let record =
        |argument: &str| parse(&file, "a.toml", &[argument.into()]).unwrap_or_else(|e| panic!("{e}")).observe.epochs;
    let at = |epochs: &[usize]| Schedule::At { epochs: epochs.to_vec() };
    assert_eq!(record("observe.record=0,10,50"), at(&[0, 10, 50]));
    assert_eq!(record("observe.record.at=[0,10,50]"), at(&[0, 10, 50]));
    assert_eq!(record("record=log"), Schedule::Log { per_decade: 10 });
    assert_eq!(record("record={log=4}"), Schedule::Log { per_decade: 4 });
    assert_eq!(record("record.log=4"), Schedule::Log { per_decade: 4 });
    assert_eq!(record("record.every=2"), Schedule::Every { every: 2 });
}

#[test]
fn a_key_without_its_table_is_taken_where_one_table_has_it() {
    assert_eq!(ok(&["epochs=9"]).train.epochs, 9);
    assert_eq!(ok(&["draw.count=3"]).subsamples.len(), 3);
    let shown = |argument: &str| set(&[argument]).unwrap_err().to_string();
    let kind = shown("kind=adam");
    assert!(kind.contains("several tables have a key `kind`") && kind.contains("--> --set:1:1\n"), "{kind}");
    assert!(kind.contains("write --set architecture.kind=adam or --set optimiser.kind=adam"), "{kind}");
    assert!(shown("points=5").contains("observe.local_complexity.points=5 or --set observe.robustness.points=5"));
    assert!(shown("learning_rate=0.1").contains("did you mean `optimiser.lr`?"));
    assert!(shown("fruit=0.1").contains("unknown key `fruit` in a sweep file"));
    // Every key of every table is found, and stands in the tables that it is said to.
    for table in raw::tables() {
        for key in table.all_keys() {
            assert!(raw::tables_with(key.name).contains(&table.name), "{}.{}", table.name, key.name);
        }
    }
}

#[test]
fn what_cannot_be_read_says_what_to_write() {
    let cases = [
        ("optimiser.lr=fast", "found `fast`", "write, say, --set optimiser.lr=0.1 or --set optimiser.lr=0.1,0.2"),
        ("optimiser.lr=0.1,fast", "found `fast`", "write, say, --set optimiser.lr=0.1 or --set optimiser.lr=0.1,0.2"),
        ("lr=0.1 0.2", "found `0.1 0.2`", "write, say, --set lr=0.1"),
        ("train.epochs=10,000", "found `10,000`", "write, say, --set train.epochs=10"),
        ("seeds=0..8", "found `0..8`", "--set 'seeds={start=0,count=64}'"),
        ("hidden=wide", "found `wide`", "write, say, --set hidden=20,20 or --set 'hidden=[20],[50,50]'"),
        ("optimiser.nesterov=yes", "found `yes`", "--set optimiser.nesterov=true or --set optimiser.nesterov=false"),
        ("train.loss=[mse]", "found `[mse]`", "write one word"),
        ("optimiser={kind=adam,lr=fast}", "found `fast`", "write, say, lr=0.1 or lr=0.1,0.2"),
        ("data=mnist", "found `mnist`", "name the key, as in --set data.source=mnist"),
        ("train=1000", "found `1000`", "--set data.train=1000 or --set train.epochs=1000"),
        ("slurm.extra=[a]", "found `[a]`", "--set 'slurm.extra=[\"first\", \"second\"]'"),
        ("observe.record=sometimes", "found `sometimes`", "--set 'observe.record={every=10}'"),
    ];
    for (argument, label, help) in cases {
        let all = set(&[argument]).unwrap_err();
        let shown = all.to_string();
        assert!(all.len() == 1 && shown.contains(label) && shown.contains(help), "{argument}\n{shown}");
        assert!(shown.contains(&format!("\n  | {argument}\n")), "{argument}\n{shown}");
    }
}

proptest! {
    // What the file takes, `--set` takes in the same notation, and the sweep is the same.
    #[test]
    fn toml_values_mean_what_they_mean_in_the_file(
        lrs in proptest::collection::btree_set(1_u32..1000, 1..4),
        hidden in proptest::collection::vec(1_usize..50, 1..4),
        seeds in proptest::collection::btree_set(0_u64..1000, 1..5),
    ) {
        let lr = format!("{:?}", lrs.iter().map(|lr| f64::from(*lr) / 1000.0).collect::<Vec<_>>());
        let (hidden, seeds) = (format!("{hidden:?}"), format!("{seeds:?}").replace('{', "[").replace('}', "]"));
        let text = edited("lr = 0.1", &format!("lr = {lr}")).replacen("hidden = [20]", &format!("hidden = {hidden}"), 1);
        let file = good(&text.replacen("seeds = 2", &format!("seeds = {seeds}"), 1));
        let sets = [format!("lr={lr}"), format!("hidden={hidden}"), format!("seeds={seeds}")];
        prop_assert_eq!(&parse(GOOD, "good.toml", &sets).unwrap(), &file);
        // And without the outermost brackets, unless one number stands for a count.
        let bare = |set: &String| set.replacen('[', "", 1).trim_end_matches(']').to_string();
        let seeds = if file.seeds.len() == 1 { sets[2].clone() } else { bare(&sets[2]) };
        prop_assert_eq!(&parse(GOOD, "good.toml", &[bare(&sets[0]), bare(&sets[1]), seeds]).unwrap(), &file);
    }

    // An argument of --set that is anything at all.
    #[test]
    fn no_override_makes_parsing_fail_otherwise(argument in "[a-z.,=0-9\\[\\]{}\"' é]{0,24}") {
        if let Err(errors) = parse(GOOD, "any.toml", &[argument]) {
            prop_assert!(!errors.to_string().is_empty());
        }
    }
}
