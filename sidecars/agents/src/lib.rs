//! LLM roles that advise: who is asked, how, what of the answer is taken, and what is said without
//! a model.
//!
//! Owns the configuration of servers, models and roles ([`config`]), prompts ([`prompt`]), the
//! types of answers and their check ([`answer`], [`shape`]), the servers ([`client`]), the one
//! retry loop ([`router`]) with its circuit breaker ([`breaker`]) and load ([`load`]), and the
//! rules that answer last ([`rules`]). Must never: send an order, loosen a limit, repair an answer,
//! or see a venue key. One thread with a current-thread runtime, not on the hot path; allocates.

pub mod answer;
pub mod breaker;
pub mod cause;
pub mod client;
pub mod config;
pub mod input;
pub mod load;
pub mod prompt;
pub mod router;
pub mod rules;
pub mod shape;
