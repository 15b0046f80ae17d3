//! Coordinates of gradient flows: the stages at which they are looked at, and why each of them ended.

use phasesweep_results::dimension::{COMPONENT, STAGE};
use phasesweep_results::variables::FLOW_STOP;
use phasesweep_results::{FlowStop, MISSING_BYTE};

use crate::error::{Error, Result};
use crate::results::Results;

/// Dimensions of a flow's variables after the cells.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowAxes {
    /// Stages, ascending: shares of fitted training samples; 0 is the start, 1 the end however the flow ended.
    pub stages: Vec<f64>,
    /// Components of a spectrum, counted from 1.
    pub components: Vec<i64>,
    /// Why each cell's flow ended; `None` for one that was not trained or that diverged.
    pub stops: Vec<Option<FlowStop>>,
}

impl FlowAxes {
    /// Index of the start.
    pub const START: usize = 0;

    /// Index of the end.
    pub fn end(&self) -> usize {
        self.stages.len() - 1
    }

    /// Index of the stage between start and end that lies nearest to a tenth of the samples: where λ is compared with the
    /// theory.
    pub fn early(&self) -> Option<usize> {
        let far = |index: &usize| (self.stages[*index] - 0.1).abs();
        (1..self.end()).min_by(|a, b| far(a).total_cmp(&far(b)))
    }

    /// Index of the last stage before the end.
    pub fn late(&self) -> Option<usize> {
        (1..self.end()).next_back()
    }

    /// Reads them; `None` where the file holds no flows.
    pub fn read(results: &Results) -> Result<Option<Self>> {
        let foreign = |why: String| Error::Foreign { path: results.path().to_owned(), why };
        let Some(stops) = results.integers(FLOW_STOP.name)? else { return Ok(None) };
        let stages = results.numbers(STAGE.coordinate)?.unwrap_or_default();
        let ascending = stages.windows(2).all(|pair| pair[0] < pair[1]);
        if stages.len() < 2 || !ascending || stages.first() != Some(&0.0) || stages.last() != Some(&1.0) {
            return Err(foreign(format!(
                "its stages {stages:?} do not run from 0, the start of a flow, to 1, its end"
            )));
        }
        let known = |code: u8| if code == MISSING_BYTE { Some(None) } else { FlowStop::from_code(code).map(Some) };
        let stop = |code: &i64| {
            u8::try_from(*code).ok().and_then(known).ok_or_else(|| {
                let last = FlowStop::ALL.len() - 1;
                foreign(format!("`flow_stop` is {code} in a cell; known are 0 to {last} and {MISSING_BYTE}"))
            })
        };
        let stops = stops.iter().map(stop).collect::<Result<_>>()?;
        Ok(Some(FlowAxes { stages, components: results.integers(COMPONENT.coordinate)?.unwrap_or_default(), stops }))
    }
}
