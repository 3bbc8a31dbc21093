//! Venues: feed handlers that turn a venue's messages into frames, the player that turns a
//! recording into a feed, and the simulated venue that answers orders.
//!
//! Owns: what is particular to a venue: text formats, continuity rules, symbols. Each part is a
//! sans-I/O state machine: bytes and times in, frames out.
//!
//! Must never: perform I/O, read a clock, use the engine, or put a float into a price, a quantity
//! or money. Runs on the edge thread (and in the importer); what the edge calls for each message
//! allocates nothing after warm-up.

pub mod binance;
pub mod by_order;
pub mod player;
pub mod sim;
