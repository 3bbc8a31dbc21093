//! One line of a message file, or one row of an order book file, in ticks and lots.
//!
//! Must never: take a price between two ticks for one of them. Allocates.

use super::{Row, level};
use crate::import::options::Spec;
use wire::decimal::{E9, parse_e9};
use wire::market::{BookSide, Level, TradingStatus};
use wire::{PriceTicks, QtyLots};

/// Files give prices in ten-thousandths: billionths in one of them.
const PRICE_E9: i64 = 100_000;
/// Price of a level that is not there.
const NO_LEVEL: i64 = 9_999_999_999;

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A new order.
    Add,
    /// An order lost some or all of its size.
    Reduce {
        /// By a trade.
        is_trade: bool,
    },
    /// A trade with an order nobody saw.
    Hidden,
    /// Trading stops, or goes on.
    Halt(TradingStatus),
}

/// A message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Nanoseconds after midnight at the exchange.
    pub(super) ns: u64,
    pub(super) kind: Kind,
    pub(super) order_id: u64,
    pub(super) qty: QtyLots,
    /// `None` between two ticks, which only a hidden execution may be.
    pub(super) price: Option<PriceTicks>,
    /// Side of the resting order.
    pub(super) side: BookSide,
}

/// What is wrong, and what to do.
type Refused = (String, &'static str);

impl Message {
    /// `seconds,type,order id,size,price,direction`.
    pub(super) fn parse(line: &[u8], spec: &Spec) -> Result<Self, Refused> {
        let bad = || {
            let what = "it is no `seconds,type,order id,size,price,direction`".to_owned();
            (what, "give a LOBSTER message file")
        };
        let text = std::str::from_utf8(line).map_err(|_| bad())?;
        let fields: Vec<&str> = text.split(',').map(str::trim).collect();
        let [seconds, kind, order_id, shares, price, direction] = fields.as_slice() else {
            return Err(bad());
        };
        let ns = nanoseconds(seconds).ok_or_else(bad)?;
        let number = |text: &str| text.parse::<i64>().map_err(|_| bad());
        let raw_price = number(price)?;
        let side = match *direction {
            "1" => BookSide::Bid,
            "-1" => BookSide::Ask,
            _ => return Err(bad()),
        };
        let kind = match *kind {
            "1" => Kind::Add,
            "2" | "3" => Kind::Reduce { is_trade: false },
            "4" => Kind::Reduce { is_trade: true },
            "5" => Kind::Hidden,
            "7" => Kind::Halt(halt(raw_price).ok_or_else(bad)?),
            other => {
                let what = format!("its message type {other} is not 1, 2, 3, 4, 5 or 7");
                return Err((what, "leave such lines out if they do not concern the book"));
            }
        };
        let order_id = order_id.parse().map_err(|_| bad())?;
        if let Kind::Halt(_) = kind {
            return Ok(Self { ns, kind, order_id, qty: QtyLots(0), price: None, side });
        }
        let price = ticks(raw_price, spec);
        if price.is_none() && kind != Kind::Hidden {
            let what = format!("its price {raw_price} is not a positive number of ticks");
            return Err((what, "give a finer --tick"));
        }
        let qty = lots(number(shares)?, spec).ok_or_else(|| {
            (format!("its size {shares} is not a positive number of lots"), "give a finer --lot")
        })?;
        Ok(Self { ns, kind, order_id, qty, price, side })
    }
}

/// Seconds as nanoseconds. Files that went through a float have more than nine decimals: what is
/// below a nanosecond is cut.
fn nanoseconds(seconds: &str) -> Option<u64> {
    let end = seconds.find('.').map_or(seconds.len(), |point| seconds.len().min(point + 10));
    let rest = seconds.get(end..)?;
    let ns = parse_e9(seconds.get(..end)?.as_bytes()).ok()?;
    u64::try_from(ns).ok().filter(|_| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What the price of a halt message means.
fn halt(price: i64) -> Option<TradingStatus> {
    match price {
        -1 => Some(TradingStatus::Halted),
        0 => Some(TradingStatus::Auction),
        1 => Some(TradingStatus::Trading),
        _ => None,
    }
}

fn ticks(price: i64, spec: &Spec) -> Option<PriceTicks> {
    let price_e9 = price.checked_mul(PRICE_E9)?;
    let tick = spec.instrument.tick_size_e9;
    (price > 0 && price_e9 % tick == 0).then(|| PriceTicks(price_e9 / tick))
}

fn lots(size: i64, spec: &Spec) -> Option<QtyLots> {
    let (size_e9, lot) = (size.checked_mul(E9)?, spec.instrument.lot_size_e9);
    (size > 0 && size_e9 % lot == 0).then(|| QtyLots(size_e9 / lot))
}

/// `ask price,ask size,bid price,bid size`, as many times as there are levels.
pub(super) fn book_row(line: &[u8], spec: &Spec) -> Option<Row> {
    let text = std::str::from_utf8(line).ok()?;
    let numbers: Vec<i64> =
        text.split(',').map(|word| word.trim().parse().ok()).collect::<Option<_>>()?;
    if numbers.is_empty() || !numbers.len().is_multiple_of(4) {
        return None;
    }
    let [mut bids, mut asks]: [Vec<Level>; 2] = Default::default();
    for four in numbers.chunks_exact(4) {
        for (side, price, size) in [(&mut asks, four[0], four[1]), (&mut bids, four[2], four[3])] {
            if price.abs() != NO_LEVEL {
                side.push(level(ticks(price, spec)?, lots(size, spec)?.get()));
            }
        }
    }
    Some(Row { sides: [bids, asks], depth: numbers.len() / 4 })
}
