//! The notary's turn: follow the journal, sign where it is due, publish.
//!
//! Owns when a checkpoint is signed. Must never: sign what is not shown to be on the disk, or go on
//! over a contradiction: every error that is one ends the process.

use crate::anchor::Anchor;
use crate::error::NotaryError;
use crate::follow::Follower;
use crate::key::hex;
use crate::log::Log;
use crate::{say, sys};
use ed25519_dalek::SigningKey;
use std::path::PathBuf;

/// Longest wait for anchors at start and at the end, nanoseconds.
const ANCHOR_WAIT_NS: u64 = 5_000_000_000;
/// Longest wait between two looks at the journal, milliseconds.
const LOOK_MS: u64 = 20;

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Folder of the run.
    pub(crate) run_dir: PathBuf,
    /// Anchors.
    pub(crate) anchors: Vec<PathBuf>,
    /// Least time between two checkpoints, milliseconds.
    pub(crate) every_ms: u64,
    /// Records after which one is signed before its time.
    pub(crate) every_records: u64,
    /// Sign what is there, and end.
    pub(crate) once: bool,
}

/// A notary at work.
struct Notary {
    options: Options,
    log: Log,
    follower: Follower,
    anchors: Option<Vec<Anchor>>,
    next_ns: u64,
    /// What was said of the log last, so that a lasting failure is said once.
    said: String,
    signed: u64,
}

/// Signs until the journal ends, an end signal comes, or once.
///
/// # Errors
/// What kept it from signing, or an anchor from having everything.
pub(crate) fn run(options: Options, key: SigningKey) -> Result<(), NotaryError> {
    let key_id = hex(&crate::key::id(&key.verifying_key()));
    let (log, note) = Log::open(&options.run_dir, key)?;
    if let Some(note) = note {
        say(&note);
    }
    let follower = match log.last() {
        Some(last) => Follower::resume(&options.run_dir, last)?,
        None => Follower::new(&options.run_dir),
    };
    say(&format!(
        "corelane-notary: ready: run={} key_id={key_id} checkpoints={} anchors={}",
        options.run_dir.display(),
        log.last().map_or(0, |last| last.number),
        options.anchors.len()
    ));
    let mut notary = Notary {
        options,
        log,
        follower,
        anchors: None,
        next_ns: 0,
        said: String::new(),
        signed: 0,
    };
    let outcome = notary.follow();
    let ended = notary.end();
    outcome.and(ended)
}

impl Notary {
    fn follow(&mut self) -> Result<(), NotaryError> {
        loop {
            // Asked before the journal is read: what came until then is still signed.
            let last_turn = self.options.once || sys::end_requested();
            if let Some(note) = self.follower.advance()? {
                say(&note);
            }
            self.start_anchors()?;
            let last_turn = last_turn || self.follower.ended();
            let wrote = self.sign(last_turn);
            if last_turn {
                return wrote;
            }
            if let Err(error) = wrote {
                let line = error.operator_line();
                if line != self.said {
                    say(&line);
                    self.said = line;
                }
            }
            sys::wait_ms(LOOK_MS.min(self.options.every_ms.max(1)));
        }
    }

    /// As soon as the journal's instance is known.
    fn start_anchors(&mut self) -> Result<(), NotaryError> {
        let instance = self.follower.instance().filter(|_| self.anchors.is_none());
        let Some(instance) = instance else { return Ok(()) };
        let (path, bytes) = (self.log.path(), self.log.bytes());
        let instance = hex(&instance);
        let start = |anchor: &PathBuf| Anchor::start(anchor, path, bytes, &instance);
        let anchors: Result<Vec<_>, _> = self.options.anchors.iter().map(start).collect();
        let anchors = self.anchors.insert(anchors?);
        let until = sys::monotonic_ns() + ANCHOR_WAIT_NS;
        anchors.iter().try_for_each(|anchor| anchor.settle(until))
    }

    /// Signs where it is due.
    fn sign(&mut self, now: bool) -> Result<(), NotaryError> {
        let Some(place) = self.follower.place() else { return Ok(()) };
        let new = place.seq - self.log.last().map_or(0, |last| last.seq).min(place.seq);
        let at_ns = sys::monotonic_ns();
        let due = now || at_ns >= self.next_ns || new >= self.options.every_records;
        if new == 0 || !due {
            return Ok(());
        }
        self.next_ns = at_ns + self.options.every_ms.saturating_mul(1_000_000);
        self.log.append(&place)?;
        self.signed += 1;
        self.said.clear();
        for anchor in self.anchors.iter().flatten() {
            anchor.ask(self.log.bytes());
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), NotaryError> {
        let until = sys::monotonic_ns() + ANCHOR_WAIT_NS;
        let mut outcome = Ok(());
        for anchor in self.anchors.iter().flatten() {
            let ended = anchor.end(until);
            if let (Err(_), Err(error)) = (&outcome, &ended) {
                // Only one can be the process's own last line.
                say(&error.operator_line());
            }
            outcome = outcome.and(ended);
        }
        let last = self.log.last();
        say(&format!(
            "corelane-notary: ended: checkpoints={} signed_now={} seq={} head={}",
            last.map_or(0, |last| last.number),
            self.signed,
            last.map_or(0, |last| last.seq),
            last.map_or_else(|| "none".into(), |last| hex(&last.head))
        ));
        if outcome.is_ok() && self.options.once && self.follower.instance().is_none() {
            let folder = self.options.run_dir.join("journal");
            return Err(NotaryError::NoJournal { folder });
        }
        outcome
    }
}
