//! The book carried over a time cut: what the recording's first snapshot is made of.

use std::collections::BTreeMap;
use wire::market::{FLAG_FIRST, FLAG_LAST, Level};
use wire::{Frame, PriceTicks, QtyLots, TsNs};

/// Every level known before the cut.
#[derive(Clone, Debug, Default)]
pub(super) struct Carried {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    usable: bool,
    last_update_id: u64,
    ts_event_ns: TsNs,
}

/// The book at the cut, best level first.
#[derive(Clone, Debug)]
pub(super) struct AtCut {
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
    pub(super) last_update_id: u64,
    pub(super) ts_event_ns: TsNs,
}

impl Carried {
    /// Takes a frame of the feed.
    pub(super) fn apply(&mut self, frame: &[u8]) {
        match wire::decode(frame) {
            Ok(Frame::BookSnapshot(snapshot)) => {
                let header = &snapshot.head.header;
                if header.flags & FLAG_FIRST != 0 {
                    self.bids.clear();
                    self.asks.clear();
                }
                self.levels(snapshot.bids, snapshot.asks);
                self.usable = header.flags & FLAG_LAST != 0;
                self.last_update_id = snapshot.head.last_update_id;
                self.ts_event_ns = header.ts_event_ns;
            }
            Ok(Frame::DepthDelta(delta)) => {
                self.levels(delta.bids, delta.asks);
                self.last_update_id = delta.head.last_update_id;
                self.ts_event_ns = delta.head.header.ts_event_ns;
            }
            Ok(Frame::Gap(_)) => self.usable = false,
            _ => {}
        }
    }

    fn levels(&mut self, bids: &[Level], asks: &[Level]) {
        for (side, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            for level in levels {
                if level.qty_lots.get() == 0 {
                    side.remove(&level.price_ticks.get());
                } else {
                    side.insert(level.price_ticks.get(), level.qty_lots.get());
                }
            }
        }
    }

    /// The book, where it is usable.
    pub(super) fn at_cut(&self) -> Option<AtCut> {
        let level = |(price, qty): (&i64, &i64)| Level {
            price_ticks: PriceTicks(*price),
            qty_lots: QtyLots(*qty),
        };
        self.usable.then(|| AtCut {
            bids: self.bids.iter().rev().map(level).collect(),
            asks: self.asks.iter().map(level).collect(),
            last_update_id: self.last_update_id,
            ts_event_ns: self.ts_event_ns,
        })
    }
}
