//! A model's files, each read once, of the size and hash its manifest says.
//!
//! Must never: hand out a byte that was not hashed, or a file the manifest does not list. Runs while
//! loading; holds the files until the model is made of them.

use super::Address;
use super::error::StoreError;
use super::folder::Folder;
use super::sign::{FILE_MAX, PublicKey};
use crate::error::ModelError;
use crate::manifest::{FORMAT_LISTED, Manifest};
use crate::model::{MANIFEST_BYTES_MAX, MODEL_BYTES_MAX};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The manifest's file.
pub const MANIFEST: &str = "manifest.json";
/// The file of its signature.
pub const SIGNATURE: &str = "manifest.sig";

/// The verified files of one model.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// What the manifest says.
    pub manifest: Manifest,
    /// Where the model file was, for messages.
    pub path: PathBuf,
    /// SHA-256 of the manifest's bytes.
    pub address: Address,
    /// Whether a configured key signed it.
    pub signed: bool,
    /// SHA-256 of the model file.
    pub(crate) hash: [u8; 32],
    pub(super) manifest_bytes: Vec<u8>,
    pub(super) signature: Option<Vec<u8>>,
    pub(super) files: Vec<(String, Vec<u8>)>,
}

impl Bundle {
    /// Reads the folder an operator named: `manifest.json` and the files it names. Where a key is
    /// given the manifest must be signed by it.
    ///
    /// # Errors
    /// [`ModelError`], one for each thing that can be wrong.
    pub fn open(dir: &Path, key: Option<&PublicKey>) -> Result<Self, ModelError> {
        let folder = Folder::open(dir)
            .map_err(|source| ModelError::Unreadable { path: dir.join(MANIFEST), source })?;
        Self::read(&folder, key)
    }

    /// Reads an open folder.
    pub(super) fn read(folder: &Folder, key: Option<&PublicKey>) -> Result<Self, ModelError> {
        let path = folder.path().join(MANIFEST);
        let manifest_bytes = folder.read(MANIFEST, MANIFEST_BYTES_MAX)?;
        let signature = signature(folder)?;
        if let Some(key) = key {
            check(&folder.path().join(SIGNATURE), signature.as_deref(), &manifest_bytes, key)?;
        }
        let manifest = Manifest::parse(&path, &manifest_bytes)?;
        let files = files(folder, &manifest)?;
        let hash = files.first().map_or([0; 32], |(_, bytes)| Sha256::digest(bytes).into());
        Ok(Self {
            path: folder.path().join(&manifest.file),
            address: Address(Sha256::digest(&manifest_bytes).into()),
            signed: key.is_some(),
            hash,
            manifest,
            manifest_bytes,
            signature,
            files,
        })
    }

    /// The manifest's bytes: what is signed and what the address is of.
    #[must_use]
    pub fn manifest_bytes(&self) -> &[u8] {
        &self.manifest_bytes
    }

    /// Puts a signature beside the manifest, one line of hex; it is checked where it is read.
    #[must_use]
    pub fn with_signature(mut self, line: Vec<u8>) -> Self {
        self.signature = Some(line);
        self
    }

    /// The same model by another file of it that the manifest lists: that one is what is loaded and
    /// what the model's hash is of. The address stays.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] where the manifest lists no such file.
    pub fn choosing(mut self, name: &str) -> Result<Self, ModelError> {
        let Some(at) = self.files.iter().position(|(file, _)| file == name) else {
            return Err(ModelError::Manifest {
                path: self.path.with_file_name(MANIFEST),
                key: "files".into(),
                source: format!("`{name}` is not listed, and this back end reads it").into(),
            });
        };
        self.files.swap(0, at);
        if let Some((_, bytes)) = self.files.first() {
            self.hash = Sha256::digest(bytes).into();
        }
        self.manifest.sha256 = Address(self.hash).to_string();
        self.path = self.path.with_file_name(name);
        name.clone_into(&mut self.manifest.file);
        Ok(self)
    }

    /// Whether this key signed it.
    pub(super) fn check_signature(&self, key: &PublicKey) -> Result<(), StoreError> {
        let path = self.path.with_file_name(SIGNATURE);
        check(&path, self.signature.as_deref(), &self.manifest_bytes, key)
    }

    /// Takes the model file's bytes: they were hashed, and are parsed next.
    pub(crate) fn take_model(&mut self) -> Vec<u8> {
        self.files.first_mut().map(|(_, bytes)| std::mem::take(bytes)).unwrap_or_default()
    }
}

fn check(
    path: &Path,
    signature: Option<&[u8]>,
    manifest: &[u8],
    key: &PublicKey,
) -> Result<(), StoreError> {
    match signature {
        None => Err(StoreError::Unsigned { path: path.into() }),
        Some(signature) => key.verify(path, signature, manifest),
    }
}

fn signature(folder: &Folder) -> Result<Option<Vec<u8>>, ModelError> {
    match folder.read(SIGNATURE, FILE_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ModelError::Unreadable { source, .. })
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Every file the manifest names, the model first.
fn files(folder: &Folder, manifest: &Manifest) -> Result<Vec<(String, Vec<u8>)>, ModelError> {
    if manifest.format < FORMAT_LISTED {
        let bytes = folder.read(&manifest.file, MODEL_BYTES_MAX)?;
        check_hash(&folder.path().join(&manifest.file), &bytes, &manifest.sha256)?;
        return Ok(vec![(manifest.file.clone(), bytes)]);
    }
    let mut specs: Vec<_> = manifest.files.iter().collect();
    specs.sort_by_key(|spec| spec.name != manifest.file);
    let mut files = Vec::with_capacity(specs.len());
    for spec in specs {
        let path = folder.path().join(&spec.name);
        let bytes = match folder.read(&spec.name, spec.bytes) {
            Ok(bytes) => bytes,
            Err(ModelError::TooLarge { bytes, .. }) => {
                return Err(StoreError::Size { path, found: bytes, expected: spec.bytes }.into());
            }
            Err(error) => return Err(error),
        };
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if found != spec.bytes {
            return Err(StoreError::Size { path, found, expected: spec.bytes }.into());
        }
        check_hash(&path, &bytes, &spec.sha256)?;
        files.push((spec.name.clone(), bytes));
    }
    Ok(files)
}

fn check_hash(path: &Path, bytes: &[u8], expected: &str) -> Result<(), ModelError> {
    let actual = Address(Sha256::digest(bytes).into()).to_string();
    if actual.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(ModelError::Hash { path: path.into(), expected: expected.into(), actual })
}
