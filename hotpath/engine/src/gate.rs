//! The gate: every check on every order; of an order that fails one, all evaluated into one mask.
//!
//! Owns: the checks (one short file each under `gate/`), the [`Inquiry`] they look at, the verdict,
//! and the [`Approval`] that alone can become a `NewOrder` or `ReplaceOrder` frame. `GATE.md` is the
//! table of the checks; a test keeps table and code in step.
//!
//! Must never: change state, read a clock, allocate, use a float, or give a denial fewer bits than
//! there are failures. Runs on the loop's thread, once an order. Almost every order passes, so it is
//! first asked whether all checks hold, a compare and a branch each; the bits are made of those
//! that do not. A check computes whether it holds and, only for the record, limit and value: where
//! everything passes the compiler leaves the latter out.
#![deny(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::indexing_slicing
)]
#![allow(clippy::needless_bitwise_bool, reason = "no branch where both sides cost nothing")]

mod aggression;
mod amend;
mod approval;
mod arithmetic;
mod audit_pressure;
mod authorized;
mod book_crossed;
mod book_gapped;
mod clock_sync;
mod concentration;
mod credit;
mod daily_activity;
mod daily_loss;
mod drawdown;
mod duplicate;
mod executions;
mod expiry;
mod fill_rate;
mod fx_rate;
mod inquiry;
mod instrument_known;
mod kill;
mod limits_epoch;
mod limits_present;
mod loss_streak;
mod loss_velocity;
mod market_stale;
mod max_adv;
mod max_depth;
mod max_gross;
mod max_net;
mod max_open_notional;
mod max_open_orders;
mod max_order_notional;
mod max_order_qty;
mod max_position;
mod message_rate;
mod min_notional;
mod mode;
mod order_rate;
mod order_to_trade;
mod parent;
mod price_band;
mod price_collar;
mod price_valid;
mod qty_valid;
mod reconciled;
mod reduce_only;
mod rejects;
mod risk_fresh;
mod self_trade;
mod session_up;
mod short_sale;
mod signal_model;
mod signal_range;
mod signal_seq;
mod signal_stale;
mod spread;
mod strategy_capital;
mod strategy_disabled;
mod symbol_status;
mod trigger_side;
mod type_supported;
mod unapproved_wire;
mod unknown_exposure;
mod var_limit;

pub(crate) use approval::{Approval, Envelope};

pub(crate) use inquiry::value_price;
pub use inquiry::{Amend, Inquiry, World};

use crate::orders::OrderRequest;
use core::hint::select_unpredictable;
use wire::order::OrdType;

/// What a check found: whether it holds, its limit and the value held against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Whether it holds.
    pub is_good: bool,
    /// The limit, in the check's unit.
    pub limit: i64,
    /// The value.
    pub actual: i64,
}

impl Measure {
    /// Nothing to hold against anything.
    const PASS: Self = Self { is_good: true, limit: 0, actual: 0 };

    const fn new(is_good: bool, limit: i64, actual: i64) -> Self {
        Self { is_good, limit, actual }
    }

    const fn at_most(limit: i64, actual: i64) -> Self {
        Self::new(actual <= limit, limit, actual)
    }

    /// A loss, which is a profit below 0, is at most the limit. Held against each other without the
    /// change of sign that the lowest number does not survive: `!limit` is `-limit - 1`.
    const fn loss_at_most(limit: i64, profit: i64) -> Self {
        Self::new(profit > !limit, limit, profit.saturating_neg())
    }

    /// One more than `so_far` is at most the limit.
    const fn one_more(limit: i64, so_far: i64) -> Self {
        Self::new(so_far < limit, limit, so_far.saturating_add(1))
    }

    /// `so_far` and `more` are at most the limit; a sum that does not fit is above every limit.
    const fn sum_at_most(limit: i64, so_far: i64, more: i64) -> Self {
        let (sum, is_cut) = so_far.overflowing_add(more);
        Self::new(!is_cut & (sum <= limit), limit, if is_cut { i64::MAX } else { sum })
    }

    const fn at_least(limit: i64, actual: i64) -> Self {
        Self::new(actual >= limit, limit, actual)
    }

    /// `part x 10000 <= limit_bp x whole`; a whole that is not above 0 covers nothing.
    #[inline]
    fn share(limit_bp: i64, part: i64, whole: i64) -> Self {
        // A part that does not fit fails; an allowance that does not fit is above every part.
        let (allowed, is_all) = limit_bp.overflowing_mul(whole);
        let (scaled, is_cut) = part.overflowing_mul(10_000);
        let good = !is_cut & ((scaled <= allowed) | (is_all & (limit_bp > 0)));
        let up = whole.saturating_sub(1);
        let bp = part.saturating_mul(10_000).saturating_add(up).checked_div(whole);
        Self::new(good & (whole > 0), limit_bp, bp.filter(|_| whole > 0).unwrap_or(i64::MAX))
    }

    /// This, or what the other found where only the other fails.
    #[inline]
    fn and(self, other: Self) -> Self {
        let shown = if self.is_good & !other.is_good { other } else { self };
        Self { is_good: self.is_good & other.is_good, ..shown }
    }

    /// Holds for orders that open nothing, whatever was found.
    #[inline]
    fn if_opens(self, i: &Inquiry<'_>) -> Self {
        self.only_if(i.opens)
    }

    /// Holds where the check does not apply.
    #[inline]
    fn only_if(self, applies: bool) -> Self {
        Self { is_good: self.is_good | !applies, ..self }
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

/// Which orders a check is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// All.
    Always,
    /// Those that open something.
    Opens,
    /// Those that open something, of a strategy that trades on scores.
    Scored,
}

impl When {
    #[inline]
    const fn applies(self, i: &Inquiry<'_>) -> bool {
        match self {
            Self::Always => true,
            Self::Opens => i.opens,
            Self::Scored => i.opens & i.strategy.uses_signal,
        }
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
    /// Key of the limit in the limits file; `-` where the state alone decides.
    pub key: &'static str,
    /// Which orders it is for.
    pub when: When,
    /// The check.
    pub run: fn(&Inquiry<'_>) -> Measure,
}

/// The bits of some checks in a row, the first in the lowest bit.
macro_rules! bits {
    ($i:ident;) => { 0_u64 };
    ($i:ident; $first:ident $($rest:ident)*) => {
        (bits!($i; $($rest)*) << 1_u32) | u64::from(!$first::run($i).is_good)
    };
}

/// Four times sixteen: four chains that do not wait for each other.
macro_rules! checks {
    ($({ $($module:ident)* })*) => {
        /// Every check, by id.
        pub const CHECKS: [Check; 64] = [ $( $( Check {
            run: |i| $module::run(i).only_if($module::CHECK.when.applies(i)),
            ..$module::CHECK
        }, )* )* ];

        /// One bit for each check that fails; all are evaluated.
        #[inline]
        #[must_use]
        pub fn mask(i: &Inquiry<'_>) -> u64 {
            let [a, b, c, d] = [ $( bits!(i; $($module)*), )* ];
            (a | (b << 16_u32) | (c << 32_u32) | (d << 48_u32)) & due(i)
        }

        /// Whether every check holds: `mask(i) == 0`, without the bits.
        #[inline]
        fn passes(i: &Inquiry<'_>) -> bool {
            $( $( if is_for($module::CHECK.when, When::Always) && !$module::run(i).is_good {
                return false;
            } )* )*
            if i.opens {
                $( $( if is_for($module::CHECK.when, When::Opens) && !$module::run(i).is_good {
                    return false;
                } )* )*
                if i.strategy.uses_signal {
                    $( $( if is_for($module::CHECK.when, When::Scored)
                        && !$module::run(i).is_good {
                        return false;
                    } )* )*
                }
            }
            true
        }
    };
}

/// Whether a check is for these orders.
#[inline]
const fn is_for(when: When, orders: When) -> bool {
    matches!(
        (when, orders),
        (When::Always, When::Always) | (When::Opens, When::Opens) | (When::Scored, When::Scored)
    )
}

checks! {
    {
        kill mode reconciled session_up strategy_disabled authorized limits_present limits_epoch
        risk_fresh audit_pressure clock_sync instrument_known qty_valid price_valid arithmetic
        min_notional
    }
    {
        type_supported expiry trigger_side symbol_status price_band short_sale reduce_only
        max_order_qty max_order_notional fx_rate max_adv max_depth price_collar aggression parent
        unapproved_wire
    }
    {
        market_stale book_crossed book_gapped spread signal_stale signal_seq signal_range
        signal_model max_position max_open_orders max_open_notional max_gross max_net
        concentration credit strategy_capital
    }
    {
        var_limit unknown_exposure daily_loss drawdown loss_streak loss_velocity order_rate
        message_rate order_to_trade duplicate self_trade executions fill_rate rejects
        daily_activity amend
    }
}

/// The bits of the checks that are for some orders only.
const fn bits_of(opens: bool, scored: bool) -> u64 {
    let (mut checks, mut bits, mut bit) = (CHECKS.as_slice(), 0, 1_u64);
    while let [check, rest @ ..] = checks {
        let is_wanted = match check.when {
            When::Always => false,
            When::Opens => opens,
            When::Scored => scored,
        };
        bits |= if is_wanted { bit } else { 0 };
        (checks, bit) = (rest, bit << 1_u32);
    }
    bits
}

/// The bits of the checks that are for this order.
#[inline]
fn due(i: &Inquiry<'_>) -> u64 {
    const OPENING: u64 = bits_of(true, true);
    const SCORED: u64 = bits_of(false, true);
    select_unpredictable(i.opens, u64::MAX, !OPENING)
        & select_unpredictable(i.strategy.uses_signal, u64::MAX, !SCORED)
}

const _: () = {
    let mut checks = CHECKS.as_slice();
    let mut id = 0;
    while let [check, rest @ ..] = checks {
        assert!(check.id == id, "a check stands at its number");
        (checks, id) = (rest, id.wrapping_add(1));
    }
};

/// What the gate says of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// One bit a failed check; 0 passes.
    pub mask: u64,
    /// The failed check with the lowest number, and its figures.
    pub primary: Option<(u8, Breach)>,
}

/// Judges an order. The same checks are there twice: once for the order almost every order is, a
/// limit order without parent that amends nothing, where the compiler leaves out what only the
/// others need, and once for all.
#[inline]
#[must_use]
pub fn judge(order: &OrderRequest, world: &World<'_>) -> Verdict {
    let is_plain =
        (order.ord_type == OrdType::Limit) & (order.parent_id == 0) & world.amend.is_none();
    let is_good = if is_plain {
        let order = OrderRequest { ord_type: OrdType::Limit, parent_id: 0, ..*order };
        let world = World { amend: None, ..*world };
        passes(&Inquiry::new(&order, &world))
    } else {
        rare(order, world)
    };
    if is_good {
        // In production it would double the cost (bench `gate`); every test of engine and station
        // asks.
        debug_assert_eq!(mask(&Inquiry::new(order, world)), 0, "the mask is the definition");
        return Verdict { mask: 0, primary: None };
    }
    denied(order, world)
}

/// Whether any order passes.
#[inline(never)]
fn rare(order: &OrderRequest, world: &World<'_>) -> bool {
    passes(&Inquiry::new(order, world))
}

#[cold]
#[inline(never)]
fn denied(order: &OrderRequest, world: &World<'_>) -> Verdict {
    let inquiry = Inquiry::new(order, world);
    let mask = mask(&inquiry);
    debug_assert_ne!(mask, 0, "the mask is the definition");
    denial(mask, &inquiry)
}

/// Evaluates every check.
#[inline]
#[must_use]
pub fn evaluate(inquiry: &Inquiry<'_>) -> Verdict {
    let mask = mask(inquiry);
    if mask == 0 { Verdict { mask, primary: None } } else { denial(mask, inquiry) }
}

/// The verdict of an order that failed.
#[cold]
fn denial(mask: u64, inquiry: &Inquiry<'_>) -> Verdict {
    let first = usize::try_from(mask.trailing_zeros()).unwrap_or(usize::MAX);
    let primary = CHECKS.get(first).map(|check| {
        let found = (check.run)(inquiry);
        (check.id, Breach { limit: found.limit, actual: found.actual })
    });
    Verdict { mask, primary }
}

/// The check with this number.
#[must_use]
pub fn check(id: u8) -> Option<&'static Check> {
    CHECKS.get(usize::from(id))
}

/// The stable code of a check number.
#[must_use]
pub fn code_of(id: u8) -> Option<&'static str> {
    check(id).map(|c| c.code)
}

/// The number of a check's stable code.
#[must_use]
pub fn id_of(code: &str) -> Option<u8> {
    CHECKS.iter().find(|c| c.code == code).map(|c| c.id)
}

#[cfg(test)]
mod tests;
