//! When the allocation of a run ends, and how much time is kept free before that. Pure.
//!
//! Invariants: a run never begins when its allocation is over; the margin never takes more than half of the time that is
//! left, so that there is always time in which something can be started.

use std::time::Duration;

use crate::amount::span;
use crate::slurm::TimeLeft;

/// The end of an allocation, as seen from the start of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) struct Deadline {
    /// Time until then; `None`: it is not known, or there is none.
    pub(in crate::session) left: Option<Duration>,
    /// Time kept free before then for checkpoints and the orderly end.
    pub(in crate::session) margin: Duration,
    /// Whether the margin was to be longer, and there was no time for it.
    pub(in crate::session) shortened: bool,
}

impl Deadline {
    /// No end, on ranks that do not decide by it.
    pub(in crate::session) fn unknown(margin: Duration) -> Deadline {
        Deadline { left: None, margin, shortened: false }
    }
}

/// The end of the allocation: as told by `--walltime`, else by Slurm's `SLURM_JOB_END_TIME`. Both `job_end` and `now` are
/// seconds since 1970.
///
/// # Errors
/// A sentence, if that time is over.
pub(in crate::session) fn deadline(
    told: Option<TimeLeft>,
    margin: Duration,
    job_end: Option<&str>,
    now: Duration,
) -> Result<Deadline, String> {
    let left = match told {
        Some(TimeLeft::Unlimited) => None,
        Some(TimeLeft::Limited(left)) => Some(left),
        // What is not a number of seconds is not Slurm's word: a site's own variable, or an empty one.
        None => match job_end.and_then(|end| end.trim().parse::<u64>().ok()).map(Duration::from_secs) {
            None => None,
            Some(end) if end > now => Some(end - now),
            Some(end) => {
                return Err(format!(
                    "the allocation ended {} ago (SLURM_JOB_END_TIME), so nothing can be started. If this \
                     process does not belong to that job any more, unset SLURM_JOB_END_TIME, or say by --walltime how \
                     long it may run",
                    span((now - end).as_secs_f64())
                ));
            }
        },
    };
    let most = left.map_or(Duration::MAX, |left| left / 2);
    Ok(Deadline { left, margin: margin.min(most), shortened: margin > most })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn told(left: u64) -> Option<TimeLeft> {
        Some(TimeLeft::Limited(seconds(left)))
    }

    #[test]
    fn the_margin_leaves_at_least_half_of_the_time() {
        let now = seconds(1_000_000);
        for (left, margin, expected) in [(3600, 60, 60), (120, 60, 60), (45, 60, 22), (10, 60, 5), (100, 1 << 40, 50)] {
            let found = deadline(told(left), seconds(margin), None, now).unwrap();
            assert_eq!(found.left, Some(seconds(left)));
            assert_eq!(found.margin.as_secs(), expected, "{left} s left, margin {margin} s");
            assert_eq!(found.shortened, expected < margin);
        }
        let free = deadline(Some(TimeLeft::Unlimited), seconds(60), Some("1"), now).unwrap();
        assert_eq!(free, Deadline { left: None, margin: seconds(60), shortened: false });
    }

    #[test]
    fn slurm_is_asked_where_nothing_is_told() {
        let now = seconds(1_000_000);
        let end = |text: &str| deadline(None, seconds(60), Some(text), now).map(|deadline| deadline.left);
        assert_eq!(end("1003600"), Ok(Some(seconds(3600))));
        for unread in ["", "nan", "-5", "soon", "1e9"] {
            assert_eq!(end(unread), Ok(None), "{unread:?}");
        }
        for past in ["1000000", "999700", "0"] {
            let sentence = end(past).unwrap_err();
            assert!(sentence.contains("SLURM_JOB_END_TIME") && sentence.contains("--walltime"), "{sentence}");
        }
        assert_eq!(deadline(told(10), seconds(1), Some("5"), now).unwrap().left, Some(seconds(10)), "told wins");
    }
}
