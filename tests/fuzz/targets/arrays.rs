#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phasesweep_fuzz::try_bytes("arrays", bytes));
