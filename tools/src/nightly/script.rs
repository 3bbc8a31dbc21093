//! Stage 3, train: the training script as a child, and the candidate it leaves.
//!
//! The child has this process's rank, as many threads as configured, dies with this process, and is
//! ended when its time is up. What it gets is a settings file; what it leaves is a model's folder,
//! which counts once it opened as one. Must never: hand it a held-out number it could learn from
//! beyond the cut that it is told, or a key. Main thread waits.

use super::build::{Built, FEATURES};
use super::config::{ModelKeys, TrainKeys};
use super::gather::Gathered;
use super::night::{Hashed, LOG, Night, files_of, hash_of, read};
use crate::backtest::model_failure;
use serde::{Deserialize, Serialize};
use serde_json::json;
use signal::store::Bundle;
use station::operator::Failure;
use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;
use wire::exit::Exit;

/// Folder of the candidate.
pub(super) const CANDIDATE: &str = "candidate";
/// What the script is told.
pub(super) const SETTINGS: &str = "settings.json";
/// Time between two looks at the script.
const LOOK: Duration = Duration::from_millis(50);
/// Where a numeric library reads how many threads it may have.
const THREADS: [&str; 4] =
    ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"];

/// What the script left.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Trained {
    /// SHA-256 of the candidate's manifest: its address in a store.
    pub(super) address: String,
    /// SHA-256 of its model file.
    pub(super) model_sha256: String,
    /// Its files.
    pub(super) files: Vec<Hashed>,
}

/// Hash of the script and everything beside it that it could import.
pub(super) fn code_hash(keys: &TrainKeys) -> Result<String, Failure> {
    let folder = keys.script.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut files = files_of(folder.unwrap_or(Path::new(".")))?;
    let name = keys.script.file_name().map(|name| name.to_string_lossy().into_owned());
    let is_python = |file: &Hashed| Path::new(&file.name).extension().is_some_and(|e| e == "py");
    files.retain(|file| is_python(file) || Some(&file.name) == name.as_ref());
    if !files.iter().any(|file| Some(&file.name) == name.as_ref()) {
        let fields = format!("key=train.script path={}", keys.script.display());
        let next = "correct the configuration";
        return Err(Failure::new(Exit::Configuration, "no training script there", fields, next));
    }
    let texts: Vec<&str> =
        files.iter().flat_map(|file| [file.name.as_str(), file.sha256.as_str()]).collect();
    Ok(hash_of(&texts))
}

/// Trains.
///
/// # Errors
/// `RESOURCE` where the script cannot be started, fails, takes too long or leaves no model.
pub(super) fn train(
    model: &ModelKeys,
    keys: &TrainKeys,
    gathered: &Gathered,
    built: &Built,
    night: &Night,
) -> Result<Trained, Failure> {
    let parent = super::gather::object(model, &gathered.parent.address)?;
    let folder = std::path::absolute(parent.path.parent().unwrap_or(Path::new(".")));
    let folder = folder.map_err(|error| failed(keys, "no folder of the incumbent", &error))?;
    let labels = gathered.parent.labels;
    let files = built.sources.iter().map(|source| Path::new(FEATURES).join(&source.file));
    let settings = json!({
        "incumbent": folder,
        "parent": gathered.parent.address,
        "features": files.collect::<Vec<_>>(),
        "cut_ns": built.cut_ns,
        "horizon_samples": labels.horizon_samples,
        "spread_halves": labels.spread_halves,
        "epochs": keys.epochs,
        "batch": keys.batch,
        "learning_rate_e6": keys.learning_rate_e6,
        "validation_percent": keys.validation_percent,
        "seed": keys.seed,
        "threads": keys.threads,
    });
    night.write(SETTINGS, &settings)?;
    let aside = night.aside(CANDIDATE)?;
    run(keys, night, &aside)?;
    let bundle = Bundle::open(&aside, None).map_err(|error| model_failure(&error))?;
    if bundle.manifest.name != model.name {
        let fields = format!("name={} wanted={}", bundle.manifest.name, model.name);
        let next = "correct the training script";
        return Err(Failure::new(Exit::Resource, "the script left another model", fields, next));
    }
    let files = night.settle(&aside, CANDIDATE)?;
    let (address, model_sha256) = (bundle.address.to_string(), bundle.manifest.sha256);
    Ok(Trained { address, model_sha256, files })
}

/// Starts the script and waits for its end.
fn run(keys: &TrainKeys, night: &Night, aside: &Path) -> Result<(), Failure> {
    let log = night.path().join(LOG);
    let out = File::create(&log).and_then(|file| Ok((file.try_clone()?, file)));
    let (out, err) = out.map_err(|error| failed(keys, "cannot write its log", &error))?;
    let script = keys.script.canonicalize();
    let script = script.map_err(|error| failed(keys, "script cannot be found", &error))?;
    let absolute = std::path::absolute(aside);
    let aside = absolute.map_err(|error| failed(keys, "no folder to write to", &error))?;
    // It runs in the night's folder: a path to the interpreter must not depend on that.
    let python = if keys.python.contains('/') {
        std::path::absolute(&keys.python)
    } else {
        Ok(keys.python.clone().into())
    };
    let python = python.map_err(|error| failed(keys, "no path of an interpreter", &error))?;
    let mut command = Command::new("setpriv");
    // A night that is killed leaves no child that writes on.
    command.args(["--pdeathsig", "KILL", "--"]).arg(python).arg(script);
    command.arg(format!("--settings={SETTINGS}")).arg(format!("--out={}", aside.display()));
    command.current_dir(night.path()).stdin(Stdio::null()).stdout(out).stderr(err);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONHASHSEED", "0");
    for name in THREADS {
        command.env(name, keys.threads.to_string());
    }
    let mut child = command.spawn().map_err(|error| failed(keys, "cannot start", &error))?;
    let looks = keys.limit_s.saturating_mul(1_000) / 50;
    for _ in 0..=looks {
        match child.try_wait().map_err(|error| failed(keys, "is lost", &error))? {
            Some(status) => return ended(keys, status, &log),
            None => std::thread::park_timeout(LOOK),
        }
    }
    // It may have ended since the last look.
    let _ = child.kill();
    let _ = child.wait();
    Err(failed(keys, "takes too long", &format!("limit_s={}", keys.limit_s)))
}

fn ended(keys: &TrainKeys, status: ExitStatus, log: &Path) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&read(log).unwrap_or_default()).into_owned();
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
    let last = last.trim().replace('"', "'");
    Err(failed(keys, "failed", &format!("{status}, said: {last}, log: {}", log.display())))
}

fn failed(keys: &TrainKeys, what: &str, why: &dyn std::fmt::Display) -> Failure {
    let fields = format!("python={} script={} error=\"{why}\"", keys.python, keys.script.display());
    let next = "put it right and start again: the night goes on at this stage";
    Failure::new(Exit::Resource, format!("training: {what}"), fields, next)
}
