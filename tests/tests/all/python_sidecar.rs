//! A real station with a sidecar in Python at its socket: the answers reach the engine. The examples
//! of `sidecars/python`, the plain one and the one round a scikit-learn model.

use crate::support::{clean, command, config, json, root, set};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A Python sidecar that listens.
struct Sidecar {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
    socket: PathBuf,
}

impl Sidecar {
    fn start(dir: &Path, example: &str, model: &Path) -> Self {
        let socket = dir.join("python.sock");
        let mut child = Command::new("python3")
            .args(["-B", &format!("sidecars/python/examples/{example}")])
            .arg(format!("--socket={}", socket.display()))
            .current_dir(root())
            .env("PYTHONPATH", "sidecars/python")
            .env("CORELANE_MODEL", model)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert_eq!(line, format!("listening at {}\n", socket.display()));
        Self { child, said, socket }
    }

    /// Ends it with SIGTERM; how many requests it answered, of how many.
    fn end(mut self) -> (u64, u64) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut last = String::new();
        self.said.read_to_string(&mut last).unwrap();
        assert!(self.child.wait().unwrap().success(), "{last}");
        let mut numbers = last.split_whitespace().filter_map(|word| word.parse().ok());
        (numbers.next().unwrap(), numbers.next().unwrap())
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        // Ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The station with this socket and no model of its own; the summary and what it said.
fn station(dir: &Path, socket: &Path) -> (Value, String) {
    let file = config(dir, |text| {
        let named = format!("socket = \"{}\"", socket.display());
        let lines: Vec<&str> = text
            .lines()
            .map(|line| if line.contains("models/bin_ctabl") { named.as_str() } else { line })
            .collect();
        // A busy machine's answers are old in engine time, not late.
        set(&set(&(lines.join("\n") + "\n"), "ttl_ms", "60000"), "speed", "24")
    });
    let run = ["run", "--json", &format!("--config={}", file.display())];
    let output = command(&run).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (json(&clean(output)), said)
}

fn lacks(test: &str, modules: &str) -> bool {
    let check = format!("import sys; assert sys.version_info >= (3, 10); import {modules}");
    let found = Command::new("python3").args(["-c", &check]).output();
    let lacks = !found.is_ok_and(|output| output.status.success());
    if lacks {
        eprintln!("SKIPPED {test}: no python3 of 3.10 or later with {modules}");
    }
    lacks
}

fn answers_reach_the_engine(example: &str, model: &Path, dir: &Path) {
    let sidecar = Sidecar::start(dir, example, model);
    let (summary, said) = station(dir, &sidecar.socket);
    assert!(!said.contains("corelane-signal"), "it starts no sidecar of its own: {said}");
    let (answered, asked) = sidecar.end();
    let counted = |what: &str| summary["signal"][what].as_u64().unwrap();
    assert_eq!(summary["events"], summary["data"]["events"], "every event went through");
    assert!(asked > 100, "asked {asked} times");
    // The last answers meet a station that has ended.
    assert!(answered <= asked && answered * 10 >= asked * 9, "{answered} of {asked} answered");
    let received = counted("received");
    assert!(received <= answered && received * 10 >= answered * 9, "{answered} sent: {summary}");
    assert_eq!(counted("refused"), 0, "the bridge believes each: {summary}");
    // What is left of them was shed: newer requests waited.
    let scores = counted("answers");
    assert!(scores > 50 && scores + counted("unusable") <= received, "{summary}");
}

#[test]
fn the_plain_example_gives_a_station_its_scores() {
    if lacks("the_plain_example_gives_a_station_its_scores", "socket") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    answers_reach_the_engine("imbalance.py", Path::new(""), dir.path());
}

/// Fits a small model, on windows whose label is the sign of the imbalance.
const TRAIN: &str = "
import joblib, numpy, sys
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
draw = numpy.random.default_rng(7)
windows = draw.integers(1, 1000, (300, 400)).astype(numpy.float32)
lean = windows[:, 363] - windows[:, 361]
labels = numpy.digitize(lean, [-200, 200])
model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(windows, labels)
joblib.dump(model, sys.argv[1])
";

#[test]
fn a_scikit_learn_model_gives_a_station_its_scores() {
    if lacks("a_scikit_learn_model_gives_a_station_its_scores", "numpy, joblib, sklearn") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("logistic.joblib");
    let trained = Command::new("python3").args(["-c", TRAIN]).arg(&model).output().unwrap();
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    answers_reach_the_engine("logistic.py", &model, dir.path());
}
