//! The general parser: any valid JSON of the known events, whatever the order of its fields.
//!
//! It decides what is an error and says why. Must never: be needed for what the venue sends today
//! (the feed counts how often it is). Runs on the edge and in the importer; allocates.

use super::decode::{
    MAX_MESSAGE_BYTES, Message, MessageError, QuoteEvent, TradeEvent, aggressor, quote_price, ts_ns,
};
use super::symbols::{Symbol, Symbols};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::borrow::Cow;
use wire::decimal::{DecimalError, Increments, parse_increments};
use wire::market::Level;
use wire::units::SEQ_UNDEF;
use wire::{PriceTicks, QtyLots, TsNs};

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// What tells the events apart.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    e: Option<Cow<'a, str>>,
    #[serde(rename = "lastUpdateId")]
    last_update_id: Option<IgnoredAny>,
    u: Option<IgnoredAny>,
    #[serde(rename = "B")]
    bid_qty: Option<IgnoredAny>,
    id: Option<IgnoredAny>,
    code: Option<i64>,
    #[serde(borrow)]
    msg: Option<Cow<'a, str>>,
}

type Levels = Vec<(String, String)>;

#[derive(Deserialize)]
struct DepthJson {
    #[serde(rename = "E")]
    event_ms: u64,
    #[serde(rename = "T")]
    transaction_ms: Option<u64>,
    s: String,
    #[serde(rename = "U")]
    first: u64,
    u: u64,
    pu: Option<u64>,
    b: Levels,
    a: Levels,
}

#[derive(Deserialize)]
struct SnapshotJson {
    #[serde(rename = "lastUpdateId")]
    last: u64,
    #[serde(rename = "E")]
    event_ms: Option<u64>,
    #[serde(rename = "T")]
    transaction_ms: Option<u64>,
    symbol: Option<String>,
    bids: Levels,
    asks: Levels,
}

#[derive(Deserialize)]
struct TradeJson {
    #[serde(rename = "E")]
    event_ms: u64,
    #[serde(rename = "T")]
    trade_ms: Option<u64>,
    s: String,
    t: u64,
    p: String,
    q: String,
    m: bool,
}

#[derive(Deserialize)]
struct AggTradeJson {
    #[serde(rename = "E")]
    event_ms: u64,
    #[serde(rename = "T")]
    trade_ms: Option<u64>,
    s: String,
    l: u64,
    p: String,
    q: String,
    m: bool,
}

#[derive(Deserialize)]
struct QuoteJson {
    #[serde(rename = "E")]
    event_ms: Option<u64>,
    #[serde(rename = "T")]
    transaction_ms: Option<u64>,
    s: String,
    u: u64,
    b: String,
    #[serde(rename = "B")]
    bid_qty: String,
    a: String,
    #[serde(rename = "A")]
    ask_qty: String,
}

/// Parses one whole message. `given` is the instrument of a REST answer, where the caller knows.
pub(super) fn parse(
    text: &[u8],
    symbols: &mut Symbols,
    levels: &mut Vec<Level>,
    given: Option<usize>,
) -> Result<Message, MessageError> {
    if text.len() > MAX_MESSAGE_BYTES {
        return Err(MessageError::TooLong { len: text.len(), limit: MAX_MESSAGE_BYTES });
    }
    let envelope: Envelope = json(text)?;
    let (body, combined) = match envelope.data {
        Some(data) => (data.get().as_bytes(), true),
        None => (text, false),
    };
    let kind: Kind = json(body)?;
    let unknown = |event: &str| MessageError::UnknownEvent { event: event.to_owned() };
    match kind.e.as_deref() {
        Some("depthUpdate") => depth(body, symbols, levels),
        Some("trade") => {
            let trade: TradeJson = json(body)?;
            let row = find(symbols, &trade.s)?;
            let ts = time(trade.trade_ms, Some(trade.event_ms))?;
            trade_message(symbols, row, ts, trade.t, (&trade.p, &trade.q), trade.m)
        }
        Some("aggTrade") => {
            let trade: AggTradeJson = json(body)?;
            let row = find(symbols, &trade.s)?;
            let ts = time(trade.trade_ms, Some(trade.event_ms))?;
            trade_message(symbols, row, ts, trade.l, (&trade.p, &trade.q), trade.m)
        }
        Some("bookTicker") => quote(body, symbols),
        Some("serverShutdown") => Ok(Message::ServerShutdown),
        Some(other) => Err(unknown(other)),
        None if kind.last_update_id.is_some() && combined => {
            Err(unknown("partial book depth: a stream of it is no full snapshot"))
        }
        None if kind.last_update_id.is_some() => snapshot(body, symbols, levels, given),
        None if kind.u.is_some() && kind.bid_qty.is_some() => quote(body, symbols),
        None => match (kind.code, kind.id) {
            (Some(code), _) => {
                let text = kind.msg.unwrap_or_default().into_owned();
                Err(MessageError::Venue { code, text })
            }
            (None, Some(_)) => Ok(Message::Reply),
            (None, None) => Err(unknown("(none)")),
        },
    }
}

/// One JSON object. (serde would take an array of the fields' values as well.)
fn json<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, MessageError> {
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(MessageError::Malformed { what: "not a JSON object".to_owned() });
    }
    serde_json::from_slice(text)
        .map_err(|error| MessageError::Malformed { what: error.to_string() })
}

fn depth(
    body: &[u8],
    symbols: &mut Symbols,
    levels: &mut Vec<Level>,
) -> Result<Message, MessageError> {
    let depth: DepthJson = json(body)?;
    let row = find(symbols, &depth.s)?;
    let ts = time(depth.transaction_ms, Some(depth.event_ms))?;
    let symbol = row_of(symbols, row)?;
    side(symbol, &depth.b, levels)?;
    let bids = levels.len();
    side(symbol, &depth.a, levels)?;
    let prev = depth.pu.unwrap_or(SEQ_UNDEF);
    Ok(Message::Depth { row, ts, first: depth.first, last: depth.u, prev, bids })
}

fn snapshot(
    body: &[u8],
    symbols: &mut Symbols,
    levels: &mut Vec<Level>,
    given: Option<usize>,
) -> Result<Message, MessageError> {
    let snapshot: SnapshotJson = json(body)?;
    let named = snapshot.symbol.as_ref().map(|name| find(symbols, name)).transpose()?;
    let row = named.or(given).or(symbols.only()).ok_or(MessageError::NoSymbol)?;
    if given.is_some_and(|given| given != row) {
        return Err(MessageError::UnknownSymbol { symbol: snapshot.symbol.unwrap_or_default() });
    }
    let ts = time(snapshot.transaction_ms, snapshot.event_ms)?;
    let symbol = row_of(symbols, row)?;
    side(symbol, &snapshot.bids, levels)?;
    let bids = levels.len();
    side(symbol, &snapshot.asks, levels)?;
    Ok(Message::Snapshot { row: Some(row), ts, last: snapshot.last, bids })
}

fn trade_message(
    symbols: &Symbols,
    row: usize,
    ts_event_ns: TsNs,
    trade_id: u64,
    (price, qty): (&str, &str),
    buyer_is_maker: bool,
) -> Result<Message, MessageError> {
    let symbol = row_of(symbols, row)?;
    Ok(Message::Trade(TradeEvent {
        row,
        ts_event_ns,
        price_ticks: PriceTicks(price_ticks(symbol, price)?),
        qty_lots: QtyLots(qty_lots(symbol, qty)?),
        trade_id,
        aggressor: aggressor(buyer_is_maker),
    }))
}

fn quote(body: &[u8], symbols: &mut Symbols) -> Result<Message, MessageError> {
    let quote: QuoteJson = json(body)?;
    let row = find(symbols, &quote.s)?;
    let symbol = row_of(symbols, row)?;
    Ok(Message::Quote(QuoteEvent {
        row,
        ts_event_ns: time(quote.transaction_ms, quote.event_ms)?,
        bid_price_ticks: quote_price(price_ticks(symbol, &quote.b)?),
        bid_qty_lots: QtyLots(qty_lots(symbol, &quote.bid_qty)?),
        ask_price_ticks: quote_price(price_ticks(symbol, &quote.a)?),
        ask_qty_lots: QtyLots(qty_lots(symbol, &quote.ask_qty)?),
        update_id: quote.u,
    }))
}

fn find(symbols: &mut Symbols, name: &str) -> Result<usize, MessageError> {
    symbols
        .find(name.as_bytes())
        .ok_or_else(|| MessageError::UnknownSymbol { symbol: name.to_owned() })
}

fn row_of(symbols: &Symbols, row: usize) -> Result<&Symbol, MessageError> {
    symbols.rows().get(row).ok_or(MessageError::NoSymbol)
}

/// The finer of the two times the venue sends, where it sends one; each must be sound.
fn time(transaction_ms: Option<u64>, event_ms: Option<u64>) -> Result<TsNs, MessageError> {
    let sound = |ms: Option<u64>| match ms {
        None => Ok(None),
        Some(value) => ts_ns(value).map(Some).ok_or(MessageError::BadTime { value }),
    };
    let (transaction, event) = (sound(transaction_ms)?, sound(event_ms)?);
    Ok(transaction.or(event).unwrap_or(TsNs::UNDEF))
}

fn side(symbol: &Symbol, texts: &Levels, levels: &mut Vec<Level>) -> Result<(), MessageError> {
    for (price, qty) in texts {
        levels.push(Level {
            price_ticks: PriceTicks(price_ticks(symbol, price)?),
            qty_lots: QtyLots(qty_lots(symbol, qty)?),
        });
    }
    Ok(())
}

fn price_ticks(symbol: &Symbol, text: &str) -> Result<i64, MessageError> {
    let increment_e9 = symbol.tick.increment_e9;
    whole(symbol, text, increment_e9)?.ok_or_else(|| MessageError::PriceNotOnTick {
        symbol: symbol.name.clone(),
        text: text.to_owned(),
        tick: Increments { count: 1, increment_e9 }.to_string(),
    })
}

fn qty_lots(symbol: &Symbol, text: &str) -> Result<i64, MessageError> {
    let increment_e9 = symbol.lot.increment_e9;
    whole(symbol, text, increment_e9)?.ok_or_else(|| MessageError::QtyNotOnLot {
        symbol: symbol.name.clone(),
        text: text.to_owned(),
        lot: Increments { count: 1, increment_e9 }.to_string(),
    })
}

/// A whole number of increments; `None` where the text falls between two.
fn whole(symbol: &Symbol, text: &str, increment_e9: i64) -> Result<Option<i64>, MessageError> {
    let bad =
        |why| MessageError::BadDecimal { symbol: symbol.name.clone(), text: text.to_owned(), why };
    match parse_increments(text.as_bytes(), increment_e9) {
        Ok(value) if value < 0 => Err(bad("it is negative")),
        Ok(value) => Ok(Some(value)),
        Err(DecimalError::NotOnIncrement) => Ok(None),
        Err(DecimalError::Malformed) => Err(bad("it is not a decimal number")),
        Err(DecimalError::OutOfRange) => Err(bad("it is out of range")),
    }
}
