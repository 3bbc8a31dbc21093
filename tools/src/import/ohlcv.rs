//! Bars into trades. A bar says less than the trades it came from, so the recording says that its
//! frames are derived, and how.
//!
//! Rule: four trades a bar, aggressor unknown. Prices: open; then low and high where the bar did
//! not fall, high and low where it did; then close. Times: the bar's start, one quarter in, one
//! half in, and its last millisecond. Volume: rounded down to whole lots, a quarter each rounded
//! down, what is left to the close; at least one lot each. A bar without volume gives nothing.

use super::input::Source;
use super::options::Spec;
use super::output::Target;
use super::{ImportError, each_line};
use venues::binance::{Frames, Stamp, TradeEvent};
use wire::decimal::Increments;
use wire::market::AggressorSide;
use wire::{PriceTicks, QtyLots, TsNs};

const HEADER: &[u8] = b"ts_ms,open,high,low,close,volume";

const RULE: &str = "ohlcv: four trades a bar, aggressor unknown: open, then low and high (high and \
     low where the bar fell), then close; at 0, 1/4, 1/2 of the bar and its last millisecond; \
     volume rounded down to lots and split in four, the rest to the close, at least one lot each";

/// One bar in integers: open, high, low, close in ticks.
struct Bar {
    ts_ms: u64,
    prices: [i64; 4],
    lots: i64,
}

/// Turns all bars into trades.
pub(super) fn run(
    spec: &Spec,
    sources: &[Source],
    target: &mut Target<'_>,
) -> Result<(), ImportError> {
    RULE.clone_into(&mut target.derived);
    if spec.round {
        target.derived.push_str("; prices rounded to the nearest tick");
    }
    let mut frames = Frames::new();
    let mut next_ms = 0;
    each_line(sources, |source, number, line| {
        if line.is_empty() || line == HEADER {
            return Ok(true);
        }
        target.lines += 1;
        let refused = |what: String, next: &str| ImportError::Line {
            path: source.path.clone(),
            line: number,
            what,
            next: next.to_owned(),
        };
        let bar = parse(line, spec)
            .map_err(|what| refused(what, "correct the line, or --tick, --round and --bar-ms"))?;
        if bar.ts_ms < next_ms {
            let what = format!("its bar begins at {} before the last one ends", bar.ts_ms);
            return Err(refused(what, "give bars in order of time, and their length as --bar-ms"));
        }
        next_ms = bar.ts_ms + spec.bar_ms;
        let ns = bar.ts_ms * 1_000_000;
        if ns >= spec.to_ns {
            return Ok(false);
        }
        if ns >= spec.from_ns && bar.lots > 0 {
            target.start(TsNs(ns))?;
            trades(&bar, spec, &mut frames, target);
            target.check()?;
        }
        Ok(true)
    })
}

fn trades(bar: &Bar, spec: &Spec, frames: &mut Frames, target: &mut Target<'_>) {
    let [open, high, low, close] = bar.prices;
    let (second, third) = if close < open { (high, low) } else { (low, high) };
    let quarter = bar.lots / 4;
    let rest = bar.lots - 3 * quarter;
    let offsets = [0, spec.bar_ms / 4, spec.bar_ms / 2, spec.bar_ms - 1];
    let prices = [open, second, third, close];
    let lots = [quarter, quarter, quarter, rest];
    for (part, ((offset, price), lots)) in offsets.into_iter().zip(prices).zip(lots).enumerate() {
        let ts = TsNs((bar.ts_ms + offset) * 1_000_000);
        let header = &spec.instrument.header;
        let stamp = Stamp {
            id: header.instrument_id,
            venue: header.venue_id,
            ts_event_ns: ts,
            ts_recv_ns: ts,
        };
        let trade = TradeEvent {
            row: 0,
            ts_event_ns: ts,
            price_ticks: PriceTicks(price),
            qty_lots: QtyLots(lots.max(1)),
            trade_id: bar.ts_ms * 4 + part as u64,
            aggressor: AggressorSide::Unknown,
        };
        frames.trade(stamp, &trade, target);
    }
}

fn parse(line: &[u8], spec: &Spec) -> Result<Bar, String> {
    const LAST_MS: u64 = 16_725_225_600_000;
    let text = std::str::from_utf8(line).map_err(|_| "it is not text".to_owned())?;
    let fields: Vec<&str> = text.split(',').collect();
    let [ts, open, high, low, close, volume] = fields.as_slice() else {
        return Err(format!("it has {} fields, 6 are due", fields.len()));
    };
    let ts_ms: u64 = ts.parse().map_err(|_| format!("`{ts}` is no time in milliseconds"))?;
    if ts_ms >= LAST_MS {
        return Err(format!("`{ts}` is no time in milliseconds"));
    }
    let tick = spec.instrument.tick_size_e9;
    let price = |text: &str| {
        let (down, rest) = whole(text, tick)?;
        match (rest == 0, spec.round) {
            (true, _) => Ok(down),
            (false, true) => Ok(down + i64::from(2 * rest >= scaled(tick))),
            (false, false) => {
                let tick = Increments { count: 1, increment_e9: tick };
                Err(format!("price `{text}` of `{}` is not on its tick {tick}", spec.symbol))
            }
        }
    };
    let prices = [price(open)?, price(high)?, price(low)?, price(close)?];
    let [open, high, low, close] = prices;
    if low > open.min(close) || high < open.max(close) {
        return Err("its low or high does not enclose its open and close".to_owned());
    }
    let (lots, _) = whole(volume, spec.instrument.lot_size_e9)?;
    Ok(Bar { ts_ms, prices, lots })
}

/// The increment in units of 10^-24.
fn scaled(increment_e9: i64) -> i128 {
    i128::from(increment_e9) * 1_000_000_000_000_000
}

/// Decimal text, with an exponent or without, as whole increments and what is left (10^-24).
fn whole(text: &str, increment_e9: i64) -> Result<(i64, i128), String> {
    let refused = || format!("`{text}` is no acceptable number");
    let value = decimal_e24(text).filter(|value| *value >= 0).ok_or_else(refused)?;
    let increment = scaled(increment_e9);
    let count = i64::try_from(value / increment).map_err(|_| refused())?;
    Ok((count, value % increment))
}

/// Decimal text in units of 10^-24; digits beyond are dropped (floats are printed with noise).
fn decimal_e24(text: &str) -> Option<i128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value: i128 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
    }
    let shift = exponent.checked_add(24)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let power = 10_i128.checked_pow(shift.unsigned_abs());
    if shift >= 0 { value.checked_mul(power?) } else { Some(power.map_or(0, |p| value / p)) }
}

#[cfg(test)]
mod tests {
    use super::{decimal_e24, whole};

    #[test]
    fn numbers_are_read_exactly() {
        const E24: i128 = 1_000_000_000_000_000_000_000_000;
        assert_eq!(decimal_e24("1"), Some(E24));
        assert_eq!(decimal_e24("1e-05"), Some(E24 / 100_000));
        assert_eq!(decimal_e24("1.5E2"), Some(150 * E24));
        assert_eq!(decimal_e24("32426.976235199996").map(|v| v % 1_000_000_000), Some(0));
        for bad in ["", ".", "-1", "1e", "nan", "1.2.3", "1e99"] {
            assert_eq!(decimal_e24(bad), None, "{bad}");
        }
        assert_eq!(
            whole("3832.6286242", 10_000_000),
            Ok((383_262, 8_624_200 * 1_000_000_000_000_000))
        );
    }
}
