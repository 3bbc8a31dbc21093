//! The running signal sidecar, as `corelane models` speaks to it.
//!
//! Must never: let a sidecar of another store or name change its model.

use super::ModelsArgs;
use crate::ctl::{Request, Talk};
use serde_json::Value;
use signal::store::Address;
use station::config::standby_of;
use station::operator::Failure;
use std::path::{Path, PathBuf};
use std::time::Duration;
use wire::FrameHeader;
use wire::exit::Exit;
use wire::handshake::Role;
use wire::model::{ModelAction, ModelCommand};

/// Time between two looks at a job on its way.
const LOOK: Duration = Duration::from_millis(20);

/// A greeted sidecar.
pub(crate) struct Sidecar<'a> {
    talk: Talk<'a>,
    next: u64,
}

impl<'a> Sidecar<'a> {
    /// The socket of the sidecar that runs: the named one, or the newest run's if anybody answers
    /// there. Where only its standby answers, that one's.
    pub(super) fn find(args: &ModelsArgs) -> Result<Option<PathBuf>, Failure> {
        if let Some(socket) = &args.socket {
            let standby = standby_of(socket);
            return match Sidecar::greet(socket) {
                Ok(_) => Ok(Some(socket.clone())),
                Err(_) if Sidecar::greet(&standby).is_ok() => Ok(Some(standby)),
                Err(failure) => Err(failure),
            };
        }
        let sockets = std::fs::read_dir("runs").into_iter().flatten().flatten();
        let newest = sockets
            .filter_map(|entry| {
                let path = entry.path().join("signal.sock");
                let made = std::fs::symlink_metadata(&path).ok()?.modified().ok()?;
                Some((made, path))
            })
            .max();
        // A run that was killed leaves its socket file behind.
        let both = newest.map(|(_, path)| [standby_of(&path), path]);
        let answers = |path: &PathBuf| Sidecar::greet(path).is_ok();
        Ok(both.and_then(|both| both.into_iter().rev().find(answers)))
    }

    /// The standby beside the sidecar at a socket, where one answers.
    pub(super) fn beside(socket: &Path) -> Option<PathBuf> {
        Some(standby_of(socket)).filter(|path| Sidecar::greet(path).is_ok())
    }

    fn greet(socket: &'a Path) -> Result<Self, Failure> {
        let talk = Talk::open_to(socket, Role::Signal, "signal sidecar")?;
        Ok(Self { talk, next: 0 })
    }

    /// The state of the sidecar behind a socket.
    pub(crate) fn look(socket: &'a Path) -> Result<Value, Failure> {
        Self::greet(socket)?.status()
    }

    /// A sidecar that serves this name of this store.
    pub(crate) fn open(socket: &'a Path, store: &Path, name: &str) -> Result<Self, Failure> {
        let mut sidecar = Self::greet(socket)?;
        let status = sidecar.status()?;
        let real = |path: &Path| path.canonicalize().ok();
        let root = status["store"].as_str().map(Path::new).and_then(real);
        if root.is_some() && root == real(store) && status["name"] == name {
            return Ok(sidecar);
        }
        let fields = format!(
            "socket={} store={} name={} wanted_store=\"{}\" wanted_name={name}",
            socket.display(),
            status["store"],
            status["name"],
            store.display()
        );
        let next = "name the sidecar's own store with --store, or another sidecar with --socket";
        Err(Failure::new(Exit::CheckFailed, "the sidecar serves another model", fields, next))
    }

    fn ask(&mut self, action: ModelAction, address: &str, answers: u32) -> Result<Value, Failure> {
        self.next += 1;
        let mut command = ModelCommand {
            header: FrameHeader::new::<ModelCommand>(),
            request_id: self.next,
            answers,
            action: action.code(),
            reserved: [0; 3],
            address: [0; 64],
        };
        for (to, from) in command.address.iter_mut().zip(address.bytes()) {
            *to = from;
        }
        let frame = bytemuck::bytes_of(&command).to_vec();
        let text = self.talk.want(&Request { frame, id: self.next })?;
        serde_json::from_str(&text).map_err(|error| {
            let fields = format!("error=\"{error}\"");
            Failure::new(Exit::Resource, "the sidecar's answer is no JSON", fields, "try again")
        })
    }

    pub(crate) fn status(&mut self) -> Result<Value, Failure> {
        self.ask(ModelAction::Status, "", 0)
    }

    /// Starts a job and waits for its end; the status then.
    ///
    /// # Errors
    /// `CHECK_FAILED` with the sidecar's own words where the model does not serve.
    pub(crate) fn run(
        &mut self,
        action: ModelAction,
        address: Address,
        answers: Option<u32>,
    ) -> Result<Value, Failure> {
        let answers = answers.unwrap_or(u32::MAX);
        let job = self.ask(action, &address.to_string(), answers)?["job"].clone();
        // Each step of the sidecar has its own limit: the job ends.
        loop {
            let status = self.status()?;
            if status["job"]["job"] != job {
                return Err(refused("another job took its place", &status));
            }
            match status["job"]["stage"].as_str().unwrap_or("") {
                "loading" | "shadowing" | "publishing" => std::thread::park_timeout(LOOK),
                "failed" => return Err(refused("the sidecar refuses the model", &status)),
                _ => return Ok(status),
            }
        }
    }
}

fn refused(what: &str, status: &Value) -> Failure {
    let job = &status["job"];
    let why = job["why"].as_str().unwrap_or("").replace('"', "'");
    let fields = format!("job={} cause={} why=\"{why}\"", job["job"], job["cause"]);
    Failure::new(Exit::CheckFailed, what, fields, "the old model serves on; links are unchanged")
}
