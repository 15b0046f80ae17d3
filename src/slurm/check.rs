//! Refusing, before it queues, a job that cannot work.
//!
//! Pure, and complete: every reason is reported, not the first alone.

use super::options::{self, ScriptOption};
use super::quantity::{MEMORY_FORMS, Memory, WALLTIME_FORMS, Walltime};
use super::request::{DeviceKind, Request};
use std::path::Path;

/// What the sweep needs of each rank, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Bytes that the heaviest cohort takes when it is packed as small as it can be; `None`: not known.
    pub cohort_bytes: Option<u64>,
    /// What the ranks train on.
    pub device: DeviceKind,
}

/// A reason why a job would not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A GPU device without a GPU.
    #[error(
        "device \"{device}\" needs a GPU and none is asked for: set gpus_per_task = 1 in [slurm] or pass \
         --gpus-per-task 1 (or --device flex)"
    )]
    NoGpuAskedFor {
        /// The device.
        device: String,
    },
    /// GPUs that nothing would use.
    #[error(
        "gpus_per_task = {gpus} but device \"{device}\" trains on the CPU and would leave them idle: pass --device \
         cuda, or --gpus-per-task 0"
    )]
    IdleGpus {
        /// GPUs for each rank.
        gpus: u32,
        /// The device.
        device: String,
    },
    /// Several GPUs for each of several ranks.
    #[error(
        "gpus_per_task = {gpus} with {ranks} ranks on a node: each rank trains on one GPU; ask for one GPU a rank and \
         {gpus} times as many ranks"
    )]
    GpusBeyondOne {
        /// GPUs for each rank.
        gpus: u32,
        /// Ranks on a node.
        ranks: u32,
    },
    /// The memory asked for does not hold what the ranks of a node train at once.
    #[error(
        "mem = \"{mem}\" does not hold {ranks} rank(s) of a node with a cohort of {} each: ask for --mem {} or more, \
         or fewer ranks on a node",
        mebibytes(*.cohort_bytes), mebibytes(.cohort_bytes.saturating_mul(u64::from(*.ranks)))
    )]
    CohortDoesNotFit {
        /// Memory of a node as written.
        mem: String,
        /// Ranks on a node.
        ranks: u32,
        /// Bytes of the cohort.
        cohort_bytes: u64,
    },
    /// A number that must be positive is 0.
    #[error("{setting} = 0: ask for at least 1, or leave it to the site by not setting it")]
    Zero {
        /// Name of the setting.
        setting: &'static str,
    },
    /// Not a time as Slurm writes it.
    #[error("time = \"{time}\" is not a walltime: Slurm reads {WALLTIME_FORMS}")]
    MalformedTime {
        /// As written.
        time: String,
    },
    /// The signal would come before training can start.
    #[error(
        "time = \"{time}\" ends within the {notice} s of notice before its end, so nothing would be trained: ask for \
         more time or less notice"
    )]
    NoticeFillsTime {
        /// As written.
        time: String,
        /// Seconds of notice.
        notice: u32,
    },
    /// Not an amount of memory as Slurm writes it.
    #[error("mem = \"{mem}\" is not an amount of memory: write {MEMORY_FORMS}")]
    MalformedMemory {
        /// As written.
        mem: String,
    },
    /// A value that would break out of its line in the script.
    #[error("{setting} = {value:?} does not fit on one line of a job script: remove {what}")]
    BadCharacters {
        /// Name of the setting.
        setting: &'static str,
        /// The value.
        value: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// An option that stands in the script twice: sbatch would take the last without a word.
    #[error(
        "the job script gives --{option} twice, by \"{first}\" and by \"{second}\": leave one of them out. The script takes \
         job-name, output, open-mode, requeue and signal from phasesweep, the rest from [slurm] and the flags of submit"
    )]
    GivenTwice {
        /// Long name of the option.
        option: String,
        /// The line in which it stands first.
        first: String,
        /// The line in which it stands again.
        second: String,
    },
    /// Memory that is asked for in two ways, of which Slurm takes one.
    #[error(
        "the job script asks for memory by \"{first}\" and by \"{second}\", which exclude each other: leave one out"
    )]
    MemoryTwice {
        /// The first line.
        first: String,
        /// The second line.
        second: String,
    },
    /// A relative path: the script may start anywhere.
    #[error("{setting} \"{path}\" is not an absolute path: a job starts in a directory of the site's choosing")]
    RelativePath {
        /// Name of the setting.
        setting: &'static str,
        /// The path.
        path: String,
    },
}

/// Every reason why `request` would not work, or `Ok` if there is none.
///
/// # Errors
/// All refusals at once, in the order of the settings.
pub fn check(request: &Request, needs: &Needs) -> Result<(), Vec<Refusal>> {
    let mut refusals = Vec::new();
    counts(request, &mut refusals);
    gpus(request, needs, &mut refusals);
    memory(request, needs, &mut refusals);
    time(request, &mut refusals);
    texts(request, &mut refusals);
    paths(request, &mut refusals);
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}

fn counts(request: &Request, refusals: &mut Vec<Refusal>) {
    let slurm = &request.slurm;
    let positive =
        [("nodes", slurm.nodes), ("ntasks_per_node", slurm.ntasks_per_node), ("cpus_per_task", slurm.cpus_per_task)];
    for (setting, value) in positive {
        if value == Some(0) {
            refusals.push(Refusal::Zero { setting });
        }
    }
}

fn gpus(request: &Request, needs: &Needs, refusals: &mut Vec<Refusal>) {
    let gpus = request.slurm.gpus_per_task.unwrap_or(0);
    let ranks = request.slurm.ntasks_per_node.unwrap_or(1);
    let device = request.device.clone();
    match needs.device {
        DeviceKind::Gpu if gpus == 0 && !extra_asks_for_gpus(&request.slurm.extra) => {
            refusals.push(Refusal::NoGpuAskedFor { device });
        }
        DeviceKind::Gpu if gpus > 1 && (ranks > 1 || request.slurm.nodes.unwrap_or(1) > 1) => {
            refusals.push(Refusal::GpusBeyondOne { gpus, ranks });
        }
        DeviceKind::Cpu if gpus > 0 && request.device_kind() == DeviceKind::Cpu => {
            refusals.push(Refusal::IdleGpus { gpus, device })
        }
        _ => {}
    }
}

/// Sites have many ways to ask for a GPU (`--gres=gpu:a100:2`, `-G 2`); an `#SBATCH` line of the user's own counts.
fn extra_asks_for_gpus(extra: &[String]) -> bool {
    let asks = |option: &ScriptOption| {
        option.name.starts_with("gpus") || (option.name == "gres" && option.value.contains("gpu"))
    };
    options::of_lines(extra.iter().map(String::as_str)).iter().any(asks)
}

/// Every reason why a rendered script would not be taken as it is meant, whoever wrote its lines: the `[slurm]` table,
/// the flags, `extra`, or a template of the site's own.
///
/// # Errors
/// All refusals at once, in the order of the script's lines.
pub fn check_script(script: &str) -> Result<(), Vec<Refusal>> {
    // Opposites of one another count as one option.
    let subject = |option: &ScriptOption| if option.name == "no-requeue" { "requeue" } else { &option.name }.to_owned();
    let memory = |option: &ScriptOption| ["mem", "mem-per-cpu", "mem-per-gpu"].contains(&option.name.as_str());
    let options = options::of_script(script);
    let mut refusals = Vec::new();
    for (k, option) in options.iter().enumerate() {
        let before = &options[..k];
        if let Some(same) = before.iter().find(|other| subject(other) == subject(option)) {
            let (first, second) = (same.line.clone(), option.line.clone());
            refusals.push(Refusal::GivenTwice { option: option.name.clone(), first, second });
        } else if memory(option)
            && let Some(other) = before.iter().find(|other| memory(other))
        {
            refusals.push(Refusal::MemoryTwice { first: other.line.clone(), second: option.line.clone() });
        }
    }
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}

fn memory(request: &Request, needs: &Needs, refusals: &mut Vec<Refusal>) {
    let Some(mem) = request.slurm.mem.clone() else { return };
    let ranks = request.slurm.ntasks_per_node.unwrap_or(1);
    match (Memory::parse(&mem), needs.cohort_bytes, needs.device) {
        (None, _, _) => refusals.push(Refusal::MalformedMemory { mem }),
        // On a GPU the cohort lies in the device's memory, which is not what --mem asks for.
        (Some(Memory::Bytes(bytes)), Some(cohort_bytes), DeviceKind::Cpu)
            if cohort_bytes.saturating_mul(u64::from(ranks)) > bytes =>
        {
            refusals.push(Refusal::CohortDoesNotFit { mem, ranks, cohort_bytes });
        }
        _ => {}
    }
}

fn time(request: &Request, refusals: &mut Vec<Refusal>) {
    let Some(time) = request.slurm.time.clone() else { return };
    let notice = request.notice_seconds();
    match Walltime::parse(&time) {
        None => refusals.push(Refusal::MalformedTime { time }),
        Some(Walltime::Seconds(0)) => refusals.push(Refusal::Zero { setting: "time" }),
        Some(Walltime::Seconds(seconds)) if seconds <= u64::from(notice) => {
            refusals.push(Refusal::NoticeFillsTime { time, notice });
        }
        Some(_) => {}
    }
}

fn texts(request: &Request, refusals: &mut Vec<Refusal>) {
    let slurm = &request.slurm;
    let words = [
        ("name", Some(&request.name)),
        ("partition", slurm.partition.as_ref()),
        ("account", slurm.account.as_ref()),
        ("qos", slurm.qos.as_ref()),
        ("mpi", Some(&request.mpi)),
        ("device", Some(&request.device)),
    ];
    for (setting, value) in words.into_iter().filter_map(|(setting, value)| Some((setting, value?))) {
        if value.is_empty() || value.chars().any(|c| c.is_whitespace() || c.is_control() || c == '#') {
            let what = "blanks, '#' and line breaks (and write at least one character)";
            refusals.push(Refusal::BadCharacters { setting, value: value.clone(), what });
        }
    }
    let lines = [("modules", &slurm.modules), ("extra", &slurm.extra), ("run arguments", &request.run_arguments)];
    for (setting, value) in lines.into_iter().flat_map(|(setting, values)| values.iter().map(move |v| (setting, v))) {
        if value.chars().any(|c| c == '\n' || c == '\r' || c == '\0') {
            refusals.push(Refusal::BadCharacters { setting, value: value.clone(), what: "line breaks" });
        }
    }
}

fn paths(request: &Request, refusals: &mut Vec<Refusal>) {
    let paths: [(&'static str, &Path); 3] =
        [("program", &request.program), ("sweep file", &request.sweep), ("run directory", &request.run_dir)];
    for (setting, path) in paths {
        let text = path.to_string_lossy().into_owned();
        if path.to_str().is_none() || text.contains(['\n', '\r', '\0', '"', '%', '\\']) {
            let what = "line breaks, quotes, backslashes, '%' and bytes that are not UTF-8 (Slurm reads some of them)";
            refusals.push(Refusal::BadCharacters { setting, value: text, what });
        } else if !path.is_absolute() {
            refusals.push(Refusal::RelativePath { setting, path: text });
        }
    }
}

/// Bytes as whole mebibytes, rounded up, as Slurm writes them.
fn mebibytes(bytes: u64) -> String {
    format!("{}M", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::request::tests::bare;
    use super::*;

    const CPU: Needs = Needs { cohort_bytes: None, device: DeviceKind::Cpu };
    const GPU: Needs = Needs { cohort_bytes: None, device: DeviceKind::Gpu };

    fn refused(request: &Request, needs: Needs) -> Vec<Refusal> {
        check(request, &needs).err().unwrap_or_default()
    }

    #[test]
    fn a_bare_cpu_request_is_left_to_the_site() {
        assert_eq!(check(&bare("flex"), &CPU), Ok(()));
    }

    #[test]
    fn a_gpu_device_needs_a_gpu_by_setting_or_by_extra_line() {
        let mut request = bare("tch:cuda");
        let message = refused(&request, GPU)[0].to_string();
        assert!(message.contains("tch:cuda") && message.contains("--gpus-per-task 1"), "{message}");
        for line in ["#SBATCH --gres=gpu:a100:1", "#SBATCH --gres gpu:1", "#SBATCH -G 1", "#SBATCH --gpus=2"] {
            request.slurm.extra = vec![line.into()];
            assert_eq!(refused(&request, GPU), [], "{line}");
        }
        for line in ["#SBATCH --exclusive", "# --gres=gpu:1", "#SBATCH --gres=nic:1"] {
            request.slurm.extra = vec![line.into()];
            assert_eq!(refused(&request, GPU).len(), 1, "{line}");
        }
        request.slurm.extra.clear();
        request.slurm.gpus_per_task = Some(1);
        assert_eq!(refused(&request, GPU), []);
        request.device = "flex".into();
        assert!(matches!(refused(&request, CPU)[..], [Refusal::IdleGpus { gpus: 1, .. }]));
    }

    #[test]
    fn several_gpus_are_for_a_lone_rank() {
        let mut request = bare("cuda");
        request.slurm.gpus_per_task = Some(4);
        assert_eq!(refused(&request, GPU), []);
        request.slurm.ntasks_per_node = Some(2);
        assert_eq!(refused(&request, GPU), [Refusal::GpusBeyondOne { gpus: 4, ranks: 2 }]);
    }

    #[test]
    fn memory_is_counted_over_the_ranks_of_a_node() {
        let mut request = bare("flex");
        let needs = Needs { cohort_bytes: Some(3 << 30), device: DeviceKind::Cpu };
        assert_eq!(refused(&request, needs), [], "no memory stated: the site decides");
        request.slurm.mem = Some("12G".into());
        request.slurm.ntasks_per_node = Some(4);
        assert_eq!(refused(&request, needs), []);
        request.slurm.ntasks_per_node = Some(5);
        let refusals = refused(&request, needs);
        assert!(refusals[0].to_string().contains("--mem 15360M"), "{}", refusals[0]);
        request.slurm.mem = Some("0".into());
        assert_eq!(refused(&request, needs), [], "the whole node, of unknown size");
        request.slurm.mem = Some("lots".into());
        assert!(matches!(refused(&request, needs)[..], [Refusal::MalformedMemory { .. }]));
    }

    #[test]
    fn an_option_given_twice_is_refused_whoever_gives_it() {
        let script = |lines: &str| format!("#!/bin/bash\n#SBATCH --time=12:00:00\n#SBATCH --mem=4G\n{lines}\nsrun x\n");
        assert_eq!(check_script(&script("#SBATCH --exclusive")), Ok(()));
        assert_eq!(check_script(&script("#SBATCH --nodes=2\ntrue\n#SBATCH --nodes=3")), Ok(()), "after a command");
        for (lines, option) in [
            ("#SBATCH --time=1:00", "time"),
            ("#SBATCH -t 5", "time"),
            ("#SBATCH --exclusive --mem 1G", "mem"),
            ("#SBATCH --requeue\n#SBATCH --no-requeue", "no-requeue"),
            ("#SBATCH -N1\n#SBATCH --nodes 1", "nodes"),
        ] {
            let refusals = check_script(&script(lines)).unwrap_err();
            assert!(matches!(&refusals[..], [Refusal::GivenTwice { option: o, .. }] if o == option), "{refusals:?}");
        }
        for lines in ["#SBATCH --mem-per-cpu=2G", "#SBATCH --mem-per-gpu 2G"] {
            let message = check_script(&script(lines)).unwrap_err()[0].to_string();
            assert!(message.contains("--mem=4G") && message.contains(lines), "{message}");
        }
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let mut request = bare("cuda");
        request.slurm.nodes = Some(0);
        request.slurm.ntasks_per_node = Some(0);
        request.slurm.cpus_per_task = Some(0);
        request.slurm.time = Some("soon".into());
        request.slurm.partition = Some("gpu\n#SBATCH --uid=0".into());
        request.sweep = "digits.toml".into();
        let refusals = refused(&request, GPU);
        assert_eq!(refusals.len(), 7, "{refusals:#?}");
    }

    #[test]
    fn a_walltime_must_outlast_its_notice() {
        let mut request = bare("flex");
        request.slurm.time = Some("1".into());
        assert!(matches!(refused(&request, CPU)[..], [Refusal::NoticeFillsTime { notice: 60, .. }]));
        request.notice = Some(30);
        assert_eq!(refused(&request, CPU), []);
        request.slurm.time = Some("0".into());
        assert_eq!(refused(&request, CPU), [Refusal::Zero { setting: "time" }]);
    }
}
