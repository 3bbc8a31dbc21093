//! libFuzzer target: any bytes through the one frame decoder; it must never panic. That what it
//! takes encodes back to the same bytes is checked where the corpus is replayed
//! (`wire/tests/property.rs`).
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::bindings::golden::Aligned;

fuzz_target!(|data: &[u8]| {
    let aligned = Aligned::copy_of(data);
    let _ = wire::decode(aligned.bytes());
});
