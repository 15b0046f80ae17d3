//! What a sweep says of its report: which turning point it is about, which way series turn, and which events it is held against.
//!
//! The program writes it into the results file, as JSON in [`crate::attribute::REPORT`]; the analysis reads it there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Ways in which a series may turn: it falls, then rises; it rises, then falls; or whichever of both is more prominent.
pub const WAYS: [&str; 3] = ["minimum", "maximum", "either"];

/// The sweep's `[report]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ReportSettings {
    /// The observable whose turning point the report is about; absent: the inversion of class manifolds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Which way series turn, one of [`WAYS`], by the names of variables or of series.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub turning: BTreeMap<String, String>,
    /// Training losses whose crossing is an event that the turning point is held against.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loss_levels: Vec<f64>,
}

impl ReportSettings {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == ReportSettings::default()
    }
}
