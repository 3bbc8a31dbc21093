//! How a night keeps out of the station's way: this process, and so every one it starts, goes to the
//! back of the CPU's and the disk's queues before it does anything.
//!
//! `renice`, `chrt` and `ionice` do it, so that no unsafe code has to, and `/proc` says whether it is
//! so. Must never: go on at a rank the configuration does not want.

use super::config::HostKeys;
use station::operator::Failure;
use std::process::{Command, Stdio};
use wire::exit::Exit;

/// The idle class, as `sched_setscheduler` numbers it.
const IDLE: i64 = 5;
/// Places of nice value and scheduling class after the name in `/proc/PID/stat`.
const NICE_AT: usize = 16;
const CLASS_AT: usize = 38;

/// Lowers this process.
///
/// # Errors
/// `HOST` where that cannot be done.
pub(super) fn lower(keys: HostKeys) -> Result<(), Failure> {
    let pid = std::process::id().to_string();
    let (nice, _) = rank()?;
    if nice < keys.nice {
        run("renice", &["-n", &keys.nice.to_string(), "-p", &pid])?;
    }
    if keys.idle {
        run("chrt", &["--idle", "--pid", "0", &pid])?;
        run("ionice", &["-c", "3", "-p", &pid])?;
    }
    let (nice, class) = rank()?;
    if nice < keys.nice || (keys.idle && class != IDLE) {
        let fields = format!("nice={nice} class={class} wanted_nice={}", keys.nice);
        return Err(refused("this process is not as far back as it should be", &fields));
    }
    Ok(())
}

/// Nice value and scheduling class of this process.
fn rank() -> Result<(i64, i64), Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name may hold anything, so what counts stands after its last bracket.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|text| text.parse().ok());
    let rank = number(NICE_AT).zip(number(CLASS_AT));
    rank.ok_or_else(|| refused("cannot see how this process is scheduled", "path=/proc/self/stat"))
}

fn run(program: &str, args: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
    let why = match command.output() {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().replace(['\n', '"'], " "),
        Err(error) => error.to_string(),
    };
    Err(refused("cannot lower this process", &format!("program={program} error=\"{why}\"")))
}

fn refused(what: &str, fields: &str) -> Failure {
    let next = "install util-linux, or change [host] in the configuration";
    Failure::new(Exit::Host, what, fields, next)
}
