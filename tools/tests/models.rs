//! `corelane models` as a person uses it: keys, a store, links, and a running sidecar.
#![expect(clippy::unwrap_used, reason = "a helper that fails must fail its test")]

use ipc::{BackendKind, PeerPolicy};
use serde_json::Value;
use signal::batch::QueuePolicy;
use signal::loader::{Loader, LoaderOptions};
use signal::server::{Idle, Server, ServerOptions};
use signal::shadow::ShadowBounds;
use signal::store::Store;
use signal::{BackendChoice, RuntimeOptions, Scorer, runtime};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;

struct World {
    dir: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap() };
        world.good(&["models", "keygen", "--out=."]);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the command in the world's folder: exit code, what it printed, what it complained of.
    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_corelane"))
            .args(args)
            .current_dir(self.dir.path())
            .env_remove("ORT_DYLIB_PATH")
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn good(&self, args: &[&str]) -> String {
        let (code, out, err) = self.run(args);
        assert_eq!(code, 0, "{args:?}: {err}");
        out
    }

    fn models(&self, args: &[&str]) -> String {
        let store = ["models", "--store=store", "--public-key=models.pub"];
        self.good(&[&store, args].concat())
    }

    fn refused(&self, args: &[&str], exit: i32, part: &str) {
        let store = ["models", "--store=store", "--public-key=models.pub"];
        let (code, out, err) = self.run(&[&store, args].concat());
        assert_eq!(code, exit, "{args:?}: {out}{err}");
        assert!(err.contains(part) && err.contains("; next: "), "{part:?} in {err}");
    }

    /// The bundled model with another manifest, signed and added; its address.
    fn add(&self, mark: &str) -> String {
        let folder = self.folder(mark, |text| text.replace("\"version\": \"1\"", mark));
        let said = self.models(&["add", folder.to_str().unwrap(), "--key=models.key"]);
        let address = said.split("address=").nth(1).unwrap();
        address.split_whitespace().next().unwrap().to_owned()
    }

    fn folder(&self, name: &str, change: impl Fn(String) -> String) -> PathBuf {
        let bundled =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../sidecars/signal/models/bin_ctabl");
        let folder = self.path(&name.replace(['"', ':', ' '], ""));
        fs::create_dir(&folder).unwrap();
        for file in ["model.onnx", "model.pt"] {
            fs::copy(bundled.join(file), folder.join(file)).unwrap();
        }
        let text = fs::read_to_string(bundled.join("manifest.json")).unwrap();
        let changed = change(text.clone());
        assert_ne!(changed, text);
        fs::write(folder.join("manifest.json"), changed).unwrap();
        folder
    }

    fn list(&self, socket: &[&str]) -> Value {
        let text = self.models(&[socket, &["list", "--json"]].concat());
        serde_json::from_str(&text).unwrap()
    }

    /// Runs a sidecar that serves the store while `body` runs; it never waits for live requests.
    fn with_sidecar(&self, body: impl FnOnce(&str)) {
        let over = AtomicBool::new(false);
        let (ready, wait) = std::sync::mpsc::channel();
        let socket = self.path("signal.sock");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let tract = RuntimeOptions {
                    choice: BackendChoice::Tract,
                    dylib: None,
                    engine_cache: None,
                };
                let store = || Store::open(&self.path("store"), None).unwrap();
                let scorer = Scorer::load_current(&store(), "bin_ctabl", &tract).unwrap();
                let options = LoaderOptions {
                    name: "bin_ctabl".into(),
                    answers: 8,
                    patience_ns: 0,
                    bounds: ShadowBounds::default(),
                };
                let backend = runtime::start(&tract).unwrap();
                let loader = Loader::start(store(), scorer.model(), backend, options).unwrap();
                let options = ServerOptions {
                    socket: socket.clone(),
                    policy: PeerPolicy::same_user(),
                    io: BackendKind::Libc,
                    queue: QueuePolicy::at_once(16),
                    max_peers: 4,
                    idle: Idle::Park,
                };
                let mut server = Server::listen(scorer, options).unwrap().with_loader(loader);
                ready.send(()).unwrap();
                // ORDERING: relaxed; a lone flag, pairs with the store below.
                while !over.load(Ordering::Relaxed) {
                    server.turn(Duration::from_millis(1)).unwrap();
                }
            });
            wait.recv().unwrap();
            let argument = format!("--socket={}", socket.display());
            let outcome =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(&argument)));
            over.store(true, Ordering::Relaxed); // ORDERING: relaxed; as above.
            if let Err(panic) = outcome {
                std::panic::resume_unwind(panic);
            }
        });
    }
}

#[test]
fn models_are_added_signed_and_verified_or_not_at_all() {
    let world = World::new();
    let folder = world.folder("unsigned", |text| text.replace("\"1\"", "\"x\""));
    let folder = folder.to_str().unwrap();
    world.refused(&["add", folder], 14, "model is not signed");
    let bent = world.folder("bent", |text| text.replacen("\"probs\": [0.", "\"probs\": [0.9", 1));
    let bent = bent.to_str().unwrap();
    world.refused(&["add", bent, "--key=models.key"], 31, "does not reproduce its golden vectors");
    let address = world.add("\"version\": \"2\"");
    let list = world.list(&[]);
    let objects = list["objects"].as_array().unwrap();
    assert_eq!(objects.len(), 1, "what was refused left nothing: {list:#}");
    assert_eq!(
        (&objects[0]["address"], &objects[0]["signature"]),
        (&address.into(), &"good".into())
    );
    assert_eq!(list["sidecar"], Value::Null);
    world.refused(&["promote", "00"], 14, "store has no such model");
    world.refused(&["rollback", "bin_ctabl"], 14, "store has no such model");
    world.refused(&["shadow", "00"], 14, "store has no such model");
}

#[test]
fn promote_and_rollback_move_links_and_the_running_sidecar() {
    let world = World::new();
    let (first, second) = (world.add("\"version\": \"2\""), world.add("\"version\": \"3\""));
    let said = world.models(&["promote", &first[..12]]);
    assert!(said.contains("no sidecar runs"), "{said}");
    world.with_sidecar(|socket| {
        let state = |current: &str, generation: u64| {
            let list = world.list(&[socket]);
            assert_eq!(list["names"][0]["current"], current, "{list:#}");
            assert_eq!(list["sidecar"]["serving"]["address"], current, "{list:#}");
            assert_eq!(list["sidecar"]["serving"]["generation"], generation);
        };
        state(&first, 1);
        // Nobody asks for scores, so it cannot be tried: both links go back.
        world.refused(&[socket, "promote", &second], 31, "too few live requests");
        state(&first, 1);
        assert_eq!(world.list(&[socket])["names"][0]["previous"], Value::Null);
        world.refused(&[socket, "shadow", &second], 31, "too few live requests");
        let said = world.models(&[socket, "promote", &second, "--answers=0"]);
        assert!(said.contains("generation=2"), "{said}");
        state(&second, 2);
        world.models(&[socket, "rollback", "bin_ctabl"]);
        state(&first, 3);
        let other = [socket, "--store=elsewhere"];
        fs::create_dir(world.path("elsewhere")).unwrap();
        let args = [&["models"], &other[..], &["rollback", "bin_ctabl"]].concat();
        let (code, _, err) = world.run(&args);
        assert_eq!(code, 14, "{err}");
        state(&first, 3);
    });
    let gone = ["models", "--store=store", "--socket=signal.sock", "promote", &second];
    let (code, _, err) = world.run(&gone);
    assert_eq!(code, 14, "{err}");
    assert_eq!(world.list(&[])["names"][0]["current"], first, "nobody heard it: links stay");
}
