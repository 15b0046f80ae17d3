//! A Markdown page as the tests see it: its fenced blocks with their marks, its links, and its anchors.
//!
//! A mark is an HTML comment on the line right before a block (or a picture), invisible to readers: `<!-- not run: minutes (4 min on
//! two cores) -->`. Lines are counted from 1. What marks mean is `mark`'s to say.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

/// A block of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The line of its fence.
    pub(crate) line: usize,
    /// The first word behind the fence; `None` for an indented block, which has none.
    pub(crate) language: Option<String>,
    /// What stands in the comment right before it.
    pub(crate) mark: Option<String>,
    pub(crate) text: String,
}

/// A link or a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) line: usize,
    pub(crate) target: String,
    pub(crate) picture: bool,
    /// What stands in the comment right before the line of a picture.
    pub(crate) mark: Option<String>,
}

/// A page, read whole.
#[derive(Debug)]
pub(crate) struct Page {
    /// From the root of the repository.
    pub(crate) path: PathBuf,
    pub(crate) blocks: Vec<Block>,
    pub(crate) links: Vec<Link>,
    /// What `#…` of a link to this page can name: headings, as GitHub and mdBook call them, and `id` attributes.
    pub(crate) anchors: Vec<String>,
    /// The text of the first heading, if that is of the first level.
    pub(crate) title: Option<String>,
}

impl Page {
    pub(crate) fn read(path: &Path) -> Page {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Page::parse(path, &text)
    }

    pub(crate) fn parse(path: &Path, text: &str) -> Page {
        let lines: Vec<&str> = text.lines().collect();
        let line_of = |range: &Range<usize>| text[..range.start].matches('\n').count() + 1;
        // The comment on the line before this one.
        let mark = |line: usize| {
            let before = lines.get(line.checked_sub(2)?)?.trim();
            Some(before.strip_prefix("<!--")?.strip_suffix("-->")?.trim().to_owned())
        };
        let mut page =
            Page { path: path.to_owned(), blocks: Vec::new(), links: Vec::new(), anchors: Vec::new(), title: None };
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut heading: Option<String> = None;
        let mut block: Option<Block> = None;
        for (event, range) in
            Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES).into_offset_iter()
        {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let line = line_of(&range);
                    let language = match kind {
                        CodeBlockKind::Fenced(words) => Some(words.split_whitespace().next().unwrap_or("").to_owned()),
                        CodeBlockKind::Indented => None,
                    };
                    block = Some(Block { line, language, mark: mark(line), text: String::new() });
                }
                Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(level)) => {
                    let text = heading.take().unwrap_or_default();
                    if page.anchors.is_empty() && level == HeadingLevel::H1 {
                        page.title = Some(text.clone());
                    }
                    let name = anchor(&text);
                    let count = counts.entry(name.clone()).or_default();
                    page.anchors.push(if *count == 0 { name } else { format!("{name}-{count}") });
                    *count += 1;
                }
                Event::Start(Tag::Link { link_type, dest_url, .. }) if link_type != LinkType::Email => {
                    let line = line_of(&range);
                    page.links.push(Link { line, target: dest_url.to_string(), picture: false, mark: None });
                }
                Event::Start(Tag::Image { dest_url, .. }) => {
                    let line = line_of(&range);
                    page.links.push(Link { line, target: dest_url.to_string(), picture: true, mark: mark(line) });
                }
                Event::Html(html) | Event::InlineHtml(html) => page.anchors.extend(ids(&html)),
                Event::Text(text) => match (&mut block, &mut heading) {
                    (Some(block), _) => block.text.push_str(&text),
                    (None, Some(heading)) => heading.push_str(&text),
                    (None, None) => {}
                },
                Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        page
    }
}

/// What a heading is called in links: in small letters, blanks as hyphens, without what is neither letter nor digit.
/// GitHub and mdBook agree on it for the headings here.
pub(crate) fn anchor(heading: &str) -> String {
    heading
        .trim()
        .chars()
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            letter if letter.is_alphanumeric() => letter.to_lowercase().next(),
            _ => None,
        })
        .collect()
}

/// The values of `id="…"` in HTML.
fn ids(html: &str) -> Vec<String> {
    html.split(" id=\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(id, _)| id.to_owned()).collect()
}

#[test]
fn a_page_is_read_with_its_marks_links_and_anchors() {
    let text = "# A `code` title: two words\n\n<!-- not run: cluster -->\n```sh\nsrun x\n```\n\n    indented\n\n\
                [a](b.md#c) <https://example.org>\n\n<!-- picture: x.svg -->\n![p](p.svg)\n\n## Again\n## Again\n\
                <a id=\"here\"></a>\n";
    let page = Page::parse(Path::new("x.md"), text);
    assert_eq!(page.title.as_deref(), Some("A code title: two words"));
    assert_eq!(page.anchors, ["a-code-title-two-words", "again", "again-1", "here"]);
    let [fenced, indented] = page.blocks.as_slice() else { panic!("{:?}", page.blocks) };
    assert_eq!((fenced.line, fenced.language.as_deref(), fenced.text.as_str()), (4, Some("sh"), "srun x\n"));
    assert_eq!((fenced.mark.as_deref(), indented.language.as_deref()), (Some("not run: cluster"), None));
    let targets: Vec<_> = page.links.iter().map(|link| (link.line, link.target.as_str(), link.picture)).collect();
    assert_eq!(targets, [(10, "b.md#c", false), (10, "https://example.org", false), (13, "p.svg", true)]);
    assert_eq!(page.links[2].mark.as_deref(), Some("picture: x.svg"));
}
