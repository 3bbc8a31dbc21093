//! A second sidecar beside the first, as real processes: killed, stopped, started again, without
//! scores, of another model. What is asserted is the record of the run: who answered which request.
//!
//! No test harness: the program starts itself again as the sidecars. Times are printed and judge
//! nothing.
#![expect(clippy::print_stdout, reason = "a test program")]

#[path = "../common/mod.rs"]
mod common;
mod run;
mod sidecar;

use run::{Playing, REQUEST_EVERY_US, Run};
use serde_json::json;
use sidecar::{Manner, Process};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use wire::counters::Counter;
use wire::signal::SignalStatus;

/// Generations tell the two apart in the record.
const FIRST: u32 = 1;
const STANDBY: u32 = 7;
/// Answers before something happens to the first.
const BEFORE: u64 = 40;
/// Answers of the standby that show that it serves.
const AFTER: u64 = 40;

type Check = (&'static str, fn());

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let first = args.next();
    if first.as_deref() == Some(sidecar::ROLE) {
        sidecar::serve(&args.collect::<Vec<_>>());
        return ExitCode::SUCCESS;
    }
    let checks: [Check; 7] = [
        ("a_killed_sidecar_is_answered_for_at_once", killed),
        ("a_stopped_sidecar_is_answered_for_and_comes_back", stopped),
        ("a_sidecar_started_again_serves_after_its_probes", started_again),
        ("a_sidecar_without_scores_is_left", without_scores),
        ("a_standby_answers_where_there_never_was_a_first", never_there),
        ("a_standby_of_another_model_is_not_asked", another_model),
        ("a_standby_of_another_model_is_told_of_where_it_was_there_before", another_model_before),
    ];
    // As under the harness: a name, or a part of one, picks.
    let wanted = first.filter(|arg| !arg.starts_with('-'));
    let picked = |name: &str| wanted.as_deref().is_none_or(|part| name.contains(part));
    let (mut passed, mut failed) = (0, 0);
    for (name, check) in checks.into_iter().filter(|(name, _)| picked(name)) {
        if catch_unwind(AssertUnwindSafe(check)).is_ok() {
            passed += 1;
            println!("test {name} ... ok");
        } else {
            failed += 1;
            println!("test {name} ... FAILED");
        }
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored\n");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every request from the standby's first answer on is answered, in time, and once.
fn the_standby_misses_nothing(run: &Run) {
    let first = run.answers.iter().position(|answer| answer.generation == STANDBY);
    let from = run.answers[first.expect("the standby answered")].request_id;
    let last = run.answers.last().expect("an answer").request_id;
    let mut ids: Vec<_> = run.answers.iter().map(|answer| answer.request_id).collect();
    ids.sort_unstable();
    let asked = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), asked, "no request has two answers");
    let missing = |id: &&u64| (from..=last).contains(*id) && ids.binary_search(id).is_err();
    let missing: Vec<_> = run.requests.iter().filter(missing).collect();
    assert!(missing.len() <= run.excused(), "without an answer: {missing:?}; {:#}", run.signal());
    assert_eq!(run.signal()["stale"], 0, "{:#}", run.signal());
    assert_eq!(run.signal()["wrong_model"], 0, "{:#}", run.signal());
}

fn tell(what: &str, run: &Run) {
    let standby = &run.signal()["standby"];
    println!(
        "{what}: longest gap between two answers at a change {} us (requests come every {} us), \
         {} asked again, {} in all without an answer",
        standby["gap_ns_max"].as_u64().unwrap_or(0) / 1_000,
        REQUEST_EVERY_US,
        standby["asked_again"],
        run.unanswered(),
    );
}

fn killed() {
    let playing = Playing::new(|_| {});
    let mut first = playing.sidecar(FIRST, Manner::Honest);
    let standby = playing.standby(STANDBY, Manner::Honest);
    let run = playing.play(|now| {
        now.until(Counter::BridgeStandbyReady, 1);
        now.until(Counter::BridgeSignalReceived, BEFORE);
        first.signal("-KILL");
        now.until(Counter::BridgeStandbyReceived, AFTER);
    });
    drop(standby);
    the_standby_misses_nothing(&run);
    let signal = run.signal();
    assert!(signal["standby"]["failovers"]["gone"].as_u64() >= Some(1), "{signal:#}");
    assert_eq!(signal["generation"], STANDBY, "{signal:#}");
    assert_eq!(run.answers.last().map(|answer| answer.generation), Some(STANDBY));
    assert!(run.said("standby sidecar answers") && run.said("signal sidecar is gone"));
    tell("killed", &run);
}

fn stopped() {
    let playing = Playing::new(|_| {});
    let mut first = playing.sidecar(FIRST, Manner::Honest);
    let standby = playing.standby(STANDBY, Manner::Honest);
    let run = playing.play(|now| {
        now.until(Counter::BridgeStandbyReady, 1);
        now.until(Counter::BridgeSignalReceived, BEFORE);
        first.signal("-STOP");
        now.until(Counter::BridgeStandbyReceived, AFTER);
        first.signal("-CONT");
        now.until(Counter::BridgeFailbacks, 1);
        let received = now.counter(Counter::BridgeSignalReceived);
        now.until(Counter::BridgeSignalReceived, received + 20);
    });
    drop(standby);
    the_standby_misses_nothing(&run);
    let standby = &run.signal()["standby"];
    assert!(standby["failovers"]["silent"].as_u64() >= Some(1), "{standby:#}");
    assert!(standby["asked_again"].as_u64() >= Some(1), "{standby:#}");
    assert!(standby["probes_good"].as_u64() >= Some(16), "{standby:#}");
    let mut order: Vec<_> = run.answers.iter().map(|answer| answer.generation).collect();
    order.dedup();
    assert!(order.starts_with(&[FIRST, STANDBY, FIRST]), "{order:?}");
    tell("stopped", &run);
}

fn started_again() {
    let playing = Playing::new(|_| {});
    let mut first = playing.sidecar(FIRST, Manner::Honest);
    let standby = playing.standby(STANDBY, Manner::Honest);
    let run = playing.play(|now| {
        now.until(Counter::BridgeStandbyReady, 1);
        now.until(Counter::BridgeSignalReceived, BEFORE);
        first.signal("-KILL");
        now.until(Counter::BridgeStandbyServes, 1);
        // It abstains from its first three: they bring nothing back.
        let _killed = std::mem::replace(&mut first, playing.sidecar(FIRST, Manner::Warms(3)));
        now.until(Counter::BridgeFailbacks, 1);
        let received = now.counter(Counter::BridgeSignalReceived);
        now.until(Counter::BridgeSignalReceived, received + 20);
    });
    drop(standby);
    the_standby_misses_nothing(&run);
    let standby = &run.signal()["standby"];
    assert!(standby["probes_bad"].as_u64() >= Some(3), "{standby:#}");
    assert!(standby["probes_good"].as_u64() >= Some(16), "{standby:#}");
    assert!(run.answers.iter().all(|answer| answer.status == SignalStatus::Ok.code()), "unheard");
    assert!(run.said("signal sidecar answers again"));
    tell("killed and started again", &run);
}

fn without_scores() {
    let playing = Playing::new(|_| {});
    let first = playing.sidecar(FIRST, Manner::Fails(BEFORE));
    let standby = playing.standby(STANDBY, Manner::Honest);
    let run = playing.play(|now| now.until(Counter::BridgeStandbyReceived, AFTER));
    drop((first, standby));
    the_standby_misses_nothing(&run);
    let standby = &run.signal()["standby"];
    assert!(standby["failovers"]["no_score"].as_u64() >= Some(1), "{standby:#}");
    assert_eq!(standby["failbacks"], 0, "none of its probes is good: {standby:#}");
    assert!(run.answers.iter().all(|answer| answer.status == SignalStatus::Ok.code()));
    let (unanswered, excused) = (run.unanswered(), run.excused());
    assert!(
        unanswered <= excused,
        "each it abstained from was asked again: {unanswered} {excused}"
    );
}

fn never_there() {
    let playing = Playing::new(|_| {});
    let standby = playing.standby(STANDBY, Manner::Honest);
    let run = playing.play(|now| now.until(Counter::BridgeStandbyReceived, AFTER));
    drop(standby);
    the_standby_misses_nothing(&run);
    assert_eq!(run.signal()["standby"]["serves"], true);
    assert_eq!(run.signal()["standby"]["failovers"]["gone"], 1);
    assert!(run.said("signal sidecar is not there"));
}

fn another_model() {
    let playing = Playing::new(|_| {});
    let mut first = playing.sidecar(FIRST, Manner::Honest);
    let standby = playing.standby(STANDBY, Manner::Other);
    let run = playing.play(|now| {
        now.until(Counter::BridgeSignalReceived, BEFORE);
        first.signal("-KILL");
        now.until(Counter::BridgeSignalDropped, 20);
    });
    drop(standby);
    let standby = &run.signal()["standby"];
    assert_eq!((&standby["sent"], &standby["ready"]), (&json!(0), &json!(false)), "{standby:#}");
    assert_eq!(standby["up"], true, "{standby:#}");
    assert!(run.answers.iter().all(|answer| answer.generation == FIRST));
    assert!(run.said("it has another model than the one in effect"));
}

fn another_model_before() {
    let playing = Playing::new(|_| {});
    let mut first = playing.sidecar(FIRST, Manner::Honest);
    let standby = playing.standby(STANDBY, Manner::Other);
    // Its socket is there, and nobody greets: the standby is heard first.
    first.signal("-STOP");
    let run = playing.play(|now| {
        now.until(Counter::BridgeStandbyReady, 1);
        first.signal("-CONT");
        now.until(Counter::BridgeSignalConnects, 1);
        let received = now.counter(Counter::BridgeSignalReceived);
        now.until(Counter::BridgeSignalReceived, received + BEFORE);
    });
    drop(standby);
    let standby = &run.signal()["standby"];
    assert_eq!((&standby["up"], &standby["ready"]), (&json!(true), &json!(false)), "{standby:#}");
    assert_eq!(run.answers.last().map(|answer| answer.generation), Some(FIRST));
    assert!(run.said("standby sidecar is unlike the model in effect"));
}

/// What the checks need of a process; here so that both files agree on it.
pub(crate) fn this_program() -> std::path::PathBuf {
    std::env::current_exe().expect("this program")
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
