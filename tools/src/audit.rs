//! `corelane audit`: is a journal what was written, and what of it can nobody vouch for?
//!
//! An independent reader: written from JOURNAL.md and the wire structs, it shares no code with the
//! journal's writer, its recovery or the notary. Owns the verdict. Must never: write, repair, or
//! call something proven that is not: what no checkpoint outside the run's folder covers is the
//! blind window and is always told.

mod checkpoints;
mod compare;
mod damage;
mod finding;
mod folder;
mod journal;
mod record;
mod segment;
mod show;
mod window;

use crate::cli::AuditArgs;
use crate::output::Output;
use checkpoints::Log;
pub use compare::Blind;
use ed25519_dalek::VerifyingKey;
use finding::Unreadable;
pub use finding::{Finding, Kind};
use journal::{Journal, Tail};
use station::operator::Failure;
use std::path::{Path, PathBuf};
use wire::exit::Exit;
use wire::journal::JournalCheckpoint;

/// Version of the JSON object.
const VERSION: u32 = 1;
/// The run's own checkpoint log.
const OWN_LOG: &str = "checkpoints.clk";
/// How often a folder is listed anew whose files were renamed while they were read.
const TRIES: u32 = 4;

/// What is to be audited.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Folder of the run.
    pub run_dir: PathBuf,
    /// Public key of the notary.
    pub public_key: Option<PathBuf>,
    /// Checkpoint logs beside the run's own.
    pub checkpoints: Vec<PathBuf>,
    /// The instance it must be.
    pub instance: Option<[u8; 16]>,
    /// Threads that read segments; at least one is used.
    pub threads: usize,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which journal it is; `None` of a folder without a segment.
    pub instance: Option<[u8; 16]>,
    /// Whole records in their places.
    pub records: u64,
    /// Frames among them.
    pub frames: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes of heads and records.
    pub bytes: u64,
    /// Chain head after the last record; `None` where the chain is broken.
    pub head: Option<[u8; 32]>,
    /// It ends with a seal that names no next segment.
    pub closed: bool,
    /// Highest sequence the journal itself shows to be on the disk.
    pub synced_seq: u64,
    /// What is wrong; first what is certain of the earliest records.
    pub findings: Vec<Finding>,
    /// The last checkpoint that fits, and the log it stands in.
    pub last_checkpoint: Option<(PathBuf, JournalCheckpoint)>,
    /// What nobody vouches for.
    pub blind: Blind,
    tail: Option<Tail>,
    logs: Vec<Log>,
    keyed: bool,
}

impl Report {
    /// What is wrong first.
    #[must_use]
    pub fn first(&self) -> Option<&Finding> {
        self.findings.first()
    }

    /// `ok` or `failed`.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        if self.findings.is_empty() { "ok" } else { "failed" }
    }

    /// `closed` or `open`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        if self.closed { "closed" } else { "open" }
    }

    /// `checked`, `unchecked` without a public key, or `none`.
    #[must_use]
    pub fn signatures(&self) -> &'static str {
        match (self.logs.is_empty(), self.keyed) {
            (true, _) => "none",
            (_, true) => "checked",
            (_, false) => "unchecked",
        }
    }

    /// The report as one JSON object.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        show::json(self)
    }
}

/// Runs the command.
///
/// # Errors
/// `CHECK_FAILED` where the journal or a checkpoint log is not as it was written, `RESOURCE` for
/// what cannot be read, `WIRE_VERSION` for a journal of another version.
pub fn audit(args: &AuditArgs) -> Result<(), Failure> {
    let threads = args.threads.map_or_else(
        || std::thread::available_parallelism().map_or(1, usize::from),
        |threads| usize::try_from(threads).unwrap_or(1),
    );
    let report = check(&Request {
        run_dir: args.run_dir.clone(),
        public_key: args.public_key.clone(),
        checkpoints: args.checkpoints.clone(),
        instance: args.instance,
        threads,
    })?;
    let mut out = Output::stdout();
    if args.json {
        out.line(format_args!("{}", report.json()))?;
    } else {
        out.write(show::text(&report).as_bytes())?;
    }
    out.finish()?;
    report.first().map_or(Ok(()), |first| Err(refusal(&args.run_dir, first, &report)))
}

fn refusal(run_dir: &Path, first: &Finding, report: &Report) -> Failure {
    let seq = first.seqs.map_or_else(|| "none".to_owned(), |(seq, _)| seq.to_string());
    let fields = format!(
        "run={} kind={} first_bad_seq={seq} file={} byte={} found=\"{}\" findings={}",
        run_dir.display(),
        first.kind,
        first.file.display(),
        first.byte,
        first.what,
        report.findings.len()
    );
    let next = "keep the folder as it is, and take records below first_bad_seq for good only as \
                far as a checkpoint covers them";
    Failure::new(Exit::CheckFailed, "the journal is not what was written", fields, next)
}

/// Audits a run's journal.
///
/// # Errors
/// As [`audit`], but for what is wrong with the journal: that is in the report.
pub fn check(request: &Request) -> Result<Report, Failure> {
    let key = request.public_key.as_deref().map(public_key).transpose()?;
    let logs = logs(request, key.as_ref())?;
    let mut asked: Vec<u64> =
        logs.iter().flat_map(|log| &log.entries).map(|entry| entry.seq).collect();
    asked.sort_unstable();
    asked.dedup();
    let mut tries = TRIES;
    let (mut findings, mut journal) = loop {
        match read(request, &logs, &asked) {
            // A live journal's next segment gets its name between listing and reading.
            Err(Trouble::Unreadable(gone)) if tries > 1 && is_gone(&gone) => tries -= 1,
            Err(Trouble::Unreadable(error)) => return Err(unreadable(&error)),
            Err(Trouble::Failure(failure)) => return Err(failure),
            Ok(read) => break read,
        }
    };
    let compared = compare::compare(&mut journal, &logs);
    findings.append(&mut journal.findings);
    findings.extend(compared);
    findings.extend(logs.iter().filter_map(|log| log.finding.clone()));
    findings.extend(checkpoints::forks(&logs));
    // First what is certain earliest, then what says it most closely. Stable: of two about the same
    // records the journal's own comes first, but a fork is the reason of a rewrite.
    findings.sort_by_key(|finding| {
        let (first, last) = finding.seqs.unwrap_or((0, u64::MAX));
        (last, u64::MAX - first, finding.kind != Kind::Fork)
    });
    Ok(report(&journal, findings, logs, key.is_some()))
}

/// Why a folder was not read.
enum Trouble {
    Unreadable(Unreadable),
    Failure(Failure),
}

impl From<Unreadable> for Trouble {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

fn is_gone(error: &Unreadable) -> bool {
    error.op != "list" && error.source.kind() == std::io::ErrorKind::NotFound
}

fn read(
    request: &Request,
    logs: &[Log],
    asked: &[u64],
) -> Result<(Vec<Finding>, Journal), Trouble> {
    let mut folder = folder::read(&request.run_dir.join("journal"))?;
    if let Some((path, version)) = &folder.foreign_version {
        let fields = format!("file={} version={version} allowed=1", path.display());
        let next = "audit it with the Corelane that wrote it";
        let what = "a segment of another version";
        return Err(Trouble::Failure(Failure::new(Exit::WireVersion, what, fields, next)));
    }
    let signed = logs.iter().any(|log| !log.entries.is_empty());
    if folder.segments.is_empty() && folder.headless.is_empty() && !signed {
        let fields = format!("folder={} segments=0", request.run_dir.join("journal").display());
        let next = "name the folder of a run that keeps a journal";
        let what = "no journal found";
        return Err(Trouble::Failure(Failure::new(Exit::Resource, what, fields, next)));
    }
    let has = |instance: &[u8; 16]| folder.segments.iter().any(|s| s.head.instance == *instance);
    let signed = logs.iter().filter_map(|log| log.entries.first()).map(|entry| entry.instance);
    let signed = signed.into_iter().find(has);
    let instance =
        request.instance.or(signed).or_else(|| folder::most_common_instance(&folder.segments));
    let findings = instance.map_or_else(Vec::new, |i| folder::keep_instance(&mut folder, i));
    let journal = journal::read(&folder, asked, request.threads)?;
    Ok((findings, journal))
}

/// Every checkpoint log: anchors first, so that a live run's own log and journal hold at least what
/// they hold.
fn logs(request: &Request, key: Option<&VerifyingKey>) -> Result<Vec<Log>, Failure> {
    let run_dir = request.run_dir.canonicalize();
    let run_dir = run_dir.map_err(|e| unreadable(&Unreadable::at("open", &request.run_dir)(e)))?;
    let own = run_dir.join(OWN_LOG);
    let mut seen = Vec::new();
    let mut logs = Vec::new();
    let given = request.checkpoints.iter().cloned();
    let own_log = own.exists().then(|| request.run_dir.join(OWN_LOG));
    for path in given.chain(own_log) {
        let real = path.canonicalize();
        let real = real.map_err(|error| unreadable(&Unreadable::at("open", &path)(error)))?;
        if seen.contains(&real) {
            continue;
        }
        let external = !real.starts_with(&run_dir);
        logs.push(checkpoints::read(&path, external, key).map_err(|e| unreadable(&e))?);
        seen.push(real);
    }
    Ok(logs)
}

fn public_key(path: &Path) -> Result<VerifyingKey, Failure> {
    let bytes = std::fs::read(path).map_err(Unreadable::at("read", path));
    let bytes = bytes.map_err(|error| unreadable(&error))?;
    let key = std::str::from_utf8(&bytes).ok().and_then(|text| from_hex(text.trim_end()));
    let key = key.and_then(|key| VerifyingKey::from_bytes(&key).ok()).filter(|k| !k.is_weak());
    key.ok_or_else(|| {
        let fields = format!(
            "file={} found=\"{} bytes of something else\" allowed=(one line of 64 hex digits)",
            path.display(),
            bytes.len()
        );
        let next = "name the public key of the notary, as `corelane limits keygen` writes it";
        Failure::new(Exit::Resource, "no usable public key", fields, next)
    })
}

/// The bytes behind hex of exactly their length.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.len() == 2 * N && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        let pair = text.get(2 * index..2 * index + 2).filter(|_| digits)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

fn unreadable(error: &Unreadable) -> Failure {
    let fields = format!("{error} error=\"{}\"", error.source);
    let next = "check the path and its permissions";
    Failure::new(Exit::Resource, "the audit cannot read", fields, next)
}

fn report(journal: &Journal, findings: Vec<Finding>, logs: Vec<Log>, keyed: bool) -> Report {
    let total = |of: fn(&segment::Scan) -> u64| journal.scans.iter().map(of).sum();
    let last = compare::last_good(journal, &logs, |_| true);
    let last_checkpoint = last.map(|(path, entry)| (path.to_owned(), *entry));
    Report {
        instance: journal.scans.first().map(|scan| scan.head.instance),
        records: total(|scan| scan.records),
        frames: total(|scan| scan.frames),
        segments: journal.scans.len() as u64,
        bytes: total(|scan| scan.bytes),
        head: journal.scans.last().filter(|_| findings.is_empty()).map(|scan| scan.chain),
        closed: journal.closed,
        synced_seq: journal.synced,
        last_checkpoint,
        blind: compare::blind(journal, &logs, keyed),
        tail: journal.tail.clone(),
        findings,
        logs,
        keyed,
    }
}
