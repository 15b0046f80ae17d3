//! Turning points of a trajectory: where an observable's trend reverses, with a status that never calls an edge a turn.
//!
//! Two rules. *Prominence*: among the interior local extrema, the one whose two-sided topographic prominence is
//! largest, if it is at least a stated fraction of the trajectory's range. *First rise*: the first epoch, no earlier
//! than a burn-in, after which the observable moves the wrong way (the stopping rule of Ciceri et al. 2024).
//!
//! Invariants: values that are not finite are skipped, as if they had not been measured; a plateau stands at its first
//! index; a constant or empty trajectory has no turning point. This file uses the standard library alone: the trainer
//! and the analysis both compile it, so that they cannot disagree.

/// Smallest prominence of a turning point, as a fraction of the trajectory's range, unless the user says otherwise.
pub const DEFAULT_FRACTION: f64 = 0.05;

/// First epoch at which the first-rise rule looks, unless the user says otherwise: the authors' burn-in.
pub const DEFAULT_BURN_IN: usize = 20;

/// Which way the observable turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extremum {
    /// It falls, then rises: class radii.
    Minimum,
    /// It rises, then falls: distances between class centres.
    Maximum,
}

impl Extremum {
    /// Its name in files: one of `minimum` or `maximum`.
    pub fn name(self) -> &'static str {
        match self {
            Extremum::Minimum => "minimum",
            Extremum::Maximum => "maximum",
        }
    }
}

/// A turning point that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn {
    /// Its place in the trajectory, from 0.
    pub index: usize,
    /// Its epoch.
    pub epoch: usize,
    /// The observable there.
    pub value: f64,
    /// How far the observable must move back, on the side where it moves less, before it reaches a more extreme value
    /// (or the end): in the observable's units. NaN by the first-rise rule, which knows none.
    pub prominence: f64,
}

/// What a rule says of a trajectory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// It turns here.
    Found(Turn),
    /// No interior extremum is prominent enough, and the most extreme value lies at an end: the trajectory may turn
    /// beyond what was measured.
    Edge,
    /// It does not turn.
    None,
}

impl Verdict {
    /// The turning point, where there is one.
    pub fn turn(&self) -> Option<Turn> {
        match *self {
            Verdict::Found(turn) => Some(turn),
            Verdict::Edge | Verdict::None => None,
        }
    }

    /// The status as written to files: `found`, `edge` or `none`.
    pub fn status(&self) -> &'static str {
        match self {
            Verdict::Found(_) => "found",
            Verdict::Edge => "edge",
            Verdict::None => "none",
        }
    }
}

/// The turning point by prominence. `epochs` and `values` run side by side (the shorter one counts); linear time.
///
/// The prominence of a local maximum: walk left until a strictly higher value or the end, and take the climb from the
/// lowest value passed; likewise right; the lesser of the two. A minimum is a maximum of the negated values. Of equal
/// prominences the first wins.
pub fn by_prominence<V: Copy + Into<f64>>(
    epochs: &[usize],
    values: &[V],
    extremum: Extremum,
    fraction: f64,
) -> Verdict {
    let sign = sign(extremum);
    // Plateaus: (first index, height), with the extremum looked for upwards.
    let mut plateaus: Vec<(usize, f64)> = Vec::with_capacity(values.len());
    for (index, height) in measured(epochs, values).map(|(index, value)| (index, sign * value)) {
        if plateaus.last().is_none_or(|&(_, last)| last != height) {
            plateaus.push((index, height));
        }
    }
    let heights = || plateaus.iter().map(|&(_, height)| height);
    let highest = heights().fold(f64::NEG_INFINITY, f64::max);
    let range = highest - heights().fold(f64::INFINITY, f64::min);
    if plateaus.len() < 2 {
        return Verdict::None;
    }
    let left = climbs(heights());
    let mut right = climbs(heights().rev());
    right.reverse();
    let mut best: Option<(f64, usize)> = None;
    for (place, prominence) in left.iter().zip(&right).map(|(l, r)| l.min(*r)).enumerate() {
        if prominence > 0.0 && best.is_none_or(|(most, _)| prominence > most) {
            best = Some((prominence, place));
        }
    }
    match best {
        Some((prominence, place)) if prominence >= fraction * range => {
            let (index, height) = plateaus[place];
            Verdict::Found(Turn { index, epoch: epochs[index], value: sign * height, prominence })
        }
        _ if plateaus[0].1 == highest || plateaus[plateaus.len() - 1].1 == highest => Verdict::Edge,
        _ => Verdict::None,
    }
}

/// The turning point by first rise: the first epoch ≥ `burn_in` after which the observable moves the wrong way (a
/// minimum's observable rises, a maximum's falls). Never [`Verdict::Edge`].
pub fn by_first_rise<V: Copy + Into<f64>>(
    epochs: &[usize],
    values: &[V],
    extremum: Extremum,
    burn_in: usize,
) -> Verdict {
    let sign = sign(extremum);
    let mut before: Option<(usize, f64)> = None;
    for (index, value) in measured(epochs, values) {
        if let Some((index, last)) = before
            && epochs[index] >= burn_in
            && sign * value < sign * last
        {
            return Verdict::Found(Turn { index, epoch: epochs[index], value: last, prominence: f64::NAN });
        }
        before = Some((index, value));
    }
    Verdict::None
}

/// A trajectory that is still being measured: has it turned by now?
///
/// [`Watch::verdict`] is [`by_prominence`] of what was pushed so far, and so of the same prefix read from a file. It is
/// linear in the number of values, so ask it at intervals. A turn that is found may be given up later, when the
/// trajectory's range has grown: early leaving waits for some epochs to pass after the turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    extremum: Extremum,
    fraction: f64,
    epochs: Vec<usize>,
    values: Vec<f64>,
}

impl Watch {
    /// Nothing measured yet.
    pub fn new(extremum: Extremum, fraction: f64) -> Watch {
        Watch { extremum, fraction, epochs: Vec::new(), values: Vec::new() }
    }

    /// One more measurement; NaN where there was none.
    pub fn push(&mut self, epoch: usize, value: impl Into<f64>) {
        self.epochs.push(epoch);
        self.values.push(value.into());
    }

    /// What the prominence rule says by now.
    pub fn verdict(&self) -> Verdict {
        by_prominence(&self.epochs, &self.values, self.extremum, self.fraction)
    }
}

/// Factor that makes the extremum looked for a maximum.
fn sign(extremum: Extremum) -> f64 {
    match extremum {
        Extremum::Minimum => -1.0,
        Extremum::Maximum => 1.0,
    }
}

/// Indices and values of what was measured and is finite.
fn measured<V: Copy + Into<f64>>(epochs: &[usize], values: &[V]) -> impl Iterator<Item = (usize, f64)> {
    let values = values.iter().take(epochs.len()).map(|&value| value.into());
    values.enumerate().filter(|(_, value): &(usize, f64)| value.is_finite())
}

/// For each height, how far it lies above the lowest one met on the way back to a strictly higher one (or the start).
fn climbs(heights: impl Iterator<Item = f64>) -> Vec<f64> {
    // Heights not yet overtopped, strictly falling, each with the lowest one between it and its predecessor here.
    let mut open: Vec<(f64, f64)> = Vec::new();
    heights
        .map(|height| {
            let mut lowest = height;
            while let Some(&(overtopped, low)) = open.last()
                && overtopped <= height
            {
                lowest = lowest.min(low);
                open.pop();
            }
            open.push((height, lowest));
            height - lowest
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAN: f64 = f64::NAN;

    fn epochs(n: usize) -> Vec<usize> {
        (0..n).map(|i| 10 * i).collect()
    }

    fn minimum(values: &[f64]) -> Verdict {
        by_prominence(&epochs(values.len()), values, Extremum::Minimum, DEFAULT_FRACTION)
    }

    /// The definition, word by word, in quadratic time: (index, prominence) of every interior local maximum.
    fn maxima(values: &[f64]) -> Vec<(usize, f64)> {
        let points: Vec<(usize, f64)> =
            values.iter().copied().enumerate().filter(|(_, value)| value.is_finite()).collect();
        let walk = |path: &mut dyn Iterator<Item = f64>, top: f64| {
            let (mut lowest, mut lower_first) = (top, None);
            for value in path {
                if value > top {
                    break;
                }
                lowest = lowest.min(value);
                if value < top && lower_first.is_none() {
                    lower_first = Some(true);
                }
            }
            (lower_first.is_some(), top - lowest)
        };
        let mut out = Vec::new();
        for (place, &(index, top)) in points.iter().enumerate() {
            if place > 0 && points[place - 1].1 == top {
                continue;
            }
            let left = walk(&mut points[..place].iter().rev().map(|p| p.1), top);
            let right = walk(&mut points[place + 1..].iter().map(|p| p.1), top);
            if left.0 && right.0 {
                out.push((index, left.1.min(right.1)));
            }
        }
        out
    }

    #[test]
    fn one_dip_is_found_with_its_prominence() {
        let values = [1.0, 0.6, 0.4, 0.7, 0.8];
        assert_eq!(minimum(&values), Verdict::Found(Turn { index: 2, epoch: 20, value: 0.4, prominence: 0.8 - 0.4 }));
    }

    #[test]
    fn of_two_dips_the_deeper_cut_one_wins() {
        // The second dip is lower but climbs out by 0.02 only: prominence 0.02 against the first's 0.3.
        let values = [1.0, 0.5, 0.8, 0.3, 0.32];
        assert_eq!(minimum(&values).turn().unwrap().index, 1);
        let values = [1.0, 0.5, 0.8, 0.3, 0.9];
        assert_eq!(minimum(&values).turn().unwrap().index, 3);
    }

    #[test]
    fn monotone_trajectories_end_at_an_edge() {
        assert_eq!(minimum(&[5.0, 4.0, 3.0]), Verdict::Edge);
        assert_eq!(minimum(&[3.0, 4.0, 5.0]), Verdict::Edge);
        assert_eq!(minimum(&[3.0, 2.0, 1.0, 1.0]), Verdict::Edge);
        assert_eq!(minimum(&[3.0, 2.0]), Verdict::Edge);
        // A ripple of 1% of the range does not count, and the least value is still at the end.
        assert_eq!(minimum(&[1.0, 0.5, 0.51, 0.3, 0.0]), Verdict::Edge);
        // The least value is inside, but the climb out of it is 2% of the range.
        assert_eq!(minimum(&[1.0, 0.5, 0.0, 0.02]), Verdict::None);
    }

    #[test]
    fn nothing_turns_where_nothing_moves_or_is_measured() {
        assert_eq!(minimum(&[]), Verdict::None);
        assert_eq!(minimum(&[1.0]), Verdict::None);
        assert_eq!(minimum(&[2.0; 9]), Verdict::None);
        assert_eq!(minimum(&[NAN; 9]), Verdict::None);
        assert_eq!(minimum(&[NAN, 1.0, NAN, 1.0, f64::INFINITY]), Verdict::None);
    }

    #[test]
    fn plateaus_and_gaps_keep_the_first_index() {
        let values = [2.0, NAN, 1.0, NAN, 1.0, 1.0, 3.0];
        let turn = minimum(&values).turn().unwrap();
        assert_eq!((turn.index, turn.epoch, turn.prominence), (2, 20, 1.0));
        let single = values.map(|value| value as f32);
        assert_eq!(by_prominence(&epochs(7), &single, Extremum::Minimum, 0.05).turn().unwrap().index, 2);
    }

    #[test]
    fn first_rise_waits_for_the_burn_in() {
        let values = [1.0, 0.5, 0.6, 0.4, 0.3, 0.35, 0.2];
        let turn = by_first_rise(&epochs(7), &values, Extremum::Minimum, DEFAULT_BURN_IN).turn().unwrap();
        assert_eq!((turn.index, turn.epoch, turn.value), (4, 40, 0.3));
        assert!(turn.prominence.is_nan());
        assert_eq!(by_first_rise(&epochs(7), &values, Extremum::Minimum, 0).turn().unwrap().index, 1);
        assert_eq!(by_first_rise(&epochs(7), &values, Extremum::Minimum, 50), Verdict::None);
        let falls = by_first_rise(&epochs(7), &values, Extremum::Maximum, 0).turn().unwrap();
        assert_eq!(falls.index, 0);
        let gap = [1.0, 0.5, NAN, 0.6];
        assert_eq!(by_first_rise(&epochs(4), &gap, Extremum::Minimum, 0).turn().unwrap().index, 1);
    }

    /// Small whole numbers, so that plateaus and ties are common; now and then a gap.
    fn trajectories() -> impl Strategy<Value = Vec<f64>> {
        let value = prop_oneof![9 => (0..12i8).prop_map(f64::from), 1 => Just(NAN)];
        prop::collection::vec(value, 0..40)
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(values in trajectories(), fraction in 0.0..1.0f64) {
            let verdict = by_prominence(&epochs(values.len()), &values, Extremum::Maximum, fraction);
            let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
            let highest = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let range = highest - finite.iter().copied().fold(f64::INFINITY, f64::min);
            let most = maxima(&values).iter().map(|&(_, prominence)| prominence).fold(0.0, f64::max);
            let first = maxima(&values).into_iter().find(|&(_, prominence)| prominence == most);
            match first {
                Some((index, prominence)) if prominence >= fraction * range => {
                    let turn = verdict.turn().expect("a prominent maximum");
                    prop_assert_eq!((turn.index, turn.prominence), (index, prominence));
                    prop_assert_eq!(turn.value, values[index]);
                    prop_assert_eq!(turn.epoch, 10 * index);
                }
                _ if range > 0.0 && (finite[0] == highest || *finite.last().unwrap() == highest) => {
                    prop_assert_eq!(verdict, Verdict::Edge);
                }
                _ => prop_assert_eq!(verdict, Verdict::None),
            }
        }

        #[test]
        fn a_minimum_is_the_maximum_upside_down(values in trajectories()) {
            let down: Vec<f64> = values.iter().map(|value| -value).collect();
            let least = minimum(&values);
            let most = by_prominence(&epochs(down.len()), &down, Extremum::Maximum, DEFAULT_FRACTION);
            prop_assert_eq!(least.status(), most.status());
            prop_assert_eq!(least.turn().map(|turn| (turn.index, turn.prominence)),
                most.turn().map(|turn| (turn.index, turn.prominence)));
        }

        #[test]
        fn watching_equals_reading_the_prefix(values in trajectories()) {
            let mut watch = Watch::new(Extremum::Minimum, DEFAULT_FRACTION);
            for (index, &value) in values.iter().enumerate() {
                watch.push(10 * index, value);
                prop_assert_eq!(watch.verdict(), minimum(&values[..=index]));
            }
        }
    }
}
