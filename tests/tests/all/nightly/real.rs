//! Nights with the real training script: on the bundled recording, and on all recordings of
//! `../shared/data`.
//!
//! They need the packages of `sidecars/signal/training/requirements.txt`: of `python3`, or of the
//! interpreter that `CORELANE_TRAINING_PYTHON` names. Without them they are skipped by name.

use super::world::{World, said};
use super::{FAIR, HOPEFUL};
use crate::support::root;
use std::path::PathBuf;
use std::process::Command;

/// The interpreter, where it has the packages.
fn python(test: &str) -> Option<String> {
    let named = std::env::var("CORELANE_TRAINING_PYTHON").ok().filter(|name| !name.is_empty());
    let python = named.unwrap_or_else(|| "python3".to_owned());
    let check = "import numpy, onnx, onnxruntime, onnxscript, sklearn, torch, tract";
    let found = Command::new(&python).args(["-c", check]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    eprintln!("SKIPPED {test}: {python} lacks packages of sidecars/signal/training");
    None
}

/// The night is run by a script of the repository.
fn trained_by(world: &mut World, python: &str, script: &str) {
    world.with("python", format!("\"{python}\""));
    world.with("script", format!("\"{}\"", root().join(script).display()));
}

const SCRIPT: &str = "sidecars/signal/training/fine_tune.py";
const NOISY: &str = "tests/nightly/noisy.py";
const SHUFFLED: &str = "tests/nightly/shuffled.py";

#[test]
fn a_tuned_model_takes_the_place_of_a_damaged_one() {
    let Some(python) = python("a_tuned_model_takes_the_place_of_a_damaged_one") else { return };
    let mut world = World::new(|world| world.biased("hopeful", HOPEFUL));
    trained_by(&mut world, &python, SCRIPT);
    let told = said(world.night("none").output().unwrap());
    eprintln!("{}", told.lines().last().unwrap_or(""));
    assert!(told.contains("promoted: "), "{told}");
    let night = world.archived();
    assert_eq!(world.serving(), night["candidate"]["address"].as_str().unwrap());
    // It was begun from the incumbent, and says so.
    let manifest = std::fs::read(world.path("nights/n1/candidate/manifest.json")).unwrap();
    let manifest = crate::support::json(&String::from_utf8(manifest).unwrap());
    assert_eq!(manifest["parent"], night["parent"]["address"]);
    // Tuned again it is the same to the byte.
    let wanted = world.bytes();
    world.reset();
    said(world.night("none").output().unwrap());
    assert!(world.bytes() == wanted, "another candidate from the same data");
}

#[test]
fn a_model_with_noise_on_its_weights_is_refused() {
    let Some(python) = python("a_model_with_noise_on_its_weights_is_refused") else { return };
    let mut world = World::new(|world| world.biased("fair", FAIR));
    trained_by(&mut world, &python, NOISY);
    let told = said(world.night("none").output().unwrap());
    eprintln!("{}", told.lines().last().unwrap_or(""));
    assert!(told.contains("refused: ") && told.contains("worse by log_loss"), "{told}");
}

/// Imports the recordings of `../shared/data`, each into a run; their folders.
fn record_all(world: &World, raw: &std::path::Path) -> Vec<String> {
    let sources = [
        ("usdm", "ETHUSDT", "linear-perp", "0.01", "0.001", vec!["usdm_ethusdt_20240808"], None),
        ("cm", "BTCUSD_PERP", "inverse-perp", "0.1", "1", vec!["cm_btcusd_perp_20240808"], None),
        ("spot1", "BTCUSDT", "spot", "0.01", "0.000001", vec!["spot_btcusdt_20240808"], None),
        (
            "spot2",
            "BTCUSDT",
            "spot",
            "0.01",
            "0.000001",
            vec!["spot_btcusdt_20240808", "spot_btcusdt_20240809"],
            Some("--from=2024-08-09T00:00:00Z"),
        ),
    ];
    let mut runs = Vec::new();
    for (name, symbol, kind, tick, lot, files, from) in sources {
        let out = world.path(&format!("{name}.clrec"));
        let mut args = vec![
            "import".to_owned(),
            "--format=binance-jsonl".to_owned(),
            format!("--symbol={symbol}"),
            format!("--type={kind}"),
            format!("--tick={tick}"),
            format!("--lot={lot}"),
            format!("--out={}", out.display()),
        ];
        let file = |file: &str| format!("--in={}", raw.join(format!("{file}.jsonl.gz")).display());
        args.extend(files.into_iter().map(file));
        args.extend(from.map(str::to_owned));
        world.good(&args.iter().map(String::as_str).collect::<Vec<_>>());
        world.record_of(name, &out, symbol);
        runs.push(format!("runs/{name}"));
    }
    runs
}

#[test]
fn on_all_recordings_a_better_model_is_promoted_and_a_worse_one_refused() {
    let name = "on_all_recordings_a_better_model_is_promoted_and_a_worse_one_refused";
    let shared = std::env::var_os("CORELANE_SHARED_DATA")
        .map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let raw = shared.join("binance-raw");
    if !raw.join("spot_btcusdt_20240809.jsonl.gz").is_file() {
        eprintln!("SKIPPED {name}: no {}", raw.display());
        return;
    }
    let Some(python) = python(name) else { return };
    let mut world = World::new(|world| world.biased("hopeful", HOPEFUL));
    std::fs::remove_dir_all(world.path("runs/day")).unwrap();
    let runs = record_all(&world, &raw);
    world.biased("fair", FAIR);
    world.with("held_out_s", "300");
    for (incumbent, script, outcome) in
        [("hopeful", SCRIPT, "promoted: "), ("fair", SHUFFLED, "refused: ")]
    {
        world.reset();
        if incumbent == "fair" {
            world.serve("fair");
        }
        trained_by(&mut world, &python, script);
        let told = said(world.night_at("2026-11-24T08:00:00Z", &runs).output().unwrap());
        let last = told.lines().last().unwrap_or("");
        eprintln!("{incumbent}, {script}: {last}");
        assert!(last.starts_with(outcome), "{incumbent}, {script}: {told}");
    }
}
