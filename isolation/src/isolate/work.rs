//! Applying, and taking back: the journal first, then each path, and from the journal again.
//!
//! A kill at any call leaves a tree that [`rollback`] makes what it was. Must never: change a path
//! that is neither as it was before us nor as we wrote it, unless told to.

use super::Changes;
use super::disk::{Disk, Owner};
use super::journal::{Entry, Journal, State};
use super::settings::Form;
use super::site::{Site, Want};
use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Which half is changed. Each has a journal: that of the running kernel goes with the boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Files.
    Files,
    /// Settings of the running kernel.
    Live,
}

impl Scope {
    /// Where its journal lies.
    #[must_use]
    pub const fn journal(self) -> &'static str {
        match self {
            Self::Files => "var/lib/corelane-isolate.json",
            Self::Live => "run/corelane-isolate.json",
        }
    }
}

/// What was done at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It holds now what is wanted.
    Written,
    /// It holds again what it held before us.
    Restored,
    /// This kernel does not have it.
    Absent,
    /// The kernel did not take it; why, or what it holds instead.
    Refused(String),
    /// Somebody else has changed it since; it was left.
    Foreign,
}

/// What was done at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The path.
    pub path: String,
    /// What.
    pub what: What,
}

/// Why work ended.
#[derive(Debug)]
pub enum Fault {
    /// Another apply or rollback is at work.
    Busy,
    /// The journal could not be read or written.
    Journal(String, io::Error),
    /// A path could not be read or written.
    Path(String, io::Error),
    /// Somebody else has changed these since; nothing was written.
    Foreign(Vec<String>),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("another apply or rollback is at work"),
            Self::Journal(path, error) | Self::Path(path, error) => {
                write!(f, "path={path} error=\"{error}\"")
            }
            Self::Foreign(paths) => write!(f, "paths={}", paths.join(",")),
        }
    }
}

impl std::error::Error for Fault {}

/// Files of ours are everybody's to read.
const OURS: Owner = Owner { mode: 0o644, uid: None, gid: None };

/// Writes one half of the changes. `may_overwrite` takes paths that somebody else has changed
/// since.
///
/// # Errors
/// [`Fault`]; what was written until then is in the journal.
pub fn apply(
    site: Site<'_>,
    changes: &Changes,
    scope: Scope,
    may_overwrite: bool,
    disk: &mut dyn Disk,
) -> Result<Vec<Done>, Fault> {
    let wants: Vec<Want> = match scope {
        Scope::Files => changes.files.iter().map(Want::from).collect(),
        Scope::Live => changes.settings.iter().map(Want::from).collect(),
    };
    let in_journal = |error| Fault::Journal(scope.journal().to_owned(), error);
    let path = site.at(scope.journal()).map_err(in_journal)?;
    let made = make_folders(site, scope.journal(), disk).map_err(in_journal)?;
    let _lock = lock(&path)?;
    let old = Journal::read(&path).map_err(in_journal)?.unwrap_or_default();
    let mut draft = Draft::default();
    draft.journal.clone_from(&old);
    for folder in made {
        draft.note_folder(folder);
    }
    for want in &wants {
        draft.add(site, want, old.entry(&want.path), may_overwrite)?;
    }
    if !draft.foreign.is_empty() {
        return Err(Fault::Foreign(draft.foreign));
    }
    let is_wanted = |path: &str| wants.iter().any(|want| want.path == path);
    let stale: Vec<Entry> =
        old.entries.iter().filter(|entry| !is_wanted(&entry.path)).cloned().collect();
    if draft.journal != old {
        draft.journal.write(&path, disk).map_err(in_journal)?;
    }
    let Draft { mut journal, steps, mut done, .. } = draft;
    for want in steps {
        done.push(Done { path: want.path.clone(), what: write(site, want, disk)? });
    }
    // What an earlier topology asked for and this one does not.
    for entry in &stale {
        if let Some(what) = restore(site, entry, may_overwrite, disk)? {
            done.push(Done { path: entry.path.clone(), what });
        }
    }
    let left = |path: &str| done.iter().any(|d| d.path == path && d.what == What::Foreign);
    let count = journal.entries.len();
    journal.entries.retain(|entry| is_wanted(&entry.path) || left(&entry.path));
    if journal.entries.len() != count {
        journal.write(&path, disk).map_err(in_journal)?;
    }
    Ok(done)
}

/// Takes back one half of what was applied; nothing where nothing was.
///
/// # Errors
/// [`Fault`]; what is not taken back yet is still in the journal.
pub fn rollback(
    site: Site<'_>,
    scope: Scope,
    may_overwrite: bool,
    disk: &mut dyn Disk,
) -> Result<Vec<Done>, Fault> {
    let in_journal = |error| Fault::Journal(scope.journal().to_owned(), error);
    let path = site.at(scope.journal()).map_err(in_journal)?;
    if !path.parent().is_some_and(Path::is_dir) {
        return Ok(Vec::new());
    }
    let _lock = lock(&path)?;
    site.sweep(scope.journal(), disk).map_err(in_journal)?;
    let Some(mut journal) = Journal::read(&path).map_err(in_journal)? else {
        return Ok(Vec::new());
    };
    let mut done = Vec::new();
    for entry in journal.entries.iter().rev() {
        if let Some(what) = restore(site, entry, may_overwrite, disk)? {
            done.push(Done { path: entry.path.clone(), what });
        }
    }
    let left = |path: &str| done.iter().any(|d| d.path == path && d.what == What::Foreign);
    journal.entries.retain(|entry| left(&entry.path));
    let holds_journal = |folder: &&String| Path::new(scope.journal()).starts_with(folder);
    let (last, first): (Vec<&String>, Vec<&String>) =
        journal.folders.iter().rev().partition(holds_journal);
    for folder in first {
        remove_folder(site, folder, disk)?;
    }
    if !journal.entries.is_empty() {
        journal.write(&path, disk).map_err(in_journal)?;
        return Ok(done);
    }
    disk.remove(&path).map_err(in_journal)?;
    disk.sync_dir(path.parent().unwrap_or(Path::new("/"))).map_err(in_journal)?;
    for folder in last {
        remove_folder(site, folder, disk)?;
    }
    Ok(done)
}

/// The journal to be, and what is to be written then.
#[derive(Default)]
struct Draft<'w> {
    journal: Journal,
    steps: Vec<&'w Want>,
    done: Vec<Done>,
    foreign: Vec<String>,
}

impl<'w> Draft<'w> {
    fn note_folder(&mut self, folder: String) {
        if !self.journal.folders.contains(&folder) {
            self.journal.folders.push(folder);
        }
    }

    fn add(
        &mut self,
        site: Site<'_>,
        want: &'w Want,
        old: Option<&Entry>,
        may_overwrite: bool,
    ) -> Result<(), Fault> {
        let path = || want.path.clone();
        let now = match (site.look(&want.path, want.form), want.form) {
            (Ok(now), _) => now,
            (Err(error), Some(_)) => {
                let what = What::Refused(format!("cannot be read: {error}"));
                self.done.push(Done { path: path(), what });
                return Ok(());
            }
            (Err(error), None) => return Err(Fault::Path(path(), error)),
        };
        if want.form.is_some() && now == State::Absent {
            self.done.push(Done { path: path(), what: What::Absent });
            return Ok(());
        }
        let holds = want.holds(&now);
        let is_known = |entry: &Entry| entry.is_ours(&now) || entry.is_prior(&now) || holds;
        let entry = match old {
            Some(entry) if is_known(entry) => {
                // What stands there may be of an apply before the last, if that was killed.
                let earlier = now.text().filter(|text| entry.is_ours(&now) && *text != want.text);
                let earlier = earlier.map(str::to_owned);
                Entry { wanted: want.text.clone(), earlier, ..entry.clone() }
            }
            Some(_) if !may_overwrite => {
                self.foreign.push(path());
                return Ok(());
            }
            None if holds => return Ok(()),
            _ => entry_of(site, want, now)?,
        };
        self.journal.entries.retain(|entry| entry.path != want.path);
        self.journal.entries.push(entry);
        if !holds {
            if want.form.is_none() {
                for folder in missing_folders(site, &want.path) {
                    self.note_folder(folder);
                }
            }
            self.steps.push(want);
        }
        Ok(())
    }
}

fn entry_of(site: Site<'_>, want: &Want, prior: State) -> Result<Entry, Fault> {
    let is_zero = matches!(&prior, State::Value(text) if text.trim() == "0");
    let twin = match &want.twin {
        Some(twin) if is_zero => match site.look(twin, Some(Form::Text)) {
            Ok(State::Value(text)) => Some((twin.clone(), text)),
            Ok(_) => None,
            Err(error) => return Err(Fault::Path(twin.clone(), error)),
        },
        _ => None,
    };
    let (path, wanted) = (want.path.clone(), want.text.clone());
    Ok(Entry { path, prior, wanted, earlier: None, form: want.form, twin })
}

fn write(site: Site<'_>, want: &Want, disk: &mut dyn Disk) -> Result<What, Fault> {
    let fault = |error| Fault::Path(want.path.clone(), error);
    let Some(form) = want.form else {
        make_folders(site, &want.path, disk).map_err(fault)?;
        let owner = match site.look(&want.path, None).map_err(fault)? {
            State::File { owner, .. } => owner,
            State::Absent | State::Link { .. } | State::Value(_) => OURS,
        };
        site.write(&want.path, &want.text, owner, disk).map_err(fault)?;
        return Ok(What::Written);
    };
    let text = if site.is_live { want.text.clone() } else { format!("{}\n", want.text) };
    match site.set(&want.path, &text, form, disk) {
        Ok(()) => {}
        Err(error) if site.is_live => return Ok(What::Refused(error.to_string())),
        Err(error) => return Err(fault(error)),
    }
    // The kernel's word counts, not ours.
    let now = site.look(&want.path, want.form).map_err(fault)?;
    if want.holds(&now) {
        return Ok(What::Written);
    }
    let found = if let State::Value(text) = &now { text.trim() } else { "nothing" };
    Ok(What::Refused(format!("it holds {found:?}")))
}

/// Takes one path back; `None` where nothing is to be done.
fn restore(
    site: Site<'_>,
    entry: &Entry,
    may_overwrite: bool,
    disk: &mut dyn Disk,
) -> Result<Option<What>, Fault> {
    let path = &entry.path;
    let fault = |error| Fault::Path(path.clone(), error);
    if entry.form.is_none() || !site.is_live {
        site.sweep(path, disk).map_err(fault)?;
    }
    let now = site.look(path, entry.form).map_err(fault)?;
    let is_gone = now == State::Absent && entry.form.is_some();
    if is_gone || entry.is_prior(&now) {
        return Ok(None);
    }
    if !entry.is_ours(&now) && !may_overwrite {
        return Ok(Some(What::Foreign));
    }
    match (&entry.prior, entry.form) {
        (State::Absent, _) => site.clear(path, None, disk).map_err(fault)?,
        (State::Link { to }, _) => site.clear(path, Some(to), disk).map_err(fault)?,
        (State::File { text, owner }, _) => site.write(path, text, *owner, disk).map_err(fault)?,
        (State::Value(text), form) => {
            let form = form.unwrap_or(Form::Text);
            return restore_value(site, entry, text, form, disk).map(Some);
        }
    }
    Ok(Some(What::Restored))
}

fn restore_value(
    site: Site<'_>,
    entry: &Entry,
    text: &str,
    form: Form,
    disk: &mut dyn Disk,
) -> Result<What, Fault> {
    let fault = |error| Fault::Path(entry.path.clone(), error);
    let mut said = Ok(());
    if let Some((twin, value)) = &entry.twin {
        said = site.set(twin, value, Form::Text, disk);
    }
    if !entry.is_prior(&site.look(&entry.path, entry.form).map_err(fault)?) {
        said = site.set(&entry.path, text, form, disk);
    }
    match said {
        Ok(()) => Ok(What::Restored),
        Err(error) if site.is_live => Ok(What::Refused(error.to_string())),
        Err(error) => Err(fault(error)),
    }
}

fn lock(journal: &Path) -> Result<File, Fault> {
    let folder = journal.parent().unwrap_or(Path::new("/"));
    let failed = |error| Fault::Journal(folder.display().to_string(), error);
    let file = File::open(folder).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Fault::Busy),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Folders above a path that are not there, the uppermost first.
fn missing_folders(site: Site<'_>, path: &str) -> Vec<String> {
    let above = Path::new(path).ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    let mut missing: Vec<String> = above
        .filter(|folder| !site.root.join(folder).is_dir())
        .map(|folder| folder.display().to_string())
        .collect();
    missing.reverse();
    missing
}

fn make_folders(site: Site<'_>, path: &str, disk: &mut dyn Disk) -> io::Result<Vec<String>> {
    let missing = missing_folders(site, path);
    for folder in &missing {
        let at = site.at(folder)?;
        disk.make_dir(&at)?;
        disk.sync_dir(at.parent().unwrap_or(Path::new("/")))?;
    }
    Ok(missing)
}

/// Removes a folder of ours if nothing is in it.
fn remove_folder(site: Site<'_>, folder: &str, disk: &mut dyn Disk) -> Result<(), Fault> {
    use io::ErrorKind::{DirectoryNotEmpty, NotFound};
    let fault = |error| Fault::Path(folder.to_owned(), error);
    let at: PathBuf = site.at(folder).map_err(fault)?;
    match disk.remove_dir(&at) {
        Err(error) if !matches!(error.kind(), DirectoryNotEmpty | NotFound) => Err(fault(error)),
        _ => Ok(()),
    }
}
