//! Limits through the real programs: every bad file is refused with key, found and allowed, only a
//! signed file with a higher epoch is taken, and a running station is tightened at once.

use crate::bad_input::refused;
use crate::support::{clean, command, config, corelane, json, root, set};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use wire::exit::Exit;

fn demo() -> String {
    fs::read_to_string(root().join("config/limits.toml")).unwrap()
}

/// The demo's limits with one replacement that must hit.
fn with(from: &str, to: &str) -> String {
    let changed = demo().replacen(from, to, 1);
    assert_ne!(changed, demo(), "{from}");
    changed
}

/// A folder with limits and a configuration that names them.
struct Desk {
    dir: tempfile::TempDir,
    limits: PathBuf,
}

impl Desk {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let limits = dir.path().join("limits.toml");
        fs::write(&limits, text).unwrap();
        Self { dir, limits }
    }

    fn path(&self) -> &str {
        self.limits.to_str().unwrap()
    }

    /// A configuration like the demo's with these limits; `more` goes into `[limits]`.
    fn config(&self, more: &str, change: impl Fn(String) -> String) -> String {
        let limits = format!("\"{}\"\n{more}", self.path());
        let file = config(self.dir.path(), |text| change(set(&text, "file", &limits)));
        format!("--config={}", file.display())
    }

    fn limits(&self, args: &[&str]) -> Output {
        command(&[&["limits"], args].concat()).current_dir(self.dir.path()).output().unwrap()
    }

    /// Makes keys and signs the file.
    fn sign(&self) {
        if !self.dir.path().join("limits.key").is_file() {
            clean(self.limits(&["keygen", "--out=."]));
        }
        clean(self.limits(&["sign", "--key=limits.key", "limits.toml"]));
    }

    fn verify(&self, key: &str) -> Output {
        self.limits(&["verify", &format!("--public-key={key}"), "limits.toml"])
    }
}

#[test]
fn the_demos_limits_are_good_and_told_with_epoch_and_hash() {
    let said = clean(corelane(&["limits", "check", "config/limits.toml"]));
    assert!(said.starts_with("OK config/limits.toml: epoch=1 sha256="), "{said}");
    assert!(said.contains("firm, 1 venues, 2 strategies, 1 symbols (BTCUSDT)"), "{said}");
}

/// Both the check and the station refuse it, with every part in one line.
fn bad(desk: &Desk, exit: Exit, parts: &[&str]) {
    refused(&desk.limits(&["check", desk.path()]), exit, parts);
    refused(&corelane(&["run", &desk.config("", |text| text)]), exit, parts);
    assert!(!desk.dir.path().join("runs").exists(), "no run was begun");
}

#[test]
fn every_kind_of_bad_file_is_refused_with_key_found_and_allowed() {
    let twice = format!("{}[symbol.BTCUSDT]\n", demo());
    let collar = "price_collar_bp = 50";
    let cases: [(&str, &str, &str); 13] = [
        ("", "key=(file) found=an empty file", "[firm]"),
        ("epoch = 1", "key=firm found=nothing", "a section"),
        (&with(collar, ""), "key=symbol.BTCUSDT.price_collar_bp found=nothing", "from 1 to 10000"),
        (&with(collar, "price_collar_bp = 0"), "price_collar_bp found=0", "from 1 to 10000"),
        (&with(collar, "price_collar_bp = -5"), "price_collar_bp found=-5", "from 1 to 10000"),
        (&with(collar, "price_collar_bp = nan"), "found=nan (not finite)", "from 1 to 10000"),
        (&with(collar, "price_collar_bp = inf"), "found=inf (not finite)", "from 1 to 10000"),
        (&with(collar, "price_collar_bp = 50.0"), "found=50.0", "a whole number"),
        (
            &with(collar, "price_collar_bp = 50\nbypass = true"),
            "bypass found=unknown key",
            "one of",
        ),
        (&with(collar, "price_collar_bp = 50\nprice_collar_bp = 9"), "a second time", "once"),
        (&twice, "key=BTCUSDT found=a second time", "each section once"),
        (&with("epoch = 1", "epoch = 0"), "line=11 key=epoch found=0", "from 1"),
        (
            &with("[strategy.momentum]", "[strategy.nobody]"),
            "found=\"momentum\"",
            "[strategy.NAME]",
        ),
    ];
    for (text, found, allowed) in cases {
        bad(&Desk::new(text), Exit::Configuration, &["limits.toml", found, allowed]);
    }
}

#[test]
fn a_file_that_is_missing_or_that_others_may_write_is_refused() {
    let desk = Desk::new(&demo());
    fs::set_permissions(&desk.limits, fs::Permissions::from_mode(0o666)).unwrap();
    bad(&desk, Exit::Configuration, &["key=(mode) found=0666, world-writable", "chmod o-w"]);
    fs::remove_file(&desk.limits).unwrap();
    bad(&desk, Exit::Resource, &["key=(file) found=nothing", "a regular file"]);
}

#[test]
fn all_problems_of_a_file_are_told_in_one_run() {
    let text = with("max_fill_lots = 200_000", "max_fill_lots = -1")
        .replace("fx = \"base\"", "fx = \"euro\"")
        .replace("[venue.sim]", "[venue.sim]\nmax_luck = 7");
    let output = Desk::new(&text).limits(&["check", "limits.toml"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.lines().count(), 3, "{said}");
    for key in ["symbol.BTCUSDT.max_fill_lots", "symbol.BTCUSDT.fx", "venue.sim.max_luck"] {
        assert!(said.contains(&format!("key={key} found=")), "{said}");
    }
}

#[test]
fn a_signature_fits_one_file_and_one_key() {
    let desk = Desk::new(&demo());
    desk.sign();
    let said = clean(desk.verify("limits.pub"));
    assert!(said.starts_with("OK limits.toml: epoch=1 sha256="), "{said}");
    let mode = fs::metadata(desk.dir.path().join("limits.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Keys are never written over.
    refused(&desk.limits(&["keygen", "--out=."]), Exit::Resource, &["limits.key"]);
    // Another key.
    fs::create_dir(desk.dir.path().join("other")).unwrap();
    clean(desk.limits(&["keygen", "--out=other"]));
    refused(&desk.verify("other/limits.pub"), Exit::Configuration, &["key=(signature)"]);
    // One digit of the file.
    fs::write(&desk.limits, with("price_collar_bp = 50", "price_collar_bp = 51")).unwrap();
    refused(&desk.verify("limits.pub"), Exit::Configuration, &["key=(signature)", "sha256"]);
    // A file with a problem is not signed.
    fs::write(&desk.limits, with("epoch = 1", "epoch = 0")).unwrap();
    let output = desk.limits(&["sign", "--key=limits.key", "limits.toml"]);
    refused(&output, Exit::Configuration, &["key=epoch"]);
}

/// A live station's configuration.
fn live(text: &str) -> String {
    set(&set(text, "profile", "\"live\""), "start_mode", "\"MAINTENANCE\"")
}

#[test]
fn a_live_station_starts_with_signed_limits_alone() {
    let desk = Desk::new(&demo());
    let parts = ["key=limits.public_key found=nothing", "limits are signed"];
    refused(&corelane(&["run", &desk.config("", |text| live(&text))]), Exit::Configuration, &parts);
    desk.sign();
    let key = format!("public_key = \"{}/limits.pub\"", desk.dir.path().display());
    fs::write(&desk.limits, with("epoch = 1", "epoch = 2")).unwrap();
    let parts = ["limits.toml.sig", "key=(signature)"];
    refused(
        &corelane(&["run", &desk.config(&key, |text| live(&text))]),
        Exit::Configuration,
        &parts,
    );
    fs::remove_file(desk.dir.path().join("limits.toml.sig")).unwrap();
    refused(
        &corelane(&["run", &desk.config(&key, |text| live(&text))]),
        Exit::Resource,
        &["limits.toml.sig"],
    );
}

#[test]
fn an_epoch_that_was_taken_before_is_not_taken_with_another_file() {
    let desk = Desk::new(&demo());
    let state = desk.dir.path().join("state");
    fs::create_dir(&state).unwrap();
    let keep = |text: String| {
        let line = format!("[session]\nstate_dir = \"{}\"", state.display());
        text.replace("[session]", &line)
    };
    for (last, found) in [(2, "key=epoch found=1 "), (1, "key=epoch found=1 again")] {
        let line = format!("{last} {}\n", "0".repeat(64));
        fs::write(state.join("limits.epoch"), &line).unwrap();
        let output = corelane(&["run", &desk.config("", keep)]);
        refused(&output, Exit::Configuration, &[found, "a stale epoch"]);
        assert_eq!(fs::read_to_string(state.join("limits.epoch")).unwrap(), line, "kept");
    }
}

/// A station that plays, ended when the test is.
struct Station {
    child: Child,
    socket: String,
}

impl Station {
    fn start(desk: &Desk, config: &str) -> Self {
        let program = crate::support::program("corelane-engine");
        let run = desk.dir.path().join("run");
        let mut child = std::process::Command::new(program)
            .args([config, "--speed=1", "--quiet", &format!("--run-dir={}", run.display())])
            .current_dir(root())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let socket = format!("--socket={}", run.join("control.sock").display());
        while !corelane(&["ctl", &socket, "status"]).status.success() {
            assert_eq!(child.try_wait().unwrap(), None, "the engine ended early");
        }
        Self { child, socket }
    }

    fn ctl(&self, args: &[&str]) -> Output {
        corelane(&[&["ctl", &self.socket], args].concat())
    }

    fn limits(&self) -> Value {
        json(&clean(self.ctl(&["limits"])))
    }

    fn until_mode(&self, mode: &str) {
        while json(&clean(self.ctl(&["status"])))["mode"] != mode {}
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        // Ended already where the test shut it down.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_signed(desk: &Desk, path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    desk.sign();
}

#[test]
fn a_running_station_is_tightened_and_takes_a_signed_file_in_maintenance() {
    let desk = Desk::new(&demo());
    desk.sign();
    let key = format!("public_key = \"{}/limits.pub\"", desk.dir.path().display());
    let mut station = Station::start(&desk, &desk.config(&key, |text| text));
    assert_eq!(station.limits()["epoch"], 1);
    let set = ["limits", "set", "symbol:BTCUSDT", "max_long_lots"];
    let said = clean(station.ctl(&[&set[..], &["9000"]].concat()));
    assert!(said.contains("symbol:BTCUSDT max_long_lots 15000 -> 9000"), "{said}");
    let looser = station.ctl(&[&set[..], &["9001"]].concat());
    refused(&looser, Exit::CheckFailed, &["no tighter than 9000", "a signed file"]);
    let stranger = station.ctl(&["limits", "set", "symbol:DOGE", "max_long_lots", "1"]);
    refused(&stranger, Exit::Arguments, &["symbol=DOGE", "BTCUSDT"]);
    assert_eq!(station.limits()["tightened"][0]["value"], 9_000);
    write_signed(&desk, &desk.limits, &with("epoch = 1", "epoch = 2"));
    let load = ["limits", "load", desk.path()];
    refused(&station.ctl(&load), Exit::CheckFailed, &["not MAINTENANCE"]);
    station.until_mode("LIVE");
    clean(station.ctl(&["mode", "maintenance"]));
    station.until_mode("MAINTENANCE");
    clean(station.ctl(&load));
    while station.limits()["taking"] == true {}
    assert_eq!(station.limits()["epoch"], 2);
    assert_eq!(station.limits()["tightened"].as_array().map(Vec::len), Some(0));
    fs::write(&desk.limits, with("epoch = 1", "epoch = 3")).unwrap();
    refused(&station.ctl(&load), Exit::CheckFailed, &["key=(signature)"]);
    let halt = station.ctl(&["halt", "--scope=strategy:nobody", "--reason=test"]);
    refused(&halt, Exit::Arguments, &["strategy=nobody", "momentum"]);
    refused(
        &station.ctl(&["rearm", "--strategy=momentum", "--reason="]),
        Exit::CheckFailed,
        &["needs a reason"],
    );
    assert_eq!(station.limits()["epoch"], 2);
    clean(station.ctl(&["shutdown"]));
    assert!(station.child.wait().unwrap().success());
}
