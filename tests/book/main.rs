//! The documents keep their word: every command, script and sweep file in them is executed or read in the order of its page, or
//! carries the reason why not; every link within the repository leads somewhere; every page of `docs/` is in the book.
//!
//! The marks that pages use are in `mark`. `cargo test --release --workspace --locked --test book -- --nocapture` prints how
//! many blocks were executed, and the places of those that were not, by reason.

mod links;
mod mark;
mod page;
mod run;

use std::path::{Path, PathBuf};

use page::Page;
use run::Tally;

/// Every Markdown file of the repository, by path.
fn pages() -> Vec<Page> {
    let mut found = Vec::new();
    gather(Path::new(""), &mut found);
    found.sort();
    found.iter().map(|path| Page::read(path)).collect()
}

fn gather(folder: &Path, found: &mut Vec<PathBuf>) {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in std::fs::read_dir(here).expect("a folder") {
        let path = folder.join(entry.expect("an entry").file_name());
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // What is built, run or installed beside the sources is not the repository's.
        if name.starts_with('.') || ["target", "runs", "node_modules", "found"].contains(&name) {
            continue;
        }
        if path.is_dir() {
            gather(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// Runs the pages that a test chooses, and prints what became of their blocks.
fn execute(chosen: impl Fn(&Path) -> bool) -> Tally {
    let report = Path::new(env!("CARGO_BIN_EXE_phasesweep")).with_file_name("phasesweep-report");
    assert!(report.is_file(), "build both programs first: `cargo build --release --workspace --locked`");
    let mut tally = Tally::default();
    for page in pages().iter().filter(|page| chosen(&page.path)) {
        let begun = std::time::Instant::now();
        tally.add(run::run(page));
        println!("{}: {:.1} s", page.path.display(), begun.elapsed().as_secs_f64());
    }
    println!(
        "executed: {:?}; sweep files and parts read: {}; outputs compared: {}",
        tally.executed, tally.read, tally.compared
    );
    for (reason, places) in &tally.not_run {
        println!("not run, {reason} ({}): {}", places.len(), places.join(", "));
    }
    if !tally.absent.is_empty() {
        println!("skipped, the program is not here: {}", tally.absent.join(", "));
    }
    tally
}

/// Pages whose blocks another test executes, and which: what they need, the book's runner does not have.
const ELSEWHERE: [(&str, &str); 2] =
    [("docs/python.md", "python/tests/test_documents.py"), ("python/README.md", "python/tests/test_documents.py")];

const TUTORIAL: &str = "docs/tutorial.md";
const OWN: &str = "docs/own-question.md";

fn is_how_to(path: &Path) -> bool {
    path.starts_with("docs/how-to") || path == Path::new(OWN)
}

#[test]
fn the_tutorial_does_what_it_says() {
    let tally = execute(|path| path == Path::new(TUTORIAL));
    assert!(tally.not_run.is_empty(), "a reader can follow the tutorial to its end: {:?}", tally.not_run);
}

#[test]
fn the_how_to_pages_do_what_they_say() {
    execute(is_how_to);
}

#[test]
fn the_other_pages_do_what_they_say() {
    let elsewhere = |path: &Path| ELSEWHERE.iter().any(|(page, _)| path == Path::new(page));
    execute(|path| path != Path::new(TUTORIAL) && !is_how_to(path) && !elsewhere(path));
    for (page, test) in ELSEWHERE {
        let text = std::fs::read_to_string(test).expect("the test that executes the page");
        let name = Path::new(page).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        assert!(text.contains(name), "{test} does not know {page}");
    }
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let wrong = links::broken(&pages);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(pages.iter().map(|page| page.links.len()).sum::<usize>() > 200, "the pages were read");
}

#[test]
fn the_code_names_pages_that_are_there() {
    let pages = pages();
    let mut files = Vec::new();
    for folder in ["src", "analysis", "sweeps", "slurm", "benches", "tests", "packaging"] {
        texts(Path::new(folder), &mut files);
    }
    let wrong: Vec<String> = files
        .iter()
        .filter(|path| !path.starts_with("tests/book"))
        .flat_map(|path| {
            let text = std::fs::read_to_string(path).expect("a text");
            let named = links::unknown_pages(&text, &pages);
            named.into_iter().map(move |name| format!("{} names {name}, which is not there", path.display()))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn texts(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if path.is_dir() {
            texts(&path, found);
        } else if ["rs", "toml", "sh", "py", "html", "js", "sbatch"].contains(&ending) {
            found.push(path);
        }
    }
}

/// A page that no table of contents names is not found by readers of the book.
#[test]
fn every_page_of_docs_is_in_the_book_once() {
    let summary = Page::read(Path::new("docs/SUMMARY.md"));
    let mut listed: Vec<PathBuf> = summary.links.iter().map(|link| Path::new("docs").join(&link.target)).collect();
    listed.sort();
    let mut there: Vec<PathBuf> =
        pages().into_iter().map(|page| page.path).filter(|path| path.starts_with("docs")).collect();
    there.retain(|path| path != Path::new("docs/SUMMARY.md"));
    assert_eq!(listed, there, "docs/SUMMARY.md and the pages in docs/ differ");
}

#[test]
fn every_page_has_one_title() {
    for page in pages() {
        assert!(page.title.is_some(), "{} does not begin with a heading of the first level", page.path.display());
    }
}
