//! libFuzzer target: any damage to any journal through a reader of the folder; it must never panic,
//! and must see what recovery takes. The folder is on tmpfs where there is one.
#![no_main]

#[path = "inputs/journal.rs"]
#[allow(dead_code)]
mod input;

use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;

thread_local! {
    static FOLDER: PathBuf = {
        let shm = PathBuf::from("/dev/shm");
        let base = if shm.is_dir() { shm } else { std::env::temp_dir() };
        base.join(format!("corelane-fuzz-{}", std::process::id()))
    };
}

fuzz_target!(|data: &[u8]| {
    FOLDER.with(|folder| input::check_reader(input::input(data), folder));
});
