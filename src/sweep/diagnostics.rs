//! What is wrong with a sweep file, told all at once, each error with the line it is about underlined.
//!
//! Invariants: columns count characters from 1 (a tab is one); the markers stand under the text they mean whatever
//! tabs, wide or combining characters come before; rendering never fails, even on a span that lies outside the text.

use super::place::{FILE, Place, SourceId};
use std::fmt;

/// Errors that are shown: a file that is no sweep at all has one in every line, and nobody reads the thousandth.
const MOST_SHOWN: usize = 100;

/// A text that errors point into.
#[derive(Debug, Clone)]
struct Source {
    /// Path of the file, or `--set`.
    name: String,
    text: String,
}

/// One error.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    message: String,
    place: Option<Place>,
    label: String,
    help: Vec<String>,
}

impl Diagnostic {
    /// What is wrong, in one line.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Says, under the marked text, what is the matter with it.
    pub(crate) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = label.into();
        self
    }

    /// Adds a line on what is allowed or what to do.
    pub(crate) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help.push(help.into());
        self
    }
}

/// Every error found in a sweep file and its `--set` arguments, in the order of the text.
///
/// `Display` renders them as compilers do: message, `file:line:column`, the line underlined, what is allowed.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    sources: Vec<Source>,
    errors: Vec<Diagnostic>,
}

impl Diagnostics {
    /// None yet, for a file of this name and text.
    pub(crate) fn new(file_name: &str, text: &str) -> Self {
        Diagnostics { sources: vec![Source { name: file_name.into(), text: text.into() }], errors: Vec::new() }
    }

    /// A file that could not be read as a sweep at all: one error without a place in the text.
    pub fn of_file(file_name: &str, message: impl Into<String>) -> Self {
        let mut one = Diagnostics::new(file_name, "");
        one.unplaced(message);
        one
    }

    /// Makes a `--set` argument known as a text to point into.
    pub(crate) fn add_override(&mut self, argument: &str) -> SourceId {
        self.sources.push(Source { name: "--set".into(), text: argument.into() });
        self.sources.len() - 1
    }

    /// Adds an error about `place`; label and help follow on what is returned.
    pub(crate) fn error(&mut self, place: &Place, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Some(place.clone()), message.into())
    }

    /// Adds an error about the whole file, such as a table that is missing.
    pub(crate) fn unplaced(&mut self, message: impl Into<String>) -> &mut Diagnostic {
        self.push(None, message.into())
    }

    fn push(&mut self, place: Option<Place>, message: String) -> &mut Diagnostic {
        let at = self.errors.len();
        self.errors.push(Diagnostic { message, place, label: String::new(), help: Vec::new() });
        &mut self.errors[at]
    }

    /// Number of errors.
    pub fn len(&self) -> usize {
        self.errors.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// The errors.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.errors.iter()
    }

    /// `line 12` or `--set data.0.path=x`: how another place is named in a sentence.
    pub(crate) fn name_of(&self, place: &Place) -> String {
        match &self.sources[place.source] {
            source if place.source == FILE => format!("line {}", Position::of(&source.text, place.span.start).line),
            source => format!("--set {}", source.text),
        }
    }

    /// The `--set` argument that a place lies in; `None` for the file.
    pub(crate) fn argument(&self, place: &Place) -> Option<&str> {
        (place.source != FILE).then(|| self.sources[place.source].text.as_str())
    }

    /// `value` if nothing is wrong, else everything that is, in the order of the text.
    pub(crate) fn into_result<T>(mut self, value: Option<T>) -> Result<T, Diagnostics> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => {
                if self.errors.is_empty() {
                    self.unplaced("the sweep could not be resolved; this is a bug of phasesweep, please report it");
                }
                let order = |place: &Option<Place>| {
                    place.as_ref().map_or((SourceId::MAX, 0, 0), |p| (p.source, p.span.start, p.span.end))
                };
                self.errors.sort_by_key(|error| order(&error.place));
                Err(self)
            }
        }
    }

    fn render(&self, error: &Diagnostic, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", error.message)?;
        let mut gutter = 1;
        match &error.place {
            None => writeln!(f, " --> {}", self.sources[FILE].name)?,
            Some(place) => {
                let source = &self.sources[place.source];
                let at = Position::of(&source.text, place.span.start);
                let number = if place.source == FILE { at.line.to_string() } else { String::from(" ") };
                gutter = number.len();
                let pad = " ".repeat(gutter);
                writeln!(f, "{pad}--> {}:{}:{}", source.name, at.line, at.column)?;
                let (line, before, marked) = at.lay_out(&source.text, place.span.end);
                let marker = format!("{}{} {}", " ".repeat(before), "^".repeat(marked), error.label);
                writeln!(f, "{pad} |\n{number} | {line}\n{pad} | {}", marker.trim_end())?;
                if !error.help.is_empty() {
                    writeln!(f, "{pad} |")?;
                }
            }
        }
        for help in &error.help {
            writeln!(f, "{} = help: {help}", " ".repeat(gutter))?;
        }
        Ok(())
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in self.errors.iter().take(MOST_SHOWN) {
            self.render(error, f)?;
            writeln!(f)?;
        }
        if let Some(more) = self.errors.len().checked_sub(MOST_SHOWN).filter(|&more| more > 0) {
            writeln!(f, "… and {more} more")?;
        }
        let plural = if self.errors.len() == 1 { "" } else { "s" };
        write!(f, "{} error{plural} in {}", self.errors.len(), self.sources[FILE].name)
    }
}

impl std::error::Error for Diagnostics {}

/// Place of a byte in a text, as editors count.
struct Position {
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    /// Byte at which the line starts.
    line_start: usize,
    /// The byte.
    byte: usize,
}

impl Position {
    fn of(text: &str, byte: usize) -> Self {
        // An error at the end of a file that ends in a newline is shown on its last line, not on an empty one after it.
        let mut byte = byte.min(text.len());
        if byte == text.len() && text.ends_with('\n') {
            byte = text.trim_end_matches(['\n', '\r']).len();
        }
        let before = || text.char_indices().take_while(|&(at, _)| at < byte);
        let line = 1 + before().filter(|&(_, c)| c == '\n').count();
        let line_start = before().filter(|&(_, c)| c == '\n').last().map_or(0, |(at, _)| at + 1);
        let column = 1 + before().filter(|&(at, _)| at >= line_start).count();
        Position { line, column, line_start, byte }
    }

    /// The line as printed (tabs spread), the width before the marked text, and the width marked: at least 1, and
    /// never beyond the end of the first line.
    fn lay_out(&self, text: &str, end: usize) -> (String, usize, usize) {
        let (mut line, mut before, mut marked) = (String::new(), 0, 0);
        let rest = text.get(self.line_start..).unwrap_or_default();
        for (offset, c) in rest.char_indices().take_while(|&(_, c)| c != '\n') {
            let (at, shown) = (self.line_start + offset, if c == '\t' { 4 } else { width(c) });
            match c {
                '\t' => line.push_str("    "),
                c if c.is_control() => continue,
                c => line.push(c),
            }
            if at < self.byte {
                before += shown;
            } else if at < end {
                marked += shown;
            }
        }
        (line, before, marked.max(1))
    }
}

/// Columns that a terminal gives to a character: 2 for East Asian wide ones and emoji, 0 for combining marks and
/// zero-width joiners (Unicode Standard Annex 11, the blocks that occur in names and comments).
fn width(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036F | 0x200B..=0x200F | 0xFE00..=0xFE0F | 0xFEFF => 0,
        0x1100..=0x115F
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1F300..=0x1FAFF
        | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str, marked: &str) -> String {
        let start = text.find(marked).unwrap();
        let mut all = Diagnostics::new("a.toml", text);
        let place = Place { source: FILE, span: start..start + marked.len() };
        all.error(&place, "wrong").label("here").help("do this");
        all.to_string()
    }

    #[test]
    fn an_error_is_laid_out_as_compilers_do() {
        let shown = rendered("a = 1\nbc = 22\n", "22");
        assert_eq!(
            shown,
            "error: wrong\n --> a.toml:2:6\n  |\n2 | bc = 22\n  |      ^^ here\n  |\n  = help: do this\n\n1 error in a.toml"
        );
    }

    #[test]
    fn tabs_and_wide_characters_move_the_marker_but_count_as_one_column() {
        // One tab (shown as four) and a key of one column: the value starts at column 6.
        let shown = rendered("\ta = 22", "22");
        assert!(shown.contains("a.toml:1:6\n") && shown.contains("\n  |         ^^ here"), "{shown}");
        // Two wide characters take four columns on a terminal and are two characters.
        let shown = rendered("x = '多样' # é\ny='多样'; 22", "22");
        assert!(shown.contains("a.toml:2:9\n") && shown.contains("\n  |           ^^ here"), "{shown}");
        // A combining accent takes none: e + U+0301.
        let shown = rendered("'e\u{301}' 22", "22");
        assert!(shown.contains("a.toml:1:6\n") && shown.contains("\n  |     ^^ here"), "{shown}");
    }

    #[test]
    fn spans_over_lines_or_beyond_the_end_are_cut_to_the_first_line() {
        let shown = rendered("a = [1,\r\n 2]\r\n", "[1,\r\n 2]");
        assert!(shown.contains("1 | a = [1,\n  |     ^^^ here"), "{shown}");
        let mut all = Diagnostics::new("a.toml", "a =\n");
        all.error(&Place { source: FILE, span: 4..9 }, "cut");
        assert!(all.to_string().contains("a.toml:1:4\n  |\n1 | a =\n  |    ^\n"), "{all}");
        let mut all = Diagnostics::new("a.toml", "");
        all.error(&Place { source: FILE, span: 7..9 }, "empty");
        assert!(all.to_string().contains("a.toml:1:1\n"), "{all}");
    }

    #[test]
    fn the_gutter_widens_with_the_line_number() {
        let text = "\n".repeat(99) + "a = 1";
        let shown = rendered(&text, "1");
        assert!(shown.contains("   --> a.toml:100:5\n    |\n100 | a = 1\n    |     ^ here"), "{shown}");
    }

    #[test]
    fn of_very_many_errors_the_first_are_shown_and_the_others_counted() {
        // A file of another kind, a megabyte long: an error in each of its 100,000 lines.
        let text = "= binary\n".repeat(100_000);
        let all = crate::sweep::parse(&text, "a.bin", &[]).unwrap_err();
        assert!(all.len() > 10 * MOST_SHOWN, "{}", all.len());
        let shown = all.to_string();
        assert_eq!(shown.lines().filter(|line| line.starts_with("error: ")).count(), MOST_SHOWN);
        assert!(shown.contains(&format!("… and {} more\n", all.len() - MOST_SHOWN)));
        assert!(shown.ends_with("errors in a.bin"));
    }

    #[test]
    fn errors_are_sorted_by_their_place() {
        let mut all = Diagnostics::new("a.toml", "a\nb\nc");
        let set = all.add_override("k=v");
        all.unplaced("nowhere");
        all.error(&Place { source: set, span: 0..1 }, "set");
        all.error(&Place { source: FILE, span: 4..5 }, "third");
        all.error(&Place { source: FILE, span: 0..1 }, "first");
        let all = all.into_result(Some(())).unwrap_err();
        let order: Vec<&str> = all.iter().map(Diagnostic::message).collect();
        assert_eq!(order, ["first", "third", "set", "nowhere"]);
    }
}
