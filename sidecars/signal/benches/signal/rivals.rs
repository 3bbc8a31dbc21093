//! The Python servers of `benches/rivals`, started like ours: on the servers' CPU, stopped while
//! others are asked.
//!
//! Their packages are pinned there and fetched by `make rivals`; `CORELANE_RIVALS_PYTHON` names
//! another interpreter. What is missing is said, in the table as well. Must never: fetch anything,
//! or hand a rival this process's environment.

use crate::peer::{Client, wait_for_ready};
use crate::way::{Http, Way};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A rival's name, its script, the packages it needs, and how it is asked.
struct Rival {
    name: &'static str,
    script: &'static str,
    imports: &'static str,
    way: fn(&Path) -> Way,
}

const RIVALS: [Rival; 2] = [
    Rival {
        name: "python onnxruntime IoBinding",
        script: "onnx_socket.py",
        imports: "import numpy, onnxruntime",
        way: |socket| Way::Socket(Client::greeted(socket)),
    },
    Rival {
        name: "FastAPI onnxruntime",
        script: "onnx_http.py",
        imports: "import numpy, onnxruntime, fastapi, uvicorn, uvloop, httptools",
        way: |socket| Way::Http(Http::connected(socket)),
    },
];

/// A rival that runs.
pub(crate) struct Running {
    pub(crate) name: &'static str,
    pub(crate) process: Process,
    pub(crate) way: Way,
}

/// Every rival there is here, connected, and of the others a line that says why not.
pub(crate) fn start(model: &Path) -> Vec<Result<Running, String>> {
    let python = interpreter();
    let started = RIVALS.iter().map(|rival| {
        rival.missing(&python).map_or_else(
            || Ok(rival.start(&python, model)),
            |why| Err(format!("SKIPPED signal bench, {}: {why}", rival.name)),
        )
    });
    started.collect()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn interpreter() -> OsString {
    let made = root().join(".venv-rivals/bin/python3");
    std::env::var_os("CORELANE_RIVALS_PYTHON")
        .unwrap_or_else(|| if made.exists() { made.into_os_string() } else { "python3".into() })
}

impl Rival {
    fn command(python: &OsString) -> Command {
        let mut command = Command::new(python);
        command.env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("PYTHONPATH", root().join("sidecars/python"));
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Why it cannot run here.
    fn missing(&self, python: &OsString) -> Option<String> {
        match Self::command(python).args(["-c", self.imports]).output() {
            Ok(output) if output.status.success() => None,
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let last = said.lines().last().unwrap_or("no word of it");
                Some(format!("{last}; `make rivals` fetches it"))
            }
            Err(error) => Some(format!("{}: {error}", Path::new(python).display())),
        }
    }

    fn start(&self, python: &OsString, model: &Path) -> Running {
        let dir = tempfile::tempdir().expect("a private folder");
        let socket = dir.path().join("signal.sock");
        let script: PathBuf = root().join("benches/rivals").join(self.script);
        let mut command = Self::command(python);
        command.arg(script).arg(model).arg(&socket).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it was there a moment ago");
        wait_for_ready(child.stderr.as_mut().expect("a pipe"));
        let process = Process { child, _dir: dir };
        Running { name: self.name, process, way: (self.way)(&socket) }
    }
}

/// A rival's process; dropping it kills it.
pub(crate) struct Process {
    child: Child,
    _dir: TempDir,
}

impl Process {
    fn send_signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Stops it and waits until the kernel says it is stopped.
    pub(crate) fn stop(&self) {
        self.send_signal("STOP");
        let path = format!("/proc/{}/stat", self.child.id());
        while !std::fs::read_to_string(&path).expect("its state").contains(") T ") {
            std::thread::yield_now();
        }
    }

    pub(crate) fn proceed(&self) {
        self.send_signal("CONT");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have died with the bench's own failure, which is what will be told.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
