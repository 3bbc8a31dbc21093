//! A reader of journals of its own, written from the format's description alone: heads, records,
//! numbers, checksums and the chain. What it accepts is what an auditor would.

use super::hash_of;
use bytemuck::Zeroable;
use sha2::{Digest as _, Sha256};
use wire::journal::{
    JournalRecord, JournalSeal, JournalSegment, RECORD_MAGIC, RecordKind, SEGMENT_MAGIC,
};

const HEAD: usize = size_of::<JournalSegment>();
const RECORD: usize = size_of::<JournalRecord>();

/// The hash of every frame of a journal, in order; `each` sees the frames themselves.
pub(super) fn read(
    files: &[(String, Vec<u8>)],
    each: &mut dyn FnMut(&[u8]),
) -> Result<Vec<u64>, String> {
    let mut heads = Vec::new();
    for (name, bytes) in files {
        heads.push((head_of(name, bytes)?, name, bytes));
    }
    heads.sort_by_key(|(head, ..)| head.segment);
    let mut found = Vec::new();
    let (mut seq, mut chain) = (0, [0; 32]);
    for (at, (head, name, bytes)) in heads.iter().enumerate() {
        let bad = |what: &str| Err(format!("{name}: {what}"));
        if at == 0 {
            let genesis = Sha256::new().chain_update(b"corelane journal genesis");
            chain = genesis.chain_update(head.instance).finalize().into();
        }
        if head.segment != at as u64 + 1 {
            return bad("not the next segment");
        }
        if head.prev_head != chain {
            return bad("the chain does not fit the segment before");
        }
        if head.first_seq != seq + 1 || head.first_frame != found.len() as u64 + 1 {
            return bad("it does not begin where the one before ended");
        }
        let end = records(head, bytes, &mut seq, &mut found, each)
            .map_err(|what| format!("{name}: {what}"))?;
        let is_last = at + 1 == heads.len();
        let (offset, next) = end;
        if next != Some(if is_last { 0 } else { head.segment + 1 }) {
            return bad("it does not end with the seal that was due");
        }
        chain = Sha256::digest(&bytes[..offset]).into();
    }
    Ok(found)
}

fn head_of(name: &str, bytes: &[u8]) -> Result<JournalSegment, String> {
    let mut head = JournalSegment::zeroed();
    let Some(from) = bytes.get(..HEAD) else { return Err(format!("{name}: no head")) };
    bytemuck::bytes_of_mut(&mut head).copy_from_slice(from);
    let crc = crc32c::crc32c(&from[..std::mem::offset_of!(JournalSegment, crc32c)]);
    if head.magic != SEGMENT_MAGIC || head.crc32c != crc {
        return Err(format!("{name}: the head is damaged"));
    }
    Ok(head)
}

/// Reads a segment's records up to its seal: where that ends, and what segment it names next.
fn records(
    head: &JournalSegment,
    bytes: &[u8],
    seq: &mut u64,
    found: &mut Vec<u64>,
    each: &mut dyn FnMut(&[u8]),
) -> Result<(usize, Option<u64>), String> {
    let mut offset = HEAD;
    let mut words: Vec<u64> = Vec::new();
    while let Some(from) = bytes.get(offset..offset + RECORD) {
        if from.iter().all(|byte| *byte == 0) {
            break;
        }
        let mut record = JournalRecord::zeroed();
        bytemuck::bytes_of_mut(&mut record).copy_from_slice(from);
        let crc = std::mem::take(&mut record.crc32c);
        let len = usize::try_from(record.len_bytes).unwrap_or(usize::MAX);
        let payload = bytes.get(offset + RECORD..).and_then(|rest| rest.get(..len));
        let Some(payload) = payload else { return Err("a record reaches beyond the file".into()) };
        let sum = crc32c::crc32c_append(crc32c::crc32c(bytemuck::bytes_of(&record)), payload);
        *seq += 1;
        if record.magic != RECORD_MAGIC || crc != sum || record.seq != *seq {
            return Err(format!("record {seq} at {offset} is damaged"));
        }
        if record.segment != head.segment || record.instance != head.instance[..8] {
            return Err(format!("record {seq} at {offset} is of another segment"));
        }
        offset += RECORD + len;
        match RecordKind::from_code(record.kind) {
            Some(RecordKind::Frame) => {
                words.clear();
                words.resize(len / 8, 0);
                bytemuck::cast_slice_mut(&mut words).copy_from_slice(payload);
                let frame: &[u8] = bytemuck::cast_slice(&words);
                found.push(hash_of(frame));
                each(frame);
            }
            Some(RecordKind::Seal) => {
                let mut seal = JournalSeal::zeroed();
                bytemuck::bytes_of_mut(&mut seal).copy_from_slice(payload);
                if seal.frames != found.len() as u64 {
                    return Err("the seal counts other frames".into());
                }
                return Ok((offset, Some(seal.next_segment)));
            }
            Some(RecordKind::Open | RecordKind::Synced | RecordKind::Recovered) => {}
            None => return Err(format!("record {seq} is of no kind")),
        }
    }
    Ok((offset, None))
}
