//! What can be wrong with a model store, a signature or a link, in the operator's words.
//!
//! Must never: repeat a source's text in its own `Display`; the operator's line joins the chain.

use std::io;
use std::path::PathBuf;

/// Why a store refuses.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder of the store cannot be read or written.
    #[error("model store cannot be used: path={}", .path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A link stands where a file or folder of a model should be.
    #[error("a symbolic link stands in the way of a model's file: path={}", .path.display())]
    Link {
        /// Where.
        path: PathBuf,
    },
    /// A path leads out of the folder it must lie beneath.
    #[error("a path leads out of its root: path={}", .path.display())]
    Escape {
        /// Where.
        path: PathBuf,
    },
    /// A file of the store is known by another name as well, through which it can be changed.
    #[error("a file of the store has hard links: path={} links={links}", .path.display())]
    HardLink {
        /// The file.
        path: PathBuf,
        /// Names it has.
        links: u64,
    },
    /// A file of the store can be changed by others than its owner, or is another user's.
    #[error(
        "a file of the store can be changed by others: path={} mode={mode:04o} uid={uid}",
        .path.display()
    )]
    Writable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Its owner.
        uid: u32,
    },
    /// A file is not of the size its manifest says.
    #[error(
        "model file has the wrong size: path={} bytes={found} manifest={expected}",
        .path.display()
    )]
    Size {
        /// The file.
        path: PathBuf,
        /// Bytes there are, at least.
        found: u64,
        /// Bytes the manifest says.
        expected: u64,
    },
    /// A manifest lies in the folder of another one.
    #[error(
        "manifest is not the one its folder is named for: path={} sha256={found} folder={expected}",
        .path.display()
    )]
    Address {
        /// The manifest.
        path: PathBuf,
        /// What its bytes say.
        found: String,
        /// What the folder says.
        expected: String,
    },
    /// The manifest has no sizes, operators and training data: it is of the first format.
    #[error("manifest is of a format the store does not take: path={} format={found}", .path.display())]
    Format {
        /// The manifest.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// A key is configured and the manifest has no signature.
    #[error("model is not signed: path={}", .path.display())]
    Unsigned {
        /// Where the signature should be.
        path: PathBuf,
    },
    /// The signature is damaged, or of another key or another manifest.
    #[error("model's signature does not fit: path={} key={}", .path.display(), .key.display())]
    Signature {
        /// The signature.
        path: PathBuf,
        /// The configured key.
        key: PathBuf,
    },
    /// The public key cannot be used.
    #[error("public key cannot be used: path={} found={found}", .path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// A name that is no plain name.
    #[error("name of a model is not plain: name={name:?} allowed=[a-z0-9_-], at most 64")]
    Name {
        /// The name.
        name: String,
    },
    /// A role was to be given to the model of its own name, or a model's name to another model.
    #[error("a name of the store is a role or a model's, not both: name={name} model={model}")]
    Role {
        /// The name.
        name: String,
        /// Name of the model that was to serve under it.
        model: String,
    },
    /// A link of the store points at something else than an object of the store.
    #[error("link of the store points elsewhere: path={} target={target:?}", .path.display())]
    Target {
        /// The link.
        path: PathBuf,
        /// Where it points.
        target: String,
    },
    /// The store has no such model.
    #[error("store has no such model: root={} model={model}", .root.display())]
    Absent {
        /// The store.
        root: PathBuf,
        /// What was asked for.
        model: String,
    },
    /// Another command changes the store at this moment.
    #[error("another command works on the store: path={}", .path.display())]
    Busy {
        /// The lock.
        path: PathBuf,
    },
}

impl StoreError {
    /// What the operator does next.
    #[must_use]
    pub fn next(&self) -> &'static str {
        match self {
            Self::Io { .. } => "check --store and who may read and write there",
            Self::Link { .. } | Self::Escape { .. } | Self::HardLink { .. } => {
                "find out who put it there; add the model again from where it was trained"
            }
            Self::Writable { .. } => "chown and chmod it so that its owner alone may write",
            Self::Size { .. } | Self::Address { .. } => {
                "add the model again from where it was trained"
            }
            Self::Format { .. } => "export the model again: format 2 lists its files and operators",
            Self::Unsigned { .. } | Self::Signature { .. } => {
                "have the model's owner sign it: `corelane models add --key=FILE`"
            }
            Self::Key { .. } => "name a public key made by `corelane models keygen`",
            Self::Name { .. } => "rename the model and export it again",
            Self::Role { .. } => "name another role: `corelane models promote --role=NAME`",
            Self::Target { .. } => "promote a model again: `corelane models promote`",
            Self::Absent { .. } => "look at `corelane models list`",
            Self::Busy { .. } => "wait for the other command to end",
        }
    }
}
