//! Which file of a crate uses which: `use` lines and paths, followed through re-exports to the file that defines a name.
//!
//! Only names that a file's code says outside of its `use` lines count, so that a `pub use` alone makes no arrow: the
//! arrow of whoever imports through it leads to the definition.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::Source;

/// A path as written, without what it is called here.
type Path = Vec<String>;

/// What is known of one file.
struct File {
    /// Items that it defines.
    defines: BTreeSet<String>,
    /// What its `use` lines import: the name here, and the path.
    uses: Vec<(String, Path)>,
    /// Its code without its `use` and `mod` lines, as words and `::`.
    body: Vec<String>,
}

/// Which of the sources uses which, by their places in the list.
pub(crate) fn arrows(sources: &[Source]) -> Vec<BTreeSet<usize>> {
    let files: Vec<File> = sources.iter().map(|source| file(&source.code)).collect();
    let places = sources.iter().enumerate().map(|(place, source)| (source.module.clone(), place)).collect();
    let names = Names { files: &files, places };
    sources
        .iter()
        .enumerate()
        .map(|(place, source)| {
            let file = &files[place];
            let mut to = BTreeSet::new();
            for (name, path) in &file.uses {
                if name == "*" || file.body.contains(name) {
                    to.extend(names.absolute(&source.module, path).and_then(|path| names.definition(&path, 0)));
                }
            }
            for path in paths(&file.body) {
                to.extend(names.absolute(&source.module, &path).and_then(|path| names.definition(&path, 0)));
            }
            to.remove(&place);
            to
        })
        .collect()
}

struct Names<'a> {
    files: &'a [File],
    places: BTreeMap<Path, usize>,
}

impl Names<'_> {
    /// The path from the crate's root; `None` for one of another crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Path> {
        let mut from = module.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => return Some(path[1..].to_vec()),
            "self" => rest = path.iter().position(|word| word != "self").map_or(&[], |at| &path[at..]),
            "super" => {
                while rest.first().is_some_and(|word| word == "super") {
                    from.pop()?;
                    rest = &rest[1..];
                }
            }
            first => {
                from.push(first.to_owned());
                // A name that is neither a module beneath nor imported is of another crate, or defined here.
                if !self.places.contains_key(&from) {
                    return None;
                }
                rest = &path[1..];
            }
        }
        Some([from.as_slice(), rest].concat())
    }

    /// The file that defines what an absolute path names.
    fn definition(&self, path: &[String], depth: usize) -> Option<usize> {
        if depth > 8 {
            return None;
        }
        let (length, place) =
            (0..=path.len()).rev().find_map(|n| self.places.get(&path[..n]).map(|&place| (n, place)))?;
        let Some(name) = path.get(length) else { return Some(place) };
        let (file, module) = (&self.files[place], &path[..length]);
        if file.defines.contains(name) {
            return Some(place);
        }
        let mut through = file.uses.iter().filter(|(here, _)| here == name || here == "*");
        let found = through.find_map(|(here, used)| {
            let mut used = self.absolute(module, used)?;
            if here == "*" {
                used.push(name.clone());
                let inside = self.definition(&used, depth + 1)?;
                return self.files[inside].defines.contains(name).then_some(inside);
            }
            used.extend_from_slice(&path[length + 1..]);
            self.definition(&used, depth + 1)
        });
        found.or(Some(place))
    }
}

/// What a file defines, imports and says.
fn file(code: &str) -> File {
    let words = outside_of_inline_modules(words(code));
    let mut file = File { defines: BTreeSet::new(), uses: Vec::new(), body: Vec::new() };
    let mut at = 0;
    while at < words.len() {
        match words[at].as_str() {
            "use" => {
                let end = words[at..].iter().position(|word| word == ";").map_or(words.len(), |n| at + n);
                tree(&words[at + 1..end], &[], &mut file.uses);
                at = end;
            }
            "mod" if words.get(at + 2).is_some_and(|word| word == ";") => at += 2,
            word => {
                let defines = ["struct", "enum", "fn", "const", "static", "trait", "type", "union", "macro_rules"];
                if defines.contains(&word) {
                    let name =
                        words[at + 1..].iter().find(|word| !["!", "mut", "fn", "unsafe"].contains(&word.as_str()));
                    file.defines.extend(name.cloned());
                }
                file.body.push(word.to_owned());
            }
        }
        at += 1;
    }
    file
}

/// The words, with paths inside an inline module (`mod name { … }`) as the file itself would write them: one `super` less
/// for each module around.
fn outside_of_inline_modules(words: Vec<String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let (mut depth, mut modules, mut supers) = (0, Vec::new(), 0);
    for (at, word) in words.iter().enumerate() {
        match word.as_str() {
            "{" => {
                if at >= 2 && words[at - 2] == "mod" {
                    modules.push(depth);
                }
                depth += 1;
            }
            "}" => {
                depth -= 1;
                modules.pop_if(|opened| *opened == depth);
            }
            _ => {}
        }
        supers = match word.as_str() {
            "super" => supers + 1,
            "::" => supers,
            _ => 0,
        };
        let own = word == "super" && supers <= modules.len();
        out.push(if own { "self".to_owned() } else { word.clone() });
    }
    out
}

/// Names, `::` and single signs, in order.
fn words(code: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let length = if is_name(first) {
            rest.find(|c| !is_name(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        words.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    words
}

/// The paths of a `use` tree, each with the name by which it is known here (`*` for all of a module).
fn tree(words: &[String], before: &[String], found: &mut Vec<(String, Path)>) {
    let brace = words.iter().position(|word| word == "{");
    let names = |words: &[String]| words.iter().filter(|word| *word != "::").cloned().collect::<Path>();
    let Some(brace) = brace else {
        let renamed = words.iter().position(|word| word == "as");
        let mut path = [before, &names(&words[..renamed.unwrap_or(words.len())])].concat();
        if matches!(path.last().map(String::as_str), Some("self" | "*")) && path.len() > 1 {
            let all = path.pop().is_some_and(|last| last == "*");
            if all {
                found.push(("*".to_owned(), path));
                return;
            }
        }
        let name = renamed.and_then(|at| words.get(at + 1)).or(path.last());
        found.extend(name.cloned().map(|name| (name, path)));
        return;
    };
    let before = [before, &names(&words[..brace])].concat();
    let (mut depth, mut from) = (0, brace + 1);
    for at in brace..words.len() {
        match words[at].as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        let ends = (words[at] == "," && depth == 1) || (words[at] == "}" && depth == 0);
        if ends {
            if from < at {
                tree(&words[from..at], &before, found);
            }
            from = at + 1;
        }
    }
}

/// The paths that a body says: names joined by `::`.
fn paths(body: &[String]) -> Vec<Path> {
    let is_name = |word: &String| word.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let mut found = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let mut path = Vec::new();
        while at < body.len() && is_name(&body[at]) {
            path.push(body[at].clone());
            if body.get(at + 1).is_some_and(|word| word == "::") && body.get(at + 2).is_some_and(is_name) {
                at += 2;
            } else {
                break;
            }
        }
        // `pub(in crate::room)` says who may use an item, and uses nothing.
        let visibility = path.len() > 1
            && at + 2 > 2 * path.len()
            && body[..at + 2 - 2 * path.len()].ends_with(&["(".to_owned(), "in".to_owned()]);
        if path.len() > 1 && !visibility {
            found.push(path);
        }
        at += 1;
    }
    found
}
