//! What a thread does between turns that found nothing: spin, yield, or sleep.
//!
//! Must never: be called inside a turn. Makes at most one system call a call. Each hot and
//! housekeeping thread owns one value.

use std::time::Duration;

/// Idle strategy of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Idle {
    /// Spin without a word to the kernel: for a CPU of the thread's own.
    Busy,
    /// Give the CPU to whoever waits: for machines with few CPUs.
    Yield,
    /// Sleep for [`PARK`]: for a single CPU and for housekeeping.
    Park,
}

/// Length of one sleep of [`Idle::Park`].
pub const PARK: Duration = Duration::from_micros(50);

impl Idle {
    /// Waits once, in the strategy's way.
    pub fn wait(self) {
        match self {
            Self::Busy => std::hint::spin_loop(),
            Self::Yield => std::thread::yield_now(),
            Self::Park => std::thread::park_timeout(PARK),
        }
    }

    /// The word the configuration and the summary use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Yield => "yield",
            Self::Park => "park",
        }
    }
}
