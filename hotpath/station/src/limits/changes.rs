//! Limits as frames: a whole file between the begin and the commit of its epoch, or one change.
//!
//! Owns the order of the values on the wire and the question which way a change goes. The engine
//! has the last word; this refuses early what cannot be right. Must never: make a frame of a file
//! that was not joined. The bridge's thread runs it.

use engine::limits::{
    FieldSpec, FirmLimits, LimitSet, Row, StrategyLimits, SymbolLimits, Tighter, VenueLimits,
};
use wire::risk::{ChangeSource, EpochStage, LimitChange, LimitField, LimitsEpoch, Scope};
use wire::{FrameHeader, InstrumentId, StrategyId, VenueId};

/// What a limit row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The station.
    Firm,
    /// A venue.
    Venue(VenueId),
    /// A strategy.
    Strategy(StrategyId),
    /// An instrument.
    Symbol(InstrumentId),
}

impl Target {
    /// Its scope.
    #[must_use]
    pub const fn scope(self) -> Scope {
        match self {
            Self::Firm => Scope::Firm,
            Self::Venue(_) => Scope::Venue,
            Self::Strategy(_) => Scope::Strategy,
            Self::Symbol(_) => Scope::Symbol,
        }
    }

    /// What a header names; `None` where it names more than one thing.
    #[must_use]
    pub fn of(header: &FrameHeader) -> Option<Self> {
        let FrameHeader { instrument_id, venue_id, strategy_id, .. } = *header;
        let named = (
            instrument_id != InstrumentId::UNDEF,
            venue_id != VenueId::UNDEF,
            strategy_id != StrategyId::UNDEF,
        );
        match named {
            (false, false, false) => Some(Self::Firm),
            (true, false, false) => Some(Self::Symbol(instrument_id)),
            (false, true, false) => Some(Self::Venue(venue_id)),
            (false, false, true) => Some(Self::Strategy(strategy_id)),
            _ => None,
        }
    }

    /// Writes the id into a header.
    pub fn put(self, header: &mut FrameHeader) {
        match self {
            Self::Firm => {}
            Self::Venue(id) => header.venue_id = id,
            Self::Strategy(id) => header.strategy_id = id,
            Self::Symbol(id) => header.instrument_id = id,
        }
    }

    /// What is known of a field of this kind of row.
    #[must_use]
    pub fn spec(self, field: LimitField) -> Option<&'static FieldSpec> {
        match self {
            Self::Firm => FirmLimits::spec(field),
            Self::Venue(_) => VenueLimits::spec(field),
            Self::Strategy(_) => StrategyLimits::spec(field),
            Self::Symbol(_) => SymbolLimits::spec(field),
        }
    }

    /// The value of a field in a set; `None` where there is no such row or field.
    #[must_use]
    pub fn get(self, set: &LimitSet, field: LimitField) -> Option<i64> {
        match self {
            Self::Firm => set.firm.get(field),
            Self::Venue(id) => {
                set.venues.iter().find(|(venue, _)| *venue == id).and_then(|(_, r)| r.get(field))
            }
            Self::Strategy(id) => set.strategies.get(usize::from(id.get()))?.as_ref()?.get(field),
            Self::Symbol(id) => {
                set.symbols.get(usize::try_from(id.get()).ok()?)?.as_ref()?.limits.get(field)
            }
        }
    }

    /// Sets a field in a set; `false` where there is no such row or field.
    pub fn set(self, set: &mut LimitSet, field: LimitField, value: i64) -> bool {
        match self {
            Self::Firm => set.firm.set(field, value),
            Self::Venue(id) => {
                let row = set.venues.iter_mut().find(|(venue, _)| *venue == id);
                row.is_some_and(|(_, row)| row.set(field, value))
            }
            Self::Strategy(id) => {
                let row = set.strategies.get_mut(usize::from(id.get())).and_then(Option::as_mut);
                row.is_some_and(|row| row.set(field, value))
            }
            Self::Symbol(id) => {
                let index = usize::try_from(id.get()).unwrap_or(usize::MAX);
                let row = set.symbols.get_mut(index).and_then(Option::as_mut);
                row.is_some_and(|row| row.limits.set(field, value))
            }
        }
    }
}

/// One change as a frame.
#[must_use]
pub fn change(
    target: Target,
    field: LimitField,
    value: i64,
    change_id: u64,
    source: ChangeSource,
) -> LimitChange {
    let mut header = FrameHeader::new::<LimitChange>();
    target.put(&mut header);
    LimitChange {
        header,
        value,
        change_id,
        field: field.code(),
        scope: target.scope().code(),
        source: source.code(),
        reserved: [0; 4],
    }
}

/// A stage of an epoch as a frame.
#[must_use]
pub fn stage(epoch: u64, sha256: [u8; 64], stage: EpochStage) -> LimitsEpoch {
    let header = FrameHeader::new::<LimitsEpoch>();
    LimitsEpoch { header, epoch, sha256, stage: stage.code(), reserved: [0; 7] }
}

/// Every row of a set: firm, venues, strategies, symbols, each in the order of its ids.
fn targets(set: &LimitSet) -> Vec<Target> {
    let venues = set.venues.iter().map(|(id, _)| Target::Venue(*id));
    let strategies = set.strategies.iter().enumerate().filter(|(_, row)| row.is_some());
    let strategies = strategies.filter_map(|(id, _)| u16::try_from(id).ok());
    let symbols = set.symbols.iter().enumerate().filter(|(_, row)| row.is_some());
    let symbols = symbols.filter_map(|(id, _)| u32::try_from(id).ok());
    std::iter::once(Target::Firm)
        .chain(venues)
        .chain(strategies.map(|id| Target::Strategy(StrategyId(id))))
        .chain(symbols.map(|id| Target::Symbol(InstrumentId(id))))
        .collect()
}

fn fields(target: Target) -> &'static [FieldSpec] {
    match target {
        Target::Firm => FirmLimits::fields(),
        Target::Venue(_) => VenueLimits::fields(),
        Target::Strategy(_) => StrategyLimits::fields(),
        Target::Symbol(_) => SymbolLimits::fields(),
    }
}

/// A whole set as frames: begin, every value in a fixed order, commit.
#[must_use]
pub fn frames(set: &LimitSet) -> Vec<Vec<u8>> {
    let edge = |which| bytemuck::bytes_of(&stage(set.epoch, set.sha256, which)).to_vec();
    let mut frames = vec![edge(EpochStage::Begin)];
    let mut id = 0;
    for target in targets(set) {
        for spec in fields(target) {
            if let Some(value) = target.get(set, spec.field) {
                id += 1;
                let frame = change(target, spec.field, value, id, ChangeSource::Epoch);
                frames.push(bytemuck::bytes_of(&frame).to_vec());
            }
        }
    }
    frames.push(edge(EpochStage::Commit));
    frames
}

/// Whether a field may go from `now` to `value` at run time: within its range, and only tighter.
///
/// # Errors
/// The reason, in one line.
pub fn only_tightens(spec: &FieldSpec, now: i64, value: i64) -> Result<(), String> {
    let name = spec.field.name();
    if !spec.range.contains(&value) {
        let (low, high) = (spec.range.start(), spec.range.end());
        return Err(format!("{name}={value} allowed=(a whole number from {low} to {high})"));
    }
    let (looser, way) = match spec.tighter {
        Tighter::Lower => (value > now, "below"),
        Tighter::Higher => (value < now, "above"),
    };
    if looser || value == now {
        return Err(format!(
            "{name}={value} is no tighter than {now}: allowed=({way} {now}); \
             only a signed file with a new epoch loosens"
        ));
    }
    Ok(())
}

/// What a set has that no frame can carry: rules of symbols, and which rows there are.
///
/// # Errors
/// One line for each difference.
pub fn same_rules(
    old: &LimitSet,
    new: &LimitSet,
    symbol: impl Fn(usize) -> String,
) -> Result<(), Vec<String>> {
    let mut lines = Vec::new();
    for (i, (a, b)) in old.symbols.iter().zip(&new.symbols).enumerate() {
        let name = symbol(i);
        let mut told = |what: &str| {
            lines.push(format!("symbol.{name}: {what} cannot change while it runs; restart"));
        };
        match (a, b) {
            (Some(a), Some(b)) => {
                let (x, y) = (&a.rules, &b.rules);
                for (same, what) in [
                    (x.order_types == y.order_types, "order_types"),
                    (x.strategies == y.strategies, "strategies"),
                    (x.fx == y.fx, "fx"),
                    (x.band_due == y.band_due, "band"),
                    (x.locate_due == y.locate_due, "locate"),
                    (a.adv_lots == b.adv_lots, "adv_lots"),
                ] {
                    if !same {
                        told(what);
                    }
                }
            }
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => told("whether it has a row"),
        }
    }
    if lines.is_empty() { Ok(()) } else { Err(lines) }
}
