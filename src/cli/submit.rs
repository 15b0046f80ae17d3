//! `phasesweep submit`: a job script from a template, checked, given to sbatch; returns at once.
//!
//! Invariants: what cannot work is refused with every reason before anything is queued; `--dry-run` writes and queues
//! nothing.

use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};
use super::sweep_file::SweepFile;
use phasesweep::device::{DeviceName, KernelChoice};
use phasesweep::dispatch::World;
use phasesweep::run_directory::check_name;
use phasesweep::session::heaviest_cell;
use phasesweep::slurm::{self, Client, Launcher, Needs, Refusal, Request, Template};
use phasesweep::store::RunDirectory;
use phasesweep::sweep;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    sweep: SweepFile,
    /// Run directory; runs/NAME of the sweep unless given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where the ranks train, as for `run`.
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: String,
    /// Print the script; submit nothing.
    #[arg(long)]
    dry_run: bool,
    /// Job template to use instead of the built-in ones.
    #[arg(long, value_name = "PATH")]
    template: Option<PathBuf>,
    /// How ranks are started on several nodes.
    #[arg(long, default_value = "srun", value_parser = ["srun", "mpirun"])]
    launcher: String,
    /// srun's --mpi.
    #[arg(long, default_value = "pmix", value_name = "PLUGIN")]
    mpi: String,
    /// Seconds of notice before the walltime ends.
    #[arg(long, value_name = "SECONDS")]
    notice: Option<u32>,
    /// Write the report too when all cells are done.
    #[arg(long)]
    report: bool,
    /// Nodes.
    #[arg(long, value_name = "N")]
    nodes: Option<u32>,
    /// Ranks on each node.
    #[arg(long, value_name = "N")]
    ntasks_per_node: Option<u32>,
    /// GPUs for each rank.
    #[arg(long, value_name = "N")]
    gpus_per_task: Option<u32>,
    /// Cores for each rank.
    #[arg(long, value_name = "N")]
    cpus_per_task: Option<u32>,
    /// Walltime, as Slurm writes it: 30 (minutes), 12:00:00, 2-12, UNLIMITED.
    #[arg(long)]
    time: Option<String>,
    /// Partition.
    #[arg(long)]
    partition: Option<String>,
    /// Account.
    #[arg(long)]
    account: Option<String>,
    /// Quality of service.
    #[arg(long)]
    qos: Option<String>,
    /// Memory of a node, as Slurm writes it: 64G, 4000M, 0 (all of it).
    #[arg(long)]
    mem: Option<String>,
    /// Module to load; may be repeated.
    #[arg(long = "module", value_name = "MODULE")]
    modules: Vec<String>,
    /// Further line of the script; may be repeated. Lines that begin with #SBATCH go into its head.
    #[arg(long = "extra", value_name = "LINE", allow_hyphen_values = true)]
    extra: Vec<String>,
    /// Further arguments of `phasesweep run`, after `--`.
    #[arg(last = true, value_name = "RUN ARGUMENTS")]
    run_arguments: Vec<String>,
}

pub(super) fn run(arguments: Arguments, definition: clap::Command) -> Result<Exit, Failure> {
    let (input, sweep) = arguments.sweep.read()?;
    DeviceName::parse(&arguments.device).map_err(Failure::input)?;
    let out = arguments.out.clone().unwrap_or_else(|| input.default_directory(&sweep));
    // Whether the data changed is for the job to find out, which has them.
    if !arguments.run_arguments.iter().any(|argument| argument == "--accept-changes") {
        check_name(&RunDirectory::at(&out), &sweep.name, &input.definition)?;
    }
    let program =
        std::env::current_exe().map_err(|error| Failure::Bug(format!("this program has no path: {error}")))?;
    let flags = sweep::Slurm {
        nodes: arguments.nodes,
        ntasks_per_node: arguments.ntasks_per_node,
        gpus_per_task: arguments.gpus_per_task,
        cpus_per_task: arguments.cpus_per_task,
        time: arguments.time.clone(),
        partition: arguments.partition.clone(),
        account: arguments.account.clone(),
        qos: arguments.qos.clone(),
        mem: arguments.mem.clone(),
        modules: arguments.modules.clone(),
        extra: arguments.extra.clone(),
    };
    let (file, out) = (absolute(&arguments.sweep.file)?, absolute(&out)?);
    let table = sweep.slurm.clone();
    let mut request = Request::resolve(&sweep.name, &table, flags, &arguments.device, program, file, out);
    request.launcher = if arguments.launcher == "mpirun" { Launcher::Mpirun } else { Launcher::Srun };
    request.mpi = arguments.mpi;
    request.notice = arguments.notice;
    request.report = arguments.report;
    request.run_arguments =
        arguments.sweep.overrides.iter().flat_map(|set| ["--set".to_string(), set.clone()]).collect();
    if !request.run_arguments.is_empty() {
        // The job starts in a directory of its own, and a path in --set starts from this one.
        let here = arguments.sweep.set_from.clone().map_or_else(|| absolute(Path::new(".")), Ok)?;
        request.run_arguments.extend(["--set-from".to_string(), here.display().to_string()]);
    }
    request.run_arguments.extend(arguments.run_arguments);
    let tasks = request.slurm.nodes.unwrap_or(1).saturating_mul(request.slurm.ntasks_per_node.unwrap_or(1));
    if tasks > 1 && World::library().is_none() {
        return Err(Failure::Input(format!(
            "this phasesweep was built without MPI, and the job would start {tasks} processes, which know nothing of each \
             other: ask for one (--nodes 1 --ntasks-per-node 1, with --cpus-per-task for its threads), or submit with a \
             program that was built with MPI"
        )));
    }

    let cohort_bytes = match input.shapes(&sweep) {
        Ok(shapes) => Some(heaviest_cell(sweep, &shapes, KernelChoice::Auto)),
        Err(error) => {
            // The nodes may have it where this machine has not.
            tracing::warn!("{error}. Whether the memory asked for suffices is therefore not checked");
            None
        }
    };
    let needs = Needs { cohort_bytes, device: request.device_kind() };
    slurm::check(&request, &needs).map_err(refused)?;
    check_run_arguments(definition, &request)?;
    let site = std::env::var_os("PHASESWEEP_SLURM_TEMPLATES").filter(|site| !site.is_empty()).map(PathBuf::from);
    let failed = |error: &dyn std::fmt::Display| Failure::input(error);
    let template = Template::find(&request, arguments.template.as_deref(), site.as_deref()).map_err(|e| failed(&e))?;
    let script = slurm::render(&request, &template).map_err(|e| failed(&e))?;
    slurm::check_script(&script).map_err(refused)?;
    if arguments.dry_run {
        print!("{script}");
        return Ok(Exit::Complete);
    }
    RunDirectory::at(&request.run_dir).create().map_err(|e| failed(&e))?;
    let record = slurm::submit(&Client::from_env(), &request, &script).map_err(|e| failed(&e))?;
    println!("{}", record.id);
    eprintln!(
        "submitted {}; `phasesweep status {}` tells how it goes",
        record.script.display(),
        request.run_dir.display()
    );
    Ok(Exit::Complete)
}

/// Why the request cannot work, a sentence each.
fn refused(refusals: Vec<Refusal>) -> Failure {
    Failure::Several(refusals.iter().map(Refusal::to_string).collect())
}

/// Refuses what the job's `phasesweep run` would refuse: an unknown argument, a wrong value, an option that the script
/// gives already.
fn check_run_arguments(definition: clap::Command, request: &Request) -> Result<(), Failure> {
    // As in slurm/templates/setup.sh.
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let given =
        ["phasesweep".to_owned(), "run".to_owned(), path(&request.sweep), "--out".to_owned(), path(&request.run_dir)];
    let device = ["--device".to_owned(), request.device.clone(), "--threads".to_owned(), "1".to_owned()];
    let words = given.into_iter().chain(device).chain(["--no-collect".to_owned()]);
    match definition.try_get_matches_from(words.chain(request.run_arguments.iter().cloned())) {
        Ok(_) => Ok(()),
        Err(error) => {
            let said = error.to_string();
            let reason = said.trim().trim_start_matches("error: ").split("\n\nUsage").next().unwrap_or_default();
            Err(Failure::Input(format!(
                "{reason}\n(in the arguments of the job's `phasesweep run`, to which the job script itself gives --out, \
                 --device, --threads and --no-collect: see --out, --device and --cpus-per-task of submit)"
            )))
        }
    }
}

/// The path from the root: a job starts in a directory of the site's choosing.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}
