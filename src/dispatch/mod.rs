//! Who trains which cohort: messages, the coordinator (a pure state machine), workers and transports.
