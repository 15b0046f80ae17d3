//! What a job leaves in the environment of the programs that run in it, so that a job that is submitted from inside
//! another one does not take it for its own.
//!
//! sbatch hands its environment on to the new job. The variables that describe the surrounding job then stand beside
//! those of the new one, and contradict them: an inherited `SLURM_CPUS_PER_TASK` ends its first `srun`, an inherited
//! `SLURM_CPU_BIND` binds all its ranks to the cores of the old one, an inherited `SLURM_MEM_PER_CPU` stands beside its
//! own `SLURM_MEM_PER_NODE`. Invariant: `SLURM_CONF`, by which sbatch finds its cluster, and `SBATCH_*`, which are a
//! person's own defaults for sbatch, are kept.

/// Beginnings of names that Slurm and the launchers of MPI give to the variables of a job.
const BEGINNINGS: [&str; 15] = [
    "SLURM_",
    "SLURMD_",
    "SRUN_",
    "PMI_",
    "PMIX_",
    "PMI2_",
    "PRTE_",
    "HYDI_",
    "HYDRA_",
    "MV2_COMM_WORLD_",
    "OMPI_COMM_WORLD_",
    "OMPI_APP_",
    "OMPI_FIRST_",
    "OMPI_MCA_orte_",
    "OMPI_MCA_ess_",
];

/// Whole names of the same kind: how a launcher describes its ranks, and the GPUs of a step.
const NAMES: [&str; 12] = [
    "OMPI_UNIVERSE_SIZE",
    "OMPI_NUM_APP_CTX",
    "OMPI_ARGV",
    "OMPI_COMMAND",
    "OMPI_FILE_LOCATION",
    "OMPI_MCA_initial_wdir",
    "CUDA_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "ROCR_VISIBLE_DEVICES",
    "ZE_AFFINITY_MASK",
    "MPI_LOCALRANKID",
    "MPI_LOCALNRANKS",
];

/// Names among `variables` (name and value) that belong to the job that this process runs in; none outside a job.
pub(super) fn variables_of_the_job(variables: &[(String, String)]) -> Vec<&str> {
    let job = variables.iter().find(|(name, _)| name == "SLURM_JOB_ID" || name == "SLURM_JOBID");
    let Some((_, job)) = job else { return Vec::new() };
    let belongs = |name: &str, value: &str| {
        let described = BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) || NAMES.contains(&name);
        // Sites make a directory for each job and remove it at its end.
        let scratch = name == "TMPDIR" && value.split(|c: char| !c.is_ascii_digit()).any(|number| number == job);
        (described && name != "SLURM_CONF") || scratch
    };
    variables.iter().filter(|(name, value)| belongs(name, value)).map(|(name, _)| name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Vec<(String, String)> {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn only_the_cluster_and_a_persons_own_defaults_stay() {
        let kept = [
            ("SLURM_CONF", "/etc/site/slurm.conf"),
            ("SBATCH_ACCOUNT", "physics"),
            ("SBATCH_TIMELIMIT", "1:00:00"),
            ("PATH", "/usr/bin"),
            ("OMPI_MCA_btl", "self,tcp"),
            ("OMP_PROC_BIND", "close"),
            ("HOME", "/home/a"),
        ];
        let removed = [
            ("SLURM_JOB_ID", "4711"),
            ("SLURM_CPUS_PER_TASK", "4"),
            ("SLURM_CPU_BIND", "quiet,mask_cpu:0x1"),
            ("SLURM_MEM_PER_CPU", "100"),
            ("SLURM_JOB_END_TIME", "1"),
            ("SLURMD_NODENAME", "n1"),
            ("SRUN_CPUS_PER_TASK", "4"),
            ("PMIX_RANK", "0"),
            ("OMPI_COMM_WORLD_RANK", "0"),
            ("CUDA_VISIBLE_DEVICES", "3"),
            ("TMPDIR", "/scratch/job.4711"),
        ];
        let all = environment(&[&kept[..], &removed[..]].concat());
        assert_eq!(variables_of_the_job(&all), removed.map(|(name, _)| name));
    }

    #[test]
    fn outside_a_job_nothing_is_taken_away() {
        let variables = environment(&[("SLURM_CONF", "/x"), ("SLURM_CLUSTERS", "west"), ("CUDA_VISIBLE_DEVICES", "1")]);
        assert_eq!(variables_of_the_job(&variables), Vec::<&str>::new());
        let other = environment(&[("SLURM_JOB_ID", "47"), ("TMPDIR", "/scratch/4711")]);
        assert_eq!(variables_of_the_job(&other), ["SLURM_JOB_ID"]);
    }
}
