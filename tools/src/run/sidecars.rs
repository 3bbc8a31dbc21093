//! The model servers of a run: the signal sidecar and, where one is configured, the standby beside it.
//!
//! Both load at the same time; the engine starts when they are ready. With a standby one that ends is
//! started again, after a pause that doubles: the other answers meanwhile. A single one stays ended, as
//! the run's result says. Must never: hold up the engine for longer than the patience, or leave a child
//! or its socket behind. Runs on the main thread: the kernel ends a child with the thread it came from.

use super::{beside, system, warn};
use station::config::Config;
use station::operator::Failure;
use station::sys;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Longest wait for a sidecar to load its model before the engine starts without it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Looks between an end and the next start, the first time and at most; a look is a tick of the run.
const PAUSE_LOOKS: u32 = 5;
const PAUSE_LOOKS_MAX: u32 = 300;

/// The back end that is another program.
const TORCH: &str = "torch";
/// Looks for the end of a sidecar that was asked to end, and the time between two.
const END_LOOKS: u32 = 250;
const END_LOOK: Duration = Duration::from_millis(20);

/// The sidecars of a run.
pub(super) struct Sidecars {
    servers: Vec<Server>,
    starts_again: bool,
}

/// One sidecar.
struct Server {
    name: &'static str,
    program: &'static str,
    socket: PathBuf,
    /// Its command line.
    args: Vec<String>,
    /// The one graphics card it may see.
    gpu: Option<u32>,
    child: Option<Child>,
    /// Looks until it is started again, and the pause after that.
    due_in: u32,
    pause: u32,
}

impl Sidecars {
    /// Starts those the configuration asks for and waits until they are ready. Without one the run
    /// goes on.
    pub(super) fn start(config: &Config, dir: &Path, quiet: bool) -> Self {
        // Without a model a sidecar of somebody else's listens at the socket.
        let signal = &config.signal;
        let own = signal.enabled && (signal.model.is_some() || signal.store.is_some());
        let socket = config.signal_socket(dir);
        let record = dir.join("guard.jsonl");
        let first = Server::new("signal sidecar", socket, &record, &signal.backend, config);
        let standby = config.standby_socket(dir).zip(signal.standby.as_ref());
        let standby = standby.map(|(socket, backend)| {
            let record = dir.join("guard-standby.jsonl");
            Server::new("standby sidecar", socket, &record, backend, config)
        });
        let starts_again = standby.is_some();
        let mut servers: Vec<_> = [Some(first), standby].into_iter().flatten().collect();
        servers.retain(|_| own);
        let said: Vec<_> = servers.iter_mut().map(Server::start).collect();
        for (server, said) in servers.iter_mut().zip(said) {
            if let Some(said) = said {
                server.until_ready(&said, quiet);
            }
        }
        Self { servers, starts_again }
    }

    /// Starts again what has ended, where another one answers meanwhile.
    pub(super) fn look(&mut self) {
        for server in self.servers.iter_mut().filter(|_| self.starts_again) {
            server.look();
        }
    }

    /// Ends them and removes their sockets, which they may not do themselves.
    pub(super) fn end(self) {
        for mut server in self.servers {
            if let Some(mut child) = server.child.take() {
                server.end(&mut child, self.starts_again);
            }
        }
    }
}

impl Server {
    fn new(
        name: &'static str,
        socket: PathBuf,
        record: &Path,
        backend: &str,
        config: &Config,
    ) -> Self {
        let signal = &config.signal;
        let mut args = vec![format!("--socket={}", socket.display())];
        if let Some(store) = &signal.store {
            args.push(format!("--store={}", store.root.display()));
            args.push(format!("--name={}", store.name));
            args.push(format!("--memory-log={}", record.display()));
            let key = store.public_key.as_ref();
            args.extend(key.map(|key| format!("--public-key={}", key.display())));
        } else {
            let model = signal.model.clone().unwrap_or_default();
            args.push(format!("--model={}", model.display()));
        }
        // libtorch has a program of its own, which has no choice of back ends.
        let program = if backend == TORCH { "corelane-torch" } else { "corelane-signal" };
        args.extend((backend != TORCH).then(|| format!("--backend={backend}")));
        // The standby computes on the CPU: it is there for the card's failure.
        let gpu = signal.gpu.filter(|_| backend == signal.backend);
        args.extend(gpu.map(|gpu| format!("--gpu={gpu}")));
        args.push("--shutdown-with-parent".to_owned());
        Self { name, program, socket, args, gpu, child: None, due_in: 0, pause: PAUSE_LOOKS }
    }

    /// Starts it; what it says.
    fn start(&mut self) -> Option<Receiver<String>> {
        match beside(self.program).and_then(|path| spawn(self.program, self.command(&path))) {
            Ok((child, said)) => {
                self.child = Some(child);
                Some(said)
            }
            Err(failure) => {
                warn(&format!("{failure}; the run goes on without this {}", self.name));
                None
            }
        }
    }

    /// How it is started.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.args(&self.args);
        if let Some(gpu) = self.gpu {
            // CUDA numbers cards by speed unless told otherwise, NVML always by their place.
            command.env("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
            command.env("CUDA_VISIBLE_DEVICES", gpu.to_string());
        }
        command
    }

    fn until_ready(&mut self, said: &Receiver<String>, quiet: bool) {
        let name = self.name;
        loop {
            match said.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(": ready: ") => {
                    if !quiet {
                        warn(&line);
                    }
                    return;
                }
                Ok(line) => warn(&line),
                Err(RecvTimeoutError::Timeout) => {
                    warn(&format!(
                        "RESOURCE: the {name} is not ready yet; the run goes on without it"
                    ));
                    return;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    warn(&format!(
                        "RESOURCE: the {name} ended at its start; the run goes on without it"
                    ));
                    // It has closed its output and is ending; its own line said why.
                    let _ = self.child.take().map(|mut child| child.wait());
                    self.due_in = self.pause;
                    return;
                }
            }
        }
    }

    fn look(&mut self) {
        let ended = match &mut self.child {
            Some(child) => child.try_wait().ok().flatten(),
            None if self.due_in == 0 => {
                // What it says from here on is news: its reader tells it.
                drop(self.start());
                self.due_in = self.pause;
                return;
            }
            None => {
                self.due_in -= 1;
                return;
            }
        };
        if let Some(status) = ended {
            self.child = None;
            self.due_in = self.pause;
            self.pause = (self.pause * 2).min(PAUSE_LOOKS_MAX);
            warn(&format!(
                "RESOURCE: the {} ended: status=\"{status}\"; next: it is started again; look at the \
                 lines above for why",
                self.name
            ));
        }
    }

    fn end(&self, child: &mut Child, starts_again: bool) {
        if let Ok(Some(status)) = child.try_wait() {
            let without = if starts_again {
                ""
            } else {
                "the run went on without signals from \
                 then on; "
            };
            warn(&format!(
                "RESOURCE: the {} ended before the run did: status=\"{status}\"; next: {without}look \
                 at the lines above",
                self.name
            ));
        } else {
            // Refused only where it has ended already.
            let _ = sys::terminate(child.id());
            let ended = |child: &mut Child| !matches!(child.try_wait(), Ok(None));
            for _ in 0..END_LOOKS {
                if ended(child) {
                    break;
                }
                std::thread::park_timeout(END_LOOK);
            }
            // One that hangs hears no SIGTERM. A status nobody reads tells nothing.
            let _ = child.kill();
            let _ = child.wait();
        }
        // It may be gone already.
        let _ = std::fs::remove_file(&self.socket);
    }
}

fn spawn(program: &str, mut command: Command) -> Result<(Child, Receiver<String>), Failure> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| system(&format!("cannot start {program}"), &e))?;
    let (sender, said) = channel();
    if let Some(stream) = child.stderr.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if let Err(unheard) = sender.send(line) {
                    // Nobody waits for readiness any more: what it says now is news.
                    if !unheard.0.contains(": ended: ") {
                        warn(&unheard.0);
                    }
                }
            }
        });
    }
    Ok((child, said))
}

#[cfg(test)]
mod tests {
    use super::*;
    use station::config::Overrides;
    use std::ffi::OsStr;

    fn servers(text: &str) -> Vec<Server> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/two-gpu.toml");
        let config = Config::parse(&file, text, &Overrides::default()).expect("sound");
        let mut servers = Vec::new();
        let backends = std::iter::once(&config.signal.backend).chain(&config.signal.standby);
        for (name, backend) in ["signal sidecar", "standby sidecar"].into_iter().zip(backends) {
            let socket = PathBuf::from("s.sock");
            servers.push(Server::new(name, socket, Path::new("record"), backend, &config));
        }
        servers
    }

    fn started(server: &Server) -> (Vec<String>, Vec<(String, String)>) {
        let command = server.command(Path::new("corelane-signal"));
        let text = |text: &OsStr| text.to_string_lossy().into_owned();
        let args = command.get_args().map(text).collect();
        let envs =
            command.get_envs().map(|(key, value)| (text(key), value.map(text).unwrap_or_default()));
        (args, envs.collect())
    }

    /// `config/two-gpu.toml`: the model on the second card, the standby on the CPU.
    #[test]
    fn of_two_cards_the_sidecar_sees_the_one_that_is_named_and_the_standby_none() {
        let text = include_str!("../../../config/two-gpu.toml");
        let [first, standby] = &servers(text)[..] else { panic!("two sidecars") };
        let (args, envs) = started(first);
        assert!(args.contains(&"--backend=onnxruntime-cuda".to_owned()), "{args:?}");
        assert!(args.contains(&"--gpu=1".to_owned()), "its memory is watched: {args:?}");
        let env = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let card = [env("CUDA_DEVICE_ORDER", "PCI_BUS_ID"), env("CUDA_VISIBLE_DEVICES", "1")];
        assert_eq!(envs, card);
        let (args, envs) = started(standby);
        assert!(args.contains(&"--backend=auto".to_owned()), "{args:?}");
        assert!(!args.iter().any(|arg| arg.starts_with("--gpu")) && envs.is_empty(), "{args:?}");
    }

    #[test]
    fn without_a_card_named_the_library_chooses() {
        let text = include_str!("../../../config/two-gpu.toml").replace("\ngpu = 1\n", "\n");
        let (args, envs) = started(&servers(&text)[0]);
        assert!(!args.iter().any(|arg| arg.starts_with("--gpu")) && envs.is_empty(), "{args:?}");
    }
}
