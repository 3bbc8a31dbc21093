//! Is this box fit to trade on? The host's settings as data, and what each of them is here.
//!
//! Owns: the table of checks ([`CHECKS`]), the reader they look through ([`Host`]), the topology
//! they are held against ([`Plan`]), and the report; and [`isolate`], which makes a host as a
//! topology says. Must never: write to the host but in [`isolate::apply`] and
//! [`isolate::rollback`], start a program, open the network, or say PASS or FAIL of something that
//! was not read. Runs once, off the hot path; allocates as it likes.
//!
//! Everything is read beneath a root folder, so that the same code runs on a captured tree
//! ([`Host::at`]) and on the live host.

pub mod check;
mod checks;
pub mod cpus;
pub mod host;
pub mod isolate;
pub mod kernel;
pub mod persisted;
pub mod plan;
pub mod report;

pub use check::{Check, Finding, Group, Need, Outcome, Profile, Status};
pub use checks::{CHECKS, all};
pub use cpus::CpuSet;
pub use host::{Host, Missing};
pub use plan::{Plan, PlanError};
pub use report::{Exit, Report, examine};
