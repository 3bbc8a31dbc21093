//! A session's tape and journal: made at its start, ended at its end.
//!
//! Owns the tape's file: it is removed only after the journal has ended in good order with all of
//! it. Must never: leave a tape without a journal that its head names. Runs on the main thread; the
//! journaler in it moves to its own while the session goes on.

use crate::assembly::least_tape_bytes;
use crate::config::Config;
use crate::counters::Counters;
use crate::journaler::{Journaler, Moments};
use crate::leftovers::EXTENSION;
use crate::loop_task::LoopTask;
use crate::operator::Failure;
use crate::prepare::{Prepared, of_tape};
use crate::run_dir::{self, JOURNAL};
use crate::session_frames;
use crate::shared::Shared;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tape::TapeError;
use tape::journal::writer::Mark;
use tape::journal::{Folder, JournalWriter, Options};
use tape::tape::{Place, Tape, TapeWriter};
use wire::exit::Exit;

/// The journaler of a session, and the file of its tape.
#[derive(Debug)]
pub struct Records {
    /// Takes from the tape to the journal.
    pub journaler: Journaler<Folder>,
    tape_file: PathBuf,
}

impl Records {
    /// Makes tape and journal of a run and writes what a session begins with; the tape's other end
    /// is for the loop.
    ///
    /// # Errors
    /// `JOURNAL` where a file cannot be made, `RESOURCE` for a tape folder that is not on tmpfs,
    /// `CONFIGURATION` for a tape too small for what one input may lead to.
    pub fn open(
        config: &Config,
        dir: &Path,
        prepared: &Prepared,
        host_hash: u64,
        moments: Moments,
        (counters, shared): (Counters, Arc<Shared>),
    ) -> Result<(TapeWriter, Self), Failure> {
        let setup = &prepared.plan.setup;
        let least = least_tape_bytes(setup, prepared.engine.strategies().count());
        if config.tape.bytes < least {
            return Err(too_small(config, least));
        }
        let of = |error: TapeError| of_tape(&error);
        let path = dir.join(JOURNAL);
        fs::create_dir_all(&path).map_err(|error| run_dir::refused(&path, &error))?;
        // The tape's head must name it for a start in whatever working directory.
        let path = fs::canonicalize(&path).map_err(|error| run_dir::refused(&path, &error))?;
        let instance = random().map_err(|error| {
            let fields = format!("path=/dev/urandom error=\"{error}\"");
            Failure::new(Exit::Host, "no random numbers", fields, "check the sandbox")
        })?;
        let options = Options {
            instance,
            epoch: u64::from(config.session.epoch),
            segment_bytes: config.journal.segment_bytes,
        };
        let about = session_frames::about(prepared);
        let folder = Folder::open(&path).map_err(of)?;
        let journal =
            JournalWriter::create(folder, &path, options, &about, moments.now()).map_err(of)?;
        let tape_dir = &config.tape.dir;
        fs::create_dir_all(tape_dir).map_err(|error| {
            let fields = format!("path={} error=\"{error}\"", tape_dir.display());
            let next = "name a folder on tmpfs in tape.dir";
            Failure::new(Exit::Resource, "tape folder cannot be made", fields, next)
        })?;
        let file = format!("{:032x}.{EXTENSION}", u128::from_be_bytes(instance));
        let tape_file = tape_dir.join(file);
        let place = Place { instance, epoch: options.epoch, journal: path };
        let made = Tape::create(&tape_file, config.tape.bytes, &place).map_err(of)?;
        let (mut writer, reader) = made.split();
        let cycles = moments.cycles();
        let session = (config.session.epoch, host_hash);
        if !session_frames::begin(&mut writer, cycles, prepared, session) {
            return Err(too_small(config, least));
        }
        let sync_every = config.journal.sync_every;
        let journaler = Journaler::new(reader, journal, moments, sync_every, counters, shared);
        Ok((writer, Self { journaler, tape_file }))
    }

    /// Writes the session's last frame and ends the journal. After a failure the tape stays for the
    /// next start.
    ///
    /// # Errors
    /// The first failure of the session.
    pub fn end(self, order_loop: &mut LoopTask) -> Result<Mark, TapeError> {
        let last = session_frames::end(order_loop.engine());
        let is_whole = order_loop.write_last(bytemuck::bytes_of(&last));
        let mark = self.journaler.finish()?;
        if is_whole {
            fs::remove_file(&self.tape_file).map_err(|source| TapeError::Io {
                op: "remove",
                path: self.tape_file,
                source,
            })?;
        }
        Ok(mark)
    }
}

fn too_small(config: &Config, least: usize) -> Failure {
    let mib = least.div_ceil(1 << 20);
    let fields = format!(
        "file={} key=tape.size_mib found={} allowed=(at least {mib}: its last tenth holds what one \
         input and a halt lead to with station.order_capacity = {})",
        config.file.display(),
        config.tape.bytes >> 20,
        config.station.order_capacity,
    );
    let next = "raise it, or lower station.order_capacity";
    Failure::new(Exit::Configuration, "key is not acceptable", fields, next)
}

/// Sixteen random bytes: which journal it is.
fn random() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
