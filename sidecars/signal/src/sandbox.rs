//! What the model server may still do once it serves: answer on its sockets, read models beneath
//! one folder, compute. Nothing else.
//!
//! Two fences of the kernel, closed in this order. **Files** (landlock, [`Sandbox::close_files`]):
//! before there is a second thread, for it holds for the calling thread and those it starts.
//! **Calls** (seccomp, [`Sandbox::close_calls`]): when the runtime is loaded, the model warm and the
//! socket open, in all threads at once; the lists are in [`calls`]. Neither can be opened again.
//!
//! Must never: close a fence half and say nothing, or be the only thing between a peer and the
//! engine (the engine believes no frame). Main thread; allocates.

mod calls;

use crate::error::ModelError;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags, path_beneath_rules,
};
use seccompiler::BpfProgram;
use serde::Serialize;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The kernel interface the rules are written for (Linux 7.0). An older kernel holds what it knows
/// of them; reading and writing files it knows since the first (Linux 5.13), and what it does not
/// know the second fence denies as a call.
const RULES: ABI = ABI::V8;

/// Where the loader of shared libraries looks.
const LIBRARIES: [&str; 6] =
    ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"];

/// What a runtime asks of the machine before it chooses its kernels and threads.
const MACHINE: [&str; 2] = ["/proc/cpuinfo", "/sys/devices/system/cpu"];

/// What the driver of a GPU says of itself.
const GPU_FACTS: [&str; 2] = ["/proc/driver/nvidia", "/sys/bus/pci/devices"];

const LANDLOCK: &str = "landlock";
const SECCOMP: &str = "seccomp";

/// How much the operator insists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SandboxMode {
    /// Both fences or no server.
    On,
    /// What the kernel has; what it has not is told in one line.
    #[default]
    BestEffort,
    /// None.
    Off,
}

impl SandboxMode {
    /// Every mode and its name.
    const NAMES: [(Self, &str); 3] =
        [(Self::On, "on"), (Self::BestEffort, "best-effort"), (Self::Off, "off")];

    /// The mode behind a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(_, known)| *known == name).map(|(mode, _)| mode)
    }
}

/// What is let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The one folder beneath which models are read.
    pub model_root: PathBuf,
    /// The folder of the socket, which is made in it between the fences.
    pub socket_dir: PathBuf,
    /// Folders of shared libraries, to read; none where the runtime is built in.
    pub libraries: Vec<PathBuf>,
    /// Device nodes of a GPU, to read, write and control; none without one.
    pub devices: Vec<PathBuf>,
    /// The sockets are served by a ring that is open before the second fence closes.
    pub io_uring: bool,
}

impl Policy {
    /// A server of models beneath a folder, its socket in another, on the built-in runtime.
    #[must_use]
    pub fn new(model_root: &Path, socket: &Path) -> Self {
        let dir = socket.parent().filter(|dir| !dir.as_os_str().is_empty());
        Self {
            model_root: model_root.into(),
            socket_dir: dir.unwrap_or(Path::new(".")).into(),
            libraries: Vec::new(),
            devices: Vec::new(),
            io_uring: false,
        }
    }

    /// A runtime that is loaded from a file may read it, its neighbours and what it links to.
    #[must_use]
    pub fn with_library(mut self, library: &Path) -> Self {
        // The loader follows links to where the file stands.
        let found = library.canonicalize();
        let dir = found.as_deref().unwrap_or(library).parent();
        self.libraries.extend(dir.map(Path::to_path_buf));
        self.libraries.extend(LIBRARIES.map(PathBuf::from));
        let named = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        self.libraries.extend(std::env::split_paths(&named).filter(|p| !p.as_os_str().is_empty()));
        self
    }

    /// A runtime that computes on a GPU may use its device nodes, which are looked for in `dev`.
    /// It maps code it has compiled, so that no longer is a call the second fence refuses.
    #[must_use]
    pub fn with_gpu(mut self, dev: &Path) -> Self {
        let entries = fs::read_dir(dev).into_iter().flatten().flatten();
        let named = entries.filter(|e| e.file_name().to_string_lossy().starts_with("nvidia"));
        self.devices.extend(named.map(|entry| entry.path()));
        self.devices.sort();
        self.libraries.extend(GPU_FACTS.map(PathBuf::from));
        self
    }
}

/// The fences of this process and how far they are closed.
#[derive(Debug)]
pub struct Sandbox {
    mode: SandboxMode,
    policy: Policy,
    closed: Vec<&'static str>,
    missing: Vec<String>,
}

impl Sandbox {
    /// Nothing closed yet.
    #[must_use]
    pub fn new(mode: SandboxMode, policy: Policy) -> Self {
        Self { mode, policy, closed: Vec::new(), missing: Vec::new() }
    }

    /// Closes the first fence: files beneath the model's root, libraries and devices, no network,
    /// no signal to others. Call it before the runtime is loaded and a thread is started.
    ///
    /// # Errors
    /// [`ModelError::Sandbox`] where the operator insists and the kernel has no landlock, or another
    /// thread runs already.
    pub fn close_files(&mut self) -> Result<(), ModelError> {
        if self.mode == SandboxMode::Off {
            return Ok(());
        }
        make_private(&self.policy.socket_dir);
        let outcome = match threads() {
            1 => close_files(&self.policy).map(|_abi| ()),
            count => Err(format!("{count} threads run already")),
        };
        self.note(LANDLOCK, outcome, "files outside the model's folder stay readable")
    }

    /// Closes the second fence, in every thread: system calls by list.
    ///
    /// # Errors
    /// [`ModelError::Sandbox`] where the operator insists and the kernel has no seccomp filters.
    pub fn close_calls(&mut self) -> Result<(), ModelError> {
        if self.mode == SandboxMode::Off {
            return Ok(());
        }
        let outcome = calls::programs(&self.policy, self.closed.contains(&LANDLOCK))
            .map_err(|error| error.to_string())
            .and_then(|programs| close_calls(&programs));
        self.note(SECCOMP, outcome, "sockets, programs and writes stay possible")
    }

    /// The fences that are closed, for the line that says the server is ready.
    #[must_use]
    pub fn closed(&self) -> String {
        match (self.closed.is_empty(), self.mode) {
            (false, _) => self.closed.join("+"),
            (true, SandboxMode::Off) => "off".into(),
            (true, _) => "none".into(),
        }
    }

    /// One line for each fence this kernel has not, for the operator.
    pub fn take_missing(&mut self) -> Vec<String> {
        std::mem::take(&mut self.missing)
    }

    fn note(
        &mut self,
        part: &'static str,
        outcome: Result<(), String>,
        open: &str,
    ) -> Result<(), ModelError> {
        match outcome {
            Ok(()) => self.closed.push(part),
            Err(found) if self.mode == SandboxMode::On => {
                return Err(ModelError::Sandbox { part, found });
            }
            Err(found) => self.missing.push(format!(
                "sandbox is not whole: {part} is missing ({found}): {open}; next: {NEXT}"
            )),
        }
        Ok(())
    }
}

/// What an operator does who insists, and one who does not.
pub(crate) const INSIST_NEXT: &str = "use a kernel and a container that have landlock (Linux 5.13, \
    boot option lsm=) and seccomp filters, or start with --sandbox=best-effort";
const NEXT: &str = "use a kernel and a container that have it, or start with --sandbox=off to say \
    that this is meant";

/// Threads of this process; 1 where the kernel does not say.
fn threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(1, |tasks| tasks.count().max(1))
}

/// The socket's folder, so that it can be named in a rule. Whether it is private is judged when the
/// socket is bound, and a failure is seen there too.
fn make_private(dir: &Path) {
    let _judged_later = fs::DirBuilder::new().mode(0o700).create(dir);
}

fn close_files(policy: &Policy) -> Result<ABI, String> {
    let status = ruleset(policy).map_err(|error| error.to_string())?;
    match (status.0, status.1) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            Err("it is switched off in this kernel".into())
        }
        (RulesetStatus::NotEnforced, _) => Err("this kernel or its container has none".into()),
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(effective_abi),
        (_, status) => Err(format!("the kernel says {status:?}")),
    }
}

fn ruleset(policy: &Policy) -> Result<(RulesetStatus, LandlockStatus), RulesetError> {
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let socket = make_bitflags!(AccessFs::{MakeSock | RemoveFile});
    let device = make_bitflags!(AccessFs::{ReadFile | WriteFile | IoctlDev});
    let status = handled()?
        .create()?
        .add_rules(path_beneath_rules([&policy.model_root], read))?
        .add_rules(path_beneath_rules(MACHINE, read))?
        .add_rules(path_beneath_rules(&policy.libraries, read))?
        .add_rules(path_beneath_rules(&policy.devices, device))?
        .add_rules(path_beneath_rules([&policy.socket_dir], socket))?
        .restrict_self()?;
    Ok((status.ruleset, status.landlock))
}

/// Everything landlock can deny is denied where no rule allows it.
fn handled() -> Result<Ruleset, RulesetError> {
    let files: BitFlags<AccessFs> = AccessFs::from_all(RULES);
    Ruleset::default()
        .handle_access(files)?
        .handle_access(AccessNet::from_all(RULES))?
        .scope(Scope::from_all(RULES))
}

fn close_calls(programs: &[BpfProgram]) -> Result<(), String> {
    programs.iter().try_for_each(|program| {
        seccompiler::apply_filter_all_threads(program).map_err(|error| why_not(&error))
    })
}

fn why_not(error: &seccompiler::Error) -> String {
    use seccompiler::Error::{Backend, EmptyFilter, Prctl, Seccomp, ThreadSync};
    match error {
        Prctl(e) | Seccomp(e) if matches!(e.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) => {
            "this kernel or its container has no filters".into()
        }
        Prctl(e) | Seccomp(e) => e.to_string(),
        Backend(_) | EmptyFilter | ThreadSync(_) => error.to_string(),
    }
}

/// What of a sandbox this machine has. Serialises to JSON.
#[derive(Clone, Debug, Serialize)]
pub struct SandboxState {
    /// The version of landlock's interface in use; absent without landlock.
    pub landlock_abi: Option<u8>,
    /// Whether system call filters can be set.
    pub seccomp: bool,
    /// What is missing, in words; empty where both fences can be closed.
    pub missing: Vec<String>,
}

impl SandboxState {
    /// One line for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut parts: Vec<String> =
            self.landlock_abi.map(|abi| format!("landlock {abi}")).into_iter().collect();
        parts.extend(self.seccomp.then(|| SECCOMP.to_owned()));
        parts.extend(self.missing.iter().map(|what| format!("no {what}")));
        parts.join(", ")
    }
}

/// Closes both fences round a thread that ends at once, and says which held.
#[must_use]
pub fn examine() -> SandboxState {
    let tried = std::thread::spawn(|| {
        let nowhere = Policy::new(Path::new("/nowhere"), Path::new("/nowhere/socket"));
        let files = close_files(&nowhere);
        let calls = calls::probe().map_err(|e| e.to_string()).and_then(|program| {
            seccompiler::apply_filter(&program).map_err(|error| why_not(&error))
        });
        (files, calls)
    });
    let ended = || "the trial thread ended early".to_owned();
    let (files, calls) = tried.join().unwrap_or_else(|_| (Err(ended()), Err(ended())));
    let mut missing = Vec::new();
    let landlock_abi = match files {
        Ok(abi) => u8::try_from(abi as i32).ok(),
        Err(found) => {
            missing.push(format!("landlock: {found}"));
            None
        }
    };
    let seccomp = calls.map_err(|found| missing.push(format!("seccomp: {found}"))).is_ok();
    SandboxState { landlock_abi, seccomp, missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_modes() {
        for (mode, name) in SandboxMode::NAMES {
            assert_eq!(SandboxMode::from_name(name), Some(mode));
        }
        assert_eq!(SandboxMode::from_name("audit"), None);
    }

    #[test]
    fn a_library_brings_its_folder_and_the_loader_s() {
        let dir = tempfile::tempdir().unwrap();
        let policy = Policy::new(Path::new("/models"), Path::new("signal.sock"));
        assert_eq!((policy.libraries.len(), policy.socket_dir.as_path()), (0, Path::new(".")));
        let policy = policy.with_library(&dir.path().join("lib.so"));
        assert_eq!(policy.libraries.first().map(PathBuf::as_path), Some(dir.path()));
        assert!(policy.libraries.contains(&PathBuf::from("/usr/lib")));
        assert!(!policy.libraries.contains(&PathBuf::new()), "an empty path is the whole folder");
    }

    #[test]
    fn a_gpu_brings_its_nodes_and_no_other() {
        let dev = tempfile::tempdir().unwrap();
        for name in ["nvidiactl", "nvidia0", "sda", "mem"] {
            fs::write(dev.path().join(name), "").unwrap();
        }
        let policy = Policy::new(Path::new("/m"), Path::new("/s/s")).with_gpu(dev.path());
        let nodes = ["nvidia0", "nvidiactl"].map(|name| dev.path().join(name));
        assert_eq!(policy.devices, nodes);
    }

    #[test]
    fn an_operator_who_insists_gets_an_error_and_one_who_does_not_a_line() {
        let policy = Policy::new(Path::new("/m"), Path::new("/s/s"));
        let absent = || Err("this kernel or its container has none".to_owned());
        let mut strict = Sandbox::new(SandboxMode::On, policy.clone());
        let error = strict.note("landlock", absent(), "all is open").unwrap_err();
        assert_eq!(error.exit().code(), 12);
        assert!(error.operator_line().starts_with("HOST: "), "{}", error.operator_line());
        assert!(error.operator_line().contains("part=landlock"), "{}", error.operator_line());
        let mut lenient = Sandbox::new(SandboxMode::BestEffort, policy);
        lenient.note("landlock", absent(), "all is open").unwrap();
        assert_eq!(lenient.closed(), "none");
        lenient.note("seccomp", Ok(()), "").unwrap();
        assert_eq!(lenient.closed(), "seccomp");
        let lines = lenient.take_missing();
        assert!(lines.len() == 1 && lines[0].contains("all is open; next: "), "{lines:?}");
    }
}
