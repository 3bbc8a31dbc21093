//! What the tests share: where things are, how a program is run, how a skip is told.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

/// Root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_path_buf()
}

/// A program of ours, built beside this test.
pub(crate) fn program(name: &str) -> PathBuf {
    let here = std::env::current_exe().expect("this test");
    let folder = here.ancestors().nth(2).expect("target/debug");
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing: run `make test`, which builds it", path.display());
    path
}

/// A model server's first words, up to the line that it is ready, and what it says after.
pub(crate) fn until_ready(server: &mut Child) -> (BufReader<ChildStderr>, String) {
    let mut said = BufReader::new(server.stderr.take().expect("a pipe"));
    let mut ready = String::new();
    while !ready.contains(": ready: ") {
        ready.clear();
        assert!(said.read_line(&mut ready).expect("its words") > 0, "it ended before that");
    }
    (said, ready)
}

/// The bundled recording.
pub(crate) fn recording() -> PathBuf {
    root().join("config/demo/btcusdt-20240809.clrec")
}

/// `corelane` with arguments, in the repository's root.
pub(crate) fn corelane(args: &[&str]) -> Output {
    command(args).output().expect("corelane starts")
}

/// The same, to be changed before it starts.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(program("corelane"));
    command.args(args).current_dir(root()).stdin(Stdio::null());
    command.env_remove("ORT_DYLIB_PATH");
    command
}

/// Standard output of a program that must end clean.
pub(crate) fn clean(output: Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {err}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// A JSON object a program printed.
pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e} in {text}"))
}

/// A configuration like the demo's, with its runs in a folder of the test's own and `change`d.
pub(crate) fn config(dir: &Path, change: impl Fn(String) -> String) -> PathBuf {
    let text = std::fs::read_to_string(root().join("config/demo.toml")).expect("demo.toml");
    let text = text
        .replace("\"demo/", &format!("\"{}/config/demo/", root().display()))
        .replace("\"../", &format!("\"{}/", root().display()))
        .replace("\"limits.toml\"", &format!("\"{}/config/limits.toml\"", root().display()));
    let text = set(&text, "dir", &format!("\"{}\"", dir.join("runs").display()));
    let path = dir.join("test.toml");
    std::fs::write(&path, change(text)).expect("config");
    path
}

/// The text with `key = value` in place of the key's line.
pub(crate) fn set(text: &str, key: &str, value: &str) -> String {
    let mut found = false;
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let is_it = line.split('=').next().is_some_and(|k| k.trim() == key);
            if is_it {
                found = true;
                format!("{key} = {value}")
            } else {
                line.to_owned()
            }
        })
        .collect();
    assert!(found, "the demo has no key {key}");
    lines.join("\n") + "\n"
}

/// The text without the part from one line to another.
pub(crate) fn without(text: &str, from: &str, to: &str) -> String {
    let (head, rest) = text.split_once(from).expect(from);
    let (_, tail) = rest.split_once(to).expect(to);
    format!("{head}{to}{tail}")
}

/// The only run below a folder.
pub(crate) fn only_run(dir: &Path) -> PathBuf {
    let mut runs: Vec<PathBuf> = std::fs::read_dir(dir.join("runs"))
        .expect("runs")
        .map(|entry| entry.expect("entry").path())
        .collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs.remove(0)
}
