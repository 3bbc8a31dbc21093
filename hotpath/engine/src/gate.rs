//! The gate: every check on every order, all evaluated into one mask.
//!
//! Owns: the checks (one short file each under `gate/`), the verdict, and the [`Approval`] that
//! alone can become a `NewOrder` frame. `GATE.md` is the table of the checks; a test keeps table
//! and code in step.
//!
//! Must never: change state, read a clock, allocate, use a float, or stop at the first failure.
//! Runs on the loop's thread, once an order.
#![deny(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::indexing_slicing
)]

mod approval;
mod instrument_known;
mod kill;
mod limits_present;
mod market_open;
mod market_stale;
mod max_open_orders;
mod max_order_notional;
mod max_order_qty;
mod max_position;
mod min_notional;
mod mode;
mod order_rate;
mod price_collar;
mod price_valid;
mod qty_valid;
mod signal_stale;
mod type_supported;

pub(crate) use approval::Approval;

use crate::instrument::InstrumentState;
use crate::orders::OrderRequest;
use crate::setup::Limits;
use wire::TsNs;
use wire::order::Side;
use wire::station::Mode;

/// Everything a check may look at.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry<'a> {
    /// The order.
    pub order: &'a OrderRequest,
    /// The instrument, or `None` where the table has no such row.
    pub instrument: Option<&'a InstrumentState>,
    /// Its limits, or `None`.
    pub limits: Option<&'a Limits>,
    /// Whether the kill switch is latched.
    pub killed: bool,
    /// Mode.
    pub mode: Mode,
    /// Whether the strategy trades on model scores, and how old one may be, nanoseconds.
    pub signal_ttl_ns: Option<u64>,
    /// Engine time.
    pub now: TsNs,
}

impl Inquiry<'_> {
    /// Lots this order's side may still take off the position: the position on the other side less
    /// the orders that already reduce it.
    #[must_use]
    pub fn reducible_lots(&self) -> i64 {
        let Some(state) = self.instrument else {
            return 0;
        };
        let lots = state.position.lots().get();
        match self.order.side {
            Side::Sell => lots.checked_sub(state.reserved.sell_lots),
            Side::Buy => lots.checked_neg().and_then(|l| l.checked_sub(state.reserved.buy_lots)),
        }
        .unwrap_or(0)
        .max(0)
    }

    /// Whether the order can only make the position smaller.
    #[must_use]
    pub fn reduces(&self) -> bool {
        self.order.qty_lots.get() <= self.reducible_lots()
    }
}

/// A check failed: its limit and the value that broke it, in the check's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The limit.
    pub limit: i64,
    /// The value.
    pub actual: i64,
}

impl Breach {
    pub(crate) const fn new(limit: i64, actual: i64) -> Self {
        Self { limit, actual }
    }
}

/// One check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Bit in the mask and stable number; a retired number stays unused.
    pub id: u8,
    /// Stable upper-case code.
    pub code: &'static str,
    /// What must hold.
    pub rule: &'static str,
    /// Unit of limit and actual.
    pub unit: &'static str,
    /// Key of the limit in the configuration; `-` where the state alone decides.
    pub key: &'static str,
    /// The check: `None` passes.
    pub run: fn(&Inquiry<'_>) -> Option<Breach>,
}

/// Every check, by id.
pub const CHECKS: [Check; 17] = [
    kill::CHECK,
    mode::CHECK,
    limits_present::CHECK,
    instrument_known::CHECK,
    type_supported::CHECK,
    qty_valid::CHECK,
    price_valid::CHECK,
    min_notional::CHECK,
    market_open::CHECK,
    market_stale::CHECK,
    signal_stale::CHECK,
    max_order_qty::CHECK,
    max_order_notional::CHECK,
    price_collar::CHECK,
    max_position::CHECK,
    max_open_orders::CHECK,
    order_rate::CHECK,
];

/// What the gate says of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// One bit a failed check; 0 passes.
    pub mask: u64,
    /// The failed check with the lowest number, and its figures.
    pub primary: Option<(u8, Breach)>,
}

/// Evaluates every check.
#[must_use]
pub fn evaluate(inquiry: &Inquiry<'_>) -> Verdict {
    let mut verdict = Verdict { mask: 0, primary: None };
    for check in &CHECKS {
        if let Some(breach) = (check.run)(inquiry) {
            verdict.mask |= 1_u64.checked_shl(u32::from(check.id)).unwrap_or(0);
            verdict.primary = verdict.primary.or(Some((check.id, breach)));
        }
    }
    verdict
}

/// The stable code of a check number.
#[must_use]
pub fn code_of(id: u8) -> Option<&'static str> {
    CHECKS.iter().find(|c| c.id == id).map(|c| c.code)
}

#[cfg(test)]
#[path = "gate/tests.rs"]
mod tests;
