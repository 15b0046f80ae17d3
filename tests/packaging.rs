//! What is installed and released: a tree that a shell and `man` can use, and archives whose bytes depend on nothing but their
//! contents. That two builds give the same programs is not held here: it takes two builds (packaging/README.md).

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the built programs; `None`, with a word why, where one of them is not there.
fn programs() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_BIN_EXE_phasesweep")).parent().expect("a folder").to_owned();
    if folder.join("phasesweep-report").is_file() {
        return Some(folder);
    }
    println!("skipped: phasesweep-report was not built");
    None
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let said = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    assert!(output.status.success(), "{command:?}\n{said}");
    said
}

/// Every file beneath a folder, from there.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(folder).expect("beneath").to_owned());
            }
        }
    }
    found
}

/// Those that completions are installed for.
const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// What a shell makes of a line that was begun and should become `whole`, by the completions under `prefix`; `None`, with a word
/// why, where the shell is not there.
fn completed(shell: &str, prefix: &Path, program: &str, begun: &str, whole: &str) -> Option<String> {
    let (script, file) = match shell {
        "bash" => (
            r#"source "$1" && COMP_WORDS=("$2" "$3") COMP_CWORD=1 && "_${2//-/__}" "$2" "$3" "$2" && echo "${COMPREPLY[@]}""#,
            format!("share/bash-completion/completions/{program}"),
        ),
        // A terminal of zsh's own, in which the line is typed and the tabulator is pressed; what it shows is read until the
        // word is whole, or time is up. It finds the script by its name in the folder.
        "zsh" => (
            r#"zmodload zsh/zpty
               zpty terminal zsh -f -i
               zpty -w terminal "fpath=(${1:h} \$fpath); autoload -Uz compinit && compinit -u -D"
               zpty -w -n terminal "$2 $3"$'\t'
               zpty -r terminal shown "*$2 $4*"
               print -r -- "$shown""#,
            format!("share/zsh/site-functions/_{program}"),
        ),
        "fish" => (
            r#"source $argv[1]; complete --do-complete "$argv[2] $argv[3]""#,
            format!("share/fish/vendor_completions.d/{program}.fish"),
        ),
        _ => panic!("{shell} is none of {SHELLS:?}"),
    };
    if Command::new(shell).arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "{shell} is not there: `make setup-test` installs it");
        println!("skipped: {shell} is not there");
        return None;
    }
    let mut command = Command::new("timeout");
    command.args(["60", shell, "-c", script]);
    // bash and zsh take the word after the script for its name.
    command.args((shell != "fish").then_some(shell)).arg(prefix.join(file)).args([program, begun, whole]);
    Some(run(command.env("HOME", prefix)))
}

#[test]
fn what_is_installed_can_be_used() {
    let Some(programs) = programs() else { return };
    let prefix = tempfile::tempdir().expect("a directory");
    run(Command::new("packaging/install.sh").arg(&programs).arg(prefix.path()));
    let there = files(prefix.path());
    let at = |path: &str| prefix.path().join(path);

    // The installed program finds the installed report beside it.
    run(Command::new(at("bin/phasesweep")).arg("plan").arg(at("share/phasesweep/sweeps/quick.toml")));
    run(Command::new(at("bin/phasesweep")).args(["report", "--help"]));

    // Each shell takes what is installed for it, and completes by it: a subcommand of either program.
    for (program, begun, whole) in [("phasesweep", "subm", "submit"), ("phasesweep-report", "exp", "export")] {
        for shell in SHELLS {
            let Some(output) = completed(shell, prefix.path(), program, begun, whole) else { continue };
            assert!(output.contains(whole), "{shell} makes of `{program} {begun}`: {output}");
        }
    }
    for name in ["phasesweep-report", "phasesweep-report-compare", "phasesweep-report-export"] {
        assert!(there.contains(Path::new(&format!("share/man/man1/{name}.1"))), "{name}");
    }

    // A manual page for each command that the help names, and for commands beneath them.
    let help = run(Command::new(at("bin/phasesweep")).arg("--help"));
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands = commands.filter(|line| line.starts_with("  ") && !line[2..].starts_with(' '));
    let names: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"run") && names.len() > 10, "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help").chain(["data-fetch", "bench-dispatch"]) {
        let page = format!("share/man/man1/phasesweep-{name}.1");
        assert!(there.contains(Path::new(&page)), "{page} is missing");
    }
    let page = fs::read_to_string(at("share/man/man1/phasesweep-run.1")).expect("a manual page");
    assert!(page.contains(".TH phasesweep-run 1") && page.contains("checkpoint"), "{page}");
}

/// Two archives of the same programs, made in different places at different times, under different masks of modes. Scripts stand
/// for the programs, which take a minute to be packed with all that is known of their lines.
#[test]
fn an_archive_depends_on_its_contents_alone() {
    let Some(built) = programs() else { return };
    let scratch = tempfile::tempdir().expect("a directory");
    let programs = scratch.path().join("programs");
    fs::create_dir(&programs).expect("a directory");
    for name in ["phasesweep", "phasesweep-report"] {
        let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", built.join(name).display());
        fs::write(programs.join(name), script).expect("a file");
        fs::set_permissions(programs.join(name), fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    let make = |name: &str, mask: &str| {
        let output = scratch.path().join(name);
        let script = format!("umask {mask}; packaging/release.sh --programs \"$1\" --output \"$2\"");
        let mut command = Command::new("bash");
        command.args(["-c", &script, "bash"]).arg(&programs).arg(&output).env("SOURCE_DATE_EPOCH", "1700000000");
        run(&mut command);
        output
    };
    let (first, second) = (make("a", "022"), make("b/c", "077"));
    let names = files(&first);
    assert_eq!(names, files(&second));
    assert!(names.iter().any(|name| name.to_string_lossy().ends_with(".spdx.json")), "{names:?}");
    for name in &names {
        let (a, b) = (fs::read(first.join(name)).expect("a file"), fs::read(second.join(name)).expect("a file"));
        assert!(a == b, "{} differs", name.display());
    }
    run(Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(&first));

    // The list of what was compiled in has the crates of Cargo.lock, with their checksums, and our own.
    let list = names.iter().find(|name| name.to_string_lossy().ends_with(".spdx.json")).expect("the list");
    let list: serde_json::Value = serde_json::from_slice(&fs::read(first.join(list)).expect("a file")).expect("JSON");
    let lock = fs::read_to_string("Cargo.lock").expect("the lock");
    let packages = list["packages"].as_array().expect("packages");
    assert!(packages.len() > 300, "{}", packages.len());
    for package in packages {
        let (name, version) = (&package["name"], &package["versionInfo"]);
        assert!(lock.contains(&format!("name = {name}\nversion = {version}\n")), "{name} {version}");
        if let Some(checksum) = package["checksums"][0]["checksumValue"].as_str() {
            assert!(lock.contains(checksum), "{name} {version}");
        }
    }
    let own = packages.iter().filter(|package| package["checksums"].is_null());
    assert!(own.clone().all(|package| package["name"].as_str().is_some_and(|name| name.starts_with("phasesweep"))));
    assert!(own.count() >= 8);
}
