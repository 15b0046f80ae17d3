//! Who started this process: told from the environment alone, so that a plain run never initialises MPI.

/// A launcher of parallel processes, and how many it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launch {
    /// Its name, for messages.
    pub launcher: &'static str,
    /// Number of processes; `None` if it does not say.
    pub size: Option<usize>,
}

impl Launch {
    /// The launcher of this process; `None` if it was started by hand.
    pub fn detect() -> Option<Launch> {
        Launch::from(|name| std::env::var(name).ok())
    }

    /// The same, with the environment given.
    ///
    /// Slurm sets `SLURM_PROCID` in batch scripts too; a step of several tasks is what `srun` starts. A step of one task
    /// is an interactive shell as often as not, and needs no MPI.
    pub fn from(environment: impl Fn(&str) -> Option<String>) -> Option<Launch> {
        let number = |name| environment(name).and_then(|v| v.trim().parse::<usize>().ok());
        let tasks = number("SLURM_STEP_NUM_TASKS");
        if tasks == Some(1) && number("OMPI_COMM_WORLD_SIZE").is_none() {
            return None;
        }
        [
            ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "Open MPI's mpirun"),
            ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "srun"),
            ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MVAPICH's mpirun"),
            ("PMI_RANK", "PMI_SIZE", "mpiexec (PMI)"),
        ]
        .into_iter()
        .find_map(|(rank, size, launcher)| {
            let size = number(size)?;
            number(rank).map(|_| Launch { launcher, size: Some(size) })
        })
        .or_else(|| number("PMIX_RANK").map(|_| Launch { launcher: "a PMIx launcher", size: None }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(variables: &[(&str, &str)]) -> Option<Launch> {
        Launch::from(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn launchers_are_told_from_shells() {
        assert_eq!(launch(&[]), None);
        let open_mpi = [("OMPI_COMM_WORLD_RANK", "1"), ("OMPI_COMM_WORLD_SIZE", "4"), ("PMIX_RANK", "1")];
        assert_eq!(launch(&open_mpi).and_then(|l| l.size), Some(4));
        assert_eq!(launch(&[("PMI_RANK", "0"), ("PMI_SIZE", "3")]).and_then(|l| l.size), Some(3));
        let srun = [("SLURM_PROCID", "3"), ("SLURM_STEP_NUM_TASKS", "8"), ("PMIX_RANK", "3")];
        assert_eq!(launch(&srun), Some(Launch { launcher: "srun", size: Some(8) }));
        // A batch script, and a shell started by srun.
        assert_eq!(launch(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "8")]), None);
        assert_eq!(launch(&[("SLURM_PROCID", "0"), ("SLURM_STEP_NUM_TASKS", "1"), ("PMIX_RANK", "0")]), None);
        // mpirun inside such a shell.
        assert!(launch(&[&open_mpi[..], &[("SLURM_PROCID", "0"), ("SLURM_STEP_NUM_TASKS", "1")]].concat()).is_some());
    }
}
