//! Measured rates: how fast each engine trained on this host, remembered between runs.
//!
//! The file is a cache: losing it costs a wider interval in `plan`, so a file that cannot be read counts as empty and
//! one that cannot be written is only said in the log. A rate is floating-point operations of the definition of the
//! work (see [`super::replica_cost`]) per second of one worker. Beside them stand the replicas that a device trains
//! best at once, as trials found them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::pack::AtOnce;

/// Cohorts remembered for each engine.
const REMEMBERED: usize = 50;

/// A rate with its spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Operations per second: the geometric mean of what was measured.
    pub flops_per_second: f64,
    /// Factor by which a run may be faster or slower: the logarithm's standard deviation over cohorts times 1.28, an
    /// interval of 80%, not narrowed by their number, since a busy host slows all of them alike.
    pub spread: f64,
    /// Whether it was measured on this host; otherwise it is a guess with a wide spread.
    pub measured: bool,
}

/// Rates by engine, as `host/engine/shape/threads` → operations per second of the last cohorts, and replicas at once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    cohorts: BTreeMap<String, Vec<f64>>,
    #[serde(default)]
    at_once: BTreeMap<String, AtOnce>,
}

impl Rates {
    /// Where rates are remembered: `phasesweep/rates.json` in the user's cache directory; `None` without a home.
    pub fn default_path() -> Option<PathBuf> {
        let cache = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        cache.or_else(home).map(|dir| dir.join("phasesweep").join("rates.json"))
    }

    /// The remembered rates; empty where there is no readable file.
    pub fn read(path: &Path) -> Rates {
        std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Remembers one cohort.
    pub fn add(&mut self, key: &str, flops: f64, seconds: f64) {
        if flops > 0.0 && seconds > 0.0 {
            let rates = self.cohorts.entry(key.to_string()).or_default();
            rates.push(flops / seconds);
            let surplus = rates.len().saturating_sub(REMEMBERED);
            rates.drain(..surplus);
        }
    }

    /// Replicas at once that trials found, if there were any under this name.
    pub fn at_once(&self, key: &str) -> Option<AtOnce> {
        self.at_once.get(key).copied()
    }

    /// Measured over expected time of the remembered cohorts, sorted: each against the geometric mean of its engine's, of
    /// engines with at least 20. For simulations.
    pub fn ratios(&self) -> Vec<f64> {
        let mut ratios = Vec::new();
        for rates in self.cohorts.values().filter(|rates| rates.len() >= 20) {
            let mean = (rates.iter().map(|rate| rate.ln()).sum::<f64>() / rates.len() as f64).exp();
            ratios.extend(rates.iter().map(|rate| mean / rate));
        }
        ratios.sort_by(f64::total_cmp);
        ratios
    }

    /// Remembers what trials found.
    pub fn found(&mut self, key: &str, at_once: AtOnce) {
        self.at_once.insert(key.to_string(), at_once);
    }

    /// Writes the cache: whole or not at all, but not synced, for losing it costs little.
    ///
    /// # Errors
    /// If the directory or the file cannot be written; the caller says so in the log and goes on.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let text = serde_json::to_vec_pretty(self)?;
        let temporary = path.with_extension(format!("json.{}", std::process::id()));
        std::fs::write(&temporary, text)?;
        std::fs::rename(&temporary, path)
    }

    /// The rate to expect, by `threads` for a guess where nothing was measured.
    pub fn expect(&self, key: &str, threads: usize) -> Rate {
        match self.cohorts.get(key).filter(|rates| !rates.is_empty()) {
            None => Rate { flops_per_second: 2e10 * threads.max(1) as f64, spread: 4.0, measured: false },
            Some(rates) => {
                let logs: Vec<f64> = rates.iter().map(|rate| rate.ln()).collect();
                let n = logs.len() as f64;
                let mean = logs.iter().sum::<f64>() / n;
                let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
                // Fewer than three cohorts say little about their spread.
                let sd = if logs.len() < 3 { 0.3 } else { variance.sqrt() };
                Rate { flops_per_second: mean.exp(), spread: (1.28 * sd).exp().max(1.05), measured: true }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_rate_replaces_the_guess_and_narrows() {
        let mut rates = Rates::default();
        assert!(!rates.expect("cpu", 2).measured);
        for seconds in [1.0, 1.1, 0.9, 1.0] {
            rates.add("cpu", 1e9, seconds);
        }
        let rate = rates.expect("cpu", 2);
        assert!(rate.measured && rate.spread < 1.5);
        assert!((rate.flops_per_second / 1e9 - 1.0).abs() < 0.05);
    }

    #[test]
    fn what_was_written_is_read_and_a_broken_file_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/rates.json");
        let mut rates = Rates::default();
        rates.add("cpu", 1e9, 2.0);
        rates.found("gpu", AtOnce { efficient: 64, most: Some(200) });
        rates.write(&path).unwrap();
        assert_eq!(Rates::read(&path), rates);
        // As it was written before there were trials.
        std::fs::write(&path, r#"{"cohorts": {"cpu": [1e9]}}"#).unwrap();
        let old = Rates::read(&path);
        assert!(old.expect("cpu", 1).measured && old.at_once("gpu").is_none());
        std::fs::write(&path, "{").unwrap();
        assert_eq!(Rates::read(&path), Rates::default());
    }
}
