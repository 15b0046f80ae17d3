//! `[slurm]`: what `submit` asks for unless flags say otherwise.

use super::diagnostics::Diagnostics;
use super::judge::Judge;
use super::reader::{Field, List};
use super::table::{Keyed, RawTable, Table, keys, no_kinds};
use crate::key::{Absent, Bound};
use crate::slurm::{MEMORY_FORMS, Memory, WALLTIME_FORMS, Walltime};

/// Nodes, tasks and CPUs may not be more.
const MANY: i128 = u32::MAX as i128;

const SITE: Absent = Absent::Means("left to the site");

keys! {
    /// Keys of `[slurm]`.
    RawSlurm {
        /// Nodes.
        nodes: i128 = integer { bound: Bound::Whole(1, MANY), absent: SITE },
        /// Ranks on each node.
        ntasks_per_node: i128 = integer { bound: Bound::Whole(1, MANY), absent: SITE },
        /// GPUs for each rank.
        gpus_per_task: i128 = integer { bound: Bound::Whole(0, MANY), absent: SITE },
        /// Cores for each rank.
        cpus_per_task: i128 = integer { bound: Bound::Whole(1, MANY), absent: SITE },
        /// Walltime, as sbatch takes it: `"12:00:00"`, `"2-12"`, `"UNLIMITED"`.
        time: String = string { absent: SITE },
        /// Partition.
        partition: String = string { absent: SITE },
        /// Account.
        account: String = string { absent: SITE },
        /// Quality of service.
        qos: String = string { absent: SITE },
        /// Memory of a node, as sbatch takes it: `"64G"`, `"64gb"`.
        mem: String = string { absent: SITE },
        /// Modules to load.
        modules: List<String> = names { absent: Absent::Means("none") },
        /// Further lines of the script's head, `#SBATCH` lines included.
        extra: List<String> = lines { absent: Absent::Means("none") },
    }
}

/// `[slurm]`
pub(crate) const TABLE: Table = Table {
    name: "slurm",
    header: "[slurm]",
    about: "What `phasesweep submit` asks for unless its flags say otherwise.",
    keys: RawSlurm::KEYS,
    kinds: no_kinds,
};

/// What `submit` asks Slurm for unless flags say otherwise. Empty fields are left to the site.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slurm {
    /// Nodes.
    pub nodes: Option<u32>,
    /// Ranks on each node.
    pub ntasks_per_node: Option<u32>,
    /// GPUs for each rank.
    pub gpus_per_task: Option<u32>,
    /// Cores for each rank.
    pub cpus_per_task: Option<u32>,
    /// Walltime as Slurm writes it.
    pub time: Option<String>,
    /// Partition.
    pub partition: Option<String>,
    /// Account.
    pub account: Option<String>,
    /// Quality of service.
    pub qos: Option<String>,
    /// Memory per node as Slurm writes it.
    pub mem: Option<String>,
    /// Modules to load.
    pub modules: Vec<String>,
    /// Further lines for the head of the script, `#SBATCH` ones included.
    pub extra: Vec<String>,
}

/// The table, or nothing asked for.
pub(crate) fn resolve(table: Option<&RawTable<RawSlurm>>, diagnostics: &mut Diagnostics) -> Option<Slurm> {
    let Some(table) = table else { return Some(Slurm::default()) };
    let (raw, mut judge) = (&table.keys, Judge::of(TABLE.header, table, diagnostics));
    let before = judge.diagnostics.len();
    let slurm = Slurm {
        nodes: count(&mut judge, &raw.nodes),
        ntasks_per_node: count(&mut judge, &raw.ntasks_per_node),
        gpus_per_task: count(&mut judge, &raw.gpus_per_task),
        cpus_per_task: count(&mut judge, &raw.cpus_per_task),
        time: word(&mut judge, &raw.time, is_walltime, WALLTIME_FORMS),
        partition: word(&mut judge, &raw.partition, is_name, "a name without spaces"),
        account: word(&mut judge, &raw.account, is_name, "a name without spaces"),
        qos: word(&mut judge, &raw.qos, is_name, "a name without spaces"),
        mem: word(&mut judge, &raw.mem, is_memory, MEMORY_FORMS),
        modules: lines(&mut judge, &raw.modules, is_name, "names of modules, without spaces"),
        extra: lines(&mut judge, &raw.extra, is_line, "one line of the job script per string"),
    };
    (judge.diagnostics.len() == before).then_some(slurm)
}

fn count(judge: &mut Judge<'_>, key: &Keyed<i128>) -> Option<u32> {
    judge.whole(key).and_then(|count| u32::try_from(count).ok())
}

fn word(judge: &mut Judge<'_>, key: &Keyed<String>, sound: fn(&str) -> bool, allowed: &str) -> Option<String> {
    let given = key.given()?;
    if sound(&given.value) {
        return Some(given.value.clone());
    }
    let error = judge.diagnostics.error(&given.place, format!("`{}` is not what Slurm takes", key.key.name));
    error.help(format!("write {allowed}"));
    None
}

fn lines(judge: &mut Judge<'_>, key: &Keyed<List<String>>, sound: fn(&str) -> bool, allowed: &str) -> Vec<String> {
    let items = key.given().map(|given| given.value.as_slice()).unwrap_or_default();
    let judged = items
        .iter()
        .map(|item| word(judge, &Keyed { key: key.key, field: Field::Given(item.clone()) }, sound, allowed));
    judged.collect::<Vec<_>>().into_iter().flatten().collect()
}

fn is_line(text: &str) -> bool {
    !text.contains(['\n', '\r', '\0'])
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "\"'`$;&|<>".contains(c))
}

fn is_walltime(text: &str) -> bool {
    Walltime::parse(text).is_some()
}

fn is_memory(text: &str) -> bool {
    Memory::parse(text).is_some()
}
