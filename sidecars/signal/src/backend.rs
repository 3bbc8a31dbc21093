//! What a model back end is to everything above it: it makes a network of a verified file, and a
//! network turns windows into probabilities.
//!
//! Nothing above this file knows which program computes. Must never: hand out a network of other
//! bytes than those it was given, or one whose shapes it did not check against the manifest.
//! A network may be built on one thread and run on another; it is run by one thread at a time.

use crate::error::ModelError;
use crate::manifest::{CLASSES, Manifest};
use std::fmt::Debug;
use std::path::Path;
use wire::signal::InputWindow;

/// Probabilities of down, flat, up.
pub type Probabilities = [f32; CLASSES];

/// What a back end's own library says; [`crate::model::Model`] adds the rest.
pub type BackendError = Box<dyn std::error::Error + Send + Sync>;

/// A model's file as the manifest names it, its hash checked.
#[derive(Clone, Copy, Debug)]
pub struct ModelFile<'a> {
    /// Where it was read; for messages only, it is not opened again.
    pub path: &'a Path,
    /// Its bytes, the ones that were hashed.
    pub bytes: &'a [u8],
    /// Names and shapes it must have.
    pub manifest: &'a Manifest,
}

/// A program that computes networks, live in this process.
pub trait Backend: Debug + Send + Sync {
    /// Its name, as `--backend` spells it.
    fn name(&self) -> &'static str;

    /// What it says of its build, for people.
    fn build_info(&self) -> String;

    /// The file of a model's folder that this back end reads, where it is not the one the manifest
    /// names as the model. It must be listed in the manifest; its hash is then the model's.
    fn file_name(&self) -> Option<&'static str> {
        None
    }

    /// Makes a network of a file. Several may be live at a time; the bytes are not kept.
    ///
    /// # Errors
    /// [`ModelError::Load`], [`ModelError::Forbidden`], [`ModelError::Shape`] or what else this
    /// back end finds wrong with the file.
    fn load(&self, file: &ModelFile<'_>) -> Result<Box<dyn Network>, ModelError>;
}

/// One network, ready to run. Dropping it gives its memory back.
pub trait Network: Debug + Send {
    /// The name of the back end that computes it, as [`Backend::name`].
    fn backend(&self) -> &'static str;

    /// Back end and provider that compute it, as the handshake carries it: `tract/cpu`.
    fn provider(&self) -> &'static str;

    /// Most windows of one [`Network::run`], from 1; [`crate::model::Model`] cuts to it.
    fn batch_max(&self) -> usize;

    /// Runs over 1 to [`Network::batch_max`] windows and appends as many rows to `out`, in order.
    ///
    /// A number that is not finite is an answer, not an error: the score abstains.
    ///
    /// # Errors
    /// What the library says; the rows it appended are then of no use.
    fn run(
        &mut self,
        batch: &[InputWindow],
        out: &mut Vec<Probabilities>,
    ) -> Result<(), BackendError>;
}
