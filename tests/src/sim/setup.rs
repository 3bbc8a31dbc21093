//! The station of a world: its instruments, its limits, its strategies.

use super::dice::Dice;
use super::plan::Plan;
use super::trader::Trader;
use engine::advice::AdvicePolicy;
use engine::limits::{FxSource, LimitSet, Row, Tighter};
use engine::testing::open_limits;
use engine::{OwnStrategy, Setup, SignalSetup};
use wire::frame::FrameHeader;
use wire::instrument::{Instrument, InstrumentType, padded};
use wire::risk::LimitField;
use wire::{InstrumentId, QtyLots, VenueId};

/// Where the market of an instrument begins, ticks.
pub(crate) const START_TICKS: i64 = 10_000;
const SECOND: u64 = 1_000_000_000;

/// The venue an instrument trades on: an index.
pub(crate) fn venue_of(plan: &Plan, instrument: usize) -> usize {
    instrument % plan.venues
}

/// The id of a venue.
pub(crate) fn venue_id(venue: usize) -> VenueId {
    VenueId(u16::try_from(venue + 1).unwrap_or(1))
}

/// The id of an instrument.
pub(crate) fn instrument_id(instrument: usize) -> InstrumentId {
    InstrumentId(u32::try_from(instrument).unwrap_or(0))
}

/// The instrument table.
pub(crate) fn instruments(plan: &Plan) -> Vec<Instrument> {
    let mut dice = Dice::of(plan.seed, 3);
    (0..plan.instruments)
        .map(|n| {
            let mut header = FrameHeader::new::<Instrument>();
            header.instrument_id = instrument_id(n);
            header.venue_id = venue_id(venue_of(plan, n));
            // Only the last may be one that cannot be traded.
            let is_inverse = n > 0 && n + 1 == plan.instruments && dice.one_in(6);
            let kind = if is_inverse { InstrumentType::InversePerp } else { InstrumentType::Spot };
            Instrument {
                header,
                symbol: padded(["ONEUSDT", "TWOUSDT", "THREEUSDT"][n % 3]).unwrap_or([b'X'; 24]),
                tick_size_e9: 10_000_000,
                lot_size_e9: 1_000_000,
                min_qty_lots: QtyLots(dice.pick(&[1, 1, 2]).unwrap_or(1)),
                max_qty_lots: QtyLots(100_000),
                min_notional_e9: dice.pick(&[0, 0, 300_000_000]).unwrap_or(0),
                instrument_type: kind.code(),
                reserved: [0; 23],
            }
        })
        .collect()
}

/// A value of a limit at which a world of this size runs into it now and then.
fn close_value(field: LimitField, dice: &mut Dice) -> i64 {
    use LimitField as F;
    const MILLI: i64 = 1_000_000;
    const UNIT: i64 = 1_000_000_000;
    let (low, high, unit) = match field {
        F::MaxOrderQty => (10, 60, 1),
        F::MaxOrderNotional => (1, 6, UNIT),
        F::MaxAdvBp => (1, 5, 1),
        F::MaxDepthBp => (500, 10_000, 1),
        F::PriceCollarBp => (5, 100, 1),
        F::PriceCollarTicks => (0, 20, 1),
        F::MaxAggressionTicks => (0, 8, 1),
        F::MaxLong | F::MaxShort | F::MaxFillLots => (20, 200, 1),
        F::MaxOpenOrders => (2, 12, 1),
        F::MaxOpenNotional => (2, 20, UNIT),
        F::MaxMarketAge => (20, 2_000, MILLI),
        F::MaxSpreadTicks | F::MaxSignalRepeats | F::MaxLossStreak | F::MaxOrderToTrade => {
            (1, 6, 1)
        }
        F::MaxSpreadMedians | F::MaxSignalLag => (1, 4, 1),
        F::OrderRatePerS => (1, 30, 1),
        F::OrderBurst => (1, 10, 1),
        F::MaxDuplicates | F::QtyStep | F::PriceStep => (1, 3, 1),
        F::DuplicateWindow => (100, 20_000, MILLI),
        F::FillWindow => (500, 20_000, MILLI),
        F::MaxGross | F::MaxNet | F::Capital => (3, 30, UNIT),
        F::MaxConcentrationBp => (1_000, 9_000, 1),
        F::CreditUseBp => (1, 5_000, 1),
        F::VarLimit => (1, 2_000, MILLI),
        F::MaxUnknownOrders => (0, 3, 1),
        F::MaxUnknownNotional => (1, 10, UNIT),
        F::MaxDailyLoss | F::MaxDrawdown | F::MaxLossPerMin => (500, 30_000, 1_000),
        F::MessageRatePerS => (5, 60, 1),
        F::MessageBurst => (6, 30, 1),
        F::OrderShareBp => (2_000, 9_000, 1),
        F::MaxExecutions => (5, 80, 1),
        F::MaxConsecutiveRejects => (2, 20, 1),
        F::MaxDailyTurnover => (20, 400, UNIT),
        F::MaxDailyOrders => (20, 300, 1),
        F::MaxRiskAge | F::MaxFxAge => (200, 40_000, MILLI),
        F::MaxClockOffset => (1, 50, MILLI),
    };
    dice.from(low, high) * unit
}

/// Tightens a share of a row's limits.
pub(crate) fn tighten<R: Row>(row: &mut R, percent: u64, dice: &mut Dice) {
    for spec in R::fields() {
        let value = close_value(spec.field, dice);
        if dice.below(100) >= percent {
            continue;
        }
        row.set(spec.field, value.clamp(*spec.range.start(), *spec.range.end()));
    }
}

/// A value for a field that is tighter than `now`; the same where there is none.
pub(crate) fn tighter_value<R: Row>(row: &R, field: LimitField, dice: &mut Dice) -> Option<i64> {
    let spec = R::spec(field)?;
    let now = row.get(field)?;
    let close = close_value(field, dice).clamp(*spec.range.start(), *spec.range.end());
    Some(match spec.tighter {
        Tighter::Lower => now.min(close),
        Tighter::Higher => now.max(close),
    })
}

/// The limits file of a world.
pub(crate) fn limits(plan: &Plan, epoch: u64, dice: &mut Dice) -> LimitSet {
    let venues: Vec<VenueId> = (0..plan.venues).map(venue_id).collect();
    let mut set = open_limits(plan.instruments, plan.strategies, &venues);
    set.epoch = epoch;
    set.sha256 = [b"0123456789abcdef"[dice.index(16)]; 64];
    for row in set.symbols.iter_mut().flatten() {
        // Bounds that every station has.
        let l = &mut row.limits;
        (l.max_order_qty_lots, l.max_long_lots, l.max_short_lots) = (200, 1_000, 1_000);
        (l.max_open_orders, l.order_rate_per_s, l.order_burst) = (40, 1_000, 100);
        l.max_market_age_ns = 10_000_000_000;
        tighten(l, plan.tight_percent, dice);
        row.rules.fx = if dice.one_in(4) { FxSource::Feed } else { FxSource::Base };
        row.rules.band_due = dice.one_in(6);
        row.rules.locate_due = dice.one_in(6);
        if dice.one_in(8) {
            row.rules.order_types = u32::from_le_bytes([2, 7, 31, 31]);
        }
        if dice.one_in(16) {
            row.rules.strategies = u64::MAX << 1;
        }
    }
    for row in set.strategies.iter_mut().flatten() {
        tighten(row, plan.tight_percent / 2, dice);
    }
    if plan.strategies > 1 && dice.one_in(20) {
        set.strategies[plan.strategies - 1] = None;
    }
    for (_, row) in &mut set.venues {
        (row.message_rate_per_s, row.message_burst, row.order_share_bp) = (500, 200, 8_000);
        tighten(row, plan.tight_percent / 2, dice);
    }
    set.firm.max_open_orders = 100;
    tighten(&mut set.firm, plan.tight_percent / 2, dice);
    set
}

/// Rows that are no looser than what is left when a row has nothing to say.
pub(crate) fn is_within<R: Row>(row: &R, operator: &R) -> bool {
    row.tightest(operator) == *row
}

/// The engine's setup for a session.
pub(crate) fn setup(plan: &Plan, epoch: u32, limits: LimitSet) -> Setup {
    Setup {
        epoch,
        instruments: instruments(plan),
        limits,
        advice: AdvicePolicy {
            max_life_ns: 20 * SECOND,
            min_interval_ns: SECOND / 50,
            floor_bp: 1_000,
        },
        patience: plan.patience,
        strategies: Vec::new(),
        signal: Some(SignalSetup {
            sample_interval_ns: (plan.gap_ns * 8).max(1_000_000),
            ttl_ns: (plan.gap_ns * 200).max(50_000_000),
        }),
        order_capacity: plan.order_capacity,
    }
}

/// The instrument a strategy trades: an index.
pub(crate) fn instrument_of(plan: &Plan, strategy: usize) -> usize {
    strategy % plan.instruments
}

/// Whether a strategy trades on scores.
pub(crate) fn uses_signal(plan: &Plan, strategy: usize) -> bool {
    plan.uses_signal && strategy == plan.strategies - 1
}

/// The strategies of a session.
pub(crate) fn strategies(plan: &Plan, epoch: u32) -> Vec<OwnStrategy> {
    (0..plan.strategies)
        .map(|n| OwnStrategy {
            name: format!("trader {n}"),
            instrument: instrument_id(instrument_of(plan, n)),
            uses_signal: uses_signal(plan, n),
            logic: Box::new(Trader::new(plan, n, epoch)),
        })
        .collect()
}
