//! libFuzzer target: any words in the file of a tape; it is refused or read to its end, and never
//! panics.
#![no_main]

#[path = "inputs/tape.rs"]
mod input;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    input::check(data);
});
