//! The model server: an ONNX model behind a Unix socket, and the same scorer in process.
//!
//! Owns: what a back end is ([`backend`]) and which one is live ([`runtime`]), the kernel of the
//! default model ([`fused`]), loading and verifying a model ([`model`]), turning probabilities into
//! fixed-point scores ([`Score`]), micro-batches ([`batch`]) and the server ([`server`]). A backtest
//! uses [`Scorer`], which is the same code without the socket.
//!
//! Must never: open a network socket, see a venue key, trust a peer, fall back from a back end the
//! operator named, or answer with a number that is not finite. One thread runs it all; it may
//! allocate, it is not on the hot path. One model runtime per process.

pub mod backend;
pub mod batch;
mod bound;
pub mod doctor;
pub mod error;
pub mod fused;
pub mod manifest;
pub mod model;
mod onnx;
pub mod process;
pub mod runtime;
mod score;
mod scorer;
pub mod server;
mod serving;
mod session;
mod sys;

pub use error::ModelError;
pub use runtime::{BackendChoice, RuntimeOptions};
pub use score::Score;
pub use scorer::Scorer;
