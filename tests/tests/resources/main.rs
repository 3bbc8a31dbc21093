//! Promise 1: inside a turn the order loop makes no system call, allocates nothing and takes no
//! page fault after warm-up. Each proof is followed by a planted violation that must spring it.
//!
//! The loop, the edge and their rings are the station's own, over the bundled recording; a script
//! brings what operators, advisers, models and a failing venue bring, before and after warm-up. No
//! test harness: its threads would allocate and call while we count.
#![expect(clippy::print_stdout, clippy::print_stderr, clippy::exit, reason = "a test program")]

mod busy;
mod count;
mod script;
mod sys;
mod world;

use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use world::World;

/// Names the role of a child process.
const ROLE: &str = "CORELANE_RESOURCES_ROLE";

type Outcome = Result<(), String>;
type Check = (&'static str, fn() -> Outcome);

fn main() -> ExitCode {
    if let Ok(role) = std::env::var(ROLE) {
        trapped(&role == "planted");
    }
    let checks: [Check; 6] = [
        ("no_allocation_in_a_turn", || allocations(false)),
        ("a_planted_allocation_is_seen", || must_say("allocations", &allocations(true))),
        ("no_page_fault_in_a_turn", || page_faults(false)),
        ("a_planted_page_fault_is_seen", || must_say("page faults", &page_faults(true))),
        ("no_system_call_in_a_turn", || child("sound")),
        ("a_planted_getpid_is_trapped", || must_say("signal", &child("planted"))),
    ];
    let mut failed = 0;
    for (name, check) in checks {
        match check() {
            Ok(()) => println!("test {name} ... ok"),
            Err(why) => {
                failed += 1;
                println!("test {name} ... FAILED\n    {why}");
            }
        }
    }
    let (passed, word) = (checks.len() - failed, if failed == 0 { "ok" } else { "FAILED" });
    println!("\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored\n");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The planted violation is what made it fail, and nothing else.
fn must_say(word: &str, outcome: &Outcome) -> Outcome {
    match outcome {
        Ok(()) => Err("the planted violation was not noticed".into()),
        Err(why) if why.contains(word) || why == SKIPPED => Ok(()),
        Err(why) => Err(format!("something else failed: {why}")),
    }
}

/// Allocations and frees inside turns, over the whole recording.
fn allocations(planted: bool) -> Outcome {
    let recording = world::recording();
    let mut world = World::new(&recording);
    let mut made = 0;
    world.play(|turn, order_loop| {
        let before = count::of_this_thread();
        let done = order_loop.turn();
        if planted && turn == 1_000 {
            std::hint::black_box(Box::new(turn));
        }
        made += count::of_this_thread() - before;
        done
    });
    world.check()?;
    if made == 0 { Ok(()) } else { Err(format!("{made} allocations or frees inside turns")) }
}

/// Page faults inside turns, after the rings have gone round once.
fn page_faults(planted: bool) -> Outcome {
    let recording = world::recording();
    let mut world = World::new(&recording);
    let warm = world.warm();
    let (mut taken, mut seen) = (0, 0);
    let mut fresh = planted.then(sys::FreshPage::new);
    world.play(|_, order_loop| {
        let before = sys::page_faults();
        let done = order_loop.turn();
        if seen > warm
            && let Some(page) = fresh.take()
        {
            page.touch();
        }
        let faults = sys::page_faults() - before;
        seen += done.inputs as u64;
        if seen > warm {
            taken += faults;
        }
        done
    });
    world.check()?;
    if taken == 0 { Ok(()) } else { Err(format!("{taken} page faults inside turns")) }
}

/// Starts this program again with the loop's thread under a filter that kills on any system call.
fn child(role: &str) -> Outcome {
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    let output = Command::new(me).env(ROLE, role).output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(NO_SECCOMP) {
        eprintln!("SKIPPED no_system_call_in_a_turn: {}", said.trim());
        return if role == "sound" { Ok(()) } else { Err(SKIPPED.into()) };
    }
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("the loop's thread was ended: {}; {said}", output.status))
    }
}

const SKIPPED: &str = "skipped";
/// Exit code of a child that may not install a filter.
const NO_SECCOMP: i32 = 77;
static TRAPPED: AtomicBool = AtomicBool::new(false);
static DONE: AtomicBool = AtomicBool::new(false);

/// The child: plays the recording with the loop on a thread of its own under the filter.
fn trapped(planted: bool) -> ! {
    let recording = world::recording();
    let mut world = World::new(&recording);
    let mut order_loop = world.take_loop();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if let Err(error) = sys::kill_on_any_system_call() {
                eprintln!("no seccomp filter: {error}");
                std::process::exit(NO_SECCOMP);
            }
            // ORDERING: release; pairs with the acquire below: the filter stands before events.
            TRAPPED.store(true, Ordering::Release);
            let mut inputs = 0;
            loop {
                let turn = order_loop.turn();
                inputs += turn.inputs;
                if planted && inputs > 1_000 {
                    sys::getpid();
                }
                if turn.done {
                    break;
                }
                std::hint::spin_loop();
            }
            // ORDERING: release; pairs with the acquire below.
            DONE.store(true, Ordering::Release);
            // Even ending the thread would be a system call: the process ends as a whole.
            loop {
                std::hint::spin_loop();
            }
        });
        // ORDERING: acquire; pairs with the release of the loop's thread.
        while !TRAPPED.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        // ORDERING: acquire; pairs with the release of the loop's thread.
        while !DONE.load(Ordering::Acquire) {
            world.play_edge();
            std::thread::yield_now();
        }
        let checked = world.check();
        if let Err(why) = &checked {
            eprintln!("{why}");
        }
        std::process::exit(i32::from(checked.is_err()))
    })
}
