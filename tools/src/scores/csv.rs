//! Scores as a table: what any model says of a recording, made wherever that model runs.
//!
//! One line a sample: `symbol,ts_recv_ns,score_e6,p_up_e6,p_down_e6`, as the sidecar's answer has
//! them; `ts_recv_ns` is the sample's, as `corelane features` writes it. Owns the reading of it. Must
//! never: guess at a line, or take a number the engine would refuse. Ordinary threads; allocates.

use super::Scores;
use crate::recording;
use sha2::{Digest, Sha256};
use station::operator::Failure;
use std::collections::BTreeMap;
use std::path::Path;
use tape::Recording;
use wire::exit::Exit;
use wire::signal::{SCORE_LIMIT_E6, SignalResponse, SignalStatus};
use wire::{FrameHeader, InstrumentId, TsNs};

const COLUMNS: &str = "symbol,ts_recv_ns,score_e6,p_up_e6,p_down_e6";

/// Reads a table of scores for the instruments of `market`.
///
/// # Errors
/// `RESOURCE` where it cannot be read or has no line, `ARGUMENTS` naming the line that is not
/// understood, or the symbol that is not in the recording.
pub(super) fn read(path: &Path, market: &Recording) -> Result<Scores, Failure> {
    let next = "name a table as `corelane backtest --help` describes it";
    let text = std::fs::read_to_string(path).map_err(|e| {
        let fields = format!("path={} why=\"{e}\"", path.display());
        Failure::new(Exit::Resource, "scores cannot be read", fields, next)
    })?;
    let refused = |line: usize, why: &str| {
        let fields = format!("path={} line={line} why=\"{why}\"", path.display());
        Failure::new(Exit::Arguments, "table of scores is not understood", fields, next)
    };
    let mut lines = text.lines().zip(1_usize..);
    if lines.next().is_none_or(|(head, _)| head != COLUMNS) {
        return Err(refused(1, &format!("the columns are {COLUMNS}")));
    }
    let mut ids: BTreeMap<&str, InstrumentId> = BTreeMap::new();
    let mut answers = BTreeMap::new();
    for (text, line) in lines {
        let row = row(text).ok_or_else(|| refused(line, "a number is missing or out of range"))?;
        let id = match ids.get(row.symbol) {
            Some(id) => *id,
            None => recording::instrument(market, Some(row.symbol))?.0,
        };
        ids.insert(row.symbol, id);
        if answers.insert((id, row.at), row.answer(id)).is_some() {
            return Err(refused(line, "the sample is there twice"));
        }
    }
    if answers.is_empty() {
        let fields = format!("path={}", path.display());
        return Err(Failure::new(Exit::Resource, "table has no scores", fields, next));
    }
    let digest = Sha256::digest(text.as_bytes());
    let file_hash = digest.first_chunk().map_or(0, |head| u64::from_be_bytes(*head));
    Ok(Scores { answers, file_hash })
}

/// One line.
struct Row<'a> {
    symbol: &'a str,
    at: TsNs,
    score_e6: i32,
    p_up_e6: u32,
    p_down_e6: u32,
}

/// A line's numbers, each in the range an answer may have.
fn row(text: &str) -> Option<Row<'_>> {
    let mut cells = text.split(',');
    let row = Row {
        symbol: cells.next()?,
        at: TsNs(cells.next()?.parse().ok()?),
        score_e6: cells.next()?.parse().ok()?,
        p_up_e6: cells.next()?.parse().ok()?,
        p_down_e6: cells.next()?.parse().ok()?,
    };
    let limit = SCORE_LIMIT_E6.unsigned_abs();
    let in_range = row.score_e6.unsigned_abs() <= limit
        && row.p_up_e6 <= limit
        && row.p_down_e6 <= limit
        && cells.next().is_none();
    in_range.then_some(row)
}

impl Row<'_> {
    /// The answer the sidecar would have given. No model is behind it: its hash is the table's.
    fn answer(&self, id: InstrumentId) -> SignalResponse {
        let mut header = FrameHeader::new::<SignalResponse>();
        header.instrument_id = id;
        header.ts_event_ns = TsNs::UNDEF;
        SignalResponse {
            header,
            request_id: 0,
            model_hash: 0,
            infer_ns: 0,
            score_e6: self.score_e6,
            p_up_e6: self.p_up_e6,
            p_down_e6: self.p_down_e6,
            generation: 1,
            batch: 1,
            status: SignalStatus::Ok.code(),
            reserved: [0; 13],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_whole_or_not_at_all() {
        let good = row("BTCUSDT,1700000000000000007,-1000000,0,1000000").unwrap();
        assert_eq!((good.symbol, good.at), ("BTCUSDT", TsNs(1_700_000_000_000_000_007)));
        assert_eq!((good.score_e6, good.p_up_e6, good.p_down_e6), (-1_000_000, 0, 1_000_000));
        for bad in [
            "",
            "BTCUSDT",
            "BTCUSDT,1,2,3",
            "BTCUSDT,1,2,3,4,5",
            "BTCUSDT,-1,2,3,4",
            "BTCUSDT,1,1000001,3,4",
            "BTCUSDT,1,-1000001,3,4",
            "BTCUSDT,1,-2147483648,3,4",
            "BTCUSDT,1,2,1000001,4",
            "BTCUSDT,1,2,3,1000001",
            "BTCUSDT,1,2.5,3,4",
            "BTCUSDT,1,2,-3,4",
            "BTCUSDT, 1,2,3,4",
        ] {
            assert!(row(bad).is_none(), "{bad}");
        }
    }
}
