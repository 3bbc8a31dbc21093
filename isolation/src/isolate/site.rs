//! A root folder as it is changed: where a path is, what stands there, how it is replaced.
//!
//! Must never: leave the root, by a path or by a link in it; make a file beneath `proc` or `sys`.

use super::disk::{Disk, Owner};
use super::journal::{State, aside, look, replace};
use super::settings::{Form, Setting};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// A root folder. The live one's settings are the kernel's; a captured tree's are plain files.
#[derive(Clone, Copy, Debug)]
pub struct Site<'r> {
    /// Where.
    pub root: &'r Path,
    /// Whether it is the host this runs on.
    pub is_live: bool,
}

impl Site<'_> {
    /// Where a path is.
    ///
    /// # Errors
    /// That it leaves the root.
    pub fn at(&self, path: &str) -> io::Result<PathBuf> {
        let relative = Path::new(path);
        let out = || io::Error::new(io::ErrorKind::PermissionDenied, "the path leaves the root");
        if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(out());
        }
        let file = self.root.join(relative);
        if self.is_live {
            return Ok(file);
        }
        // The nearest folder that is there says where a link would lead.
        let root = self.root.canonicalize()?;
        let near = file.ancestors().skip(1).find_map(|folder| folder.canonicalize().ok());
        if near.is_some_and(|near| near.starts_with(&root)) { Ok(file) } else { Err(out()) }
    }

    /// What stands at a path.
    ///
    /// # Errors
    /// The system's.
    pub fn look(&self, path: &str, form: Option<Form>) -> io::Result<State> {
        let file = self.at(path)?;
        if form.is_none() {
            return look(&file);
        }
        match fs::read_to_string(file) {
            Ok(text) => Ok(State::Value(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::Absent),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(State::Absent),
            Err(error) => Err(error),
        }
    }

    /// Writes a setting that is there.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn set(&self, path: &str, text: &str, form: Form, disk: &mut dyn Disk) -> io::Result<()> {
        let file = self.at(path)?;
        if self.is_live {
            let value = match form {
                Form::Choice => form.canonical(text),
                Form::Text | Form::List | Form::Mask | Form::Least => text.trim().to_owned(),
            };
            return disk.poke(&file, &value);
        }
        let meta = fs::metadata(&file)?;
        let owner =
            Owner { mode: meta.mode() & 0o7777, uid: Some(meta.uid()), gid: Some(meta.gid()) };
        replace(&file, text.as_bytes(), owner, disk)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// The system's.
    pub fn write(
        &self,
        path: &str,
        text: &str,
        owner: Owner,
        disk: &mut dyn Disk,
    ) -> io::Result<()> {
        replace(&self.at(path)?, text.as_bytes(), owner, disk)
    }

    /// Puts a link or nothing in place of a file.
    ///
    /// # Errors
    /// The system's.
    pub fn clear(&self, path: &str, to: Option<&Path>, disk: &mut dyn Disk) -> io::Result<()> {
        let file = self.at(path)?;
        match to {
            None => disk.remove(&file)?,
            Some(to) => {
                disk.link(to, &aside(&file))?;
                disk.rename(&aside(&file), &file)?;
            }
        }
        disk.sync_dir(file.parent().unwrap_or(Path::new("/")))
    }

    /// Removes what a kill left beside a path.
    ///
    /// # Errors
    /// The system's.
    pub fn sweep(&self, path: &str, disk: &mut dyn Disk) -> io::Result<()> {
        let aside = aside(&self.at(path)?);
        if fs::symlink_metadata(&aside).is_ok() { disk.remove(&aside) } else { Ok(()) }
    }
}

/// Something that should stand at a path.
#[derive(Clone, Debug)]
pub(super) struct Want {
    pub(super) path: String,
    pub(super) text: String,
    pub(super) form: Option<Form>,
    pub(super) twin: Option<String>,
}

impl Want {
    /// Whether it stands there.
    pub(super) fn holds(&self, now: &State) -> bool {
        match (now, self.form) {
            (State::Value(found), Some(form)) => form.holds(found, &self.text),
            (State::File { text, .. }, None) => *text == self.text,
            _ => false,
        }
    }
}

impl From<&Setting> for Want {
    fn from(setting: &Setting) -> Self {
        let Setting { path, wanted, form, twin, .. } = setting;
        let text = wanted.clone();
        Self { path: path.clone(), text, form: Some(*form), twin: twin.clone() }
    }
}

impl From<&(String, String)> for Want {
    fn from((path, text): &(String, String)) -> Self {
        Self { path: path.clone(), text: text.clone(), form: None, twin: None }
    }
}
