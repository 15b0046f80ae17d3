//! A cell by its id, or by how the id begins.

use std::path::PathBuf;

use super::RunDirectoryError;
use crate::plan::CellId;
use crate::store::{RunDirectory, Scan, scan};

/// Ids that are listed where several begin alike.
const LISTED: usize = 5;

/// The one of `ids` that begins with `prefix`, in either case of letters; the error calls the cells `which`.
///
/// # Errors
/// [`RunDirectoryError::Cell`] if none does, with `advice`, or more than one.
pub fn find_cell(
    ids: impl IntoIterator<Item = CellId>,
    prefix: &str,
    which: &str,
    advice: &str,
) -> Result<CellId, RunDirectoryError> {
    let prefix = prefix.to_lowercase();
    let mut fitting: Vec<CellId> = ids.into_iter().filter(|id| id.to_string().starts_with(&prefix)).collect();
    fitting.sort_unstable();
    match fitting.as_slice() {
        [id] => Ok(*id),
        [] => Err(RunDirectoryError::Cell(format!("no {which} has an id that begins with `{prefix}`: {advice}"))),
        many => Err(RunDirectoryError::Cell(format!(
            "the ids of {} cells begin with `{prefix}`: {}{}",
            many.len(),
            many.iter().take(LISTED).map(CellId::to_string).collect::<Vec<_>>().join(", "),
            if many.len() > LISTED { ", …" } else { "" }
        ))),
    }
}

/// The finished cell whose id begins with `prefix`, and the part that holds it.
///
/// # Errors
/// There is no such cell, or more than one; the parts cannot be read.
pub fn find_finished(directory: &RunDirectory, prefix: &str) -> Result<(CellId, PathBuf), RunDirectoryError> {
    let scan = scan(&directory.parts())?;
    let which = format!("finished cell of {}", directory.root().display());
    let advice =
        "results.h5 lists them as cell_id, and `phasesweep status` tells whether cells are still missing".to_string();
    let id = find_cell(scan.done.keys().copied(), prefix, &which, &advice)?;
    Ok((id, part_of(&scan, id).unwrap_or_default()))
}

/// The part that holds a finished cell.
pub fn part_of(scan: &Scan, id: CellId) -> Option<PathBuf> {
    scan.done.get(&id).map(|found| scan.parts[found.part as usize].0.clone())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ids() -> Vec<CellId> {
        ["ab00", "ab11", "cd00"].map(|begin| format!("{begin}{}", "0".repeat(28)).parse().unwrap()).to_vec()
    }

    #[test]
    fn one_that_begins_so_is_found_and_none_or_several_are_told() {
        let find = |prefix: &str| find_cell(ids(), prefix, "cell", "look there");
        assert_eq!(find("CD").unwrap(), ids()[2]);
        assert_eq!(find(&ids()[1].to_string()).unwrap(), ids()[1]);
        assert_eq!(find("ef").unwrap_err().to_string(), "no cell has an id that begins with `ef`: look there");
        let several = find("ab").unwrap_err().to_string();
        assert!(several.contains("2 cells") && several.contains(&ids()[1].to_string()), "{several}");
        // An empty beginning fits every cell.
        assert!(find("").unwrap_err().to_string().contains("3 cells"));
    }
}
