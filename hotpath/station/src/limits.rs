//! Limits outside the engine: the file, its signature, its epoch, and changes while it runs.
//!
//! Owns the way from `limits.toml` to an engine's [`LimitSet`]: one file read once, hashed and
//! parsed from the same bytes, checked whole, joined with the instrument table, the strategies and
//! the venues. Must never: default a value or a row, let a file that has any problem change what
//! runs, or loosen a limit but by a signed file with a higher epoch. Housekeeping threads only;
//! allocates.

pub mod changes;
pub mod desk;
mod file;
mod guarded;
mod join;
pub mod sign;
mod state;

pub use join::{Member, Roster};
pub use state::EpochState;

use crate::config::failure;
use crate::operator::Failure;
use engine::limits::{FirmLimits, FxSource, Row, StrategyLimits, SymbolLimits, VenueLimits};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use wire::exit::Exit;

/// Largest limits file, bytes: far beyond any real one, small enough to read at once.
const FILE_MAX: u64 = 1_048_576;

/// A checked limits file: rows by name, not yet joined with anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsFile {
    /// Where it was read.
    pub path: PathBuf,
    /// Epoch: rises with every file; at least 1.
    pub epoch: u64,
    /// SHA-256 of the bytes as read, lower-case hex.
    pub sha256: [u8; 64],
    /// The bytes as read: what a signature is over.
    pub bytes: Vec<u8>,
    /// `[firm]`.
    pub firm: FirmLimits,
    /// `[venue.NAME]`, by name.
    pub venues: Vec<Named<VenueLimits>>,
    /// `[strategy.NAME]`, by name.
    pub strategies: Vec<Named<StrategyLimits>>,
    /// `[symbol.SYMBOL]`, by symbol.
    pub symbols: Vec<Named<SymbolSpec>>,
}

/// A row with its name and its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<T> {
    /// Name of the venue, strategy or symbol.
    pub name: String,
    /// Line of its section.
    pub line: usize,
    /// The row.
    pub row: T,
}

/// A symbol's row as the file gives it: strategies still by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolSpec {
    /// Numbers.
    pub limits: SymbolLimits,
    /// Allowed pairs of order type and time in force; see [`engine::limits::pair_bit`].
    pub order_types: u32,
    /// Strategies that may trade it.
    pub strategies: Vec<String>,
    /// Where the exchange rate comes from.
    pub fx: FxSource,
    /// Whether a price band of the venue is due.
    pub band_due: bool,
    /// Whether a short sale needs a locate.
    pub locate_due: bool,
    /// Average daily volume, lots, where the operator gives one.
    pub adv_lots: Option<i64>,
}

impl LimitsFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// A [`Failure`] with one line for each problem: `RESOURCE` where the file cannot be read,
    /// else `CONFIGURATION`.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let bytes = guarded::read(path, FILE_MAX)?;
        Self::parse(path, bytes)
    }

    /// No limits at all: nothing can be joined with it but nothing. Stands in while a configuration
    /// is read.
    pub(crate) fn none(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            epoch: 0,
            sha256: [b'0'; 64],
            bytes: Vec::new(),
            firm: FirmLimits::LOOSEST,
            venues: Vec::new(),
            strategies: Vec::new(),
            symbols: Vec::new(),
        }
    }

    /// Checks the bytes of a file.
    ///
    /// # Errors
    /// A [`Failure`] with one line for each problem.
    pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self, Failure> {
        file::read(path, bytes).map_err(|problems| failure(path, problems))
    }

    /// The hash as text.
    #[must_use]
    pub fn sha256_text(&self) -> &str {
        text_of_hash(&self.sha256)
    }

    /// Every row with its values, for `config.json` and the configuration's hash.
    #[must_use]
    pub fn effective(&self) -> Value {
        fn numbers<R: Row>(row: &R) -> Map<String, Value> {
            let value = |field| json!(row.get(field));
            R::fields().iter().map(|s| (s.field.name().to_owned(), value(s.field))).collect()
        }
        fn rows<R: Row>(rows: &[Named<R>]) -> Map<String, Value> {
            let row = |named: &Named<R>| (named.name.clone(), numbers(&named.row).into());
            rows.iter().map(row).collect()
        }
        let symbol = |named: &Named<SymbolSpec>| {
            let spec = &named.row;
            let mut row = numbers(&spec.limits);
            row.insert("order_types".to_owned(), json!(file::pair_names(spec.order_types)));
            row.insert("strategies".to_owned(), json!(spec.strategies));
            row.insert("fx".to_owned(), json!(file::word(file::FX, &spec.fx)));
            row.insert("band".to_owned(), json!(file::word(file::BAND, &spec.band_due)));
            row.insert("locate".to_owned(), json!(file::word(file::LOCATE, &spec.locate_due)));
            row.insert("adv_lots".to_owned(), json!(spec.adv_lots));
            (named.name.clone(), row.into())
        };
        json!({
            "epoch": self.epoch,
            "sha256": self.sha256_text(),
            "firm": numbers(&self.firm),
            "venue": rows(&self.venues),
            "strategy": rows(&self.strategies),
            "symbol": self.symbols.iter().map(symbol).collect::<Map<String, Value>>(),
        })
    }
}

/// A hash's hex as text.
#[must_use]
pub fn text_of_hash(sha256: &[u8; 64]) -> &str {
    std::str::from_utf8(sha256).unwrap_or("")
}

/// SHA-256 as lower-case hex.
fn hash_hex(bytes: &[u8]) -> [u8; 64] {
    let mut hex = [0; 64];
    hex_into(&Sha256::digest(bytes), &mut hex);
    hex
}

/// Lower-case hex of `bytes`, as far as `out` holds it.
fn hex_into(bytes: &[u8], out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
}

/// The bytes behind hex of exactly their length, or `None`.
fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (i, byte) in out.iter_mut().enumerate() {
        let pair = text.get(2 * i..2 * i + 2)?;
        let digits = pair.bytes().all(|b| b.is_ascii_hexdigit());
        *byte = u8::from_str_radix(pair, 16).ok().filter(|_| digits)?;
    }
    Some(out)
}

/// What the limits of a station come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The limits file.
    pub file: PathBuf,
    /// The public key its signature is checked with.
    pub public_key: Option<PathBuf>,
    /// The last epoch taken, where a state folder is configured.
    pub state: Option<EpochState>,
}

impl Source {
    /// Whether a file may be taken: its signature and its epoch. What is not checked, for the
    /// operator to read.
    ///
    /// # Errors
    /// A [`Failure`] where the signature or the epoch is bad, or where there is no key and a reason
    /// why it must be signed.
    pub fn admit(
        &self,
        file: &LimitsFile,
        must_sign: Option<&str>,
    ) -> Result<Vec<&'static str>, Failure> {
        let mut missing = Vec::new();
        match &self.public_key {
            Some(key) => sign::PublicKey::read(key)?.verify(file)?,
            None => match must_sign {
                Some(why) => {
                    let allowed = format!("a public key file: {why}");
                    return Err(refusal(&self.file, "limits.public_key", "nothing", &allowed));
                }
                None => missing.push("signature not checked (no limits.public_key)"),
            },
        }
        match &self.state {
            Some(state) => state.check(file)?,
            None => missing.push("epoch not kept (no session.state_dir)"),
        }
        Ok(missing)
    }

    /// Keeps the file's epoch as the last one taken.
    ///
    /// # Errors
    /// `JOURNAL` where it cannot be written.
    pub fn take(&self, file: &LimitsFile) -> Result<(), Failure> {
        self.state.as_ref().map_or(Ok(()), |state| state.take(file))
    }
}

/// One problem of one file.
fn refusal(path: &Path, key: &str, found: &str, allowed: &str) -> Failure {
    let fields = format!("file={} key={key} found={found} allowed=({allowed})", path.display());
    Failure::new(Exit::Configuration, "limits are not acceptable", fields, NEXT)
}

const NEXT: &str = "correct it; limits that run stay as they are";

#[cfg(test)]
pub(crate) mod tests;
