//! The tables of the Python mirror: constants, codes, one class a struct, and the rules its
//! decoder checks.

use super::doc::{plain, screaming, snake, wrapped};
use super::{Tail, Value, constants, is_character_code, is_reserved, kind_of, rules_of, tail_of};
use crate::layout::{CodeTable, FieldType, Rule, StructLayout};
use core::fmt::Write;

const WIDTH: usize = 100;

/// Everything between the mirror's markers.
pub(super) fn tables() -> String {
    let mut out = String::from("\n");
    for constant in constants() {
        let value = match constant.value {
            Value::U16(v) => format!("{v:#x}"),
            Value::U32(v) => format!("{v:#x}"),
            Value::U64(v) => format!("{v:#x}"),
            Value::I64(i64::MIN) => "-(1 << 63)".to_owned(),
            Value::I64(v) => v.to_string(),
            Value::Size(v) => v.to_string(),
        };
        let _ = writeln!(out, "#: {}\n{} = {value}", constant.doc, constant.name);
    }
    for table in crate::layout::codes() {
        out.push_str(&code(&table));
    }
    let layouts = crate::layout::all();
    for layout in &layouts {
        out.push_str(&class(layout));
    }
    out.push_str("\n\n_LAYOUTS = {\n");
    for layout in layouts.iter().filter(|layout| kind_of(layout).is_some()) {
        out.push_str(&layout_entry(layout));
    }
    out.push_str("}\n\n");
    out
}

fn docstring(text: &str) -> String {
    let one_line = format!("    \"\"\"{text}\"\"\"\n");
    if one_line.trim_end().len() <= WIDTH {
        return one_line;
    }
    let lines = wrapped(&format!("\"\"\"{text}"), "    ", WIDTH);
    format!("{lines}    \"\"\"\n")
}

fn comment(text: &str, indent: &str) -> String {
    wrapped(text, &format!("{indent}#: "), WIDTH)
}

fn code(table: &CodeTable) -> String {
    let mut out = format!("\n\nclass {}(_Code):\n{}\n", table.name, docstring(&plain(table.doc)));
    for value in table.values {
        let number = match u8::try_from(value.code) {
            Ok(byte) if byte != 0 && is_character_code(table) => {
                format!("ord(\"{}\")", char::from(byte))
            }
            _ => value.code.to_string(),
        };
        if table.name != crate::FrameKind::CODES.name {
            out.push_str(&comment(&plain(value.doc), "    "));
        }
        let _ = writeln!(out, "    {} = {number}, \"{}\"", screaming(value.name), value.text);
    }
    out
}

fn class(layout: &StructLayout) -> String {
    let is_frame = kind_of(layout).is_some();
    let base = if is_frame { "Frame" } else { "NamedTuple" };
    let decorator = if is_frame { "@dataclass(frozen=True)\n" } else { "" };
    let doc = docstring(&plain(layout.doc));
    let mut out = format!("\n\n{decorator}class {}({base}):\n{doc}\n", layout.name);
    for field in layout.fields.iter().filter(|field| !is_reserved(field)) {
        if is_counted(layout, field.name) {
            continue;
        }
        let ty = match field.ty {
            FieldType::Unsigned(_) | FieldType::Signed(_) => "int".to_owned(),
            FieldType::Bytes(_) => "str".to_owned(),
            FieldType::Struct(name) => name.to_owned(),
            FieldType::StructArray(name, _) => format!("tuple[{name}, ...]"),
        };
        out.push_str(&comment(&plain(field.doc), "    "));
        // A tuple has methods of these names, which a type checker will not see shadowed.
        let shadows = !is_frame && matches!(field.name, "count" | "index");
        let ignore = if shadows { "  # type: ignore[assignment]" } else { "" };
        let _ = writeln!(out, "    {}: {ty}{ignore}", identifier(field.name));
    }
    match tail_of(layout.name) {
        Tail::Nothing => {}
        Tail::Levels => out.push_str(
            "    #: Bid levels as the venue sent them.\n    bids: tuple[Level, ...]\n    \
             #: Ask levels as the venue sent them.\n    asks: tuple[Level, ...]\n",
        ),
        Tail::Text => out.push_str("    #: Text that follows the fixed part.\n    text: str\n"),
    }
    out
}

/// A field's name where Python keeps the word for itself: `from` becomes `from_`.
fn identifier(name: &str) -> String {
    if name == "from" { format!("{name}_") } else { name.to_owned() }
}

/// Whether a field only counts what follows the fixed part: the mirror counts itself.
fn is_counted(layout: &StructLayout, field: &str) -> bool {
    match tail_of(layout.name) {
        Tail::Nothing => false,
        Tail::Levels => matches!(field, "bid_count" | "ask_count"),
        Tail::Text => field == "text_len",
    }
}

fn format_of(field: FieldType) -> String {
    match field {
        FieldType::Unsigned(8) => "B".to_owned(),
        FieldType::Unsigned(16) => "H".to_owned(),
        FieldType::Unsigned(32) => "I".to_owned(),
        FieldType::Unsigned(_) => "Q".to_owned(),
        FieldType::Signed(32) => "i".to_owned(),
        FieldType::Signed(_) => "q".to_owned(),
        FieldType::Bytes(count) => format!("{count}s"),
        FieldType::Struct(name) => {
            let fields = super::layout_of(name).map_or(&[][..], |layout| layout.fields);
            fields.iter().map(|field| format_of(field.ty)).collect()
        }
        FieldType::StructArray(name, count) => format_of(FieldType::Struct(name)).repeat(count),
    }
}

fn layout_entry(layout: &StructLayout) -> String {
    let mut out = format!(
        "    FrameKind.{}: _Layout(\n        cls={},\n        fields=(\n",
        screaming(layout.name),
        layout.name
    );
    for field in layout.fields.iter().skip(1) {
        let (format, cell) = if let FieldType::StructArray(name, count) = field.ty {
            (format_of(FieldType::Struct(name)), format!("({name}, {count})"))
        } else {
            (format_of(field.ty), "None".to_owned())
        };
        let _ = writeln!(
            out,
            "            _Field(\"{}\", {}, \"{format}\", {cell}),",
            identifier(field.name),
            field.offset
        );
    }
    out.push_str("        ),\n        rules=(\n");
    for rule in rules_of(layout).map_or(&[][..], |rules| rules.rules) {
        let name = identifier(rule.field);
        let _ = match rule.rule {
            Rule::Code(table) => writeln!(out, "            (_code, \"{name}\", {}),", table.name),
            Rule::Range(low, high) => {
                writeln!(out, "            (_range, \"{name}\", ({low}, {high})),")
            }
            Rule::Zero => writeln!(out, "            (_zero, \"{name}\", None),"),
            Rule::Text => writeln!(out, "            (_text, \"{name}\", None),"),
            Rule::Words(_) => {
                let function = format!("_{}_{name}", snake(layout.name));
                writeln!(out, "            (_that, \"{name}\", {function}),")
            }
        };
    }
    out.push_str("        ),\n    ),\n");
    out
}
