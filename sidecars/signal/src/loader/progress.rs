//! Where a job of the loader stands, how it ended, and the counts of all.
//!
//! Must never: decide anything; the status shows it as it is. Any thread; allocates words.

use crate::shadow::{ShadowFault, ShadowReport};
use serde::Serialize;

/// What became of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// There was none yet.
    #[default]
    Idle,
    /// The model is read, verified and warmed up.
    Loading,
    /// It answers beside the one that serves.
    Shadowing,
    /// It waits for the serving thread's next turn.
    Publishing,
    /// It serves.
    Served,
    /// It serves already: nothing was done.
    Already,
    /// It was compared and freed.
    Compared,
    /// It does not serve; the old one does.
    Failed,
}

/// Why a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It cannot be read, verified, loaded or run.
    Model,
    /// It has another name or sample interval than what serves.
    Other,
    /// It broke a bound on live requests.
    Shadow(ShadowFault),
    /// Too few live requests came.
    Quiet,
    /// The memory guard refused it or sent it away.
    Memory,
    /// The server ended.
    Ended,
}

/// The last job, for the status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Its number, from 1.
    pub job: u64,
    /// Where it stands.
    pub stage: Stage,
    /// The object it is about, once known.
    pub address: Option<String>,
    /// Why it failed.
    pub cause: Option<Cause>,
    /// The same in one line.
    pub why: Option<String>,
    /// What the comparison found.
    pub shadow: Option<ShadowReport>,
}

/// Jobs by their ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SwapCounts {
    /// Models that came to serve.
    pub served: u64,
    /// Models compared only.
    pub compared: u64,
    /// Jobs refused because another was on its way.
    pub busy: u64,
    /// Models that could not be read, verified, loaded or run.
    pub failed_model: u64,
    /// Models of another name or sample interval.
    pub failed_other: u64,
    /// Models whose scores drifted too far.
    pub failed_drift: u64,
    /// Models that were too slow.
    pub failed_latency: u64,
    /// Models whose scores covered too little or too much.
    pub failed_range: u64,
    /// Models that abstained too often.
    pub failed_abstains: u64,
    /// Jobs without enough live requests.
    pub failed_quiet: u64,
    /// Models the memory guard refused or sent away.
    pub failed_memory: u64,
    /// Times the CPU model took over from the GPU's.
    pub trips: u64,
    /// Times the GPU's model came back.
    pub returns: u64,
    /// Times one of both was wanted and could not be.
    pub trips_failed: u64,
}

impl SwapCounts {
    pub(super) fn count(&mut self, cause: Cause) {
        let counter = match cause {
            Cause::Model => &mut self.failed_model,
            Cause::Other => &mut self.failed_other,
            Cause::Shadow(ShadowFault::Drift) => &mut self.failed_drift,
            Cause::Shadow(ShadowFault::Latency) => &mut self.failed_latency,
            Cause::Shadow(ShadowFault::Range) => &mut self.failed_range,
            Cause::Shadow(ShadowFault::Abstains) => &mut self.failed_abstains,
            Cause::Quiet => &mut self.failed_quiet,
            Cause::Memory => &mut self.failed_memory,
            Cause::Ended => return,
        };
        *counter += 1;
    }

    /// Jobs that left the old model serving.
    #[must_use]
    pub fn failed(&self) -> u64 {
        let by_bound =
            self.failed_drift + self.failed_latency + self.failed_range + self.failed_abstains;
        self.failed_model + self.failed_other + self.failed_quiet + self.failed_memory + by_bound
    }
}
