//! `sfnt-pingpong` itself, where it is installed: how it is called, and what it said.
//!
//! Must never: read its table with a parser of its own (`latency::sfnt` has it).

use super::PingpongArgs;
use super::local::Mode;
use super::measure::Affinity;
use crate::latency::sfnt::Table;
use std::env;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Name of the program.
pub const NAME: &str = "sfnt-pingpong";

/// Where it is, on the PATH.
#[must_use]
pub fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(NAME)).find(|file| {
        file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    })
}

/// Arguments of the measuring side.
#[must_use]
pub fn arguments(args: &PingpongArgs, affinity: Affinity, to: Option<SocketAddr>) -> Vec<String> {
    let sizes: Vec<String> = args.sizes.iter().map(usize::to_string).collect();
    let ms = args.time.div_ceil(1_000_000).max(1);
    let mut words = vec![
        format!("--sizes={}", sizes.join(",")),
        format!("--percentile={}", args.percentile),
        format!("--miniter={}", args.iterations.unwrap_or_else(|| args.percentile.needs())),
        format!("--minms={ms}"),
        format!("--maxms={}", ms.saturating_mul(3)),
    ];
    if let Some(n) = args.iterations {
        words.push(format!("--maxiter={n}"));
    }
    if let (Some(client), Some(server)) = (affinity.client, affinity.server) {
        words.push(format!("--affinity={client};{server}"));
    }
    if args.wait == super::end::Wait::Spinning {
        words.push("--spin".into());
    }
    if args.rtt {
        words.push("--rtt".into());
    }
    if args.mode == Mode::Tcp {
        words.push("--nodelay".into());
    }
    words.push(args.mode.name().into());
    words.extend(to.map(|to| to.to_string()));
    words
}

/// Runs the measuring side; its output with its table. Its messages go where ours go.
///
/// # Errors
/// It cannot be started, ended badly, or printed no table of its own form.
pub fn measure(program: &PathBuf, words: &[String]) -> io::Result<(String, Table)> {
    let mut command = Command::new(program);
    let run = command.args(words).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8(run.stdout).map_err(io::Error::other)?;
    if !run.status.success() {
        return Err(io::Error::other(format!("{NAME} ended with {}", run.status)));
    }
    let table = Table::parse(&text).map_err(|fault| io::Error::other(fault.to_string()))?;
    Ok((text, table))
}

/// Runs the answering side until its client is done.
///
/// # Errors
/// It cannot be started, or ended badly.
pub fn answer(program: &PathBuf, at: SocketAddr) -> io::Result<()> {
    let status = Command::new(program).arg(format!("--port={}", at.port())).status()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("{NAME} ended with {status}")))
}
