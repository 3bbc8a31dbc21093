//! Promise 10: bad input gives one clear line that names the thing, the place and the next step,
//! and the right exit code; what was written so far stays.

use crate::support::{command, config, corelane, json, only_run, recording, root, set};
use std::fs;
use std::process::Output;
use wire::exit::Exit;

/// The program ended with `exit` and said one line per problem, each with every part of `parts`.
pub(crate) fn refused(output: &Output, exit: Exit, parts: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(i32::from(exit.code())), "said: {said}");
    let line = said
        .lines()
        .find(|line| line.starts_with(exit.name()))
        .unwrap_or_else(|| panic!("no line of {}: {said}", exit.name()));
    for part in parts {
        assert!(line.contains(part), "{part:?} is not in: {line}");
    }
    assert!(line.contains("next: "), "no next step in: {line}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_missing_recording() {
    let output = corelane(&["replay", "--data=no/such.clrec", "--speed=max"]);
    refused(&output, Exit::Resource, &["no/such.clrec"]);
}

#[test]
fn a_file_that_is_no_recording() {
    let output = corelane(&["print", "Cargo.toml"]);
    refused(&output, Exit::Resource, &["Cargo.toml"]);
}

#[test]
fn a_truncated_recording_gives_its_good_part_and_says_where_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let whole = fs::read(recording()).unwrap();
    let cut = dir.path().join("cut.clrec");
    fs::write(&cut, &whole[..whole.len() * 2 / 3]).unwrap();
    let path = cut.to_str().unwrap();
    let output = corelane(&["print", path, "--json"]);
    refused(&output, Exit::Resource, &["cut.clrec"]);
    let frames = String::from_utf8_lossy(&output.stdout).lines().count();
    assert!(frames > 10_000, "{frames} frames of the good part");
    let output = corelane(&["replay", &format!("--data={path}"), "--speed=max"]);
    refused(&output, Exit::Resource, &["cut.clrec"]);
}

#[test]
fn a_corrupt_recording() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = fs::read(recording()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    let bad = dir.path().join("bad.clrec");
    fs::write(&bad, bytes).unwrap();
    let output =
        corelane(&["backtest", "--config=config/demo.toml", &format!("--data={}", bad.display())]);
    refused(&output, Exit::Resource, &["bad.clrec"]);
}

#[test]
fn an_unknown_symbol() {
    let data = format!("--data={}", recording().display());
    let output = corelane(&["book", &data, "--instrument=ETHBTC", "--csv"]);
    refused(&output, Exit::Arguments, &["ETHBTC", "BTCUSDT"]);
    let dir = tempfile::tempdir().unwrap();
    let file = config(dir.path(), |text| text.replace("BTCUSDT", "DOGEUSDT"));
    let output = corelane(&["backtest", &format!("--config={}", file.display())]);
    refused(&output, Exit::Configuration, &["DOGEUSDT", "test.toml"]);
}

#[test]
fn a_configuration_with_an_unknown_key_and_one_out_of_range() {
    let dir = tempfile::tempdir().unwrap();
    let file = config(dir.path(), |text| {
        set(&text, "speed", "-3").replace("[session]", "[session]\nfrobnicate = 1")
    });
    let output = corelane(&["run", &format!("--config={}", file.display())]);
    refused(&output, Exit::Configuration, &["test.toml"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("frobnicate") && said.contains("speed"), "both in one run: {said}");
}

#[test]
fn a_configuration_that_is_not_there() {
    let output = corelane(&["run", "--config=config/none.toml"]);
    let code = output.status.code().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("config/none.toml") && said.contains("next: "), "{said}");
    assert_eq!(Exit::from_code(code), Some(Exit::Resource), "{said}");
}

#[test]
fn a_price_off_the_tick_on_import() {
    let dir = tempfile::tempdir().unwrap();
    let raw = dir.path().join("raw.jsonl");
    let line = r#"1723161254087896568 {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63500000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}"#;
    fs::write(&raw, format!("{line}\n")).unwrap();
    let output = corelane(&[
        "import",
        "--format=binance-jsonl",
        &format!("--in={}", raw.display()),
        &format!("--out={}", dir.path().join("out.clrec").display()),
        "--symbol=BTCUSDT",
        "--tick=0.01",
        "--lot=0.00001",
        "--type=spot",
    ]);
    refused(&output, Exit::Resource, &["raw.jsonl", "61837.635"]);
}

#[test]
fn a_missing_model_is_named_and_the_station_goes_on_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let none = dir.path().join("none");
    let file = config(dir.path(), |text| set(&text, "model", &format!("\"{}\"", none.display())));
    let output = corelane(&["backtest", &format!("--config={}", file.display())]);
    refused(&output, Exit::Resource, &["none"]);
    // The station itself goes on without a sidecar and says so.
    let file = config(dir.path(), |text| {
        let text = set(&text, "speed", "\"max\"");
        set(&text, "model", &format!("\"{}\"", none.display()))
    });
    let output = corelane(&["run", "--json", &format!("--config={}", file.display())]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("without"), "it says that it goes on: {said}");
    let summary = json(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(summary["signal"]["answers"], 0);
    assert!(only_run(dir.path()).join("report.html").is_file());
}

#[test]
fn a_model_of_the_wrong_shape_is_named_with_both_shapes() {
    let dir = tempfile::tempdir().unwrap();
    let model = root().join("sidecars/signal/tests/fixtures/wrong_input");
    let file = config(dir.path(), |text| {
        let text = set(&text, "speed", "\"max\"");
        set(&text, "model", &format!("\"{}\"", model.display()))
    });
    let parts = ["wrong_input", "found=window:[1,10,20]", "wanted=window:f32[N,10,40]"];
    let output = corelane(&["backtest", &format!("--config={}", file.display())]);
    refused(&output, Exit::Resource, &parts);
    // The station goes on; the sidecar's own line says what was wrong.
    let output = corelane(&["run", "--json", &format!("--config={}", file.display())]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    assert_eq!(said.matches("goes on without it").count(), 1, "said once: {said}");
    assert!(!said.contains("ended before the run"), "it never was up: {said}");
}

#[test]
fn arguments_that_make_no_sense() {
    for args in [&["frobnicate"][..], &["replay", "--speed=never"], &["export", "x", "--what=y"]] {
        let output = corelane(args);
        assert_eq!(output.status.code(), Some(i32::from(Exit::Arguments.code())), "{args:?}");
        assert!(!output.stderr.is_empty());
    }
    let data = root().join("config");
    let output = corelane(&["export", data.to_str().unwrap(), "--what=fills"]);
    refused(&output, Exit::Arguments, &["journal"]);
}

#[test]
fn a_sweep_that_makes_no_sense_runs_nothing() {
    let sweep = |set: &str| {
        let set = format!("--set={set}");
        let output = corelane(&["backtest", "--config=config/strategies.toml", &set]);
        assert!(output.stdout.is_empty(), "{set}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1, "one line: {set}");
        output
    };
    for (set, exit, parts) in [
        ("quoting.gamma_e6", Exit::Arguments, &["--set", "quoting.gamma_e6", "allowed="][..]),
        ("gamma_e6=1,2", Exit::Arguments, &["gamma_e6=1,2", "NAME.param=a,b,c"]),
        ("quoting.gamma_e6=1,", Exit::Arguments, &["found=", "allowed="]),
        (
            "quoting.gamma_e6=100,0",
            Exit::Configuration,
            &["--set=quoting.gamma_e6", "found=0", "1 to 1000000"],
        ),
        ("quoting.gama=1", Exit::Configuration, &["--set=quoting.gama", "unknown", "gamma_e6"]),
        ("quting.gamma_e6=1", Exit::Configuration, &["found=\"quting\"", "mean-reversion"]),
        ("quoting.name=x", Exit::Configuration, &["found=\"name\"", "allowed="]),
        (
            "mean-reversion.entry_z_e3=2000,400",
            Exit::Configuration,
            &["exit_z_e3", "out of relation", "set=\"mean-reversion.entry_z_e3=400\""],
        ),
    ] {
        refused(&sweep(set), exit, parts);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = command(&["print", recording().to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
