//! A frame as JSON, read through the layout tables: what every other language must print of the
//! golden frames.

use super::{Tail, is_reserved, kind_of, layout_of, tail_of, text};
use crate::layout::{FieldType, StructLayout};
use core::fmt::Write;

/// The golden frames as one JSON array, one frame a line.
pub(super) fn golden(frames: &[Vec<u8>]) -> String {
    let lines: Vec<String> = frames.iter().map(|frame| frame_json(frame)).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

/// One frame as a JSON object: kind, header, every field but the reserved ones, and what follows
/// the fixed part. Numbers stand as they are, undefined ones too.
#[must_use]
pub fn frame_json(bytes: &[u8]) -> String {
    let kind = bytes.get(4..6).map_or(0, little_endian);
    let layout = crate::layout::all().into_iter().find(|layout| kind_of(layout) == Some(kind));
    let Some(layout) = layout else {
        return "null".to_owned();
    };
    let kinds = crate::FrameKind::CODES.values;
    let kind_text = kinds.iter().find(|value| value.code == kind).map_or("", |value| value.text);
    let mut out = format!("{{\"kind\":\"{kind_text}\",{}", fields(&layout, bytes));
    let tail = bytes.get(layout.size..).unwrap_or(&[]);
    let count = |field: &str| {
        let field = layout.fields.iter().find(|f| f.name == field);
        let bytes = field.and_then(|f| bytes.get(f.offset..f.offset + f.size));
        usize::try_from(bytes.map_or(0, little_endian)).unwrap_or(0)
    };
    match tail_of(layout.name) {
        Tail::Nothing => {}
        Tail::Levels => {
            let (bids, asks) = tail.split_at(tail.len().min(count("bid_count") * 16));
            let _ = write!(out, ",\"bids\":{},\"asks\":{}", rows(bids, 2), rows(asks, 2));
        }
        Tail::Text => {
            let text_bytes = tail.get(..count("text_len")).unwrap_or(&[]);
            let _ = write!(out, ",\"text\":{}", quoted(&String::from_utf8_lossy(text_bytes)));
        }
    }
    out.push('}');
    out
}

fn fields(layout: &StructLayout, bytes: &[u8]) -> String {
    let mut parts = Vec::new();
    for field in layout.fields.iter().filter(|field| !is_reserved(field)) {
        let value = bytes.get(field.offset..field.offset + field.size).unwrap_or(&[]);
        let value = match field.ty {
            FieldType::Unsigned(_) => little_endian(value).to_string(),
            FieldType::Signed(_) => signed(value).to_string(),
            FieldType::Bytes(_) => quoted(text(value)),
            FieldType::Struct(name) => {
                format!("{{{}}}", layout_of(name).map_or(String::new(), |l| fields(&l, value)))
            }
            FieldType::StructArray(name, _) => {
                rows(value, layout_of(name).map_or(0, |l| l.fields.len()))
            }
        };
        parts.push(format!("\"{}\":{value}", field.name));
    }
    parts.join(",")
}

/// 64-bit signed integers in rows of `columns`.
fn rows(bytes: &[u8], columns: usize) -> String {
    let row = |row: &[u8]| {
        let cells: Vec<String> = row.chunks(8).map(|cell| signed(cell).to_string()).collect();
        format!("[{}]", cells.join(","))
    };
    let rows: Vec<String> = bytes.chunks((columns * 8).max(1)).map(row).collect();
    format!("[{}]", rows.join(","))
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

fn signed(bytes: &[u8]) -> i64 {
    let unused_bits = 64_u32.saturating_sub(8 * u32::try_from(bytes.len()).unwrap_or(8));
    (little_endian(bytes) << unused_bits).cast_signed() >> unused_bits
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_text() {
        assert_eq!(signed(&(-5_i32).to_le_bytes()), -5);
        assert_eq!(signed(&i64::MIN.to_le_bytes()), i64::MIN);
        assert_eq!(signed(&7_i64.to_le_bytes()), 7);
        assert_eq!(little_endian(&[1, 2]), 513);
        assert_eq!(quoted("a\"\\\n"), "\"a\\\"\\\\\\u000a\"");
    }
}
