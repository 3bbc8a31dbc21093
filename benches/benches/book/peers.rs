//! Books to compare with: the obvious ones, written plainly, and a bounded one.
//!
//! Each takes the same messages and must show the same best bid and offer.

use corelane_benches::book_data::Message;
use engine::book::{BookConfig, L2Book};
use std::collections::{BTreeMap, HashMap};
use wire::market::{BookSide, Level};
use wire::{PriceTicks, QtyLots};

/// A book under test.
pub(crate) trait Book {
    /// Applies one message.
    fn message(&mut self, message: &Message<'_>);
    /// The best level of a side.
    fn best(&self, side: BookSide) -> Option<Level>;
}

/// One side of a peer's book. Keys: a higher key is a better price.
pub(crate) trait PeerSide {
    fn clear(&mut self);
    fn set(&mut self, key: i64, qty: i64);
    fn best(&self) -> Option<(i64, i64)>;
}

/// Two sides make a book.
#[derive(Default)]
pub(crate) struct Peer<S> {
    bids: S,
    asks: S,
}

impl<S> Peer<S> {
    pub(crate) fn new(bids: S, asks: S) -> Self {
        Self { bids, asks }
    }
}

impl<S: PeerSide> Book for Peer<S> {
    fn message(&mut self, message: &Message<'_>) {
        if message.snapshot {
            self.bids.clear();
            self.asks.clear();
        }
        for level in message.bids {
            self.bids.set(level.price_ticks.get(), level.qty_lots.get());
        }
        for level in message.asks {
            self.asks.set(!level.price_ticks.get(), level.qty_lots.get());
        }
    }

    fn best(&self, side: BookSide) -> Option<Level> {
        let level = |(price, qty)| Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(qty) };
        match side {
            BookSide::Bid => self.bids.best().map(level),
            BookSide::Ask => self.asks.best().map(|(key, qty)| level((!key, qty))),
        }
    }
}

/// Ours.
pub(crate) struct Ours(pub(crate) L2Book);

impl Default for Ours {
    fn default() -> Self {
        Self(L2Book::new(BookConfig::default()))
    }
}

impl Book for Ours {
    fn message(&mut self, message: &Message<'_>) {
        if message.snapshot {
            self.0.apply_snapshot(message.bids, message.asks, message.last_update_id);
        } else {
            self.0.apply_delta(message.bids, message.asks);
        }
    }

    fn best(&self, side: BookSide) -> Option<Level> {
        match side {
            BookSide::Bid => self.0.best_bid(),
            BookSide::Ask => self.0.best_ask(),
        }
    }
}

/// The standard library's ordered map.
#[derive(Default)]
pub(crate) struct Tree(BTreeMap<i64, i64>);

impl PeerSide for Tree {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn set(&mut self, key: i64, qty: i64) {
        if qty == 0 {
            self.0.remove(&key);
        } else {
            self.0.insert(key, qty);
        }
    }

    fn best(&self) -> Option<(i64, i64)> {
        self.0.last_key_value().map(|(&key, &qty)| (key, qty))
    }
}

/// A sorted vector, best level at the end.
#[derive(Default)]
pub(crate) struct SortedVec(Vec<(i64, i64)>);

impl PeerSide for SortedVec {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn set(&mut self, key: i64, qty: i64) {
        match (self.0.binary_search_by_key(&key, |level| level.0), qty) {
            (Ok(at), 0) => drop(self.0.remove(at)),
            (Ok(at), _) => self.0[at].1 = qty,
            (Err(_), 0) => {}
            (Err(at), _) => self.0.insert(at, (key, qty)),
        }
    }

    fn best(&self) -> Option<(i64, i64)> {
        self.0.last().copied()
    }
}

/// A hash map and the best key; when the best level goes, its neighbours are probed tick by tick.
#[derive(Default)]
pub(crate) struct Hash {
    qtys: HashMap<i64, i64, std::hash::BuildHasherDefault<Mix>>,
    best: i64,
}

fn low_half(wide: u128) -> u64 {
    u64::try_from(wide & u128::from(u64::MAX)).unwrap_or(0)
}

/// One multiplication as a hash.
#[derive(Default)]
pub(crate) struct Mix(u64);

impl std::hash::Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_i64(&mut self, value: i64) {
        self.write_u64(value.cast_unsigned());
    }

    fn write_u64(&mut self, value: u64) {
        let wide = u128::from(self.0 ^ value) * 0x9E37_79B9_7F4A_7C15;
        self.0 = low_half(wide >> 64) ^ low_half(wide);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl PeerSide for Hash {
    fn clear(&mut self) {
        self.qtys.clear();
        self.best = i64::MIN;
    }

    fn set(&mut self, key: i64, qty: i64) {
        if qty != 0 {
            self.qtys.insert(key, qty);
            self.best = self.best.max(key);
        } else if self.qtys.remove(&key).is_some() && key == self.best {
            self.best = if self.qtys.is_empty() { i64::MIN } else { key };
            while !self.qtys.is_empty() && !self.qtys.contains_key(&self.best) {
                self.best -= 1;
            }
        }
    }

    fn best(&self) -> Option<(i64, i64)> {
        self.qtys.get(&self.best).map(|&qty| (self.best, qty))
    }
}

/// A plain array over a fixed price range: prices outside are dropped, so it is no rival, only a
/// floor. The range is that of the recording.
pub(crate) struct Bounded {
    low: i64,
    qtys: Vec<i64>,
    best: usize,
}

impl Bounded {
    pub(crate) fn new(low: i64, high: i64) -> Self {
        let len = usize::try_from(high - low + 1).unwrap_or(0);
        Self { low, qtys: vec![0; len], best: 0 }
    }
}

impl PeerSide for Bounded {
    fn clear(&mut self) {
        self.qtys.fill(0);
        self.best = 0;
    }

    fn set(&mut self, key: i64, qty: i64) {
        let Ok(at) = usize::try_from(key - self.low) else {
            return;
        };
        let Some(cell) = self.qtys.get_mut(at) else {
            return;
        };
        *cell = qty;
        if qty != 0 {
            self.best = self.best.max(at);
        } else if at == self.best {
            self.best = self.qtys[..at].iter().rposition(|&qty| qty != 0).unwrap_or(0);
        }
    }

    fn best(&self) -> Option<(i64, i64)> {
        let qty = *self.qtys.get(self.best)?;
        let key = self.low + i64::try_from(self.best).unwrap_or(0);
        (qty != 0).then_some((key, qty))
    }
}
