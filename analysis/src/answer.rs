//! What came out of a report's question, in words.

use serde::Serialize;

/// What came out, in words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// One sentence or two.
    pub headline: String,
    /// Its reasons, one sentence or two each.
    pub sentences: Vec<String>,
}

impl Answer {
    /// The first sentence and the others.
    pub fn of(sentences: Vec<String>) -> Answer {
        let mut sentences = sentences.into_iter();
        Answer { headline: sentences.next().unwrap_or_default(), sentences: sentences.collect() }
    }
}
