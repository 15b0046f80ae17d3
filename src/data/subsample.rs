//! Which samples of a pool are trained on.

use super::DataError;
use super::stream::Key;
use crate::sweep::Subsample;

/// Indices of the subsample in a pool of so many, ascending.
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

/// Indices of a balanced draw, ascending: the first samples of each class in the order of the draw, `size`/`classes` of
/// each, and of the first classes one more until there are `size`.
///
/// # Errors
/// A class has too few.
pub(super) fn balanced(
    size: usize,
    draw: u64,
    name: &str,
    classes: usize,
    class_of: &[u16],
) -> Result<Vec<u32>, DataError> {
    let mut wanted: Vec<usize> =
        (0..classes).map(|class| size / classes + usize::from(class < size % classes)).collect();
    let order = shuffled(draw, class_of.len(), class_of.len());
    let takes = |index: &u32| {
        let left = &mut wanted[usize::from(class_of[*index as usize])];
        let takes = *left > 0;
        *left -= usize::from(takes);
        takes
    };
    let mut taken: Vec<u32> = order.into_iter().filter(takes).collect();
    if taken.len() < size {
        return Err(DataError::TooFew {
            what: format!("a balanced draw of {size}"),
            needed: size as u128,
            available: taken.len(),
            name: name.to_owned(),
            block: false,
        });
    }
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
        // Class 2 is rare.
        let class_of: Vec<u16> = (0..300).map(|i| if i % 10 == 0 { 2 } else { (i % 2) as u16 }).collect();
        let drawn = balanced(61, 4, "test", 3, &class_of).unwrap();
        let count = |class| drawn.iter().filter(|&&i| class_of[i as usize] == class).count();
        assert_eq!([count(0), count(1), count(2)], [21, 20, 20]);
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
        assert_ne!(drawn, balanced(61, 5, "test", 3, &class_of).unwrap());
        assert!(balanced(100, 4, "test", 3, &class_of).unwrap_err().to_string().contains("balanced draw of 100"));
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
