//! Stage 1, gather: the day's journals, each read to its end, and the model they are to improve.
//!
//! A journal counts if its chain holds, it ended in good order, a fresh engine repeats it (where that
//! is asked for), and its market data has no more gaps than allowed. Any other is refused by name.
//! Must never: take a part of a journal. Main thread; one journal in memory at a time.

use super::config::{DataKeys, ModelKeys};
use super::held::LabelRule;
use super::night::{Hashed, Night, files_of};
use crate::backtest::model_failure;
use crate::recording::tape_failure;
use crate::{record, verify};
use serde::{Deserialize, Serialize};
use signal::store::{Address, Bundle, PublicKey, Store};
use station::operator::{Failure, Line};
use station::run_dir::JOURNAL;
use std::path::{Path, PathBuf};
use tape::journal::JournalReader;
use wire::exit::Exit;
use wire::{Frame, decode};

/// What a night begins with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Gathered {
    /// The incumbent.
    pub(super) parent: Parent,
    /// The journals, in the order of their names.
    pub(super) journals: Vec<Journal>,
    /// Those left out, each with the reason.
    pub(super) refused: Vec<String>,
}

/// The model that serves when the night begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Parent {
    /// Its address in the store.
    pub(super) address: String,
    /// What a rollback would have brought back.
    pub(super) previous: Option<String>,
    /// SHA-256 of its model file.
    pub(super) model_sha256: String,
    /// How its labels are made; the candidate's are made the same way.
    pub(super) labels: LabelRule,
}

/// One journal that was read to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    /// The run's folder.
    pub(super) run: PathBuf,
    /// Frames it holds.
    pub(super) frames: u64,
    /// SHA-256 over all of them.
    pub(super) frames_sha256: String,
    /// Gaps in its market data.
    pub(super) gaps: u64,
    /// The state a fresh engine came to with its inputs, where it was repeated.
    pub(super) state_hash: Option<String>,
    /// Its files.
    pub(super) files: Vec<Hashed>,
}

/// Gathers.
///
/// # Errors
/// `RESOURCE` with a line for each journal that is refused, or where there is none; what is wrong with
/// store or incumbent.
pub(super) fn gather(
    model: &ModelKeys,
    data: &DataKeys,
    night: &Night,
    asked: &[PathBuf],
) -> Result<Gathered, Failure> {
    let parent = parent(model)?;
    let (mut journals, mut refused) = (Vec::new(), Vec::new());
    let runs = if asked.is_empty() { runs_of(&data.runs, night.name())? } else { asked.to_vec() };
    for run in &runs {
        match journal(run, data) {
            Ok(journal) => journals.push(journal),
            Err(failure) => refused.extend(failure.lines.iter().map(|line| named(line, run))),
        }
    }
    if !refused.is_empty() && !data.leave_out {
        return Err(Failure { exit: Exit::Resource, lines: refused });
    }
    if journals.is_empty() {
        let fields = format!(
            "night={} looked_in={} refused={}",
            night.name(),
            data.runs.display(),
            refused.len()
        );
        let next = "name folders of runs, or another night with --night=";
        return Err(Failure::new(Exit::Resource, "no journal to learn from", fields, next));
    }
    let refused = refused.iter().map(|line| line.with_code(Exit::Resource.name())).collect();
    Ok(Gathered { parent, journals, refused })
}

/// A line that names the run it is about.
fn named(line: &Line, run: &Path) -> Line {
    let fields = format!("run={} {}", run.display(), line.fields);
    let next = "leave the run out, or let the night do so with data.leave_out = true";
    Line::new(format!("journal refused: {}", line.what), fields.trim_end(), next)
}

/// The store, for reading.
pub(super) fn store(model: &ModelKeys) -> Result<Store, Failure> {
    let key = model.public_key.as_deref().map(PublicKey::read).transpose();
    key.and_then(|key| Store::open(&model.store, key)).map_err(|error| model_failure(&error))
}

/// The verified files of a model of the store.
pub(super) fn object(model: &ModelKeys, address: &str) -> Result<Bundle, Failure> {
    let store = store(model)?;
    let bundle = Address::from_hex(address).map(|address| store.object(address));
    let lost = || {
        let fields = format!("address={address}");
        Failure::new(Exit::Resource, "no address of a model", fields, "begin the night anew")
    };
    bundle.ok_or_else(lost)?.map_err(|error| model_failure(&error))
}

fn parent(model: &ModelKeys) -> Result<Parent, Failure> {
    let failed = |error: signal::ModelError| model_failure(&error);
    let store = store(model)?;
    let address = store.current(&model.name).map_err(failed)?;
    let bundle = store.object(address).map_err(failed)?;
    let labels = LabelRule::of(bundle.manifest_bytes()).map_err(|key| {
        let fields = format!("model={address} key={key}");
        let next = "promote a model whose manifest says how its labels are made";
        Failure::new(Exit::Resource, "the incumbent's manifest lacks a key", fields, next)
    })?;
    Ok(Parent {
        address: address.to_string(),
        previous: store.previous(&model.name).map_err(failed)?.map(|to| to.to_string()),
        model_sha256: bundle.manifest.sha256.clone(),
        labels,
    })
}

/// The runs below a folder that began on a UTC date.
fn runs_of(folder: &Path, date: &str) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        let fields = format!("path={} error=\"{error}\"", folder.display());
        let next = "correct data.runs, or name folders of runs";
        Failure::new(Exit::Resource, "cannot read the folder of runs", fields, next)
    })?;
    let mut runs: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    runs.retain(|run| run.join(JOURNAL).is_dir() && began_on(run, date));
    runs.sort();
    Ok(runs)
}

/// Whether a run began on a date; also where its journal cannot say, so that it is named.
fn began_on(run: &Path, date: &str) -> bool {
    let Ok(reader) = JournalReader::open(&run.join(JOURNAL)) else { return true };
    let begun = reader.heads().next().map(|head| i128::from(head.begun.utc_ns));
    let begun = begun.and_then(|ns| jiff::Timestamp::from_nanosecond(ns).ok());
    begun.is_none_or(|at| at.to_string().starts_with(date))
}

/// Reads a journal to its end.
fn journal(run: &Path, data: &DataKeys) -> Result<Journal, Failure> {
    let path = record::path_of(run)?;
    let recording = tape::read_all(&path).map_err(|error| tape_failure(&error))?;
    let gaps = recording.frames().filter(|frame| matches!(decode(frame), Ok(Frame::Gap(_))));
    let gaps = gaps.count() as u64;
    if gaps > data.gaps_max {
        let fields = format!("gaps={gaps} allowed={}", data.gaps_max);
        return Err(Failure::new(Exit::Resource, "its market data has gaps", fields, ""));
    }
    let state = data.repeat.then(|| verify::repeated(run)).transpose()?;
    Ok(Journal {
        run: run.to_owned(),
        frames: recording.summary.frames,
        frames_sha256: recording.summary.sha256.clone(),
        gaps,
        state_hash: state.map(|hash| format!("{hash:016x}")),
        files: segments(&path)?,
    })
}

/// The segments: snapshots and what a recovery kept aside do not count.
fn segments(journal: &Path) -> Result<Vec<Hashed>, Failure> {
    let mut files = files_of(journal)?;
    files.retain(|file| tape::journal::is_segment_name(&file.name));
    Ok(files)
}

/// Refuses to go on where a journal or the incumbent is no longer what it was; `candidate` may have
/// taken the incumbent's place already.
///
/// # Errors
/// `CONFIGURATION`; what is wrong with the store.
pub(super) fn still(
    gathered: &Gathered,
    model: &ModelKeys,
    night: &Night,
    candidate: Option<&str>,
) -> Result<(), Failure> {
    for journal in &gathered.journals {
        if segments(&journal.run.join(JOURNAL)).unwrap_or_default() != journal.files {
            return Err(night.changed("gather", &format!("journal of {}", journal.run.display())));
        }
    }
    let current = store(model)?.current(&model.name).map_err(|error| model_failure(&error))?;
    let current = current.to_string();
    if current != gathered.parent.address && candidate != Some(current.as_str()) {
        return Err(night.changed("gather", "incumbent"));
    }
    Ok(())
}
