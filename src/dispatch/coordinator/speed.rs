//! How fast each worker is, and how long a cohort it should therefore be given.
//!
//! A worker's speed is predicted over measured time of its cohorts. Invariant: among workers of about equal speed, the
//! longest cohort goes first to whoever asks (longest processing time first, Graham 1969); one that is much slower than
//! where most of the work is done gets what it can do in a part of the time that is left, so that the others do not wait
//! for it at the end.

use super::super::outcome::Seconds;

/// Weight of what a worker did before its last cohort: a node that slows down is noticed after two or three.
const MEMORY: f64 = 0.5;

/// Share of the time left that a slow worker's next cohort may take: a worker may be a third slower than its last cohorts
/// showed, and the next one take half as long again as predicted, so that a half would now and then end long after all others.
const OF_THE_REST: f64 = 0.4;

/// A cohort that takes a larger share of the time left waits for nobody: a worker of which nothing is known gets it, too.
const HURRY: f64 = 0.5;

/// The same for a worker of which nothing is known yet: it may be several times slower than predicted.
const OF_A_STRANGER: f64 = 0.125;

/// A worker of less than this share of the speed at which the work is done is a slow one. With a half, ranks that do most of the
/// work beside a few that are eight times as fast were slow ones, and the longest cohorts were left for the end; with a fifth,
/// ranks of a sixth of that speed were taken for others after a lucky cohort (`phasesweep bench dispatch --simulate`).
const SLOW: f64 = 0.25;

/// What a worker did, older cohorts with less weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Speed {
    predicted: Seconds,
    measured: Seconds,
}

impl Speed {
    /// After one more cohort. One without prediction, or that took no time, teaches nothing.
    pub(super) fn after(before: Option<Speed>, predicted: Seconds, measured: Seconds) -> Option<Speed> {
        if !(predicted > 0.0 && measured > 0.0 && (predicted / measured).is_finite()) {
            return before;
        }
        let Speed { predicted: p, measured: m } = before.unwrap_or(Speed { predicted: 0.0, measured: 0.0 });
        let speed = Speed { predicted: MEMORY * p + predicted, measured: MEMORY * m + measured };
        if speed.value().is_finite() && speed.value() > 0.0 { Some(speed) } else { before }
    }

    /// Predicted over measured time.
    pub(super) fn value(self) -> f64 {
        self.predicted / self.measured
    }
}

/// How long a cohort a worker should get.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Portion {
    /// The longest.
    Longest,
    /// As much of the longest as takes so many predicted seconds; where it cannot be cut so, the longest of at most so many;
    /// where there is none, as little as can be had of the shortest.
    AtMost(Seconds),
    /// The same of `try_first` predicted seconds; but where nothing is so short, or where a cohort of more than `hurry`
    /// waits, which must not wait longer, the longest.
    Stranger {
        /// See above.
        try_first: Seconds,
        /// See above.
        hurry: Seconds,
    },
}

/// Sums over the speeds of workers that are known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Speeds {
    known: usize,
    sum: f64,
    squares: f64,
}

impl Speeds {
    /// One more.
    pub(super) fn count(&mut self, speed: Option<Speed>) {
        if let Some(value) = speed.map(Speed::value) {
            self.known += 1;
            self.sum += value;
            self.squares += value * value;
        }
    }

    /// One less. The sums are exactly 0 again when there is none.
    pub(super) fn forget(&mut self, speed: Option<Speed>) {
        if let Some(value) = speed.map(Speed::value) {
            self.known = self.known.saturating_sub(1);
            self.sum -= value;
            self.squares -= value * value;
            if self.known == 0 {
                *self = Speeds::default();
            }
        }
    }

    /// What a worker of that speed gets, one of `active`, when so many predicted seconds wait.
    pub(super) fn portion(&self, own: Option<f64>, waiting: Seconds, active: usize) -> Portion {
        if active < 2 {
            return Portion::Longest;
        }
        let mean = if self.known > 0 { self.sum / self.known as f64 } else { 1.0 };
        // The workers that are not known yet count as the mean of the others.
        let rest = waiting / (mean * active as f64);
        match own {
            None => Portion::Stranger { try_first: OF_A_STRANGER * mean * rest, hurry: HURRY * mean * rest },
            // The mean speed at which the work is done: of a second's work, each worker does a part that grows with its
            // speed.
            Some(own) if own >= SLOW * self.squares / self.sum => Portion::Longest,
            Some(own) => Portion::AtMost(OF_THE_REST * own * rest),
        }
    }

    /// Whether these are the same sums up to the rounding of another order.
    pub(super) fn is_about(&self, other: &Speeds) -> bool {
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * (1.0 + a.abs());
        self.known == other.known && near(self.sum, other.sum) && near(self.squares, other.squares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speeds(values: &[f64]) -> Speeds {
        let mut speeds = Speeds::default();
        values.iter().for_each(|&value| speeds.count(Speed::after(None, value, 1.0)));
        speeds
    }

    #[test]
    fn equal_workers_take_the_longest_and_slow_ones_a_part_of_the_rest() {
        let equal = speeds(&[1.0, 0.7, 1.4, 0.9]);
        assert!([0.7, 1.0, 1.4].iter().all(|&own| equal.portion(Some(own), 100.0, 4) == Portion::Longest));
        // 90 s of work on workers of speed 9 in all: 10 s are left, of which a worker of speed 0.5 works two fifths.
        let mixed = speeds(&[8.0, 0.5, 0.5]);
        assert_eq!(mixed.portion(Some(8.0), 100.0, 3), Portion::Longest);
        assert_eq!(mixed.portion(Some(0.5), 90.0, 3), Portion::AtMost(2.0));
        // Of whom nothing is known counts as the mean of the others.
        assert_eq!(mixed.portion(None, 120.0, 4), Portion::Stranger { try_first: 3.75, hurry: 15.0 });
        assert_eq!(mixed.portion(None, 120.0, 1), Portion::Longest);
    }

    #[test]
    fn the_last_cohorts_count_most_and_what_teaches_nothing_is_left_out() {
        let fast = Speed::after(None, 10.0, 5.0);
        assert_eq!(fast.map(Speed::value), Some(2.0));
        let slower = Speed::after(fast, 10.0, 20.0);
        assert_eq!(slower.map(Speed::value), Some(15.0 / 22.5));
        for (predicted, measured) in [(0.0, 1.0), (1.0, 0.0), (f64::NAN, 1.0), (f64::MAX, f64::MIN_POSITIVE)] {
            assert_eq!(Speed::after(fast, predicted, measured), fast);
        }
    }
}
