//! The model store: objects addressed by their manifest's hash, and two links a name.
//!
//! ```text
//! ROOT/objects/<sha256 of manifest.json>/   manifest.json, manifest.sig, the files it lists
//! ROOT/names/<name>/current                 -> ../../objects/<sha256>, what serves
//! ROOT/names/<name>/previous                -> ../../objects/<sha256>, what a rollback brings back
//! ROOT/lock                                 held by the one command that changes the store
//! ```
//! An object never changes once it has its name; a link changes by one rename. A reader reads the
//! link once and opens the object beneath the root, through no link. Must never: believe a link that
//! points elsewhere, overwrite an object, or leave a half-written one under its name. The reading
//! half runs in the sidecar; the writing half ([`crate::store::Keeper`]) in the command line alone.

mod bundle;
mod error;
mod folder;
mod keeper;
mod sign;

pub use bundle::{Bundle, MANIFEST, SIGNATURE};
pub use error::StoreError;
pub use keeper::{Keeper, Moved};
pub use sign::{PublicKey, message};

use crate::error::ModelError;
use crate::manifest::{FORMAT_LISTED, is_plain_name};
use folder::Folder;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

const OBJECTS: &str = "objects";
const NAMES: &str = "names";
const CURRENT: &str = "current";
const PREVIOUS: &str = "previous";
/// What a link's target begins with, seen from `names/<name>`.
const TO_OBJECTS: &str = "../../objects/";

/// SHA-256 of a manifest: the name of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 32]);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Address {
    /// The address behind 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        sign::from_hex(text.as_bytes()).filter(|_| !text.ends_with('\n')).map(Self)
    }
}

/// What one name of the store stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// What serves.
    pub current: Option<Address>,
    /// What a rollback brings back.
    pub previous: Option<Address>,
}

/// An open store, for reading.
#[derive(Debug)]
pub struct Store {
    root: Folder,
    key: Option<PublicKey>,
}

impl Store {
    /// Opens a store. Where a key is given, no object is read that it did not sign.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open(root: &Path, key: Option<PublicKey>) -> Result<Self, ModelError> {
        let folder =
            Folder::open(root).map_err(|source| StoreError::Io { path: root.into(), source })?;
        Ok(Self { root: folder.strict(), key })
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Whether objects must be signed here.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// What serves under a name: the link is read once, here.
    ///
    /// # Errors
    /// [`StoreError::Absent`] where there is none, [`StoreError::Target`] where it points elsewhere.
    pub fn current(&self, name: &str) -> Result<Address, ModelError> {
        self.link(name, CURRENT)?.ok_or_else(|| self.absent(name))
    }

    /// What a rollback would bring back.
    ///
    /// # Errors
    /// [`StoreError::Target`] where the link points elsewhere.
    pub fn previous(&self, name: &str) -> Result<Option<Address>, ModelError> {
        self.link(name, PREVIOUS)
    }

    /// Reads and verifies an object.
    ///
    /// # Errors
    /// [`ModelError`], one for each thing that can be wrong.
    pub fn object(&self, address: Address) -> Result<Bundle, ModelError> {
        let relative = Path::new(OBJECTS).join(address.to_string());
        let folder = match self.root.folder(&relative) {
            Err(ModelError::Unreadable { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                return Err(self.absent(&address.to_string()));
            }
            other => other?,
        };
        let bundle = Bundle::read(&folder, self.key.as_ref())?;
        let path = folder.path().join(MANIFEST);
        if bundle.address != address {
            let (found, expected) = (bundle.address.to_string(), address.to_string());
            return Err(StoreError::Address { path, found, expected }.into());
        }
        if bundle.manifest.format < FORMAT_LISTED {
            return Err(StoreError::Format { path, found: bundle.manifest.format }.into());
        }
        Ok(bundle)
    }

    /// Every object's address, in order.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn objects(&self) -> Result<Vec<Address>, ModelError> {
        let names = self.listed(OBJECTS)?;
        Ok(names.iter().filter_map(|name| Address::from_hex(name)).collect())
    }

    /// Every name, in order.
    ///
    /// # Errors
    /// [`StoreError::Io`], or what is wrong with a link.
    pub fn names(&self) -> Result<Vec<Named>, ModelError> {
        let names = self.listed(NAMES)?.into_iter().filter(|name| is_plain_name(name));
        names
            .map(|name| {
                let current = self.link(&name, CURRENT)?;
                Ok(Named { current, previous: self.link(&name, PREVIOUS)?, name })
            })
            .collect()
    }

    /// The one object whose address begins with these digits.
    ///
    /// # Errors
    /// [`StoreError::Absent`] where there is none or more than one.
    pub fn find(&self, start: &str) -> Result<Address, ModelError> {
        let mut found =
            self.objects()?.into_iter().filter(|address| address.to_string().starts_with(start));
        match (found.next(), found.next()) {
            (Some(address), None) if !start.is_empty() => Ok(address),
            (Some(_), Some(_)) => Err(self.absent(&format!("{start} (more than one begins so)"))),
            _ => Err(self.absent(start)),
        }
    }

    fn listed(&self, folder: &str) -> Result<Vec<String>, ModelError> {
        let path = self.root().join(folder);
        let io = |source| ModelError::from(StoreError::Io { path: path.clone(), source });
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(io)? {
            names.extend(entry.map_err(io)?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    fn link(&self, name: &str, link: &str) -> Result<Option<Address>, ModelError> {
        if !is_plain_name(name) {
            return Err(StoreError::Name { name: name.into() }.into());
        }
        let folder = match self.root.folder(&Path::new(NAMES).join(name)) {
            Err(ModelError::Unreadable { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                return Ok(None);
            }
            other => other?,
        };
        let Some(target) = folder.link(link)? else { return Ok(None) };
        let address = target.to_str().and_then(|text| text.strip_prefix(TO_OBJECTS));
        match address.and_then(Address::from_hex) {
            Some(address) => Ok(Some(address)),
            None => Err(StoreError::Target {
                path: folder.path().join(link),
                target: target.to_string_lossy().into_owned(),
            }
            .into()),
        }
    }

    fn absent(&self, model: &str) -> ModelError {
        StoreError::Absent { root: self.root().into(), model: model.into() }.into()
    }
}

/// Where a link to an object points, seen from the folder of a name.
fn target(address: Address) -> PathBuf {
    let mut text = TO_OBJECTS.to_owned();
    // Writing to a String cannot fail.
    let _infallible = write!(text, "{address}");
    text.into()
}
