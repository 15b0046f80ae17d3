//! `--set` arguments, right and wrong.

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

proptest! {
    // An argument of --set that is anything at all.
    #[test]
    fn no_override_makes_parsing_fail_otherwise(argument in "[a-z.=0-9\\[\\]{}\" é]{0,24}") {
        if let Err(errors) = parse(GOOD, "any.toml", &[argument]) {
            prop_assert!(!errors.to_string().is_empty());
        }
    }
}
