//! The figures: SVG, drawn here so that text stays text, colours follow the reader's light or dark theme, and a curve
//! of hundreds of epochs costs only the points that an eye can tell apart.

pub mod plot;
pub mod scale;

/// A finished figure.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Figure {
    /// File name without extension; also its anchor in the page.
    pub name: String,
    /// What is seen, in full sentences.
    pub caption: String,
    /// The drawing, without style.
    pub svg: String,
}

/// Style of every figure: once in the page, and in each file.
pub const STYLE: &str = include_str!("figure.css");

impl Figure {
    /// The drawing as a file of its own: with its style inside.
    pub fn file(&self) -> String {
        let end_of_tag = self.svg.find('>').map_or(0, |place| place + 1);
        let (tag, rest) = self.svg.split_at(end_of_tag);
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{tag}<style>svg{{background:var(--ps-paper)}}{STYLE}</style>{rest}\n"
        )
    }
}
