//! TorchScript through libtorch, where it was built: the doctor finds it, and a run takes its scores
//! from it, shut in by its fences.

use crate::support::{clean, command, config, corelane, json, only_run, root, set};
use corelane_tests::libtorch;
use serde_json::Value;
use std::process::Command;
use std::sync::OnceLock;

const MODEL: &str = "sidecars/signal/models/bin_ctabl";

/// Builds the program beside these where `make torch` has been run: an old one would speak of old
/// frames. `false`, and said, where it has not.
fn built(test: &str) -> bool {
    static BUILT: OnceLock<Result<(), String>> = OnceLock::new();
    let outcome = BUILT.get_or_init(|| {
        let libtorch = libtorch::folder(&root()).ok_or("there is no libtorch (make libtorch)")?;
        let here = std::env::current_exe().unwrap();
        let folder = here.ancestors().nth(2).unwrap();
        let target = folder.parent().unwrap();
        let program = |profile: &str| target.join(profile).join("corelane-torch").is_file();
        if !program("release") && !program("debug") {
            return Err("corelane-torch was never built (make torch)".to_owned());
        }
        let release = folder.ends_with("release").then_some("--release");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--locked", "--quiet", "--target-dir"])
            .arg(target)
            .args(release)
            .env("LIBTORCH", libtorch)
            .current_dir(root().join("sidecars/torch"))
            .status();
        assert!(status.unwrap().success(), "corelane-torch is built anew");
        Ok(())
    });
    if let Err(why) = outcome {
        eprintln!("SKIPPED {test}: {why}");
    }
    outcome.is_ok()
}

fn torch_in(report: &Value) -> Value {
    let states = report["backends"].as_array().unwrap();
    states.iter().find(|state| state["name"] == "torch/cpu").expect("the doctor knows it").clone()
}

#[test]
fn the_doctor_says_whether_torchscript_is_usable_and_why_not() {
    let test = "the_doctor_says_whether_torchscript_is_usable_and_why_not, the usable half";
    let is_built = built(test);
    let report = json(&clean(corelane(&["signal", "doctor", "--json"])));
    let torch = torch_in(&report);
    let why = torch["why"].as_str().unwrap();
    let lists_it = root().join(MODEL).join("model.pt").is_file();
    if is_built {
        assert_eq!(torch["usable"], lists_it, "{torch}");
        let part = if lists_it { "golden vectors" } else { "`model.pt` is not listed" };
        assert!(why.contains(part), "{torch}");
    } else {
        // Not there, or there and without its library.
        assert_eq!(torch["usable"], false, "{torch}");
        assert!(why.contains("make libtorch") && why.contains("make torch"), "{torch}");
    }
}

#[test]
fn a_run_takes_its_scores_from_torchscript() {
    let test = "a_run_takes_its_scores_from_torchscript";
    if !built(test) {
        return;
    }
    if !root().join(MODEL).join("model.pt").is_file() {
        eprintln!("SKIPPED {test}: {MODEL} has no model.pt");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = config(dir.path(), |text| set(&set(&text, "speed", "24"), "backend", "\"torch\""));
    let output = command(&["run", "--json", &format!("--config={}", file.display())]).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let signal = json(&clean(output))["signal"].clone();
    assert_eq!(signal["backend"], "torch/cpu", "{said} {signal:#}");
    assert!(signal["answers"].as_u64() > Some(100), "{said} {signal:#}");
    assert_eq!((&signal["refused"], &signal["unusable"]), (&0.into(), &0.into()), "{signal:#}");
    clean(corelane(&["verify", &only_run(dir.path()).display().to_string()]));
}
