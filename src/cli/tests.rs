//! The command line as a whole: its definition is sound, and documents name flags that there are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;

/// Flags of other programs that the documents name, and custom properties of style sheets, which look like them.
const OTHERS: [&str; 22] = [
    "--c0",
    "--c1",
    "--ps-paper",
    "--example",
    "--release",
    "--workspace",
    "--test",
    "--nocapture",
    "--features",
    "--lib",
    "--locked",
    "--mpi",
    "--signal",
    "--requeue",
    "--array",
    "--exclusive",
    "--mem-per-cpu",
    "--mem-per-gpu",
    "--no-default-features",
    "--strip-components",
    "--ignore-missing",
    "--check",
];

#[test]
fn the_definition_is_sound() {
    definition().debug_assert();
}

/// The long flags of a command and of those below it.
fn flags(command: &clap::Command, all: &mut BTreeSet<String>) {
    for flag in command.get_arguments() {
        let aliases = flag.get_all_aliases().into_iter().flatten();
        all.extend(flag.get_long().into_iter().chain(aliases).map(|long| format!("--{long}")));
    }
    command.get_subcommands().for_each(|below| flags(below, all));
}

/// The long flags of `phasesweep-report`, from its definition's text: the analysis is another program.
fn flags_of_report() -> Vec<String> {
    let sources = [
        include_str!("../../analysis/src/main.rs"),
        include_str!("../../analysis/src/commands/compare.rs"),
        include_str!("../../analysis/src/commands/export.rs"),
    ];
    let field = |pair: &[&str]| {
        let name = pair[1].trim().strip_suffix(',')?.split(':').next()?.trim_start_matches("pub ").to_owned();
        pair[0].contains("#[arg(long").then(|| format!("--{}", name.replace('_', "-")))
    };
    let of = |text: &str| text.lines().collect::<Vec<_>>().windows(2).filter_map(field).collect::<Vec<_>>();
    sources.into_iter().flat_map(of).collect()
}

fn named_in(text: &str) -> BTreeSet<String> {
    let is_flag = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("--") {
        let before = text[..at].chars().next_back();
        let name: String = text[at + 2..].chars().take_while(|&c| is_flag(c)).collect();
        // A dash between numbers, a rule of a table, or an arrow is no flag.
        if name.starts_with(|c: char| c.is_ascii_lowercase()) && before.is_none_or(|c| " `(\n'[\"".contains(c)) {
            found.insert(format!("--{}", name.trim_end_matches('-')));
        }
    }
    found
}

#[test]
fn documents_name_flags_that_there_are() {
    let mut known: BTreeSet<String> = OTHERS.map(str::to_owned).into();
    flags(&definition(), &mut known);
    known.extend(["--help", "--version"].map(str::to_owned));
    let report = flags_of_report();
    assert!(report.contains(&"--group-by".to_owned()) && report.contains(&"--burn-in".to_owned()), "{report:?}");
    known.extend(report);
    let root = Path::new(".");
    let mut documents: Vec<PathBuf> = ["README.md", "DESIGN.md", "CHANGELOG.md"].map(|name| root.join(name)).into();
    for folder in ["docs", "slurm", "sweeps"] {
        let entries = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        documents.extend(entries.filter(|path| path.extension().is_some_and(|end| end == "md" || end == "toml")));
    }
    let mut named = 0;
    for path in documents {
        let flags = named_in(&std::fs::read_to_string(&path).unwrap());
        let unknown: Vec<&String> = flags.difference(&known).collect();
        assert!(unknown.is_empty(), "{} names {unknown:?}, which no program of ours has", path.display());
        named += flags.len();
    }
    // Were none found, the search would be at fault.
    assert!(named > 10, "{named}");
}

/// Lines of examples under a command and those below it, with the command's name.
fn examples(command: &clap::Command, all: &mut Vec<(String, String)>) {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let of = |line: &str| (command.get_name().to_owned(), line.trim().to_owned());
    all.extend(text.lines().skip(1).map(of));
    command.get_subcommands().for_each(|below| examples(below, all));
}

/// The words of a line as a shell splits them, its quotes taken away; the comment after two blanks, pipes and redirections are
/// no words of it.
fn words(line: &str) -> Vec<String> {
    let (mut out, mut word, mut quoted) = (Vec::new(), String::new(), false);
    let command = line.split(" | ").next().unwrap_or_default().split(" > ").next().unwrap_or_default();
    let command = command.split("   ").next().unwrap_or_default();
    for c in command.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => out.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    out.push(word);
    out.retain(|word| !word.is_empty());
    out
}

#[test]
fn every_subcommand_has_examples_that_parse() {
    let elsewhere = ["report", "compare", "export"];
    for command in definition().get_subcommands().filter(|command| !elsewhere.contains(&command.get_name())) {
        let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(text.starts_with("Examples:\n"), "{} has no examples", command.get_name());
    }
    let mut all = Vec::new();
    examples(&definition(), &mut all);
    let mut parsed = 0;
    for (name, line) in all {
        let words = words(&line);
        let Some(at) = words.iter().position(|word| word == "phasesweep") else {
            assert!(line.starts_with("ssh "), "{name}: {line}");
            continue;
        };
        let outcome = definition().try_get_matches_from(&words[at..]);
        assert!(
            outcome.is_ok(),
            "{name}: {line}: {}",
            outcome.err().map(|error| error.to_string()).unwrap_or_default()
        );
        parsed += 1;
    }
    assert!(parsed > 25, "{parsed}");
}
