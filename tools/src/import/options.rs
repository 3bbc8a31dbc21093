//! The options of `corelane import`, and what they mean once checked.

use super::ImportError;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use wire::decimal::{Increments, parse_e9, parse_increments};
use wire::frame::FrameHeader;
use wire::instrument::{Instrument, InstrumentType, padded};
use wire::{InstrumentId, QtyLots, VenueId};

/// What the input files hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One frame a line: receive time in ns, a space, Binance's JSON as it came (combined stream,
    /// raw, or a REST depth answer).
    BinanceJsonl,
    /// Bars: `ts_ms,open,high,low,close,volume`, ascending; each becomes four derived trades.
    OhlcvCsv,
    /// LOBSTER messages, order by order: `seconds,type,order id,size,price,direction`.
    Lobster,
}

/// What kind of contract it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Spot pair.
    Spot,
    /// Linear perpetual (USD-M).
    LinearPerp,
    /// Inverse perpetual (COIN-M).
    InversePerp,
}

/// Options of `corelane import`. Files are read plain, gzip or zstd, whichever they are.
#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    /// What the input files hold.
    #[arg(long, value_enum)]
    pub format: Format,
    /// An input file; repeat it for files that follow each other in time.
    #[arg(long = "in", value_name = "PATH", required = true)]
    pub inputs: Vec<PathBuf>,
    /// The recording to make; an existing one is replaced when all went well.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The venue's symbol.
    #[arg(long)]
    pub symbol: String,
    /// Price increment, decimal.
    #[arg(long)]
    pub tick: String,
    /// Size increment of the data, decimal. Resting quantities may be finer than what the venue
    /// lets one order today: give the finer one here and the order minimum as --min-qty.
    #[arg(long)]
    pub lot: String,
    /// Smallest order, decimal; one lot if not given.
    #[arg(long)]
    pub min_qty: Option<String>,
    /// Largest order, decimal; a thousand million lots if not given.
    #[arg(long)]
    pub max_qty: Option<String>,
    /// Smallest order value in quote currency, decimal; none if not given.
    #[arg(long)]
    pub min_notional: Option<String>,
    /// Contract type.
    #[arg(long = "type", value_enum, default_value = "spot")]
    pub kind: Kind,
    /// Venue number.
    #[arg(long, default_value_t = 1)]
    pub venue: u16,
    /// First moment to keep: UTC as 2024-08-09T00:00:00Z, or ns since 1970. The book before it is
    /// carried over: the recording then begins with a snapshot.
    #[arg(long)]
    pub from: Option<String>,
    /// First moment not to keep.
    #[arg(long)]
    pub to: Option<String>,
    /// Where the files come from, in words, for the recording's header.
    #[arg(long, default_value = "not stated")]
    pub source: String,
    /// The files' licence, for the recording's header.
    #[arg(long, default_value = "not stated")]
    pub licence: String,
    /// Zstandard level, 1 to 22.
    #[arg(long, default_value_t = 9)]
    pub level: i32,
    /// LOBSTER only: midnight of the files' day at the exchange, UTC as 2012-06-21T04:00:00Z or ns
    /// since 1970.
    #[arg(long)]
    pub midnight: Option<String>,
    /// LOBSTER only: the order book file of the message file. The recording begins with its first
    /// row, and the book must be equal to every row.
    #[arg(long, value_name = "PATH")]
    pub orderbook: Option<PathBuf>,
    /// Bars only: milliseconds a bar lasts.
    #[arg(long, default_value_t = 60_000)]
    pub bar_ms: u64,
    /// Bars only: round prices to the nearest tick instead of refusing those between two.
    #[arg(long)]
    pub round: bool,
}

/// The options, checked.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) instrument: Instrument,
    pub(super) symbol: String,
    /// Kept: `from_ns..to_ns`.
    pub(super) from_ns: u64,
    pub(super) to_ns: u64,
    pub(super) source: String,
    pub(super) licence: String,
    pub(super) level: i32,
    pub(super) bar_ms: u64,
    pub(super) round: bool,
    /// Midnight at the exchange; 0 but for LOBSTER files.
    pub(super) midnight_ns: u64,
}

impl Spec {
    pub(super) fn check(args: &ImportArgs) -> Result<Self, ImportError> {
        let refuse = |key, found: &str, allowed| ImportError::Option {
            key,
            found: found.to_owned(),
            allowed,
        };
        let increment = |key, text: &str| {
            let good = parse_e9(text.as_bytes()).ok().filter(|value| *value > 0);
            good.ok_or_else(|| refuse(key, text, "a decimal above 0 with at most 9 decimals"))
        };
        let tick_size_e9 = increment("tick", &args.tick)?;
        let lot_size_e9 = increment("lot", &args.lot)?;
        let lots = |key, text: &Option<String>, default| match text {
            None => Ok(QtyLots(default)),
            Some(text) => parse_increments(text.as_bytes(), lot_size_e9)
                .ok()
                .filter(|lots| *lots > 0)
                .map(QtyLots)
                .ok_or_else(|| refuse(key, text, "a whole number of lots above 0")),
        };
        let min_notional_e9 = match &args.min_notional {
            None => 0,
            Some(text) => increment("min-notional", text)?,
        };
        let symbol = padded(&args.symbol).filter(|_| !args.symbol.is_empty());
        let kind = match args.kind {
            Kind::Spot => InstrumentType::Spot,
            Kind::LinearPerp => InstrumentType::LinearPerp,
            Kind::InversePerp => InstrumentType::InversePerp,
        };
        let mut header = FrameHeader::new::<Instrument>();
        header.instrument_id = InstrumentId(0);
        header.venue_id = VenueId(args.venue);
        let instrument = Instrument {
            header,
            symbol: symbol.ok_or_else(|| refuse("symbol", &args.symbol, "1 to 24 bytes"))?,
            tick_size_e9,
            lot_size_e9,
            min_qty_lots: lots("min-qty", &args.min_qty, 1)?,
            max_qty_lots: lots("max-qty", &args.max_qty, 1_000_000_000)?,
            min_notional_e9,
            instrument_type: kind.code(),
            reserved: [0; 23],
        };
        if instrument.tick_value_e9().is_none() {
            let one = |increment_e9| Increments { count: 1, increment_e9 };
            let found = format!("{} x {}", one(tick_size_e9), one(lot_size_e9));
            let allowed = "tick x lot worth whole billionths of the quote currency";
            return Err(refuse("lot", &found, allowed));
        }
        let moment = |key, text: &Option<String>, default| match text {
            None => Ok(default),
            Some(text) => time_ns(text)
                .ok_or_else(|| refuse(key, text, "2024-08-09T00:00:00Z or ns since 1970")),
        };
        let from_ns = moment("from", &args.from, 0)?;
        let to_ns = moment("to", &args.to, u64::MAX)?;
        if from_ns >= to_ns {
            return Err(refuse("to", args.to.as_deref().unwrap_or(""), "later than --from"));
        }
        let is_lobster = args.format == Format::Lobster;
        let found = |text: &Option<String>| text.as_deref().unwrap_or("nothing").to_owned();
        if args.midnight.is_some() != is_lobster {
            let allowed = "a moment with --format=lobster, nothing with another";
            return Err(refuse("midnight", &found(&args.midnight), allowed));
        }
        if let Some(path) = args.orderbook.as_ref().filter(|_| !is_lobster) {
            let found = path.display().to_string();
            return Err(refuse("orderbook", &found, "nothing but with --format=lobster"));
        }
        if !(1..=22).contains(&args.level) {
            return Err(refuse("level", &args.level.to_string(), "1 to 22"));
        }
        if args.bar_ms < 4 {
            return Err(refuse("bar-ms", &args.bar_ms.to_string(), "4 or more"));
        }
        Ok(Self {
            instrument,
            symbol: args.symbol.clone(),
            from_ns,
            to_ns,
            source: args.source.clone(),
            licence: args.licence.clone(),
            level: args.level,
            bar_ms: args.bar_ms,
            round: args.round,
            midnight_ns: moment("midnight", &args.midnight, 0)?,
        })
    }
}

/// UTC `YYYY-MM-DDThh:mm:ssZ` or a bare number of nanoseconds, as nanoseconds since 1970.
fn time_ns(text: &str) -> Option<u64> {
    if let Ok(ns) = text.parse() {
        return Some(ns);
    }
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    if !(1970..2500).contains(&year) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month.checked_sub(1)?).ok()?;
    if day == 0 || day > *lengths.get(before)? {
        return None;
    }
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
    let days = years + lengths.iter().take(before).sum::<u64>() + day - 1;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000_000)
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.split(separator).map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::time_ns;

    #[test]
    fn times_are_utc_or_nanoseconds() {
        assert_eq!(time_ns("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(time_ns("2024-08-09T00:00:00Z"), Some(1_723_161_600_000_000_000));
        assert_eq!(time_ns("2000-02-29T23:59:59Z"), Some(951_868_799_000_000_000));
        assert_eq!(time_ns("2024-12-31T00:00:01Z"), Some(1_735_603_201_000_000_000));
        assert_eq!(time_ns("1723161600000000000"), Some(1_723_161_600_000_000_000));
        for bad in ["", "2024-08-09", "2023-02-29T00:00:00Z", "2024-08-09T24:00:00Z", "-1"] {
            assert_eq!(time_ns(bad), None, "{bad}");
        }
    }
}
