//! Labels and coordinates tell variants apart, whichever keys they differ in.

use std::collections::{BTreeMap, HashSet};

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::keys::{Keys, shown};
use super::super::{KeyValues, Plan};
use super::drawn::{Pool, Pools};
use crate::sweep::{Data, Prune, Sweep, parse};

/// One entry, or two different ones: any, or two that differ in one key of their tables.
fn some<T: Clone + PartialEq>(pool: &Pool<T>, random: &mut ChaCha8Rng) -> Vec<T> {
    match random.random_range(0..4) {
        0 | 1 => pool.entries.choose(random).into_iter().cloned().collect(),
        2 => pool.pairs.choose(random).into_iter().flatten().cloned().collect(),
        _ => pool.entries.choose_multiple(random, 2).cloned().collect(),
    }
}

/// Different data have different digests: as generated, or from different directories.
fn digest(data: &Data) -> String {
    blake3::hash(format!("{:?} {:?}", data.source, data.path).as_bytes()).to_hex().to_string()
}

fn laid_out(sweep: Sweep) -> Plan {
    let digests: Vec<String> = sweep.data.iter().map(digest).collect();
    Plan::new(sweep, &digests)
}

fn distinct<T: std::hash::Hash + Eq>(values: impl IntoIterator<Item = T>) -> usize {
    values.into_iter().collect::<HashSet<_>>().len()
}

fn depth(keys: &Keys) -> usize {
    let layers = |key: &str| keys.get(key).and_then(serde_json::Value::as_array).map_or(0, Vec::len);
    let number = |key: &str| keys.get(key).and_then(serde_json::Value::as_u64).map_or(0, |number| number as usize);
    let elements = || keys["kind.layers"].as_array().map_or(0, |all| all.iter().filter(|one| one.is_object()).count());
    match keys["kind.kind"].as_str() {
        Some("residual-mlp") => number("kind.blocks"),
        Some("resnet") => 1 + 3 * number("kind.blocks"),
        Some("depthwise") => 7 + 2 * number("kind.blocks"),
        Some("all-cnn") => 8,
        Some("layers") => elements() - 1,
        _ => layers("kind.hidden") + layers("kind.channels"),
    }
}

/// Whether a label of an entry says the value of one of its keys.
fn says(label: &str, keys: &Keys, key: &str) -> bool {
    let text = shown(&keys[key]);
    let joined = text.trim_matches(['[', ']']).replace(", ", "-");
    match text.as_str() {
        // Words for which labels have others.
        "one-vs-rest" => label.contains("-vs-rest"),
        "random" if key == "kind" => label.starts_with("random like"),
        "distance" | "radius0" | "radius1" => label.contains(&text.replace("radius", "radius_")),
        // The last layer goes without saying: it follows from the shape.
        _ if key == "observe" && keys[key] == serde_json::json!([depth(keys)]) => true,
        // Labels that nothing is drawn of have no draw.
        "0" if key == "label_draw" => {
            keys["label_noise"] == 0.0 && keys["labels.kind"] != "random" || label.contains('0')
        }
        // No node of such a list is the activation, whatever it is.
        _ if key == "activation" && keys["kind.kind"] == "layers" && !keys["kind.layers"].to_string().contains(key) => {
            true
        }
        // Elements are told in words.
        _ if key == "kind.layers" => label.starts_with("layers "),
        _ if key == "path" => label.contains(text.rsplit('/').next().unwrap_or_default()),
        _ => label.contains(&text) || label.contains(&joined),
    }
}

/// Every label of an axis says what its entry has in a key in which it differs from another entry of its kind.
fn check_named(plan: &Plan, kinds: &BTreeMap<&str, &str>) {
    for (axis, (table, entries)) in plan.keys_of_entries().into_iter().enumerate() {
        let labels = plan.axis_labels(axis);
        let kind = |keys: &Keys| keys.get(kinds[table]).cloned();
        for (a, one) in entries.iter().enumerate() {
            for other in entries.iter().filter(|other| kind(other) == kind(one)) {
                for (key, value) in one.iter().filter(|(key, value)| other.get(*key).is_some_and(|v| v != *value)) {
                    let label = &labels[a];
                    assert!(key == "digest" || says(label, one, key), "`{label}` does not say that {key} is {value}");
                }
            }
        }
    }
}

/// `PHASESWEEP_PAIRS=100000 cargo test --release --lib variants_are_told_apart` draws that many pairs of variants.
#[test]
fn variants_are_told_apart() {
    let wanted: usize = std::env::var("PHASESWEEP_PAIRS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let pools = Pools::draw(200);
    let skeleton = parse(super::SMALL, "test.toml", &[]).expect("a valid sweep");
    let kinds = BTreeMap::from([
        ("data", "source.kind"),
        ("subsample", "kind"),
        ("architecture", "kind.kind"),
        ("optimiser", "kind"),
        ("prune", "kind"),
    ]);
    let mut random = ChaCha8Rng::seed_from_u64(13);
    let mut pairs = 0;
    while pairs < wanted {
        let sweep = Sweep {
            data: some(&pools.data, &mut random),
            subsamples: some(&pools.subsamples, &mut random),
            architectures: some(&pools.architectures, &mut random),
            optimisers: some(&pools.optimisers, &mut random),
            prunes: some(&pools.prunes, &mut random),
            ..skeleton.clone()
        };
        let plan = laid_out(sweep);
        let variants = plan.variants().len();
        // The first variant and the last differ in every axis that varies.
        pairs += usize::from(variants > 1);
        for (axis, table) in Plan::AXES.into_iter().enumerate() {
            let labels = plan.axis_labels(axis);
            assert_eq!(distinct(labels), labels.len(), "labels of {table} are repeated: {labels:?}");
        }
        assert_eq!(distinct(plan.variants().iter().map(|v| plan.labels(*v))), variants);
        assert_eq!(distinct((0..variants).map(|variant| plan.variant_id(variant))), variants);
        let (numbers, keys) = (plan.numbers(), plan.varying_keys());
        let names = || numbers.iter().map(|n| n.name).chain(keys.iter().map(|key| key.name.as_str()));
        assert_eq!(distinct(names()), names().count(), "{:?}", names().collect::<Vec<_>>());
        let coordinates = |variant: usize| {
            let of_key = |values: &KeyValues| match values {
                KeyValues::Numbers(values) => values[variant].to_string(),
                KeyValues::Texts(values) => values[variant].clone(),
            };
            let numbers = numbers.iter().map(|number| number.values[variant].to_string());
            numbers.chain(keys.iter().map(|key| of_key(&key.values))).collect::<Vec<_>>()
        };
        assert_eq!(
            distinct((0..variants).map(coordinates)),
            variants,
            "coordinates leave {names:?} the same",
            names = names().collect::<Vec<_>>()
        );
        check_named(&plan, &kinds);
    }
    println!("{pairs} pairs of variants");
}

/// The specification holds nothing that varies but the keys of the axes' entries.
#[test]
fn what_varies_in_a_specification_is_a_key_of_an_axis() {
    let pools = Pools::draw(60);
    let skeleton = parse(super::SMALL, "test.toml", &[]).expect("a valid sweep");
    let sweep = Sweep {
        data: pools.data.entries,
        architectures: pools.architectures.entries.into_iter().take(5).collect(),
        optimisers: pools.optimisers.entries.into_iter().take(5).collect(),
        prunes: vec![Prune::None],
        ..skeleton
    };
    let plan = laid_out(sweep);
    let tables = plan.keys_of_entries();
    let mut seen: BTreeMap<String, Option<serde_json::Value>> = BTreeMap::new();
    let mut varying = HashSet::new();
    for variant in 0..plan.variants().len() {
        let json: serde_json::Value = serde_json::from_str(plan.specification(variant)).expect("JSON");
        let mut keys = super::super::keys::keys_of(&json);
        seen.keys().for_each(|key| {
            if !keys.contains_key(key) {
                varying.insert(key.clone());
            }
        });
        for (key, value) in std::mem::take(&mut keys) {
            match seen.get(&key) {
                Some(before) if *before == Some(value.clone()) => {}
                None if variant == 0 => _ = seen.insert(key, Some(value)),
                _ => _ = varying.insert(key),
            }
        }
    }
    for key in &varying {
        let known = tables.iter().any(|(table, entries)| {
            let inside = key.strip_prefix(table).and_then(|rest| rest.strip_prefix(['.', '_']));
            inside.is_some_and(|inside| entries.iter().any(|keys| keys.contains_key(inside)))
        });
        assert!(known, "{key} varies and is a key of no axis");
    }
    assert!(varying.len() > 20, "{varying:?}");
}

fn labels_of(tables: &str, axis: usize) -> Vec<String> {
    let sweep = parse(&format!("{tables}\n[train]\nepochs = 100\n"), "test.toml", &[]);
    laid_out(sweep.unwrap_or_else(|errors| panic!("{errors}"))).axis_labels(axis).to_vec()
}

#[test]
fn labels_read_well() {
    let rest = "[sweep]\nname = \"x\"\nseeds = 1\n[[subsample]]\nsize = 100\n";
    let network = "[[architecture]]\nkind = \"mlp\"\nhidden = [20]\n";
    let sgd = "[[optimiser]]\nkind = \"sgd\"\nlr = 0.1\n";
    let data = |tables: &str| labels_of(&format!("{rest}{network}{sgd}{tables}"), 0);
    let digits = |keys: &str| format!("[[data]]\nsource = \"digits\"\n{keys}\n");
    assert_eq!(data(&digits("labels = \"parity\"")), ["digits parity"]);
    assert_eq!(
        data(&format!("{}{}", digits("normalise = \"none\""), digits("normalise = \"standardise\""))),
        ["digits normalise=none", "digits normalise=standardise"]
    );
    assert_eq!(data(&digits("train = [1400, 1500]")), ["digits train=1400", "digits train=1500"]);
    assert_eq!(data(&digits("train = 1400")), ["digits"]);
    assert_eq!(
        data(&digits("label_noise = 0.25\nlabel_draw = [0, 1]")),
        ["digits noise=0.25 label_draw=0", "digits noise=0.25 label_draw=1"]
    );
    let idx = |path: &str| format!("[[data]]\nsource = \"idx\"\npath = \"{path}\"\n");
    assert_eq!(data(&idx("/data/first/images")), ["idx images"]);
    assert_eq!(
        data(&format!("{}{}", idx("/data/first/images"), idx("/data/second/images"))),
        ["idx first/images", "idx second/images"]
    );
    // A directory whose name reads like words of ours: what differs is added.
    let [one, other] = &data(&format!("{}{}", idx("a"), "[[data]]\nsource = \"mnist\"\npath = \"b\"\n"))[..] else {
        panic!()
    };
    assert_eq!((one.as_str(), other.as_str()), ("idx a", "mnist"));
    let points = "[[data]]\nsource = \"stripe\"\ndimension = 5\n";
    assert_eq!(data(&format!("{}{points}", digits(""))), ["digits", "stripe d=5"]);
    assert_eq!(data(&format!("{points}stretch = [1, 4]\n")), ["stripe d=5 stretch=1", "stripe d=5 stretch=4"]);

    let optimisers = |tables: &str| labels_of(&format!("{rest}{network}{}{tables}", digits("")), 3);
    assert_eq!(
        optimisers(&format!("{sgd}[[optimiser]]\nkind = \"adamw\"\nlr = 1e-5\n")),
        ["sgd lr=0.1", "adamw lr=1e-5"]
    );
    assert_eq!(
        optimisers(&format!("{sgd}[[optimiser]]\nkind = \"sgd\"\nlr = 0.1\nmomentum = 0.9\n")),
        ["sgd lr=0.1 momentum=0", "sgd lr=0.1 momentum=0.9"]
    );
    let recipes = |keys: &str| optimisers(&format!("[[optimiser]]\nkind = \"sgd\"\nlr = 0.1\n{keys}"));
    assert_eq!(
        recipes("schedule = [\"constant\", \"cosine\", \"step\"]\ndecay_at = [1, 2]\n"),
        ["sgd lr=0.1 constant", "sgd lr=0.1 cosine", "sgd lr=0.1 step at=[1, 2]"]
    );
    assert_eq!(recipes("warmup = [0, 3]\n"), ["sgd lr=0.1", "sgd lr=0.1 warmup=3"]);
    assert_eq!(
        recipes("schedule = \"linear\"\nfinal_share = [0, 0.1]\nschedule_by = \"step\"\n"),
        ["sgd lr=0.1 linear final=0 by=step", "sgd lr=0.1 linear final=0.1 by=step"]
    );
    assert_eq!(recipes("clip_norm = 2\nsam_radius = [0, 0.05]\n"), ["sgd lr=0.1 clip=2", "sgd lr=0.1 clip=2 sam=0.05"]);
    let networks = |tables: &str| labels_of(&format!("{rest}{sgd}{}{tables}", digits("")), 2);
    let deep = "[[architecture]]\nkind = \"mlp\"\nhidden = [[20], [20, 10]]\n";
    assert_eq!(networks(deep), ["mlp 20 tanh", "mlp 20-10 tanh"]);
    assert_eq!(
        networks("[[architecture]]\nkind = \"mlp\"\nhidden = [20]\ninit_scale = [0.25, 1]\n"),
        ["mlp 20 tanh ×0.25", "mlp 20 tanh ×1"]
    );
}

#[test]
fn a_source_is_named_by_its_keys_as_its_descriptors_say() {
    let text = "[sweep]\nname = \"l\"\nseeds = 1\n[[data]]\nsource = \"gaussian-mixture\"\ndimension = 5\nclasses = 3\n\
                separation = [1, 2.5]\nimbalance = [1, 4]\nlabels = \"parity\"\n[[data]]\nsource = \"cylinder\"\n\
                dimension = 9\nparallel = 2\nstretch = 3\n[[subsample]]\nsize = 10\n[[architecture]]\nkind = \"mlp\"\n\
                hidden = [2]\n[[optimiser]]\nkind = \"sgd\"\nlr = 0.1\n[train]\nepochs = 1\n";
    let plan = laid_out(parse(text, "labels.toml", &[]).unwrap_or_else(|errors| panic!("{errors}")));
    let mixture = |rest: &str| format!("gaussian-mixture d=5 K=3 {rest}");
    assert_eq!(
        plan.axis_labels(0),
        [
            mixture("s=1 parity imbalance=1"),
            mixture("s=1 parity imbalance=4"),
            mixture("s=2.5 parity imbalance=1"),
            mixture("s=2.5 parity imbalance=4"),
            "cylinder d=9 d∥=2 classes stretch=3".to_owned(),
        ]
    );
}
