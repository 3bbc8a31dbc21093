//! Sums and peaks over a sliding span of engine time, in a fixed number of slots. A slot that is
//! half out still counts whole: the figure errs on the tight side by at most one slot.

use crate::hash::StateHasher;
use crate::state::{StateError, StateReader};
use wire::TsNs;

/// Slots of a window.
const SLOTS: u64 = 16;

/// A sum over the last `window` nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowSum {
    slots: [i64; 16],
    newest: u64,
    /// Width of a slot; 0 before the first use.
    slot_ns: u64,
    total: i64,
}

fn slot_ns(window_ns: i64) -> u64 {
    u64::try_from(window_ns).unwrap_or(1).div_ceil(SLOTS - 1).max(1)
}

fn place(slot: u64) -> usize {
    usize::try_from(slot % SLOTS).unwrap_or(0)
}

impl WindowSum {
    /// Lets what is older than the window go. Where the window is another than last time, all that
    /// is still there counts as of now: tight, never loose.
    pub fn advance(&mut self, now: TsNs, window_ns: i64) {
        let width = slot_ns(window_ns);
        let slot = now.get().checked_div(width).unwrap_or(0);
        if width != self.slot_ns {
            *self = Self { newest: slot, slot_ns: width, total: self.total, ..Self::default() };
            if let Some(present) = self.slots.get_mut(place(slot)) {
                *present = self.total;
            }
        }
        if slot <= self.newest {
            return;
        }
        let gone = slot.saturating_sub(self.newest);
        if gone >= SLOTS {
            *self = Self { newest: slot, slot_ns: width, ..Self::default() };
            return;
        }
        for n in 1..=gone {
            if let Some(old) = self.slots.get_mut(place(self.newest.saturating_add(n))) {
                self.total = self.total.saturating_sub(*old);
                *old = 0;
            }
        }
        self.newest = slot;
    }

    /// Adds to the present.
    pub fn add(&mut self, now: TsNs, window_ns: i64, amount: i64) {
        self.advance(now, window_ns);
        if let Some(slot) = self.slots.get_mut(place(self.newest)) {
            *slot = slot.saturating_add(amount);
            self.total = self.total.saturating_add(amount);
        }
    }

    /// The sum, as of the last [`WindowSum::advance`].
    #[inline]
    #[must_use]
    pub const fn total(&self) -> i64 {
        self.total
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self { newest: self.newest, slot_ns: self.slot_ns, ..Self::default() };
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        self.slots.iter().for_each(|slot| h.i64(*slot));
        h.u64(self.newest);
        h.u64(self.slot_ns);
        // Not always the sum of the slots: what would wrap was cut.
        h.i64(self.total);
    }

    pub(crate) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        for slot in &mut self.slots {
            *slot = from.i64()?;
        }
        self.newest = from.u64()?;
        self.slot_ns = from.u64()?;
        self.total = from.i64()?;
        Ok(())
    }
}

/// One slot of [`MinutePeak`], nanoseconds.
const PEAK_SLOT_NS: u64 = 5_000_000_000;
/// A minute and the slot that is half out.
const PEAK_SLOTS: u64 = 13;

/// The highest value of the last minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinutePeak {
    slots: [i64; 13],
    newest: u64,
}

impl Default for MinutePeak {
    fn default() -> Self {
        Self { slots: [i64::MIN; 13], newest: 0 }
    }
}

impl MinutePeak {
    /// Takes the present value; returns how far it lies below the highest of the last minute, at
    /// least 0.
    pub fn fall(&mut self, now: TsNs, value: i64) -> i64 {
        let place = |slot: u64| usize::try_from(slot % PEAK_SLOTS).unwrap_or(0);
        let slot = now.get() / PEAK_SLOT_NS;
        if slot > self.newest {
            let gone = slot.saturating_sub(self.newest).min(PEAK_SLOTS);
            for n in 1..=gone {
                if let Some(old) = self.slots.get_mut(place(self.newest.saturating_add(n))) {
                    *old = i64::MIN;
                }
            }
            self.newest = slot;
        }
        if let Some(present) = self.slots.get_mut(place(self.newest)) {
            *present = (*present).max(value);
        }
        let peak = self.slots.iter().copied().max().unwrap_or(value);
        peak.saturating_sub(value).max(0)
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        self.slots.iter().for_each(|slot| h.i64(*slot));
        h.u64(self.newest);
    }

    pub(crate) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        for slot in &mut self.slots {
            *slot = from.i64()?;
        }
        self.newest = from.u64()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_forgets_after_its_window_and_not_before() {
        let window = 15_000;
        let mut sum = WindowSum::default();
        sum.add(TsNs(100_000), window, 5);
        sum.add(TsNs(107_000), window, 7);
        for (at, total) in [(114_999, 12), (115_000, 12), (116_000, 7), (122_000, 7), (123_000, 0)]
        {
            sum.advance(TsNs(at), window);
            assert_eq!(sum.total(), total, "at {at}");
        }
        sum.add(TsNs(200_000), window, 1);
        sum.advance(TsNs(10), window);
        assert_eq!(sum.total(), 1, "time going back changes nothing");
        sum.advance(TsNs(u64::MAX - 1), window);
        assert_eq!(sum.total(), 0);
    }

    #[test]
    fn another_window_forgets_nothing_early_and_does_not_stand_still() {
        let mut sum = WindowSum::default();
        sum.add(TsNs(1_000_000), 15_000, 5);
        // A longer window: the sum still goes down once all of it is past.
        sum.advance(TsNs(1_001_000), 150_000);
        assert_eq!(sum.total(), 5);
        sum.advance(TsNs(1_150_000), 150_000);
        assert_eq!(sum.total(), 5, "still inside, counted from the change");
        sum.advance(TsNs(1_170_000), 150_000);
        assert_eq!(sum.total(), 0);
        // A shorter one: what was in it stays.
        sum.add(TsNs(2_000_000), 150_000, 7);
        sum.advance(TsNs(2_001_000), 15_000);
        assert_eq!(sum.total(), 7);
        sum.advance(TsNs(2_018_000), 15_000);
        assert_eq!(sum.total(), 0);
        sum.add(TsNs(2_018_000), 15_000, 3);
        sum.clear();
        assert_eq!(sum.total(), 0);
        sum.advance(TsNs(2_018_500), 15_000);
        assert_eq!(sum.total(), 0);
    }

    /// Against the naive sum: never below the true sum, above it by at most one slot's worth.
    #[test]
    fn a_sum_errs_on_the_tight_side_by_at_most_a_slot() {
        let (window, slot) = (15_000_u64, 1_000_u64);
        let (mut sum, mut log, mut seed, mut now) = (WindowSum::default(), Vec::new(), 1_u64, 0);
        for _ in 0..5_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            now += (seed >> 33) % 2_500;
            let amount = i64::try_from((seed >> 50) % 9).expect("small");
            sum.add(TsNs(now), 15_000, amount);
            log.push((now, amount));
            let within = |span: u64| -> i64 {
                log.iter().filter(|(at, _)| now - at <= span).map(|(_, a)| a).sum()
            };
            assert!(sum.total() >= within(window - slot), "{now}");
            assert!(sum.total() <= within(window + slot), "{now}");
        }
    }

    #[test]
    fn a_fall_is_measured_from_the_peak_of_the_last_minute() {
        let second = 1_000_000_000_u64;
        let mut peak = MinutePeak::default();
        assert_eq!(peak.fall(TsNs(1_000 * second), 10), 0);
        assert_eq!(peak.fall(TsNs(1_010 * second), 30), 0);
        assert_eq!(peak.fall(TsNs(1_020 * second), 5), 25);
        assert_eq!(peak.fall(TsNs(1_070 * second), 5), 25, "a minute later still");
        assert_eq!(peak.fall(TsNs(1_080 * second), 5), 0, "forgotten");
    }
}
