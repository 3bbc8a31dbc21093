//! The command line of `corelane models`, in words. Runs once; decides nothing.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `corelane models ...`.
#[derive(Args, Debug)]
pub struct ModelsArgs {
    /// The model store.
    #[arg(long, value_name = "DIR", default_value = "models")]
    pub store: PathBuf,
    /// Public key models must be signed by.
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
    /// Socket of the running signal sidecar; without it the newest run's is taken, if one runs.
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: ModelsCommand,
}

/// What can be done with models.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Say what the store holds, what its names stand for, and what the running sidecar serves.
    List {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Verify a model's folder, run its golden vectors, and put it into the store.
    Add {
        /// Folder with a manifest of format 2 and the files it lists.
        folder: PathBuf,
        /// Private key to sign the manifest with.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Back end the golden vectors run on: auto, tract or onnxruntime.
        #[arg(long, value_name = "NAME", default_value = "auto")]
        backend: String,
    },
    /// Make a model the one its name stands for, and let the running sidecar change to it.
    Promote {
        /// Its address in the store, or the start of it.
        model: String,
        /// Live requests it is tried on first; without it as many as the sidecar is set to.
        #[arg(long, value_name = "N")]
        answers: Option<u32>,
        /// Role it is to serve in, in place of its own name.
        #[arg(long, value_name = "NAME")]
        role: Option<String>,
    },
    /// Bring back the model that served before; it is not tried on live requests again.
    Rollback {
        /// Name of the model, or a role.
        name: String,
    },
    /// Load a model beside the one that serves and compare them on live requests.
    Shadow {
        /// Its address in the store, or the start of it.
        model: String,
        /// Live requests; without it as many as the sidecar is set to.
        #[arg(long, value_name = "N")]
        answers: Option<u32>,
        /// Role the sidecar serves, where it is not the model's own name.
        #[arg(long, value_name = "NAME")]
        role: Option<String>,
    },
    /// Make a key pair: `models.key` for the signer alone, `models.pub` for the sidecar.
    Keygen {
        /// Folder for both.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}
