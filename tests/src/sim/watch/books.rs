//! The engine's own figures against each other and against the market's truth.

use super::super::market::Market;
use super::super::setup::is_within;
use super::Watch;
use engine::Engine;
use wire::order::Side;

impl Watch {
    /// The station's book is the market's, or it knows that it is not.
    pub(crate) fn book(&mut self, instrument: usize, engine: &Engine, market: &Market) {
        let book = &engine.instruments()[instrument].book;
        let (usable, due) = (book.usable(), market.in_step);
        self.hold(usable == due, || {
            format!("instrument {instrument}: book usable {usable}, the line in step {due}")
        });
        if !usable {
            return;
        }
        let level = |l: wire::market::Level| (l.price_ticks.get(), l.qty_lots.get());
        let best = (book.best_bid().map(level), book.best_ask().map(level));
        let truth = (market.bids.first().copied(), market.asks.first().copied());
        self.hold(best == truth, || format!("instrument {instrument}: {best:?} for {truth:?}"));
    }

    /// The sums are those of the orders, and no limit is looser than the operator's.
    pub(crate) fn sums(&mut self, engine: &Engine) {
        let (mut open, mut unknown) = (0_i64, engine.externals().len());
        for (n, state) in engine.instruments().iter().enumerate() {
            let mut lots = [0_i64; 2];
            for order in engine.orders().iter_working() {
                if order.request.instrument != state.row.header.instrument_id {
                    continue;
                }
                open += 1;
                unknown += usize::from(order.status == wire::order::OrdStatus::Unknown);
                lots[usize::from(order.request.side == Side::Sell)] += order.reserved_lots;
            }
            let risk = &state.risk;
            let good = lots == [risk.buy_lots, risk.sell_lots];
            self.hold(good, || format!("instrument {n}: orders reserve {lots:?}, the sum differs"));
            if let Some(row) = self.limits.symbols.get(n).copied().flatten() {
                let within = is_within(&risk.limits, &row.limits);
                self.hold(within, || format!("instrument {n}: a limit is looser than the file's"));
            }
        }
        let firm = engine.firm();
        let counts = (firm.open_orders, firm.unknown_orders);
        let due = (open, i64::try_from(unknown).unwrap_or(i64::MAX));
        self.hold(counts == due, || format!("open and unknown {counts:?}, the orders say {due:?}"));
        let within = is_within(&firm.limits, &self.limits.firm);
        self.hold(within, || "a limit of the station is looser than the file's".into());
        for (n, venue) in engine.venues().enumerate() {
            let row = self.limits.venues.get(n).map(|(_, row)| *row);
            let within = row.is_some_and(|row| is_within(&venue.limits, &row));
            self.hold(within, || "a limit of a venue is looser than the file's".into());
        }
    }
}
