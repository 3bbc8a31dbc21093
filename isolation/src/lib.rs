//! Is this box fit to trade on? The host's settings as data, and what each of them is here.
//!
//! Owns: the table of checks ([`CHECKS`]), the reader they look through ([`Host`]), the topology
//! they are held against ([`Plan`]), the report and the snapshot; and [`isolate`], which makes a host
//! as a topology says. Must never: write to the host but in [`isolate::apply`] and
//! [`isolate::rollback`], start a program, open the network, or say PASS or FAIL of something that
//! was not read. Runs once, off the hot path; allocates as it likes.
//!
//! Everything is read beneath a root, so that the same code runs on a captured tree ([`Host::at`],
//! [`Host::in_tree`]) and on the live host; what no file says is asked first ([`ask`]) and put
//! beneath the root as text.

pub mod check;
mod checks;
pub mod cpus;
mod document;
pub mod host;
pub mod isolate;
pub mod kernel;
mod look;
mod nvml;
pub mod persisted;
pub mod plan;
mod redact;
pub mod report;
mod snapshot;
mod sys;
mod told;
pub mod tree;

pub use check::{Check, Finding, Group, Need, Outcome, Profile, Status};
pub use checks::{CHECKS, all};
pub use cpus::CpuSet;
pub use document::document;
pub use host::{Host, Missing};
pub use plan::{Plan, PlanError};
pub use report::{Exit, Report, examine};
pub use snapshot::snapshot;
pub use told::{Gpu, ask};
pub use tree::{Node, TarError, Tree};
