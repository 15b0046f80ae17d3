//! Labels from targets: whole numbers of any width or sign, whole floats, texts, or one-hot rows.
//!
//! Whole numbers from 0 to 65535 are labels as they stand. Any others, and texts, are numbered from 0 in ascending order, and
//! then each label has a text. The columns of one-hot rows are the labels, whether each occurs or not.

use std::collections::BTreeSet;

use super::container::{MOST_CLASSES, Refusal, Targets, Texts, sizes_of, too_many};

/// Targets of one half with the shape of their array.
#[derive(Debug)]
pub(super) struct Given {
    /// How they are called in sentences.
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) targets: Targets,
    /// What the columns of one-hot rows are called; empty where they have no names.
    pub(super) columns: Vec<String>,
}

/// Labels of the samples.
#[derive(Debug, PartialEq)]
pub(super) struct Classes {
    /// Label of each sample, for each of the halves that were given.
    pub(super) labels: Vec<Vec<u32>>,
    /// All labels, ascending.
    pub(super) all: Vec<u32>,
    /// What each is called, where it is not by its number.
    pub(super) texts: Vec<String>,
}

/// Number of samples that targets of a shape are of.
pub(super) fn rows(name: &str, shape: &[usize]) -> Result<usize, Refusal> {
    match *shape {
        [rows] | [rows, _] => Ok(rows),
        _ => Err(Refusal::new(
            format!("`{name}` ({}) is no array of targets", sizes_of(shape)),
            "Targets are n labels, or n×k one-hot rows",
        )),
    }
}

/// The labels of all halves together.
pub(super) fn labels(given: Vec<Given>) -> Result<Classes, Refusal> {
    let columns = |given: &Given| match given.shape[..] {
        [_, columns] if columns != 1 => Some(columns),
        _ => None,
    };
    for half in &given {
        rows(&half.name, &half.shape)?;
    }
    if let [first, second] = &given[..]
        && columns(first) != columns(second)
    {
        let said = |given: &Given| format!("`{}` ({})", given.name, sizes_of(&given.shape));
        return Err(Refusal::new(
            format!("{} and {} are not targets of one kind", said(first), said(second)),
            "Write the targets of both in the same way",
        ));
    }
    match given.first().and_then(columns) {
        Some(columns) => one_hot(given, columns),
        None => numbered(given),
    }
}

/// Labels of one-hot rows: each has one 1, and else zeros.
fn one_hot(given: Vec<Given>, columns: usize) -> Result<Classes, Refusal> {
    if columns == 0 || columns > MOST_CLASSES {
        let name = given.first().map_or("", |half| &half.name);
        return Err(Refusal::new(
            format!("one-hot rows of `{name}` have {columns} columns; there are 1 to {MOST_CLASSES} classes"),
            "Name an array of classes with targets",
        ));
    }
    let mut labels = Vec::new();
    let texts = given.first().map(|half| half.columns.clone()).unwrap_or_default();
    for half in given {
        let hot = |at: usize| match &half.targets {
            Targets::Integers(values) => (values[at] == 0 || values[at] == 1).then(|| values[at] == 1),
            Targets::Reals(values) => (values[at] == 0.0 || values[at] == 1.0).then(|| values[at] == 1.0),
            Targets::Texts(_) => None,
        };
        let row = |row: usize| {
            let mut hots = (0..columns).map(|column| hot(row * columns + column));
            let mut label = None;
            for column in 0..columns as u32 {
                match (hots.next().flatten(), label) {
                    (Some(true), None) => label = Some(column),
                    (Some(false), _) => {}
                    _ => return None,
                }
            }
            label
        };
        let of_half: Result<Vec<u32>, Refusal> = (0..half.shape[0])
            .map(|at| {
                row(at).ok_or_else(|| {
                    Refusal::new(
                        format!("row {at} of `{}` (counted from 0) is not one-hot: one 1 and else zeros", half.name),
                        "Targets are n labels, or n×k one-hot rows",
                    )
                })
            })
            .collect();
        labels.push(of_half?);
    }
    Ok(Classes { labels, all: (0..columns as u32).collect(), texts })
}

/// Labels of one target for each sample.
fn numbered(given: Vec<Given>) -> Result<Classes, Refusal> {
    let mut kinds = given.iter().map(|half| matches!(half.targets, Targets::Texts(_)));
    let texts = kinds.next().unwrap_or(false);
    if kinds.any(|other| other != texts) {
        return Err(Refusal::new(
            "the targets of one half are texts and those of the other numbers",
            "Write the targets of both in the same way",
        ));
    }
    if texts {
        let halves = given.into_iter().filter_map(|half| match half.targets {
            Targets::Texts(texts) => Some((half.name, texts)),
            _ => None,
        });
        return in_order(halves.collect());
    }
    let (mut halves, mut all) = (Vec::new(), BTreeSet::new());
    for half in given {
        let values = match half.targets {
            Targets::Integers(values) => values,
            Targets::Reals(values) => whole(&half.name, &values)?,
            Targets::Texts(_) => Vec::new(),
        };
        for &value in &values {
            all.insert(value);
            if all.len() > MOST_CLASSES {
                return Err(too_many(&half.name));
            }
        }
        halves.push(values);
    }
    let plain = |value: &i64| (0..=MOST_CLASSES as i64).contains(value);
    if all.iter().all(plain) {
        let labels = halves.into_iter().map(|half| half.into_iter().map(|value| value as u32).collect());
        let labels: Vec<Vec<u32>> = labels.collect();
        return Ok(Classes { labels, all: all.into_iter().map(|value| value as u32).collect(), texts: Vec::new() });
    }
    let all: Vec<i64> = all.into_iter().collect();
    let place = |value: i64| all.binary_search(&value).unwrap_or_default() as u32;
    let labels = halves.into_iter().map(|half| half.into_iter().map(place).collect()).collect();
    let texts = all.iter().map(i64::to_string).collect();
    Ok(Classes { labels, all: (0..all.len() as u32).collect(), texts })
}

/// Labels by place among the texts that occur, in sorted order.
fn in_order(halves: Vec<(String, Texts)>) -> Result<Classes, Refusal> {
    let all: BTreeSet<&String> = halves.iter().flat_map(|(_, texts)| texts.known.keys()).collect();
    if all.len() > MOST_CLASSES {
        return Err(too_many(halves.first().map_or("", |(name, _)| name)));
    }
    let all: Vec<&String> = all.into_iter().collect();
    let labels = halves.iter().map(|(_, texts)| {
        let place = |text: &str| all.binary_search_by(|known| known.as_str().cmp(text)).unwrap_or_default() as u32;
        let places: Vec<u32> = texts.by_number().into_iter().map(place).collect();
        texts.at.iter().map(|&number| places[number as usize]).collect()
    });
    let labels = labels.collect();
    Ok(Classes { labels, all: (0..all.len() as u32).collect(), texts: all.into_iter().cloned().collect() })
}

fn whole(name: &str, values: &[f64]) -> Result<Vec<i64>, Refusal> {
    // Above 2⁵³ a float no longer tells neighbouring whole numbers apart.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = |value: f64| (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64);
    let of = |(at, &value): (usize, &f64)| {
        whole(value).ok_or_else(|| {
            Refusal::new(
                format!("target {at} of `{name}` (counted from 0) is {value}, which is no class"),
                "Targets are classes: whole numbers, texts or one-hot rows",
            )
        })
    };
    values.iter().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(targets: Targets, shape: &[usize]) -> Given {
        Given { name: "y".to_owned(), shape: shape.to_vec(), targets, columns: Vec::new() }
    }

    fn texts(texts: &[&str]) -> Targets {
        let mut all = Texts::default();
        for text in texts {
            let number = all.number(text).expect("few");
            all.at.push(number);
        }
        Targets::Texts(all)
    }

    #[test]
    fn whole_numbers_are_labels_as_they_stand_where_they_can() {
        let one = labels(vec![given(Targets::Integers(vec![5, 0, 5]), &[3])]).expect("labels");
        assert_eq!(one, Classes { labels: vec![vec![5, 0, 5]], all: vec![0, 5], texts: vec![] });
        let floats =
            labels(vec![given(Targets::Reals(vec![2.0, 1.0]), &[2, 1]), given(Targets::Integers(vec![7]), &[1])])
                .expect("labels");
        assert_eq!(floats, Classes { labels: vec![vec![2, 1], vec![7]], all: vec![1, 2, 7], texts: vec![] });
        let signs = labels(vec![given(Targets::Reals(vec![1.0, -1.0]), &[2])]).expect("labels");
        assert_eq!((signs.labels, signs.texts), (vec![vec![1, 0]], vec!["-1".to_owned(), "1".to_owned()]));
        let large = labels(vec![given(Targets::Integers(vec![70_000, 9]), &[2])]).expect("labels");
        assert_eq!((large.labels, large.texts), (vec![vec![1, 0]], vec!["9".to_owned(), "70000".to_owned()]));
    }

    #[test]
    fn texts_are_classes_in_sorted_order_over_both_halves() {
        let found =
            labels(vec![given(texts(&["dog", "cat", "dog"]), &[3]), given(texts(&["ant"]), &[1])]).expect("labels");
        assert_eq!((found.labels, found.all), (vec![vec![2, 1, 2], vec![0]], vec![0, 1, 2]));
        assert_eq!(found.texts, ["ant", "cat", "dog"]);
    }

    #[test]
    fn one_hot_rows_have_a_class_for_each_column() {
        let found = labels(vec![given(Targets::Reals(vec![0.0, 1.0, 0.0, 1.0, 0.0, 0.0]), &[2, 3])]).expect("labels");
        assert_eq!((found.labels, found.all), (vec![vec![1, 0]], vec![0, 1, 2]));
        for rows in [[0, 1, 0, 0, 0, 0], [0, 1, 0, 1, 0, 1], [0, 1, 0, 0, 2, 0]] {
            let told = labels(vec![given(Targets::Integers(rows.to_vec()), &[2, 3])]).unwrap_err();
            assert!(told.what.contains("row 1 of `y`"), "{told:?}");
        }
    }

    #[test]
    fn what_is_no_class_is_refused_with_its_place() {
        for value in [0.5, f64::NAN, f64::INFINITY, 1e300] {
            let told = labels(vec![given(Targets::Reals(vec![1.0, value]), &[2])]).unwrap_err();
            assert!(told.what.contains("target 1 of `y`") && told.advice.contains("classes"), "{told:?}");
        }
        let mixed = labels(vec![given(texts(&["a"]), &[1]), given(Targets::Integers(vec![1]), &[1])]).unwrap_err();
        assert!(mixed.what.contains("texts"), "{mixed:?}");
        let kinds =
            labels(vec![given(Targets::Integers(vec![1, 0]), &[1, 2]), given(Targets::Integers(vec![1]), &[1])]);
        assert!(kinds.unwrap_err().what.contains("(1×2)"));
        assert!(labels(vec![given(Targets::Integers(vec![]), &[1, 1, 0])]).unwrap_err().what.contains("no array"));
    }
}
