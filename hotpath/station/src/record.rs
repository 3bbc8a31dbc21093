//! The frames that frame a record: instrument table, session start, the limits epoch the session
//! starts with, session end.
//!
//! A record is a recording like any other: its table comes first, so `SessionStart` follows it. The
//! values of the limits are in `config.json`; the epoch and the hash here say which they are.
//! Runs on the main thread at start and end.

use crate::operator::Failure;
use crate::prepare::{Prepared, of_tape};
use engine::Engine;
use std::path::Path;
use tape::{Compression, Header, RecordingWriter};
use wire::exit::Exit;
use wire::station::{SessionEnd, SessionStart};
use wire::{FrameHeader, TsNs};

/// Level of zstd: the fastest that still halves the file.
const COMPRESSION: Compression = Compression::Zstd(1);

/// Opens `frames.clrec` in `dir` and writes table and session start.
///
/// # Errors
/// `JOURNAL` with the cause.
pub fn open(dir: &Path, prepared: &Prepared, epoch: u32) -> Result<RecordingWriter, Failure> {
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
    let start = SessionStart {
        header: FrameHeader { ts_recv_ns: prepared.start, ..FrameHeader::new::<SessionStart>() },
        epoch: u64::from(epoch),
        schema_hash: wire::frame::schema_hash(),
        config_hash: prepared.plan.config_hash,
        data_hash: prepared.data_hash,
        instruments: u32::try_from(played.instruments().len()).unwrap_or(u32::MAX),
        strategies: u32::try_from(prepared.plan.setup.strategies.len()).unwrap_or(u32::MAX),
    };
    let write = || {
        let mut writer = RecordingWriter::create(dir.join("frames.clrec"), &header, COMPRESSION)?;
        for row in played.instruments() {
            writer.push(bytemuck::bytes_of(row))?;
        }
        writer.push(bytemuck::bytes_of(&start))?;
        Ok(writer)
    };
    write().map_err(|error| Failure { exit: Exit::Journal, ..of_tape(&error) })
}

/// The last frame of a record.
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
