//! The tables of what an operator must know: alarms, kill switches, changes of the mode.
//!
//! Names come from the wire's codes; what a frame leaves undefined is an empty cell.

use crate::record;
use std::fmt::{Error, Write as _};
use tape::Recording;
use wire::decimal::Increments;
use wire::instrument::Instrument;
use wire::risk::{Alarm, AlarmCode, KillCause, KillReport, KillStage, Scope};
use wire::station::{Mode, ModeChange};
use wire::{ClOrdId, FrameHeader, FrameKind, StrategyId, VenueId};

pub(super) const ALARMS: &str = "seq,ts_ns,alarm,symbol,strategy,venue,cl_ord_id,limit,actual";
pub(super) const KILLS: &str = "seq,ts_ns,scope,symbol,strategy,venue,cause,stage,working,unknown,\
                                cancels,positions,residual";
pub(super) const MODES: &str = "seq,ts_ns,from,to,cause";

/// `,symbol,strategy,venue`.
fn concern(header: &FrameHeader, recording: &Recording, line: &mut String) -> Result<(), Error> {
    let row = record::row(recording, header.instrument_id);
    write!(line, ",{},", row.map_or("", Instrument::symbol))?;
    if header.strategy_id != StrategyId::UNDEF {
        write!(line, "{}", header.strategy_id)?;
    }
    line.push(',');
    if header.venue_id != VenueId::UNDEF {
        write!(line, "{}", header.venue_id)?;
    }
    Ok(())
}

pub(super) fn alarm(alarm: &Alarm, recording: &Recording, line: &mut String) -> Result<(), Error> {
    let h = &alarm.header;
    let name = AlarmCode::from_code(alarm.code).map_or("", AlarmCode::name);
    write!(line, "{},{},{name}", h.seq, h.ts_recv_ns)?;
    concern(h, recording, line)?;
    line.push(',');
    if alarm.cl_ord_id != ClOrdId::UNDEF {
        write!(line, "{}", alarm.cl_ord_id)?;
    }
    write!(line, ",{},{}", alarm.limit, alarm.actual)
}

pub(super) fn kill(
    report: &KillReport,
    recording: &Recording,
    line: &mut String,
) -> Result<(), Error> {
    let h = &report.header;
    let scope = Scope::from_code(report.scope).map_or("", Scope::name);
    write!(line, "{},{},{scope}", h.seq, h.ts_recv_ns)?;
    concern(h, recording, line)?;
    write!(
        line,
        ",{},{},{},{},{},{},{}",
        KillCause::from_code(report.cause).map_or("", KillCause::name),
        KillStage::from_code(report.stage).map_or("", KillStage::name),
        report.working,
        report.unknown,
        report.cancels,
        report.positions,
        Increments { count: report.residual_e9, increment_e9: 1 },
    )
}

pub(super) fn mode(change: &ModeChange, line: &mut String) -> Result<(), Error> {
    let h = &change.header;
    let name = |code| Mode::from_code(code).map_or("", Mode::name);
    write!(line, "{},{},{},{},", h.seq, h.ts_recv_ns, name(change.from), name(change.to))?;
    // The lower byte of a kind: no two kinds share it.
    let cause = FrameKind::from_code(u16::from(change.cause_kind));
    line.push_str(cause.map_or("", FrameKind::name));
    Ok(())
}
