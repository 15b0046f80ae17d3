//! The options of a job script: what stands in its `#SBATCH` lines, by the options' long names.
//!
//! Read as sbatch reads them (sbatch(1)): up to the first command, several options on a line, values after `=` or a
//! blank, in quotes or not, one-letter options with or without a blank. Pure.

/// An option as it stands in a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScriptOption {
    /// Long name without dashes: `cpus-per-task`, for `-c` too.
    pub(super) name: String,
    /// Value; empty if there is none.
    pub(super) value: String,
    /// The line.
    pub(super) line: String,
}

/// One-letter options of sbatch and their long names.
const LETTERS: [(char, &str); 33] = [
    ('a', "array"),
    ('A', "account"),
    ('b', "begin"),
    ('B', "extra-node-info"),
    ('c', "cpus-per-task"),
    ('C', "constraint"),
    ('d', "dependency"),
    ('D', "chdir"),
    ('e', "error"),
    ('F', "nodefile"),
    ('G', "gpus"),
    ('h', "help"),
    ('H', "hold"),
    ('i', "input"),
    ('J', "job-name"),
    ('k', "no-kill"),
    ('L', "licenses"),
    ('m', "distribution"),
    ('M', "clusters"),
    ('n', "ntasks"),
    ('N', "nodes"),
    ('o', "output"),
    ('O', "overcommit"),
    ('p', "partition"),
    ('q', "qos"),
    ('Q', "quiet"),
    ('s', "oversubscribe"),
    ('S', "core-spec"),
    ('t', "time"),
    ('v', "verbose"),
    ('w', "nodelist"),
    ('W', "wait"),
    ('x', "exclude"),
];

/// One-letter options that take no value.
const BARE_LETTERS: &str = "hHkOQsvW";

/// The options of a script, in their order.
pub(super) fn of_script(script: &str) -> Vec<ScriptOption> {
    // sbatch stops looking at the first line that is neither blank nor a comment.
    let head = script.lines().take_while(|line| line.trim().is_empty() || line.starts_with('#'));
    of_lines(head)
}

/// The options of `#SBATCH` lines; other lines have none.
pub(super) fn of_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<ScriptOption> {
    let mut options: Vec<ScriptOption> = Vec::new();
    for line in lines {
        let Some(text) = line.trim_start().strip_prefix("#SBATCH") else { continue };
        let mut open = false;
        for word in words(text) {
            let mut add = |name: &str, value: Option<&str>, takes_value: bool| {
                let (name, value) = (name.to_owned(), value.unwrap_or_default().to_owned());
                open = takes_value && value.is_empty();
                options.push(ScriptOption { name, value, line: line.trim().to_owned() });
            };
            if let Some(long) = word.strip_prefix("--") {
                match long.split_once('=') {
                    Some((name, value)) => add(name, Some(value), false),
                    None => add(long, None, true),
                }
            } else if let Some(letters) = word.strip_prefix('-') {
                let Some(letter) = letters.chars().next() else { continue };
                let long = LETTERS.iter().find(|(short, _)| *short == letter).map_or("", |(_, long)| long);
                let name = if long.is_empty() { letter.to_string() } else { long.to_owned() };
                let value = &letters[letter.len_utf8()..];
                add(&name, Some(value), !BARE_LETTERS.contains(letter));
            } else if std::mem::take(&mut open)
                && let Some(last) = options.last_mut()
            {
                last.value = word;
            }
        }
    }
    options
}

/// Words of a line: split at blanks, quotes removed, up to a word that begins with `#`.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            (None, '#') if word.is_none() => return words,
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<(String, String)> {
        of_lines([line]).into_iter().map(|option| (option.name, option.value)).collect()
    }

    #[test]
    fn every_way_to_write_an_option() {
        let expect = |line: &str, expected: &[(&str, &str)]| {
            let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            assert_eq!(read(line), expected, "{line}");
        };
        expect("#SBATCH --mem=4G", &[("mem", "4G")]);
        expect("#SBATCH --mem 4G", &[("mem", "4G")]);
        expect("#SBATCH -c4 -t 1:00", &[("cpus-per-task", "4"), ("time", "1:00")]);
        expect("#SBATCH --exclusive --nodes=2 # all of it", &[("exclusive", ""), ("nodes", "2")]);
        expect("#SBATCH --comment=\"a --mem=1\" -p main", &[("comment", "a --mem=1"), ("partition", "main")]);
        expect("#SBATCH -H -J x", &[("hold", ""), ("job-name", "x")]);
        expect("  #SBATCH --gres gpu:a100:2", &[("gres", "gpu:a100:2")]);
        expect("# SBATCH --mem=1", &[]);
        expect("export X=1", &[]);
    }

    #[test]
    fn options_end_at_the_first_command() {
        let script = "#!/bin/bash\n#SBATCH --nodes=1\n\n# a word\n#SBATCH -n 2\nhostname\n#SBATCH --mem=1G\n";
        let names: Vec<_> = of_script(script).into_iter().map(|option| option.name).collect();
        assert_eq!(names, ["nodes", "ntasks"]);
    }
}
