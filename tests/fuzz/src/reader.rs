//! libFuzzer target: any damage to any journal through a reader; it must never panic, and must see
//! what recovery takes. The journal is in memory: that a folder reads the same is checked where the
//! corpus is replayed (`hotpath/tape/tests/corpus.rs`).
#![no_main]

#[path = "inputs/journal.rs"]
#[allow(dead_code)]
mod input;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    input::check_reader(input::input(data));
});
