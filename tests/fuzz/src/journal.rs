//! libFuzzer target: any damage to any journal through recovery; it must never panic, and what it
//! takes can be taken again, gone on with and ended.
#![no_main]

#[path = "inputs/journal.rs"]
#[allow(dead_code)]
mod input;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    input::check_recovery(input::input(data));
});
