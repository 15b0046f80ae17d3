//! Phases of local complexity along training: descent, ascent, final descent (Humayun et al. 2024, arXiv 2402.15555).
//!
//! A series is taken apart at its turning points, all extrema whose two-sided prominence is at least a stated fraction of
//! the series' range, found by the one rule of [`crate::turning_point`]. Between them it only falls or rises. Prominence
//! does not look at where the points lie, only at their order: on a schedule that is even in the logarithm of the step a
//! wiggle counts the same early and late. Invariants: turning points alternate between minima and maxima; a phase that
//! runs into the end of what was measured is *edge*, never found, but for the final descent, which has no end and is
//! found by where it begins.

use crate::turning_point::{Extremum, Turn, Verdict, by_prominence};

/// What is said of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It took place.
    Found,
    /// It runs into the end of what was measured.
    Edge,
    /// It was not reached.
    NotReached,
}

impl Status {
    /// As it is written in files.
    pub fn name(self) -> &'static str {
        match self {
            Status::Found => "found",
            Status::Edge => "edge",
            Status::NotReached => "not reached",
        }
    }
}

/// The phases of one series. Places are indices into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phases {
    /// The first fall: found if it ends in a minimum.
    pub descent: Status,
    /// Where the descent ends.
    pub trough: Option<usize>,
    /// The first rise: found if it ends in a maximum.
    pub ascent: Status,
    /// Where the ascent ends.
    pub peak: Option<usize>,
    /// The fall, after a rise, that lasts to the end of the series.
    pub final_descent: Status,
    /// Where the final descent begins: the peak, unless the series turned more often.
    pub falls_from: Option<usize>,
    /// Falls and rises in all; 3 is the textbook's.
    pub legs: usize,
}

/// The turning points of a series, in order: every extremum of at least `fraction` of the series' range. Values that are
/// not finite are passed over.
pub fn turning_points(values: &[f64], fraction: f64) -> Vec<(usize, Extremum)> {
    let mut turns = Vec::new();
    split(values, 0, fraction * range(values), &mut turns);
    turns
}

/// The most prominent turning point of a stretch, and those of the stretches on its sides.
fn split(values: &[f64], offset: usize, threshold: f64, turns: &mut Vec<(usize, Extremum)>) {
    let range = range(values);
    if range < threshold || range == 0.0 {
        return;
    }
    let places: Vec<usize> = (0..values.len()).collect();
    let found = |extremum| match by_prominence(&places, values, extremum, threshold / range) {
        Verdict::Found(turn) => Some((turn, extremum)),
        Verdict::Edge | Verdict::None => None,
    };
    let more = |a: &(Turn, Extremum), b: &(Turn, Extremum)| a.0.prominence.total_cmp(&b.0.prominence);
    let Some((turn, extremum)) =
        [found(Extremum::Minimum), found(Extremum::Maximum)].into_iter().flatten().max_by(more)
    else {
        return;
    };
    split(&values[..=turn.index], offset, threshold, turns);
    turns.push((offset + turn.index, extremum));
    split(&values[turn.index..], offset + turn.index, threshold, turns);
}

/// Greatest less least finite value; 0 where there is none.
fn range(values: &[f64]) -> f64 {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low <= high { high - low } else { 0.0 }
}

/// The phases of a series.
pub fn phases(values: &[f64], fraction: f64) -> Phases {
    use Status::{Edge, Found, NotReached};
    let turns = turning_points(values, fraction);
    let mut out = Phases {
        descent: NotReached,
        trough: None,
        ascent: NotReached,
        peak: None,
        final_descent: NotReached,
        falls_from: None,
        legs: turns.len() + 1,
    };
    let first = |wanted: Extremum| turns.iter().find(|(_, extremum)| *extremum == wanted).map(|(place, _)| *place);
    let (Some(&(_, opening)), Some(&(last, closing))) = (turns.first(), turns.last()) else {
        let mut finite = values.iter().copied().filter(|value| value.is_finite());
        let (from, to) = (finite.next(), finite.next_back());
        match from.zip(to) {
            Some((from, to)) if to < from => out.descent = Edge,
            Some((from, to)) if to > from => out.ascent = Edge,
            _ => out.legs = 0,
        }
        return out;
    };
    if opening == Extremum::Minimum {
        (out.descent, out.trough) = (Found, first(Extremum::Minimum));
    }
    out.peak = first(Extremum::Maximum);
    out.ascent = if out.peak.is_some() { Found } else { Edge };
    if closing == Extremum::Maximum {
        (out.final_descent, out.falls_from) = (Found, Some(last));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAN: f64 = f64::NAN;

    #[test]
    fn the_textbook_series_has_three_phases() {
        let found = phases(&[10.0, 7.0, 4.0, 4.2, 6.0, 8.0, 7.9, 3.0, 1.0], 0.1);
        assert_eq!((found.descent, found.trough), (Status::Found, Some(2)));
        assert_eq!((found.ascent, found.peak), (Status::Found, Some(5)));
        assert_eq!((found.final_descent, found.falls_from, found.legs), (Status::Found, Some(5), 3));
    }

    #[test]
    fn what_the_budget_does_not_reach_is_not_found() {
        use Status::{Edge, Found, NotReached};
        let told = |values: &[f64]| {
            let found = phases(values, 0.1);
            (found.descent, found.ascent, found.final_descent, found.legs)
        };
        assert_eq!(told(&[10.0, 7.0, 4.0, 3.9]), (Edge, NotReached, NotReached, 1), "still descending");
        assert_eq!(told(&[10.0, 4.0, 8.0, 9.0]), (Found, Edge, NotReached, 2), "still ascending");
        assert_eq!(told(&[10.0, 4.0, 8.0, 7.9]), (Found, Edge, NotReached, 2), "a dip of a sixtieth is no descent");
        assert_eq!(told(&[1.0, 4.0, 2.0]), (NotReached, Found, Found, 2), "no descent first");
        assert_eq!(told(&[1.0, 4.0]), (NotReached, Edge, NotReached, 1));
        assert_eq!(told(&[10.0, 4.0, 8.0, 3.0, 9.0]), (Found, Found, NotReached, 4), "fell, but not for good");
        assert_eq!(told(&[10.0, 4.0, 8.0, 3.0, 9.0, 2.0]), (Found, Found, Found, 5));
        assert_eq!(phases(&[10.0, 4.0, 8.0, 3.0, 9.0, 2.0], 0.1).falls_from, Some(4));
        for nothing in [&[][..], &[NAN, NAN], &[2.0; 5], &[NAN, 3.0]] {
            assert_eq!(told(nothing), (NotReached, NotReached, NotReached, 0));
        }
    }

    #[test]
    fn gaps_are_passed_over() {
        let found = phases(&[NAN, 10.0, NAN, 4.0, 4.0, NAN, 8.0, 1.0, NAN], 0.1);
        assert_eq!((found.trough, found.falls_from, found.legs), (Some(3), Some(6), 3));
    }

    /// Turning points by following the series and waiting for a reversal of the threshold: another algorithm altogether.
    fn reversals(values: &[f64], threshold: f64) -> Vec<(usize, Extremum)> {
        let (mut low, mut high) = (0, 0);
        let (mut rising, mut turns): (Option<bool>, Vec<(usize, Extremum)>) = (None, Vec::new());
        for place in 0..values.len() {
            if rising != Some(false) && values[place] > values[high] {
                high = place;
            }
            if rising != Some(true) && values[place] < values[low] {
                low = place;
            }
            if rising != Some(true) && values[place] - values[low] >= threshold {
                if rising == Some(false) {
                    turns.push((low, Extremum::Minimum));
                }
                (rising, high) = (Some(true), place);
            } else if rising != Some(false) && values[high] - values[place] >= threshold {
                if rising == Some(true) {
                    turns.push((high, Extremum::Maximum));
                }
                (rising, low) = (Some(false), place);
            }
        }
        turns
    }

    proptest! {
        /// Distinct whole values, so that no two extrema tie; thresholds between whole numbers.
        #[test]
        fn agrees_with_waiting_for_reversals(
            values in Just((0..40i32).map(f64::from).collect::<Vec<f64>>()).prop_shuffle(),
            length in 2usize..40,
            share in 0.02..0.9f64,
        ) {
            let values = &values[..length];
            let threshold = (share * range(values)).floor() + 0.5;
            let fraction = threshold / range(values);
            prop_assert_eq!(turning_points(values, fraction), reversals(values, threshold));
        }
    }
}
