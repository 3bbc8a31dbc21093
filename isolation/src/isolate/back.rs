//! The way back: each path as the journal says it was, whatever the others say.
//!
//! Must never: take back what somebody else has set since unless told to, stop at a path that
//! cannot be read, or forget one that is not taken back.

use super::boot;
use super::disk::Disk;
use super::edit::{Edit, How};
use super::journal::{Entry, Journal, State};
use super::settings::Form;
use super::site::Site;
use super::work::{Done, Fault, Scope, What, freed, lock};
use crate::persisted::has_end;
use std::fs;
use std::io;
use std::path::Path;

/// Takes back one half of what was applied; nothing where nothing was.
///
/// # Errors
/// [`Fault`] of the journal; what is not taken back yet is still in it.
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
    Site::sweep(&path, disk).map_err(in_journal)?;
    let Some(mut journal) = Journal::read(&path).map_err(in_journal)? else {
        return Ok(Vec::new());
    };
    let mut done = Vec::new();
    for entry in journal.entries.iter().rev() {
        if let Some(what) = restore(site, entry, may_overwrite, disk) {
            done.push(Done { path: entry.path.clone(), what });
        }
    }
    let later = free_later(site, &journal, disk);
    let is_bound = later.iter().any(|done| matches!(done.what, What::Failed(_)));
    done.extend(later);
    // One that could not be freed needs the words again.
    let has_words = |entry: &Entry| is_bound && entry.edit.as_ref().is_some_and(is_loader);
    journal.entries.retain(|entry| is_left(&done, &entry.path) || has_words(entry));
    let holds_journal = |folder: &String| Path::new(scope.journal()).starts_with(folder);
    let (last, first): (Vec<String>, Vec<String>) =
        std::mem::take(&mut journal.folders).into_iter().partition(holds_journal);
    let stuck = remove_folders(site, first, &mut done, disk);
    if !journal.entries.is_empty() || !stuck.is_empty() {
        journal.folders = last.into_iter().chain(stuck).collect();
        journal.write(&path, disk).map_err(in_journal)?;
        return Ok(done);
    }
    disk.remove(&path).map_err(in_journal)?;
    disk.sync_dir(path.parent().unwrap_or(Path::new("/"))).map_err(in_journal)?;
    remove_folders(site, last, &mut done, disk);
    Ok(done)
}

/// Whether a path is not taken back, and must not be forgotten.
pub(super) fn is_left(done: &[Done], path: &str) -> bool {
    let is_left = |what: &What| matches!(what, What::Foreign | What::Refused(_) | What::Failed(_));
    done.iter().any(|done| done.path == path && is_left(&done.what))
}

/// Takes one path back; `None` where nothing is to be done.
pub(super) fn restore(
    site: Site<'_>,
    entry: &Entry,
    may_overwrite: bool,
    disk: &mut dyn Disk,
) -> Option<What> {
    let what = match &entry.edit {
        Some(edit) => edit_back(site, entry, edit, may_overwrite, disk),
        None => whole_back(site, entry, may_overwrite, disk),
    };
    what.unwrap_or_else(|error| Some(What::Failed(error.to_string())))
}

fn edit_back(
    site: Site<'_>,
    entry: &Entry,
    edit: &Edit,
    may_overwrite: bool,
    disk: &mut dyn Disk,
) -> io::Result<Option<What>> {
    Site::sweep(&site.edited(&entry.path)?, disk)?;
    // One that went, with its package or its kernel, does not come back.
    let State::File { bytes, owner } = site.look_edited(&entry.path)? else { return Ok(None) };
    let prior = entry.prior.bytes().unwrap_or_default();
    let before = match edit.taken_back(&bytes, prior) {
        Ok(before) => before,
        Err(_) if may_overwrite => prior.to_vec(),
        Err(_) => return Ok(Some(What::Foreign)),
    };
    if before == bytes {
        return Ok(None);
    }
    site.write_edited(&entry.path, &before, owner, disk)?;
    Ok(Some(What::Restored))
}

fn whole_back(
    site: Site<'_>,
    entry: &Entry,
    may_overwrite: bool,
    disk: &mut dyn Disk,
) -> io::Result<Option<What>> {
    let path = &entry.path;
    if entry.form.is_none() || !site.is_live {
        Site::sweep(&site.at(path)?, disk)?;
    }
    let now = site.look(path, entry.form)?;
    let is_gone = now == State::Absent && entry.form.is_some();
    if is_gone || entry.is_prior(&now) {
        return Ok(None);
    }
    if !entry.is_ours(&now) && !may_overwrite {
        return Ok(Some(What::Foreign));
    }
    match (&entry.prior, entry.form) {
        (State::Absent, _) => site.clear(path, None, disk)?,
        (State::Link { to }, _) => site.clear(path, Some(to), disk)?,
        (State::File { bytes, owner }, _) => {
            // Rights are not ours to take back: they are as they were, or somebody's since.
            let owner = if let State::File { owner, .. } = &now { owner } else { owner };
            site.write(path, bytes, *owner, disk)?;
        }
        (State::Value(text), form) => {
            let form = form.unwrap_or(Form::Text);
            return value_back(site, entry, text, form, disk).map(Some);
        }
    }
    Ok(Some(What::Restored))
}

fn value_back(
    site: Site<'_>,
    entry: &Entry,
    text: &str,
    form: Form,
    disk: &mut dyn Disk,
) -> io::Result<What> {
    let mut said = Ok(());
    if let Some((twin, value)) = &entry.twin {
        said = site.set(twin, value, Form::Text, disk);
    }
    if !entry.is_prior(&site.look(&entry.path, entry.form)?) {
        said = site.set(&entry.path, text, form, disk);
    }
    match said {
        Err(error) if site.is_live => return Ok(What::Refused(error.to_string())),
        other => other?,
    }
    // The kernel's word counts here too.
    let now = site.look(&entry.path, entry.form)?;
    if entry.is_prior(&now) {
        return Ok(What::Restored);
    }
    let found = String::from_utf8_lossy(now.bytes().unwrap_or_default()).trim().to_owned();
    Ok(What::Refused(format!("it holds {found:?}")))
}

fn is_loader(edit: &Edit) -> bool {
    matches!(edit.how, How::Entry | How::Line)
}

/// Takes our words out of loader files that came after the last apply: they inherited them.
fn free_later(site: Site<'_>, journal: &Journal, disk: &mut dyn Disk) -> Vec<Done> {
    let mut done = Vec::new();
    if !journal.entries.iter().filter_map(|entry| entry.edit.as_ref()).any(is_loader) {
        return done;
    }
    let mut files = vec![(boot::CMDLINE.to_owned(), How::Line)];
    for folder in boot::ENTRIES {
        let names = site.at(folder).and_then(fs::read_dir).into_iter().flatten().flatten();
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        let conf = names.filter(|name| has_end(name, "conf"));
        files.extend(conf.map(|name| (format!("{folder}/{name}"), How::Entry)));
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    for (path, how) in files {
        if journal.entry(&path).is_some() {
            continue;
        }
        let what = match free(site, journal, &path, how, disk) {
            Ok(false) => continue,
            Ok(true) => What::Restored,
            Err(error) => What::Failed(error.to_string()),
        };
        done.push(Done { path, what });
    }
    done
}

fn free(
    site: Site<'_>,
    journal: &Journal,
    path: &str,
    how: How,
    disk: &mut dyn Disk,
) -> io::Result<bool> {
    let State::File { bytes, owner } = site.look_edited(path)? else { return Ok(false) };
    let free = freed(journal, how, &bytes);
    if free == bytes {
        return Ok(false);
    }
    site.write_edited(path, &free, owner, disk)?;
    Ok(true)
}

/// Removes folders of ours in which nothing is left; gives back those that could not be.
fn remove_folders(
    site: Site<'_>,
    folders: Vec<String>,
    done: &mut Vec<Done>,
    disk: &mut dyn Disk,
) -> Vec<String> {
    use io::ErrorKind::{DirectoryNotEmpty, NotFound};
    let mut stuck = Vec::new();
    for folder in folders.into_iter().rev() {
        match site.at(&folder).and_then(|at| disk.remove_dir(&at)) {
            Err(error) if !matches!(error.kind(), DirectoryNotEmpty | NotFound) => {
                done.push(Done { path: folder.clone(), what: What::Failed(error.to_string()) });
                stuck.push(folder);
            }
            _ => {}
        }
    }
    stuck.reverse();
    stuck
}
