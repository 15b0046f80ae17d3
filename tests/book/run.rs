//! Executes the blocks of a page in their order, in a directory that holds the repository's sweeps, or nothing where the page
//! says `<!-- page: empty directory -->`.
//!
//! `sh` blocks are run by bash, each in a shell of its own that stops at the first failure; `python` blocks by one interpreter a
//! page, so that later ones know the names of earlier ones; `toml` blocks are saved, or read as (parts of) sweep files. R and
//! Julia run where they are installed. `PHASESWEEP_READERS` names the Python, as in the other tests; without it no Python is run.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use phasesweep::plan::Plan;

use crate::mark::{self, Mark, Reason};
use crate::page::{Block, Page};

/// What became of the blocks.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Blocks that were executed, by language.
    pub(crate) executed: BTreeMap<String, usize>,
    /// Whole sweep files and parts of some that were read, and files that were saved for later blocks.
    pub(crate) read: usize,
    /// Blocks of output whose lines were found.
    pub(crate) compared: usize,
    /// Places of blocks that are marked as not run, by reason.
    pub(crate) not_run: BTreeMap<Reason, Vec<String>>,
    /// Places of blocks whose program is not here, with its name.
    pub(crate) absent: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Tally) {
        for (language, count) in other.executed {
            *self.executed.entry(language).or_default() += count;
        }
        for (reason, places) in other.not_run {
            self.not_run.entry(reason).or_default().extend(places);
        }
        self.read += other.read;
        self.compared += other.compared;
        self.absent.extend(other.absent);
    }
}

/// Tables that parts of sweep files are put into.
const BASE: &str = r#"
[sweep]
name = "part"
seeds = 1
[[data]]
source = "digits"
[[subsample]]
size = 100
[[architecture]]
kind = "mlp"
hidden = [10]
activation = "relu"
[[optimiser]]
kind = "sgd"
lr = 0.1
[train]
epochs = 1
"#;

/// Sources whose data have to be fetched or made first: of a sweep that names one only the text is read.
const ELSEWHERE: [&str; 6] = ["mnist", "fashion-mnist", "kmnist", "cifar10", "arrays", "idx"];

/// Runs a page; panics with the place of a block that does not do what it says.
pub(crate) fn run(page: &Page) -> Tally {
    let mut tally = Tally::default();
    let scratch = tempfile::tempdir().expect("a directory");
    let directory = scratch.path();
    let source = std::fs::read_to_string(&page.path).expect("the page");
    if !source.lines().any(|line| line == "<!-- page: empty directory -->") {
        copy(Path::new("sweeps"), &directory.join("sweeps"));
    }
    let mut python = None;
    let mut said: Option<String> = None;
    for block in &page.blocks {
        let place = format!("{}:{}", page.path.display(), block.line);
        let Some(language) = block.language.as_deref() else {
            panic!("{place}: an indented block is not executed; fence it, and name its language")
        };
        let mark = block.mark.as_deref().map(mark::read).transpose();
        let mark = mark.unwrap_or_else(|error| panic!("{place}: {error}")).flatten();
        match (&mark, language) {
            (Some(Mark::NotRun(reason)), _) => {
                tally.not_run.entry(*reason).or_default().push(place);
                said = None;
                continue;
            }
            (Some(Mark::File(name)), _) => {
                let path = directory.join(name);
                std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
                std::fs::write(&path, &block.text).expect("a file");
                tally.read += 1;
                if language == "toml" && block.text.contains("[sweep]") {
                    parse(&block.text, &place);
                }
                continue;
            }
            (Some(Mark::Output), _) => {
                let said = said.as_deref().unwrap_or_else(|| panic!("{place}: nothing ran before this output"));
                holds(said, &block.text, &place);
                tally.compared += 1;
                continue;
            }
            _ => {}
        }
        let code = if let Some(Mark::EndsWith(code)) = mark { code } else { 0 };
        said = match language {
            "sh" => Some(shell(block, directory, code, &place)),
            "python" => match interpreter() {
                None => None,
                Some(program) => {
                    let python = python.get_or_insert_with(|| Python::start(&program, directory));
                    Some(python.run(&block.text).unwrap_or_else(|said| panic!("{place}\n{}\n{said}", block.text)))
                }
            },
            "r" => script("Rscript", "block.R", block, directory, &place),
            "julia" => script("julia", "block.jl", block, directory, &place),
            "toml" => {
                let base =
                    if let Some(Mark::Of(path)) = &mark { std::fs::read_to_string(path) } else { Ok(BASE.into()) };
                sweep(&block.text, &base.expect("a sweep file"), directory, &place);
                tally.read += 1;
                continue;
            }
            // What is shown and not typed: formulas, file trees, other programs' files.
            "text" | "json" | "html" | "make" | "rust" => continue,
            other => panic!("{place}: `{other}` is no language that this test knows; formulas and outputs are `text`"),
        };
        match &said {
            Some(_) => *tally.executed.entry(language.to_owned()).or_default() += 1,
            None => tally.absent.push(format!("{place} ({language})")),
        }
    }
    pictures(page, directory);
    tally
}

/// The Python of the readers, if one is named.
fn interpreter() -> Option<String> {
    std::env::var("PHASESWEEP_READERS").ok()
}

/// The environment of a reader: the built programs first on PATH, no settings of this shell, several ranks on few cores allowed.
fn prepare(command: &mut Command, directory: &Path) {
    let programs = Path::new(env!("CARGO_BIN_EXE_phasesweep")).parent().expect("a directory").display().to_string();
    let readers = interpreter().and_then(|python| Some(Path::new(&python).parent()?.display().to_string()));
    let path =
        [Some(programs), readers, std::env::var("PATH").ok()].into_iter().flatten().collect::<Vec<_>>().join(":");
    command.current_dir(directory).env("PATH", path).stdin(Stdio::null());
    command.env_remove("PHASESWEEP_LOG").env_remove("COLUMNS").env("NO_COLOR", "1").env("MPLBACKEND", "agg");
    command
        .env("OMPI_MCA_rmaps_base_oversubscribe", "1")
        .env("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe");
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.env("XDG_CACHE_HOME", std::env::temp_dir().join("phasesweep-test-cache"));
}

fn shell(block: &Block, directory: &Path, code: i32, place: &str) -> String {
    let mut command = Command::new("bash");
    prepare(&mut command, directory);
    // Both streams in the order in which a reader sees them.
    let text = format!("exec 2>&1\n{}", block.text);
    let output = command.args(["-euo", "pipefail", "-c", &text]).output().expect("bash starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.code() == Some(code), "{place}: {}, and not {code}\n{}\n{said}", output.status, block.text);
    said
}

/// A block of a language that may not be installed: `None` where it is not.
fn script(program: &str, name: &str, block: &Block, directory: &Path, place: &str) -> Option<String> {
    let file = directory.join(name);
    std::fs::write(&file, &block.text).expect("a file");
    let mut command = Command::new(program);
    prepare(&mut command, directory);
    let output = match command.arg(&file).output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("{place}: {program}: {error}"),
    };
    let said = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    assert!(output.status.success(), "{place}\n{}\n{said}", block.text);
    Some(said)
}

/// A Python that executes one block after another in one namespace: a line of JSON in, a line of JSON out.
struct Python {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

const DRIVER: &str = r#"
import contextlib, io, json, sys, traceback
answers, names = sys.stdout, {"__name__": "__main__"}
for line in sys.stdin:
    said, fine = io.StringIO(), True
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            exec(compile(json.loads(line), "<block>", "exec"), names)
        except BaseException:
            fine = False
            traceback.print_exc()
    print(json.dumps([fine, said.getvalue()]), file=answers, flush=True)
"#;

impl Python {
    fn start(program: &str, directory: &Path) -> Python {
        let mut command = Command::new(program);
        prepare(&mut command, directory);
        command.args(["-c", DRIVER]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("Python starts");
        let (asks, answers) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Python { child, asks, answers: BufReader::new(answers) }
    }

    /// What the block printed; as an error if it raised.
    fn run(&mut self, block: &str) -> Result<String, String> {
        writeln!(self.asks, "{}", serde_json::Value::from(block)).map_err(|error| error.to_string())?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).map_err(|error| error.to_string())?;
        let (fine, said): (bool, String) = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        if fine { Ok(said) } else { Err(said) }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // It has nothing to lose; a failure to end it is the operating system's to report.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A sweep file, or tables that stand in place of those of `base`.
fn sweep(text: &str, base: &str, directory: &Path, place: &str) {
    let part: toml::Table = text.parse().unwrap_or_else(|error| panic!("{place}: {error}"));
    let whole = part.contains_key("sweep");
    let mut tables: toml::Table = if whole { toml::Table::new() } else { base.parse().expect("a sweep file") };
    tables.extend(part);
    let text = toml::to_string(&tables).expect("TOML");
    parse(&text, place);
    let sources: Vec<_> =
        tables["data"].as_array().expect("tables").iter().filter_map(|data| data["source"].as_str()).collect();
    if whole && !sources.iter().any(|source| ELSEWHERE.contains(source)) {
        std::fs::write(directory.join("block.toml"), &text).expect("a file");
        let mut command = Command::new("phasesweep");
        prepare(&mut command, directory);
        let output = command.args(["plan", "block.toml"]).output().expect("phasesweep starts");
        assert!(output.status.success(), "{place}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Reads a sweep file as `phasesweep plan` does, up to the point where that asks for the data.
fn parse(text: &str, place: &str) {
    let sweep = phasesweep::sweep::parse(text, place, &[]).unwrap_or_else(|error| panic!("{error}"));
    let digests: Vec<String> = (0..sweep.data.len()).map(|data| format!("data {data}")).collect();
    Plan::new(sweep, &digests);
}

/// Whether every line that is shown was printed, in this order; `…` stands for anything within a line.
fn holds(said: &str, shown: &str, place: &str) {
    let mut rest = said.lines();
    for line in shown.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "…") {
        assert!(
            rest.by_ref().any(|printed| alike(printed.trim(), line)),
            "{place}: the block before it does not print, or not in this order,\n{line}\nbut\n{said}"
        );
    }
}

/// Whether a line was printed as it is shown, blanks aside.
fn alike(printed: &str, shown: &str) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (printed, shown) = (words(printed), words(shown));
    let pieces: Vec<&str> = shown.split('…').collect();
    let Some(mut rest) = printed.strip_prefix(pieces[0]) else { return false };
    for piece in &pieces[1..] {
        let Some(at) = rest.find(piece.trim()) else { return false };
        rest = &rest[at + piece.trim().len()..];
    }
    rest.is_empty() || shown.ends_with('…')
}

/// Holds the pictures of a page against what its blocks made; writes them anew where `PHASESWEEP_REGENERATE` is set.
fn pictures(page: &Page, directory: &Path) {
    for link in page.links.iter().filter(|link| link.picture) {
        let place = format!("{}:{}", page.path.display(), link.line);
        let mark = link.mark.as_deref().map(mark::read).transpose();
        let (made, exactly) = match mark.unwrap_or_else(|error| panic!("{place}: {error}")).flatten() {
            Some(Mark::Picture(path)) => (path, true),
            Some(Mark::Drawn(path)) if interpreter().is_some() => (path, false),
            _ => continue,
        };
        let kept = page.path.parent().expect("a directory").join(&link.target);
        let new =
            std::fs::read(directory.join(&made)).unwrap_or_else(|error| panic!("{place}: {}: {error}", made.display()));
        if std::env::var_os("PHASESWEEP_REGENERATE").is_some() {
            std::fs::create_dir_all(kept.parent().expect("a directory")).expect("a directory");
            std::fs::write(&kept, &new).expect("the picture can be written");
            continue;
        }
        let old = std::fs::read(&kept).unwrap_or_else(|error| panic!("{}: {error}", kept.display()));
        if exactly {
            assert!(
                old == new,
                "{place}: {} is not what the page's commands draw: `make docs` draws it anew",
                kept.display()
            );
        } else {
            let head = |bytes: &[u8]| bytes[..bytes.len().min(5)].to_vec();
            assert!(head(&old) == head(&new) && new.len() > 1000, "{place}: {} is no such picture", made.display());
        }
    }
}

/// Copies a folder with its folders.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}

#[test]
fn output_is_compared_line_by_line_with_gaps() {
    assert!(alike("INFO quick: 256 cells, 0 done", "INFO quick: … cells, 0 done"));
    assert!(alike("2026-11-29 INFO  quick: 256 cells", "… quick: 256 cells"));
    assert!(!alike("quick: 256 cells and more", "quick: 256 cells"));
    assert!(!alike("quick: 255 cells", "quick: 256 cells"));
    holds("a\nb\nc", "a\n…\nc", "x");
    let wrong = std::panic::catch_unwind(|| holds("a\nb", "b\na", "x"));
    assert!(wrong.is_err(), "the order counts");
}
