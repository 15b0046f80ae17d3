//! Which statistics of two runs differ beyond noise, group by group.
//!
//! Groups are matched by their variant, the hash of the specification without the seed, or by the values of the columns that
//! the user groups by. *Means* (of ε*, errors, …) are contrasts over seeds ([`contrast`]): a seed that both groups hold enters
//! as its difference, since it decides the initial weights in both; with Student's quantile at as many degrees of freedom as the
//! smaller group has seeds, less one. *Shares* (cells that turn) have Newcombe's interval of two independent proportions, which
//! is wider than need be where seeds are shared. A statistic *differs* if its interval, at Šidák's (1967) level for all
//! statistics of the command at once, does not hold 0: with no true difference anywhere, one or more of them is said to
//! differ with a probability of 5% at most where they are independent or positively dependent. Invariants: equal values of
//! equal seeds are `identical`, whatever the interval; where there are too few seeds the judgement is `unknown`, never that
//! nothing differs.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::measures::{Kind, Measure, by_seed};
use super::run::Run;
use crate::statistics::contrast::{self, Contrast, Variant};
use crate::statistics::interval::{COVERAGE, Interval};
use crate::statistics::proportion::{self, Count};

/// What is said of a statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// Its interval, at the level for all of them at once, does not hold 0.
    Differs,
    /// The same seeds have the same values.
    Identical,
    /// Its interval holds 0: a difference as large as the interval's ends is not excluded.
    NoDifferenceSeen,
    /// There are too few seeds, or nothing varies.
    Unknown,
}

impl Judgement {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Judgement::Differs => "differs",
            Judgement::Identical => "identical",
            Judgement::NoDifferenceSeen => "no difference seen",
            Judgement::Unknown => "unknown",
        }
    }
}

/// Of one run, in one group.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Side {
    /// Mean over seeds, or share of cells.
    pub mean: f64,
    /// Standard deviation over seeds; NaN of shares.
    pub deviation: f64,
    /// Seeds, or cells of a share.
    pub count: usize,
}

/// A statistic of a group in both runs.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// The group.
    pub group: String,
    /// What is compared.
    pub statistic: String,
    /// In the first run, and in the second.
    pub sides: [Side; 2],
    /// The second less the first.
    pub difference: f64,
    /// Its own 95% interval.
    #[serde(serialize_with = "ends")]
    pub interval: Interval,
    /// Its interval at the level for all statistics of the command at once.
    #[serde(serialize_with = "ends")]
    pub simultaneous: Interval,
    /// What follows.
    pub judgement: Judgement,
}

fn ends<S: serde::Serializer>(interval: &Interval, serializer: S) -> Result<S::Ok, S::Error> {
    [interval.low, interval.high].serialize(serializer)
}

/// All statistics of two runs.
#[derive(Debug, Serialize)]
pub struct Differences {
    /// Groups that both have.
    pub groups_in_both: usize,
    /// Names of those that the first run has alone.
    pub groups_in_first: Vec<String>,
    /// Names of those that the second run has alone.
    pub groups_in_second: Vec<String>,
    /// What to know of how groups were matched; empty if nothing.
    pub note: String,
    /// By group and statistic.
    pub all: Vec<Difference>,
}

/// What is known of a difference before it is judged.
enum Evidence {
    Means(Contrast),
    Shares([Count; 2]),
    Identical,
    Nothing,
}

impl Evidence {
    /// Of the means of two variants, or of shares.
    fn of(variants: &[Option<Variant>; 2], shares: Option<[Count; 2]>) -> Evidence {
        match (shares, variants) {
            (Some(counts), _) => Evidence::Shares(counts),
            (None, [Some(a), Some(b)]) => Evidence::Means(contrast::difference(b, a)),
            (None, _) => Evidence::Nothing,
        }
    }

    fn is_testable(&self) -> bool {
        match self {
            Evidence::Means(contrast) => contrast.error.is_finite() && contrast.error > 0.0,
            Evidence::Shares(counts) => counts.iter().all(|count| count.all > 1),
            Evidence::Identical | Evidence::Nothing => false,
        }
    }

    fn interval(&self, family: usize) -> Interval {
        match self {
            Evidence::Means(contrast) if self.is_testable() => contrast.interval(family),
            Evidence::Shares([first, second]) if self.is_testable() => {
                proportion::difference(*second, *first, contrast::upper(1.0 - COVERAGE, family))
            }
            _ => Interval::UNKNOWN,
        }
    }
}

/// Statistics of two runs, not judged yet: how many there are decides how.
pub struct Table {
    rows: Vec<(Difference, Evidence)>,
    groups_in_both: usize,
    groups_in_first: Vec<String>,
    groups_in_second: Vec<String>,
    note: String,
}

/// Lays the groups of two runs side by side.
pub fn tabulate(first: &Run, second: &Run, by_variant: bool) -> Table {
    let by_hash = by_variant && [first, second].iter().all(|run| run.results.cells.variant_id.is_some());
    let keys = [first, second].map(|run| keys(run, by_hash));
    let mut place: HashMap<&Vec<String>, usize> = HashMap::new();
    keys[1].iter().enumerate().for_each(|(group, key)| {
        place.insert(key, group);
    });
    let mut matched: Vec<[usize; 2]> =
        (keys[0].iter().enumerate()).filter_map(|(group, key)| Some([group, *place.get(key)?])).collect();
    let mut note = String::new();
    if matched.is_empty() && keys.iter().all(|keys| keys.len() == 1) {
        matched.push([0, 0]);
        note = "The runs are of different variants, one each: these are compared.".to_owned();
    } else if matched.is_empty() {
        note = "No group is in both runs: `--group-by` names the columns by which cells are matched (`--group-by \
                architecture,lr`)."
            .to_owned();
    }
    if by_variant && !by_hash {
        note +=
            " One of the files does not say which variant a cell is of: groups are matched by the labels of all axes.";
    }
    let alone = |which: usize, run: &Run| {
        let taken: Vec<usize> = matched.iter().map(|pair| pair[which]).collect();
        let groups = run.groups.all.iter().enumerate().filter(|(group, _)| !taken.contains(group));
        groups.map(|(_, group)| group.name.clone()).collect::<Vec<_>>()
    };
    let (groups_in_first, groups_in_second) = (alone(0, first), alone(1, second));
    let of_second: BTreeMap<&str, &Measure> =
        second.measures.iter().map(|measure| (measure.name.as_str(), measure)).collect();
    let mut rows = Vec::new();
    for groups in &matched {
        for a in &first.measures {
            let Some(&b) = of_second.get(a.name.as_str()) else { continue };
            rows.push(row([first, second], [a, b], *groups));
        }
    }
    Table { rows, groups_in_both: matched.len(), groups_in_first, groups_in_second, note: note.trim().to_owned() }
}

/// What groups are matched by.
fn keys(run: &Run, by_hash: bool) -> Vec<Vec<String>> {
    let of = |group: &crate::groups::Group| match (&run.results.cells.variant_id, group.cells.first()) {
        (Some(ids), Some(&cell)) if by_hash => vec![ids[cell].clone()],
        _ => group.values.clone(),
    };
    run.groups.all.iter().map(of).collect()
}

fn row(runs: [&Run; 2], measures: [&Measure; 2], groups: [usize; 2]) -> (Difference, Evidence) {
    let cells: [&[usize]; 2] = [0, 1].map(|which| runs[which].groups.all[groups[which]].cells.as_slice());
    let of_seed = |which: usize| by_seed(&measures[which].values, cells[which], &runs[which].results.cells.seed);
    let values = [of_seed(0), of_seed(1)];
    let is_share = measures[0].kind == Kind::Share;
    let counts = [0, 1].map(|which| {
        let known = || cells[which].iter().map(|&cell| measures[which].values[cell]).filter(|value| value.is_finite());
        Count { of: known().filter(|value| *value > 0.5).count(), all: known().count() }
    });
    let variants = [0, 1].map(|which| {
        let step = cells[which].first().map_or(f64::NAN, |&cell| measures[which].step[cell]);
        Variant::new(0, &values[which], step)
    });
    let sides = [0, 1].map(|which| match (is_share, &variants[which], values[which].as_slice()) {
        (true, ..) => Side { mean: counts[which].share(), deviation: f64::NAN, count: counts[which].all },
        (false, Some(of), _) => Side { mean: of.mean, deviation: of.deviation(), count: of.size },
        (false, None, [(_, only)]) => Side { mean: *only, deviation: f64::NAN, count: 1 },
        (false, None, _) => Side { mean: f64::NAN, deviation: f64::NAN, count: 0 },
    });
    let is_identical = !values[0].is_empty() && values[0] == values[1] && counts[0] == counts[1];
    let evidence = if is_identical { Evidence::Identical } else { Evidence::of(&variants, is_share.then_some(counts)) };
    let difference = Difference {
        group: runs[0].groups.all[groups[0]].name.clone(),
        statistic: measures[0].name.clone(),
        sides,
        difference: sides[1].mean - sides[0].mean,
        interval: Interval::UNKNOWN,
        simultaneous: Interval::UNKNOWN,
        judgement: Judgement::Unknown,
    };
    (difference, evidence)
}

impl Table {
    /// Statistics that have an interval: the family that all hold at once.
    pub fn testable(&self) -> usize {
        self.rows.iter().filter(|(_, evidence)| evidence.is_testable()).count()
    }

    /// Judges them, of a family of so many.
    pub fn judge(self, family: usize) -> Differences {
        let judged = |(row, evidence): (Difference, Evidence)| {
            let (interval, simultaneous) = (evidence.interval(1), evidence.interval(family));
            let judgement = match evidence {
                Evidence::Identical => Judgement::Identical,
                _ if !simultaneous.is_known() => Judgement::Unknown,
                _ if simultaneous.low > 0.0 || simultaneous.high < 0.0 => Judgement::Differs,
                _ => Judgement::NoDifferenceSeen,
            };
            Difference { interval, simultaneous, judgement, ..row }
        };
        Differences {
            groups_in_both: self.groups_in_both,
            groups_in_first: self.groups_in_first,
            groups_in_second: self.groups_in_second,
            note: self.note,
            all: self.rows.into_iter().map(judged).collect(),
        }
    }
}

/// The rule, in sentences.
pub fn rule(family: usize) -> String {
    if family == 0 {
        return "No statistic has an interval: those that have the same values in both are identical, and of the others there \
                are too few seeds."
            .to_owned();
    }
    format!(
        "A statistic differs if its interval does not hold 0, at Šidák's level for all {family} statistics with an interval at \
         once ({:.4}% each): with no true difference, any of them is said to differ with a probability of about 5% at most. \
         Means are compared seed by seed where both runs hold a seed, by Student's t; shares by Newcombe's interval of \
         independent proportions. The 95% interval is of one statistic alone. \"No difference seen\" is not \"the same\": \
         a difference inside the interval is not excluded.",
        100.0 * (2.0 * contrast::upper(1.0 - COVERAGE, family) - 1.0)
    )
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::statistics::bootstrap::generator;

    /// How many values of two runs of one distribution are drawn for a statistic.
    const SEEDS: i64 = 8;

    /// A statistic of two runs that are draws of one distribution: normal values, values of skewness 2, multiples of a step, a
    /// share of cells.
    fn drawn(kind: usize, shares_seeds: bool, random: &mut impl Rng) -> Evidence {
        let normal = |random: &mut dyn rand::RngCore| {
            let (u, v): (f64, f64) = (random.random(), random.random());
            (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
        };
        if kind == 3 {
            let count = |random: &mut dyn rand::RngCore| (0..SEEDS).filter(|_| random.random::<f64>() < 0.7).count();
            let of_run = |random: &mut dyn rand::RngCore| Count { of: count(random), all: SEEDS as usize };
            return Evidence::of(&[None, None], Some([of_run(random), of_run(random)]));
        }
        // What a seed decides in both runs alike, where they share it.
        let common: Vec<f64> = (0..SEEDS).map(|_| if shares_seeds { normal(random) } else { 0.0 }).collect();
        let variants = [0, 1].map(|run| {
            let value = |seed: i64| {
                let own = match kind {
                    1 => -(1.0 - random.random::<f64>()).ln(),
                    _ => normal(random),
                };
                let value = 20.0 + 2.0 * common[seed as usize] + own;
                let value = if kind == 2 { (4.0 * value).round() / 4.0 } else { value };
                (if shares_seeds { seed } else { seed + run * SEEDS }, value)
            };
            Variant::new(0, &(0..SEEDS).map(value).collect::<Vec<_>>(), if kind == 2 { 0.25 } else { f64::NAN })
        });
        Evidence::of(&variants, None)
    }

    /// False alarms: two runs of one distribution, many times; how often any of the command's statistics is said to differ, and how
    /// often the 95% interval of a single one does not hold 0.
    #[test]
    fn two_runs_of_one_distribution_are_seldom_said_to_differ() {
        const PAIRS: usize = 2000;
        const GROUPS: usize = 6;
        for shares_seeds in [true, false] {
            let (mut alarmed, mut missed, mut single) = (0, [0; 4], [0; 4]);
            for pair in 0..PAIRS {
                let mut random = generator(pair as u64);
                let mut rows = Vec::new();
                for place in 0..4 * GROUPS {
                    let side = Side { mean: 0.0, deviation: 0.0, count: SEEDS as usize };
                    let difference = Difference {
                        group: String::new(),
                        statistic: (place % 4).to_string(),
                        sides: [side; 2],
                        difference: 0.0,
                        interval: Interval::UNKNOWN,
                        simultaneous: Interval::UNKNOWN,
                        judgement: Judgement::Unknown,
                    };
                    rows.push((difference, drawn(place % 4, shares_seeds, &mut random)));
                }
                let (groups_in_first, groups_in_second) = (Vec::new(), Vec::new());
                let note = String::new();
                let table = Table { rows, groups_in_both: GROUPS, groups_in_first, groups_in_second, note };
                let family = table.testable();
                let judged = table.judge(family).all;
                alarmed += usize::from(judged.iter().any(|row| row.judgement == Judgement::Differs));
                for (place, row) in judged.iter().enumerate().filter(|(_, row)| row.interval.is_known()) {
                    single[place % 4] += 1;
                    missed[place % 4] += usize::from(row.interval.low > 0.0 || row.interval.high < 0.0);
                }
            }
            let share = |of: usize, all: usize| of as f64 / all as f64;
            let words = if shares_seeds { "the same seeds" } else { "other seeds" };
            let each = [0, 1, 2, 3].map(|kind| share(missed[kind], single[kind]));
            println!(
                "{words}: any of {} differs {:.4}; single intervals miss {each:.4?}",
                4 * GROUPS,
                share(alarmed, PAIRS)
            );
            // Four standard errors of 2000 pairs (2%) and of 12,000 intervals (0.8%). Of seeds that both hold the intervals of normal
            // values are exact; of other seeds they have fewer degrees of freedom than they might, and shares are of few cells: both
            // miss less often.
            assert!(share(alarmed, PAIRS) < 0.05 + 0.02, "{words}: {alarmed} of {PAIRS}");
            assert!(each.iter().all(|miss| *miss < 0.058), "{words}: {each:?}");
            assert!(!shares_seeds || [each[0], each[2]].iter().all(|miss| *miss > 0.042), "{words}: {each:?}");
        }
    }
}
