//! The store's writing half: objects are added, links are moved, one command at a time.
//!
//! Everything is written aside, synced, given its name by one rename, and the folder synced: a crash
//! leaves the old state or the new one. Must never: run in the sidecar, which may only read.

use super::bundle::{Bundle, MANIFEST, SIGNATURE};
use super::error::StoreError;
use super::{Address, CURRENT, NAMES, OBJECTS, PREVIOUS, PublicKey, Store, target};
use crate::error::ModelError;
use crate::manifest::{FORMAT_LISTED, is_plain_name};
use crate::sys;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

/// A link that was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// What served before.
    pub from: Option<Address>,
    /// What serves now.
    pub to: Address,
}

/// A store this process may change: it holds the lock.
#[derive(Debug)]
pub struct Keeper {
    store: Store,
    _lock: File,
}

impl Keeper {
    /// Opens a store for changes, and makes it where there is none.
    ///
    /// # Errors
    /// [`StoreError::Busy`] where another command holds it, [`StoreError::Io`].
    pub fn open(root: &Path, key: Option<PublicKey>) -> Result<Self, ModelError> {
        for folder in [root.to_owned(), root.join(OBJECTS), root.join(NAMES)] {
            make_folder(&folder)?;
        }
        let path = root.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| StoreError::Io { path: path.clone(), source })?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Busy { path }.into()),
            Err(TryLockError::Error(source)) => return Err(StoreError::Io { path, source }.into()),
        }
        Ok(Self { store: Store::open(root, key)?, _lock: lock })
    }

    /// The store, for reading.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Writes the verified files of a model into the store. One that is there already stays as it
    /// is, but is read again and takes a signature it lacks.
    ///
    /// # Errors
    /// [`StoreError::Format`] for a manifest that lists no files, [`ModelError`] for what is there
    /// already and damaged, [`StoreError::Io`].
    pub fn add(&self, bundle: &Bundle) -> Result<Address, ModelError> {
        let root = self.store.root();
        if bundle.manifest.format < FORMAT_LISTED {
            let path = bundle.path.with_file_name(MANIFEST);
            return Err(StoreError::Format { path, found: bundle.manifest.format }.into());
        }
        if !is_plain_name(&bundle.manifest.name) {
            return Err(StoreError::Name { name: bundle.manifest.name.clone() }.into());
        }
        if let Some(key) = &self.store.key {
            bundle.check_signature(key)?;
        }
        let objects = root.join(OBJECTS);
        let object = objects.join(bundle.address.to_string());
        if object.exists() {
            if let Some(signature) = &bundle.signature
                && !object.join(SIGNATURE).exists()
            {
                place(&object, SIGNATURE, signature)?;
            }
        } else {
            let aside = objects.join(format!(".new-{}", bundle.address));
            match fs::remove_dir_all(&aside) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(StoreError::Io { path: aside, source }.into());
                }
                _ => {}
            }
            make_folder(&aside)?;
            write_new(&aside.join(MANIFEST), &bundle.manifest_bytes)?;
            if let Some(signature) = &bundle.signature {
                write_new(&aside.join(SIGNATURE), signature)?;
            }
            for (name, bytes) in &bundle.files {
                write_new(&aside.join(name), bytes)?;
            }
            sync_folder(&aside)?;
            rename(&aside, &object)?;
            sync_folder(&objects)?;
        }
        // What counts is what a reader will find.
        self.store.object(bundle.address)?;
        Ok(bundle.address)
    }

    /// Makes an object what its name stands for. `previous` is moved first: a crash in between
    /// leaves what serves as it was, and both links on it.
    ///
    /// # Errors
    /// [`ModelError`] for an object that cannot be read, [`StoreError::Io`].
    pub fn promote(&self, address: Address) -> Result<(String, Moved), ModelError> {
        let name = self.store.object(address)?.manifest.name;
        let moved = self.promote_as(&name, address)?;
        Ok((name, moved))
    }

    /// Makes an object what a role stands for: a name that belongs to no model, under which now this
    /// and now that one serves. The links move as with [`Keeper::promote`].
    ///
    /// # Errors
    /// [`StoreError::Role`] where the name is a model's and not this one's, or the other way round;
    /// else as [`Keeper::promote`].
    pub fn promote_as(&self, role: &str, address: Address) -> Result<Moved, ModelError> {
        let model = self.store.object(address)?.manifest.name;
        let from = self.store.link(role, CURRENT)?;
        // What cannot be read says nothing; a promotion may be what mends it.
        let holder = from.and_then(|from| self.store.object(from).ok());
        if let Some(holder) = holder.map(|bundle| bundle.manifest.name)
            && (holder == role) != (model == role)
        {
            return Err(StoreError::Role { name: role.into(), model }.into());
        }
        let folder = self.name_folder(role)?;
        if let Some(from) = from.filter(|from| *from != address) {
            point(&folder, PREVIOUS, from)?;
        }
        point(&folder, CURRENT, address)?;
        Ok(Moved { from, to: address })
    }

    /// Swaps `current` and `previous` in one step; twice is none at all.
    ///
    /// # Errors
    /// [`StoreError::Absent`] where there is nothing to go back to, [`ModelError`] where what is
    /// there cannot be read.
    pub fn rollback(&self, name: &str) -> Result<Moved, ModelError> {
        let from = self.store.current(name)?;
        let to = self.store.previous(name)?.filter(|to| *to != from);
        let to = to.ok_or_else(|| self.store.absent(&format!("{name}/{PREVIOUS}")))?;
        self.store.object(to)?;
        let folder = self.name_folder(name)?;
        sys::exchange(&folder.join(CURRENT), &folder.join(PREVIOUS))
            .map_err(|source| StoreError::Io { path: folder.clone(), source })?;
        sync_folder(&folder)?;
        Ok(Moved { from: Some(from), to })
    }

    /// Puts both links back to where they were before a [`Keeper::promote`] that came to nothing.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn restore(
        &self,
        name: &str,
        current: Option<Address>,
        previous: Option<Address>,
    ) -> Result<(), ModelError> {
        let folder = self.name_folder(name)?;
        for (link, address) in [(CURRENT, current), (PREVIOUS, previous)] {
            match address {
                Some(address) => point(&folder, link, address)?,
                None => match fs::remove_file(folder.join(link)) {
                    Err(source) if source.kind() != ErrorKind::NotFound => {
                        return Err(StoreError::Io { path: folder.join(link), source }.into());
                    }
                    _ => sync_folder(&folder)?,
                },
            }
        }
        Ok(())
    }

    fn name_folder(&self, name: &str) -> Result<PathBuf, ModelError> {
        if !is_plain_name(name) {
            return Err(StoreError::Name { name: name.into() }.into());
        }
        let names = self.store.root().join(NAMES);
        let folder = names.join(name);
        make_folder(&folder)?;
        sync_folder(&names)?;
        Ok(folder)
    }
}

/// A folder only its owner may change; one that is there stays.
fn make_folder(path: &Path) -> Result<(), ModelError> {
    match DirBuilder::new().mode(0o755).create(path) {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => {
            Err(StoreError::Io { path: path.into(), source }.into())
        }
        _ => Ok(()),
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .map_err(|source| StoreError::Io { path: path.into(), source }.into())
}

/// Puts a file into a folder under its name in one step.
fn place(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), ModelError> {
    let aside = folder.join(format!(".new-{name}"));
    remove_stale(&aside).map_err(|source| StoreError::Io { path: aside.clone(), source })?;
    write_new(&aside, bytes)?;
    rename(&aside, &folder.join(name))?;
    sync_folder(folder)
}

/// Points a link at an object in one step.
fn point(folder: &Path, link: &str, address: Address) -> Result<(), ModelError> {
    let aside = folder.join(format!(".new-{link}"));
    remove_stale(&aside)
        .and_then(|()| symlink(target(address), &aside))
        .map_err(|source| StoreError::Io { path: aside.clone(), source })?;
    rename(&aside, &folder.join(link))?;
    sync_folder(folder)
}

/// What a command that was cut off left behind.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), ModelError> {
    fs::rename(from, to).map_err(|source| StoreError::Io { path: to.into(), source }.into())
}

fn sync_folder(path: &Path) -> Result<(), ModelError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| StoreError::Io { path: path.into(), source }.into())
}
