//! The model server: an ONNX model behind a Unix socket, and the same scorer in process.
//!
//! Owns: what a back end is ([`backend`]) and which one is live ([`runtime`]), loading and verifying
//! a model ([`model`]), the store it may come from ([`store`]), turning probabilities into
//! fixed-point scores ([`Score`]), micro-batches ([`batch`]), the server ([`server`]), the change of
//! its model ([`loader`], [`shadow`]), what memory allows ([`guard`]), what its process may still
//! do ([`sandbox`]) and the process itself ([`program`]), which `corelane-torch` is another of. A backtest uses [`Scorer`], which is the same code without the socket.
//!
//! Must never: open a network socket, see a venue key, trust a peer, fall back from a back end the
//! operator named, or answer with a number that is not finite. One thread serves, another loads;
//! they may allocate, they are not on the hot path. One model runtime per process.

pub mod backend;
pub mod batch;
mod bound;
pub mod doctor;
pub mod error;
pub mod fused;
pub mod guard;
pub mod loader;
pub mod manifest;
pub mod model;
mod onnx;
pub mod process;
pub mod program;
pub mod resident;
mod rings;
pub mod runtime;
pub mod sandbox;
mod score;
mod scorer;
pub mod server;
mod serving;
mod session;
pub mod shadow;
pub mod store;
mod sys;

pub use error::ModelError;
pub use runtime::{BackendChoice, RuntimeOptions};
pub use score::Score;
pub use scorer::Scorer;
