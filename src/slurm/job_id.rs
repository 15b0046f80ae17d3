//! How sbatch names a job: a number, and the cluster where there are several.

use std::fmt;

/// A job's number, and the cluster's name where sbatch says one (`123;west`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId {
    number: u64,
    cluster: Option<String>,
}

impl JobId {
    /// Reads what `sbatch --parsable` prints: `123` or `123;cluster`.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, cluster) = match text.split_once(';') {
            Some((number, cluster)) => (number, Some(cluster)),
            None => (text, None),
        };
        let named = |name: &str| !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control());
        if !number.bytes().all(|b| b.is_ascii_digit()) || !cluster.is_none_or(named) {
            return None;
        }
        Some(JobId { number: number.parse().ok()?, cluster: cluster.map(str::to_owned) })
    }

    /// The number alone.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The cluster, where sbatch named one.
    pub fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cluster {
            Some(cluster) => write!(f, "{};{cluster}", self.number),
            None => write!(f, "{}", self.number),
        }
    }
}
