//! What became of an order: every later frame of the record that is about it.
//!
//! Follows an order through its amendments, whose ids are new ones. Must never: feed an engine; the
//! record alone tells.

use super::rerun::Session;
use super::scene::{Units, ticks};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use wire::decimal::Increments;
use wire::instrument::Instrument;
use wire::order::{
    CancelReject, ExecType, ExecutionReport, Liquidity, OrdStatus, RejectReason, ReplaceOrder,
};
use wire::reconcile::OrderStatusReport;
use wire::risk::{Alarm, AlarmCode};
use wire::{ClOrdId, Frame, FrameHeader, FrameKind};

/// Every frame after index `at` about one of the `ids`, in order.
pub(super) fn became(
    session: &Session<'_>,
    at: usize,
    mut ids: BTreeSet<ClOrdId>,
    row: Option<&Instrument>,
) -> Vec<Value> {
    let units = row.map(Units::of);
    let mut list = Vec::new();
    for (place, frame) in session.frames.get(at + 1..).unwrap_or(&[]) {
        let (Ok(decoded), Ok(header)) = (wire::decode(frame), wire::frame::header(frame)) else {
            continue;
        };
        if let Frame::ReplaceOrder(replace) = &decoded
            && ids.contains(&replace.orig_cl_ord_id)
        {
            ids.insert(replace.cl_ord_id);
        }
        if let Some(about) = about(&decoded, &ids, units) {
            list.push(event(*place, header, about));
        }
    }
    list
}

fn event(place: u64, header: &FrameHeader, about: Value) -> Value {
    let kind = FrameKind::from_code(header.kind).map(FrameKind::name);
    let at = header.ts_event_ns;
    let mut map = Map::new();
    map.insert("frame".into(), place.into());
    map.insert("seq".into(), header.seq.into());
    map.insert("ts_ns".into(), header.ts_recv_ns.get().into());
    map.insert("ts_event_ns".into(), (at != wire::TsNs::UNDEF).then_some(at.get()).into());
    map.insert("kind".into(), kind.into());
    if let Value::Object(more) = about {
        map.extend(more);
    }
    Value::Object(map)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all other frames are about no order")]
fn about(frame: &Frame<'_>, ids: &BTreeSet<ClOrdId>, units: Option<Units>) -> Option<Value> {
    let of = |a: ClOrdId, b: ClOrdId| ids.contains(&a) || ids.contains(&b);
    match frame {
        Frame::ExecutionReport(r) if of(r.cl_ord_id, r.orig_cl_ord_id) => Some(report(r, units)),
        Frame::CancelOrder(c) if ids.contains(&c.orig_cl_ord_id) => Some(
            json!({ "cl_ord_id": c.cl_ord_id.get(), "orig_cl_ord_id": c.orig_cl_ord_id.get() }),
        ),
        Frame::ReplaceOrder(r) if ids.contains(&r.orig_cl_ord_id) => Some(replace(r, units)),
        Frame::CancelReject(r) if of(r.cl_ord_id, r.orig_cl_ord_id) => Some(cancel_reject(r)),
        Frame::OrderStatusRequest(r) if ids.contains(&r.cl_ord_id) => {
            Some(json!({ "cl_ord_id": r.cl_ord_id.get() }))
        }
        Frame::OrderStatusReport(r) if ids.contains(&r.cl_ord_id) => Some(status(r, units)),
        Frame::Alarm(a) if ids.contains(&a.cl_ord_id) => Some(alarm(a)),
        _ => None,
    }
}

/// The name of a code, or the code itself.
fn name(known: Option<&'static str>, code: u8) -> Value {
    known.map_or_else(|| code.into(), Into::into)
}

fn state(code: u8) -> Value {
    name(OrdStatus::from_code(code).map(OrdStatus::name), code)
}

fn reason(code: u8) -> Value {
    match RejectReason::from_code(code) {
        Some(RejectReason::None) => Value::Null,
        known => name(known.map(RejectReason::name), code),
    }
}

fn report(r: &ExecutionReport, units: Option<Units>) -> Value {
    let exec = ExecType::from_code(r.exec_type);
    let is_fill = exec == Some(ExecType::Trade);
    let qty = |lots: i64| units.map_or(Value::Null, |units| units.qty(lots));
    let fill = is_fill.then(|| {
        json!({
            "exec_id": r.exec_id,
            "price": units.map(|units| units.price(r.last_px_ticks)),
            "price_ticks": ticks(r.last_px_ticks),
            "qty": qty(r.last_qty_lots.get()),
            "qty_lots": r.last_qty_lots.get(),
            "liquidity": name(Liquidity::from_code(r.liquidity).map(Liquidity::name), r.liquidity),
            "fee": Increments { count: r.fee_e9.get(), increment_e9: 1 }.to_string(),
        })
    });
    let orig = (r.orig_cl_ord_id != ClOrdId::UNDEF).then_some(r.orig_cl_ord_id.get());
    json!({
        "cl_ord_id": r.cl_ord_id.get(),
        "orig_cl_ord_id": orig,
        "event": name(exec.map(ExecType::name), r.exec_type),
        "state": state(r.ord_status),
        "fill": fill,
        "cum_qty": qty(r.cum_qty_lots.get()),
        "leaves_qty": qty(r.leaves_qty_lots.get()),
        "reason": reason(r.reject_reason),
    })
}

fn replace(r: &ReplaceOrder, units: Option<Units>) -> Value {
    json!({
        "cl_ord_id": r.cl_ord_id.get(),
        "orig_cl_ord_id": r.orig_cl_ord_id.get(),
        "price": units.map(|units| units.price(r.price_ticks)),
        "qty": units.map(|units| units.qty(r.qty_lots.get())),
    })
}

fn cancel_reject(r: &CancelReject) -> Value {
    json!({
        "cl_ord_id": r.cl_ord_id.get(),
        "orig_cl_ord_id": r.orig_cl_ord_id.get(),
        "state": state(r.ord_status),
        "reason": reason(r.reject_reason),
    })
}

fn status(r: &OrderStatusReport, units: Option<Units>) -> Value {
    json!({
        "cl_ord_id": r.cl_ord_id.get(),
        "state": state(r.ord_status),
        "cum_qty": units.map(|units| units.qty(r.cum_qty_lots.get())),
        "leaves_qty": units.map(|units| units.qty(r.leaves_qty_lots.get())),
    })
}

fn alarm(a: &Alarm) -> Value {
    json!({
        "cl_ord_id": a.cl_ord_id.get(),
        "code": name(AlarmCode::from_code(a.code).map(AlarmCode::name), a.code),
        "limit": a.limit,
        "actual": a.actual,
    })
}
