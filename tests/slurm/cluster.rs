//! A real Slurm of two nodes on one machine, from the distribution's packages, for the length of one test.
//!
//! munged, slurmctld and two slurmd run in the foreground as children of the test, with ports, sockets, keys, spools and
//! logs of their own in one temporary directory: a Slurm that the machine already runs is neither seen nor touched.
//! Both nodes are this host, so that a "node" is a slurmd and the processes it started; they are known by an
//! environment variable that names the temporary directory. Dropping the [`Cluster`], in a panic too, ends all of them.
//!
//! What two nodes on one host need: `SlurmdSpoolDir` and `TmpFS` by node, for PMIx keeps its rendezvous there; Open MPI
//! without shared memory, for its segments are named by host and would collide; `cred_expire=5`, since Slurm holds a
//! requeued job back until its old credential has expired, two minutes by default.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Names of the two nodes.
pub(crate) const NODES: [&str; 2] = ["n1", "n2"];

/// Marks every process of a cluster: the directory it belongs to.
const MARK: &str = "PHASESWEEP_SLURM_RIG";
/// Marks every daemon of a node; what it starts is marked by Slurm itself, `SLURMD_NODENAME`.
const NODE_MARK: &str = "PHASESWEEP_SLURM_NODE";

/// Seconds after which a node that does not answer is down.
const NODE_TIMEOUT: u32 = 6;

/// Programs without which there is no cluster.
const NEEDED: [&str; 8] = ["munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel"];

/// A running Slurm with the nodes n1 and n2: 4 cores, 2000 MB and 2 GPUs each, as far as Slurm can tell.
pub(crate) struct Cluster {
    dir: tempfile::TempDir,
    munged: Option<Child>,
    controller: Option<Child>,
    daemons: [Option<Child>; 2],
}

impl Cluster {
    /// Starts one and waits until both nodes are idle; `None`, with a word on stderr, if the machine lacks the packages
    /// or the test is not root's.
    ///
    /// # Panics
    /// If the packages are there and Slurm does not start: that is a failure, not an absence.
    pub(crate) fn start() -> Option<Self> {
        for program in NEEDED {
            if find(program).is_none() {
                eprintln!("no Slurm tests: {program} is missing (Debian: apt-get install slurm-wlm munge)");
                return None;
            }
        }
        let uid = Command::new("id").arg("-u").output().ok()?.stdout;
        if uid.trim_ascii() != b"0" {
            eprintln!("no Slurm tests: slurmd starts jobs as root only");
            return None;
        }
        let dir = tempfile::Builder::new().prefix("phasesweep-slurm-").tempdir().expect("a temporary directory");
        let mut cluster = Cluster { dir, munged: None, controller: None, daemons: [None, None] };
        cluster.write_files();
        cluster.munged = Some(cluster.start_munged());
        let socket = cluster.path("munge.sock");
        cluster.until("munged opens its socket", Duration::from_secs(10), || socket.exists());
        cluster.controller = Some(cluster.daemon("slurmctld", &["-D", "-c"], None));
        for node in NODES {
            cluster.start_slurmd(node);
        }
        Some(cluster)
    }

    /// The temporary directory, for scripts and outputs.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A directory with sbatch, srun and the others, which speak to this cluster from any environment.
    pub(crate) fn bin(&self) -> PathBuf {
        self.path("bin")
    }

    /// `program` with an environment in which Slurm is this cluster.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // A test that runs inside somebody's job must not inherit its allocation.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if ["SLURM_", "SBATCH_", "PMIX_", "OMPI_COMM_", "SRUN_"].iter().any(|prefix| name.starts_with(prefix)) {
                command.env_remove(name.as_ref());
            }
        }
        command.envs(self.environment()).current_dir(self.dir()).stdin(Stdio::null());
        command
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("SLURM_CONF", self.path("slurm.conf").display().to_string()),
            (MARK, self.dir().display().to_string()),
            // Root is for tests alone, and so is doing without shared memory.
            ("OMPI_ALLOW_RUN_AS_ROOT", "1".into()),
            ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1".into()),
            ("OMPI_MCA_btl", "self,tcp".into()),
            ("OMPI_MCA_btl_tcp_if_include", "lo".into()),
            ("OMPI_MCA_oob_tcp_if_include", "lo".into()),
            ("OMPI_MCA_rmaps_base_oversubscribe", "1".into()),
        ]
    }

    /// Submits the text of a script and returns the job's number.
    pub(crate) fn sbatch(&self, script: &str) -> u64 {
        let path =
            self.path(&format!("script-{}.sbatch", fs::read_dir(self.dir()).expect("the rig's directory").count()));
        fs::write(&path, script).expect("the script is written");
        self.sbatch_file(&path, &[])
    }

    /// Submits a script with options before it and arguments after it, split at `"--"`.
    pub(crate) fn sbatch_file(&self, script: &Path, words: &[&str]) -> u64 {
        let split = words.iter().position(|&word| word == "--").unwrap_or(words.len());
        let (options, arguments) = (&words[..split], &words[(split + 1).min(words.len())..]);
        let output = self.command("sbatch").arg("--parsable").args(options).arg(script).args(arguments).output();
        let said = stdout(output.expect("sbatch runs"));
        said.trim().parse().unwrap_or_else(|_| panic!("sbatch answered {said:?}"))
    }

    /// State of a job, in Slurm's words (`PENDING`, `RUNNING`, `COMPLETED` …).
    pub(crate) fn state(&self, job: u64) -> String {
        self.field(job, "JobState")
    }

    /// How often a job was requeued.
    pub(crate) fn restarts(&self, job: u64) -> u32 {
        self.field(job, "Restarts").parse().expect("a number of restarts")
    }

    /// One field of `scontrol show job`; the first task's for an array.
    pub(crate) fn field(&self, job: u64, name: &str) -> String {
        let output = self.command("scontrol").args(["--oneliner", "show", "job", &job.to_string()]).output();
        let text = stdout(output.expect("scontrol runs"));
        let prefix = format!("{name}=");
        let word = text.split_whitespace().find_map(|word| word.strip_prefix(&prefix));
        word.unwrap_or_else(|| panic!("job {job} has no {name}: {text}")).to_owned()
    }

    /// Waits until the job has ended for good and returns its last state.
    ///
    /// # Panics
    /// If it has not within `limit`.
    pub(crate) fn wait(&self, job: u64, limit: Duration) -> String {
        let ended =
            ["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "BOOT_FAIL", "DEADLINE"];
        self.wait_for(job, &ended, limit)
    }

    /// Waits until the job is in one of `states` and returns which.
    ///
    /// # Panics
    /// If it has not within `limit`.
    pub(crate) fn wait_for(&self, job: u64, states: &[&str], limit: Duration) -> String {
        let mut state = String::new();
        self.until(&format!("job {job} is one of {states:?}"), limit, || {
            state = self.state(job);
            states.contains(&state.as_str())
        });
        state
    }

    /// Waits until `condition` holds.
    ///
    /// # Panics
    /// If it does not within `limit`.
    pub(crate) fn until(&self, what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < limit, "after {limit:?}, still waiting until {what}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Cancels a job, as a person would.
    pub(crate) fn cancel(&self, job: u64) {
        stdout(self.command("scancel").arg(job.to_string()).output().expect("scancel runs"));
    }

    /// Sends a signal to the batch shell of a job, as `--signal=B:` does.
    pub(crate) fn signal_batch(&self, job: u64, signal: &str) {
        let signal = format!("--signal={signal}");
        stdout(self.command("scancel").args(["--batch", &signal, &job.to_string()]).output().expect("scancel runs"));
    }

    /// Puts a running job back into the queue, as an administrator would.
    pub(crate) fn requeue(&self, job: u64) {
        stdout(self.command("scontrol").args(["requeue", &job.to_string()]).output().expect("scontrol runs"));
    }

    /// Kills the slurmd of a node, and nothing that it started.
    pub(crate) fn kill_slurmd(&mut self, node: &str) {
        if let Some(mut daemon) = self.daemons[index(node)].take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }

    /// Kills everything on a node, as a power cut does.
    pub(crate) fn kill_node(&mut self, node: &str) {
        self.kill_slurmd(node);
        self.kill_marked(&[(NODE_MARK, node), ("SLURMD_NODENAME", node)]);
    }

    /// Starts the slurmd of a node and waits until the node is idle or at work.
    pub(crate) fn start_slurmd(&mut self, node: &str) {
        self.daemons[index(node)] = Some(self.daemon("slurmd", &["-D", "-N", node], Some(node)));
        self.until(&format!("node {node} answers"), Duration::from_secs(30), || {
            let state = self.node_state(node);
            // Slurm's short forms carry a mark while a node does not answer ("idle*").
            ["idle", "mix", "alloc", "comp"].contains(&state.as_str())
        });
    }

    /// State of a node in sinfo's short form: `idle`, `mix`, `alloc`, `down`, with `*` if it does not answer.
    pub(crate) fn node_state(&self, node: &str) -> String {
        let output = self.command("sinfo").args(["--noheader", "--Node", "--nodes", node, "--format=%t"]).output();
        String::from_utf8_lossy(&output.expect("sinfo runs").stdout).trim().to_owned()
    }

    fn start_munged(&self) -> Child {
        let option = |name: &str, file: &str| format!("--{name}={}", self.path(file).display());
        let options = [
            "--foreground".to_owned(),
            // The directory is root's alone, where munged wants its socket to be reachable by others.
            "--force".to_owned(),
            option("key-file", "munge.key"),
            option("socket", "munge.sock"),
            option("pid-file", "munged.pid"),
            option("log-file", "munged.log"),
            option("seed-file", "munged.seed"),
        ];
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        self.daemon("munged", &options, None)
    }

    fn daemon(&self, program: &str, options: &[&str], node: Option<&str>) -> Child {
        let log = self.path(&format!("{program}{}.out", node.map(|node| format!(".{node}")).unwrap_or_default()));
        let log = fs::OpenOptions::new().create(true).append(true).open(log).expect("a log opens");
        let mut command = self.command(&find(program).expect("it was there").display().to_string());
        if let Some(node) = node {
            command.env(NODE_MARK, node);
        }
        command.args(options).stdout(log.try_clone().expect("a second handle")).stderr(log);
        command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"))
    }

    fn write_files(&self) {
        let dir = self.dir().display().to_string();
        for name in ["state", "spool.n1", "spool.n2", "tmp.n1", "tmp.n2", "bin"] {
            fs::create_dir(self.path(name)).expect("a directory is made");
        }
        let key = self.path("munge.key");
        fs::write(&key, std::array::from_fn::<u8, 32, _>(|_| random_byte())).expect("the key is written");
        let host = String::from_utf8_lossy(&Command::new("hostname").arg("-s").output().expect("hostname runs").stdout)
            .trim()
            .to_owned();
        let [controller, n1, n2] = free_ports();
        fs::write(
            self.path("slurm.conf"),
            format!(
                "ClusterName=rig\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser=root\nSlurmdUser=root\n\
                 AuthType=auth/munge\nCredType=cred/munge\nAuthInfo=socket={dir}/munge.sock,cred_expire=5\n\
                 SlurmctldPort={controller}\nSlurmctldPidFile={dir}/slurmctld.pid\nSlurmctldLogFile={dir}/slurmctld.log\n\
                 StateSaveLocation={dir}/state\nSlurmdPidFile={dir}/slurmd.%n.pid\nSlurmdLogFile={dir}/slurmd.%n.log\n\
                 SlurmdSpoolDir={dir}/spool.%n\nTmpFS={dir}/tmp.%n\nSlurmdParameters=config_overrides\n\
                 ProctrackType=proctrack/pgid\nTaskPlugin=task/none\nSwitchType=switch/none\nMpiDefault=none\n\
                 SelectType=select/cons_tres\nSelectTypeParameters=CR_Core_Memory\nDefMemPerCPU=100\n\
                 SchedulerType=sched/backfill\nSchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1\n\
                 JobRequeue=1\nReturnToService=2\nSlurmdTimeout={NODE_TIMEOUT}\nMessageTimeout=3\nKillWait=5\nMinJobAge=600\n\
                 JobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\nGresTypes=gpu\n\
                 NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={n1} CPUs=4 RealMemory=2000 Gres=gpu:2\n\
                 NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={n2} CPUs=4 RealMemory=2000 Gres=gpu:2\n\
                 PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP\n"
            ),
        )
        .expect("slurm.conf is written");
        // Any device file will do: Slurm counts it and says its number in CUDA_VISIBLE_DEVICES.
        fs::write(self.path("gres.conf"), "NodeName=n1,n2 Name=gpu File=/dev/tty[0-1]\n")
            .expect("gres.conf is written");
        fs::write(self.path("cgroup.conf"), "").expect("cgroup.conf is written");
        let mut exports = String::new();
        for (name, value) in self.environment() {
            exports.push_str(&format!("export {name}='{value}'\n"));
        }
        for program in ["sbatch", "srun", "squeue", "sacct", "scancel", "scontrol", "sinfo"] {
            if let Some(real) = find(program) {
                let path = self.bin().join(program);
                fs::write(&path, format!("#!/bin/sh\n{exports}exec {} \"$@\"\n", real.display())).expect("a wrapper");
                make_private(&path, 0o755);
            }
        }
        make_private(&key, 0o400);
    }

    /// Kills one process of a program that jobs run on a node.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn kill_one(&self, program: &str, node: &str) {
        let pids = self.marked(&[("SLURMD_NODENAME", node)]);
        let runs = |pid: &&String| {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            name.trim() == program
        };
        let pid = pids.iter().find(runs).unwrap_or_else(|| panic!("no {program} runs on {node}"));
        kill(pid);
    }

    fn kill_marked(&self, pairs: &[(&str, &str)]) {
        self.marked(pairs).iter().for_each(|pid| kill(pid));
    }

    /// Processes of this cluster whose environment has one of `pairs`; all of its processes if there are none.
    fn marked(&self, pairs: &[(&str, &str)]) -> Vec<String> {
        let ours = format!("{MARK}={}", self.dir().display());
        let conf = format!("SLURM_CONF={}", self.path("slurm.conf").display());
        let wanted: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let me = std::process::id().to_string();
        let mut pids = Vec::new();
        for entry in fs::read_dir("/proc").expect("/proc is there").flatten() {
            let pid = entry.file_name().to_string_lossy().into_owned();
            if pid == me || !pid.bytes().all(|b| b.is_ascii_digit()) {
                continue;
            }
            // A process that has just ended has no environment left to read.
            let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
            let has = |pair: &str| environment.split(|&b| b == 0).any(|variable| variable == pair.as_bytes());
            if (has(&ours) || has(&conf)) && (wanted.is_empty() || wanted.iter().any(|pair| has(pair))) {
                pids.push(pid);
            }
        }
        pids
    }

    /// The ends of the daemons' logs and all job logs: what a person wants to see of a failed test.
    fn tell(&self) {
        for entry in fs::read_dir(self.dir()).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                eprintln!("---- {}", path.display());
                lines[lines.len().saturating_sub(40)..].iter().for_each(|line| eprintln!("{line}"));
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.tell();
        }
        // Daemons first, so that nothing starts anew; then whatever they have started, twice, since a process may have
        // been between fork and exec.
        let daemons = self.daemons.iter_mut().chain([&mut self.controller, &mut self.munged]);
        for mut daemon in daemons.filter_map(Option::take) {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        self.kill_marked(&[]);
        std::thread::sleep(Duration::from_millis(100));
        self.kill_marked(&[]);
    }
}

/// Kills a process; one that has ended meanwhile is no matter.
fn kill(pid: &str) {
    let _ = Command::new("kill").args(["-9", pid]).stderr(Stdio::null()).status();
}

fn index(node: &str) -> usize {
    NODES.iter().position(|&name| name == node).unwrap_or_else(|| panic!("no node {node}"))
}

/// Standard output of a command that must have succeeded.
pub(crate) fn stdout(output: Output) -> String {
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Where a program lies; daemons are in sbin, which a person's PATH may lack.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into(), "/sbin".into()]);
    dirs.map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// Three ports that nobody listens on; held together, so that they differ.
fn free_ports() -> [u16; 3] {
    let held = std::array::from_fn::<_, 3, _>(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    held.map(|listener| listener.local_addr().expect("a bound port").port())
}

fn random_byte() -> u8 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) as u8
}

fn make_private(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions are set");
}
