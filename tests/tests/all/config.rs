//! `corelane config`: the files of `config/` are sound, and one that is not is told whole.

use crate::support::{clean, config, corelane, root, set};
use std::fs;

#[test]
fn the_files_of_config_are_sound_and_each_is_named() {
    let said = clean(corelane(&["config", "check"]));
    for part in [
        "OK config/demo.toml: station file: session demo, strategies signal-taker, momentum, ",
        "OK config/limits.toml: limits file: epoch 1, ",
        "OK config/calendar.toml: calendar file: ",
        "OK config/calendar-run.toml: calendar run file: 1 sidecars for config/calendar.toml",
        "OK config/nightly.toml: nightly file: model bin_ctabl of models",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    let toml = |name: &fs::DirEntry| name.path().extension().is_some_and(|end| end == "toml");
    let files = fs::read_dir(root().join("config")).unwrap().flatten().filter(toml).count();
    assert_eq!(said.lines().count(), files, "{said}");
}

#[test]
fn every_problem_of_every_file_is_told_with_its_place_and_what_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let station = config(dir.path(), |text| set(&set(&text, "idle", "\"nap\""), "ttl_ms", "0"));
    let topology = dir.path().join("topology.toml");
    fs::write(&topology, "[topology]\nhot = \"0-1\"\nhousekeeping = \"2-3\"\n").unwrap();
    let stranger = dir.path().join("stranger.toml");
    fs::write(&stranger, "[package]\nname = \"x\"\n").unwrap();
    let missing = dir.path().join("none.toml");
    let files = [&station, &topology, &stranger, &missing].map(|path| path.to_str().unwrap());
    let mut args = vec!["config", "check", "config/limits.toml"];
    args.extend(files);
    let output = corelane(&args);
    assert_eq!(output.status.code(), Some(11), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 5, "{said}");
    for (line, parts) in lines.iter().zip([
        ["CONFIGURATION: ", "test.toml line=", "key=station.idle", "\"busy\" or \"yield\""],
        ["CONFIGURATION: ", "test.toml line=", "key=signal.ttl_ms", "from 1 to 600000"],
        ["CONFIGURATION: ", "topology.toml line=2", "hot=0-1", "without CPU 0"],
        ["CONFIGURATION: ", "stranger.toml", "key=(file)", "[topology]"],
        ["RESOURCE: ", "none.toml", "No such file", "next: "],
    ]) {
        for part in parts {
            assert!(line.contains(part), "{part:?} in {line}");
        }
        assert!(line.contains("; next: "), "{line}");
    }
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.starts_with("OK config/limits.toml: "), "{out}");
}

/// What a station's file names is looked at too: the recording's symbols, the model, the back end.
#[test]
fn what_a_station_names_is_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    for (key, value, code, part) in [
        ("recording", "\"/nowhere.clrec\"", 14, "/nowhere.clrec"),
        ("model", "\"/nowhere\"", 14, "/nowhere/manifest.json"),
        ("backend", "\"cuda\"", 11, "key=signal.backend found=\"cuda\" allowed=(auto,fused"),
        ("instrument", "\"ETHUSDT\"", 11, "one of BTCUSDT of recording"),
    ] {
        let file = config(dir.path(), |text| set(&text, key, value));
        let output = corelane(&["config", "check", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(code), "{key}: {output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(part) && said.contains("; next: "), "{key}: {said}");
    }
}

#[test]
fn a_key_is_explained_and_an_unknown_one_names_what_is_near() {
    let said = clean(corelane(&["config", "explain", "signal.standby"]));
    for part in [
        "signal.standby (station file)\n",
        "\n  allowed   \"none\" or \"auto\" or \"fused\"",
        "\n  default   \"auto\" beside a GPU's back end",
        "\n  read by   corelane run, for corelane-signal",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    let said = clean(corelane(&["config", "explain", "symbol.BTCUSDT.max_long_lots"]));
    for part in [
        "Largest long position, lots",
        "\n  unit      lots\n",
        "a whole number from 0 to 1000000000000000",
        "\n  tighter   lower allows less\n",
        "\n  check     ",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    let output = corelane(&["config", "explain", "limits.max_position"]);
    assert_eq!(output.status.code(), Some(10), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("ARGUMENTS: no such key: key=limits.max_position near=("), "{said}");
    assert!(clean(corelane(&["config", "explain"])).lines().count() > 170);
}
