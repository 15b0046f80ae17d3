//! Links within the repository: the file is there, and the anchor in it. Of a link to elsewhere only the form is judged; nothing is
//! asked of the network. The code's comments and messages name pages, too.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::page::Page;

/// What is wrong with the links of the pages, a line each.
pub(crate) fn broken(pages: &[Page]) -> Vec<String> {
    let by_path: BTreeMap<&Path, &Page> = pages.iter().map(|page| (page.path.as_path(), page)).collect();
    let mut wrong = Vec::new();
    for page in pages {
        for link in &page.links {
            if let Err(reason) = check(page, &link.target, &by_path) {
                wrong.push(format!("{}:{}: `{}` {reason}", page.path.display(), link.line, link.target));
            }
        }
    }
    wrong
}

fn check(page: &Page, target: &str, pages: &BTreeMap<&Path, &Page>) -> Result<(), String> {
    if let Some((scheme, rest)) = target.split_once("://") {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let fine = scheme == "https" && host.contains('.') && !rest.contains(char::is_whitespace);
        return if fine { Ok(()) } else { Err("is no address that begins with https://".into()) };
    }
    if target.starts_with("mailto:") {
        return Ok(());
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = match file {
        "" => page.path.clone(),
        file => {
            if file.starts_with('/') {
                return Err("begins at the root of a file system".into());
            }
            plain(&page.path.parent().unwrap_or(Path::new("")).join(file)).ok_or("leads out of the repository")?
        }
    };
    if !path.exists() {
        return Err(format!("leads to {}, which is not there", path.display()));
    }
    match (anchor, pages.get(path.as_path())) {
        (None, _) => Ok(()),
        (Some(anchor), Some(page)) if page.anchors.iter().any(|name| name == anchor) => Ok(()),
        (Some(_), Some(_)) => Err(format!("names no heading of {}", path.display())),
        (Some(_), None) => Err(format!("names a heading of {}, which is no page", path.display())),
    }
}

/// A path without `.` and `..`; `None` where it leaves its beginning.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => out.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(out)
}

/// Pages and pictures of `docs/` that a text names (as `docs/NAME.md` or `docs/NAME.md#anchor`), and that are not there.
pub(crate) fn unknown_pages(text: &str, pages: &[Page]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (start, _) in text.match_indices("docs/") {
        if text[..start].ends_with(|letter: char| letter.is_alphanumeric() || "/._-".contains(letter)) {
            continue;
        }
        let end = text[start..].find(|letter: char| !(letter.is_alphanumeric() || "/._-#λ".contains(letter)));
        let name = text[start..end.map_or(text.len(), |end| start + end)].trim_end_matches(['.', '#']);
        let (file, anchor) = name.split_once('#').map_or((name, None), |(file, anchor)| (file, Some(anchor)));
        if ![".md", ".svg", ".png"].iter().any(|ending| file.ends_with(ending)) {
            continue;
        }
        let page = pages.iter().find(|page| page.path == Path::new(file));
        let fine = match (page, anchor) {
            (Some(page), Some(anchor)) => page.anchors.iter().any(|name| name == anchor),
            _ => Path::new(file).is_file(),
        };
        if !fine {
            wrong.push(name.to_owned());
        }
    }
    wrong
}

#[test]
fn broken_links_are_found() {
    // A page that is there, with other words.
    let page = Page::parse(
        Path::new("docs/stability.md"),
        "# One\n[1](#one) [2](#two) [3](b.md#x) [4](../README.md) [5](../../x.md) [6](no.md) [7](http://a.b) [8](https://a.b/c)",
    );
    let wrong = broken(&[page]);
    let named: Vec<_> = wrong.iter().map(|line| line.split('`').nth(1).unwrap_or_default()).collect();
    assert_eq!(named, ["#two", "b.md#x", "../../x.md", "no.md", "http://a.b"], "{wrong:#?}");
    let pages = [Page::parse(Path::new("docs/stability.md"), "# Y\n")];
    assert_eq!(unknown_pages("see docs/stability.md#y, docs/none.md, other/docs/none.md.", &pages), ["docs/none.md"]);
    assert_eq!(unknown_pages("docs/stability.md#z", &pages), ["docs/stability.md#z"]);
}
