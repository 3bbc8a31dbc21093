//! The tables of WIRE.md: byte maps, codes, constants, exit codes.

use super::doc::sentence;
use super::{
    MarkerMissing, Tail, Value, constants, is_character_code, kind_of, rules_of, splice, tail_of,
};
use crate::layout::{CodeTable, FieldLayout, FieldType, Rule, StructLayout};
use core::fmt::Write;

/// WIRE.md with its generated parts made anew.
pub(super) fn splice_all(text: &str) -> Result<String, MarkerMissing> {
    let mut text = text.to_owned();
    for (name, body) in [
        ("kinds", kinds()),
        ("structs", structs()),
        ("codes", codes()),
        ("exits", code_table(&crate::exit::Exit::CODES)),
        ("constants", constant_table()),
    ] {
        text = splice(&text, "<!-- ", " -->", name, &format!("\n{body}\n"))?;
    }
    Ok(text)
}

fn kinds() -> String {
    let mut out =
        String::from("| kind | name | struct | bytes | what |\n| --: | --- | --- | --- | --- |\n");
    for kind in crate::FrameKind::CODES.values {
        let layout = super::layout_of(kind.name);
        let (size, doc) = layout.map_or((0, String::new()), |l| (l.size, sentence(l.doc)));
        let tail = match tail_of(kind.name) {
            Tail::Nothing => "",
            Tail::Levels => " + 16 a level",
            Tail::Text => " + text",
        };
        let first = doc.split_inclusive(". ").next().unwrap_or("").trim();
        let _ = writeln!(
            out,
            "| {} | `{}` | [`{name}`](#{anchor}) | {size}{tail} | {first} |",
            kind.code,
            kind.text,
            name = kind.name,
            anchor = kind.name.to_ascii_lowercase()
        );
    }
    out
}

fn structs() -> String {
    let mut out = String::new();
    for layout in crate::layout::all() {
        let _ = write!(out, "### {}\n\n{}\n\n", layout.name, sentence(layout.doc));
        out.push_str("| offset | size | type | field | checked | meaning |\n");
        out.push_str("| --: | --: | --- | --- | --- | --- |\n");
        for field in layout.fields {
            let _ = writeln!(
                out,
                "| {} | {} | {} | `{}` | {} | {} |",
                field.offset,
                field.size,
                type_name(field.ty),
                field.name,
                checked(&layout, field),
                sentence(field.doc)
            );
        }
        let size = layout.size;
        let end = match tail_of(layout.name) {
            Tail::Levels => {
                format!("{size} bytes, then `bid_count` + `ask_count` levels of 16 bytes.")
            }
            Tail::Text => format!("{size} bytes, then `text_len` bytes of text, zero-padded to 8."),
            Tail::Nothing if kind_of(&layout).is_some() => format!("{size} bytes."),
            Tail::Nothing => format!("{size} bytes; no frame by itself."),
        };
        let _ = write!(out, "\n{end}\n\n");
    }
    out.truncate(out.trim_end().len());
    out + "\n"
}

fn type_name(ty: FieldType) -> String {
    match ty {
        FieldType::Unsigned(bits) => format!("u{bits}"),
        FieldType::Signed(bits) => format!("i{bits}"),
        FieldType::Bytes(_) => "bytes".to_owned(),
        FieldType::Struct(name) => format!("[{name}](#{})", name.to_ascii_lowercase()),
        FieldType::StructArray(name, count) => {
            format!("{count} x [{name}](#{})", name.to_ascii_lowercase())
        }
    }
}

/// What the decoder demands of a field beyond its type.
fn checked(layout: &StructLayout, field: &FieldLayout) -> String {
    let rules = rules_of(layout).map_or(&[][..], |rules| rules.rules);
    let words = |rule: &Rule| match *rule {
        Rule::Code(table) => format!("[{}](#{})", table.name, table.name.to_ascii_lowercase()),
        Rule::Range(low, high) if low == high => format!("{low}"),
        Rule::Range(low, i64::MAX) if low == i64::MIN + 1 => "defined".to_owned(),
        Rule::Range(low, i64::MAX) => format!("at least {low}"),
        Rule::Range(low, high) => format!("{low} to {high}"),
        Rule::Zero => "zero".to_owned(),
        Rule::Text => "text".to_owned(),
        Rule::Words(words) => words.to_owned(),
    };
    let rules = rules.iter().filter(|rule| rule.field == field.name);
    rules.map(|rule| words(&rule.rule)).collect::<Vec<_>>().join(", ")
}

fn codes() -> String {
    let mut out = String::new();
    let exit = crate::exit::Exit::CODES.name;
    for table in crate::layout::codes().iter().filter(|table| table.name != exit) {
        if table.name != crate::FrameKind::CODES.name {
            let _ = write!(
                out,
                "### {}\n\n{} {} on the wire.\n\n{}\n",
                table.name,
                sentence(table.doc),
                if table.size == 1 { "One byte" } else { "Two bytes" },
                code_table(table)
            );
        }
    }
    out.truncate(out.trim_end().len());
    out + "\n"
}

fn code_table(table: &CodeTable) -> String {
    let mut out = String::from("| code | name | meaning |\n| --: | --- | --- |\n");
    for value in table.values {
        let code = match u8::try_from(value.code) {
            Ok(byte) if byte != 0 && is_character_code(table) => format!("'{}'", char::from(byte)),
            _ => value.code.to_string(),
        };
        let _ = writeln!(out, "| {code} | `{}` | {} |", value.text, sentence(value.doc));
    }
    out
}

fn constant_table() -> String {
    let mut out = String::from("| constant | value | meaning |\n| --- | --- | --- |\n");
    for constant in constants() {
        let value = match constant.value {
            Value::U16(v) => format!("{v:#x}"),
            Value::U32(v) => format!("{v:#x}"),
            Value::U64(v) => format!("{v:#x}"),
            Value::I64(v) => v.to_string(),
            Value::Size(v) => v.to_string(),
        };
        let _ = writeln!(out, "| `{}` | {value} | {} |", constant.name, constant.doc);
    }
    out
}
