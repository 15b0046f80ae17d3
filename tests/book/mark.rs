//! What the comment before a block or a picture says to the tests.

use std::fmt;
use std::path::PathBuf;

/// Why a block is not executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// A job of Slurm, or several nodes.
    Cluster,
    /// A GPU.
    Gpu,
    /// A data set that has to be downloaded.
    Data,
    /// It runs longer than a test may; the measured time, or what it is known to exceed, stands in brackets.
    Minutes,
    /// It builds or tests the program itself, from its sources.
    Build,
    /// A program that `make test` does not install; which one stands in brackets.
    Software,
    /// It shows a form: names in it stand for the reader's own.
    Form,
}

impl Reason {
    pub(crate) const ALL: [Reason; 7] =
        [Reason::Cluster, Reason::Gpu, Reason::Data, Reason::Minutes, Reason::Build, Reason::Software, Reason::Form];

    fn name(self) -> &'static str {
        match self {
            Reason::Cluster => "cluster",
            Reason::Gpu => "gpu",
            Reason::Data => "data",
            Reason::Minutes => "minutes",
            Reason::Build => "build",
            Reason::Software => "software",
            Reason::Form => "form",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// `not run: REASON (…)`.
    NotRun(Reason),
    /// `file: NAME`: the block is saved under this name, in the page's directory, and not executed.
    File(PathBuf),
    /// `output`: lines that the block before it prints, in this order; `…` stands for anything.
    Output,
    /// `ends with CODE`: the exit code of the block's last command.
    EndsWith(i32),
    /// `of FILE`: the tables of the block stand in place of those of this sweep file of the repository.
    Of(PathBuf),
    /// `picture: PATH`: the picture is this file, byte for byte, once the page's blocks have run.
    Picture(PathBuf),
    /// `drawn: PATH`: the picture is this file as one version of a plotting library draws it; another's may differ.
    Drawn(PathBuf),
}

/// Reads a mark; `Ok(None)` for a comment that is none.
pub(crate) fn read(comment: &str) -> Result<Option<Mark>, String> {
    if let Some(words) = comment.strip_prefix("not run:") {
        let (name, detail) = match words.trim().split_once(' ') {
            Some((name, detail)) => (name, detail),
            None => (words.trim(), ""),
        };
        let reason = Reason::ALL.into_iter().find(|reason| reason.name() == name);
        let reason = reason.ok_or_else(|| format!("`{name}` is no reason; see tests/book/mark.rs"))?;
        if matches!(reason, Reason::Minutes | Reason::Software) && !(detail.starts_with('(') && detail.ends_with(')')) {
            return Err(format!("`{name}` wants a detail in brackets"));
        }
        return Ok(Some(Mark::NotRun(reason)));
    }
    let of = |prefix: &str| comment.strip_prefix(prefix).map(|rest| PathBuf::from(rest.trim()));
    if let Some(code) = comment.strip_prefix("ends with ") {
        return code.parse().map(|code| Some(Mark::EndsWith(code))).map_err(|_| format!("`{code}` is no exit code"));
    }
    if comment == "output" {
        return Ok(Some(Mark::Output));
    }
    let mark = of("file:").map(Mark::File);
    let mark = mark.or_else(|| of("picture:").map(Mark::Picture)).or_else(|| of("drawn:").map(Mark::Drawn));
    Ok(mark.or_else(|| of("of ").map(Mark::Of)))
}

#[test]
fn marks_are_read_and_misspelt_ones_refused() {
    assert_eq!(read("not run: cluster"), Ok(Some(Mark::NotRun(Reason::Cluster))));
    assert_eq!(read("not run: minutes (4 min)"), Ok(Some(Mark::NotRun(Reason::Minutes))));
    assert!(read("not run: minutes").is_err(), "the measured time is missing");
    assert!(read("not run: because").is_err());
    assert_eq!(read("file: a.toml"), Ok(Some(Mark::File("a.toml".into()))));
    assert_eq!(read("ends with 2"), Ok(Some(Mark::EndsWith(2))));
    assert_eq!(read("Made by tests/docs.rs"), Ok(None));
}
