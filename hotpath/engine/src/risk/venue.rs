//! What the gate knows of a venue.

use super::Bucket;
use crate::hash::StateHasher;
use crate::limits::{Row, VenueLimits};
use crate::state::{StateError, StateReader};
use wire::VenueId;

/// Figures of one venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueRisk {
    /// Which.
    pub id: VenueId,
    /// Effective limits.
    pub limits: VenueLimits,
    /// Epoch of its row; 0 where it has none.
    pub epoch: u64,
    /// Whether its kill switch is latched.
    pub killed: bool,
    /// Whether the order session is up.
    pub session_up: bool,
    /// Whether the last comparison with it was clean.
    pub reconciled: bool,
    /// Orders that are not done.
    pub open_orders: i64,
    /// New and amended orders.
    pub orders: Bucket,
    /// All messages, cancels and queries included.
    pub messages: Bucket,
    /// What of the message burst orders may use, nanoseconds of the bucket.
    pub order_depth_ns: u64,
    /// Free balance, base currency; negative while it is not known.
    pub balance_e9: i64,
    /// What orders may claim of it, base currency.
    pub credit_e9: i64,
    /// What orders that are not done claim, base currency.
    pub claimed_e9: i64,
}

impl VenueRisk {
    /// A venue without a row, a session or a balance.
    #[must_use]
    pub fn new(id: VenueId) -> Self {
        let limits = VenueLimits::LOOSEST;
        Self {
            id,
            limits,
            epoch: 0,
            killed: false,
            session_up: false,
            reconciled: false,
            open_orders: 0,
            orders: Bucket::new(limits.order_rate_per_s, limits.order_burst),
            messages: Bucket::new(limits.message_rate_per_s, limits.message_burst),
            order_depth_ns: 0,
            balance_e9: -1,
            credit_e9: -1,
            claimed_e9: 0,
        }
    }

    /// Takes effective limits.
    pub fn set_limits(&mut self, limits: VenueLimits, epoch: u64) {
        (self.limits, self.epoch) = (limits, epoch);
        self.orders.set(limits.order_rate_per_s, limits.order_burst);
        self.messages.set(limits.message_rate_per_s, limits.message_burst);
        let share = u128::from(self.messages.depth_ns())
            .saturating_mul(u128::from(limits.order_share_bp.cast_unsigned()));
        self.order_depth_ns = u64::try_from(share / 10_000).unwrap_or(u64::MAX);
    }

    /// Takes the free balance and how much of it may be claimed.
    pub fn set_balance(&mut self, balance_e9: i64, use_bp: i64) {
        self.balance_e9 = balance_e9;
        // Of a debt, or a balance that is not known, no share is taken: a smaller share would be a
        // smaller debt, and a tighter limit would let more through.
        let use_bp = if balance_e9 < 0 { 10_000 } else { use_bp };
        let share = i128::from(balance_e9).saturating_mul(i128::from(use_bp)) / 10_000;
        self.credit_e9 = i64::try_from(share).unwrap_or(i64::MAX);
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        h.u64(u64::from(self.id.get()));
        self.limits.hash_into(h);
        h.u64(self.epoch);
        h.bool(self.killed);
        h.bool(self.session_up);
        h.bool(self.reconciled);
        h.i64(self.open_orders);
        self.orders.hash_into(h);
        self.messages.hash_into(h);
        h.u64(self.order_depth_ns);
        h.i64(self.balance_e9);
        h.i64(self.credit_e9);
        h.i64(self.claimed_e9);
    }

    pub(crate) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.same(u64::from(self.id.get()))?;
        self.limits.load_from(from)?;
        self.epoch = from.u64()?;
        self.killed = from.bool()?;
        self.session_up = from.bool()?;
        self.reconciled = from.bool()?;
        self.open_orders = from.i64()?;
        self.orders.load_from(from)?;
        self.messages.load_from(from)?;
        self.order_depth_ns = from.u64()?;
        self.balance_e9 = from.i64()?;
        self.credit_e9 = from.i64()?;
        self.claimed_e9 = from.i64()?;
        Ok(())
    }
}
