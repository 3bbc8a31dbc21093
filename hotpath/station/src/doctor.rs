//! What the doctor says of this host when a session starts: its hash for the tape, what is open for
//! the summary.
//!
//! Must never: keep a session from starting, which is the work of `corelane doctor gate` before it,
//! or load a library of the GPU's into the engine. Runs once at start, before the threads of the
//! session; allocates.

use crate::config::{Config, Profile};
use crate::operator::Failure;
use crate::run_dir;
use isolation::{Gpu, Plan, Report};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;
use wire::exit::Exit;

/// The topology a session's host was held against, in its run's folder.
const TOPOLOGY: &str = "topology.toml";

/// The doctor's report on this host.
#[derive(Debug)]
pub struct Doctor {
    report: Report,
    plan: Plan,
}

impl Doctor {
    /// Examines this host, on a thread of its own: how often it opens a file depends on the host,
    /// and the main thread's calls must not, for tests strike at each of them.
    ///
    /// # Errors
    /// `RESOURCE` for a topology file that cannot be read, `CONFIGURATION` for one that cannot be.
    pub fn look(config: &Config) -> Result<Self, Failure> {
        let of_file = config.station.topology.as_deref().map(topology).transpose()?;
        let profile = match config.station.profile {
            Profile::Dev => isolation::Profile::Dev,
            Profile::Live => isolation::Profile::Live,
        };
        let look = move || {
            let mut host = isolation::Host::live();
            let plan = of_file.unwrap_or_else(|| Plan::of(&host));
            isolation::ask(&mut host, Duration::ZERO, Gpu::Leave);
            Self { report: isolation::examine(&host, &plan, profile), plan }
        };
        let thread = std::thread::Builder::new().name("doctor".to_owned()).spawn(look);
        let thread = thread.map_err(|error| {
            let next = "raise the limit on threads (ulimit -u, TasksMax=)";
            Failure::new(
                Exit::Resource,
                "thread cannot be started",
                format!("error=\"{error}\""),
                next,
            )
        })?;
        thread.join().map_err(|_| Failure::new(Exit::Bug, "the doctor panicked", "", "report it"))
    }

    /// Keeps a file's topology in a run's folder, so that the host can be held against it again.
    ///
    /// # Errors
    /// `JOURNAL` where the file cannot be written.
    pub fn keep(&self, dir: &Path) -> Result<(), Failure> {
        if !self.plan.is_file {
            return Ok(());
        }
        let path = dir.join(TOPOLOGY);
        std::fs::write(&path, self.plan.to_toml()).map_err(|error| run_dir::refused(&path, &error))
    }

    /// First eight bytes of the report's hash, as the tape has it.
    #[must_use]
    pub fn hash(&self) -> u64 {
        short(&self.report.hash)
    }

    /// What the summary has: hash, exit status, and the checks that are open.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let Report { profile, hash, exit, counts, checks, .. } = &self.report;
        let open = checks.iter().filter(|finding| finding.status.is_open());
        let open: Map<String, Value> =
            open.map(|finding| (finding.id.to_owned(), json!(finding.status.name()))).collect();
        json!({
            "hash": hash,
            "profile": profile.name(),
            "exit": exit,
            "counts": counts,
            "open": open,
        })
    }
}

/// First eight bytes of a report's hash.
#[must_use]
pub fn short(hash: &str) -> u64 {
    u64::from_str_radix(hash.get(..16).unwrap_or_default(), 16).unwrap_or(0)
}

/// The topology that the host of a run was held against; `None` where it was the host's own.
///
/// # Errors
/// As [`topology`].
pub fn topology_of_run(dir: &Path) -> Result<Option<Plan>, Failure> {
    let path = dir.join(TOPOLOGY);
    path.exists().then(|| topology(&path)).transpose()
}

/// Reads a topology's file.
///
/// # Errors
/// `RESOURCE` for a file that cannot be read, `CONFIGURATION` for one that cannot be.
pub fn topology(path: &Path) -> Result<Plan, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let fields = format!("path={} error=\"{error}\"", path.display());
        Failure::new(Exit::Resource, "cannot be read", fields, "name a path that can")
    })?;
    Plan::from_toml(&text).map_err(|error| {
        let fields = format!("file={} {error}", path.display());
        Failure::new(Exit::Configuration, "topology cannot be", fields, "correct the file")
    })
}
