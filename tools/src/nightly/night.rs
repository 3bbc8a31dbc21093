//! The folder of one night: stages that are finished, and files that are whole.
//!
//! A stage leaves one JSON file with a hash of what it was made from; a file gets its name by a rename
//! after it is synced, so a crash leaves a stage finished or not begun. Its result is read back from
//! the file before the next stage sees it: a start that goes on and one that never stopped work on
//! the same numbers. Must never: use a stage of other inputs, or two processes at once. Main thread.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use signal::manifest::is_plain_name;
use signal::store::Address;
use station::operator::Failure;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use wire::exit::Exit;

/// Version of every JSON file of a night.
pub(super) const FORMAT: u32 = 1;
/// The file that says a night is archived.
pub(super) const NIGHT: &str = "night.json";
/// When each stage ended: the one file that differs from run to run.
pub(super) const TIMES: &str = "times.json";
/// What the training script said.
pub(super) const LOG: &str = "train.log";
/// What a name begins with until it is whole.
const ASIDE: &str = ".new-";
const BEGIN_ANEW: &str = "put it back as it was, or throw the unfinished night away with --anew";

/// A file with its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hashed {
    /// Its name in its folder.
    pub(super) name: String,
    /// Its size.
    pub(super) bytes: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub(super) sha256: String,
}

/// A finished stage.
#[derive(Clone, Debug)]
pub(super) struct Stage<T> {
    /// What it found.
    pub(super) result: T,
    /// SHA-256 of its file: an input of the next.
    pub(super) sha256: String,
}

/// An open night; it holds the archive's lock.
#[derive(Debug)]
pub(super) struct Night {
    name: String,
    path: PathBuf,
    _lock: File,
}

impl Night {
    /// Opens a night of an archive, and makes it where there is none; `anew` throws away what an
    /// unfinished one has.
    ///
    /// # Errors
    /// `ARGUMENTS` for a name that is none, `RESOURCE` where another process holds the archive or it
    /// cannot be written.
    pub(super) fn open(archive: &Path, name: &str, anew: bool) -> Result<Self, Failure> {
        if !is_plain_name(name) {
            let fields = format!("--night={name} allowed=([a-z0-9_-], at most 64)");
            let next = "say it as allowed, best as a date";
            return Err(Failure::new(Exit::Arguments, "no name of a night", fields, next));
        }
        let path = archive.join(name);
        fs::create_dir_all(archive).map_err(|error| unwritten(archive, &error))?;
        let lock = lock(&archive.join("lock"))?;
        if anew && path.exists() {
            if path.join(NIGHT).exists() {
                let fields = format!("night={}", path.display());
                let next = "name another night with --night=";
                return Err(Failure::new(Exit::Arguments, "the night is archived", fields, next));
            }
            fs::remove_dir_all(&path).map_err(|error| unwritten(&path, &error))?;
        }
        fs::create_dir_all(&path).map_err(|error| unwritten(&path, &error))?;
        if !path.join(NIGHT).exists() {
            remove_stale(&path)?;
        }
        sync_folder(archive)?;
        Ok(Self { name: name.to_owned(), path, _lock: lock })
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What it was archived with, if it is.
    ///
    /// # Errors
    /// `RESOURCE` where the file is damaged.
    pub(super) fn archived(&self) -> Result<Option<Value>, Failure> {
        let path = self.path.join(NIGHT);
        if !path.exists() {
            return Ok(None);
        }
        let value: Value = parse(&path, &read(&path)?)?;
        Ok(Some(value))
    }

    /// The result of a stage that is finished, or of `make`, which is then kept. `inputs` is a hash
    /// of all it is made from.
    ///
    /// # Errors
    /// `CONFIGURATION` where it was finished with other inputs; what `make` fails with.
    pub(super) fn stage<T: Serialize + DeserializeOwned>(
        &self,
        stage: &'static str,
        inputs: &str,
        make: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<Stage<T>, Failure> {
        let file = format!("{stage}.json");
        let path = self.path.join(&file);
        if !path.exists() {
            let found = make()?;
            self.write(&file, &json!({ "stage": stage, "inputs": inputs, "result": found }))?;
            self.note_time(stage)?;
        }
        let bytes = read(&path)?;
        let mut value: Value = parse(&path, &bytes)?;
        if value["format"] != FORMAT || value["inputs"] != inputs {
            return Err(self.changed(stage, &format!("inputs of {file}")));
        }
        let result = serde_json::from_value(value["result"].take());
        let result = result.map_err(|error| damaged(&path, &error.to_string()))?;
        Ok(Stage { result, sha256: sha256(&bytes) })
    }

    /// A refusal to go on with what a stage was not made from.
    pub(super) fn changed(&self, stage: &str, what: &str) -> Failure {
        let night = self.path.display();
        let fields = format!("night={night} stage={stage} changed=\"{what}\"");
        let happened = "the night was begun with something else";
        Failure::new(Exit::Configuration, happened, fields, BEGIN_ANEW)
    }

    /// Writes a JSON object with its format version.
    ///
    /// # Errors
    /// `RESOURCE`.
    pub(super) fn write(&self, name: &str, value: &Value) -> Result<(), Failure> {
        let mut value = value.clone();
        value["format"] = FORMAT.into();
        self.place(name, format!("{value:#}\n").as_bytes())
    }

    /// Writes a file that is whole once it has its name.
    ///
    /// # Errors
    /// `RESOURCE`.
    pub(super) fn place(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let aside = self.path.join(format!("{ASIDE}{name}"));
        File::create(&aside)
            .and_then(|mut file| {
                file.write_all(bytes)?;
                file.sync_all()
            })
            .map_err(|error| unwritten(&aside, &error))?;
        rename(&aside, &self.path.join(name))?;
        sync_folder(&self.path)
    }

    /// An empty folder below the night's to work in.
    ///
    /// # Errors
    /// `RESOURCE`.
    pub(super) fn aside(&self, name: &str) -> Result<PathBuf, Failure> {
        let aside = self.path.join(format!("{ASIDE}{name}"));
        match fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(unwritten(&aside, &error));
            }
            _ => {}
        }
        fs::create_dir(&aside).map_err(|error| unwritten(&aside, &error))?;
        Ok(aside)
    }

    /// Gives such a folder its name once all its files are on the disk. One that has the name was
    /// left by a stage that did not come to its end.
    ///
    /// # Errors
    /// `RESOURCE`.
    pub(super) fn settle(&self, aside: &Path, name: &str) -> Result<Vec<Hashed>, Failure> {
        let hashed = files_of(aside)?;
        for file in &hashed {
            let path = aside.join(&file.name);
            let synced = File::open(&path).and_then(|file| file.sync_all());
            synced.map_err(|error| unwritten(&path, &error))?;
        }
        sync_folder(aside)?;
        let path = self.path.join(name);
        if path.exists() {
            fs::remove_dir_all(&path).map_err(|error| unwritten(&path, &error))?;
        }
        rename(aside, &path)?;
        sync_folder(&self.path)?;
        Ok(hashed)
    }

    /// Refuses files of a finished stage that are no longer what they were.
    ///
    /// # Errors
    /// `CONFIGURATION`.
    pub(super) fn still(&self, stage: &str, folder: &str, was: &[Hashed]) -> Result<(), Failure> {
        let is = files_of(&self.path.join(folder)).unwrap_or_default();
        if is == was { Ok(()) } else { Err(self.changed(stage, &format!("files in {folder}/"))) }
    }

    fn note_time(&self, stage: &str) -> Result<(), Failure> {
        let path = self.path.join(TIMES);
        // A file that cannot be read is begun anew: it is for people.
        let bytes = fs::read(&path).unwrap_or_default();
        let mut times: Value = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!({}));
        times[stage] = jiff::Timestamp::now().to_string().into();
        self.write(TIMES, &times)
    }
}

/// What a process that was cut off left half-written.
fn remove_stale(folder: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(|error| unread(folder, &error))? {
        let path = entry.map_err(|error| unread(folder, &error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(ASIDE) {
            continue;
        }
        let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        gone.map_err(|error| unwritten(&path, &error))?;
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|error| unwritten(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let fields = format!("lock={}", path.display());
            let next = "wait for it; one night runs at a time";
            Err(Failure::new(Exit::Resource, "another night runs", fields, next))
        }
        Err(TryLockError::Error(error)) => Err(unwritten(path, &error)),
    }
}

/// Hash of hashes: each text with its length, so that no two lists of texts give the same.
pub(super) fn hash_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    Address(hash.finalize().into()).to_string()
}

/// SHA-256 of bytes, hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Address(Sha256::digest(bytes).into()).to_string()
}

/// Every file of a folder with its hash, in the order of names; folders in it are not looked into.
///
/// # Errors
/// `RESOURCE` where something cannot be read.
pub(super) fn files_of(folder: &Path) -> Result<Vec<Hashed>, Failure> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unread(folder, &error))? {
        let path = entry.map_err(|error| unread(folder, &error))?.path();
        if path.is_dir() {
            continue;
        }
        let bytes = read(&path)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        files.push(Hashed {
            name: name.unwrap_or_default(),
            bytes: bytes.len() as u64,
            sha256: sha256(&bytes),
        });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// A whole file.
///
/// # Errors
/// `RESOURCE`.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| unread(path, &error))
}

fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| damaged(path, &error.to_string()))
}

fn damaged(path: &Path, why: &str) -> Failure {
    let fields = format!("path={} error=\"{why}\"", path.display());
    Failure::new(Exit::Resource, "a file of the night is damaged", fields, BEGIN_ANEW)
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    let fields = format!("path={} error=\"{error}\"", path.display());
    Failure::new(Exit::Resource, "cannot read", fields, "check the path")
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    let fields = format!("path={} error=\"{error}\"", path.display());
    Failure::new(Exit::Resource, "cannot write", fields, "check the path and the free space")
}

fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::rename(from, to).map_err(|error| unwritten(to, &error))
}

fn sync_folder(path: &Path) -> Result<(), Failure> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(|error| unwritten(path, &error))
}
