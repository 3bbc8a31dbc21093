//! A folder whose files are opened beneath it and through no link.
//!
//! Must never: open by a path that could have changed since the folder was opened, or wait for a
//! pipe. Runs while loading; allocates.

use super::error::StoreError;
use crate::error::ModelError;
use crate::sys;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Permission bits with which others than the owner may write.
const OTHERS_WRITE: u32 = 0o022;

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
    /// Files must have one name and one writer.
    strict: bool,
}

impl Folder {
    /// Opens the folder an operator named; links on the way to it are the operator's own.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(path)?;
        Ok(Self { fd: file.into(), path: path.to_owned(), strict: false })
    }

    /// The same, for files that must be the owner's alone and have no second name.
    pub(crate) fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A folder beneath this one.
    pub(crate) fn folder(&self, relative: &Path) -> Result<Self, ModelError> {
        let fd = self.beneath(relative, true)?;
        Ok(Self { fd, path: self.path.join(relative), strict: self.strict })
    }

    /// Where a link of this folder points, read once and not followed; `None` where there is none.
    pub(crate) fn link(&self, name: &str) -> Result<Option<PathBuf>, ModelError> {
        match sys::read_link_at(self.fd.as_fd(), Path::new(name)) {
            Ok(target) => Ok(Some(target)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Io { path: self.path.join(name), source }.into()),
        }
    }

    /// The bytes of a regular file of at most `allowed` bytes, read once.
    pub(crate) fn read(&self, name: &str, allowed: u64) -> Result<Vec<u8>, ModelError> {
        let path = self.path.join(name);
        let unreadable = |source| ModelError::Unreadable { path: path.clone(), source };
        let mut parts = Path::new(name).components();
        let plain =
            matches!((parts.next(), parts.next()), (Some(std::path::Component::Normal(_)), None));
        if !plain {
            return Err(StoreError::Escape { path }.into());
        }
        let file = File::from(self.beneath(Path::new(name), false)?);
        let meta = file.metadata().map_err(unreadable)?;
        if !meta.is_file() {
            return Err(unreadable(io::Error::other("not a regular file")));
        }
        if self.strict {
            guard(&path, &meta)?;
        }
        let mut bytes = Vec::new();
        file.take(allowed + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if found > allowed {
            let bytes = found.max(meta.len());
            return Err(ModelError::TooLarge { path, bytes, allowed });
        }
        Ok(bytes)
    }

    fn beneath(&self, relative: &Path, directory: bool) -> Result<OwnedFd, ModelError> {
        sys::open_beneath(self.fd.as_fd(), relative, directory).map_err(|source| {
            let path = self.path.join(relative);
            match source.raw_os_error() {
                Some(libc::ELOOP) => StoreError::Link { path }.into(),
                Some(libc::EXDEV) => StoreError::Escape { path }.into(),
                _ => ModelError::Unreadable { path, source },
            }
        })
    }
}

/// One name, and one writer: the owner, who is this user or root.
fn guard(path: &Path, meta: &std::fs::Metadata) -> Result<(), StoreError> {
    let (path, mode, uid) = (path.to_owned(), meta.mode() & 0o7777, meta.uid());
    if meta.nlink() != 1 {
        return Err(StoreError::HardLink { path, links: meta.nlink() });
    }
    if mode & OTHERS_WRITE != 0 || (uid != 0 && uid != sys::user()) {
        return Err(StoreError::Writable { path, mode, uid });
    }
    Ok(())
}
