//! Applying: the journal first, then each path.
//!
//! A kill at any call leaves a tree that [`super::rollback`] makes what it was. Must never: change
//! a file that is wholly ours and neither as it was before us nor as we wrote it, unless told to
//! and with a copy beside it. A value of the running kernel is set all the same: devices and
//! drivers set theirs anew, and its first value stays known.

use super::Changes;
use super::back::{is_left, restore};
use super::disk::{Disk, Owner};
use super::edit::{Edit, How};
use super::journal::{Entry, Journal, State, replace};
use super::settings::Form;
use super::site::{Site, Want};
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

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
    /// The same, and what somebody else had made of it is in this copy.
    Overwritten(String),
    /// It holds again what it held before us.
    Restored,
    /// This kernel does not have it.
    Absent,
    /// The kernel did not take it; why, or what it holds instead.
    Refused(String),
    /// It cannot be read, or a locked-down kernel lets nobody write it; it is as it was.
    Locked(String),
    /// It could not be read or written; it is as it was.
    Failed(String),
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

/// What a locked-down kernel lets nobody write.
const LOCKED: [&str; 2] = ["sys/kernel/debug/", "sys/module/pcie_aspm/parameters/policy"];
/// What a locked-down kernel says then (`EPERM`); who merely is not root hears another word.
const NOT_PERMITTED: i32 = 1;

/// Copies of a file that are kept beside it.
const MOST_COPIES: u32 = 99;
/// Files of ours are everybody's to read.
const OURS: Owner = Owner { mode: 0o644, uid: None, gid: None };

/// Writes one half of the changes. `may_overwrite` takes files that somebody else has changed
/// since, and keeps a copy.
///
/// # Errors
/// [`Fault`], before anything but the journal is written.
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
    let mut draft = Draft { old: old.clone(), journal: old.clone(), ..Draft::default() };
    for folder in made {
        draft.note_folder(folder);
    }
    for want in &wants {
        draft.add(site, want, may_overwrite)?;
    }
    if !draft.foreign.is_empty() {
        return Err(Fault::Foreign(draft.foreign));
    }
    let mut copies = Vec::new();
    for path in &draft.overwritten {
        let copy = copied(site, path, disk);
        copies.push((path.clone(), copy.map_err(|error| Fault::Path(path.clone(), error))?));
    }
    if draft.journal != old {
        draft.journal.write(&path, disk).map_err(in_journal)?;
    }
    let Draft { mut journal, steps, mut done, .. } = draft;
    let before = journal.clone();
    for want in steps {
        let what = written(site, &want, &mut journal, disk);
        let copy = copies.iter().find(|(path, _)| *path == want.path);
        let what = match (what, copy) {
            (What::Written, Some((_, copy))) => What::Overwritten(copy.clone()),
            (what, _) => what,
        };
        done.push(Done { path: want.path, what });
    }
    // What an earlier topology asked for and this one does not; a value whoever set it since, as
    // above.
    let may_overwrite = may_overwrite || scope == Scope::Live;
    let is_wanted = |entry: &Entry| wants.iter().any(|want| want.path == entry.path);
    for entry in old.entries.iter().filter(|entry| !is_wanted(entry)) {
        if let Some(what) = restore(site, entry, may_overwrite, disk) {
            done.push(Done { path: entry.path.clone(), what });
        }
    }
    journal.entries.retain(|entry| is_wanted(entry) || is_left(&done, &entry.path));
    if journal != before {
        journal.write(&path, disk).map_err(in_journal)?;
    }
    Ok(done)
}

/// The journal to be, and what is to be written then.
#[derive(Default)]
struct Draft {
    old: Journal,
    journal: Journal,
    steps: Vec<Want>,
    done: Vec<Done>,
    foreign: Vec<String>,
    overwritten: Vec<String>,
}

impl Draft {
    fn note_folder(&mut self, folder: String) {
        if !self.journal.folders.contains(&folder) {
            self.journal.folders.push(folder);
        }
    }

    fn note(&mut self, entry: Entry) {
        self.journal.entries.retain(|found| found.path != entry.path);
        self.journal.entries.push(entry);
    }

    fn say(&mut self, want: &Want, what: What) {
        self.done.push(Done { path: want.path.clone(), what });
    }

    fn add(&mut self, site: Site<'_>, want: &Want, may_overwrite: bool) -> Result<(), Fault> {
        let fault = |error| Fault::Path(want.path.clone(), error);
        if let Some(edit) = &want.edit {
            return self.add_edit(site, want, edit).map_err(fault);
        }
        let now = match (site.look(&want.path, want.form), want.form) {
            (Ok(now), _) => now,
            (Err(error), Some(_)) => {
                self.say(want, What::Locked(format!("cannot be read: {error}")));
                return Ok(());
            }
            (Err(error), None) => return Err(fault(error)),
        };
        if want.form.is_some() && now == State::Absent {
            self.say(want, What::Absent);
            return Ok(());
        }
        let holds = want.holds(&now);
        let again = |entry: &Entry, earlier| {
            let edit = want.edit.clone();
            Entry { wanted: want.text(), earlier, edit, ..entry.clone() }
        };
        let entry = match self.old.entry(&want.path) {
            Some(entry) if entry.is_ours(&now) || entry.is_prior(&now) => {
                // What stands there may be of an apply before the last, if that was killed.
                let found = now.bytes().filter(|found| entry.is_ours(&now) && *found != want.bytes);
                again(entry, found.map(|found| String::from_utf8_lossy(found).into_owned()))
            }
            // As it should be, and by another hand: no value of ours to be taken back.
            _ if holds => return Ok(()),
            Some(entry) if want.form.is_some() => again(entry, None),
            Some(entry) if may_overwrite => {
                self.overwritten.push(want.path.clone());
                again(entry, None)
            }
            Some(_) => {
                self.foreign.push(want.path.clone());
                return Ok(());
            }
            None => match entry_of(site, want, now) {
                Ok(entry) => entry,
                Err(error) => {
                    self.say(want, What::Locked(format!("its twin cannot be read: {error}")));
                    return Ok(());
                }
            },
        };
        self.note(entry);
        if !holds {
            self.step(site, want.clone()).map_err(fault)?;
        }
        Ok(())
    }

    /// An edit is nobody's loss: what its owner has made of the file meanwhile stays.
    fn add_edit(&mut self, site: Site<'_>, want: &Want, edit: &Edit) -> io::Result<()> {
        let strange = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        let State::File { bytes, owner } = site.look_edited(&want.path)? else {
            self.say(want, What::Absent);
            return Ok(());
        };
        let old = self.old.entry(&want.path);
        let (prior, edit, base) = if let Some(Entry { prior, edit: Some(earlier), .. }) = old {
            let before = prior.bytes().unwrap_or_default();
            let edit = edit.after(earlier);
            let base = if edit.holds(&bytes) {
                bytes.clone()
            } else {
                earlier.taken_back(&bytes, before).map_err(strange)?
            };
            (prior.clone(), edit, base)
        } else {
            let base = freed(&self.old, edit.how, &bytes);
            if base == bytes && edit.holds(&bytes) {
                return Ok(());
            }
            (State::File { bytes: base.clone(), owner }, edit.clone(), base)
        };
        let merged = edit.merged(&base).map_err(strange)?;
        let (path, wanted) = (want.path.clone(), String::new());
        let edit = Some(edit);
        self.note(Entry { path, prior, wanted, earlier: None, form: None, twin: None, edit });
        if merged != bytes {
            self.step(site, Want { bytes: merged, ..want.clone() })?;
        }
        Ok(())
    }

    fn step(&mut self, site: Site<'_>, want: Want) -> io::Result<()> {
        if want.form.is_none() {
            let is_edit = want.edit.is_some();
            let file = if is_edit { site.edited(&want.path) } else { site.at(&want.path) };
            Site::has_one_name(&file?)?;
            for folder in missing_folders(site, &want.path) {
                self.note_folder(folder);
            }
        }
        self.steps.push(want);
        Ok(())
    }
}

/// The text of a loader's file as it would be if those that the journal knows had never been
/// edited: one that came later was made from them.
pub(super) fn freed(journal: &Journal, how: How, bytes: &[u8]) -> Vec<u8> {
    let is_loader = |how| matches!(how, How::Entry | How::Line);
    let known: Vec<(&Edit, Vec<u8>)> = journal
        .entries
        .iter()
        .filter_map(|entry| Some((entry.edit.as_ref()?, entry.prior.bytes()?.to_vec())))
        .filter(|(edit, _)| is_loader(edit.how) && is_loader(how))
        .collect();
    let owned: Vec<Vec<u8>> = known.iter().map(|(_, prior)| prior.clone()).collect();
    known.iter().fold(bytes.to_vec(), |bytes, (edit, _)| {
        Edit { how, ..(*edit).clone() }.freed(&bytes, &owned)
    })
}

fn entry_of(site: Site<'_>, want: &Want, prior: State) -> io::Result<Entry> {
    let is_zero = matches!(&prior, State::Value(text) if text.trim() == "0");
    let twin = match &want.twin {
        Some(twin) if is_zero => match site.look(twin, Some(Form::Text))? {
            State::Value(text) => Some((twin.clone(), text)),
            State::Absent | State::File { .. } | State::Link { .. } => None,
        },
        _ => None,
    };
    let (path, wanted) = (want.path.clone(), want.text());
    Ok(Entry { path, prior, wanted, earlier: None, form: want.form, twin, edit: None })
}

/// Copies a file that is about to be overwritten beside it, under a name nobody reads.
fn copied(site: Site<'_>, path: &str, disk: &mut dyn Disk) -> io::Result<String> {
    let State::File { bytes, owner } = site.look(path, None)? else {
        return Ok("nothing".to_owned());
    };
    let name = |n: u32| format!("{path}.corelane-overwritten-{n}");
    let is_free =
        |name: &String| site.at(name).is_ok_and(|file| fs::symlink_metadata(file).is_err());
    let full = || io::Error::new(io::ErrorKind::AlreadyExists, "too many copies beside it");
    let copy = (1..=MOST_COPIES).map(name).find(is_free).ok_or_else(full)?;
    replace(&site.at(&copy)?, &bytes, owner, disk)?;
    Ok(copy)
}

fn written(site: Site<'_>, want: &Want, journal: &mut Journal, disk: &mut dyn Disk) -> What {
    let what = match want.form {
        None => write_file(site, want, disk).map(|()| What::Written),
        Some(form) => write_value(site, want, form, journal, disk),
    };
    what.unwrap_or_else(|error| What::Failed(error.to_string()))
}

fn write_file(site: Site<'_>, want: &Want, disk: &mut dyn Disk) -> io::Result<()> {
    make_folders(site, &want.path, disk)?;
    let is_edit = want.edit.is_some();
    let now = if is_edit { site.look_edited(&want.path) } else { site.look(&want.path, None) };
    let owner = match now? {
        State::File { owner, .. } => owner,
        State::Absent | State::Link { .. } | State::Value(_) => OURS,
    };
    if is_edit {
        return site.write_edited(&want.path, &want.bytes, owner, disk);
    }
    site.write(&want.path, &want.bytes, owner, disk)
}

fn write_value(
    site: Site<'_>,
    want: &Want,
    form: Form,
    journal: &mut Journal,
    disk: &mut dyn Disk,
) -> io::Result<What> {
    let text = if site.is_live { want.text() } else { want.text() + "\n" };
    match site.set(&want.path, &text, form, disk) {
        Ok(()) => {}
        Err(error) if !site.is_live => return Err(error),
        Err(error) => {
            let is_locked = error.raw_os_error() == Some(NOT_PERMITTED)
                && LOCKED.iter().any(|path| want.path.starts_with(path));
            let why = error.to_string();
            return Ok(if is_locked { What::Locked(why) } else { What::Refused(why) });
        }
    }
    // The kernel's word counts, not ours.
    let now = site.look(&want.path, want.form)?;
    if want.holds(&now) {
        return Ok(What::Written);
    }
    let State::Value(found) = now else { return Ok(What::Refused("it is gone".to_owned())) };
    // What it made of ours is ours too.
    let entry = journal.entries.iter_mut().find(|entry| entry.path == want.path);
    if let Some(entry) = entry {
        entry.earlier = Some(found.clone());
    }
    Ok(What::Refused(format!("it holds {:?}", found.trim())))
}

pub(super) fn lock(journal: &Path) -> Result<File, Fault> {
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
