//! Where libtorch is on this machine: what a test needs to build and run `corelane-torch`.
//!
//! Must never: fetch it, or take a folder for it that has no libraries.

use std::path::{Path, PathBuf};

/// The folder the variable `LIBTORCH` names, else the one `make libtorch` has made; `None` where
/// neither has libraries.
#[must_use]
pub fn folder(root: &Path) -> Option<PathBuf> {
    let named = std::env::var_os("LIBTORCH").map(PathBuf::from);
    let fetched = std::fs::read_dir(root.join(".venv-libtorch/lib")).into_iter().flatten();
    let mut fetched = fetched.flatten().map(|entry| entry.path().join("site-packages/torch"));
    named.or_else(|| fetched.next()).filter(|folder| folder.join("lib").is_dir())
}
