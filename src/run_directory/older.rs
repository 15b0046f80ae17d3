//! Run directories of earlier versions, which have no `run.json`: overrides stood as comments at the head of the kept
//! sweep file, and nothing was kept of the data.
//!
//! Invariant: what cannot be known is not guessed; the digest of data that are not here is taken from the parts, whose
//! specifications hold it.

use std::path::Path;

use super::RunDirectoryError;
use super::data_record::json;
use super::definition::{Definition, Override};
use crate::data::{self, DataError, Pool};
use crate::store::{Part, RunDirectory, scan};
use crate::sweep::{Data, Sweep};

/// How an override stood at the head of the kept sweep file.
const OVERRIDE: &str = "#: --set ";

/// The overrides at the head of a kept sweep file, and the text that they override. A line that does not begin as an
/// override does goes on with the one before it: values could hold line breaks. An empty line ends them.
pub(super) fn split(text: &str) -> (Vec<String>, &str) {
    let mut overrides: Vec<String> = Vec::new();
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        match (bare.strip_prefix(OVERRIDE), overrides.last_mut()) {
            (Some(set), _) => overrides.push(set.to_string()),
            (None, None) => return (Vec::new(), text),
            (None, Some(_)) if bare.is_empty() => {
                end += line.len();
                return (overrides, &text[end..]);
            }
            (None, Some(last)) => {
                last.push('\n');
                last.push_str(bare);
            }
        }
        end += line.len();
    }
    (overrides, &text[end..])
}

/// The definition that an old directory keeps. Relative paths started from the working directory then, so they do now.
pub(super) fn definition(text: &str, working_directory: &Path, home: Option<&Path>) -> Definition {
    let (overrides, text) = split(text);
    let directory = working_directory.to_path_buf();
    let set = |set: String| Override { set, directory: directory.clone() };
    Definition {
        sweep_file: None,
        home: home.map(Path::to_path_buf),
        text: text.to_string(),
        overrides: overrides.into_iter().map(set).collect(),
        directory: directory.clone(),
    }
}

/// Identities of a sweep's data: of the data themselves where they are here, else those that the parts were trained on.
///
/// # Errors
/// Neither tells the identity of an entry; a part cannot be read.
pub(super) fn identities(directory: &RunDirectory, sweep: &Sweep) -> Result<Vec<String>, RunDirectoryError> {
    let here: Vec<Result<String, DataError>> =
        sweep.data.iter().map(|data| digest(data).map(|digest| digest.to_hex().to_string())).collect();
    let missing: Vec<&Data> =
        sweep.data.iter().zip(&here).filter(|(_, digest)| digest.is_err()).map(|(data, _)| data).collect();
    let mut of_parts = digests_of_parts(directory, sweep, &missing)?;
    here.into_iter()
        .zip(&sweep.data)
        .map(|(digest, data)| match (digest, of_parts.iter().position(|(of, _)| *of == data)) {
            (Err(error), Some(place)) => {
                tracing::info!("{error}. That is no matter here: the parts say which samples they were trained on");
                Ok(of_parts.swap_remove(place).1)
            }
            (digest, _) => Ok(digest?),
        })
        .collect()
}

/// The digest of an entry's samples, of which earlier versions made the ids of cells.
fn digest(data: &Data) -> Result<blake3::Hash, DataError> {
    match data::generated_identity(data) {
        Some(digest) => Ok(digest),
        None => Ok(Pool::load(data)?.digest()),
    }
}

/// Digests by what the parts say of the entries that are wanted; not of those that differ in their path alone.
fn digests_of_parts<'a>(
    directory: &RunDirectory,
    sweep: &Sweep,
    wanted: &[&'a Data],
) -> Result<Vec<(&'a Data, String)>, RunDirectoryError> {
    let alone = |data: &&Data| sweep.data.iter().filter(|other| json(other) == json(data)).count() == 1;
    let mut wanted: Vec<&Data> = wanted.iter().copied().filter(|data| alone(data)).collect();
    let mut found = Vec::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    for (path, _) in scan(&directory.parts())?.parts {
        let part = Part::read(&path)?;
        for specification in &part.variants {
            wanted.retain(|data| match digest_in(specification, data) {
                Some(digest) => {
                    found.push((*data, digest));
                    false
                }
                None => true,
            });
        }
        if wanted.is_empty() {
            break;
        }
    }
    Ok(found)
}

/// The digest that a specification names, if it is one of that data.
fn digest_in(specification: &str, data: &Data) -> Option<String> {
    let before = format!("\"data\":{},\"data_digest\":\"", json(data));
    let (_, rest) = specification.split_once(&before)?;
    rest.split_once('"').map(|(digest, _)| digest.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn overrides_are_taken_from_the_head_whatever_is_in_them() {
        let text = "\u{feff}[sweep]\r\n#: --set not=one\r\n";
        assert_eq!(split(text), (vec![], text));
        let kept = format!("#: --set optimiser.lr=[0.1,\n 0.2]\n#: --set train.epochs=20\n\n{text}");
        let (overrides, rest) = split(&kept);
        assert_eq!(overrides, ["optimiser.lr=[0.1,\n 0.2]", "train.epochs=20"]);
        assert_eq!(rest, text);
        assert_eq!(split("#: --set a=1\r\n\r\n[sweep]"), (vec!["a=1".to_string()], "[sweep]"));
        assert_eq!(split("#: --set a=1"), (vec!["a=1".to_string()], ""));
        assert_eq!(split(""), (vec![], ""));
    }

    proptest! {
        /// Against the writer of earlier versions.
        #[test]
        fn what_earlier_versions_wrote_is_taken_apart(
            sets in prop::collection::vec("[a-z.]{1,9}=[^\\r\\n]{0,9}(\n [^\\r\\n]{1,9})?", 1..4),
            text in "(?s)(\n|.){0,40}",
        ) {
            let lines: Vec<String> = sets.iter().map(|set| format!("{OVERRIDE}{set}\n")).collect();
            let kept = format!("{}\n{text}", lines.concat());
            let (found, rest) = split(&kept);
            prop_assert_eq!(found, sets);
            prop_assert_eq!(rest, text);
        }
    }

    #[test]
    fn a_specification_tells_the_digest_of_its_own_data_alone() {
        let text = "[sweep]\nname = \"t\"\nseeds = 1\n[[data]]\nsource = \"digits\"\nlabels = \"parity\"\n\
                    [[subsample]]\nsize = 10\n[[architecture]]\nkind = \"mlp\"\nhidden = [5]\n[[optimiser]]\n\
                    kind = \"sgd\"\nlr = 0.1\n[train]\nepochs = 2\n";
        let sweep = crate::sweep::parse(text, "t", &[]).unwrap();
        let other = crate::sweep::parse(&text.replace("parity", "halves"), "t", &[]).unwrap();
        let plan = crate::plan::Plan::new(sweep.clone(), &["abc".to_string()]);
        assert_eq!(digest_in(plan.specification(0), &sweep.data[0]), Some("abc".to_string()));
        assert_eq!(digest_in(plan.specification(0), &other.data[0]), None);
    }
}
