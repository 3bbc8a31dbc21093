//! What stands round a session's inputs and outputs in its journal: who it is, instrument table,
//! session start, session end.
//!
//! A journal's frames are a recording like any other: its table comes first, so `SessionStart`
//! follows it. The values of the limits are in `config.json`; the epoch and the hash here say which
//! they are. Runs on the main thread at start and end.

use crate::prepare::Prepared;
use engine::Engine;
use tape::Header;
use tape::tape::TapeWriter;
use wire::station::{SessionEnd, SessionStart};
use wire::{FrameHeader, TsNs};

/// What a journal's first record says of the session: the header of a recording, as JSON.
#[must_use]
pub fn about(prepared: &Prepared) -> String {
    let played = &prepared.recording;
    let name = played.path.file_name().map(|n| n.to_string_lossy().into_owned());
    let header = Header {
        source: format!("corelane-engine, playing {}", name.unwrap_or_default()),
        licence: played.header.licence.clone(),
        derived: played.header.source.clone(),
        instruments: played.instruments().iter().map(|row| row.symbol().to_owned()).collect(),
        notes: vec!["every input and output of the engine, in order".to_owned()],
        ..Header::default()
    };
    let text = serde_json::to_string(&header.stamped()).unwrap_or_default();
    // A table of thousands of symbols is in the frames anyway.
    if text.len() <= wire::frame::MAX_FRAME_BYTES { text } else { "{}".to_owned() }
}

/// Writes instrument table and session start to a fresh tape. `false` where they do not fit.
pub fn begin(
    tape: &mut TapeWriter,
    cycles: u64,
    prepared: &Prepared,
    (epoch, host_hash): (u32, u64),
) -> bool {
    let played = &prepared.recording;
    let start = SessionStart {
        header: FrameHeader { ts_recv_ns: prepared.start, ..FrameHeader::new::<SessionStart>() },
        epoch: u64::from(epoch),
        schema_hash: wire::frame::schema_hash(),
        config_hash: prepared.plan.config_hash,
        data_hash: prepared.data_hash,
        host_hash,
        instruments: u32::try_from(played.instruments().len()).unwrap_or(u32::MAX),
        strategies: u32::try_from(prepared.plan.setup.strategies.len()).unwrap_or(u32::MAX),
    };
    let rows = played.instruments().iter().map(bytemuck::bytes_of);
    rows.chain([bytemuck::bytes_of(&start)]).all(|frame| tape.push(cycles, frame))
}

/// The last frame of a session.
#[must_use]
pub fn end(engine: &Engine) -> SessionEnd {
    let counters = engine.counters();
    SessionEnd {
        header: FrameHeader {
            seq: engine.seq(),
            ts_recv_ns: TsNs(engine.now().get()),
            ..FrameHeader::new::<SessionEnd>()
        },
        inputs: counters.inputs,
        outputs: counters.outputs,
        state_hash: engine.state_hash(),
    }
}
