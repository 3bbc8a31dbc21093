//! Makes the C header, the Python mirror's tables, the tables of WIRE.md and the golden frames
//! from the layouts, codes and rules of this crate, so that no other language can drift from Rust.
//!
//! Must never: run in a station or perform I/O; it turns text into text. The example
//! `wire-bindings` writes the files, a test compares them.

mod c;
mod doc;
pub mod golden;
mod json;
mod markdown;
mod python;

pub use json::frame_json;

use crate::layout::{CodeTable, StructLayout, StructRules};
use crate::{control, counters, decimal, frame, instrument, journal, market, signal};

/// The command that writes every generated file.
pub const COMMAND: &str = "cargo run -p corelane-wire --example wire-bindings";

/// A file made from the layouts: path below the folder `wire`, and content.
#[derive(Debug)]
pub struct Output {
    /// Path below `wire/`.
    pub path: &'static str,
    /// The whole file.
    pub content: Vec<u8>,
}

/// A file with hand-written text lacks the markers the generated part stands between.
#[derive(Debug, PartialEq, Eq)]
pub struct MarkerMissing {
    /// The marker looked for.
    pub marker: String,
}

impl core::fmt::Display for MarkerMissing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "marker line `{}` is missing or stands twice", self.marker)
    }
}

impl core::error::Error for MarkerMissing {}

/// Makes every generated file. WIRE.md and the Python mirror hold hand-written text besides, so
/// their present text goes in.
///
/// # Errors
/// [`MarkerMissing`] where a present text lacks a marker.
pub fn outputs(wire_md: &str, mirror: &str) -> Result<Vec<Output>, MarkerMissing> {
    let frames = golden::frames();
    let file = |path, text: String| Output { path, content: text.into_bytes() };
    Ok(vec![
        file("WIRE.md", markdown::splice_all(wire_md)?),
        file("corelane.h", c::header()),
        file("python/corelane_wire.py", splice(mirror, "# ", "", "tables", &python::tables())?),
        Output { path: "golden/frames.bin", content: frames.concat() },
        file("golden/frames.json", json::golden(&frames)),
        file("golden/decode.c", c::decoder()),
    ])
}

/// Replaces what stands between the markers of part `name`; `open` and `close` make the marker a
/// comment.
fn splice(
    text: &str,
    open: &str,
    close: &str,
    name: &str,
    body: &str,
) -> Result<String, MarkerMissing> {
    let marker = |word: &str| format!("{open}{word} GENERATED {name}{close}\n");
    let once = |marker: String| match text.match_indices(&marker).collect::<Vec<_>>()[..] {
        [(at, _)] => Ok((at, at + marker.len())),
        _ => Err(MarkerMissing { marker: marker.trim_end().to_owned() }),
    };
    let (_, start) = once(marker("BEGIN"))?;
    let (end, _) = once(marker("END"))?;
    let (before, after) = match (text.get(..start), text.get(end..)) {
        (Some(before), Some(after)) if start <= end => (before, after),
        _ => {
            return Err(MarkerMissing { marker: marker("BEGIN").trim_end().to_owned() });
        }
    };
    Ok(format!("{before}{body}{after}"))
}

/// One constant other languages need.
struct Constant {
    name: &'static str,
    value: Value,
    doc: &'static str,
}

/// A constant's value with the type it has on the wire.
enum Value {
    U16(u16),
    U32(u32),
    U64(u64),
    I64(i64),
    Size(usize),
}

macro_rules! constants {
    ($( $name:ident = $kind:ident($value:expr), $doc:literal; )*) => {
        fn constants() -> Vec<Constant> {
            vec![ $( Constant {
                name: stringify!($name),
                value: Value::$kind($value),
                doc: $doc,
            }, )* ]
        }
    };
}

constants! {
    WIRE_VERSION = Size(frame::WIRE_VERSION.into()), "Version of every layout.";
    SCHEMA_HASH = U64(frame::schema_hash()), "Hash of every layout, compared in the handshake.";
    HEADER_BYTES = Size(frame::HEADER_BYTES), "Size of the frame header.";
    MAX_FRAME_BYTES = Size(frame::MAX_FRAME_BYTES), "Largest frame.";
    FLAG_FIRST = Size(market::FLAG_FIRST.into()), "Header flag: first frame of a depth message.";
    FLAG_LAST = Size(market::FLAG_LAST.into()), "Header flag: last frame of a depth message.";
    FLAG_ORDER = Size(market::FLAG_ORDER.into()), "Header flag: a depth delta of one order.";
    MAX_LEVELS = Size(market::MAX_LEVELS), "Most levels a writer puts in one frame.";
    SIGNAL_WINDOW = Size(signal::WINDOW), "Snapshots in a signal request.";
    SIGNAL_DEPTH = Size(signal::DEPTH), "Levels a side in each snapshot.";
    SIGNAL_FEATURES = Size(signal::FEATURES), "Numbers a snapshot.";
    OFFSET_SCALE = I64(signal::OFFSET_SCALE), "Parts in which a relative price is counted.";
    SCORE_LIMIT_E6 = I64(signal::SCORE_LIMIT_E6.into()), "Bound of a score, up and down.";
    COUNTERS_MAGIC = U64(counters::COUNTERS_MAGIC), "First eight bytes of a counters page.";
    COUNTER_SLOTS = Size(counters::COUNTER_SLOTS), "Slots of a counters page.";
    SEGMENT_MAGIC = U64(journal::SEGMENT_MAGIC), "First eight bytes of a journal segment.";
    RECORD_MAGIC = U32(journal::RECORD_MAGIC), "First four bytes of a journal record.";
    CHECKPOINT_MAGIC = U64(journal::CHECKPOINT_MAGIC), "First eight bytes of a checkpoint.";
    JOURNAL_VERSION = Size(journal::JOURNAL_VERSION.into()), "Version of the journal's layouts.";
    E9 = I64(decimal::E9), "Billionths in one.";
    PRICE_TICKS_UNDEF = I64(crate::PriceTicks::UNDEF.get()), "No price.";
    INSTRUMENT_ID_UNDEF = U32(crate::InstrumentId::UNDEF.get()), "No instrument.";
    VENUE_ID_UNDEF = U16(crate::VenueId::UNDEF.get()), "No venue.";
    STRATEGY_ID_UNDEF = U16(crate::StrategyId::UNDEF.get()), "No strategy.";
    CL_ORD_ID_UNDEF = U64(crate::ClOrdId::UNDEF.get()), "No client order id.";
    TS_NS_UNDEF = U64(crate::TsNs::UNDEF.get()), "Time not known.";
    SEQ_UNDEF = U64(crate::units::SEQ_UNDEF), "A venue's sequence or order number is not known.";
}

/// What follows a frame's fixed part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    Nothing,
    Levels,
    Text,
}

fn tail_of(name: &str) -> Tail {
    if [market::DepthDelta::LAYOUT.name, market::BookSnapshot::LAYOUT.name].contains(&name) {
        Tail::Levels
    } else if name == control::ControlReply::LAYOUT.name {
        Tail::Text
    } else {
        Tail::Nothing
    }
}

/// The kind of a frame struct; `None` for structs that stand inside others or outside frames.
fn kind_of(layout: &StructLayout) -> Option<u64> {
    let kinds = frame::FrameKind::CODES.values;
    kinds.iter().find(|kind| kind.name == layout.name).map(|kind| kind.code)
}

fn rules_of(layout: &StructLayout) -> Option<StructRules> {
    crate::layout::rules().into_iter().find(|rules| rules.name == layout.name)
}

fn layout_of(name: &str) -> Option<StructLayout> {
    crate::layout::all().into_iter().find(|layout| layout.name == name)
}

fn is_reserved(field: &crate::layout::FieldLayout) -> bool {
    field.name == "reserved"
}

/// Whether a code's values are ASCII characters (0 stands for none), as in FIX.
fn is_character_code(table: &CodeTable) -> bool {
    let is_character =
        |code: u64| code == 0 || u8::try_from(code).is_ok_and(|byte| byte.is_ascii_alphanumeric());
    table.size == 1 && table.values.iter().all(|value| is_character(value.code))
}

/// The text of a zero-padded field.
fn text(bytes: &[u8]) -> &str {
    instrument::text_of(bytes)
}
