//! The model server: an ONNX model behind a Unix socket, and the same scorer in process.
//!
//! Owns: the choice of the model runtime ([`runtime`]), loading and verifying a model ([`model`]),
//! turning probabilities into fixed-point scores ([`Score`]), micro-batches ([`batch`]), the
//! server ([`server`]) and what its process may still do ([`sandbox`]). A backtest uses [`Scorer`], which is the same code without the socket.
//!
//! Must never: open a network socket, see a venue key, trust a peer, fall back from a back end the
//! operator named, or answer with a number that is not finite. One thread runs it all; it may
//! allocate, it is not on the hot path. One model runtime per process.

pub mod batch;
pub mod doctor;
pub mod error;
pub mod manifest;
pub mod model;
mod onnx;
pub mod process;
pub mod runtime;
pub mod sandbox;
mod score;
mod scorer;
pub mod server;
mod serving;
mod sys;

pub use error::ModelError;
pub use runtime::{BackendChoice, RuntimeOptions};
pub use score::Score;
pub use scorer::Scorer;
