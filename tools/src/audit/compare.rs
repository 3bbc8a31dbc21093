//! What the notary signed against what the journal holds, and what nobody signed.
//!
//! Owns rewrite, truncation and rollback, and the blind window. Must never: count a checkpoint for
//! the window whose signature was not checked or that lies where the journal's owner can write.

use super::checkpoints::{ENTRY, Log};
use super::finding::{Finding, Kind};
use super::journal::Journal;
use std::path::Path;
use wire::journal::JournalCheckpoint;

/// What an attacker who knows everything but the notary's key could still have changed unseen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blind {
    /// First sequence that no external checkpoint covers.
    pub from_seq: u64,
    /// Records from there to the end.
    pub records: u64,
    /// Time from the last external checkpoint, or the beginning, to the last record, nanoseconds.
    pub ns: u64,
    /// Why, as a sentence.
    pub why: String,
}

/// Holds logs against the journal; gives what is wrong and the sequences that fit.
pub(crate) fn compare(journal: &mut Journal, logs: &[Log]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let instance = journal.scans.first().map(|scan| scan.head.instance);
    let mut ours = Vec::new();
    for log in logs {
        match log.entries.first() {
            Some(first) if instance.is_some_and(|instance| instance != first.instance) => {
                let what = "checkpoints of another instance than the journal's";
                findings.push(Finding::new(Kind::WrongInstance, (1, 1), &log.path, 0, what));
            }
            _ => ours.push(log),
        }
    }
    let entries = || ours.iter().flat_map(|log| &log.entries);
    let mut good: Vec<u64> =
        entries().filter(|entry| fits(journal, entry) == Some(true)).map(|e| e.seq).collect();
    good.sort_unstable();
    good.dedup();
    narrow(&mut journal.findings, &good);
    for log in &ours {
        findings.extend(rewritten(journal, log, &good));
    }
    findings.extend(beyond(journal, &ours));
    findings
}

/// Whether a checkpoint's head is the journal's; `None` where the journal has no such place.
fn fits(journal: &Journal, entry: &JournalCheckpoint) -> Option<bool> {
    let probe = journal.probes.get(&entry.seq)?;
    let place = (probe.segment, probe.segment_bytes) == (entry.segment, entry.segment_bytes);
    Some(place && probe.head == entry.head)
}

/// Raises the first sequence a finding can mean above what was signed and fits.
fn narrow(findings: &mut [Finding], good: &[u64]) {
    for finding in findings {
        let Some((first, last)) = &mut finding.seqs else { continue };
        if first == last {
            continue;
        }
        let up_to = good.partition_point(|seq| *seq <= *last);
        if let Some(seq) = good[..up_to].last().filter(|seq| **seq >= *first) {
            *first = seq + 1;
            *last = (*last).max(*first);
        }
    }
}

fn rewritten(journal: &Journal, log: &Log, good: &[u64]) -> Option<Finding> {
    let bad = log.entries.iter().find(|entry| fits(journal, entry) == Some(false))?;
    let below = good.partition_point(|seq| *seq < bad.seq);
    let first = good[..below].last().map_or(1, |seq| seq + 1);
    let scan = journal.scans.iter().rev().find(|scan| scan.head.first_seq <= first)?;
    let what = format!(
        "checkpoint {} of {} signs another head of {} records",
        bad.number,
        log.path.display(),
        bad.seq
    );
    Some(Finding::new(Kind::Rewrite, (first, bad.seq), &scan.file, 0, what))
}

/// Checkpoints of more than the journal holds.
fn beyond(journal: &Journal, logs: &[&Log]) -> Option<Finding> {
    let end = journal.last_seq();
    let due = end + 1;
    let local = logs.iter().find(|log| !log.external);
    let most = |log: &&&Log| log.last().map_or(0, |last| last.seq);
    let Some(log) = logs.iter().max_by_key(most).filter(|log| most(log) > end) else {
        return shorter_log(local, logs);
    };
    if journal.findings.iter().any(|finding| finding.seqs.is_some_and(|seqs| seqs.0 == due)) {
        return None;
    }
    let signed = most(&log);
    let file = journal.scans.last().map_or(log.path.as_path(), |scan| scan.file.as_path());
    let byte = journal.scans.last().map_or(0, |scan| scan.bytes);
    if let Some(damage) = &journal.damage {
        let first = log.entries.iter().find(|entry| entry.seq > end);
        let short = journal.scans.last().zip(first).is_some_and(|(scan, first)| {
            scan.head.segment == first.segment && scan.file_bytes < first.segment_bytes
        });
        if damage.later > 0 || signed == due && !short {
            let what = damage.what.clone();
            return Some(Finding::new(damage.kind, (damage.seq, damage.seq), file, byte, what));
        }
    }
    let local_ends = local.filter(|local| local.finding.is_none() && most(local) <= end);
    let (kind, who) = match local_ends {
        Some(_) => (Kind::Rollback, ", and so does the run's own checkpoint log"),
        None => (Kind::Truncation, ""),
    };
    let what = format!(
        "the journal ends at record {end}{who}; {} vouches for {signed}",
        log.path.display()
    );
    Some(Finding::new(kind, (due, due), file, byte, what))
}

/// The run's own log ends before an anchor's, while the journal does not.
fn shorter_log(local: Option<&&Log>, logs: &[&Log]) -> Option<Finding> {
    let local = local.filter(|local| local.finding.is_none())?;
    let longest = logs.iter().max_by_key(|log| log.entries.len())?;
    let (has, anchor) = (local.entries.len(), longest.entries.len());
    let what =
        format!("the run's own log has {has} checkpoints, {} {anchor}", longest.path.display());
    let byte = (has * ENTRY) as u64;
    (anchor > has).then(|| Finding::log(Kind::Truncation, &local.path, byte, what))
}

/// The last checkpoint that fits the journal, of the logs that `which` takes.
pub(crate) fn last_good<'a>(
    journal: &Journal,
    logs: &'a [Log],
    which: impl Fn(&Log) -> bool,
) -> Option<(&'a Path, &'a JournalCheckpoint)> {
    let taken = logs.iter().filter(|log| which(log));
    let entries = taken.flat_map(|log| log.entries.iter().map(move |entry| (log, entry)));
    let good = entries.filter(|(_, entry)| fits(journal, entry) == Some(true));
    good.max_by_key(|(_, entry)| entry.seq).map(|(log, entry)| (log.path.as_path(), entry))
}

/// The window; `keyed` where signatures were checked.
pub(crate) fn blind(journal: &Journal, logs: &[Log], keyed: bool) -> Blind {
    const HIDES: &str = "changed, cut or written anew by one who knows the format, they would not \
                         be told from the real ones";
    let end = journal.last_seq();
    let last_utc = journal.scans.last().map_or(0, |scan| scan.utc_ns);
    let anchored = last_good(journal, logs, |log| log.external && keyed && log.finding.is_none());
    if let Some((path, entry)) = anchored {
        let records = end - entry.seq;
        let why = if records == 0 {
            format!("the last checkpoint of {} covers everything", path.display())
        } else {
            format!("written after the last checkpoint of {}: {HIDES}", path.display())
        };
        let ns = last_utc.saturating_sub(entry.utc_ns.get());
        let ns = if records == 0 { 0 } else { ns };
        return Blind { from_seq: entry.seq + 1, records, ns, why };
    }
    let some = logs.iter().any(|log| !log.entries.is_empty());
    let why = match (some, keyed) {
        (false, _) => "no checkpoint: a full rewrite cannot be seen".to_owned(),
        (true, false) => "no public key: signatures were not checked, and anybody can make \
                          checkpoints that fit a full rewrite"
            .to_owned(),
        (true, true) => "no anchor outside the run's folder: journal and checkpoint log can be \
                         cut back together and what follows written anew"
            .to_owned(),
    };
    let first_utc = journal.scans.first().map_or(last_utc, |scan| scan.head.utc_ns.get());
    Blind { from_seq: 1, records: end, ns: last_utc.saturating_sub(first_utc), why }
}
