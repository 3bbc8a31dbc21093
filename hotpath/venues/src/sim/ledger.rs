//! What is true at the venue: every fill, and the position and money they add up to.
//!
//! Owns: positions at average cost and cash, in exact integers. Must never: depend on what the
//! client was told. Runs wherever the simulated venue runs; may allocate.
//!
//! A spot fill moves its whole value; a perpetual's moves the profit it realises against the
//! average price (an inverse one's at the price of the fill). Fees are paid out of the same
//! account. All instruments of a venue share one account: the table does not name quote
//! currencies, so they are taken to be one.

use super::fees::Valuation;
use super::order::{Order, signed};
use std::collections::BTreeMap;
use wire::instrument::InstrumentType;
use wire::order::{ExecutionReport, Side};
use wire::{InstrumentId, MoneyE9, PositionLots, PriceTicks, VenueId};

/// One fill as the venue made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VenueFill {
    /// Its report as it was made; `ts_recv_ns` is undefined.
    pub report: ExecutionReport,
    /// The report that took it back.
    pub bust: Option<ExecutionReport>,
    /// Whether a fault made it: a fill beyond the order's quantity, without a trade.
    pub is_overfill: bool,
}

/// Position and cash of one instrument.
#[derive(Clone, Copy, Debug, Default)]
struct Holding {
    position: i64,
    /// What the open position cost, ticks times lots; never negative.
    open_cost: i128,
    cash_e9: i128,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    venue_id: VenueId,
    is_spot: bool,
    valuation: Valuation,
    holding: Holding,
    /// What the fills that were forgotten had made of it.
    settled: Holding,
    fills: u64,
}

/// The venue's books.
#[derive(Debug)]
pub struct Ledger {
    accounts: Vec<Account>,
    /// Those that are remembered.
    fills: Vec<VenueFill>,
    /// Fills that were forgotten before them.
    forgotten: usize,
    /// Numbers of an order's fills, from the first ever on.
    by_order: BTreeMap<u64, Vec<usize>>,
    starting_balance_e9: i64,
}

impl Ledger {
    pub(crate) fn new(starting_balance_e9: i64) -> Self {
        let by_order = BTreeMap::new();
        Self {
            accounts: Vec::new(),
            fills: Vec::new(),
            forgotten: 0,
            by_order,
            starting_balance_e9,
        }
    }

    pub(crate) fn add(&mut self, venue_id: VenueId, kind: u8, valuation: Valuation) {
        let is_spot = kind == InstrumentType::Spot.code();
        let (holding, settled) = (Holding::default(), Holding::default());
        self.accounts.push(Account { venue_id, is_spot, valuation, holding, settled, fills: 0 });
    }

    fn account(&self, id: InstrumentId) -> Option<&Account> {
        self.accounts.get(usize::try_from(id.get()).ok()?)
    }

    /// Signed position; 0 for an instrument not in the table.
    #[must_use]
    pub fn position(&self, id: InstrumentId) -> PositionLots {
        PositionLots(self.account(id).map_or(0, |account| account.holding.position))
    }

    /// Average price of the position, rounded down to a tick; undefined when flat.
    #[must_use]
    pub fn avg_px_ticks(&self, id: InstrumentId) -> PriceTicks {
        let avg = self.account(id).and_then(|account| {
            let lots = i128::from(account.holding.position.unsigned_abs());
            i64::try_from(account.holding.open_cost.checked_div(lots)?).ok()
        });
        avg.map_or(PriceTicks::UNDEF, PriceTicks)
    }

    /// Balance of the account an instrument is traded from: the start plus all cash flows of its
    /// venue. No margin is set aside.
    #[must_use]
    pub fn balance_e9(&self, id: InstrumentId) -> MoneyE9 {
        let venue = self.account(id).map(|account| account.venue_id);
        let of_venue = self.accounts.iter().filter(|account| Some(account.venue_id) == venue);
        let cash: i128 = of_venue.map(|account| account.holding.cash_e9).sum();
        let balance = i128::from(self.starting_balance_e9) + cash;
        let bound = if balance < 0 { i64::MIN } else { i64::MAX };
        MoneyE9(i64::try_from(balance).unwrap_or(bound))
    }

    /// Fills reported in an instrument, those taken back or lost on the way included; not those of
    /// orders the client never hears of.
    #[must_use]
    pub fn fill_count(&self, id: InstrumentId) -> u64 {
        self.account(id).map_or(0, |account| account.fills)
    }

    /// Every fill that is remembered, in the order made.
    #[must_use]
    pub fn fills(&self) -> &[VenueFill] {
        &self.fills
    }

    /// The fills of one order, by the venue's order id, in the order made.
    pub fn fills_of(&self, order_id: u64) -> impl Iterator<Item = &VenueFill> {
        let indices = self.by_order.get(&order_id).into_iter().flatten();
        indices.filter_map(|index| self.fills.get(index.checked_sub(self.forgotten)?))
    }

    pub(crate) fn book(&mut self, order: &Order, report: ExecutionReport, is_overfill: bool) {
        let index = self.forgotten + self.fills.len();
        self.by_order.entry(report.order_id).or_default().push(index);
        self.fills.push(VenueFill { report, bust: None, is_overfill });
        let id = usize::try_from(report.header.instrument_id.get()).unwrap_or(usize::MAX);
        if let Some(account) = self.accounts.get_mut(id) {
            account.fills += u64::from(!order.is_silent);
            account.holding.book(&report, (account.is_spot, account.valuation));
        }
    }

    /// Forgets the oldest fills, up to the first of this order or a later one; none can be taken
    /// back any more.
    pub(crate) fn forget_before(&mut self, order_id: u64) {
        let old = |fill: &VenueFill| fill.report.order_id < order_id;
        let count = self.fills.iter().take_while(|fill| old(fill)).count();
        for fill in self.fills.drain(..count).filter(|fill| fill.bust.is_none()) {
            let id = usize::try_from(fill.report.header.instrument_id.get()).unwrap_or(usize::MAX);
            if let Some(account) = self.accounts.get_mut(id) {
                account.settled.book(&fill.report, (account.is_spot, account.valuation));
            }
        }
        self.forgotten += count;
        let forgotten = self.forgotten;
        self.by_order.retain(|_, of| of.last().is_some_and(|last| *last >= forgotten));
    }

    /// The place among [`Ledger::fills`] of the latest not taken back.
    pub(crate) fn last_standing(&self) -> Option<usize> {
        self.fills.iter().rposition(|fill| fill.bust.is_none())
    }

    /// Takes a fill back: the instrument's books are made again without it.
    pub(crate) fn bust(&mut self, index: usize, bust: ExecutionReport) {
        let Some(fill) = self.fills.get_mut(index) else { return };
        fill.bust = Some(bust);
        let instrument = fill.report.header.instrument_id;
        let id = usize::try_from(instrument.get()).unwrap_or(usize::MAX);
        let Some(account) = self.accounts.get_mut(id) else { return };
        account.holding = account.settled;
        let of_instrument = |fill: &&VenueFill| fill.report.header.instrument_id == instrument;
        for fill in self.fills.iter().filter(of_instrument).filter(|fill| fill.bust.is_none()) {
            account.holding.book(&fill.report, (account.is_spot, account.valuation));
        }
    }
}

impl Holding {
    /// Books a fill of an instrument that is `(spot, valued so)`.
    fn book(&mut self, report: &ExecutionReport, (is_spot, valuation): (bool, Valuation)) {
        let side = Side::from_code(report.side).unwrap_or(Side::Buy);
        let (lots, price) = (report.last_qty_lots.get(), report.last_px_ticks);
        let realised = self.trade(signed(side, lots), price, valuation);
        let value = valuation.wide_e9(price, report.last_qty_lots).unwrap_or(0);
        let flow = match (is_spot, side) {
            (true, Side::Buy) => -value,
            (true, Side::Sell) => value,
            (false, _) => realised,
        };
        let fee = i128::from(report.fee_e9.get());
        self.cash_e9 = self.cash_e9.saturating_add(flow).saturating_sub(fee);
    }

    /// Books a trade of signed lots; returns the profit it realises, rounded towards zero.
    fn trade(&mut self, lots: i64, price: PriceTicks, valuation: Valuation) -> i128 {
        let held = i128::from(self.position);
        let (traded, price) = (i128::from(lots), i128::from(price.get()));
        let closed =
            if held.signum() == -traded.signum() { traded.abs().min(held.abs()) } else { 0 };
        let mut realised = 0;
        if closed > 0 {
            let cost = self.open_cost * closed / held.abs();
            let gain = (price * closed - cost) * held.signum();
            realised = valuation.profit_e9(gain, closed, cost);
            self.open_cost -= cost;
        }
        self.open_cost += (traded.abs() - closed) * price;
        self.position = self.position.saturating_add(lots);
        realised
    }
}
