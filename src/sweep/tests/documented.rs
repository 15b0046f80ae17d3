//! What is said of the keys is what is read: the page and the schema in `docs/` are made from the declarations, every key is
//! part of the tests' sweeps, and defaults lie within their bounds.

use std::path::Path;

use serde_json::Value;

use super::accepted::{FLOW_KEYS, flowing};
use super::*;
use crate::key::{Absent, Bound, Key, Literal};

fn all_keys() -> Vec<(&'static str, Key)> {
    let of_table = |table: &table::Table| {
        let kinds = (table.kinds)().into_iter().flat_map(|kind| kind.keys);
        table.keys.iter().copied().chain(kinds).map(|key| (table.name, key)).collect::<Vec<_>>()
    };
    raw::tables().iter().flat_map(of_table).collect()
}

#[test]
fn the_page_and_the_schema_are_those_of_the_declarations() {
    let schema = serde_json::to_string_pretty(&reference::schema()).expect("JSON") + "\n";
    for (file, found) in [("sweep-file.md", reference::page()), ("sweep-file.schema.json", schema)] {
        if std::env::var_os("PHASESWEEP_REGENERATE").is_some() {
            std::fs::write(Path::new("docs").join(file), &found).expect("the file is written");
        }
        let kept = std::fs::read_to_string(Path::new("docs").join(file)).unwrap_or_default();
        assert!(kept == found, "docs/{file} is not what the keys say: `make docs` writes it anew");
    }
}

#[test]
fn defaults_lie_within_bounds_and_among_the_words() {
    for (table, key) in all_keys() {
        assert!(!key.text().is_empty(), "{table}.{} has no documentation", key.name);
        let words = key.choices();
        match key.absent {
            Absent::Is(Literal::Word(word)) => {
                assert!(words.is_none_or(|words| words.contains(&word)), "{table}.{}: {word}", key.name);
            }
            Absent::Is(Literal::Number(value)) => assert!(key.bound.holds(value), "{table}.{}: {value}", key.name),
            Absent::Is(Literal::Integer(value)) => {
                assert!(key.bound.range().contains(&i128::from(value)), "{table}.{}: {value}", key.name);
            }
            _ => {}
        }
        if let Bound::UpTo(_, other) = key.bound {
            assert!(all_keys().iter().any(|(of, key)| *of == table && key.name == other), "{table}.{other}");
        }
    }
}

#[test]
fn every_key_is_part_of_the_sweeps_of_the_tests() {
    // Keys that exclude others of `EVERY_KEY`, and whole tables that are written in a line.
    let apart = [
        "width",
        "blocks",
        "classes",
        "layers",
        "numbers",
        "separation",
        "imbalance",
        "units",
        "teacher",
        "exponent",
        "relevant",
        "modulus",
        "share",
        "split",
        "turns",
        "dimension",
        "parallel",
        "test",
        "stretch",
        "balanced",
        "replacement",
        "side",
        "at",
        "sets",
        "steps",
        "points",
        "norm",
        "clip",
    ];
    let inside: &str = "weight_norm local_complexity robustness radii directions centroid epsilon step_size random_start \
         distance_from_start gradient_norm sharpness eigenvalues iterations probes representation collapse margins bins \
         tangent_kernel cka end intrinsic_dimension update gradient_noise test_manifold \
         trajectory neighbourhood most_regions preset test_points random_points noise_robustness sigma draws";
    for (table, key) in all_keys() {
        let written = [EVERY_KEY, FLOW_KEYS, ARRAYS].iter().any(|text| text.contains(&format!("\n{} = ", key.name)));
        let known = written || apart.contains(&key.name) || inside.split(' ').any(|name| name == key.name);
        assert!(known, "{table}.{} is in no sweep of the tests", key.name);
    }
}

/// Whether a value conforms to a schema; else where it does not. Knows the keywords that our schema uses and no others.
fn conforms(value: &Value, schema: &Value) -> Result<(), String> {
    let fault = |what: &str| Err(format!("{what}: {value} for {schema}"));
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        let (number, list) = (value.as_f64(), value.as_array());
        let bound = || rule.as_f64().expect("a number");
        let sound = match keyword.as_str() {
            "$schema" | "title" | "description" | "default" | "then" | "additionalProperties" => true,
            "type" => match rule.as_str().expect("a word") {
                "integer" => value.is_i64() || value.is_u64() || number.is_some_and(|number| number.fract() == 0.0),
                "number" => value.is_number(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "array" => value.is_array(),
                "object" => value.is_object(),
                other => panic!("the type {other} is not known here"),
            },
            "enum" => rule.as_array().expect("a list").contains(value),
            "const" => rule == value,
            "minimum" => number.is_none_or(|number| number >= bound()),
            "maximum" => number.is_none_or(|number| number <= bound()),
            "exclusiveMinimum" => number.is_none_or(|number| number > bound()),
            "exclusiveMaximum" => number.is_none_or(|number| number < bound()),
            "minItems" => list.is_none_or(|list| list.len() as f64 >= bound()),
            "minProperties" => value.as_object().is_none_or(|object| object.len() as f64 >= bound()),
            "items" => {
                list.into_iter().flatten().try_for_each(|item| conforms(item, rule))?;
                true
            }
            "anyOf" => rule.as_array().expect("a list").iter().any(|one| conforms(value, one).is_ok()),
            "allOf" => {
                rule.as_array().expect("a list").iter().try_for_each(|one| conforms(value, one))?;
                true
            }
            "if" => conforms(value, rule).is_err() || conforms(value, &schema["then"]).is_ok(),
            "required" => {
                let needed = rule.as_array().expect("a list").iter().map(|key| key.as_str().expect("a word"));
                value.as_object().is_none_or(|object| needed.into_iter().all(|key| object.contains_key(key)))
            }
            "properties" => {
                for (key, inner) in value.as_object().into_iter().flatten() {
                    match rule.get(key) {
                        Some(rule) => conforms(inner, rule).map_err(|told| format!("{key}: {told}"))?,
                        None if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                            return fault(&format!("{key} is not allowed"));
                        }
                        None => {}
                    }
                }
                true
            }
            other => panic!("the keyword {other} is not known here"),
        };
        if !sound {
            return fault(keyword);
        }
    }
    Ok(())
}

#[test]
fn sweeps_conform_to_the_schema_and_what_is_wrong_does_not() {
    let schema = reference::schema();
    let read = |text: &str| toml::from_str::<Value>(text).expect("TOML");
    let mut sweeps = vec![EVERY_KEY.to_owned(), flowing(FLOW_KEYS), ARRAYS.to_owned(), GOOD.to_owned()];
    for directory in ["sweeps", "sweeps/papers"] {
        for entry in std::fs::read_dir(directory).expect("the repository's sweeps") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                sweeps.push(std::fs::read_to_string(path).expect("a sweep file"));
            }
        }
    }
    assert!(sweeps.len() > 10);
    for sweep in &sweeps {
        conforms(&read(sweep), &schema).unwrap_or_else(|told| panic!("{told}\n{sweep}"));
    }
    for (line, by) in [
        ("seeds = 2", "seeds = \"two\""),
        ("epochs = 50", "epochs = 0"),
        ("lr = 0.1", "lr = [0.1, -1]"),
        ("lr = 0.1", "learning_rate = 0.1"),
        ("lr = 0.1", "momentum = 0.1"),
        ("source = \"digits\"", "source = \"digit\""),
        ("hidden = [20]", "hidden = 20"),
        ("[train]", "[training]"),
    ] {
        assert!(conforms(&read(&edited(line, by)), &schema).is_err(), "{by}");
    }
}

#[test]
fn a_terminal_is_shown_one_table_or_all() {
    let train = reference::terminal(Some("train"), 80).expect("a table");
    assert!(train.starts_with("[train]\n") && train.contains("hinge_beta: a number, greater than 0; default 20"));
    assert!(train.lines().all(|line| line.chars().count() <= 80), "{train}");
    let data = reference::terminal(Some("[[data]]"), 80).expect("a table");
    assert!(data.contains("source = \"stripe\": ") && data.contains("dimension ×"), "{data}");
    assert!(reference::terminal(Some("robustness"), 80).expect("a table").contains("step_size"));
    assert!(reference::terminal(None, 100).expect("all").matches("\n\n[").count() >= 10);
    let told = reference::terminal(Some("trian"), 80).unwrap_err();
    assert!(told.contains("Did you mean `train`?") && told.contains("subsample"), "{told}");
}
