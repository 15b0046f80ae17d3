//! What is asked of Slurm, resolved: the sweep's `[slurm]` table, then the flags of `submit`, which win.
//!
//! Nothing here is checked beyond its type: that is [`super::check()`], which reports everything at once.

use std::path::PathBuf;

use crate::device::DeviceName;
use crate::sweep;

/// How ranks are started on many nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Launcher {
    /// `srun --mpi=pmix` (or another plugin, [`Request::mpi`]).
    #[default]
    Srun,
    /// `mpirun`, which asks Slurm for nodes and slots.
    Mpirun,
}

/// What a device name asks of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// Cores and memory alone.
    Cpu,
    /// A GPU for every rank.
    Gpu,
}

impl DeviceKind {
    /// The kind of a `--device` value: a GPU if it names a runtime of GPUs (`cuda`, `tch:cuda`, `rocm:1`), else the CPU.
    pub fn of(device: &str) -> Self {
        let names_gpu = DeviceName::parse(device).is_ok_and(DeviceName::is_gpu);
        if names_gpu { DeviceKind::Gpu } else { DeviceKind::Cpu }
    }
}

/// One job, fully stated. Paths are absolute: the script runs wherever Slurm puts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Name of the sweep, and of the job.
    pub name: String,
    /// The `phasesweep` program that the job runs.
    pub program: PathBuf,
    /// The sweep file.
    pub sweep: PathBuf,
    /// The run directory; logs, scripts and the list of jobs go to `slurm/` in it.
    pub run_dir: PathBuf,
    /// Value of `--device` for the job.
    pub device: String,
    /// How ranks are started on many nodes.
    pub launcher: Launcher,
    /// `srun --mpi=` this.
    pub mpi: String,
    /// Seconds before the end of the walltime at which the job is told; `None`: [`Request::notice_seconds`] decides.
    pub notice: Option<u32>,
    /// Also write the report at the end.
    pub report: bool,
    /// Further arguments of `phasesweep run`, such as `--set train.epochs=100`.
    pub run_arguments: Vec<String>,
    /// Resources and the rest of the table.
    pub slurm: sweep::Slurm,
}

impl Request {
    /// Lays the flags of `phasesweep submit` over the sweep's table: a flag that was given wins, and a list that is not
    /// empty replaces the table's. `srun` with PMIx, no report and no further arguments unless set afterwards.
    pub fn resolve(
        name: &str,
        table: &sweep::Slurm,
        flags: sweep::Slurm,
        device: &str,
        program: PathBuf,
        sweep: PathBuf,
        run_dir: PathBuf,
    ) -> Self {
        let list = |flag: Vec<String>, table: &[String]| if flag.is_empty() { table.to_vec() } else { flag };
        Request {
            name: name.to_owned(),
            program,
            sweep,
            run_dir,
            device: device.to_owned(),
            launcher: Launcher::default(),
            mpi: "pmix".to_owned(),
            notice: None,
            report: false,
            run_arguments: Vec::new(),
            slurm: sweep::Slurm {
                nodes: flags.nodes.or(table.nodes),
                ntasks_per_node: flags.ntasks_per_node.or(table.ntasks_per_node),
                gpus_per_task: flags.gpus_per_task.or(table.gpus_per_task),
                cpus_per_task: flags.cpus_per_task.or(table.cpus_per_task),
                time: flags.time.or_else(|| table.time.clone()),
                partition: flags.partition.or_else(|| table.partition.clone()),
                account: flags.account.or_else(|| table.account.clone()),
                qos: flags.qos.or_else(|| table.qos.clone()),
                mem: flags.mem.or_else(|| table.mem.clone()),
                modules: list(flags.modules, &table.modules),
                extra: list(flags.extra, &table.extra),
            },
        }
    }

    /// What the device asks of a node; `auto` takes the GPUs that are asked for, if any.
    pub fn device_kind(&self) -> DeviceKind {
        match (self.device.as_str(), self.slurm.gpus_per_task) {
            ("auto", Some(gpus)) if gpus > 0 => DeviceKind::Gpu,
            _ => DeviceKind::of(&self.device),
        }
    }

    /// Where the script, the log and the list of jobs lie.
    pub fn slurm_dir(&self) -> PathBuf {
        self.run_dir.join("slurm")
    }

    /// Name of the built-in template that fits: by the number of nodes, the device, and the launcher.
    pub fn template_name(&self) -> &'static str {
        match (self.slurm.nodes.unwrap_or(1), self.launcher, self.device_kind()) {
            (0 | 1, _, DeviceKind::Cpu) => "cpu-node",
            (0 | 1, _, DeviceKind::Gpu) => "gpu-node",
            (_, Launcher::Srun, _) => "nodes-srun",
            (_, Launcher::Mpirun, _) => "nodes-mpirun",
        }
    }

    /// Seconds of notice before the walltime ends: as asked, else a tenth of the walltime but between one and ten
    /// minutes; five minutes where no walltime is stated. Slurm may send the signal up to a minute sooner.
    pub fn notice_seconds(&self) -> u32 {
        let limit = self.slurm.time.as_deref().and_then(super::Walltime::parse);
        self.notice.unwrap_or(match limit {
            Some(super::Walltime::Seconds(seconds)) => (seconds / 10).clamp(60, 600) as u32,
            Some(super::Walltime::Unlimited) | None => 300,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A request with nothing but names in it.
    pub(in crate::slurm) fn bare(device: &str) -> Request {
        Request::resolve(
            "digits",
            &sweep::Slurm::default(),
            sweep::Slurm::default(),
            device,
            "/opt/phasesweep/bin/phasesweep".into(),
            "/home/a/sweeps/digits.toml".into(),
            "/home/a/runs/digits".into(),
        )
    }

    #[test]
    fn flags_win_over_the_table_and_lists_replace() {
        let table = sweep::Slurm {
            nodes: Some(2),
            time: Some("1:00:00".into()),
            modules: vec!["openmpi".into(), "hdf5".into()],
            extra: vec!["#SBATCH --exclusive".into()],
            ..Default::default()
        };
        let flags = sweep::Slurm { nodes: Some(4), modules: vec!["mpich".into()], ..Default::default() };
        let request = Request::resolve("s", &table, flags, "flex", "p".into(), "s".into(), "r".into());
        assert_eq!(request.slurm.nodes, Some(4));
        assert_eq!(request.slurm.time.as_deref(), Some("1:00:00"));
        assert_eq!(request.slurm.modules, ["mpich"]);
        assert_eq!(request.slurm.extra, ["#SBATCH --exclusive"]);
    }

    #[test]
    fn template_follows_nodes_device_and_launcher() {
        let mut request = bare("flex");
        assert_eq!(request.template_name(), "cpu-node");
        request.device = "tch:cuda".into();
        assert_eq!(request.template_name(), "gpu-node");
        request.slurm.nodes = Some(2);
        assert_eq!(request.template_name(), "nodes-srun");
        request.launcher = Launcher::Mpirun;
        assert_eq!(request.template_name(), "nodes-mpirun");
        request = bare("auto");
        assert_eq!(request.template_name(), "cpu-node");
        request.slurm.gpus_per_task = Some(1);
        assert_eq!(request.template_name(), "gpu-node");
    }

    #[test]
    fn devices_are_told_apart_by_word() {
        for gpu in ["cuda", "tch:cuda", "cuda:1", "tch:cuda:0", "rocm", "wgpu:2"] {
            assert_eq!(DeviceKind::of(gpu), DeviceKind::Gpu, "{gpu}");
        }
        for cpu in ["auto", "flex", "tch", "barracuda"] {
            assert_eq!(DeviceKind::of(cpu), DeviceKind::Cpu, "{cpu}");
        }
    }

    #[test]
    fn notice_is_a_tenth_of_the_walltime_within_bounds() {
        let mut request = bare("flex");
        let mut notice = |time: &str| {
            request.slurm.time = Some(time.into());
            request.notice_seconds()
        };
        assert_eq!(notice("1:00:00"), 360);
        assert_eq!(notice("5"), 60);
        assert_eq!(notice("7-0"), 600);
        assert_eq!(notice("unlimited"), 300);
    }
}
