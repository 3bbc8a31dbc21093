//! The real model server, shut in by its sandbox, while `corelane models` changes its model: the
//! loader must reach the store from inside, the memory guard its figures and its record. What swaps do
//! under load is `sidecars/signal/tests`.

use crate::support::{clean, corelane, json, program, root, until_ready};
use std::fs;
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

/// A server of the store's `bin_ctabl`, and what it says.
pub(crate) struct Server {
    child: Child,
    said: BufReader<ChildStderr>,
}

impl Server {
    /// At `signal.sock` in a folder; with what it said when it was ready. Memory is judged by a
    /// budget: what else runs on the machine must not fail a test.
    pub(crate) fn start(dir: &Path, store: &str, budget: u64, more: &[&str]) -> (Self, String) {
        let mut child = Command::new(program("corelane-signal"))
            .args(["--socket=signal.sock", &format!("--store={store}"), "--name=bin_ctabl"])
            .args(["--public-key=models.pub", "--sandbox=best-effort"])
            .args(["--memory-log=guard.jsonl", &format!("--memory-budget={budget}")])
            .args(more)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (said, ready) = until_ready(&mut child);
        (Self { child, said }, ready)
    }

    /// What of it is resident, bytes.
    fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1_024
    }

    /// Ends it with SIGTERM; its last words.
    pub(crate) fn end(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut last = String::new();
        self.said.read_to_string(&mut last).unwrap();
        assert!(self.child.wait().unwrap().success(), "{last}");
        last
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// More than any server of these tests has.
pub(crate) const AMPLE: u64 = 1 << 40;

/// A signed store with two versions of the bundled model, the first promoted.
struct Store {
    dir: tempfile::TempDir,
    first: String,
    second: String,
}

impl Store {
    fn new() -> Self {
        let (first, second) = (String::new(), String::new());
        let mut store = Self { dir: tempfile::tempdir().unwrap(), first, second };
        clean(corelane(&["models", "keygen", &format!("--out={}", store.at(""))]));
        let bundled = root().join("sidecars/signal/models/bin_ctabl");
        let two = store.dir.path().join("two");
        // The same network under another version: another manifest, another address.
        fs::create_dir(&two).unwrap();
        for file in ["model.onnx", "model.pt"] {
            fs::copy(bundled.join(file), two.join(file)).unwrap();
        }
        let manifest = fs::read_to_string(bundled.join("manifest.json")).unwrap();
        let changed = manifest.replacen("\"version\": \"1\"", "\"version\": \"2\"", 1);
        assert_ne!(manifest, changed);
        fs::write(two.join("manifest.json"), changed).unwrap();
        store.first = store.add(&bundled);
        store.second = store.add(&two);
        assert_ne!(store.first, store.second);
        clean(store.models(&["promote", &store.first]));
        store
    }

    fn at(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn add(&self, folder: &Path) -> String {
        let key = format!("--key={}", self.at("models.key"));
        let said = clean(self.models(&["add", &key, &folder.display().to_string()]));
        let word = said.split_whitespace().find_map(|word| word.strip_prefix("address="));
        word.unwrap().to_owned()
    }

    fn models(&self, more: &[&str]) -> Output {
        let store = format!("--store={}", self.at("store"));
        let key = format!("--public-key={}", self.at("models.pub"));
        corelane(&[&["models", &store, &key], more].concat())
    }

    /// The same, to the server that runs.
    fn running(&self, more: &[&str]) -> Output {
        let socket = format!("--socket={}", self.at("signal.sock"));
        self.models(&[&[socket.as_str()], more].concat())
    }
}

#[test]
fn a_sandboxed_server_changes_its_model_and_back() {
    let store = Store::new();
    let (server, ready) = Server::start(store.dir.path(), "store", AMPLE, &[]);
    assert!(ready.contains(" sandbox="), "{ready}");
    if !ready.contains("sandbox=landlock+seccomp") {
        eprintln!("SKIPPED a_sandboxed_server_changes_its_model_and_back, a fence: {ready}");
    }
    let said = clean(store.running(&["promote", "--answers=0", &store.second]));
    assert!(
        said.contains(&format!("{} ", &store.second[..16])) && said.contains("generation=2"),
        "{said}"
    );
    let said = clean(store.running(&["rollback", "bin_ctabl"]));
    assert!(said.contains(&store.first[..16]) && said.contains("generation=3"), "{said}");
    let last = server.end();
    assert!(last.contains("generation=3 swaps=2 swaps_failed=0 loads_denied=0"), "{last}");
    // Every load went through the guard, and is on its record: two that came, the first two gone.
    let record = fs::read_to_string(store.at("guard.jsonl")).unwrap();
    let count = |action: &str| record.lines().filter(|line| json(line)["action"] == action).count();
    assert_eq!((count("admit"), count("loaded"), count("deny")), (2, 2, 0), "{record}");
}

#[test]
fn a_budget_too_small_for_a_second_model_refuses_the_change_and_the_old_one_serves_on() {
    let store = Store::new();
    let (server, _) = Server::start(store.dir.path(), "store", AMPLE, &[]);
    let resident = server.resident();
    server.end();
    // Four fifths are taken: what is left below nine tenths is less than any load is thought to need.
    let (server, _) = Server::start(store.dir.path(), "store", resident / 4 * 5, &[]);
    let refused = store.running(&["promote", "--answers=0", &store.second]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(31), "{said}");
    assert!(said.contains("the memory guard refuses the load: memory=host"), "{said}");
    let list = json(&clean(store.running(&["list", "--json"])));
    assert_eq!(list["sidecar"]["serving"]["address"], *store.first, "{list:#}");
    assert_eq!(list["names"][0]["current"], *store.first, "the links are where they were");
    assert_eq!(list["sidecar"]["swaps"]["failed_memory"], 1);
    assert_eq!(list["sidecar"]["memory"]["counts"]["deny"], 1);
    assert!(server.end().contains("generation=1 swaps=0 swaps_failed=1 loads_denied=1"));
    let record = fs::read_to_string(store.at("guard.jsonl")).unwrap();
    let denied: Vec<_> = record.lines().filter(|line| json(line)["action"] == "deny").collect();
    assert_eq!(denied.len(), 1, "{record}");
    assert!(json(denied[0])["need_bytes"].as_u64() > Some(16 << 20), "{}", denied[0]);
}
