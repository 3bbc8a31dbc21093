//! The report: what every check says of a host, as text for people and JSON for programs.
//!
//! Owns the doctor's exit status, an enum of its own beside the process exit codes. Must never: say
//! more than the checks found.

use crate::check::{Check, Finding, Group, Look, Profile, Status};
use crate::checks;
use crate::host::Host;
use crate::plan::Plan;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

mod forms;

/// Version of the JSON form; it rises when a field changes its meaning or goes.
pub const VERSION: u32 = 1;

/// How the doctor ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Every check passed or does not apply.
    Good = 0,
    /// Something is not as it should be, at a price the profile can pay.
    Warnings = 1,
    /// Something fails; under the live profile two settings that defeat each other do, too.
    Failures = 2,
    /// Nothing fails, and something that must be good could not be read.
    Unjudged = 3,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// What every check says of a host.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of this form ([`VERSION`]).
    pub version: u32,
    /// What the host is to be fit for.
    pub profile: Profile,
    /// Release of its kernel; empty where it was not read.
    pub kernel: String,
    /// CPUs taken for hot, as a list.
    pub hot: String,
    /// SHA-256 of kernel, topology and what every check found, before need and profile, but of
    /// those whose answer may change with no setting changed, and of the GPU's, which the engine
    /// does not ask: two reports of equal hash found the same host.
    pub hash: String,
    /// Exit status.
    pub exit: u8,
    /// How many checks say what.
    pub counts: BTreeMap<&'static str, usize>,
    /// One entry a check, in the order of the table.
    pub checks: Vec<Finding>,
}

/// Runs every check.
#[must_use]
pub fn examine(host: &Host, plan: &Plan, profile: Profile) -> Report {
    let look = Look::at(host, plan);
    let found: Vec<Finding> = checks::all().map(|check| check.find(&look, profile)).collect();
    let count = |status| found.iter().filter(|finding| finding.status == status).count();
    let mut report = Report {
        version: VERSION,
        profile,
        kernel: host.text("proc/sys/kernel/osrelease").unwrap_or_default(),
        hot: plan.hot.to_string(),
        hash: String::new(),
        exit: 0,
        counts: Status::ALL.into_iter().map(|status| (status.name(), count(status))).collect(),
        checks: found,
    };
    report.exit = exit(&report).code();
    report.hash = hash(&report, plan);
    report
}

/// The hash of a report.
fn hash(report: &Report, plan: &Plan) -> String {
    let mut text = format!("corelane host {} {}\n", report.version, report.kernel);
    text.push_str(&plan.to_toml());
    let is_settled = |check: &Check| !check.moves && check.group != Group::Gpu;
    let settled = checks::all().zip(&report.checks).filter(|(check, _)| is_settled(check));
    for (check, finding) in settled {
        let _ = writeln!(text, "{} {}", check.id, finding.found.name());
    }
    let digest = Sha256::digest(text);
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The exit status of a report; the first of its rules that holds.
fn exit(report: &Report) -> Exit {
    let any = |test: &dyn Fn(&Finding) -> bool| report.checks.iter().any(test);
    if any(&|finding| report.fails(finding)) {
        return Exit::Failures;
    }
    if any(&|finding| report.errs(finding)) {
        return Exit::Unjudged;
    }
    let is_missed = |status| status != Status::Unknown || report.profile != Profile::Dev;
    if any(&|finding| finding.status.is_open() && is_missed(finding.status)) {
        return Exit::Warnings;
    }
    Exit::Good
}

impl Report {
    /// As text: what is not good with what to do, then one line each of the rest.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n", self.subject());
        for group in Group::ALL {
            let found = self.checks.iter().filter(|finding| finding.group == group);
            for (at, finding) in found.enumerate() {
                if at == 0 {
                    let _ = writeln!(text, "\n{}", group.title());
                }
                write_finding(&mut text, finding);
            }
        }
        let _ = writeln!(text, "\n{}", self.verdict());
        text
    }

    /// What was looked at.
    fn subject(&self) -> String {
        let kernel = if self.kernel.is_empty() { "unknown" } else { &self.kernel };
        let hash = self.hash.get(..16).unwrap_or_default();
        format!(
            "kernel {kernel}; profile {}; hot CPUs {}; hash {hash}",
            self.profile.name(),
            self.hot
        )
    }

    /// How many checks say what.
    fn verdict(&self) -> String {
        let counts: Vec<String> = Status::ALL
            .iter()
            .map(|status| (status.name(), self.counts.get(status.name()).unwrap_or(&0)))
            .filter(|(_, count)| **count > 0)
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        format!("{} checks: {}", self.checks.len(), counts.join(", "))
    }

    /// As one JSON object.
    ///
    /// # Panics
    /// Never: every key is a text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report has keys of text only")
    }
}

fn write_finding(text: &mut String, finding: &Finding) {
    let Finding { id, name, status, .. } = finding;
    let _ = writeln!(text, "  {:8} {id} {name}: {}", status.name(), finding.said());
    if !status.is_open() {
        return;
    }
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "               {label:9} {value}");
        }
    };
    line("good", finding.good);
    let (planned, kept) = (finding.planned.as_deref(), finding.persisted.as_deref());
    line("plan", planned.unwrap_or_default());
    line("persisted", kept.unwrap_or_default());
    line("live", if planned.or(kept).is_some() { &finding.live } else { "" });
    if *status != Status::Unknown {
        line("now", finding.now);
        line("keep", finding.keep);
    }
}
