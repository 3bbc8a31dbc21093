//! The fast path: the exact shapes Binance sends, fields in the order it sends them.
//!
//! `None` means "not one of them" and leaves the message to the general parser. Must never: accept
//! a message the general parser refuses, or read it differently; report an error. Runs on the
//! edge; allocates nothing once the level buffer has grown.
#![expect(clippy::inline_always, reason = "measured: calls cost a fifth of a depth message")]

use super::decimal::{Scale, Shape, increments, increments_as, integer};
use super::decode::{
    MAX_MESSAGE_BYTES, Message, QuoteEvent, TradeEvent, aggressor, quote_price, ts_ns,
};
use super::levels::{BEFORE, Form, Stop};
use super::symbols::{Symbol, Symbols};
use wire::market::Level;
use wire::units::SEQ_UNDEF;
use wire::{PriceTicks, QtyLots, TsNs};

/// The unread rest of a message.
#[derive(Clone, Copy)]
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    #[inline(always)]
    fn skip(&mut self, n: usize) -> Option<()> {
        self.0 = self.0.get(n..)?;
        Some(())
    }

    /// Steps over this text or stays.
    #[inline(always)]
    fn has<const N: usize>(&mut self, text: &[u8; N]) -> bool {
        let here = self.0.first_chunk::<N>() == Some(text);
        if here {
            self.0 = self.0.get(N..).unwrap_or(&[]);
        }
        here
    }

    #[inline(always)]
    fn expect<const N: usize>(&mut self, text: &[u8; N]) -> Option<()> {
        self.has(text).then_some(())
    }

    #[inline]
    fn integer(&mut self) -> Option<u64> {
        let (value, taken) = integer(self.0)?;
        self.skip(taken)?;
        Some(value)
    }

    #[inline]
    fn time(&mut self) -> Option<TsNs> {
        ts_ns(self.integer()?)
    }

    /// A decimal that most likely has the shape of the one read before it.
    #[inline(always)]
    fn decimal_as<const WHOLE: bool>(&mut self, scale: &Scale, shape: &mut Shape) -> Option<i64> {
        let Some((value, taken)) = increments_as::<WHOLE>(self.0, scale, *shape) else {
            return self.decimal(scale, shape);
        };
        self.skip(taken)?;
        Some(value)
    }

    #[inline]
    fn decimal(&mut self, scale: &Scale, shape: &mut Shape) -> Option<i64> {
        let (value, taken) = increments(self.0, scale, shape)?;
        self.skip(taken)?;
        Some(value)
    }

    /// Plain text up to and past the closing quote: no escape, nothing outside names.
    #[inline]
    fn name(&mut self) -> Option<&'a [u8]> {
        let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'@' | b'_' | b'!');
        let end = self.0.iter().take(64).position(|b| !plain(b))?;
        let (name, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        self.expect(b"\"")?;
        Some(name)
    }

    #[inline]
    fn boolean(&mut self) -> Option<bool> {
        if self.has(b"true") { Some(true) } else { self.expect(b"false").map(|()| false) }
    }
}

/// Parses one whole message, or leaves it.
#[inline]
pub(super) fn parse(
    text: &[u8],
    symbols: &mut Symbols,
    levels: &mut Vec<Level>,
) -> Option<Message> {
    if text.len() > MAX_MESSAGE_BYTES {
        return None;
    }
    let mut cursor = Cursor(text);
    if cursor.has(b"{\"lastUpdateId\":") {
        return snapshot(cursor, symbols, levels);
    }
    let combined = cursor.has(b"{\"stream\":\"");
    if combined {
        cursor.name()?;
        cursor.expect(b",\"data\":")?;
    }
    let (message, mut cursor) = event(cursor, symbols, levels)?;
    if combined {
        cursor.expect(b"}")?;
    }
    cursor.0.is_empty().then_some(message)
}

#[inline]
fn event<'a>(
    mut cursor: Cursor<'a>,
    symbols: &mut Symbols,
    levels: &mut Vec<Level>,
) -> Option<(Message, Cursor<'a>)> {
    if cursor.has(b"{\"u\":") {
        return quote(cursor, symbols);
    }
    cursor.expect(b"{\"e\":\"")?;
    if cursor.has(b"depthUpdate\",\"E\":") {
        depth(cursor, symbols, levels)
    } else if cursor.has(b"trade\",\"E\":") {
        trade(cursor, symbols)
    } else if cursor.has(b"aggTrade\",\"E\":") {
        agg_trade(cursor, symbols)
    } else if cursor.has(b"bookTicker\",\"u\":") {
        quote(cursor, symbols)
    } else {
        None
    }
}

/// After `"E":` of a depth difference.
#[inline]
fn depth<'a>(
    mut cursor: Cursor<'a>,
    symbols: &mut Symbols,
    levels: &mut Vec<Level>,
) -> Option<(Message, Cursor<'a>)> {
    let mut ts = cursor.time()?;
    if cursor.has(b",\"T\":") {
        ts = cursor.time()?;
    }
    cursor.expect(b",\"s\":\"")?;
    let row = symbols.find(cursor.name()?)?;
    if cursor.has(b",\"ps\":\"") {
        cursor.name()?;
    }
    cursor.expect(b",\"U\":")?;
    let first = cursor.integer()?;
    cursor.expect(b",\"u\":")?;
    let last = cursor.integer()?;
    let prev = if cursor.has(b",\"pu\":") { cursor.integer()? } else { SEQ_UNDEF };
    let symbol = symbols.row_mut(row)?;
    side(&mut cursor, b",\"b\":", symbol, levels)?;
    let bids = levels.len();
    side(&mut cursor, b",\"a\":", symbol, levels)?;
    cursor.expect(b"}")?;
    Some((Message::Depth { row, ts, first, last, prev, bids }, cursor))
}

/// `key` and `[["price","qty"],...]`.
#[inline]
fn side<const N: usize>(
    cursor: &mut Cursor<'_>,
    key: &[u8; N],
    symbol: &mut Symbol,
    levels: &mut Vec<Level>,
) -> Option<()> {
    let before = cursor.0;
    cursor.expect(key)?;
    if cursor.has(b"[]") {
        return Some(());
    }
    cursor.expect(b"[[\"")?;
    loop {
        let mut went = 0;
        if symbol.form.fits() {
            let start = (before.len() - cursor.0.len()).checked_sub(BEFORE)?;
            let (stop, far) = symbol.form.read(before.get(start..)?, levels);
            went = far;
            if stop == Stop::End {
                cursor.0 = before.get(start + far..)?;
                return Some(());
            }
            cursor.0 = before.get(start + far + BEFORE..)?;
        }
        // A level that is written in another way than the ones before it.
        let price = cursor.decimal_as::<true>(&symbol.tick, &mut symbol.price_shape)?;
        cursor.expect(b"\",\"")?;
        let qty = cursor.decimal_as::<false>(&symbol.lot, &mut symbol.qty_shape)?;
        levels.push(Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(qty) });
        // The second in a row is no exception.
        if went == 0 && !symbol.form.is_of(symbol.price_shape, symbol.qty_shape) {
            let Symbol { tick, lot, price_shape, qty_shape, .. } = *symbol;
            symbol.form = Form::new(tick, price_shape, lot, qty_shape);
        }
        if !cursor.has(b"\"],[\"") {
            return cursor.expect(b"\"]]");
        }
    }
}

/// After `{"lastUpdateId":`.
fn snapshot(
    mut cursor: Cursor<'_>,
    symbols: &mut Symbols,
    levels: &mut Vec<Level>,
) -> Option<Message> {
    let last = cursor.integer()?;
    let mut ts = TsNs::UNDEF;
    if cursor.has(b",\"E\":") {
        cursor.time()?;
        cursor.expect(b",\"T\":")?;
        ts = cursor.time()?;
    }
    let row = if cursor.has(b",\"symbol\":\"") {
        let row = symbols.find(cursor.name()?)?;
        cursor.expect(b",\"pair\":\"")?;
        cursor.name()?;
        row
    } else {
        symbols.only()?
    };
    let symbol = symbols.row_mut(row)?;
    side(&mut cursor, b",\"bids\":", symbol, levels)?;
    let bids = levels.len();
    side(&mut cursor, b",\"asks\":", symbol, levels)?;
    cursor.expect(b"}")?;
    cursor.0.is_empty().then_some(Message::Snapshot { row: Some(row), ts, last, bids })
}

/// After `"E":` of a trade.
#[inline]
fn trade<'a>(mut cursor: Cursor<'a>, symbols: &mut Symbols) -> Option<(Message, Cursor<'a>)> {
    let mut ts = cursor.time()?;
    // Futures send `T` here, spot after the quantity; both would be a duplicate.
    let early = cursor.has(b",\"T\":");
    if early {
        ts = cursor.time()?;
    }
    cursor.expect(b",\"s\":\"")?;
    let row = symbols.find(cursor.name()?)?;
    cursor.expect(b",\"t\":")?;
    let trade_id = cursor.integer()?;
    let (price, qty) = price_and_qty(&mut cursor, symbols, row)?;
    if !early && cursor.has(b",\"T\":") {
        ts = cursor.time()?;
    }
    if cursor.has(b",\"X\":\"") {
        cursor.name()?;
    }
    let buyer_is_maker = maker_flag(&mut cursor)?;
    let message = trade_message(row, ts, price, qty, trade_id, buyer_is_maker);
    Some((message, cursor))
}

/// After `"E":` of an aggregate trade.
#[inline]
fn agg_trade<'a>(mut cursor: Cursor<'a>, symbols: &mut Symbols) -> Option<(Message, Cursor<'a>)> {
    cursor.time()?;
    cursor.expect(b",\"s\":\"")?;
    let row = symbols.find(cursor.name()?)?;
    cursor.expect(b",\"a\":")?;
    cursor.integer()?;
    let (price, qty) = price_and_qty(&mut cursor, symbols, row)?;
    cursor.expect(b",\"f\":")?;
    cursor.integer()?;
    cursor.expect(b",\"l\":")?;
    let trade_id = cursor.integer()?;
    cursor.expect(b",\"T\":")?;
    let ts = cursor.time()?;
    let buyer_is_maker = maker_flag(&mut cursor)?;
    let message = trade_message(row, ts, price, qty, trade_id, buyer_is_maker);
    Some((message, cursor))
}

#[inline]
fn price_and_qty(cursor: &mut Cursor<'_>, symbols: &mut Symbols, row: usize) -> Option<(i64, i64)> {
    let symbol = symbols.row_mut(row)?;
    cursor.expect(b",\"p\":\"")?;
    let price = cursor.decimal_as::<true>(&symbol.tick, &mut symbol.price_shape)?;
    cursor.expect(b"\",\"q\":\"")?;
    let qty = cursor.decimal_as::<false>(&symbol.lot, &mut symbol.qty_shape)?;
    cursor.expect(b"\"")?;
    Some((price, qty))
}

/// `,"m":bool` and what may follow it to the end of the object.
#[inline]
fn maker_flag(cursor: &mut Cursor<'_>) -> Option<bool> {
    cursor.expect(b",\"m\":")?;
    let buyer_is_maker = cursor.boolean()?;
    if cursor.has(b",\"M\":") {
        cursor.boolean()?;
    }
    cursor.expect(b"}")?;
    Some(buyer_is_maker)
}

#[inline]
fn trade_message(
    row: usize,
    ts_event_ns: TsNs,
    price: i64,
    qty: i64,
    trade_id: u64,
    buyer_is_maker: bool,
) -> Message {
    Message::Trade(TradeEvent {
        row,
        ts_event_ns,
        price_ticks: PriceTicks(price),
        qty_lots: QtyLots(qty),
        trade_id,
        aggressor: aggressor(buyer_is_maker),
    })
}

/// After `"u":` of a best bid and offer.
#[inline]
fn quote<'a>(mut cursor: Cursor<'a>, symbols: &mut Symbols) -> Option<(Message, Cursor<'a>)> {
    let update_id = cursor.integer()?;
    if cursor.has(b",\"e\":\"") {
        cursor.expect(b"bookTicker\"")?;
    }
    cursor.expect(b",\"s\":\"")?;
    let row = symbols.find(cursor.name()?)?;
    if cursor.has(b",\"ps\":\"") {
        cursor.name()?;
    }
    let symbol = symbols.row_mut(row)?;
    let (tick, lot) = (&symbol.tick, &symbol.lot);
    let (price_shape, qty_shape) = (&mut symbol.price_shape, &mut symbol.qty_shape);
    cursor.expect(b",\"b\":\"")?;
    let bid_price = cursor.decimal_as::<true>(tick, price_shape)?;
    cursor.expect(b"\",\"B\":\"")?;
    let bid_qty = cursor.decimal_as::<false>(lot, qty_shape)?;
    cursor.expect(b"\",\"a\":\"")?;
    let ask_price = cursor.decimal_as::<true>(tick, price_shape)?;
    cursor.expect(b"\",\"A\":\"")?;
    let ask_qty = cursor.decimal_as::<false>(lot, qty_shape)?;
    cursor.expect(b"\"")?;
    let mut ts_event_ns = TsNs::UNDEF;
    if cursor.has(b",\"T\":") {
        ts_event_ns = cursor.time()?;
        cursor.expect(b",\"E\":")?;
        cursor.time()?;
    }
    cursor.expect(b"}")?;
    let quote = QuoteEvent {
        row,
        ts_event_ns,
        bid_price_ticks: quote_price(bid_price),
        bid_qty_lots: QtyLots(bid_qty),
        ask_price_ticks: quote_price(ask_price),
        ask_qty_lots: QtyLots(ask_qty),
        update_id,
    };
    Some((Message::Quote(quote), cursor))
}
