//! Times and sizes as people read them.

/// A time for people: `45 s`, `12 min`, `3.4 h`, `2.1 d`.
pub fn span(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} d", s / 86_400.0),
    }
}

/// A number of bytes for people.
pub fn bytes(count: u64) -> String {
    match count as f64 {
        b if b < 1024.0 => format!("{b:.0} B"),
        b if b < 1048576.0 => format!("{:.1} KiB", b / 1024.0),
        b if b < 1073741824.0 => format!("{:.1} MiB", b / 1048576.0),
        b => format!("{:.1} GiB", b / 1073741824.0),
    }
}
