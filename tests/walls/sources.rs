//! The sources of a crate as text that can be searched: comments, texts and tests are blanked out.
//!
//! Invariant: what is left stands at its old place in its old order, so braces balance and a `use` found here is one
//! that the compiler sees outside of tests.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of a crate.
pub(crate) struct Source {
    /// Path of its module below the crate's root; empty for `lib.rs`.
    pub(crate) module: Vec<String>,
    /// The file, below the folder that was read.
    pub(crate) path: PathBuf,
    /// Its code: no comments, no texts, no tests.
    pub(crate) code: String,
}

/// Every file of the crate whose `lib.rs` lies in `root`. Folders that are crates of their own are left out: the compiler
/// keeps their walls.
pub(crate) fn read(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    walk(root, root, &[], &mut found);
    found
}

fn walk(root: &Path, folder: &Path, module: &[String], found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "tests" && !path.join("Cargo.toml").exists() {
                walk(root, &path, &[module, &[name]].concat(), found);
            }
        } else if let Some(stem) = name.strip_suffix(".rs").filter(|stem| !stem.ends_with("tests") && *stem != "main") {
            let module = match stem {
                "mod" | "lib" => module.to_vec(),
                _ => [module, &[stem.to_owned()]].concat(),
            };
            let text = fs::read_to_string(&path).expect("a source file");
            let inside = path.strip_prefix(root).expect("a path below the root").to_owned();
            found.push(Source { module, path: inside, code: without_tests(&blanked(&text)) });
        }
    }
}

/// The text with comments, texts and characters as blanks; newlines stay.
pub(crate) fn blanked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = end_of_blank(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment, text or character that begins at `at` ends; `at` itself where none begins.
fn end_of_blank(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let find = |from: usize, stop: &[char]| {
        (from..rest.len()).find(|&i| rest[i..].starts_with(stop)).map_or(chars.len(), |i| at + i + stop.len())
    };
    match rest {
        ['/', '/', ..] => find(2, &['\n']) - 1,
        ['/', '*', ..] => find(2, &['*', '/']),
        ['r', '"' | '#', ..] if at == 0 || !chars[at - 1].is_alphanumeric() => {
            let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
            if rest.get(1 + hashes) != Some(&'"') {
                return at;
            }
            let stop: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            find(2 + hashes, &stop)
        }
        ['"', ..] => {
            let mut i = 1;
            while i < rest.len() && rest[i] != '"' {
                i += if rest[i] == '\\' { 2 } else { 1 };
            }
            (at + i + 1).min(chars.len())
        }
        // A lifetime has no second quote where a character has it.
        ['\'', '\\', ..] => find(3, &['\'']),
        ['\'', _, '\'', ..] => at + 3,
        _ => at,
    }
}

/// The code without the items that are compiled for tests alone.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::new();
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        let item = &rest[at + MARK.len()..];
        let mut depth = 0;
        let end = item.char_indices().find(|&(_, c)| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            depth == 0 && (c == '}' || c == ';')
        });
        rest = end.map_or("", |(end, _)| &item[end + 1..]);
    }
    out + rest
}
