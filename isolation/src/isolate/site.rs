//! A root folder as it is changed: where a path is, what stands there, how it is replaced.
//!
//! Must never: leave the root, by a path or by a link in it; make a file beneath `proc` or `sys`.

use super::disk::{Disk, Owner};
use super::edit::Edit;
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

    /// Where the file of a path is that is edited: a link to it stays.
    ///
    /// # Errors
    /// That it leaves the root.
    pub fn edited(&self, path: &str) -> io::Result<PathBuf> {
        let file = self.at(path)?;
        if !fs::symlink_metadata(&file).is_ok_and(|meta| meta.is_symlink()) {
            return Ok(file);
        }
        let real = match file.canonicalize() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(file),
            other => other?,
        };
        if self.is_live || real.starts_with(self.root.canonicalize()?) {
            return Ok(real);
        }
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "a link leaves the root"))
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

    /// What stands at the path of a file that is edited.
    ///
    /// # Errors
    /// The system's.
    pub fn look_edited(&self, path: &str) -> io::Result<State> {
        match look(&self.edited(path)?)? {
            State::Link { .. } => Ok(State::Absent),
            other @ (State::Absent | State::File { .. } | State::Value(_)) => Ok(other),
        }
    }

    /// Whether a file has no name but this one, which a new file in its place would lose.
    ///
    /// # Errors
    /// That it has another, or the system's.
    pub fn has_one_name(file: &Path) -> io::Result<()> {
        match fs::symlink_metadata(file) {
            Ok(meta) if meta.is_file() && meta.nlink() > 1 => {
                let what = format!("it has {} names (hard links), make it one", meta.nlink());
                Err(io::Error::new(io::ErrorKind::InvalidData, what))
            }
            _ => Ok(()),
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
        bytes: &[u8],
        owner: Owner,
        disk: &mut dyn Disk,
    ) -> io::Result<()> {
        replace(&self.at(path)?, bytes, owner, disk)
    }

    /// Writes a file that is edited.
    ///
    /// # Errors
    /// The system's.
    pub fn write_edited(
        &self,
        path: &str,
        bytes: &[u8],
        owner: Owner,
        disk: &mut dyn Disk,
    ) -> io::Result<()> {
        replace(&self.edited(path)?, bytes, owner, disk)
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
    pub fn sweep(file: &Path, disk: &mut dyn Disk) -> io::Result<()> {
        let aside = aside(file);
        if fs::symlink_metadata(&aside).is_ok() { disk.remove(&aside) } else { Ok(()) }
    }
}

/// A file that should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Path beneath the root.
    pub path: String,
    /// All of it.
    pub bytes: Vec<u8>,
    /// What of it is ours; `None` where all of it is.
    pub edit: Option<Edit>,
}

impl From<(String, String)> for Planned {
    fn from((path, text): (String, String)) -> Self {
        Self { path, bytes: text.into_bytes(), edit: None }
    }
}

/// Something that should stand at a path.
#[derive(Clone, Debug)]
pub(super) struct Want {
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    pub(super) form: Option<Form>,
    pub(super) twin: Option<String>,
    pub(super) edit: Option<Edit>,
}

impl Want {
    /// As text, which a value is and a file of ours too.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Whether it stands there.
    pub(super) fn holds(&self, now: &State) -> bool {
        match (now, self.form, &self.edit) {
            (State::Value(found), Some(form), _) => form.holds(found, &self.text()),
            (State::File { bytes, .. }, None, Some(edit)) => edit.holds(bytes),
            (State::File { bytes, .. }, None, None) => *bytes == self.bytes,
            _ => false,
        }
    }
}

impl From<&Setting> for Want {
    fn from(setting: &Setting) -> Self {
        let Setting { path, wanted, form, twin, .. } = setting;
        let bytes = wanted.clone().into_bytes();
        Self { path: path.clone(), bytes, form: Some(*form), twin: twin.clone(), edit: None }
    }
}

impl From<&Planned> for Want {
    fn from(planned: &Planned) -> Self {
        let Planned { path, bytes, edit } = planned.clone();
        Self { path, bytes, form: None, twin: None, edit }
    }
}
