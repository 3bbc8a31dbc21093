//! Two sections of a replay's summary: what loop, edge and bridge counted.
//!
//! Runs on the main thread after the last turn.

use crate::counters::Counters;
use crate::edge_task::EdgeTask;
use crate::loop_task::LoopTask;
use ipc::handshake::PeerInfo;
use serde_json::{Value, json};
use wire::counters::Counter;

/// The summary's signal section.
pub(super) fn signal(
    order_loop: &LoopTask,
    counters: &Counters,
    peer: Option<&PeerInfo>,
    standby: Option<&Value>,
) -> Value {
    let engine = order_loop.engine().counters();
    json!({
        "requests": engine.signal_requests,
        "answers": engine.signal_answers,
        "stale": engine.signal_stale,
        "unusable": engine.signal_unusable,
        "overwritten": order_loop.overwritten(),
        "sent": counters.get(Counter::BridgeSignalSent),
        "dropped": counters.get(Counter::BridgeSignalDropped),
        "late": counters.get(Counter::BridgeSignalLate),
        "expired": counters.get(Counter::BridgeSignalExpired),
        "shed": counters.get(Counter::BridgeSignalShed),
        "received": counters.get(Counter::BridgeSignalReceived),
        "refused": counters.get(Counter::BridgeRefused),
        "wrong_model": counters.get(Counter::BridgeSignalWrongModel),
        "unasked": counters.get(Counter::BridgeSignalUnasked),
        "model_changes": counters.get(Counter::BridgeModelChanges),
        "model_refused": counters.get(Counter::BridgeModelRefused),
        "connects": counters.get(Counter::BridgeSignalConnects),
        "faults": counters.get(Counter::BridgeSignalFaults),
        "transport": peer.map(|peer| if peer.shared_memory { "shm" } else { "socket" }),
        "backend": peer.map(PeerInfo::backend_text),
        "model_hash": peer.map(|peer| format!("{:016x}", peer.model_hash)),
        "generation": peer.map(|peer| peer.generation),
        "standby": standby,
    })
}

/// The summary's section of the threads' own counts.
pub(super) fn threads(order_loop: &LoopTask, edge: &EdgeTask<'_>, counters: &Counters) -> Value {
    json!({
        "turns": counters.get(Counter::LoopTurns),
        "turn_cycles_max": counters.get(Counter::LoopTurnCyclesMax),
        "stalls": counters.get(Counter::LoopStalls),
        "back_pressure": counters.get(Counter::LoopBackPressure),
        "bad_inputs": order_loop.bad_inputs(),
        "edge_events": counters.get(Counter::EdgeEvents),
        "edge_orders": counters.get(Counter::EdgeOrders),
        "approvals_spent": edge.approvals_spent(),
        "edge_reports": counters.get(Counter::EdgeReports),
        "edge_ring_full": counters.get(Counter::EdgeRingFull),
        "unapproved": counters.get(Counter::EdgeUnapproved),
        "stamps_lost": order_loop.stamps_lost() + edge.stamps_lost(),
        "recorded_frames": counters.get(Counter::RecorderFrames),
        "recorded_bytes": counters.get(Counter::RecorderBytes),
        "commands": counters.get(Counter::BridgeCommands),
    })
}
