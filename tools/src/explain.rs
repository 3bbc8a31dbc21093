//! `corelane explain`: why an order of a run exists, or why it was denied.
//!
//! Owns the question: which decisions of a record are meant, and the answer as one JSON object. The
//! engine is the run's own, built from the run's folder (`station::config::kept`) and fed the
//! recorded inputs; what it saw is copied, never computed here. Must never: answer from an engine
//! that does not repeat the record.

mod became;
mod rerun;
mod scene;
mod text;

use crate::cli::ExplainArgs;
use crate::output::Output;
use crate::{record, recording};
use engine::{Engine, gate};
use rerun::{Found, Rerun, Session, header, kind, rerun};
use scene::Units;
use serde_json::{Map, Value, json};
use station::operator::Failure;
use station::recovery::engine_of;
use std::collections::BTreeSet;
use std::path::Path;
use tape::Recording;
use wire::exit::Exit;
use wire::instrument::text_of;
use wire::order::Denied;
use wire::station::{SessionEnd, SessionStart};
use wire::{ClOrdId, Frame, FrameKind, TsNs};

/// Version of the JSON object.
const VERSION: u32 = 1;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Every decision about a client order id.
    Order(ClOrdId),
    /// The decision with this sequence number.
    Seq(u64),
}

/// Runs the command.
///
/// # Errors
/// `ARGUMENTS` for a folder without a record or an order that is not in it, `RESOURCE` for files
/// that are missing or damaged, `CONFIGURATION` where the folder's configuration is not the
/// record's, `DIVERGED` where the engine does not repeat the record. A cut record is explained as
/// far as it goes, then its fault is the failure.
pub fn explain(args: &ExplainArgs) -> Result<(), Failure> {
    let asked = asked(args)?;
    let (recording, fault) = recording::open(&record::path_of(&args.run_dir)?)?;
    let engine = rebuild(&args.run_dir, &recording)?;
    let answer = answer(engine, &recording, asked, fault.as_ref())?;
    let mut out = Output::stdout();
    if args.json {
        out.line(format_args!("{answer}"))?;
    } else {
        out.write(text::page(&answer).as_bytes())?;
    }
    out.finish()?;
    recording::settle(fault)
}

fn asked(args: &ExplainArgs) -> Result<Asked, Failure> {
    if let Some(seq) = args.seq {
        return Ok(Asked::Seq(seq));
    }
    let text = args.order.as_deref().unwrap_or_default();
    let id = match text.split_once(':') {
        Some((epoch, counter)) => {
            let parts = epoch.parse().ok().zip(counter.parse().ok());
            parts.map(|(epoch, counter)| ClOrdId::new(epoch, counter))
        }
        None => text.parse().ok().map(ClOrdId),
    };
    id.map(Asked::Order).ok_or_else(|| {
        let fields = format!("order=\"{}\"", text.escape_debug());
        let next = "give the client order id as a number, or as EPOCH:COUNTER";
        Failure::new(Exit::Arguments, "no client order id", fields, next)
    })
}

/// `EPOCH:COUNTER`.
fn id_text(id: ClOrdId) -> String {
    format!("{}:{}", id.get() >> 32, id.get() & u64::from(u32::MAX))
}

fn rebuild(dir: &Path, recording: &Recording) -> Result<Engine, Failure> {
    engine_of(dir, recording.instruments(), &start_of(recording)?, &recording.path)
}

fn start_of(recording: &Recording) -> Result<SessionStart, Failure> {
    let start = recording.frames().find_map(|frame| match wire::decode(frame) {
        Ok(Frame::SessionStart(start)) => Some(*start),
        _ => None,
    });
    start.ok_or_else(|| {
        let fields = format!("path={}", recording.path.display());
        let next = "name the folder of a run; a recording of a market holds no orders";
        Failure::new(Exit::Resource, "record has no session start", fields, next)
    })
}

/// Explains what was asked for with an engine in BOOT that is the record's own.
///
/// # Errors
/// `ARGUMENTS` where the record has no such decision, `DIVERGED` where the engine does not repeat
/// the record.
pub fn answer(
    engine: Engine,
    recording: &Recording,
    asked: Asked,
    fault: Option<&Failure>,
) -> Result<Value, Failure> {
    let session = Session::of(recording.frames(), fault.is_none());
    let wanted = match asked {
        Asked::Order(id) => decisions(&session, id),
        Asked::Seq(seq) => decision_at(&session, seq, recording)?,
    };
    if wanted.is_empty() {
        return Err(unknown(&session, asked, recording, fault));
    }
    let Rerun { found, inputs, engine } = rerun(engine, &session, &wanted)?;
    let end = recording.frames().last().and_then(|frame| match wire::decode(frame) {
        Ok(Frame::SessionEnd(end)) => Some(*end),
        _ => None,
    });
    let repeated = repeats(&engine, end.as_ref(), recording)?;
    let decisions: Vec<Value> =
        found.into_iter().map(|found| decision(&session, found, recording)).collect();
    let start = start_of(recording)?;
    Ok(json!({
        "version": VERSION,
        "record": {
            "path": recording.path.display().to_string(),
            "frames": recording.frames().count(),
            "whole": fault.is_none(),
            "fault": fault.map(ToString::to_string),
            "config_hash": format!("{:016x}", start.config_hash),
            "host_hash": format!("{:016x}", start.host_hash),
            "inputs": inputs,
            "state_hash": format!("{:016x}", engine.state_hash()),
            "state_hash_repeats": repeated,
        },
        "asked": match asked {
            Asked::Order(id) => json!({ "cl_ord_id": id.get(), "order": id_text(id) }),
            Asked::Seq(seq) => json!({ "seq": seq }),
        },
        "decisions": decisions,
    }))
}

/// Whether the engine ends in the state the record ends in; nothing where its end is missing.
fn repeats(
    engine: &Engine,
    end: Option<&SessionEnd>,
    recording: &Recording,
) -> Result<Option<bool>, Failure> {
    let Some(end) = end else { return Ok(None) };
    let made = engine.state_hash();
    if made == end.state_hash {
        return Ok(Some(true));
    }
    let frame = recording.frames().count().saturating_sub(1);
    let fields = format!("frame={frame} state_hash={:016x} made={made:016x}", end.state_hash);
    let next = "use the build that made the run; with the same build, report it";
    Err(Failure::new(Exit::Diverged, "the engine ends in another state", fields, next))
}

/// The id a decision is about, if the frame is one.
fn decided(frame: &[u8]) -> Option<ClOrdId> {
    match wire::decode(frame) {
        Ok(Frame::NewOrder(order)) => Some(order.cl_ord_id),
        Ok(Frame::ReplaceOrder(replace)) => Some(replace.cl_ord_id),
        Ok(Frame::Denied(denied)) => Some(denied.cl_ord_id),
        _ => None,
    }
}

fn decisions(session: &Session<'_>, id: ClOrdId) -> BTreeSet<usize> {
    let frames = session.frames.iter().enumerate();
    frames.filter(|(_, (_, frame))| decided(frame) == Some(id)).map(|(i, _)| i).collect()
}

fn decision_at(
    session: &Session<'_>,
    seq: u64,
    recording: &Recording,
) -> Result<BTreeSet<usize>, Failure> {
    let found = (0..session.frames.len()).find(|i| header(session, *i).map(|h| h.seq) == Some(seq));
    let Some(index) = found else { return Ok(BTreeSet::new()) };
    let frame = session.frames.get(index).map_or(&[][..], |(_, frame)| frame);
    if decided(frame).is_some() {
        return Ok(BTreeSet::from([index]));
    }
    let name = kind(frame).map_or("unknown", FrameKind::name);
    let fields = format!("seq={seq} kind={name} path={}", recording.path.display());
    let next = "name a new-order, replace-order or denied frame: `corelane print RECORD \
                --kind=denied` lists them";
    Err(Failure::new(Exit::Arguments, "frame is no decision about an order", fields, next))
}

/// Nothing of the record is what was asked for.
fn unknown(
    session: &Session<'_>,
    asked: Asked,
    recording: &Recording,
    fault: Option<&Failure>,
) -> Failure {
    let what = match asked {
        Asked::Order(id) => format!("order={} ({})", id.get(), id_text(id)),
        Asked::Seq(seq) => format!("seq={seq}"),
    };
    let path = recording.path.display();
    if let (Asked::Order(id), Some(of)) = (asked, canceled_by(session, asked)) {
        let fields = format!("{what} cancels={} ({}) path={path}", of.get(), id_text(of));
        let next = format!("ask for the order it cancels: --order={}", id_text(of));
        debug_assert_ne!(id, of);
        return Failure::new(Exit::Arguments, "id is a cancel's, not an order's", fields, next);
    }
    let ids: BTreeSet<ClOrdId> =
        session.frames.iter().filter_map(|(_, frame)| decided(frame)).collect();
    let known = match (ids.first(), ids.last()) {
        (Some(first), Some(last)) => {
            format!("{} from {} to {}", ids.len(), id_text(*first), id_text(*last))
        }
        _ => "none".to_owned(),
    };
    let fields = format!("{what} path={path} orders=({known})");
    if let Some(fault) = fault {
        let frames = recording.frames().count();
        let fields = format!("{fields} readable_frames={frames}");
        let next = "the record is cut or damaged after them; what it lost cannot be explained";
        return Failure::new(fault.exit, "not in the readable part of the record", fields, next);
    }
    let next = "`corelane export RUNDIR --what=orders` lists them";
    Failure::new(Exit::Arguments, "no such order in the record", fields, next)
}

/// The order a cancel of that id is for.
fn canceled_by(session: &Session<'_>, asked: Asked) -> Option<ClOrdId> {
    let Asked::Order(id) = asked else { return None };
    session.frames.iter().find_map(|(_, frame)| match wire::decode(frame) {
        Ok(Frame::CancelOrder(cancel)) if cancel.cl_ord_id == id => Some(cancel.orig_cl_ord_id),
        _ => None,
    })
}

/// One decision: its frame, its cause, what the gate saw, what became of it.
fn decision(session: &Session<'_>, found: Found, recording: &Recording) -> Value {
    let Found { at, cause, scene } = found;
    let mut map = Map::new();
    let Some((place, frame)) = session.frames.get(at) else { return Value::Null };
    let Some(head) = header(session, at) else { return Value::Null };
    let row = record::row(recording, head.instrument_id);
    map.insert("frame".into(), (*place).into());
    map.insert("seq".into(), head.seq.into());
    map.insert("ts_ns".into(), head.ts_recv_ns.get().into());
    map.insert("decision".into(), kind(frame).map(FrameKind::name).into());
    let id = decided(frame).unwrap_or(ClOrdId::UNDEF);
    map.insert("cl_ord_id".into(), id.get().into());
    map.insert("order".into(), id_text(id).into());
    let mut ids = BTreeSet::from([id]);
    let mut denial = Value::Null;
    match wire::decode(frame) {
        Ok(Frame::NewOrder(order)) => {
            map.insert("approval_seq".into(), order.approval_seq.into());
        }
        Ok(Frame::ReplaceOrder(replace)) => {
            map.insert("orig_cl_ord_id".into(), replace.orig_cl_ord_id.get().into());
            map.insert("approval_seq".into(), replace.approval_seq.into());
            ids.insert(replace.orig_cl_ord_id);
        }
        Ok(Frame::Denied(denied)) => {
            denial = of_denial(denied);
            // Nothing left the station; the id is the next request's.
            ids.clear();
            map.insert("id_went_to".into(), next_with(session, at, id));
        }
        _ => {}
    }
    map.insert("denied".into(), denial);
    map.insert("cause".into(), cause.map(|i| cause_of(session, i, recording)).into());
    map.extend(scene);
    map.insert("became".into(), became::became(session, at, ids, row).into());
    Value::Object(map)
}

/// The request that left the station with an id a denied order would have had.
fn next_with(session: &Session<'_>, at: usize, id: ClOrdId) -> Value {
    let later = session.frames.get(at + 1..).unwrap_or(&[]);
    let sent = later.iter().find_map(|(_, frame)| match wire::decode(frame) {
        Ok(Frame::NewOrder(f)) if f.cl_ord_id == id => Some(f.header),
        Ok(Frame::ReplaceOrder(f)) if f.cl_ord_id == id => Some(f.header),
        Ok(Frame::CancelOrder(f)) if f.cl_ord_id == id => Some(f.header),
        _ => None,
    });
    sent.map_or(Value::Null, |header| {
        let kind = FrameKind::from_code(header.kind).map(FrameKind::name);
        json!({ "kind": kind, "seq": header.seq })
    })
}

/// Why the gate refused, as the record has it.
fn of_denial(denied: &Denied) -> Value {
    let failed = |id: &u8| denied.mask & (1 << id) != 0;
    let codes: Vec<&str> = (0..64).filter(failed).filter_map(gate::code_of).collect();
    json!({
        "primary": denied.primary,
        "code": gate::code_of(denied.primary),
        "unit": gate::check(denied.primary).map(|check| check.unit),
        "limit": denied.limit,
        "actual": denied.actual,
        "mask": format!("{:016x}", denied.mask),
        "failed": codes,
    })
}

/// The input that led to the decision.
fn cause_of(session: &Session<'_>, index: usize, recording: &Recording) -> Value {
    let Some((place, frame)) = session.frames.get(index) else { return Value::Null };
    let Some(head) = header(session, index) else { return Value::Null };
    let event = head.ts_event_ns;
    json!({
        "frame": place,
        "seq": head.seq,
        "kind": kind(frame).map(FrameKind::name),
        "ts_ns": head.ts_recv_ns.get(),
        "ts_event_ns": (event != TsNs::UNDEF).then_some(event.get()),
        "detail": detail(frame, recording),
    })
}

/// What of an input matters to a reader, in a few words.
#[expect(clippy::wildcard_enum_match_arm, reason = "of other inputs the kind says enough")]
fn detail(frame: &[u8], recording: &Recording) -> Option<String> {
    let units = |h: &wire::FrameHeader| record::row(recording, h.instrument_id).map(Units::of);
    let shown = |value: Value| value.as_str().unwrap_or("none").to_owned();
    match wire::decode(frame).ok()? {
        Frame::SignalResponse(r) => {
            Some(format!("request_id={} score_e6={}", r.request_id, r.score_e6))
        }
        Frame::Timer(timer) => Some(format!("timer_id={}", timer.timer_id)),
        Frame::Trade(trade) => {
            let units = units(&trade.header)?;
            let price = shown(units.price(trade.price_ticks));
            Some(format!("price={price} qty={}", shown(units.qty(trade.qty_lots.get()))))
        }
        Frame::DepthDelta(depth) => Some(format!("last_update_id={}", depth.head.last_update_id)),
        Frame::BookSnapshot(depth) => Some(format!("last_update_id={}", depth.head.last_update_id)),
        Frame::Quote(quote) => Some(format!("update_id={}", quote.update_id)),
        Frame::ExecutionReport(r) => {
            let exec = wire::order::ExecType::from_code(r.exec_type)?;
            Some(format!("order={} event={}", id_text(r.cl_ord_id), exec.name()))
        }
        Frame::Control(control) => {
            let command = wire::control::Command::from_code(control.command)?;
            let reason = text_of(&control.reason);
            Some(format!("command={} reason=\"{reason}\"", command.name()))
        }
        _ => None,
    }
}
