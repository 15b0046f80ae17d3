//! From a template and a request to the text of a job script.
//!
//! The built-in templates lie in `slurm/templates/` and in the binary. A site's own replace them: `--template PATH`, or
//! `<name>.sbatch` in the directory that `PHASESWEEP_SLURM_TEMPLATES` names. The pieces that templates include
//! (`head.sbatch`, `setup.sh`, `supervise.sh`) may be replaced in that directory too.
//!
//! The language is Jinja's. A setting that was not made is `none`: `{% if qos %}` leaves its line out, and printing it
//! is an error, so that no script ever says `--qos=none`. Unknown names are errors. `sh` quotes a value for the shell.
//! `slurm/README.md` lists the names.

use super::request::{Launcher, Request};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value, context};
use std::path::{Path, PathBuf};

/// Names of the built-in templates.
pub const NAMES: [&str; 4] = ["cpu-node", "gpu-node", "nodes-srun", "nodes-mpirun"];

/// Built-in templates and the pieces they include, by file name.
const BUILT_IN: [(&str, &str); 7] = [
    ("cpu-node.sbatch", include_str!("../../slurm/templates/cpu-node.sbatch")),
    ("gpu-node.sbatch", include_str!("../../slurm/templates/gpu-node.sbatch")),
    ("nodes-srun.sbatch", include_str!("../../slurm/templates/nodes-srun.sbatch")),
    ("nodes-mpirun.sbatch", include_str!("../../slurm/templates/nodes-mpirun.sbatch")),
    ("head.sbatch", include_str!("../../slurm/templates/head.sbatch")),
    ("setup.sh", include_str!("../../slurm/templates/setup.sh")),
    ("supervise.sh", include_str!("../../slurm/templates/supervise.sh")),
];

/// Why a script could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The file is not readable text.
    #[error("cannot read the job template {path}: {source}; check --template and PHASESWEEP_SLURM_TEMPLATES")]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The text is not a template, or asks for what is not there.
    #[error("job template {name}, line {line}: {message}; slurm/README.md lists what a template may use")]
    Render {
        /// Name or path of the template, or of the piece it includes.
        name: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The result would not be run by Slurm.
    #[error(
        "job template {name} gives a script without \"#!\" on its first line, which sbatch refuses: begin with #!/bin/bash"
    )]
    NoInterpreter {
        /// Name or path of the template.
        name: String,
    },
}

/// The text of a template, where it is from, and where its pieces may be replaced.
#[derive(Debug, Clone)]
pub struct Template {
    name: String,
    source: String,
    site: Option<PathBuf>,
}

impl Template {
    /// The template for `request`: the file `chosen` (`--template`), else `site/<name>.sbatch` where it exists
    /// (`PHASESWEEP_SLURM_TEMPLATES`), else the built-in one.
    ///
    /// # Errors
    /// [`TemplateError::Read`] if the file chosen, or one that is there, cannot be read.
    pub fn find(request: &Request, chosen: Option<&Path>, site: Option<&Path>) -> Result<Self, TemplateError> {
        let name = format!("{}.sbatch", request.template_name());
        let own = site.map(|dir| dir.join(&name)).filter(|path| path.exists());
        let site = site.map(Path::to_path_buf);
        match chosen.map(Path::to_path_buf).or(own) {
            Some(path) => Ok(Template { name: path.display().to_string(), source: read(&path)?, site }),
            None => {
                let source = built_in(&name).unwrap_or_default().to_owned();
                Ok(Template { name, source, site })
            }
        }
    }

    /// Name of a built-in template, or path of the site's.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn built_in(file: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(name, _)| *name == file).map(|(_, text)| *text)
}

fn read(path: &Path) -> Result<String, TemplateError> {
    std::fs::read_to_string(path).map_err(|source| TemplateError::Read { path: path.to_path_buf(), source })
}

/// The job script. Says nothing about whether it can work: see [`super::check()`].
///
/// # Errors
/// [`TemplateError::Render`] for a template that is malformed or prints what is not set; [`TemplateError::Read`] for a
/// site's piece that cannot be read; [`TemplateError::NoInterpreter`].
pub fn render(request: &Request, template: &Template) -> Result<String, TemplateError> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_keep_trailing_newline(true);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.add_filter("sh", |value: String| shell_quoted(&value));
    environment.set_formatter(|out, state, value| {
        if value.is_none() {
            let message = "this setting was not made: put the line between {% if … %} and {% endif %}";
            return Err(minijinja::Error::new(ErrorKind::InvalidOperation, message));
        }
        minijinja::escape_formatter(out, state, value)
    });
    for (name, text) in BUILT_IN {
        let own = template.site.as_ref().map(|dir| dir.join(name)).filter(|path| path.exists());
        let text = own.map_or_else(|| Ok(text.to_owned()), |path| read(&path))?;
        environment.add_template_owned(name, text).map_err(|error| explained(name, &error))?;
    }
    let script = environment
        .render_named_str(&template.name, &template.source, values(request))
        .map_err(|error| explained(&template.name, &error))?;
    if script.starts_with("#!") {
        Ok(script)
    } else {
        Err(TemplateError::NoInterpreter { name: template.name.clone() })
    }
}

/// The innermost cause, where the person who wrote the template has to look.
fn explained(template: &str, error: &minijinja::Error) -> TemplateError {
    let mut innermost = error;
    while let Some(cause) = std::error::Error::source(innermost).and_then(|cause| cause.downcast_ref()) {
        innermost = cause;
    }
    TemplateError::Render {
        name: innermost.name().unwrap_or(template).to_owned(),
        line: innermost.line().unwrap_or(1),
        message: innermost.detail().map_or_else(|| innermost.kind().to_string(), str::to_owned),
    }
}

/// Everything that a template may name.
fn values(request: &Request) -> Value {
    let slurm = &request.slurm;
    let gpus_per_task = slurm.gpus_per_task.filter(|&gpus| gpus > 0);
    let (sbatch_lines, shell_lines): (Vec<_>, Vec<_>) =
        slurm.extra.iter().cloned().partition(|line| line.trim_start().starts_with("#SBATCH"));
    let run_flags: String =
        request.run_arguments.iter().map(|argument| format!(" {}", shell_quoted(argument))).collect();
    context! {
        name => request.name,
        nodes => slurm.nodes,
        ntasks_per_node => slurm.ntasks_per_node,
        cpus_per_task => slurm.cpus_per_task,
        gpus_per_task => gpus_per_task,
        gpus_per_node => gpus_per_task.map(|gpus| gpus.saturating_mul(slurm.ntasks_per_node.unwrap_or(1))),
        mem => slurm.mem,
        time => slurm.time,
        partition => slurm.partition,
        account => slurm.account,
        qos => slurm.qos,
        modules => slurm.modules,
        sbatch_lines => sbatch_lines,
        shell_lines => shell_lines,
        program => text(&request.program),
        sweep => text(&request.sweep),
        run_dir => text(&request.run_dir),
        log => sbatch_quoted(&text(&request.slurm_dir().join("%j.log"))),
        device => request.device,
        launcher => match (request.template_name(), request.launcher) {
            ("nodes-srun", _) => "srun",
            (_, Launcher::Srun | Launcher::Mpirun) => "mpirun",
        },
        mpi => request.mpi,
        notice_seconds => request.notice_seconds(),
        report => request.report,
        run_flags => run_flags,
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// `value` as one word of a POSIX shell; plain words stay as they are.
fn shell_quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// `value` as one word of an `#SBATCH` line, whose only quotes are double ones; [`super::check()`] refuses paths with any.
fn sbatch_quoted(value: &str) -> String {
    if value.contains([' ', '\t', '\'', '#']) { format!("\"{value}\"") } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::request::tests::bare;
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    fn rendered(request: &Request) -> String {
        render(request, &Template::find(request, None, None).unwrap()).unwrap()
    }

    fn options(script: &str) -> Vec<&str> {
        script.lines().filter_map(|line| line.strip_prefix("#SBATCH ")).collect()
    }

    fn full(device: &str, nodes: u32, launcher: Launcher) -> Request {
        let mut request = bare(device);
        request.launcher = launcher;
        request.slurm = crate::sweep::Slurm {
            nodes: Some(nodes),
            ntasks_per_node: Some(4),
            gpus_per_task: (device == "cuda").then_some(1),
            cpus_per_task: Some(8),
            time: Some("12:00:00".into()),
            partition: Some("main".into()),
            account: Some("physics".into()),
            qos: Some("long".into()),
            mem: Some("64G".into()),
            modules: vec!["openmpi".into(), "hdf5".into()],
            extra: vec!["export FI_PROVIDER=tcp".into(), "#SBATCH --exclusive".into()],
        };
        request
    }

    #[test]
    fn absent_settings_leave_no_line() {
        let script = rendered(&bare("flex"));
        let keys: Vec<_> = options(&script).iter().map(|line| line.split('=').next().unwrap()).collect();
        assert_eq!(keys, ["--job-name", "--requeue", "--open-mode", "--output", "--signal"]);
        assert!(!script.contains("module load") && !script.contains("none\n"), "{script}");
    }

    #[test]
    fn every_setting_is_in_the_head_before_the_first_command() {
        let script = rendered(&full("cuda", 2, Launcher::Srun));
        let options = options(&script);
        for option in [
            "--nodes=2",
            "--ntasks-per-node=4",
            "--cpus-per-task=8",
            "--gpus-per-task=1",
            "--mem=64G",
            "--time=12:00:00",
            "--partition=main",
            "--account=physics",
            "--qos=long",
            "--exclusive",
            "--output=/home/a/runs/digits/slurm/%j.log",
            "--signal=B:USR1@600",
        ] {
            assert!(options.contains(&option), "{option} is not among {options:?}");
        }
        // sbatch stops looking for options at the first command.
        let mut body = script.lines().skip_while(|line| line.is_empty() || line.starts_with('#'));
        assert!(!body.any(|line| line.starts_with("#SBATCH")));
    }

    #[test]
    fn mpirun_gets_gpus_by_node_so_that_its_daemons_see_all() {
        for (nodes, launcher) in [(1, Launcher::Srun), (2, Launcher::Mpirun)] {
            let script = rendered(&full("cuda", nodes, launcher));
            assert!(options(&script).contains(&"--gpus-per-node=4"), "{script}");
            assert!(!script.contains("--gpus-per-task"));
        }
    }

    #[test]
    fn each_script_is_a_script_for_bash() {
        for (device, nodes, launcher) in [
            ("flex", 1, Launcher::Srun),
            ("cuda", 1, Launcher::Srun),
            ("cuda", 2, Launcher::Srun),
            ("flex", 2, Launcher::Mpirun),
        ] {
            for request in [full(device, nodes, launcher), {
                let mut r = bare(device);
                r.slurm.nodes = Some(nodes);
                r
            }] {
                let script = rendered(&request);
                let dir = tempfile::tempdir().unwrap();
                let path = dir.path().join("job");
                std::fs::write(&path, &script).unwrap();
                let checked = Command::new("bash").arg("-n").arg(&path).output().unwrap();
                assert!(checked.status.success(), "{}\n{script}", String::from_utf8_lossy(&checked.stderr));
                assert!(!script.contains("OMPI_ALLOW_RUN_AS_ROOT"));
            }
        }
    }

    #[test]
    fn a_sites_template_wins_and_may_use_the_pieces() {
        let site = tempfile::tempdir().unwrap();
        let request = bare("flex");
        std::fs::write(site.path().join("cpu-node.sbatch"), "#!/bin/sh\n{% include 'setup.sh' %}\n").unwrap();
        std::fs::write(site.path().join("setup.sh"), "echo {{ name }} ours\n").unwrap();
        let template = Template::find(&request, None, Some(site.path())).unwrap();
        assert_eq!(render(&request, &template).unwrap(), "#!/bin/sh\necho digits ours\n");
        let chosen = site.path().join("mine");
        std::fs::write(&chosen, "#!/bin/sh\necho {{ device }}\n").unwrap();
        let template = Template::find(&request, Some(&chosen), Some(site.path())).unwrap();
        assert_eq!(render(&request, &template).unwrap(), "#!/bin/sh\necho flex\n");
    }

    #[test]
    fn a_template_that_prints_what_is_not_there_is_refused_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine.sbatch");
        let refused = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let template = Template::find(&bare("flex"), Some(&path), None).unwrap();
            render(&bare("flex"), &template).unwrap_err().to_string()
        };
        let unset = refused("#!/bin/bash\n\n#SBATCH --qos={{ qos }}\n");
        assert!(unset.contains("mine.sbatch, line 3") && unset.contains("not made"), "{unset}");
        let unknown = refused("#!/bin/bash\n{{ node }}\n");
        assert!(unknown.contains("line 2"), "{unknown}");
        let malformed = refused("#!/bin/bash\n{% if nodes %}\n");
        assert!(malformed.contains("mine.sbatch, line"), "{malformed}");
        assert!(refused("echo hello\n").contains("#!"));
        let missing = Template::find(&bare("flex"), Some(Path::new("/nowhere/x")), None).unwrap_err().to_string();
        assert!(missing.contains("/nowhere/x"), "{missing}");
    }

    /// The plain files are the templates, rendered, with the paths taken from the command line instead.
    /// `PHASESWEEP_REGENERATE=1 cargo test --release plain_files` writes them anew.
    #[test]
    fn plain_files_are_what_the_templates_give() {
        let usage = "FILE SWEEP.toml [RUN_DIRECTORY]";
        let sweep = "SWEEP=${1:?usage: sbatch SCRIPT SWEEP.toml [RUN_DIRECTORY]}";
        let out = "# A run directory, or the sweep.toml in it, goes on where it is.\ncase $SWEEP in\n\
                   sweep.toml | */sweep.toml) OUT=$(dirname \"$SWEEP\") ;;\n*) OUT=$SWEEP ;;\nesac\n\
                   [ -e \"$OUT/run.json\" ] || OUT=runs/$(basename \"$SWEEP\" .toml)\nOUT=${2:-$OUT}";
        let paths = (usage, "%x-%j", sweep, out);
        plain_file("cpu-node", "cpu-node", ("flex", 1, 1, 32), Launcher::Srun, paths);
        plain_file("gpu-node", "gpu-node", ("tch:cuda", 1, 4, 8), Launcher::Srun, paths);
        plain_file("nodes-srun", "nodes-srun", ("flex", 4, 8, 4), Launcher::Srun, paths);
        plain_file("nodes-mpirun", "nodes-mpirun", ("flex", 4, 8, 4), Launcher::Mpirun, paths);
        let usage = "--array=0-2 FILE FIRST.toml SECOND.toml THIRD.toml";
        let sweep = include_str!("../../slurm/templates/array.sh").trim_end();
        let out = "OUT=${RUNS:-runs}/$(basename \"$SWEEP\" .toml)";
        plain_file("array", "cpu-node", ("flex", 1, 1, 8), Launcher::Srun, (usage, "%x-%A_%a", sweep, out));
    }

    fn plain_file(
        file: &str,
        template: &str,
        (device, nodes, ranks, cores): (&str, u32, u32, u32),
        launcher: Launcher,
        (usage, log, sweep, out): (&str, &str, &str, &str),
    ) {
        let mut request = bare(device);
        request.name = "phasesweep".into();
        request.launcher = launcher;
        request.program = "@PROGRAM@".into();
        request.sweep = "@SWEEP@".into();
        request.run_dir = "@OUT@".into();
        request.slurm = crate::sweep::Slurm {
            nodes: Some(nodes),
            ntasks_per_node: Some(ranks),
            cpus_per_task: Some(cores),
            gpus_per_task: (device == "tch:cuda").then_some(1),
            time: Some("12:00:00".into()),
            ..Default::default()
        };
        assert_eq!(request.template_name(), template);
        let usage = usage.replace("FILE", &format!("{file}.sbatch"));
        let head = format!(
            "#!/bin/bash\n# Copy, edit, and: sbatch {usage}\n\
             # Partition, account and modules are your site's: add them.\n"
        );
        let script = rendered(&request)
            .replace("@OUT@/slurm/%j.log", &format!("{log}.log"))
            .replace("PHASESWEEP=@PROGRAM@", "PHASESWEEP=${PHASESWEEP:-phasesweep}")
            .replace("SWEEP=@SWEEP@", sweep)
            .replace("OUT=@OUT@", out)
            .replacen("#!/bin/bash\n", &head, 1);
        assert!(!["@PROGRAM@", "@SWEEP@", "@OUT@"].iter().any(|path| script.contains(path)), "a path is left over");
        let path = Path::new("slurm").join(format!("{file}.sbatch"));
        if std::env::var_os("PHASESWEEP_REGENERATE").is_some() {
            std::fs::write(&path, &script).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), script, "{} is out of date", path.display());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// An independent reader of shell words: the shell itself.
        #[test]
        fn quoted_words_come_back_from_the_shell(word in "[^\0\r\n]{0,20}") {
            let line = format!("printf %s {}", shell_quoted(&word));
            let output = Command::new("sh").arg("-c").arg(line).output().unwrap();
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }
}
