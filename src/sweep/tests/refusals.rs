//! What is answered to a wrong value of every key: the texts are kept in `refusals.txt`, so that a change of any is seen.

use super::accepted::{FLOW_KEYS, flowing};
use super::*;

/// Values that are wrong for most keys.
const WRONG: [&str; 6] = ["-1", "0.5", "\"zzz\"", "true", "[]", "[7, 7]"];

/// Every error of a text in one line each: message, label and help.
fn told(text: &str) -> Vec<String> {
    let Err(errors) = parse(text, "s.toml", &[]) else { return vec!["accepted".to_owned()] };
    let shown = errors.to_string();
    let mut out: Vec<String> = Vec::new();
    for line in shown.lines() {
        if let Some(message) = line.strip_prefix("error: ") {
            out.push(message.to_owned());
        } else if let (Some((_, label)), Some(last)) = (line.split_once("^ "), out.last_mut()) {
            last.push_str(&format!(" | {}", label.trim()));
        } else if let (Some((_, help)), Some(last)) = (line.split_once("= help: "), out.last_mut()) {
            last.push_str(&format!(" | help: {help}"));
        }
    }
    out
}

/// Every key of a text given every wrong value in turn, and an unknown key in every table.
fn refusals(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    let mut table = "";
    for (place, line) in lines.iter().enumerate() {
        let changed = |by: String| {
            let mut lines = lines.clone();
            lines[place] = &by;
            told(&lines.join("\n"))
        };
        if line.starts_with('[') {
            table = line;
            out.push_str(&format!("{table} zzz = 1\n"));
            changed(format!("{line}\nzzz = 1")).iter().for_each(|error| out.push_str(&format!("    {error}\n")));
        }
        let Some((key, value)) = line.split_once(" = ") else { continue };
        let wrong = WRONG.iter().map(|wrong| (*wrong).to_owned());
        let inside = value.starts_with('{').then(|| value.replacen(" = ", " = -", 1));
        for wrong in wrong.chain(inside) {
            out.push_str(&format!("{table} {key} = {wrong}\n"));
            changed(format!("{key} = {wrong}")).iter().for_each(|error| out.push_str(&format!("    {error}\n")));
        }
    }
    out
}

#[test]
fn every_wrong_value_is_told_in_the_same_words() {
    let found = [EVERY_KEY, &flowing(FLOW_KEYS), ARRAYS].map(refusals).join("\n");
    let file = std::path::Path::new("src/sweep/tests/refusals.txt");
    if std::env::var_os("PHASESWEEP_REGENERATE").is_some() {
        std::fs::write(file, &found).expect("the file is written");
    }
    let kept = std::fs::read_to_string(file).expect("the kept texts");
    let differing = kept.lines().zip(found.lines()).find(|(kept, found)| kept != found);
    assert!(
        kept == found,
        "the texts differ, first here: {differing:?}. If it is meant, write them anew with \
         PHASESWEEP_REGENERATE=1 cargo test --lib every_wrong_value, and read the difference"
    );
}
