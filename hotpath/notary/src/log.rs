//! The run's own checkpoint log: read and checked at start, then appended to.
//!
//! Owns the numbering. Must never: go on behind an entry that is not its key's, hand a checkpoint
//! to an anchor before it is on this disk, or throw a torn entry away.

use crate::error::NotaryError;
use crate::follow::Place;
use crate::key::{hex, id};
use bytemuck::{bytes_of, pod_read_unaligned};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use wire::TsNs;
use wire::journal::{CHECKPOINT_MAGIC, JournalCheckpoint};

/// Bytes of a checkpoint.
pub(crate) const ENTRY: usize = size_of::<JournalCheckpoint>();
/// Bytes of it that are signed.
const SIGNED: usize = std::mem::offset_of!(JournalCheckpoint, signature);
/// Zeros no whole entry ends with: what a loss of power leaves of one.
const TORN: [u8; 16] = [0; 16];
/// Entries at the end of a log whose signatures are checked at start; the chain covers the rest.
const CHECKED: u64 = 64;

/// The log.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    last: Option<JournalCheckpoint>,
    /// The key's id.
    key_id: [u8; 8],
    key: SigningKey,
}

impl Log {
    /// Opens or makes `RUNDIR/checkpoints.clk` and checks what is in it. The text is for the
    /// operator: an entry was torn, and is kept aside.
    ///
    /// # Errors
    /// Where it cannot be read or written, another notary has it, or an entry in it is not what
    /// this key signed.
    pub(crate) fn open(
        run_dir: &Path,
        key: SigningKey,
    ) -> Result<(Self, Option<String>), NotaryError> {
        let path = run_dir.join("checkpoints.clk");
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o644);
        let mut file = options.open(&path).map_err(NotaryError::read("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(NotaryError::InUse { path }),
            Err(TryLockError::Error(error)) => return Err(NotaryError::read("lock", &path)(error)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(NotaryError::read("read", &path))?;
        // The name of a new log has to be on the disk too.
        let folder = File::open(run_dir).and_then(|folder| folder.sync_all());
        folder.map_err(NotaryError::write(run_dir))?;
        let whole = whole_bytes(&bytes);
        let note = match bytes.get(whole..) {
            Some(torn) if !torn.is_empty() => Some(keep_aside(&path, &file, whole, torn)?),
            _ => None,
        };
        let last = check(&path, &bytes[..whole], &key.verifying_key())?;
        let key_id = id(&key.verifying_key());
        Ok((Self { path, file, last, key_id, key }, note))
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The last checkpoint.
    pub(crate) fn last(&self) -> Option<&JournalCheckpoint> {
        self.last.as_ref()
    }

    /// Bytes of whole checkpoints.
    pub(crate) fn bytes(&self) -> u64 {
        self.last.map_or(0, |last| last.number * ENTRY as u64)
    }

    /// Signs a place and appends the checkpoint: one write, then a sync.
    ///
    /// # Errors
    /// Where it is not on the disk; what it left is cut before the next one, or at the next start.
    pub(crate) fn append(&mut self, place: &Place) -> Result<(), NotaryError> {
        let checkpoint = self.sign(place);
        self.write(bytes_of(&checkpoint)).map_err(NotaryError::write(&self.path))?;
        self.last = Some(checkpoint);
        Ok(())
    }

    fn write(&self, entry: &[u8]) -> io::Result<()> {
        // What an append that failed has left: half an entry, or one that may not be on the disk.
        if self.file.metadata()?.len() != self.bytes() {
            self.file.set_len(self.bytes())?;
        }
        if (&self.file).write(entry)? != entry.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.file.sync_data()
    }

    fn sign(&self, place: &Place) -> JournalCheckpoint {
        let number = self.last.map_or(1, |last| last.number + 1);
        let mut checkpoint = JournalCheckpoint {
            magic: CHECKPOINT_MAGIC,
            instance: place.instance,
            number,
            segment: place.segment,
            seq: place.seq,
            segment_bytes: place.segment_bytes,
            head: place.head,
            utc_ns: TsNs(utc_ns()),
            prev_checkpoint: self.last.as_ref().map_or([0; 32], hash),
            key_id: self.key_id,
            reserved: [0; 8],
            signature: [0; 64],
        };
        checkpoint.signature = self.key.sign(&bytes_of(&checkpoint)[..SIGNED]).to_bytes();
        checkpoint
    }
}

fn utc_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

fn hash(checkpoint: &JournalCheckpoint) -> [u8; 32] {
    Sha256::digest(bytes_of(checkpoint)).into()
}

/// Bytes of the entries that were written whole.
fn whole_bytes(bytes: &[u8]) -> usize {
    let whole = bytes.len() / ENTRY * ENTRY;
    let torn = whole == bytes.len() && bytes.ends_with(&TORN);
    if torn { whole - ENTRY } else { whole }
}

/// Cuts a torn entry off, after its bytes are on the disk beside the log.
fn keep_aside(path: &Path, file: &File, at: usize, torn: &[u8]) -> Result<String, NotaryError> {
    let mut aside = path.with_file_name(format!("checkpoints-cut-{at}.bin"));
    for again in 1.. {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&aside);
        match made {
            Ok(mut kept) => {
                let wrote = kept.write_all(torn).and_then(|()| kept.sync_all());
                wrote.map_err(NotaryError::write(&aside))?;
                break;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Kept by a start that was killed before it cut, or of an earlier tear here.
                if std::fs::read(&aside).is_ok_and(|bytes| bytes == torn) {
                    break;
                }
                aside = path.with_file_name(format!("checkpoints-cut-{at}-{again}.bin"));
            }
            Err(error) => return Err(NotaryError::write(&aside)(error)),
        }
    }
    let cut = file.set_len(at as u64).and_then(|()| file.sync_data());
    cut.map_err(NotaryError::write(path))?;
    Ok(format!(
        "NOTE: torn checkpoint cut: file={} byte={at} bytes={} kept={}; next: none",
        path.display(),
        torn.len(),
        aside.display()
    ))
}

/// Checks whole entries; gives the last.
fn check(
    path: &Path,
    bytes: &[u8],
    key: &VerifyingKey,
) -> Result<Option<JournalCheckpoint>, NotaryError> {
    let count = (bytes.len() / ENTRY) as u64;
    let mut last: Option<JournalCheckpoint> = None;
    for (number, chunk) in (1..).zip(bytes.chunks_exact(ENTRY)) {
        let entry: JournalCheckpoint = pod_read_unaligned(chunk);
        let refused = |what| {
            let fields = format!("entry={number} key_id={}", hex(&entry.key_id));
            Err(NotaryError::contradiction(what, path, fields))
        };
        if entry.magic != CHECKPOINT_MAGIC {
            return refused("the log has an entry that is no checkpoint");
        }
        if entry.key_id != id(key) {
            return refused("the log is of another key");
        }
        if last.is_some_and(|last| last.instance != entry.instance) {
            return refused("the log is of two instances");
        }
        let before = last.as_ref().map_or([0; 32], hash);
        let follows = last.is_none_or(|last| last.seq <= entry.seq);
        if entry.number != number || entry.prev_checkpoint != before || !follows {
            return refused("the log has a checkpoint that does not follow the one before it");
        }
        let signature = Signature::from_bytes(&entry.signature);
        let signed = key.verify_strict(&chunk[..SIGNED], &signature);
        if number + CHECKED > count && signed.is_err() {
            return refused("the log has a checkpoint this key did not sign");
        }
        last = Some(entry);
    }
    Ok(last)
}

/// Reads a piece of the log for an anchor.
pub(crate) fn piece(path: &Path, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let len = usize::try_from(to.saturating_sub(from)).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    File::open(path)?.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::exit::Exit;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn place(seq: u64) -> Place {
        Place { instance: [9; 16], segment: 1, seq, segment_bytes: 100 * seq, head: [7; 32] }
    }

    fn of(seqs: &[u64]) -> (tempfile::TempDir, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, note) = Log::open(dir.path(), key(1)).unwrap();
        assert_eq!(note, None);
        for seq in seqs {
            log.append(&place(*seq)).unwrap();
        }
        let bytes = std::fs::read(log.path()).unwrap();
        assert_eq!(bytes.len() as u64, log.bytes());
        (dir, bytes)
    }

    #[test]
    fn a_log_goes_on_where_it_ended() {
        let (dir, bytes) = of(&[3, 5]);
        let (mut log, note) = Log::open(dir.path(), key(1)).unwrap();
        assert_eq!((log.last().unwrap().number, note), (2, None));
        log.append(&place(8)).unwrap();
        let now = std::fs::read(log.path()).unwrap();
        assert_eq!(now[..bytes.len()], bytes);
        let last: JournalCheckpoint = pod_read_unaligned(&now[2 * ENTRY..]);
        assert_eq!((last.number, last.seq), (3, 8));
        assert_eq!(last.prev_checkpoint[..], Sha256::digest(&now[ENTRY..2 * ENTRY])[..]);
        let error = Log::open(dir.path(), key(1)).unwrap_err();
        assert_eq!(error.exit(), Exit::Resource, "one notary a log");
    }

    #[test]
    fn a_torn_entry_is_cut_and_kept_at_every_byte() {
        let (dir, bytes) = of(&[3, 5, 8]);
        let path = dir.path().join("checkpoints.clk");
        let last = 2 * ENTRY;
        let zeros = |from: usize| [&bytes[..from], &vec![0; 3 * ENTRY - from]].concat();
        let cut = (last + 1..3 * ENTRY).map(|to| bytes[..to].to_vec());
        for torn in cut.chain((last..=3 * ENTRY - 16).step_by(16).map(zeros)) {
            std::fs::write(&path, &torn).unwrap();
            let (log, note) = Log::open(dir.path(), key(1)).unwrap();
            assert_eq!(log.last().unwrap().number, 2);
            let note = note.unwrap();
            let kept = note.split("kept=").nth(1).unwrap().split(';').next().unwrap();
            assert_eq!(std::fs::read(kept).unwrap(), torn[last..]);
            assert_eq!(std::fs::read(&path).unwrap(), bytes[..last]);
        }
        // Killed between keeping and cutting: the same bytes are kept once.
        let count = std::fs::read_dir(dir.path()).unwrap().count();
        std::fs::write(&path, &bytes[..=last]).unwrap();
        Log::open(dir.path(), key(1)).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), count);
    }

    #[test]
    fn a_log_that_is_not_this_key_s_own_is_refused() {
        let (dir, bytes) = of(&[3, 5, 8]);
        let path = dir.path().join("checkpoints.clk");
        let error = Log::open(dir.path(), key(2)).unwrap_err();
        assert!(error.operator_line().contains("another key"), "{error}");
        assert_eq!(error.exit(), Exit::CheckFailed);
        // Every byte, and every bit in some.
        for bit in (0..bytes.len() * 8).step_by(7) {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &changed).unwrap();
            let error = Log::open(dir.path(), key(1)).unwrap_err();
            assert_eq!(error.exit(), Exit::CheckFailed, "bit {bit}");
            assert_eq!(std::fs::read(&path).unwrap(), changed, "nothing is written");
        }
    }

    #[test]
    fn an_entry_that_could_not_be_written_leaves_nothing_the_next_one_follows() {
        let (dir, bytes) = of(&[3]);
        let (mut log, _) = Log::open(dir.path(), key(1)).unwrap();
        let good = log.file.try_clone().unwrap();
        // Read only: the write fails.
        log.file = File::open(log.path()).unwrap();
        assert_eq!(log.append(&place(4)).unwrap_err().exit(), Exit::Journal);
        assert_eq!((log.last().unwrap().number, log.bytes()), (1, ENTRY as u64));
        // Half of it was written.
        log.file = good;
        (&log.file).write_all(&bytes[..100]).unwrap();
        log.append(&place(5)).unwrap();
        let now = std::fs::read(log.path()).unwrap();
        let last: JournalCheckpoint = pod_read_unaligned(&now[ENTRY..]);
        assert_eq!((now.len(), last.number, last.seq), (2 * ENTRY, 2, 5));
    }
}
