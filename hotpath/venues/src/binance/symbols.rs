//! The instrument table as the decoder needs it: by symbol, with the scales of price and quantity.
//!
//! Must never: grow after it is made. Runs on the edge; lookups do not allocate.

use super::decimal::{Scale, Shape};
use super::levels::Form;
use wire::instrument::{Instrument, InstrumentType};
use wire::{InstrumentId, VenueId};

/// Why an instrument table cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A symbol is empty or no text.
    #[error("instrument row {row} has no symbol; next: name it as the venue does (`BTCUSDT`)")]
    NoSymbol {
        /// Row of the table.
        row: usize,
    },
    /// A symbol stands twice.
    #[error("instrument `{symbol}` stands twice in the table; next: remove one row")]
    Duplicate {
        /// The symbol.
        symbol: String,
    },
    /// An increment is not positive.
    #[error("instrument `{symbol}` has a tick or lot size that is not positive; next: correct it")]
    Increment {
        /// The symbol.
        symbol: String,
    },
    /// The type code is none of the known ones.
    #[error("instrument `{symbol}` has an unknown type; next: use spot, linear-perp, inverse-perp")]
    Type {
        /// The symbol.
        symbol: String,
    },
}

/// One instrument.
#[derive(Clone, Debug)]
pub(super) struct Symbol {
    pub(super) name: String,
    pub(super) id: InstrumentId,
    pub(super) venue: VenueId,
    pub(super) futures: bool,
    pub(super) tick: Scale,
    pub(super) lot: Scale,
    /// The shape of its last price and quantity, so that the next ones are read faster.
    pub(super) price_shape: Shape,
    pub(super) qty_shape: Shape,
    /// How the levels of its last depth messages were written.
    pub(super) form: Form,
}

/// All instruments of a feed.
#[derive(Clone, Debug)]
pub(super) struct Symbols {
    rows: Vec<Symbol>,
    /// Rows in the order of their names.
    by_name: Vec<usize>,
    /// Row of the last hit: messages of one instrument come in runs.
    last: usize,
}

impl Symbols {
    pub(super) fn new(instruments: &[Instrument]) -> Result<Self, TableError> {
        let mut rows = Vec::with_capacity(instruments.len());
        for (row, instrument) in instruments.iter().enumerate() {
            let name = instrument.symbol().to_owned();
            if name.is_empty() {
                return Err(TableError::NoSymbol { row });
            }
            let scales =
                Scale::new(instrument.tick_size_e9).zip(Scale::new(instrument.lot_size_e9));
            let Some((tick, lot)) = scales else {
                return Err(TableError::Increment { symbol: name });
            };
            let Some(kind) = InstrumentType::from_code(instrument.instrument_type) else {
                return Err(TableError::Type { symbol: name });
            };
            rows.push(Symbol {
                name,
                id: instrument.header.instrument_id,
                venue: instrument.header.venue_id,
                futures: kind != InstrumentType::Spot,
                tick,
                lot,
                price_shape: Shape::default(),
                qty_shape: Shape::default(),
                form: Form::new(tick, Shape::default(), lot, Shape::default()),
            });
        }
        let mut by_name: Vec<usize> = (0..rows.len()).collect();
        by_name.sort_by(|a, b| rows[*a].name.cmp(&rows[*b].name));
        if let Some(pair) = by_name.windows(2).find(|w| rows[w[0]].name == rows[w[1]].name) {
            return Err(TableError::Duplicate { symbol: rows[pair[0]].name.clone() });
        }
        Ok(Self { rows, by_name, last: 0 })
    }

    pub(super) fn rows(&self) -> &[Symbol] {
        &self.rows
    }

    pub(super) fn row_mut(&mut self, row: usize) -> Option<&mut Symbol> {
        self.rows.get_mut(row)
    }

    /// The row of a name.
    #[inline]
    pub(super) fn find(&mut self, name: &[u8]) -> Option<usize> {
        if self.rows.get(self.last).is_some_and(|row| row.name.as_bytes() == name) {
            return Some(self.last);
        }
        let at = self.by_name.binary_search_by(|row| {
            self.rows.get(*row).map_or(&[][..], |row| row.name.as_bytes()).cmp(name)
        });
        self.last = *self.by_name.get(at.ok()?)?;
        Some(self.last)
    }

    /// The row of the only instrument, where there is one only.
    pub(super) fn only(&self) -> Option<usize> {
        (self.rows.len() == 1).then_some(0)
    }
}
