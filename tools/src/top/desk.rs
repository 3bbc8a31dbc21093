//! What the journal says of the session: gaps, denials by code, positions and their profit, alarms.
//!
//! Books, touches and positions are the engine's code, fed with the same frames. Must never: count
//! an execution twice, or say a profit that has no price.

use crate::record::{Markets, index};
use engine::gate::CHECKS;
use engine::position::Position;
use std::collections::{BTreeMap, HashSet};
use wire::instrument::Instrument;
use wire::market::GapReason;
use wire::order::{ExecType, ExecutionReport, Side};
use wire::risk::AlarmCode;
use wire::{Frame, MoneyE9, PriceTicks, decode};

/// The session so far.
#[derive(Debug, Default)]
pub(super) struct Desk {
    instruments: Vec<Instrument>,
    markets: Markets,
    positions: Vec<Position>,
    gaps: Vec<Gaps>,
    seen: HashSet<(u32, u64)>,
    denied: BTreeMap<u8, u64>,
    /// First eight bytes of the hash of the doctor's report at the session's start.
    pub(super) host_hash: Option<u64>,
    /// Newest alarm.
    pub(super) alarm: Option<&'static str>,
    /// A fill did not fit the sums: what is told of positions is no longer all.
    pub(super) has_overflowed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Gaps {
    count: u64,
    last: Option<&'static str>,
}

/// One instrument, to be shown.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) symbol: &'a str,
    /// Bid and ask, ticks.
    pub(super) touch: Option<(PriceTicks, PriceTicks)>,
    pub(super) tick_size_e9: i64,
    pub(super) gaps: u64,
    pub(super) last_gap: Option<&'static str>,
    pub(super) position_lots: i64,
    pub(super) fills: u64,
    pub(super) fees_e9: i64,
    /// Realised and unrealised profit less fees; `None` without a price.
    pub(super) net_e9: Option<i64>,
}

impl Desk {
    /// Takes one frame of the journal.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is for the market or not shown")]
    pub(super) fn take(&mut self, frame: &[u8]) {
        let Ok(frame) = decode(frame) else { return };
        match &frame {
            Frame::Instrument(row) => self.add(row),
            Frame::SessionStart(start) => self.host_hash = Some(start.host_hash),
            Frame::ExecutionReport(report) if report.exec_type == ExecType::Trade.code() => {
                self.fill(report);
            }
            Frame::Denied(denied) => *self.denied.entry(denied.primary).or_default() += 1,
            Frame::Alarm(alarm) => {
                self.alarm = AlarmCode::from_code(alarm.code).map(AlarmCode::name);
            }
            _ => {
                if let Frame::Gap(gap) = &frame
                    && let Some(gaps) = self.gaps.get_mut(index(gap.header.instrument_id))
                {
                    gaps.count += 1;
                    gaps.last = GapReason::from_code(gap.reason).map(GapReason::name);
                }
                let _changed = self.markets.take(&frame);
            }
        }
    }

    fn add(&mut self, row: &Instrument) {
        // A session has its table once; a journal that goes on after a crash may repeat it.
        if index(row.header.instrument_id) == self.instruments.len() {
            self.instruments.push(*row);
            self.markets.add();
            self.positions.push(Position::default());
            self.gaps.push(Gaps::default());
        }
    }

    fn fill(&mut self, report: &ExecutionReport) {
        let id = report.header.instrument_id;
        let at = self.positions.get_mut(index(id));
        if let (Some(position), Some(side)) = (at, Side::from_code(report.side))
            && self.seen.insert((id.get(), report.exec_id))
        {
            let (price, qty) = (report.last_px_ticks, report.last_qty_lots);
            self.has_overflowed |= position.fill(side, price, qty, report.fee_e9).is_err();
        }
    }

    /// Denials by code, the most frequent first.
    pub(super) fn denied(&self) -> Vec<(&'static str, u64)> {
        let code = |id: u8| CHECKS.get(usize::from(id)).map_or("?", |check| check.code);
        let mut list: Vec<_> = self.denied.iter().map(|(id, count)| (code(*id), *count)).collect();
        list.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
        list
    }

    /// Fills of all instruments.
    pub(super) fn fills(&self) -> u64 {
        self.positions.iter().map(Position::fills).sum()
    }

    /// Every instrument.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.instruments.iter().zip(&self.positions).zip(&self.gaps).enumerate().map(
            |(n, ((row, position), gaps))| {
                let touch = self.markets.touch(n);
                let touch = touch.map(|touch| (touch.bid.price_ticks, touch.ask.price_ticks));
                let lots = position.lots().get();
                // A long would be closed at the bid, a short at the ask; nothing needs no price.
                let mark = match touch {
                    Some((bid, ask)) => Some(if lots >= 0 { bid } else { ask }),
                    None => (lots == 0).then_some(PriceTicks(0)),
                };
                let net = mark.zip(row.tick_value_e9());
                Row {
                    symbol: row.symbol(),
                    touch,
                    tick_size_e9: row.tick_size_e9,
                    gaps: gaps.count,
                    last_gap: gaps.last,
                    position_lots: lots,
                    fills: position.fills(),
                    fees_e9: position.fees_e9().get(),
                    net_e9: net
                        .and_then(|(mark, value)| position.net_e9(mark, value).ok())
                        .map(MoneyE9::get),
                }
            },
        )
    }
}
