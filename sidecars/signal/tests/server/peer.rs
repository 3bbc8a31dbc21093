//! A peer for the real server: starts it, speaks its protocol, sends what it should not.
//!
//! Must never: sleep, or hide what the server said.

use bytemuck::{NoUninit, Zeroable};
use ipc::handshake::{ClientHandshake, Identity, PeerInfo, Phase};
use ipc::{Connection, FrameBuffer, PeerPolicy, Received, Sent, connect};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use wire::frame::FrameHeader;
use wire::handshake::Role;
use wire::signal::SignalRequest;
use wire::{InstrumentId, PriceTicks, QtyLots};

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The server's command, unconfigured; ONNX Runtime only where a test asks for it.
pub(crate) fn signal() -> Command {
    Command::new(env!("CARGO_BIN_EXE_corelane-signal"))
}

/// `--backend=` of every model back end there is here; says which is not.
pub(crate) fn model_backends(test: &str) -> Vec<String> {
    let mut backends = vec!["--backend=tract".to_owned()];
    if std::env::var_os("ORT_DYLIB_PATH").is_some() {
        backends.push("--backend=onnxruntime".to_owned());
    } else {
        eprintln!("SKIPPED {test} on onnxruntime: ORT_DYLIB_PATH names no library");
    }
    backends
}

/// A request whose window depends on its number.
pub(crate) fn request(id: u64) -> SignalRequest {
    let mut request = SignalRequest::zeroed();
    request.header = FrameHeader::new::<SignalRequest>();
    request.header.instrument_id = InstrumentId(0);
    request.request_id = id;
    request.sample_interval_ns = 100_000_000;
    request.snapshots = 10;
    request.levels = 10;
    let shift = i64::try_from(id % 97).unwrap();
    for (n, level) in (0..).zip(request.window.iter_mut()) {
        let depth = n % 10;
        level.ask_price_ticks = PriceTicks(600_001 + depth + (shift * n) % 7);
        level.bid_price_ticks = PriceTicks(600_000 - depth);
        level.ask_qty_lots = QtyLots(1_000 * (1 + (n * shift) % 31));
        level.bid_qty_lots = QtyLots(1_000 * (1 + (n + shift) % 29));
    }
    request
}

pub(crate) fn frame<T: NoUninit>(value: &T) -> &[u8] {
    bytemuck::bytes_of(value)
}

/// Reads the server's lines up to the one that says it is ready.
pub(crate) fn wait_for_ready(stderr: &mut impl Read) -> Vec<String> {
    let mut said = Vec::new();
    let mut lines = BufReader::with_capacity(1, stderr).lines();
    loop {
        let line = lines.next().unwrap_or_else(|| panic!("never ready: {said:?}")).unwrap();
        said.push(line);
        if said.last().is_some_and(|l| l.contains(": ready: ")) {
            return said;
        }
    }
}

/// A running server in a private folder.
pub(crate) struct Server {
    child: Option<Child>,
    dir: Option<TempDir>,
    socket: PathBuf,
    pub(crate) said: Vec<String>,
}

impl Server {
    pub(crate) fn start(model: &str, args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut server = Self::start_in(dir.path(), model, args);
        server.dir = Some(dir);
        server
    }

    pub(crate) fn start_in(dir: &Path, model: &str, args: &[&str]) -> Self {
        let socket = dir.join("signal.sock");
        let mut child = Self::command(&socket, model, args).spawn().unwrap();
        let said = wait_for_ready(child.stderr.as_mut().unwrap());
        Self { child: Some(child), dir: None, socket, said }
    }

    fn command(socket: &Path, model: &str, args: &[&str]) -> Command {
        let mut command = signal();
        if !args.iter().any(|a| a.starts_with("--socket=")) {
            command.arg(format!("--socket={}", socket.display()));
        }
        if !args.iter().any(|a| a.starts_with("--model=")) {
            command.arg(format!("--model={}", fixture(model).display()));
        }
        if !args.contains(&"--backend=onnxruntime") {
            command.env_remove("ORT_DYLIB_PATH");
        }
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Runs a server that must not come up; its exit code and what it said.
    pub(crate) fn fails(model: &str, args: &[&str]) -> (i32, String) {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Self::command(&dir.path().join("signal.sock"), model, args);
        let output = command.env_remove("ORT_DYLIB_PATH").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), said)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    fn send_signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Stops the process and waits until the kernel says it is stopped.
    pub(crate) fn stop(&self) {
        self.send_signal("STOP");
        let path = format!("/proc/{}/stat", self.id());
        while !std::fs::read_to_string(&path).unwrap().contains(") T ") {
            std::thread::yield_now();
        }
    }

    pub(crate) fn proceed(&self) {
        self.send_signal("CONT");
    }

    /// Ends it with SIGTERM; its last words.
    pub(crate) fn terminate(mut self) -> String {
        self.send_signal("TERM");
        let mut child = self.child.take().unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
        let open = self.said.last().is_some_and(|ready| ready.ends_with(" sandbox=off"));
        assert!(!open || !self.socket.exists(), "a clean end removes the socket file");
        said
    }

    /// Ends it with SIGKILL; its folder lives on.
    pub(crate) fn kill(mut self) -> TempDir {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        self.dir.take().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            let _gone = child.wait();
        }
    }
}

/// The engine's side of the socket.
pub(crate) struct Client {
    connection: Connection,
    buffer: FrameBuffer,
    pub(crate) peer: PeerInfo,
}

impl Client {
    /// Connected, but nothing said.
    pub(crate) fn silent(socket: &Path) -> Self {
        Self::over(connect(socket, &PeerPolicy::same_user()).unwrap())
    }

    fn over(connection: Connection) -> Self {
        let peer = PeerInfo {
            role: Role::Signal,
            pid: 0,
            model_hash: 0,
            generation: 0,
            backend: [0; 48],
            shared_memory: false,
        };
        Self { connection, buffer: FrameBuffer::new(), peer }
    }

    pub(crate) fn greeted(socket: &Path) -> Self {
        Self::greet(connect(socket, &PeerPolicy::same_user()).unwrap())
    }

    pub(crate) fn greet(connection: Connection) -> Self {
        let mut client = Self::over(connection);
        let me = Identity::new(Role::Engine);
        let mut handshake = ClientHandshake::new(me, Role::Signal, 0, 1);
        client.send(&me.hello());
        let ack: wire::handshake::HelloAck = client.receive();
        let Phase::Ready(peer) = handshake.on_frame(frame(&ack)) else { panic!("{ack:?}") };
        client.peer = peer;
        client
    }

    pub(crate) fn send<T: NoUninit>(&mut self, value: &T) {
        self.send_bytes(frame(value));
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        assert_eq!(self.connection.try_send(bytes), Ok(Sent::Sent));
    }

    pub(crate) fn try_send<T: NoUninit>(&mut self, value: &T) -> Sent {
        self.connection.try_send(frame(value)).unwrap()
    }

    /// The next frame, decoded and as its struct.
    pub(crate) fn receive<T: wire::frame::WireFrame>(&mut self) -> T {
        loop {
            match self.connection.try_recv(&mut self.buffer).unwrap() {
                Received::Frame(bytes) => {
                    wire::decode(bytes).unwrap();
                    return *bytemuck::from_bytes(bytes);
                }
                Received::WouldBlock => std::thread::yield_now(),
                Received::Closed => panic!("the server closed the connection"),
            }
        }
    }

    /// Waits for the end of file; `false` where a frame comes first.
    pub(crate) fn is_closed(&mut self) -> bool {
        loop {
            match self.connection.try_recv(&mut self.buffer) {
                Ok(Received::Closed) => return true,
                Ok(Received::Frame(_)) => return false,
                Ok(Received::WouldBlock) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
    }
}
