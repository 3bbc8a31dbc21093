//! The real server on a kernel that lacks a part: a filter of this test's own answers for it.

use crate::Outcome;
use corelane_signal::sandbox;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use wire::exit::Exit;

/// Why nothing can be tried here; none where both fences can be closed.
pub(crate) fn cannot_be_shut_in() -> Option<String> {
    let state = sandbox::examine();
    (!state.missing.is_empty()).then(|| state.missing.join("; "))
}

pub(crate) fn without_landlock() -> Outcome {
    let absent = libc::ENOSYS.unsigned_abs();
    told("landlock", "no landlock: ", &lacking(libc::SYS_landlock_create_ruleset, absent))
}

pub(crate) fn without_seccomp() -> Outcome {
    told("seccomp", "no seccomp: ", &lacking(libc::SYS_seccomp, libc::EINVAL.unsigned_abs()))
}

/// A filter under which one call is answered with an error.
fn lacking(call: libc::c_long, error: u32) -> BpfProgram {
    let rules = [(call, Vec::new())].into_iter().collect();
    let arch = std::env::consts::ARCH.try_into().unwrap();
    SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(error), arch)
        .unwrap()
        .try_into()
        .unwrap()
}

/// An operator who insists gets one line and an exit code, another a line and a server, and the
/// doctor says what is missing.
fn told(part: &str, doctor: &str, filter: &BpfProgram) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let server = |mode: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_corelane-signal"));
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/good");
        command.arg(format!("--socket={}/signal.sock", folder.path().display()));
        command.arg(format!("--model={}", model.display())).arg(format!("--sandbox={mode}"));
        command.env_remove("ORT_DYLIB_PATH").stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped());
        command
    };
    // A filter goes to the thread that sets it and to the processes it starts.
    std::thread::scope(|scope| {
        let beneath = scope.spawn(|| {
            seccompiler::apply_filter(filter).map_err(|e| format!("no filter can be set: {e}"))?;
            insists(part, server("on"))?;
            goes_without(part, server("best-effort"))?;
            let mut command = Command::new(env!("CARGO_BIN_EXE_corelane-signal"));
            let output = command.arg("--doctor").output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            if said.contains(doctor) { Ok(()) } else { Err(format!("the doctor: {said}")) }
        });
        beneath.join().unwrap()
    })
}

fn insists(part: &str, mut server: Command) -> Outcome {
    let output = server.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let named = said.contains(&format!("part={part}")) && said.contains("; next: ");
    let one_line = said.lines().count() == 1 && said.starts_with(Exit::Host.name());
    let code = output.status.code() == Some(Exit::Host.code().into());
    if named && one_line && code { Ok(()) } else { Err(format!("{}: {said}", output.status)) }
}

fn goes_without(part: &str, mut server: Command) -> Outcome {
    let mut child = server.spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut told = 0;
    let mut ready = String::new();
    for line in lines {
        told += usize::from(line.contains(&format!("sandbox is not whole: {part} is missing")));
        if line.contains(": ready: ") {
            ready = line;
            break;
        }
    }
    // Ended either way.
    let _ = child.kill();
    let _ = child.wait();
    let other = if part == "landlock" { "seccomp" } else { "landlock" };
    let held = ready.ends_with(&format!("sandbox={other}"));
    if told == 1 && held { Ok(()) } else { Err(format!("{told} lines; {ready}")) }
}
