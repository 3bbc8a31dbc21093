//! Reads a file that others must not be able to change: size-bounded, regular, not world-writable.
//!
//! Must never: look at the path a second time for what it read: type and mode are of the open
//! handle. Runs at start and on an operator's word.

use super::refusal;
use crate::operator::Failure;
use std::fs::{File, Metadata, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use wire::exit::Exit;

/// Permission bit: anybody may write.
const WORLD_WRITE: u32 = 0o002;

/// The file's bytes.
///
/// # Errors
/// `RESOURCE` where it cannot be read, `CONFIGURATION` where it may not be used.
pub(super) fn read(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let (bytes, meta) = open(path, most)?;
    check_mode(path, &meta)?;
    // A link is fine; then the folder of the link and the folder of the file both count.
    let real = path.canonicalize().map_err(|error| unreadable(path, &error))?;
    for file in [path, &real] {
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let meta = folder.metadata().map_err(|error| unreadable(folder, &error))?;
        check_mode(folder, &meta)?;
    }
    Ok(bytes)
}

/// The bytes of a regular file of at most `most` bytes, and what its handle is.
pub(super) fn open(path: &Path, most: u64) -> Result<(Vec<u8>, Metadata), Failure> {
    // Not blocking: a pipe without a writer must not hang the station.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let file: File = file.map_err(|error| unreadable(path, &error))?;
    let meta = file.metadata().map_err(|error| unreadable(path, &error))?;
    if !meta.is_file() {
        return Err(refusal(path, "(file)", "no regular file", "a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        let allowed = format!("at most {most} bytes");
        return Err(refusal(path, "(file)", &format!("more than {most} bytes"), &allowed));
    }
    Ok((bytes, meta))
}

fn check_mode(path: &Path, meta: &Metadata) -> Result<(), Failure> {
    let mode = meta.mode() & 0o7777;
    if mode & WORLD_WRITE != 0 {
        let allowed = "a mode without write permission for others (chmod o-w)";
        return Err(refusal(path, "(mode)", &format!("{mode:04o}, world-writable"), allowed));
    }
    Ok(())
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let fields = format!(
        "file={} key=(file) found=nothing allowed=(a regular file that can be read) \
         error=\"{error}\"",
        path.display()
    );
    let next = "write the file, or name another one";
    Failure::new(Exit::Resource, "file cannot be read", fields, next)
}
