//! `corelane train nightly` from recorded runs to the archive: winners, losers, what is refused, and a
//! start again after every kind of kill.

mod real;
mod units;
mod world;

use crate::bad_input::refused;
use crate::models::{AMPLE, Server};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tape::{Compression, Header, RecordingWriter};
use wire::exit::Exit;
use world::{World, address, said};

const FAIR: [f64; 3] = [1.0, 1.0, 1.0];
/// Believes in a rise eight times as much as it should.
const HOPEFUL: [f64; 3] = [1.0, 1.0, 8.0];

/// A world in which a hopeful model serves and a fair one is at hand.
fn hopeful_serves() -> World {
    let world = World::new(|world| world.biased("hopeful", HOPEFUL));
    world.biased("fair", FAIR);
    world
}

#[test]
fn a_better_candidate_takes_the_place_of_the_incumbent_and_is_archived() {
    let world = hopeful_serves();
    let (parent, candidate) = (world.serving(), address(&world.path("fair")));
    let told = said(world.night("fair").output().unwrap());
    assert!(told.lines().last().unwrap().starts_with("promoted: night=n1 "), "{told}");
    assert_eq!(world.serving(), candidate);
    assert!(world.path(&format!("models/objects/{candidate}/manifest.sig")).is_file());
    let night = world.archived();
    assert_eq!(night["format"], 1);
    assert_eq!(night["outcome"], "promoted");
    assert_eq!(
        (&night["parent"]["address"], &night["candidate"]["address"]),
        (&Value::from(parent.as_str()), &Value::from(candidate),)
    );
    assert_eq!(night["verdict"]["block"], 10, "ten label horizons of a second");
    assert_eq!(night["verdict"]["gains"].as_array().unwrap().len(), 4);
    assert!(night["verdict"]["gains"][0]["low"].as_f64().unwrap() > 0.0);
    let text = fs::read_to_string(world.path("nightly.toml")).unwrap();
    assert_eq!(night["configuration"]["toml"], text.as_str());
    // Every file it names is there and is what it says.
    let files = night["files"].as_array().unwrap();
    assert!(files.len() >= 9, "{files:?}");
    for file in files {
        let bytes = fs::read(world.path("nights/n1").join(file["name"].as_str().unwrap()));
        let digest = format!("{:x}", Sha256::digest(bytes.unwrap()));
        assert_eq!(file["sha256"], digest.as_str(), "{file}");
    }
    // Once more says the same and does nothing.
    let before = world.bytes();
    let again = said(world.night("fair").output().unwrap());
    assert_eq!(again.lines().last(), told.lines().last());
    assert!(world.bytes() == before);
    world.good(&["models", "--public-key=models.pub", "rollback", "bin_ctabl"]);
    assert_eq!(world.serving(), parent, "and one command brings the parent back");
}

#[test]
fn a_worse_candidate_is_refused_with_the_reasons_and_is_archived_too() {
    let world = World::new(|world| world.bundled("bundled"));
    world.biased("hopeful", HOPEFUL);
    let (parent, store) = (world.serving(), fs::read_dir(world.path("models/objects")));
    let told = said(world.night("hopeful").output().unwrap());
    let reasons = "worse by log_loss; worse by brier; worse by accuracy";
    assert!(told.starts_with("refused: night=n1 ") && told.contains(reasons), "{told}");
    assert_eq!(world.serving(), parent);
    assert_eq!(store.unwrap().count(), 1, "the loser is not in the store");
    let night = world.archived();
    assert_eq!(night["outcome"], "refused");
    assert!(night["reasons"].as_array().unwrap().len() >= 4, "{night}");
    let kept = fs::read(world.path("nights/n1/candidate/model.onnx")).unwrap();
    assert_eq!(kept, fs::read(world.path("hopeful/model.onnx")).unwrap());
}

/// What the night learns from is what `corelane features` writes of the recording itself: a replay at
/// full speed changes no time.
#[test]
fn features_of_a_journal_are_those_of_its_recording() {
    let world = hopeful_serves();
    said(world.night("fair").output().unwrap());
    let data = format!("--data={}", crate::support::recording().display());
    world.good(&["features", &data, "--out=whole.feat"]);
    let night = fs::read(world.path("nights/n1/features/001-BTCUSDT.feat")).unwrap();
    assert!(night == fs::read(world.path("whole.feat")).unwrap());
}

/// SIGKILL at every rename, which is where a stage or a file becomes whole, at some of the other calls
/// in between, and in the middle of the training; a start again ends with the same bytes.
#[test]
fn a_kill_anywhere_and_a_start_again_end_as_a_night_that_was_left_alone() {
    let name = "a_kill_anywhere_and_a_start_again";
    let traced = ["-qq", "-e", "trace=rename", "-o", "/dev/null", "true"];
    if !Command::new("strace").args(traced).output().is_ok_and(|out| out.status.success()) {
        eprintln!("SKIPPED {name}: strace cannot be started or may not trace here");
        return;
    }
    let world = hopeful_serves();
    let strace = |how: &[&str]| {
        let night = world.night("fair");
        let mut command = Command::new("strace");
        command.args(["-qq", "-o", "trace.log"]).args(how);
        command.arg(night.get_program()).args(night.get_args());
        command.current_dir(world.path(""));
        for (key, value) in night.get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        command.output().unwrap()
    };
    said(strace(&["-e", "trace=rename,fsync,openat,unlink,mkdir"]));
    let wanted = world.bytes();
    let calls = fs::read_to_string(world.path("trace.log")).unwrap();
    let all = std::env::var("CORELANE_SWEEP").is_ok_and(|value| value == "all");
    let mut killed = 0;
    for (call, few) in [("rename", 100), ("fsync", 4), ("openat", 4), ("mkdir", 2)] {
        let count = calls.lines().filter(|line| line.split('(').next() == Some(call)).count();
        assert!(count > 4, "{count} of {call}");
        let step = if all { 1 } else { count.div_ceil(few) };
        for when in (1..=count).rev().step_by(step) {
            world.reset();
            let inject = format!("inject={call}:signal=KILL:when={when}");
            let output = strace(&["-e", &format!("trace={call}"), "-e", &inject]);
            assert_eq!(output.status.signal(), Some(9), "{call} {when}: {output:?}");
            killed += 1;
            said(world.night("fair").output().unwrap());
            differ(&world, &wanted, &format!("{call} {when}"));
        }
    }
    eprintln!("killed at {killed} calls");
    assert!(killed >= 20, "{killed}");
}

fn differ(
    world: &World,
    wanted: &std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>,
    what: &str,
) {
    let found = world.bytes();
    let names = |all: &std::collections::BTreeMap<_, _>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(wanted), "{what}");
    for (path, bytes) in wanted {
        assert!(found.get(path) == Some(bytes), "{what}: {} differs", path.display());
    }
}

#[test]
fn a_kill_in_the_middle_of_training_takes_the_script_along() {
    let world = hopeful_serves();
    said(world.night("fair").output().unwrap());
    let wanted = world.bytes();
    world.reset();
    let mark = world.path("killed");
    let output = world.night("fair").env("CORELANE_TEST_KILL", &mark).output().unwrap();
    assert_eq!(output.status.signal(), Some(9), "{output:?}");
    let pid = fs::read_to_string(&mark).unwrap();
    let stat = Path::new("/proc").join(pid.trim()).join("stat");
    // It ends by itself, or this test does not.
    let is_gone = || fs::read_to_string(&stat).map_or(true, |text| text.contains(") Z "));
    while !is_gone() {
        std::thread::park_timeout(Duration::from_millis(10));
    }
    said(world.night("fair").output().unwrap());
    differ(&world, &wanted, "in the middle of training");
}

#[test]
fn a_night_does_not_go_on_with_what_it_was_not_begun_with() {
    let mut world = hopeful_serves();
    world.bundled("other");
    // Begun, and stopped before the promotion: the exchange trades.
    let mut night = world.night_at("2026-11-24T16:00:00Z", &["runs/day".to_owned()]);
    let output = night.env("CORELANE_TEST_CANDIDATE", world.path("fair")).output().unwrap();
    refused(&output, Exit::CheckFailed, &["live", "calendar=nyse window=market"]);
    let begun = world.bytes();
    assert!(!world.path("nights/n1/night.json").exists());
    // The configuration.
    world.with("epochs", "9");
    let output = world.night("fair").output().unwrap();
    refused(&output, Exit::Configuration, &["night=nights/n1", "stage=gather", "--anew"]);
    world.with("epochs", "8");
    // The script.
    let script = world.path("script/stand_in.sh");
    let text = fs::read_to_string(&script).unwrap();
    fs::write(&script, format!("{text}\n")).unwrap();
    let output = world.night("fair").output().unwrap();
    refused(&output, Exit::Configuration, &["stage=train", "inputs of train.json"]);
    fs::write(&script, text).unwrap();
    // A feature file, the candidate, a journal.
    for (file, part) in [
        ("nights/n1/features/001-BTCUSDT.feat", "files in features/"),
        ("nights/n1/candidate/model.onnx", "files in candidate/"),
        ("runs/day/journal/000001.clj", "journal of runs/day"),
    ] {
        let bytes = fs::read(world.path(file)).unwrap();
        fs::write(world.path(file), [&bytes[..], b"x"].concat()).unwrap();
        let output = world.night("fair").output().unwrap();
        refused(&output, Exit::Configuration, &["changed=", part]);
        fs::write(world.path(file), bytes).unwrap();
    }
    // The incumbent.
    world.serve("other");
    let output = world.night("fair").output().unwrap();
    refused(&output, Exit::Configuration, &["stage=gather", "changed=\"incumbent\""]);
    world.good(&["models", "--public-key=models.pub", "rollback", "bin_ctabl"]);
    for (path, bytes) in begun {
        let is = if path.is_symlink() { continue } else { fs::read(&path).unwrap() };
        assert!(is == bytes, "{} was changed by a refused start", path.display());
    }
    // As it was it goes on where it stopped, at the promotion.
    let told = said(world.night("fair").output().unwrap());
    assert!(told.contains("promoted: "), "{told}");
    // And anew it is another night, unless it is archived.
    let output = world.night("fair").arg("--anew").output().unwrap();
    refused(&output, Exit::Arguments, &["the night is archived", "nights/n1"]);
}

#[test]
fn anew_throws_an_unfinished_night_away() {
    let mut world = hopeful_serves();
    world.with("script", "\"script/none.sh\"");
    let output = world.night("fair").output().unwrap();
    refused(&output, Exit::Configuration, &["train.script", "script/none.sh"]);
    assert!(world.path("nights/n1/build.json").exists());
    world.with("script", "\"script/stand_in.sh\"");
    refused(&world.night("fair").output().unwrap(), Exit::Configuration, &["--anew"]);
    let told = said(world.night("fair").arg("--anew").output().unwrap());
    assert!(told.contains("promoted: "), "{told}");
}

#[test]
fn the_script_runs_at_the_rank_and_with_the_threads_of_the_configuration() {
    let mut world = hopeful_serves();
    world.with("nice", "7");
    world.with("idle", "true");
    let rank = world.path("rank");
    let output = world.night("fair").env("CORELANE_TEST_RANK", &rank).output().unwrap();
    let said_by = String::from_utf8_lossy(&output.stderr).into_owned();
    if said_by.contains("cannot lower this process") {
        eprintln!("SKIPPED the_script_runs_at_the_rank: {said_by}");
        return;
    }
    said(output);
    let text = fs::read_to_string(rank).unwrap();
    let fields: Vec<&str> = text.rsplit_once(") ").unwrap().1.split_whitespace().collect();
    assert_eq!((fields[16], fields[38]), ("7", "5"), "nice and the idle class: {text}");
    assert!(text.ends_with("threads 1\n"), "{text}");
}

#[test]
fn bad_input_gives_one_line_and_its_exit_code() {
    let mut world = hopeful_serves();
    let base = ["train", "nightly", "--night=n1"];
    let run = |args: &[&str]| world.command(&[&base[..], args].concat()).output().unwrap();
    refused(&run(&["--config=none.toml"]), Exit::Resource, &["none.toml"]);
    world.configure();
    let text = fs::read_to_string(world.path("nightly.toml")).unwrap();
    let bad = text.replace("main = \"log_loss\"", "main = \"sharpe\"").replace("gaps_max", "gaps");
    fs::write(world.path("bad.toml"), bad).unwrap();
    let output = run(&["--config=bad.toml"]);
    refused(&output, Exit::Configuration, &["key=data.gaps"]);
    let lines = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(lines.contains("key=judge.main found=\"sharpe\" allowed=(\"log_loss\""), "{lines}");
    let twice = text.replace("[\"brier\", ", "[\"log_loss\", ");
    fs::write(world.path("bad.toml"), twice).unwrap();
    refused(&run(&["--config=bad.toml"]), Exit::Configuration, &["key=judge.others"]);
    let config = "--config=nightly.toml";
    let at = |args: &[&str]| run(&[&[config][..], args].concat());
    refused(&at(&["--at=noon"]), Exit::Arguments, &["--at=noon"]);
    let output = world.command(&["train", "nightly", config, "--night=../n"]).output().unwrap();
    refused(&output, Exit::Arguments, &["--night=../n"]);
    refused(&at(&[]), Exit::Resource, &["no journal to learn from", "looked_in=runs"]);
    refused(&at(&["runs/none"]), Exit::Resource, &["journal refused", "run=runs/none"]);
    // One market twice.
    world.record("again", &crate::support::recording());
    let output = at(&["runs/day", "runs/again"]);
    refused(&output, Exit::Resource, &["symbol=BTCUSDT", "001-BTCUSDT.feat,002-BTCUSDT.feat"]);
    fs::remove_dir_all(world.path("nights")).unwrap();
    // Another night runs.
    fs::create_dir(world.path("nights")).unwrap();
    let lock = fs::File::create(world.path("nights/lock")).unwrap();
    lock.lock().unwrap();
    refused(&at(&["runs/day"]), Exit::Resource, &["another night runs", "nights/lock"]);
    drop(lock);
    // A script that fails, an interpreter that is not there.
    fs::write(world.path("script/stand_in.sh"), "echo trouble; exit 3\n").unwrap();
    let output = world.night("fair").output().unwrap();
    refused(&output, Exit::Resource, &["training: failed", "exit status: 3", "said: trouble"]);
    world.with("python", "\"none/python\"");
    let output = world.night("fair").arg("--anew").output().unwrap();
    refused(&output, Exit::Resource, &["training: failed", "none/python"]);
    world.with("held_out_s", "400");
    let output = world.night("fair").arg("--anew").output().unwrap();
    refused(&output, Exit::Resource, &["nothing is left to train on", "held_out_s=400"]);
}

#[test]
fn held_out_time_that_is_too_short_ends_the_night_without_a_verdict() {
    let mut world = hopeful_serves();
    let parent = world.serving();
    world.with("held_out_s", "150");
    let output = world.night("fair").output().unwrap();
    refused(&output, Exit::CheckFailed, &["no-verdict", "held-out time is too short: windows="]);
    assert_eq!(world.archived()["outcome"], "no-verdict");
    assert_eq!(world.serving(), parent);
}

/// The bundled recording with a gap in the middle.
fn with_a_gap(path: &Path) {
    let whole = tape::read_all(crate::support::recording()).unwrap();
    let mut writer = RecordingWriter::create(path, &Header::default(), Compression::None).unwrap();
    for (n, frame) in whole.frames().enumerate() {
        if n == 2_000 {
            let mut gap = wire::market::Gap {
                header: wire::FrameHeader::new::<wire::market::Gap>(),
                reason: wire::market::GapReason::Sequence.code(),
                ..bytemuck::Zeroable::zeroed()
            };
            let at = wire::frame::header(frame).unwrap();
            gap.header.ts_recv_ns = at.ts_recv_ns;
            gap.header.ts_event_ns = at.ts_event_ns;
            gap.header.venue_id = at.venue_id;
            writer.push(bytemuck::bytes_of(&gap)).unwrap();
        }
        writer.push(frame).unwrap();
    }
    writer.finish().unwrap();
}

/// A real model server: it changes to the winner, or refuses it and everything is as it was.
#[test]
fn a_running_sidecar_serves_the_winner_or_the_incumbent_stays() {
    let mut world = hopeful_serves();
    let (parent, candidate) = (world.serving(), address(&world.path("fair")));
    world.with("socket", "\"signal.sock\"");
    let (server, _) = Server::start(&world.path(""), "models", AMPLE, &[]);
    let told = said(world.night("fair").output().unwrap());
    assert!(told.contains("sidecar serves: ") && told.contains("generation=2"), "{told}");
    assert_eq!(world.serving(), candidate);
    assert!(server.end().contains("generation=2 swaps=1 swaps_failed=0"));
    // It wants to see live requests first, and there are none.
    world.reset();
    world.with("answers", "5");
    let (server, _) = Server::start(&world.path(""), "models", AMPLE, &["--shadow-patience-s=1"]);
    let output = world.night("fair").output().unwrap();
    refused(&output, Exit::CheckFailed, &["not-served", "night=n1", "refuses the model"]);
    assert_eq!(world.serving(), parent, "the links are where they were");
    assert!(server.end().contains("generation=1 swaps=0 swaps_failed=1"));
    let night = world.archived();
    assert_eq!(
        (&night["outcome"], &night["verdict"]["word"]),
        (&Value::from("not-served"), &Value::from("promote"),)
    );
}

#[test]
fn a_journal_with_gaps_is_refused_unless_so_many_are_allowed() {
    let mut world = hopeful_serves();
    with_a_gap(&world.path("gap.clrec"));
    fs::remove_dir_all(world.path("runs/day")).unwrap();
    world.record("day", &world.path("gap.clrec"));
    let output = world.night("fair").output().unwrap();
    refused(&output, Exit::Resource, &["run=runs/day", "market data has gaps", "gaps=1 allowed=0"]);
    world.with("gaps_max", "1");
    let output = world.night("fair").arg("--anew").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!told.contains("has gaps"), "{told}");
}

#[test]
fn without_folders_named_the_runs_of_the_nights_date_are_taken() {
    let world = hopeful_serves();
    world.record("later", &crate::support::recording());
    let journal = tape::journal::JournalReader::open(&world.path("runs/day/journal")).unwrap();
    let begun = journal.heads().next().unwrap().begun.utc_ns / 1_000_000_000;
    let date = Command::new("date").args(["-u", &format!("-d@{begun}"), "+%F"]).output().unwrap();
    let date = String::from_utf8(date.stdout).unwrap();
    fs::rename(world.path("runs/later"), world.path("later")).unwrap();
    world.configure();
    let night = ["train", "nightly", "--config=nightly.toml", "--at=2026-11-24T08:00:00Z"];
    let mut command = world.command(&night);
    command.arg(format!("--night={}", date.trim()));
    command.env("CORELANE_TEST_CANDIDATE", world.path("fair"));
    assert!(said(command.output().unwrap()).contains("promoted: "));
    let archive = world.path("nights").join(date.trim()).join("gather.json");
    let gathered = crate::support::json(&fs::read_to_string(archive).unwrap());
    assert_eq!(gathered["result"]["journals"][0]["run"], "runs/day");
    assert_eq!(gathered["result"]["journals"].as_array().unwrap().len(), 1);
    let mut other = world.command(&night);
    let output = other.arg("--night=2020-02-02").output().unwrap();
    refused(&output, Exit::Resource, &["no journal to learn from", "night=2020-02-02"]);
}

/// An engine that trades, ended when the test is.
struct Trading(std::process::Child);

impl Drop for Trading {
    fn drop(&mut self) {
        // Ended already where the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn nothing_is_promoted_while_a_station_is_live() {
    let mut world = hopeful_serves();
    let (parent, day) = (world.serving(), crate::support::recording());
    let config = world.station(&day, "BTCUSDT", "1");
    let mut engine = Command::new(crate::support::program("corelane-engine"));
    engine.arg(format!("--config={}", config.display()));
    engine.arg(format!("--run-dir={}", world.path("runs/live").display()));
    let trading = Trading(engine.stderr(std::process::Stdio::null()).spawn().unwrap());
    let status = || {
        let output = world.command(&["ctl", "status"]).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default()["mode"].clone()
    };
    // It gets there, or ends and this test with it.
    while status() != "LIVE" {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let output = world.night("fair").output().unwrap();
    refused(&output, Exit::CheckFailed, &["something is live", "station_mode=LIVE"]);
    assert_eq!(world.serving(), parent);
    drop(trading);
    let told = said(world.night("fair").output().unwrap());
    assert!(told.contains("promoted: "), "{told}");
    world.reset();
    world.with("while_live", "true");
    let mut night = world.night_at("2026-11-24T16:00:00Z", &["runs/day".to_owned()]);
    night.env("CORELANE_TEST_CANDIDATE", world.path("fair"));
    assert!(
        said(night.output().unwrap()).contains("promoted: "),
        "allowed while the market is open"
    );
}

#[test]
fn a_journal_that_does_not_verify_is_refused_by_name_or_left_out() {
    let mut world = hopeful_serves();
    world.record("torn", &crate::support::recording());
    let first = world.path("runs/torn/journal/000001.clj");
    let mut bytes = fs::read(&first).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    fs::write(&first, bytes).unwrap();
    let output = world.night("fair").arg("runs/torn").output().unwrap();
    refused(&output, Exit::Resource, &["journal refused", "run=runs/torn", "000001.clj"]);
    world.with("leave_out", "true");
    let told = said(world.night("fair").args(["runs/torn", "--anew"]).output().unwrap());
    assert!(told.contains("promoted: "), "{told}");
    let night = world.archived();
    assert_eq!(night["data"]["journals"].as_array().unwrap().len(), 1);
    let left = night["data"]["refused"][0].as_str().unwrap();
    assert!(left.contains("run=runs/torn"), "{left}");
}
