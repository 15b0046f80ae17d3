//! Slurm's own programs: sbatch to submit, squeue and sacct to ask. One call each, nothing repeated, nothing awaited.
//!
//! A job's id is durable before [`submit`] returns; when that fails after sbatch took the job, the error says its id.

use super::error::SlurmError;
use super::job_id::JobId;
use super::jobs::{JobRecord, record_job};
use super::request::Request;
use super::surrounding::variables_of_the_job;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// State of a job, as squeue and sacct name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Waits in the queue (or was requeued).
    Pending,
    /// Runs.
    Running,
    /// Ends.
    Completing,
    /// Ended with exit code 0.
    Completed,
    /// Ended with another exit code.
    Failed,
    /// Cancelled by a person.
    Cancelled,
    /// Ended by its walltime.
    Timeout,
    /// Its node failed.
    NodeFail,
    /// Ended for its memory.
    OutOfMemory,
    /// Slurm's own word for another state (`SUSPENDED`, `PREEMPTED`, `CONFIGURING` …).
    Other(String),
    /// Slurm no longer knows the job.
    Unknown,
}

impl State {
    /// Reads Slurm's word; sacct may add to it (`CANCELLED by 1000`).
    fn parse(word: &str) -> Self {
        match word.split_whitespace().next().unwrap_or("") {
            "PENDING" | "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED" => State::Pending,
            "RUNNING" => State::Running,
            "COMPLETING" => State::Completing,
            "COMPLETED" => State::Completed,
            "FAILED" => State::Failed,
            "CANCELLED" => State::Cancelled,
            "TIMEOUT" => State::Timeout,
            "NODE_FAIL" => State::NodeFail,
            "OUT_OF_MEMORY" => State::OutOfMemory,
            "" => State::Unknown,
            other => State::Other(other.to_owned()),
        }
    }

    /// Whether the job may still run.
    pub fn is_live(&self) -> bool {
        matches!(self, State::Pending | State::Running | State::Completing | State::Other(_))
    }
}

/// What Slurm says of a job, or of one task of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobState {
    /// The job as submitted.
    pub id: JobId,
    /// How Slurm names it: the number, or `123_4` for a task of an array.
    pub name: String,
    /// Its state.
    pub state: State,
    /// Why it waits or how it ended; empty if Slurm says nothing, or if sacct was asked.
    pub reason: String,
    /// Time it has run, as Slurm writes it; empty if unknown.
    pub elapsed: String,
    /// Its nodes; empty if none.
    pub nodes: String,
}

/// Slurm's programs, found along a search path.
#[derive(Debug, Clone)]
pub struct Client {
    path: OsString,
}

impl Client {
    /// Programs along this process's `PATH`.
    pub fn from_env() -> Self {
        Client { path: std::env::var_os("PATH").unwrap_or_default() }
    }

    /// Programs along `path`.
    pub fn along(path: &OsStr) -> Self {
        Client { path: path.to_owned() }
    }

    /// Whether jobs can be submitted from here.
    pub fn is_available(&self) -> bool {
        self.program("sbatch").is_ok()
    }

    fn program(&self, name: &'static str) -> Result<PathBuf, SlurmError> {
        std::env::split_paths(&self.path)
            .map(|dir| dir.join(name))
            .find(|file| file.is_file())
            .ok_or(SlurmError::NotFound { program: name })
    }

    fn ask(&self, name: &'static str, arguments: &[&OsStr]) -> Result<Output, SlurmError> {
        let program = self.program(name)?;
        let started = Command::new(&program).args(arguments).stdin(std::process::Stdio::null()).output();
        started.map_err(|source| SlurmError::Start { program, source })
    }

    /// Gives `script` to sbatch and returns the job's id at once. From inside a job, the new one is told nothing of it.
    ///
    /// # Errors
    /// sbatch is missing, refuses, or answers what is no id.
    pub fn sbatch(&self, script: &Path) -> Result<JobId, SlurmError> {
        let program = self.program("sbatch")?;
        let mut command = Command::new(&program);
        command.arg("--parsable").arg(script).stdin(std::process::Stdio::null());
        let variables: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        for name in variables_of_the_job(&variables) {
            command.env_remove(name);
        }
        let output = command.output().map_err(|source| SlurmError::Start { program, source })?;
        if !output.status.success() {
            return Err(refused("sbatch", &output));
        }
        let answer = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        // A site's submit filter may talk before the id: it is the last line.
        JobId::parse(answer.lines().last().unwrap_or("").trim()).ok_or(SlurmError::Answer { program: "sbatch", answer })
    }
}

fn refused(program: &'static str, output: &Output) -> SlurmError {
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let advice = match message.as_str() {
        m if m.contains("partition") => "; `sinfo` lists partitions: set partition in [slurm] or --partition",
        m if m.contains("account") => "; `sacctmgr show associations user=$USER` lists accounts: set --account",
        m if m.contains("node configuration") => {
            "; no node has that many cores, GPUs or that much memory: see `sinfo -Nel`"
        }
        m if m.contains("time limit") => "; `sinfo -o '%P %l'` lists the limits of partitions: set --time",
        m if m.contains("contact") => "; the controller does not answer: try again later",
        _ => "",
    };
    SlurmError::Refused { program, status: output.status.to_string(), message, advice }
}

/// Writes `script` into the run directory's `slurm/`, submits it, and records the job there.
///
/// # Errors
/// Nothing was submitted if the script could not be written or sbatch refused it; [`SlurmError::NotRecorded`] if the
/// job is queued and only its record is missing.
pub fn submit(client: &Client, request: &Request, script: &str) -> Result<JobRecord, SlurmError> {
    client.program("sbatch")?;
    let submitted = jiff::Timestamp::now();
    let path = write_script(&request.slurm_dir(), &submitted, script)?;
    let id = client.sbatch(&path)?;
    let record = JobRecord { id, submitted, script: path };
    record_job(&request.run_dir, &record)
        .map_err(|source| SlurmError::NotRecorded { id: record.id.clone(), source: Box::new(source) })?;
    Ok(record)
}

/// A new file, named by the time to the millisecond; never one that another submission wrote.
fn write_script(dir: &Path, time: &jiff::Timestamp, script: &str) -> Result<PathBuf, SlurmError> {
    let disk = |path: &Path, source| SlurmError::Disk { path: path.to_path_buf(), source };
    std::fs::create_dir_all(dir).map_err(|source| disk(dir, source))?;
    let mut millisecond = time.as_millisecond();
    loop {
        let stamp = jiff::Timestamp::from_millisecond(millisecond).unwrap_or(*time).strftime("%Y%m%dT%H%M%S.%3fZ");
        let path = dir.join(format!("{stamp}.sbatch"));
        match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                let written = file.write_all(script.as_bytes()).and_then(|()| file.sync_all());
                written.map_err(|source| disk(&path, source))?;
                return Ok(path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => millisecond += 1,
            Err(source) => return Err(disk(&path, source)),
        }
    }
}

/// What Slurm says of `jobs`, in their order, tasks of an array each for itself: one call of squeue for each cluster
/// and, for jobs that it no longer lists, one of sacct where the site keeps accounts. Never empty-handed for a job: one
/// that neither knows is [`State::Unknown`].
///
/// # Errors
/// squeue is missing or refuses. A site without accounting is no error.
pub fn job_states(client: &Client, jobs: &[JobId]) -> Result<Vec<JobState>, SlurmError> {
    let mut clusters: Vec<Option<&str>> = jobs.iter().map(JobId::cluster).collect();
    clusters.sort_unstable();
    clusters.dedup();
    let mut found = Vec::new();
    for cluster in clusters {
        let wanted: Vec<&JobId> = jobs.iter().filter(|job| job.cluster() == cluster).collect();
        found.extend(queued(client, cluster, &wanted)?);
        let listed: HashSet<&JobId> = found.iter().map(|job| &job.id).collect();
        let gone: Vec<&JobId> = wanted.into_iter().filter(|job| !listed.contains(job)).collect();
        if !gone.is_empty() {
            found.extend(accounted(client, cluster, &gone));
        }
    }
    let mut answer = Vec::new();
    for job in jobs {
        let before = answer.len();
        answer.extend(found.iter().filter(|state| state.id == *job).cloned());
        if answer.len() == before {
            answer.push(JobState {
                id: job.clone(),
                name: job.number().to_string(),
                state: State::Unknown,
                reason: String::new(),
                elapsed: String::new(),
                nodes: String::new(),
            });
        }
    }
    Ok(answer)
}

fn job_list(jobs: &[&JobId]) -> String {
    let numbers: Vec<String> = jobs.iter().map(|job| job.number().to_string()).collect();
    format!("--jobs={}", numbers.join(","))
}

fn queued(client: &Client, cluster: Option<&str>, jobs: &[&JobId]) -> Result<Vec<JobState>, SlurmError> {
    let list = job_list(jobs);
    let clusters = cluster.map(|name| format!("--clusters={name}"));
    // %F: the job, or the array that the task belongs to; %i: the task's own name.
    let mut arguments = vec!["--noheader", "--states=all", "--format=%F|%i|%T|%M|%N|%r", &list];
    arguments.extend(clusters.as_deref());
    let arguments: Vec<&OsStr> = arguments.into_iter().map(OsStr::new).collect();
    let output = client.ask("squeue", &arguments)?;
    if !output.status.success() {
        // squeue calls a job that it has forgotten invalid, when it is the only one asked for.
        let forgotten = String::from_utf8_lossy(&output.stderr).contains("Invalid job id");
        return if forgotten { Ok(Vec::new()) } else { Err(refused("squeue", &output)) };
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("CLUSTER:"));
    lines.map(|line| parse_queued(line, jobs)).filter_map(Result::transpose).collect()
}

/// One line of squeue; `None` for a job that was not asked for.
fn parse_queued(line: &str, jobs: &[&JobId]) -> Result<Option<JobState>, SlurmError> {
    let fields: Vec<&str> = line.trim().splitn(6, '|').collect();
    let unreadable = || SlurmError::Answer { program: "squeue", answer: line.to_owned() };
    let &[base, name, state, elapsed, nodes, reason] = fields.as_slice() else { return Err(unreadable()) };
    let number: u64 = base.parse().map_err(|_| unreadable())?;
    let said = |text: &str| if text == "None" { String::new() } else { text.to_owned() };
    Ok(jobs.iter().find(|job| job.number() == number).map(|&id| JobState {
        id: id.clone(),
        name: name.to_owned(),
        state: State::parse(state),
        reason: said(reason),
        elapsed: elapsed.to_owned(),
        nodes: nodes.to_owned(),
    }))
}

/// Accounts are optional at a site: whatever goes wrong here leaves the jobs unknown, with a word in the log.
fn accounted(client: &Client, cluster: Option<&str>, jobs: &[&JobId]) -> Vec<JobState> {
    let list = job_list(jobs);
    let clusters = cluster.map(|name| format!("--clusters={name}"));
    let mut arguments =
        vec!["--allocations", "--noheader", "--parsable2", "--format=JobID,State,Elapsed,NodeList", &list];
    arguments.extend(clusters.as_deref());
    let arguments: Vec<&OsStr> = arguments.into_iter().map(OsStr::new).collect();
    let output = match client.ask("sacct", &arguments) {
        Ok(output) if output.status.success() => output,
        Ok(output) => {
            tracing::debug!(error = %refused("sacct", &output), "jobs that left the queue stay unknown");
            return Vec::new();
        }
        Err(error) => {
            tracing::debug!(%error, "jobs that left the queue stay unknown");
            return Vec::new();
        }
    };
    String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| parse_accounted(line, jobs)).collect()
}

fn parse_accounted(line: &str, jobs: &[&JobId]) -> Option<JobState> {
    let mut fields = line.trim().split('|');
    let name = fields.next()?;
    let number: u64 = name.split(['_', '+', '.']).next()?.parse().ok()?;
    let id = jobs.iter().find(|job| job.number() == number)?;
    let mut next = || fields.next().unwrap_or("").to_owned();
    let (state, elapsed, nodes) = (State::parse(&next()), next(), next());
    let nodes = if nodes == "None assigned" { String::new() } else { nodes };
    Some(JobState { id: (*id).clone(), name: name.to_owned(), state, reason: String::new(), elapsed, nodes })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::jobs::read_jobs;
    use super::super::request::tests::bare;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A directory of stand-ins for Slurm's programs.
    fn stand_ins(programs: &[(&str, &str)]) -> (tempfile::TempDir, Client) {
        let dir = tempfile::tempdir().unwrap();
        for (name, body) in programs {
            let path = dir.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let client = Client::along(dir.path().as_os_str());
        (dir, client)
    }

    fn ids(texts: &[&str]) -> Vec<JobId> {
        texts.iter().map(|text| JobId::parse(text).unwrap()).collect()
    }

    #[test]
    fn a_submitted_job_is_on_disk_with_its_script() {
        let (dir, client) =
            stand_ins(&[("sbatch", r#"cp "$2" "$(dirname "$0")/got"; echo "filter talks"; echo "4711;west""#)]);
        let run = tempfile::tempdir().unwrap();
        let mut request = bare("flex");
        request.run_dir = run.path().join("runs/digits");
        let first = submit(&client, &request, "#!/bin/bash\necho 1\n").unwrap();
        let second = submit(&client, &request, "#!/bin/bash\necho 2\n").unwrap();
        assert_eq!(first.id.to_string(), "4711;west");
        assert_ne!(first.script, second.script);
        assert_eq!(std::fs::read_to_string(&first.script).unwrap(), "#!/bin/bash\necho 1\n");
        assert_eq!(std::fs::read_to_string(dir.path().join("got")).unwrap(), "#!/bin/bash\necho 2\n");
        assert_eq!(read_jobs(&request.run_dir).unwrap(), [first, second]);
    }

    #[test]
    fn without_sbatch_nothing_is_written() {
        let (_dir, client) = stand_ins(&[]);
        let run = tempfile::tempdir().unwrap();
        let mut request = bare("flex");
        request.run_dir = run.path().join("digits");
        let error = submit(&client, &request, "#!/bin/bash\n").unwrap_err();
        assert!(matches!(error, SlurmError::NotFound { program: "sbatch" }));
        assert!(error.to_string().contains("login node"));
        assert!(!request.run_dir.exists());
    }

    #[test]
    fn a_refusal_is_passed_on_with_advice() {
        let said = "sbatch: error: invalid partition specified: gpux";
        let (_dir, client) = stand_ins(&[("sbatch", &format!("echo '{said}' >&2; exit 1"))]);
        let message = client.sbatch(Path::new("/x")).unwrap_err().to_string();
        assert!(message.contains("gpux") && message.contains("sinfo"), "{message}");
        let (_dir, client) = stand_ins(&[("sbatch", "echo hello")]);
        assert!(matches!(client.sbatch(Path::new("/x")), Err(SlurmError::Answer { .. })));
    }

    #[test]
    fn states_come_from_the_queue_then_from_the_accounts() {
        let (_dir, client) = stand_ins(&[
            ("squeue", "echo '12|12_1|RUNNING|1:02|n1|None'; echo '12|12_[2-5]|PENDING|0:00||Resources'"),
            ("sacct", "echo '11|CANCELLED by 1000|00:01:00|n2'"),
        ]);
        let states = job_states(&client, &ids(&["10", "11", "12"])).unwrap();
        let short: Vec<_> = states.iter().map(|s| (s.name.as_str(), s.state.clone(), s.reason.as_str())).collect();
        assert_eq!(
            short,
            [
                ("10", State::Unknown, ""),
                ("11", State::Cancelled, ""),
                ("12_1", State::Running, ""),
                ("12_[2-5]", State::Pending, "Resources"),
            ]
        );
    }

    #[test]
    fn forgotten_jobs_and_missing_accounts_are_no_errors() {
        let forgotten = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1";
        let disabled = "echo 'Slurm accounting storage is disabled' >&2; exit 1";
        let (_dir, client) = stand_ins(&[("squeue", forgotten), ("sacct", disabled)]);
        assert_eq!(job_states(&client, &ids(&["10"])).unwrap()[0].state, State::Unknown);
        let down = "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1";
        let (_dir, client) = stand_ins(&[("squeue", down)]);
        let message = job_states(&client, &ids(&["10"])).unwrap_err().to_string();
        assert!(message.contains("does not answer"), "{message}");
        assert_eq!(job_states(&client, &[]).unwrap(), []);
    }
}
