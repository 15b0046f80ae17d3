//! Who holds a run directory, and the pure decision whether another run may have it.
//!
//! The holder counts a beat up in the lease file. Clocks of hosts differ and mtimes come from servers, so a watcher
//! compares no times: it looks again and again and asks its own monotonic clock how long the beat has stood still.
//! Invariants: a holder whose beat was seen to move is never taken for dead; one in the same world of process ids is
//! judged by its process and not by waiting.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::host::place::Place;

/// What a lease file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Where it runs.
    pub place: Place,
    /// Its process.
    pub pid: u32,
    /// When its process started, in ticks of its place's clock: tells a pid that was given out again.
    pub pid_started: Option<u64>,
    /// Drawn at random for each lease.
    pub nonce: u64,
    /// Grows as long as the holder lives.
    pub beat: u64,
    /// When the lease was taken, by the holder's clock; to be shown, never compared.
    pub since: String,
    /// The Slurm job, if it runs in one.
    pub job: Option<String>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {}", self.pid, self.place.host)?;
        if let Some(job) = &self.job {
            write!(f, " (Slurm job {job})")?;
        }
        write!(f, ", since {}", self.since)
    }
}

/// What can be said of the holder's process from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// It lives.
    Alive,
    /// It is gone.
    Gone,
    /// It runs elsewhere.
    Elsewhere,
}

/// One look at the lease file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// There is none.
    Absent,
    /// It cannot be understood: being rewritten, or torn.
    Unreadable(Vec<u8>),
    /// It names a holder.
    Held(Holder, Process),
}

/// What follows from the looks so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody holds it.
    Free,
    /// Somebody does: keep away.
    Held(String),
    /// Its holder is gone: take it over.
    Stale(String),
    /// Look again.
    Wait,
}

/// Watches a lease file through a series of looks.
#[derive(Debug)]
pub struct Watch {
    patience: Duration,
    first: Option<(Duration, Sight)>,
}

impl Watch {
    /// A watch that takes a beat that stands still for so long for a dead one.
    pub fn new(patience: Duration) -> Watch {
        Watch { patience, first: None }
    }

    /// Judges one more look, taken at `now` of any monotonic clock.
    pub fn judge(&mut self, now: Duration, sight: Sight) -> Verdict {
        match &sight {
            Sight::Absent => return Verdict::Free,
            Sight::Held(holder, Process::Alive) => return Verdict::Held(holder.to_string()),
            Sight::Held(holder, Process::Gone) => return Verdict::Stale(holder.to_string()),
            Sight::Held(_, Process::Elsewhere) | Sight::Unreadable(_) => {}
        }
        let name = |sight: &Sight| match sight {
            Sight::Held(holder, _) => holder.to_string(),
            _ => "a run whose lease cannot be read".to_owned(),
        };
        match &self.first {
            // An unreadable look first may have hit a rewrite: it says nothing of who is there.
            None | Some((_, Sight::Unreadable(_))) if self.first.as_ref().is_none_or(|(_, first)| *first != sight) => {
                self.first = Some((now, sight));
                Verdict::Wait
            }
            Some((_, first)) if *first != sight => {
                Verdict::Held(name(if matches!(sight, Sight::Held(..)) { &sight } else { first }))
            }
            Some((since, first)) if now.saturating_sub(*since) >= self.patience => Verdict::Stale(name(first)),
            _ => Verdict::Wait,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holder(beat: u64) -> Holder {
        let place = Place { host: "n1".into(), boot: "b".into(), pid_namespace: "p".into() };
        Holder { place, pid: 7, pid_started: Some(1), nonce: 9, beat, since: "today".into(), job: Some("12".into()) }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_process_that_can_be_looked_up_is_judged_at_once() {
        let judge = |process| Watch::new(seconds(60)).judge(seconds(0), Sight::Held(holder(1), process));
        assert!(
            matches!(judge(Process::Alive), Verdict::Held(name) if name.contains("process 7 on n1 (Slurm job 12)"))
        );
        assert!(matches!(judge(Process::Gone), Verdict::Stale(_)));
        assert_eq!(Watch::new(seconds(60)).judge(seconds(0), Sight::Absent), Verdict::Free);
    }

    #[test]
    fn an_unreadable_lease_is_stale_only_after_the_patience() {
        let mut watch = Watch::new(seconds(60));
        assert_eq!(watch.judge(seconds(0), Sight::Unreadable(vec![1])), Verdict::Wait);
        assert_eq!(watch.judge(seconds(59), Sight::Unreadable(vec![1])), Verdict::Wait);
        assert!(matches!(watch.judge(seconds(60), Sight::Unreadable(vec![1])), Verdict::Stale(_)));
    }

    proptest! {
        /// A living holder that renews within the patience is never taken over, however the looks fall.
        #[test]
        fn a_moving_beat_is_never_stale(
            looks in proptest::collection::vec(0..40u64, 1..40),
            period in 1..50u64,
            offset in 0..50u64,
        ) {
            let mut watch = Watch::new(seconds(60));
            let mut now = 0;
            for wait in looks {
                now += wait;
                let beat = (now + offset) / period;
                match watch.judge(seconds(now), Sight::Held(holder(beat), Process::Elsewhere)) {
                    Verdict::Held(_) => break,
                    verdict => prop_assert_eq!(verdict, Verdict::Wait),
                }
            }
        }

        /// A dead one is taken over at the first look after the patience, and not before.
        #[test]
        fn a_still_beat_is_stale_after_the_patience(looks in proptest::collection::vec(1..40u64, 1..40)) {
            let mut watch = Watch::new(seconds(60));
            let mut since_first = 0;
            for (k, wait) in looks.into_iter().enumerate() {
                since_first += if k == 0 { 0 } else { wait };
                let verdict = watch.judge(seconds(1000 + since_first), Sight::Held(holder(3), Process::Elsewhere));
                prop_assert_eq!(matches!(verdict, Verdict::Stale(_)), since_first >= 60, "{}", since_first);
            }
        }
    }
}
