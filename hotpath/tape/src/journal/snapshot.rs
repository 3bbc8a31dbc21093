//! Snapshots beside the segments: the state of an engine after a frame of the journal, as words.
//!
//! Knows nothing of an engine: what the words mean is the engine's. Must never: give out words whose
//! checksum does not fit, put a half-written file under a snapshot's name, or touch a segment. Runs
//! off the hot path.

use super::record::Bad;
use crate::error::TapeError;
use bytemuck::Zeroable as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::mem::{offset_of, size_of};
use std::path::{Path, PathBuf};
use wire::journal::{JOURNAL_VERSION, JournalSnapshot, SNAPSHOT_MAGIC};

/// Bytes of a snapshot's head.
const HEAD_BYTES: usize = size_of::<JournalSnapshot>();
const CRC_AT: usize = offset_of!(JournalSnapshot, crc32c);

/// What a snapshot says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotHead {
    /// The journal's instance.
    pub instance: [u8; 16],
    /// Segment at whose end it was taken.
    pub segment: u64,
    /// Sequence of the record it stands after.
    pub seq: u64,
    /// Number of the frame it stands after.
    pub frame: u64,
    /// Segment the next frame stands in.
    pub tail_segment: u64,
    /// SHA-256 of that segment up to the end of the frame it stands after, or of its head alone.
    pub tail_head: [u8; 32],
    /// Hash of the effective configuration.
    pub config_hash: u64,
    /// Hash of every wire layout.
    pub schema_hash: u64,
    /// The engine's state hash.
    pub state_hash: u64,
}

/// File name of the snapshot taken at a segment's end.
#[must_use]
pub fn snapshot_name(segment: u64) -> String {
    format!("{segment:06}.snap")
}

fn segment_of(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".snap")?;
    (number.len() >= 6 && number.bytes().all(|b| b.is_ascii_digit())).then_some(())?;
    number.parse().ok()
}

/// The snapshots in a journal's folder by their names, the newest first; they may be anything inside.
///
/// # Errors
/// [`TapeError::Io`].
pub fn snapshots(folder: &Path) -> Result<Vec<PathBuf>, TapeError> {
    let io = |source| TapeError::Io { op: "read", path: folder.to_path_buf(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        found.extend(name.and_then(|name| segment_of(&name)).map(|segment| (segment, path)));
    }
    found.sort_by_key(|(segment, _)| std::cmp::Reverse(*segment));
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Writes a snapshot under its name, whole and synced, or not at all.
///
/// # Errors
/// [`TapeError::Io`]; then the folder holds what it held before.
pub fn write_snapshot(
    folder: &Path,
    head: &SnapshotHead,
    words: &[u64],
) -> Result<PathBuf, TapeError> {
    let path = folder.join(snapshot_name(head.segment));
    // Two who write the same one do not meet in one file.
    let draft = folder.join(format!("{}.{}", snapshot_name(head.segment), std::process::id()));
    let io = |source| TapeError::Io { op: "write", path: path.clone(), source };
    let written = write_synced(&draft, head, words)
        .and_then(|()| fs::rename(&draft, &path))
        .and_then(|()| File::open(folder)?.sync_all());
    if written.is_err() {
        // It may not even be there.
        let _ = fs::remove_file(&draft);
    }
    written.map_err(io)?;
    Ok(path)
}

fn write_synced(path: &Path, head: &SnapshotHead, words: &[u64]) -> io::Result<()> {
    let mut file = File::create(path)?;
    let words: Vec<u64> = words.iter().map(|word| word.to_le()).collect();
    let bytes: &[u8] = bytemuck::cast_slice(&words);
    let mut head = JournalSnapshot {
        magic: SNAPSHOT_MAGIC,
        version: u32::from(JOURNAL_VERSION),
        header_bytes: u32::try_from(HEAD_BYTES).unwrap_or(0),
        instance: head.instance,
        segment: head.segment,
        seq: head.seq,
        frame: head.frame,
        tail_segment: head.tail_segment,
        tail_head: head.tail_head,
        config_hash: head.config_hash,
        schema_hash: head.schema_hash,
        state_hash: head.state_hash,
        words: words.len() as u64,
        ..JournalSnapshot::zeroed()
    };
    head.crc32c = checksum(bytemuck::bytes_of(&head), bytes);
    file.write_all(bytemuck::bytes_of(&head))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn checksum(head: &[u8], words: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(head.get(..CRC_AT).unwrap_or_default()), words)
}

/// Reads a snapshot; the inner error says what is wrong with it.
///
/// # Errors
/// What the system says.
pub fn read_snapshot(path: &Path) -> io::Result<Result<(SnapshotHead, Vec<u64>), Bad>> {
    let mut file = File::open(path)?;
    let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let mut bytes = [0; HEAD_BYTES];
    if len < HEAD_BYTES {
        return Ok(Err("the file is shorter than a snapshot's head"));
    }
    file.read_exact(&mut bytes)?;
    let head: JournalSnapshot = bytemuck::cast(bytes);
    // The length is the file's own: no field of it asks for memory.
    let rest = len - HEAD_BYTES;
    if !rest.is_multiple_of(8) || head.words != (rest / 8) as u64 {
        return Ok(Err("the file is not as long as its head says"));
    }
    let mut words = vec![0_u64; rest / 8];
    file.read_exact(bytemuck::cast_slice_mut(&mut words))?;
    Ok(parse(&head, &bytes, words))
}

fn parse(
    head: &JournalSnapshot,
    bytes: &[u8],
    mut words: Vec<u64>,
) -> Result<(SnapshotHead, Vec<u64>), Bad> {
    if head.magic != SNAPSHOT_MAGIC {
        return Err("the first 8 bytes are not those of a snapshot");
    }
    if head.crc32c != checksum(bytes, bytemuck::cast_slice(&words)) {
        return Err("its checksum does not fit");
    }
    if head.version != u32::from(JOURNAL_VERSION) {
        return Err("it has another journal version");
    }
    if head.header_bytes as usize != HEAD_BYTES || head.reserved != [0; 28] {
        return Err("its head is not as this version writes it");
    }
    for word in &mut words {
        *word = u64::from_le(*word);
    }
    let head = SnapshotHead {
        instance: head.instance,
        segment: head.segment,
        seq: head.seq,
        frame: head.frame,
        tail_segment: head.tail_segment,
        tail_head: head.tail_head,
        config_hash: head.config_hash,
        schema_hash: head.schema_hash,
        state_hash: head.state_hash,
    };
    Ok((head, words))
}
