//! `phasesweep doctor`: what this machine offers, and what to do about what is missing.
//!
//! MPI is initialised only if a launcher started this process: then each rank tells where it is bound. Each line begins
//! with `ok`, `--` (absent, and not needed by everybody) or `!!` (broken). Code 2 if anything is broken.

use super::analysis_program;
use super::exit::{Exit, Failure};
use phasesweep::amount::bytes;
use phasesweep::data;
use phasesweep::device;
use phasesweep::device::{DeviceName, Runtime};
use phasesweep::dispatch::{Launch, World};
use phasesweep::host::{self, Limits, ThisHost};
use phasesweep::session::allowance;
use phasesweep::slurm::Client;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Print a JSON list instead: of each line its mark (ok, absent, broken), topic and text.
    #[arg(long)]
    json: bool,
}

/// How a line begins.
#[derive(Clone, Copy, PartialEq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Mark {
    Ok,
    Absent,
    Broken,
}

/// What was found, in order.
#[derive(Default)]
struct Findings(Vec<(Mark, &'static str, String)>);

impl Findings {
    fn add(&mut self, mark: Mark, topic: &'static str, text: impl Into<String>) {
        self.0.push((mark, topic, text.into()));
    }

    /// The lines, each with the topic that it goes on with where it names none.
    fn with_topics(&self) -> impl Iterator<Item = (Mark, &'static str, &str)> {
        self.0.iter().scan("", |topic, (mark, own, text)| {
            if !own.is_empty() {
                *topic = own;
            }
            Some((*mark, *topic, text.as_str()))
        })
    }
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let mut findings = Findings::default();
    let version = (env!("CARGO_PKG_VERSION"), env!("PHASESWEEP_GIT_COMMIT"));
    findings.add(Mark::Ok, "phasesweep", format!("{} {}", version.0, version.1));
    let first = ranks(&mut findings);
    if !first {
        return Ok(Exit::Complete);
    }
    devices(&mut findings);
    let (major, minor, patch) = hdf5::library_version();
    let threads = if hdf5::is_library_threadsafe() { "thread-safe" } else { "calls are serialised by phasesweep" };
    findings.add(Mark::Ok, "HDF5", format!("{major}.{minor}.{patch}, {threads}"));
    slurm(&mut findings);
    sources(&mut findings);
    report(&mut findings);
    if arguments.json {
        let lines = findings
            .with_topics()
            .map(|(mark, topic, text)| serde_json::json!({ "mark": mark, "topic": topic, "text": text }));
        println!("{:#}", serde_json::Value::from_iter(lines));
    } else {
        for (mark, topic, text) in &findings.0 {
            let mark = match mark {
                Mark::Ok => "ok",
                Mark::Absent => "--",
                Mark::Broken => "!!",
            };
            println!("{mark}  {topic:11} {text}");
        }
    }
    if findings.0.iter().any(|(mark, _, _)| *mark == Mark::Broken) {
        Err(Failure::Said(Exit::Refused))
    } else {
        Ok(Exit::Complete)
    }
}

/// MPI, and where the ranks are. Whether this process speaks.
fn ranks(findings: &mut Findings) -> bool {
    let library = World::library();
    let Some(launch) = Launch::detect() else {
        match library {
            Some(library) => {
                findings.add(Mark::Ok, "MPI", library);
                findings.add(Mark::Absent, "", "not launched by mpirun or srun: `mpirun -n 2 phasesweep doctor` also tells thread level and binding");
            }
            None => findings.add(
                Mark::Absent,
                "MPI",
                "not built in: one process trains alone; build with `--features mpi` for more",
            ),
        }
        findings.add(Mark::Ok, "this host", place(None));
        return true;
    };
    let world = match World::start(Some(launch)) {
        Ok(world) => world,
        Err(error) => {
            findings.add(Mark::Broken, "MPI", error.to_string());
            return true;
        }
    };
    let size = launch.size.map_or_else(String::new, |size| format!(" of {size}"));
    findings.add(Mark::Ok, "MPI", library.unwrap_or_default());
    findings.add(Mark::Ok, "launcher", format!("{}{size}, thread level {}", launch.launcher, world.thread_level()));
    let place = format!("local rank {} of {} on {}", world.local_rank(), world.local_size(), place(Some(&world)));
    for rank in 0..world.size() {
        let told = world.broadcast_bytes(rank, place.clone().into_bytes());
        findings.add(Mark::Ok, "rank", format!("{rank}: {}", String::from_utf8_lossy(&told)));
    }
    world.rank() == 0
}

/// This host, and what this process may use of it by which limits.
fn place(world: Option<&World>) -> String {
    let cpus = Limits::read(&ThisHost).cpus().to_string();
    let cpus = if cpus.is_empty() { "unknown CPUs".to_owned() } else { format!("CPUs {cpus}") };
    let allowance = allowance(world);
    format!(
        "{}, bound to {cpus}; {} thread(s) ({}), {} of memory allowed ({})",
        host::name(),
        allowance.threads,
        allowance.thread_limit,
        bytes(allowance.memory),
        allowance.memory_limit
    )
}

fn devices(findings: &mut Findings) {
    let devices = device::available();
    let names: Vec<String> = devices.iter().map(DeviceName::to_string).collect();
    findings.add(Mark::Ok, "devices", names.join(", "));
    let mut gpus = false;
    for device in &devices {
        let Some(adapter) = device.adapter() else { continue };
        gpus |= adapter.kind.is_gpu();
        if !adapter.kind.is_gpu() {
            findings.add(Mark::Absent, "", format!("{device}: {adapter}; for tests: `auto` does not take it"));
            continue;
        }
        // Each computes before it is believed.
        match device.check() {
            Ok(()) => findings.add(Mark::Ok, "", format!("{device}: {adapter}; computes as the host does")),
            Err(error) => findings.add(Mark::Broken, "", error.to_string()),
        }
    }
    for gpu in nvidia() {
        findings.add(Mark::Ok, "", gpu);
    }
    if gpus {
        return;
    }
    let driver = ["/proc/driver/nvidia/version", "/dev/kfd", "/dev/dri/renderD128"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists());
    let built: Vec<&str> = device::built().into_iter().map(Runtime::name).collect();
    let advice = match (driver, built.is_empty()) {
        (Some(path), true) => format!(
            "a GPU's driver is here ({path}), but this binary has no GPU backend: build it with `--features cuda` or `tch` \
             (NVIDIA), `rocm` (AMD), `metal` (Apple) or `wgpu` (any)"
        ),
        (Some(path), false) => format!(
            "a GPU's driver is here ({path}), but {} see(s) no GPU: look at `{}`, at CUDA_VISIBLE_DEVICES and \
             ROCR_VISIBLE_DEVICES, and at who may read the device files",
            built.join(", "),
            device::built().first().map_or("", |runtime| runtime.lister())
        ),
        (None, _) => "no GPU's driver is here: cells train on the CPU".to_owned(),
    };
    findings.add(Mark::Absent, "", advice);
}

/// NVIDIA's GPUs with their memory and driver, as `nvidia-smi` tells them; nothing where it is not there.
fn nvidia() -> Vec<String> {
    let query = ["--query-gpu=index,name,memory.total,driver_version", "--format=csv,noheader"];
    let Ok(output) = std::process::Command::new("nvidia-smi").args(query).output() else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = text.lines().filter(|_| output.status.success()).filter_map(|line| {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let [index, name, memory, driver] = fields[..] else { return None };
        Some(format!("the node's GPU {index}: {name}, {memory} of memory, driver {driver}"))
    });
    told.collect()
}

fn slurm(findings: &mut Findings) {
    if !Client::from_env().is_available() {
        findings.add(
            Mark::Absent,
            "Slurm",
            "sbatch is not on PATH: `phasesweep submit` works on a login node of a cluster",
        );
        return;
    }
    let output = std::process::Command::new("sbatch").arg("--version").output();
    match output {
        Ok(output) if output.status.success() => {
            findings.add(Mark::Ok, "Slurm", String::from_utf8_lossy(&output.stdout).trim().to_string());
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let first = said.lines().next().unwrap_or("").trim().to_string();
            findings.add(
                Mark::Absent,
                "Slurm",
                format!("sbatch is here but finds no cluster ({first}): `phasesweep submit` needs a login node"),
            );
        }
        Err(error) => findings.add(Mark::Broken, "Slurm", format!("sbatch does not start: {error}")),
    }
}

fn sources(findings: &mut Findings) {
    for source in data::listings(&data::Places::from_env()) {
        match &source.status {
            data::Status::NotFetched => {
                findings.add(
                    Mark::Absent,
                    "data",
                    format!("{}: not here; `phasesweep data fetch {}` gets it", source.name, source.name),
                );
            }
            data::Status::Named => {}
            found => findings.add(Mark::Ok, "data", format!("{}: {found}", source.name)),
        }
    }
}

fn report(findings: &mut Findings) {
    match analysis_program::found() {
        Some(path) => findings.add(Mark::Ok, "report", path.display().to_string()),
        None => findings.add(Mark::Absent, "report", "phasesweep-report is not here: `cargo build --release -p phasesweep-analysis`, and put it beside phasesweep"),
    }
    findings.add(Mark::Ok, "Python", "not needed");
}
