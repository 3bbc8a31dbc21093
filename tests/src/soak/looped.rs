//! A recording played again and again: its events repeated with later times and higher venue
//! numbers, as if the market had gone on.
//!
//! Must never: change a price, a quantity or the order of events. Runs before a soak; allocates.

use std::path::Path;
use tape::{Compression, Header, RecordingWriter, read_all};
use wire::frame::FrameHeader;
use wire::market::{BookSnapshot, DepthDelta, FLAG_ORDER, Gap, Quote, Trade};
use wire::units::SEQ_UNDEF;
use wire::{FrameKind, TsNs};

/// Recorded time between the last event of a round and the first of the next, nanoseconds.
const PAUSE_NS: u64 = 10_000_000;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looped {
    /// Recorded time of one round with the pause after it, nanoseconds.
    pub round_ns: u64,
    /// Rounds.
    pub rounds: u64,
    /// Events, the instrument table aside.
    pub events: u64,
}

/// What a round adds to the one before.
#[derive(Clone, Copy, Debug)]
struct Stride {
    time_ns: u64,
    updates: u64,
    trades: u64,
}

/// A venue's numbers in a frame.
struct Numbers<'a> {
    updates: Vec<&'a mut u64>,
    trade: Option<&'a mut u64>,
}

/// Recorded time of one round of a recording, the pause after it included, nanoseconds.
///
/// # Errors
/// In words: it cannot be read, or has no event.
pub fn round_ns(from: &Path) -> Result<u64, String> {
    let recording = read_all(from).map_err(|error| error.to_string())?;
    stride(recording.frames()).map(|stride| stride.time_ns)
}

/// Writes a recording of `rounds` rounds of another.
///
/// # Errors
/// In words: it cannot be read or written, or holds frames that cannot be repeated.
pub fn write(from: &Path, to: &Path, rounds: u64) -> Result<Looped, String> {
    let recording = read_all(from).map_err(|error| error.to_string())?;
    let stride = stride(recording.frames())?;
    let mut header: Header = recording.header.clone();
    header.notes.push(format!("{rounds} rounds of the same events, times and numbers moved on"));
    let writer = RecordingWriter::create(to, &header, Compression::Zstd(1));
    let mut writer = writer.map_err(|error| error.to_string())?;
    let mut events = 0;
    let mut words: Vec<u64> = Vec::new();
    for round in 0..rounds {
        for frame in recording.frames() {
            words.clear();
            words.extend_from_slice(bytemuck::cast_slice(frame));
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
            if kind(bytes)? == FrameKind::Instrument {
                if round > 0 {
                    continue;
                }
            } else {
                move_on(bytes, stride, round)?;
                events += 1;
            }
            writer.push(bytes).map_err(|error| error.to_string())?;
        }
    }
    writer.finish().map_err(|error| error.to_string())?;
    Ok(Looped { round_ns: stride.time_ns, rounds, events })
}

fn kind(bytes: &[u8]) -> Result<FrameKind, String> {
    let code = wire::frame::header(bytes).map_err(|error| error.to_string())?.kind;
    FrameKind::from_code(code).ok_or_else(|| format!("frame kind {code} is not known"))
}

/// How far one round reaches, in time and in each kind of number.
fn stride<'a>(frames: impl Iterator<Item = &'a [u8]>) -> Result<Stride, String> {
    let (mut times, mut updates, mut trades) = ([u64::MAX, 0], [u64::MAX, 0], [u64::MAX, 0]);
    let widen = |range: &mut [u64; 2], number: u64| {
        *range = [range[0].min(number), range[1].max(number)];
    };
    for frame in frames {
        let mut words: Vec<u64> = bytemuck::cast_slice(frame).to_vec();
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        if kind(bytes)? == FrameKind::Instrument {
            continue;
        }
        let header = wire::frame::header(bytes).map_err(|error| error.to_string())?;
        widen(&mut times, header.ts_recv_ns.get());
        let numbers = numbers(bytes)?;
        numbers.updates.into_iter().for_each(|number| widen(&mut updates, *number));
        numbers.trade.into_iter().for_each(|number| widen(&mut trades, *number));
    }
    let reach = |range: [u64; 2]| range[1].saturating_sub(range[0]);
    if times[0] > times[1] {
        return Err("the recording has no event".to_owned());
    }
    let time_ns = reach(times) + PAUSE_NS;
    Ok(Stride { time_ns, updates: reach(updates) + 1, trades: reach(trades) + 1 })
}

/// Where the numbers of a market frame stand, undefined ones left out.
#[expect(clippy::wildcard_enum_match_arm, reason = "only market kinds are in a recording")]
fn numbers(bytes: &mut [u8]) -> Result<Numbers<'_>, String> {
    let mut trade = None;
    let updates = match kind(bytes)? {
        FrameKind::DepthDelta => {
            let delta = head::<DepthDelta>(bytes)?;
            if delta.header.flags & FLAG_ORDER != 0 {
                return Err("a recording order by order cannot be repeated".to_owned());
            }
            let DepthDelta { first_update_id, last_update_id, prev_update_id, .. } = delta;
            vec![first_update_id, last_update_id, prev_update_id]
        }
        FrameKind::BookSnapshot => vec![&mut head::<BookSnapshot>(bytes)?.last_update_id],
        FrameKind::Quote => vec![&mut head::<Quote>(bytes)?.update_id],
        FrameKind::Gap => {
            let Gap { expected_id, received_id, .. } = head::<Gap>(bytes)?;
            vec![expected_id, received_id]
        }
        FrameKind::Trade => {
            trade = Some(&mut head::<Trade>(bytes)?.trade_id);
            Vec::new()
        }
        FrameKind::Status => Vec::new(),
        other => return Err(format!("a {} frame cannot be repeated", other.name())),
    };
    let is_there = |number: &&mut u64| **number != SEQ_UNDEF;
    let updates = updates.into_iter().filter(is_there).collect();
    Ok(Numbers { updates, trade: trade.filter(|number| **number != SEQ_UNDEF) })
}

fn head<T: bytemuck::Pod>(bytes: &mut [u8]) -> Result<&mut T, String> {
    let head = bytes.get_mut(..size_of::<T>()).ok_or("a frame shorter than its kind")?;
    bytemuck::try_from_bytes_mut(head).map_err(|error| error.to_string())
}

fn move_on(bytes: &mut [u8], stride: Stride, round: u64) -> Result<(), String> {
    let too_far = || "the times or numbers leave 64 bits".to_owned();
    let by = |each: u64| each.checked_mul(round).ok_or_else(too_far);
    let (updates, trades, time_ns) = (by(stride.updates)?, by(stride.trades)?, by(stride.time_ns)?);
    let add = |number: &mut u64, by: u64| -> Result<(), String> {
        *number = number.checked_add(by).ok_or_else(too_far)?;
        Ok(())
    };
    let numbers = numbers(bytes)?;
    numbers.updates.into_iter().try_for_each(|number| add(number, updates))?;
    numbers.trade.into_iter().try_for_each(|number| add(number, trades))?;
    let header = head::<FrameHeader>(bytes)?;
    for time in [&mut header.ts_event_ns, &mut header.ts_recv_ns] {
        if *time != TsNs::UNDEF {
            *time = TsNs(time.get().checked_add(time_ns).ok_or_else(too_far)?);
        }
    }
    Ok(())
}
