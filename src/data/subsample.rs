//! Which samples of a pool are trained on.

use super::DataError;
use super::stream::Key;
use crate::sweep::Subsample;

/// Indices of the subsample in a pool of so many, ascending; distinct but for draws with replacement.
///
/// A draw is the head of a Fisher-Yates shuffle that depends on the draw's number and the pool's size: of two draws
/// of the same number the smaller lies within the larger.
///
/// # Errors
/// The pool is too small.
pub(super) fn indices(subsample: &Subsample, name: &str, pool: usize) -> Result<Vec<u32>, DataError> {
    let too_few = |what: String, needed: u128, block: bool| DataError::TooFew {
        what,
        needed,
        available: pool,
        name: name.to_owned(),
        block,
    };
    match *subsample {
        Subsample::Block { size, block } => {
            let end = size as u128 * (block as u128 + 1);
            if end > pool as u128 {
                return Err(too_few(format!("block {block} of {size}"), end, block > 0));
            }
            Ok((block * size..(block + 1) * size).map(|index| index as u32).collect())
        }
        Subsample::Draw { size, draw } => {
            if size > pool {
                return Err(too_few(format!("a draw of {size}"), size as u128, false));
            }
            let mut order = shuffled(draw, pool, size);
            order.sort_unstable();
            Ok(order)
        }
        Subsample::WithReplacement { size, draw } => {
            if pool == 0 {
                return Err(too_few(format!("a draw of {size}"), size as u128, false));
            }
            let mut stream = Key::new("subsample with replacement", &[draw]).at(0);
            let mut drawn: Vec<u32> = (0..size).map(|_| stream.below(pool as u64) as u32).collect();
            drawn.sort_unstable();
            Ok(drawn)
        }
        Subsample::Balanced { .. } => unreachable!("a balanced draw needs the classes: see `balanced`"),
    }
}

/// The first `size` of a pool shuffled by a draw.
fn shuffled(draw: u64, pool: usize, size: usize) -> Vec<u32> {
    let mut stream = Key::new("subsample", &[draw]).at(0);
    let mut order: Vec<u32> = (0..pool as u32).collect();
    for place in 0..size {
        order.swap(place, place + stream.below((pool - place) as u64) as usize);
    }
    order.truncate(size);
    order
}

/// Indices of a balanced draw, ascending: the first samples of each class in the order of the draw, `size`/k of each of
/// the k classes that occur at all, and of the first of these one more until there are `size`. `names` are the classes'.
///
/// # Errors
/// A class that occurs has too few.
pub(super) fn balanced(
    size: usize,
    draw: u64,
    name: &str,
    names: &[String],
    class_of: &[u16],
) -> Result<Vec<u32>, DataError> {
    let mut available = vec![0; names.len()];
    class_of.iter().for_each(|&class| available[usize::from(class)] += 1);
    let occurring: Vec<usize> = (0..names.len()).filter(|&class| available[class] > 0).collect();
    let mut wanted = vec![0; names.len()];
    for (place, &class) in occurring.iter().enumerate() {
        wanted[class] = size / occurring.len() + usize::from(place < size % occurring.len());
    }
    if let Some(&class) = occurring.iter().find(|&&class| available[class] < wanted[class]) {
        let rarest = occurring.iter().map(|&class| available[class]).min().unwrap_or(0);
        return Err(DataError::Unbalanced {
            size,
            name: name.to_owned(),
            class: names[class].clone(),
            needed: wanted[class],
            available: available[class],
            most: rarest * occurring.len(),
        });
    }
    let order = shuffled(draw, class_of.len(), class_of.len());
    let takes = |index: &u32| {
        let left = &mut wanted[usize::from(class_of[*index as usize])];
        let takes = *left > 0;
        *left -= usize::from(takes);
        takes
    };
    let mut taken: Vec<u32> = order.into_iter().filter(takes).collect();
    taken.sort_unstable();
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn draw(size: usize, draw: u64, pool: usize) -> Vec<u32> {
        indices(&Subsample::Draw { size, draw }, "test", pool).unwrap()
    }

    proptest! {
        #[test]
        fn draws_are_without_replacement_ascending_and_nested(
            (pool, size) in (1usize..400).prop_flat_map(|pool| (Just(pool), 0..=pool)),
            number: u64,
        ) {
            let drawn = draw(size, number, pool);
            prop_assert_eq!(drawn.len(), size);
            prop_assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(drawn.iter().all(|&index| (index as usize) < pool));
            let smaller = draw(size / 2, number, pool);
            prop_assert!(smaller.iter().all(|index| drawn.binary_search(index).is_ok()));
        }

        #[test]
        fn blocks_tile_the_pool(size in 1usize..50, blocks in 1usize..10, rest in 0usize..50) {
            let pool = size * blocks + rest % size;
            let all: Vec<u32> = (0..blocks)
                .flat_map(|block| indices(&Subsample::Block { size, block }, "test", pool).unwrap())
                .collect();
            prop_assert!(all.iter().copied().eq(0..(size * blocks) as u32));
            let outside = indices(&Subsample::Block { size, block: blocks }, "test", pool);
            prop_assert!(outside.is_err());
        }
    }

    #[test]
    fn a_balanced_draw_has_as_many_of_each_class_and_says_when_it_cannot() {
        let names: Vec<String> = (0..3).map(|class| class.to_string()).collect();
        // Class 2 is rare: 30 of 300.
        let class_of: Vec<u16> = (0..300).map(|i| if i % 10 == 0 { 2 } else { (i % 2) as u16 }).collect();
        let drawn = balanced(61, 4, "test", &names, &class_of).unwrap();
        let count = |drawn: &[u32], class| drawn.iter().filter(|&&i| class_of[i as usize] == class).count();
        assert_eq!([0, 1, 2].map(|class| count(&drawn, class)), [21, 20, 20]);
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
        assert_ne!(drawn, balanced(61, 5, "test", &names, &class_of).unwrap());
        let text = balanced(100, 4, "test", &names, &class_of).unwrap_err().to_string();
        for part in ["balanced draw of 100", "33 samples of class 2", "has 30", "at most 90"] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        assert!(balanced(90, 4, "test", &names, &class_of).is_ok());
    }

    #[test]
    fn a_class_that_does_not_occur_takes_no_part_in_a_balanced_draw() {
        let names: Vec<String> = (0..4).map(|class| class.to_string()).collect();
        // Class 1 is in the test set alone: the draw is that of the three others.
        let class_of: Vec<u16> = (0..300).map(|i| [0, 2, 3][i % 3]).collect();
        let drawn = balanced(61, 4, "test", &names, &class_of).unwrap();
        let count = |class| drawn.iter().filter(|&&i| class_of[i as usize] == class).count();
        assert_eq!([count(0), count(1), count(2), count(3)], [21, 0, 20, 20]);
    }

    #[test]
    fn every_sample_is_drawn_equally_often() {
        let (pool, size, draws) = (20, 5, 8000u64);
        let mut counts = vec![0u32; pool];
        for number in 0..draws {
            draw(size, number, pool).iter().for_each(|&index| counts[index as usize] += 1);
        }
        let p = size as f64 / pool as f64;
        // Five standard errors of a binomial count.
        let tolerance = 5.0 * (draws as f64 * p * (1.0 - p)).sqrt();
        assert!(counts.iter().all(|&count| (f64::from(count) - draws as f64 * p).abs() < tolerance), "{counts:?}");
    }

    /// Of n draws from as many a share of 1 − (1 − 1/n)ⁿ, about 1 − 1/e, is drawn at all.
    #[test]
    fn draws_with_replacement_take_some_several_times() {
        let drawn = |draw| indices(&Subsample::WithReplacement { size: 20_000, draw }, "test", 20_000).unwrap();
        let mut distinct = drawn(3);
        assert!(distinct.len() == 20_000 && distinct.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_ne!(distinct, drawn(4));
        distinct.dedup();
        // The number of those not drawn has a standard deviation of √(n (1/e − 2/e²)), 44.
        assert!((distinct.len() as f64 - 20_000.0 * (1.0 - (-1.0_f64).exp())).abs() < 5.0 * 44.0, "{}", distinct.len());
    }

    #[test]
    fn too_large_is_told_with_both_numbers() {
        for (subsample, needed) in [
            (Subsample::Block { size: 40, block: 2 }, "120"),
            (Subsample::Draw { size: 101, draw: 0 }, "101"),
            (Subsample::Block { size: usize::MAX, block: usize::MAX }, "training samples"),
        ] {
            let text = indices(&subsample, "digits", 100).unwrap_err().to_string();
            assert!(text.contains(needed) && text.contains("has 100"), "{text}");
        }
    }
}
