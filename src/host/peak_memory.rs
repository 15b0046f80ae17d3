//! The most memory that this process ever held, for what a run says of its cost.

/// Greatest resident size in bytes so far (`VmHWM` of `/proc/self/status`); `None` where the system does not tell.
pub fn peak_memory() -> Option<u64> {
    std::fs::read_to_string("/proc/self/status").ok().and_then(|text| high_water(&text))
}

fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_in_kibibytes() {
        assert_eq!(high_water("VmPeak:\t  90000 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n"), Some(2 << 20));
        assert_eq!(high_water("VmRSS:\t 1 kB\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_that_was_touched_raises_it() {
        let held = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(peak_memory() > Some(held.len() as u64));
    }
}
