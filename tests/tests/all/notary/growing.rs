//! A journal that grows on the disk as a writer would make it, and a notary beside it.

use super::journal::{Journal, Shape, Signer};
use crate::support::{program, recording};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use wire::journal::{JournalCheckpoint, RecordKind};

/// The journal's instance.
pub(crate) const INSTANCE: [u8; 16] = *b"an instance of m";
/// Zeros a segment's file has behind its records.
const SPARE: usize = 8_192;

/// The journal: three segments, records 1 to 46, closed.
pub(crate) fn whole() -> Journal {
    of(INSTANCE, Shape { segment: 12, sync: 4, closed: true })
}

/// The first 36 frames of the bundled recording as a journal.
pub(crate) fn of(instance: [u8; 16], shape: Shape) -> Journal {
    let mut reader = tape::RecordingReader::open(recording()).unwrap();
    let frame = |_| reader.next_frame().unwrap().unwrap().to_vec();
    Journal::of(instance, &(0..36).map(frame).collect::<Vec<_>>(), shape)
}

/// Highest sequence that a journal's first `seq` records show to be on the disk, where the next
/// segment's head is there as soon as a seal is.
pub(crate) fn vouched(journal: &Journal, seq: u64) -> u64 {
    let mut vouched = 0;
    for record in journal.segments.iter().flat_map(|segment| &segment.records) {
        if record.head.seq > seq {
            break;
        }
        match record.kind() {
            RecordKind::Synced => vouched = record.head.seq - 1,
            RecordKind::Seal => vouched = record.head.seq,
            RecordKind::Open | RecordKind::Frame | RecordKind::Recovered => {}
        }
    }
    vouched
}

/// A folder for a run, keys, and a journal that is written into it bit by bit.
pub(crate) struct Desk {
    dir: tempfile::TempDir,
    pub(crate) journal: Journal,
    files: Vec<File>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("run")).unwrap();
        let signer = Signer::new(7);
        signer.write_public_key(dir.path());
        signer.write_private_key(dir.path());
        Self { dir, journal: whole(), files: Vec::new() }
    }

    /// With the first records written.
    pub(crate) fn at(seq: u64) -> Self {
        let mut desk = Self::new();
        desk.grow(seq);
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.path("run")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path("run/checkpoints.clk")
    }

    /// Writes the journal up to a record, and the next segment's head where that was a seal.
    pub(crate) fn grow(&mut self, seq: u64) {
        for index in 0..self.journal.segments.len() {
            let segment = &self.journal.segments[index];
            if segment.head.first_seq > seq + 1 {
                break;
            }
            let first = segment.head.first_seq;
            let count = usize::try_from(seq + 1 - first).unwrap().min(segment.records.len());
            let bytes = &segment.bytes()[..segment.offset(count)];
            if self.files.len() == index {
                self.allocate(index);
            }
            self.files[index].write_all_at(bytes, 0).unwrap();
        }
    }

    fn allocate(&mut self, index: usize) {
        let folder = self.run().join("journal");
        fs::create_dir_all(&folder).unwrap();
        let (next, path) = (folder.join("next.clj"), folder.join(format!("{:06}.clj", index + 1)));
        let file = OpenOptions::new().write(true).create_new(true).open(&next).unwrap();
        let bytes = self.journal.segments[index].end() + SPARE;
        file.set_len(bytes as u64).unwrap();
        fs::rename(next, path).unwrap();
        self.files.push(file);
    }

    /// Part of the next record, as a write that is under way leaves it.
    pub(crate) fn grow_partly(&self, seq: u64, bytes: usize) {
        let (segment, index) = self.journal.place(seq);
        let at = self.journal.segments[segment].offset(index);
        let record = self.journal.segments[segment].records[index].bytes();
        let part = &record[..bytes.min(record.len())];
        self.files[segment].write_all_at(part, at as u64).unwrap();
    }

    /// A notary on the run.
    pub(crate) fn notary(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program("corelane-notary"));
        command.arg(format!("--run-dir={}", self.run().display()));
        command.arg(format!("--key={}", self.path("notary.key").display()));
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.env_remove("CREDENTIALS_DIRECTORY");
        command
    }

    /// Signs what is there.
    pub(crate) fn once(&self, args: &[&str]) -> Output {
        self.notary(args).arg("--once").output().unwrap()
    }

    /// The checkpoints of a log; a torn one at its end is left out.
    pub(crate) fn checkpoints(path: &Path) -> Vec<JournalCheckpoint> {
        let bytes = fs::read(path).unwrap_or_default();
        bytes.chunks_exact(208).map(bytemuck::pod_read_unaligned).collect()
    }

    /// Waits until the run's log says this, while the notary runs.
    pub(crate) fn until_signed(&self, notary: &mut Child, seq: u64) {
        loop {
            let signed = Self::checkpoints(&self.log()).last().map_or(0, |last| last.seq);
            assert!(signed <= seq, "{signed} is signed, and {seq} on the disk");
            if signed == seq {
                return;
            }
            assert_eq!(notary.try_wait().unwrap(), None, "the notary ended before {seq}");
            std::thread::yield_now();
        }
    }
}

/// Asks a process to end in good order.
pub(crate) fn terminate(child: &Child) {
    let ended = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(ended.success());
}
