//! The file system behind a journal: one folder, by name. Tests and the simulation put their own
//! behind the same trait, to fail any call and to lose what was not synced.
//!
//! Must never: report a write as longer than it was, or a sync that did not happen.

use super::is_segment_name;
use crate::error::TapeError;
use crate::sys;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// What a journal needs of a file system. Names are plain file names.
pub trait Storage {
    /// Names of the segments there.
    ///
    /// # Errors
    /// What the system says.
    fn segments(&mut self) -> io::Result<Vec<String>>;

    /// A whole file.
    ///
    /// # Errors
    /// What the system says.
    fn read(&mut self, name: &str) -> io::Result<Vec<u8>>;

    /// Makes a file of `bytes` zeros with all its room, in place of one that is there, and syncs
    /// it and its name.
    ///
    /// # Errors
    /// What the system says; a full disk says so here and not at a later write.
    fn allocate(&mut self, name: &str, bytes: u64) -> io::Result<()>;

    /// Writes some or all of `bytes`; how many.
    ///
    /// # Errors
    /// What the system says.
    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Brings everything written to a file to the disk.
    ///
    /// # Errors
    /// What the system says. After an error nothing may be assumed of what was written since the
    /// last success.
    fn sync(&mut self, name: &str) -> io::Result<()>;

    /// Gives a file another name, and syncs the name.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Puts `bytes` into a file of their own, synced with its name.
    ///
    /// # Errors
    /// What the system says.
    fn keep(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything from `offset` on zeros, in a file of `capacity` bytes, synced.
    ///
    /// # Errors
    /// What the system says.
    fn clear_from(&mut self, name: &str, offset: u64, capacity: u64) -> io::Result<()>;

    /// Shortens a file to `len` bytes and gives the room back.
    ///
    /// # Errors
    /// What the system says.
    fn shrink(&mut self, name: &str, len: u64) -> io::Result<()>;

    /// Removes a file that is there; nothing where it is not.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&mut self, name: &str) -> io::Result<()>;
}

/// A folder of the real file system, locked for one process.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The file written to last, kept open: a journal is written one segment at a time.
    open: Option<(String, File)>,
    _lock: File,
}

impl Folder {
    /// Opens a folder, made if it is not there.
    ///
    /// # Errors
    /// [`TapeError::Busy`] while another process has it; [`TapeError::Io`].
    pub fn open(path: &Path) -> Result<Self, TapeError> {
        let io = |op| move |source| TapeError::Io { op, path: path.to_path_buf(), source };
        fs::create_dir_all(path).map_err(io("create"))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(io("create"))?;
        lock.try_lock().map_err(|_| TapeError::Busy { path: path.to_path_buf() })?;
        Ok(Self { path: path.to_path_buf(), open: None, _lock: lock })
    }

    fn file(&mut self, name: &str) -> io::Result<&File> {
        let open = match self.open.take() {
            Some(open) if open.0 == name => open,
            _ => {
                let path = self.path.join(name);
                (name.to_owned(), OpenOptions::new().read(true).write(true).open(path)?)
            }
        };
        Ok(&self.open.insert(open).1)
    }

    fn forget(&mut self, name: &str) {
        self.open.take_if(|(open, _)| open == name);
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl Storage for Folder {
    fn segments(&mut self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if is_segment_name(&name) {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path.join(name))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn allocate(&mut self, name: &str, bytes: u64) -> io::Result<()> {
        self.forget(name);
        let path = self.path.join(name);
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
        let made = sys::allocate(&file, bytes).and_then(|()| file.sync_all());
        if let Err(error) = made {
            // A part of the room is of no use to anybody.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        self.sync_names()
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.file(name)?.write_at(bytes, offset)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.file(name)?.sync_data()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.forget(from);
        self.forget(to);
        fs::rename(self.path.join(from), self.path.join(to))?;
        self.sync_names()
    }

    fn keep(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = File::create(self.path.join(name))?;
        file.write_all_at(bytes, 0)?;
        file.sync_all()?;
        self.sync_names()
    }

    fn clear_from(&mut self, name: &str, offset: u64, capacity: u64) -> io::Result<()> {
        let file = self.file(name)?;
        file.set_len(offset)?;
        sys::allocate(file, capacity)?;
        file.sync_all()
    }

    fn shrink(&mut self, name: &str, len: u64) -> io::Result<()> {
        let file = self.file(name)?;
        file.set_len(len)?;
        file.sync_all()
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.forget(name);
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.sync_names(),
        }
    }
}
