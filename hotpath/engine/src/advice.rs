//! Advice in force: what sidecars suggest, bounded so that the worst they can do is to make the
//! station trade less for a while.
//!
//! Owns: which advice is taken, what it makes of a row of limits, when it ends. An advice tightens one
//! field of one instrument or of all, no further than the policy's floor, for no longer than the
//! policy's span; its source is numbered, limited in rate, and can be muted. Must never: loosen
//! beyond the operator's value, name an order, or touch a latch. Loop thread; no allocation.

use crate::hash::StateHasher;
use crate::limits::SymbolLimits;
use crate::state::{StateError, StateReader};
use wire::advice::{Advice, AdviceField};
use wire::{InstrumentId, TsNs};

/// Advice that may be in force at once.
pub const MAX_ADVICE: usize = 64;
/// Sources that are known, by index.
pub const MAX_SOURCES: usize = 32;

/// What advice may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdvicePolicy {
    /// Longest life of an advice, nanoseconds of engine time.
    pub max_life_ns: u64,
    /// Shortest time between two of one source, nanoseconds of engine time.
    pub min_interval_ns: u64,
    /// A limit falls to no less than this share of the operator's value, basis points.
    pub floor_bp: i64,
}

impl Default for AdvicePolicy {
    /// Ten minutes at most, one a second, down to a tenth.
    fn default() -> Self {
        Self { max_life_ns: 600_000_000_000, min_interval_ns: 1_000_000_000, floor_bp: 1_000 }
    }
}

/// Why an advice was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Source beyond the known ones.
    Source,
    /// An operator muted the source.
    Muted,
    /// Its number does not rise.
    Number,
    /// Sooner after the last than the policy allows.
    Rate,
    /// Over already, or longer than the policy allows.
    Life,
    /// Instrument not in the table.
    Instrument,
    /// A value no limit can have.
    Value,
    /// As many in force as there can be.
    Full,
}

impl Refused {
    /// A number for the alarm.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Source => 1,
            Self::Muted => 2,
            Self::Number => 3,
            Self::Rate => 4,
            Self::Life => 5,
            Self::Instrument => 6,
            Self::Value => 7,
            Self::Full => 8,
        }
    }
}

/// One advice in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce {
    /// Index of its source.
    pub source: u32,
    /// What it tightens.
    pub field: AdviceField,
    /// Undefined for all instruments.
    pub instrument: InstrumentId,
    /// The value asked for, in the field's unit.
    pub value: i64,
    /// Engine time from which it is over.
    pub expires_ns: TsNs,
}

impl InForce {
    fn loaded(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(Self {
            source: from.fit()?,
            field: from.code(AdviceField::from_code)?,
            instrument: InstrumentId(from.fit()?),
            value: from.i64()?,
            expires_ns: from.time()?,
        })
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Source {
    last_id: u64,
    seen: bool,
    last_ns: u64,
    muted: bool,
}

/// The advice in force.
#[derive(Debug)]
pub struct AdviceBoard {
    policy: AdvicePolicy,
    places: Vec<Option<InForce>>,
    sources: [Source; MAX_SOURCES],
}

impl AdviceBoard {
    /// Nothing in force.
    #[must_use]
    pub fn new(policy: AdvicePolicy) -> Self {
        Self { policy, places: vec![None; MAX_ADVICE], sources: [Source::default(); MAX_SOURCES] }
    }

    /// Takes an advice, or says why not. A newer one of the same source, field and instrument
    /// replaces the older.
    ///
    /// # Errors
    /// [`Refused`]; then nothing is in force that was not before.
    pub fn take(&mut self, advice: &Advice, instruments: usize, now: TsNs) -> Result<(), Refused> {
        let field = AdviceField::from_code(advice.field).ok_or(Refused::Value)?;
        let index = usize::try_from(advice.source).map_err(|_| Refused::Source)?;
        let source = self.sources.get_mut(index).ok_or(Refused::Source)?;
        if source.muted {
            return Err(Refused::Muted);
        }
        if source.seen && advice.advice_id <= source.last_id {
            return Err(Refused::Number);
        }
        let too_soon = now.get().saturating_sub(source.last_ns) < self.policy.min_interval_ns;
        if source.seen && too_soon {
            return Err(Refused::Rate);
        }
        let life = advice.expires_ns.get().saturating_sub(now.get());
        if advice.expires_ns <= now || life > self.policy.max_life_ns {
            return Err(Refused::Life);
        }
        let instrument = advice.header.instrument_id;
        let is_known = usize::try_from(instrument.get()).is_ok_and(|i| i < instruments);
        if instrument != InstrumentId::UNDEF && !is_known {
            return Err(Refused::Instrument);
        }
        let good =
            if field == AdviceField::ReduceOnly { advice.value == 1 } else { advice.value > 0 };
        if !good {
            return Err(Refused::Value);
        }
        let new = InForce {
            source: advice.source,
            field,
            instrument,
            value: advice.value,
            expires_ns: advice.expires_ns,
        };
        let same = |p: &Option<InForce>| {
            p.is_some_and(|p| (p.source, p.field, p.instrument) == (new.source, field, instrument))
        };
        let place = self.places.iter().position(same);
        let place = place.or_else(|| self.places.iter().position(Option::is_none));
        let Some(place) = place.and_then(|n| self.places.get_mut(n)) else {
            return Err(Refused::Full);
        };
        *place = Some(new);
        *source =
            Source { last_id: advice.advice_id, seen: true, last_ns: now.get(), muted: false };
        Ok(())
    }

    /// Hears no more of a source, and drops what it had in force. `false`: no such source.
    pub fn mute(&mut self, source: u32) -> bool {
        let Some(known) = usize::try_from(source).ok().and_then(|n| self.sources.get_mut(n)) else {
            return false;
        };
        known.muted = true;
        for place in &mut self.places {
            if place.is_some_and(|p| p.source == source) {
                *place = None;
            }
        }
        true
    }

    /// Drops what is over at `now`; whether anything was.
    pub fn expire(&mut self, now: TsNs) -> bool {
        let mut any = false;
        for place in &mut self.places {
            if place.is_some_and(|p| p.expires_ns <= now) {
                *place = None;
                any = true;
            }
        }
        any
    }

    /// When the next advice is over.
    #[must_use]
    pub fn next_expiry(&self) -> Option<TsNs> {
        self.places.iter().flatten().map(|p| p.expires_ns).min()
    }

    /// Each advice in force.
    pub fn iter(&self) -> impl Iterator<Item = &InForce> {
        self.places.iter().flatten()
    }

    /// How many are in force.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.iter().flatten().count()
    }

    /// Whether none is in force.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What an instrument's row becomes, and whether only reducing orders may pass. `base` is the
    /// tightest of all other layers, `operator` the value the floor is measured from.
    #[must_use]
    pub fn applied(
        &self,
        instrument: InstrumentId,
        operator: &SymbolLimits,
        base: &SymbolLimits,
    ) -> (SymbolLimits, bool) {
        let (mut row, mut reduce_only) = (*base, false);
        let of = |p: &&InForce| p.instrument == InstrumentId::UNDEF || p.instrument == instrument;
        for advice in self.places.iter().flatten().filter(of) {
            let tighten = |limit: &mut i64, operator: i64| {
                let floor = i128::from(operator) * i128::from(self.policy.floor_bp) / 10_000;
                let floor = i64::try_from(floor).unwrap_or(operator).max(i64::from(operator > 0));
                *limit = (*limit).min(advice.value.max(floor));
            };
            match advice.field {
                AdviceField::MaxOrderQty => {
                    tighten(&mut row.max_order_qty_lots, operator.max_order_qty_lots);
                }
                AdviceField::MaxPosition => {
                    tighten(&mut row.max_long_lots, operator.max_long_lots);
                    tighten(&mut row.max_short_lots, operator.max_short_lots);
                }
                AdviceField::OrderRate => {
                    tighten(&mut row.order_rate_per_s, operator.order_rate_per_s);
                }
                AdviceField::PriceCollar => {
                    tighten(&mut row.price_collar_bp, operator.price_collar_bp);
                }
                AdviceField::ReduceOnly => reduce_only = true,
            }
        }
        (row, reduce_only)
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        h.u64(self.policy.max_life_ns);
        h.u64(self.policy.min_interval_ns);
        h.i64(self.policy.floor_bp);
        for advice in &self.places {
            h.bool(advice.is_some());
            if let Some(a) = advice {
                h.u64(u64::from(a.source));
                h.u64(u64::from(a.field.code()));
                h.u64(u64::from(a.instrument.get()));
                h.i64(a.value);
                h.u64(a.expires_ns.get());
            }
        }
        for source in &self.sources {
            h.u64(source.last_id);
            h.bool(source.seen);
            h.u64(source.last_ns);
            h.bool(source.muted);
        }
    }

    pub(crate) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.same(self.policy.max_life_ns)?;
        from.same(self.policy.min_interval_ns)?;
        from.same(self.policy.floor_bp.cast_unsigned())?;
        for place in &mut self.places {
            *place = if from.bool()? { Some(InForce::loaded(from)?) } else { None };
        }
        for source in &mut self.sources {
            source.last_id = from.u64()?;
            source.seen = from.bool()?;
            source.last_ns = from.u64()?;
            source.muted = from.bool()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Row;
    use bytemuck::Zeroable;
    use wire::FrameHeader;

    const NOW: TsNs = TsNs(1_000_000_000_000);

    fn advice(id: u64, field: AdviceField, value: i64) -> Advice {
        let mut advice = Advice::zeroed();
        advice.header = FrameHeader::new::<Advice>();
        (advice.advice_id, advice.value, advice.field) = (id, value, field.code());
        advice.expires_ns = TsNs(NOW.get() + 1_000);
        advice
    }

    fn operator() -> SymbolLimits {
        let mut row = SymbolLimits::LOOSEST;
        (row.max_order_qty_lots, row.max_long_lots, row.max_short_lots) = (1_000, 500, 0);
        row
    }

    #[test]
    fn tightens_down_to_the_floor_and_ends() {
        let mut board = AdviceBoard::new(AdvicePolicy::default());
        let row = operator();
        let of = |board: &AdviceBoard, id| board.applied(InstrumentId(id), &row, &row).0;
        board.take(&advice(1, AdviceField::MaxOrderQty, 400), 2, NOW).expect("sound");
        assert_eq!(of(&board, 0).max_order_qty_lots, 400);
        let later = TsNs(NOW.get() + 1_000_000_000);
        let mut tiny = advice(2, AdviceField::MaxOrderQty, 1);
        tiny.expires_ns = TsNs(later.get() + 600_000_000_000);
        board.take(&tiny, 2, later).expect("at the longest life");
        assert_eq!(board.len(), 1, "replaces the older one");
        assert_eq!(of(&board, 1).max_order_qty_lots, 100, "a tenth of the operator's");
        assert_eq!(board.next_expiry(), Some(tiny.expires_ns));
        assert!(!board.expire(TsNs(tiny.expires_ns.get() - 1)));
        assert!(board.expire(tiny.expires_ns));
        assert_eq!(of(&board, 1), row, "back to the operator's value");
    }

    #[test]
    fn a_looser_value_changes_nothing_and_a_zero_limit_stays_zero() {
        let mut board = AdviceBoard::new(AdvicePolicy::default());
        let row = operator();
        board.take(&advice(1, AdviceField::MaxPosition, i64::MAX), 1, NOW).expect("sound");
        assert_eq!(board.applied(InstrumentId(0), &row, &row), (row, false));
    }

    #[test]
    fn each_refusal_has_a_number_of_its_own() {
        let all = [
            Refused::Source,
            Refused::Muted,
            Refused::Number,
            Refused::Rate,
            Refused::Life,
            Refused::Instrument,
            Refused::Value,
            Refused::Full,
        ];
        assert_eq!(all.map(Refused::code), [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn a_full_board_refuses_and_room_comes_with_the_expiry() {
        let policy = AdvicePolicy { min_interval_ns: 0, ..AdvicePolicy::default() };
        let mut board = AdviceBoard::new(policy);
        let of = |id: u64| {
            let mut new = advice(id, AdviceField::MaxOrderQty, 400);
            new.header.instrument_id = InstrumentId(u32::try_from(id).expect("few"));
            new
        };
        for id in 0..64 {
            board.take(&of(id), 100, NOW).expect("room");
        }
        assert_eq!(board.take(&of(64), 100, NOW), Err(Refused::Full));
        assert_eq!(board.len(), MAX_ADVICE);
        // The same again takes its own place.
        let again = Advice { advice_id: 70, ..of(3) };
        board.take(&again, 100, NOW).expect("its place");
        assert!(board.expire(TsNs(NOW.get() + 1_000)));
        assert_eq!(board.next_expiry(), None);
        board.take(&Advice { advice_id: 71, ..of(64) }, 100, NOW).expect("room");
    }

    #[test]
    fn each_refusal_has_its_reason_and_its_border() {
        let mut board = AdviceBoard::new(AdvicePolicy::default());
        let good = advice(5, AdviceField::OrderRate, 3);
        let mut refused = |change: &dyn Fn(&mut Advice), at| {
            let mut other = good;
            change(&mut other);
            board.take(&other, 2, at)
        };
        assert_eq!(refused(&|a| a.source = 32, NOW), Err(Refused::Source));
        assert_eq!(refused(&|a| a.expires_ns = NOW, NOW), Err(Refused::Life));
        let long = NOW.get() + 600_000_000_001;
        assert_eq!(refused(&|a| a.expires_ns = TsNs(long), NOW), Err(Refused::Life));
        assert_eq!(
            refused(&|a| a.header.instrument_id = InstrumentId(2), NOW),
            Err(Refused::Instrument)
        );
        assert_eq!(refused(&|a| a.value = 0, NOW), Err(Refused::Value));
        assert_eq!(refused(&|a| a.field = b'O', NOW), Err(Refused::Value), "1 or nothing");
        assert_eq!(refused(&|_| {}, NOW), Ok(()));
        assert_eq!(refused(&|_| {}, NOW), Err(Refused::Number));
        let soon = TsNs(NOW.get() + 999_999_999);
        let life =
            |a: &mut Advice| (a.advice_id, a.expires_ns) = (6, TsNs(NOW.get() + 2_000_000_000));
        assert_eq!(refused(&life, soon), Err(Refused::Rate));
        assert_eq!(refused(&life, TsNs(NOW.get() + 1_000_000_000)), Ok(()));
        assert!(board.mute(0) && board.is_empty());
        assert!(!board.mute(99));
        let mut again = advice(9, AdviceField::OrderRate, 1);
        again.expires_ns = TsNs(NOW.get() + 9_000_000_000);
        assert_eq!(board.take(&again, 2, TsNs(NOW.get() + 8_000_000_000)), Err(Refused::Muted));
    }
}
