//! The newest orders of an instrument by what they ask for, to recognise an order sent again.

use crate::hash::StateHasher;
use crate::orders::OrderRequest;
use wire::TsNs;

/// Orders remembered; the most duplicates a limit may allow.
const KEPT: usize = 8;

/// The newest orders of one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DuplicateLog {
    keys: [u64; KEPT],
    at_ns: [u64; KEPT],
    next: u8,
}

impl DuplicateLog {
    /// What makes two orders equal, in 64 bits: strategy, side, type, time in force, instruction,
    /// prices and quantity.
    #[must_use]
    #[inline]
    pub fn key(order: &OrderRequest) -> u64 {
        let codes = u64::from(u32::from_le_bytes([
            order.side.code(),
            order.ord_type.code(),
            order.exec_inst.code(),
            order.time_in_force.code(),
        ]));
        // A sum of products with odd constants, then mixed: no step waits for another.
        let part = |word: u64, odd: u64| word.wrapping_mul(odd);
        let sum = part(codes | (u64::from(order.strategy.get()) << 32_u32), 0x9e37_79b9_7f4a_7c15)
            .wrapping_add(part(order.price_ticks.get().cast_unsigned(), 0xff51_afd7_ed55_8ccd))
            .wrapping_add(part(order.stop_px_ticks.get().cast_unsigned(), 0xc4ce_b9fe_1a85_ec53))
            .wrapping_add(part(order.qty_lots.get().cast_unsigned(), 0xd6e8_feb8_6659_fd93));
        // 0 stands for an empty place.
        (sum ^ (sum >> 32_u32)).max(1)
    }

    /// Orders with this key at most `window_ns` old.
    #[inline]
    #[must_use]
    pub fn count(&self, key: u64, now: TsNs, window_ns: i64) -> i64 {
        // Almost always none is equal: no branch but one, and the rest elsewhere.
        let is_known = self.keys.iter().fold(false, |any, kept| any | (*kept == key));
        if is_known { self.recount(key, now, window_ns) } else { 0 }
    }

    #[cold]
    #[inline(never)]
    fn recount(&self, key: u64, now: TsNs, window_ns: i64) -> i64 {
        let window = window_ns.cast_unsigned();
        let mut count = 0_i64;
        for (kept, at) in self.keys.iter().zip(&self.at_ns) {
            let equal = *kept == key && now.get().saturating_sub(*at) <= window;
            count = count.saturating_add(i64::from(equal));
        }
        count
    }

    /// Remembers an order.
    pub fn add(&mut self, key: u64, now: TsNs) {
        let place = usize::from(self.next);
        if let (Some(kept), Some(at)) = (self.keys.get_mut(place), self.at_ns.get_mut(place)) {
            (*kept, *at) = (key, now.get());
        }
        self.next = self.next.wrapping_add(1) & 7;
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        self.keys.iter().chain(&self.at_ns).for_each(|word| h.u64(*word));
        h.u64(u64::from(self.next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_equal_orders_inside_the_window_only() {
        let mut log = DuplicateLog::default();
        log.add(7, TsNs(100));
        log.add(7, TsNs(110));
        log.add(9, TsNs(110));
        assert_eq!(log.count(7, TsNs(110), 10), 2, "at the window's end");
        assert_eq!(log.count(7, TsNs(111), 10), 1, "one past it");
        assert_eq!(log.count(9, TsNs(111), 10), 1);
        assert_eq!(log.count(8, TsNs(111), 10), 0);
        for n in 0..8 {
            log.add(100 + n, TsNs(200));
        }
        assert_eq!(log.count(7, TsNs(200), i64::MAX), 0, "the oldest go first");
    }
}
