//! Which process this is and where it runs: what a lease and a part say of their writer.
//!
//! Invariant: two processes that run at the same time never have the same [`Place`] and pid.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};

use serde::{Deserialize, Serialize};

/// A world of process ids: pids can be compared within one only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Name of the host.
    pub host: String,
    /// The kernel's id of this boot; empty where unknown.
    pub boot: String,
    /// The namespace of process ids (containers have their own); empty where unknown.
    pub pid_namespace: String,
}

impl Place {
    /// Where this process runs.
    pub fn here() -> Place {
        let read = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
        let namespace = fs::read_link("/proc/self/ns/pid");
        Place {
            host: name(),
            boot: read("/proc/sys/kernel/random/boot_id"),
            pid_namespace: namespace.map(|link| link.to_string_lossy().into_owned()).unwrap_or_default(),
        }
    }

    /// Whether pids of the other place can be looked up here.
    pub fn shares_pids_with(&self, other: &Place) -> bool {
        self == other && !self.boot.is_empty() && !self.pid_namespace.is_empty()
    }
}

/// Name of this host; `"unknown"` if the system does not say.
pub fn name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

/// When a process of this place started, in clock ticks since boot: with the pid, its unmistakable name. `None` if
/// there is no such process, or if it is a zombie and so cannot act any more.
pub fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command in parentheses and may hold anything, so count from its end: state is the third
    // field of proc_pid_stat(5), starttime the 22nd.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let state = *fields.first()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// A number that no other process has, drawn from the operating system's randomness.
pub fn nonce() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.write_u128(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |t| t.as_nanos()));
    hasher.finish()
}
