//! Why a gradient flow ended, as the variable `flow_stop` codes it.

/// Why a gradient flow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowStop {
    /// The stated share of the training samples fits.
    Fitted = 0,
    /// The steps ran out.
    Steps = 1,
    /// The time ran out.
    Time = 2,
    /// The gradient vanished.
    Gradient = 3,
}

impl FlowStop {
    /// All of them, in the order of their codes.
    pub const ALL: [FlowStop; 4] = [FlowStop::Fitted, FlowStop::Steps, FlowStop::Time, FlowStop::Gradient];

    /// Its code in `flow_stop`.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The reason with this code.
    pub fn from_code(code: u8) -> Option<FlowStop> {
        FlowStop::ALL.get(usize::from(code)).copied()
    }

    /// As it is written in tables.
    pub const fn name(self) -> &'static str {
        match self {
            FlowStop::Fitted => "fitted",
            FlowStop::Steps => "steps ran out",
            FlowStop::Time => "time ran out",
            FlowStop::Gradient => "gradient vanished",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variables::FLOW_STOP;

    #[test]
    fn the_variables_long_name_tells_every_code() {
        for stop in FlowStop::ALL {
            assert_eq!(FlowStop::from_code(stop.code()), Some(stop));
            assert!(FLOW_STOP.long_name.contains(&format!("{} the", stop.code())), "{stop:?}");
        }
        assert!(FLOW_STOP.long_name.ends_with(&format!("{} missing", crate::MISSING_BYTE)));
        assert_eq!(FlowStop::from_code(crate::MISSING_BYTE), None);
    }
}
