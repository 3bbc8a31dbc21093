//! `corelane print`: the frames of a recording as text or JSON lines.
//!
//! Made from the layout tables of `wire`, so a new frame prints without new code here. Prices and
//! quantities also appear as decimal text where the instrument is known, and the codes of denials,
//! alarms, kills, modes and limits with their names beside them.

use crate::cli::PrintArgs;
use crate::output::Output;
use crate::recording;
use serde_json::{Map, Value, json};
use station::operator::Failure;
use tape::Recording;
use wire::decimal::Increments;
use wire::exit::Exit;
use wire::frame::{self, FrameHeader};
use wire::instrument::{Instrument, text_of};
use wire::layout::{self, FieldLayout, FieldType, StructLayout};
use wire::market::Level;
use wire::risk::{
    AlarmCode, ChangeSource, EpochStage, KillCause, KillStage, LimitField, RiskField, Scope,
};
use wire::station::Mode;
use wire::{FrameKind, PriceTicks};

/// Runs the command.
///
/// # Errors
/// A failure of the recording, an unknown kind, or the output.
pub fn print(args: &PrintArgs) -> Result<(), Failure> {
    let kinds = kinds(&args.kind)?;
    let (recording, fault) = recording::open(&args.file)?;
    let layouts = layout::all();
    let mut out = Output::stdout();
    let mut left = args.limit.unwrap_or(u64::MAX);
    for frame in recording.frames() {
        let Ok(header) = frame::header(frame) else { continue };
        let Some(kind) = FrameKind::from_code(header.kind) else { continue };
        if !kinds.is_empty() && !kinds.contains(&kind) {
            continue;
        }
        if left == 0 {
            break;
        }
        left -= 1;
        let value = describe(frame, kind, &layouts, &recording);
        let wrote = if args.json {
            out.line(format_args!("{}", Value::Object(value)))?
        } else {
            out.line(format_args!("{}", text_line(kind, &value)))?
        };
        if !wrote {
            break;
        }
    }
    out.finish()?;
    recording::settle(fault)
}

fn kinds(names: &[String]) -> Result<Vec<FrameKind>, Failure> {
    names
        .iter()
        .map(|name| {
            FrameKind::ALL.iter().copied().find(|k| k.name() == name).ok_or_else(|| {
                let known: Vec<&str> = FrameKind::ALL.iter().map(|k| k.name()).collect();
                Failure::new(
                    Exit::Arguments,
                    "unknown frame kind",
                    format!("kind={name} allowed={}", known.join(",")),
                    "name one of the allowed kinds with --kind",
                )
            })
        })
        .collect()
}

/// A frame as a JSON object: its kind, every field of its struct, decoded levels or text.
fn describe(
    frame: &[u8],
    kind: FrameKind,
    layouts: &[StructLayout],
    recording: &Recording,
) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("kind".into(), kind.name().into());
    // A frame's struct has the name of its kind.
    let name = format!("{kind:?}");
    let Some(layout) = layouts.iter().find(|l| l.name == name) else { return object };
    let header: Option<&FrameHeader> = frame::header(frame).ok();
    let row = header.and_then(|h| {
        recording.instruments().get(usize::try_from(h.instrument_id.get()).unwrap_or(usize::MAX))
    });
    if let Some(row) = row {
        object.insert("symbol".into(), row.symbol().into());
    }
    fields(frame, layout, layouts, row, &mut object);
    match wire::decode(frame) {
        Ok(wire::Frame::DepthDelta(depth)) => add_levels(depth.bids, depth.asks, row, &mut object),
        Ok(wire::Frame::BookSnapshot(depth)) => {
            add_levels(depth.bids, depth.asks, row, &mut object);
        }
        Ok(wire::Frame::ControlReply(_, text)) => {
            object.insert("text".into(), String::from_utf8_lossy(text).into());
        }
        Ok(_) => {}
        Err(error) => {
            object.insert("error".into(), error.to_string().into());
        }
    }
    object
}

fn fields(
    bytes: &[u8],
    layout: &StructLayout,
    layouts: &[StructLayout],
    row: Option<&Instrument>,
    object: &mut Map<String, Value>,
) {
    for field in layout.fields.iter().filter(|f| !f.name.starts_with("reserved")) {
        let Some(raw) = bytes.get(field.offset..field.offset + field.size) else { continue };
        if field.name == "header" {
            if let Some(header) = layouts.iter().find(|l| l.name == "FrameHeader") {
                fields(raw, header, layouts, None, object);
            }
            continue;
        }
        if matches!(field.name, "len_bytes" | "kind" | "version") {
            continue;
        }
        let value = match number_of(raw, layout.name, field) {
            Some(number) => number.into(),
            None => value_of(raw, field, layouts, row),
        };
        if let Some(name) = name_of(raw, layout.name, field) {
            object.insert(format!("{}_name", field.name), name.into());
        }
        if let Some(text) = decimal_of(field.name, &value, row) {
            let short = field.name.trim_end_matches("_ticks").trim_end_matches("_lots");
            object.insert(short.to_owned(), text.into());
        }
        object.insert(field.name.to_owned(), value);
    }
}

/// One byte that is a number, however much it looks like a letter.
fn number_of(raw: &[u8], layout: &str, field: &FieldLayout) -> Option<u8> {
    const NUMBERS: [(&str, &str); 4] = [
        ("Denied", "primary"),
        ("Alarm", "code"),
        ("ModeChange", "cause_kind"),
        ("RiskInput", "field"),
    ];
    raw.first().copied().filter(|_| NUMBERS.contains(&(layout, field.name)))
}

/// What a code means, where its number or letter alone says little.
fn name_of(raw: &[u8], layout: &str, field: &FieldLayout) -> Option<&'static str> {
    let code = *raw.first()?;
    match (layout, field.name) {
        ("Denied", "primary") => engine::gate::code_of(code),
        ("Alarm", "code") => AlarmCode::from_code(code).map(AlarmCode::name),
        ("ModeChange", "from" | "to") => Mode::from_code(code).map(Mode::name),
        ("ModeChange", "cause_kind") => FrameKind::from_code(u16::from(code)).map(FrameKind::name),
        ("KillReport" | "LimitChange", "scope") => Scope::from_code(code).map(Scope::name),
        ("KillReport", "cause") => KillCause::from_code(code).map(KillCause::name),
        ("KillReport", "stage") => KillStage::from_code(code).map(KillStage::name),
        ("LimitChange", "field") => {
            let code = u16::from_le_bytes(raw.try_into().ok()?);
            LimitField::from_code(code).map(LimitField::name)
        }
        ("LimitChange", "source") => ChangeSource::from_code(code).map(ChangeSource::name),
        ("LimitsEpoch", "stage") => EpochStage::from_code(code).map(EpochStage::name),
        ("RiskInput", "field") => RiskField::from_code(code).map(RiskField::name),
        _ => None,
    }
}

fn value_of(
    raw: &[u8],
    field: &FieldLayout,
    layouts: &[StructLayout],
    row: Option<&Instrument>,
) -> Value {
    let word = || {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(raw) {
            *to = *from;
        }
        u64::from_le_bytes(word)
    };
    match field.ty {
        // A code is one byte, and most of ours are FIX characters.
        FieldType::Unsigned(8) if raw.first().is_some_and(u8::is_ascii_graphic) => {
            text_of(raw).into()
        }
        FieldType::Unsigned(bits) => {
            let value = word();
            // All ones is "undefined" for ids and times.
            let undefined = u64::MAX >> (64 - u32::from(bits));
            if bits > 8 && value == undefined { Value::Null } else { value.into() }
        }
        FieldType::Signed(32) => {
            json!(i32::from_le_bytes(raw.try_into().unwrap_or_default()))
        }
        FieldType::Signed(_) => {
            let value = i64::from_le_bytes(raw.try_into().unwrap_or_default());
            if value == PriceTicks::UNDEF.get() { Value::Null } else { value.into() }
        }
        FieldType::Bytes(_) => text_of(raw).into(),
        FieldType::Struct(name) => nested(raw, name, layouts, row),
        FieldType::StructArray(name, count) => raw
            .chunks(raw.len().checked_div(count).unwrap_or(1).max(1))
            .map(|item| nested(item, name, layouts, row))
            .collect(),
    }
}

fn nested(raw: &[u8], name: &str, layouts: &[StructLayout], row: Option<&Instrument>) -> Value {
    let mut object = Map::new();
    if let Some(layout) = layouts.iter().find(|l| l.name == name) {
        fields(raw, layout, layouts, row, &mut object);
    }
    Value::Object(object)
}

fn decimal_of(name: &str, value: &Value, row: Option<&Instrument>) -> Option<String> {
    let (row, count) = (row?, value.as_i64()?);
    let increment_e9 = if name.ends_with("_ticks") {
        row.tick_size_e9
    } else if name.ends_with("_lots") {
        row.lot_size_e9
    } else {
        return None;
    };
    Some(Increments { count, increment_e9 }.to_string())
}

fn add_levels(
    bids: &[Level],
    asks: &[Level],
    row: Option<&Instrument>,
    object: &mut Map<String, Value>,
) {
    for (name, levels) in [("bids", bids), ("asks", asks)] {
        let list: Vec<Value> = levels
            .iter()
            .map(|level| {
                let (price, qty) = (level.price_ticks.get(), level.qty_lots.get());
                match row {
                    Some(row) => json!([
                        Increments { count: price, increment_e9: row.tick_size_e9 }.to_string(),
                        Increments { count: qty, increment_e9: row.lot_size_e9 }.to_string(),
                    ]),
                    None => json!([price, qty]),
                }
            })
            .collect();
        object.insert(name.into(), list.into());
    }
}

/// `kind key=value ...`; lists by their length.
fn text_line(kind: FrameKind, object: &Map<String, Value>) -> String {
    let mut line = kind.name().to_owned();
    for (key, value) in object.iter().filter(|(k, _)| *k != "kind") {
        let text = match value {
            Value::Null => continue,
            Value::Array(list) => format!("[{}]", list.len()),
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
        };
        line.push(' ');
        line.push_str(key);
        line.push('=');
        line.push_str(&text);
    }
    line
}
