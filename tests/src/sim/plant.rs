//! Planted bugs: the simulator's own test. Each stands at a seam outside the crates under test (the
//! edge, the way of a report to the engine, the disk), so that no build of a station can hold one,
//! and makes happen what the bug in its name would make happen:
//!
//! - `DropFill`: a fill reaches the station and its position never hears of it;
//! - `ForgetReservation`: the engine is told that an order ended which the venue still works;
//! - `ReuseId`: an order leaves under the id of the one before;
//! - `IgnoreStaleness`: old market data is stamped as new, so that no age is ever seen;
//! - `SkipChain`: a segment's head names another chain than that of the segment before;
//! - `LoseSync`: a sync is said to have worked and did not happen;
//! - `DoubleFill`: one fill is booked twice, as if executions were not recognised.
//!
//! A feature of the engine would have done as well, but features unify over a workspace: the tests
//! would have put the bugs into every binary built beside them.

/// A bug that is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// A fill is lost inside the station.
    DropFill,
    /// A reservation is released on nobody's word.
    ForgetReservation,
    /// An order id is used twice.
    ReuseId,
    /// Stale market data is taken for new.
    IgnoreStaleness,
    /// A segment is not chained to the one before.
    SkipChain,
    /// A sync does nothing.
    LoseSync,
    /// A fill is booked twice.
    DoubleFill,
}

impl Plant {
    /// Every planted bug.
    pub const ALL: [Self; 7] = [
        Self::DropFill,
        Self::ForgetReservation,
        Self::ReuseId,
        Self::IgnoreStaleness,
        Self::SkipChain,
        Self::LoseSync,
        Self::DoubleFill,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DropFill => "drop-fill",
            Self::ForgetReservation => "forget-reservation",
            Self::ReuseId => "reuse-id",
            Self::IgnoreStaleness => "ignore-staleness",
            Self::SkipChain => "skip-chain",
            Self::LoseSync => "lose-sync",
            Self::DoubleFill => "double-fill",
        }
    }
}
