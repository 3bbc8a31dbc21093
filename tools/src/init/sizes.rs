//! Sizes of orders and limits, out of the recording: what one lot costs, how much trades.
//!
//! Integers throughout. Must never: take a price or a volume that is not in the recording.

use station::operator::Failure;
use std::path::Path;
use tape::Recording;
use wire::exit::Exit;
use wire::instrument::{Instrument, InstrumentType};
use wire::{Frame, PriceTicks, decode};

/// What one order is to be worth at most, billionths of the quote currency, where the smallest is
/// not worth more.
const ORDER_E9: i64 = 600_000_000_000;
const DAY_NS: i128 = 86_400_000_000_000;

/// The instrument and what follows from it.
#[derive(Clone, Debug)]
pub(super) struct Sizes {
    pub(super) symbol: String,
    /// Size of one order, lots: a multiple of the venue's smallest.
    pub(super) qty_lots: i64,
    /// The venue's smallest order, lots.
    pub(super) min_qty_lots: i64,
    /// Value of one order, billionths of the quote currency.
    pub(super) order_e9: i64,
    /// A price of the recording, ticks.
    pub(super) price_ticks: i64,
    /// Lots traded in the recording, carried to a day; `None` where it has no trades.
    pub(super) day_lots: Option<i64>,
    /// Seconds of the recording that were counted.
    pub(super) seconds: i64,
}

impl Sizes {
    /// Reads them out of a recording.
    ///
    /// # Errors
    /// RESOURCE where it cannot be read or says no price, ARGUMENTS for an instrument it lacks.
    pub(super) fn of(path: &Path, symbol: Option<&str>) -> Result<Self, Failure> {
        let recording = tape::read_all(path).map_err(|error| {
            let fields = format!("path={} error=\"{error}\"", path.display());
            let next = "name a recording with --recording=";
            Failure::new(Exit::Resource, "recording cannot be read", fields, next)
        })?;
        let row = row(&recording, symbol, path)?;
        Self::from(&recording, row).ok_or_else(|| {
            let fields = format!("path={} instrument={}", path.display(), row.symbol());
            let next = "name another with --instrument= or --recording=";
            Failure::new(Exit::Resource, "recording says no price to go by", fields, next)
        })
    }

    fn from(recording: &Recording, row: &Instrument) -> Option<Self> {
        let seen = Seen::of(recording, row);
        let price_ticks = seen.price?.get();
        let lot_e9 = price_ticks.checked_mul(row.tick_value_e9()?)?;
        let min = row.min_qty_lots.get().max(1);
        let wanted = ORDER_E9.checked_div(lot_e9)?;
        let qty_lots = wanted.checked_div(min)?.max(1).checked_mul(min)?;
        let span_ns = i128::from(seen.last_ns.saturating_sub(seen.first_ns));
        let day = (seen.lots > 0 && span_ns > 0)
            .then(|| i64::try_from(seen.lots.checked_mul(DAY_NS)? / span_ns).ok())
            .flatten();
        Some(Self {
            symbol: row.symbol().to_owned(),
            qty_lots,
            min_qty_lots: min,
            order_e9: qty_lots.checked_mul(lot_e9)?,
            price_ticks,
            day_lots: day.filter(|lots| *lots > 0),
            seconds: i64::try_from(span_ns / 1_000_000_000).unwrap_or(0),
        })
    }

    /// So many of this many parts of an order's value, billionths of the quote currency.
    pub(super) fn orders(&self, times: i64, parts: i64) -> i64 {
        let value = i128::from(self.order_e9) * i128::from(times) / i128::from(parts.max(1));
        i64::try_from(value).unwrap_or(i64::MAX).max(1)
    }

    /// The `parts`th part of the price, ticks, and no less than `least`.
    pub(super) fn ticks(&self, parts: i64, least: i64) -> i64 {
        (self.price_ticks / parts.max(1)).max(least)
    }
}

fn row<'r>(
    recording: &'r Recording,
    symbol: Option<&str>,
    path: &Path,
) -> Result<&'r Instrument, Failure> {
    // Orders for an inverse perpetual are denied.
    let can = |row: &&Instrument| row.instrument_type != InstrumentType::InversePerp.code();
    let rows = || recording.instruments().iter().filter(can);
    let row = match symbol {
        None => rows().next(),
        Some(symbol) => rows().find(|row| row.symbol() == symbol),
    };
    row.ok_or_else(|| {
        let names: Vec<_> = rows().map(Instrument::symbol).collect();
        let wanted = symbol.unwrap_or("any");
        let fields =
            format!("instrument={wanted} allowed=({}) path={}", names.join(", "), path.display());
        let next = "name one with --instrument=";
        Failure::new(Exit::Arguments, "recording has no such instrument to trade", fields, next)
    })
}

/// What trades.
#[derive(Debug, Default)]
struct Seen {
    price: Option<PriceTicks>,
    lots: i128,
    first_ns: u64,
    last_ns: u64,
}

impl Seen {
    fn of(recording: &Recording, row: &Instrument) -> Self {
        let mut seen = Self::default();
        let id = row.header.instrument_id;
        for frame in recording.frames() {
            let Ok(Frame::Trade(trade)) = decode(frame) else { continue };
            if trade.header.instrument_id != id {
                continue;
            }
            seen.last_ns = trade.header.ts_recv_ns.get();
            if seen.price.is_none() {
                (seen.price, seen.first_ns) = (Some(trade.price_ticks), seen.last_ns);
            }
            seen.lots += i128::from(trade.qty_lots.get());
        }
        seen.price = seen.price.filter(|price| price.get() > 0);
        seen
    }
}
