//! Parent orders: a quantity worked in slices over time, by equal slices (TWAP) or along a volume
//! curve (VWAP).
//!
//! Owns: the schedule and the books of each parent: how much of it is filled, working, left. Must
//! never: write an order (each slice passes the gate like any other, which checks by these books
//! that the slices never exceed the parent), or allocate after construction. Loop thread.

use crate::hash::StateHasher;
use crate::state::{StateError, StateReader};
use wire::order::{ParentState, ParentStyle, Side};
use wire::{PriceTicks, QtyLots, StrategyId, TsNs};

/// Buckets of a volume curve.
pub const CURVE: usize = 16;
/// Most slices of a parent.
pub const MAX_SLICES: u32 = 10_000;
/// Parents that may work at once.
pub const MAX_PARENTS: usize = 32;

/// How a parent is to be worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParentSpec {
    /// Side.
    pub side: Side,
    /// Whole quantity, lots.
    pub qty_lots: QtyLots,
    /// Worst price of any slice, ticks.
    pub limit_px_ticks: PriceTicks,
    /// From the start to the last slice, nanoseconds of engine time.
    pub duration_ns: u64,
    /// Slices.
    pub slices: u32,
    /// Style.
    pub style: ParentStyle,
    /// Volume expected in each sixteenth of the time, in any unit; for VWAP only.
    pub curve: [u16; CURVE],
}

impl ParentSpec {
    /// Equal slices over a span.
    #[must_use]
    pub const fn twap(
        side: Side,
        qty_lots: QtyLots,
        limit_px_ticks: PriceTicks,
        duration_ns: u64,
        slices: u32,
    ) -> Self {
        let style = ParentStyle::Twap;
        Self { side, qty_lots, limit_px_ticks, duration_ns, slices, style, curve: [1; CURVE] }
    }

    /// The first thing that is wrong with it.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        let curve: u64 = self.curve.iter().map(|v| u64::from(*v)).sum();
        [
            (self.qty_lots.get() > 0, "quantity must be above 0"),
            (self.limit_px_ticks.get() > 0, "limit price must be above 0"),
            ((1..=MAX_SLICES).contains(&self.slices), "slices must be 1 to 10000"),
            (self.duration_ns >= u64::from(self.slices), "duration must hold the slices"),
            (self.style == ParentStyle::Twap || curve > 0, "volume curve must not be empty"),
        ]
        .into_iter()
        .find(|(good, _)| !good)
        .map(|(_, problem)| problem)
    }

    /// Lots due after `done` of the slices, rounded so that the last makes the whole.
    #[must_use]
    pub fn due_lots(&self, done: u32) -> i64 {
        let (done, slices) = (u64::from(done.min(self.slices)), u64::from(self.slices.max(1)));
        let (part, whole) = match self.style {
            ParentStyle::Twap => (u128::from(done), u128::from(slices)),
            ParentStyle::Vwap => self.curve_part(done, slices),
        };
        let qty = u128::from(self.qty_lots.get().unsigned_abs());
        let due = qty.saturating_mul(part).checked_div(whole).unwrap_or(0);
        i64::try_from(due).unwrap_or(i64::MAX)
    }

    /// The share of the curve's volume in the first `done` of `slices` equal times: a bucket that is
    /// begun counts in proportion.
    fn curve_part(&self, done: u64, slices: u64) -> (u128, u128) {
        let total: u128 = self.curve.iter().map(|v| u128::from(*v)).sum();
        let at = u128::from(done) * CURVE as u128;
        let per = u128::from(slices);
        let mut part = 0_u128;
        for (bucket, volume) in (0_u128..).zip(&self.curve) {
            let begun = at.saturating_sub(bucket * per).min(per);
            part += begun * u128::from(*volume);
        }
        (part, total * per)
    }
}

/// One parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Number, from 1; 0 for a free place.
    pub id: u32,
    /// Whose.
    pub strategy: StrategyId,
    /// What was asked.
    pub spec: ParentSpec,
    /// When it began.
    pub start_ns: TsNs,
    /// Slices begun.
    pub begun: u32,
    /// Filled, lots.
    pub cum_lots: i64,
    /// Working, in flight or unknown, lots.
    pub working_lots: i64,
    /// State. Expired while slices still work: nothing more goes out, its end is not told yet.
    pub state: ParentState,
    /// Whether its end was told; it is told once.
    pub is_told: bool,
}

impl Parent {
    /// Whether slices may still go out.
    #[must_use]
    pub fn is_working(&self) -> bool {
        self.state == ParentState::Started
    }

    /// What its slices have used: filled or still able to fill.
    #[must_use]
    pub fn used_lots(&self) -> i64 {
        self.cum_lots.saturating_add(self.working_lots)
    }

    /// Engine time of its next slice, or of its end when all have begun.
    #[must_use]
    pub fn next_ns(&self) -> TsNs {
        let slice = self.spec.duration_ns / u64::from(self.spec.slices.max(1));
        self.start_ns.saturating_add(slice.saturating_mul(u64::from(self.begun)))
    }

    /// Begins the next slice: lots to send now so that filled and working reach what is due; what
    /// an earlier slice could not fill is caught up.
    pub fn begin_slice(&mut self) -> i64 {
        self.begun = self.begun.saturating_add(1);
        self.spec.due_lots(self.begun).saturating_sub(self.used_lots()).max(0)
    }

    /// Whether its time is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.begun >= self.spec.slices
    }

    fn hash_into(&self, h: &mut StateHasher) {
        h.u64(u64::from(self.id));
        h.u64(u64::from(self.strategy.get()));
        h.u64(u64::from(u32::from_le_bytes([
            self.spec.side.code(),
            self.spec.style.code(),
            self.state.code(),
            u8::from(self.is_told),
        ])));
        h.i64(self.spec.qty_lots.get());
        h.i64(self.spec.limit_px_ticks.get());
        h.u64(self.spec.duration_ns);
        h.u64(u64::from(self.spec.slices));
        self.spec.curve.iter().for_each(|v| h.u64(u64::from(*v)));
        h.u64(self.start_ns.get());
        h.u64(u64::from(self.begun));
        h.i64(self.cum_lots);
        h.i64(self.working_lots);
    }

    fn loaded(from: &mut StateReader<'_>, strategies: usize) -> Result<Self, StateError> {
        let id = from.fit()?;
        let strategy = StrategyId(from.fit()?);
        if usize::from(strategy.get()) >= strategies {
            return Err(from.bad());
        }
        let [side, style, state, is_told] = from.bytes()?;
        let codes =
            (Side::from_code(side), ParentStyle::from_code(style), ParentState::from_code(state));
        let ((Some(side), Some(style), Some(state)), 0 | 1) = (codes, is_told) else {
            return Err(from.bad());
        };
        let mut spec = ParentSpec {
            side,
            qty_lots: QtyLots(from.i64()?),
            limit_px_ticks: PriceTicks(from.i64()?),
            duration_ns: from.u64()?,
            slices: from.fit()?,
            style,
            curve: [0; CURVE],
        };
        for volume in &mut spec.curve {
            *volume = from.fit()?;
        }
        if spec.problem().is_some() {
            return Err(from.bad());
        }
        let start_ns = from.time()?;
        let begun = from.fit()?;
        let (cum_lots, working_lots) = (from.i64()?, from.i64()?);
        let is_told = is_told == 1;
        Ok(Self { id, strategy, spec, start_ns, begun, cum_lots, working_lots, state, is_told })
    }
}

/// The parents: a fixed number of places; a finished one keeps its place until it is needed and its
/// last slice is done.
#[derive(Debug)]
pub struct ParentTable {
    places: Vec<Option<Parent>>,
    next: u32,
}

impl ParentTable {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self { places: vec![None; MAX_PARENTS], next: 1 }
    }

    /// Takes a parent up; `None` where every place works.
    pub fn start(&mut self, strategy: StrategyId, spec: ParentSpec, now: TsNs) -> Option<Parent> {
        let free = |p: &Option<Parent>| p.is_none_or(|p| !p.is_working() && p.working_lots == 0);
        let place = self.places.iter_mut().find(|p| free(p))?;
        let id = self.next;
        self.next = self.next.checked_add(1)?;
        Some(*place.insert(Parent {
            id,
            strategy,
            spec,
            start_ns: now,
            begun: 0,
            cum_lots: 0,
            working_lots: 0,
            state: ParentState::Started,
            is_told: false,
        }))
    }

    /// The parent with this number.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&Parent> {
        if id == 0 {
            // Almost every order has none.
            return None;
        }
        self.places.iter().flatten().find(|p| p.id == id)
    }

    /// The parent with this number, to change.
    pub fn get_mut(&mut self, id: u32) -> Option<&mut Parent> {
        if id == 0 {
            return None;
        }
        self.places.iter_mut().flatten().find(|p| p.id == id)
    }

    /// Every parent known.
    pub fn iter(&self) -> impl Iterator<Item = &Parent> {
        self.places.iter().flatten()
    }

    /// The number of the working parent whose next slice or end is due first, and when.
    #[must_use]
    pub fn next_due(&self) -> Option<(u32, TsNs)> {
        let working = self.iter().filter(|p| p.is_working());
        working.map(|p| (p.next_ns(), p.id)).min().map(|(at, id)| (id, at))
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        h.u64(u64::from(self.next));
        // The place too: it says which finished parent gives way first.
        for place in &self.places {
            h.bool(place.is_some());
            if let Some(parent) = place {
                parent.hash_into(h);
            }
        }
    }

    pub(crate) fn load_from(
        &mut self,
        from: &mut StateReader<'_>,
        strategies: usize,
    ) -> Result<(), StateError> {
        self.next = from.fit()?;
        for place in &mut self.places {
            *place = if from.bool()? { Some(Parent::loaded(from, strategies)?) } else { None };
        }
        Ok(())
    }
}

impl Default for ParentTable {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twap(qty: i64, slices: u32) -> ParentSpec {
        ParentSpec::twap(Side::Buy, QtyLots(qty), PriceTicks(100), 1_000_000, slices)
    }

    #[test]
    fn equal_slices_make_the_whole() {
        for (qty, slices) in [(10, 3), (1, 7), (100, 1), (i64::MAX, 10_000), (9_999, 10_000)] {
            let spec = twap(qty, slices);
            let mut last = 0;
            for n in 0..=slices {
                let due = spec.due_lots(n);
                assert!(due >= last && due <= qty);
                last = due;
            }
            assert_eq!(last, qty);
            assert_eq!(spec.due_lots(0), 0);
        }
        let spec = twap(10, 3);
        assert_eq!([1, 2, 3].map(|n| spec.due_lots(n)), [3, 6, 10]);
    }

    #[test]
    fn a_volume_curve_is_followed_and_a_begun_bucket_counts_in_part() {
        let mut curve = [0; CURVE];
        (curve[0], curve[15]) = (1, 3);
        let spec = ParentSpec { style: ParentStyle::Vwap, curve, ..twap(400, 32) };
        // Two slices a bucket: half of the first quarter, all of it, nothing until the last.
        assert_eq!([1, 2, 3, 30, 31, 32].map(|n| spec.due_lots(n)), [50, 100, 100, 100, 250, 400]);
        let flat = ParentSpec { style: ParentStyle::Vwap, curve: [7; CURVE], ..twap(100, 5) };
        assert_eq!([1, 2, 5].map(|n| flat.due_lots(n)), [20, 40, 100], "flat is TWAP");
    }

    #[test]
    fn a_slice_catches_up_what_did_not_fill_and_never_exceeds_the_whole() {
        let mut table = ParentTable::new();
        let id = table.start(StrategyId(1), twap(90, 3), TsNs(1_000)).expect("room").id;
        let parent = table.get_mut(id).expect("there");
        assert_eq!((parent.next_ns(), parent.begin_slice()), (TsNs(1_000), 30));
        parent.cum_lots = 10;
        assert_eq!(parent.next_ns(), TsNs(1_000 + 333_333));
        assert_eq!(parent.begin_slice(), 50, "20 missing and 30 due");
        parent.working_lots = 80;
        assert_eq!(parent.begin_slice(), 0);
        assert!(parent.is_over());
    }

    #[test]
    fn places_come_free_when_nothing_works() {
        let mut table = ParentTable::new();
        for n in 0..MAX_PARENTS {
            let parent = table.start(StrategyId(0), twap(1, 1), TsNs(0)).expect("room");
            assert_eq!(parent.id as usize, n + 1);
        }
        assert!(table.start(StrategyId(0), twap(1, 1), TsNs(0)).is_none());
        let first = table.get_mut(1).expect("there");
        (first.state, first.working_lots) = (ParentState::Canceled, 1);
        assert!(table.start(StrategyId(0), twap(1, 1), TsNs(0)).is_none(), "a slice still works");
        table.get_mut(1).expect("there").working_lots = 0;
        let id = table.start(StrategyId(0), twap(1, 1), TsNs(5)).expect("free").id;
        assert_eq!(id as usize, MAX_PARENTS + 1, "numbers are never reused");
        assert_eq!(table.next_due(), Some((2, TsNs(0))));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(twap(1, 1).problem(), None);
        assert!(twap(0, 1).problem().is_some());
        assert!(twap(1, 0).problem().is_some());
        assert!(twap(1, MAX_SLICES + 1).problem().is_some());
        assert!(ParentSpec { limit_px_ticks: PriceTicks(0), ..twap(1, 1) }.problem().is_some());
        assert!(ParentSpec { duration_ns: 0, ..twap(1, 1) }.problem().is_some());
        let empty = ParentSpec { style: ParentStyle::Vwap, curve: [0; CURVE], ..twap(1, 1) };
        assert!(empty.problem().is_some());
    }
}
