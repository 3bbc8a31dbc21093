//! A kill and an error at every journaling system call of a real station, put there by `strace`,
//! and what the next start makes of it.
//!
//! A part of the calls in `make test`; all of them with `CORELANE_SWEEP=all` (`make sweep`). Calls
//! are counted a thread: what the main thread does at the start and the end of a session, or while
//! it writes out what a killed station left, is swept apart from what the journaler does. A kill
//! comes before the call it names: the one before it was the last.

mod judge;
mod world;

use judge::{frames_of, is_whole, shown_on_disk, tape_of};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use wire::counters::Counter;
use wire::exit::Exit;
use world::{Counts, Fault, Point, World, sampled};

/// What journal and tape are made with.
const CALLS: [&str; 7] =
    ["pwrite64", "fdatasync", "fsync", "fallocate", "rename", "ftruncate", "unlink"];
/// Those whose failure nothing goes on after.
const FATAL: [&str; 2] = ["pwrite64", "fdatasync"];

#[expect(clippy::unnecessary_wraps, reason = "as the status of a process gives it")]
fn code(exit: Exit) -> Option<i32> {
    Some(i32::from(exit.code()))
}

/// The main thread's calls, or a part of them.
fn of_main(counts: &Counts, calls: &[&'static str], fault: Fault, few: usize) -> Vec<Point> {
    let points = calls.iter().flat_map(|call| {
        let whens = sampled(counts.main(call), few);
        whens.map(|when| Point { call, when, fault, main_only: true })
    });
    points.collect()
}

/// The journaler's calls, or a part of them. The main thread comes to its own first ones before, so
/// those numbers of the journaler's stay out of reach.
fn of_journaler(counts: &Counts, fault: Fault, few: usize) -> Vec<Point> {
    let points = CALLS.iter().flat_map(|call| {
        let first = counts.main_first(call);
        let few = if FATAL.contains(call) { 2 * few } else { few };
        let whens = sampled(counts.journaler(call).saturating_sub(first), few);
        whens.map(move |when| Point { call, when: first + when, fault, main_only: false })
    });
    points.collect()
}

/// The station starts again, writes out every tape, and none is left.
fn starts_again(world: &World, run: &str, what: &str) {
    let next = world.start_again(run);
    assert!(next.status.success(), "{what}: {}", next.said);
    assert_eq!(world.tapes(), Vec::<String>::new(), "{what}: left in the folder of tapes");
}

#[test]
fn a_kill_at_every_call_of_a_session_loses_nothing_its_tape_had() {
    let Some(world) = World::new("a_kill_at_every_call_of_a_session") else { return };
    let counts = world.count("day");
    let mut points = of_main(&counts, &CALLS, Fault::Kill, 3);
    points.extend(of_main(&counts, &["mkdir", "openat"], Fault::Kill, 3));
    points.extend(of_journaler(&counts, Fault::Kill, 4));
    let (mut killed, mut journaling, mut with_tape) = (0, 0, 0);
    for point in points {
        let what = format!("{point:?}");
        world.clean();
        let run = world.run_at(&point, "day", "run");
        if run.status.signal() != Some(9) {
            // The journaler makes more calls in one run and fewer in another.
            assert!(run.status.success() && !point.main_only, "{what}: {}", run.said);
            continue;
        }
        killed += 1;
        journaling += u64::from(!point.main_only);
        let on_tape = world.counter("run", Counter::TapeFrame);
        let synced = world.counter("run", Counter::JournalSynced);
        let before = frames_of(&world.path("run/journal"));
        assert!(before.len() as u64 >= synced, "{what}: {} of {synced} synced", before.len());
        let tapes = world.whole_tapes();
        starts_again(&world, "next", &what);
        let after = frames_of(&world.path("run/journal"));
        assert!(after.len() as u64 >= on_tape, "{what}: {} of {on_tape}", after.len());
        assert!(after.starts_with(&before), "{what}: what was there has changed");
        if tapes.is_empty() {
            continue;
        }
        with_tape += 1;
        assert_eq!(is_whole(&world, "run", &what).len(), after.len(), "{what}");
        // Twice is once: the same tape again finds everything there.
        let once = world.bytes_of("run/journal");
        world.put_back("tapes", &tapes);
        starts_again(&world, "again", &what);
        assert!(world.bytes_of("run/journal") == once, "{what}: twice is not once");
    }
    let told = format!(
        "killed at {killed} calls, {journaling} of them while it journals, {with_tape} with a tape"
    );
    assert!(killed >= 20 && journaling >= 6 && with_tape >= 12, "{told}");
    eprintln!("{told}");
}

#[test]
fn an_error_at_every_call_of_a_session_claims_no_more_than_is_on_the_disk() {
    let Some(world) = World::new("an_error_at_every_call_of_a_session") else { return };
    let counts = world.count("day");
    let mut points = of_main(&counts, &CALLS, Fault::Error, 3);
    points.extend(of_journaler(&counts, Fault::Error, 5));
    let (mut failed, mut shown) = (0, 0);
    for point in points {
        let what = format!("{point:?}");
        world.clean();
        let run = world.run_at(&point, "day", "run");
        if !run.is_injected {
            assert!(run.status.success() && !point.main_only, "{what}: {}", run.said);
            continue;
        }
        let exit = run.status.code();
        let may_go_on = !FATAL.contains(&point.call);
        let ends = [code(Exit::Clean), code(Exit::Resource)];
        let is_right = exit == code(Exit::Journal) || (may_go_on && ends.contains(&exit));
        assert!(is_right, "{what}: {exit:?} {}", run.said);
        let on_tape = world.counter("run", Counter::TapeFrame);
        let synced = world.counter("run", Counter::JournalSynced);
        let tapes = world.whole_tapes();
        if FATAL.contains(&point.call)
            && let Some((name, _)) = tapes.first()
        {
            failed += 1;
            let (told, has_failed) = tape_of(&world.path("tapes").join(name));
            assert!(has_failed && synced <= told, "{what}: {synced} claimed, {told} told");
            if let Some(on_disk) = shown_on_disk(&world, "run") {
                shown += 1;
                assert!(told <= on_disk, "{what}: {told} told, {on_disk} on the disk");
            }
        }
        starts_again(&world, "next", &what);
        if !tapes.is_empty() {
            let after = is_whole(&world, "run", &what);
            assert!(after.len() as u64 >= on_tape, "{what}: {} of {on_tape}", after.len());
        }
    }
    assert!(failed >= 6 && shown >= 3, "{failed} failed, of {shown} the disk's word is known");
    eprintln!("failed at {failed} calls, of {shown} compared with what was synced");
}

/// The next start is killed and fails too, while it writes out a tape of several segments.
#[test]
fn a_start_that_dies_while_it_writes_a_tape_out_is_made_good_by_the_next() {
    let Some(world) = World::new("a_start_that_dies_while_it_writes_a_tape_out") else { return };
    // The journal fails early: the tape then keeps all of the session.
    let early = Point { call: "pwrite64", when: 5, fault: Fault::Error, main_only: false };
    let run = world.run_at(&early, "day", "run");
    assert_eq!(run.status.code(), code(Exit::Journal), "{}", run.said);
    let (journal, tapes) = (world.bytes_of("run/journal"), world.whole_tapes());
    let on_tape = world.counter("run", Counter::TapeFrame);
    let counts = world.count("few");
    let due = is_whole(&world, "run", "undisturbed");
    assert!(due.len() as u64 >= on_tape, "{} of {on_tape}", due.len());
    let segments = world.bytes_of("run/journal");
    assert!(segments.len() >= 4, "a lock and at least three segments");
    // Behind these calls the start is a session of its own.
    let last = counts.main_until_drained();
    let mut struck = 0;
    for fault in [Fault::Kill, Fault::Error] {
        for point in of_main(&last, &CALLS, fault, 4) {
            let what = format!("{point:?}");
            for run in ["next", "again"] {
                let _ = std::fs::remove_dir_all(world.path(run));
            }
            world.put_back("run/journal", &journal);
            world.put_back("tapes", &tapes);
            let first = world.run_at(&point, "few", "next");
            let exit = first.status.code();
            struck += u64::from(first.is_injected || first.status.signal() == Some(9));
            if FATAL.contains(&point.call) && fault == Fault::Error {
                assert_eq!(exit, code(Exit::Journal), "{what}: {}", first.said);
                let name = tapes.first().map(|(name, _)| name.clone()).unwrap_or_default();
                let (_, has_failed) = tape_of(&world.path("tapes").join(name));
                assert!(has_failed, "{what}: the tape is not told that its journal failed again");
            }
            // Killed with everything written and only the tape still there: nothing is done again.
            let closed = (point.call == "unlink"
                && fault == Fault::Kill
                && point.when == last.main("unlink"))
            .then(|| world.bytes_of("run/journal"));
            starts_again(&world, "again", &what);
            assert!(is_whole(&world, "run", &what) == due, "{what}: other frames");
            if let Some(closed) = closed {
                assert!(world.bytes_of("run/journal") == closed, "{what}: twice is not once");
            }
        }
    }
    assert!(struck >= 20, "{struck} struck");
    eprintln!("struck at {struck} calls");
}

/// What a service manager does to a unit with a runtime directory that it preserves: each invocation
/// has a mount namespace and a `/tmp` of its own, and the directory is the same one.
#[test]
fn a_tape_outlives_the_mount_namespace_of_its_invocation() {
    let test = "a_tape_outlives_the_mount_namespace";
    let inside = "mount -t tmpfs none /tmp && exec \"$@\"";
    let starter = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inside, "sh"];
    let Some(world) = World::new(test) else { return };
    let world = world.started_by(&starter);
    // Late enough that the loop has told its first frames on the counters page.
    let kill = Point { call: "pwrite64", when: 24, fault: Fault::Kill, main_only: false };
    let run = world.run_at(&kill, "day", "run");
    if run.status.signal() != Some(9) && run.status.code() != Some(137) {
        eprintln!("SKIPPED {test}: no mount namespace can be had: {}", run.said.replace('\n', " "));
        return;
    }
    let on_tape = world.counter("run", Counter::TapeFrame);
    assert_eq!(world.whole_tapes().len(), 1, "its tape is there");
    starts_again(&world, "next", test);
    let after = is_whole(&world, "run", test);
    assert!(on_tape > 0 && after.len() as u64 >= on_tape, "{} of {on_tape}", after.len());
}

/// The same under systemd itself with what our own unit says of the directory, where it runs and takes units of this user.
#[test]
fn a_tape_outlives_its_unit_where_the_runtime_directory_is_preserved() {
    let test = "a_tape_outlives_its_unit";
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|of| of.uid() == 0);
    if !Path::new("/run/systemd/system").is_dir() || !is_root {
        eprintln!("SKIPPED {test}: systemd does not run here, or this user has no system units");
        return;
    }
    let name = format!("corelane-test-{}", std::process::id());
    let Some(world) = World::new(test) else { return };
    let home = world.path("").display().to_string();
    let (directory, home) =
        (format!("-pRuntimeDirectory={name}"), format!("-pWorkingDirectory={home}"));
    let preserved = format!("-p{}", crate::isolate::engine_line("RuntimeDirectoryPreserve="));
    let unit = ["systemd-run", "--wait", "--collect", "-q", &directory, &preserved, &home];
    let world = world.with_tapes(&format!("/run/{name}")).started_by(&unit);
    let kill = Point { call: "pwrite64", when: 6, fault: Fault::Kill, main_only: false };
    let run = world.run_at(&kill, "day", "run");
    let on_tape = world.counter("run", Counter::TapeFrame);
    let left = world.whole_tapes().len();
    let next = world.start_again("next");
    let drained = world.whole_tapes().len();
    let _ = std::fs::remove_dir_all(format!("/run/{name}"));
    assert!(!run.status.success() && on_tape > 0, "killed: {}", run.said);
    assert_eq!((left, drained), (1, 0), "preserved, then written out: {}", next.said);
    let after = is_whole(&world, "run", test);
    assert!(next.status.success() && after.len() as u64 >= on_tape, "{}", next.said);
}
