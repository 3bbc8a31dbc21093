//! The real model server, shut in by its sandbox, while `corelane models` changes its model: the
//! loader must reach the store from inside. What swaps do under load is `sidecars/signal/tests`.

use crate::support::{clean, corelane, program, root};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

/// A server of the store's `bin_ctabl`, and what it says.
pub(crate) struct Server {
    child: Child,
    said: BufReader<ChildStderr>,
}

impl Server {
    /// At `signal.sock` in a folder; with what it said when it was ready.
    pub(crate) fn start(dir: &Path, store: &str, more: &[&str]) -> (Self, String) {
        let mut child = Command::new(program("corelane-signal"))
            .args(["--socket=signal.sock", &format!("--store={store}"), "--name=bin_ctabl"])
            .args(more)
            .args(["--public-key=models.pub", "--sandbox=best-effort"])
            .current_dir(dir)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut ready = String::new();
        while !ready.contains(": ready: ") {
            ready.clear();
            assert!(said.read_line(&mut ready).unwrap() > 0, "it ended before it was ready");
        }
        (Self { child, said }, ready)
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

#[test]
fn a_sandboxed_server_changes_its_model_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    clean(corelane(&["models", "keygen", &format!("--out={}", at(""))]));
    let store = [format!("--store={}", at("store")), format!("--public-key={}", at("models.pub"))];
    let models = |more: &[&str]| {
        let fixed = ["models", &store[0], &store[1]];
        clean(corelane(&[&fixed[..], more].concat()))
    };
    let key = format!("--key={}", at("models.key"));
    let bundled = root().join("sidecars/signal/models/bin_ctabl");
    let address = |text: &str| {
        let word = text.split_whitespace().find_map(|word| word.strip_prefix("address="));
        word.unwrap().to_owned()
    };
    let first = address(&models(&["add", &key, &bundled.display().to_string()]));
    // The same network under another version: another manifest, another address.
    fs::create_dir(at("two")).unwrap();
    for file in ["model.onnx", "model.pt"] {
        fs::copy(bundled.join(file), at(&format!("two/{file}"))).unwrap();
    }
    let manifest = fs::read_to_string(bundled.join("manifest.json")).unwrap();
    let second = manifest.replacen("\"version\": \"1\"", "\"version\": \"2\"", 1);
    assert_ne!(manifest, second);
    fs::write(at("two/manifest.json"), second).unwrap();
    let second = address(&models(&["add", &key, &at("two")]));
    assert_ne!(first, second);
    models(&["promote", &first]);
    let (server, ready) = Server::start(dir.path(), "store", &[]);
    assert!(ready.contains(" sandbox="), "{ready}");
    if !ready.contains("sandbox=landlock+seccomp") {
        eprintln!("SKIPPED a_sandboxed_server_changes_its_model_and_back, a fence: {ready}");
    }
    let socket = format!("--socket={}", at("signal.sock"));
    let said = models(&[&socket, "promote", "--answers=0", &second]);
    assert!(
        said.contains(&format!("{} ", &second[..16])) && said.contains("generation=2"),
        "{said}"
    );
    let said = models(&[&socket, "rollback", "bin_ctabl"]);
    assert!(said.contains(&first[..16]) && said.contains("generation=3"), "{said}");
    let last = server.end();
    assert!(last.contains("generation=3 swaps=2 swaps_failed=0"), "{last}");
}
