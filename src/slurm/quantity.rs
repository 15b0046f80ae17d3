//! Slurm's notations of time and memory, read as Slurm reads them (sbatch(1), `--time` and `--mem`). The one reader for
//! the `[slurm]` table, for the flags of `submit`, for those of `run`, and for the variables that Slurm sets in a job.
//!
//! Every parser is total: any text gives a value or a refusal, and no number wraps around. `tests/slurm` holds the two
//! notations against Slurm itself.

use std::time::Duration;

/// A walltime limit in seconds, or none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walltime {
    /// `UNLIMITED` or `INFINITE`: the partition's limit.
    Unlimited,
    /// This many seconds, possibly 0.
    Seconds(u64),
}

/// How long a run may take, from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLeft {
    /// There is no limit.
    Unlimited,
    /// This long, more than 0.
    Limited(Duration),
}

/// The forms of a walltime, for messages.
pub const WALLTIME_FORMS: &str = "minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes, \
                                  days-hours:minutes:seconds or UNLIMITED";
/// The forms of an amount of memory, for messages.
pub const MEMORY_FORMS: &str = "a whole number and K, M, G or T, such as 64G (without a unit: MiB; 0: the whole node)";

impl Walltime {
    /// Reads `minutes`, `minutes:seconds`, `hours:minutes:seconds`, `days-hours`, `days-hours:minutes`,
    /// `days-hours:minutes:seconds`, `UNLIMITED`, `INFINITE` or `-1`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if ["unlimited", "infinite", "-1"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
            return Some(Walltime::Unlimited);
        }
        let (days, rest) = match text.split_once('-') {
            Some((days, rest)) => (Some(digits(days)?), rest),
            None => (None, text),
        };
        let fields = match (days, rest) {
            (Some(_), "") => Vec::new(),
            _ => rest.split(':').map(digits).collect::<Option<Vec<_>>>()?,
        };
        let (hours, minutes, seconds) = match (days, fields.as_slice()) {
            (None, &[minutes]) => (0, minutes, 0),
            (None, &[minutes, seconds]) => (0, minutes, seconds),
            // Undocumented, and taken by sbatch.
            (Some(_), &[]) => (0, 0, 0),
            (Some(_), &[hours]) => (hours, 0, 0),
            (Some(_), &[hours, minutes]) => (hours, minutes, 0),
            (_, &[hours, minutes, seconds]) => (hours, minutes, seconds),
            _ => return None,
        };
        let scaled = |value: u64, unit: u64| value.checked_mul(unit);
        let total = scaled(days.unwrap_or(0), 86_400)?
            .checked_add(scaled(hours, 3_600)?)?
            .checked_add(scaled(minutes, 60)?)?
            .checked_add(seconds)?;
        Some(Walltime::Seconds(total))
    }

    /// Reads the value of `run --walltime`: a bare number is a time in seconds, possibly fractional; everything else is
    /// read as [`Walltime::parse`] does, so that `12:00:00` means what it means to sbatch.
    ///
    /// # Errors
    /// A sentence that says what may be written.
    pub fn parse_seconds(text: &str) -> Result<TimeLeft, String> {
        let seconds = match (text.parse::<f64>(), Walltime::parse(text)) {
            (_, Some(Walltime::Unlimited)) => return Ok(TimeLeft::Unlimited),
            (Ok(seconds), _) => seconds,
            (Err(_), Some(Walltime::Seconds(seconds))) => seconds as f64,
            (Err(_), None) => f64::NAN,
        };
        if !(seconds > 0.0 && seconds.is_finite()) {
            let forms = "a number of seconds greater than 0, or a time as Slurm writes it, such as 12:00:00 or 2-12";
            return Err(format!("not a walltime: write {forms}"));
        }
        Ok(TimeLeft::Limited(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)))
    }
}

/// Memory of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// `0`: all that the node has.
    WholeNode,
    /// This many bytes.
    Bytes(u64),
}

impl Memory {
    /// Reads digits followed by nothing or `M` (MiB), `K`, `G` or `T`, in either case; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let shift = match unit.to_ascii_uppercase().as_str() {
            "K" | "KB" => 10,
            "" | "M" | "MB" => 20,
            "G" | "GB" => 30,
            "T" | "TB" => 40,
            _ => return None,
        };
        match digits(number)? {
            0 => Some(Memory::WholeNode),
            value => value.checked_mul(1 << shift).map(Memory::Bytes),
        }
    }

    /// Reads the value of `run --memory`, in bytes: a bare number is an amount in GiB, possibly fractional; with a unit,
    /// it is read as [`Memory::parse`] does.
    ///
    /// # Errors
    /// A sentence that says what may be written.
    pub fn parse_gibibytes(text: &str) -> Result<u64, String> {
        const GIB: f64 = (1_u64 << 30) as f64;
        let bytes = match (text.parse::<f64>(), Memory::parse(text)) {
            (Ok(number), _) => number * GIB,
            (Err(_), Some(Memory::Bytes(bytes))) => bytes as f64,
            (Err(_), _) => f64::NAN,
        };
        if !(bytes >= 1.0 && bytes <= u64::MAX as f64) {
            return Err(
                "not an amount of memory: write a number of GiB greater than 0, or one with K, M, G or T, such \
                        as 512M"
                    .to_owned(),
            );
        }
        Ok(bytes as u64)
    }
}

/// Reads a number of seconds that may be 0, such as an interval or a margin.
///
/// # Errors
/// A sentence that says what may be written.
pub fn parse_interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds >= 0.0 && seconds.is_finite());
    let seconds = seconds.ok_or_else(|| "not a time: write a number of seconds, 0 or greater".to_owned())?;
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// A number of ASCII digits alone: no sign, no blanks, at least one digit.
fn digits(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_of_the_manual() {
        let seconds = |text| Walltime::parse(text);
        // The six forms of sbatch(1), worked out by hand.
        assert_eq!(seconds("90"), Some(Walltime::Seconds(5400)));
        assert_eq!(seconds("90:30"), Some(Walltime::Seconds(5430)));
        assert_eq!(seconds("2:00:05"), Some(Walltime::Seconds(7205)));
        assert_eq!(seconds("1-12"), Some(Walltime::Seconds(129_600)));
        assert_eq!(seconds("1-12:30"), Some(Walltime::Seconds(131_400)));
        assert_eq!(seconds("1-12:30:01"), Some(Walltime::Seconds(131_401)));
        assert_eq!(seconds("2-"), Some(Walltime::Seconds(172_800)));
        for unlimited in ["unlimited", "UNLIMITED", "Infinite", "-1"] {
            assert_eq!(seconds(unlimited), Some(Walltime::Unlimited), "{unlimited}");
        }
        for wrong in ["", "1h", "-2", "-", "1:2:3:4", "1:-2", "1 0", " 10", "١", "1-2-3", "99999999999999999-0"] {
            assert_eq!(seconds(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn memory_of_the_manual() {
        assert_eq!(Memory::parse("4000"), Some(Memory::Bytes(4000 << 20)));
        assert_eq!(Memory::parse("64G"), Some(Memory::Bytes(64 << 30)));
        assert_eq!(Memory::parse("64g"), Some(Memory::Bytes(64 << 30)));
        assert_eq!(Memory::parse("1T"), Some(Memory::Bytes(1 << 40)));
        assert_eq!(Memory::parse("512K"), Some(Memory::Bytes(512 << 10)));
        assert_eq!(Memory::parse("0"), Some(Memory::WholeNode));
        for wrong in ["", "G", "1.5G", "64 G", "64GiB", "-1G", "99999999999999999999", "99999999999999T"] {
            assert_eq!(Memory::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn flags_of_run_take_plain_numbers_too() {
        let walltime = Walltime::parse_seconds;
        let seconds = |seconds: f64| Ok(TimeLeft::Limited(Duration::from_secs_f64(seconds)));
        assert_eq!(walltime("45"), seconds(45.0));
        assert_eq!(walltime("0.5"), seconds(0.5));
        assert_eq!(walltime("12:00:00"), seconds(43_200.0));
        assert_eq!(walltime("1-12"), seconds(129_600.0));
        assert_eq!(walltime("UNLIMITED"), Ok(TimeLeft::Unlimited));
        for wrong in ["nan", "inf", "-5", "0", "0:00", "soon", ""] {
            assert!(walltime(wrong).is_err(), "{wrong:?}");
        }
        let gibibytes = |text: &str| Memory::parse_gibibytes(text).ok();
        assert_eq!(gibibytes("1.5"), Some(3 << 29));
        assert_eq!(gibibytes("512M"), Some(512 << 20));
        assert_eq!(gibibytes("64gb"), Some(64 << 30));
        for wrong in ["nan", "-1", "0", "0G", "inf", "1e30", "much"] {
            assert_eq!(gibibytes(wrong), None, "{wrong:?}");
        }
        assert_eq!(parse_interval("0"), Ok(Duration::ZERO));
        assert_eq!(parse_interval("2.5"), Ok(Duration::from_millis(2500)));
        assert_eq!(parse_interval("1e300"), Ok(Duration::MAX));
        for wrong in ["nan", "-1", "inf", "", "5 s"] {
            assert!(parse_interval(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn full_form_adds_up(d in 0u64..1000, h in 0u64..24, m in 0u64..60, s in 0u64..60) {
            let expected = ((d * 24 + h) * 60 + m) * 60 + s;
            prop_assert_eq!(Walltime::parse(&format!("{d}-{h:02}:{m:02}:{s:02}")), Some(Walltime::Seconds(expected)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = Walltime::parse(&text);
            let _ = Memory::parse(&text);
            let _ = Walltime::parse_seconds(&text);
            let _ = Memory::parse_gibibytes(&text);
            let _ = parse_interval(&text);
        }
    }
}
