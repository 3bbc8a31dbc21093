//! The newest orders of an instrument by what they ask for, to recognise an order sent again.

use crate::hash::StateHasher;
use crate::orders::OrderRequest;
use crate::state::{StateError, StateReader};
use wire::TsNs;

/// Orders remembered; the most duplicates a limit may allow.
const KEPT: usize = 8;

/// 1 in each byte.
const EACH_BYTE: u64 = 0x0101_0101_0101_0101;

/// The highest byte of a key.
const fn tag(key: u64) -> u64 {
    key >> 56_u32
}

/// The newest orders of one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DuplicateLog {
    /// The highest byte of each key, all in one word: what is not here is not among the keys, and
    /// they are not looked at.
    tags: u64,
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
        if self.may_know(key) { self.recount(key, now, window_ns) } else { 0 }
    }

    /// Whether a tag is that of the key. Where one is, its byte of the difference is 0, and of the
    /// bytes that are 0 the lowest borrows from none: its high bit shows. One key in about 32 that
    /// is not there shows as well.
    #[inline]
    const fn may_know(&self, key: u64) -> bool {
        let other = self.tags ^ tag(key).wrapping_mul(EACH_BYTE);
        other.wrapping_sub(EACH_BYTE) & !other & (EACH_BYTE << 7_u32) != 0
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
        self.set_tag(u32::from(self.next), key);
        self.next = self.next.wrapping_add(1) & 7;
    }

    fn set_tag(&mut self, place: u32, key: u64) {
        let shift = place.wrapping_mul(8);
        self.tags = (self.tags & !0xff_u64.wrapping_shl(shift)) | tag(key).wrapping_shl(shift);
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        self.keys.iter().chain(&self.at_ns).for_each(|word| h.u64(*word));
        h.u64(u64::from(self.next));
    }

    pub(crate) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        for word in self.keys.iter_mut().chain(&mut self.at_ns) {
            *word = from.u64()?;
        }
        for (place, key) in (0_u32..).zip(self.keys) {
            self.set_tag(place, key);
        }
        self.next = from.code(|next| (usize::from(next) < KEPT).then_some(next))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the keys, and with tags that are alike: none that is there is overlooked.
    #[test]
    fn a_key_that_is_there_always_shows() {
        let (mut log, mut seed) = (DuplicateLog::default(), 1_u64);
        for n in 0..20_000_u64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Few tags, 0 and 255 among them, next to each other.
            let key = (seed >> 8 | (n % 3).wrapping_sub(1) << 56).max(1);
            log.add(key, TsNs(n));
            for kept in log.keys {
                assert!(log.may_know(kept), "{kept:x} of {:x}", log.tags);
            }
        }
        assert!(!DuplicateLog::default().may_know(1 << 56), "an empty log knows nothing");
    }

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
