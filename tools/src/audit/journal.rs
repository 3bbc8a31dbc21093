//! The whole journal: its segments read side by side, then joined in order.
//!
//! Owns the rules between segments, and what a stop in one of them means: what a later segment, a
//! synced record or a checkpoint vouches for cannot have been lost in a crash. Must never: use
//! another reader than this folder's.

use super::damage::Damage;
use super::finding::{Finding, Kind, Unreadable};
use super::folder::{Folder, SegmentFile};
use super::record::genesis;
use super::segment::{self, Probe, Scan, Stop};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What follows the last record of a journal that was not closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    /// The last segment's file.
    pub(crate) file: std::path::PathBuf,
    /// Where the last record ends in it.
    pub(crate) byte: u64,
    /// What stands there: `nothing`, `seal` (a next segment was announced and not begun), or
    /// `damage`.
    pub(crate) state: &'static str,
    /// Whole records behind the damage; a recovery would cut them.
    pub(crate) records_behind: u64,
}

/// A journal as it was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    /// Segments, by number.
    pub(crate) scans: Vec<Scan>,
    /// Heads that were asked for.
    pub(crate) probes: BTreeMap<u64, Probe>,
    /// What is wrong.
    pub(crate) findings: Vec<Finding>,
    /// The journal ends with a seal that names no next segment.
    pub(crate) closed: bool,
    /// What follows the last record of one that does not.
    pub(crate) tail: Option<Tail>,
    /// Damage at the end of the last segment, which a crash may have left.
    pub(crate) damage: Option<Damage>,
    /// Highest sequence that the journal itself shows to be on the disk.
    pub(crate) synced: u64,
}

impl Journal {
    /// Sequence of the last record of the last segment; 0 of an empty journal.
    pub(crate) fn last_seq(&self) -> u64 {
        self.scans.last().map_or(0, Scan::last_seq)
    }
}

/// Reads every segment with `threads` threads and joins them; `asked` are sequences in rising
/// order whose chain heads are wanted.
///
/// # Errors
/// Where a file cannot be read.
pub(crate) fn read(folder: &Folder, asked: &[u64], threads: usize) -> Result<Journal, Unreadable> {
    let mut journal = Journal::default();
    let scans = scan_all(&folder.segments, asked, threads)?;
    let mut joined: Vec<Scan> = Vec::with_capacity(scans.len());
    for scan in scans {
        journal.findings.extend(scan.broken.clone());
        match joined.last() {
            Some(before) if before.head.segment == scan.head.segment => {
                journal.findings.push(twice(before, &scan)?);
            }
            before => {
                join(&mut journal.findings, before, &scan);
                joined.push(scan);
            }
        }
    }
    journal.probes =
        joined.iter().flat_map(|scan| &scan.probes).map(|probe| (probe.seq, *probe)).collect();
    journal.synced = joined.iter().map(|scan| scan.synced).max().unwrap_or(0);
    journal.scans = joined;
    end(&mut journal);
    without_heads(&mut journal, folder);
    Ok(journal)
}

fn scan_all(files: &[SegmentFile], asked: &[u64], threads: usize) -> Result<Vec<Scan>, Unreadable> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            // ORDERING: relaxed; the number alone is handed out, the scope joins the results.
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(index) else { return done };
            done.push((index, segment::scan(&file.path, &file.head, asked)));
        }
    };
    let mut all: Vec<_> = std::thread::scope(|scope| {
        let others = 1..threads.clamp(1, files.len().max(1));
        let others: Vec<_> = others.map(|_| scope.spawn(work)).collect();
        let mut all = work();
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, scan)| scan).collect()
}

/// Two files of one number.
fn twice(one: &Scan, other: &Scan) -> Result<Finding, Unreadable> {
    let first = one.head.first_seq;
    let number = one.head.segment;
    if one.chain == other.chain && one.records == other.records {
        let what = format!("segment {number} again, as in {}", one.file.display());
        return Ok(Finding::new(Kind::Duplicate, (first, first), &other.file, 0, what));
    }
    let seq = segment::first_difference(&one.file, &other.file, first)?;
    let what = format!("another segment {number} than {}", one.file.display());
    Ok(Finding::new(Kind::Fork, (seq, seq), &other.file, 0, what))
}

/// Holds a segment against the one before it.
fn join(findings: &mut Vec<Finding>, before: Option<&Scan>, scan: &Scan) {
    let (head, file) = (&scan.head, &scan.file);
    let first = (head.first_seq, head.first_seq);
    let Some(before) = before else {
        let begins = head.prev_head == genesis(head.instance);
        if (head.segment == 1) != begins {
            let what = format!("segment {} does not follow the genesis alone", head.segment);
            findings.push(Finding::new(Kind::ResetGenesis, (1, 1), file, 0, what));
        } else if head.segment != 1 || head.first_seq != 1 || head.first_frame != 1 {
            let what = format!(
                "the first segment is number {}, its first record {}, its first frame {}",
                head.segment, head.first_seq, head.first_frame
            );
            findings.push(Finding::new(Kind::Delete, (1, 1), file, 0, what));
        }
        return;
    };
    let due = before.last_seq() + 1;
    if head.segment != before.head.segment + 1 {
        let what = format!("segment {} follows segment {}", head.segment, before.head.segment);
        findings.push(Finding::new(Kind::Delete, (due, due), file, 0, what));
        return;
    }
    match &before.stop {
        Stop::Damage(damage) => {
            findings.push(damaged(before, damage));
            return;
        }
        Stop::Open => {
            let what = format!("segment {} ends without a seal", before.head.segment);
            let place = &before.file;
            findings.push(Finding::new(Kind::Delete, (due, due), place, before.bytes, what));
            return;
        }
        Stop::Sealed(seal) if seal.next_segment == 0 => {
            let what = "a segment after the journal's last seal";
            findings.push(Finding::new(Kind::Insert, first, file, 0, what));
        }
        Stop::Sealed(_) => {}
    }
    chained(findings, before, scan);
}

/// Holds the numbers and the chain of a segment against a sealed one before it.
fn chained(findings: &mut Vec<Finding>, before: &Scan, scan: &Scan) {
    let (head, file) = (&scan.head, &scan.file);
    let due = before.last_seq() + 1;
    let frame = before.frames_so_far() + 1;
    if head.first_seq != due || head.first_frame != frame {
        let kind = match head.first_seq.cmp(&due) {
            std::cmp::Ordering::Greater => Kind::Delete,
            std::cmp::Ordering::Less => Kind::Duplicate,
            std::cmp::Ordering::Equal => Kind::Edit,
        };
        let what = format!(
            "its first record is {} and frame {}, due were {due} and {frame}",
            head.first_seq, head.first_frame
        );
        let seqs = (due.min(head.first_seq), due);
        findings.push(Finding::new(kind, seqs, file, 0, what));
        return;
    }
    if head.prev_head != before.chain {
        let again = head.prev_head == genesis(head.instance);
        let (kind, seqs, what) = if again {
            (Kind::ResetGenesis, (due, due), "the chain starts again from the genesis".to_owned())
        } else {
            let what = format!("it was chained to another segment {}", before.head.segment);
            (Kind::Edit, (before.head.first_seq, due - 1), what)
        };
        findings.push(Finding::new(kind, seqs, file, 0, what));
    }
}

/// Damage that no crash can have left.
fn damaged(scan: &Scan, damage: &Damage) -> Finding {
    let what = damage.what.clone();
    Finding::new(damage.kind, (damage.seq, damage.seq), &scan.file, damage.byte, what)
}

/// What the end of the last segment says.
fn end(journal: &mut Journal) {
    let Some(last) = journal.scans.last() else { return };
    // A head is written after everything before it was synced, and so is a seal.
    let sealed = matches!(last.stop, Stop::Sealed(_)).then(|| last.last_seq() - 1);
    journal.synced = journal.synced.max(sealed.unwrap_or(0)).max(last.head.first_seq - 1);
    let mut tail =
        Tail { file: last.file.clone(), byte: last.bytes, state: "nothing", records_behind: 0 };
    match &last.stop {
        Stop::Sealed(seal) if seal.next_segment == 0 => {
            journal.closed = true;
            return;
        }
        Stop::Sealed(_) => tail.state = "seal",
        Stop::Open => {}
        Stop::Damage(damage) => {
            (tail.state, tail.records_behind) = ("damage", damage.later);
            journal.synced = journal.synced.max(damage.vouched);
            if damage.certain || journal.synced > last.last_seq() {
                journal.findings.push(damaged(last, damage));
            } else {
                journal.damage = Some(damage.clone());
            }
        }
    }
    journal.tail = Some(tail);
}

/// Files that should be segments and have no whole head.
fn without_heads(journal: &mut Journal, folder: &Folder) {
    for file in &folder.headless {
        let what = if file.zeros { "zeros" } else { "another head" };
        let Some((segment, seq)) = file.record else {
            // Torn while it was begun, unless nothing was to begin any more.
            if journal.closed {
                let seq = journal.last_seq() + 1;
                let what = "a file that is no segment, after the journal's last seal";
                let finding = Finding::new(Kind::Insert, (seq, seq), &file.path, 0, what);
                journal.findings.push(finding);
            }
            continue;
        };
        // What follows a missing number is told by the file that has it.
        journal.findings.retain(|finding| {
            finding.kind != Kind::Delete || finding.seqs != Some((seq, seq)) || finding.byte != 0
        });
        let what = format!("segment {segment} has {what} than was written");
        journal.findings.push(Finding::new(Kind::Edit, (seq, seq), &file.path, 0, what));
    }
}
