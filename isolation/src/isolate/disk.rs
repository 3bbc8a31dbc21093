//! The few calls that change a disk, one method each, so that a test can end the process at any.
//!
//! Must never: do two of them in one, or leave a file half written under its own name.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Who may do what with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// Permission bits.
    pub mode: u32,
    /// User; `None` leaves it to the process.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
}

/// What changes a disk.
pub trait Disk {
    /// Makes one folder.
    ///
    /// # Errors
    /// The system's.
    fn make_dir(&mut self, path: &Path) -> io::Result<()>;
    /// Removes one empty folder.
    ///
    /// # Errors
    /// The system's.
    fn remove_dir(&mut self, path: &Path) -> io::Result<()>;
    /// Writes a new file whole and makes it durable; what was left there by a kill goes first.
    ///
    /// # Errors
    /// The system's.
    fn put(&mut self, path: &Path, bytes: &[u8], owner: Owner) -> io::Result<()>;
    /// Makes a symbolic link.
    ///
    /// # Errors
    /// The system's.
    fn link(&mut self, to: &Path, path: &Path) -> io::Result<()>;
    /// Gives a file another name, in place of what has it.
    ///
    /// # Errors
    /// The system's.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    fn remove(&mut self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// The system's.
    fn sync_dir(&mut self, path: &Path) -> io::Result<()>;
    /// Writes a setting of the running kernel, in place and in one call.
    ///
    /// # Errors
    /// The kernel's.
    fn poke(&mut self, path: &Path, text: &str) -> io::Result<()>;
}

/// The real one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Real;

impl Disk for Real {
    fn make_dir(&mut self, path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o755).create(path)
    }

    fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn put(&mut self, path: &Path, bytes: &[u8], owner: Owner) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Nobody else reads it before it has its owner.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        std::os::unix::fs::fchown(&file, owner.uid, owner.gid)?;
        file.set_permissions(Permissions::from_mode(owner.mode))?;
        file.sync_all()
    }

    fn link(&mut self, to: &Path, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::os::unix::fs::symlink(to, path)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn poke(&mut self, path: &Path, text: &str) -> io::Result<()> {
        // Neither made nor cut: the kernel takes what one call brings.
        let mut file = OpenOptions::new().write(true).open(path)?;
        let written = file.write(text.as_bytes())?;
        if written == text.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }
}
