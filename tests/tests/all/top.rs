//! `corelane top` in a pseudo terminal, beside a real `corelane run`.

use crate::explain::folder;
use crate::pty::Pty;
use crate::support::{clean, command, config, corelane, json, only_run, program, set};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The demo, started; its engine plays slowly enough to be looked at.
pub(crate) struct Run {
    child: Child,
    pub(crate) dir: PathBuf,
}

impl Run {
    pub(crate) fn start(dir: &Path, speed: &str) -> Self {
        let file = config(dir, |text| set(&text, "speed", speed));
        let mut child = command(&["run", "--quiet", &format!("--config={}", file.display())])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let runs = dir.join("runs");
        // The engine makes the page before it listens.
        until("the engine's socket", || {
            assert!(child.try_wait().unwrap().is_none(), "the run ended before");
            let made = fs::read_dir(&runs).into_iter().flatten().flatten();
            made.into_iter().any(|run| run.path().join("control.sock").exists())
        });
        Self { child, dir: only_run(dir) }
    }

    /// Asks the engine to end, and waits.
    pub(crate) fn end(mut self) {
        let socket = format!("--socket={}", self.dir.join("control.sock").display());
        clean(corelane(&["ctl", &socket, "shutdown"]));
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Where the test failed before its end; a child that has ended is none.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again, each time after others had their turn.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..60_000 {
        if is_so() {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(1));
    }
    panic!("{what} never came");
}

fn top(args: &[&str], run: &Path) -> Pty {
    let mut command = Command::new(program("corelane"));
    command.arg("top").args(args).arg(run);
    Pty::start(command)
}

#[test]
fn a_running_engine_is_shown_and_q_gives_the_terminal_back() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::start(dir.path(), "1");
    let mut top = top(&["--profile=dev"], &run.dir);
    for part in [
        "mode LIVE",
        "engine time 00:",
        "BTCUSDT",
        "gaps 0",
        "tape ",
        "longest turn ",
        "recv_to_send ",
        "as at the session's start",
        "worst-case gross ",
        "signal up, over socket",
        "dev: ",
        "q ends; the engine is not touched",
    ] {
        top.until(part, |screen| screen.has(part));
    }
    // It moves: the engine's events of a second are told, and its time goes on.
    top.until("a rate", |screen| screen.has("/s") && !screen.has(", 0/s"));
    assert!(top.screen.is_other && top.is_raw());
    top.press(b"x");
    top.press(b"q");
    assert!(top.end().success());
    assert!(!top.screen.is_other && !top.is_raw(), "{}", top.screen.text());
    run.end();
}

#[test]
fn it_ends_with_control_c_and_with_the_run_and_leaves_the_last_frame() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::start(dir.path(), "1");
    let mut first = top(&[], &run.dir.join("control.sock"));
    first.until("the mode", |screen| screen.has("mode LIVE"));
    first.press(b"\x03");
    assert!(first.end().success());
    assert!(!first.screen.is_other && !first.is_raw());
    let mut second = top(&[], &run.dir);
    second.until("the mode", |screen| screen.has("mode LIVE"));
    run.end();
    assert!(second.end().success());
    assert!(!second.screen.is_other && !second.is_raw());
    assert!(second.screen.has("ended, begun "), "{}", second.screen.text());
}

/// The figures are the run's own: those of its summary.
#[test]
fn one_plain_frame_says_what_the_summary_says() {
    let run = folder::run();
    let said = clean(corelane(&["top", "--once", run.to_str().unwrap()]));
    let summary = json(&fs::read_to_string(run.join("summary.json")).unwrap());
    let number = |key: &str| summary[key].as_u64().unwrap();
    for part in [
        format!("mode {}", summary["mode"].as_str().unwrap()),
        format!("sent {}, open 0, unknown 0", number("orders")),
        format!("fills {}, cancels {}, ", number("fills"), number("cancels")),
        format!("denied {}\n", number("denied_total")),
        format!("by the journal, {0} of {0} fills", number("fills")),
        format!("{} lots, net ", summary["position_lots"]["BTCUSDT"]),
        format!("alarms {}", number("alarms")),
        "live: ".to_owned(),
        "no checkpoint of a notary".to_owned(),
    ] {
        assert!(said.contains(&part), "{part:?} in {said}");
    }
    // At full speed a market event's service alone is a latency.
    let stage = said.lines().find(|line| line.trim_start().starts_with("event ")).unwrap();
    let worst = stage.split_whitespace().next_back().unwrap();
    assert_eq!(worst, summary["latency"]["event"]["max_ns"].to_string(), "{stage}");
    for (code, count) in summary["denied"].as_object().unwrap() {
        let line = said.lines().find(|line| line.contains(code.as_str())).expect(code);
        assert!(line.ends_with(&format!(" {count}")), "{line}");
    }
    // To the cent: the summary has nine decimals.
    let net = summary["pnl"]["BTCUSDT"]["net"].as_str().unwrap();
    let cut = net.find('.').map_or(net.len(), |dot| dot + 3);
    let shown = format!("net {}", &net[..cut.min(net.len())]);
    assert!(said.contains(&shown), "{shown:?} in {said}");
    let fees = summary["pnl"]["BTCUSDT"]["fees_e9"].as_i64().unwrap();
    let cents = fees / 10_000_000;
    assert!(said.contains(&format!("fees {}.{:02}", cents / 100, cents % 100)), "{fees} in {said}");
}

#[test]
fn without_a_terminal_or_a_run_it_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::start(dir.path(), "1");
    let output = corelane(&["top", run.dir.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(14), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no terminal") && said.contains("corelane top --once"), "{said}");
    let frame = clean(corelane(&["top", "--once", run.dir.to_str().unwrap()]));
    assert!(frame.contains("pid ") && !frame.contains('\x1b'), "{frame}");
    run.end();
    for path in [dir.path(), Path::new("/nowhere")] {
        let output = corelane(&["top", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(14), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("RESOURCE: no counters of a run here: "), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

const PANICS: &str = "CORELANE_TEST_PANICS_ON_A_SCREEN";

/// A panic while the screen is ours: this test again, in a terminal of its own.
#[test]
fn a_panic_gives_the_terminal_back_before_its_own_words() {
    if std::env::var_os(PANICS).is_some() {
        let _screen = tools::top::screen::Screen::open().unwrap();
        panic!("meant to");
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "top::a_panic_gives_the_terminal_back_before_its_own_words"]);
    command.args(["--nocapture", "--test-threads=1"]).env(PANICS, "1");
    let mut pty = Pty::start(command);
    pty.until("the words", |screen| screen.has("meant to"));
    assert!(pty.screen.left_other > 0 && !pty.screen.is_other, "{}", pty.screen.text());
    assert!(!pty.end().success());
    assert!(!pty.is_raw());
}
