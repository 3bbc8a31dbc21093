//! Limits wide open, for tests and benches of this and other crates. The station has no way here: its
//! limits come from a file alone.

use crate::limits::{
    FirmLimits, FxSource, LimitSet, Row, StrategyLimits, SymbolLimits, SymbolRow, SymbolRules,
    VenueLimits,
};
use wire::VenueId;

/// A row of every kind at its compiled caps, every type of order allowed, nothing due from outside.
#[must_use]
pub fn open_limits(instruments: usize, strategies: usize, venues: &[VenueId]) -> LimitSet {
    let row = SymbolRow {
        limits: SymbolLimits {
            duplicate_window_ns: 1,
            qty_step_lots: 1,
            price_step_ticks: 1,
            ..SymbolLimits::LOOSEST
        },
        rules: SymbolRules {
            order_types: u32::MAX,
            strategies: u64::MAX,
            fx: FxSource::Base,
            band_due: false,
            locate_due: false,
        },
        adv_lots: Some(1_000_000_000_000),
    };
    LimitSet {
        epoch: 1,
        sha256: [b'0'; 64],
        firm: FirmLimits::LOOSEST,
        symbols: vec![Some(row); instruments],
        strategies: vec![Some(StrategyLimits::LOOSEST); strategies],
        venues: venues.iter().map(|id| (*id, VenueLimits::LOOSEST)).collect(),
    }
}
