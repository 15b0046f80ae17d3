//! Slurm's notations of time and memory, read as Slurm reads them (sbatch(1), `--time` and `--mem`).
//!
//! Both parsers are total: any text gives a value or `None`, and no number wraps around.

/// A walltime limit in seconds, or none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walltime {
    /// `UNLIMITED` or `INFINITE`: the partition's limit.
    Unlimited,
    /// So many seconds, possibly 0.
    Seconds(u64),
}

impl Walltime {
    /// Reads `minutes`, `minutes:seconds`, `hours:minutes:seconds`, `days-hours`, `days-hours:minutes`,
    /// `days-hours:minutes:seconds`, `UNLIMITED` or `INFINITE`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("unlimited") || text.eq_ignore_ascii_case("infinite") {
            return Some(Walltime::Unlimited);
        }
        let (days, rest) = match text.split_once('-') {
            Some((days, rest)) => (Some(digits(days)?), rest),
            None => (None, text),
        };
        let fields = rest.split(':').map(digits).collect::<Option<Vec<_>>>()?;
        let (hours, minutes, seconds) = match (days, fields.as_slice()) {
            (None, &[minutes]) => (0, minutes, 0),
            (None, &[minutes, seconds]) => (0, minutes, seconds),
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
}

/// Memory of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// `0`: all that the node has.
    WholeNode,
    /// So many bytes.
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
        assert_eq!(seconds("unlimited"), Some(Walltime::Unlimited));
        for wrong in ["", "1h", "-1", "1-", "-", "1:2:3:4", "1:-2", "1 0", " 10", "١", "1-2-3", "99999999999999999-0"]
        {
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
        }
    }
}
