//! The sandbox, tried from inside: each forbidden thing in a process of its own under the real
//! policy, on the first thread and on one that ran before the second fence closed, and each thing
//! the server needs. The same judgement is then given processes with a hole in the fence, and must
//! notice. No test harness: the fences close round a process with one thread.
#![expect(clippy::print_stdout, clippy::exit, reason = "a test program")]
#![expect(clippy::unwrap_used, reason = "a helper that fails must fail its test")]

mod attempts;
mod kernels;
mod sys;

use attempts::{Attempt, FORBIDDEN, Fate, NEEDED, ON_A_GPU};
use corelane_signal::sandbox::{Policy, Sandbox, SandboxMode};
use std::fs::File;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::mpsc::channel;

/// Names what a child tries.
const TRY: &str = "CORELANE_SANDBOX_TRY";
const FENCES: &str = "CORELANE_SANDBOX_FENCES";
const FOLDER: &str = "CORELANE_SANDBOX_FOLDER";

pub(crate) type Outcome = Result<(), String>;
type Check = (&'static str, fn() -> Outcome);

/// How a child is shut in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fences {
    /// As the server is; the attempt is made on the first thread.
    Both,
    /// The same; on a thread that was there before the second fence.
    Early,
    /// The same, and there is a GPU whose only node is `/dev/zero`.
    Gpu,
    /// Planted holes: one fence, the other, both are open.
    Files,
    Calls,
    None,
}

const ALL_FENCES: [(Fences, &str); 6] = [
    (Fences::Both, "both"),
    (Fences::Early, "early"),
    (Fences::Gpu, "gpu"),
    (Fences::Files, "files"),
    (Fences::Calls, "calls"),
    (Fences::None, "none"),
];

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(TRY) {
        child(&name);
    }
    let mut checks: Vec<Check> = vec![
        ("a_kernel_without_landlock_is_told", kernels::without_landlock),
        ("a_kernel_without_seccomp_is_told", kernels::without_seccomp),
    ];
    if let Some(reason) = kernels::cannot_be_shut_in() {
        println!("SKIPPED sandbox: {reason}");
    } else {
        checks.extend([
            ("each_forbidden_thing_is_refused", (|| all(&FORBIDDEN, Fences::Both)) as fn() -> _),
            ("a_thread_that_ran_before_is_shut_in", || all(&FORBIDDEN, Fences::Early)),
            ("what_a_server_needs_works", || all(&NEEDED, Fences::Both)),
            ("what_a_server_needs_works_on_such_a_thread", || all(&NEEDED, Fences::Early)),
            ("a_gpu_opens_its_nodes_and_no_more", || all(&ON_A_GPU, Fences::Gpu)),
            ("without_fences_every_attempt_is_noticed", no_fences),
            ("each_fence_holds_its_own_part", one_fence),
        ]);
    }
    let mut failed = 0;
    for (name, check) in &checks {
        match check() {
            Ok(()) => println!("test {name} ... ok"),
            Err(why) => {
                failed += 1;
                println!("test {name} ... FAILED\n    {why}");
            }
        }
    }
    let (passed, word) = (checks.len() - failed, if failed == 0 { "ok" } else { "FAILED" });
    println!("\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored\n");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What a child finds round itself.
pub(crate) struct World {
    pub(crate) folder: PathBuf,
    /// The memory guard's record and what it reads, open before the fences close.
    pub(crate) record: File,
    pub(crate) facts: File,
}

impl World {
    /// A folder with a model, a link out of it, a secret, a record beside the socket, and two
    /// sockets of somebody else.
    fn make(folder: &Path) -> (UnixListener, UnixDatagram) {
        for dir in ["models", "run"] {
            std::fs::create_dir(folder.join(dir)).unwrap();
        }
        for file in ["models/model.onnx", "secret", "run/record"] {
            std::fs::write(folder.join(file), "content").unwrap();
        }
        std::os::unix::fs::symlink("../secret", folder.join("models/out")).unwrap();
        let listener = UnixListener::bind(folder.join("control.sock")).unwrap();
        (listener, UnixDatagram::bind(folder.join("log.sock")).unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Shuts itself in, tries one thing and ends with what came of it.
fn child(name: &str) -> ! {
    let attempt = FORBIDDEN.iter().chain(&NEEDED).chain(&ON_A_GPU).find(|a| a.name == name);
    let attempt = attempt.expect("a known attempt");
    let wanted = std::env::var(FENCES).unwrap();
    let fences = ALL_FENCES.into_iter().find(|(_, name)| *name == wanted).unwrap().0;
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let mut policy = Policy::new(&folder.join("models"), &folder.join("run/signal.sock"));
    if fences == Fences::Gpu {
        policy.devices.push("/dev/zero".into());
    }
    let record = File::options().append(true).open(folder.join("run/record")).unwrap();
    let world = World { folder, record, facts: File::open("/proc/meminfo").unwrap() };
    let mut sandbox = Sandbox::new(SandboxMode::On, policy);
    if !matches!(fences, Fences::Calls | Fences::None) {
        sandbox.close_files().unwrap();
    }
    let (go, gone) = channel();
    let close = |sandbox: &mut Sandbox| {
        if !matches!(fences, Fences::Files | Fences::None) {
            sandbox.close_calls().unwrap();
        }
    };
    let tried = if fences == Fences::Early {
        let early = std::thread::spawn(move || {
            gone.recv().unwrap();
            (attempt.act)(&world)
        });
        close(&mut sandbox);
        go.send(()).unwrap();
        early.join().unwrap()
    } else {
        close(&mut sandbox);
        (attempt.act)(&world)
    };
    match tried {
        Ok(()) => std::process::exit(0),
        Err(error) => std::process::exit(error.raw_os_error().unwrap_or(255)),
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    /// The error number of what it tried.
    Refused(i32),
    Signal(i32),
}

fn run(attempt: &Attempt, fences: Fences) -> End {
    let folder = tempfile::tempdir().unwrap();
    let _alive = World::make(folder.path());
    let name = ALL_FENCES.into_iter().find(|(known, _)| *known == fences).unwrap().1;
    let output = Command::new(std::env::current_exe().unwrap())
        .env(TRY, attempt.name)
        .env(FENCES, name)
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    match (output.status.code(), output.status.signal()) {
        (Some(0), _) => End::Done,
        (Some(101), _) => panic!("{}: {}", attempt.name, String::from_utf8_lossy(&output.stderr)),
        (Some(number), _) => End::Refused(number),
        (None, signal) => End::Signal(signal.unwrap_or(0)),
    }
}

/// Whether a child met the fate it should.
fn judge(attempt: &Attempt, end: End) -> Outcome {
    let met = match attempt.fate {
        Fate::Done => end == End::Done,
        Fate::Refused => {
            matches!(end, End::Refused(libc::EPERM | libc::EACCES | libc::ENOSYS))
        }
        Fate::Killed => end == End::Signal(libc::SIGSYS),
        Fate::Aborted => end == End::Signal(libc::SIGABRT),
    };
    let (name, fate) = (attempt.name, attempt.fate);
    if met { Ok(()) } else { Err(format!("{name} should be {fate:?} and was {end:?}")) }
}

fn all(attempts: &[Attempt], fences: Fences) -> Outcome {
    let wrong: Vec<String> =
        attempts.iter().filter_map(|attempt| judge(attempt, run(attempt, fences)).err()).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n    ")) }
}

/// The planted hole is the whole fence: what is not noticed without it was never proven by it. A
/// thing the host refuses anyway proves nothing here, and that is told.
fn no_fences() -> Outcome {
    let mut proven = 0;
    for attempt in &FORBIDDEN {
        let end = run(attempt, Fences::None);
        if judge(attempt, end).is_err() {
            proven += 1;
        } else {
            println!("SKIPPED sandbox {}: refused here without a sandbox: {end:?}", attempt.name);
        }
    }
    if proven * 2 > FORBIDDEN.len() { Ok(()) } else { Err(format!("{proven} are noticed")) }
}

/// With one fence open, what only that one holds goes through.
fn one_fence() -> Outcome {
    let through = |fences| {
        let missed = FORBIDDEN.iter().filter(move |a| judge(a, run(a, fences)).is_err());
        missed.map(|a| a.name).collect::<Vec<_>>()
    };
    let (files, calls) = (through(Fences::Files), through(Fences::Calls));
    let must = |missed: &[&str], names: &[&str]| {
        let unseen: Vec<&&str> = names.iter().filter(|name| !missed.contains(name)).collect();
        if unseen.is_empty() { Ok(()) } else { Err(format!("not noticed: {unseen:?}")) }
    };
    must(&calls, &["read_a_file_outside", "read_through_a_link", "read_another_process"])?;
    must(&files, &["open_an_internet_socket", "delete_beside_the_socket", "change_a_mode"])?;
    must(&files, &["connect_to_a_socket", "run_a_program", "map_memory_to_run"])
}
