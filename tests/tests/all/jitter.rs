//! `corelane jitter live` beside a real `corelane run`: the hiccups are the engine's own.

use crate::support::{clean, corelane, json};
use crate::top::Run;

#[test]
fn the_hiccups_of_a_running_engine_are_shown_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::start(dir.path(), "1");
    let of = format!("--run={}", run.dir.display());
    let told = json(&clean(corelane(&["jitter", "live", "--time=3s", "--json", &of])));
    assert_eq!(told["mode"], "live");
    let series = &told["series"][0];
    assert_eq!(series["name"], "loop");
    // The demo's loop yields its CPU to the rest of the station: something is taken from it.
    let (n, max) = (series["n"].as_u64().unwrap(), series["max_ns"].as_u64().unwrap());
    assert!(n > 0 && max >= 1_000, "{series}");
    let watched = series["observed_ns"].as_u64().unwrap();
    assert!(watched > 0 && watched == told["elapsed_ns"].as_u64().unwrap(), "{series}");
    let notes = series["notes"].to_string();
    assert!(notes.contains("voluntary_ctxt_switches of the loop +"), "{notes}");
    let against = told["verdict"]["not_certifiable"].to_string();
    assert!(against.contains("idle = yield") && against.contains("shorter than 60 s"), "{against}");
    let text = clean(corelane(&["jitter", "live", "--time=2s", &of]));
    for part in ["jitter live: cpus ", "hiccups, us", "hiccups a second", "certified: no"] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    // A limit that is held proves nothing here, and one that is broken is.
    let broken = corelane(&["jitter", "live", "--time=2s", "--fail=max<=1us", &of]);
    assert_eq!(broken.status.code(), Some(31), "{broken:?}");
    let dir_of_run = run.dir.clone();
    run.end();
    assert!(dir_of_run.join("hiccup.hgrm").is_file());
    let ended = corelane(&["jitter", "live", &of]);
    assert_eq!(ended.status.code(), Some(14), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("it has ended") && said.contains("hiccup.hgrm"), "{said}");
    for words in [["jitter", "live", "--cpus=0"], ["jitter", "gap", &of]] {
        assert_eq!(corelane(&words).status.code(), Some(10), "{words:?}");
    }
}
