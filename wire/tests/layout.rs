//! The layout tables: what they say of every struct and code must hold, because the C header, the
//! Python mirror and WIRE.md are made from them.

use corelane_wire::bindings::golden;
use corelane_wire::frame::{self, FrameHeader, FrameKind};
use corelane_wire::layout::{self, FieldType, StructLayout};
use corelane_wire::market;
use std::collections::BTreeSet;

/// Size and alignment of a field's type, from the type alone.
fn size_and_align(ty: FieldType) -> (usize, usize) {
    let nested = |name: &str| {
        let layout = layout::all().into_iter().find(|layout| layout.name == name).expect(name);
        (layout.size, layout.fields.iter().map(|f| size_and_align(f.ty).1).max().unwrap_or(1))
    };
    match ty {
        FieldType::Unsigned(bits) | FieldType::Signed(bits) => {
            (usize::from(bits) / 8, usize::from(bits) / 8)
        }
        FieldType::Bytes(count) => (count, 1),
        FieldType::Struct(name) => nested(name),
        FieldType::StructArray(name, count) => (nested(name).0 * count, nested(name).1),
    }
}

#[test]
fn fields_follow_each_other_without_padding_or_overlap() {
    for StructLayout { name, size, fields, .. } in layout::all() {
        let mut end = 0;
        for field in fields {
            let (field_size, align) = size_and_align(field.ty);
            assert_eq!(field.offset, end, "{name}.{} does not follow its forerunner", field.name);
            assert_eq!(field.size, field_size, "{name}.{}", field.name);
            assert_eq!(field.offset % align, 0, "{name}.{} is not aligned", field.name);
            end += field.size;
        }
        assert_eq!(end, size, "{name} has padding at its end");
        assert_eq!(size % 8, 0, "{name} is no multiple of 8 bytes");
    }
}

#[test]
fn every_field_and_struct_is_documented_and_named_once() {
    let mut structs = BTreeSet::new();
    for layout in layout::all() {
        assert!(structs.insert(layout.name), "{} is listed twice", layout.name);
        assert!(!layout.doc.trim().is_empty(), "{}", layout.name);
        let mut fields = BTreeSet::new();
        for field in layout.fields {
            assert!(fields.insert(field.name), "{}.{} stands twice", layout.name, field.name);
            assert!(!field.doc.trim().is_empty(), "{}.{}", layout.name, field.name);
        }
    }
}

#[test]
fn every_kind_has_a_struct_a_header_and_a_golden_frame() {
    let layouts = layout::all();
    let frames = golden::frames();
    for kind in FrameKind::ALL {
        let name = format!("{kind:?}");
        let layout = layouts.iter().find(|layout| layout.name == name).expect(&name);
        let head = layout.fields.first().expect(&name);
        assert_eq!((head.name, head.ty), ("header", FieldType::Struct("FrameHeader")), "{name}");
        let is_of_kind = |frame: &&Vec<u8>| frame[4..6] == kind.code().to_le_bytes();
        assert!(frames.iter().any(|frame| is_of_kind(&frame)), "no golden frame of {name}");
        assert!(layout::rules().iter().any(|rules| rules.name == name), "no rules of {name}");
    }
    assert_eq!(layout::rules().len(), FrameKind::ALL.len());
}

#[test]
fn every_rule_names_a_field_and_every_reserved_field_has_one() {
    let layouts = layout::all();
    for rules in layout::rules() {
        let layout = layouts.iter().find(|layout| layout.name == rules.name).expect(rules.name);
        for rule in rules.rules {
            let name = format!("{}.{}", rules.name, rule.field);
            assert!(layout.fields.iter().any(|field| field.name == rule.field), "{name}");
        }
        for field in layout.fields.iter().filter(|field| field.name == "reserved") {
            let is_zero = |rule: &layout::FieldRule| {
                rule.field == field.name && matches!(rule.rule, layout::Rule::Zero)
            };
            assert!(rules.rules.iter().any(is_zero), "{}: reserved is not checked", rules.name);
        }
    }
}

#[test]
fn codes_have_distinct_values_and_names() {
    for table in layout::codes() {
        let values: BTreeSet<u64> = table.values.iter().map(|value| value.code).collect();
        let texts: BTreeSet<&str> = table.values.iter().map(|value| value.text).collect();
        assert_eq!(values.len(), table.values.len(), "{} repeats a value", table.name);
        assert_eq!(texts.len(), table.values.len(), "{} repeats a name", table.name);
        let room = 8 * u32::try_from(table.size).unwrap();
        assert!(values.iter().all(|value| value >> room == 0), "{} does not fit", table.name);
    }
}

#[test]
fn counters_fit_their_page() {
    use corelane_wire::counters::{COUNTER_SLOTS, Counter};
    assert!(Counter::ALL.iter().all(|counter| usize::from(counter.code()) < COUNTER_SLOTS));
}

#[test]
fn header_and_largest_frames_are_as_stated() {
    assert_eq!(size_of::<FrameHeader>(), frame::HEADER_BYTES);
    assert_eq!(size_of::<FrameHeader>() % 8, 0);
    let levels = market::MAX_LEVELS * size_of::<market::Level>();
    assert!(size_of::<market::DepthDelta>() + levels <= frame::MAX_FRAME_BYTES);
    for layout in layout::all() {
        assert!(layout.size <= frame::MAX_FRAME_BYTES, "{}", layout.name);
    }
    // Level counts are 16-bit: every count that fits a frame fits the field.
    let most = (frame::MAX_FRAME_BYTES - size_of::<market::BookSnapshot>()) / 16;
    assert!(u16::try_from(most).is_ok());
}
