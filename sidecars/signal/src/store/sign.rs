//! Signatures of manifests: Ed25519, detached, over a context and the manifest's bytes.
//!
//! Keys are the house's: one line of hex, as `corelane limits keygen` and `corelane models keygen`
//! write them. The private half is read by the command line alone. Must never: take a signature
//! made for another purpose, which the context sees to, or a key others could change.

use super::error::StoreError;
use super::folder::Folder;
use crate::error::ModelError;
use ed25519_dalek::{Signature, VerifyingKey};
use std::path::{Path, PathBuf};

/// What stands before the manifest's bytes in what is signed.
const CONTEXT: &[u8] = b"corelane-model-v1\0";
/// Longest key or signature file, bytes.
pub(super) const FILE_MAX: u64 = 1_024;

/// A public key that manifests must be signed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    path: PathBuf,
}

/// What is signed for a manifest of these bytes.
#[must_use]
pub fn message(manifest: &[u8]) -> Vec<u8> {
    [CONTEXT, manifest].concat()
}

impl PublicKey {
    /// Reads a public key.
    ///
    /// # Errors
    /// [`ModelError`] where the file cannot be read, others could change it, or it is no key.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let unusable = |found: &str| StoreError::Key { path: path.into(), found: found.into() };
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| unusable("no name of a file"))?;
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let folder = Folder::open(parent)
            .map_err(|source| StoreError::Io { path: parent.into(), source })?
            .strict();
        let bytes = folder.read(name, FILE_MAX)?;
        let bytes = from_hex(&bytes).ok_or_else(|| unusable("no line of 64 hex digits"))?;
        let key = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak());
        let key = key.ok_or_else(|| unusable("no usable key"))?;
        Ok(Self { key, path: path.to_owned() })
    }

    /// Checks a manifest's signature file.
    pub(super) fn verify(
        &self,
        path: &Path,
        signature: &[u8],
        manifest: &[u8],
    ) -> Result<(), StoreError> {
        let refused = || StoreError::Signature { path: path.into(), key: self.path.clone() };
        let bytes = from_hex(signature).ok_or_else(refused)?;
        let signature = Signature::from_bytes(&bytes);
        self.key.verify_strict(&message(manifest), &signature).map_err(|_| refused())
    }
}

/// The bytes behind one line of hex.
pub(super) fn from_hex<const N: usize>(line: &[u8]) -> Option<[u8; N]> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    if line.len() != 2 * N {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut out = [0; N];
    for (to, pair) in out.iter_mut().zip(line.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *to = digit(*high)? * 16 + digit(*low)?;
    }
    Some(out)
}
