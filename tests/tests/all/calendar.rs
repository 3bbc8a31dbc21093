//! `corelane calendar run` on real processes: a station under replay, a sandboxed sidecar that serves a
//! role, a window that wants another model, and back. No order in MAINTENANCE, no answer of a model
//! that was not announced, and the record repeats.

use crate::support::{clean, command, config, corelane, json, only_run, program, set, until_ready};
use crate::two_models::{ROLE, make};
use serde_json::Value;
use std::fs;
use std::io::BufRead;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use wire::Frame;
use wire::station::Mode;

/// Ended with the test, whatever its end.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Ended already where the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sidecar(dir: &Path) -> Process {
    // Memory is judged by a budget: what else runs on the machine must not fail a test.
    let mut child = Command::new(program("corelane-signal"))
        .args(["--socket=signal.sock", "--store=store", "--memory-budget=1099511627776"])
        .arg(format!("--name={ROLE}"))
        .current_dir(dir)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (said, _) = until_ready(&mut child);
    // What it says later goes where nobody reads; it must not wait for that.
    std::thread::spawn(move || said.lines().map_while(Result::ok).for_each(drop));
    Process(child)
}

fn station(dir: &Path) -> Process {
    let file = config(dir, |text| {
        let named = format!("socket = \"{}\"", dir.join("signal.sock").display());
        let lines: Vec<&str> = text
            .lines()
            .map(|line| if line.contains("models/bin_ctabl") { named.as_str() } else { line })
            .collect();
        set(&set(&(lines.join("\n") + "\n"), "ttl_ms", "60000"), "speed", "4")
    });
    let child = command(&["run", "--json", &format!("--config={}", file.display())])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Process(child)
}

/// A calendar whose one window wants this model, and the file that runs it.
fn calendar(dir: &Path, model: &str) -> String {
    let text = format!(
        "[calendar]\nname = \"one-window\"\ntime_zone = \"UTC\"\n\
         trading_days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]\n\
         [day.full]\n\"00:00\" = \"market\"\n\
         [window.market]\nkind = \"market-hours\"\nstation = \"live\"\nserving = \"{model}\"\n\
         [[window.market.model]]\nname = \"{model}\"\ndevice = \"cpu\"\npriority = \"critical\"\n"
    );
    fs::write(dir.join(format!("{model}.toml")), text).unwrap();
    let text = format!(
        "[run]\ncalendar = \"{model}.toml\"\nstate_dir = \"state\"\n\
         [[sidecar]]\nrole = \"{ROLE}\"\nsocket = \"signal.sock\"\nstore = \"store\"\n"
    );
    let file = dir.join(format!("run-{model}.toml"));
    fs::write(&file, text).unwrap();
    format!("--config={}", file.display())
}

struct Desk<'a> {
    dir: &'a Path,
    station: Process,
}

impl Desk<'_> {
    fn ctl(&mut self, words: &[&str]) -> Option<String> {
        assert!(self.station.0.try_wait().unwrap().is_none(), "the run ended early");
        let run = fs::read_dir(self.dir.join("runs")).ok()?.next()?.ok()?.path();
        let socket = format!("--socket={}", station::config::control_socket(&run).display());
        let output = corelane(&[&["ctl", socket.as_str()], words].concat());
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// Waits until the status is so.
    fn until(&mut self, so: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Some(status) = self.ctl(&["status"]).map(|text| json(&text))
                && so(&status)
            {
                return status;
            }
        }
    }

    /// Leads to the window that wants a model; what is printed and recorded of it.
    fn lead_to(&mut self, model: &str) -> Value {
        let file = calendar(self.dir, model);
        let said = clean(corelane(&["calendar", "run", "--once", "--json", &file]));
        assert_eq!(said.lines().count(), 1, "{said}");
        json(&said)
    }
}

fn counter(status: &Value, name: &str) -> u64 {
    status["counters"][name].as_u64().unwrap()
}

#[test]
fn a_window_change_takes_a_live_station_to_another_model_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let (bundled, small) = make(&dir.path().join("store"));
    let _sidecar = sidecar(dir.path());
    let mut desk = Desk { dir: dir.path(), station: station(dir.path()) };
    desk.until(|status| {
        counter(status, "loop.signal_answers") > 20 && counter(status, "loop.orders") > 0
    });
    let first = desk.lead_to("small");
    let answers = counter(&desk.until(|_| true), "loop.signal_answers");
    desk.until(|status| counter(status, "loop.signal_answers") > answers + 20);
    // Nothing is to be done where all is as it should be.
    let file = calendar(dir.path(), "small");
    assert_eq!(clean(corelane(&["calendar", "run", "--once", "--json", &file])), "");
    let second = desk.lead_to("bin_ctabl");
    let status = desk.until(|status| status["mode"] == "LIVE");
    assert_eq!(counter(&status, "bridge.model_changes"), 2);
    assert_eq!(counter(&status, "bridge.signal_wrong_model"), 0);
    desk.ctl(&["shutdown"]).unwrap();
    assert!(desk.station.0.wait().unwrap().success());

    for (line, from, to) in [(&first, bundled, small), (&second, small, bundled)] {
        assert_eq!((&line["outcome"], &line["resumed"]), (&"done".into(), &false.into()), "{line}");
        assert_eq!((&line["from_mode"], &line["to_mode"]), (&"LIVE".into(), &"LIVE".into()));
        assert_eq!(line["models"][0]["from"], from.to_string());
        assert_eq!(line["models"][0]["to"], to.to_string());
        let ns = |key: &str| line[key].as_u64().unwrap();
        assert!(
            ns("downtime_ns") >= ns("swap_ns") + ns("verify_ns") && ns("swap_ns") > 0,
            "{line}"
        );
        eprintln!("downtime_ns={} swap_ns={}", ns("downtime_ns"), ns("swap_ns"));
    }
    let record = fs::read_to_string(dir.path().join("state/calendar.jsonl")).unwrap();
    assert_eq!(record.lines().map(json).collect::<Vec<_>>(), [first.clone(), second.clone()]);
    let hash = |line: &Value| {
        u64::from_str_radix(line["models"][0]["model_hash"].as_str().unwrap(), 16).unwrap()
    };
    the_journal_agrees(&only_run(dir.path()), hash(&first), hash(&second));
    clean(corelane(&["verify", &only_run(dir.path()).display().to_string()]));
}

/// By the journal: no order between MAINTENANCE and LIVE, and scores of one model after the other.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is not looked at")]
fn the_journal_agrees(run: &Path, small: u64, bundled: u64) {
    let recording = tape::read_all(run.join("journal")).unwrap();
    let (mut mode, mut holds, mut orders) = (Mode::Boot.code(), 0, [0, 0]);
    let mut models: Vec<u64> = Vec::new();
    for frame in recording.frames() {
        match wire::decode(frame).unwrap() {
            Frame::ModeChange(change) => {
                holds += u32::from(mode == Mode::Draining.code());
                mode = change.to;
            }
            Frame::NewOrder(_) => orders[usize::from(mode != Mode::Live.code())] += 1,
            Frame::SignalResponse(answer) if models.last() != Some(&answer.model_hash) => {
                models.push(answer.model_hash);
            }
            _ => {}
        }
    }
    assert!(orders[0] > 0, "it traded");
    assert_eq!(orders[1], 0, "an order outside LIVE");
    assert!(holds >= 2, "it was held twice");
    assert_eq!(models, [bundled, small, bundled]);
}
