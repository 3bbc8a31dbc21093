//! A folder with a recorded day, a store and a nightly configuration; nights are run in it by the real
//! command, with the real training script or one that hands over a model made before.

use crate::support::{command, program, root};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Hands over the model in `$CORELANE_TEST_CANDIDATE`; with `$CORELANE_TEST_KILL` it leaves half of
/// it, kills the night and waits to be killed itself.
const STAND_IN: &str = r#"
for word in "$@"; do case "$word" in --out=*) out="${word#--out=}";; esac; done
[ -z "$CORELANE_TEST_RANK" ] || { cat /proc/self/stat; echo "threads $OMP_NUM_THREADS"; } > "$CORELANE_TEST_RANK"
if [ -n "$CORELANE_TEST_KILL" ]; then
  cp "$CORELANE_TEST_CANDIDATE/manifest.json" "$out/"
  echo $$ > "$CORELANE_TEST_KILL.new" && mv "$CORELANE_TEST_KILL.new" "$CORELANE_TEST_KILL"
  kill -9 "$PPID"
  while :; do sleep 1; done
fi
echo "cannot be read: no matter"
cp "$CORELANE_TEST_CANDIDATE"/* "$out/"
"#;

pub(super) struct World {
    dir: tempfile::TempDir,
    /// Changes to the configuration, key by key.
    keys: BTreeMap<&'static str, String>,
}

impl World {
    /// With the bundled recording's session as the one run, and `incumbent` in the store.
    pub(super) fn new(incumbent: impl Fn(&World) -> PathBuf) -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap(), keys: BTreeMap::new() };
        fs::create_dir(world.path("script")).unwrap();
        fs::write(world.path("script/stand_in.sh"), STAND_IN).unwrap();
        world.good(&["models", "keygen", "--out=."]);
        world.record("day", &root().join("config/demo/btcusdt-20240809.clrec"));
        let incumbent = incumbent(&world);
        fs::rename(&incumbent, world.path("incumbent")).unwrap();
        world.reset();
        world
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Another value for a line of the configuration.
    pub(super) fn with(&mut self, key: &'static str, value: impl Into<String>) {
        self.keys.insert(key, value.into());
    }

    /// Plays a recording of BTCUSDT through a station; its run is `runs/NAME`.
    pub(super) fn record(&self, name: &str, recording: &Path) {
        self.record_of(name, recording, "BTCUSDT");
    }

    /// The same of another symbol.
    pub(super) fn record_of(&self, name: &str, recording: &Path, symbol: &str) {
        let file = self.station(recording, symbol, "\"max\"");
        let run = self.path(&format!("runs/{name}"));
        fs::create_dir_all(self.path("runs")).unwrap();
        let output = Command::new(program("corelane-engine"))
            .arg(format!("--config={}", file.display()))
            .arg(format!("--run-dir={}", run.display()))
            .current_dir(root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// A station's configuration with this recording, played at this speed.
    pub(super) fn station(&self, recording: &Path, symbol: &str, speed: &str) -> PathBuf {
        let limits = fs::read_to_string(root().join("config/limits.toml")).unwrap();
        fs::write(self.path("limits.toml"), limits.replace("BTCUSDT", symbol)).unwrap();
        crate::support::config(self.dir.path(), |text| {
            let data = format!("\"{}\"", recording.display());
            let limits = format!("\"{}\"", self.path("limits.toml").display());
            let keys = [("speed", speed), ("recording", data.as_str()), ("file", limits.as_str())];
            let text =
                keys.iter().fold(text, |text, (key, value)| crate::support::set(&text, key, value));
            text.replace("\"BTCUSDT\"", &format!("\"{symbol}\""))
        })
    }

    /// No night, and a store in which the incumbent serves.
    pub(super) fn reset(&self) {
        for folder in ["nights", "models"] {
            let _ = fs::remove_dir_all(self.path(folder));
        }
        self.serve("incumbent");
    }

    /// Adds a model's folder and makes it serve.
    pub(super) fn serve(&self, folder: &str) {
        let key = ["models", "--public-key=models.pub"];
        let address = address(&self.path(folder));
        self.good(&[&key[..], &["add", folder, "--key=models.key"]].concat());
        self.good(&[&key[..], &["promote", &address]].concat());
    }

    /// `corelane` in the world's folder.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command.current_dir(self.dir.path());
        command
    }

    pub(super) fn good(&self, args: &[&str]) -> String {
        crate::support::clean(self.command(args).output().unwrap())
    }

    /// Writes the configuration: the repository's, with what tests need and what was changed.
    pub(super) fn configure(&self) {
        let text = fs::read_to_string(root().join("config/nightly.toml")).unwrap();
        let text = text
            .replace("# key = \"/etc/corelane/models.key\"", "key = \"models.key\"")
            .replace("# public_key = \"/etc/corelane/models.pub\"", "public_key = \"models.pub\"");
        let text =
            text.replace("# socket = \"/run/corelane/signal.sock\"", "socket = \"signal.sock\"");
        // Unless a test starts a sidecar there is none to ask.
        let asks = self.keys.contains_key("socket");
        let socket = "socket = \"signal.sock\"\n";
        let text = if asks { text } else { text.replace(socket, "") };
        let calendar = root().join("config/calendar.toml");
        let always = [
            ("python", "\"/bin/sh\"".to_owned()),
            ("script", "\"script/stand_in.sh\"".to_owned()),
            ("held_out_s", "215".to_owned()),
            ("calendar", format!("\"{}\"", calendar.display())),
            // The tests' own machine is busy: what has no share of it never ends.
            ("nice", "0".to_owned()),
            ("idle", "false".to_owned()),
        ];
        let mut text = text;
        for (key, value) in always
            .iter()
            .map(|(key, value)| (*key, value))
            .chain(self.keys.iter().map(|(key, value)| (*key, value)))
        {
            text = crate::support::set(&text, key, value);
        }
        fs::write(self.path("nightly.toml"), text).unwrap();
    }

    /// A night that hands over `candidate`, outside the calendar's trading time.
    pub(super) fn night(&self, candidate: &str) -> Command {
        let mut command = self.night_at("2026-11-24T08:00:00Z", &["runs/day".to_owned()]);
        command.env("CORELANE_TEST_CANDIDATE", self.path(candidate));
        command
    }

    /// A night by the configured script, from these runs and at this instant.
    pub(super) fn night_at(&self, at: &str, runs: &[String]) -> Command {
        self.configure();
        let night = ["train", "nightly", "--config=nightly.toml", "--night=n1"];
        let mut command = self.command(&night);
        command.arg(format!("--at={at}")).args(runs);
        command
    }

    /// What the night was archived with.
    pub(super) fn archived(&self) -> Value {
        let text = fs::read_to_string(self.path("nights/n1/night.json")).unwrap();
        crate::support::json(&text)
    }

    /// What serves.
    pub(super) fn serving(&self) -> String {
        let link = fs::read_link(self.path("models/names/bin_ctabl/current")).unwrap();
        link.file_name().unwrap().to_str().unwrap().to_owned()
    }

    /// Every file of the archive and the store with its bytes, and every link, but what tells of time
    /// or of the way.
    pub(super) fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = BTreeMap::new();
        let mut folders = vec![self.path("nights"), self.path("models")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_symlink() {
                    let to = fs::read_link(&path).unwrap();
                    all.insert(path, to.into_os_string().into_encoded_bytes());
                } else if path.is_dir() {
                    folders.push(path);
                } else if !["times.json", "train.log"].iter().any(|name| path.ends_with(name)) {
                    let bytes = fs::read(&path).unwrap();
                    all.insert(path, bytes);
                }
            }
        }
        all
    }

    /// The bundled model as it is, in a folder of its own.
    pub(super) fn bundled(&self, name: &str) -> PathBuf {
        self.biased(name, [1.0, 1.0, 1.0])
    }

    /// The bundled model with its odds of down, flat and up multiplied: exactly the network whose last
    /// bias has the factors' logarithms added. What it must give follows from the golden vectors.
    pub(super) fn biased(&self, name: &str, odds: [f64; 3]) -> PathBuf {
        let bundled = root().join("sidecars/signal/models/bin_ctabl");
        let mut model = fs::read(bundled.join("model.onnx")).unwrap();
        let head = b"model.head.bias\x4a\x0c";
        let at = model.windows(head.len()).position(|bytes| bytes == head).unwrap() + head.len();
        for (place, odds) in model[at..at + 12].chunks_exact_mut(4).zip(odds) {
            let bias = f32::from_le_bytes(place.try_into().unwrap());
            place.copy_from_slice(&(bias + logarithm(odds)).to_le_bytes());
        }
        let text = fs::read_to_string(bundled.join("manifest.json")).unwrap();
        let mut manifest = crate::support::json(&text);
        let sha256 = format!("{:x}", Sha256::digest(&model));
        manifest["sha256"] = json!(sha256);
        manifest["files"][0]["sha256"] = json!(sha256);
        // The TorchScript beside it is of the other weights.
        manifest["files"].as_array_mut().unwrap().truncate(1);
        manifest["note"] = json!(name);
        for vector in manifest["golden"]["vectors"].as_array_mut().unwrap() {
            let probs = vector["probs"].as_array().unwrap().iter().zip(odds);
            let probs: Vec<f64> = probs.map(|(p, odds)| p.as_f64().unwrap() * odds).collect();
            let sum: f64 = probs.iter().sum();
            vector["probs"] = probs.iter().map(|p| p / sum).collect();
        }
        let folder = self.path(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("model.onnx"), model).unwrap();
        fs::write(folder.join("manifest.json"), format!("{manifest:#}\n")).unwrap();
        folder
    }
}

/// The natural logarithm of 1 and of 8.
fn logarithm(of: f64) -> f32 {
    if of > 7.5 { 3.0 * std::f32::consts::LN_2 } else { 0.0 }
}

/// The address of a model's folder.
pub(super) fn address(folder: &Path) -> String {
    format!("{:x}", Sha256::digest(fs::read(folder.join("manifest.json")).unwrap()))
}

/// What a night said that ended well.
pub(super) fn said(output: Output) -> String {
    crate::support::clean(output)
}
