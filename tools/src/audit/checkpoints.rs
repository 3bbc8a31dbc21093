//! Checkpoint logs: what the notary signed, in the run's own log and in every anchor.
//!
//! Owns the rules of one log. Must never: take an entry behind a bad one, or call a log proven
//! whose signatures were not checked.

use super::finding::{Finding, Kind, Unreadable};
use bytemuck::pod_read_unaligned;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use wire::journal::{CHECKPOINT_MAGIC, JournalCheckpoint};

/// Bytes of a checkpoint.
pub(crate) const ENTRY: usize = size_of::<JournalCheckpoint>();
/// Bytes of it that are signed.
pub(crate) const SIGNED: usize = 144;
/// Zeros at the end of an entry that no signature ends with: what a loss of power leaves.
const TORN: [u8; 16] = [0; 16];

/// A checkpoint log as far as it is good.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// The file.
    pub(crate) path: PathBuf,
    /// It lies outside the run's folder.
    pub(crate) external: bool,
    /// Its entries up to the first bad one.
    pub(crate) entries: Vec<JournalCheckpoint>,
    /// Bytes of an entry at its end that was not written whole.
    pub(crate) torn_bytes: u64,
    /// What is wrong with it.
    pub(crate) finding: Option<Finding>,
}

impl Log {
    /// Its last good entry.
    pub(crate) fn last(&self) -> Option<&JournalCheckpoint> {
        self.entries.last()
    }
}

/// First eight bytes of the SHA-256 of a public key.
pub(crate) fn key_id(key: &VerifyingKey) -> [u8; 8] {
    let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    [0, 1, 2, 3, 4, 5, 6, 7].map(|i: usize| hash[i])
}

/// Reads a log and checks every entry.
///
/// # Errors
/// Where the file cannot be read.
pub(crate) fn read(
    path: &Path,
    external: bool,
    key: Option<&VerifyingKey>,
) -> Result<Log, Unreadable> {
    let bytes = std::fs::read(path).map_err(Unreadable::at("read", path))?;
    Ok(check(path, external, &bytes, key))
}

fn check(path: &Path, external: bool, bytes: &[u8], key: Option<&VerifyingKey>) -> Log {
    let mut log =
        Log { path: path.to_owned(), external, entries: Vec::new(), torn_bytes: 0, finding: None };
    let mut before = [0; 32];
    let mut chunks = bytes.chunks(ENTRY).peekable();
    while let Some(chunk) = chunks.next() {
        let torn = chunk.len() < ENTRY || chunk.ends_with(&TORN);
        if torn && chunks.peek().is_none() {
            log.torn_bytes = chunk.len() as u64;
            break;
        }
        let entry: JournalCheckpoint = pod_read_unaligned(chunk);
        if let Some((kind, what)) = fault(&log, &entry, chunk, before, key) {
            let byte = (log.entries.len() * ENTRY) as u64;
            log.finding = Some(Finding::log(kind, path, byte, what));
            break;
        }
        before = Sha256::digest(chunk).into();
        log.entries.push(entry);
    }
    log
}

/// What is wrong with the entry that follows those of a log.
fn fault(
    log: &Log,
    entry: &JournalCheckpoint,
    bytes: &[u8],
    before: [u8; 32],
    key: Option<&VerifyingKey>,
) -> Option<(Kind, String)> {
    let number = log.entries.len() as u64 + 1;
    if entry.magic != CHECKPOINT_MAGIC || entry.reserved != [0; 8] {
        return Some((Kind::ForgedCheckpoint, format!("entry {number} is no checkpoint")));
    }
    let wanted = key.map(key_id).or_else(|| log.entries.first().map(|first| first.key_id));
    if wanted.is_some_and(|wanted| wanted != entry.key_id) {
        let what = format!("entry {number} is by key {}", super::finding::hex(&entry.key_id));
        return Some((Kind::KeyChange, what));
    }
    let signature = Signature::from_bytes(&entry.signature);
    if key.is_some_and(|key| key.verify_strict(&bytes[..SIGNED], &signature).is_err()) {
        return Some((Kind::ForgedCheckpoint, format!("the signature of entry {number} is bad")));
    }
    let first = log.entries.first();
    if first.is_some_and(|first| first.instance != entry.instance) {
        let what = format!("entry {number} is of another instance");
        return Some((Kind::WrongInstance, what));
    }
    if entry.number != number {
        let kind =
            if entry.number < number { Kind::ReplayedCheckpoint } else { Kind::MissingCheckpoint };
        return Some((kind, format!("checkpoint {} stands as entry {number}", entry.number)));
    }
    if entry.prev_checkpoint != before || log.last().is_some_and(|last| last.seq > entry.seq) {
        // With a key this is the notary's own signature under another past.
        let kind = if key.is_some() { Kind::Fork } else { Kind::ForgedCheckpoint };
        return Some((kind, format!("checkpoint {number} does not follow the one before it")));
    }
    None
}

/// Holds logs against each other: the first place where two of them contradict each other.
pub(crate) fn forks(logs: &[Log]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, one) in logs.iter().enumerate() {
        for other in &logs[index + 1..] {
            findings.extend(fork(one, other));
        }
    }
    findings
}

fn fork(one: &Log, other: &Log) -> Option<Finding> {
    let (first, second) = (one.entries.first()?, other.entries.first()?);
    let begin = |kind, what: &str| Some(Finding::log(kind, &other.path, 0, what));
    if first.instance != second.instance {
        return begin(Kind::WrongInstance, "it is of another instance than the logs before it");
    }
    if first.key_id != second.key_id {
        return begin(Kind::KeyChange, "it is by another key than the logs before it");
    }
    let pairs = one.entries.iter().zip(&other.entries);
    let same = pairs.take_while(|(a, b)| a == b).count();
    let agreed = same.checked_sub(1).map_or(0, |last| one.entries[last].seq);
    let byte = (same * ENTRY) as u64;
    let (left, right) = (one.entries.get(same)?, other.entries.get(same)?);
    let what = format!(
        "checkpoint {} is of {} records and head {}, in {} of {} records and head {}",
        right.number,
        right.seq,
        super::finding::hex(&right.head[..8]),
        one.path.display(),
        left.seq,
        super::finding::hex(&left.head[..8])
    );
    let last = left.seq.max(right.seq);
    Some(Finding::new(Kind::Fork, (agreed + 1, last), &other.path, byte, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_ends_where_the_signature_begins() {
        let fields = JournalCheckpoint::LAYOUT.fields;
        let signature = fields.iter().find(|field| field.name == "signature");
        assert_eq!(signature.map(|field| (field.offset, field.size)), Some((SIGNED, 64)));
        assert_eq!(SIGNED + 64, ENTRY);
    }
}
