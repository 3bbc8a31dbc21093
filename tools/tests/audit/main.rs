//! `corelane audit` against every way to tamper with a journal and its checkpoints.
//!
//! Two attackers: a crude one, who changes bytes, and a careful one, who also puts every number,
//! count, CRC and chain head right and lacks nothing but the notary's key. Each file's tests name
//! kind and first bad record that the audit must give.
#![expect(clippy::unwrap_used, reason = "tests")]

mod careful;
mod corpus;
mod crude;
mod files;
mod journal;
mod logs;
mod mutations;

extern crate tape as corelane_tape;

use corelane_tools::audit::{Finding, Kind, Report, Request, check};
use journal::{Journal, Shape, Signer};
use std::path::{Path, PathBuf};

/// The journal's instance.
pub(crate) const INSTANCE: [u8; 16] = *b"an instance of m";
/// Another one.
pub(crate) const OTHER: [u8; 16] = *b"another instance";
/// Three segments of 12 frames.
pub(crate) const SHAPE: Shape = Shape { segment: 12, sync: 4, closed: true };

/// The first frames of the bundled recording.
pub(crate) fn frames(count: usize) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/demo/btcusdt-20240809.clrec");
    let mut reader = tape::RecordingReader::open(path).unwrap();
    (0..count).map(|_| reader.next_frame().unwrap().unwrap().to_vec()).collect()
}

/// The journal that is tampered with: records 1 to 46.
pub(crate) fn whole() -> Journal {
    Journal::of(INSTANCE, &frames(36), SHAPE)
}

/// The same, of a session that was killed: no last seal.
pub(crate) fn open() -> Journal {
    Journal::of(INSTANCE, &frames(36), Shape { closed: false, ..SHAPE })
}

/// A run's folder, an anchor outside it, and the notary's key.
pub(crate) struct Desk {
    dir: tempfile::TempDir,
    pub(crate) signer: Signer,
    pub(crate) threads: usize,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("run")).unwrap();
        let signer = Signer::new(7);
        signer.write_public_key(dir.path());
        Self { dir, signer, threads: 1 }
    }

    /// A desk with a journal and a log that signs it at these sequences, in the run and outside.
    pub(crate) fn with(journal: &Journal, signed: &[u64]) -> Self {
        let mut desk = Self::new();
        journal.write(&desk.run());
        desk.signer.sign(journal, signed);
        desk.signer.write(&desk.own_log());
        desk.signer.write(&desk.anchor());
        desk
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.path().join("run")
    }

    pub(crate) fn own_log(&self) -> PathBuf {
        self.run().join("checkpoints.clk")
    }

    pub(crate) fn anchor(&self) -> PathBuf {
        self.path().join("anchor.clk")
    }

    pub(crate) fn public_key(&self) -> PathBuf {
        self.path().join("notary.pub")
    }

    pub(crate) fn request(&self) -> Request {
        let anchor = self.anchor();
        Request {
            run_dir: self.run(),
            public_key: Some(self.public_key()),
            checkpoints: anchor.exists().then_some(anchor).into_iter().collect(),
            instance: None,
            threads: self.threads,
        }
    }

    pub(crate) fn audit(&self) -> Report {
        check(&self.request()).unwrap()
    }

    /// Without any checkpoint: what the journal shows by itself.
    pub(crate) fn audit_alone(&self) -> Report {
        let run = self.path().join("alone");
        if !run.exists() {
            std::fs::create_dir(&run).unwrap();
            std::os::unix::fs::symlink(self.run().join("journal"), run.join("journal")).unwrap();
        }
        let request = Request { run_dir: run, threads: self.threads, ..Request::default() };
        check(&request).unwrap()
    }
}

/// The audit's first word is this kind at this record.
pub(crate) fn found(report: &Report, kind: Kind, seq: u64) -> Finding {
    found_in(report, kind, (seq, seq))
}

/// The audit's first word is this kind, the first bad record one of these.
pub(crate) fn found_in(report: &Report, kind: Kind, seqs: (u64, u64)) -> Finding {
    let first = report.first().unwrap_or_else(|| panic!("nothing found, not {kind} at {seqs:?}"));
    assert_eq!((first.kind, first.seqs), (kind, Some(seqs)), "{:#?}", report.findings);
    assert_eq!(report.verdict(), "failed");
    assert_eq!(report.head, None);
    first.clone()
}

/// Nothing is found.
pub(crate) fn fine(report: &Report) {
    assert_eq!(report.findings, [], "nothing is wrong");
    assert_eq!(report.verdict(), "ok");
}
