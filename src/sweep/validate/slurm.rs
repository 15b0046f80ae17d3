//! `[slurm]`: what `submit` asks for unless flags say otherwise.

use super::judge::Judge;
use crate::slurm::{MEMORY_FORMS, Memory, WALLTIME_FORMS, Walltime};
use crate::sweep::diagnostics::Diagnostics;
use crate::sweep::raw::{RawSlurm, RawTable};
use crate::sweep::reader::{Field, List};
use crate::sweep::resolved::Slurm;

/// The table, or nothing asked for.
pub(crate) fn resolve(table: Option<&RawTable<RawSlurm>>, diagnostics: &mut Diagnostics) -> Option<Slurm> {
    let Some(table) = table else { return Some(Slurm::default()) };
    let (raw, mut judge) = (&table.keys, Judge::of("[slurm]", table, diagnostics));
    let before = judge.diagnostics.len();
    let slurm = Slurm {
        nodes: count(&mut judge, "nodes", &raw.nodes, 1),
        ntasks_per_node: count(&mut judge, "ntasks_per_node", &raw.ntasks_per_node, 1),
        gpus_per_task: count(&mut judge, "gpus_per_task", &raw.gpus_per_task, 0),
        cpus_per_task: count(&mut judge, "cpus_per_task", &raw.cpus_per_task, 1),
        time: word(&mut judge, "time", &raw.time, is_walltime, WALLTIME_FORMS),
        partition: word(&mut judge, "partition", &raw.partition, is_name, "a name without spaces"),
        account: word(&mut judge, "account", &raw.account, is_name, "a name without spaces"),
        qos: word(&mut judge, "qos", &raw.qos, is_name, "a name without spaces"),
        mem: word(&mut judge, "mem", &raw.mem, is_memory, MEMORY_FORMS),
        modules: lines(&mut judge, "modules", &raw.modules, is_name, "names of modules, without spaces"),
        extra: lines(&mut judge, "extra", &raw.extra, is_line, "one line of the job script per string"),
    };
    (judge.diagnostics.len() == before).then_some(slurm)
}

fn count(judge: &mut Judge<'_>, key: &str, field: &Field<i128>, least: i128) -> Option<u32> {
    judge.whole_if_given(key, field, least..=i128::from(u32::MAX)).and_then(|count| u32::try_from(count).ok())
}

fn word(
    judge: &mut Judge<'_>,
    key: &str,
    field: &Field<String>,
    sound: fn(&str) -> bool,
    allowed: &str,
) -> Option<String> {
    let given = field.given()?;
    if sound(&given.value) {
        return Some(given.value.clone());
    }
    judge.diagnostics.error(&given.place, format!("`{key}` is not what Slurm takes")).help(format!("write {allowed}"));
    None
}

fn lines(
    judge: &mut Judge<'_>,
    key: &str,
    field: &Field<List<String>>,
    sound: fn(&str) -> bool,
    allowed: &str,
) -> Vec<String> {
    let items = field.given().map(|given| given.value.as_slice()).unwrap_or_default();
    let judged = items.iter().map(|item| word(judge, key, &Field::Given(item.clone()), sound, allowed));
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
