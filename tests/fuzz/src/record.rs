//! libFuzzer target: any bytes as a segment's head and records; they must never panic, and a head
//! that is taken encodes back to the same bytes.
#![no_main]

#[path = "inputs/journal.rs"]
#[allow(dead_code)]
mod input;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    input::check_records(data);
});
