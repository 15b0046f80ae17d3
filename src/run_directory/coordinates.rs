//! What the results file says of each cell before anything is measured: seed, variant, a label for each axis, the numbers
//! of the specification, and every further key in which the sweep's variants differ. Pure.
//!
//! Invariant: cells of one `variant` agree in all coordinates but the seed, and cells of two differ in some other one.

use phasesweep_results::cell::{SEED, VARIANT};

use crate::plan::{KeyValues, Plan};
use crate::store::{CellCoordinate, CoordinateValues};

/// The coordinates of these cells of a plan.
pub(super) fn coordinates(plan: &Plan, cells: &[u32]) -> Vec<CellCoordinate> {
    let variants: Vec<usize> = cells.iter().map(|&cell| plan.variant_of(cell)).collect();
    let coordinate = |name: &str, long_name: &str, values: CoordinateValues| CellCoordinate {
        name: name.into(),
        long_name: long_name.into(),
        units: "1".into(),
        values,
    };
    let numbers = |of: &[f64]| CoordinateValues::Numbers(variants.iter().map(|&variant| of[variant]).collect());
    // Every text of a variant is a label of its own; the file stores equal ones once.
    let texts = |of: Vec<String>| CoordinateValues::Texts {
        labels: of,
        codes: variants.iter().map(|&variant| variant as u32).collect(),
    };
    let seeds = cells.iter().map(|&cell| plan.seed_of(cell) as i64).collect();
    let all = 0..plan.variants().len();
    let mut out = vec![
        coordinate(SEED.name, SEED.long_name, CoordinateValues::Integers(seeds)),
        coordinate(
            VARIANT.name,
            VARIANT.long_name,
            texts(all.map(|variant| plan.variant_id(variant).to_string()).collect()),
        ),
    ];
    let labels: Vec<_> = plan.variants().iter().map(|&variant| plan.labels(variant)).collect();
    for (axis, name) in Plan::AXES.into_iter().enumerate() {
        let of_axis = labels.iter().map(|of_variant| of_variant[axis].clone()).collect();
        out.push(coordinate(name, &format!("{name} of the cell"), texts(of_axis)));
    }
    out.extend(plan.numbers().iter().map(|number| coordinate(number.name, number.long_name, numbers(&number.values))));
    out.extend(plan.varying_keys().into_iter().map(|key| {
        let values = match key.values {
            KeyValues::Numbers(values) => numbers(&values),
            KeyValues::Texts(values) => texts(values),
        };
        coordinate(&key.name, &key.long_name, values)
    }));
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::sweep;

    const SWEEP: &str = r#"
        [sweep]
        name = "x"
        seeds = 3
        [[data]]
        source = "digits"
        labels = "parity"
        normalise = "standardise"
        [[data]]
        source = "digits"
        labels = "parity"
        normalise = "none"
        train = [1400, 1500]
        [[subsample]]
        size = [100, 200]
        draw = 3
        balanced = true
        [[subsample]]
        size = 100
        [[architecture]]
        kind = "mlp"
        hidden = [[10], [10, 20]]
        activation = ["relu", "tanh"]
        [[optimiser]]
        kind = "adam"
        lr = [0.1, 0.2]
        [[prune]]
        remove = "stragglers"
        [[prune]]
        remove = "random"
        like = "misclassified"
        epoch = [5, 10]
        [train]
        epochs = 50
    "#;

    fn rows(coordinates: &[CellCoordinate], cells: usize) -> Vec<HashMap<String, String>> {
        let value = |coordinate: &CellCoordinate, cell: usize| match &coordinate.values {
            CoordinateValues::Texts { labels, codes } => labels[codes[cell] as usize].clone(),
            CoordinateValues::Numbers(values) => values[cell].to_string(),
            CoordinateValues::Integers(values) => values[cell].to_string(),
        };
        (0..cells).map(|cell| coordinates.iter().map(|c| (c.name.clone(), value(c, cell))).collect()).collect()
    }

    #[test]
    fn cells_of_a_variant_differ_in_the_seed_alone_and_variants_in_more() {
        let sweep = sweep::parse(SWEEP, "test.toml", &[]).expect("a valid sweep");
        let digests = vec!["d".to_owned(); sweep.data.len()];
        let plan = Plan::new(sweep, &digests);
        let cells: Vec<u32> = (0..plan.len() as u32).collect();
        let coordinates = coordinates(&plan, &cells);
        let mut of_variant: HashMap<String, Vec<HashMap<String, String>>> = HashMap::new();
        for row in rows(&coordinates, cells.len()) {
            of_variant.entry(row["variant"].clone()).or_default().push(row);
        }
        assert_eq!(of_variant.len(), plan.variants().len());
        let mut others = std::collections::HashSet::new();
        for rows in of_variant.values() {
            let seeds: Vec<&str> = rows.iter().map(|row| row["seed"].as_str()).collect();
            assert_eq!(seeds, ["0", "1", "2"]);
            for row in rows {
                let differing = row.iter().filter(|(name, value)| rows[0][*name] != **value);
                assert!(differing.into_iter().all(|(name, _)| name == "seed"));
            }
            let mut rest: Vec<_> = rows[0].iter().filter(|(name, _)| *name != "seed" && *name != "variant").collect();
            rest.sort();
            assert!(others.insert(format!("{rest:?}")), "two variants agree in all else: {rest:?}");
        }
    }

    #[test]
    fn every_key_that_varies_is_a_coordinate_in_its_own_type() {
        let sweep = sweep::parse(SWEEP, "test.toml", &[]).expect("a valid sweep");
        let digests = vec!["d".to_owned(); sweep.data.len()];
        let plan = Plan::new(sweep, &digests);
        let cells: Vec<u32> = (0..plan.len() as u32).collect();
        let coordinates = coordinates(&plan, &cells);
        let of = |name: &str| {
            let found = coordinates.iter().find(|coordinate| coordinate.name == name);
            found.unwrap_or_else(|| panic!("no coordinate {name}")).values.clone()
        };
        let distinct = |name: &str| match of(name) {
            CoordinateValues::Texts { labels, .. } => {
                labels.into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
            }
            _ => panic!("{name} holds no texts"),
        };
        assert_eq!(distinct("data_normalise"), ["none", "standardise"]);
        assert!(matches!(of("data_train"), CoordinateValues::Numbers(values) if values[0] == 1500.0));
        assert_eq!(distinct("subsample_kind"), ["balanced", "block"]);
        assert_eq!(distinct("architecture_hidden"), ["[10, 20]", "[10]"]);
        assert_eq!(distinct("architecture_activation"), ["relu", "tanh"]);
        assert_eq!(distinct("architecture_observe"), ["[1]", "[2]"]);
        assert_eq!(distinct("prune_kind"), ["none", "random", "stragglers"]);
        assert_eq!(distinct("prune_like"), ["", "misclassified"]);
        // What does not vary has none.
        assert!(coordinates.iter().all(|c| c.name != "data_labels" && c.name != "optimiser_kind"));
    }
}
