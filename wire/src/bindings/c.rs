//! The C header, and the C program that reads the golden frames through it.

use super::doc::{plain, screaming, snake, wrapped};
use super::{COMMAND, Tail, Value, constants, is_character_code, is_reserved, kind_of, tail_of};
use crate::layout::{CodeTable, FieldLayout, FieldType, StructLayout};
use core::fmt::Write;

const WIDTH: usize = 100;

/// `corelane.h`.
pub(super) fn header() -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        "/*\n * The wire format of Corelane for C11 and C++11: frames, codes, constants.\n \
         * All integers are little-endian; structs have no padding; a frame starts on 8 bytes.\n \
         * See WIRE.md for what a frame is. Check what you read: length, version, kind, codes.\n \
         *\n * Generated from the Rust definitions; do not edit. Regenerate with:\n \
         *   {COMMAND}\n */\n\
         #ifndef CORELANE_H\n#define CORELANE_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n\
         #ifdef __cplusplus\n\
         #define CORELANE_ASSERT(condition, text) static_assert(condition, text)\n\
         #else\n#define CORELANE_ASSERT(condition, text) _Static_assert(condition, text)\n#endif\n\
         #define CORELANE_SIZE(type, size) CORELANE_ASSERT(sizeof(struct type) == size, #type)\n\
         #define CORELANE_AT(type, field, offset) \\\n    \
         CORELANE_ASSERT(offsetof(struct type, field) == offset, #type \".\" #field)\n\n\
         #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__\n\
         #error \"Corelane's frames are little-endian memory images\"\n#endif\n\n"
    );
    for constant in constants() {
        let name = format!("CORELANE_{}", constant.name);
        let value = literal(&constant.value);
        let _ = writeln!(out, "/* {} */\n#define {name} {value}", constant.doc);
    }
    for table in crate::layout::codes() {
        out.push_str(&code(&table));
    }
    for layout in crate::layout::all() {
        out.push_str(&structure(&layout));
    }
    out.push_str("\n#endif /* CORELANE_H */\n");
    out
}

fn literal(value: &Value) -> String {
    match value {
        Value::U16(v) => format!("UINT16_C({v:#x})"),
        Value::U32(v) => format!("UINT32_C({v:#x})"),
        Value::U64(v) => format!("UINT64_C({v:#x})"),
        Value::I64(i64::MIN) => "INT64_MIN".to_owned(),
        Value::I64(v) => format!("INT64_C({v})"),
        Value::Size(v) => v.to_string(),
    }
}

fn comment(text: &str, indent: &str) -> String {
    let one_line = format!("{indent}/* {text} */\n");
    if one_line.trim_end().chars().count() <= WIDTH {
        return one_line;
    }
    let lines = wrapped(text, &format!("{indent} * "), WIDTH);
    format!("{indent}/*\n{lines}{indent} */\n")
}

fn code(table: &CodeTable) -> String {
    let mut out = format!("\n{}", comment(&plain(table.doc), ""));
    let _ = writeln!(out, "enum corelane_{} {{", snake(table.name));
    for value in table.values {
        let number = match u8::try_from(value.code) {
            Ok(byte) if byte != 0 && is_character_code(table) => {
                format!("{byte:#04x} /* '{}' */", char::from(byte))
            }
            _ => value.code.to_string(),
        };
        let doc = match plain(value.doc) {
            doc if table.name == crate::FrameKind::CODES.name => {
                format!("\"{}\": corelane_{}.", value.text, snake(doc.trim_end_matches('.')))
            }
            doc => format!("\"{}\": {doc}", value.text),
        };
        out.push_str(&comment(&doc, "    "));
        let name = format!("CORELANE_{}_{}", screaming(table.name), screaming(value.name));
        let _ = writeln!(out, "    {name} = {number},");
    }
    out.push_str("};\n");
    out
}

fn declaration(field: &FieldLayout) -> String {
    let name = field.name;
    match field.ty {
        FieldType::Unsigned(bits) => format!("uint{bits}_t {name}"),
        FieldType::Signed(bits) => format!("int{bits}_t {name}"),
        FieldType::Bytes(count) => format!("uint8_t {name}[{count}]"),
        FieldType::Struct(of) => format!("struct corelane_{} {name}", snake(of)),
        FieldType::StructArray(of, count) => {
            format!("struct corelane_{} {name}[{count}]", snake(of))
        }
    }
}

fn structure(layout: &StructLayout) -> String {
    let name = format!("struct corelane_{}", snake(layout.name));
    let mut out = format!("\n{}{name} {{\n", comment(&plain(layout.doc), ""));
    for field in layout.fields {
        out.push_str(&comment(&plain(field.doc), "    "));
        let _ = writeln!(out, "    {};", declaration(field));
    }
    out.push_str("};\n");
    let tag = format!("corelane_{}", snake(layout.name));
    let _ = writeln!(out, "CORELANE_SIZE({tag}, {});", layout.size);
    for field in layout.fields {
        let _ = writeln!(out, "CORELANE_AT({tag}, {}, {});", field.name, field.offset);
    }
    out
}

/// `golden/decode.c`: prints a file of frames as JSON, through the header's structs alone.
pub(super) fn decoder() -> String {
    let mut out = format!(
        "/*\n * Prints a file of Corelane frames as a JSON array: the test of corelane.h, and an\n \
         * example of how to read frames in C.\n *\n \
         * Generated; do not edit. Regenerate with:\n *   {COMMAND}\n */\n{PROLOGUE}"
    );
    let mut frames = crate::layout::all();
    frames.retain(|layout| kind_of(layout).is_some());
    out.push_str(&printer(&crate::FrameHeader::LAYOUT));
    for layout in &frames {
        out.push_str(&printer(layout));
    }
    out.push_str(
        "\nstatic int print_frame(const uint8_t *bytes, uint16_t kind)\n{\n    switch (kind) {\n",
    );
    for layout in &frames {
        let (upper, lower) = (screaming(layout.name), snake(layout.name));
        let _ = writeln!(
            out,
            "    case CORELANE_FRAME_KIND_{upper}:\n        print_{lower}(bytes);\n        \
             return 0;"
        );
    }
    out.push_str("    default:\n        return 1;\n    }\n}\n");
    out.push_str(EPILOGUE);
    out
}

fn printer(layout: &StructLayout) -> String {
    let name = snake(layout.name);
    let mut out = format!(
        "\nstatic void print_{name}(const uint8_t *bytes)\n{{\n    struct corelane_{name} f;\n    \
         memcpy(&f, bytes, sizeof f);\n"
    );
    let kinds = crate::FrameKind::CODES.values;
    let mut separator = "";
    if let Some(kind) = kinds.iter().find(|kind| kind.name == layout.name) {
        let _ = writeln!(out, "    printf(\"{{\\\"kind\\\":\\\"{}\\\"\");", kind.text);
        separator = ",";
    }
    for field in layout.fields.iter().filter(|field| !is_reserved(field)) {
        let key = field.name;
        let name = format!("printf(\"{separator}\\\"{key}\\\":\");");
        let value = match field.ty {
            FieldType::Unsigned(_) => format!("printf(\"%\" PRIu64, (uint64_t)f.{key});"),
            FieldType::Signed(_) => format!("printf(\"%\" PRId64, (int64_t)f.{key});"),
            FieldType::Bytes(_) => format!("print_text(f.{key}, sizeof f.{key});"),
            FieldType::Struct(of) => {
                let of = snake(of);
                format!("putchar('{{'); print_{of}((const uint8_t *)&f.{key}); putchar('}}');")
            }
            FieldType::StructArray(of, count) => {
                let columns = super::layout_of(of).map_or(0, |of| of.fields.len());
                format!("print_rows((const uint8_t *)f.{key}, {count}, {columns});")
            }
        };
        let _ = writeln!(out, "    {name}\n    {value}");
        separator = ",";
    }
    match tail_of(layout.name) {
        Tail::Nothing => {}
        Tail::Levels => out.push_str(LEVELS),
        Tail::Text => out.push_str(
            "    printf(\",\\\"text\\\":\");\n    print_text(bytes + sizeof f, f.text_len);\n",
        ),
    }
    if separator == "," && kind_of(layout).is_some() {
        out.push_str("    putchar('}');\n");
    }
    out.push_str("}\n");
    out
}

const LEVELS: &str = r#"    printf(",\"bids\":");
    print_rows(bytes + sizeof f, f.bid_count, 2);
    printf(",\"asks\":");
    print_rows(bytes + sizeof f + f.bid_count * sizeof(struct corelane_level), f.ask_count, 2);
"#;

const PROLOGUE: &str = r#"#include "corelane.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes up to the first zero as a JSON string. */
static void print_text(const uint8_t *bytes, size_t size)
{
    putchar('"');
    for (size_t i = 0; i < size && bytes[i] != 0; i++) {
        if (bytes[i] == '"' || bytes[i] == '\\') {
            putchar('\\');
        }
        if (bytes[i] < ' ') {
            printf("\\u%04x", bytes[i]);
        } else {
            putchar(bytes[i]);
        }
    }
    putchar('"');
}

/* Rows of signed 64-bit integers. */
static void print_rows(const uint8_t *bytes, size_t rows, size_t columns)
{
    putchar('[');
    for (size_t row = 0; row < rows; row++) {
        printf(row == 0 ? "[" : ",[");
        for (size_t column = 0; column < columns; column++) {
            int64_t value;
            memcpy(&value, bytes + (row * columns + column) * sizeof value, sizeof value);
            printf(column == 0 ? "%" PRId64 : ",%" PRId64, value);
        }
        putchar(']');
    }
    putchar(']');
}
"#;

const EPILOGUE: &str = r#"
int main(int argc, char **argv)
{
    static uint8_t bytes[CORELANE_MAX_FRAME_BYTES];
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: decode FILE\n");
        return CORELANE_EXIT_ARGUMENTS;
    }
    putchar('[');
    for (int count = 0;; count++) {
        struct corelane_frame_header header;
        size_t got = fread(bytes, 1, sizeof header, file);
        if (got == 0 && feof(file)) {
            break;
        }
        memcpy(&header, bytes, sizeof header);
        if (got != sizeof header || header.len_bytes < sizeof header ||
            header.len_bytes > sizeof bytes) {
            fprintf(stderr, "frame %d: bad length\n", count);
            return CORELANE_EXIT_RESOURCE;
        }
        if (header.version != CORELANE_WIRE_VERSION) {
            fprintf(stderr, "frame %d: wire version %d\n", count, header.version);
            return CORELANE_EXIT_WIRE_VERSION;
        }
        size_t rest = header.len_bytes - sizeof header;
        if (fread(bytes + sizeof header, 1, rest, file) != rest) {
            fprintf(stderr, "frame %d: truncated\n", count);
            return CORELANE_EXIT_RESOURCE;
        }
        printf(count == 0 ? "\n" : ",\n");
        if (print_frame(bytes, header.kind) != 0) {
            fprintf(stderr, "frame %d: unknown kind %d\n", count, header.kind);
            return CORELANE_EXIT_RESOURCE;
        }
    }
    printf("\n]\n");
    fclose(file);
    return CORELANE_EXIT_CLEAN;
}
"#;
