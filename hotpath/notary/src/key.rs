//! The notary's private key: one line of hex in a file nobody else can read, as
//! `corelane limits keygen` writes it.
//!
//! Must never: print it, keep the text, or take a file that others can read.

use crate::error::NotaryError;
use ed25519_dalek::{SECRET_KEY_LENGTH, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use std::fs::{Metadata, OpenOptions};
use std::hint::black_box;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Name of the credential systemd hands over.
const CREDENTIAL: &str = "notary-key";
/// Longest key file, bytes.
const FILE_MAX: usize = 1_024;
/// Permission bits of anybody but the owner.
const OTHERS: u32 = 0o077;
/// The same for a credential. Where systemd grants a service's user its file by an access list, the
/// list's mask shows as the group's read bit and the owner is root; the group itself has no access.
const CREDENTIAL_OTHERS: u32 = 0o037;

/// Reads the key named on the command line, or systemd's credential.
///
/// # Errors
/// Where none is named, it cannot be read, others can read it, or it is no key.
pub(crate) fn load(named: Option<&Path>) -> Result<SigningKey, NotaryError> {
    if let Some(path) = named {
        return read(path, |meta| meta.mode() & OTHERS == 0);
    }
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let path = folder.ok_or(NotaryError::NoKey)?.join(CREDENTIAL);
    read(&path, |meta| {
        let others = if meta.uid() == 0 { CREDENTIAL_OTHERS } else { OTHERS };
        meta.mode() & others == 0
    })
}

fn read(path: &Path, is_private: impl Fn(&Metadata) -> bool) -> Result<SigningKey, NotaryError> {
    // Not blocking: a pipe without a writer must not hang the notary.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let mut file = file.map_err(NotaryError::read("open the key", path))?;
    let meta = file.metadata().map_err(NotaryError::read("look at the key", path))?;
    let refused = |found: String, allowed| NotaryError::Key { path: path.into(), found, allowed };
    if !meta.is_file() {
        return Err(refused("no regular file".into(), "a regular file"));
    }
    if !is_private(&meta) {
        let mode = format!("mode {:04o}", meta.mode() & 0o7777);
        return Err(refused(mode, "a mode for the owner alone (chmod 600)"));
    }
    let mut text = [0; FILE_MAX];
    let mut filled = 0;
    while filled < FILE_MAX {
        match file.read(&mut text[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(NotaryError::read("read the key", path)(error)),
        }
    }
    let mut seed = from_hex(text[..filled].trim_ascii_end());
    text.fill(0);
    black_box(&text);
    let key = seed.as_ref().map(SigningKey::from_bytes);
    if let Some(seed) = &mut seed {
        seed.fill(0);
        black_box(seed);
    }
    let found = format!("{filled} bytes of something else");
    key.ok_or_else(|| refused(found, "one line of 64 hex digits"))
}

fn from_hex(text: &[u8]) -> Option<[u8; SECRET_KEY_LENGTH]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut bytes = [0; SECRET_KEY_LENGTH];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// First eight bytes of the SHA-256 of a public key.
pub(crate) fn id(key: &VerifyingKey) -> [u8; 8] {
    let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    [0, 1, 2, 3, 4, 5, 6, 7].map(|index: usize| hash[index])
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use wire::exit::Exit;

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notary.key");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    #[test]
    fn a_key_is_one_line_of_hex_for_its_owner_alone() {
        let line = format!("{}\n", "0A".repeat(32));
        for mode in [0o600, 0o400] {
            let (_dir, path) = file(&line, mode);
            assert_eq!(load(Some(&path)).unwrap().to_bytes(), [10; 32]);
        }
        for mode in [0o640, 0o604, 0o620, 0o666, 0o601] {
            let (_dir, path) = file(&line, mode);
            let error = load(Some(&path)).unwrap_err();
            assert_eq!(error.exit(), Exit::Configuration);
            let line = error.operator_line();
            assert!(line.contains(&format!("mode {mode:04o}")) && line.contains("chmod 600"));
        }
        for text in ["", "0a", &"0g".repeat(32), &"0a".repeat(33), &"+a".repeat(32)] {
            let (_dir, path) = file(text, 0o600);
            let error = load(Some(&path)).unwrap_err();
            assert_eq!(error.exit(), Exit::Configuration, "{text}");
            assert!(text.is_empty() || !error.operator_line().contains(text), "no key is shown");
        }
        let (dir, _path) = file(&line, 0o600);
        assert_eq!(load(Some(dir.path())).unwrap_err().exit(), Exit::Configuration);
        assert_eq!(load(Some(&dir.path().join("no"))).unwrap_err().exit(), Exit::Resource);
    }
}
